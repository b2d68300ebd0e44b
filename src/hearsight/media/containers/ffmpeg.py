"""FFmpeg's libraries: the only file that imports PyAV.

Only local files are opened: the demuxers of playlists and of anything else that makes FFmpeg open further files or addresses are
not on the list of those allowed, whatever a file's name or content says, and the only protocol is ``file``.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import av
import av.audio.plane
import av.codec.codec
import av.codec.context
import av.container
import av.error
import av.format
import av.stream
import av.video.frame
import av.video.reformatter
import numpy as np
from jaxtyping import UInt8

from hearsight.errors import MediaError
from hearsight.media import limits
from hearsight.media.containers.announced import is_unfinished
from hearsight.media.guard import open_media_file
from hearsight.records import RejectReason

FFmpegError = av.error.FFmpegError
"""What FFmpeg's functions raise."""

COVERS = av.stream.Disposition.attached_pic.value | av.stream.Disposition.timed_thumbnails.value
"""Dispositions of streams that are no films."""

DEFAULT = av.stream.Disposition.default.value
"""Disposition of the stream that players choose."""

VideoFrame, AudioFrame = av.VideoFrame, av.AudioFrame

_COUNTED_PACKETS = 500
"""Number of packets that are read to distinguish films from covers."""

MICROSECONDS = 1_000_000
"""FFmpeg's unit of time, of a second."""

DEMUXERS = (
    "3dostr,4xm,aa,aac,aax,ac3,ac4,aiff,amr,amrnb,amrwb,amv,ape,asf,asf_o,ast,au,av1,avi,avs,bink,caf,cavsvideo,dirac,dnxhd,dsf,"
    "dts,dtshd,dv,dxa,eac3,film_cpk,flac,flic,flv,gif,gxf,h261,h263,h264,hevc,iff,ircam,ivf,ivr,kux,live_flv,loas,m4v,matroska,"
    "webm,mjpeg,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mtv,mxf,nistsphere,nsv,nut,nuv,obu,ogg,oma,osq,"
    "pva,qcp,qoa,rm,roq,shn,smk,sox,swf,tak,truehd,tta,ty,vc1,voc,vvc,w64,wav,wsd,wtv,wv,xwma,yuv4mpegpipe"
)
"""The demuxers that read a single file."""

_DECODER_OPTIONS = {"max_pixels": str(limits.MAX_PIXELS)}
_CODEC_OPTIONS = {"flac": {"err_detect": "crccheck+explode"}}
"""FLAC has a checksum of each frame, by which a damaged one is refused instead of decoded to noise."""
_CONTAINER_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": DEMUXERS,
    "max_streams": str(limits.MAX_STREAMS),
}
LONG_PROBE = {
    "probesize": str(limits.PROBE_BYTES),
    "analyzeduration": str(round(limits.PROBE_SECONDS * MICROSECONDS)),
}
"""Options for finding a stream that begins late."""


def open_container(path: str, probe: Mapping[str, str] | None = None) -> av.container.InputContainer:
    """Open a media file for reading.

    Parameters
    ----------
    path
        A regular file.
    probe
        FFmpeg's options for how much of the file is searched for streams.

    Raises
    ------
    MediaError
        ``unreadable`` or ``not_media``.
    """
    with open_media_file(path) as file:
        if not file.read(1):
            raise MediaError(path, "empty file", "a media file", reason=RejectReason.NOT_MEDIA)
        length = {"ignore_length": "1"} if is_unfinished(file) else {}  # the sound is read to the end of the file
    try:
        container = av.open(
            f"file:{Path(path).absolute()}",
            "r",
            options=dict(_DECODER_OPTIONS),
            container_options={**_CONTAINER_OPTIONS, **length, **(probe or {})},
            metadata_errors="replace",
            timeout=limits.STALL_SECONDS,
        )
    except av.error.FFmpegError as error:
        reason = RejectReason.UNREADABLE if isinstance(error, OSError) else RejectReason.NOT_MEDIA
        said = (error.strerror or type(error).__name__).lower()
        raise MediaError(path, f"no media that can be opened ({said})", reason=reason) from error
    if len(container.streams) == 0:
        container.close()
        raise MediaError(path, "a container without streams", reason=RejectReason.NOT_MEDIA)
    return container


