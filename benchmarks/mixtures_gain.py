"""How good is a network that was trained on mixtures of minutes of video, labelled by a teacher?

The videos of a folder are built into a dataset with YAMNet and MobileNetV2 as teachers, mixed by the recipe `mixtures`, with the
labels of the pictures and without, and each network is trained on both. ESC-10, which no network ever saw, is then scored by a
linear SVM on the embeddings, by its official folds, and the same network untrained, for each of three seeds. Printed: a
table, and the gains with 95 % intervals from a bootstrap paired by clips. Wanted of the best: 92 %, and 10 points over untrained.

    python -m benchmarks.mixtures_gain FOLDER --out /tmp/mixtures --networks hearsight-conv-4 --steps 1500

The folder holds `videos/`, `esc10/` and `teachers/` with the two models. After an interruption, the same command continues
where it stopped. A network of this size takes a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.verdict import print_verdict
from hearsight.config import BuildConfig, MixConfig, TrainConfig
from hearsight.console import print_message, print_table
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.evaluation.compare import compare
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.result import Evaluation
from hearsight.training.loop import train

TEACHERS = {"vision": "mobilenet_v2_1.0_224_quant.tflite", "audio": "yamnet_audio_classifier_with_metadata.tflite"}
WANTED, WANTED_GAIN = 92.0, 10.0
SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Line:
    """One network: its score, and those of the same network untrained, by seed."""

    name: str
    labels: str
    trained: Evaluation
    untrained: list[Evaluation]

    def cells(self) -> list[str]:
        """Return its row of the table."""
        score, (low, high) = self.trained.accuracy, self.trained.interval
        found = compare([self.trained] * SEEDS, self.untrained)
        fresh = np.mean([one.accuracy for one in self.untrained])
        figures = [score, low, high, fresh, found.difference, *found.interval]
        return [self.name, self.labels, *(f"{100 * figure:.1f}" for figure in figures)]


def prepare(data: Path, out: Path, options: argparse.Namespace) -> dict[str, Path]:
    """Build and mix; return the folders of mixtures by whose labels they are to have."""
    specs = {sense: (f"litert:{data / 'teachers' / name}",) for sense, name in TEACHERS.items()}
    build_dataset([data / "videos"], out / "dataset", BuildConfig.model_validate(specs))
    config = MixConfig(clips=options.clips, speed=options.speed, chimaeras=options.chimaeras)
    kind = f"mixtures-{config.clips}-{config.speed:g}-{config.chimaeras:g}"
    names = {"heard": kind, "heard and seen": f"{kind}-seen"}
    folders = {each: out / names[each] for each in options.labels}
    for each, folder in folders.items():
        mix_dataset(out / "dataset", folder, MixConfig(**{**config.model_dump(), "vision": each != "heard"}))
    return folders


def score(name: str, labels: str, mixtures: Path, steps: int, options: argparse.Namespace) -> Line:
    """Train a network on mixtures and score it, and itself untrained."""
    network, _, width = name.partition(":")
    run = options.out / f"run-{network}-{width or '1'}-{mixtures.name}-{steps}"
    config = TrainConfig(
        recipe="mixtures", model=network, options={"width": float(width)} if width else {}, min_steps=steps
    )
    train(mixtures, run, config)
    benchmark = f"esc10={options.data / 'esc10'}"
    fresh = [evaluate(run, benchmark, probe="svm", untrained=True, seed=seed) for seed in range(SEEDS)]
    return Line(name, labels, evaluate(run, benchmark, probe="svm"), fresh)


def print_lines(lines: Sequence[Line]) -> None:
    """Print the table, and the verdicts on the best."""
    heads = ["network", "labels", "accuracy", "from", "to", "untrained", "gain", "gain from", "gain to"]
    print_table("ESC-10, linear SVM, %", heads, [line.cells() for line in lines], right=heads[2:])
    best = max(lines, key=lambda line: line.trained.accuracy)
    found = compare([best.trained] * SEEDS, best.untrained)
    print_verdict("accuracy of the best", 100 * best.trained.accuracy, "at least", WANTED)
    print_verdict("its gain over untrained", 100 * found.difference, "at least", WANTED_GAIN)
    print_verdict("lower end of the gain's interval", 100 * found.interval[0], "at least", 1e-9)


def main() -> None:
    """Train and score every network that is named, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "hearsight-mixtures")
    parser.add_argument("--networks", nargs="+", default=["hearsight-conv-4"], help="NAME or NAME:WIDTH")
    parser.add_argument("--labels", nargs="+", choices=["heard", "heard and seen"], default=["heard", "heard and seen"])
    parser.add_argument("--clips", type=int, default=12_000)
    parser.add_argument("--speed", type=float, default=1.0, help="greatest change of a sound's speed")
    parser.add_argument(
        "--chimaeras", type=float, default=0.0, help="share of chimaeras among the sounds, for labels of audio teachers"
    )
    parser.add_argument("--steps", type=int, default=1_500)
    options = parser.parse_args()
    folders = prepare(options.data, options.out, options)
    lines: list[Line] = []
    for name in options.networks:
        for labels in options.labels:
            print_message(f"{name}, labels of what is {labels}")
            lines.append(score(name, labels, folders[labels], options.steps, options))
    print_lines(lines)


if __name__ == "__main__":
    main()
