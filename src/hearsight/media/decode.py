"""The windows of a video, with sound and pictures decoded in step."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Int16, UInt8

from hearsight.console import print_message
from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.audio import UNKEPT_PROMISE, describe_cancellation
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Damage, Picture, Sound
from hearsight.media.guard import reject_unexpected
from hearsight.media.interleave import read_interleaved
from hearsight.media.pictures import THUMBNAIL_SIDE, ImageRequest, PictureConverter, PictureSampler
from hearsight.media.timeline import SoundTimeline, find_not_finite
from hearsight.records import Media, RejectReason
from hearsight.signal.waveform import to_int16
from hearsight.units import SAMPLE_RATE, to_samples

__all__ = ["DecodedClip", "ImageRequest", "decode_windows"]

UNEVEN_END = 0.5
"""Seconds by which sound and pictures may end apart; what the longer one has beyond that is rejected as broken."""


@dataclasses.dataclass
class DecodedClip:
    """A span of a media file, decoded.

    Attributes
    ----------
    start, duration
        Seconds of the media's own time.
    samples
        One channel at ``sample_rate``.
    thumbnails
        32 × 32 gray, one per requested picture.
    images
        One array per request, as many pictures each as there are thumbnails.
    width, height
        Pixels of the picture as it is shown: upright, with square pixels.
    longest_hold
        Longest time in seconds that one picture was shown, give or take one that was skipped.
    seconds_filled
        Seconds of silence put in where the file has no sound.
    damage
        What is wrong with the first span of it that is damaged; empty where none is. Sound that is damaged is silent, and
        pictures are those before the damage.
    sample_rate
        Hz of the samples.
    note
        What a reader should know of how the sound was read, such as channels that cancel each other; mostly empty.
    """

    start: float
    duration: float
    samples: Int16[np.ndarray, " samples"]
    thumbnails: UInt8[np.ndarray, "images 32 32"]
    images: tuple[UInt8[np.ndarray, "images _ _ 3"], ...]
    width: int
    height: int
    longest_hold: float = 0.0
    seconds_filled: float = 0.0
    damage: str = ""
    sample_rate: int = SAMPLE_RATE
    note: str = ""


def decode_windows(
    media: Media,
    *,
    length: float,
    images_per_second: float,
    requests: Sequence[ImageRequest],
    sample_rate: int = SAMPLE_RATE,
    threads: int = 1,
) -> Iterator[DecodedClip]:
    """Decode a media file in one pass, as windows of equal length that follow each other, and a shorter last one.

    Sound and pictures are placed by their presentation times. A picture at time ``t`` is the last one shown at or before ``t``,
    give or take a millisecond (the first one if there is none yet). The media ends where the shorter of its sound and pictures
    ends.

    Parameters
    ----------
    media
        As :func:`~hearsight.media.info.read_media` returns it; only what lies between its ``start`` and ``end`` is decoded.
    length
        Seconds of a window.
    images_per_second
        Pictures wanted: those of a window that begins at ``s`` are taken at ``s + (i + 0.5) / images_per_second``.
    requests
        What each teacher wants pictures to be.
    sample_rate
        Hz of the samples that are wanted.
    threads
        Threads of each decoder.

    Yields
    ------
    DecodedClip
        Windows, joined without a sample lost or doubled; those that damage touches carry it. At any time at most one window and
        :data:`~hearsight.media.interleave.LOOKAHEAD` seconds are held, whatever the file's length or interleaving.

    Raises
    ------
    MediaError
        ``no_audio``, ``no_video``, ``unreadable``, ``not_media``.
    BrokenMediaError
        After the windows before it: where nothing more can be decoded, or one of sound and pictures continues for more than half
        a second without the other, or the file ends before what it announces. ``start`` and ``end`` bound what is lost.
    """
    with reject_unexpected(media.readable_path), MediaReader(media.readable_path, threads) as reader:
        require_sound_and_pictures(reader)
        maker = _WindowMaker(reader, media, length, images_per_second, requests, sample_rate)
        yield from maker.decode(threads)


def require_sound_and_pictures(reader: MediaReader) -> None:
    """Check that a file has both sound and pictures.

    Raises
    ------
    MediaError
        ``no_audio`` or ``no_video``.
    """
    if reader.audio is None:
        found = f"no sound in it ({reader.container})"
        raise MediaError(reader.path, found, "both sound and pictures", reason=RejectReason.NO_AUDIO)
    if reader.video is None:
        found = f"no pictures in it ({reader.container})"
        raise MediaError(reader.path, found, "both sound and pictures", reason=RejectReason.NO_VIDEO)


class _WindowMaker:
    """Cut sound and pictures, as they are decoded, into windows."""

    def __init__(
        self,
        reader: MediaReader,
        media: Media,
        length: float,
        rate: float,
        requests: Sequence[ImageRequest],
        sample_rate: int,
    ) -> None:
        self._reader = reader
        self._start = media.start
        self._limit = math.inf if media.end is None else media.end
        self._length = length
        self._requests = requests
        self._converter = PictureConverter(reader, requests)
        self._sample_rate = sample_rate
        self._timeline = SoundTimeline(reader.path, sample_rate, media.start)
        self._sampler = PictureSampler(reader.path, self._converter, media.start, length, rate)
        reader.next_wanted = self._sampler.find_next_time
        self._damages: list[Damage] = []
        self._samples: deque[Int16[np.ndarray, " samples"]] = deque()
        self._num_samples = 0
        self._window = 0

    def decode(self, threads: int) -> Iterator[DecodedClip]:
        trouble: BrokenMediaError | None = None
        announced = self._reader.duration
        # where the clock starts again, a place behind the announced end is found only by reading up to it
        if self._start > 0.0 and (announced is None or self._start < announced):
            self._reader.seek(self._start - 0.25)
        try:
            for item in read_interleaved(self._reader, threads):
                self._take(item)
                while self._is_ready():
                    yield self._make(self._length)
                if min(self._timeline.end, self._sampler.end) >= self._limit:
                    break
        except BrokenMediaError as error:
            trouble = error
        yield from self._finish(trouble)

    def _take(self, item: Sound | Picture | Damage) -> None:
        if isinstance(item, Picture):
            self._sampler.push(item)
        elif isinstance(item, Damage):
            (self._sampler if item.is_video else self._timeline).note_damage(item)
            self._damages.append(item)
        else:
            if bad := find_not_finite(item):
                self._damages.append(bad[1])
                item = item._replace(samples=np.nan_to_num(item.samples, nan=0.0, posinf=0.0, neginf=0.0))
            self._hold(self._timeline.push(item))

    def _hold(self, waveform: Float32[np.ndarray, " samples"]) -> None:
        if waveform.shape[0]:
            self._samples.append(to_int16(waveform))
            self._num_samples += waveform.shape[0]

    def _is_ready(self) -> bool:
        end = self._start + (self._window + 1) * self._length
        return (
            end <= self._limit
            and self._num_samples >= self._count_samples(end)
            and self._sampler.is_ready(self._window)
        )

    def _count_samples(self, end: float) -> int:
        """Count the samples from the start of the current window to a time; windows begin on whole samples of the file's span."""
        first = to_samples(self._window * self._length, self._sample_rate)
        return to_samples(end - self._start, self._sample_rate) - first

    def _make(self, duration: float) -> DecodedClip:
        start = self._start + self._window * self._length
        samples = self._pop_samples(self._count_samples(start + duration))
        shots, hold = self._sampler.pop(self._window, duration)
        side = THUMBNAIL_SIDE
        clip = DecodedClip(
            start,
            duration,
            samples,
            np.stack([shot.thumbnail for shot in shots]) if shots else np.zeros((0, side, side), np.uint8),
            tuple(
                np.stack([shot.images[index] for shot in shots])
                if shots
                else np.zeros((0, request.height, request.width, 3), np.uint8)
                for index, request in enumerate(self._requests)
            ),
            self._converter.width,
            self._converter.height,
            longest_hold=hold,
            seconds_filled=self._timeline.count_filled(start, start + duration),
            damage=self._find_damage(start, start + duration),
            sample_rate=self._sample_rate,
            note=self._describe_channels(start + duration),
        )
        self._window += 1
        return clip

    def _describe_channels(self, end: float) -> str:
        cancelled_at = self._timeline.downmixer.cancelled_at
        return describe_cancellation(cancelled_at) if cancelled_at is not None and cancelled_at < end else ""

    def _find_damage(self, start: float, end: float) -> str:
        """Return what is wrong with a window, and forget the damage that ends in it."""
        found = sorted(d for d in self._damages if d.start < end and d.end > start)
        self._damages = [d for d in self._damages if d.end > end]
        return found[0].found if found else ""

    def _pop_samples(self, count: int) -> Int16[np.ndarray, " samples"]:
        taken: list[Int16[np.ndarray, " _"]] = []
        missing = count
        while missing > 0 and self._samples:
            block = self._samples.popleft()
            if len(block) > missing:
                self._samples.appendleft(block[missing:])
                block = block[:missing]
            taken.append(block)
            missing -= len(block)
        self._num_samples -= count - missing
        return np.concatenate([*taken, np.zeros(missing, np.int16)])

    def _finish(self, trouble: BrokenMediaError | None) -> Iterator[DecodedClip]:
        self._hold(self._timeline.finish())
        if self._timeline.downmixer.cancelled_at is not None:
            print_message(f"{self._reader.path}: {describe_cancellation(self._timeline.downmixer.cancelled_at)}")
        end = min(self._timeline.end, self._sampler.end, self._limit, math.inf if trouble is None else trouble.start)
        end = max(self._start, math.floor(end * 1000.0 + 1e-3) / 1000.0)
        self._sampler.finish(end)
        rest = end - self._start - self._window * self._length
        while rest >= 0.001:
            yield self._make(min(self._length, rest))
            rest = end - self._start - self._window * self._length
        announced = min(self._limit, self._reader.duration or 0.0)
        if trouble is not None:
            trouble.start, trouble.end = end, announced if announced > end else None
            raise trouble
        self._check_end(end, announced)

    def _check_end(self, end: float, announced: float) -> None:
        """Raise where the file continues, or should, after its last window."""
        sound, pictures = min(self._timeline.end, self._limit), min(self._sampler.end, self._limit)
        if abs(sound - pictures) > UNEVEN_END:
            found = f"the sound ends at {sound:.2f} s, the pictures at {pictures:.2f} s"
            if max(sound, pictures) < announced:
                which = "sound ends" if sound < pictures else "pictures end"
                found = f"the {which} at {end:.2f} s of {announced:.2f} s"
            raise BrokenMediaError(self._reader.path, found, start=end, end=max(sound, pictures, announced))
        if announced - end > UNKEPT_PROMISE:
            found = f"the file ends at {end:.2f} s of the {announced:.2f} s that it announces"
            raise BrokenMediaError(self._reader.path, found, start=end, end=announced)
