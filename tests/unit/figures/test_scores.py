from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.reader import Dataset
from hearsight.errors import CheckpointError
from hearsight.evaluation.evaluate import evaluate
from hearsight.figures.predictions import mark_labels, predict_clips
from hearsight.figures.scores import plot_confusion, plot_d_prime
from hearsight.metrics.averages import d_prime
from hearsight.metrics.ranking import area_under_curve
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.unit.evaluation.conftest import write_sound


def test_confusions_are_those_of_the_evaluation(tmp_path: Path) -> None:
    for label, name in enumerate(("low", "high", "higher")):
        for number in range(5):
            write_sound(tmp_path / name / f"{number}.wav", label, number)
    options = {"hyperparameter": 1.0, "cache": False}
    figure = plot_confusion("baseline:log-mel", f"folder={tmp_path}", **options)
    result = evaluate("baseline:log-mel", f"folder={tmp_path}", **options)
    shares = figure.axes[0].images[0].get_array()[..., 3]
    assert np.trace(shares) / 3 == pytest.approx(np.mean(result.score.hits))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(result.clips.classes)
    assert f"{100 * result.accuracy:.1f} %" in figure.axes[0].get_title(loc="left")


def test_d_primes_are_of_the_validation_clips_and_priors_of_the_training_clips(dataset: Path, run: Path) -> None:
    from hearsight.listening.listener import load

    data = Dataset(dataset)
    train, validation = data.indices("train"), data.indices("validation")
    scores = predict_clips(load(run), data, validation).probabilities
    areas = area_under_curve(scores, mark_labels(data, validation))
    priors = mark_labels(data, train).mean(axis=0)
    expected = {
        (prior, d_prime(float(area)))
        for prior, area in zip(priors, areas, strict=True)
        if prior > 0 and not math.isnan(area) and 0.0 < area < 1.0
    }
    assert expected
    axes = plot_d_prime(run, dataset).axes[0]
    points = [each.get_offsets() for each in axes.collections if each.get_gid() == "points o"]
    found = {(float(x), float(y)) for each in points for x, y in each}
    assert {(round(x, 6), round(y, 6)) for x, y in found} == {(round(float(x), 6), round(y, 6)) for x, y in expected}


def test_a_network_of_other_classes_is_refused(dataset: Path, tmp_path: Path) -> None:
    save_checkpoint(build_network("jia-mobilenet-v2", 2, width=0.1), tmp_path, vocabulary=("a", "b"))
    with pytest.raises(CheckpointError, match="2 classes that are not"):
        plot_d_prime(tmp_path, dataset)
