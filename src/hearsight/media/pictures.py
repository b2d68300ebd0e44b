"""Which picture is shown at each requested time, turned upright, scaled and cropped for each teacher.

Only requested pictures are converted, once per request and once as a 32 × 32 gray thumbnail.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from hearsight.errors import BrokenMediaError
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Damage, Picture
from hearsight.media.limits import MAX_JUMP, MAX_LATE_START, MAX_STRETCH

THUMBNAIL_SIDE = 32
"""Pixels of a thumbnail's side."""

_SAME_TIME = 0.001
"""Seconds within which two times are one. Matroska and FLV round to milliseconds, and the times asked for (1/6, 1/2, 5/6 s ...) are
those of pictures at 24 and 30 per second: without this, a file and its copy in another container would have other pictures."""


@dataclasses.dataclass(frozen=True)
class ImageRequest:
    """The size of pictures that a caller wants.

    Attributes
    ----------
    height, width
        Pixels.
    fit
        ``crop``: scaled so that the shorter side fits, and the centre cut out; ``stretch``: both sides scaled to fit.
    """

    height: int
    width: int
    fit: Literal["crop", "stretch"] = "crop"


@dataclasses.dataclass(frozen=True, slots=True)
class ConvertedPicture:
    """One converted picture: its thumbnail, and one image for each request."""

    thumbnail: UInt8[np.ndarray, "32 32"]
    images: tuple[UInt8[np.ndarray, "_ _ 3"], ...]


class PictureConverter:
    """Convert pictures of one file: upright, scaled, cropped.

    Attributes
    ----------
    width, height
        Pixels of the picture as it is shown: turned upright, with square pixels. 0 before the first picture.
    """

    def __init__(self, reader: MediaReader, requests: Sequence[ImageRequest]) -> None:
        self.width = 0
        self.height = 0
        self._reader = reader
        self._requests = tuple(requests)
        self._aspect = 1.0 if reader.video is None else reader.video.pixel_aspect
        self._matrix: tuple[int, ...] | None = None

    def set_orientation(self, picture: Picture) -> None:
        """Take from the first picture how those of this file are turned and how large they are shown."""
        self._matrix = self._reader.find_orientation(picture)[1]
        self.width, self.height = find_shown_size(picture, self._aspect, self._matrix)

    def convert(self, picture: Picture) -> ConvertedPicture:
        """Convert a picture."""
        side = THUMBNAIL_SIDE
        thumbnail = turn_upright(self._reader.scale(picture, side, side, gray=True), self._matrix)
        made: dict[ImageRequest, np.ndarray] = {}
        for request in self._requests:
            if request not in made:
                made[request] = self._fit(picture, request)
        return ConvertedPicture(thumbnail, tuple(made[request] for request in self._requests))

    def _fit(self, picture: Picture, request: ImageRequest) -> UInt8[np.ndarray, "height width 3"]:
        width, height = request.width, request.height
        if request.fit == "crop":
            shown_width, shown_height = find_shown_size(picture, self._aspect, self._matrix)
            factor = max(width / shown_width, height / shown_height)
            width = min(max(width, round(shown_width * factor)), width * MAX_STRETCH)
            height = min(max(height, round(shown_height * factor)), height * MAX_STRETCH)
        swapped = is_swapped(self._matrix)
        scaled = self._reader.scale(picture, *((height, width) if swapped else (width, height)))
        upright = turn_upright(scaled, self._matrix)
        top, left = (height - request.height) // 2, (width - request.width) // 2
        return np.ascontiguousarray(upright[top : top + request.height, left : left + request.width])


