"""Which recordings a command means: files, folders, globs and standard input; and what each is called in an output folder."""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from hearsight.errors import InputError, UsageError
from hearsight.files import is_folder
from hearsight.listening.files import find_media
from hearsight.listening.stdin import STDIN
from hearsight.text import make_encodable


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording.

    Attributes
    ----------
    path
        As it is opened and named in results; ``-`` is standard input.
    name
        Its name in an output folder: below a folder that was named, or matched by a glob, the path from there.
    """

    path: str
    name: str


def find_recordings(paths: Sequence[str | Path], failures: list[InputError]) -> list[Recording]:
    """Return the recordings that are meant, each once, in the order of the paths.

    Parameters
    ----------
    paths
        Files, folders, globs such as ``night/**/*.wav``, and ``-`` for standard input. Of a folder, its audio and video files.
    failures
        Takes up folders without recordings, and globs that match nothing.
    """
    found: dict[str, Recording] = {}
    for path in paths:
        try:
            for one in _expand(str(path)):
                found.setdefault(one.path, one)
        except InputError as error:
            failures.append(error)
    return list(found.values())


def check_names(recordings: Sequence[Recording]) -> None:
    """Check that no two recordings have the same name in an output folder.

    Raises
    ------
    UsageError
        When two have.
    """
    seen: dict[str, str] = {}
    for one in recordings:
        if one.name in seen:
            found = f"{seen[one.name]} and {one.path} are both called {one.name} in the output folder"
            raise UsageError("--out", found, "different names", "name a folder that both are in, or use two commands")
        seen[one.name] = one.path


def _expand(path: str) -> list[Recording]:
    if path == STDIN:
        return [Recording(STDIN, "stdin")]
    place = Path(path)
    if is_folder(place):
        return [Recording(str(file), _name(Path(file), place)) for file in find_media([place])]
    if os.path.lexists(place) or not glob.has_magic(path):
        return [Recording(path, make_encodable(place.name))]
    base = _find_base(path)
    matches = [Path(match) for match in sorted(glob.glob(path, recursive=True)) if not is_folder(match)]  # noqa: PTH207 (with `**` and absolute patterns)
    if not matches:
        raise InputError(path, "no file matches this glob", "at least one")
    return [Recording(str(match), _name(match, base)) for match in matches]


def _find_base(pattern: str) -> Path:
    """Return the folder before the first part of a pattern that has a wildcard."""
    parts = PurePath(pattern).parts
    plain = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:plain]) if plain else Path()


def _name(file: Path, base: Path) -> str:
    return make_encodable(os.path.relpath(file, base)).replace(os.sep, "/")
