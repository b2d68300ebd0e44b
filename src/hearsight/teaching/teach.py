"""Teach a network new classes: a head on the frozen network, fitted on a few examples, as a checkpoint like any other."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.console import track
from hearsight.errors import InputError, MachineError, UsageError
from hearsight.files import describe_path, holds_other_things
from hearsight.listening.listener import Listener, load
from hearsight.metrics.intervals import Estimate
from hearsight.models.card import TAUGHT
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.network import Network
from hearsight.teaching.examples import BACKGROUND, Example, check_classes, find_examples, name_sources
from hearsight.teaching.head import NO, UNKNOWN, YES, Rows, fit_head
from hearsight.teaching.score import FEW, Score, drop_nan, score_examples
from hearsight.teaching.segments import Heard, SegmentReader, make_noises, replace_head

REGULARIZATION = 10.0
"""C, the inverse of the penalty; see ``docs/experiments.md``."""
COLUMNS = ("class", "examples", "sources", "segments", "found", "named")
"""Heads of the table that :meth:`TeachReport.list_rows` returns the rows of."""


@dataclasses.dataclass(frozen=True)
class TeachOptions:
    """How a head is fitted.

    Attributes
    ----------
    model
        What the user called the network.
    regularization
        C, the inverse of the penalty.
    seed
        Of the folds and of the noises.
    """

    model: str
    regularization: float = REGULARIZATION
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class TeachReport:
    """What was taught.

    Attributes
    ----------
    out, model
        The new checkpoint, and the model that it was made from.
    score
        Cross-validated: how well heads that were taught without them classify the examples.
    num_rows
        Segments that the head was fitted on.
    rejected
        The examples that could not be used, and why.
    seconds
        How long it took, loading the model included.
    """

    out: str
    model: str
    score: Score
    num_rows: int
    rejected: list[str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight teach --json`` prints."""
        measures = ("accuracy", "mean_average_precision")
        return {
            "out": self.out,
            "model": self.model,
            "folds": self.score.num_folds,
            **{name: drop_nan(dataclasses.asdict(getattr(self.score, name))) for name in measures},
            "classes": [one.as_json() for one in self.score.classes],
            "segments": self.num_rows,
            "rejected": self.rejected,
            "seconds": self.seconds,
        }

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        accuracy, precision = self.score.accuracy, self.score.mean_average_precision
        shown = sum(one.num_segments for one in self.score.classes)
        lines = [
            f"{self.out}: {len(self.score.classes)} classes on {self.model}, in {self.seconds:.1f} s",
            f"fitted on {self.num_rows} segments: {shown} of the table, {self.num_rows - shown} others "
            "(quiet parts of the examples, noises that are made, what was judged wrong)",
            f"accuracy {100 * accuracy.value:.1f} % ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}), "
            f"mAP {precision.value:.3f} ({_show_ends(precision)}), in {self.score.num_folds} folds over sources",
        ]
        if BACKGROUND not in {one.name for one in self.score.classes}:
            lines.append(
                f"no examples in {BACKGROUND}/: the score is only among these classes, and other sounds will be tagged as one "
                f"of them; put sounds of the same place that are none of them into {BACKGROUND}/"
            )
        few = [one.name for one in self.score.classes if one.num_sources < FEW]
        if few:
            lines.append(f"the score is rough: fewer than {FEW} sources of {', '.join(few)}")
        lines += [f"left out: {reason}" for reason in self.rejected]
        return lines

    def list_rows(self) -> list[tuple[str, ...]]:
        """Return a row of text per class, under :data:`COLUMNS`."""
        return [
            (
                one.name,
                *(f"{count}" for count in (one.num_examples, one.num_sources, one.num_segments)),
                *(_show_share(share.value, share.low, share.high) for share in (one.found, one.named)),
            )
            for one in self.score.classes
        ]


