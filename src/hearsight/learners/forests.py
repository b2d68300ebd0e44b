"""Random forests: trees grown on draws of the clips, and averaged."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Float64, Int
from sklearn.ensemble import RandomForestClassifier

from hearsight.learners.rows import check_labelled, refuse_not_finite
from hearsight.threads import one_thread

TREES = 500
"""Trees of a forest: accuracy on small benchmarks no longer moves by then."""


@dataclasses.dataclass(frozen=True)
class Forest:
    """A fitted random forest.

    Attributes
    ----------
    trees
        The fitted trees.
    num_classes
        Columns of a decision.
    hyperparameter
        How many trees there are.
    converged
        Always: a forest is grown, not approached.
    absent
        The classes that no clip it was fitted on had; they are never predicted.
    """

    trees: RandomForestClassifier = dataclasses.field(repr=False)
    num_classes: int
    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]

    def predict_scores(self, features: Float[np.ndarray, "clips dim"]) -> Float64[np.ndarray, "clips classes"]:
        """Return the share that each class has in the leaves that a clip falls into, the mean over trees; sums to one per clip."""
        refuse_not_finite("features", features)
        scores = np.full((len(features), self.num_classes), -np.inf)
        with one_thread():
            scores[:, np.asarray(self.trees.classes_)] = np.asarray(self.trees.predict_proba(features))
        return scores


def fit_forest(
    features: Float[np.ndarray, "clips dim"],
    labels: Int[np.ndarray, " clips"],
    *,
    num_classes: int | None = None,
    trees: int = TREES,
    seed: int = 0,
) -> Forest:
    """Grow a random forest: each tree on a bootstrap of the clips, each split among the square root of the features.

    Parameters
    ----------
    features
        One row per clip.
    labels
        Class index of each clip.
    num_classes
        Columns of a decision; one more than the highest label unless given.
    trees
        How many.
    seed
        Of all draws.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, a label is out of range, or all clips are of one class.
    """
    num_classes = check_labelled(features, labels, num_classes)
    model = RandomForestClassifier(trees, random_state=seed)
    with one_thread():
        model.fit(features, labels)
    absent = tuple(int(label) for label in np.setdiff1d(np.arange(num_classes), labels))
    return Forest(model, num_classes, float(trees), True, absent)
