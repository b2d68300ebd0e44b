"""Every kind of bad file gives exactly its reason, and every odd but good one the right pictures and samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.clips.cut import cut_media
from hearsight.clips.screen import screen_clip
from hearsight.errors import MediaError
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import DecodedClip, ImageRequest
from hearsight.media.info import read_media
from hearsight.records import Media, Rejection, RejectReason, Source
from hearsight.signal.waveform import downmix, resample
from tests.support.media import (
    FRAME_RATE,
    RATE,
    make_counter,
    make_tone,
    overwrite,
    read_counter,
    truncate,
    write_media,
    write_song_with_cover,
)
from tests.support.memory import measure_peak

FRONT = Encoding(crf=10, container_options={"movflags": "faststart"})


def cut(path: Path, start: float = 0.0, end: float | None = None, tail: str = "share") -> list[DecodedClip | Rejection]:
    """Cut a file as a build does: what cannot even be opened is a rejection too."""
    try:
        media = read_media(Source(str(path), start, end))
    except MediaError as error:
        return [Rejection(str(path), start, None, RejectReason(error.reason), error.found)]
    lengths = {"length": 4.0, "min_length": 3.0, "max_length": 5.0}
    return list(cut_media(media, **lengths, tail=tail, images_per_second=3.0, requests=[ImageRequest(48, 64)]))  # type: ignore[arg-type]


def get_reasons(pieces: list[DecodedClip | Rejection]) -> list[str]:
    return [str(piece.reason) if isinstance(piece, Rejection) else "clip" for piece in pieces]


def make_bad(folder: Path, kind: str) -> Path:
    path = folder / "x.mp4"
    if kind == "text":
        path.write_text("no video at all\n" * 500)
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to(folder / "nowhere.mp4")
    elif kind == "no audio":
        write_media(path, 5.0, sound=False)
    elif kind == "no video":
        write_media(path, 5.0, images=np.zeros(0))
    elif kind == "cover":
        write_song_with_cover(path, 5.0)
    elif kind == "0.1 s":
        write_media(path, 0.1)
    elif kind == "2.9 s":
        write_media(path, 2.9)
    elif kind == "index missing":
        truncate(path, write_media(folder / "whole.mp4", 6.0), 0.7)
    elif kind == "nothing left":
        truncate(path, write_media(folder / "whole.mp4", 6.0, encoding=FRONT), 0.13)
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", RejectReason.NOT_MEDIA),
        ("empty", RejectReason.NOT_MEDIA),
        ("index missing", RejectReason.NOT_MEDIA),
        ("folder", RejectReason.UNREADABLE),
        ("dangling link", RejectReason.UNREADABLE),
        ("absent", RejectReason.UNREADABLE),
        ("no audio", RejectReason.NO_AUDIO),
        ("no video", RejectReason.NO_VIDEO),
        ("cover", RejectReason.NO_VIDEO),
        ("0.1 s", RejectReason.TOO_SHORT),
        ("2.9 s", RejectReason.TOO_SHORT),
        ("nothing left", RejectReason.BROKEN_STREAM),
    ],
)
def test_a_bad_file_is_rejected_once_for_the_right_reason(tmp_path: Path, kind: str, reason: RejectReason) -> None:
    pieces = cut(make_bad(tmp_path, kind))
    assert get_reasons(pieces) == [reason]
    assert pieces[0].start == 0.0
    assert pieces[0].detail


def test_a_truncated_file_keeps_its_whole_clips_and_says_what_is_lost(tmp_path: Path) -> None:
    pieces = cut(truncate(tmp_path / "b.mp4", write_media(tmp_path / "a.mp4", 16.0, encoding=FRONT), 0.7))
    assert get_reasons(pieces)[-1] == RejectReason.BROKEN_STREAM
    assert "clip" in get_reasons(pieces)
    last = pieces[-1]
    assert last.start + (last.duration or 0.0) == pytest.approx(16.0, abs=0.05)
    assert last.start == pytest.approx(sum(piece.duration or 0.0 for piece in pieces[:-1]))


def test_damage_rejects_the_windows_it_touches_and_cutting_goes_on_after_it(tmp_path: Path) -> None:
    encoding = Encoding(crf=10, container_options={"movflags": "faststart"}, picture_options={"g": "25"})
    whole = write_media(tmp_path / "a.mp4", 20.0, encoding=encoding)
    pieces = cut(overwrite(tmp_path / "b.mp4", whole, 0.5, length=200))
    reasons = get_reasons(pieces)
    assert reasons.count(RejectReason.BROKEN_STREAM) == 1
    assert reasons[0] == reasons[-1] == "clip"
    rejected = pieces[reasons.index(RejectReason.BROKEN_STREAM)]
    assert rejected.duration in (4.0, 8.0)
    assert "cannot be decoded at" in rejected.detail
    assert [piece.start for piece in pieces[1:]] == pytest.approx(
        [piece.start + (piece.duration or 0.0) for piece in pieces[:-1]]
    )


def test_a_file_that_breaks_before_its_first_clip_has_one_rejection_for_all(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.mp4", 8.0, encoding=FRONT)
    pieces = cut(overwrite(tmp_path / "b.mp4", whole, 0.3, length=40_000))
    assert get_reasons(pieces) == [RejectReason.BROKEN_STREAM]
    assert (pieces[0].start, pieces[0].duration) == (0.0, pytest.approx(8.0, abs=0.05))


def test_sound_at_192_khz_and_in_5_1_comes_out_as_its_mean_at_16_khz(tmp_path: Path) -> None:
    weights = np.array([1.0, 0.5, 0.25, 0.0, -0.25, 0.75], np.float32)[:, np.newaxis]
    for rate, channels in ((192_000, 1), (48_000, 6), (192_000, 6)):
        waveform = make_tone(4.0, rate, channels) * (weights if channels == 6 else 1.0)
        path = tmp_path / f"{rate}-{channels}.mkv"
        write_video(path, make_counter(100), FRAME_RATE, waveform, rate, Encoding(crf=10, audio_codec="pcm_s16le"))
        clip = cut(path)[0]
        assert isinstance(clip, DecodedClip)
        wanted = resample(downmix(np.atleast_2d(waveform)), rate, 16_000)
        np.testing.assert_allclose(clip.samples / 32_768, wanted, atol=2e-4)


def test_a_rotated_phone_video_of_variable_frame_rate_gives_the_right_pictures(tmp_path: Path) -> None:
    times = np.cumsum(np.tile([0.03, 0.05, 0.021, 0.1], 30)) - 0.03
    coded = np.rot90(make_counter(120), -1, axes=(1, 2))
    path = tmp_path / "phone.mov"
    encoding = Encoding(crf=10, rotation=90, times=times.tolist())
    write_video(path, coded, 20.0, make_tone(float(times[-1]) + 0.1), RATE, encoding)
    clips = cut(path)
    assert get_reasons(clips) == ["clip", "clip"]
    for clip in clips:
        assert isinstance(clip, DecodedClip)
        assert (clip.width, clip.height) == (64, 48)
    first = clips[0]
    wanted = [int(np.searchsorted(times, (index + 0.5) / 3 + 1e-3, side="right")) - 1 for index in range(9)]
    assert [read_counter(image) for image in first.images[0][:9]] == wanted


def test_a_span_of_a_list_is_cut_as_if_it_were_a_file(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", 20.0)
    pieces = cut(path, 3.0, 16.0)
    assert [(piece.start, piece.duration) for piece in pieces] == [(3.0, 4.0), (7.0, 4.0), (11.0, 5.0)]
    assert get_reasons(cut(path, 3.0, 4.0)) == [RejectReason.TOO_SHORT]
    assert get_reasons(cut(path, 30.0)) == [RejectReason.TOO_SHORT]
    assert get_reasons(cut(path, 19.0, 24.0)) == [RejectReason.TOO_SHORT]


@pytest.mark.parametrize(
    ("sound", "moving", "reason"),
    [(0.0, True, RejectReason.SILENT), (0.3, False, RejectReason.STILL), (0.3, True, None)],
)
def test_silence_and_stills_are_screened_out(
    tmp_path: Path, sound: float, moving: bool, reason: RejectReason | None
) -> None:
    images = make_counter(100) if moving else np.repeat(make_counter(60)[59:], 100, axis=0)
    path = tmp_path / "a.mp4"
    write_video(path, images, FRAME_RATE, sound * make_tone(4.0), RATE)
    clip = cut(path)[0]
    assert isinstance(clip, DecodedClip)
    found = screen_clip(clip, min_loudness=-60.0, min_motion=0.25)
    assert (None if found is None else found[0]) == reason


def test_memory_does_not_grow_with_the_length_of_a_file(tmp_path: Path) -> None:
    """A file three times as long needs no more than what the clips held at once take."""
    peaks = []
    for seconds in (12.0, 36.0):
        path = tmp_path / f"{seconds}.mp4"
        pictures = (image for image in np.resize(make_counter(250), (round(seconds * 25), 48, 64, 3)))
        write_video(path, pictures, FRAME_RATE, make_tone(seconds), RATE, Encoding(preset="ultrafast"))
        media = read_media(Source(str(path)))

        def cut(media: Media = media, count: float = seconds / 4) -> None:
            clips = cut_media(
                media,
                length=4.0,
                min_length=3.0,
                max_length=5.0,
                tail="share",
                images_per_second=3.0,
                requests=[ImageRequest(96, 96)],  # type: ignore[arg-type]
            )
            assert sum(1 for _ in clips) == count

        peaks.append(measure_peak(cut, runs=2))
    assert peaks[1] < 1.3 * peaks[0]
