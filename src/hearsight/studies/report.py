"""The report of a study: a row per combination of the axes' values, with intervals and paired differences."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hearsight.errors import InputError
from hearsight.evaluation.clip_scores import ClipScores
from hearsight.metrics.intervals import Estimate, Resampling, bootstrap_interval, estimate_over_runs, mean_of_folds
from hearsight.metrics.measures import MEASURES
from hearsight.studies.cells import Scale
from hearsight.studies.definition import Study
from hearsight.studies.record import CellRecord

RESAMPLES = 1_000
"""Resamples of the interval of a measure that needs a sort per class."""


@dataclasses.dataclass(frozen=True)
class StudyRow:
    """One combination of the axes' values on one benchmark.

    Attributes
    ----------
    values
        The name of its value on each axis.
    benchmark
        The benchmark's name.
    runs
        The measure of each finished seed.
    score
        Mean over the seeds, with its 95 % interval over clips and seeds; None where no seed has finished.
    differences
        By the name of each axis with a reference: the paired difference from the row that has the reference on this axis and is
        otherwise equal, with its interval. Absent where there is no such row, or where this is it.
    parameters
        Of the network; None where it has none.
    seconds
        Of training and validation, mean over the seeds; None where nothing was trained.
    failures
        Why seeds failed.
    """

    values: tuple[str, ...]
    benchmark: str
    runs: tuple[float, ...]
    score: Estimate | None
    differences: dict[str, Estimate]
    parameters: int | None
    seconds: float | None
    failures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "values": list(self.values),
            "benchmark": self.benchmark,
            "runs": [run if math.isfinite(run) else None for run in self.runs],
            "score": None if self.score is None else _to_json(self.score),
            "differences": {axis: _to_json(found) for axis, found in self.differences.items()},
            "parameters": self.parameters,
            "seconds": self.seconds,
            "failures": list(self.failures),
        }


@dataclasses.dataclass(frozen=True)
class StudyReport:
    """The rows of a study.

    Attributes
    ----------
    title, about
        Of the study.
    axes
        Names of the axes.
    measure
        What was measured.
    fraction, seeds
        How much of the study was run.
    rows
        In the order of the axes' values, benchmark by benchmark.
    """

    title: str
    about: str
    axes: tuple[str, ...]
    measure: str
    fraction: float
    seeds: int
    rows: tuple[StudyRow, ...]

    @property
    def failures(self) -> list[str]:
        """The cells that failed, and why."""
        return [f"{', '.join(row.values)}: {failure}" for row in self.rows for failure in row.failures]

    @property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks."""
        return list(dict.fromkeys(row.benchmark for row in self.rows))

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight study --json`` prints."""
        plain = ("title", "measure", "fraction", "seeds")
        return {
            **{name: getattr(self, name) for name in plain},
            "axes": list(self.axes),
            "rows": [row.as_json() for row in self.rows],
        }

    def list_table(self, benchmark: str) -> tuple[list[str], list[list[str]]]:
        """Return the heads and rows of a benchmark's table, to print."""
        rows = [row for row in self.rows if row.benchmark == benchmark]
        compared = [axis for axis in self.axes if any(axis in row.differences for row in rows)]
        heads = [
            *self.axes,
            MEASURES.get(self.measure, self.measure),
            "seeds",
            *(f"difference ({axis})" for axis in compared),
        ]
        heads += ["parameters", "training"]
        cells = [
            [
                *row.values,
                "failed" if row.score is None else _show(row.score, self.measure),
                " ".join(_show_value(run, self.measure) for run in row.runs),
                *(_show_difference(row.differences.get(axis), self.measure) for axis in compared),
                "" if row.parameters is None else f"{row.parameters:,}",
                "" if row.seconds is None else f"{row.seconds / 60.0:.1f} min",
            ]
            for row in rows
        ]
        return heads, cells

    def spell_markdown(self) -> str:
        """Return the report as a Markdown page."""
        lines = [f"# {_escape(self.title)}", "", *([_escape(self.about.strip()), ""] if self.about else [])]
        lines += [f"Fraction {self.fraction:g}, {self.seeds} seeds. Intervals are 95 %, over clips and seeds.", ""]
        for benchmark in self.benchmarks:
            heads, rows = self.list_table(benchmark)
            lines += [f"## {_escape(benchmark)}", ""]
            lines += [_spell_row(heads), _spell_row(["---"] * len(heads)), *(_spell_row(row) for row in rows), ""]
        lines += [*(f"- failed: {_escape(failure)}" for failure in self.failures)]
        return "\n".join(lines).rstrip() + "\n"


