from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.processes import run_command


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    ears = InventedTeacher("ears", "audio", ("dog", "drum"), top=2)
    clips = [InventedClip(f"/videos/{n}.mp4", {"ears": {n % 2: 0.8}}) for n in range(6)]
    rejected = [{"path": "/x.mp4", "start": 0.0, "duration": None, "reason": "silent", "detail": "-80 dB"}]
    return write_dataset(tmp_path / "dataset", [ears], clips, rejected=rejected)


def test_inspect_prints_clips_and_a_single_one_in_full(dataset: Path) -> None:
    clips = json.loads(run_command("inspect", dataset, "--class", "drum", "--json").stdout)
    assert [clip["labels"][0]["name"] for clip in clips] == ["drum"] * 3
    assert clips[0]["agreement"] is None
    done = run_command("inspect", dataset, "--clip", clips[0]["uuid"])
    assert done.returncode == 0, done.stderr
    assert "loudness" in done.stdout
    assert "drum" in done.stdout


def test_inspect_writes_a_page_and_says_how_large_it_is(dataset: Path, tmp_path: Path) -> None:
    done = run_command("inspect", dataset, "--sample", "2", "--page", tmp_path / "out" / "clips.html")
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 clips" in done.stderr
    assert (tmp_path / "out" / "clips.html").read_text().count("<article") == 2
    done = run_command("inspect", dataset, "--rejected")
    assert "-80 dB" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--page", "clips.pdf"], ".html"),
        (["--rejected", "--class", "drum"], "--rejected"),
        (["--class", "drums"], "did you mean 'drum'"),
        (["--order", "agreeing"], "--order"),
    ],
)
def test_a_mistake_in_the_options_is_explained(dataset: Path, options: list[str], message: str) -> None:
    done = run_command("inspect", dataset, *options)
    assert done.returncode == 2
    assert message in done.stderr
