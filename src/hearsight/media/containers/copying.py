"""A span of a video written to a separate file: sound packet by packet, pictures encoded again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from hearsight.media.containers import ffmpeg

_UNIT = Fraction(1, 90_000)
_QUALITY = {"crf": "23", "preset": "veryfast", "threads": "1"}
_LEAD = 0.25
"""Seconds before the span from which sound is looked for: packets begin where they begin."""


class UncopiableError(Exception):
    """A video of which no span can be written: its pictures are turned, or Matroska does not hold its sound."""


def copy_span(sound: Any, pictures: Any, path: Path, start: float, end: float | None) -> tuple[int, int]:
    """Write a span of an open video to a Matroska file.

    Parameters
    ----------
    sound, pictures
        Two open containers, also of the same file: each is read on its own.
    path
        Where to.
    start, end
        Seconds of the video's own time; ``end`` None is the end of the video.

    Returns
    -------
    tuple[int, int]
        Packets of sound and pictures that were written.

    Raises
    ------
    UncopiableError
        When the pictures are turned, or Matroska does not hold the codec of the sound.
    """
    last = math.inf if end is None else end
    origin = min(_find_start(sound), _find_start(pictures))
    with ffmpeg.open_output(path, {}) as output:
        try:
            audio = output.add_stream_from_template(sound.streams.audio[0])
        except ValueError as error:  # PyAV's, of a codec that the format does not hold
            raise UncopiableError(str(error)) from error
        writer = _PictureCopier(output, pictures.streams.video[0])
        num_sounds = num_pictures = 0
        shown = _read_pictures(pictures, origin, start, last)
        frame = next(shown, None)
        for packet, time in _read_packets(sound, origin, start, last):
            while frame is not None and frame[1] <= time:
                num_pictures += writer.write(*frame)
                frame = next(shown, None)
            packet.stream = audio
            packet.pts = packet.dts = round(max(0.0, time) / packet.time_base)
            output.mux(packet)
            num_sounds += 1
        while frame is not None:
            num_pictures += writer.write(*frame)
            frame = next(shown, None)
        num_pictures += writer.finish()
    return num_sounds, num_pictures


def _find_start(container: Any) -> float:
    started = container.start_time
    return 0.0 if started is None else started / ffmpeg.MICROSECONDS


def _seek(container: Any, stream: Any, seconds: float) -> None:
    container.seek(max(0, round(seconds / stream.time_base)), stream=stream, backward=True)


def _read_packets(container: Any, origin: float, start: float, last: float) -> Iterator[tuple[Any, float]]:
    """Read the packets of sound of a span, with their times since its start."""
    stream = container.streams.audio[0]
    if start > 0.0:
        _seek(container, stream, origin + start - _LEAD)
    for packet in container.demux(stream):
        if packet.pts is None or not packet.size:
            continue
        time = float(packet.pts * packet.time_base) - origin
        if time >= last:
            return
        length = float((packet.duration or 0) * packet.time_base)
        if time + length / 2 >= start:
            yield packet, time - start


def _read_pictures(container: Any, origin: float, start: float, last: float) -> Iterator[tuple[Any, float]]:
    """Decode the pictures of a span, with their times since its start; the one before it is shown at its start."""
    stream = container.streams.video[0]
    if start > 0.0:
        _seek(container, stream, origin + start)
    before: Any = None
    for packet in container.demux(stream):
        for frame in ffmpeg.decode_packet(stream, packet)[0]:
            if frame.pts is None:
                continue
            time = float(frame.pts * frame.time_base) - origin
            if time >= last:
                return
            if time < start - 1e-4:
                before = frame
                continue
            if before is not None and time > start + 1e-4:
                yield before, 0.0
            before = None
            yield frame, max(0.0, time - start)


class _PictureCopier:
    """Encode pictures of one size; of pictures at the same time the first one counts."""

    def __init__(self, output: Any, template: Any) -> None:
        self._output = output
        self._stream = output.add_stream("libx264", rate=template.average_rate or 25, options=dict(_QUALITY))
        self._stream.pix_fmt = "yuv420p"
        self._stream.width, self._stream.height = (
            max(2, side - side % 2) for side in (template.width, template.height)
        )
        self._stream.codec_context.time_base = _UNIT
        if template.sample_aspect_ratio:
            self._stream.codec_context.sample_aspect_ratio = template.sample_aspect_ratio
        self._last = -1

    def write(self, frame: Any, time: float) -> int:
        if frame.rotation:
            raise UncopiableError(f"pictures that are turned by {frame.rotation} degrees")
        place = round(time / _UNIT)
        if place <= self._last:
            return 0
        self._last = place
        scaled = frame.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        scaled.pts, scaled.time_base, scaled.pict_type = place, _UNIT, 0
        return self._mux(self._stream.encode(scaled))

    def finish(self) -> int:
        return self._mux(self._stream.encode(None))

    def _mux(self, packets: list[Any]) -> int:
        for packet in packets:
            self._output.mux(packet)
        return len(packets)
