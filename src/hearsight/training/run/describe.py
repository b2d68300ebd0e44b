"""What a folder holds, for ``hearsight info``: a dataset, a run in any state, or a checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.errors import CONTINUE, InputError
from hearsight.files import describe_path
from hearsight.training.run.state import read_state

_COMMON_CLASSES = 12


@dataclasses.dataclass(frozen=True)
class FolderDescription:
    """The kind of a folder, its facts for programs, and its lines for a person."""

    kind: str
    facts: dict[str, Any]
    lines: list[str]

    def describe(self) -> list[str]:
        """Return the description in lines to print."""
        return self.lines

    def as_json(self) -> dict[str, Any]:
        """Return the facts."""
        return {"kind": self.kind, **self.facts}


def describe_folder(path: Path) -> FolderDescription:
    """Describe a dataset, a run or a checkpoint.

    Raises
    ------
    InputError
        When the folder is none of them, or is damaged.
    """
    if Layout(path).manifest.exists() or Layout(path).running.exists():
        return _describe_dataset(path)
    if (path / "run.json").exists():
        return _describe_run(path)
    if (path / "config.json").exists():
        return _describe_checkpoint(path)
    if (path / "dataset").is_dir():
        raise InputError(path, "a run that has not begun to train", "a dataset or a run", CONTINUE)
    raise InputError(
        path,
        f"neither a dataset nor a run: {describe_path(path)}",
        "a folder with dataset.json, run.json or config.json in it",
    )


def _describe_run(path: Path) -> FolderDescription:
    state = read_state(path)
    lines = state.describe()
    facts: dict[str, Any] = {"run": state.as_values()}
    if state.progress == "finished":
        checkpoint = _describe_checkpoint(path)
        facts, lines = {**checkpoint.facts, **facts}, [*lines, *checkpoint.lines]
    return FolderDescription("run", facts, lines)


def _describe_dataset(path: Path) -> FolderDescription:
    dataset = Dataset(path)
    summary, manifest = dataset.summary, dataset.manifest
    teachers = [
        f"{t.name} ({t.modality}, {t.num_classes:,} classes, threshold {t.threshold:.3g})" for t in manifest.teachers
    ]
    common = sorted(dataset.classes, key=lambda record: (-record.count, record.index))[:_COMMON_CLASSES]
    lines = [
        *summary.describe(),
        f"teachers: {'; '.join(teachers)}",
        f"sound at {manifest.sample_rate:,} Hz; shards: {len(manifest.shards)}, format version {manifest.format_version}",
        "most common classes: " + ", ".join(f"{record.name} ({record.count:,})" for record in common),
    ]
    facts = {
        **dataclasses.asdict(summary),
        "utilisation": summary.utilisation,
        "teachers": [teacher.model_dump() for teacher in manifest.teachers],
        "config": manifest.config,
    }
    return FolderDescription("dataset", facts, lines)


def _describe_checkpoint(path: Path) -> FolderDescription:
    from hearsight.models.checkpoint import load_checkpoint

    network, info = load_checkpoint(path)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    facts = {
        "name": info.name,
        "parameters": parameters,
        "num_classes": network.num_classes,
        "embedding_dim": network.embedding_dim,
        "sample_rate": network.sample_rate,
        "vocabulary": list(info.vocabulary),
        "converted_from": info.converted_from,
    }
    common = ", ".join(info.vocabulary[:_COMMON_CLASSES]) or "none, it is for its embeddings"
    lines = [
        f"{info.name}: {parameters:,} parameters, {network.num_classes:,} classes, "
        f"embedding of {network.embedding_dim}, {network.sample_rate:,} Hz",
        f"classes: {common}" + (", …" if len(info.vocabulary) > _COMMON_CLASSES else ""),
    ]
    if info.converted_from:
        published = info.converted_from
        lines.append(
            f"converted from {published.get('file')} ({published.get('kind')}, sha256 {published.get('sha256')})"
        )
    return FolderDescription("checkpoint", facts, lines)
