"""Measures of the clips that were scored: of all, of a balanced draw, and of those that were not trained on."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

from hearsight.config import EvaluateConfig
from hearsight.console import track
from hearsight.evaluation.benchmarks.benchmark import Benchmark, list_some
from hearsight.evaluation.contamination import Contamination
from hearsight.evaluation.probes.cross_validation import CrossScore
from hearsight.evaluation.result import PartScore
from hearsight.metrics.balanced import draw_balanced
from hearsight.metrics.intervals import Resampling, estimate_measures

SINGLE_LABEL_MEASURES = ("mean_average_precision", "top_5")
"""Measures in addition to the accuracy if a clip has one class."""
MULTI_LABEL_MEASURES = (
    "mean_average_precision",
    "area_under_curve",
    "weighted_area_under_curve",
    "d_prime",
    "lwlrap",
    "f1_micro",
    "f1_macro",
    "top_5",
)
"""Measures in addition to the accuracy if it may have several."""


def choose_rows(clips: Benchmark, score: CrossScore, *, held_out: bool) -> Bool[np.ndarray, " scored"]:
    """Mark the scored clips of the cross-validation (or fixed split), or else those of the evaluation set."""
    folds = [fold.fold for fold in score.folds if fold.held_out is held_out]
    return np.isin(clips.folds[score.rows], folds)


def measure_rows(
    clips: Benchmark,
    score: CrossScore,
    chosen: Bool[np.ndarray, " scored"],
    drawn: Resampling,
    *,
    accuracy: bool = True,
) -> PartScore:
    """Measure some of the scored clips, as means over their folds."""
    names = MULTI_LABEL_MEASURES if clips.multi_label else SINGLE_LABEL_MEASURES
    names = tuple(name for name in names if name != "top_5" or len(clips.classes) > 5)
    names = ("top_1", *names) if accuracy else names
    rows: Int64[np.ndarray, " chosen"] = score.rows[chosen]
    targets, folds = clips.targets[rows], clips.folds[rows]
    with track("computing measures and intervals", len(rows), "clips") as bar:
        measures = estimate_measures(names, score.scores[chosen], targets, folds, drawn, threshold=score.threshold)
        bar.advance(len(rows))
    return PartScore(len(rows), measures)


def draw_balanced_part(
    config: EvaluateConfig, clips: Benchmark, score: CrossScore, drawn: Resampling
) -> tuple[PartScore | None, list[str]]:
    """Measure a balanced draw of the scored clips where the configuration asks for one; return it and notes on it."""
    if not config.balanced:
        return None, []
    ours = np.flatnonzero(choose_rows(clips, score, held_out=False))
    found = draw_balanced(clips.targets[score.rows[ours]], config.balanced, seed=config.seed)
    chosen = np.zeros(len(score.rows), dtype=bool)
    chosen[ours[found.rows]] = True
    short = [clips.classes[label] for label in found.short]
    notes = [f"balanced: fewer than {config.balanced} clips of {list_some(short)}"] if short else []
    return measure_rows(clips, score, chosen, drawn), notes


def measure_clean(
    clips: Benchmark, score: CrossScore, shared: Contamination | None, drawn: Resampling
) -> PartScore | None:
    """Measure the scored clips that the dataset does not hold; None where it holds none of them, or all."""
    if shared is None or not shared.matches:
        return None
    known = {match.path for match in shared.matches}
    apart = np.array([clips.clips[row].path not in known for row in score.rows])
    ours = choose_rows(clips, score, held_out=False)
    if apart.all() or not (apart & ours).any():
        return None
    return measure_rows(clips, score, apart & ours, drawn)
