from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight.clips import cut
from hearsight.clips.cut import MAX_SHARING_CLIPS, TailPlan, cut_media, plan_tail
from hearsight.media.decode import DecodedClip
from hearsight.records import Media, Rejection, RejectReason

RATE = 3.0


def make_media() -> Media:
    return Media("m", "a.mp4", 1, 0.0, None, None, "mp4", "aac", 16_000, 1, "h264", 64, 48, 25.0)


def make_windows(total_ms: int, length: float) -> list[DecodedClip]:
    """Give the windows of a media file whose samples and pictures count up from zero."""
    windows, start = [], 0
    step = round(length * 1000)
    while start < total_ms:
        duration = min(step, total_ms - start)
        samples = np.arange(16 * start, 16 * (start + duration)).astype(np.int16)
        first = round(start / 1000 * RATE)
        pictures = np.arange(first, first + round(duration / 1000 * RATE))
        thumbnails = np.broadcast_to(pictures[:, None, None], (len(pictures), 32, 32)).astype(np.uint8)
        windows.append(DecodedClip(start / 1000, duration / 1000, samples, thumbnails, (), 64, 48))
        start += step
    return windows


def run_cut(total_ms: int, length: float, shortest: float, longest: float, tail: str) -> list[DecodedClip | Rejection]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "decode_windows", lambda *_, **__: iter(make_windows(total_ms, length)))
        return list(
            cut_media(
                make_media(),
                length=length,
                min_length=shortest,
                max_length=longest,
                tail=tail,
                images_per_second=RATE,
                requests=(),
            )
        )


@given(
    st.integers(1, 40_000),
    st.sampled_from([(4.0, 3.0, 5.0), (3.0, 2.0, 3.0), (5.0, 5.0, 5.0), (4.0, 1.0, 9.0)]),
    st.sampled_from(["share", "merge", "drop", "keep"]),
)
def test_every_span_is_in_exactly_one_clip_or_rejection(
    total_ms: int, lengths: tuple[float, float, float], tail: str
) -> None:
    length, shortest, longest = lengths
    pieces = run_cut(total_ms, length, shortest, longest, tail)
    at = 0.0
    for piece in pieces:
        assert piece.start == pytest.approx(at, abs=1e-9)
        at = piece.start + (piece.duration or 0.0)
    assert at == pytest.approx(total_ms / 1000, abs=1e-9)
    clips = [piece for piece in pieces if isinstance(piece, DecodedClip)]
    for clip in clips:
        assert clip.duration <= longest + 1e-3
        assert clip.duration >= (1.0 if tail == "keep" else shortest) - 1e-3
        first = round(clip.start * 16_000)
        np.testing.assert_array_equal(clip.samples, np.arange(first, first + len(clip.samples)).astype(np.int16))
        assert len(clip.samples) == pytest.approx(clip.duration * 16_000, abs=16)
    rejections = [piece for piece in pieces if isinstance(piece, Rejection)]
    assert len(rejections) <= 1
    assert all(one.reason in (RejectReason.SHORT_TAIL, RejectReason.TOO_SHORT) for one in rejections)
    shown = np.concatenate([clip.thumbnails[:, 0, 0] for clip in clips]) if clips else np.zeros(0)
    np.testing.assert_array_equal(shown, np.arange(len(shown)).astype(np.uint8))


@given(st.integers(9_000, 60_000))
def test_nothing_is_lost_when_the_rest_is_shared(total_ms: int) -> None:
    pieces = run_cut(total_ms, 4.0, 3.0, 5.0, "share")
    assert all(isinstance(piece, DecodedClip) for piece in pieces)


@pytest.mark.parametrize(
    ("rest", "num_before", "tail", "expected"),
    [
        (3.2, 2, "drop", TailPlan(0, 1)),
        (2.0, 2, "share", TailPlan(1, 2)),
        (1.5, 2, "share", TailPlan(2, 2)),
        (2.9, 2, "share", TailPlan(1, 2)),
        (0.4, 2, "share", TailPlan(1, 1)),
        (1.5, 1, "share", TailPlan(0, 0)),
        (0.9, 1, "merge", TailPlan(1, 1)),
        (2.0, 2, "merge", TailPlan(0, 0)),
        (2.0, 2, "drop", TailPlan(0, 0)),
        (2.0, 2, "keep", TailPlan(0, 1)),
        (0.9, 2, "keep", TailPlan(0, 0)),
        (0.4, 0, "share", TailPlan(0, 0)),
    ],
)
def test_short_tail_is_dropped_unless_shared_merged_or_kept(
    rest: float, num_before: int, tail: str, expected: TailPlan
) -> None:
    assert plan_tail(rest, num_before, 4.0, 3.0, 5.0, tail) == expected
    assert expected.num_before <= MAX_SHARING_CLIPS
