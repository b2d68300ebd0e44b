"""Pictures of a dataset's clips, from the media that they were cut from."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hearsight.errors import MediaError
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Source

PICTURE = ImageRequest(height=135, width=180)
"""Size of the pictures that are shown."""


def read_picture(clip: dict[str, Any], seconds: float) -> UInt8[np.ndarray, "height width 3"]:
    """Read the picture that is shown at a time of a clip, to the second.

    Parameters
    ----------
    clip
        A row of the dataset's clip table: ``source``, ``start``, ``duration``.
    seconds
        From the start of the clip.

    Raises
    ------
    MediaError
        When the media is no longer where it was, or cannot be read any more.
    """
    start, duration = float(clip["start"]), float(clip["duration"])
    media = read_media(Source(clip["source"], start, start + duration))
    media = dataclasses.replace(media, start=start, end=start + duration)
    for window in decode_windows(media, length=duration, images_per_second=1.0, requests=[PICTURE]):
        images = window.images[0]
        if len(images):
            return images[min(int(seconds), len(images) - 1)]
    raise MediaError(
        clip["source"], f"no picture between {start:.1f} and {start + duration:.1f} s", "the clip's pictures"
    )
