"""Videos as real tools leave them become the clips that a player shows, or rejections that name what is wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from hearsight.clips.cut import cut_media
from hearsight.clips.screen import screen_clip
from hearsight.errors import MediaError
from hearsight.media.audio import read_audio
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Encoding, Picture
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import DecodedClip, ImageRequest
from hearsight.media.info import read_media
from hearsight.records import Rejection, RejectReason, Source
from tests.support.damage import (
    join_files,
    patch,
    set_matroska_rate,
    write_channels,
    write_clip,
    write_unmarked_cover,
)
from tests.support.media import FRAME_RATE, HEIGHT, RATE, WIDTH, make_counter, make_tone, read_counter, write_media


def cut(path: Path, start: float = 0.0, end: float | None = None) -> list[DecodedClip | Rejection]:
    """Cut a file as a build does, with one request."""
    try:
        media = read_media(Source(str(path), start, end))
    except MediaError as error:
        return [Rejection(str(path), start, None, RejectReason(error.reason), error.found)]
    pieces = cut_media(
        media,
        length=4.0,
        min_length=3.0,
        max_length=5.0,
        tail="share",
        images_per_second=3.0,
        requests=[ImageRequest(HEIGHT, WIDTH)],
    )
    return list(pieces)


def get_clips(path: Path) -> list[DecodedClip]:
    """Cut a file that must give nothing but clips."""
    pieces = cut(path)
    assert not [piece for piece in pieces if isinstance(piece, Rejection)]
    return [piece for piece in pieces if isinstance(piece, DecodedClip)]


def find_reasons(path: Path) -> list[str]:
    """Return what becomes of each piece of a file, as a build decides."""
    found = []
    for piece in cut(path):
        if isinstance(piece, Rejection):
            found.append(str(piece.reason))
        else:
            problem = screen_clip(piece, min_loudness=-60.0, min_motion=0.05)
            found.append("clip" if problem is None else str(problem[0]))
    return found


JOINED = {
    "dvd cells": (".vob", {"video_codec": "mpeg2video", "audio_codec": "mp2"}),
    "browser recordings": (".webm", {"video_codec": "libvpx", "audio_codec": "libopus"}),
    "broadcast segments": (".ts", {"video_codec": "libx264", "audio_codec": "aac"}),
    "matroska": (".mkv", {"video_codec": "libx264", "audio_codec": "flac"}),
}


@pytest.mark.parametrize("kind", JOINED)
def test_a_clock_that_starts_again_goes_on_at_the_seam(tmp_path: Path, kind: str) -> None:
    suffix, codecs = JOINED[kind]
    seconds = (5.0, 4.0)
    parts = [write_clip(tmp_path / f"{s}{suffix}", s, **codecs) for s in seconds]
    path = join_files(tmp_path / f"a{suffix}", *parts)
    clips = get_clips(path)
    assert sum(clip.duration for clip in clips) == pytest.approx(9.0, abs=0.2)
    assert len(read_audio(path, 16_000)) / 16_000 == pytest.approx(9.0, abs=0.2)
    counters = [read_counter(image) for clip in clips for image in clip.images[0]]
    times = [clip.start + (index + 0.5) / 3 for clip in clips for index in range(len(clip.thumbnails))]
    for time, counter in zip(times, counters, strict=True):
        since = time - (0.0 if time < 5.0 else 5.0)
        assert abs(counter / FRAME_RATE - since) < 0.25 or abs(time - 5.0) < 0.2


def test_a_recording_that_ffmpeg_does_not_reach_is_rejected(tmp_path: Path) -> None:
    parts = [write_media(tmp_path / f"{seconds}.mkv", seconds) for seconds in (4.0, 4.2, 4.4)]
    pieces = cut(join_files(tmp_path / "a.mkv", *parts))
    assert [getattr(piece, "reason", "clip") for piece in pieces] == ["clip", "clip", "broken_stream"]
    assert "another recording follows" in pieces[-1].detail  # type: ignore[union-attr]


def test_three_broadcast_segments_are_joined(tmp_path: Path) -> None:
    suffix, codecs = JOINED["broadcast segments"]
    parts = [write_clip(tmp_path / f"{s}{suffix}", s, **codecs) for s in (3.0, 2.0, 3.0)]
    clips = get_clips(join_files(tmp_path / "a.ts", *parts))
    assert sum(clip.duration for clip in clips) == pytest.approx(8.0, abs=0.2)


def test_a_span_beyond_the_announced_end_of_a_joined_file_is_found(tmp_path: Path) -> None:
    suffix, codecs = JOINED["browser recordings"]
    parts = [write_clip(tmp_path / f"{s}{suffix}", s, **codecs) for s in (5.0, 6.0)]
    pieces = cut(join_files(tmp_path / f"a{suffix}", *parts), 7.0, 10.5)
    assert [(piece.start, round(piece.duration or 0.0, 2)) for piece in pieces] == [(7.0, 3.5)]


def test_segments_that_count_their_packets_anew_are_whole(tmp_path: Path) -> None:
    parts = []
    for index in range(3):
        options = {"output_ts_offset": str(4.0 * index)}
        codecs = {"video_codec": "libx264", "audio_codec": "aac", "container_options": options}
        parts.append(write_clip(tmp_path / f"{index}.ts", 4.0, **codecs))  # type: ignore[arg-type]
    path = join_files(tmp_path / "a.ts", *parts)
    assert [clip.start for clip in get_clips(path)] == [0.0, 4.0, 8.0]
    with MediaReader(path) as reader:
        assert sum(isinstance(item, Picture) for item in reader.read()) == 300


class _WithEmptyPackets:
    """A container between whose packets there are some without bytes, as Theora has them for repeated pictures."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self, *streams: Any) -> Iterator[Any]:
        for packet in self._container.demux(*streams):
            if packet.size and packet.pts is not None:
                empty = av.Packet(0)
                empty.stream, empty.pts, empty.dts = packet.stream, packet.pts, packet.dts
                empty.time_base = packet.time_base
                yield empty
            yield packet