def teach(
    places: Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path = "starter",
    regularization: float = REGULARIZATION,
    seed: int = 0,
    device: str | None = None,
) -> TeachReport:
    """Fit a head on a frozen network from a few examples of each class, and write it as a checkpoint.

    Each class is a logistic regression of the output layer's input against the other classes and the background. Background are
    the sounds of a folder of that name, the quiet parts of the other examples, and noises that are made.

    Parameters
    ----------
    places
        Folders with a folder per class, and tables of spans; see :func:`~hearsight.teaching.examples.find_examples`.
    out
        The checkpoint folder to write; it must not exist, or be empty.
    model
        What :func:`hearsight.load` takes.
    regularization
        C, the inverse of the penalty.
    seed
        Of the folds and of the noises.
    device
        Where the network works.

    Returns
    -------
    TeachReport
        With a cross-validated score.

    Raises
    ------
    InputError
        When there are too few usable examples, or one of two classes.
    UsageError
        When the model has no output layer that can be taught, or something is in the folder already.
    MachineError
        When there is a file in the place of the folder.
    """
    started = time.monotonic()
    options = TeachOptions(str(model), regularization, seed)
    check_new_folder(Path(out), options)
    examples = find_examples([Path(place) for place in places])
    report = teach_examples(examples, Path(out), load(model, device=device), options)
    return dataclasses.replace(report, seconds=time.monotonic() - started)


def check_new_folder(out: Path, options: TeachOptions) -> None:
    """Check where a checkpoint is to be written, and how, before anything is read for it; errors as in :func:`teach`."""
    if out.exists() and not out.is_dir():
        raise MachineError(out, f"{describe_path(out)}, not a folder", "a new folder", "choose another --out")
    if holds_other_things(out):
        raise UsageError(out, describe_path(out), "a new or empty folder", "choose another --out")
    if not options.regularization > 0.0:
        raise UsageError("regularization", f"{options.regularization:g}", "more than 0")


def teach_examples(
    examples: Sequence[Example],
    out: Path,
    base: Listener,
    options: TeachOptions,
    on_file: Callable[[int], None] | None = None,
) -> TeachReport:
    """Fit a head on a loaded network from examples, and write it as a checkpoint; see :func:`teach`.

    Parameters
    ----------
    examples
        Sounds with their classes.
    out
        The checkpoint folder to write.
    base
        The network; it stays as it is.
    options
        How.
    on_file
        Called with the number of files that have been read; what it raises ends the work.

    Raises
    ------
    InputError, UsageError, MachineError
        As :func:`teach` does.
    """
    started = time.monotonic()
    check_new_folder(out, options)
    regularization, seed = options.regularization, options.seed
    names = check_classes(examples)
    unknown = sorted({one.name for one in examples} - {*names, BACKGROUND})
    if unknown:
        raise InputError("examples", f"no right example of {', '.join(unknown)}", "one at least of every class")
    vocabulary = [*names, BACKGROUND]
    network = replace_head(base.network, len(vocabulary))
    listener = make_listener(network, vocabulary, base)
    heard, rejected = read_examples(listener, examples, on_file)
    kept = [one for one in examples if one in heard]
    _check_left(kept, names, rejected)
    rows = gather_rows(listener, [(one, heard[one]) for one in kept], vocabulary, seed)
    scored = [_name_scored(one) for one in kept]
    shown = vocabulary if BACKGROUND in scored else names
    score = score_examples(rows, scored, name_sources(kept), vocabulary, regularization=regularization, seed=seed)
    score = dataclasses.replace(score, classes=tuple(one for one in score.classes if one.name in shown))
    fit_head(rows, regularization).install(network)
    training = describe_teaching(base, options.model, score, {"regularization": regularization, "seed": seed})
    measures = {
        "cross-validated accuracy": score.accuracy.value,
        "cross-validated mean average precision": score.mean_average_precision.value,
    }
    save_checkpoint(network.cpu(), out, vocabulary=vocabulary, training=training, scores=measures)
    return TeachReport(str(out), options.model, score, len(rows.values), rejected, time.monotonic() - started)


