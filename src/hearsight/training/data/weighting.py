"""Drawing some clips more often than others."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.config import TrainConfig
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import TrainingData
from hearsight.training.data.pairs import iterate_labels
from hearsight.training.data.targets import TargetSource


class WeightedDrawing:
    """Draws of clips in proportion to weights, by systematic sampling.

    An epoch of N draws cuts the sum of all weights into N equal steps, from a random offset; a clip is drawn once for each step
    that ends in its weight. So it is drawn as often as its weight demands, rounded up or down, and equal weights draw each clip
    once.

    Parameters
    ----------
    weights
        One for each clip; not negative, and not all zero.
    seed
        Of the offsets.
    """

    def __init__(self, weights: Float64[np.ndarray, " clips"], seed: int) -> None:
        sums = np.cumsum(weights)
        self._ends: Float64[np.ndarray, " clips"] = sums / sums[-1] * len(weights)
        self._last = int(np.flatnonzero(weights)[-1])
        self._seed = seed

    def choose(self, epoch: int, draws: Int64[np.ndarray, " draws"]) -> Int64[np.ndarray, " draws"]:
        """Return the clip of each of some draws of an epoch, which are counted from zero."""
        offset = np.random.default_rng([self._seed, epoch, 2**33]).random()
        # rounding must not choose a clip after the last that has a weight
        return np.minimum(np.searchsorted(self._ends, draws + offset, side="right"), self._last).astype(np.int64)


def compute_weights(
    data: TrainingData, targets: TargetSource, clips: Int64[np.ndarray, " clips"], config: TrainConfig
) -> Float64[np.ndarray, " clips"] | None:
    """Return how often each training clip is drawn, relative to others; None where all are drawn alike.

    Raises
    ------
    DatasetError
        When the agreement of the dataset's clips is not known, or no clip agrees better than by chance.
    """
    if config.sampling == "uniform":
        return None
    if config.sampling == "agreement":
        return _weigh_agreement(data, clips)
    counts = np.zeros(len(data.names))
    for block in iterate_labels(data, clips):
        counts += np.bincount(np.concatenate([block.visual[1], block.audio[1]]), minlength=len(counts))
    rarity = np.isin(np.array(data.names), np.array(targets.names)) / np.maximum(counts, 1.0)
    sums = [block.sum_values(rarity) for block in iterate_labels(data, clips)]
    weights = np.concatenate([np.zeros(0), *sums])
    if not weights.any():
        raise DatasetError(
            "the dataset", f"0 of {len(clips)} clips have a label", "some, for sampling = class-balanced"
        )
    return weights


def _weigh_agreement(data: TrainingData, clips: Int64[np.ndarray, " clips"]) -> Float64[np.ndarray, " clips"]:
    agreement = data.agreement if isinstance(data, Dataset) else None
    if agreement is None:
        where = data.path if isinstance(data, Dataset) else "the data"
        hint = "hearsight stats DATASET computes it"
        found = f"no agreement of the pictures and sounds of {len(clips)} clips"
        raise DatasetError(where, found, "some, for sampling = agreement", hint)
    weights = np.nan_to_num(agreement[clips].astype(np.float64), nan=0.0).clip(min=0.0)
    if not weights.any():
        found = f"{len(clips)} training clips whose agreement is not above that of chance"
        raise DatasetError("the dataset", found, "some above it, for sampling = agreement")
    return weights
