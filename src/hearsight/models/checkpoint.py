"""A trained network on disk: a folder in Hugging Face shape. The only file that imports safetensors.

::

    config.json          network, options, front end, classes, versions: written last
    model.safetensors    the weights
    README.md            the model card

Nothing is unpickled, and nothing is guessed: what does not fit is refused with a :class:`~hearsight.errors.CheckpointError`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from hearsight.errors import CheckpointError, UsageError, guess
from hearsight.files import write_atomically, write_text
from hearsight.models.card import write_card
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd
from hearsight.version import VERSION

FORMAT_VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
LEAST_RATE = 1_000
"""Hz that a network can have learned from; less is no sound."""


@dataclasses.dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

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

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.vocabulary)

    @property
    def training_sample_rate(self) -> int:
        """Hz of the sound that it learned from, at most :attr:`sample_rate`: that is what it is where nobody said (or nonsense)."""
        rate = self.training.get("sample_rate")
        return min(rate, self.sample_rate) if isinstance(rate, int) and rate >= LEAST_RATE else self.sample_rate


def save_checkpoint(
    network: Network,
    folder: str | Path,
    *,
    vocabulary: Sequence[str],
    training: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
    converted_from: Mapping[str, Any] | None = None,
) -> None:
    """Write a network into a folder, beside whatever else is in it.

    A checkpoint that stood there stops being one until the new one is whole: ``config.json`` goes first and comes last.

    Parameters
    ----------
    network
        Built by :func:`~hearsight.models.zoo.build_network`.
    folder
        Made where it is absent.
    vocabulary
        Names of the classes, one per logit.
    training, scores
        How it was trained and what it reached, fit for JSON; the model card tells them.
    converted_from
        What file of published weights it was converted from, fit for JSON.

    Raises
    ------
    UsageError
        When the network has no name, or the vocabulary another length than the logits.
    """
    folder = Path(folder)
    if network.name not in NETWORKS:
        raise UsageError("network", f"name {network.name!r}", "one of the zoo", "build it with build_network")
    if len(vocabulary) != network.num_classes:
        raise UsageError("vocabulary", f"{len(vocabulary)} names", f"{network.num_classes}, one per logit")
    config = _describe(network, vocabulary, training or {}, scores or {})
    if converted_from:
        config["converted_from"] = dict(converted_from)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    write_tensors(folder / WEIGHTS, network.state_dict())
    write_text(folder / CARD, write_card(config))
    write_text(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def load_checkpoint(folder: str | Path) -> tuple[Network, CheckpointInfo]:
    """Read a network back, in evaluation mode, on the CPU.

    Raises
    ------
    CheckpointError
        When the folder is no checkpoint or an unfinished one, its format is of another version, its network is unknown or was
        built by other options, its classes contradict themselves, or its weights are cut short or of other names or shapes.
    """
    folder = Path(folder)
    config = read_config(folder)
    info = _read_info(folder, config)
    tensors = read_tensors(folder / WEIGHTS)
    try:
        network = build_on_meta_device(info.name, info.num_classes, **info.options)
    except (UsageError, TypeError) as error:
        raise CheckpointError(
            folder / CONFIG, f"options {info.options} ({error})", f"options of {info.name}"
        ) from error
    if not _describes(config["front_end"], network.front_end.definition):
        raise CheckpointError(folder / CONFIG, "another front end", f"that of {info.name}")
    check_tensors(folder / WEIGHTS, tensors, network.state_dict())
    network.load_state_dict(tensors, assign=True)
    return network.eval(), info


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json`` and check that it is ours and of this version."""
    path = folder / CONFIG
    if not path.exists():
        raise CheckpointError(folder, *_explain_absence(folder))
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(path, f"cannot be read ({error})", "JSON") from error
    if not isinstance(config, dict) or config.get("model_type") != "hearsight":
        found = f"model_type {config.get('model_type')!r}" if isinstance(config, dict) else "no object"
        raise CheckpointError(path, found, "a checkpoint that hearsight wrote")
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        hint = "upgrade hearsight" if newer else ""
        raise CheckpointError(path, f"format version {version}", f"version {FORMAT_VERSION}", hint)
    return config


