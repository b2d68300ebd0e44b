"""Importing in one process what the processes that are forked from it need."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import threading

_NOT_IMPORTED = (
    "hearsight.__main__",  # it runs the command line
    "hearsight.models.hub",  # its library reads its settings from the environment when it is imported
)


def import_everything() -> None:
    """Import the whole package and torch, which takes longer than most of what the tests let a process do."""
    import hearsight

    importlib.import_module("torch")

    for module in pkgutil.walk_packages(hearsight.__path__, "hearsight."):
        if module.name not in _NOT_IMPORTED:
            importlib.import_module(module.name)
    assert threading.active_count() == 1, "a process with threads cannot be forked safely"
    gc.collect()
    gc.freeze()  # imported objects are neither collected nor copied


def import_exporter() -> None:
    """Import what writes ONNX graphs; the first export of a process otherwise begins with some seconds of it."""
    for name in ("onnxruntime", "onnxscript", "torch._dynamo", "torch.export", "torch.onnx._internal.exporter._core"):
        importlib.import_module(name)
