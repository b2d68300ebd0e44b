"""Fine-tuning a trained network on labelled sounds: a run and a benchmark in, a run of the benchmark's classes and its score out.

Training is that of :mod:`hearsight.training`. One fold is held out: the network is validated on it after each epoch, and scored on
its whole clips at the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.config import EvaluateConfig, TrainConfig
from hearsight.console import ProgressCallback, print_message, redirect_progress
from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, Split, digest_files, list_some
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.clip_scores import keep_score
from hearsight.evaluation.evaluate import make_evaluation
from hearsight.evaluation.features.extractor import NetworkExtractor
from hearsight.evaluation.probes.cross_validation import CrossScore, score_fold
from hearsight.evaluation.probes.finetune import THRESHOLD, ClipSounds, Tuned, decode_clips, score_clips
from hearsight.evaluation.probes.registry import FINETUNE
from hearsight.evaluation.result import Evaluation
from hearsight.files import describe_path, holds_other_things
from hearsight.listening.listener import load
from hearsight.metrics.tagging import hits
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.installed import locate_model
from hearsight.training.data.labelled import LabelledSounds
from hearsight.training.group import read_places
from hearsight.training.loop import train
from hearsight.training.run.summary import TrainSummary


@dataclasses.dataclass(frozen=True)
class FinetuneSummary:
    """A fine-tuned run.

    Attributes
    ----------
    training
        The summary of its training.
    score
        Its score on the clips that were held out; None in processes that only train along.
    """

    training: TrainSummary
    score: Evaluation | None

    def describe(self) -> list[str]:
        """Return the summary in lines to print."""
        return [*self.training.describe(), *(self.score.describe() if self.score is not None else [])]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        score = None if self.score is None else self.score.as_json()
        return {"training": dataclasses.asdict(self.training), "score": score}


def finetune(
    run: str,
    data: str,
    out: str | Path,
    config: TrainConfig | None = None,
    *,
    fold: int | None = None,
    progress: ProgressCallback | None = None,
) -> FinetuneSummary:
    """Train a network further on labelled sounds.

    The last layer gets the classes of the sounds; all other layers begin with the weights of the run. Where each clip has one
    class, the loss is ``softmax``, unless the configuration names another. When it is called again, it continues where it stopped.

    Parameters
    ----------
    run
        A run or checkpoint folder, or the name of an installed model.
    data
        ``NAME=PATH``, with a name of :data:`hearsight.evaluation.benchmarks.catalogue.BENCHMARKS`; or a folder with a sub-folder of
        sounds per class.
    out
        The run folder.
    config
        The configuration; by default that of the recipe ``finetune``.
    fold
        The fold that is held out; by default the first that the benchmark scores.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every step, in place of progress bars.

    Raises
    ------
    CheckpointError
        When the run cannot be read.
    BenchmarkError
        When the labelled sounds cannot be read.
    UsageError
        When there is no such benchmark, fold or layer, something else is in the folder, or the best epoch is to be delivered.
    RunError
        When the folder holds another run.
    """
    out, started = Path(out), time.monotonic()
    _check(out, config)
    clips = load_benchmark(data if "=" in data else f"folder={data}")
    split = _choose_split(clips, fold)
    config = (config or TrainConfig(recipe="finetune")).model_copy(update={"initial": run})
    if not clips.multi_label and "loss" not in config.model_fields_set:
        config = config.model_copy(update={"loss": "softmax"})
    network, _ = load_checkpoint(locate_model(run))
    with redirect_progress(progress), decode_clips(clips, network.sample_rate) as sounds:
        if sounds.failures:
            found = list_some(list(sounds.failures.values()))
            print_message(
                f"warning: {len(sounds.failures)} of {len(clips)} clips cannot be read, and are left out: {found}"
            )
            left_out = [clips.clips[index] for index in sounds.failures]
            clips, sounds = clips.without(left_out, [f"left out: {found}"]), sounds.without_failures()
        summary = train(_make_data(clips, sounds, split, network.sample_rate), out, config)
        if read_places()[0] > 0:
            return FinetuneSummary(summary, None)
        score = _score(out, clips, sounds, split, config.model_copy(update={"epochs": summary.epochs}))
    score = dataclasses.replace(score, seconds=time.monotonic() - started)
    keep_score(out, score)
    return FinetuneSummary(summary, score)


def _check(out: Path, config: TrainConfig | None) -> None:
    if holds_other_things(out, "checkpoints", "config.json"):
        raise UsageError(out, describe_path(out), "a new or empty folder, or a run", "choose another --out")
    if config is not None and config.deliver == "best":
        found = "deliver = best, which would choose the epoch by the clips that are scored"
        raise UsageError("finetune", found, "deliver = last")


def _choose_split(clips: Benchmark, fold: int | None) -> Split:
    splits = [split for split in clips.splits if split.fitted_on]
    if not splits:
        raise BenchmarkError(clips.folder, "no clips to fit on", "labelled sounds with folds")
    if fold is None:
        return splits[0]
    for split in splits:
        if split.fold == fold:
            return split
    found = ", ".join(str(split.fold) for split in splits)
    raise UsageError("--fold", f"{fold}", f"one of {found}")


def _make_data(clips: Benchmark, sounds: ClipSounds, split: Split, sample_rate: int) -> LabelledSounds:
    """Return the clips that the split fits on and scores, as training data; others are neither."""
    fitted, scored = clips.find_fitted(split), clips.folds == split.fold
    chosen = np.flatnonzero(fitted | scored)
    files = digest_files([clips.locate(clips.clips[index]) for index in chosen])
    decided = [clips.name, clips.clip_seconds, clips.classes, sample_rate, split, *files]
    digest = hashlib.sha256("\n".join(map(str, decided)).encode())
    digest.update(clips.targets[chosen].tobytes() + scored[chosen].tobytes())
    return LabelledSounds(
        names=clips.classes,
        sample_rate=sample_rate,
        digest=digest.hexdigest(),
        samples=sounds.samples,
        starts=sounds.starts[chosen],
        lengths=sounds.lengths[chosen],
        targets=clips.targets[chosen],
        validation=scored[chosen],
    )


def _score(out: Path, clips: Benchmark, sounds: ClipSounds, split: Split, config: TrainConfig) -> Evaluation:
    """Score the whole clips of the fold that was held out."""
    listener = load(out)
    targets, fitted = clips.targets, clips.find_fitted(split)
    rows = np.flatnonzero(clips.folds == split.fold)
    scores = score_clips(listener, rows, sounds)
    absent = tuple(int(label) for label in np.flatnonzero(~targets[fitted].any(axis=0)))
    scores[:, list(absent)] = -np.inf
    fold = score_fold(split, scores, targets[rows], Tuned(float(config.epochs), True, absent))
    score = CrossScore(
        (dataclasses.replace(fold, held_out=False),), rows, hits(scores, targets[rows]), scores, THRESHOLD
    )
    settings = EvaluateConfig(probe=FINETUNE, seed=config.seed).model_copy(update={"pool": "trained"})
    made = make_evaluation(str(out), settings, [NetworkExtractor(listener, untrained=False)], clips, score, None)
    return dataclasses.replace(made, dim=listener.network.embedding_dim, finetune_epochs=config.epochs)
