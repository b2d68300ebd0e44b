"""Which files a user means: files themselves, and the audio and video files in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import InputError
from hearsight.files import describe_path, is_folder
from hearsight.media.sources import MEDIA_SUFFIXES

_AUDIO_NAMES = "wav wave w64 flac ogg oga opus mp3 m4a aac aif aiff aifc au caf wma amr ac3 mka"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in _AUDIO_NAMES.split(" "))
"""Suffixes that mark a file in a folder as sound; a file that is named itself may have any."""


def find_media(paths: Sequence[str | Path]) -> list[str | Path]:
    """Replace each folder by the audio and video files below it, in the order of their paths; other paths are returned unchanged.

    Hidden files and folders are passed over, and links to folders are not followed.

    Raises
    ------
    InputError
        When there is no audio or video file in a folder, or it cannot be read.
    """
    found: list[str | Path] = []
    for path in paths:
        found += _search(Path(path)) if is_folder(path) else [path]
    return found


def _search(folder: Path) -> list[Path]:
    suffixes = AUDIO_SUFFIXES | MEDIA_SUFFIXES
    try:
        files = sorted(
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in suffixes
            and not any(part.startswith(".") for part in file.relative_to(folder).parts)
            and not file.is_dir()
        )
    except OSError as error:
        raise InputError(folder, f"cannot be read ({error.strerror or error})", "a folder of files") from error
    if not files:
        hint = f"looked for {' '.join(sorted(suffixes))}; name a file itself to use it whatever its suffix"
        raise InputError(folder, f"no audio or video file in it: {describe_path(folder)}", "at least one", hint)
    return files
