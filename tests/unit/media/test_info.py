from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import MediaError
from hearsight.media.containers.streams import Encoding
from hearsight.media.info import digest_file, read_media
from hearsight.records import RejectReason, Source, name_media
from tests.support.media import FRAME_RATE, RATE, make_counter, write_media


def test_the_facts_of_a_file_are_those_of_its_container(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 2.0, channels=6)
    media = read_media(Source(str(path), 0.5, 1.5))
    assert (media.start, media.end) == (0.5, 1.5)
    assert media.duration == pytest.approx(2.0, abs=0.05)
    assert media.size_bytes == path.stat().st_size
    assert (media.audio_codec, media.sample_rate, media.channels) == ("aac", RATE, 6)
    assert (media.video_codec, media.width, media.height, media.frame_rate) == ("h264", 64, 48, FRAME_RATE)
    assert media.rotation == 0
    assert "mp4" in media.container


def test_a_file_is_known_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    first = write_media(tmp_path / "a.mp4", 1.0)
    shutil.copy(first, tmp_path / "b.mov")
    other = write_media(tmp_path / "c.mp4", 1.2)
    names = [read_media(Source(str(path))).uuid for path in (first, tmp_path / "b.mov", other)]
    assert names[0] == names[1] != names[2]
    assert names[0] == name_media(hashlib.sha256(first.read_bytes()).hexdigest())


@pytest.mark.parametrize("degrees", [90, 270])
def test_the_size_is_that_of_the_picture_as_it_is_shown(tmp_path: Path, degrees: int) -> None:
    path = write_media(tmp_path / "a.mp4", 1.0, encoding=Encoding(rotation=degrees))
    media = read_media(Source(str(path)))
    assert (media.width, media.height, media.rotation) == (48, 64, degrees)


def test_what_a_file_lacks_is_none(tmp_path: Path) -> None:
    silent = read_media(Source(str(write_media(tmp_path / "a.mp4", 1.0, sound=False))))
    assert (silent.audio_codec, silent.sample_rate, silent.channels) == (None, None, None)
    sound_only = write_media(tmp_path / "a.wav", 1.0, images=np.zeros(0), encoding=Encoding(audio_codec="pcm_s16le"))
    blind = read_media(Source(str(sound_only)))
    assert (blind.video_codec, blind.width, blind.height, blind.frame_rate) == (None, None, None, None)


def test_a_stream_without_a_container_has_no_known_duration(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.h264", 1.0, images=make_counter(25), sound=False)
    assert read_media(Source(str(path))).duration is None


def test_a_large_file_is_digested_like_any_other(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(3_000_001)
    (tmp_path / "a").write_bytes(content)
    assert digest_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    with pytest.raises(MediaError) as caught:
        digest_file(tmp_path / "b")
    assert caught.value.reason == RejectReason.UNREADABLE


@pytest.mark.parametrize(
    ("seconds", "span", "expected"),
    [
        (2.0, (30.0, 32.0), (0.0, None)),  # as long as the span, which lies behind its end
        (2.3, (30.0, 32.0), (0.0, None)),  # cut at the next key picture
        (4.0, (1.0, 3.0), (1.0, 3.0)),  # the whole video
        (4.0, (30.0, 32.0), (30.0, 32.0)),  # another video, or one that was cut short
    ],
)
def test_the_length_of_a_file_tells_the_whole_video_from_the_excerpt(
    tmp_path: Path, seconds: float, span: tuple[float, float], expected: tuple[float, float | None]
) -> None:
    path = write_media(tmp_path / "a.mp4", seconds)
    media = read_media(Source(str(path), *span, may_be_excerpt=True))
    assert (media.start, media.end) == expected
    assert read_media(Source(str(path), *span)).start == span[0]
