"""A file of published weights: its bytes, read once, what kind of file they are, and the digest that the checkpoint will name."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import WeightsError
from hearsight.files import read_regular

MOST_BYTES = 2**30
"""Largest file, and most that a compressed one may unpack to; the largest published weights here have 0.3 GB."""
MOST_EXPANSION = 8
"""How many times its own length a compressed file may unpack to; weights are noise, which no compression shortens by half."""
FREE_BYTES = 16 * 2**20
"""What a file may unpack to whatever its length: untrained weights, all zero, are short when compressed."""

NAMES: dict[str, str] = {
    "npz": "a NumPy archive (.npz)",
    "npy": "a NumPy array (.npy)",
    "hdf5": "an HDF5 file (.h5)",
    "torch": "a PyTorch file (.pth)",
    "torch7": "a Torch7 file (.t7)",
}
"""What a person calls the kinds of files."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of weights in memory.

    Attributes
    ----------
    path
        Where it was read from.
    content
        Its bytes.
    format
        A key of :data:`NAMES`, by what the file contains and not by what it is called; empty where it is none of them.
    """

    path: Path
    content: bytes
    format: str

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.content).hexdigest()

    def require_format(self, wanted: Sequence[str], hint: str = "") -> None:
        """Refuse a file of another kind.

        Raises
        ------
        WeightsError
            Naming both.
        """
        if self.format not in wanted:
            found = NAMES.get(self.format, "no file of weights that is known")
            raise WeightsError(self.path, found, " or ".join(NAMES[each] for each in wanted), hint)


def read_source(path: str | Path) -> Source:
    """Read a file of weights.

    Raises
    ------
    WeightsError
        When it is absent, no file, empty or too large.
    """
    path = Path(path).expanduser()
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise WeightsError(path, f"cannot be read ({error.strerror or error})", "a file of weights") from error
    if not content:
        raise WeightsError(path, "an empty file", "a file of weights")
    return Source(path, content, _recognise(content))


def _recognise(content: bytes) -> str:
    """Return the kind of file by how it begins."""
    if content.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if content.startswith(b"\x93NUMPY"):
        return "npy"
    if content.startswith(b"PK\x03\x04"):
        first = content[30 : 30 + int.from_bytes(content[26:28], "little")]
        return "npz" if first.endswith(b".npy") else "torch"
    if content[0] == 0x80 and content[1:2] <= b"\x05":
        return "torch"  # as PyTorch wrote them before version 1.6, pickle after pickle
    if len(content) >= 4 and content[0] <= 5 and content[1:4] == b"\0\0\0":
        return "torch7"
    return ""


def open_archive(source: Source) -> zipfile.ZipFile:
    """Open a zip archive, and refuse one that is broken or unpacks to too much, as :func:`check_unpacked` defines.

    Raises
    ------
    WeightsError
        When it is either.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(source.content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise WeightsError(source.path, f"a broken archive ({error})", "a whole one", "download it again") from error
    check_unpacked(source, sum(entry.file_size for entry in archive.infolist()))
    return archive


def check_unpacked(source: Source, num_bytes: int) -> None:
    """Check how many bytes a file unpacks to, before anything of it is unpacked.

    Raises
    ------
    WeightsError
        When they are more than :data:`MOST_BYTES`, or more than such a short file can hold of weights.
    """
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_EXPANSION * len(source.content)))
    if num_bytes > most:
        found = f"{num_bytes:,} bytes when unpacked, of {len(source.content):,}"
        raise WeightsError(source.path, found, f"at most {most:,}, as published weights")
