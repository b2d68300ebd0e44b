from __future__ import annotations

import os
from pathlib import Path

import pytest

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.metadata import read_lines, read_records


def test_blanks_behind_a_comma_are_no_part_of_a_cell(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text('filename, label\na.wav, "Dog, bark"\n')
    ((place, row),) = read_records(tmp_path / "clips.csv", ["filename", "label"])
    assert place.endswith("clips.csv line 2")
    assert row == {"filename": "a.wav", "label": "Dog, bark"}


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BenchmarkError, match="named pipe"):
        read_records(tmp_path / "pipe", ["filename"])
    with pytest.raises(BenchmarkError, match="named pipe"):
        read_lines(tmp_path / "pipe", 2)
