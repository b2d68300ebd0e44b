from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.errors import CheckpointError, InputError, MachineError, UsageError
from hearsight.listening.listener import load
from hearsight.models.checkpoint import CARD, WEIGHTS
from hearsight.models.zoo import build_network
from hearsight.teaching.segments import replace_head
from hearsight.teaching.teach import COLUMNS, teach
from tests.support.processes import digest_tree
from tests.support.teaching import RATE, make_noise, make_tone, write_examples, write_model, write_wav


def test_a_taught_model_names_sounds_that_it_was_not_taught_from(taught):
    report, listener = taught
    assert listener.vocabulary == ("high", "low", "background")
    for name, sound in (
        ("low", make_tone(200.0, seed=50)),
        ("high", make_tone(2_500.0, seed=51)),
        ("background", make_noise(seed=52)),
    ):
        (best, *_) = listener.tag_waveform(sound, RATE)
        assert (best.name, best.probability > 0.5) == (name, True)
    assert report.score.accuracy.value == 1.0
    assert report.score.num_folds == 5
    assert [(one.name, one.num_examples, one.num_sources) for one in report.score.classes] == [
        ("high", 5, 5),
        ("low", 5, 5),
        ("background", 5, 5),
    ]


def test_the_network_below_the_head_stays_as_it_is(taught, model):
    _, listener = taught
    base = load(model, device="cpu")
    for name, value in base.network.state_dict().items():
        if not name.startswith("classifier."):
            assert torch.equal(value, listener.network.state_dict()[name])
    sound = make_tone(440.0)
    np.testing.assert_array_equal(listener.embed_waveform(sound, RATE).values, base.embed_waveform(sound, RATE).values)
    assert listener.training["network_digest"] == base.digest


def test_the_silence_between_calls_is_background(taught):
    _, listener = taught
    tags = listener.tag_waveform(np.zeros(RATE, np.float32), RATE)
    assert tags[0].name == "background"


def test_the_same_examples_make_the_same_bytes(taught, model, examples, tmp_path):
    report, _ = taught
    teach([examples], tmp_path / "again", model=model)
    assert digest_tree(tmp_path / "again") == digest_tree(Path(report.out))


def test_the_report_has_intervals_and_its_card_names_the_examples(taught):
    report, _ = taught
    values = json.loads(json.dumps(report.as_json()))
    assert values["accuracy"]["low"] <= values["accuracy"]["value"] <= values["accuracy"]["high"]
    assert 0.7 < values["accuracy"]["low"] < 1.0
    lines = "\n".join(report.describe())
    assert "no examples in background/" not in lines
    assert f"fitted on {report.num_rows} segments: {sum(one.num_segments for one in report.score.classes)} of" in lines
    only = dataclasses.replace(report.score, classes=report.score.classes[:2])
    assert "other sounds will be tagged" in "\n".join(dataclasses.replace(report, score=only).describe())
    assert values["classes"][0]["found"]["low"] == pytest.approx(0.566, abs=0.001)
    assert all(len(row) == len(COLUMNS) for row in report.list_rows())
    card = (Path(report.out) / CARD).read_text()
    assert "examples: high 5, low 5, background 5" in card
    assert "machine teachers" not in card


def test_examples_that_cannot_be_used_are_left_out_with_a_reason(model, tmp_path):
    folder = write_examples(tmp_path / "examples", count=3)
    (folder / "low" / "broken.wav").write_bytes(b"RIFF no sound")
    (folder / "low" / "empty.wav").touch()
    write_wav(folder / "high" / "silent.wav", np.zeros(RATE, np.float32))
    report = teach([folder], tmp_path / "new", model=model)
    assert len(report.rejected) == 3
    assert any("silent.wav: silence" in reason for reason in report.rejected)
    lines = report.describe()
    assert any(line.startswith("left out: ") and "broken.wav" in line for line in lines)
    assert any("the score is rough: fewer than 5 sources of high, low, background" in line for line in lines)


def test_too_few_examples_are_refused(model, tmp_path):
    folder = write_examples(tmp_path / "examples", count=2, background=False)
    (folder / "low" / "1.wav").unlink()
    with pytest.raises(InputError, match=r"class 'low': 1 source of examples, wanted at least two different files"):
        teach([folder], tmp_path / "new", model=model)
    shutil.copy(folder / "low" / "0.wav", folder / "low" / "copy.wav")
    with pytest.raises(InputError, match="class 'low': 1 source"):
        teach([folder], tmp_path / "new", model=model)
    (folder / "low" / "0.wav").write_bytes(b"")
    (folder / "low" / "copy.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"none of low can be used \(.*0\.wav"):
        teach([folder], tmp_path / "new", model=model)
    assert not (tmp_path / "new").exists()


def test_one_class_is_refused_unless_there_is_background(model, tmp_path):
    folder = write_examples(tmp_path / "examples", count=3)
    shutil.rmtree(folder / "high")
    assert teach([folder], tmp_path / "new", model=model).score.accuracy.value == 1.0
    shutil.rmtree(folder / "background")
    with pytest.raises(InputError, match="examples of low only, wanted two classes, or one and a background"):
        teach([folder], tmp_path / "other", model=model)


def test_what_is_there_is_not_written_over(model, examples, tmp_path):
    with pytest.raises(UsageError, match="a new or empty folder"):
        teach([examples], model, model=model)
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="not a folder"):
        teach([examples], tmp_path / "file", model=model)


def test_a_model_that_is_gone_or_cannot_be_taught_is_refused(examples, tmp_path):
    folder = write_model(tmp_path / "model")
    (folder / WEIGHTS).unlink()
    with pytest.raises(CheckpointError):
        teach([examples], tmp_path / "new", model=folder)
    soundnet = build_network("soundnet-8", 1_401, seed=0, width=0.1)
    with pytest.raises(UsageError, match="Conv1d"):
        replace_head(soundnet, 2)


def test_judgements_are_learned_from(taught, model, examples, tmp_path):
    lines = ["file,start,duration,class,judgement"]
    for number in range(3):
        write_wav(tmp_path / f"n{number}.wav", make_noise(seed=100 + number))
        lines.append(f"n{number}.wav,0,1,low,wrong")
    (tmp_path / "judged.csv").write_text("\n".join(lines) + "\n")
    report = teach([examples, tmp_path / "judged.csv"], tmp_path / "new", model=model)
    assert [one.num_examples for one in report.score.classes] == [5, 5, 5]
    assert report.num_rows == taught[0].num_rows + 3
