from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from hearsight.clips import cut
from hearsight.clips.cut import MAX_SHARING_CLIPS, TailPlan, cut_media, join_clips, plan_tail, split_clips_evenly
from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.decode import DecodedClip
from hearsight.records import Media, Rejection, RejectReason


def make_window(start: float, duration: float, hold: float = 0.0, filled: float = 0.0) -> DecodedClip:
    count = round(duration * 3)
    thumbnails = np.zeros((count, 32, 32), np.uint8)
    images = (np.zeros((count, 8, 6, 3), np.uint8), np.zeros((count, 4, 4, 3), np.uint8))
    samples = np.arange(round(start * 16_000), round((start + duration) * 16_000)).astype(np.int16)
    return DecodedClip(start, duration, samples, thumbnails, images, 64, 48, hold, filled)


def run(
    monkeypatch: pytest.MonkeyPatch,
    durations: list[float],
    trouble: MediaError | None = None,
    *,
    tail: str = "share",
    announced: float | None = 20.0,
    start: float = 0.0,
) -> list[DecodedClip | Rejection]:
    def decode(*_: object, **__: object) -> Iterator[DecodedClip]:
        at = start
        for duration in durations:
            yield make_window(at, duration)
            at += duration
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(cut, "decode_windows", decode)
    media = Media("m", "a.mp4", 1, start, None, announced, "mp4", "aac", 16_000, 1, "h264", 64, 48, 25.0)
    lengths = {"length": 4.0, "min_length": 3.0, "max_length": 5.0}
    return list(cut_media(media, **lengths, tail=tail, images_per_second=3.0, requests=()))  # type: ignore[arg-type]


def spans(pieces: list[DecodedClip | Rejection]) -> list[tuple[float, float | None, str]]:
    return [(p.start, p.duration, str(p.reason) if isinstance(p, Rejection) else "clip") for p in pieces]


def test_a_break_is_the_reason_for_the_rest_before_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = BrokenMediaError("a.mp4", "the sound cannot be decoded at 5.20 s", start=5.2, end=20.0)
    pieces = run(monkeypatch, [4.0, 1.2], trouble)
    assert spans(pieces) == [(0.0, 4.0, "clip"), (4.0, 16.0, "broken_stream")]
    assert isinstance(pieces[-1], Rejection)
    assert pieces[-1].detail == "the sound cannot be decoded at 5.20 s"


def test_a_rest_before_a_break_that_is_long_enough_is_a_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = BrokenMediaError("a.mp4", "ends", start=7.5, end=None)
    assert spans(run(monkeypatch, [4.0, 3.5], trouble)) == [
        (0.0, 4.0, "clip"),
        (4.0, 3.5, "clip"),
        (7.5, None, "broken_stream"),
    ]


@pytest.mark.parametrize("reason", [RejectReason.NO_AUDIO, RejectReason.NO_VIDEO, RejectReason.UNREADABLE])
def test_what_is_wrong_with_the_whole_file_is_one_rejection_of_it(
    monkeypatch: pytest.MonkeyPatch, reason: RejectReason
) -> None:
    pieces = run(monkeypatch, [], MediaError("a.mp4", "no good", reason=reason))
    assert spans(pieces) == [(0.0, 20.0, str(reason))]


def test_a_file_of_unknown_duration_that_gives_nothing_is_broken_and_one_of_known_is_too_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert spans(run(monkeypatch, [], announced=None)) == [(0.0, 0.0, "broken_stream")]
    assert spans(run(monkeypatch, [], announced=5.0, start=9.0)) == [(9.0, 0.0, "too_short")]


def test_only_a_first_rest_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spans(run(monkeypatch, [2.0], start=3.0)) == [(3.0, 2.0, "too_short")]
    assert spans(run(monkeypatch, [4.0, 2.0], tail="drop", start=3.0)) == [(3.0, 4.0, "clip"), (7.0, 2.0, "short_tail")]
    assert spans(run(monkeypatch, [2.0], tail="keep")) == [(0.0, 2.0, "clip")]


def test_joined_clips_carry_all_that_both_had() -> None:
    joined = join_clips(make_window(4.0, 4.0, 0.2, 0.5), make_window(8.0, 1.0, 0.7, 0.25))
    assert (joined.start, joined.duration) == (4.0, 5.0)
    assert (joined.longest_hold, joined.seconds_filled) == (0.7, 0.75)
    assert [len(images) for images in (joined.thumbnails, *joined.images)] == [15, 15, 15]
    np.testing.assert_array_equal(joined.samples, np.arange(64_000, 144_000).astype(np.int16))


def number_pictures(windows: list[DecodedClip]) -> list[DecodedClip]:
    """Number the pictures of consecutive windows from zero, in thumbnails and images."""
    first = 0
    numbered = []
    for window in windows:
        numbers = np.arange(first, first + len(window.thumbnails))
        first += len(numbers)
        images = tuple(
            np.broadcast_to(numbers[:, None, None, None], one.shape).astype(np.uint8) for one in window.images
        )
        thumbnails = np.broadcast_to(numbers[:, None, None], window.thumbnails.shape).astype(np.uint8)
        numbered.append(dataclasses.replace(window, thumbnails=thumbnails, images=images))
    return numbered


