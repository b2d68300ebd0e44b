"""The configuration of every stage: one frozen model each, read from TOML files and ``--set key=value`` overrides.

A configuration file has one table per stage: ``[build]``, ``[train]`` and so on. An override has a key of the command's own stage
(``cut.length=5``) or of any stage (``build.cut.length=5``). All mistakes are reported together, and for an unknown key the hint has
the key that was probably meant. Keys of earlier versions are accepted (:mod:`hearsight.config.renames`).
"""

from hearsight.config.collection import CollectConfig, FetchConfig
from hearsight.config.data import BuildConfig, CutConfig, LabelConfig, MixConfig, ScreenConfig
from hearsight.config.evaluation import EvaluateConfig, FinetuneConfig
from hearsight.config.load import STAGES, apply_override, load_config
from hearsight.config.mistakes import list_keys
from hearsight.config.policy import POLICIES, PolicyConfig
from hearsight.config.stage import Stage
from hearsight.config.training import RECIPES, TrainConfig

__all__ = [
    "POLICIES",
    "RECIPES",
    "STAGES",
    "BuildConfig",
    "CollectConfig",
    "CutConfig",
    "EvaluateConfig",
    "FetchConfig",
    "FinetuneConfig",
    "LabelConfig",
    "MixConfig",
    "PolicyConfig",
    "ScreenConfig",
    "Stage",
    "TrainConfig",
    "apply_override",
    "list_keys",
    "load_config",
]
