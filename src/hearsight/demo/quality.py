"""How good the machine's labels are: in a generated world the truth is known. For the reader of the page, never for training."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from hearsight.dataset.layout import TeacherRecord
from hearsight.dataset.reader import Dataset
from hearsight.teachers.clusters import ClusterTeacher
from hearsight.world.generate import World
from hearsight.world.kinds import KINDS

EDGE_SECONDS = 0.2
"""What happens this near to a cut counts for neither side: codecs and clocks are not that exact."""
_NAMES = [kind.name for kind in KINDS]


@dataclasses.dataclass(frozen=True)
class ScaleQuality:
    """How well the clusters of one scale agree with the kinds.

    Attributes
    ----------
    modality, num_clusters
        Whose clusters, and how many there can be.
    table
        Items (pictures, or seconds of sound) of every cluster and kind; items with several kinds or none are left out.
    purity
        Share of items that are of their cluster's most frequent kind.
    information
        Normalised mutual information: 0 if clusters are independent of the kinds, 1 if they are the kinds.
    """

    modality: str
    num_clusters: int
    table: Float64[np.ndarray, "clusters kinds"]
    purity: float
    information: float

    @property
    def meanings(self) -> dict[int, tuple[str, float]]:
        """Most frequent kind of each used cluster, and its share."""
        found: dict[int, tuple[str, float]] = {}
        for cluster, row in enumerate(self.table):
            if row.sum() > 0.0:
                found[cluster] = (_NAMES[int(row.argmax())], float(row.max() / row.sum()))
        return found


class Truth:
    """What can be seen and heard in a world's videos, by time."""

    def __init__(self, world: World) -> None:
        self._spans: dict[str, list[tuple[float, float, int, bool, bool]]] = {}
        for row in world.read_contents().to_pylist():
            span = (row["start"], row["end"], _NAMES.index(row["kind"]), row["visible"], row["audible"])
            self._spans.setdefault(row["path"], []).append(span)

    def find_kinds(self, video: str, start: float, end: float, modality: str) -> set[int] | None:
        """Return the kinds that are seen, or heard, from one time to another; None where something changes in between."""
        kinds: set[int] = set()
        for begins, ends, kind, visible, audible in self._spans.get(Path(video).name, []):
            if not (visible if modality == "vision" else audible):
                continue
            if begins < end + EDGE_SECONDS and ends > start - EDGE_SECONDS:
                if begins > start - EDGE_SECONDS and begins > 0.0:
                    return None
                if ends < end + EDGE_SECONDS:
                    return None
                kinds.add(kind)
        return kinds

    def measure_audible_share(self, video: str, start: float, end: float, kind: int) -> float:
        """Return the share of a span in which a kind is audible."""
        heard = 0.0
        for begins, ends, other, _, audible in self._spans.get(Path(video).name, []):
            if audible and other == kind:
                heard += max(0.0, min(end, ends) - max(start, begins))
        return heard / (end - start)


def measure_scales(dataset: Dataset, truth: Truth, images_per_second: float) -> list[ScaleQuality]:
    """Compare the clusters of each scale of each ``clusters`` teacher with the truth, item by item."""
    clips = dataset.clips()
    found: list[ScaleQuality] = []
    for record in dataset.manifest.teachers:
        scales = find_scales(record)
        items = _list_items(dataset, record, clips)
        step = 1.0 / images_per_second if record.modality == "vision" else 1.0
        kinds = [_find_kind(truth, source, start, step, place, record.modality) for source, start, place, _ in items]
        for number, (first, count) in enumerate(scales):
            table = np.zeros((count, len(KINDS)))
            for kind, (*_, best) in zip(kinds, items, strict=True):
                if kind is not None and best[number] >= 0:
                    table[best[number] - first, kind] += 1.0
            found.append(
                ScaleQuality(record.modality, count, table, _measure_purity(table), measure_information(table))
            )
    return found


