from __future__ import annotations

import dataclasses
import datetime
import re

import pytest

import hearsight
from hearsight.errors import UsageError
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.paper_tables.published import find_cell
from hearsight.evaluation.paper_tables.record import check_cells, make_measurement
from hearsight.metrics.intervals import Estimate
from tests.support.measurements import CELL


@pytest.fixture
def scored(make_folder):
    """An evaluation of the baseline on a few tones, given out as one of ESC-10."""
    folder = make_folder({"high": 6, "low": 6})
    result = evaluate("baseline:log-mel", f"folder={folder}", probe="svm", hyperparameter=1.0, cache=False)
    return dataclasses.replace(result, benchmark="esc10", accuracy=0.75, interval=(0.7, 0.8))


def test_an_evaluation_becomes_a_measurement_with_all_that_is_needed_to_repeat_it(scored) -> None:
    one = make_measurement(scored, find_cell(CELL), "hearsight evaluate x")
    assert (one.value, one.interval) == (75.0, (70.0, 80.0))
    assert (one.benchmark, one.data, one.num_clips, one.seed) == ("esc10", "baseline:log-mel", 12, 0)
    assert one.protocol["probe"] == "svm"
    assert one.protocol["folds"] == 5
    assert "training_clips" not in one.protocol
    assert (one.version, one.command) == (hearsight.__version__, "hearsight evaluate x")
    assert one.date == datetime.datetime.now(tz=datetime.UTC).date()


def test_a_measurement_says_how_much_was_learned_from(scored) -> None:
    one = make_measurement(dataclasses.replace(scored, training_clips=11_187), find_cell(CELL), "x")
    assert one.protocol["training_clips"] == 11_187
    assert "learned from 11,187 clips" in one.list_differences(find_cell(CELL))


def test_every_measure_has_its_own_interval(scored) -> None:
    one = make_measurement(scored, find_cell("jia2019-3:vggish-fcn:map"), "x")
    found = scored.measures["mean_average_precision"]
    assert one.value == pytest.approx(100 * found.value)
    assert one.interval == pytest.approx((100 * found.low, 100 * found.high))


def test_what_an_evaluation_does_not_measure_is_refused(scored) -> None:
    with pytest.raises(UsageError, match="does not measure area under curve"):
        make_measurement(scored, find_cell("jia2019-2:vggish-fcn:auc"), "x")


def test_an_undefined_score_is_not_recorded(scored) -> None:
    nothing = Estimate(float("nan"), float("nan"), float("nan"))
    undefined = dataclasses.replace(scored, measures={"mean_average_precision": nothing})
    with pytest.raises(UsageError, match="does not measure mean average precision"):
        make_measurement(undefined, find_cell("jia2019-3:vggish-fcn:map"), "x")


@pytest.mark.parametrize(
    ("name", "benchmark", "told"),
    [
        (CELL, "esc50=x", "benchmark esc50, wanted esc10"),
        ("soundnet2016-6:esc50-vgg:pool5", "esc10=x", "wanted esc50"),
        ("wu2018-1:mlp:size", "esc10=x", "counted by the code"),
        ("soundnet2016-4:svm:esc10", "esc10=x", "no row 'svm'"),
    ],
)
def test_a_record_that_cannot_be_is_refused_before_anything_is_measured(name: str, benchmark: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        check_cells([name], benchmark)
    assert [cell.name for cell in check_cells([CELL], "esc10=x")] == [CELL]


def test_videos_of_one_s_own_stand_in_for_those_that_nobody_can_get() -> None:
    (cell,) = check_cells(["soundnet2016-7:conv7:both"], "videos=x")
    assert cell.benchmark == "flickr-44"
    with pytest.raises(UsageError, match="benchmark folder, wanted videos"):
        check_cells(["soundnet2016-7:conv7:both"], "folder=x")
    with pytest.raises(UsageError, match="benchmark videos, wanted esc10"):
        check_cells([CELL], "videos=x")


def test_a_column_may_be_of_other_networks_than_its_row() -> None:
    columns = {key: find_cell(f"soundnet2016-7:conv7:{key}").protocol["model"] for key in ("sound", "vision", "both")}
    assert columns == {
        "sound": "soundnet-8",
        "vision": "two VGG networks",
        "both": "soundnet-8 and two VGG networks",
    }
