"""How good a model is, with intervals: :func:`evaluate` scores it on a benchmark."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from hearsight.config import EvaluateConfig, load_config
from hearsight.console import ProgressCallback, redirect_progress
from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, list_some
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.contamination import Contamination, find_contamination
from hearsight.evaluation.features.concatenate import concatenate_features, extract_parts, name_pool, pool_clips
from hearsight.evaluation.features.extract import WINDOWS
from hearsight.evaluation.features.extractor import FeatureExtractor, NetworkBased, NetworkExtractor
from hearsight.evaluation.features.load import load_extractor
from hearsight.evaluation.features.vision import MediaExtractor
from hearsight.evaluation.measure import choose_rows, draw_balanced_part, measure_clean, measure_rows
from hearsight.evaluation.outputs import OUTPUTS, check_outputs, score_outputs
from hearsight.evaluation.probes.cross_validation import CrossScore, score_splits
from hearsight.evaluation.probes.registry import FINETUNE, find_probe
from hearsight.evaluation.result import Evaluation
from hearsight.metrics.intervals import Resampling, bootstrap_interval, mean_of_folds


def evaluate(
    run: str | Path,
    benchmark: str,
    config: EvaluateConfig | None = None,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Evaluation:
    """Score a model on a benchmark by its official folds.

    Every clip becomes one vector of frozen embeddings. Each fold is scored by a probe that was fitted on the other folds, or on
    the training part where the benchmark has a fixed split. With the probe ``outputs`` nothing is fitted: the network's own
    probabilities are compared with the labels of a dataset's validation clips.

    Parameters
    ----------
    run
        A run or checkpoint folder, ``baseline:log-mel``, ``baseline:mfcc``, ``untrained:NAME`` for a network of the zoo with
        fresh weights, or ``vision:KIND:WHERE`` for a vision teacher that looks at videos; see
        :func:`~hearsight.evaluation.features.load.load_extractor`.
    benchmark
        ``NAME=FOLDER``, such as ``esc50=ESC-50``; see :data:`hearsight.evaluation.benchmarks.catalogue.BENCHMARKS`.
    config
        The configuration.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every clip or fold of every stage, in place of progress bars.
    options
        Keys of :class:`~hearsight.config.EvaluateConfig`, in place of ``config``: ``evaluate(run, benchmark, probe="svm")``.

    Raises
    ------
    ConfigError
        When a key is unknown or a value is out of range.
    UsageError
        When the benchmark or the model is unknown, models cannot be combined, or both ``config`` and keys are given.
    CheckpointError
        When the run has no usable checkpoint.
    BenchmarkError
        When the benchmark is not whole, or clips of it cannot be read.
    DatasetError
        When ``training_dataset`` is no dataset.

    Examples
    --------
    >>> result = hearsight.evaluate("run", "folder=sounds", probe="svm")
    >>> low, high = result.interval
    >>> low <= result.accuracy <= high
    True
    """
    if config is not None and options:
        raise UsageError(
            "evaluate", f"a config and {', '.join(options)}", "either of them", "config.model_copy changes keys"
        )
    if config is None:
        config = load_config(EvaluateConfig, "evaluate", **options)
    with redirect_progress(progress):
        return _evaluate(run, benchmark, config)


def _evaluate(run: str | Path, benchmark: str, config: EvaluateConfig) -> Evaluation:
    started = time.monotonic()
    check_outputs(benchmark, config)
    if config.probe == OUTPUTS:
        made = _evaluate_outputs(run, benchmark, config)
        return dataclasses.replace(made, seconds=time.monotonic() - started)
    clips = load_benchmark(benchmark, leak_free=config.leak_free)
    if config.clip_seconds is not None:
        clips = dataclasses.replace(clips, clip_seconds=config.clip_seconds)
    # a wrong dataset folder is reported before any clip is embedded
    shared = None if config.training_dataset is None else find_contamination(config.training_dataset, clips)
    extractors = _load_extractors(run, clips, config)
    score_model = _finetune if config.probe == FINETUNE else _fit_probe
    config = config.model_copy(update={"pool": _choose_pool(config)})
    clips, score, dim = score_model(extractors, clips, config)
    made = make_evaluation(str(run), config, extractors, clips, score, shared)
    return dataclasses.replace(made, dim=dim, seconds=time.monotonic() - started)


def _load_extractors(
    run: str | Path, clips: Benchmark, config: EvaluateConfig
) -> list[FeatureExtractor | MediaExtractor]:
    """Load the run, with its layer where one is asked for, and the extra models."""
    windows = None
    if config.layer is not None:
        from hearsight.evaluation.features.soundnet_layers import choose_windows  # torch takes a second to import

        windows = choose_windows(config.layer, clips.name, config.window, config.hop)
    first = load_extractor(run, untrained=config.untrained, seed=config.seed, layer=windows)
    return [first, *(load_extractor(other, seed=config.seed) for other in config.extra_models)]


def _fit_probe(
    extractors: Sequence[FeatureExtractor | MediaExtractor], clips: Benchmark, config: EvaluateConfig
) -> tuple[Benchmark, CrossScore, int]:
    """Return the clips that can be read, their scores by what is fitted on frozen embeddings, and the length of these."""
    found, failures = extract_parts(extractors, clips, cache=config.cache)
    clips = _leave_out_unreadable(clips, failures, config.unreadable)
    pairs = zip(extractors, found, strict=True)
    parts = [pool_clips(extractor, part, config.pool or "mean+max") for extractor, part in pairs]
    description = concatenate_features(parts, [extractor.name for extractor in extractors])
    score = score_splits(description, clips, probe=config.probe, hyperparameter=config.hyperparameter, seed=config.seed)
    return clips, score, description.values.shape[1]


def _finetune(
    extractors: Sequence[FeatureExtractor | MediaExtractor], clips: Benchmark, config: EvaluateConfig
) -> tuple[Benchmark, CrossScore, int]:
    """Return the clips that can be read, their scores by fine-tuned networks, and the length of these networks' embeddings."""
    (extractor,) = extractors
    if not isinstance(extractor, NetworkExtractor):
        raise UsageError("probe finetune", f"{extractor.name}, which cannot be trained", "a run, or untrained:NAME")
    from hearsight.evaluation.probes.finetune import decode_clips, finetune_splits, open_fold_cache

    with decode_clips(clips, extractor.network.sample_rate) as sounds:
        clips = _leave_out_unreadable(clips, sounds.failures, config.unreadable)
        network = extractor.network
        kept = open_fold_cache(extractor.compute_digest(), clips, config.finetune, config.seed, cache=config.cache)
        score = finetune_splits(network, clips, sounds.without_failures(), config.finetune, seed=config.seed, kept=kept)
    return clips, score, network.embedding_dim


