"""One stream on its way through its decoder: which time each frame gets, which pictures need no decoding, what was refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from hearsight.errors import BrokenMediaError
from hearsight.media.streams import Picture, Sound

MAX_FAILURES = 25
"""Packets in a row that a decoder may refuse (a second of video) before the stream is taken to be broken there."""

UNREFERENCED = frozenset({"h264", "mpeg1video", "mpeg2video"})
"""Codecs in which a picture marked as no reference is never needed to decode another one, and has a packet of its own."""

_SAMPLE_TYPES = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}
_LONG_AGO = -(2**63)


class StreamDecoder:
    """The decoder of one stream.

    Parameters
    ----------
    path
        The file, for errors.
    stream
        PyAV's stream.
    origin
        Seconds on the container's clock at which the file's own time is zero.
    decode_packet
        Gives a packet's frames, and in words why it was refused.
    frame_rate
        Pictures per second as the container says; None for sound, or where it does not.
    next_wanted
        As :class:`~hearsight.media.container.MediaReader` has it.

    Attributes
    ----------
    end
        Seconds of the file's time at which the last frame ended; None before the first.
    """

    def __init__(
        self,
        path: str,
        stream: Any,
        origin: float,
        decode_packet: Callable[[Any], tuple[list[Any], str]],
        frame_rate: float | None,
        next_wanted: Callable[[float], float] | None,
    ) -> None:
        self.end: float | None = None
        self._path = path
        self._context = stream.codec_context
        self._is_video = stream.type == "video"
        self._origin = origin
        self._numerator, self._denominator = stream.time_base.numerator, stream.time_base.denominator
        self._decode_packet = decode_packet
        self._frame_seconds = 1.0 / frame_rate if frame_rate else 0.0
        self._next_wanted = next_wanted if self._is_video and self._context.name in UNREFERENCED else None
        self._known: deque[float] = deque(maxlen=32)
        self._num_refused, self._refusal = 0, ""
        self._last_stamps, self._faults = (_LONG_AGO, _LONG_AGO), (0, 0)

    def decode(self, packet: Any) -> list[Sound | Picture]:
        """Decode a packet, or what the decoder still holds (None).

        Raises
        ------
        BrokenMediaError
            When a good frame comes after packets that were refused, or too many were; not before the first good frame, and what is
            refused after the last one is passed over, as players do.
        """
        if packet is not None and packet.is_corrupt:
            self._refuse("part of a packet is missing")
            return []
        if self._next_wanted is not None and packet is not None and packet.pts is not None:
            self._choose_pictures(packet.pts, self._next_wanted)
        frames, refusal = self._decode_packet(packet)
        if refusal:
            self._refuse(refusal)
        decoded: list[Sound | Picture] = []
        for frame in frames:
            if frame.is_corrupt:
                self._refuse("damaged data")
                continue
            if self._num_refused and self.end is not None:
                raise self._break_off()
            self._num_refused = 0
            decoded.append(self._wrap(frame))
        return decoded

    def _choose_pictures(self, stamp: int, next_wanted: Callable[[float], float]) -> None:
        """Let the decoder pass over an unreferenced picture when a later one is known to be shown by the next time wanted."""
        time = self._find_time(stamp)
        wanted = next_wanted(time)
        passed_over = any(time < other <= wanted for other in self._known)
        self._known.append(time)
        self._context.skip_frame = "NONREF" if passed_over else "DEFAULT"

    def _find_time(self, stamp: int) -> float:
        return stamp * self._numerator / self._denominator - self._origin

    def _wrap(self, frame: Any) -> Sound | Picture:
        stamp = self._choose_timestamp(frame.pts, frame.dts)
        time = self.end or 0.0 if stamp is None else self._find_time(stamp)
        if self._is_video:
            duration = frame.duration * self._numerator / self._denominator if frame.duration else self._frame_seconds
            made: Sound | Picture = Picture(time, duration, frame)
        else:
            duration = frame.samples / frame.sample_rate
            made = Sound(time, frame.sample_rate, unpack_samples(frame))
        self.end = time + duration
        return made

    def _choose_timestamp(self, pts: int | None, dts: int | None) -> int | None:
        """Choose the time stamp that has gone backwards less often, as players do (FFmpeg's ``guess_correct_pts``)."""
        shown, decoded = (pts if pts is not None else dts), (dts if dts is not None else pts)
        if shown is None or decoded is None:
            return None
        last, faults = self._last_stamps, self._faults
        self._faults = (faults[0] + (shown <= last[0]), faults[1] + (decoded <= last[1]))
        self._last_stamps = (shown, decoded)
        if self._faults[0] <= self._faults[1]:
            return shown
        self._next_wanted = None
        return decoded

    def _refuse(self, why: str) -> None:
        self._num_refused += 1
        self._refusal = why
        if self._num_refused > MAX_FAILURES and self.end is not None:
            raise self._break_off()

    def _break_off(self) -> BrokenMediaError:
        kind = "pictures" if self._is_video else "sound"
        end = self.end or 0.0
        return BrokenMediaError(self._path, f"the {kind} cannot be decoded at {end:.2f} s ({self._refusal})", start=end)


def unpack_samples(frame: Any) -> np.ndarray:
    """Give the samples of a decoded stretch of sound as ``channels samples``, without a copy where they lie in one plane.

    Raises
    ------
    ValueError
        When their number format is none that NumPy has.
    """
    kind = frame.format
    number = _SAMPLE_TYPES.get(kind.name.rstrip("p"))
    if number is None:
        raise ValueError(f"samples of kind {kind.name}")
    count, planes = frame.samples, frame.planes
    if not kind.is_planar:
        channels = frame.layout.nb_channels
        return np.frombuffer(planes[0], number, count * channels).reshape(-1, channels).T
    if len(planes) == 1:
        return np.frombuffer(planes[0], number, count)[np.newaxis]
    samples = np.empty((len(planes), count), number)
    for index, plane in enumerate(planes):
        samples[index] = np.frombuffer(plane, number, count)
    return samples