def test_a_picture_goes_to_the_clip_in_which_it_was_taken() -> None:
    # pictures are taken in the middle of thirds of a second: at 1/6, 3/6, 5/6, ... of each window's own time
    windows = number_pictures([make_window(10.0, 4.0), make_window(14.0, 4.0), make_window(18.0, 1.0)])
    parts = list(split_clips_evenly(windows, 2, 3.0))
    assert [(part.start, part.duration) for part in parts] == [(10.0, 4.5), (14.5, 4.5)]
    # at 14.5 s the second window's second picture is taken: the first that belongs to the second clip
    assert [part.thumbnails[:, 0, 0].tolist() for part in parts] == [[*range(13)], [*range(13, 27)]]
    for part in parts:
        for images in part.images:
            np.testing.assert_array_equal(images[:, 0, 0, 0], part.thumbnails[:, 0, 0])


def test_a_split_lies_on_whole_milliseconds_rounded_down() -> None:
    parts = list(split_clips_evenly([make_window(1.0, 4.0), make_window(5.0, 4.0), make_window(9.0, 3.5)], 3, 3.0))
    assert [part.start for part in parts] == pytest.approx([1.0, 4.833, 8.666], abs=1e-12)
    assert sum(part.duration for part in parts) == pytest.approx(11.5, abs=1e-12)


def test_the_filled_time_of_split_clips_is_in_proportion_to_their_length() -> None:
    parts = list(split_clips_evenly([make_window(0.0, 4.0, 0.0, 0.6), make_window(4.0, 2.0, 0.0, 0.3)], 2, 3.0))
    assert [part.seconds_filled for part in parts] == pytest.approx([0.45, 0.45])


@pytest.mark.parametrize(("tail", "longest"), [("share", 5.0), ("merge", 5.0)])
def test_lengths_at_the_limits_are_within_them(tail: str, longest: float) -> None:
    assert plan_tail(3.0, 2, 4.0, 3.0, longest, "drop") == TailPlan(0, 1)
    assert plan_tail(2.999, 2, 4.0, 3.0, longest, "drop") == TailPlan(0, 0)
    assert plan_tail(1.0, 1, 4.0, 3.0, longest, tail) == TailPlan(1, 1)
    assert plan_tail(1.0, 0, 4.0, 3.0, longest, "keep") == TailPlan(0, 1)
    assert plan_tail(0.999, 0, 4.0, 3.0, longest, "keep") == TailPlan(0, 0)
    # 0.1 + 0.2 > 0.3: a sum of lengths that is a hair beside a limit is at it
    assert plan_tail(0.1 + 0.2, 0, 1.0, 0.1 + 0.2 + 1e-9, 2.0, "drop") == TailPlan(0, 1)
    assert plan_tail(1.0 + 1e-9, 1, 4.0, 3.0, longest, tail) == TailPlan(1, 1)
    assert plan_tail(1.0 - 1e-9, 0, 4.0, 3.0, longest, "keep") == TailPlan(0, 1)


def test_a_rest_is_shared_with_two_clips_at_most() -> None:
    assert MAX_SHARING_CLIPS == 2
    assert plan_tail(0.5, 5, 1.0, 1.2, 1.3, "share") == TailPlan(2, 2)
    assert plan_tail(0.5, 5, 1.0, 1.1, 1.2, "share") == TailPlan(0, 0)


def test_a_window_of_almost_the_full_length_is_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spans(run(monkeypatch, [4.0 - 1e-9], tail="drop"))[0][2] == "clip"
    assert spans(run(monkeypatch, [4.0, 4.0 - 1e-9], tail="drop"))[1][2] == "clip"


def test_a_broken_file_of_known_duration_is_rejected_from_its_start_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = run(monkeypatch, [], MediaError("a.mp4", "no good", reason="no_audio"), announced=20.0, start=8.0)
    assert spans(pieces) == [(8.0, 12.0, "no_audio")]
    pieces = run(monkeypatch, [], MediaError("a.mp4", "no good", reason="no_audio"), announced=5.0, start=8.0)
    assert spans(pieces) == [(8.0, 0.0, "no_audio")]
    broken = BrokenMediaError("a.mp4", "ends", start=3.0, end=3.0)
    assert spans(run(monkeypatch, [4.0], broken))[1:] == [(4.0, 0.0, "broken_stream")]


def test_divided_clips_are_equally_long_and_lose_nothing() -> None:
    parts = list(split_clips_evenly([make_window(0.0, 4.0), make_window(4.0, 2.5)], 2, 3.0))
    assert [(part.start, part.duration) for part in parts] == [(0.0, 3.25), (3.25, 3.25)]
    np.testing.assert_array_equal(np.concatenate([part.samples for part in parts]), np.arange(104_000).astype(np.int16))
    assert sum(len(part.thumbnails) for part in parts) == 20
