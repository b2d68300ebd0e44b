"""How good is this model, and how sure are we: :func:`evaluate` scores one, :func:`compare` sets two side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from hearsight.config import EvaluateConfig, load_config
from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks import load_benchmark
from hearsight.evaluation.contamination import Contamination, find_contamination
from hearsight.evaluation.embedder import Embedder, LearnedEmbedder, NetworkEmbedder
from hearsight.evaluation.embedders import load_embedder
from hearsight.evaluation.embeddings import WINDOWS
from hearsight.evaluation.heads import FINETUNE, find_head
from hearsight.evaluation.intervals import bootstrap_interval, mean_of_folds
from hearsight.evaluation.joining import describe_clips, embed_parts, join_descriptions, name_pool
from hearsight.evaluation.protocol import Benchmark, list_some
from hearsight.evaluation.result import Comparison, Evaluation, PartScore
from hearsight.evaluation.transfer import CrossScore, score_splits
from hearsight.evaluation.watching import MediaEmbedder
from hearsight.metrics.balanced import draw_balanced
from hearsight.metrics.intervals import Resampling, compare_measures, estimate_measures

__all__ = ["Comparison", "Evaluation", "compare", "evaluate"]

SINGLE_LABEL_MEASURES = ("mean_average_precision", "top_5")
"""What is measured beside the accuracy where a clip has one class."""
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
"""What is measured beside the accuracy where it may have several."""


def evaluate(
    run: str | Path,
    benchmark: str,
    *,
    head: str = "linear",
    untrained: bool = False,
    seed: int = 0,
    **options: Any,
) -> Evaluation:
    """Score a model on a benchmark by its official folds.

    Every clip becomes one vector of frozen embeddings; each fold is scored by a classifier that was fitted on the other folds, or
    on the training part where the benchmark has a fixed split.

    Parameters
    ----------
    run
        A run or checkpoint folder, ``baseline:log-mel``, ``baseline:mfcc``, ``untrained:NAME`` for a network of the zoo with
        fresh weights, or ``vision:KIND:WHERE`` for a vision teacher that looks at videos; see
        :func:`~hearsight.evaluation.embedders.load_embedder`.
    benchmark
        ``NAME=FOLDER``, such as ``esc50=ESC-50``; see :data:`hearsight.evaluation.benchmarks.BENCHMARKS`.
    head
        A name of :data:`hearsight.evaluation.heads.HEADS`: ``linear`` (logistic regression), ``svm`` (linear, one against all), ….
    untrained
        Score the run's network with fresh weights.
    seed
        Of fresh weights, of the splits that choose the classifier's strength, and of the interval.
    options
        Other keys of :class:`~hearsight.config.EvaluateConfig`, such as ``pool``, ``cache``, ``against``, and ``beside``: further
        models, such as ``["vision:litert:FILE"]``, whose descriptions of a clip stand beside the run's.

    Raises
    ------
    UsageError
        When the benchmark, the model or an option is unknown, or models cannot be set side by side.
    CheckpointError
        When the run has no usable checkpoint.
    BenchmarkError
        When the benchmark is not whole, or clips of it cannot be read.
    DatasetError
        When ``against`` is no dataset.
    """
    if head != FINETUNE:
        find_head(head)
    config = load_config(EvaluateConfig, "evaluate", head=head, untrained=untrained, seed=seed, **options)
    if head == FINETUNE and config.beside:
        raise UsageError("head finetune", f"{1 + len(config.beside)} models side by side", "one run to train")
    started = time.monotonic()
    clips = load_benchmark(benchmark)
    if config.clip_seconds is not None:
        clips = dataclasses.replace(clips, clip_seconds=config.clip_seconds)
    shared = None if config.against is None else find_contamination(config.against, clips)  # soon told if it is none
    windows = None
    if config.layer is not None:
        from hearsight.evaluation.layers import choose_windows  # torch takes a second to import

        windows = choose_windows(config.layer, clips.name, config.window, config.hop)
    embedders = [load_embedder(run, untrained=config.untrained, seed=config.seed, layer=windows)]
    embedders += [load_embedder(other, seed=config.seed) for other in config.beside]
    score_model = _finetune if config.head == FINETUNE else _fit_head
    config = config.model_copy(update={"pool": _choose_pool(config)})
    clips, score, dim = score_model(embedders, clips, config)
    made = _make_evaluation(str(run), config, embedders, clips, score, shared)
    return dataclasses.replace(made, dim=dim, seconds=time.monotonic() - started)


def compare(
    first: Evaluation | Sequence[Evaluation],
    second: Evaluation | Sequence[Evaluation],
    *,
    measure: str = "accuracy",
    seed: int = 0,
) -> Comparison:
    """Say by how much the first model is better than the second, and how sure that is.

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
    """
    firsts = [first] if isinstance(first, Evaluation) else list(first)
    seconds = [second] if isinstance(second, Evaluation) else list(second)
    if not firsts or len(firsts) != len(seconds):
        raise UsageError("compare", f"{len(firsts)} and {len(seconds)} evaluations", "as many of each, at least one")
    clips = firsts[0].clips
    if any(other.clips.clips != clips.clips for other in [*firsts, *seconds]):
        raise UsageError("compare", "evaluations on different clips", "the same clips and folds")
    ours = _choose_rows(clips, firsts[0].score, held_out=False)
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
    ours = _choose_rows(clips, score, held_out=False)
    rows = score.rows[ours]
    scores = (score.decisions[ours], seconds[0].score.decisions[ours])
    found = compare_measures(
        (measure,), scores, clips.truths[rows], clips.folds[rows], Resampling(seed=seed), threshold=0.0
    )[measure]
    return Comparison(found.value, (found.low, found.high), len(rows), 1, measure)


def _fit_head(
    embedders: Sequence[Embedder | MediaEmbedder], clips: Benchmark, config: EvaluateConfig
) -> tuple[Benchmark, CrossScore, int]:
    """Give the clips that can be read, their scores by what is fitted on frozen embeddings, and the length of these."""
    found, failures = embed_parts(embedders, clips, cache=config.cache)
    clips = _leave_out_unreadable(clips, failures, config.unreadable)
    pairs = zip(embedders, found, strict=True)
    parts = [describe_clips(embedder, part, config.pool or "mean+max") for embedder, part in pairs]
    description = join_descriptions(parts, [embedder.name for embedder in embedders])
    score = score_splits(description, clips, head=config.head, strength=config.strength, seed=config.seed)
    return clips, score, description.values.shape[1]


def _finetune(
    embedders: Sequence[Embedder | MediaEmbedder], clips: Benchmark, config: EvaluateConfig
) -> tuple[Benchmark, CrossScore, int]:
    """Give the clips that can be read, their scores by fine-tuned networks, and the length of these networks' embeddings."""
    (embedder,) = embedders
    if not isinstance(embedder, NetworkEmbedder):
        raise UsageError("head finetune", f"{embedder.name}, which cannot be trained", "a run, or untrained:NAME")
    if config.strength is not None:
        raise UsageError("head finetune", "a strength", "finetune.epochs")
    from hearsight.evaluation.finetune import decode_clips, finetune_splits, keep_folds

    with decode_clips(clips, embedder.sample_rate) as sounds:
        clips = _leave_out_unreadable(clips, sounds.failures, config.unreadable)
        network = embedder.network
        kept = keep_folds(embedder.compute_digest(), clips, config.finetune, config.seed, cache=config.cache)
        score = finetune_splits(network, clips, sounds.without_failures(), config.finetune, seed=config.seed, kept=kept)
    return clips, score, network.embedding_dim


