from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media import pictures
from hearsight.media.audio import read_audio, stream_audio
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import DecodedClip, ImageRequest, decode_windows
from hearsight.media.info import read_media
from hearsight.media.interleave import LOOKAHEAD
from hearsight.records import RejectReason, Source
from hearsight.signal.waveform import downmix, resample, to_int16
from tests.support.media import (
    FRAME_RATE,
    HEIGHT,
    RATE,
    WIDTH,
    make_counter,
    make_tone,
    overwrite,
    read_counter,
    truncate,
    write_media,
    write_separated,
    write_song_with_cover,
)

SMALL = ImageRequest(HEIGHT, WIDTH)


def decode(
    path: Path,
    start: float = 0.0,
    end: float | None = None,
    *,
    length: float = 4.0,
    rate: float = 3.0,
    requests: Sequence[ImageRequest] = (SMALL,),
) -> list[DecodedClip]:
    media = read_media(Source(str(path), start, end))
    return list(decode_windows(media, length=length, images_per_second=rate, requests=requests))


def decode_to_the_break(path: Path) -> tuple[list[DecodedClip], BrokenMediaError]:
    """Decode a file that breaks off: give the clips before the error, and the error."""
    clips: list[DecodedClip] = []
    windows = decode_windows(read_media(Source(str(path))), length=4.0, images_per_second=3.0, requests=[SMALL])
    try:
        clips.extend(windows)
    except BrokenMediaError as error:
        return clips, error
    return pytest.fail("it does not break off")


def join_samples(clips: list[DecodedClip]) -> np.ndarray:
    return np.concatenate([clip.samples for clip in clips])


def read_counters(clips: list[DecodedClip]) -> list[int]:
    return [read_counter(image) for clip in clips for image in clip.images[0]]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_media(tmp_path_factory.mktemp("video") / "a.mp4", 10.0, channels=2)


def test_windows_follow_each_other_and_the_last_one_is_shorter(video: Path) -> None:
    clips = decode(video)
    assert [(clip.start, clip.duration) for clip in clips] == [
        (0.0, 4.0),
        (4.0, 4.0),
        (8.0, pytest.approx(2.0, abs=0.02)),
    ]
    assert [len(clip.samples) for clip in clips[:2]] == [64_000, 64_000]
    assert [len(clip.thumbnails) for clip in clips] == [12, 12, 6]
    assert all(clip.images[0].shape == (len(clip.thumbnails), HEIGHT, WIDTH, 3) for clip in clips)
    assert {(clip.width, clip.height) for clip in clips} == {(WIDTH, HEIGHT)}


@pytest.mark.parametrize("rate", [0.1, 1.0, 3.0, 7.0, 25.0, 60.0])
def test_a_picture_is_the_last_one_shown_at_its_time(video: Path, rate: float) -> None:
    clips = decode(video, rate=rate)
    for clip in clips[:2]:
        times = clip.start + (np.arange(max(1, round(4 * rate))) + 0.5) / rate
        times = np.minimum(times, clip.start + 2.0) if rate < 0.2 else times
        assert read_counters([clip]) == [int(np.floor(time * FRAME_RATE + 1e-6)) for time in times]
        assert [read_counter(thumbnail) for thumbnail in clip.thumbnails] == read_counters([clip])


@pytest.mark.parametrize("length", [1.0, 2.5, 4.0, 60.0])
def test_windows_joined_are_the_sound_of_the_whole_file_sample_for_sample(video: Path, length: float) -> None:
    samples = join_samples(decode(video, length=length))
    whole = to_int16(read_audio(video, 16_000))
    assert abs(len(whole) - len(samples)) <= 16_000 * 0.05
    np.testing.assert_array_equal(samples, whole[: len(samples)])
    np.testing.assert_allclose(samples / 32_768, resample(make_tone(10.0), RATE, 16_000)[: len(samples)], atol=0.02)


def test_each_request_gets_its_own_size_and_the_same_moments(video: Path) -> None:
    requests = [ImageRequest(24, 24), ImageRequest(20, 60, "stretch"), ImageRequest(96, 96), ImageRequest(24, 24)]
    clip = decode(video, requests=requests)[0]
    assert [images.shape for images in clip.images] == [
        (12, 24, 24, 3),
        (12, 20, 60, 3),
        (12, 96, 96, 3),
        (12, 24, 24, 3),
    ]
    np.testing.assert_array_equal(clip.images[0], clip.images[3])
    for images in clip.images[1:3]:
        assert [read_counter(image) for image in images] == read_counters(decode(video)[:1])


def test_no_request_gives_thumbnails_all_the_same(video: Path) -> None:
    clip = decode(video, requests=[])[0]
    assert clip.images == ()
    assert [read_counter(thumbnail) for thumbnail in clip.thumbnails] == read_counters(decode(video)[:1])


