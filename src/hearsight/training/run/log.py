"""The log of a run: ``runlog.jsonl``, one JSON object per line, and the same numbers for TensorBoard.

There are lines of four kinds: ``start``, ``step``, ``left out`` for a step that was left out, and ``epoch``. Everything that
depends on the clock is under ``seconds``.
Without it, the log of an interrupted and resumed run equals that of an uninterrupted one, byte for byte.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from hearsight.console import print_message
from hearsight.documents import drop_nonfinite, format_json, parse_json
from hearsight.errors import InputError
from hearsight.extras import require
from hearsight.files import read_regular, report_output_errors, write_text

LOG = "runlog.jsonl"
MOST_BYTES = 4 * 2**30
"""The largest log that is read."""


@runtime_checkable
class _Writer(Protocol):
    """What is used of TensorBoard's ``SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...
    def add_image(self, tag: str, img_tensor: Any, global_step: int, *, dataformats: str) -> None: ...
    def close(self) -> None: ...


class RunLog:
    """The log of one run, open for writing.

    The log is a report; a run continues from its checkpoints. Lines of epochs after the last checkpoint are removed, since
    they will be written again. Where the log disagrees with the checkpoint's history, or cannot be read, it is rewritten from
    that history, without lines of steps.

    Parameters
    ----------
    folder
        The run's.
    start
        Values of the first line.
    history
        Lines of the epochs that are finished, as the last checkpoint holds them.
    tensorboard
        Whether to write the numbers for TensorBoard too.
    step
        The last step of the checkpoint that the run continues from; lines of later steps are removed.

    Raises
    ------
    MissingExtraError
        When TensorBoard is requested but not installed.
    """

    def __init__(
        self,
        folder: Path,
        start: Mapping[str, Any],
        history: Sequence[dict[str, Any]] = (),
        *,
        tensorboard: bool = False,
        step: int = 0,
    ) -> None:
        self._step = step
        self._path = folder / LOG
        self.history = list(history)
        self._writer = _open_tensorboard(folder / "tensorboard", len(self.history)) if tensorboard else None
        first = {"kind": "start", "epoch": 0, "step": 0, **start}
        kept = self._recover(first)
        write_text(self._path, "".join(_to_text(line) for line in kept))
        with report_output_errors(self._path):
            self._file = self._path.open("a", encoding="utf-8")

    def _recover(self, first: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the lines to continue from: those of the log, or of the history where the log is damaged."""
        try:
            lines = [line for line in _read_lines(self._path) if self._is_kept(line)]
        except InputError:
            lines = []
        whole = bool(lines) and lines[0]["kind"] == "start"
        if whole and [line for line in lines if line["kind"] == "epoch"] == self.history:
            return lines
        if self.history:
            print_message(f"{self._path}: incomplete; rewritten from the checkpoint, without its steps")
        return [first, *self.history]

    def _is_kept(self, line: Mapping[str, Any]) -> bool:
        """Return whether a line is of the time before the checkpoint."""
        within = (
            line["kind"] in ("step", "left out") and isinstance(line.get("step"), int) and line["step"] <= self._step
        )
        return line["epoch"] <= len(self.history) or within

    def write(self, kind: str, epoch: int, values: Mapping[str, Any], *, step: int = 0) -> dict[str, Any]:
        """Add a line and return it; ``epoch`` counts from one and is 0 before the first. Seconds are rounded to microseconds."""
        line: dict[str, Any] = drop_nonfinite({"kind": kind, "epoch": epoch, "step": step, **values})
        if "seconds" in line:
            line["seconds"] = {name: round(value, 6) for name, value in line["seconds"].items()}
        if kind == "epoch":
            self.history.append(line)
        with report_output_errors(self._path):
            self._file.write(_to_text(line))
            self._file.flush()
        if self._writer is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._writer.add_scalar(f"{kind}/{name}", value, step)
        return line

    def show(self, values: Mapping[str, float], picture: UInt8[np.ndarray, "height width"] | None, step: int) -> None:
        """Write numbers, and a picture of the first kernels, for TensorBoard alone; without it, nothing is done."""
        if self._writer is None:
            return
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        if picture is not None:
            self._writer.add_image("conv1", picture, step, dataformats="HW")

    @property
    def is_shown(self) -> bool:
        """Whether the log is written for TensorBoard too."""
        return self._writer is not None

    def settle(self) -> None:
        """Return when the log is on the disk."""
        with report_output_errors(self._path):
            os.fsync(self._file.fileno())

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if self._writer is not None:
            self._writer.close()


def read_runlog(folder: str | Path) -> list[dict[str, Any]]:
    """Read the log of a run, also while it is being written.

    Raises
    ------
    InputError
        When there is none, or a line of it is damaged.
    """
    path = Path(folder) / LOG
    if not path.exists():
        raise InputError(path, "no such file", "the log of a run")
    return _read_lines(path)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines; a line that a killed process left unfinished is the last, and is left out."""
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", "the log of a run") from error
    for number, text in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            line = parse_json(text, f"{path} line {number}", wanted="an object with kind and epoch", old=True)
            _ = line["kind"], line["epoch"] + 0
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(path, f"line {number} is damaged ({error})", "an object with kind and epoch") from error
        lines.append(line)
    return lines


def _to_text(line: Mapping[str, Any]) -> str:
    return format_json(line) + "\n"


def _open_tensorboard(folder: Path, epoch: int) -> _Writer:
    check_tensorboard()
    module = importlib.import_module("torch.utils.tensorboard")
    return cast(_Writer, module.SummaryWriter(str(folder), filename_suffix=f".after-epoch-{epoch}"))


def check_tensorboard() -> None:
    """Check that TensorBoard can be written.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    # asked for by its own name, since torch's module would be blamed on torch
    require("tensorboard", "tensorboard", "train.tensorboard = true")