def test_empty_packets_are_passed_over(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", 2.0)
    with MediaReader(path) as reader:
        want = [item.time for item in reader.read()]
    with MediaReader(path) as reader:
        reader._container = _WithEmptyPackets(reader._container)
        assert [item.time for item in reader.read()] == want


def test_a_picture_stream_of_one_picture_is_a_cover(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv", ".mov"):
        clips = get_clips(write_unmarked_cover(tmp_path / f"a{suffix}", 4.0))
        assert [round(clip.duration, 1) for clip in clips] == [4.0]
        assert [read_counter(image) for image in clips[0].images[0]][:3] == [4, 12, 20]


def test_sound_under_a_single_picture_is_no_video(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 4.0, images=make_counter(1))
    assert find_reasons(path) == ["no_video"]


def test_one_sample_that_is_not_finite_rejects_its_window_alone(tmp_path: Path) -> None:
    waveform = make_tone(12.0)
    waveform[5 * RATE] = np.nan
    path = tmp_path / "a.mkv"
    encoding = Encoding(crf=10, audio_codec="pcm_f32le")
    write_video(path, make_counter(300), FRAME_RATE, waveform, RATE, encoding)
    pieces = cut(path)
    assert [(piece.start, getattr(piece, "reason", "clip")) for piece in pieces] == [
        (0.0, "clip"),
        (4.0, "broken_stream"),
        (8.0, "clip"),
    ]
    assert pieces[1].detail == "1 sample from 5.00 s on not finite"  # type: ignore[union-attr]


def test_inverted_stereo_is_loud(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tone = make_tone(8.0)
    path = tmp_path / "a.mkv"
    encoding = Encoding(crf=10, audio_codec="pcm_s16le")
    write_video(path, make_counter(200), FRAME_RATE, np.stack([tone, -tone]), RATE, encoding)
    assert find_reasons(path) == ["clip", "clip"]
    assert "the channels cancel each other" in capfd.readouterr().err


@pytest.mark.parametrize("channels", [9, 16])
def test_more_channels_than_loudspeakers_are_mixed(tmp_path: Path, channels: int) -> None:
    path = write_channels(tmp_path / "a.mkv", channels)
    assert find_reasons(path) == ["clip"]


def test_a_sample_rate_of_two_gigahertz_is_refused_at_once(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.mkv", 4.0)
    path = patch(tmp_path / "b.mkv", whole, lambda data: set_matroska_rate(data, 2e9))
    pieces = cut(path)
    assert [piece.reason for piece in pieces] == ["broken_stream"]  # type: ignore[union-attr]
    assert "2000000000 Hz" in pieces[0].detail  # type: ignore[union-attr]


def test_pictures_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    image = np.zeros((6_000, 6_002, 3), np.uint8)
    write_video(path, [image], 25.0, make_tone(4.0), RATE, Encoding(preset="ultrafast"))
    pieces = cut(path)
    assert [piece.reason for piece in pieces] == ["broken_stream"]  # type: ignore[union-attr]
    assert "pictures of 6002 x 6000" in pieces[0].detail  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [
        (".mpg", {"video_codec": "mpeg2video", "audio_codec": "mp2"}),
        (".flv", {"video_codec": "flv", "audio_codec": "libmp3lame"}),
        (".ts", {"video_codec": "mpeg2video", "audio_codec": "mp2"}),
        (".mkv", {"video_codec": "libx264", "audio_codec": "aac"}),
    ],
)
def test_sound_that_begins_late_is_found(tmp_path: Path, suffix: str, codecs: dict[str, str]) -> None:
    path = write_clip(tmp_path / f"a{suffix}", 16.0, **codecs, sound_start=8.0)
    assert find_reasons(path) == ["broken_stream", "broken_stream", "clip", "clip"]
    assert len(read_audio(path, 16_000)) / 16_000 > 7.9


def test_sound_that_begins_after_more_than_a_minute_is_no_broken_clock(tmp_path: Path) -> None:
    images = (image for _ in range(72 // 2) for image in make_counter(2))
    path = tmp_path / "a.mkv"
    write_video(path, images, 1.0, make_tone(6.0, 8_000), 8_000, Encoding(sound_start=66.0, audio_codec="flac"))
    pieces = [piece for piece in cut(path) if isinstance(piece, DecodedClip)]
    assert [piece.start for piece in pieces if not piece.seconds_filled] == [68.0]
    assert len(pieces) == 18


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", "käse\n.mp4".encode(), b"\xff\xfe.mp4"])
def test_a_file_is_read_whatever_the_bytes_of_its_name(tmp_path: Path, name: bytes) -> None:
    path = Path(f"{tmp_path}/{name.decode('utf-8', 'surrogateescape')}")
    path.write_bytes(write_media(tmp_path / "plain.mp4", 4.0).read_bytes())
    assert find_reasons(path) == ["clip"]
    buffer = io.BytesIO()
    soundfile.write(buffer, make_tone(1.0), RATE, format="WAV")
    sound = path.with_suffix(".wav")
    sound.write_bytes(buffer.getvalue())
    assert len(read_audio(sound, RATE)) == RATE
