"""Media files opened and read.

What leaves this file is NumPy arrays, plain numbers and :class:`~hearsight.errors.MediaError`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media import limits
from hearsight.media.containers import ffmpeg
from hearsight.media.containers.clock import JoinedClock
from hearsight.media.containers.samples import unpack_samples
from hearsight.media.containers.stream_choice import choose_stream, list_usable, needs_counting
from hearsight.media.containers.stream_decoder import StreamDecoder, describe_excess
from hearsight.media.containers.streams import Damage, Picture, Sound, describe_audio, describe_video
from hearsight.media.guard import open_media_file
from hearsight.records import RejectReason

_MATROSKA = b"\x1a\x45\xdf\xa3"
"""The first bytes of a Matroska file, and of each one that is joined to it."""

_CHUNK_BYTES = 1 << 20

PRIMING_SECONDS = 0.5
"""A stream may start this much before zero: encoders' priming, which no player plays."""

_LATE_FORMATS = frozenset({"flv", "live_flv", "mpegts", "mpeg"})
"""Formats without a list of their streams: one that begins late is not known before its first packet."""


class MediaReader:
    """One opened media file: the metadata of its container, and its sound and pictures in the order of the file.

    Times are seconds since the first of its (chosen) streams starts, so that streams that start apart stay apart. Where the time
    stamps start again on the way, time continues: see :class:`~hearsight.media.containers.clock.JoinedClock`.

    Parameters
    ----------
    path
        A regular file.
    threads
        Threads of each decoder; workers are processes, so one is best where many files are decoded.

    Attributes
    ----------
    audio, video
        The headers of the chosen streams; None if there is none that can be decoded.
    origin
        Seconds on the container's clock at which the file's own time is zero.
    next_wanted
        Returns the first time at or after a given one at which a picture is wanted. With it, pictures that are not wanted and that
        no other picture refers to are not decoded; without it (None) all are.
    num_restarts
        How often the time stamps have started again so far.

    Raises
    ------
    MediaError
        ``unreadable`` where the file cannot be opened, ``not_media`` where no demuxer knows its format or its index is missing,
        ``broken_stream`` where what it claims is beyond :mod:`hearsight.media.limits`.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.path = str(path)
        self._container: Any = ffmpeg.open_container(self.path)
        self._audio, self._video = self._choose_streams()
        chosen = [stream for stream in (self._audio, self._video) if stream is not None]
        ffmpeg.choose_packets(self._container, chosen, threads)
        self.container: str = self._container.format.name
        self.audio = None if self._audio is None else describe_audio(self._audio)
        self.video = None if self._video is None else describe_video(self._video)
        self._check_limits()
        self.origin = self._find_origin()
        self.next_wanted: Callable[[float], float] | None = None
        self.num_restarts = 0
        self._since: float | None = None
        self._read_until = 0
        self._skipped: set[int] = set()
        self._reformatters: dict[tuple[int, int, str], Any] = {}

    def __enter__(self) -> MediaReader:
        """Use the file in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._container.close()

    @property
    def duration(self) -> float | None:
        """Seconds to the end of the last stream, as the container announces them; None where it does not."""
        ends = [
            (facts.start or 0.0) + facts.duration - self.origin
            for facts in (self.audio, self.video)
            if facts is not None and facts.duration is not None
        ]
        if ends:
            return max(ends)
        announced = self._container.duration
        return None if announced is None or announced <= 0 else announced / ffmpeg.MICROSECONDS

    def skip(self, sound: bool = False, pictures: bool = False) -> None:
        """Pass over one kind of packets from now on, also in a reading that is under way."""
        for stream, unwanted in ((self._audio, sound), (self._video, pictures)):
            if unwanted and stream is not None:
                self._skipped.add(stream.index)

    def seek(self, seconds: float) -> None:
        """Go to the key frame before a time; where the format cannot, stay: the caller discards what comes too early."""
        with contextlib.suppress(ffmpeg.FFmpegError, OverflowError):
            self._container.seek(max(0, round((seconds + self.origin) * ffmpeg.MICROSECONDS)), backward=True)
            self._since = seconds

    def read(self, sound: bool = True, pictures: bool = True) -> Iterator[Sound | Picture | Damage]:
        """Decode from here to the end, in one pass.

        Yields
        ------
        Sound, Picture or Damage
            In the order of the file; each kind in its own order of time. Where packets were refused, the span that is lost comes as
            damage before the first good frame after it; what is refused before the first good frame of the file and after the last
            one is passed over, as players do.

        Raises
        ------
        BrokenMediaError
            Where the container breaks off, or is not read to its end; ``start`` is where the last sound or picture ended.
        """
        chosen = [s for s, wanted in ((self._audio, sound), (self._video, pictures)) if wanted and s is not None]
        decoders = {stream.index: self._open_decoder(stream) for stream in chosen}
        if not decoders:
            return
        broken: ffmpeg.FFmpegError | None = None
        packets = self._read_packets(chosen)
        while True:
            try:
                packet = next(packets, None)
            except ffmpeg.FFmpegError as error:
                broken = error
                break
            if packet is None:
                break
            if packet.stream.index not in self._skipped:
                yield from decoders[packet.stream.index].decode(packet)
        for index, decoder in decoders.items():
            if index not in self._skipped:
                yield from decoder.decode(None)
        why = self._find_unread() if broken is None else broken.strerror
        if why:
            end = min((decoder.end or 0.0) for decoder in decoders.values())
            raise BrokenMediaError(self.path, f"cannot be read beyond {end:.2f} s ({why})", start=end)

    def _read_packets(self, chosen: Sequence[Any]) -> Iterator[Any]:
        """Read the packets that have bytes, with stamps on one continuous clock.

        Packets without bytes are Ogg's way of repeating a picture, and PyAV's of asking for a flush; both are passed over.
        """
        clock = JoinedClock(ffmpeg.has_loose_clock(self._container))
        try:
            for packet in self._container.demux(chosen):
                if packet.size:
                    self._read_until = max(self._read_until, packet.pos or 0)
                    _move_stamps(packet, clock)
                    self.num_restarts = clock.num_restarts
                    yield packet
        except IndexError:
            # PyAV, which asks for flushes at the end of the file, does not know the streams that have appeared since it was opened
            return

    def _find_unread(self) -> str:
        """Return what is left unread at the end, in words; FFmpeg stops at the third of several joined Matroska recordings."""
        if not self.container.startswith("matroska"):
            return ""
        with open_media_file(self.path) as file:
            file.seek(self._read_until)
            held = b""
            while chunk := file.read(_CHUNK_BYTES):
                held = held[-len(_MATROSKA) :] + chunk
                if _MATROSKA in held:
                    return "another recording follows, which FFmpeg does not reach"
        return ""

    def scale(
        self, picture: Picture, width: int, height: int, gray: bool = False
    ) -> UInt8[np.ndarray, "height width *rgb"]:
        """Convert a picture to RGB (or to one plane of gray) of a size, as it is coded: not turned upright.

        Averages over areas where it shrinks, interpolates where it grows.
        """
        pixels = "gray" if gray else "rgb24"
        reformatter = self._reformatters.setdefault((width, height, pixels), ffmpeg.make_reformatter())
        shrinks = width <= picture.frame.width and height <= picture.frame.height
        scaled = reformatter.reformat(
            picture.frame,
            width=width,
            height=height,
            format=pixels,
            interpolation=ffmpeg.choose_interpolation(shrinks),
            threads=1,
        )
        return scaled.to_ndarray()

    def find_orientation(self, picture: Picture) -> tuple[int, tuple[int, ...] | None]:
        """Return how players turn a picture: degrees counter-clockwise (0 to 359), and its display matrix where it has one."""
        matrix = picture.frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return 0, None
        return round(picture.frame.rotation) % 360, tuple(np.frombuffer(bytes(matrix), np.int32).tolist())

    def _choose_streams(self) -> tuple[Any, Any]:
        """Return the streams of sound and of pictures; a file in which one seems to be absent is searched for it once more."""
        if self._container.format.name in _LATE_FORMATS:
            streams = self._container.streams
            if not streams.audio or not streams.video:
                self._container.close()
                self._container = ffmpeg.open_container(self.path, ffmpeg.LONG_PROBE)
        streams = self._container.streams
        videos = list_usable(streams.video, ffmpeg.COVERS)
        counts = ffmpeg.count_packets(self.path) if needs_counting(videos) else None
        sounds = list_usable(streams.audio, ffmpeg.COVERS)
        return choose_stream(sounds, ffmpeg.DEFAULT), choose_stream(videos, ffmpeg.DEFAULT, counts)

    def _check_limits(self) -> None:
        if self.video is not None and self.video.width * self.video.height > limits.MAX_PIXELS:
            found = f"pictures of {self.video.width} x {self.video.height}"
            wanted = f"at most {limits.MAX_PIXELS // 1_000_000} megapixels"
            raise self._close_with(found, wanted)
        rate, channels = (0, 0) if self.audio is None else (self.audio.sample_rate, self.audio.channels)
        known = rate > limits.MAX_SAMPLE_RATE or 0 < rate < limits.MIN_SAMPLE_RATE
        if known or channels > limits.MAX_CHANNELS:
            raise self._close_with(*describe_excess(rate, channels))

    def _close_with(self, found: str, wanted: str) -> MediaError:
        self._container.close()
        return MediaError(self.path, found, wanted, reason=RejectReason.BROKEN_STREAM)

    def _open_decoder(self, stream: Any) -> StreamDecoder:
        video = self.video if stream.type == "video" else None
        return StreamDecoder(
            self.path,
            stream,
            self.origin,
            decode_packet=functools.partial(ffmpeg.decode_packet, stream),
            unpack=functools.partial(unpack_samples, list_planes=ffmpeg.list_planes),
            frame_rate=None if video is None else video.frame_rate,
            next_wanted=self.next_wanted,
            since=self._since,
        )

    def _find_origin(self) -> float:
        starts = [f.start for f in (self.audio, self.video) if f is not None and f.start is not None]
        if not starts:
            start = self._container.start_time
            starts = [0.0 if start is None else start / ffmpeg.MICROSECONDS]
        return 0.0 if -PRIMING_SECONDS < min(starts) < 0.0 else min(starts)


def _move_stamps(packet: Any, clock: JoinedClock) -> None:
    """Move a packet's stamps to the continuous clock. Pictures are followed by their decoding time, the only one that rises."""
    stamp = packet.pts if packet.dts is None and packet.stream.type == "audio" else packet.dts
    if stamp is None:
        return
    unit = packet.time_base
    offset = clock.find_offset(packet.stream.index, float(stamp * unit), float((packet.duration or 0) * unit))
    if offset:
        moved = round(offset / unit)
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved
