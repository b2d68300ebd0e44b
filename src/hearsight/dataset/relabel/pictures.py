"""The pictures of a dataset's clips, read from its media again, since a dataset holds none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hearsight.clips.cut import cut_media
from hearsight.dataset.label_media import UnitError
from hearsight.engine.progress import report_progress
from hearsight.errors import MediaError
from hearsight.media.decode import DecodedClip, decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Media, Source
from hearsight.units import to_milliseconds

Images = UInt8[np.ndarray, "images height width 3"]

_Span = tuple[int, int]
"""Start and end of a clip in whole milliseconds."""


class ClipPictures:
    """Reads pictures as the build did, with the settings that a dataset has recorded.

    Parameters
    ----------
    config
        The configuration in the dataset's manifest.
    requests
        What each vision teacher wants pictures to be.
    """

    def __init__(self, config: Mapping[str, Any], requests: Sequence[ImageRequest]) -> None:
        self._cut: dict[str, Any] = dict(config["cut"])
        self._rate = float(config["images_per_second"])
        self._requests = tuple(requests)

    def read(self, clips: Sequence[Mapping[str, Any]]) -> list[tuple[Images, ...]]:
        """Return the pictures of clips, one array per request.

        Parameters
        ----------
        clips
            Rows of the clip table, those of a media file next to each other.

        Raises
        ------
        UnitError
            When a file is gone or is another one by now, or a clip cannot be decoded. The error names it.
        """
        found: list[tuple[Images, ...]] = []
        first = 0
        while first < len(clips):
            last = first + 1
            while last < len(clips) and clips[last]["source"] == clips[first]["source"]:
                last += 1
            found += self._read_media(clips[first:last])
            first = last
        return found

    def _read_media(self, clips: Sequence[Mapping[str, Any]]) -> list[tuple[Images, ...]]:
        media = _open(clips)
        spans = [_find_span(clip["start"], clip["duration"]) for clip in clips]
        images = self._read_windows(media, set(spans))
        for clip, span in zip(clips, spans, strict=True):
            if span not in images:
                images[span] = self._read_alone(media, clip)
        return [images[span] for span in spans]

    def _read_windows(self, media: Media, wanted: set[_Span]) -> dict[_Span, tuple[Images, ...]]:
        """Cut the media as the build did, in one pass; clips of a span that was cut otherwise are not found."""
        pieces = cut_media(
            media,
            length=self._cut["length"],
            min_length=self._cut["min_length"],
            max_length=self._cut["max_length"],
            tail=self._cut["tail"],
            images_per_second=self._rate,
            requests=self._requests,
        )
        found: dict[_Span, tuple[Images, ...]] = {}
        for piece in pieces:
            report_progress()
            if isinstance(piece, DecodedClip) and (span := _find_span(piece.start, piece.duration)) in wanted:
                found[span] = piece.images
                if len(found) == len(wanted):
                    break
        return found

    def _read_alone(self, media: Media, clip: Mapping[str, Any]) -> tuple[Images, ...]:
        start, duration = float(clip["start"]), float(clip["duration"])
        alone = dataclasses.replace(media, start=start, end=start + duration)
        windows: Iterator[DecodedClip] = decode_windows(
            alone, length=duration, images_per_second=self._rate, requests=self._requests
        )
        try:
            return next(windows).images
        except (MediaError, StopIteration) as error:
            found = error.found if isinstance(error, MediaError) else "nothing"
            raise UnitError(f"{media.path}: the clip at {start:.2f} s cannot be decoded ({found})") from error


def _open(clips: Sequence[Mapping[str, Any]]) -> Media:
    path = clips[0]["source"]
    try:
        media = read_media(Source(path, min(float(clip["start"]) for clip in clips)))
    except (MediaError, OSError) as error:
        raise UnitError(f"{path}: cannot be read again ({getattr(error, 'found', error)})") from error
    if media.uuid != clips[0]["media_uuid"]:
        raise UnitError(f"{path}: is another file than the one that the dataset was built from")
    return media


def _find_span(start: float, duration: float) -> _Span:
    return to_milliseconds(start), to_milliseconds(start + duration)
