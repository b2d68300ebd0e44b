"""The on-disk format: the files of a dataset, their contents and how they are written.

::

    dataset.json                    format version, folds, shards, teachers, configuration, checksums: written last
    vocabulary.json                 the used classes of all teachers, in order of their index
    classes.parquet                 every class of every teacher, used or not: records.CLASS_SCHEMA
    audio/00017.arrow               uuid, int16 PCM (uncompressed, memory-mapped)
    clips/00017.parquet             one row per clip: records.CLIP_SCHEMA
    labels/<teacher>/00017.parquet  soft labels of one teacher: records.LABEL_SCHEMA, rows in the order of the audio
    teachers/<teacher>.npz          the parameters of a teacher that was fitted to this dataset
    rejected.parquet                every media file or span that is not in the dataset, and why
    summary.json                    counts
    mixtures.parquet                of a dataset of mixtures: the components of each
    agreement.parquet               how well picture and sound of each clip agree, once that has been computed
    sources.parquet                 of a dataset made from published lists: records.SOURCE_SCHEMA, a row per listed span
    missing.csv                     of such a dataset: the listed videos whose media were not there
    taken.parquet                   the sources that it was made from, so that a later build finds those that are new
    withdrawn.json                  digests of what was withdrawn, so that a later build leaves it out
    index/                          what training reads of each clip, as arrays; derived from the tables, and removable

A shard holds the clips of a range of folds. While a build runs there are also ``build.json`` (its configuration) and ``parts/``
(the finished units of work, gathered in packs). Both are removed at the end, unless files failed that the next run is to try again.
While a finished dataset is changed there is ``change/``, with the new versions of its files (:mod:`hearsight.dataset.changes`).
The reference of all columns is docs/reference/dataset.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from hearsight import documents
from hearsight.errors import CONTINUE, DatasetError
from hearsight.files import describe_path, write_text
from hearsight.text import escape_json
from hearsight.units import SAMPLE_RATE

FORMAT_VERSION = 2
"""Version of the files; those of version 1 can be read too. They have no checksums and no table of all classes."""
READABLE_VERSIONS = (1, 2)
BUILD_VERSION = 4
"""Raised with every change of hearsight that makes a build write other bytes for the same sources and configuration."""
NUM_FOLDS = 4096
LABELLED_FROM = "labelled_from"
"""Key of a manifest's configuration under which a dataset that was labelled again names the one before, by its digest."""
MIXED_FROM = "mixed_from"
"""Key of a manifest's configuration under which a dataset of mixtures names the dataset that it was mixed from, by its digest."""


class ShardRecord(BaseModel):
    """One shard: the folds ``first_fold`` to ``last_fold``, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    first_fold: int
    last_fold: int
    num_clips: int


class TeacherRecord(BaseModel):
    """One teacher of the dataset. ``threshold`` is the probability that its labels must reach; 0 where only rank counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    spec: str
    modality: Literal["vision", "audio"]
    digest: str
    num_classes: int
    top: int
    threshold: float


class ClassRecord(BaseModel):
    """One used class of the vocabulary.

    Attributes
    ----------
    index
        Place in the vocabulary of the dataset.
    name
        Unique name.
    teacher
        Name of the teacher that the class comes from.
    modality
        Modality of that teacher.
    class_index
        Place in the teacher's own vocabulary.
    count
        Clips that have it as a label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    name: str
    teacher: str
    modality: Literal["vision", "audio"]
    class_index: int
    count: int

    @property
    def sense(self) -> Literal["seen", "heard"]:
        """Whether the class is something that was seen or heard in the videos."""
        return "seen" if self.modality == "vision" else "heard"


class FileRecord(BaseModel):
    """Size and SHA-256 of a file of the dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What ``dataset.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    hearsight_version: str
    sample_rate: int = SAMPLE_RATE
    num_folds: int = NUM_FOLDS
    validation_folds: int
    """Folds 0 to this one, not included, are for validation."""
    num_clips: int
    shards: tuple[ShardRecord, ...]
    teachers: tuple[TeacherRecord, ...]
    config: dict[str, Any]
    config_digest: str
    build_version: int = 1
    files: dict[str, FileRecord] | None = None
    """Size and checksum of every other file, by its path within the folder; None in datasets of format version 1."""


