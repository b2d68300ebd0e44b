"""The state of a run, read from its folder while it is trained, or afterwards."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from hearsight.errors import CONTINUE, RunError
from hearsight.training.data.batches import count_batches
from hearsight.training.run.folder import RunFolder, is_training, read_config, read_record
from hearsight.training.run.history import find_step, read_curve
from hearsight.training.run.summary import choose_best, describe_seconds


@dataclasses.dataclass(frozen=True)
class RunState:
    """What a run was asked to do, and how far it has come.

    Attributes
    ----------
    progress
        ``training`` while a process trains in the folder; else ``interrupted`` or ``finished``.
    recipe, model, num_clips, num_classes
        What is trained on what.
    dataset
        Digest of the dataset.
    epochs, planned_epochs
        Finished epochs, and all that the configuration asks for.
    step, planned_steps
        The last step that is logged or saved, and all.
    loss, accuracy, mean_average_precision
        Of the last finished epoch: training loss and validation scores; None before there are any.
    best_epoch, best
        The epoch of the highest mean average precision, and that precision.
    seconds
        Time spent in training and validation.
    """

    progress: Literal["training", "interrupted", "finished"]
    recipe: str
    model: str
    num_clips: int
    num_classes: int
    dataset: str
    epochs: int
    planned_epochs: int
    step: int
    planned_steps: int
    loss: float | None
    accuracy: float | None
    mean_average_precision: float | None
    best_epoch: int | None
    best: float | None
    seconds: float

    def describe(self) -> list[str]:
        """Return the state in lines to print."""
        lines = [
            f"run of recipe {self.recipe}, {self.progress}: {self.model}, {self.epochs} of {self.planned_epochs} epochs over "
            f"{self.num_clips:,} clips and {self.num_classes:,} classes in {describe_seconds(self.seconds)}"
        ]
        if self.loss is not None:
            lines.append(f"training loss {self.loss:.4f}" + self._describe_scores())
        if self.step * self.planned_epochs > self.epochs * self.planned_steps and self.progress != "finished":
            lines.append(f"within epoch {self.epochs + 1}, at step {self.step:,} of {self.planned_steps:,}")
        if self.progress == "interrupted":
            lines.append(CONTINUE)
        return lines

    def _describe_scores(self) -> str:
        if self.accuracy is None or self.mean_average_precision is None:
            return ", not validated"
        return (
            f"; validation: 1-best accuracy {self.accuracy:.3f}, mAP {self.mean_average_precision:.3f} "
            f"(best in epoch {self.best_epoch})"
        )

    def as_values(self) -> dict[str, Any]:
        """Return the state for JSON."""
        return dataclasses.asdict(self)


def read_state(folder: Path) -> RunState:
    """Read the state of a run.

    Raises
    ------
    RunError
        When its record is damaged, or its checkpoints are.
    """
    run = RunFolder(folder)
    record = read_record(run)
    config = read_config(run, record)
    try:
        dataset = record["dataset"]
        batches = count_batches(dataset["num_clips"], config.step_clips)
        sizes = int(dataset["num_clips"]), int(dataset["num_classes"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(run.record, f"no sizes of the dataset ({error})", "the record of a run") from error
    history = read_curve(folder)
    last: dict[str, Any] = history[-1] if history else {}
    best = choose_best(history) if history else None
    seconds = sum(line["seconds"]["train"] + line["seconds"]["validation"] for line in history)
    return RunState(
        progress="finished" if run.is_finished else "training" if is_training(folder) else "interrupted",
        recipe=config.recipe,
        model=config.model,
        num_clips=sizes[0],
        num_classes=sizes[1],
        dataset=str(dataset.get("digest", "")),
        epochs=len(history),
        planned_epochs=config.count_epochs(batches),
        step=find_step(folder, last.get("step", 0)),
        planned_steps=config.count_steps(batches),
        loss=last.get("loss"),
        accuracy=last.get("validation_accuracy"),
        mean_average_precision=last.get("validation_mean_average_precision"),
        best_epoch=best,
        best=history[best - 1].get("validation_mean_average_precision") if best else None,
        seconds=seconds,
    )
