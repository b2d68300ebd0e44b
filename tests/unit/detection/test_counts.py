from __future__ import annotations

import numpy as np
import pytest

from hearsight.detection import counts
from hearsight.detection.counts import TimeCounter, count_tables
from hearsight.detection.formats.catalogue import open_file
from hearsight.detection.formats.writer import Context
from hearsight.errors import TableError
from hearsight.records import Tag

NIGHT = "20240517_230000.wav"


def make_counter(unit) -> TimeCounter:
    counter = TimeCounter(unit)
    counter.add(NIGHT, [10.0, 3599.0, 3600.0], ["Owl", "Owl", "Rain"])
    counter.add("night/20240519_000000.wav", [0.0], ["Owl"])
    counter.add("other.wav", [5.0, 6.0], ["Owl", "Bell"])
    return counter


def test_detections_are_counted_by_hours_without_gaps() -> None:
    found = make_counter("hour").finish()
    assert found.classes == ("Owl", "Bell", "Rain")
    assert found.times[:2] == ("2024-05-17 23:00", "2024-05-18 00:00")
    assert (len(found.times), found.times[-1]) == (26, "2024-05-19 00:00")
    assert found.values.sum(axis=1).tolist() == [3, 0, 1]
    assert found.values[:, :2].tolist() == [[2, 0], [0, 0], [0, 1]]
    assert found.without_time == {"Owl": 1, "Bell": 1}


def test_detections_are_counted_by_days_and_by_hours_of_the_day() -> None:
    days = make_counter("day").finish()
    assert days.times == ("2024-05-17", "2024-05-18", "2024-05-19")
    assert days.values.tolist() == [[2, 0, 1], [0, 0, 0], [0, 1, 0]]
    hours = make_counter("hour-of-day").finish(top=1)
    assert (hours.classes, len(hours.times), hours.times[23]) == (("Owl",), 24, "23:00")
    assert np.flatnonzero(hours.values[0]).tolist() == [0, 23]
    assert hours.as_json()["without_time"] == {"Owl": 1}


def test_columns_that_are_years_apart_are_not_filled(monkeypatch) -> None:
    monkeypatch.setattr(counts, "MOST_GAPS", 10)
    assert len(make_counter("hour").finish().times) == 3


def test_nothing_is_counted_where_there_is_nothing() -> None:
    found = TimeCounter("day").finish()
    assert (found.classes, found.times, found.values.shape) == ((), (), (0, 0))


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_tables_of_each_format_are_counted_from_a_threshold_on(name, tmp_path) -> None:
    path = tmp_path / f"tags.{name}"
    with open_file(name, path, Context()) as writer:
        writer.write([Tag(NIGHT, start, 1.0, "Owl", probability) for start, probability in ((0.0, 0.9), (5.0, 0.4))])
        writer.fail("bad.wav", "no sound")
        writer.end_file(NIGHT, 10.0)
    assert count_tables([path], "day").values.tolist() == [[2]]
    assert count_tables([path], "day", threshold=0.5).values.tolist() == [[1]]


def test_a_table_without_classes_is_refused(tmp_path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TableError):
        count_tables([tmp_path / "other.csv"], "day")