def _choose_pool(config: EvaluateConfig) -> str:
    """Take the pool asked for, or that of the head."""
    if config.head == FINETUNE:
        return "trained"
    if config.pool is not None:
        return config.pool
    return WINDOWS if config.layer is not None else find_head(config.head).pool


def _leave_out_unreadable(clips: Benchmark, failures: dict[int, str], unreadable: str) -> Benchmark:
    if not failures:
        return clips
    messages = list_some(list(failures.values()))
    if unreadable == "refuse":
        raise BenchmarkError(
            clips.folder,
            f"{len(failures)} of {len(clips)} clips cannot be read: {messages}",
            "all of them",
            "unreadable=exclude scores the others and says so",
        )
    left_out = [clips.clips[index] for index in failures]
    return clips.without(left_out, [f"{len(left_out)} clips that cannot be read left out: {messages}"])


def _make_evaluation(
    run: str,
    config: EvaluateConfig,
    embedders: Sequence[Embedder | MediaEmbedder],
    clips: Benchmark,
    score: CrossScore,
    shared: Contamination | None,
) -> Evaluation:
    ours = _choose_rows(clips, score, held_out=False)
    rows = score.rows[ours]
    hits: Float64[np.ndarray, " clips"] = score.hits[ours].astype(np.float64)
    folds = [fold for fold in score.folds if not fold.held_out]
    drawn = Resampling(resamples=min(config.resamples, config.measure_resamples), seed=config.seed)
    absent = sorted({clips.classes[label] for fold in score.folds for label in fold.unscored})
    balanced, told = _draw_balanced_part(config, clips, score, drawn)
    beside = _choose_rows(clips, score, held_out=True)
    return Evaluation(
        benchmark=clips.name,
        run=run,
        beside=config.beside,
        model="+".join(embedder.name for embedder in embedders),
        head=config.head,
        pool=", ".join(name_pool(embedder, str(config.pool)) for embedder in embedders),
        untrained=any(embedder.untrained for embedder in embedders),
        seed=config.seed,
        training_clips=embedders[0].training_clips if isinstance(embedders[0], LearnedEmbedder) else None,
        accuracy=mean_of_folds(hits, clips.folds[rows]),
        folds=tuple(fold.accuracy for fold in folds),
        interval=bootstrap_interval(hits[None], clips.folds[rows], seed=config.seed, resamples=config.resamples),
        mean_average_precision=float(np.mean([fold.mean_average_precision for fold in folds])),
        measures=_measure_rows(clips, score, ours, drawn, accuracy=False).measures,
        num_clips=len(rows),
        num_classes=len(clips.classes),
        dim=0,
        missing=clips.missing,
        undefined=tuple(absent),
        evaluation_set=_measure_rows(clips, score, beside, drawn) if beside.any() else None,
        balanced=balanced,
        contamination=shared,
        clean=_measure_clean(clips, score, shared, drawn),
        seconds=0.0,
        notes=(*clips.notes, *_note_folds(clips, score), *told),
        clips=clips,
        score=score,
    )


