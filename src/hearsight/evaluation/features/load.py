"""What a benchmark's clips can be described by, by name: trained networks, untrained ones, layers of them, plain statistics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import hearsight
from hearsight.errors import UsageError, guess
from hearsight.evaluation.features.baselines import BASELINES
from hearsight.evaluation.features.extractor import FeatureExtractor, NetworkExtractor
from hearsight.evaluation.features.vision import MediaExtractor, load_vision

if TYPE_CHECKING:
    from hearsight.evaluation.features.soundnet_layers import LayerWindows

EXTERNAL_MODELS = ("litert", "onnx", "transformers", "hear")
"""Kinds of other people's models; see :mod:`hearsight.evaluation.features.external`."""
VISION = "vision"
"""A vision teacher, which gets the pictures of videos instead of the sound."""
KINDS = ("baseline", "untrained", VISION, *EXTERNAL_MODELS)
"""Prefixes before a colon that are not folders."""
AUTOENCODER = "autoencoder"
"""The baseline that is a run: ``baseline:autoencoder=RUN`` (Aytar 2016, section 4)."""


def load_extractor(
    run: str | Path, *, untrained: bool = False, seed: int = 0, layer: LayerWindows | None = None
) -> FeatureExtractor | MediaExtractor:
    """Find what a benchmark is to be described by.

    Parameters
    ----------
    run
        A run or checkpoint folder, or ``hf://owner/name``; ``baseline:log-mel`` or ``baseline:mfcc``;
        ``baseline:autoencoder=RUN``, the run of an autoencoder; ``untrained:NAME[,option=value...]``, a network of the zoo with
        fresh weights; ``vision:KIND:WHERE``, a vision teacher, which gets the pictures of videos instead of the sound; or
        another's model, as
        :func:`~hearsight.evaluation.competitors.load_external_model` takes it: ``litert:FILE``, ``onnx:FILE``,
        ``transformers:REPOSITORY_OR_FOLDER``, ``hear:MODULE[=MODEL_FILE]``.
    untrained
        Take the network of the run, but with fresh weights.
    seed
        Of the fresh weights.
    layer
        Take a layer of the network, in windows, in place of its embeddings.

    Raises
    ------
    UsageError
        When there is no such baseline, network or layer, or fresh weights or a layer are asked of what has none.
    CheckpointError
        When the folder is no checkpoint.
    """
    kind, colon, name = str(run).partition(":")
    if colon and kind == "baseline" and not name.startswith(f"{AUTOENCODER}="):
        return _load_baseline(run, name, untrained=untrained, layer=layer)
    if colon and kind == "untrained":
        from hearsight.models.zoo import parse_network

        return _wrap(_build_untrained(*parse_network(name), num_classes=2, seed=seed), layer, untrained=True)
    if colon and kind == VISION:
        if untrained or layer is not None:
            raise UsageError(
                "--untrained" if untrained else "--layer",
                f"a teacher's weights are what it is ({name})",
                "a run folder",
            )
        return load_vision(name)
    if colon and kind in EXTERNAL_MODELS:
        return _load_external(str(run), untrained=untrained, layer=layer)
    baseline = bool(colon) and kind == "baseline"
    if colon and not baseline and not name.startswith("//") and not Path(run).exists():
        raise UsageError(run, f"no such kind of model ({kind!r}), and no such folder", hint=guess(kind, KINDS))
    from hearsight.listening.listener import load

    listener = load(name.removeprefix(f"{AUTOENCODER}=") if baseline else run)
    network = listener.network
    if baseline and network.name != "soundnet-autoencoder":
        raise UsageError(run, f"a run of {network.name}", "one of soundnet-autoencoder")
    if untrained:
        rate = listener.training_sample_rate  # the same sound to both: only the weights are others
        name, options, num_classes = network.name, network.options, network.num_classes
        listener = _build_untrained(name, options, num_classes=num_classes, seed=seed, training_sample_rate=rate)
    return _wrap(listener, layer, untrained=untrained)


def _load_baseline(run: str | Path, name: str, *, untrained: bool, layer: LayerWindows | None) -> FeatureExtractor:
    if name not in BASELINES:
        raise UsageError(run, f"no such baseline ({name!r})", hint=guess(name, [*BASELINES, f"{AUTOENCODER}=RUN"]))
    if untrained:
        raise UsageError("--untrained", f"a baseline has no weights ({name})", "a run folder")
    if layer is not None:
        raise UsageError("--layer", f"a baseline has no layers ({name})", "a run folder")
    return BASELINES[name]()


def _load_external(run: str, *, untrained: bool, layer: LayerWindows | None) -> FeatureExtractor:
    if untrained or layer is not None:
        found = "fresh weights" if untrained else f"the layer {layer.layer}" if layer else ""
        raise UsageError(run, f"{found} of another's model", "a run folder")
    from hearsight.evaluation.features.external import load_external_model

    return load_external_model(run)


def _wrap(listener: hearsight.Listener, layer: LayerWindows | None, *, untrained: bool) -> FeatureExtractor:
    if layer is None:
        return NetworkExtractor(listener, untrained=untrained)
    from hearsight.evaluation.features.soundnet_layers import LayerExtractor

    return LayerExtractor(listener, layer, untrained=untrained)


def _build_untrained(
    name: str, options: dict[str, Any], *, num_classes: int, seed: int, training_sample_rate: int | None = None
) -> hearsight.Listener:
    from hearsight.listening.listener import Listener
    from hearsight.models.zoo import build_network

    network = build_network(name, num_classes, seed=seed, **options)
    vocabulary = [str(index) for index in range(num_classes)]
    return Listener(network, vocabulary, name=name, training_sample_rate=training_sample_rate)
