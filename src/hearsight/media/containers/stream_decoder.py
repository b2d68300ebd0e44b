"""One stream on its way through its decoder: which time each frame has, which pictures need no decoding, what is damaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped

from hearsight.errors import BrokenMediaError
from hearsight.media.containers.streams import Damage, Picture, Sound
from hearsight.media.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

UNREFERENCED = frozenset({"h264", "mpeg1video", "mpeg2video"})
"""Codecs in which a picture marked as no reference is never needed to decode another one, and has its own packet."""

SAME_TIME = 0.001
"""Seconds within which two times are the same."""

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
        Returns a packet's frames, and in words why it was refused.
    unpack
        Returns the samples of a frame of sound.
    frame_rate
        Pictures per second as the container says; None for sound, or where it does not.
    next_wanted
        As :class:`~hearsight.media.containers.reader.MediaReader` has it.
    since
        Seconds from which on damage counts before the first frame, where reading begins in the middle of the file.

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
        *,
        decode_packet: Callable[[Any], tuple[list[Any], str]],
        unpack: Callable[[Any], Shaped[np.ndarray, "channels samples"]],
        frame_rate: float | None,
        next_wanted: Callable[[float], float] | None,
        since: float | None = None,
    ) -> None:
        self.end: float | None = None
        self._path = path
        self._context = stream.codec_context
        self._is_video = stream.type == "video"
        self._origin = origin
        self._numerator, self._denominator = stream.time_base.numerator, stream.time_base.denominator
        self._decode_packet, self._unpack = decode_packet, unpack
        self._frame_seconds = 1.0 / frame_rate if frame_rate else 0.0
        self._next_wanted = next_wanted if self._is_video and self._context.name in UNREFERENCED else None
        self._since = since
        self._known: deque[float] = deque(maxlen=32)
        self._refusal = ""
        self._last_stamps, self._faults = (_LONG_AGO, _LONG_AGO), (0, 0)

    def decode(self, packet: Any) -> list[Sound | Picture | Damage]:
        """Decode a packet, or what the decoder still holds (None).

        Where packets were refused, or frames came out damaged, the first good frame after them follows a :class:`Damage`. A good
        frame is any one of sound, and a key frame of pictures: those before it may refer to what is damaged. What is refused
        before the first good frame and after the last one is passed over, as players do.

        Raises
        ------
        BrokenMediaError
            When the sound's rate or number of channels is beyond the limits.
        """
        if self._next_wanted is not None and packet is not None and packet.pts is not None:
            self._choose_pictures(packet.pts, self._next_wanted)
        frames, refusal = self._decode_packet(packet)
        self._refusal = self._refusal or refusal
        decoded: list[Sound | Picture | Damage] = []
        for frame in frames:
            if frame.is_corrupt:
                self._refusal = self._refusal or "damaged data"
            elif not self._refusal or not self._is_video or self._begin is None or frame.key_frame:
                decoded += self._accept(frame)
        return decoded

    @property
    def _begin(self) -> float | None:
        return self._since if self.end is None else self.end

    def _choose_pictures(self, stamp: int, next_wanted: Callable[[float], float]) -> None:
        """Let the decoder pass over an unreferenced picture when a later one is known to be shown by the next time wanted."""
        time = self._find_time(stamp)
        wanted = next_wanted(time)
        passed_over = any(time < other <= wanted for other in self._known)
        self._known.append(time)
        self._context.skip_frame = "NONREF" if passed_over else "DEFAULT"

    def _find_time(self, stamp: int) -> float:
        return stamp * self._numerator / self._denominator - self._origin

    def _accept(self, frame: Any) -> list[Sound | Picture | Damage]:
        begin, refusal = self._begin, self._refusal
        made, self._refusal = self._wrap(frame), ""
        if not refusal or begin is None or made.time - begin <= SAME_TIME:
            return [made]
        kind = "pictures" if self._is_video else "sound"
        found = f"the {kind} cannot be decoded at {begin:.2f} s ({refusal})"
        return [Damage(begin, made.time, self._is_video, found), made]

    def _wrap(self, frame: Any) -> Sound | Picture:
        stamp = self._choose_timestamp(frame.pts, frame.dts)
        time = self._begin or 0.0 if stamp is None else self._find_time(stamp)
        if self._is_video:
            duration = frame.duration * self._numerator / self._denominator if frame.duration else self._frame_seconds
            made: Sound | Picture = Picture(time, duration, frame)
        else:
            self._check_sound(frame.sample_rate, frame.layout.nb_channels)
            duration = frame.samples / frame.sample_rate
            made = Sound(time, frame.sample_rate, self._unpack(frame))
        self.end = time + duration
        return made

    def _check_sound(self, sample_rate: int, channels: int) -> None:
        if MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE and 1 <= channels <= MAX_CHANNELS:
            return
        found, wanted = describe_excess(sample_rate, channels)
        raise BrokenMediaError(self._path, found, wanted, start=self._begin or 0.0)

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


def describe_excess(sample_rate: int, channels: int) -> tuple[str, str]:
    """Return in words what is beyond the limits in a stream of sound, and what is wanted."""
    return (
        f"sound at {sample_rate} Hz in {channels} channels",
        f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz in 1 to {MAX_CHANNELS} channels",
    )
