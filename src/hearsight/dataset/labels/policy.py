"""Apply the label policy to whole columns of soft labels, and unite the classes of all teachers.

The policy itself is defined in :mod:`hearsight.teachers.policy`; here it is applied to millions of rows without a Python loop.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32, Int64

from hearsight.dataset.layout import ClassRecord, TeacherRecord
from hearsight.records import CLASS_SCHEMA
from hearsight.teachers.classes import TeacherClass


@dataclasses.dataclass(frozen=True)
class LabelLists:
    """Labels of many clips: those of clip ``i`` are ``classes[offsets[i]:offsets[i + 1]]``."""

    offsets: Int64[np.ndarray, " clips_and_one"]
    classes: Int32[np.ndarray, " labels"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, clip: int) -> Int32[np.ndarray, " kept"]:
        """Return the labels of one clip."""
        return self.classes[self.offsets[clip] : self.offsets[clip + 1]]


def choose_label_lists(table: pa.Table, *, top: int, threshold: float, min_probability: float) -> LabelLists:
    """Apply the label policy to a table of soft labels (``classes``, ``probabilities``, most probable first).

    A class is a label of its clip where it ranks within ``top``, its probability is at least ``threshold``, and above
    ``min_probability``.
    """
    lists = table.column("probabilities").combine_chunks()
    offsets = np.asarray(lists.offsets).astype(np.int64)
    probabilities = np.asarray(lists.flatten())
    classes = np.asarray(table.column("classes").combine_chunks().flatten())
    counts = np.diff(offsets)
    first = np.repeat(offsets[:-1] - offsets[0], counts)
    rank = np.arange(len(probabilities)) - first
    chosen = (rank < top) & (probabilities >= np.float32(threshold)) & (probabilities > np.float32(min_probability))
    clip_of = np.repeat(np.arange(len(counts)), counts)
    per_clip = np.bincount(clip_of[chosen], minlength=len(counts))
    return LabelLists(np.concatenate([[0], np.cumsum(per_clip)]).astype(np.int64), classes[chosen].astype(np.int32))


def top_probabilities(table: pa.Table, top: int) -> Float32[np.ndarray, "clips top"]:
    """Return the ``top`` highest probabilities of each clip, zero where a clip has fewer."""
    lists = table.column("probabilities").combine_chunks()
    offsets = np.asarray(lists.offsets).astype(np.int64)
    values = np.asarray(lists.flatten())
    counts = np.diff(offsets)
    rank = np.arange(len(values)) - np.repeat(offsets[:-1] - offsets[0], counts)
    matrix = np.zeros((len(counts), top), np.float32)
    near = rank < top
    matrix[np.repeat(np.arange(len(counts)), counts)[near], rank[near]] = values[near]
    return matrix


def unite_classes(
    teachers: Sequence[TeacherRecord],
    names: Sequence[Sequence[str]],
    counts: Sequence[Int64[np.ndarray, " _"]],
) -> list[ClassRecord]:
    """Return the multi-modal vocabulary: the used classes of every teacher, in the order of the teachers (Jia 2019, section 2).

    Classes that are the label of no clip are left out. The same word from two teachers stays two classes, since seeing a thing and
    hearing it differ; such names are disambiguated by the sense, then by the class's own number.
    """
    used = [
        (teacher, index, names[place][index], int(counts[place][index]))
        for place, teacher in enumerate(teachers)
        for index in np.flatnonzero(counts[place]).tolist()
    ]
    unique = _disambiguate([(name, teacher.modality, teacher.name, number) for teacher, number, name, _ in used])
    return [
        ClassRecord(
            index=index,
            name=unique[index],
            teacher=teacher.name,
            modality=teacher.modality,
            class_index=number,
            count=count,
        )
        for index, (teacher, number, _, count) in enumerate(used)
    ]


def tabulate_classes(
    classes: Sequence[Sequence[TeacherClass]], counts: Sequence[Int64[np.ndarray, " _"]], used: Sequence[ClassRecord]
) -> pa.Table:
    """Return the table of every class of every teacher, used or not, so that each label row can be given a name.

    Parameters
    ----------
    classes
        The classes of each teacher.
    counts
        Of each teacher, the number of clips that have each class as a label.
    used
        The vocabulary, as :func:`unite_classes` returns it.

    Returns
    -------
    pa.Table
        ``records.CLASS_SCHEMA``. ``vocabulary_index`` is null for classes that are the label of no clip.
    """
    place = {(record.teacher, record.class_index): record.index for record in used}
    rows = [
        {
            "teacher": one.teacher,
            "class_index": one.index,
            "name": one.name,
            "id": one.id,
            "sense": "seen" if one.modality == "vision" else "heard",
            "vocabulary_index": place.get((one.teacher, one.index)),
            "count": int(number[one.index]),
        }
        for own, number in zip(classes, counts, strict=True)
        for one in own
    ]
    return pa.Table.from_pylist(rows, schema=CLASS_SCHEMA)


def _disambiguate(entries: Sequence[tuple[str, str, str, int]]) -> list[str]:
    """Return a unique name for every (name, modality, teacher, number), as short as possible."""
    spellings = [
        lambda entry: entry[0],
        lambda entry: f"{entry[0]} ({'seen' if entry[1] == 'vision' else 'heard'})",
        lambda entry: f"{entry[0]} ({'seen' if entry[1] == 'vision' else 'heard'}, {entry[3]})",
        lambda entry: f"{entry[0]} ({entry[2]}, {entry[3]})",
    ]
    result: list[str | None] = [None] * len(entries)
    for spelling in spellings:
        taken = {name for name in result if name is not None}
        candidates = Counter(spelling(entry) for entry, name in zip(entries, result, strict=True) if name is None)
        for place, entry in enumerate(entries):
            name = spelling(entry)
            if result[place] is None and candidates[name] == 1 and name not in taken:
                result[place] = name
    return [name or f"{entries[place][0]} #{place}" for place, name in enumerate(result)]
