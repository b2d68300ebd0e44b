from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig
from hearsight.dataset.reader import Dataset
from hearsight.planning import probe
from hearsight.planning.invented import InventedBuild
from hearsight.planning.probe import ProbeConfig, measure_rates
from hearsight.teachers.registry import load_teacher


def test_invented_clips_become_a_dataset_with_the_number_of_classes_of_the_teachers(tmp_path: Path) -> None:
    teachers = [load_teacher("clusters:k=6", "vision"), load_teacher("clusters:k=5", "audio")]
    found = InventedBuild(teachers, BuildConfig(), 3.0).assemble(tmp_path / "dataset", 12)
    dataset = Dataset(tmp_path / "dataset")
    assert len(dataset) == 12
    assert [teacher.num_classes for teacher in dataset.manifest.teachers] == [len(one.vocabulary) for one in teachers]
    assert all(len(dataset.labels(index).audio) for index in range(12))
    assert found.seconds > 0.0
    assert found.num_bytes > 12 * 3 * 32_000


@pytest.mark.slow
def test_all_rates_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_SMALL", 32)
    monkeypatch.setattr(probe, "_LARGE", 96)
    build = BuildConfig(vision=("clusters:k=4",), audio=("clusters:k=4",))
    rates = measure_rates(ProbeConfig(build, "hearsight-conv-4", seconds=1.0))
    assert min(rates.cut, rates.gather, rates.train, *rates.teachers.values()) > 0.0
    assert 128_000 < rates.dataset_bytes < 400_000
    assert rates.media_bytes > 1_000
    assert rates.sample == probe.SAMPLE
