"""From a teacher's probabilities to soft labels, and from soft labels to labels (Jia 2019, section 2).

A teacher speaks of single images or one-second segments. Its probabilities are averaged over a clip; the most probable classes
are kept as soft labels; the labels are the first few of those, above a threshold where there is one. Everything here is exact:
equal probabilities are ordered by class index, so the same probabilities give the same labels on any machine.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32

from hearsight.records import SoftLabels


def average_probabilities(probabilities: Float32[np.ndarray, "items classes"]) -> Float32[np.ndarray, " classes"]:
    """Average the probabilities of a clip's images or segments (summed in double precision).

    A clip without items has probability 0 for every class.
    """
    if len(probabilities) == 0:
        return np.zeros(probabilities.shape[1], np.float32)
    return probabilities.mean(axis=0, dtype=np.float64).astype(np.float32)


def keep_soft_labels(probabilities: Float32[np.ndarray, "items classes"], top: int = 100) -> SoftLabels:
    """Keep what a teacher said of one clip: the most probable classes of the mean, and of each item.

    Parameters
    ----------
    probabilities
        One row per image or segment, in order of time.
    top
        Classes kept, most probable first, ties by class index; 0 keeps all of them.
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
        Soft labels, with at least ``top`` classes kept where the teacher has them.
    top
        Most labels (Jia 2019: 10 visual, 5 audio).
    threshold
        Probability that a label must reach: *at least* this much. What :func:`fit_threshold` gives.
    min_probability
        Labels of *no more* than this probability are left out; with 0, a class that the teacher rules out is never a label.

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
    """Find the threshold at which clips have ``mean`` labels on average (Jia 2019: 3 audio labels a clip).

    The threshold is one of the probabilities given, so that at least one clip keeps a label; among them the one whose mean number
    of labels is closest to ``mean``, the lower threshold (more labels) where two are equally close. Only equal probabilities can
    keep the mean further than half a label per clip count from the target.

    Parameters
    ----------
    probabilities
        The ``top`` highest probabilities of every clip, in any order.
    mean
        Labels per clip that are aimed at.
    min_probability
        As for :func:`choose_labels`: probabilities of no more than this never count.

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
    order = np.argsort(-probabilities, kind="stable")
    if top > 0:
        order = order[:top]
    return order.astype(np.int32), probabilities[order]