class PictureSampler:
    """Take, from the pictures of a file as they come, those that are shown at evenly spaced times of each window.

    Parameters
    ----------
    converter
        Converts what is taken.
    start
        Seconds of the file's time at which the first window begins.
    length
        Seconds of a window.
    rate
        Pictures per second: those of a window that begins at ``s`` are taken at ``s + (i + 0.5) / rate``; where that is after its
        end, the only one is taken in its middle.

    Attributes
    ----------
    end
        Seconds of the file's time up to which there are pictures: the end of the last one's time.
    """

    def __init__(self, path: str, converter: PictureConverter, start: float, length: float, rate: float) -> None:
        self.end = start
        self._path = path
        self._converter = converter
        self._start, self._length, self._rate = start, length, rate
        self._offsets = [(index + 0.5) / rate for index in range(count_images(length, rate))] or [length / 2]
        self._window, self._index = 0, 0
        self._last: Picture | None = None
        self._last_time = start
        self._damaged_until = -math.inf
        self._current: ConvertedPicture | None = None
        self._converted: list[ConvertedPicture] = []
        self._holds: dict[int, float] = {}

    def find_next_time(self, time: float) -> float:
        """Return the first time asked for at or after ``time``, or, where rounding leaves a doubt, one just before it."""
        past = max(0.0, time - self._start)
        window = math.floor(past / self._length)
        begin = self._start + window * self._length
        for offset in self._offsets:
            if begin + offset >= time - _SAME_TIME:
                return begin + offset
        return begin + self._length + self._offsets[0]

    def push(self, picture: Picture) -> None:
        """Accept the next picture; the one before it is converted where it was shown at a time asked for.

        Raises
        ------
        BrokenMediaError
            When its time is further from the last one's than :mod:`hearsight.media.limits` allows.
        """
        back = 0.0 if self._last is None else self._last.time - picture.time
        expected = self._last is None or picture.time <= self._damaged_until + _SAME_TIME
        if max(picture.time - self._last_time, back) > (MAX_LATE_START if expected else MAX_JUMP):
            raise BrokenMediaError(
                self._path, f"the pictures' time jumps from {self.end:.2f} s to {picture.time:.2f} s", start=self.end
            )
        if self._last is None:
            self._converter.set_orientation(picture)
        else:
            self._take_until(picture.time)
        if picture.time > self._start:
            self._note_hold(self._last_time, picture.time)
        self._last, self._current = picture, None
        self._last_time = max(self._last_time, picture.time)
        self.end = max(self.end, picture.time + picture.duration)

    def note_damage(self, damage: Damage) -> None:
        """Expect a gap that is longer than clocks jump, because the pictures before it were damaged."""
        self._damaged_until = max(self._damaged_until, damage.end)

    def finish(self, end: float) -> None:
        """Let the last picture stay until ``end``; no other one comes after it."""
        if self._last is not None:
            self._take_until(end)
            self._note_hold(self._last_time, end)

    def is_ready(self, window: int) -> bool:
        """Return whether all pictures of a window have been taken."""
        return self._last_time >= self._start + (window + 1) * self._length

    def pop(self, window: int, duration: float) -> tuple[list[ConvertedPicture], float]:
        """Return a window's pictures, oldest window first, and the longest time in seconds that one of them was shown.

        A window shorter than the others has as many pictures as lie within its duration.
        """
        count = sum(offset < duration for offset in self._offsets)
        converted, self._converted = self._converted[:count], self._converted[count:]
        return converted, self._holds.pop(window, duration)

    def _take_until(self, time: float) -> None:
        """Take the last picture for all times asked for that lie before ``time``."""
        while self._find_time() < time - _SAME_TIME:
            if self._last is not None and self._current is None:
                self._current = self._converter.convert(self._last)
            if self._current is not None:
                self._converted.append(self._current)
            self._index += 1
            if self._index >= len(self._offsets):
                self._window, self._index = self._window + 1, 0

    def _find_time(self) -> float:
        return self._start + self._window * self._length + self._offsets[self._index]

    def _note_hold(self, since: float, until: float) -> None:
        first = max(0, math.floor((since - self._start) / self._length))
        for window in range(first, math.floor((until - self._start) / self._length) + 1):
            begin = self._start + window * self._length
            held = min(until, begin + self._length) - max(since, begin)
            self._holds[window] = max(self._holds.get(window, 0.0), held)


def count_images(duration: float, rate: float) -> int:
    """Count the times ``(i + 0.5) / rate`` that lie within a duration."""
    return max(0, math.ceil(duration * rate - 0.5 - 1e-6))


def find_shown_size(picture: Picture, aspect: float, matrix: tuple[int, ...] | None) -> tuple[int, int]:
    """Return width and height of a picture as it is shown: with square pixels, and upright.

    Parameters
    ----------
    picture
        As it is coded.
    aspect
        Width of its pixels over their height.
    matrix
        Its display matrix.
    """
    width, height = max(1, round(picture.frame.width * aspect)), picture.frame.height
    return (height, width) if is_swapped(matrix) else (width, height)


def is_swapped(matrix: tuple[int, ...] | None) -> bool:
    """Return whether a display matrix turns a picture on its side."""
    return matrix is not None and abs(matrix[1]) > abs(matrix[0])


def turn_upright(
    image: UInt8[np.ndarray, "height width *rgb"], matrix: tuple[int, ...] | None
) -> UInt8[np.ndarray, "_ _ *rgb"]:
    """Turn and mirror a picture by its display matrix, to the nearest quarter turn.

    The matrix takes a pixel at (x, y) to (a x + c y, b x + d y), with y downwards and a, b in its first row, c, d in its second
    (ISO/IEC 14496-12, section 6.2.2; FFmpeg's ``libavutil/display.h``).
    """
    if matrix is None:
        return image
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if is_swapped(matrix):
        image, mirrored, upturned = image.swapaxes(0, 1), c < 0, b < 0
    else:
        mirrored, upturned = a < 0, d < 0
    if mirrored:
        image = image[:, ::-1]
    return image[::-1] if upturned else image
