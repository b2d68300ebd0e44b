"""What an index folder holds: its manifest, the columns of its tables, and the names of its files.

``index.json``
    The manifest: the model, the numbers of rows and dimensions, and the names of the other files. It is replaced last, as a whole,
    so that an index is always one that was finished.
``embeddings-*.npy``
    float32, a row per segment.
``norms-*.npy``
    float32, the length of each of these vectors.
``rows-*.parquet``
    :data:`ROWS`, then a column per item of metadata.
``recordings-*.parquet``
    :data:`RECORDINGS`, then the same; also those that could not be read, with the reason.
``map-*.npy``
    float32 [rows, 2], a place in a plane for each segment; only with ``--map``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from hearsight.documents import read_json, validate
from hearsight.errors import IndexFolderError, UsageError
from hearsight.files import describe_path, write_text
from hearsight.listening.listener import Listener

NAME = "index.json"
"""The manifest's name in an index folder."""
MOST_BYTES = 2**20
"""The largest manifest that is read."""

ROWS = pa.schema(
    [
        ("source", pa.string()),
        ("start", pa.float64()),
        ("duration", pa.float64()),
        ("time", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float32())),
    ]
)
"""The columns of every table of rows: the recording, seconds, the time of the clock at which the segment starts, the most probable
classes."""
RECORDINGS = pa.schema(
    [
        ("source", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("parameters", pa.string()),
        ("rows", pa.int64()),
        ("duration", pa.float64()),
        ("time", pa.timestamp("us")),
        ("error", pa.string()),
    ]
)
"""The columns of every table of recordings: the file and its state, its segments and seconds, the time at which it starts, and why
it could not be read to its end."""
RESERVED = frozenset([*ROWS.names, *RECORDINGS.names, "row", "similarity", "rank", "embedding", "file", "path"])
"""Names that no column of metadata may have."""

FileName = Field(pattern=r"^(embeddings|norms|rows|recordings)-[0-9a-f]{16}\.(npy|parquet)$")


class ModelIdentity(BaseModel):
    """Which network made the embeddings.

    Attributes
    ----------
    name
        What its checkpoint is called.
    digest
        SHA-256 of its weights.
    location
        What ``--model`` was: a folder, a repository, or the name of an installed model.
    sample_rate
        Hz of its input.
    segment_seconds
        Length of a segment.
    backend
        ``onnx-int8`` if the embeddings were made in 8 bits; otherwise ``torch``, also where ONNX Runtime made them in 32.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    location: str
    sample_rate: int = Field(ge=1)
    segment_seconds: float = Field(gt=0.0)
    backend: Literal["torch", "onnx-int8"] = "torch"

    @classmethod
    def of(cls, listener: Listener, location: str) -> ModelIdentity:
        """Return the identity of a network that is loaded."""
        return cls(
            name=listener.name,
            digest=listener.digest,
            location=location,
            sample_rate=listener.sample_rate,
            segment_seconds=listener.segment_seconds,
            backend="onnx-int8" if listener.backend == "onnx-int8" else "torch",
        )


class Manifest(BaseModel):
    """The manifest of an index.

    Attributes
    ----------
    kind, version
        ``hearsight-index``, and the version of the format.
    model
        Which network made the embeddings.
    dimensions, rows, recordings, failed
        Length of an embedding; numbers of segments, of recordings, and of those that could not be read to their end.
    root
        The folder that relative sources start from.
    metadata
        Names of the columns of metadata.
    embeddings, norms, rows_table, recordings_table
        Names of the files.
    map
        Name of the file of the map; None without one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["hearsight-index"] = "hearsight-index"
    version: Literal[1] = 1
    model: ModelIdentity
    dimensions: int = Field(ge=1)
    rows: int = Field(ge=0)
    recordings: int = Field(ge=0)
    failed: int = Field(ge=0)
    root: str
    metadata: tuple[str, ...] = ()
    embeddings: str = FileName
    norms: str = FileName
    rows_table: str = FileName
    recordings_table: str = FileName
    map: str | None = Field(default=None, pattern=r"^map-[0-9a-f]{16}\.npy$")

    def list_files(self) -> set[str]:
        """Return the names of the files next to the manifest."""
        names = {self.embeddings, self.norms, self.rows_table, self.recordings_table}
        return names if self.map is None else names | {self.map}


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an index.

    Raises
    ------
    IndexFolderError
        When there is none, or it is none of ours.
    """
    wanted = "an index"
    if not (folder / NAME).exists():
        hint = f"hearsight index RECORDINGS --out {folder} makes one"
        raise IndexFolderError(folder, f"no {NAME}: {describe_path(folder)}", wanted, hint)
    values = read_json(folder / NAME, IndexFolderError, wanted=wanted, most_bytes=MOST_BYTES)
    return validate(Manifest, values, folder / NAME, IndexFolderError, wanted=wanted)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of an index."""
    write_text(folder / NAME, manifest.model_dump_json(indent=2) + "\n")


def check_model(manifest: Manifest, listener: Listener, where: object) -> None:
    """Check that a network is the one that made an index.

    Parameters
    ----------
    manifest
        Of the index.
    listener
        The network.
    where
        The index, for the message.

    Raises
    ------
    UsageError
        When it is another one.
    """
    model = manifest.model
    if model.digest != listener.digest:
        found = f"made by {model.name} ({model.digest[:12]}), from --model {model.location}"
        wanted = f"an index of {listener.name} ({listener.digest[:12]})"
        raise UsageError(
            where, found, wanted, "name the model that made it, or index the recordings again into another folder"
        )
