"""A head: one logistic regression per class on what the network's last layer is given, each class against what is not it."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.special
import torch
from jaxtyping import Bool, Float32, Float64, Int8, Int64

from hearsight.learners.linear import fit_linear
from hearsight.models.network import Network

YES, NO, UNKNOWN = 1, 0, -1
"""Whether a class is in a segment: what somebody called wrong may still be any other class."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Segments with what is known of them.

    Attributes
    ----------
    values
        What the output layer is given.
    truths
        :data:`YES`, :data:`NO` or :data:`UNKNOWN` for each class.
    example
        The example that each segment is of; -1 for sounds that were made.
    counts
        Whether the segment stands for its example when that is scored; quiet parts do not.
    """

    values: Float32[np.ndarray, "rows dim"]
    truths: Int8[np.ndarray, "rows classes"]
    example: Int64[np.ndarray, " rows"]
    counts: Bool[np.ndarray, " rows"]

    def select(self, chosen: Bool[np.ndarray, " rows"]) -> Rows:
        """Return some of them."""
        return Rows(self.values[chosen], self.truths[chosen], self.example[chosen], self.counts[chosen])


@dataclasses.dataclass(frozen=True)
class Head:
    """The weights of an output layer.

    Attributes
    ----------
    weights, intercepts
        A logit is ``weights @ values + intercept``.
    """

    weights: Float64[np.ndarray, "classes dim"]
    intercepts: Float64[np.ndarray, " classes"]

    def predict(self, values: Float32[np.ndarray, "rows dim"]) -> Float64[np.ndarray, "rows classes"]:
        """Return the probability of each class."""
        return scipy.special.expit(values.astype(np.float64) @ self.weights.T + self.intercepts)

    def install(self, network: Network) -> None:
        """Make it the output layer of a network."""
        layer = network.output_layer
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weights.astype(np.float32)))
            bias = layer.bias
            if bias is not None:
                bias.copy_(torch.from_numpy(self.intercepts.astype(np.float32)))


def fit_head(rows: Rows, regularization: float) -> Head:
    """Fit each class on the segments of which it is known whether they are of it.

    Probabilities follow the shares of the classes among the examples. Corrected to even odds (King & Zeng 2001), one probability in
    three of other sounds passed 0.5 instead of one in nine; see ``docs/experiments.md``.

    Parameters
    ----------
    rows
        Segments.
    regularization
        C of :func:`~hearsight.learners.linear.fit_linear`.
    """
    num_classes, dim = rows.truths.shape[1], rows.values.shape[1]
    weights, intercepts = np.zeros((num_classes, dim)), np.zeros(num_classes)
    for index in range(num_classes):
        known = rows.truths[:, index] != UNKNOWN
        labels = (rows.truths[known, index] == YES).astype(np.int64)
        if not labels.any():
            intercepts[index] = -np.inf  # a class of which every source is held out is never predicted
            continue
        found = fit_linear(rows.values[known], labels, num_classes=2, regularization=regularization)
        slopes = (found.weights[:, 1] - found.weights[:, 0]) / found.scale
        weights[index] = slopes
        intercepts[index] = found.intercepts[1] - found.intercepts[0] - float(found.mean @ slopes)
    return Head(weights, intercepts)
