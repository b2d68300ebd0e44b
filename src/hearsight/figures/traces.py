"""Class probabilities of one file over time: as a figure, or over the file's own pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hearsight.console import print_message, track
from hearsight.drawing.canvas import to_pixels
from hearsight.drawing.traces import Traces, choose_traces, draw_overlay, draw_traces
from hearsight.errors import BrokenMediaError, UsageError
from hearsight.listening.listener import load
from hearsight.media.audio import read_audio
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Media, Source
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel

SOUND_RATE = 44_100
"""Hz of the sound of a written video."""
DARKNESS = 0.55
"""Brightness of the pictures behind the lanes, relative to the original."""

_LEAST_HEIGHT, _LEAST_WIDTH, _LANE = 720, 640, 21
_DOTS_PER_INCH = 110


def trace_file(file: Path, run: Path, top: int) -> Traces:
    """Predict the classes of a file over time, and choose those that peak highest.

    Raises
    ------
    MediaError, CheckpointError
        When the file cannot be read, or the run has no usable checkpoint.
    UsageError
        When ``top`` is below 1.
    """
    listener = load(run)
    parts = list(listener.forward_file(file))
    probabilities = np.concatenate([part.probabilities for part in parts])
    starts = np.concatenate([part.starts for part in parts])
    duration = float(parts[-1].starts[-1] + parts[-1].durations[-1])
    return choose_traces(probabilities, starts, duration, listener.vocabulary, top)


def plot_traces(file: Path, run: Path, *, top: int = 16) -> Any:
    """Draw the classes that peak highest in a file, over its spectrogram (Hershey 2017, figure 2); errors as :func:`trace_file`."""
    traces = trace_file(file, run, top)
    log_mel = compute_log_mel(read_audio(file, JIA.sample_rate), JIA)
    return draw_traces(log_mel, JIA, traces)


def write_traced_video(file: Path, run: Path, out: Path, *, top: int = 16) -> None:
    """Write a video again with the classes that peak highest in lanes over its pictures, and a line that moves with the time.

    Pictures are enlarged to at least 720 lines so that the names can be read; the sound is the file's, as one channel. What lies
    behind a place where the file is broken is left out, and a message on stderr reports it.

    Raises
    ------
    MediaError
        When the file has no sound or no pictures, or cannot be written.
    CheckpointError
        When the run has no usable checkpoint.
    UsageError
        When ``top`` is below 1, or the video would be written over itself.
    """
    if out.exists() and out.samefile(file):
        raise UsageError(f"--out {out}", "the video itself", "another file")
    media = read_media(Source(str(file)))
    traces = trace_file(file, run, top)
    width, height = find_size(media)
    rate = min(30, max(5, round(media.frame_rate or 25.0)))
    lanes = min(round(0.75 * height), _LANE * len(traces.names))
    figure = draw_overlay(traces, width / _DOTS_PER_INCH, lanes / _DOTS_PER_INCH)
    overlay = to_pixels(figure, width, lanes)
    sound = read_audio(file, SOUND_RATE)
    images = _lay_over(_read_images(media, rate, width, height), overlay, rate, float(traces.edges[-1]))
    write_video(out, images, float(rate), sound, SOUND_RATE)
    print_message(f"{out}: {file} with {len(traces.names)} classes over its pictures")


def find_size(media: Media) -> tuple[int, int]:
    """Find an even size of pictures in which names can be read, in the proportions of the media."""
    width, height = media.width or 16, media.height or 9
    factor = max(_LEAST_HEIGHT / height, _LEAST_WIDTH / width, min(1.0, 1280 / width))
    return 2 * round(width * factor / 2), 2 * round(height * factor / 2)


def _read_images(media: Media, rate: int, width: int, height: int) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    request = ImageRequest(height=height, width=width, fit="stretch")
    with track("pictures", None, "pictures") as bar:
        try:
            for window in decode_windows(media, length=1.0, images_per_second=float(rate), requests=[request]):
                for image in window.images[0]:
                    yield image
                    bar.advance()
        except BrokenMediaError as error:
            if not bar.done:
                raise
            print_message(f"{error}; the video ends there")


def _lay_over(
    images: Iterator[UInt8[np.ndarray, "height width 3"]],
    overlay: UInt8[np.ndarray, "lanes width 4"],
    rate: int,
    duration: float,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Lay the lanes over the lower part of each picture, with a line at its time."""
    opacity = overlay[:, :, 3:].astype(np.float32) / 255.0
    light = overlay[:, :, :3] * opacity
    kept = DARKNESS * (1.0 - opacity)
    rows, columns = overlay.shape[:2]
    for index, image in enumerate(images):
        mixed = image.copy()
        mixed[-rows:] = (image[-rows:] * kept + light).astype(np.uint8)
        now = min(columns - 2, int(columns * (index + 0.5) / rate / duration))
        mixed[-rows:, now : now + 2] = (255, 214, 102)
        yield mixed
