"""Figures of how well a network separates classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hearsight.config import EvaluateConfig
from hearsight.dataset.reader import Dataset
from hearsight.drawing.confusion import count_confusions, draw_confusion
from hearsight.drawing.priors import draw_d_prime
from hearsight.errors import DatasetError, UsageError
from hearsight.evaluation.evaluate import evaluate
from hearsight.figures.predictions import check_vocabulary, mark_labels, predict_clips
from hearsight.listening.listener import load
from hearsight.metrics.averages import class_d_primes
from hearsight.metrics.ranking import rank_classes


def plot_confusion(run: str, benchmark: str, config: EvaluateConfig | None = None, **options: Any) -> Any:
    """Score a model on a benchmark and draw which classes it takes for which (after Aytar 2016, figure 3).

    Every clip was scored by a classifier that did not see its fold. Parameters and errors are those of
    :func:`~hearsight.evaluation.evaluate.evaluate`.
    """
    result = evaluate(run, benchmark, config, **options)
    targets = result.clips.targets[result.score.rows]
    if not (targets.sum(axis=1) == 1).all():
        raise UsageError("confusion", f"{result.benchmark}, whose clips have several classes", "one class per clip")
    counts = count_confusions(targets.argmax(axis=1), result.score.scores.argmax(axis=1), len(result.clips.classes))
    low, high = result.interval
    title = (
        f"{result.model}{', untrained' if result.untrained else ''} on {result.benchmark}:"
        f" {100 * result.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    )
    return draw_confusion(counts, result.clips.classes, title)


def plot_d_prime(run: Path, dataset: Path) -> Any:
    """Draw the d-prime of each class on the validation clips against its share of the training clips (Hershey 2017, figure 1).

    The truth is the machine's own labels, those of the dataset.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, or keeps no clip for validation.
    CheckpointError
        When the run has no usable checkpoint, or was trained on other classes.
    """
    data, listener = Dataset(dataset), load(run)
    check_vocabulary(listener, data)
    train, validation = data.indices("train"), data.indices("validation")
    if not len(train) or not len(validation):
        raise DatasetError(dataset, f"{len(train)} training and {len(validation)} validation clips", "some of each")
    heard = predict_clips(listener, data, validation)
    ranking = rank_classes(heard.probabilities, mark_labels(data, validation))
    priors = mark_labels(data, train).mean(axis=0)
    title = f"{listener.name} on the {len(validation):,} validation clips of {dataset}, by the machine's own labels"
    return draw_d_prime(priors, class_d_primes(ranking.area_under_curve), ranking.average_precision, data.names, title)
