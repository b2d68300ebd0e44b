"""Sound from a pipe: WAV or raw samples, decoded as they arrive, in constant memory and of any length."""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from hearsight.errors import BrokenMediaError, MediaError, UsageError
from hearsight.media.containers.streams import Sound
from hearsight.media.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from hearsight.media.timeline import SoundTimeline, find_not_finite
from hearsight.records import RejectReason

STDIN = "-"
"""The name of standard input where a file is expected."""
RAW_FORMATS = ("u8", "s16", "s24", "s32", "f32", "f64")
"""Sample formats of raw sound, all little-endian."""

_BLOCK_SECONDS = 0.5
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)
"""Sizes that programs write into the header of a stream whose length they do not know."""
_MOST_HEADER = 1 << 20
_WAV_KINDS = {(1, 8): "u8", (1, 16): "s16", (1, 24): "s24", (1, 32): "s32", (3, 32): "f32", (3, 64): "f64"}
_EXTENSIBLE = 0xFFFE


@runtime_checkable
class Pipe(Protocol):
    """What bytes are read from: standard input, which may return fewer bytes than are asked for."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""
        ...


@dataclasses.dataclass(frozen=True)
class RawFormat:
    """How raw samples are to be read: Hz, channels (interleaved) and a name of :data:`RAW_FORMATS`."""

    sample_rate: int
    channels: int = 1
    kind: str = "s16"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return int(self.kind[1:]) // 8 * self.channels


def parse_raw_format(text: str) -> RawFormat:
    """Return the format that ``RATE[:CHANNELS[:KIND]]`` describes, such as ``48000:2:s16``.

    Raises
    ------
    UsageError
        When it is not of this form, or beyond :mod:`hearsight.media.limits`.
    """
    found = re.fullmatch(r"(\d{1,7})(?::(\d{1,3}))?(?::(\w+))?", text)
    wanted = f"RATE[:CHANNELS[:KIND]], with a kind of {' '.join(RAW_FORMATS)}, such as 48000:2:s16"
    if found is None or (found[3] or "s16") not in RAW_FORMATS:
        raise UsageError("--raw", f"{text!r:.60}", wanted)
    result = RawFormat(int(found[1]), int(found[2] or 1), found[3] or "s16")
    if not (MIN_SAMPLE_RATE <= result.sample_rate <= MAX_SAMPLE_RATE and 1 <= result.channels <= MAX_CHANNELS):
        limits = f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz and 1 to {MAX_CHANNELS} channels"
        raise UsageError("--raw", f"{result.sample_rate} Hz, {result.channels} channels", limits)
    return result


def stream_pipe(
    file: Pipe, sample_rate: int, raw: RawFormat | None = None
) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Read sound from a pipe as mono of a sample rate, as :func:`hearsight.media.audio.stream_audio` reads a file.

    Parameters
    ----------
    file
        Standard input; it is read to the end of the sound.
    sample_rate
        Hz of the blocks.
    raw
        The format of raw samples; None for WAV.

    Raises
    ------
    MediaError
        ``not_media`` when it is no WAV that can be read, ``broken_stream`` (a :class:`~hearsight.errors.BrokenMediaError`) when it
        ends before its header says or has samples that are not finite, after the good blocks have been yielded.
    """
    timeline = SoundTimeline(STDIN, sample_rate)
    form, left = (raw, None) if raw else _read_header(file)
    try:
        for sound in _stop_where_not_finite(_read_sounds(file, form, left)):
            yield timeline.push(sound)
    except BrokenMediaError:
        yield timeline.finish()
        raise
    yield timeline.finish()


def _stop_where_not_finite(sounds: Iterator[Sound]) -> Iterator[Sound]:
    for sound in sounds:
        bad = find_not_finite(sound)
        if bad is not None:
            first, damage = bad
            yield sound._replace(samples=sound.samples[:, :first])
            raise BrokenMediaError(STDIN, damage.found, "amplitudes", start=damage.start, end=damage.end)
        yield sound