def make_report(study: Study, scale: Scale, records: Sequence[CellRecord]) -> StudyReport:
    """Summarize the records of all cells.

    Parameters
    ----------
    study
        The study.
    scale
        How much of it was run.
    records
        One record per cell and benchmark.

    Raises
    ------
    InputError
        When the scores of a cell are absent or damaged, or were made of other clips than those of another cell.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[CellRecord]] = {}
    for record in records:
        groups.setdefault((record.benchmark.partition("=")[0], record.values), []).append(record)
    scores = {key: [one.read_scores() for one in group if not one.error] for key, group in groups.items()}
    _check_same_clips(groups, scores)
    rows = [_make_row(study, key, groups[key], scores) for key in sorted(groups, key=lambda key: key[0])]
    return StudyReport(
        title=study.title,
        about=study.about,
        axes=tuple(axis.name for axis in study.axes),
        measure=study.measure,
        fraction=scale.fraction,
        seeds=scale.seeds,
        rows=tuple(rows),
    )


_Scores = dict[tuple[str, tuple[str, ...]], list[ClipScores]]


def _check_same_clips(groups: dict[tuple[str, tuple[str, ...]], list[CellRecord]], scores: _Scores) -> None:
    first: dict[str, str] = {}
    for (benchmark, values), found in scores.items():
        for one in found:
            if first.setdefault(benchmark, one.clips) != one.clips:
                where = groups[benchmark, values][0].path
                hint = "the benchmark has changed: remove the folder cells/, and run the study again"
                found = f"scores of other clips ({one.clips}) than those of another cell"
                raise InputError(where, found, f"the same clips ({first[benchmark]})", hint)


def _make_row(study: Study, key: tuple[str, tuple[str, ...]], group: Sequence[CellRecord], scores: _Scores) -> StudyRow:
    benchmark, values = key
    ours = scores[key]
    done = [record for record in group if not record.error]
    networks = [record.evaluation.get("networks") or [] for record in done]
    parameters = [found[0]["parameters"] for found in networks if found]
    seconds = [record.training["seconds"] for record in done if record.training]
    differences: dict[str, Estimate] = {}
    for place, axis in enumerate(study.axes):
        reference = (*values[:place], axis.reference, *values[place + 1 :])
        theirs = scores.get((benchmark, reference), [])
        if axis.reference and reference != values and ours and theirs:
            differences[axis.name] = _estimate(study.measure, ours, theirs)
    return StudyRow(
        values=values,
        benchmark=benchmark,
        runs=tuple(_estimate(study.measure, [one]).value for one in ours),
        score=_estimate(study.measure, ours) if ours else None,
        differences=differences,
        parameters=parameters[0] if parameters else None,
        seconds=float(np.mean(seconds)) if seconds else None,
        failures=tuple(f"seed {record.seed}: {record.error}" for record in group if record.error),
    )


def _estimate(measure: str, ours: Sequence[ClipScores], theirs: Sequence[ClipScores] = ()) -> Estimate:
    """Estimate a measure, or its paired difference, over clips and seeds."""
    if measure != "accuracy":
        drawn = Resampling(resamples=RESAMPLES)
        first = ours[0]
        return estimate_over_runs(
            measure,
            [one.scores for one in ours],
            first.targets,
            first.folds,
            drawn,
            threshold=first.threshold,
            baseline=[one.scores for one in theirs],
        )
    hits = np.stack([one.hits.astype(np.float64) for one in ours])
    if theirs:
        others = np.stack([one.hits.astype(np.float64) for one in theirs])
        # a baseline without random weights has one run, with which each of ours is compared
        hits = hits - (others if len(others) == len(hits) else others.mean(axis=0))
    low, high = bootstrap_interval(hits, ours[0].folds)
    return Estimate(mean_of_folds(hits.mean(axis=0), ours[0].folds), low, high)


def _to_json(found: Estimate) -> dict[str, Any]:
    value, *ends = (end if math.isfinite(end) else None for end in (found.value, found.low, found.high))
    return {"value": value, "interval": ends}


def _show_value(value: float, measure: str) -> str:
    return f"{value:.2f}" if measure == "d_prime" else f"{100.0 * value:.1f}"


def _show(found: Estimate, measure: str) -> str:
    low, high = (_show_value(end, measure) for end in (found.low, found.high))
    return f"{_show_value(found.value, measure)} ({low} to {high})"


def _show_difference(found: Estimate | None, measure: str) -> str:
    if found is None:
        return ""
    value, low, high = (
        f"{end:+.2f}" if measure == "d_prime" else f"{100.0 * end:+.1f}" for end in (found.value, found.low, found.high)
    )
    return f"{value} ({low} to {high})"


def _spell_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    """Return text that Markdown shows as it is."""
    for letter in ("\\", "|", "<", "`", "*", "_"):
        text = text.replace(letter, f"\\{letter}")
    return text.replace("\n", " ")
