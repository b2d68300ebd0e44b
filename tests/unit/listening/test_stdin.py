from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from hearsight.errors import BrokenMediaError, MediaError, UsageError
from hearsight.listening.stdin import RawFormat, parse_raw_format, stream_pipe
from hearsight.media.audio import read_audio

RNG = np.random.default_rng(0)


class Pipe(io.BytesIO):
    """Returns few bytes at a time, as a pipe does."""

    def read(self, size: int = -1) -> bytes:
        return super().read(min(size, 1000) if size > 0 else size)


def read(content: bytes, rate: int = 16_000, raw: RawFormat | None = None) -> np.ndarray:
    return np.concatenate(list(stream_pipe(Pipe(content), rate, raw)))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize(("kind", "channels", "rate"), [("WAV", 1, 16_000), ("WAV", 2, 22_050), ("WAVEX", 3, 8_000)])
def test_a_wav_from_a_pipe_is_what_it_is_as_a_file(tmp_path, subtype, kind, channels, rate):
    path = tmp_path / "x.wav"
    soundfile.write(path, 0.3 * RNG.standard_normal((rate * 2, channels)), rate, subtype=subtype, format=kind)
    np.testing.assert_array_equal(read(path.read_bytes()), read_audio(path, 16_000))


@pytest.mark.parametrize("kind", ["s16", "s32", "f32", "f64", "u8", "s24"])
def test_raw_samples_are_those_of_a_wav(tmp_path, kind):
    subtype = {"s16": "PCM_16", "s24": "PCM_24", "s32": "PCM_32", "f32": "FLOAT", "f64": "DOUBLE", "u8": "PCM_U8"}[kind]
    samples = 0.3 * RNG.standard_normal((30_000, 2))
    soundfile.write(tmp_path / "x.wav", samples, 16_000, subtype=subtype)
    soundfile.write(tmp_path / "x.raw", samples, 16_000, subtype=subtype, format="RAW", endian="LITTLE")
    raw = read((tmp_path / "x.raw").read_bytes(), raw=RawFormat(16_000, 2, kind))
    np.testing.assert_array_equal(raw, read_audio(tmp_path / "x.wav", 16_000))


def test_a_stream_of_unknown_length_is_read_to_its_end():
    samples = (1000 * RNG.standard_normal(20_000)).astype("<i2")
    fmt = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    for size in (0xFFFFFFFF, 0):
        header = (
            b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + fmt + b"LIST" + struct.pack("<I", 3) + b"abc\0"
        )
        content = header + b"data" + struct.pack("<I", size) + samples.tobytes()
        np.testing.assert_array_equal(read(content), samples / np.float32(32768))


def test_a_stream_that_ends_early_keeps_what_came_before(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(32_000), 16_000, subtype="PCM_16")
    blocks = []
    pipe = stream_pipe(Pipe((tmp_path / "x.wav").read_bytes()[: 44 + 32_000]), 16_000)

    def read_all():
        for block in pipe:
            blocks.append(block)  # noqa: PERF402 (up to the error)

    with pytest.raises(BrokenMediaError, match=r"ends at 1\.00 s, 1\.00 s before"):
        read_all()
    assert sum(len(block) for block in blocks) == 16_000


def test_samples_that_are_not_finite_end_the_sound():
    samples = np.zeros(20_000, "<f4")
    samples[12_000] = np.nan
    with pytest.raises(BrokenMediaError, match="not finite"):
        read(samples.tobytes(), raw=RawFormat(16_000, 1, "f32"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes, wanted a WAV"),
        (b"OggS" + bytes(60), "b'OggS' at the start"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "without a format"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0abcd", "format of 4 bytes"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 85, 1, 16_000, 0, 0, 0), "WAV format 85"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 0, 16_000, 0, 0, 16), "0 channels"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f", "without samples"),
    ],
)
def test_what_is_no_wav_is_refused(content, words):
    with pytest.raises(MediaError, match=words):
        read(content)


def test_a_raw_format_has_defaults_and_bounds():
    assert parse_raw_format("48000") == RawFormat(48_000, 1, "s16")
    assert parse_raw_format("48000:2:f32") == RawFormat(48_000, 2, "f32")
    for text in ("", "fast", "48000:2:s12", "48000:0", "10", "9999999"):
        with pytest.raises(UsageError, match="--raw"):
            parse_raw_format(text)


def test_numbers_beyond_float32_are_refused_without_a_warning():
    content = np.array([0.5, 1e300, 0.5]).astype("<f8").tobytes()
    with pytest.raises(BrokenMediaError, match=r"1 sample from 0\.00 s on not finite"):
        list(stream_pipe(io.BytesIO(content), 16_000, RawFormat(16_000, 1, "f64")))