@pytest.mark.parametrize(("start", "end"), [(0.0, 5.0), (3.0, None), (3.0, 8.5), (1.23, 9.87), (9.5, None)])
def test_a_span_of_the_file_is_what_the_whole_has_there(video: Path, start: float, end: float | None) -> None:
    clips = decode(video, start, end)
    samples, whole = join_samples(clips), to_int16(read_audio(video, 16_000))
    assert clips[0].start == start
    assert clips[-1].start + clips[-1].duration == pytest.approx(10.0 if end is None else end, abs=0.02)
    first = round(start * 16_000)
    inside = slice(400, -400)
    difference = samples[inside].astype(int) - whole[first : first + len(samples)][inside]
    assert np.abs(difference).max() <= 1 if (start * 16_000).is_integer() else np.abs(difference).max() < 3_000
    times = [clip.start + (index + 0.5) / 3 for clip in clips for index in range(len(clip.thumbnails))]
    assert read_counters(clips) == [int(np.floor(time * FRAME_RATE + 1e-6)) for time in times]


def test_a_span_ends_with_the_file_at_the_latest(video: Path) -> None:
    clips = decode(video, 2.0, 30.0)
    assert clips[-1].start + clips[-1].duration == pytest.approx(10.0, abs=0.03)
    assert decode(video, 11.0) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".flv", ".mov"])
def test_every_container_keeps_sound_and_pictures_together(tmp_path: Path, suffix: str) -> None:
    encoding = Encoding(crf=10, video_codec="mpeg4" if suffix == ".avi" else "libx264")
    clip = decode(write_media(tmp_path / f"a{suffix}", 6.0, rate=44_100, encoding=encoding))[0]
    times = (np.arange(12) + 0.5) / 3
    late_pictures = np.median(times - (np.array(read_counters([clip])) + 0.5) / FRAME_RATE)
    wanted = resample(make_tone(6.0, 44_100), 44_100, 16_000)[:64_000]
    product = np.fft.rfft(clip.samples, 2**17) * np.conj(np.fft.rfft(wanted, 2**17))
    lag = int(np.argmax(np.fft.irfft(product)))
    late_sound = (lag if lag < 2**16 else lag - 2**17) / 16_000
    assert abs(late_sound - late_pictures) <= 1 / FRAME_RATE
    assert abs(late_sound) <= 0.03


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(crf=10, sound_start=0.4),
        Encoding(crf=10, times=[0.4 + index / FRAME_RATE for index in range(150)]),
    ],
    ids=["sound late", "pictures late"],
)
def test_streams_that_start_apart_stay_apart(tmp_path: Path, encoding: Encoding) -> None:
    clips = decode(write_media(tmp_path / "a.mkv", 6.0, encoding=encoding))
    late_pictures = 0.4 if encoding.times is not None else 0.0
    times = [clip.start + (index + 0.5) / 3 for clip in clips for index in range(len(clip.thumbnails))]
    assert read_counters(clips) == [max(0, int(np.floor((t - late_pictures) * FRAME_RATE + 0.03))) for t in times]
    silent = round(encoding.sound_start * 16_000)
    assert not clips[0].samples[: max(0, silent - 600)].any()
    expected = resample(make_tone(6.0), RATE, 16_000)
    heard = clips[0].samples[silent:] / 32_768
    np.testing.assert_allclose(heard[1_000:], expected[1_000 : len(heard)], atol=0.05)
    assert clips[0].seconds_filled == pytest.approx(encoding.sound_start, abs=0.03)


def test_pictures_at_uneven_times_are_taken_at_their_times(tmp_path: Path) -> None:
    gaps = itertools.cycle([0.02, 0.2, 0.04, 0.5, 0.033])
    times = [0.0, *itertools.accumulate(next(gaps) for _ in range(49))]
    path = write_media(
        tmp_path / "a.mp4", times[-1] + 0.04, images=make_counter(50), encoding=Encoding(crf=10, times=times)
    )
    clips = decode(path)
    wanted = [clip.start + (index + 0.5) / 3 for clip in clips for index in range(len(clip.thumbnails))]
    assert read_counters(clips) == [int(np.searchsorted(times, time + 1e-3, side="right")) - 1 for time in wanted]
    assert clips[0].longest_hold == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("frame_rate", [6.0, 24.0, 30.0])
