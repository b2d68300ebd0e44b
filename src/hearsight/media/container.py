"""Media files opened, read and written: the only file that imports PyAV.

What leaves this file is NumPy arrays, plain numbers and :class:`~hearsight.errors.MediaError`; nothing else in the project
knows FFmpeg. Only local files are opened: the demuxers of playlists and of anything else that makes FFmpeg open further files
or addresses are not on the list of those allowed, whatever a file's name or content says, and the only protocol is ``file``.
"""

from __future__ import annotations

import contextlib
import functools
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.codec.codec
import av.codec.context
import av.container
import av.error
import av.stream
import av.video.reformatter
import numpy as np
from jaxtyping import Float32, UInt8

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.files import write_atomically
from hearsight.media.encode import PictureWriter, SoundWriter
from hearsight.media.stream_decoder import StreamDecoder
from hearsight.media.streams import Encoding, Picture, Sound, describe_audio, describe_video
from hearsight.records import RejectReason

DEMUXERS = (
    "3dostr,4xm,aa,aac,aax,ac3,ac4,aiff,amr,amrnb,amrwb,amv,ape,asf,asf_o,ast,au,av1,avi,avs,bink,caf,cavsvideo,dirac,dnxhd,dsf,"
    "dts,dtshd,dv,dxa,eac3,film_cpk,flac,flic,flv,gif,gxf,h261,h263,h264,hevc,iff,ircam,ivf,ivr,kux,live_flv,loas,m4v,matroska,"
    "webm,mjpeg,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mtv,mxf,nistsphere,nsv,nut,nuv,obu,ogg,oma,osq,"
    "pva,qcp,qoa,rm,roq,shn,smk,sox,swf,tak,truehd,tta,ty,vc1,voc,vvc,w64,wav,wsd,wtv,wv,xwma,yuv4mpegpipe"
)
"""The demuxers that read one file and nothing beside it."""

PRIMING_SECONDS = 0.5
"""A stream may start this much before zero: encoders' priming, which no player plays."""

_MICROSECONDS = 1_000_000


