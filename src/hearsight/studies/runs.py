"""The runs of some folders, side by side: how far each has come, its best score, and differences of the scores kept with them."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.errors import HearsightError, InputError, UsageError
from hearsight.evaluation.clip_scores import RunScore, list_scores, read_clip_scores
from hearsight.metrics.intervals import bootstrap_interval, mean_of_folds
from hearsight.training.run.history import read_curve
from hearsight.training.run.state import RunState, read_state

COLUMNS = ("run", "network", "recipe", "dataset", "steps", "best mAP", "scores", "state", "last change")
"""Heads of the table of runs."""
NUMBERS = ("steps", "best mAP")
"""Those of its columns that hold numbers."""
COMPARED = ("run", "score", "accuracy", "difference", "95 % interval", "clips")
"""Heads of the table of differences."""
AGAIN = "score it again: hearsight evaluate RUN --benchmark NAME=FOLDER --keep"


@dataclasses.dataclass(frozen=True)
class ListedRun:
    """A run among others.

    Attributes
    ----------
    name
        Its folder, relative to where it was searched.
    folder
        Its folder.
    state
        How far it has come; None where it cannot be read.
    scores
        The scores that are kept with it.
    changed
        When its log or record was last written, in UTC.
    problem
        Why it cannot be read; empty where it can.
    """

    name: str
    folder: Path
    state: RunState | None
    scores: tuple[RunScore, ...]
    changed: datetime.datetime
    problem: str = ""

    def row(self) -> tuple[str, ...]:
        """Return its cells, under :data:`COLUMNS`."""
        when = self.changed.strftime("%Y-%m-%d %H:%M")
        state = self.state
        if state is None:
            return (self.name, "", "", "", "", "", "", f"unreadable: {self.problem}", when)
        best = "" if state.best is None else f"{state.best:.3f}"
        scores = ", ".join(score.describe() for score in self.scores)
        steps = f"{state.step:,} of {state.planned_steps:,}"
        return (self.name, state.model, state.recipe, state.dataset[:8], steps, best, scores, state.progress, when)

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "run": str(self.folder),
            "state": None if self.state is None else self.state.as_values(),
            "scores": {score.name: {**score.evaluation, "stale": score.stale} for score in self.scores},
            "changed": self.changed.isoformat(timespec="seconds"),
            "problem": self.problem,
        }


@dataclasses.dataclass(frozen=True)
class Difference:
    """A run's score less that of the run it is compared with, on the same clips.

    Attributes
    ----------
    run, score
        The run, and the benchmark and probe.
    accuracy, difference, interval
        Its accuracy, the difference, and the 95 % interval of that by a paired bootstrap over clips within each fold.
    num_clips
        Number of clips.
    """

    run: str
    score: str
    accuracy: float
    difference: float
    interval: tuple[float, float]
    num_clips: int

    def row(self) -> tuple[str, ...]:
        """Return its cells, under :data:`COMPARED`, in percent."""
        low, high = (f"{100.0 * value:+.1f}" for value in self.interval)
        values = (f"{100.0 * self.accuracy:.1f} %", f"{100.0 * self.difference:+.1f}", f"{low} to {high}")
        return (self.run, self.score, *values, f"{self.num_clips:,}")


def list_runs(folders: Sequence[Path]) -> list[ListedRun]:
    """Find all runs in some folders and below them, in the order of their names.

    A run that is damaged is listed with the reason.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    found: list[ListedRun] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(folder, "no such folder", "a run, or a folder with runs in it")
        for place, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            if "run.json" in files:
                names.clear()
                name = Path(place) if Path(place) == folder else Path(place).relative_to(folder)
                found.append(_read_run(Path(place), str(name)))
    return found


def find_trained(folders: Sequence[Path], digests: Collection[str]) -> list[Path]:
    """Return the folders of the runs, in some folders and below them, that were trained on a dataset with one of these digests.

    Raises
    ------
    InputError
        When there is no such folder.
    """
    return [run.folder for run in list_runs(folders) if run.state is not None and run.state.dataset in digests]


def compare_runs(runs: Sequence[ListedRun], base: Path) -> list[Difference]:
    """Compare the kept scores of runs with those of one of them, on the same clips.

    Scores under other conditions, or of what a run no longer is, are left out.

    Raises
    ------
    UsageError
        When no other run has a score on the same clips by the same probe.
    InputError
        When the scores are damaged.
    """
    bases = {score.name: score for score in list_scores(base)}
    found = {
        name: read_clip_scores(score.path.with_suffix(".npz"), AGAIN)
        for name, score in bases.items()
        if not score.stale
    }
    differences: list[Difference] = []
    for run in runs:
        if run.folder.resolve() == base.resolve():
            continue
        for score in run.scores:
            ours = read_clip_scores(score.path.with_suffix(".npz"), AGAIN)
            theirs = found.get(score.name)
            if theirs is None or theirs.clips != ours.clips or not np.array_equal(theirs.folds, ours.folds):
                continue
            if score.stale or score.conditions != bases[score.name].conditions:
                continue
            values = ours.hits.astype(np.float64) - theirs.hits
            interval = bootstrap_interval(values[None], ours.folds)
            difference = mean_of_folds(values, ours.folds)
            differences.append(Difference(run.name, score.name, score.accuracy, difference, interval, len(values)))
    if not differences:
        own = ", ".join(score.describe() for score in bases.values()) or "no kept scores"
        wanted = "another run with one on the same clips, scored in the same way"
        raise UsageError("--against", f"{base} with {own}", wanted, AGAIN)
    return differences


def draw_runs(runs: Sequence[ListedRun]) -> Any:
    """Draw the learning curves of runs; return the Matplotlib figure.

    Raises
    ------
    InputError
        When none of them has finished an epoch.
    """
    from hearsight.drawing.training import draw_curves

    curves = [(run.name, read_curve(run.folder)) for run in runs if run.state is not None]
    curves = [(name, curve) for name, curve in curves if curve]
    if not curves:
        raise InputError("--figure", f"{len(runs)} runs, none of which has finished an epoch", "at least one")
    return draw_curves(curves)


def _read_run(folder: Path, name: str) -> ListedRun:
    files = [path for path in (folder / "run.json", folder / "runlog.jsonl") if path.exists()]
    changed = datetime.datetime.fromtimestamp(max(path.stat().st_mtime for path in files), datetime.UTC)
    try:
        return ListedRun(name, folder, read_state(folder), tuple(list_scores(folder)), changed)
    except HearsightError as error:
        return ListedRun(name, folder, None, (), changed, str(error))
