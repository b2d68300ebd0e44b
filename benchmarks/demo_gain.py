"""Does the demo's network gain from training on videos, and is the gain due to the labels?

For each seed a world is made and the demo run on it; then the same network is trained on the same sounds with the labels of the
clips exchanged at random (the control), and, with `--ablations`, on the labels of the pictures or of the sounds alone. All are
scored by a linear probe on the same held-out sounds. Printed: a table, and the gains with 95 % intervals from a paired bootstrap
over sounds and seeds. Wanted: the student at least 15 points above the same network untrained and above log-mel statistics,
intervals clear of zero; the control's gain over the better of these two not above zero.

    python -m benchmarks.demo_gain --out /tmp/demo-gain --seeds 3

After an interruption, the same command continues where it stopped. With the ablations twice as many networks are trained.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int16, Int32, Int64

from benchmarks.verdict import print_verdict
from hearsight.console import print_message, print_table
from hearsight.dataset.reader import ClipLabels, Dataset
from hearsight.demo.result import DemoFolder, DemoSettings
from hearsight.demo.run import run_demo
from hearsight.evaluation.compare import compare
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.result import Evaluation
from hearsight.training.loop import train

WANTED = 15.0
CONTROL = "labels exchanged"
Change = Literal["labels exchanged", "pictures' labels only", "sounds' labels only"]
_NONE = np.zeros(0, np.int32)


class ChangedLabels:
    """A dataset with the same sounds and other labels.

    Parameters
    ----------
    dataset
        The dataset.
    change
        ``labels exchanged``: every clip gets the labels of another, drawn at random within its split, so that all numbers of
        labels stay; or one modality's labels only.
    seed
        Of the exchange.
    """

    def __init__(self, dataset: Dataset, change: Change, seed: int) -> None:
        self._dataset = dataset
        self._change = change
        self._giver = np.arange(len(dataset))
        if change == CONTROL:
            rng = np.random.default_rng([seed, 17])
            for split in ("train", "validation"):
                indices = dataset.indices(split)
                self._giver[indices] = rng.permutation(indices)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._dataset.names

    @property
    def sample_rate(self) -> int:
        """Hz of the sound."""
        return self._dataset.sample_rate

    @property
    def digest(self) -> str:
        """What distinguishes it from the dataset itself."""
        return f"{self._dataset.digest} {self._change}"

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return self._dataset.num_samples

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Return the clips of a split."""
        return self._dataset.indices(split)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip."""
        return self._dataset.read(index, start, num_samples)

    def labels(self, index: int) -> ClipLabels:
        """Return the labels of a clip, changed."""
        labels = self._dataset.labels(int(self._giver[index]))
        if self._change == "pictures' labels only":
            return ClipLabels(labels.visual, _NONE)
        if self._change == "sounds' labels only":
            return ClipLabels(_NONE, labels.audio)
        return labels


def score_seed(folder: Path, seed: int, changes: Sequence[Change], settings: DemoSettings) -> dict[str, Evaluation]:
    """Run the demo of one seed and the control experiments; return the scores by name."""
    result = run_demo(folder, seed=seed, settings=settings)
    scores = {
        "student": result.student,
        "untrained": result.untrained,
        "log-mel": result.log_mel,
    }
    place = DemoFolder(folder)
    for change in changes:
        out = place.folder / ("run-" + change.replace("'", "").replace(" ", "-"))
        data = ChangedLabels(Dataset(place.dataset), change, seed)
        train(data, out, settings.make_train_config(seed))
        scores[change] = evaluate(out, f"folder={place.sounds}", seed=seed)
    return scores


def print_scores(scores: Sequence[dict[str, Evaluation]]) -> None:
    """Print accuracy by name and seed, and the mean."""
    rows: list[list[str]] = []
    for name in scores[0]:
        values = [100.0 * one[name].accuracy for one in scores]
        rows.append([name, *(f"{value:.1f}" for value in values), f"{np.mean(values):.1f}"])
    heads = ["trained on", *(f"seed {seed}" for seed in range(len(scores))), "mean"]
    print_table("accuracy on held-out sounds, %", heads, rows, right=heads[1:])


def print_gains(scores: Sequence[dict[str, Evaluation]]) -> None:
    """Print every gain over the two opponents with its paired interval, then the verdicts."""
    rows: list[list[str]] = []
    gains: dict[tuple[str, str], tuple[float, float, float]] = {}
    for name in [name for name in scores[0] if name not in ("untrained", "log-mel")]:
        for opponent in ("untrained", "log-mel"):
            found = compare([one[name] for one in scores], [one[opponent] for one in scores])
            gains[name, opponent] = (100 * found.difference, 100 * found.interval[0], 100 * found.interval[1])
            rows.append([name, opponent, *(f"{value:+.1f}" for value in gains[name, opponent])])
    heads = ["trained on", "over", "gain", "from", "to"]
    print_table("gains in points, 95 % intervals paired by sound and seed", heads, rows, right=heads[2:])
    for opponent in ("untrained", "log-mel"):
        print_verdict(f"gain of the student over {opponent}", gains["student", opponent][0], "at least", WANTED)
        print_verdict(f"lower end of its interval over {opponent}", gains["student", opponent][1], "at least", 1e-9)
    control = min(gains[CONTROL, opponent][0] for opponent in ("untrained", "log-mel"))
    print_verdict("gain of the control over the better of the two", control, "below", 1e-9)


def main() -> None:
    """Run all seeds and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "hearsight-demo-gain")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ablations", action="store_true")
    options = parser.parse_args()
    changes: list[Change] = [CONTROL]
    if options.ablations:
        changes = [CONTROL, "pictures' labels only", "sounds' labels only"]
    scores: list[dict[str, Evaluation]] = []
    for seed in range(options.seeds):
        print_message(f"seed {seed}")
        scores.append(score_seed(options.out / f"seed-{seed}", seed, changes, DemoSettings()))
    print_scores(scores)
    print_gains(scores)


if __name__ == "__main__":
    main()