def read_examples(
    listener: Listener, examples: Sequence[Example], on_file: Callable[[int], None] | None = None
) -> tuple[dict[Example, Heard], list[str]]:
    """Return what the network makes of each example, file by file; and why others cannot be used."""
    by_file: dict[str, list[Example]] = defaultdict(list)
    for one in examples:
        by_file[one.path].append(one)
    reader = SegmentReader(listener)
    heard: dict[Example, Heard] = {}
    rejected: list[str] = []
    with track("listening", len(by_file), "files") as bar:
        for number, (path, own) in enumerate(by_file.items()):
            if on_file is not None:
                on_file(number)
            for example, answer in zip(own, reader.read(path, own), strict=True):
                if isinstance(answer, Heard):
                    heard[example] = answer
                elif answer.summary not in rejected:
                    rejected.append(answer.summary)
            bar.advance()
    return heard, rejected


def gather_rows(
    listener: Listener, heard: Sequence[tuple[Example, Heard]], vocabulary: Sequence[str], seed: int
) -> Rows:
    """Return the segments of all examples and of some made noises, with what is known of each."""
    made = SegmentReader(listener).read_waveforms(
        make_noises(listener.training_sample_rate, listener.least_seconds, seed)
    )
    background = np.where(np.array(vocabulary) == BACKGROUND, YES, NO).astype(np.int8)
    values, truths = [made], [np.tile(background, (len(made), 1))]
    places, flags = [np.full(len(made), -1)], [np.full(len(made), False)]
    for place, (example, one) in enumerate(heard):
        truth = np.where(np.array(vocabulary) == example.name, YES, NO).astype(np.int8)
        if example.is_wrong:
            truth = np.where(truth == YES, NO, UNKNOWN).astype(np.int8)
        for part, known, counted in ((one.rows, truth, True), (one.quiet, background, False)):
            values.append(part)
            truths.append(np.tile(known, (len(part), 1)))
            places.append(np.full(len(part), place))
            flags.append(np.full(len(part), counted))
    return Rows(np.concatenate(values), np.concatenate(truths), np.concatenate(places), np.concatenate(flags))


def describe_teaching(base: Listener, model: str, score: Score, options: dict[str, Any]) -> dict[str, Any]:
    """Return what a checkpoint records of how it was taught; its card lists it."""
    # a head replaces another one without changing the embeddings: those of the first network
    first = base.training.get("network_digest") if base.training.get("method") == TAUGHT else None
    taught = {
        "method": TAUGHT,
        "model": model,
        "network": base.name,
        "network_digest": first or base.digest,
        "examples": {one.name: one.num_examples for one in score.classes},
        "sources": {one.name: one.num_sources for one in score.classes},
        "folds": score.num_folds,
        **options,
    }
    return {**taught, "sample_rate": base.training_sample_rate, "trained_before": base.training}


def make_listener(network: Network, vocabulary: Sequence[str], base: Listener) -> Listener:
    """Return a listener that differs from another one in its output layer alone."""
    return Listener(
        network,
        vocabulary,
        name=base.name,
        device=base.device,
        training_sample_rate=base.training_sample_rate,
        training=base.training,
    )


def _check_left(kept: Sequence[Example], names: Sequence[str], rejected: Sequence[str]) -> None:
    """Refuse what is left of the examples if a class has none."""
    left = {one.name for one in kept if not one.is_wrong}
    empty = [name for name in names if name not in left]
    if empty:
        reasons = "; ".join(rejected[:3])
        raise InputError("examples", f"none of {', '.join(empty)} can be used ({reasons})", "two at least")


def _name_scored(example: Example) -> str:
    """Return the class by which an example is scored; what somebody called wrong is only learned from."""
    return "" if example.is_wrong else example.name


def _show_ends(estimate: Estimate) -> str:
    return "no interval" if np.isnan(estimate.low) else f"{estimate.low:.3f} to {estimate.high:.3f}"


def _show_share(value: float, low: float, high: float) -> str:
    return "none" if np.isnan(value) else f"{100 * value:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
