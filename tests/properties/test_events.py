"""Events, found in one pass, are those of a plain definition, however the segments are divided into blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import median_filter

from hearsight.detection.events import EventDetector, EventRule, find_events, iterate_events, join_events

LEVELS = st.sampled_from([0.0, 0.2, 0.3, 0.5, 0.7, 1.0])
RULES = st.builds(
    EventRule,
    threshold=st.sampled_from([0.5, 0.7]),
    low=st.sampled_from([None, 0.2, 0.3]),
    median=st.sampled_from([1, 3, 5]),
    least=st.sampled_from([0.0, 1.5, 3.0]),
    gap=st.sampled_from([0.0, 1.0, 2.5]),
)
TRACES = st.tuples(st.integers(0, 25), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=LEVELS)
)
HOPS = st.sampled_from([1.0, 0.5, 0.25])


def define_events(starts, ends, values, rule):
    """Return the events by the definition, step after step, with lists."""
    found = []
    smooth = median_filter(values, size=(rule.median, 1), mode="nearest") if len(values) else values
    for index in range(values.shape[1]):
        runs, run = [], None
        for start, end, value in zip(starts, ends, smooth[:, index], strict=True):
            if value < rule.lower:
                run = None
            elif run is None:
                run = [start, end, value]
                runs.append(run)
            else:
                run[1:] = [end, max(run[2], value)]
        merged = []
        for run in (run for run in runs if run[2] >= rule.threshold):
            if merged and run[0] - merged[-1][1] <= rule.gap:
                merged[-1][1:] = [max(merged[-1][1], run[1]), max(merged[-1][2], run[2])]
            else:
                merged.append(run)
        found += [(index, *run) for run in merged if run[1] - run[0] >= rule.least]
    return sorted(found, key=lambda event: (event[1], event[2], event[0]))


@given(values=TRACES, hop=HOPS, rule=RULES)
def test_events_are_those_of_the_definition(values, hop, rule):
    starts = hop * np.arange(len(values))
    found = list(iterate_events(find_events(starts, starts + 1.0, values, rule)))
    assert found == define_events(starts, starts + 1.0, values, rule)


@given(values=TRACES, hop=HOPS, rule=RULES, data=st.data())
def test_blocks_have_no_influence(values, hop, rule, data):
    starts = hop * np.arange(len(values))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=5)))
    highs, lows = np.full(values.shape[1], rule.threshold), np.full(values.shape[1], rule.lower)
    detector = EventDetector(highs, lows, rule)
    parts = [
        detector.push(starts[first:last], starts[first:last] + 1.0, values[first:last])
        for first, last in zip([0, *cuts], [*cuts, len(values)], strict=True)
    ]
    blocks = join_events([*parts, detector.finish()]).sort()
    assert list(iterate_events(blocks)) == list(iterate_events(find_events(starts, starts + 1.0, values, rule)))


@given(values=TRACES, hop=HOPS, rule=RULES)
def test_events_of_a_class_do_not_touch_and_reach_the_threshold(values, hop, rule):
    starts = hop * np.arange(len(values))
    found = find_events(starts, starts + 1.0, values, rule)
    assert (found.peaks >= rule.threshold).all()
    assert (found.ends - found.starts >= rule.least).all()
    for index in set(found.classes.tolist()):
        chosen = found.classes == index
        assert (found.starts[chosen][1:] - found.ends[chosen][:-1] > rule.gap).all()
