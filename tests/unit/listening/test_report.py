"""The summary of what was done with a folder's recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hearsight.errors import InputError
from hearsight.listening.report import WorkReport


def make_report(**values: Any) -> WorkReport:
    numbers: dict[str, Any] = {
        "num_done": 2,
        "num_before": 0,
        "num_rows": 1200,
        "duration": 90.0,
        "seconds": 3.0,
        "failures": [],
    }
    return WorkReport(out="tags", **{**numbers, **values})


def test_the_summary_counts_in_singular_and_plural() -> None:
    assert make_report().describe() == [
        "tags: 2 recordings with 1,200 rows, 90 s of sound in 3.0 s (30 times real time)"
    ]
    one = make_report(num_done=1, num_rows=1, num_before=1).describe()
    assert one[0].startswith("tags: 1 recording with 1 row, ")
    assert one[1:] == ["1 recording was done before and has not changed"]
    assert make_report(num_before=3).describe()[1:] == ["3 recordings were done before and have not changed"]


def test_failures_are_counted_and_stand_in_the_json_as_text() -> None:
    report = make_report(failures=[InputError(Path("bad.wav"), "no sound", "a recording")])
    assert report.describe()[1:] == ["1 failed; --only-failed tries them again"]
    found = report.as_json()
    assert found["failures"] == [str(report.failures[0])]
    assert found["num_rows"] == 1200
