"""Every knob, one frozen model per stage; TOML files and ``--set key=value`` overrides.

A configuration file has one table per stage, ``[build]``, ``[train]`` and so on. An override names a key of the stage at hand
(``cut.length=5``) or of any stage (``build.cut.length=5``). All mistakes are reported at once, and an unknown key guesses the
one that was meant.
"""

from hearsight.config.data import BuildConfig, CutConfig, MixConfig, PolicyConfig, ScreenConfig
from hearsight.config.evaluation import EvaluateConfig, FinetuneConfig
from hearsight.config.load import STAGES, list_keys, load_config
from hearsight.config.stage import Stage
from hearsight.config.training import RECIPES, TrainConfig

__all__ = [
    "RECIPES",
    "STAGES",
    "BuildConfig",
    "CutConfig",
    "EvaluateConfig",
    "FinetuneConfig",
    "MixConfig",
    "PolicyConfig",
    "ScreenConfig",
    "Stage",
    "TrainConfig",
    "list_keys",
    "load_config",
]
