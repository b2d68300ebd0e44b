from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from hearsight.errors import MachineError, MediaError
from hearsight.media.containers.ffmpeg import DEMUXERS
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Damage, Encoding, Picture, Sound
from hearsight.media.containers.writer import write_video
from hearsight.records import RejectReason
from tests.support.media import (
    FRAME_RATE,
    HEIGHT,
    RATE,
    WIDTH,
    make_counter,
    make_tone,
    overwrite,
    read_counter,
    write_media,
    write_song_with_cover,
)


def test_a_written_video_is_read_back_picture_by_picture_and_sample_by_sample(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 2.0, channels=2)
    with MediaReader(path) as reader:
        assert (reader.audio.codec, reader.audio.sample_rate, reader.audio.channels) == ("aac", RATE, 2)
        assert (reader.video.codec, reader.video.width, reader.video.height) == ("h264", WIDTH, HEIGHT)
        assert reader.video.frame_rate == FRAME_RATE
        assert reader.duration == pytest.approx(2.0, abs=0.05)
        items = list(reader.read())
        pictures = [item for item in items if isinstance(item, Picture)]
        assert [picture.time for picture in pictures] == pytest.approx(np.arange(50) / FRAME_RATE)
        assert [read_counter(reader.scale(picture, WIDTH, HEIGHT)) for picture in pictures] == list(range(50))
        assert {picture.duration for picture in pictures} == {1 / FRAME_RATE}
    sounds = [item for item in items if isinstance(item, Sound)]
    samples = np.concatenate([sound.samples for sound in sounds], axis=1)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples[:, : 2 * RATE], make_tone(2.0, channels=2), atol=0.02)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("a.wav", "pcm_s16le", 192_000, 1),
        ("a.wav", "pcm_s24le", 44_100, 6),
        ("a.wav", "pcm_u8", 8_000, 2),
        ("a.mkv", "flac", 192_000, 6),
        ("a.mkv", "pcm_f64le", 96_000, 2),
        ("a.mp4", "aac", 48_000, 6),
    ],
)
def test_any_rate_and_layout_is_written_and_read(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    pictures = np.zeros((0,)) if name.endswith("wav") else make_counter(13)
    path = write_media(
        tmp_path / name, 0.5, images=pictures, rate=rate, channels=channels, encoding=Encoding(audio_codec=codec)
    )
    with MediaReader(path) as reader:
        assert (reader.audio.sample_rate, reader.audio.channels) == (rate, channels)
        samples = np.concatenate([s.samples for s in reader.read(pictures=False) if isinstance(s, Sound)], axis=1)
    assert samples.shape[0] == channels
    assert samples.shape[1] >= rate // 2


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv", ".ts"):
        paths = [write_media(tmp_path / f"{name}{suffix}", 1.0) for name in "ab"]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_pictures_may_come_from_an_iterator(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", iter(make_counter(10)), FRAME_RATE, None, RATE)
    with MediaReader(tmp_path / "a.mp4") as reader:
        assert reader.audio is None
        assert len(list(reader.read())) == 10


@pytest.mark.parametrize(
    ("images", "waveform", "error"),
    [
        (None, None, "neither"),
        (make_counter(3, height=47), None, "even sides"),
        (None, np.zeros((3, 100), np.float32), "3 channels"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(
    tmp_path: Path, images: np.ndarray | None, waveform: np.ndarray | None, error: str
) -> None:
    with pytest.raises(ValueError, match=error):
        write_video(tmp_path / "a.mp4", images, FRAME_RATE, waveform, RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 1.0)
    before = path.read_bytes()
    with pytest.raises(MediaError, match="cannot be written"):
        write_video(path, make_counter(3), FRAME_RATE, None, RATE, Encoding(video_codec="no_such_encoder"))
    with pytest.raises(RuntimeError, match="stop"):
        write_video(path, (_stop(image) for image in make_counter(3)), FRAME_RATE, None, RATE)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _stop(image: np.ndarray) -> np.ndarray:
    raise RuntimeError("stop")


def test_a_missing_folder_is_created_and_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    write_video(tmp_path / "new" / "a.mp4", make_counter(3), FRAME_RATE, None, RATE)
    with pytest.raises(MachineError, match="is not a folder"):
        write_video(tmp_path / "new" / "a.mp4" / "b.mp4", make_counter(3), FRAME_RATE, None, RATE)


def make_unreadable(folder: Path, kind: str) -> Path:
    path = folder / "x.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(folder / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    return path


@pytest.mark.parametrize("kind", ["absent", "folder", "dangling link", "pipe"])
def test_what_is_no_file_is_unreadable_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(MediaError) as caught:
        MediaReader(make_unreadable(tmp_path, kind))
    assert caught.value.reason == RejectReason.UNREADABLE
    assert str(tmp_path / "x.mp4") in str(caught.value)


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_media(tmp_path / "a.mp4", 0.5)

    def refuse(*arguments: object, **keywords: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MediaError, match="Permission denied") as caught:
        MediaReader(path)
    assert caught.value.reason == RejectReason.UNREADABLE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello world\n" * 1_000,
        b"\x00" * 5_000,
        np.random.default_rng(0).bytes(200_000),
        b"1\n00:00:01,000 --> 00:00:04,000\nHello\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<html><video src='a.mp4'></html>",
    ],
    ids=["empty", "text", "zeros", "noise", "subtitles", "picture", "page"],
)
def test_what_is_no_media_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        MediaReader(path)
    assert caught.value.reason == RejectReason.NOT_MEDIA


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt", ".sdp", ".mpd"])
@pytest.mark.parametrize("kind", ["hls", "concat", "sdp", "dash"])
def test_a_list_of_other_files_or_addresses_opens_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    other = write_media(tmp_path / "other.mp4", 0.5)
    scripts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{other}'\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{other}</BaseURL></MPD>',
    }
    path = tmp_path / f"list{suffix}"
    path.write_text(scripts[kind])
    with pytest.raises(MediaError) as caught:
        MediaReader(path)
    assert caught.value.reason == RejectReason.NOT_MEDIA


def test_an_address_is_only_ever_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("http://127.0.0.1:9/a.mp4", "tcp://127.0.0.1:9", "concat:a.mp4|b.mp4", "lavfi:testsrc"):
        with pytest.raises(MediaError) as caught:
            MediaReader(address)
        assert caught.value.reason == RejectReason.UNREADABLE
    path = write_media(tmp_path / "data:x.mp4", 0.5)
    with MediaReader(path.name) as reader:
        assert reader.video is not None


def test_no_demuxer_is_allowed_that_reads_lists_devices_or_sequences_of_files() -> None:
    allowed = set(DEMUXERS.split(","))
    assert {"mov", "matroska", "avi", "flv", "mpegts", "ogg", "wav", "mp3", "flac"} <= allowed
    assert not allowed & {"hls", "concat", "dash", "sdp", "rtsp", "rtp", "image2", "lavfi", "imf", "webm_dash_manifest"}
    unknown = {name for name in allowed if not any(name in known.split(",") for known in av.formats_available)}
    assert unknown <= {"osq", "m4a", "mp4", "3gp", "3g2", "mj2"}


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    with MediaReader(write_song_with_cover(tmp_path / "a.m4a")) as reader:
        assert reader.video is None
        assert reader.audio is not None


def test_what_ffmpeg_says_of_a_broken_file_does_not_reach_the_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = overwrite(tmp_path / "b.ts", write_media(tmp_path / "a.ts", 4.0), 0.5, length=1_000)
    with MediaReader(path) as reader:
        assert any(isinstance(item, Damage) for item in reader.read())
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_rotation_of_a_phone_is_read(tmp_path: Path, degrees: int) -> None:
    path = write_media(tmp_path / "a.mp4", 0.5, encoding=Encoding(rotation=degrees))
    with MediaReader(path) as reader:
        picture = next(item for item in reader.read(sound=False) if isinstance(item, Picture))
        assert reader.find_orientation(picture)[0] == degrees


def test_pictures_that_nobody_wants_are_passed_over_and_the_others_stay_the_same(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 4.0, encoding=Encoding(crf=30))
    with MediaReader(path) as reader:
        everything = {
            i.time: reader.scale(i, WIDTH, HEIGHT) for i in reader.read(sound=False) if isinstance(i, Picture)
        }
    with MediaReader(path) as reader:
        reader.next_wanted = lambda time: float(np.ceil(time))
        some = {i.time: reader.scale(i, WIDTH, HEIGHT) for i in reader.read(sound=False) if isinstance(i, Picture)}
    assert len(some) < 0.8 * len(everything)
    assert set(some) <= set(everything)
    assert {0.0, 1.0, 2.0, 3.0, max(everything)} <= set(some)
    for time, image in some.items():
        np.testing.assert_array_equal(image, everything[time])
