"""A trained network on disk: a folder in Hugging Face shape.

::

    config.json          network, options, front end, classes, versions, digest of the weights: written last
    model.safetensors    the weights
    README.md            the model card

Nothing is unpickled, and nothing is guessed: what does not fit is refused with a :class:`~hearsight.errors.CheckpointError`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.documents import format_json
from hearsight.errors import CONTINUE, CheckpointError, UsageError, guess
from hearsight.files import describe_path, make_folder, write_text
from hearsight.models.card import write_card
from hearsight.models.checkpoint_config import (
    EXCLUSIVE,
    FORMAT_VERSION,
    CheckpointConfig,
    ClassOrigin,
    index_names,
    read_checkpoint_config,
)
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network
from hearsight.models.tensors import read_tensors, write_tensors
from hearsight.models.zoo import NETWORKS
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd
from hearsight.version import VERSION

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LEAST_RATE = 1_000
"""Hz: lowest sample rate that a network can have been trained on."""


@dataclasses.dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint contains in addition to the weights.

    Attributes
    ----------
    folder
        Where it was read from.
    name, options
        The network's name in the zoo and what it was built with.
    vocabulary
        Names of the classes, in the order of the logits; two teachers may share a name.
    sample_rate, embedding_dim
        Hz of the waveforms it takes, length of its embeddings.
    hearsight_version
        The version that wrote it.
    training
        How it was trained, as the run recorded it; empty for untrained or converted weights.
    scores
        Scores by name, as recorded when it was written.
    converted_from
        The file of published weights that it was converted from: its kind, name and digest; empty for others.
    classes
        Where each class comes from, in the order of the logits; empty if it is unknown, as in checkpoints of earlier versions.
    """

    folder: Path
    name: str
    options: dict[str, Any]
    vocabulary: tuple[str, ...]
    sample_rate: int
    embedding_dim: int
    hearsight_version: str
    training: dict[str, Any]
    scores: dict[str, float]
    converted_from: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    classes: tuple[ClassOrigin, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.vocabulary)

    @property
    def training_sample_rate(self) -> int:
        """Hz of the sound that it was trained on, at most :attr:`sample_rate`; equal to it where that is not recorded."""
        rate = self.training.get("sample_rate")
        return min(rate, self.sample_rate) if type(rate) is int and rate >= LEAST_RATE else self.sample_rate


def save_checkpoint(
    network: Network,
    folder: str | Path,
    *,
    vocabulary: Sequence[str],
    training: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
    converted_from: Mapping[str, Any] | None = None,
    classes: Sequence[ClassOrigin] = (),
) -> None:
    """Write a network into a folder; other files in it stay.

    A checkpoint that was there is not readable until the new one is complete: ``config.json`` goes first and comes last.

    Parameters
    ----------
    network
        Built by :func:`~hearsight.models.zoo.build_network`.
    folder
        Made where it is absent.
    vocabulary
        Names of the classes, one per logit.
    training, scores
        How it was trained and what it reached, fit for JSON; the model card lists them.
    converted_from
        The file of published weights that it was converted from, fit for JSON.
    classes
        Where each class comes from, one per logit; none if it is unknown.

    Raises
    ------
    UsageError
        When the network has no name, or vocabulary or classes have another length than the logits.
    """
    folder = Path(folder)
    if network.name not in NETWORKS:
        raise UsageError("network", f"name {network.name!r}", "one of the zoo", "build it with build_network")
    if len(vocabulary) != network.num_classes:
        raise UsageError("vocabulary", f"{len(vocabulary)} names", f"{network.num_classes}, one per logit")
    if len(classes) not in (0, network.num_classes):
        raise UsageError("classes", f"{len(classes)} origins", f"{network.num_classes}, one per logit, or none")
    config = _describe(network, vocabulary, training or {}, scores or {})
    if classes:
        config["classes"] = [origin.model_dump(exclude_none=True) for origin in classes]
    if converted_from:
        config["converted_from"] = dict(converted_from)
    make_folder(folder)
    (folder / CONFIG).unlink(missing_ok=True)
    config["weights_sha256"] = write_tensors(folder / WEIGHTS, network.state_dict())
    write_text(folder / CARD, write_card(config))
    write_text(folder / CONFIG, format_json(config, indent=2) + "\n")