def _evaluate_outputs(run: str | Path, benchmark: str, config: EvaluateConfig) -> Evaluation:
    """Score a network by its own outputs on the validation clips of a dataset."""
    folder = load_benchmark(benchmark).folder  # a wrong folder is reported before the network is loaded
    extractor = load_extractor(run)
    if not isinstance(extractor, NetworkExtractor) or extractor.untrained:
        raise UsageError(f"--probe {OUTPUTS}", f"{extractor.name}, which has no trained outputs", "a run")
    clips, score = score_outputs(extractor.listener, folder, config)
    config = config.model_copy(update={"pool": "mean"})
    made = make_evaluation(str(run), config, [extractor], clips, score, None)
    return dataclasses.replace(made, dim=len(clips.classes))


def _choose_pool(config: EvaluateConfig) -> str:
    """Take the pool asked for, or that of the head."""
    if config.probe == FINETUNE:
        return "trained"
    if config.pool is not None:
        return config.pool
    return WINDOWS if config.layer is not None else find_probe(config.probe).pool


def _leave_out_unreadable(clips: Benchmark, failures: dict[int, str], unreadable: str) -> Benchmark:
    if not failures:
        return clips
    messages = list_some(list(failures.values()))
    if unreadable == "refuse":
        raise BenchmarkError(
            clips.folder,
            f"{len(failures)} of {len(clips)} clips cannot be read: {messages}",
            "all of them",
            "unreadable=exclude scores the others and lists what was left out",
        )
    left_out = [clips.clips[index] for index in failures]
    return clips.without(left_out, [f"{len(left_out)} clips that cannot be read left out: {messages}"])


