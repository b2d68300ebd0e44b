"""Judged detections in; for each class its precision, the threshold for a wanted precision, and the number of true calls out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearsight.detection.classes import ClassThreshold, write_thresholds
from hearsight.drawing.precision import PrecisionPanel, draw_precision
from hearsight.errors import UsageError
from hearsight.figures.file import check_out, write_figure
from hearsight.files import check_output
from hearsight.metrics.intervals import Estimate
from hearsight.review.estimate import LEAST_JUDGED, Curve, count_true, trace_precision
from hearsight.review.judged import Judged, read_judged

COLUMNS = ("class", "detections", "judged", "right", "precision", "threshold", "precision there", "kept", "true calls")
"""Heads of the table that :meth:`ReviewReport.list_rows` returns the rows of."""


@dataclasses.dataclass(frozen=True)
class ClassReview:
    """The estimates for one class.

    Attributes
    ----------
    name
        The class.
    num_detections, num_judged, num_right
        Detections that the judged ones stand for, judged ones, and those that are right.
    precision
        Share of true ones among all detections.
    threshold
        The lowest one with the wanted precision; None where none has it, or too few are judged.
    precision_there
        Precision at or above the threshold.
    kept
        Share of the true detections that are at or above it.
    true_calls
        How many detections are true, judged or not.
    curve
        Precision against threshold.
    too_few
        Number of judged detections at or above the lowest threshold with the wanted precision, where they are fewer than
        :data:`~hearsight.review.estimate.LEAST_JUDGED`; 0 otherwise.
    """

    name: str
    num_detections: int
    num_judged: int
    num_right: int
    precision: Estimate
    threshold: float | None
    precision_there: Estimate | None
    kept: float | None
    true_calls: Estimate
    curve: Curve
    too_few: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        curve = {field.name: getattr(self.curve, field.name).tolist() for field in dataclasses.fields(self.curve)}
        if math.isnan(curve["kept"][0]):
            curve["kept"] = None
        estimates = ("precision", "precision_there", "true_calls")
        plain = {name: getattr(self, name) for name in ("name", "num_detections", "num_judged", "num_right", "too_few")}
        values = {name: getattr(self, name) for name in estimates}
        shown = {name: None if value is None else dataclasses.asdict(value) for name, value in values.items()}
        return {**plain, "threshold": self.threshold, "kept": self.kept, **shown, "curve": curve}


@dataclasses.dataclass(frozen=True)
class ReviewReport:
    """The estimates for all classes.

    Attributes
    ----------
    wanted
        The wanted precision.
    classes
        Class by class, those of which something is judged.
    unjudged
        Classes of which nothing is.
    """

    wanted: float
    classes: tuple[ClassReview, ...]
    unjudged: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight review --json`` prints."""
        classes = [one.as_json() for one in self.classes]
        return {"wanted_precision": self.wanted, "classes": classes, "unjudged": list(self.unjudged)}

    def list_rows(self) -> list[tuple[str, ...]]:
        """Return a row of text per class, under :data:`COLUMNS`."""
        return [
            (
                one.name,
                *(f"{count:,}" for count in (one.num_detections, one.num_judged, one.num_right)),
                _show_share(one.precision),
                _show_threshold(one),
                "" if one.precision_there is None else _show_share(one.precision_there),
                "" if one.kept is None else f"{100 * one.kept:.0f} %",
                f"{one.true_calls.value:,.0f} ({one.true_calls.low:,.0f} to {one.true_calls.high:,.0f})",
            )
            for one in self.classes
        ]

    def describe(self) -> list[str]:
        """Return what the table does not say, as lines of text."""
        missed = [one.name for one in self.classes if one.threshold is None and not one.too_few]
        lines = [f"no threshold has a precision of {self.wanted:g}: {', '.join(missed)}"] if missed else []
        unsure = [f"{one.name} ({one.too_few})" for one in self.classes if one.too_few]
        if unsure:
            lines.append(
                f"too few are judged for a threshold, which needs {LEAST_JUDGED} judged detections at or above it: "
                + ", ".join(unsure)
            )
        if self.unjudged:
            lines.append(f"nothing is judged: {', '.join(self.unjudged)}")
        return lines

    @property
    def thresholds(self) -> dict[str, ClassThreshold]:
        """The thresholds that were reached, by class."""
        return {one.name: ClassThreshold(one.threshold) for one in self.classes if one.threshold is not None}