def _explain_absence(folder: Path) -> tuple[str, str, str]:
    if not folder.is_dir():
        return "no such folder", "a checkpoint", "hearsight train makes one"
    if (folder / "run.json").exists():
        epochs = sorted((folder / "checkpoints").glob("epoch-*"))
        hint = "run the same command again to train it to the end"
        if epochs:
            hint += f", or use {epochs[-1]}"
        return "an unfinished run", "a checkpoint", hint
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
        "problem_type": "multi_label_classification",
        "num_labels": len(vocabulary),
        "id2label": {str(index): name for index, name in enumerate(vocabulary)},
        "label2id": _index_names(vocabulary),
        "training": dict(training),
        "scores": dict(scores),
    }


def _describes(fields: Any, definition: FrontEnd | WaveformFrontEnd) -> bool:
    """Say whether a checkpoint's front end is this one; a field that it was written without has its default."""
    try:
        return type(definition)(**fields) == definition
    except TypeError:
        return False


def _index_names(vocabulary: Sequence[str]) -> dict[str, int]:
    """Give the index of each name; of a name that two classes share, the first."""
    indices: dict[str, int] = {}
    for index, name in enumerate(vocabulary):
        indices.setdefault(name, index)
    return indices


def _read_info(folder: Path, config: dict[str, Any]) -> CheckpointInfo:
    path = folder / CONFIG
    try:
        (name,) = config["architectures"]
        names: dict[str, str] = config["id2label"]
        vocabulary = tuple(names[str(index)] for index in range(len(names)))
        label2id: dict[str, int] = config["label2id"]
        info = CheckpointInfo(
            folder=folder,
            name=str(name),
            options=dict(config["options"]),
            vocabulary=vocabulary,
            sample_rate=int(config["sampling_rate"]),
            embedding_dim=int(config["embedding_dim"]),
            hearsight_version=str(config["hearsight_version"]),
            training=dict(config["training"]),
            scores=dict(config["scores"]),
            converted_from=dict(config.get("converted_from", {})),
        )
        num_labels, _ = config["num_labels"], config["front_end"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(path, f"a key is missing or of another kind ({error})", "a whole config.json") from error
    if info.name not in NETWORKS:
        raise CheckpointError(path, f"network {info.name!r}", "one of the zoo", guess(info.name, NETWORKS))
    if num_labels != len(vocabulary):
        raise CheckpointError(path, f"num_labels {num_labels} beside {len(vocabulary)} names", "as many")
    if label2id != _index_names(vocabulary):
        raise CheckpointError(path, "label2id contradicts id2label", "one vocabulary")
    return info


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to a safetensors file, atomically.

    Raises
    ------
    OSError
        When the file cannot be written, as on a full disk.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with write_atomically(path) as temporary:
        try:
            safetensors.torch.save_file(whole, temporary, metadata={"format": "pt"})
        except safetensors.SafetensorError as error:
            # the library turns errors of the operating system into text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises
    ------
    CheckpointError
        When it is absent, cut short, or something else.
    """
    try:
        # copies are aligned as torch aligns its own tensors, so that the same weights give the same sums, bit for bit
        return {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
    except FileNotFoundError as error:
        raise CheckpointError(path, "no such file", "the weights of the checkpoint") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(path, f"cannot be read ({error})", "a whole safetensors file") from error


def check_tensors(where: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors whose names, shapes or types are not the wanted ones, naming up to three of each mistake."""
    mistakes = [f"{name} is missing" for name in wanted if name not in found][:3]
    mistakes += [f"{name} is unknown" for name in found if name not in wanted][:3]
    mistakes += [
        f"{name} is {tuple(found[name].shape)} {found[name].dtype} and not {tuple(tensor.shape)} {tensor.dtype}"
        for name, tensor in wanted.items()
        if name in found and (found[name].shape != tensor.shape or found[name].dtype != tensor.dtype)
    ][:3]
    if mistakes:
        raise CheckpointError(where, "; ".join(mistakes), "the tensors that config.json describes")
