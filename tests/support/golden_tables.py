"""The tables whose text and JSON are golden: the papers' with fixed measurements beside them, and a comparison of two models."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from hearsight.cli.evaluate import tables
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip
from hearsight.evaluation.compare import compare
from hearsight.evaluation.paper_tables import comparison
from hearsight.evaluation.paper_tables.measurements import record_measurements
from hearsight.evaluation.probes.cross_validation import CrossScore, FoldScore
from hearsight.evaluation.result import Evaluation
from tests.support.measurements import make_measured

TABLES = ("jia2019-1", "jia2019-3", "soundnet2016-4")
"""One whose cells are counted, one of a network and one of a baseline."""

MEASUREMENTS = (
    make_measured(value=58.25),
    make_measured(value=61.5, date=datetime.date(2026, 11, 22)),
    make_measured(
        "jia2019-3:vggish-fcn:top1",
        value=64.75,
        interval=(62.65, 66.85),
        benchmark="esc50",
        protocol={
            "model": "jia-vggish-fcn",
            "probe": "linear",
            "pool": "concat",
            "folds": 5,
            "num_clips": 1998,
            "num_classes": 50,
            "missing_clips": 2,
            "options": "width=0.25",
            "parameters": 1_234_567,
            "training_clips": 12_000,
            "training_steps": 3_000,
            "teachers": "litert:mobilenet.tflite",
        },
        data="runs/quick",
        num_clips=1998,
        command="hearsight evaluate runs/quick --benchmark esc50=ESC-50",
    ),
    make_measured("jia2019-3:vggish-fcn:map", value=70.0, interval=None, benchmark="esc50", protocol={}),
)
"""Two of one cell, of which the later is shown; one under other conditions than the paper's; one without interval."""


def write_tables(folder: Path) -> None:
    """Write what ``hearsight tables`` prints of the fixed measurements, in each format, and the comparisons of two models."""
    results = folder / "results.jsonl"
    record_measurements(results, MEASUREMENTS)
    formats: list[dict[str, Any]] = [{}, {"format": "markdown"}, {"format": "csv"}, {"provenance": True}]
    with mock.patch.object(comparison, "read_own_measurements", return_value=[]):
        for name in TABLES:
            printed = "\n".join(_print_table(name, results, **options) for options in formats)
            (folder / f"{name}.txt").write_text(printed, encoding="utf-8")
            (folder / f"{name}.json").write_text(_print_table(name, results, as_json=True), encoding="utf-8")
    results.unlink()
    (folder / "comparisons.json").write_text(compare_models(), encoding="utf-8")


def _print_table(name: str, results: Path, **options: Any) -> str:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        tables(name, results=results, **options)
    return stream.getvalue()


def make_evaluation(hits: list[list[int]]) -> Evaluation:
    """Make an evaluation of two classes whose clips were hit or not, fold by fold."""
    flat = np.array([hit for fold in hits for hit in fold], dtype=bool)
    labels = [number % 2 for number in range(len(flat))]
    folds = [place for place, fold in enumerate(hits, start=1) for _ in fold]
    clips = tuple(
        BenchmarkClip(f"{number}.wav", (label,), fold)
        for number, (label, fold) in enumerate(zip(labels, folds, strict=True))
    )
    own = np.where(flat, 0.75, 0.25)
    scores = np.stack([np.where(np.array(labels) == label, own, 1 - own) for label in (0, 1)], axis=1)
    each = tuple(
        FoldScore(place, len(fold), float(np.mean(fold)), 1.0, 1.0, True, (), ())
        for place, fold in enumerate(hits, start=1)
    )
    accuracies = tuple(one.accuracy for one in each)
    return Evaluation(
        benchmark="golden",
        run="run",
        extra_models=(),
        model="hearsight-conv-4",
        probe="linear",
        pool="mean",
        untrained=False,
        seed=0,
        networks=(),
        leak_free=False,
        finetune_epochs=None,
        accuracy=float(np.mean(accuracies)),
        folds=accuracies,
        interval=(0.0, 1.0),
        mean_average_precision=1.0,
        measures={},
        num_clips=len(flat),
        num_classes=2,
        dim=1,
        missing=None,
        undefined=(),
        evaluation_set=None,
        balanced=None,
        contamination=None,
        clean=None,
        seconds=0.0,
        notes=(),
        clips=Benchmark("golden", Path("golden"), ("dog", "rain"), clips),
        score=CrossScore(each, np.arange(len(flat)), flat, scores, 0.5),
    )


HITS = (
    [[1, 1, 1, 1, 0, 1, 1, 0], [1, 1, 0, 1], [1, 0, 1, 1, 1, 1]],
    [[1, 0, 1, 0, 0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1, 0, 1]],
)
"""Which clips each model hits, fold by fold; the folds differ in size, so that a mean over clips is not one over folds."""


def compare_models() -> str:
    """Return the comparisons of two models as JSON, one per line."""
    first, second = (make_evaluation(hits) for hits in HITS)
    found = {
        "accuracy": compare(first, second),
        "accuracy, reversed": compare(second, first),
        "accuracy, two runs": compare([first, second], [second, second]),
        "mean average precision": compare(first, second, measure="mean_average_precision"),
    }
    for name, one in found.items():
        interval = (round(one.interval[0], 9), round(one.interval[1], 9))  # the last bits are the processor's
        found[name] = dataclasses.replace(one, difference=round(one.difference, 9), interval=interval)
    lines = (json.dumps({"case": name, **one.as_json()}) for name, one in found.items())
    return "[\n" + ",\n".join(lines) + "\n]\n"