def review(
    tables: Sequence[str | Path],
    *,
    precision: float = 0.9,
    sure: bool = False,
    out: str | Path | None = None,
    figure: str | Path | None = None,
    seed: int = 0,
) -> ReviewReport:
    """Estimate precision, a threshold and the number of true calls of each class from judged detections.

    Parameters
    ----------
    tables
        Tables with the columns ``path`` or ``file``, ``class``, ``probability`` or ``score``, and ``judgement``.
        If :func:`~hearsight.review.draw.draw_detections` drew them, each row stands for as many detections as its stratum has for
        one judged; else the judged rows are taken for all detections.
    precision
        The wanted precision, above 0 and at most 1.
    sure
        Whether the lower end of the interval must reach it, and not the estimate alone.
    out
        The thresholds file to write, which ``hearsight tag --thresholds`` reads.
    figure
        The figure to write: ``.png``, ``.svg`` or ``.pdf``.
    seed
        Of the draws of the number of true calls.

    Raises
    ------
    TableError
        When a table cannot be read, or nothing is judged.
    UsageError
        When the precision is out of range, or a file is to have another suffix.
    """
    if not 0.0 < precision <= 1.0:
        raise UsageError("--precision", f"{precision:g}", "more than 0, at most 1")
    if figure is not None:
        check_out(Path(figure), option="--figure")
    if out is not None:
        check_output(Path(out))
    classes: list[ClassReview] = []
    unjudged: list[str] = []
    for judged in read_judged([Path(table) for table in tables]):
        if not len(judged.scores):
            unjudged.append(judged.name)
            continue
        classes.append(_review_class(judged, precision, sure, seed))
    report = ReviewReport(precision, tuple(classes), tuple(unjudged))
    if out is not None:
        write_thresholds(Path(out), report.thresholds)
    if figure is not None:
        panels = [
            PrecisionPanel(
                one.name, one.curve.thresholds, one.curve.precision, one.curve.low, one.curve.high, one.threshold
            )
            for one in classes
        ]
        write_figure(draw_precision(panels, precision), Path(figure), "precision against threshold")
    return report


def _review_class(judged: Judged, precision: float, sure: bool, seed: int) -> ClassReview:
    """Estimate everything about a class; a threshold that rests on too few judgements is left out."""
    curve = trace_precision(judged)
    place = curve.find_threshold(precision, sure)
    too_few = 0
    if place is not None and curve.judged[place] < LEAST_JUDGED:
        # all others with this precision are higher, and have fewer
        place, too_few = None, int(curve.judged[place])
    return ClassReview(
        judged.name,
        judged.num_detections,
        len(judged.scores),
        int(judged.right.sum()),
        _get_precision(curve, 0),
        None if place is None else float(curve.thresholds[place]),
        None if place is None else _get_precision(curve, place),
        None if place is None or math.isnan(curve.kept[place]) else float(curve.kept[place]),
        count_true(judged, seed),
        curve,
        too_few,
    )


def _show_threshold(one: ClassReview) -> str:
    if one.threshold is not None:
        return f"{one.threshold:.3f}"
    return "too few judged" if one.too_few else "not reached"


def _get_precision(curve: Curve, place: int) -> Estimate:
    return Estimate(*(float(values[place]) for values in (curve.precision, curve.low, curve.high)))


def _show_share(share: Estimate) -> str:
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"
