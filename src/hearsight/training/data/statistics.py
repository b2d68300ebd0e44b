"""Which clips of a split can be trained on, and how frequent each class is among them."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.training.data.targets import LabelTargets, TargetSource


@dataclasses.dataclass(frozen=True)
class SplitStatistics:
    """The usable clips of a split.

    A clip without labels carries no information about its sound, not even about what is absent. It is left out and counted.

    Attributes
    ----------
    clips
        Indices of the clips that are used.
    frequencies
        Mean target of each class over these clips.
    num_unlabelled
        Number of clips that were left out.
    """

    clips: Int64[np.ndarray, " kept"]
    frequencies: Float64[np.ndarray, " classes"]
    num_unlabelled: int


def compute_statistics(
    targets: TargetSource,
    clips: Int64[np.ndarray, " clips"],
    *,
    most: int | None = None,
    labelled_only: bool = True,
) -> SplitStatistics:
    """Read the targets of a split once.

    Parameters
    ----------
    targets
        The targets of the dataset's clips.
    clips
        Indices of the split's clips.
    most
        Maximum number of clips to use, spread evenly over the split.
    labelled_only
        Whether clips without labels are left out.
    """
    if most is not None and len(clips) > most:
        clips = clips[np.arange(most) * len(clips) // most]
    if isinstance(targets, LabelTargets):
        total, labelled = targets.sum_expected(clips)
        labelled |= not labelled_only
    else:
        total, labelled = np.zeros(len(targets.names)), np.zeros(len(clips), dtype=bool)
        for row, clip in enumerate(clips):
            targets.add_expected(int(clip), total)
            labelled[row] = not labelled_only or bool(targets.labels(int(clip)).any())
    kept = clips[labelled]
    return SplitStatistics(kept, total / max(1, len(kept)), int((~labelled).sum()))
