"""Audio files that real tools stumble over are read whole, or up to where they break, and that is reported."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.audio import read_audio, stream_audio
from hearsight.records import RejectReason
from hearsight.signal.waveform import resample
from tests.support.damage import (
    forget_flac_length,
    forget_wav_length,
    join_files,
    patch,
    set_wav_rate,
    write_channels,
    write_sound,
)
from tests.support.media import make_tone, overwrite, truncate


def read_seconds(path: Path) -> float:
    return len(read_audio(path, 16_000)) / 16_000


def read_to_the_break(path: Path) -> tuple[np.ndarray, BrokenMediaError]:
    """Read a file that breaks off: return what was good, and the error."""
    blocks: list[np.ndarray] = []
    stream = stream_audio(path, 16_000, 0.5)
    with pytest.raises(BrokenMediaError) as caught:
        blocks.extend(stream)
    return np.concatenate(blocks), caught.value


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "GSM610"),
        ("a.wav", "NMS_ADPCM_32"),
        ("a.wav", "NMS_ADPCM_16"),
        ("a.wav", "G721_32"),
        ("a.wav", "IMA_ADPCM"),
        ("a.wav", "MS_ADPCM"),
        ("a.wav", "ULAW"),
        ("a.aiff", "GSM610"),
        ("a.aiff", "IMA_ADPCM"),
        ("a.aiff", "ALAW"),
        ("a.w64", "GSM610"),
        ("a.au", "G721_32"),
        ("a.au", "G723_24"),
        ("a.au", "G723_40"),
        ("a.caf", "ALAC_16"),
    ],
)
def test_telephone_codecs_are_read_in_every_container(tmp_path: Path, name: str, subtype: str) -> None:
    path, tone = tmp_path / name, make_tone(3.0, 8_000)
    soundfile.write(path, tone, 8_000, subtype=subtype)
    waveform = read_audio(path, 8_000)
    assert len(waveform) / 8_000 == pytest.approx(3.0, abs=0.08)
    length = min(len(waveform), len(tone))
    assert np.corrcoef(waveform[:length], tone[:length])[0, 1] > 0.85


@pytest.mark.parametrize("xing", [False, True])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_an_mp3_is_read_whole_whatever_its_header_says(tmp_path: Path, rate: int, xing: bool) -> None:
    quiet, loud = np.zeros(rate, np.float32), make_tone(5.0, rate)
    waveform = np.concatenate([quiet, loud])[np.newaxis]
    path = write_sound(tmp_path / "a.mp3", "libmp3lame", waveform, rate, format="mp3", write_xing=str(int(xing)))
    if xing:
        path = patch(tmp_path / "b.mp3", path, lambda data: _set_frames(data, 0))
    assert read_seconds(path) == pytest.approx(6.0, abs=0.1)


def _set_frames(data: bytearray, count: int) -> None:
    place = max(data.find(b"Xing"), data.find(b"Info")) + 8
    data[place : place + 4] = count.to_bytes(4, "big")


def test_library_messages_do_not_reach_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_sound(tmp_path / "a.mp3", "libmp3lame", make_tone(3.0)[np.newaxis], 48_000, format="mp3")
    for broken in (
        patch(tmp_path / "b.mp3", path, lambda data: _set_frames(data, 7)),
        truncate(tmp_path / "c.mp3", path, 0.6),
        overwrite(tmp_path / "d.mp3", path, 0.4, length=3_000),
        overwrite(tmp_path / "e.mp3", path, 0.0, b"\xff" * 300),
    ):
        with contextlib.suppress(MediaError):
            read_audio(broken, 16_000)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_a_chained_ogg_is_read_link_after_link(tmp_path: Path, kind: str) -> None:
    parts = []
    for index, seconds in enumerate((3.0, 2.0, 4.0)):
        part, tone = tmp_path / f"{index}.ogg", make_tone(seconds)
        if kind == "opus":
            write_sound(part, "libopus", tone[np.newaxis], 48_000, format="ogg")
        else:
            soundfile.write(part, tone, 48_000, format="OGG", subtype="VORBIS")
        parts.append(part)
    waveform = read_audio(join_files(tmp_path / "a.ogg", *parts), 16_000)
    assert len(waveform) / 16_000 == pytest.approx(9.0, abs=0.1)
    for start in (0.0, 3.0, 5.0):
        # FFmpeg does not trim the end of a link, so that what follows may be some milliseconds late
        around = waveform[round(start * 16_000) :][: 2 * 16_000]
        tone = make_tone(1.0, 16_000)
        match = np.correlate(around, tone, "valid") / np.square(tone).sum()
        assert match.max() > 0.9
        assert np.argmax(match) < 0.06 * 16_000


def test_a_wav_whose_header_was_never_finished_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", make_tone(4.0, 16_000), 16_000)
    path = patch(tmp_path / "b.wav", tmp_path / "a.wav", forget_wav_length)
    np.testing.assert_array_equal(read_audio(path, 16_000), read_audio(tmp_path / "a.wav", 16_000))


def test_a_flac_of_unknown_length_is_read_sample_for_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", make_tone(12.0, 16_000), 16_000, subtype="PCM_24")
    path = patch(tmp_path / "b.flac", tmp_path / "a.flac", forget_flac_length)
    want = soundfile.read(tmp_path / "a.flac", dtype="float32")[0]
    np.testing.assert_array_equal(read_audio(path, 16_000), want)


@pytest.mark.parametrize("unknown", [False, True])
def test_a_damaged_flac_keeps_all_that_came_before_and_the_time_is_that_of_the_damage(
    tmp_path: Path, unknown: bool
) -> None:
    noise = 0.3 * np.random.default_rng(0).standard_normal(12 * 16_000).clip(-3, 3) / 3
    soundfile.write(tmp_path / "a.flac", noise, 16_000)
    whole = patch(tmp_path / "u.flac", tmp_path / "a.flac", forget_flac_length) if unknown else tmp_path / "a.flac"
    waveform, error = read_to_the_break(overwrite(tmp_path / "b.flac", whole, 0.75, length=40))
    assert error.start == pytest.approx(9.0, abs=0.3)
    assert len(waveform) / 16_000 == pytest.approx(error.start, abs=0.01)
    np.testing.assert_array_equal(waveform, read_audio(tmp_path / "a.flac", 16_000)[: len(waveform)])
    assert f"{error.start:.2f} s" in str(error)


def test_one_flipped_bit_in_a_flac_is_noticed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", make_tone(4.0, 16_000), 16_000)

    def flip(data: bytearray) -> None:
        data[len(data) // 2] ^= 0x10

    _, error = read_to_the_break(patch(tmp_path / "b.flac", tmp_path / "a.flac", flip))
    assert 0.5 < error.start < 3.5


@pytest.mark.parametrize("share", [0.2, 0.73])
def test_a_flac_that_was_cut_short_is_read_to_its_end_and_said_to_be(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 12 * 16_000)
    soundfile.write(tmp_path / "a.flac", noise, 16_000)
    waveform, error = read_to_the_break(truncate(tmp_path / "b.flac", tmp_path / "a.flac", share))
    assert len(waveform) / 16_000 == pytest.approx(12.0 * share, abs=0.4)
    assert error.end == pytest.approx(12.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", [".wav", ".aiff"])
def test_a_sample_that_is_not_finite_ends_the_sound_there_with_its_time(
    tmp_path: Path, suffix: str, value: float
) -> None:
    tone = make_tone(10.0, 16_000)
    tone[70_000] = value
    soundfile.write(tmp_path / f"a{suffix}", tone, 16_000, subtype="FLOAT")
    waveform, error = read_to_the_break(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(waveform, tone[:70_000])
    assert error.start == 4.375
    assert "1 sample from 4.38 s on not finite" in str(error)


def test_channels_that_cancel_each_other_are_heard_and_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tone = make_tone(4.0, 16_000)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, -tone], axis=1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", 16_000), tone)
    assert "the channels cancel each other from 0.00 s on" in capfd.readouterr().err


def test_nine_channels_are_mixed_to_their_mean(tmp_path: Path) -> None:
    waveform = read_audio(write_channels(tmp_path / "a.mka", 9, 2.0, pictures=False), 16_000)
    want = resample(make_tone(2.0), 48_000, 16_000)
    assert len(waveform) == pytest.approx(len(want), abs=800)
    np.testing.assert_allclose(waveform[2_000:30_000], want[2_000:30_000], atol=0.1)


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2_000_000_000])
def test_a_sample_rate_beyond_the_limits_is_refused(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", make_tone(1.0), 48_000)
    path = patch(tmp_path / "b.wav", tmp_path / "a.wav", lambda data: set_wav_rate(data, rate))
    with pytest.raises(MediaError, match=f"sound at {rate} Hz in 1 channels, wanted 1000 to 768000 Hz") as caught:
        read_audio(path, 16_000)
    assert caught.value.reason == RejectReason.BROKEN_STREAM


def test_more_channels_than_the_limit_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((100, 65)), 48_000)
    with pytest.raises(MediaError, match=r"65 channels, wanted .* 64 channels"):
        read_audio(tmp_path / "a.wav", 16_000)