def test_a_copy_in_a_container_that_rounds_to_milliseconds_gives_the_same_pictures(
    tmp_path: Path, frame_rate: float
) -> None:
    counters = []
    for suffix in (".mp4", ".mkv"):
        path = tmp_path / f"a{suffix}"
        write_video(path, make_counter(round(4 * frame_rate)), frame_rate, make_tone(4.0), RATE, Encoding(crf=10))
        counters.append(read_counters(decode(path)))
    assert counters[0] == counters[1] == [int((index + 0.5) / 3 * frame_rate + 1e-6) for index in range(12)]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_pictures_are_turned_upright(tmp_path: Path, degrees: int) -> None:
    upright = np.zeros((50, 48, 64, 3), np.uint8)
    upright[:, :12, :16, 0] = 220
    upright[:, :12, 48:, 1] = 220
    upright[:, 36:, :16, 2] = 220
    coded = np.rot90(upright, -degrees // 90, axes=(1, 2))
    path = write_media(tmp_path / "a.mp4", 2.0, images=coded, encoding=Encoding(crf=5, rotation=degrees))
    clip = decode(path, requests=[ImageRequest(48, 64), ImageRequest(48, 48)])[0]
    assert (clip.width, clip.height) == (64, 48)
    assert read_media(Source(str(path))).rotation == degrees
    np.testing.assert_allclose(clip.images[0][0, 2:10, 2:14].mean(axis=(0, 1)), [220, 0, 0], atol=12)
    np.testing.assert_allclose(clip.images[0][0, 2:10, 50:62].mean(axis=(0, 1)), [0, 220, 0], atol=12)
    np.testing.assert_allclose(clip.images[0][0, 38:46, 2:14].mean(axis=(0, 1)), [0, 0, 220], atol=12)
    np.testing.assert_allclose(clip.images[1][0, 2:10, 1:6].mean(axis=(0, 1)), [220, 0, 0], atol=12)
    assert clip.thumbnails[0, :6, :6].mean() > 50 > clip.thumbnails[0, -6:, -6:].mean()


@pytest.mark.parametrize("pictures_first", [True, False])
def test_a_file_that_stores_sound_and_pictures_apart_is_read_in_bounded_memory(
    tmp_path: Path, pictures_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_separated(tmp_path / "a.mkv", 30.0, pictures_first)
    most = 0
    take = pictures.PictureSampler._take_until

    def watch(self: pictures.PictureSampler, time: float) -> None:
        nonlocal most
        take(self, time)
        most = max(most, len(self._converted))

    monkeypatch.setattr(pictures.PictureSampler, "_take_until", watch)
    clips = decode(path)
    assert 12 <= most <= 3 * (LOOKAHEAD + 4.0 + 1.0)
    assert len(clips) == 8
    np.testing.assert_array_equal(join_samples(clips), to_int16(read_audio(path, 16_000)))
    times = [clip.start + (index + 0.5) / 3 for clip in clips for index in range(len(clip.thumbnails))]
    assert read_counters(clips) == [int(np.floor(time * FRAME_RATE + 1e-6)) for time in times]


def test_sound_that_ends_early_ends_the_media_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, make_counter(250), FRAME_RATE, make_tone(5.0), RATE, Encoding(crf=10))
    clips, error = decode_to_the_break(path)
    assert [clip.start for clip in clips] == [0.0, 4.0]
    assert clips[-1].duration == pytest.approx(1.0, abs=0.03)
    assert (error.start, error.end) == (pytest.approx(5.0, abs=0.03), pytest.approx(10.0))
    assert "the sound ends at 5.0" in error.found


def test_pictures_that_end_early_end_the_media_there(tmp_path: Path) -> None:
    clips, error = decode_to_the_break(write_media(tmp_path / "a.mkv", 30.0, images=make_counter(100)))
    assert [(clip.start, clip.duration) for clip in clips] == [(0.0, 4.0)]
    assert error.end == pytest.approx(30.0, abs=0.1)
    assert "the pictures end at 4.00 s of 30.0" in error.found


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".flv"])
def test_a_truncated_file_keeps_what_is_whole(tmp_path: Path, suffix: str) -> None:
    front = Encoding(crf=10, container_options={"movflags": "faststart"} if suffix == ".mp4" else None)
    path = write_media(tmp_path / f"a{suffix}", 20.0, encoding=front)
    whole = decode(path)
    clips, error = decode_to_the_break(truncate(tmp_path / f"b{suffix}", path, 0.6))
    good = [clip for clip in clips if clip.duration == 4.0]
    assert 1 <= len(good) <= 3
    np.testing.assert_array_equal(join_samples(good), join_samples(whole[: len(good)]))
    assert read_counters(good) == read_counters(whole[: len(good)])
    assert error.start == pytest.approx(clips[-1].start + clips[-1].duration)
    assert error.end == pytest.approx(20.0, abs=0.1)
    assert error.reason == RejectReason.BROKEN_STREAM


