"""How fast are exact average precision and AUC of many classes?

Two measurements, each next to its bound:

- both of `--clips` × `--classes` random scores, against scikit-learn's `average_precision_score` and `roc_auc_score`, class by
  class, in the same run (timed on `--reference-classes` of the classes and scaled up): at least 20 times as fast;
- both of a file of `--big-clips` × `--big-classes` half-precision scores with packed targets, mapped: at most 300 s, at most 4 GB
  of memory. The file is written once, into a temporary folder or `--scratch` (2.2 GB at the default size), and is not timed.

    python -m benchmarks.metrics_speed
    python -m benchmarks.metrics_speed --big-clips 10000 --big-classes 1000
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.verdict import print_verdict
from hearsight.metrics.ranking import rank_classes

WANTED_RATIO = 20.0
WANTED_SECONDS = 300.0
WANTED_GIGABYTES = 4.0
PREVALENCE = 0.004
"""Share of clips that a class is true of, about that of an AudioSet class."""
REPEATS = 3
ROWS = 1000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=527)
    parser.add_argument("--reference-classes", type=int, default=527)
    parser.add_argument("--big-clips", type=int, default=100_000)
    parser.add_argument("--big-classes", type=int, default=10_998)
    parser.add_argument("--scratch", type=Path, help="where the big file goes; a temporary folder otherwise")
    parser.add_argument("--rank", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank:
        rank_file(options.rank)
        return
    compare(options.clips, options.classes, min(options.reference_classes, options.classes))
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        write_file(Path(name), options.big_clips, options.big_classes)
        # in a separate process, so that its memory can be measured
        subprocess.run([sys.executable, "-m", "benchmarks.metrics_speed", "--rank", name], check=True)


def compare(clips: int, classes: int, reference_classes: int) -> None:
    """Time our ranking and scikit-learn's on the same scores, and check that they agree."""
    rng = np.random.default_rng(0)
    scores, targets = rng.random((clips, classes)), rng.random((clips, classes)) < PREVALENCE
    targets[0] = True
    ranking = rank_classes(scores[:, :1], targets[:, :1])
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        ranking = rank_classes(scores, targets)
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    expected = [
        (
            average_precision_score(targets[:, index], scores[:, index]),
            roc_auc_score(targets[:, index], scores[:, index]),
        )
        for index in range(reference_classes)
    ]
    reference = (time.perf_counter() - started) * classes / reference_classes
    found = np.stack([ranking.average_precision, ranking.area_under_curve], axis=1)[:reference_classes]
    print(f"{clips:,} by {classes:,}: {np.median(times):.3f} s, scikit-learn {reference:.2f} s")
    print(f"largest difference from scikit-learn: {np.abs(found - expected).max():.1e}")
    print_verdict("times as fast as scikit-learn", reference / float(np.median(times)), "at least", WANTED_RATIO)


def write_file(folder: Path, clips: int, classes: int) -> None:
    """Write random half-precision scores and packed targets, some rows at a time."""
    rng = np.random.default_rng(1)
    shapes = {"scores": ((clips, classes), np.float16), "targets": ((clips, -(-classes // 8)), np.uint8)}
    files = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, (shape, dtype) in shapes.items()
    }
    for first in range(0, clips, ROWS):
        count = min(ROWS, clips - first)
        files["scores"][first : first + count] = rng.random((count, classes), dtype=np.float32)
        files["targets"][first : first + count] = np.packbits(rng.random((count, classes)) < PREVALENCE, axis=1)
    for file in files.values():
        file.flush()


def rank_file(folder: Path) -> None:
    """Rank the file's classes; return the seconds and the memory it took."""
    scores, targets = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("scores", "targets"))
    started = time.perf_counter()
    ranking = rank_classes(scores, targets)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{scores.shape[0]:,} by {scores.shape[1]:,} on disk: mAP {np.nanmean(ranking.average_precision):.4f}")
    print_verdict("seconds", seconds, "below", WANTED_SECONDS)
    print_verdict("gigabytes of memory at most", peak, "below", WANTED_GIGABYTES)


if __name__ == "__main__":
    main()
