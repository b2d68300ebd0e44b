"""Sharing a model as a stranger does: pushed by one command, heard with by the others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.hub import TOKEN, Hub, serve_hub
from tests.support.processes import run_command
from tests.support.videos import make_waveform


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub() as hub:
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
        for name, value in {**settings, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_checkpoint(
        build_network("jia-mobilenet-v2", 3, seed=0, width=0.1), tmp_path / "run", vocabulary=["bark", "rain", "bell"]
    )
    return tmp_path / "run"


def test_a_pushed_model_tags_and_embeds_as_its_run_does(hub: Hub, run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "melody.wav", make_waveform(2.5, 99), 16_000)
    pushed = run_command("push", run, "tester/barks", "--private", "--json")
    assert pushed.returncode == 0, pushed.stderr
    told = json.loads(pushed.stdout)
    assert (told["address"], told["private"]) == ("hf://tester/barks", True)
    assert "no licence" in pushed.stderr
    tags = [
        run_command("tag", tmp_path / "melody.wav", "--model", model, "--json")
        for model in (run, f"{told['address']}@{told['commit']}")
    ]
    assert [done.returncode for done in tags] == [0, 0], tags[1].stderr
    assert tags[0].stdout == tags[1].stdout
    out = tmp_path / "embeddings.parquet"
    embedded = run_command("embed", tmp_path / "melody.wav", "--model", told["address"], "--out", out)
    assert embedded.returncode == 0, embedded.stderr
    assert out.exists()


def test_a_model_that_is_not_there_is_named_without_a_traceback(hub: Hub, run: Path, tmp_path: Path) -> None:
    absent = run_command("tag", tmp_path / "melody.wav", "--model", "hf://tester/absent")
    refused = run_command("push", run, "other/barks")
    for done, message in ((absent, "no such repository"), (refused, "permission denied")):
        assert done.returncode == 3
        assert message in done.stderr
        assert "hint:" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_commands_are_known_before_anything_heavy_is_imported() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, hearsight.cli; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert "cyclopts" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "huggingface_hub"})
