"""From a teacher's probabilities to soft labels, and from soft labels to labels (Jia 2019, section 2).

A teacher returns probabilities for single images or one-second segments. They are averaged over a clip, and the most probable
classes are kept as soft labels. The labels are the first few of these, above a threshold if there is one. Ties are ordered by
class index, so that the same probabilities lead to the same labels on every machine.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32, Int64

from hearsight.records import SoftLabels


def average_probabilities(probabilities: Float32[np.ndarray, "items classes"]) -> Float32[np.ndarray, " classes"]:
    """Average the probabilities of a clip's images or segments (summed in double precision).

    A clip without items has probability 0 for every class.
    """
    if len(probabilities) == 0:
        return np.zeros(probabilities.shape[1], np.float32)
    return probabilities.mean(axis=0, dtype=np.float64).astype(np.float32)


def keep_soft_labels(probabilities: Float32[np.ndarray, "items classes"], top: int = 100) -> SoftLabels:
    """Return the soft labels of one clip: the most probable classes of the mean over its items, and of each item.

    Parameters
    ----------
    probabilities
        One row per image or segment, in order of time; without NaN.
    top
        Number of classes kept, most probable first, ties by class index; 0 keeps all.
    """
    classes, kept = _keep_top(average_probabilities(probabilities), top)
    items = [_keep_top(row, top) for row in probabilities]
    return SoftLabels(classes, kept, [item[0] for item in items], [item[1] for item in items])


def choose_labels(
    soft: SoftLabels, *, top: int, threshold: float = 0.0, min_probability: float = 0.0
) -> Int32[np.ndarray, " labels"]:
    """Choose the labels of a clip from its soft labels.

    Parameters
    ----------
    soft
        Soft labels with at least ``top`` classes, or all classes of the teacher.
    top
        Maximum number of labels (Jia 2019: 10 visual, 5 audio).
    threshold
        A label's probability must be *at least* this; :func:`fit_threshold` returns such a value.
    min_probability
        A label's probability must be *above* this; with 0, a class that the teacher rules out is never a label.

    Returns
    -------
    Int32 ``[labels]``
        Class indices, most probable first; may be empty.
    """
    probabilities = soft.probabilities[:top]
    chosen = (probabilities >= np.float32(threshold)) & (probabilities > np.float32(min_probability))
    return soft.classes[:top][chosen]


def fit_threshold(
    probabilities: Float32[np.ndarray, "clips top"], mean: float, *, min_probability: float = 0.0
) -> float:
    """Find the threshold at which clips have ``mean`` labels on average (Jia 2019: 3 audio labels per clip).

    The threshold is one of the given probabilities, so that at least one clip keeps a label. It is the one whose mean number of
    labels is closest to ``mean``; of two that are equally close, the lower one, which keeps more labels.

    Parameters
    ----------
    probabilities
        The highest probabilities of every clip, in any order.
    mean
        Target for the mean number of labels per clip.
    min_probability
        As for :func:`choose_labels`: probabilities must be above this to count.

    Returns
    -------
    float
        The threshold for :func:`choose_labels`; 0.0 when no probability counts.
    """
    counting = np.sort(probabilities[probabilities > np.float32(min_probability)])[::-1]
    if len(counting) == 0:
        return 0.0
    # ends[i] labels reach the threshold values[i]: every run of equal probabilities is taken whole or not at all
    ends = np.flatnonzero(np.append(counting[1:] != counting[:-1], True)) + 1
    distances = np.abs(ends - mean * len(probabilities))
    best = len(distances) - 1 - int(np.argmin(distances[::-1]))
    return float(counting[ends[best] - 1])


def _keep_top(
    probabilities: Float32[np.ndarray, " classes"], top: int
) -> tuple[Int32[np.ndarray, " kept"], Float32[np.ndarray, " kept"]]:
    """Return the most probable classes in order, ties by class index, without sorting those that are not kept."""
    descending = -probabilities
    order = np.argsort(descending, kind="stable") if top <= 0 or top >= len(descending) else _find_top(descending, top)
    return order.astype(np.int32), probabilities[order]


def _find_top(descending: Float32[np.ndarray, " classes"], top: int) -> Int64[np.ndarray, " top"]:
    """Return the first ``top`` places of a stable sort: everything below the value of rank ``top``, then its first ties."""
    last = np.partition(descending, top - 1)[top - 1]
    above = np.flatnonzero(descending < last)
    ties = np.flatnonzero(descending == last)[: top - len(above)]
    return np.concatenate([above[np.argsort(descending[above], kind="stable")], ties])
