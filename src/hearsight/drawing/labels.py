"""Statistics of the labels of a dataset: how many clips each has, and, if the truth is known, what it corresponds to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from hearsight.drawing.canvas import BLUE, ORANGE, drawing, shade_all


def draw_label_counts(counts: Mapping[str, Sequence[int]]) -> Any:
    """Draw the number of clips of each label, most frequent first, per modality (after Jia 2019, figure 2).

    Parameters
    ----------
    counts
        Clips of every used class, by modality: ``vision``, ``audio``.
    """
    with drawing(6.6, 2.0) as figure:
        axes = figure.add_subplot()
        for (modality, values), colour in zip(counts.items(), (BLUE, ORANGE), strict=False):
            ordered = sorted(values, reverse=True)
            words = {"vision": "seen", "audio": "heard"}
            axes.step(
                range(1, len(ordered) + 1), ordered, where="mid", color=colour, label=words.get(modality, modality)
            )
        axes.set_xlabel("labels, most frequent first")
        axes.set_ylabel("clips")
        axes.set_ylim(bottom=0.0)
        axes.grid(axis="y")
        axes.legend()
        return figure


def draw_agreement(table: Float64[np.ndarray, "clusters kinds"], kinds: Sequence[str], what: str) -> Any:
    """Draw what clusters correspond to: each row a cluster, each column a kind, dark where the cluster is the kind.

    Parameters
    ----------
    table
        Number of items of each cluster and kind; rows are drawn as shares, sorted by their kind and purity.
    kinds
        Names of the columns.
    what
        What the rows are: ``64 picture clusters``.
    """
    used = table[table.sum(axis=1) > 0.0]
    shares = used / used.sum(axis=1, keepdims=True)
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    with drawing(3.2, 3.4) as figure:
        axes = figure.add_subplot()
        axes.imshow(shade_all(shares[order], BLUE), aspect="auto", interpolation="nearest")
        axes.set_xticks(range(len(kinds)), kinds, rotation=90)
        axes.set_yticks([])
        axes.set_ylabel(what)
        axes.tick_params(bottom=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return figure
