"""Labels against classes assigned by people: precision and recall on sources that are in one folder per class."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
from jaxtyping import Float64, Int64

from hearsight.dataset.survey.quality import read_class_names
from hearsight.dataset.survey.tables import LabelTables
from hearsight.errors import InputError

_WORDS = re.compile(r"[\W_]+")


@dataclasses.dataclass(frozen=True)
class LabelTruth:
    """How well a label matches a class assigned by people.

    Attributes
    ----------
    truth
        Name of the class: that of its folder.
    modality
        Of the label.
    index
        The label's class in the vocabulary; None where no clip of the class has any.
    is_named
        Whether the label has the name of the class. Otherwise it is the label with the highest F1 on these very clips, so that its
        precision is an optimistic estimate.
    sources
        Sources of the class.
    precision, recall
        Share of the labelled clips that are of the class, among clips whose class is known; and share of the clips of the class
        that are labelled. Each source counts once.
    """

    truth: str
    modality: str
    index: int | None
    is_named: bool
    sources: int
    precision: float
    recall: float


def compare_with_folders(tables: LabelTables, folder: Path) -> list[LabelTruth]:
    """Compare the labels with the folders of the sources.

    Parameters
    ----------
    tables
        The dataset.
    folder
        A folder with a sub-folder for each class. Sources of the dataset outside them are not counted.

    Returns
    -------
    list of LabelTruth
        For each class and modality the label of that name, or else the one that matches it best.

    Raises
    ------
    InputError
        When it is not a folder, or no source of the dataset is in a sub-folder of it.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "a folder with a sub-folder for each class")
    root = folder.resolve()
    truths = sorted(path.name for path in root.iterdir() if path.is_dir())
    joint = np.zeros((len(truths), len(tables.classes)))
    totals, sources = np.zeros(len(truths)), np.zeros(len(truths), np.int64)
    for shard in tables.read_shards(columns=("source",)):
        truth = _find_truths(shard.clips.column("source"), root, truths)
        known = np.flatnonzero(truth >= 0)
        members = (shard.weights[known], (truth[known], known))
        weighted: Any = scipy.sparse.csr_array(members, shape=(len(truths), len(truth)))
        joint += (weighted @ shard.labels).toarray()
        totals += np.bincount(truth[known], weights=shard.weights[known], minlength=len(truths))
        _, first = np.unique(shard.source_of[known], return_index=True)
        sources += np.bincount(truth[known][first], minlength=len(truths))
    if not sources.any():
        wanted = f"sources of {tables.path} in the sub-folders of it"
        raise InputError(folder, f"{len(truths)} sub-folders without any source of the dataset", wanted)
    return _choose_labels(tables, truths, joint, totals, sources)


def _find_truths(column: pa.ChunkedArray, root: Path, truths: list[str]) -> Int64[np.ndarray, " clips"]:
    """Return the index of the sub-folder that contains the source of each clip, -1 if none does."""
    encoded = column.combine_chunks().dictionary_encode()
    number = {name: place for place, name in enumerate(truths)}
    of_source = np.full(len(encoded.dictionary), -1, np.int64)
    for place, source in enumerate(encoded.dictionary.to_pylist()):
        path = Path(source)
        if path.is_relative_to(root) and len(parts := path.relative_to(root).parts) > 1:
            of_source[place] = number.get(parts[0], -1)
    return of_source[np.asarray(encoded.indices)]


def _choose_labels(
    tables: LabelTables,
    truths: list[str],
    joint: Float64[np.ndarray, "truths classes"],
    totals: Float64[np.ndarray, " truths"],
    sources: Int64[np.ndarray, " truths"],
) -> list[LabelTruth]:
    precision = joint / np.maximum(joint.sum(axis=0), 1e-12)
    recall = joint / np.maximum(totals, 1e-12)[:, None]
    quality = 2.0 * precision * recall / np.maximum(precision + recall, 1e-12)
    names = {index: _spell(name) for index, (name, _) in read_class_names(tables).items()}
    found: list[LabelTruth] = []
    for place in np.flatnonzero(sources):
        wanted = next(iter(_spell(truths[place])), "")
        for modality in ("vision", "audio"):
            members = tables.find_classes(modality)
            if not len(members):
                continue
            named = [int(index) for index in members if wanted in names[int(index)]]
            best = named[0] if named else int(members[np.argmax(quality[place, members])])
            exists = bool(named) or quality[place, best] > 0.0
            numbers = (float(precision[place, best]), float(recall[place, best])) if exists else (0.0, 0.0)
            index = best if exists else None
            found.append(LabelTruth(truths[place], modality, index, bool(named), int(sources[place]), *numbers))
    return found


def _spell(name: str) -> list[str]:
    """Return the synonyms of a class name without case and punctuation: ``drum, membranophone`` is also ``drum``."""
    words = [_WORDS.sub(" ", part).strip().casefold() for part in (name, *name.split(","))]
    return list(dict.fromkeys(word for word in words if word))
