"""What a folder holds, in lines: a dataset, or a run with its checkpoint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.errors import InputError

_COMMON_CLASSES = 12


@dataclasses.dataclass(frozen=True)
class FolderDescription:
    """A folder's kind, its facts for a machine, and its lines for a person."""

    kind: str
    facts: dict[str, Any]
    lines: list[str]

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        return self.lines

    def as_json(self) -> dict[str, Any]:
        """Give the facts."""
        return {"kind": self.kind, **self.facts}


def describe_folder(path: Path) -> FolderDescription:
    """Say what a dataset or run folder holds.

    Raises
    ------
    InputError
        When it is neither.
    """
    if Layout(path).manifest.exists() or Layout(path).running.exists():
        return _describe_dataset(path)
    if (path / "config.json").exists():
        return _describe_checkpoint(path)
    raise InputError(path, "neither a dataset nor a run", "a folder with dataset.json or config.json in it")


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
        f"shards: {len(manifest.shards)}, format version {manifest.format_version}",
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
