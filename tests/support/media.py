"""Media files with known content, good and bad, for the tests of reading and cutting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video

RATE = 48_000
FRAME_RATE = 25.0
HEIGHT, WIDTH = 48, 64
GRAY_STEP, BASE = 8, 29


def make_tone(seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Return a rising tone, as one row per channel where there are several."""
    times = np.arange(round(seconds * rate)) / rate
    tone = (0.3 * np.sin(2 * np.pi * (200.0 + 100.0 * times) * times)).astype(np.float32)
    return tone if channels == 1 else np.repeat(tone[np.newaxis], channels, axis=0)


def make_counter(num_images: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return pictures that carry their number: the left half is its low part, the right half its high part, as gray levels."""
    images = np.zeros((num_images, height, width, 3), np.uint8)
    for number in range(num_images):
        images[number, :, : width // 2] = 16 + GRAY_STEP * (number % BASE)
        images[number, :, width // 2 :] = 16 + GRAY_STEP * (number // BASE)
    return images


def read_counter(image: np.ndarray) -> int:
    """Read the number that a picture carries, RGB or gray."""
    gray = image.astype(np.float64)
    gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    width = gray.shape[1]
    low, high = gray[:, : width // 2 - 2].mean(), gray[:, width // 2 + 2 :].mean()
    return round((low - 16) / GRAY_STEP) + BASE * round((high - 16) / GRAY_STEP)


def write_media(
    path: Path,
    seconds: float = 4.0,
    *,
    images: np.ndarray | None = None,
    sound: bool = True,
    rate: int = RATE,
    channels: int = 1,
    encoding: Encoding | None = None,
) -> Path:
    """Write a file whose pictures count and whose sound rises."""
    pictures = make_counter(round(seconds * FRAME_RATE)) if images is None else images
    waveform = make_tone(seconds, rate, channels) if sound else None
    write_video(path, pictures if len(pictures) else None, FRAME_RATE, waveform, rate, encoding or Encoding(crf=10))
    return path


def write_separated(path: Path, seconds: float, pictures_first: bool) -> Path:
    """Write a Matroska file that stores all of one kind before all of the other."""
    options = {"max_interleave_delta": "1", "cluster_time_limit": "1000"}
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "10", "threads": "1", "bf": "0"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=8_000, layout="mono")

        def write_pictures() -> None:
            for number, image in enumerate(make_counter(round(seconds * 25))):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = number
                container.mux(video.encode(frame))
            container.mux(video.encode(None))

        def write_sound() -> None:
            samples = np.round(make_tone(seconds, 8_000) * 32767).astype(np.int16)
            for first in range(0, len(samples), 800):
                block = np.ascontiguousarray(samples[np.newaxis, first : first + 800])
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts = 8_000, first
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))

        for write in (write_pictures, write_sound) if pictures_first else (write_sound, write_pictures):
            write()
    return path


def write_song_with_cover(path: Path, seconds: float = 4.0) -> Path:
    """Write an audio file with a cover: a picture that is no video."""
    with av.open(str(path), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(make_counter(1)[0], format="rgb24").reformat(format="yuvj420p")
        picture.pts = 0
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(make_tone(seconds)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def overwrite(path: Path, source: Path, first: float, content: bytes | None = None, length: int = 4_000) -> Path:
    """Write a copy of a file with a stretch from a share of its length on overwritten, by noise unless told otherwise."""
    data = bytearray(source.read_bytes())
    begin = int(first * len(data))
    stretch = np.random.default_rng(0).bytes(length) if content is None else content
    data[begin : begin + len(stretch)] = stretch
    path.write_bytes(data)
    return path


def truncate(path: Path, source: Path, share: float) -> Path:
    """Write the first share of a file."""
    data = source.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def describe(pieces: Sequence[object]) -> list[tuple[object, ...]]:
    """Return the spans of clips and the spans and reasons of rejections, for comparison."""
    return [
        (
            round(piece.start, 3),
            None if piece.duration is None else round(piece.duration, 3),
            getattr(piece, "reason", "clip"),
        )  # type: ignore[attr-defined]
        for piece in pieces
    ]
