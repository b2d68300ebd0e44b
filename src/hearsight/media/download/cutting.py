"""The span that a list names, cut out of a downloaded video."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from hearsight.errors import MediaError
from hearsight.files import write_atomically
from hearsight.media.containers import ffmpeg
from hearsight.media.containers.copying import UncopiableError, copy_span
from hearsight.media.download.failures import DownloadError


def store_span(files: Sequence[Path], folder: Path, names: tuple[str, str], start: float, end: float | None) -> Path:
    """Store the span of a downloaded video in a folder, atomically.

    Sound is copied packet by packet. Pictures are encoded again, so that the first one is where the span begins. A video of
    which that cannot be done (turned pictures, a codec that Matroska does not hold) is stored whole, as is one without a span.

    Parameters
    ----------
    files
        One file with pictures and sound, or two with one of them each. A file that is stored whole is moved.
    folder
        Where to.
    names
        Stems for the excerpt and for the whole video.
    start, end
        Seconds; ``end`` None is the end of the video.

    Returns
    -------
    Path
        The stored file.

    Raises
    ------
    DownloadError
        When they are no media, or have no sound or no pictures in the span.
    """
    excerpt, whole = names
    with contextlib.ExitStack() as held, _report_errors():
        sound, pictures = _open(files, held)
        if start > 0.0 or end is not None or len(files) > 1:
            path = folder / f"{excerpt if start > 0.0 or end is not None else whole}.mkv"
            try:
                with write_atomically(path) as temporary:
                    _check(copy_span(sound, pictures, temporary, start, end), start)
            except UncopiableError as error:
                if len(files) > 1:
                    raise DownloadError(str(error)) from error
            else:
                return path
        path = folder / f"{whole}{files[0].suffix}"
        with write_atomically(path) as temporary:
            files[0].rename(temporary)
        return path


def _open(files: Sequence[Path], held: contextlib.ExitStack) -> tuple[Any, Any]:
    """Open the sound and the pictures of a video, each on its own, also where they are one file."""
    sound = pictures = None
    for path in files:
        container = held.enter_context(contextlib.closing(ffmpeg.open_container(str(path))))
        sound = sound or (container if container.streams.audio else None)
        if pictures is None and container.streams.video:
            again = ffmpeg.open_container(str(path)) if container is sound else container
            pictures = held.enter_context(contextlib.closing(again))
    if sound is None or pictures is None:
        raise DownloadError("no sound in it" if sound is None else "no pictures in it")
    return sound, pictures


def _check(counts: tuple[int, int], start: float) -> None:
    if not all(counts):
        raise DownloadError(f"no {'pictures' if counts[0] else 'sound'} from {start:g} s on")


@contextlib.contextmanager
def _report_errors() -> Generator[None]:
    try:
        yield
    except MediaError as error:
        raise DownloadError(error.found) from error
    except ffmpeg.FFmpegError as error:
        raise DownloadError(f"cannot be cut ({ffmpeg.describe_error(error)})") from error
