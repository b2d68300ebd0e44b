from __future__ import annotations

import math

import numpy as np
import pytest

from hearsight.errors import MediaError
from hearsight.listening.listener import load
from hearsight.teaching.examples import Example
from hearsight.teaching.segments import Heard, SegmentReader, cut_spans, make_noises
from tests.support.teaching import RATE, make_tone, write_wav


@pytest.fixture(scope="module")
def reader(model) -> SegmentReader:
    return SegmentReader(load(model, device="cpu"))


def test_spans_are_cut_over_the_edges_of_blocks():
    blocks = [np.arange(start, start + 100, dtype=np.float32) for start in range(0, 500, 100)]
    inner, rest, behind = cut_spans(iter(blocks), 100, [(0.95, 2.05), (4.5, math.inf), (9.0, 10.0)])
    np.testing.assert_array_equal(inner, np.arange(95, 205))
    np.testing.assert_array_equal(rest, np.arange(450, 500))
    assert len(behind) == 0


def test_nothing_is_decoded_behind_the_last_span():
    taken = []

    def yield_blocks():
        for number in range(100):
            taken.append(number)
            yield np.zeros(100, np.float32)

    cut_spans(yield_blocks(), 100, [(0.0, 2.5)])
    assert len(taken) == 3


def test_quiet_segments_are_background_and_loud_ones_the_class(reader, tmp_path):
    sound = np.concatenate(
        [make_tone(200.0), np.zeros(2 * RATE, np.float32), 0.03 * make_tone(200.0), make_tone(200.0)]
    )
    path = str(write_wav(tmp_path / "a.wav", sound))
    (heard,) = reader.read(path, [Example(path, "low")])
    assert isinstance(heard, Heard)
    assert heard.starts.tolist() == [0.0, 4.0]
    assert len(heard.quiet) == 2
    (span,) = reader.read(path, [Example(path, "low", 0.0, 4.0)])
    assert isinstance(span, Heard)
    assert len(span.quiet) == 0


def test_a_short_span_gets_what_is_around_it(reader, tmp_path):
    path = str(write_wav(tmp_path / "a.wav", make_tone(200.0, 4.0)))
    (heard,) = reader.read(path, [Example(path, "low", 2.0, 2.2)])
    assert isinstance(heard, Heard)
    assert heard.starts.tolist() == [1.6]


def test_a_span_behind_the_end_and_a_silent_one_have_a_reason(reader, tmp_path):
    path = str(write_wav(tmp_path / "a.wav", np.concatenate([make_tone(200.0), np.zeros(RATE * 2, np.float32)])))
    behind, silent, good = reader.read(
        path, [Example(path, "a", 8.0), Example(path, "a", 1.5, 2.5), Example(path, "a")]
    )
    assert isinstance(behind, MediaError)
    assert behind.found == "nothing from 8 s on"
    assert isinstance(silent, MediaError)
    assert "silence" in silent.found
    assert isinstance(good, Heard)


def test_noises_are_keyed_and_within_full_scale():
    first, again = (list(make_noises(RATE, 1.0, seed=3)) for _ in range(2))
    assert len(first) == 10
    assert not first[0].any()
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one).max() <= 1.0
    assert not np.array_equal(first[1], next(x for i, x in enumerate(make_noises(RATE, 1.0, seed=4)) if i == 1))
