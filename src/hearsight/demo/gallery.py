"""What the clusters look like: for some of them, the pictures of the dataset that are most surely theirs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8

from hearsight.dataset.reader import Dataset
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Source

THUMBNAIL = ImageRequest(height=54, width=72, fit="stretch")
"""Size of the pictures that are shown."""


@dataclasses.dataclass(frozen=True)
class _Sighting:
    """A picture that a teacher put into a cluster: where it is, and how sure the teacher was."""

    probability: float
    source: str
    start: float
    duration: float
    place: int


def collect_pictures(
    dataset: Dataset, teacher: str, clusters: Sequence[int], count: int, images_per_second: float
) -> dict[int, list[UInt8[np.ndarray, "height width 3"]]]:
    """Collect the pictures of some clusters.

    Parameters
    ----------
    dataset
        A dataset whose media are still where they were.
    teacher
        Name of the vision teacher.
    clusters
        Its classes.
    count
        Pictures of each, all from different media, the most probable first.
    images_per_second
        What the dataset was built with.
    """
    sightings = _find_sightings(dataset, teacher, clusters, count)
    wanted = sorted({(s.source, s.start, s.duration) for found in sightings.values() for s in found})
    decoded = {span: _decode_clip(*span, images_per_second) for span in wanted}
    return {
        cluster: [decoded[s.source, s.start, s.duration][s.place] for s in found]
        for cluster, found in sightings.items()
    }


def _find_sightings(dataset: Dataset, teacher: str, clusters: Sequence[int], count: int) -> dict[int, list[_Sighting]]:
    found: dict[int, list[_Sighting]] = {cluster: [] for cluster in clusters}
    clips = dataset.clips().select(["source", "start", "duration"]).to_pylist()
    labels = pa.concat_tables([dataset.soft_labels(teacher, shard.index) for shard in dataset.manifest.shards])
    for clip, row in zip(clips, labels.select(["item_classes", "item_probabilities"]).to_pylist(), strict=True):
        for place, (classes, probabilities) in enumerate(
            zip(row["item_classes"], row["item_probabilities"], strict=True)
        ):
            for cluster, probability in zip(classes, probabilities, strict=True):
                if cluster in found:
                    where = (clip["source"], clip["start"], clip["duration"], place)
                    found[cluster].append(_Sighting(probability, *where))
    return {cluster: _take_best(every, count) for cluster, every in found.items()}


def _take_best(sightings: Sequence[_Sighting], count: int) -> list[_Sighting]:
    """Take the surest sightings, one of each medium."""
    best: dict[str, _Sighting] = {}
    for sighting in sorted(sightings, key=lambda s: (-s.probability, s.source, s.start, s.place)):
        best.setdefault(sighting.source, sighting)
    return list(best.values())[:count]


def _decode_clip(
    source: str, start: float, duration: float, images_per_second: float
) -> UInt8[np.ndarray, "images height width 3"]:
    media = read_media(Source(source, start, start + duration))
    window = next(
        iter(decode_windows(media, length=duration, images_per_second=images_per_second, requests=[THUMBNAIL]))
    )
    return window.images[0]