def make_evaluation(
    run: str,
    config: EvaluateConfig,
    extractors: Sequence[FeatureExtractor | MediaExtractor],
    clips: Benchmark,
    score: CrossScore,
    shared: Contamination | None,
) -> Evaluation:
    """Return the result of an evaluation from the scores of its clips; the caller adds length of the embeddings and time.

    Parameters
    ----------
    run
        What was scored.
    config
        How.
    extractors
        The models.
    clips, score
        The clips, and the scores of those that were scored.
    shared
        What the training data shares with the clips; None where that was not asked for.
    """
    ours = choose_rows(clips, score, held_out=False)
    rows = score.rows[ours]
    hits: Float64[np.ndarray, " clips"] = score.hits[ours].astype(np.float64)
    folds = [fold for fold in score.folds if not fold.held_out]
    drawn = Resampling(resamples=min(config.resamples, config.measure_resamples), seed=config.seed)
    absent = sorted({clips.classes[label] for fold in score.folds for label in fold.unscored})
    balanced, told = draw_balanced_part(config, clips, score, drawn)
    evaluation_rows = choose_rows(clips, score, held_out=True)
    return Evaluation(
        benchmark=clips.name,
        run=run,
        extra_models=config.extra_models,
        model="+".join(extractor.name for extractor in extractors),
        probe=config.probe,
        pool=", ".join(name_pool(extractor, str(config.pool)) for extractor in extractors),
        untrained=any(extractor.untrained for extractor in extractors),
        seed=config.seed,
        networks=tuple(one.facts for one in extractors if isinstance(one, NetworkBased)),
        leak_free=config.leak_free,
        finetune_epochs=config.finetune.epochs if config.probe == FINETUNE else None,
        accuracy=mean_of_folds(hits, clips.folds[rows]),
        folds=tuple(fold.accuracy for fold in folds),
        interval=bootstrap_interval(hits[None], clips.folds[rows], seed=config.seed, resamples=config.resamples),
        mean_average_precision=float(np.mean([fold.mean_average_precision for fold in folds])),
        measures=measure_rows(clips, score, ours, drawn, accuracy=False).measures,
        num_clips=len(rows),
        num_classes=len(clips.classes),
        dim=0,
        missing=clips.missing,
        undefined=tuple(absent),
        evaluation_set=measure_rows(clips, score, evaluation_rows, drawn) if evaluation_rows.any() else None,
        balanced=balanced,
        contamination=shared,
        clean=measure_clean(clips, score, shared, drawn),
        seconds=0.0,
        notes=(*clips.notes, *_note_folds(clips, score), *told),
        clips=clips,
        score=score,
    )


def _note_folds(clips: Benchmark, score: CrossScore) -> list[str]:
    notes: list[str] = []
    for fold in score.folds:
        absent = [clips.classes[label] for label in fold.absent]
        unscored = [clips.classes[label] for label in fold.unscored]
        if absent:
            notes.append(f"fold {fold.fold}: no other fold has a clip of {list_some(absent)}")
        if unscored:
            told = "average precision is undefined there, and left out of the mean"
            notes.append(f"fold {fold.fold}: no clip of {list_some(unscored)}: {told}")
        if not fold.converged:
            notes.append(f"fold {fold.fold}: the classifier did not converge")
    return notes
