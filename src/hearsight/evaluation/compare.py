"""Two models side by side on the same clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hearsight.errors import UsageError
from hearsight.evaluation.measure import choose_rows
from hearsight.evaluation.result import Comparison, Evaluation
from hearsight.metrics.intervals import Resampling, bootstrap_interval, compare_measures, mean_of_folds


def compare(
    first: Evaluation | Sequence[Evaluation],
    second: Evaluation | Sequence[Evaluation],
    *,
    measure: str = "accuracy",
    seed: int = 0,
) -> Comparison:
    """Compare two models on the same clips: the difference of their scores and its interval.

    Parameters
    ----------
    first, second
        One evaluation each, or as many of each, in pairs: runs that differ by their seed.
    measure
        ``accuracy``, or for one evaluation each, a name of :data:`hearsight.metrics.measures.MEASURES`.
    seed
        Of the bootstrap.

    Raises
    ------
    UsageError
        When there are none, their numbers differ, they were not scored on the same clips and folds, or several runs are to be
        compared by another measure than the accuracy.

    Examples
    --------
    >>> trained = hearsight.evaluate("run", "folder=sounds", probe="svm")
    >>> baseline = hearsight.evaluate("baseline:log-mel", "folder=sounds", probe="svm")
    >>> comparison = hearsight.compare(trained, baseline)
    >>> low, high = comparison.interval
    >>> low <= comparison.difference <= high
    True
    """
    firsts = [first] if isinstance(first, Evaluation) else list(first)
    seconds = [second] if isinstance(second, Evaluation) else list(second)
    if not firsts or len(firsts) != len(seconds):
        raise UsageError("compare", f"{len(firsts)} and {len(seconds)} evaluations", "as many of each, at least one")
    clips = firsts[0].clips
    if any(other.clips.clips != clips.clips for other in [*firsts, *seconds]):
        names = ", ".join(f"{one.clips.name} ({len(one.clips):,} clips)" for one in [*firsts, *seconds])
        raise UsageError("compare", f"evaluations on different clips: {names}", "the same clips and folds")
    ours = choose_rows(clips, firsts[0].score, held_out=False)
    rows = firsts[0].score.rows[ours]
    if measure != "accuracy":
        return _compare_measure(firsts, seconds, measure, seed)
    pairs = zip(firsts, seconds, strict=True)
    differences = np.stack([one.score.hits[ours].astype(np.float64) - other.score.hits[ours] for one, other in pairs])
    return Comparison(
        difference=mean_of_folds(differences.mean(axis=0), clips.folds[rows]),
        interval=bootstrap_interval(differences, clips.folds[rows], seed=seed),
        num_clips=len(rows),
        num_runs=len(firsts),
    )


def _compare_measure(
    firsts: Sequence[Evaluation], seconds: Sequence[Evaluation], measure: str, seed: int
) -> Comparison:
    if len(firsts) != 1:
        raise UsageError("compare", f"{len(firsts)} runs by {measure}", "one run each, or the accuracy")
    clips, score = firsts[0].clips, firsts[0].score
    ours = choose_rows(clips, score, held_out=False)
    rows = score.rows[ours]
    scores = (score.scores[ours], seconds[0].score.scores[ours])
    thresholds = (score.threshold, seconds[0].score.threshold)
    found = compare_measures(
        (measure,), scores, clips.targets[rows], clips.folds[rows], Resampling(seed=seed), thresholds=thresholds
    )[measure]
    return Comparison(found.value, (found.low, found.high), len(rows), 1, measure)
