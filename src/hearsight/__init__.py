"""hearsight trains audio networks on unlabelled video.

What comes in is a pile of videos; what goes out is an audio network that tags, embeds and transfers. The public names below are
imported on first use, so that ``import hearsight`` and ``hearsight --help`` stay quick.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from hearsight.version import VERSION

# OpenMP reads this when torch is loaded: threads that wait should sleep, since spinning ones make training several times slower.
# Where torch is there already, hearsight.training.step.openmp does the same.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from hearsight.config import BuildConfig, CollectConfig, EvaluateConfig, LabelConfig, MixConfig, TrainConfig
    from hearsight.console import ProgressEvent
    from hearsight.dataset.build import build_dataset
    from hearsight.dataset.mixing.mix import mix_dataset
    from hearsight.dataset.reader import Dataset
    from hearsight.dataset.relabel.label import label_dataset
    from hearsight.errors import HearsightError
    from hearsight.evaluation.compare import compare
    from hearsight.evaluation.evaluate import evaluate
    from hearsight.evaluation.features.sklearn_transformer import Embedder
    from hearsight.export.onnx import export_network
    from hearsight.listening.listener import Listener, load
    from hearsight.records import Clip, Media, Tag
    from hearsight.training.loop import train

__version__ = VERSION

_HOMES = {
    "BuildConfig": "hearsight.config",
    "Clip": "hearsight.records",
    "CollectConfig": "hearsight.config",
    "Dataset": "hearsight.dataset.reader",
    "Embedder": "hearsight.evaluation.features.sklearn_transformer",
    "EvaluateConfig": "hearsight.config",
    "HearsightError": "hearsight.errors",
    "Listener": "hearsight.listening.listener",
    "Media": "hearsight.records",
    "LabelConfig": "hearsight.config",
    "MixConfig": "hearsight.config",
    "ProgressEvent": "hearsight.console",
    "Tag": "hearsight.records",
    "TrainConfig": "hearsight.config",
    "build_dataset": "hearsight.dataset.build",
    "compare": "hearsight.evaluation.compare",
    "evaluate": "hearsight.evaluation.evaluate",
    "export_network": "hearsight.export.onnx",
    "load": "hearsight.listening.listener",
    "label_dataset": "hearsight.dataset.relabel.label",
    "mix_dataset": "hearsight.dataset.mixing.mix",
    "train": "hearsight.training.loop",
}

__all__ = [
    "BuildConfig",
    "Clip",
    "CollectConfig",
    "Dataset",
    "Embedder",
    "EvaluateConfig",
    "HearsightError",
    "LabelConfig",
    "Listener",
    "Media",
    "MixConfig",
    "ProgressEvent",
    "Tag",
    "TrainConfig",
    "__version__",
    "build_dataset",
    "compare",
    "evaluate",
    "export_network",
    "label_dataset",
    "load",
    "mix_dataset",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'hearsight' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