def test_only_the_windows_that_damage_touches_carry_it(tmp_path: Path) -> None:
    front = Encoding(crf=10, container_options={"movflags": "faststart"}, picture_options={"g": "25"})
    whole = write_media(tmp_path / "a.mp4", 12.0, encoding=front)
    good = decode(whole, length=2.0)
    clips = decode(overwrite(tmp_path / "b.mp4", whole, 0.5, length=200), length=2.0)
    assert [clip.start for clip in clips] == [clip.start for clip in good]
    damaged = [index for index, clip in enumerate(clips) if clip.damage]
    assert 1 <= len(damaged) <= 3
    assert 0 < damaged[0] <= damaged[-1] < len(clips) - 1
    assert "cannot be decoded at" in clips[damaged[0]].damage
    for index in set(range(len(clips))) - {*damaged, damaged[-1] + 1}:
        np.testing.assert_array_equal(clips[index].samples, good[index].samples)
        assert read_counters([clips[index]]) == read_counters([good[index]])


def test_sound_without_pictures_and_pictures_without_sound_are_refused(tmp_path: Path) -> None:
    for path, reason in [
        (write_media(tmp_path / "a.mp4", 1.0, sound=False), RejectReason.NO_AUDIO),
        (write_media(tmp_path / "a.m4a", 1.0, images=np.zeros(0)), RejectReason.NO_VIDEO),
        (write_song_with_cover(tmp_path / "b.m4a"), RejectReason.NO_VIDEO),
    ]:
        with pytest.raises(MediaError) as caught:
            decode(path)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "subtype", "rate", "channels"),
    [
        ("a.wav", "PCM_16", 44_100, 1),
        ("a.wav", "FLOAT", 192_000, 6),
        ("a.flac", "PCM_24", 48_000, 2),
        ("a.ogg", "VORBIS", 44_100, 2),
        ("a.ogg", "OPUS", 48_000, 2),
        ("a.mp3", "MPEG_LAYER_III", 32_000, 1),
        ("a.aiff", "PCM_16", 16_000, 2),
    ],
)
def test_audio_files_of_many_kinds_are_read_as_mono_of_the_wanted_rate(
    tmp_path: Path, name: str, subtype: str, rate: int, channels: int
) -> None:
    tone = make_tone(3.0, rate, channels) if channels > 1 else make_tone(3.0, rate)[np.newaxis]
    soundfile.write(tmp_path / name, tone.T, rate, subtype=subtype)
    waveform = read_audio(tmp_path / name, 16_000)
    wanted = resample(downmix(tone), rate, 16_000)
    exact = subtype.startswith(("PCM", "FLOAT"))
    assert len(waveform) == len(wanted) if exact else abs(len(waveform) - len(wanted)) < 1_600
    length = min(len(waveform), len(wanted), 40_000)
    np.testing.assert_allclose(waveform[2_000:length], wanted[2_000:length], atol=1e-3 if exact else 0.1)


@pytest.mark.parametrize("seconds", [0.37, 1.0, 100.0])
@pytest.mark.parametrize("suffix", [".wav", ".mp4"])
def test_streamed_blocks_joined_are_the_whole(tmp_path: Path, video: Path, suffix: str, seconds: float) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".wav":
        soundfile.write(path, make_tone(12.3, 44_100, 2).T, 44_100)
    else:
        shutil.copy(video, path)
    blocks = list(stream_audio(path, 16_000, seconds))
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path, 16_000))
    assert {len(block) for block in blocks[:-1]} <= {round(seconds * 16_000)}
    assert 0 < len(blocks[-1]) <= round(seconds * 16_000)


def test_what_was_good_comes_before_the_error(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.m4a", 12.0, images=np.zeros(0))
    path = overwrite(tmp_path / "b.m4a", whole, 0.5, length=2_000)
    blocks: list[np.ndarray] = []
    stream = stream_audio(path, 16_000, 1.0)
    with pytest.raises(BrokenMediaError, match=r"the sound cannot be decoded at \d") as caught:
        blocks.extend(stream)
    assert len(np.concatenate(blocks)) / 16_000 == pytest.approx(caught.value.start, abs=0.1)
    with pytest.raises(BrokenMediaError):
        read_audio(path, 16_000)


def test_an_audio_file_that_is_none_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound here")
    (tmp_path / "b.mp3").write_bytes(b"")
    silent = write_media(tmp_path / "c.mp4", 1.0, sound=False)
    for path, reason in [
        (tmp_path / "a.wav", RejectReason.NOT_MEDIA),
        (tmp_path / "b.mp3", RejectReason.NOT_MEDIA),
        (tmp_path / "absent.flac", RejectReason.UNREADABLE),
        (silent, RejectReason.NO_AUDIO),
    ]:
        with pytest.raises(MediaError) as caught:
            read_audio(path, 16_000)
        assert caught.value.reason == reason
        assert str(path) in str(caught.value)


def test_an_empty_audio_file_has_no_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    assert len(read_audio(tmp_path / "a.wav", 16_000)) == 0
    assert list(stream_audio(tmp_path / "a.wav", 16_000, 1.0)) == []