class MediaReader:
    """One opened media file: what its container says, and its sound and pictures in the order of the file.

    Times are seconds since the first of its (chosen) streams starts, so that streams that start apart stay apart.

    Parameters
    ----------
    path
        A regular file.
    threads
        Threads of each decoder; workers are processes, so one is best where many files are decoded.

    Attributes
    ----------
    audio, video
        What the container says of the chosen streams; None where there is none that can be decoded.
    origin
        Seconds on the container's clock at which the file's own time is zero.
    next_wanted
        Gives the first time at or after a given one at which somebody wants the picture shown. With it, pictures that nobody wants
        and no other picture refers to are not decoded; without it (None) all are.

    Raises
    ------
    MediaError
        ``unreadable`` where the file cannot be opened, ``not_media`` where nothing knows its format or its index is missing.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.path = str(path)
        self._container: Any = _open_container(self.path)
        self._audio = _choose_stream(self._container.streams.audio)
        self._video = _choose_stream(self._container.streams.video)
        for stream in self._container.streams:
            stream.discard = av.stream.Discard.all
        for stream in (self._audio, self._video):
            if stream is not None:
                stream.discard = av.stream.Discard.default
                stream.codec_context.thread_count = threads
        self.container: str = self._container.format.name
        self.audio = None if self._audio is None else describe_audio(self._audio)
        self.video = None if self._video is None else describe_video(self._video)
        self.origin = self._find_origin()
        self.next_wanted: Callable[[float], float] | None = None
        self._skipped: set[int] = set()
        self._reformatters: dict[tuple[int, int, str], av.video.reformatter.VideoReformatter] = {}

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
        return None if announced is None or announced <= 0 else announced / _MICROSECONDS

    def skip(self, sound: bool = False, pictures: bool = False) -> None:
        """Pass over one kind of packets from now on, also in a reading that is under way."""
        for stream, unwanted in ((self._audio, sound), (self._video, pictures)):
            if unwanted and stream is not None:
                self._skipped.add(stream.index)

    def seek(self, seconds: float) -> None:
        """Go to the key frame before a time; where the format cannot, stay: the caller discards what comes too early."""
        with contextlib.suppress(av.error.FFmpegError):
            self._container.seek(max(0, round((seconds + self.origin) * _MICROSECONDS)), backward=True)

    def read(self, sound: bool = True, pictures: bool = True) -> Iterator[Sound | Picture]:
        """Decode from here to the end, in one pass.

        Yields
        ------
        Sound or Picture
            In the order of the file; each kind in its own order of time.

        Raises
        ------
        BrokenMediaError
            Where a decoder refuses packets and good ones follow, or the container breaks off; ``start`` is where the last good
            sound or picture ended. Packets refused before the first good one and after the last are passed over, as players do.
        """
        chosen = [s for s, wanted in ((self._audio, sound), (self._video, pictures)) if wanted and s is not None]
        decoders = {stream.index: self._open_decoder(stream) for stream in chosen}
        if not decoders:
            return
        packets = self._container.demux(chosen)
        broken: av.error.FFmpegError | None = None
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                broken = error
                break
            if packet is None:
                return
            if packet.stream.index not in self._skipped:
                yield from decoders[packet.stream.index].decode(packet)
        for decoder in decoders.values():
            yield from decoder.decode(None)
        end = min((decoder.end or 0.0) for decoder in decoders.values())
        raise BrokenMediaError(self.path, f"cannot be read beyond {end:.2f} s ({broken.strerror})", start=end)

    def scale(
        self, picture: Picture, width: int, height: int, gray: bool = False
    ) -> UInt8[np.ndarray, "height width *rgb"]:
        """Convert a picture to RGB (or to one plane of gray) of a size, as it is coded: not turned upright.

        Averages over areas where it shrinks, interpolates where it grows.
        """
        pixels = "gray" if gray else "rgb24"
        reformatter = self._reformatters.setdefault((width, height, pixels), av.video.reformatter.VideoReformatter())
        kinds = av.video.reformatter.Interpolation
        shrinks = width <= picture.frame.width and height <= picture.frame.height
        scaled = reformatter.reformat(
            picture.frame,
            width=width,
            height=height,
            format=pixels,
            interpolation=kinds.AREA if shrinks else kinds.BICUBIC,
            threads=1,
        )
        return scaled.to_ndarray()

    def find_orientation(self, picture: Picture) -> tuple[int, tuple[int, ...] | None]:
        """Give how players turn a picture: degrees counter-clockwise (0 to 359), and its display matrix where it has one."""
        matrix = picture.frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return 0, None
        return round(picture.frame.rotation) % 360, tuple(np.frombuffer(bytes(matrix), np.int32).tolist())

    def _open_decoder(self, stream: Any) -> StreamDecoder:
        video = self.video if stream.type == "video" else None
        rate = None if video is None else video.frame_rate
        return StreamDecoder(
            self.path, stream, self.origin, functools.partial(_decode_packet, stream), rate, self.next_wanted
        )

    def _find_origin(self) -> float:
        starts = [f.start for f in (self.audio, self.video) if f is not None and f.start is not None]
        if not starts:
            start = self._container.start_time
            starts = [0.0 if start is None else start / _MICROSECONDS]
        return 0.0 if -PRIMING_SECONDS < min(starts) < 0.0 else min(starts)


def _decode_packet(stream: Any, packet: Any) -> tuple[list[Any], str]:
    """Decode a packet, or what the decoder still holds (None): the frames, and in words why it was refused."""
    try:
        return stream.decode(packet), ""
    except av.error.EOFError:
        return [], ""
    except av.error.FFmpegError as error:
        return [], error.strerror or type(error).__name__


def _open_container(path: str) -> av.container.InputContainer:
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise MediaError(path, kind, "a media file", reason=RejectReason.UNREADABLE)
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise MediaError(path, error.strerror or str(error), reason=RejectReason.UNREADABLE) from error
    if found.st_size == 0:
        raise MediaError(path, "empty file", "a media file", reason=RejectReason.NOT_MEDIA)
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
    try:
        container = av.open(f"file:{Path(path).absolute()}", "r", container_options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        reason = RejectReason.UNREADABLE if isinstance(error, OSError) else RejectReason.NOT_MEDIA
        said = (error.strerror or type(error).__name__).lower()
        raise MediaError(path, f"no media that can be opened ({said})", reason=reason) from error
    if len(container.streams) == 0:
        container.close()
        raise MediaError(path, "a container without streams", reason=RejectReason.NOT_MEDIA)
    return container


def _choose_stream(streams: Sequence[Any]) -> Any:
    """Choose the stream marked as default, else the first; covers are no video, and without a decoder there is nothing."""
    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    usable = [stream for stream in streams if stream.codec_context is not None and not stream.disposition & cover]
    return max(usable, key=lambda s: (bool(s.disposition & av.stream.Disposition.default), -s.index), default=None)


def write_video(
    path: str | Path,
    images: Iterable[UInt8[np.ndarray, "height width 3"]] | None,
    frame_rate: float,
    waveform: Float32[np.ndarray, " samples"] | Float32[np.ndarray, "channels samples"] | None,
    sample_rate: int,
    encoding: Encoding | None = None,
) -> None:
    """Encode pictures and sound to a media file: H.264 and AAC unless told otherwise, in the format of the path's suffix.

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
    MediaError
        When the file cannot be written or FFmpeg has no such encoder.
    """
    target = Path(path)
    encoding = encoding or Encoding()
    if images is None and waveform is None:
        raise ValueError("neither pictures nor sound to write")
    try:
        with (
            write_atomically(target) as partial,
            av.open(str(partial), "w", options=dict(encoding.container_options or {})) as container,
        ):
            _encode(container, encoding, images, frame_rate, waveform, sample_rate)
    except av.codec.codec.UnknownCodecError as error:
        raise MediaError(target, f"cannot be written (FFmpeg has no encoder {error})") from error
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(target, f"cannot be written ({error.strerror or error})") from error


def _encode(
    container: Any,
    encoding: Encoding,
    images: Iterable[np.ndarray] | None,
    frame_rate: float,
    waveform: np.ndarray | None,
    sample_rate: int,
) -> None:
    container.flags |= av.container.Flags.bitexact.value
    pictures = None if images is None else PictureWriter(container, encoding, frame_rate, av.VideoFrame)
    sounds = None if waveform is None else SoundWriter(container, encoding, waveform, sample_rate, av.AudioFrame)
    for stream in container.streams:
        stream.codec_context.flags |= av.codec.context.Flags.bitexact.value
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
