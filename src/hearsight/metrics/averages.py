"""From a value per class to one figure: means over the defined classes, weighted means, d-prime."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Float64

from hearsight.errors import UsageError
from hearsight.metrics.blocks import Targets
from hearsight.metrics.ranking import average_precision, rank_classes


def mean_defined(values: Float64[np.ndarray, " classes"]) -> float:
    """Mean over the classes whose value is defined; NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def weigh_by_prevalence(
    values: Float64[np.ndarray, " classes"], num_positives: Float64[np.ndarray, " classes"]
) -> float:
    """Mean over the defined classes, weighted by their number of positives (Wu 2018, section 4.1.2); NaN where none is defined."""
    defined = ~np.isnan(values) & (num_positives > 0)
    return float(np.average(values[defined], weights=num_positives[defined])) if defined.any() else math.nan


def mean_average_precision(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> float:
    """Mean of the average precisions of the classes that have a positive; NaN where none has one (Jia 2019, section 4)."""
    return mean_defined(average_precision(scores, targets))


def mean_area_under_curve(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> float:
    """Mean AUC of the classes that have both positives and negatives, each class counting alike (Hershey 2017, section 3.2)."""
    return mean_defined(rank_classes(scores, targets).area_under_curve)


def weighted_area_under_curve(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> float:
    """Mean AUC in which a class counts by its prevalence (Wu 2018, section 4.1.2); not comparable with the plain mean."""
    ranking = rank_classes(scores, targets)
    return weigh_by_prevalence(ranking.area_under_curve, ranking.num_positives)


def d_prime(mean_area: float) -> float:
    """Separability d' of a class-mean AUC: ``sqrt(2)`` times the inverse normal distribution of it (Hershey 2017, section 3.3).

    It is taken of the mean over classes, not averaged over classes: so every published pair of the paper fits. An AUC of 0 or 1
    gives minus or plus infinity.
    """
    if math.isnan(mean_area):
        return math.nan
    if not 0.0 <= mean_area <= 1.0:
        raise UsageError("d_prime", f"an AUC of {mean_area}", "0 to 1")
    if mean_area in (0.0, 1.0):
        return math.inf if mean_area else -math.inf
    return math.sqrt(2.0) * NormalDist().inv_cdf(mean_area)


def class_d_primes(areas: Float64[np.ndarray, " classes"]) -> Float64[np.ndarray, " classes"]:
    """Separability d' of each class on its own; NaN where its AUC is. Their mean is not the published figure."""
    return np.array([d_prime(float(area)) for area in areas])
