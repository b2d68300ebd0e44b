"""A balanced evaluation set out of an unbalanced one: about as many clips of every class (Hershey 2017, section 3.2: 33)."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Int64

from hearsight.errors import UsageError

CLIPS_PER_CLASS = 33


@dataclasses.dataclass(frozen=True)
class BalancedSet:
    """Which clips were drawn.

    Attributes
    ----------
    rows
        Their indices, rising.
    counts
        Clips of each class among them. Clips with several classes make some classes more frequent than was asked.
    short
        Classes of which there were not enough.
    """

    rows: Int64[np.ndarray, " drawn"]
    counts: Int64[np.ndarray, " classes"]
    short: tuple[int, ...]


def draw_balanced(
    targets: Bool[np.ndarray, "clips classes"], per_class: int = CLIPS_PER_CLASS, *, seed: int = 0
) -> BalancedSet:
    """Draw clips so that every class has at least ``per_class`` of them, or all that there are.

    Classes are served from the rarest to the most frequent, so that clips drawn for a rare class count for the frequent ones that
    they carry as well. Clips without a class are never drawn.

    Raises
    ------
    UsageError
        When ``per_class`` is below 1.
    """
    if per_class < 1:
        raise UsageError("per_class", f"{per_class}", "at least 1")
    rng = np.random.default_rng(seed)
    luck = rng.permutation(len(targets))
    total = targets.sum(axis=0)
    drawn = np.zeros(len(targets), dtype=bool)
    counts = np.zeros(targets.shape[1], dtype=np.int64)
    for label in np.argsort(total, kind="stable"):
        wanted = per_class - int(counts[label])
        if wanted <= 0:
            continue
        left = np.flatnonzero(targets[:, label] & ~drawn)
        chosen = left[np.argsort(luck[left])[:wanted]]
        drawn[chosen] = True
        counts += targets[chosen].sum(axis=0)
    short = tuple(int(label) for label in np.flatnonzero(counts < per_class))
    return BalancedSet(np.flatnonzero(drawn), counts, short)
