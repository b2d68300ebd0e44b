"""Real videos of many makers: all are opened and cut, and nothing of what is right about them changes unnoticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.clips.cut import cut_media
from hearsight.media.audio import read_audio
from hearsight.media.containers import stream_decoder
from hearsight.media.decode import DecodedClip, ImageRequest, decode_windows
from hearsight.media.info import read_media
from hearsight.media.sources import list_sources
from hearsight.records import Rejection, RejectReason, Source
from hearsight.signal.waveform import to_int16

SOME = [
    "LipNet__GRID_lwbsza.mpg",
    "mmaction2__data_test.avi",
    "metadata-extractor-image__mov_with-gps.mov",
    "rails__files_video.webm",
    "decord__examples_flipping_a_pancake.mkv",
    "srs__srs-bench_bbb.flv",
    "tika__test-documents_testWMV_WMV2.wmv",
    "file-type__fixture_fixture.3gp",
    "lhotse__fixtures_big_buck_bunny_small.mp4",
]


@pytest.mark.real
@pytest.mark.parametrize("name", SOME)
def test_windows_of_a_real_video_joined_are_its_sound(real_data: Path, name: str) -> None:
    path = real_data / "videos" / name
    windows = decode_windows(read_media(Source(str(path))), length=2.0, images_per_second=3.0, requests=())
    samples = np.concatenate([window.samples for window in windows])
    whole = to_int16(read_audio(path, 16_000))
    assert len(samples) > 40_000
    np.testing.assert_array_equal(samples, whole[: len(samples)])


@pytest.mark.real
@pytest.mark.parametrize("name", SOME)
def test_passing_over_pictures_changes_none_that_is_taken(
    real_data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = read_media(Source(str(real_data / "videos" / name)))

    def decode() -> list[DecodedClip]:
        return list(decode_windows(media, length=4.0, images_per_second=3.0, requests=[ImageRequest(32, 48)]))

    quick = decode()
    monkeypatch.setattr(stream_decoder, "UNREFERENCED", frozenset[str]())
    for one, other in zip(quick, decode(), strict=True):
        np.testing.assert_array_equal(one.images[0], other.images[0])
        np.testing.assert_array_equal(one.thumbnails, other.thumbnails)


@pytest.mark.real
def test_a_phone_held_upright_is_shown_upright(real_data: Path) -> None:
    media = read_media(Source(str(real_data / "videos" / "metadata-extractor-image__mov_with-gps.mov")))
    assert (media.width, media.height, media.rotation) == (320, 568, 270)


@pytest.mark.real
@pytest.mark.slow
def test_every_real_video_is_cut_and_its_span_accounted_for(real_data: Path) -> None:
    sources = list_sources([real_data / "videos"])
    assert len(sources) >= 73
    rejections: list[Rejection] = []
    num_clips = 0
    for source in sources:
        media = read_media(source)
        lengths = {"length": 4.0, "min_length": 3.0, "max_length": 5.0}
        at = 0.0
        for piece in cut_media(media, **lengths, tail="share", images_per_second=3.0, requests=()):  # type: ignore[arg-type]
            assert piece.start == pytest.approx(at, abs=1e-6)
            at = piece.start + (piece.duration or 0.0)
            if isinstance(piece, Rejection):
                rejections.append(piece)
            else:
                num_clips += 1
                assert 3.0 - 1e-6 <= piece.duration <= 5.0 + 1e-6
        assert media.duration is not None
        assert at == pytest.approx(media.duration, abs=0.5)
    assert num_clips >= 190
    assert {piece.reason for piece in rejections} <= {
        RejectReason.SHORT_TAIL,
        RejectReason.TOO_SHORT,
        RejectReason.BROKEN_STREAM,
    }
    broken = [Path(piece.path).name for piece in rejections if piece.reason is RejectReason.BROKEN_STREAM]
    assert broken == ["mp4parser__resources_Tiny_Sample_-_OLD.mp4"]
