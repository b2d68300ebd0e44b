"""The measures by name, each computed for the clips, or for many resamples of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Num

from hearsight.errors import UsageError, guess
from hearsight.metrics.averages import d_prime
from hearsight.metrics.ranking import rank_classes, rank_resamples
from hearsight.metrics.tagging import hits, label_ranking_precision

MEASURES: dict[str, str] = {
    "top_1": "top-1 accuracy",
    "top_5": "top-5 accuracy",
    "mean_average_precision": "mAP",
    "area_under_curve": "AUC",
    "weighted_area_under_curve": "AUC weighted by prevalence",
    "d_prime": "d'",
    "lwlrap": "lwlrap",
    "f1_micro": "F1, all decisions together",
    "f1_macro": "F1, mean of classes",
}
"""The printed name of each measure."""

RANKED = frozenset({"mean_average_precision", "area_under_curve", "weighted_area_under_curve", "d_prime"})
"""Those that sort every class."""
THRESHOLD = 0.5
"""What a score must reach for F1 to call its class true, unless another threshold is given: scores are probabilities then."""


def compute_measures(
    names: Sequence[str],
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    threshold: float = THRESHOLD,
) -> dict[str, float]:
    """Compute some measures; what is undefined is NaN.

    Raises
    ------
    UsageError
        When a name is unknown, or scores and targets do not belong together.
    """
    ones = np.ones((1, len(scores)), dtype=np.int64)
    return {
        name: float(values[0]) for name, values in resample_measures(names, scores, targets, ones, threshold).items()
    }


def resample_measures(
    names: Sequence[str],
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    weights: Int[np.ndarray, "resamples clips"],
    threshold: float = THRESHOLD,
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    """Compute some measures of many resamples together.

    Parameters
    ----------
    names
        Of :data:`MEASURES`.
    scores, targets
        A row per clip.
    weights
        How often each clip is in each resample; the result is that of the clips repeated so many times.
    threshold
        Of F1.

    Raises
    ------
    UsageError
        When a name is unknown, or scores and targets do not belong together.
    """
    for name in names:
        if name not in MEASURES:
            raise UsageError("measure", f"{name!r}", "the name of a measure", guess(name, MEASURES))
    found: dict[str, Float64[np.ndarray, " resamples"]] = {}
    if RANKED.intersection(names):
        found.update(_rank(scores, targets, weights))
    for name, top in (("top_1", 1), ("top_5", 5)):
        if name in names:
            found[name] = weights @ hits(scores, targets, top=top).astype(np.float64) / weights.sum(axis=1)
    if "lwlrap" in names:
        sums, counts = label_ranking_precision(scores, targets)
        found["lwlrap"] = _divide(weights @ sums, weights @ counts)
    if "f1_micro" in names or "f1_macro" in names:
        called = scores >= threshold
        hit, wrong = (weights.astype(np.float64) @ part for part in (called & targets, called ^ targets))
        found["f1_micro"] = _divide(2.0 * hit.sum(axis=1), 2.0 * hit.sum(axis=1) + wrong.sum(axis=1))
        found["f1_macro"] = _mean_defined(_divide(2.0 * hit, 2.0 * hit + wrong))
    return {name: found[name] for name in names}


def _rank(
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    weights: Int[np.ndarray, "resamples clips"],
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    if len(weights) == 1 and (weights == 1).all():
        ranking = rank_classes(scores, targets)
        precision, area, positives = (
            values[None] for values in (ranking.average_precision, ranking.area_under_curve, ranking.num_positives)
        )
    else:
        resampled = rank_resamples(scores, targets, weights)
        precision, area, positives = resampled.average_precision, resampled.area_under_curve, resampled.num_positives
    mean_area = _mean_defined(area)
    shares = np.where(np.isnan(area), 0.0, positives)
    return {
        "mean_average_precision": _mean_defined(precision),
        "area_under_curve": mean_area,
        "weighted_area_under_curve": _divide((shares * np.nan_to_num(area)).sum(axis=1), shares.sum(axis=1)),
        "d_prime": np.array([d_prime(min(float(value), 1.0)) for value in mean_area]),
    }


def _mean_defined(values: Float64[np.ndarray, "resamples classes"]) -> Float64[np.ndarray, " resamples"]:
    """Mean of each row over what is defined in it; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _divide(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1))


def _divide(above: Num[np.ndarray, "*shape"], below: Num[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below, dtype=np.float64)
