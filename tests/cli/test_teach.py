"""``hearsight teach`` from examples to tags, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.processes import run_command
from tests.support.teaching import make_tone, write_examples, write_model, write_wav


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("teach")
    write_model(folder / "model")
    write_examples(folder / "examples")
    (folder / "examples" / "low").rename(folder / "examples" / "<b>low")
    write_wav(folder / "new.wav", make_tone(200.0, seed=90))
    return folder


def test_a_taught_model_tags_and_embeds_like_any_other(place):
    done = run_command("teach", place / "examples", "--model", place / "model", "--out", place / "taught", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [one["name"] for one in report["classes"]] == ["<b>low", "high", "background"]
    assert report["accuracy"]["value"] == 1.0
    tagged = run_command("tag", place / "new.wav", "--model", place / "taught", "--json")
    assert json.loads(tagged.stdout)[0]["class"] == "<b>low"
    embedded = run_command("embed", place / "new.wav", "--model", place / "taught", "--out", place / "e.npz")
    assert embedded.returncode == 0, embedded.stderr


def test_refusals_have_one_sentence_and_a_code(place):
    (place / "one").mkdir()
    for arguments, code, found in (
        ((place / "examples", "--out", place / "model"), 2, "a new or empty folder"),
        ((place / "one", "--out", place / "x"), 3, "no folders in it"),
        ((place / "absent", "--out", place / "x"), 3, "absent"),
        ((place / "examples", "--out", place / "x", "--model", place / "gone"), 3, "no such folder"),
    ):
        done = run_command("teach", *arguments)
        assert done.returncode == code, done.stderr
        assert found in done.stderr
        assert not done.stdout
        assert not (place / "x").exists()
