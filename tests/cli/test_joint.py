"""Sound and sight side by side, from the command line, on videos of which each sense tells one half."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hearsight.evaluation.evaluate import evaluate
from hearsight.media.containers.writer import write_video
from tests.support.processes import run_command
from tests.support.teachers import write_colour_teacher
from tests.support.videos import FRAME_RATE, SAMPLE_RATE

PITCHES = {"low": 300.0, "high": 2400.0}
CHANNELS = {"red": 0, "blue": 2}
NUM_VIDEOS = 6


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write red and blue videos with low and high tones: four classes."""
    folder = tmp_path_factory.mktemp("senses")
    rng = np.random.default_rng(0)
    for pitch, hertz in PITCHES.items():
        for colour, channel in CHANNELS.items():
            (folder / f"{pitch} {colour}").mkdir()
            for number in range(NUM_VIDEOS):
                times = np.arange(int(1.5 * SAMPLE_RATE)) / SAMPLE_RATE
                tone = 0.2 * np.sin(2 * np.pi * hertz * rng.uniform(0.9, 1.1) * times)
                sound = (tone + 0.01 * rng.standard_normal(len(times))).astype(np.float32)
                images = rng.integers(0, 60, (9, 48, 64, 3)).astype(np.uint8)
                images[..., channel] += np.uint8(rng.integers(60, 160))
                write_video(
                    folder / f"{pitch} {colour}" / f"{number}.mp4", iter(images), FRAME_RATE, sound, SAMPLE_RATE
                )
    return folder


@pytest.fixture(scope="module")
def sight(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"vision:onnx:{write_colour_teacher(tmp_path_factory.mktemp('teacher') / 'colours+1.onnx')}"


def test_sound_and_sight_together_tell_what_neither_tells_alone(
    videos: Path, sight: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))
    heard, seen = (evaluate(model, f"videos={videos}", probe="svm") for model in ("baseline:log-mel", sight))
    assert max(heard.accuracy, seen.accuracy) < 0.9
    results = tmp_path / "results.jsonl"
    asked = ("--benchmark", f"videos={videos}", "--probe", "svm", "--with", sight, "--json")
    record = ("--record", "soundnet2016-7:conv7:both", "--results", results)
    done = run_command("evaluate", "baseline:log-mel", *asked, *record)
    assert done.returncode == 0, done.stderr
    both = json.loads(done.stdout)
    assert both["accuracy"] == 1.0
    assert both["model"] == "baseline:log-mel+vision:onnx-colours-1"
    assert both["extra_models"] == [sight]
    assert both["dim"] == heard.dim + seen.dim
    assert both["num_clips"] == heard.num_clips == seen.num_clips
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 2  # those that the models alone had left
    told = run_command("tables", "soundnet2016-7", "--results", results)
    assert "100.0 (100.0 to 100.0)" in told.stdout
    assert "benchmark videos (paper: flickr-44)" in told.stdout


def test_models_side_by_side_are_not_trained(videos: Path, sight: str) -> None:
    asked = ("evaluate", "untrained:jia-mobilenet-v2", "--with", sight, "--benchmark", f"videos={videos}")
    refused = run_command(*asked, "--probe", "finetune")
    assert refused.returncode == 2
    assert "trains one network, and 2 models are given" in refused.stderr
