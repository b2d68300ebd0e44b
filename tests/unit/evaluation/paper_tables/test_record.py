from __future__ import annotations

import dataclasses
import datetime
import re

import pytest

import hearsight
from hearsight.errors import UsageError
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.features.extractor import NetworkFacts
from hearsight.evaluation.paper_tables.published import find_cell
from hearsight.evaluation.paper_tables.record import check_cells, make_measurement
from hearsight.metrics.intervals import Estimate
from hearsight.models.counts import count_parameters
from hearsight.models.zoo import build_network
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


FACTS = NetworkFacts("", 1_234_567, 16_000, 16_000)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"options": "width=0.2"}, "network with width=0.2, 1,234,567 parameters"),
        ({"sample_rate": 32_000}, "learned from sound of 16,000 Hz, takes 32,000 Hz"),
        ({"clips": 11_187}, "learned from 11,187 clips"),
        (
            {"clips": 188, "steps": 1_080, "teachers": ("yamnet", "mobilenet")},
            "learned from 188 clips that yamnet, mobilenet labelled in 1,080 steps",
        ),
    ],
)
def test_a_measurement_tells_what_the_network_was_and_what_it_learned_from(scored, facts, told) -> None:
    with_network = dataclasses.replace(scored, networks=(dataclasses.replace(FACTS, **facts),))
    one = make_measurement(with_network, find_cell(CELL), "x")
    assert told in one.list_differences(find_cell(CELL))
    as_published = make_measurement(dataclasses.replace(scored, networks=(FACTS,)), find_cell(CELL), "x")
    assert not {told} & set(as_published.list_differences(find_cell(CELL)))


def test_a_measurement_tells_what_was_missing_from_the_benchmark(scored) -> None:
    remains = dataclasses.replace(scored, missing=142, undefined=("siren", "bell"), leak_free=True, finetune_epochs=20)
    one = make_measurement(remains, find_cell(CELL), "x")
    found = one.list_differences(find_cell(CELL))
    assert found[-3:] == [
        "142 missing clips",
        "2 classes without a scored clip",
        "clips of scored recordings left out of fitting",
    ]
    assert one.protocol["finetune_epochs"] == 20
    assert "missing" not in " ".join(make_measurement(scored, find_cell(CELL), "x").list_differences(find_cell(CELL)))


def test_a_narrow_network_does_not_stand_for_the_published_one(make_folder) -> None:
    folder = make_folder({"high": 4, "low": 4})
    run = "untrained:jia-mobilenet-v2,width=0.25"
    result = evaluate(run, f"folder={folder}", hyperparameter=1.0, cache=False)
    assert result.networks[0].options == "width=0.25"
    assert "width=0.25" in result.describe()[0]
    narrow = result.as_json()["networks"][0]["parameters"]
    assert narrow < 0.2 * count_parameters(build_network("jia-mobilenet-v2", 2))
    cell = find_cell("jia2019-3:mobilenet-v2:top1")
    one = make_measurement(dataclasses.replace(result, benchmark="esc50"), cell, "x")
    assert f"network with width=0.25, {narrow:,} parameters" in one.list_differences(cell)


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
