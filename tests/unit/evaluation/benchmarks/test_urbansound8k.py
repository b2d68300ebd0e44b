from __future__ import annotations

from collections import Counter

import pytest

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from tests.support.layouts import write_urbansound8k


@pytest.fixture
def folder(tmp_path):
    return write_urbansound8k(tmp_path / "UrbanSound8K")


def load(folder):
    return load_benchmark(f"urbansound8k={folder}")


def test_urbansound8k_has_ten_folds_and_freesound_recordings_as_sources(folder):
    benchmark = load(folder)
    assert (len(benchmark), len(benchmark.classes), benchmark.clip_seconds) == (200, 10, None)
    assert Counter(benchmark.folds.tolist()) == dict.fromkeys(range(1, 11), 20)
    clip = next(clip for clip in benchmark.clips if clip.fold == 10)
    assert (clip.path, clip.label, clip.source) == ("audio/fold10/100010-9-0-0.wav", 9, "100010")
    assert len(benchmark.splits) == 10
    assert benchmark.notes == ("200 clips listed, 8,732 published: not comparable with published scores",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10001-0-0-0.wav,10001", "10001-0-0-0.wav,10002", r"line 2: '10001-0-0-0\.wav' in a row with fsID 10002"),
        (",0,air_conditioner", ",0,air conditioner", "line 2: class 'air conditioner' with number 0"),
        (",1,1,0,air_conditioner", ",1,11,0,air_conditioner", "line 2: fold '11'"),
        (
            ",1,1,0,air_conditioner",
            ",1,2,0,air_conditioner",
            r"1 of 200 clips are missing: audio/fold2/10001-0-0-0\.wav",
        ),
        ("10001-0-0-1.wav", "10001-0-0-0.wav", "1 clips are named twice"),
        ("salience,fold", "salience,part", "no column fold"),
    ],
)
def test_a_table_that_contradicts_the_files_is_refused(folder, old, new, message):
    table = folder / "metadata" / "UrbanSound8K.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(BenchmarkError, match=message):
        load(folder)


def test_a_recording_in_two_official_folds_is_scored_and_noted(folder):
    table = folder / "metadata" / "UrbanSound8K.csv"
    table.write_text(
        table.read_text().replace("10001-0-0-0.wav,10001,0.0,4.0,1,1", "10001-0-0-0.wav,10001,0.0,4.0,1,2")
    )
    (folder / "audio/fold1/10001-0-0-0.wav").rename(folder / "audio/fold2/10001-0-0-0.wav")
    told = "1 recordings lie in several of the official folds: 10001 (folds 1, 2); leak_free=true fits without them"
    assert told in load(folder).notes


def test_additional_sounds_are_noted_and_another_folder_is_refused(folder, tmp_path):
    (folder / "audio" / "fold1" / "extra.wav").touch()
    assert "1 sounds that its tables do not name left out: audio/fold1/extra.wav" in load(folder).notes
    with pytest.raises(BenchmarkError, match=r"no metadata/UrbanSound8K\.csv"):
        load(tmp_path)
