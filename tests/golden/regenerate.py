"""Write the golden files of this folder: ``python -m tests.golden.regenerate [NAME...]``, from the repository's root.

========================  =================================================================================================
``log_mel.npz``           the published algorithm of the VGGish release in float64, one frame at a time
``cuts.json``             spans of clips and rejections, in whole milliseconds
``labels.json``           soft labels, labels and fitted thresholds of probabilities that are exact fractions
``metrics.json``          rankings by counting pairs, one pair at a time, in exact fractions
``segments.json``         starts and weights of segments, in exact fractions
``training_losses.json``  losses of short runs, as hearsight computed them in each order of clips
``tables/``               the papers' tables beside fixed measurements, and comparisons of two models, as hearsight prints them
========================  =================================================================================================

The first five come from an implementation of their own, as plain as possible, that shares no line with hearsight, so that a
mistake has to be made twice to go unnoticed. The last two are what hearsight itself returned: only a change of what is minimised,
drawn or printed is a reason to write them anew, and the difference is to be read before it is committed.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
RATE = 16_000


def make_sounds() -> dict[str, np.ndarray]:
    """The sounds that the log-mel matrices are of; float32, because that is what the front ends take."""
    time = np.arange(3 * RATE) / RATE
    generator = np.random.default_rng(20190512)
    return {
        "sine": np.sin(2 * np.pi * 1000 * time).astype(np.float32),
        "chirp": (0.5 * np.sin(2 * np.pi * (50 * time + 1300 * time**2))).astype(np.float32),
        "noise": (0.1 * generator.standard_normal(25_000)).clip(-1, 1).astype(np.float32),
        "clicks": np.where(np.arange(15_600) % 1234 == 0, 0.9, 0.0).astype(np.float32),
        "silence": np.zeros(16_000, dtype=np.float32),
    }


def reference_log_mel(samples: np.ndarray, window: np.ndarray, pad: int = 0, fft: int = 512) -> np.ndarray:
    """Magnitudes of the uncentred STFT, HTK triangles, log(mel + 0.01), as in the release's ``mel_features.py``."""
    samples = np.concatenate([samples.astype(np.float64), np.zeros(pad)])
    length, hop = 400, 160
    weights = reference_mel_matrix(fft // 2 + 1)
    rows = []
    for start in range(0, len(samples) - length + 1, hop):
        spectrum = np.abs(np.fft.rfft(samples[start : start + length] * window, fft))
        rows.append(np.log(spectrum @ weights + 0.01))
    return np.array(rows)


def reference_mel_matrix(num_bins: int, num_bands: int = 64, low: float = 125.0, high: float = 7500.0) -> np.ndarray:
    def mel(hertz: float) -> float:
        return 1127.0 * math.log(1.0 + hertz / 700.0)

    weights = np.zeros((num_bins, num_bands))
    step = (mel(high) - mel(low)) / (num_bands + 1)
    for band in range(num_bands):
        left, centre, right = (mel(low) + step * (band + offset) for offset in (0, 1, 2))
        for index in range(1, num_bins):
            position = mel(index * RATE / 2 / (num_bins - 1))
            if left < position <= centre:
                weights[index, band] = (position - left) / (centre - left)
            elif centre < position < right:
                weights[index, band] = (right - position) / (right - centre)
    return weights


def write_log_mel() -> None:
    phase = 2 * np.pi * np.arange(400) / 400
    hann, hamming = 0.5 - 0.5 * np.cos(phase), 0.54 - 0.46 * np.cos(phase)
    front_ends = {"vggish": (hann, 0, 512), "jia": (hamming, 240, 512), "wu": (hann, 240, 2048)}
    arrays = {f"sound_{name}": sound for name, sound in make_sounds().items()}
    for front_end, definition in front_ends.items():
        for name, sound in make_sounds().items():
            arrays[f"{front_end}_{name}"] = reference_log_mel(sound, *definition).astype(np.float32)
    np.savez_compressed(FOLDER / "log_mel.npz", **arrays)


Span = tuple[int, int]
"""Start and duration in milliseconds."""


def reference_cut(total: int, length: int, shortest: int, longest: int, tail: str) -> tuple[list[Span], list[Span]]:
    """Return the clips and the rejected spans of a file of ``total`` milliseconds."""
    whole, rest = divmod(total, length)
    clips = [(number * length, length) for number in range(whole)]
    if not rest:
        return clips, []
    if rest >= shortest or (tail == "keep" and rest >= 1000):
        return [*clips, (whole * length, rest)], []
    for before in {"share": (1, 2), "merge": (1,)}.get(tail, ()):
        if before > whole:
            continue
        joined, start = before * length + rest, (whole - before) * length
        for parts in {"share": (before, before + 1)}.get(tail, (before,)):
            if shortest * parts <= joined <= longest * parts:
                bounds = [start + joined * number // parts for number in range(parts + 1)]
                shared = [(one, other - one) for one, other in itertools.pairwise(bounds)]
                return clips[: whole - before] + shared, []
    return clips, [(whole * length, rest)]


def write_cuts() -> None:
    lengths = [(4000, 3000, 5000), (3000, 2000, 3000), (5000, 5000, 5000), (4000, 1000, 9000)]
    totals = [
        1,
        999,
        1000,
        2999,
        3000,
        3999,
        4000,
        4001,
        4500,
        5000,
        5500,
        7000,
        8200,
        8999,
        9400,
        9999,
        10000,
        13333,
        61007,
    ]
    cases = []
    for length, shortest, longest in lengths:
        for tail in ("share", "merge", "drop", "keep"):
            for total in totals:
                clips, rejected = reference_cut(total, length, shortest, longest, tail)
                settings = {"total": total, "length": length, "shortest": shortest, "longest": longest, "tail": tail}
                cases.append({**settings, "clips": clips, "rejected": rejected})
    write_json("cuts", cases)


def reference_order(row: list[Fraction], top: int) -> list[int]:
    """Return the classes of the highest probabilities, ties by index."""
    return sorted(range(len(row)), key=lambda index: (-row[index], index))[: top or None]


def reference_threshold(clips: list[list[Fraction]], top: int, mean: Fraction, least: Fraction) -> Fraction:
    """Return the probability whose number of labels is closest to the target, the lower one of two."""
    counting = [value for row in clips for value in sorted(row, reverse=True)[:top] if value > least]
    best, distance = Fraction(0), None
    for value in sorted(set(counting), reverse=True):
        off = abs(sum(one >= value for one in counting) - mean * len(clips))
        if distance is None or off <= distance:
            best, distance = value, off
    return best


def write_labels() -> None:
    """Probabilities are multiples of 1/64, and items are 1, 2 or 4, so that their means are exact in single precision."""
    draw = random.Random(2019)
    cases = []
    for _ in range(24):
        num_classes, num_items = draw.choice([3, 7, 20]), draw.choice([1, 2, 4])
        top, mean, least = draw.choice([1, 3, 5]), Fraction(draw.randint(1, 6), 2), Fraction(draw.choice([0, 0, 4]), 64)
        clips, means, labels = [], [], []
        for _ in range(draw.randint(1, 6)):
            steps = [[draw.choice([0, 0, 1, 4, 8, 8, 32, 63]) for _ in range(num_classes)] for _ in range(num_items)]
            clips.append(steps)
            means.append([Fraction(sum(column), 64 * num_items) for column in zip(*steps, strict=True)])
        threshold = reference_threshold(means, top, mean, least)
        for row in means:
            ranked = reference_order(row, top)
            chosen = [index for index in ranked if row[index] >= threshold and row[index] > least]
            labels.append(chosen)
        cases.append(
            {
                "clips": clips,
                "top": top,
                "mean": float(mean),
                "min_probability": float(least),
                "classes": [reference_order(row, 0) for row in means],
                "probabilities": [[float(row[index]) for index in reference_order(row, 0)] for row in means],
                "item_classes": [[reference_order([*map(Fraction, item)], top) for item in clip] for clip in clips],
                "threshold": float(threshold),
                "labels": labels,
            }
        )
    write_json("labels", cases)


def reference_ranking(scores: list[int], targets: list[bool]) -> tuple[Fraction | None, Fraction | None]:
    """Return average precision and AUC by pairs; None where they are undefined. Equal scores share the worst rank."""
    positives = [score for score, true in zip(scores, targets, strict=True) if true]
    negatives = [score for score, true in zip(scores, targets, strict=True) if not true]
    precision = area = None
    if positives:
        total = Fraction(0)
        for score in positives:
            total += Fraction(sum(one >= score for one in positives), sum(one >= score for one in scores))
        precision = total / len(positives)
    if positives and negatives:
        won = sum(Fraction(1) if one > other else Fraction(one == other, 2) for one in positives for other in negatives)
        area = Fraction(won) / (len(positives) * len(negatives))
    return precision, area


def reference_label_ranking(scores: list[list[int]], targets: list[list[bool]]) -> Fraction:
    total, count = Fraction(0), 0
    for row, true in zip(scores, targets, strict=True):
        for index, score in enumerate(row):
            if true[index]:
                hits = sum(other >= score and true[place] for place, other in enumerate(row))
                total += Fraction(hits, sum(other >= score for other in row))
                count += 1
    return total / count


def reference_hits(scores: list[list[int]], targets: list[list[bool]], top: int) -> list[bool]:
    order = [sorted(range(len(row)), key=lambda index, row=row: (-row[index], index))[:top] for row in scores]
    return [any(true[index] for index in chosen) for chosen, true in zip(order, targets, strict=True)]


def reference_f1(scores: list[list[int]], targets: list[list[bool]], threshold: int) -> tuple[Fraction, Fraction]:
    """Return micro and macro F1; classes that are neither true nor predicted anywhere are left out of the macro mean."""
    pairs = [
        [(row[index] >= threshold, true[index]) for row, true in zip(scores, targets, strict=True)]
        for index in range(len(scores[0]))
    ]
    every = [pair for column in pairs for pair in column]
    each = [value for column in pairs if (value := _f1(column)) is not None]
    return _f1(every) or Fraction(0), sum(each, Fraction(0)) / len(each)


def _f1(pairs: list[tuple[bool, bool]]) -> Fraction | None:
    hit, predicted, true = sum(a and b for a, b in pairs), sum(a for a, _ in pairs), sum(b for _, b in pairs)
    return Fraction(2 * hit, predicted + true) if predicted + true else None


def write_metrics() -> None:
    draw = random.Random(2017)
    cases = []
    for levels in (2, 5, 1000, 1000):
        num_clips, num_classes = 23, 6
        scores = [[draw.randrange(levels) for _ in range(num_classes)] for _ in range(num_clips)]
        targets = [[draw.random() < 0.3 and index != 4 for index in range(num_classes)] for _ in range(num_clips)]
        for row in targets:
            row[5] = True
        columns = zip(zip(*scores, strict=True), zip(*targets, strict=True), strict=True)
        ranked = [reference_ranking([*score], [*true]) for score, true in columns]
        threshold = levels // 2
        micro, macro = reference_f1(scores, targets, threshold)
        cases.append(
            {
                "scores": scores,
                "targets": [[int(one) for one in row] for row in targets],
                "average_precision": [None if one is None else float(one) for one, _ in ranked],
                "area_under_curve": [None if one is None else float(one) for _, one in ranked],
                "lwlrap": float(reference_label_ranking(scores, targets)),
                "hits": {str(top): [int(one) for one in reference_hits(scores, targets, top)] for top in (1, 2, 5)},
                "threshold": threshold,
                "f1_micro": float(micro),
                "f1_macro": float(macro),
            }
        )
    write_json("metrics", cases)


def reference_segments(samples: int, segment: int, hop: int, tail: str) -> tuple[list[int], list[Fraction]]:
    """Return starts and weights: whole segments every hop, and one more that ends with the sound, weighted by what it adds."""
    starts = list(range(0, max(1, samples - segment + 1), hop))
    weights = [Fraction(1)] * len(starts)
    end = starts[-1] + segment
    if tail == "overlap" and end < samples:
        starts.append(samples - segment)
        weights.append(Fraction(samples - end, hop))
    return starts, weights


def write_segments() -> None:
    cases = []
    for segment, hop in ((10, 10), (10, 5), (10, 3), (7, 1), (16_000, 16_000), (15_600, 15_600)):
        for tail in ("overlap", "drop"):
            lengths = {1, hop, segment - 1, segment, segment + 1, segment + hop - 1, segment + hop, segment + hop + 1}
            for samples in sorted(lengths | {3 * segment + 2, 4 * segment}):
                if samples > 0:
                    starts, weights = reference_segments(samples, segment, hop, tail)
                    settings = {"samples": samples, "segment": segment, "hop": hop, "tail": tail}
                    cases.append({**settings, "starts": starts, "weights": [float(one) for one in weights]})
    write_json("segments", cases)


def write_training_losses() -> None:
    import torch

    from hearsight.training.data.batches import ORDER
    from tests.support.golden_training import RUNS, RUNS_IN_NEW_ORDER, compute_losses

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        losses = {name: compute_losses(name, Path(folder) / name) for name in RUNS}
        for name in RUNS_IN_NEW_ORDER:
            losses[f"{name}, {ORDER}"] = compute_losses(name, Path(folder) / f"{name}-new", ORDER)
    (FOLDER / "training_losses.json").write_text(json.dumps(losses, indent=1) + "\n", encoding="utf-8")


def write_tables() -> None:
    from tests.support import golden_tables

    folder = FOLDER / "tables"
    folder.mkdir(exist_ok=True)
    golden_tables.write_tables(folder)


def write_json(name: str, cases: list[Any]) -> None:
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


WRITERS: dict[str, Callable[[], None]] = {
    "log_mel": write_log_mel,
    "cuts": write_cuts,
    "labels": write_labels,
    "metrics": write_metrics,
    "segments": write_segments,
    "training_losses": write_training_losses,
    "tables": write_tables,
}


def main(names: Sequence[str]) -> int:
    """Write the named files, or all; return 2 when there is no such name."""
    unknown = [name for name in names if name not in WRITERS]
    if unknown:
        print(f"{unknown[0]!r} is not a golden file, wanted one of: {', '.join(WRITERS)}", file=sys.stderr)
        return 2
    for name in names or WRITERS:
        WRITERS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
