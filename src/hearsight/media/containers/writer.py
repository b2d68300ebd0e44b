"""Media files written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from hearsight.errors import MediaError, UnwritableError, cannot_write
from hearsight.files import write_atomically
from hearsight.media.containers import ffmpeg
from hearsight.media.containers.encode import PictureWriter, SoundWriter
from hearsight.media.containers.streams import Encoding


def write_video(
    path: str | Path,
    images: Iterable[UInt8[np.ndarray, "height width 3"]] | None,
    frame_rate: float,
    waveform: Float32[np.ndarray, " samples"] | Float32[np.ndarray, "channels samples"] | None,
    sample_rate: int,
    encoding: Encoding | None = None,
) -> None:
    """Encode pictures and sound to a media file: H.264 and AAC by default, in the format of the path's suffix.

    The same input gives the same bytes. The file appears whole or not at all.

    Parameters
    ----------
    path
        Where to; ``.mp4``, ``.mkv``, ``.webm``, ``.wav`` and so on.
    images
        Pictures of one even size, an array of them or an iterator; None for a file without pictures.
    frame_rate
        Pictures per second.
    waveform
        Amplitudes in -1..1, one channel or several; None for a file without sound.
    sample_rate
        Hz.
    encoding
        Codecs, quality, rotation, times.

    Raises
    ------
    ValueError
        When neither is given, or a picture is of odd size.
    MachineError
        When the disk is full or read-only.
    MediaError
        When FFmpeg refuses what it should write, or has no such encoder.
    """
    target = Path(path)
    encoding = encoding or Encoding()
    if images is None and waveform is None:
        raise ValueError("neither pictures nor sound to write")
    try:
        with (
            write_atomically(target) as partial,
            ffmpeg.open_output(partial, encoding.container_options or {}) as container,
        ):
            _encode(container, encoding, images, frame_rate, waveform, sample_rate)
    except UnwritableError as error:
        raise cannot_write(target, error) from error
    except ffmpeg.WRITE_ERRORS as error:
        raise MediaError(target, f"cannot be written ({ffmpeg.describe_error(error)})") from error


def _encode(
    container: Any,
    encoding: Encoding,
    images: Iterable[UInt8[np.ndarray, "height width 3"]] | None,
    frame_rate: float,
    waveform: Float32[np.ndarray, "*channels samples"] | None,
    sample_rate: int,
) -> None:
    pictures = None if images is None else PictureWriter(container, encoding, frame_rate, ffmpeg.VideoFrame)
    sounds = None if waveform is None else SoundWriter(container, encoding, waveform, sample_rate, ffmpeg.AudioFrame)
    for stream in container.streams:
        ffmpeg.make_bitexact(stream)
    for index, image in enumerate(images if images is not None else ()):
        if pictures is None:
            break
        if index == 0:
            pictures.set_size(image)
        if sounds is not None:
            sounds.write_until(pictures.find_time(index))
        pictures.write(image, index)
    if sounds is not None:
        sounds.write_until(None)
    if pictures is not None:
        pictures.finish()
