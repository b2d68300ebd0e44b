"""Media files as other programs leave them: joined, unfinished, damaged, with headers that claim too much."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from tests.support.media import FRAME_RATE, RATE, make_counter, make_tone


def join_files(path: Path, *parts: Path) -> Path:
    """Write the bytes of files one after another."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def write_sound(path: Path, codec: str, waveform: np.ndarray, rate: int, *, format: str, **options: str) -> Path:
    """Encode a waveform (``channels samples``) with FFmpeg, with options of the muxer."""
    with av.open(str(path), "w", format=format, options=options) as container:
        layout = {1: "mono", 2: "stereo"}[len(waveform)]
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform, np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_channels(path: Path, channels: int, seconds: float = 4.0, *, pictures: bool = True) -> Path:
    """Write a Matroska file with more channels than a picture of loudspeakers has, decoded to one plane per channel."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"threads": "1"}) if pictures else None
        audio = container.add_stream(
            "libopus", rate=RATE, options={"mapping_family": "255"}, layout=f"{channels} channels"
        )
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for number, image in enumerate(make_counter(round(seconds * 25))):
                picture = av.VideoFrame.from_ndarray(image, format="rgb24")
                picture.pts = number
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        waveform = np.repeat(make_tone(seconds), channels)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform), format="flt", layout=f"{channels} channels")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def patch(path: Path, source: Path, change: Callable[[bytearray], None]) -> Path:
    """Write a copy of a file that a function has changed."""
    data = bytearray(source.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def forget_flac_length(data: bytearray) -> None:
    """Make a FLAC's header say what an encoder that writes to a pipe says: length unknown."""
    data[21] &= 0xF0
    data[22:26] = bytes(4)


def forget_wav_length(data: bytearray) -> None:
    """Make a WAV's header say what a recorder that was switched off left there: no samples yet."""
    place = data.index(b"data")
    data[4:8] = bytes(4)
    data[place + 4 : place + 8] = bytes(4)


def set_wav_rate(data: bytearray, rate: int) -> None:
    """Change the sample rate in a WAV's header."""
    data[24:28] = struct.pack("<I", rate)


def set_matroska_rate(data: bytearray, rate: float) -> None:
    """Change the sampling frequency in a Matroska header."""
    place = data.index(b"\xb5\x88") + 2
    data[place : place + 8] = struct.pack(">d", rate)


def write_unmarked_cover(path: Path, seconds: float) -> Path:
    """Write a video whose first picture stream is a thumbnail of one picture that is not marked as a cover."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("libx264", rate=25)
        video = container.add_stream("libx264", rate=25)
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for stream in (cover, video):
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream, images in ((cover, make_counter(1)), (video, make_counter(round(seconds * 25)))):
            for number, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        sound = av.AudioFrame.from_ndarray(make_tone(seconds)[np.newaxis], format="fltp", layout="mono")
        sound.sample_rate = RATE
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return path


def write_clip(path: Path, seconds: float, *, video_codec: str, audio_codec: str, **encoding: object) -> Path:
    """Write a video of counted pictures and a rising tone by any pair of codecs."""
    made = Encoding(video_codec=video_codec, audio_codec=audio_codec, **encoding)  # type: ignore[arg-type]
    waveform = make_tone(seconds - made.sound_start, RATE)
    write_video(path, make_counter(round(seconds * FRAME_RATE)), FRAME_RATE, waveform, RATE, made)
    return path
