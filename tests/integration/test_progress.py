"""The long functions report their progress to a callback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import hearsight
from tests.support.coded import install_coded_teacher
from tests.support.videos import write_folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("progress")
    write_folder(folder / "videos", 3)
    hearsight.build_dataset([folder / "videos"], folder / "dataset", workers=1)
    return folder / "dataset"


def check_stages(events: list[hearsight.ProgressEvent], *stages: tuple[str, int, str]) -> None:
    """Every stage begins at 0 or where it was continued, never goes back, and ends with all of its units."""
    assert [(one.stage, one.done, one.unit) for one in events if one.is_last] == list(stages)
    for stage, total, _ in stages:
        ours = [one for one in events if one.stage == stage]
        assert [one.done for one in ours] == sorted(one.done for one in ours)
        assert {one.total for one in ours} == {total}


def test_a_build_reports_files_and_shards(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "videos", 2)
    events: list[hearsight.ProgressEvent] = []
    hearsight.build_dataset([tmp_path / "videos"], tmp_path / "dataset", workers=1, progress=events.append)
    check_stages(events, ("labelling", 2, "files"), ("writing shards", 1, "shards"), ("indexing", 4, "clips"))
    assert "labelling" not in capfd.readouterr().err


def test_mixing_reports_mixtures_and_shards(dataset: Path, tmp_path: Path) -> None:
    events: list[hearsight.ProgressEvent] = []
    config = hearsight.MixConfig(clips=8)
    hearsight.mix_dataset(dataset, tmp_path / "mixtures", config, workers=1, progress=events.append)
    check_stages(
        events, ("mixing and labelling", 8, "mixtures"), ("writing shards", 1, "shards"), ("indexing", 8, "clips")
    )


def test_labelling_again_reports_clips(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_coded_teacher(tmp_path / "plugin", monkeypatch)
    events: list[hearsight.ProgressEvent] = []
    config = hearsight.LabelConfig(audio=("coded:cochlea",))
    hearsight.label_dataset(dataset, tmp_path / "labelled", config, workers=1, progress=events.append)
    count = len(hearsight.Dataset(dataset))
    check_stages(events, ("labelling", count, "clips"), ("indexing", count, "clips"))


def test_an_evaluation_reports_clips_and_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))
    for label, pitch in (("low", 220.0), ("high", 1760.0)):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        for number in range(10):
            wave = 0.2 * np.sin(2.0 * np.pi * (pitch + 10.0 * number) * np.arange(16_000) / 16_000)
            soundfile.write(tmp_path / "sounds" / label / f"{number}.wav", wave, 16_000)
    events: list[hearsight.ProgressEvent] = []
    hearsight.evaluate("baseline:log-mel", f"folder={tmp_path / 'sounds'}", probe="svm", progress=events.append)
    stages = [(one.stage, one.done, one.unit) for one in events if one.is_last]
    assert ("embedding folder", 20, "clips") in stages
    assert any(stage == "fitting svm" and unit == "folds" and done > 1 for stage, done, unit in stages)


def test_what_a_callback_raises_ends_the_function_and_the_next_call_continues(tmp_path: Path) -> None:
    write_folder(tmp_path / "videos", 2)

    def stop(event: hearsight.ProgressEvent) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hearsight.build_dataset([tmp_path / "videos"], tmp_path / "dataset", workers=1, progress=stop)
    events: list[hearsight.ProgressEvent] = []
    hearsight.build_dataset([tmp_path / "videos"], tmp_path / "dataset", workers=1, progress=events.append)
    begun = [one.done for one in events if one.stage == "labelling"]
    assert begun[-1] == 2
    assert 1 in begun[:2]