def _choose_rows(clips: Benchmark, score: CrossScore, *, held_out: bool) -> Bool[np.ndarray, " scored"]:
    """Say of each scored clip whether it is of the cross-validation (or fixed split), or else of the evaluation set."""
    folds = [fold.fold for fold in score.folds if fold.held_out is held_out]
    return np.isin(clips.folds[score.rows], folds)


def _measure_rows(
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
    truths, folds = clips.truths[rows], clips.folds[rows]
    measures = estimate_measures(names, score.decisions[chosen], truths, folds, drawn, threshold=0.0)
    return PartScore(len(rows), measures)


def _draw_balanced_part(
    config: EvaluateConfig, clips: Benchmark, score: CrossScore, drawn: Resampling
) -> tuple[PartScore | None, list[str]]:
    if not config.balanced:
        return None, []
    ours = np.flatnonzero(_choose_rows(clips, score, held_out=False))
    found = draw_balanced(clips.truths[score.rows[ours]], config.balanced, seed=config.seed)
    chosen = np.zeros(len(score.rows), dtype=bool)
    chosen[ours[found.rows]] = True
    short = [clips.classes[label] for label in found.short]
    notes = [f"balanced: fewer than {config.balanced} clips of {list_some(short)}"] if short else []
    return _measure_rows(clips, score, chosen, drawn), notes


def _measure_clean(
    clips: Benchmark, score: CrossScore, shared: Contamination | None, drawn: Resampling
) -> PartScore | None:
    """Measure the scored clips that the dataset does not hold; None where it holds none of them, or all."""
    if shared is None or not shared.matches:
        return None
    known = {match.path for match in shared.matches}
    apart = np.array([clips.clips[row].path not in known for row in score.rows])
    ours = _choose_rows(clips, score, held_out=False)
    if apart.all() or not (apart & ours).any():
        return None
    return _measure_rows(clips, score, apart & ours, drawn)


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
