"""The media files that a path, a folder or a glob names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from hearsight.errors import InputError, guess

_VIDEO_NAMES = """
3g2 3gp amv asf avi divx dv f4v flv gxf h264 hevc m1v m2p m2t m2ts m2v m4v mjpeg mjpg mk3d mkv mod mov mp4 mpe mpeg mpg mpv mts
mxf nsv nut ogm ogv ogx qt rm rmvb tod ts vob webm wmv wtv y4m
"""
MEDIA_SUFFIXES = frozenset(f".{name}" for name in _VIDEO_NAMES.split())
"""Suffixes that mark a file in a folder as a video; a file that is named itself may have any."""

_MAC_FOLDER = "__MACOSX"
"""Folder that macOS puts into its archives: it holds files of the same names that are no videos."""


def find_media(spec: str) -> Iterator[str]:
    """Find the media files that a path, a folder or a glob names.

    Parameters
    ----------
    spec
        A file (of any suffix); a folder, searched recursively for videos by their suffix (hidden files and folders, ``__MACOSX``
        and links to folders are passed over); or a glob (``**`` for any number of folders).

    Yields
    ------
    str
        Absolute paths, in any order.

    Raises
    ------
    InputError
        When nothing of that name is there, and it is no glob.
    """
    path = Path(spec).expanduser()
    if path.is_dir():
        yield from search_folder(path)
    elif os.path.lexists(path):
        yield make_absolute(path)
    elif glob.has_magic(spec):
        yield from _match(str(path))
    else:
        raise InputError(spec, "no such file or folder", "a file, a folder, a glob or a list", _find_neighbour(path))


def search_folder(folder: Path) -> Iterator[str]:
    """Find the videos below a folder; links to folders are not followed, so that there is no endless loop."""
    for parent, folders, files in os.walk(folder.absolute()):
        folders[:] = [name for name in folders if not name.startswith(".") and name != _MAC_FOLDER]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in MEDIA_SUFFIXES:
                yield str(Path(parent) / name)


def _match(pattern: str) -> Iterator[str]:
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob knows no absolute patterns
    wild = glob.has_magic(Path(pattern).suffix) or not Path(pattern).suffix
    for match in matches:
        path = Path(match)
        if _MAC_FOLDER in path.parts:
            continue
        if path.is_dir():
            if "**" not in pattern:
                yield from search_folder(path)
        elif not wild or path.suffix.lower() in MEDIA_SUFFIXES:
            yield make_absolute(path)


def make_absolute(path: Path) -> str:
    """Return one name for one file: links keep their own name, but where ``..`` would make two names of one, all is resolved."""
    return str(path.resolve() if ".." in path.parts else path.absolute())


def _find_neighbour(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f"{parent} does not exist either"
    names = [entry.name for entry in os.scandir(parent)]
    near = guess(path.name, names)
    return near if near.startswith("did you mean") else ""
