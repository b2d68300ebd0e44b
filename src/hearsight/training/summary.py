"""What a run came to, read from its log."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearsight.training.runlog import read_runlog


@dataclasses.dataclass(frozen=True)
class TrainSummary:
    """What a run came to.

    Attributes
    ----------
    out, model
        The run folder, the network's name.
    epochs, steps, num_clips, num_classes
        What was trained on, and how often.
    loss
        Mean training loss of the last epoch.
    validation_loss, accuracy, mean_average_precision
        Of the last epoch, on the validation clips; None where there are none.
    best_epoch
        The epoch of the highest mean average precision, the last one where there are no validation clips.
    seconds
        Time spent in training and validation, interruptions and what they undid left out.
    data_share
        Share of the training time that was spent in waiting for data.
    clips_per_second
        Clips trained on per second, validation left out.
    """

    out: str
    model: str
    epochs: int
    steps: int
    num_clips: int
    num_classes: int
    loss: float
    validation_loss: float | None
    accuracy: float | None
    mean_average_precision: float | None
    best_epoch: int
    seconds: float
    data_share: float
    clips_per_second: float

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        lines = [
            f"{self.model}: {self.epochs} epochs over {self.num_clips:,} clips and {self.num_classes:,} classes, "
            f"{self.steps:,} steps in {_spell_seconds(self.seconds)}"
        ]
        if self.mean_average_precision is not None and self.accuracy is not None:
            lines.append(
                f"validation: 1-best accuracy {self.accuracy:.3f}, mAP {self.mean_average_precision:.3f} "
                f"(best in epoch {self.best_epoch})"
            )
        lines.append(
            f"{self.clips_per_second:.0f} clips/s, {self.data_share:.1%} of a step is waiting for data; the model is in {self.out}"
        )
        return lines


def summarise_run(folder: Path) -> TrainSummary:
    """Summarise a run that has trained at least one epoch.

    Raises
    ------
    InputError
        When it has no log.
    """
    log = read_runlog(folder)
    start = next(line for line in log if line["kind"] == "start")
    history = [line for line in log if line["kind"] == "epoch"]
    last = history[-1]
    trained = sum(line["seconds"]["train"] for line in history)
    return TrainSummary(
        out=str(folder),
        model=start["model"],
        epochs=last["epoch"],
        steps=last["step"],
        num_clips=start["num_clips"],
        num_classes=start["num_classes"],
        loss=last["loss"],
        validation_loss=last["validation_loss"],
        accuracy=last["validation_accuracy"],
        mean_average_precision=last["validation_mean_average_precision"],
        best_epoch=choose_best(history),
        seconds=trained + sum(line["seconds"]["validation"] for line in history),
        data_share=sum(line["seconds"]["data"] for line in history) / trained,
        clips_per_second=start["num_clips"] * len(history) / trained,
    )


def choose_best(history: Sequence[dict[str, Any]]) -> int:
    """Give the epoch of the highest mean average precision, the first of equals; the last epoch where none was measured."""
    measured = [line for line in history if line["validation_mean_average_precision"] is not None]
    if not measured:
        return history[-1]["epoch"]
    return max(measured, key=lambda line: (line["validation_mean_average_precision"], -line["epoch"]))["epoch"]


def _spell_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
