"""Make the model that comes with hearsight: ``python -m tools.starter DATA --work FOLDER``.

DATA holds ``videos/``, ``teachers/`` with YAMNet, ``esc10/`` and ``esc50/``. The videos are cut into clips, their sounds become
12,000 excerpts and mixtures that YAMNet labels, ``hearsight-conv-4`` at width 0.75 is trained on these for five epochs, and the
benchmarks, which are not in the training data, are scored by a logistic regression on frozen embeddings. The checkpoint then goes into
the package with a card. Interrupted stages continue. Training takes half an hour on two processors; other numbers of
threads lead to slightly other weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hearsight.config import BuildConfig, MixConfig, TrainConfig
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.evaluation.evaluate import evaluate
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.installed import FOLDER, STARTER
from hearsight.training.loop import train

YAMNET = "yamnet_audio_classifier_with_metadata.tflite"
BENCHMARKS = ("esc10", "esc50")
RECIPE = {"recipe": "mixtures", "options": {"width": 0.75}, "epochs": 5, "min_steps": 0}
NOTES = {
    "sources": "the sounds of 69 short videos (12 minutes) of public repositories, as 12,000 excerpts and mixtures of one second; "
    "no picture was used",
    "teacher": "YAMNet (Google, Apache-2.0), whose probabilities were the targets",
    "licence": "that of hearsight (Apache-2.0) for the weights. The videos are others' and are not distributed; the repositories that they are "
    "from have MIT, Apache, BSD or Creative Commons licences, and for 7 videos none is stated",
    "limits": "it has the classes that YAMNet found in these 12 minutes, many of them a few times only. Its validation mAP of 0.13 is "
    "measured on YAMNet's labels, not on what people hear. Its embeddings are better than its class names: teach it your classes. "
    "It does not know single species or speakers, nothing above 7.5 kHz, and nothing longer than a second",
}
"""What the card lists in addition to what the run recorded."""


def main() -> None:
    """Make the model, or write the card of the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    run = make_run(given.data, given.work)
    install(run, FOLDER / STARTER, score(run, given.data))


def make_run(data: Path, work: Path) -> Path:
    """Build, mix and train; return the run."""
    teacher = f"litert:{data / 'teachers' / YAMNET}"
    build_dataset([data / "videos"], work / "dataset", BuildConfig(audio=(teacher,)))
    mix_dataset(work / "dataset", work / "mixtures", MixConfig())
    train(work / "mixtures", work / "run", TrainConfig.model_validate(RECIPE))
    return work / "run"


def score(run: Path, data: Path) -> dict[str, float]:
    """Return the scores of the benchmarks, with the lowest and the highest fold and the ends of the 95 % interval."""
    scores: dict[str, float] = {}
    for name in BENCHMARKS:
        found = evaluate(run, f"{name}={data / name}")
        low, high = found.interval
        own = {"accuracy": found.accuracy, "interval low": low, "interval high": high}
        own |= {"lowest fold": min(found.folds), "highest fold": max(found.folds)}
        scores |= {f"{name}/{key}" if key == "accuracy" else f"{name} {key}": value for key, value in own.items()}
    return scores


def install(run: Path, folder: Path, scores: Mapping[str, float]) -> None:
    """Write a run as an installed model, with :data:`NOTES` in its card."""
    network, info = load_checkpoint(run)
    training: dict[str, Any] = {**info.training, **NOTES}
    measured = {**{key: value for key, value in info.scores.items() if "/" not in key}, **scores}
    save_checkpoint(
        network, folder, vocabulary=info.vocabulary, training=training, scores=measured, classes=info.classes
    )


if __name__ == "__main__":
    main()
