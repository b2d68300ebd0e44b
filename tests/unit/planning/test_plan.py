from __future__ import annotations

import dataclasses
import json

import pytest

from hearsight.cli import app
from hearsight.planning import probe
from hearsight.planning.papers import PAPER_TOTALS
from hearsight.planning.plan import PlanRequest, describe_bytes, describe_time, make_plan
from hearsight.planning.probe import ProbeConfig, Rates

RATES = Rates(
    cores=2,
    device="cpu",
    clip_seconds=4.0,
    media_bytes=1e5,
    cut=10.0,
    teachers={"onnx:seen.onnx": 5.0, "onnx:heard.onnx": 50.0},
    gather=100.0,
    dataset_bytes=130_000.0,
    train=20.0,
    model="jia-mobilenet-v2",
    sample="some videos",
)


def test_time_is_passes_over_rate_and_falls_with_the_machines() -> None:
    one = make_plan(PlanRequest(1_000_000, epochs=3), RATES)
    assert [stage.seconds for stage in one.stages] == [1e5, 2e5, 2e4, 1e4, 1.5e5]
    assert one.total.seconds == 4.8e5
    four = make_plan(PlanRequest(1_000_000, machines=4, epochs=3), RATES)
    assert [stage.seconds for stage in four.stages] == [2.5e4, 5e4, 5e3, 1e4, 3.75e4]


def test_there_are_costs_only_with_a_price_and_gathering_pays_one_machine() -> None:
    assert [stage.cost for stage in make_plan(PlanRequest(1000), RATES).stages] == [None] * 5
    plan = make_plan(PlanRequest(3_600_000, machines=2, epochs=1, price=3.0), RATES)
    assert [stage.cost for stage in plan.stages] == pytest.approx([300.0, 600.0, 60.0, 30.0, 150.0])
    assert plan.total.cost == pytest.approx(1140.0)


def test_times_on_gpus_are_unknown_unless_one_was_measured_or_given() -> None:
    unknown = make_plan(PlanRequest(1000, gpus=4, price=1.0), RATES)
    assert [stage.seconds is None for stage in unknown.stages] == [False, True, True, False, True]
    assert (unknown.total.seconds, unknown.total.cost) == (None, None)
    assert "not measured" in unknown.stages[1].row()
    assert any("--gpu-speedup" in line for line in unknown.assumptions)
    given = make_plan(PlanRequest(1000, gpus=4, gpu_speedup=10.0), RATES)
    assert given.stages[1].rate == 200.0
    measured = make_plan(PlanRequest(1000, gpus=4), dataclasses.replace(RATES, device="cuda"))
    assert measured.stages[1].rate == 20.0


def test_disk_is_that_of_parts_and_shards_together() -> None:
    plan = make_plan(PlanRequest(15_000_000), RATES)
    assert plan.peak_bytes == 2 * 130_000 * 15e6
    assert describe_bytes(plan.peak_bytes) == "3.9 TB"


def test_times_and_sizes_have_the_unit_that_suits_them() -> None:
    assert [describe_time(seconds) for seconds in (5.0, 100.0, 7200.0, 1e6, 1e8)] == [
        "5.0 s",
        "1.7 minutes",
        "2.0 hours",
        "11.6 days",
        "3.2 years",
    ]
    assert [describe_bytes(size) for size in (1500.0, 2e6, 3e9)] == ["1.5 kB", "2.0 MB", "3.0 GB"]


def test_the_papers_stand_beside_it_with_their_gpu_hours() -> None:
    assert [round(paper.gpu_hours) for paper in PAPER_TOTALS] == [1344, 24, 8100]
    rows = make_plan(PlanRequest(1000), RATES).paper_rows()
    assert rows[0][:2] == ("Jia 2019", "15 million clips, 16,320 hours")


def test_the_command_prints_the_plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[ProbeConfig] = []

    def measure(config: ProbeConfig) -> Rates:
        asked.append(config)
        return RATES

    monkeypatch.setattr(probe, "measure_rates", measure)
    for extra in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            app(["plan", "--clips", "15e6", "--machines", "8", "--audio", "clusters:k=4", *extra])
        assert ended.value.code in (0, None)
        out = capsys.readouterr().out
        if extra:
            assert json.loads(out)["request"]["num_clips"] == 15_000_000
            assert [stage["name"] for stage in json.loads(out)["stages"]][-1] == "all"
        else:
            assert "15,000,000 clips" in out
            assert "Assumptions" in out
            assert "1,344" in out
    assert (asked[0].build.vision, asked[0].build.audio) == ((), ("clusters:k=4",))
