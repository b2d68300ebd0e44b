"""What has been computed for a benchmark before, on disk: arrays by the digest of all that decides them."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from hearsight.console import print_message
from hearsight.files import find_cache, open_regular, write_atomically


def read_arrays(path: Path, names: tuple[str, ...]) -> tuple[np.ndarray, ...] | None:
    """Read an entry; None if there is none, or if it cannot be read, which prints a message."""
    if not path.exists():
        return None
    try:
        with open_regular(path, sys.maxsize) as file, np.load(file, allow_pickle=False) as entry:
            return tuple(entry[name] for name in names)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        print_message(f"{path}: cannot be read ({error}); computed again")
        return None


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an entry completely or not at all. If it cannot be written, print a message and keep nothing."""
    try:
        with write_atomically(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        print_message(f"{path}: not kept ({error})")


class CachedFolds:
    """The scores of the folds of one fine-tuning, each kept as soon as it is there: hours of work outlast a kill.

    Parameters
    ----------
    digest
        Of all that decides them; nothing is read or written without one.
    """

    def __init__(self, digest: str | None = None) -> None:
        self._folder = None if digest is None else find_cache("finetuned") / digest[:32]

    def read(self, fold: int, shape: tuple[int, int]) -> Float64[np.ndarray, "clips classes"] | None:
        """Return the cached scores of a fold; None if there are none of this shape."""
        found = None if self._folder is None else read_arrays(self._folder / f"{fold}.npz", ("decisions",))
        return found[0] if found is not None and found[0].shape == shape else None

    def locate_state(self, fold: int) -> Path | None:
        """Return the file for the state of a network that is being trained for a fold; None where nothing is kept."""
        return None if self._folder is None else self._folder / f"{fold}.safetensors"

    def write(self, fold: int, scores: Float64[np.ndarray, "clips classes"]) -> None:
        """Keep the scores of a fold."""
        if self._folder is not None:
            write_arrays(self._folder / f"{fold}.npz", decisions=scores)


NO_CACHE = CachedFolds()
"""Reads nothing, writes nothing."""
