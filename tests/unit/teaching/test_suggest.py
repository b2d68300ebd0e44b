from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import IndexFolderError, UsageError
from hearsight.listening.listener import load
from hearsight.search.manifest import ModelIdentity
from hearsight.teaching.examples import find_examples
from hearsight.teaching.suggest import COLUMNS, choose_diverse, measure_uncertainty, predict_rows, suggest
from tests.support.search import MODEL, write_arrays
from tests.support.teaching import RATE, make_noise, make_tone


@pytest.fixture(scope="module")
def values(model) -> np.ndarray:
    base = load(model, device="cpu")
    sounds = [make_tone(pitch, seed=seed) for pitch in (200.0, 700.0, 2_500.0) for seed in range(4)]
    return np.concatenate([base.embed_waveform(one, RATE).values for one in [*sounds, make_noise(seed=3)]])


@pytest.fixture(scope="module")
def index(model, values, tmp_path_factory):
    identity = ModelIdentity.of(load(model, device="cpu"), str(model))
    return write_arrays(tmp_path_factory.mktemp("suggest") / "index", values, model=identity)


def test_uncertainty_is_highest_at_one_half():
    found = measure_uncertainty(np.array([0.0, 0.25, 0.5, 1.0], np.float32))
    assert found.tolist() == [0.0, 0.5, 1.0, 0.0]


def test_equal_segments_are_not_suggested_twice():
    # three uncertain copies of one sound, and a less uncertain one of another
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    uncertainty = np.array([0.9, 1.0, 0.9, 0.4])
    assert choose_diverse(embeddings, uncertainty, 2).tolist() == [1, 3]
    assert sorted(choose_diverse(embeddings, uncertainty, 9).tolist()) == [0, 1, 2, 3]


def test_probabilities_of_an_index_are_those_of_the_model(taught, index, values):
    listener = taught[1]
    highest, best = predict_rows(listener, index.embeddings, np.array([0, 1]))
    (outputs,) = listener.forward_waveform(make_tone(200.0), RATE)
    assert highest[0] == pytest.approx(outputs.probabilities[0, :2].max(), abs=1e-5)
    assert best[0] == 1


def test_suggestions_are_a_table_that_teach_reads_once_it_is_judged(taught, index, tmp_path):
    report, _ = taught
    found = suggest(report.out, index.folder, tmp_path / "judge.csv", count=5)
    assert sum(found.values()) == 5
    assert set(found) <= {"high", "low"}
    rows = list(csv.DictReader((tmp_path / "judge.csv").read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert Path(rows[0]["path"]).parent == index.folder.parent
    (tmp_path / "judge.csv").write_text((tmp_path / "judge.csv").read_text().replace(",\n", ",wrong\n"))
    assert [one.is_wrong for one in find_examples([tmp_path / "judge.csv"])] == [True] * 5


def test_an_index_of_another_network_and_other_suffixes_are_refused(taught, values, tmp_path):
    report, _ = taught
    other = write_arrays(tmp_path / "other", values, model=MODEL)
    with pytest.raises(UsageError, match="tiny"):
        suggest(report.out, other.folder, tmp_path / "judge.csv")
    with pytest.raises(UsageError, match=r"ends in \.csv"):
        suggest(report.out, other.folder, tmp_path / "judge.txt")
    with pytest.raises(IndexFolderError):
        suggest(report.out, tmp_path / "absent", tmp_path / "judge.csv")
    assert not (tmp_path / "judge.csv").exists()


def test_judgements_are_not_suggested_over(tmp_path):
    out = tmp_path / "judge.csv"
    out.write_text("path,judgement\na.wav,right\n")
    with pytest.raises(UsageError, match="1 judgements"):
        suggest("absent", "absent", out)
    assert out.read_text() == "path,judgement\na.wav,right\n"