class Layout:
    """The paths of a dataset folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = folder / "dataset.json"
        self.vocabulary = folder / "vocabulary.json"
        self.classes = folder / "classes.parquet"
        self.rejected = folder / "rejected.parquet"
        self.summary = folder / "summary.json"
        self.mixtures = folder / "mixtures.parquet"
        self.agreement = folder / "agreement.parquet"
        self.sources = folder / "sources.parquet"
        self.missing = folder / "missing.csv"
        self.taken = folder / "taken.parquet"
        self.withdrawn = folder / "withdrawn.json"
        self.index = folder / "index"
        self.change = folder / "change"
        self.commit = self.change / "commit.json"
        self.running = folder / "build.json"
        self.parts = folder / "parts"
        self.lock = folder / ".lock"

    def audio(self, shard: int) -> Path:
        """Return the path of a shard's sound."""
        return self.folder / "audio" / f"{shard:05d}.arrow"

    def clips(self, shard: int) -> Path:
        """Return the path of a shard's clip table."""
        return self.folder / "clips" / f"{shard:05d}.parquet"

    def labels(self, teacher: str, shard: int) -> Path:
        """Return the path of a shard's soft labels by one teacher."""
        return self.folder / "labels" / teacher / f"{shard:05d}.parquet"

    def teacher(self, name: str) -> Path:
        """Return the path of a fitted teacher's parameters."""
        return self.folder / "teachers" / f"{name}.npz"


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys, so that the same value always has the same bytes."""
    document = documents.format_json(value, indent=2, sort_keys=True)
    write_text(path, escape_json(document) + "\n")


def digest_json(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON value; the order of its keys does not matter."""
    document = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(document.encode("utf-8", "backslashreplace")).hexdigest()


def digest_clips(manifest: Manifest, uuids: Iterable[pa.ChunkedArray]) -> str:
    """Return what identifies a dataset by its configuration, teachers and clips.

    Parameters
    ----------
    manifest
        Its ``dataset.json``.
    uuids
        The UUIDs of its clips in their order, for example shard by shard.
    """
    content = hashlib.sha256()
    for some in uuids:
        add_uuids(content, some)
    return name_dataset(manifest, content)


def add_uuids(content: hashlib._Hash, uuids: pa.ChunkedArray) -> None:
    """Add the UUIDs of clips to a hash of them."""
    content.update("".join(uuids.to_pylist()).encode())


def name_dataset(manifest: Manifest, content: hashlib._Hash) -> str:
    """Return the digest of a dataset, given the SHA-256 of the UUIDs of its clips in their order."""
    return f"{manifest.config_digest[:32]}-{content.hexdigest()[:16]}"


def read_json(path: Path, *, old: bool = False) -> Any:
    """Read a JSON file of a dataset; ``old`` as that of :func:`~hearsight.documents.parse_json`.

    Raises
    ------
    DatasetError
        When it is not there or not JSON.
    """
    return documents.read_json(path, DatasetError, wanted="a file of a finished dataset", old=old)


def read_manifest(folder: Path) -> Manifest:
    """Read ``dataset.json``.

    Raises
    ------
    DatasetError
        When the folder is no dataset, an unfinished one, or one of another format version.
    """
    layout = Layout(folder)
    try:
        there, finished, begun = (
            folder.is_dir(),
            layout.manifest.exists(),
            layout.running.exists() or layout.commit.exists(),
        )
    except OSError as error:
        raise DatasetError(folder, f"cannot be read ({error.strerror})", "a dataset that we may read") from error
    if not there:
        if os.path.lexists(folder):
            raise DatasetError(folder, describe_path(folder), "the folder of a dataset")
        raise DatasetError(folder, "no such folder", "a dataset", "hearsight build VIDEOS --out " + str(folder))
    if not finished:
        if begun:
            raise DatasetError(folder, "an unfinished build", "a finished dataset", CONTINUE)
        raise DatasetError(
            folder,
            f"no dataset.json in it: {describe_path(folder)}",
            "a dataset",
            "hearsight build VIDEOS --out DATASET makes one",
        )
    values = read_json(layout.manifest)
    version = values.get("format_version") if isinstance(values, dict) else None
    if version not in READABLE_VERSIONS:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        hint = "upgrade hearsight" if newer else "build it again"
        raise DatasetError(layout.manifest, f"format version {version!r}", f"at most version {FORMAT_VERSION}", hint)
    return documents.validate(Manifest, values, layout.manifest, DatasetError, wanted="a manifest")