def load_checkpoint(folder: str | Path) -> tuple[Network, CheckpointInfo]:
    """Read a network back, in evaluation mode, on the CPU.

    Raises
    ------
    CheckpointError
        When the folder is no checkpoint or an unfinished one, its format is of another version, its network is unknown or was
        built by other options, its fields contradict each other, or its weights are damaged or of other names or shapes.
    """
    folder = Path(folder)
    path, config = folder / CONFIG, read_config(folder)
    info = _describe_checkpoint(folder, config)
    try:
        network = build_on_meta_device(info.name, info.num_classes, **info.options)
    except (UsageError, TypeError) as error:
        raise CheckpointError(path, f"options {info.options} ({error})", f"options of {info.name}") from error
    if not _describes(config.front_end, network.front_end.definition):
        raise CheckpointError(path, f"another front end ({config.front_end})", f"that of {info.name}")
    for key, found, wanted in (
        ("sampling_rate", info.sample_rate, network.sample_rate),
        ("embedding_dim", info.embedding_dim, network.embedding_dim),
    ):
        if found != wanted:
            raise CheckpointError(path, f"{key} {found}", f"{wanted}, that of {info.name} with options {info.options}")
    tensors = read_tensors(folder / WEIGHTS, network.state_dict(), sha256=config.weights_sha256)
    network.load_state_dict(tensors, assign=True)
    if config.problem_type == EXCLUSIVE:
        network.heads = (info.num_classes,)
    return network.eval(), info


def read_config(folder: Path) -> CheckpointConfig:
    """Read ``config.json`` of a checkpoint folder.

    Raises
    ------
    CheckpointError
        When there is none, with what is there instead; or it cannot be used.
    """
    path = folder / CONFIG
    if not path.exists():
        raise CheckpointError(folder, *_explain_absence(folder))
    return read_checkpoint_config(path)


def _describe_checkpoint(folder: Path, config: CheckpointConfig) -> CheckpointInfo:
    name = config.architectures[0]
    if name not in NETWORKS:
        raise CheckpointError(folder / CONFIG, f"network {name!r}", "one of the zoo", guess(name, NETWORKS))
    return CheckpointInfo(
        folder=folder,
        name=name,
        options=config.options,
        vocabulary=config.vocabulary,
        sample_rate=config.sampling_rate,
        embedding_dim=config.embedding_dim,
        hearsight_version=config.hearsight_version,
        training=config.training,
        scores=config.measured,
        converted_from=config.converted_from,
        classes=tuple(config.classes or ()),
    )


def _explain_absence(folder: Path) -> tuple[str, str, str]:
    if not folder.is_dir():
        found = describe_path(folder) if os.path.lexists(folder) else "no such folder"
        return found, "a checkpoint", "hearsight train makes one; hearsight models --installed lists those at hand"
    if (folder / "run.json").exists():
        epochs = sorted((folder / "checkpoints").glob("epoch-*"))
        return "an unfinished run", "a checkpoint", f"{CONTINUE}, or use {epochs[-1]}" if epochs else CONTINUE
    if (folder / "dataset").is_dir():
        return "a run that has not begun to train", "a checkpoint", CONTINUE
    return "no config.json in it", "a checkpoint", "a checkpoint is a folder with config.json and model.safetensors"


def _describe(
    network: Network, vocabulary: Sequence[str], training: Mapping[str, Any], scores: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "model_type": "hearsight",
        "architectures": [network.name],
        "format_version": FORMAT_VERSION,
        "hearsight_version": VERSION,
        "options": network.options,
        "front_end": dataclasses.asdict(network.front_end.definition),
        "sampling_rate": network.sample_rate,
        "embedding_dim": network.embedding_dim,
        "problem_type": EXCLUSIVE if len(network.heads) == 1 else "multi_label_classification",
        "num_labels": len(vocabulary),
        "id2label": {str(index): name for index, name in enumerate(vocabulary)},
        "label2id": index_names(vocabulary),
        "training": dict(training),
        "scores": dict(scores),
    }


def _describes(fields: Mapping[str, Any], definition: FrontEnd | WaveformFrontEnd) -> bool:
    """Return whether a checkpoint's front end is this one; a field that it was written without has its default."""
    try:
        return type(definition)(**fields) == definition
    except TypeError:
        return False
