"""Copies of a recording are found, whatever encoded them; other recordings are not taken for copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hearsight.clips.cut import cut_media
from hearsight.clips.duplicates import MAX_IMAGE_BITS, MAX_SOUND_BITS, find_duplicates
from hearsight.clips.screen import fingerprint_images, fingerprint_sound
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import DecodedClip
from hearsight.media.info import read_media
from hearsight.records import CLIP_SCHEMA, Source, name_clip
from tests.support.videos import FRAME_RATE, SAMPLE_RATE, make_images, make_waveform


def list_clips(paths: Sequence[Path]) -> pa.Table:
    """Cut files into clips and give their rows, as far as copies are found by them."""
    rows: list[dict[str, object]] = []
    lengths = {"length": 4.0, "min_length": 3.0, "max_length": 5.0}
    for path in paths:
        media = read_media(Source(str(path)))
        for clip in cut_media(media, **lengths, tail="share", images_per_second=3.0, requests=()):  # type: ignore[arg-type]
            if isinstance(clip, DecodedClip):
                row: dict[str, object] = {field.name: None for field in CLIP_SCHEMA}
                row |= {"uuid": name_clip(media.uuid, clip.start, clip.duration), "media_uuid": media.uuid}
                row |= {"source": path.name, "start": clip.start, "duration": clip.duration}
                row |= {"sound_fingerprint": fingerprint_sound(clip.samples)}
                row |= {"image_fingerprint": fingerprint_images(clip.thumbnails)}
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=CLIP_SCHEMA)


def find_pairs(clips: pa.Table) -> set[frozenset[tuple[str, float]]]:
    """Give the pairs of (file, start) that were taken for copies of each other."""
    place = {row["uuid"]: (row["source"], row["start"]) for row in clips.to_pylist()}
    found = find_duplicates(clips).to_pylist()
    return {frozenset((place[row["uuid"]], place[row["duplicate_of"]])) for row in found}


def write_copy(path: Path, seed: int, level: float, rate: int, encoding: Encoding) -> Path:
    waveform = make_waveform(8.0, seed) * np.float32(level)
    if rate != SAMPLE_RATE:
        waveform = np.interp(np.arange(8 * rate) / rate, np.arange(len(waveform)) / SAMPLE_RATE, waveform)
    write_video(path, make_images(8.0, seed), FRAME_RATE, waveform.astype(np.float32), rate, encoding)
    return path


def test_a_copy_in_another_container_quality_level_and_rate_is_found(tmp_path: Path) -> None:
    paths = []
    for seed in range(4):
        good = Encoding(crf=15, audio_bit_rate=128_000)
        poor = Encoding(crf=38, audio_bit_rate=32_000)
        paths += [
            write_copy(tmp_path / f"good-{seed}.mp4", seed, 1.0, SAMPLE_RATE, good),
            write_copy(tmp_path / f"poor-{seed}.mkv", seed, 0.3, 22_050, poor),
        ]
    pairs = find_pairs(list_clips(paths))
    assert pairs == {
        frozenset(((f"good-{seed}.mp4", start), (f"poor-{seed}.mkv", start)))
        for seed in range(4)
        for start in (0.0, 4.0)
    }


def test_the_same_sound_over_other_pictures_and_other_noise_over_the_same_are_no_copies(tmp_path: Path) -> None:
    times = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.2 * np.sin(2 * np.pi * 440.0 * times)).astype(np.float32)
    paths = []
    for seed in range(4):
        noise = (0.1 * np.random.default_rng(seed).standard_normal(len(times))).astype(np.float32)
        for name, waveform, pictures in ((f"tone-{seed}", tone, seed), (f"noise-{seed}", noise, 9)):
            path = tmp_path / f"{name}.mp4"
            write_video(path, make_images(8.0, pictures), FRAME_RATE, waveform, SAMPLE_RATE)
            paths.append(path)
    between_files = {pair for pair in find_pairs(list_clips(paths)) if len({name for name, _ in pair}) > 1}
    assert between_files == set()


@pytest.mark.real
def test_real_copies_are_found_and_nothing_else(real_data: Path) -> None:
    chosen = [
        "SparseSync__h264_video_25fps_256side_16000hz_aac_ZYc410CE4Rg_0_10000.mp4",
        "SparseSync__video_ZYc410CE4Rg_0_10000.mp4",
        "file-type__fixture_fixture.3gp",
        "p5.js-website__assets_small.webm",
        "tika__test-documents_testWMV_WMV2.wmv",
        "lhotse__fixtures_big_buck_bunny_small.mp4",
        "srs__srs-bench_bbb.flv",
        "SpecVQGAN__fireworks_video_02997.mp4",
        "SpecVQGAN__drum_video_02480.mp4",
    ]
    pairs = find_pairs(list_clips([real_data / "videos" / name for name in chosen]))
    together = {frozenset(name for name, _ in pair) for pair in pairs}
    assert frozenset(chosen[:2]) in together
    assert together <= {frozenset(chosen[:2])} | {frozenset((a, b)) for a in chosen[2:5] for b in chosen[2:5]}
    assert len({name for pair in together for name in pair} & set(chosen[2:5])) == 3


def test_the_limits_lie_between_copies_and_others() -> None:
    assert 26 < MAX_SOUND_BITS < 90
    assert 5 < MAX_IMAGE_BITS < 20