def find_scales(record: TeacherRecord) -> list[tuple[int, int]]:
    """Return the first class and the number of classes of each scale of a ``clusters`` teacher."""
    options = record.spec.partition(":")[2]
    teacher = (
        ClusterTeacher(record.modality, int(options.partition("=")[2])) if options else ClusterTeacher(record.modality)
    )
    return teacher.list_scales()


def measure_label_truth(
    dataset: Dataset, truth: Truth, quality: Sequence[ScaleQuality], least_share: float = 0.25
) -> float:
    """Measure how often a visual label of the finest scale names a kind that can be *heard* in its clip: what training relies on.

    A label stands for the most frequent kind of its cluster; a kind counts as heard from ``least_share`` of the clip on.
    """
    finest = max((scale for scale in quality if scale.modality == "vision"), key=lambda scale: scale.num_clusters)
    meanings = {cluster: _NAMES.index(kind) for cluster, (kind, _) in finest.meanings.items()}
    record = next(record for record in dataset.manifest.teachers if record.modality == "vision")
    first = find_scales(record)[-1][0]
    classes = {entry.index: entry.class_index - first for entry in dataset.classes if entry.teacher == record.name}
    right, total = 0, 0
    rows = dataset.clips().select(["source", "start", "duration"]).to_pylist()
    for index, row in enumerate(rows):
        for label in dataset.labels(index).visual.tolist():
            kind = meanings.get(classes[label]) if classes[label] >= 0 else None
            if kind is not None:
                total += 1
                right += (
                    truth.measure_audible_share(row["source"], row["start"], row["start"] + row["duration"], kind)
                    >= least_share
                )
    return right / total if total else 0.0


def measure_information(table: Float64[np.ndarray, "clusters kinds"]) -> float:
    """Return the mutual information of rows and columns, divided by the mean of their entropies."""
    total = table.sum()
    if total <= 0.0:
        return 0.0
    joint = table / total
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    product = np.outer(rows, columns)
    present = joint > 0.0
    shared = float(np.sum(joint[present] * np.log(joint[present] / product[present])))
    entropies = [-float(np.sum(part[part > 0.0] * np.log(part[part > 0.0]))) for part in (rows, columns)]
    return shared / max(sum(entropies) / 2.0, 1e-12)


def _measure_purity(table: Float64[np.ndarray, "clusters kinds"]) -> float:
    return float(table.max(axis=1).sum() / max(table.sum(), 1.0))


def _find_kind(truth: Truth, source: str, start: float, step: float, place: int, modality: str) -> int | None:
    """Return the one kind that is seen in a picture, or heard throughout a second of sound; None where it is not just one."""
    begins = start + place * step
    if modality == "vision":
        begins += 0.5 * step
    kinds = truth.find_kinds(source, begins, begins if modality == "vision" else begins + step, modality)
    return next(iter(kinds)) if kinds is not None and len(kinds) == 1 else None


def _list_items(
    dataset: Dataset, record: TeacherRecord, clips: pa.Table
) -> list[tuple[str, float, int, Int64[np.ndarray, " scales"]]]:
    """List a teacher's items: source, start of the clip, number within the clip, and the best cluster of each scale."""
    firsts = [first for first, _ in find_scales(record)]
    tables = [dataset.soft_labels(record.name, shard.index) for shard in dataset.manifest.shards]
    rows = pa.concat_tables(tables).column("item_classes").to_pylist()
    sources, starts = clips.column("source").to_pylist(), clips.column("start").to_pylist()
    items: list[tuple[str, float, int, np.ndarray]] = []
    for source, start, row in zip(sources, starts, rows, strict=True):
        for place, classes in enumerate(row):
            best = np.full(len(firsts), -1, np.int64)
            for label in reversed(classes):  # most probable first: the best is written last
                best[bisect.bisect_right(firsts, label) - 1] = label
            items.append((source, start, place, best))
    return items
