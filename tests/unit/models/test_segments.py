"""The rule of segments: where they start, how long they are, what they count."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hearsight.errors import UsageError
from hearsight.models.segments import Segmentation

RULES = st.builds(
    lambda hop, overlap, shortest, repeat, tail: Segmentation(
        hop + overlap, hop, shortest_samples=min(shortest, hop + overlap), repeat_short=repeat, tail=tail
    ),
    st.integers(1, 9),
    st.integers(0, 20),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from(["overlap", "drop"]),
)


@given(RULES, st.integers(1, 100))
def test_every_segment_is_as_the_rule_says(rule: Segmentation, num_samples: int) -> None:
    sound = torch.arange(1.0, num_samples + 1)[None]
    starts, weights = rule.place(num_samples)
    segments = rule.split(sound)[0]
    length = rule.measure(num_samples)
    assert segments.shape == (rule.count(num_samples), length) == (len(starts), length)
    assert starts[0] == 0
    assert weights[:-1].tolist() == [1.0] * (len(weights) - 1)
    assert 0.0 < weights[-1] <= 1.0
    assert (starts[:-1] == rule.hop_samples * torch.arange(len(starts) - 1)).all()
    for start, segment in zip(starts.tolist(), segments, strict=True):
        own = min(length, num_samples)
        assert segment[:own].tolist() == sound[0, start : start + own].tolist()
    if num_samples < length:
        rest = [
            sound[0, place % num_samples].item() if rule.repeat_short else 0.0 for place in range(num_samples, length)
        ]
        assert segments[0, num_samples:].tolist() == rest


@given(RULES, st.integers(1, 100))
def test_an_overlapping_tail_uses_every_sample_and_a_dropped_one_only_whole_hops(
    rule: Segmentation, num_samples: int
) -> None:
    starts, weights = rule.place(num_samples)
    end = int(starts[-1]) + rule.measure(num_samples)
    beyond = max(0, num_samples - rule.segment_samples)
    if rule.tail == "overlap":
        assert end >= num_samples
        assert float(weights.sum() - 1) * rule.hop_samples == pytest.approx(beyond)
    else:
        assert weights.tolist() == [1.0] * len(weights)
        assert num_samples - end < rule.hop_samples


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hop_samples": 0}, "every 0"),
        ({"hop_samples": 11}, "every 11"),
        ({"shortest_samples": 0}, "shortest_samples 0"),
        ({"shortest_samples": 11}, "shortest_samples 11"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Segmentation(**{"segment_samples": 10, "hop_samples": 10, **values})
