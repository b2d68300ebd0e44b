"""Datasets of other sample rates than 16 kHz, from the video to the tags."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.config import BuildConfig, MixConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.dataset.reader import Dataset
from hearsight.errors import ConfigError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.contamination import find_contamination
from hearsight.media.audio import read_audio
from hearsight.media.containers.writer import write_video
from hearsight.signal.waveform import resample
from tests.support.processes import run_command
from tests.support.videos import FRAME_RATE, make_images, make_waveform

RATES = (22_050, 48_000)
WIDE = 48_000
TONE = 10_500.0
"""Hz: above half of 16 kHz, and below half of 22,050 Hz."""


def write_wide_clip(path: Path, seed: int) -> None:
    """Write a video of 8 s whose sound reaches beyond 8 kHz."""
    time = np.arange(8 * WIDE) / WIDE
    melody = resample(make_waveform(8.0, seed), 16_000, WIDE)[: len(time)]
    sound = melody + 0.05 * np.sin(2 * np.pi * TONE * time)
    write_video(path, make_images(8.0, seed), FRAME_RATE, sound.astype(np.float32), WIDE)


def measure_tone(samples: np.ndarray, rate: int) -> float:
    """Give the share of energy within 100 Hz of the high tone."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / rate) - TONE) < 100.0
    return float(power[near].sum() / power.sum())  # nothing is near where the band ends below the tone


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        write_wide_clip(folder / f"{seed}.mp4", seed)
    return folder


@pytest.fixture(scope="module")
def built(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    out = tmp_path_factory.mktemp("built")
    knobs = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "validation_share=0.3"]
    for rate in (16_000, *RATES):
        config = load_config(BuildConfig, "build", None, [*knobs, f"sample_rate={rate}"])
        build_dataset([videos], out / str(rate), config, workers=1)
    return {rate: out / str(rate) for rate in (16_000, *RATES)}


@pytest.mark.parametrize("rate", RATES)
def test_the_stored_sound_has_the_rate_and_the_band_that_was_asked_for(built: dict[int, Path], rate: int) -> None:
    dataset, narrow = Dataset(built[rate]), Dataset(built[16_000])
    assert (dataset.sample_rate, len(dataset)) == (rate, 6)
    assert f"sound at {rate:,} Hz" in run_command("info", built[rate]).stdout
    for index, clip in enumerate(dataset.clips().to_pylist()):
        samples = dataset.read(index)
        assert len(samples) == clip["num_samples"] == round(rate * clip["duration"])
        start = round(clip["start"] * rate)
        whole = read_audio(clip["source"], rate)[start : start + len(samples)]
        np.testing.assert_allclose(samples / 32768, whole, atol=2 / 32768)
        assert measure_tone(samples, rate) > 0.015
        assert measure_tone(narrow.read(index), 16_000) == 0.0


@pytest.mark.parametrize("rate", RATES)
def test_clips_have_the_same_identity_at_every_rate(built: dict[int, Path], rate: int) -> None:
    columns = ["uuid", "media_uuid", "fold", "start", "duration", "image_fingerprint"]
    assert Dataset(built[rate]).clips().select(columns).equals(Dataset(built[16_000]).clips().select(columns))


@pytest.mark.parametrize("rate", RATES)
def test_mixtures_have_the_rate_of_what_they_are_made_of(built: dict[int, Path], rate: int, tmp_path: Path) -> None:
    mix_dataset(built[rate], tmp_path / "mixed", MixConfig(clips=16), workers=1)
    mixed = Dataset(tmp_path / "mixed")
    assert mixed.sample_rate == rate
    assert set(mixed.num_samples.tolist()) == {rate}
    assert max(measure_tone(mixed.read(index), rate) for index in range(len(mixed))) > 0.015


@pytest.mark.parametrize("rate", RATES)
def test_a_network_is_trained_tags_and_is_found_in_its_dataset_at_any_rate(
    built: dict[int, Path], rate: int, videos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    knobs = ["--model", "wu-mlp", "--set", "options.width=0.1", "--set", "recipe=quick", "--set", "epochs=1"]
    done = run_command("train", built[rate], "--out", run, *knobs, "--set", "batch_size=4")
    assert done.returncode == 0, done.stderr
    done = run_command("tag", videos / "0.mp4", "--model", run, "--json")
    assert done.returncode == 0, done.stderr
    assert {tag["path"] for tag in json.loads(done.stdout)} == {str(videos / "0.mp4")}


@pytest.mark.parametrize("rate", [16_000, *RATES])
def test_contamination_is_found_whatever_the_rate_of_the_dataset(
    built: dict[int, Path], rate: int, videos: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    sound = read_audio(videos / "1.mp4", 16_000)
    soundfile.write(tmp_path / "a" / "known.wav", sound[8_000:56_000], 16_000)
    for number, name in enumerate(("a/other", "b/other", "b/another")):
        noise = np.random.default_rng(number).normal(0.0, 0.1, 48_000).astype(np.float32)
        soundfile.write(tmp_path / f"{name}.wav", noise, 16_000)
    found = find_contamination(built[rate], load_benchmark(f"folder={tmp_path}"))
    assert [Path(match.path).name for match in found.matches] == ["known.wav"]


def test_sound_that_went_through_mp3_is_close_to_what_it_was_and_no_longer_the_same(
    built: dict[int, Path], videos: Path, tmp_path: Path
) -> None:
    knobs = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "sample_rate=22050", "mp3=64"]
    build_dataset([videos], tmp_path / "dataset", load_config(BuildConfig, "build", None, knobs), workers=1)
    before, after = Dataset(built[22_050]), Dataset(tmp_path / "dataset")
    for index in range(len(after)):
        first, second = before.read(index).astype(np.float64), after.read(index).astype(np.float64)
        assert len(first) == len(second)
        assert 0.9 < np.corrcoef(first[2000:-2000], second[2000:-2000])[0, 1] < 0.99999


def test_a_rate_that_mp3_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="MP3 has the rates"):
        BuildConfig(sample_rate=20_000, mp3=64)


def test_a_dataset_of_an_earlier_version_is_the_same_as_one_at_the_default_rate() -> None:
    assert "sample_rate" not in BuildConfig().list_identity()
    assert BuildConfig(sample_rate=22_050).list_identity()["sample_rate"] == 22_050