def _read_sounds(file: Pipe, form: RawFormat, left: int | None) -> Iterator[Sound]:
    """Read blocks of samples: all there are, or as many bytes as a header says."""
    size = max(1, int(form.sample_rate * _BLOCK_SECONDS)) * form.frame_bytes
    count = 0
    while left is None or left > 0:
        content = _read(file, size if left is None else min(size, left))
        frames = len(content) // form.frame_bytes
        if frames:
            samples = _decode(content[: frames * form.frame_bytes], form)
            yield Sound(count / form.sample_rate, form.sample_rate, samples)
            count += frames
        if left is not None:
            left -= len(content)
        if len(content) < size:
            break
    if left:
        end = count / form.sample_rate
        missing = left / form.frame_bytes / form.sample_rate
        found = f"the sound ends at {end:.2f} s, {missing:.2f} s before the header says"
        raise BrokenMediaError(STDIN, found, start=end, end=end + missing)


def _read(file: Pipe, size: int) -> bytes:
    """Read so many bytes, or all that are left: a pipe returns less at a time."""
    content = bytearray()
    while len(content) < size and (part := file.read(size - len(content))):
        content += part
    return bytes(content)


def _decode(content: bytes, form: RawFormat) -> Float32[np.ndarray, "channels samples"]:
    if form.kind == "s24":
        triples = np.frombuffer(content, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(triples), 4), np.uint8)
        wide[:, 1:] = triples
        values = wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
    elif form.kind == "u8":
        values = (np.frombuffer(content, np.uint8).astype(np.float32) - np.float32(128.0)) * np.float32(2.0**-7)
    else:
        kind = {"s16": "<i2", "s32": "<i4", "f32": "<f4", "f64": "<f8"}[form.kind]
        scale = {"s16": 2.0**-15, "s32": 2.0**-31}.get(form.kind, 1.0)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            values = np.frombuffer(content, kind).astype(np.float32) * np.float32(scale)
    return np.ascontiguousarray(values.reshape(-1, form.channels).T)


def _read_header(file: Pipe) -> tuple[RawFormat, int | None]:
    """Read a WAV header up to the samples; return their format, and their bytes, None where the header does not know them."""
    head = _read(file, 12)
    if not head:
        raise MediaError(STDIN, f"{len(head)} bytes", "a WAV", reason=RejectReason.NOT_MEDIA)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        hint = "for raw samples, name their format, as in --raw 16000:1:s16; ffmpeg -i FILE -f wav - converts others"
        raise MediaError(STDIN, f"{head[:4]!r} at the start", "a WAV", hint, reason=RejectReason.NOT_MEDIA)
    form: RawFormat | None = None
    total = 12
    while True:
        chunk = _read(file, 8)
        name, size = chunk[:4], int.from_bytes(chunk[4:8], "little")
        if len(chunk) < 8 or (name != b"data" and total + size > _MOST_HEADER):
            found = f"a WAV header of {total + len(chunk)} bytes without samples"
            raise MediaError(STDIN, found, "a WAV", reason=RejectReason.NOT_MEDIA)
        if name == b"data":
            break
        content = _read(file, size + size % 2)
        total += 8 + len(content)
        if name == b"fmt ":
            form = _parse_format(content)
    if form is None:
        found = f"a WAV whose samples begin at byte {total}, without a format"
        raise MediaError(STDIN, found, "a chunk 'fmt '", reason=RejectReason.NOT_MEDIA)
    known = head[:4] == b"RIFF" and size not in _UNKNOWN_SIZES
    return form, size if known else None


def _parse_format(content: bytes) -> RawFormat:
    if len(content) < 16:
        raise MediaError(STDIN, f"a WAV format of {len(content)} bytes", "16 or more", reason=RejectReason.NOT_MEDIA)
    tag, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == _EXTENSIBLE and len(content) >= 26:
        tag = int.from_bytes(content[24:26], "little")
    kind = _WAV_KINDS.get((tag, bits))
    if kind is None:
        found = f"samples of {bits} bits in the WAV format {tag}"
        hint = "ffmpeg -i FILE -f wav - writes 16 bits"
        raise MediaError(STDIN, found, "plain PCM or floats", hint, reason=RejectReason.NOT_MEDIA)
    if not (MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE and 1 <= channels <= MAX_CHANNELS):
        found, limits = f"{channels} channels at {sample_rate} Hz", f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz"
        raise MediaError(STDIN, found, f"{limits}, 1 to {MAX_CHANNELS} channels", reason=RejectReason.BROKEN_STREAM)
    return RawFormat(sample_rate, channels, kind)
