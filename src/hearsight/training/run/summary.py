"""The result of a run in numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainSummary:
    """The result of a run.

    Attributes
    ----------
    out, model
        The run folder, the network's name.
    epochs, steps, num_clips, num_classes
        Passes over the training clips, steps, and the size of the training data.
    loss
        Mean training loss of the last epoch.
    validation_loss, accuracy, mean_average_precision
        Of the last epoch, on the validation clips; None if there are none.
    best_epoch
        The epoch of the highest mean average precision, the last one if there are no validation clips.
    seconds
        Time spent in training and validation, without interruptions and the work that they undid.
    data_share
        Share of the training time that was spent waiting for data.
    clips_per_second
        Training clips per second, without validation.
    teachers
        Names of the teachers whose classes were learned; empty where the dataset or an earlier version did not record them.
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
    teachers: tuple[str, ...] = ()

    def describe(self) -> list[str]:
        """Return the summary in lines to print."""
        lines = [
            f"{self.model}: {self.epochs} epochs over {self.num_clips:,} clips and {self.num_classes:,} classes, "
            f"{self.steps:,} steps in {describe_seconds(self.seconds)}"
        ]
        if self.mean_average_precision is not None and self.accuracy is not None:
            lines.append(
                f"validation: 1-best accuracy {self.accuracy:.3f}, mAP {self.mean_average_precision:.3f} "
                f"(best in epoch {self.best_epoch})"
            )
        lines.append(
            f"{self.clips_per_second:.0f} clips/s, {self.data_share:.1%} of the time spent waiting for data; "
            f"the model is in {self.out}"
        )
        return lines


def summarize_run(dataset: Mapping[str, Any], history: Sequence[Mapping[str, Any]], out: Path) -> TrainSummary:
    """Summarise a run that has trained at least one epoch.

    Parameters
    ----------
    dataset
        What the run's record holds of its network and dataset.
    history
        The log's lines of all epochs.
    out
        The run folder.
    """
    last = history[-1]
    epochs = last["step"] / dataset.get("steps_per_epoch", history[0]["step"])  # the last may be in part
    trained = sum(line["seconds"]["train"] for line in history)
    return TrainSummary(
        out=str(out),
        model=dataset["model"],
        epochs=last["epoch"],
        steps=last["step"],
        num_clips=dataset["num_clips"],
        num_classes=dataset["num_classes"],
        loss=last["loss"],
        validation_loss=last["validation_loss"],
        accuracy=last["validation_accuracy"],
        mean_average_precision=last["validation_mean_average_precision"],
        best_epoch=choose_best(history),
        seconds=trained + sum(line["seconds"]["validation"] for line in history),
        data_share=sum(line["seconds"]["data"] for line in history) / trained,
        clips_per_second=dataset["num_clips"] * epochs / trained,
        teachers=tuple(dataset.get("teachers", ())),
    )


def choose_best(history: Sequence[Mapping[str, Any]]) -> int:
    """Return the epoch of the highest mean average precision, the first of equals; the last epoch where none was measured."""
    measured = [line for line in history if line["validation_mean_average_precision"] is not None]
    if not measured:
        return history[-1]["epoch"]
    return max(measured, key=lambda line: (line["validation_mean_average_precision"], -line["epoch"]))["epoch"]


def describe_seconds(seconds: float) -> str:
    """Return a duration in hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
