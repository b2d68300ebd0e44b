"""Copies of a recording never lie on both sides of the split, wherever they begin and however they were encoded."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from hearsight.clips.folds import assign_fold
from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from tests.support.videos import FRAME_RATE, SAMPLE_RATE, make_images, make_waveform, write_clip

SECONDS = 14.0


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_a_copy_that_begins_later_and_looks_different_shares_the_fold(tmp_path: Path, duplicates: str) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for seed in range(3):
        write_clip(folder / f"video-{seed}.mp4", SECONDS, seed)
    shifted = make_waveform(SECONDS, 1)[round(1.3 * SAMPLE_RATE) :] * 0.5
    poor = Encoding(crf=35, audio_bit_rate=32_000)
    images = itertools.islice(make_images(SECONDS, 7), round((SECONDS - 1.3) * FRAME_RATE))
    write_video(folder / "copy.mkv", images, FRAME_RATE, shifted, SAMPLE_RATE, poor)
    overrides = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', f'screen.duplicates="{duplicates}"']
    build_dataset([folder], tmp_path / "out", load_config(BuildConfig, "build", None, overrides), workers=1)
    clips = Dataset(tmp_path / "out").clips().to_pylist()
    folds: dict[str, set[int]] = {}
    media: dict[str, str] = {}
    for clip in clips:
        folds.setdefault(Path(clip["source"]).name, set()).add(clip["fold"])
        media[Path(clip["source"]).name] = clip["media_uuid"]
    assert all(len(found) == 1 for found in folds.values())
    leader = min(media["video-1.mp4"], media["copy.mkv"])
    assert folds["video-1.mp4"] == folds["copy.mkv"] == {assign_fold(leader)}
    for name in ("video-0.mp4", "video-2.mp4"):
        assert folds[name] == {assign_fold(media[name])}
