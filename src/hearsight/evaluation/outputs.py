"""Scoring a network by its own outputs on the labels that machines gave the validation clips (Hershey 2017, section 3.2).

Nothing is fitted: the probabilities of a clip's segments are averaged, and compared with the labels of the dataset.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.config import EvaluateConfig
from hearsight.console import track
from hearsight.dataset.reader import Dataset
from hearsight.errors import CheckpointError, UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark
from hearsight.evaluation.benchmarks.machine_labels import DATASET, choose_clips, make_benchmark
from hearsight.evaluation.probes.cross_validation import CrossScore, FoldScore
from hearsight.listening.listener import Listener
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import hits
from hearsight.signal.waveform import from_int16

OUTPUTS = "outputs"
"""The probe that is none: the network's own outputs are scored."""


def check_outputs(benchmark: str, config: EvaluateConfig) -> None:
    """Check that a dataset is scored by outputs, and nothing else is.

    Raises
    ------
    UsageError
        When a probe is to be fitted on a dataset, outputs are to be scored on anything else, or keys are given that need a probe.
    """
    kind = benchmark.partition("=")[0]
    if (kind == DATASET) != (config.probe == OUTPUTS):
        wanted = f"--probe {OUTPUTS}" if kind == DATASET else f"--benchmark {DATASET}=FOLDER"
        raise UsageError(f"--probe {config.probe}", f"the benchmark {kind}", wanted)
    if config.scored_classes and kind != DATASET:
        raise UsageError("scored_classes", f"{config.scored_classes} with the benchmark {kind}", f"{DATASET}=FOLDER")
    given = {
        "extra_models": config.extra_models,
        "layer": config.layer,
        "training_dataset": config.training_dataset,
        "hyperparameter": config.hyperparameter,
        "untrained": config.untrained,
    }
    needless = [key for key, value in given.items() if value]
    if kind == DATASET and needless:
        raise UsageError(
            f"--probe {OUTPUTS}",
            f"{', '.join(needless)}",
            "none of these: the outputs of a trained network are scored as they are",
        )


def score_outputs(listener: Listener, folder: Path, config: EvaluateConfig) -> tuple[Benchmark, CrossScore]:
    """Score a network on the validation clips of a dataset.

    The classes are those that both have, matched by teacher and name. With ``scored_classes`` they are the classes that most
    clips of the dataset have, so that networks with other label sets are scored on a common set (Hershey 2017, Table 3).

    Parameters
    ----------
    listener
        The network.
    folder
        The dataset.
    config
        The configuration of the evaluation.

    Returns
    -------
    benchmark
        The clips, and their labels among the scored classes.
    score
        The scores of the clips.

    Raises
    ------
    DatasetError
        When the folder is no dataset.
    BenchmarkError
        When it has no validation clips.
    CheckpointError
        When the network lacks a class that is to be scored, or has none of the dataset's.
    """
    dataset = Dataset(folder)
    clips = choose_clips(dataset)
    ours, theirs = _match_classes(listener, dataset, config.scored_classes)
    benchmark = make_benchmark(dataset, clips, theirs)
    return benchmark, _make_score(_predict(listener, dataset, clips, ours), benchmark)


def _match_classes(
    listener: Listener, dataset: Dataset, scored: int
) -> tuple[Int64[np.ndarray, " scored"], Int64[np.ndarray, " scored"]]:
    """Return the places of the scored classes among the network's and among the dataset's."""
    origins = [(origin.teacher, name) for origin, name in zip(listener.classes, listener.vocabulary, strict=False)]
    places = {key: place for place, key in enumerate(origins or [("", name) for name in listener.vocabulary])}
    keys = [(record.teacher if origins else "", record.name) for record in dataset.classes]
    if scored:
        counts = np.array([record.count for record in dataset.classes])
        wanted = np.sort(np.argsort(-counts, kind="stable")[:scored])
        absent = [dataset.names[index] for index in wanted if keys[index] not in places]
        if absent:
            found = f"{len(absent)} of the {len(wanted)} classes to score are absent: {', '.join(absent[:5])}"
            raise CheckpointError(listener.name, found, "a network that has them all")
    else:
        wanted = np.array([index for index, key in enumerate(keys) if key in places], dtype=np.int64)
        if not len(wanted):
            found = f"none of the {len(keys)} classes of {dataset.path}"
            raise CheckpointError(listener.name, found, "a network with classes of this dataset")
    return np.array([places[keys[index]] for index in wanted], dtype=np.int64), wanted.astype(np.int64)


def _predict(
    listener: Listener, dataset: Dataset, clips: Int64[np.ndarray, " clips"], classes: Int64[np.ndarray, " scored"]
) -> Float64[np.ndarray, "clips scored"]:
    scores = np.empty((len(clips), len(classes)))
    with track("predicting", len(clips), "clips") as bar:
        for row, clip in enumerate(clips):
            parts = list(listener.forward_waveform(from_int16(dataset.read(int(clip))), dataset.sample_rate))
            shares = np.concatenate([part.weights for part in parts])
            probabilities = np.concatenate([part.probabilities[:, classes] for part in parts])
            scores[row] = (shares / shares.sum()) @ probabilities.astype(np.float64)
            bar.advance()
    return scores


def _make_score(scores: Float64[np.ndarray, "clips scored"], benchmark: Benchmark) -> CrossScore:
    targets = benchmark.targets
    (split,) = benchmark.splits
    hit = hits(scores, targets)
    unscored = tuple(int(label) for label in np.flatnonzero(~targets.any(axis=0)))
    fold = FoldScore(
        fold=split.fold,
        num_clips=len(scores),
        accuracy=float(hit.mean()),
        mean_average_precision=mean_average_precision(scores, targets),
        hyperparameter=float("nan"),
        converged=True,
        absent=(),
        unscored=unscored,
    )
    return CrossScore((fold,), np.arange(len(scores)), hit, scores, threshold=0.5)
