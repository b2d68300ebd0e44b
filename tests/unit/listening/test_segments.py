from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import MediaError
from hearsight.listening.segments import SegmentSplitter
from hearsight.models.segments import Segmentation
from tests.support.memory import measure_peak

SEGMENT = 10


def cut(sound, batch=3, hop=SEGMENT):
    return list(SegmentSplitter(Segmentation(SEGMENT, hop), batch).split([sound]))


def join(batches, field):
    return np.concatenate([getattr(batch, field) for batch in batches])


def ramp(count):
    return np.arange(1, count + 1, dtype=np.float32)


def test_whole_segments_follow_each_other_without_gap_or_overlap():
    batches = cut(ramp(70))
    assert [len(batch.starts) for batch in batches] == [3, 4]
    np.testing.assert_array_equal(join(batches, "waveforms").ravel(), ramp(70))
    np.testing.assert_array_equal(join(batches, "starts"), np.arange(0, 70, 10))
    np.testing.assert_array_equal(join(batches, "lengths"), [10] * 7)
    np.testing.assert_array_equal(join(batches, "weights"), [1.0] * 7)


@pytest.mark.parametrize("hop", [10, 7, 3])
@pytest.mark.parametrize("count", [11, 25, 30, 33, 39, 61])
def test_the_last_segment_ends_where_the_sound_ends(count, hop):
    batches = cut(ramp(count), hop=hop)
    waveforms, starts, weights = join(batches, "waveforms"), join(batches, "starts"), join(batches, "weights")
    for waveform, start in zip(waveforms, starts, strict=True):
        np.testing.assert_array_equal(waveform, ramp(count)[start : start + SEGMENT])
    assert starts[-1] == count - SEGMENT
    np.testing.assert_array_equal(starts[:-1], hop * np.arange(len(starts) - 1))
    assert weights.sum() * hop == pytest.approx(count - (SEGMENT - hop))
    np.testing.assert_array_equal(join(batches, "lengths"), [SEGMENT] * len(starts))


def test_a_sound_shorter_than_a_segment_is_padded_with_silence():
    (batch,) = cut(ramp(4))
    np.testing.assert_array_equal(batch.waveforms, [[1, 2, 3, 4, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(batch.lengths, [4])
    np.testing.assert_array_equal(batch.starts, [0])
    np.testing.assert_array_equal(batch.weights, [1.0])


@pytest.mark.parametrize("hop", [10, 7])
@pytest.mark.parametrize("count", [3, 10, 30, 47, 95])
@pytest.mark.parametrize("seed", range(4))
def test_the_blocks_leave_no_trace(count, seed, hop):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.integers(0, count + 1, rng.integers(0, 12)))
    pieces = np.split(ramp(count), edges)
    expected, found = cut(ramp(count), hop=hop), list(SegmentSplitter(Segmentation(SEGMENT, hop), 3).split(pieces))
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        for field in ("waveforms", "starts", "lengths", "weights"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_memory_does_not_grow_with_the_length_of_the_sound():
    def split(blocks: int) -> None:
        sound = (np.zeros(1000, dtype=np.float32) for _ in range(blocks))
        for batch in SegmentSplitter(Segmentation(100, 100), 4).split(sound):
            assert len(batch.starts) >= 4

    # the longer sound is 2.4 MB; a tenth of it is far above what the batches and the interpreter take
    assert measure_peak(lambda: split(600)) < measure_peak(lambda: split(20)) + 240_000


def test_no_sound_at_all_is_an_error():
    for blocks in ([], [np.zeros(0, dtype=np.float32)]):
        with pytest.raises(MediaError, match="no samples") as caught:
            list(SegmentSplitter(Segmentation(SEGMENT, SEGMENT), 3).split(blocks, "a.wav"))
        assert caught.value.reason == "too_short"
        assert caught.value.where == "a.wav"


def test_samples_that_are_not_finite_are_an_error():
    sound = ramp(30)
    sound[17] = np.nan
    with pytest.raises(MediaError, match="not finite"):
        cut(sound)


def test_what_came_before_an_error_is_given_first():
    def blocks():
        yield ramp(47)
        yield ramp(5)
        raise MediaError("a.wav", "it breaks off")

    given = []
    with pytest.raises(MediaError, match="breaks off"):  # noqa: PT012
        for batch in SegmentSplitter(Segmentation(SEGMENT, SEGMENT), 3).split(blocks()):
            given.append(batch)  # noqa: PERF402
    for batch in SegmentSplitter(Segmentation(SEGMENT, SEGMENT), 3).split([np.concatenate([ramp(47), ramp(5)])]):
        np.testing.assert_array_equal(given.pop(0).waveforms, batch.waveforms)
    assert not given
