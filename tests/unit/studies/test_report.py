from __future__ import annotations

import json

import numpy as np
import pytest

from hearsight.errors import InputError
from hearsight.evaluation.clip_scores import ClipScores
from hearsight.metrics.intervals import bootstrap_interval, mean_of_folds
from hearsight.studies.cells import Scale
from hearsight.studies.definition import Study
from hearsight.studies.files import list_points, write_report
from hearsight.studies.record import CellRecord
from hearsight.studies.report import make_report

CLIPS = 60
FOLDS = np.repeat(np.arange(5), CLIPS // 5)


class FakeRecord(CellRecord):
    """A record whose scores are at hand."""

    def read_scores(self) -> ClipScores:
        return self.training["scores"]


def make_scores(quality: float, seed: int, clips: str = "clips") -> ClipScores:
    rng = np.random.default_rng(seed)
    labels = np.arange(CLIPS) % 3
    scores = rng.random((CLIPS, 3)).astype(np.float32)
    scores[np.arange(CLIPS), labels] += quality
    targets = np.eye(3, dtype=bool)[labels]
    return ClipScores(clips, FOLDS, scores.argmax(axis=1) == labels, scores, targets, 0.5)


def make_record(tmp_path, name: str, seed: int, quality: float, **changes) -> FakeRecord:
    scores = make_scores(quality, seed, changes.pop("clips", "clips"))
    evaluation = {"networks": [{"parameters": 1234}]}
    values = {
        "values": (name,),
        "seed": seed,
        "benchmark": "folder",
        "error": "",
        "evaluation": evaluation,
        "training": {"scores": scores, "seconds": 90.0 + 60.0 * seed},
        "path": tmp_path / f"{name}-{seed}.json",
    }
    return FakeRecord(**(values | changes))


def make_study(measure: str = "accuracy") -> Study:
    axis = {"name": "network", "reference": "bad", "values": {"good": {}, "bad": {}}}
    return Study.model_validate({"title": "A <study>", "measure": measure, "axes": [axis]})


def test_a_row_is_the_mean_over_seeds_and_its_difference_is_paired(tmp_path):
    good = [make_record(tmp_path, "good", seed, 0.8) for seed in range(3)]
    bad = [make_record(tmp_path, "bad", seed, 0.1) for seed in range(3)]
    report = make_report(make_study(), Scale(1.0, 3), [*good, *bad])
    first, second = report.rows
    hits = [np.stack([one.read_scores().hits.astype(float) for one in group]) for group in (good, bad)]
    assert first.score is not None
    assert first.score.value == pytest.approx(mean_of_folds(hits[0].mean(axis=0), FOLDS))
    assert (first.score.low, first.score.high) == bootstrap_interval(hits[0], FOLDS)
    found = first.differences["network"]
    assert (found.low, found.high) == bootstrap_interval(hits[0] - hits[1], FOLDS)
    assert found.value == pytest.approx(mean_of_folds((hits[0] - hits[1]).mean(axis=0), FOLDS))
    assert first.runs == pytest.approx([mean_of_folds(row, FOLDS) for row in hits[0]])
    assert second.differences == {}
    assert (first.parameters, first.seconds) == (1234, 150.0)


def test_a_baseline_with_one_run_is_compared_with_every_seed(tmp_path):
    records = [make_record(tmp_path, "good", seed, 0.8) for seed in range(3)]
    records.append(make_record(tmp_path, "bad", 0, 0.1))
    found = make_report(make_study(), Scale(1.0, 3), records).rows[0].differences["network"]
    hits = np.stack([one.read_scores().hits.astype(float) for one in records[:3]])
    assert (found.low, found.high) == bootstrap_interval(hits - records[3].read_scores().hits, FOLDS)


@pytest.mark.parametrize("measure", ["mean_average_precision", "area_under_curve", "lwlrap"])
def test_other_measures_have_intervals_that_contain_them(tmp_path, measure):
    records = [
        make_record(tmp_path, name, seed, quality) for name, quality in (("good", 0.8), ("bad", 0.1)) for seed in (0, 1)
    ]
    first, second = make_report(make_study(measure), Scale(1.0, 2), records).rows
    for row in (first, second):
        assert row.score is not None
        assert row.score.low <= row.score.value <= row.score.high
        assert row.score.value == pytest.approx(np.mean(row.runs))
    assert first.score is not None
    assert second.score is not None
    assert first.differences["network"].value == pytest.approx(first.score.value - second.score.value)


def test_an_infinite_d_prime_is_reported_and_its_difference_undefined(tmp_path):
    records = [make_record(tmp_path, name, 0, quality) for name, quality in (("good", 2.0), ("bad", 3.0))]
    first, _ = make_report(make_study("d_prime"), Scale(1.0, 1), records).rows
    assert first.score is not None
    assert first.score.value == np.inf
    assert np.isnan(first.differences["network"].value)
    assert first.as_json()["differences"]["network"] == {"value": None, "interval": [None, None]}


def test_failed_cells_are_named_and_the_others_reported(tmp_path):
    records = [
        make_record(tmp_path, "good", 0, 0.8),
        make_record(tmp_path, "bad", 0, 0.1, error="run: the loss is NaN"),
    ]
    report = make_report(make_study(), Scale(0.5, 1), records)
    assert report.failures == ["bad: seed 0: run: the loss is NaN"]
    assert report.rows[1].score is None
    assert report.rows[0].differences == {}
    heads, rows = report.list_table("folder")
    assert heads[:3] == ["network", "accuracy", "seeds"]
    assert rows[1][1] == "failed"
    assert "- failed: bad: seed 0: run: the loss is NaN" in report.spell_markdown()
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["rows"][1]["failures"] == [
        "seed 0: run: the loss is NaN"
    ]


def test_scores_of_other_clips_are_refused(tmp_path):
    records = [make_record(tmp_path, "good", 0, 0.8), make_record(tmp_path, "bad", 0, 0.1, clips="others")]
    with pytest.raises(InputError, match=r"bad-0\.json: scores of other clips \(others\)"):
        make_report(make_study(), Scale(1.0, 1), records)


def test_markdown_shows_names_as_they_are_and_the_files_are_written(tmp_path):
    report = make_report(make_study(), Scale(1.0, 1), [make_record(tmp_path, "good", 0, 0.8)])
    assert report.spell_markdown().startswith("# A \\<study>")
    write_report(report, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md", "report.png", "report.svg"}
    (point,) = list_points(report, "folder")
    assert point.low <= point.value <= point.high <= 100.0


def test_a_study_of_failures_alone_has_no_figure(tmp_path):
    record = make_record(tmp_path, "good", 0, 0.8, error="no")
    write_report(make_report(make_study(), Scale(1.0, 1), [record]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md"}
