"""A linear classifier for clips with any number of classes: each class against the rest, all fitted together.

The loss of a class is logistic, or the squared hinge of a linear SVM; the penalty is half the squared weights. Features are
standardised, and scaled as those of the single-label classifiers are, so that C means the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy.optimize
import scipy.special
from jaxtyping import Bool, Float, Float64, Int, Int64

from hearsight.errors import UsageError
from hearsight.evaluation.probes.inputs import check_rows
from hearsight.learners.linear import REGULARIZATIONS, LinearClassifier
from hearsight.learners.rows import reduce_rows, weigh_parts
from hearsight.metrics.averages import mean_average_precision

MAX_ITERATIONS = 500
TOLERANCE = 1e-6
"""Relative fall of the objective below which a fit is done: weights move no score by then."""
VALIDATION_SHARE = 5
"""One of so many clips is kept back to choose C on."""
PATIENCE = 100.0
"""C is not tried beyond so many times the best one so far."""

Loss = Callable[
    [Float64[np.ndarray, "clips classes"], Float64[np.ndarray, "clips classes"]],
    tuple[float, Float64[np.ndarray, "clips classes"]],
]
"""Margins and signs (1 or -1) in; the summed loss and its gradient by the margins out."""


def fit_one_vs_rest(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    *,
    probe: str = "linear",
    hyperparameter: float | None = None,
    groups: Int64[np.ndarray, " clips"] | None = None,
    widths: Sequence[int] = (),
    seed: int = 0,
) -> LinearClassifier:
    """Fit a classifier for each class against the rest.

    Parameters
    ----------
    features
        One row per clip.
    targets
        Which classes are true of which clips; a class without a clip is never predicted.
    probe
        ``linear`` (logistic regression) or ``svm`` (squared hinge).
    hyperparameter
        C, the inverse of the penalty. Unless given, chosen from :data:`hearsight.learners.linear.REGULARIZATIONS` by the mean
        average precision on a fifth of the clips that is kept out of the fit.
    groups
        Rows of one group, such as the windows of a clip, stay together in that fifth or outside; each row on its own unless given.
    widths
        Features of each of several parts that stand side by side and have equal weight.
    seed
        Chooses that fifth.

    Returns
    -------
    LinearClassifier
        Its scores are logits, or margins of the SVM.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, or no class has both clips with it and without.
    """
    check_rows(features, targets)
    if not (targets.any(axis=0) & ~targets.all(axis=0)).any():
        raise UsageError("targets", f"no class of {targets.shape[1]} is true of some clips only", "at least one")
    converged = True
    if hyperparameter is None:
        hyperparameter = _choose_regularization(
            features, targets, probe, _choose_tried(len(features), groups, seed), widths
        )
    mean, scale = _standardise(features, widths)
    rows, back = reduce_rows((features - mean) / scale)
    weights, intercepts, converged = _solve(rows, targets, probe, hyperparameter)
    weights = weights if back is None else back @ weights
    present = targets.any(axis=0)
    absent = tuple(int(label) for label in np.flatnonzero(~present))
    return LinearClassifier(
        mean, scale, weights, np.where(present, intercepts, -np.inf), False, hyperparameter, converged, absent
    )


def _choose_tried(num_rows: int, groups: Int[np.ndarray, " rows"] | None, seed: int) -> Bool[np.ndarray, " rows"]:
    _, members = np.unique(np.arange(num_rows) if groups is None else groups, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(members.max() + 1)[::VALIDATION_SHARE]
    return np.isin(members, drawn)


def _choose_regularization(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    probe: str,
    tried: Bool[np.ndarray, " clips"],
    widths: Sequence[int],
) -> float:
    rest = ~tried
    if not (targets[rest].any(axis=0) & targets[tried].any(axis=0)).any():
        return 1.0
    mean, scale = _standardise(features[rest], widths)
    rows, back = reduce_rows((features[rest] - mean) / scale)
    held = (features[tried] - mean) / scale
    held = held if back is None else held @ back
    best, chosen, start = -math.inf, REGULARIZATIONS[0], None
    for hyperparameter in REGULARIZATIONS:
        if hyperparameter > PATIENCE * chosen:
            break  # the larger C is, the longer a fit takes
        weights, intercepts, _ = _solve(rows, targets[rest], probe, hyperparameter, start)
        start = np.vstack([weights, intercepts])  # the next fit begins where this one ended
        score = mean_average_precision(held @ weights + intercepts, targets[tried])
        if score > best:
            best, chosen = score, hyperparameter
    return chosen


def _standardise(
    features: Float[np.ndarray, "clips dim"], widths: Sequence[int]
) -> tuple[Float64[np.ndarray, " dim"], Float64[np.ndarray, " dim"]]:
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-12 * np.abs(mean)
    scale = np.where(varies, deviation, 1.0) * math.sqrt(max(1, int(varies.sum())))
    return mean, scale / weigh_parts(varies, widths)


def _solve(
    rows: Float64[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    probe: str,
    hyperparameter: float,
    start: Float64[np.ndarray, "dim+1 classes"] | None = None,
) -> tuple[Float64[np.ndarray, "dim classes"], Float64[np.ndarray, " classes"], bool]:
    """Minimise the losses of all classes together; return weights, intercepts, and whether it converged."""
    signs = np.where(targets, 1.0, -1.0)
    loss = LOSSES[probe]
    shape = (rows.shape[1] + 1, targets.shape[1])
    if start is None:
        start = np.zeros(shape)

    def measure(flat: Float64[np.ndarray, " parameters"]) -> tuple[float, Float64[np.ndarray, " parameters"]]:
        weights, intercepts = flat.reshape(shape)[:-1], flat.reshape(shape)[-1]
        value, slope = loss(rows @ weights + intercepts, signs)
        gradient = np.vstack([weights + hyperparameter * (rows.T @ slope), hyperparameter * slope.sum(axis=0)])
        return 0.5 * float(np.square(weights).sum()) + hyperparameter * value, gradient.ravel()

    options = {"maxiter": MAX_ITERATIONS, "ftol": TOLERANCE, "gtol": 0.0}
    found = scipy.optimize.minimize(measure, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    solution = np.asarray(found.x).reshape(shape)
    return solution[:-1], solution[-1], bool(found.success)


def _measure_logistic(
    margins: Float64[np.ndarray, "clips classes"], signs: Float64[np.ndarray, "clips classes"]
) -> tuple[float, Float64[np.ndarray, "clips classes"]]:
    agreement = signs * margins
    return -float(scipy.special.log_expit(agreement).sum()), -signs * scipy.special.expit(-agreement)


def _measure_squared_hinge(
    margins: Float64[np.ndarray, "clips classes"], signs: Float64[np.ndarray, "clips classes"]
) -> tuple[float, Float64[np.ndarray, "clips classes"]]:
    lacking = np.maximum(1.0 - signs * margins, 0.0)
    return float(np.square(lacking).sum()), -2.0 * signs * lacking


LOSSES: dict[str, Loss] = {"linear": _measure_logistic, "svm": _measure_squared_hinge}
