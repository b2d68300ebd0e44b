from __future__ import annotations

import numpy as np
import pytest

from hearsight.detection.classes import ClassThreshold
from hearsight.detection.events import EventRule, find_events, iterate_events
from hearsight.errors import MediaError, UsageError
from hearsight.listening.detector import Detector, TagOptions
from hearsight.listening.outputs import SegmentOutputs

NAMES = ("bark", "rain", "bell")
VALUES = np.array([[0.9, 0.1, 0.3], [0.8, 0.2, 0.6], [0.1, 0.3, 0.7], [0.2, 0.9, 0.1]], np.float32)


def make_outputs(values=VALUES, cut: int = 2):
    starts = np.arange(len(values), dtype=np.float64)
    for first in range(0, len(values), cut):
        part = slice(first, first + cut)
        count = len(values[part])
        ones = np.ones(count)
        embeddings = np.zeros((count, 2), np.float32)
        yield SegmentOutputs(starts[part], ones, ones, values[part], embeddings, float(starts[part][-1] + 1))


def detect(outputs=None, **options):
    detector = Detector(NAMES, (), TagOptions(**options))
    rows = [row for part in detector.detect(outputs or make_outputs(), "a.wav") for row in part]
    return [(row.start, row.duration, row.name, round(row.probability, 6)) for row in rows]


def test_events_are_those_of_the_rule():
    found = find_events(np.arange(4.0), np.arange(4.0) + 1, VALUES, EventRule(0.5))
    expected = [(start, end - start, NAMES[index], round(peak, 6)) for index, start, end, peak in iterate_events(found)]
    assert detect(unit="events") == expected
    assert [row[:3] for row in expected] == [(0.0, 2.0, "bark"), (1.0, 2.0, "bell"), (3.0, 1.0, "rain")]


def test_segments_are_named_by_their_most_probable_classes():
    assert detect(unit="segments", top=1) == [
        (0.0, 1.0, "bark", 0.9),
        (1.0, 1.0, "bark", 0.8),
        (2.0, 1.0, "bell", 0.7),
        (3.0, 1.0, "rain", 0.9),
    ]


def test_a_file_has_the_mean_over_its_time():
    assert detect(top=2) == [(0.0, 4.0, "bark", 0.5), (0.0, 4.0, "bell", 0.425)]


def test_lists_and_thresholds_choose_the_rows():
    assert {row[2] for row in detect(unit="segments", include=("Bark", "rain"), exclude=("RAIN",))} == {"bark"}
    own = {"bell": ClassThreshold(0.65), "rain": ClassThreshold(0.95)}
    assert [row[:3] for row in detect(unit="events", thresholds=own)] == [(0.0, 2.0, "bark"), (2.0, 1.0, "bell")]


def test_a_class_counts_only_where_it_is_among_the_most_probable():
    assert [row[2] for row in detect(unit="events", top=1)] == ["bark", "bell", "rain"]
    assert [row[:2] for row in detect(unit="events", top=1, include=("bell", "bark"))] == [(0.0, 2.0), (2.0, 1.0)]


def test_what_was_found_before_damage_comes_before_the_error():
    def broken():
        yield from make_outputs(VALUES[:2])
        raise MediaError("a.wav", "damaged")

    for unit, rows in (("events", 2), ("segments", 6), ("file", 0)):
        detector, found = Detector(NAMES, (), TagOptions(unit=unit)), []
        parts = detector.detect(broken(), "a.wav")
        with pytest.raises(MediaError, match="damaged"):
            found.extend(row for part in parts for row in part)
        assert len(found) == rows


def test_options_that_need_events_or_are_out_of_range_are_refused():
    with pytest.raises(UsageError, match="low, gap: with tags of segments"):
        TagOptions(unit="segments", low=0.0, gap=1.0)
    for options in ({"threshold": 2.0}, {"hop": 0.0}, {"top": 0}):
        with pytest.raises(UsageError):
            TagOptions(**options)
    with pytest.raises(UsageError, match="no trained classes"):
        Detector((), (), TagOptions())


def test_the_digest_names_every_option():
    digests = {
        TagOptions(**options).compute_digest()
        for options in ({}, {"top": 5}, {"hop": 0.5}, {"thresholds": {"a": ClassThreshold(0.5)}}, {"include": ("a",)})
    }
    assert len(digests) == 5