def choose_packets(container: Any, chosen: Sequence[Any], threads: int) -> None:
    """Let the demuxer drop the packets of all streams but the chosen ones, and set up the decoders of those."""
    for stream in container.streams:
        stream.discard = av.stream.Discard.all
    for stream in chosen:
        stream.discard = av.stream.Discard.default
        stream.codec_context.thread_count = threads
        stream.codec_context.options = _DECODER_OPTIONS | _CODEC_OPTIONS.get(stream.codec_context.name, {})


def has_loose_clock(container: Any) -> bool:
    """Return whether the time stamps of a container's format may jump, as those of broadcasts do."""
    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def count_packets(path: str) -> dict[int, int]:
    """Count the packets of each video stream near the beginning of a file."""
    counts: dict[int, int] = {}
    with open_container(path) as container, contextlib.suppress(av.error.FFmpegError, IndexError):
        counts = {stream.index: 0 for stream in container.streams.video}
        for packet in itertools.islice(container.demux(*container.streams.video), _COUNTED_PACKETS):
            counts[packet.stream.index] += bool(packet.size)
    return counts


def decode_packet(stream: Any, packet: Any) -> tuple[list[Any], str]:
    """Decode a packet, or what the decoder still holds (None): the frames, and in words why it was refused."""
    try:
        return stream.decode(packet), ""
    except av.error.EOFError:
        return [], ""
    except av.error.FFmpegError as error:
        return [], error.strerror or type(error).__name__


def list_planes(frame: Any, count: int) -> list[Any]:
    """Return the first so many planes of a frame of sound, each as a buffer.

    ``frame.planes`` is not used: it looks for a null pointer behind the last plane, and beyond eight channels there is none.
    """
    return [av.audio.plane.AudioPlane(frame, index) for index in range(count)]


def make_reformatter() -> Any:
    """Return what scales pictures and converts their pixels."""
    return av.video.reformatter.VideoReformatter()


def choose_interpolation(shrinks: bool) -> Any:
    """Return how to scale: averages over areas where pictures shrink, bicubic where they grow."""
    kinds = av.video.reformatter.Interpolation
    return kinds.AREA if shrinks else kinds.BICUBIC


def open_output(path: Path, options: Mapping[str, str]) -> av.container.OutputContainer:
    """Open a media file for writing, in the format of its suffix; the same input will give the same bytes."""
    container = av.open(str(path), "w", options=dict(options))
    container.flags |= av.container.Flags.bitexact.value
    return container


def open_buffer(buffer: BytesIO, mode: Literal["r", "w"], name: str) -> Any:
    """Open bytes in memory, which this program has written or will write, as a media file of a format."""
    container = av.open(buffer, mode, format=name)
    if mode == "w":
        container.flags |= av.container.Flags.bitexact.value
    return container


def encode_jpeg(image: UInt8[np.ndarray, "height width 3"], quality: int = 4) -> bytes:
    """Encode a picture as JPEG; the same picture gives the same bytes.

    Parameters
    ----------
    image
        Red, green and blue, 0 to 255.
    quality
        FFmpeg's quantiser: 2 is the best and largest, 31 the worst.
    """
    height, width = image.shape[:2]
    encoder: Any = av.codec.context.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1)
    encoder.flags |= av.codec.context.Flags.bitexact.value
    encoder.options = {"qmin": str(quality), "qmax": str(quality)}
    frame = av.video.frame.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    packets = [*encoder.encode(frame.reformat(format="yuvj420p")), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def make_bitexact(stream: Any) -> None:
    """Let an encoder leave out of its stream what differs from run to run."""
    stream.codec_context.flags |= av.codec.context.Flags.bitexact.value


def describe_error(error: Exception) -> str:
    """Return in words why something could not be written."""
    if isinstance(error, av.codec.codec.UnknownCodecError):
        return f"FFmpeg has no encoder {error}"
    return str(getattr(error, "strerror", None) or error)


WRITE_ERRORS = (av.codec.codec.UnknownCodecError, av.error.FFmpegError, OSError)
"""What writing a media file may raise for reasons outside the program."""
