"""The record of a run: ``runlog.jsonl``, one JSON object per line, and TensorBoard as a view of it.

Lines are of three kinds: ``start``, ``step`` and ``epoch``. Everything that depends on the clock stands under ``seconds``; without
it, the log of an interrupted and resumed run is that of an uninterrupted one, byte for byte.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, cast, runtime_checkable

from hearsight.errors import InputError
from hearsight.extras import require
from hearsight.files import write_text

LOG = "runlog.jsonl"


@runtime_checkable
class _Writer(Protocol):
    """What is used of TensorBoard's ``SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...
    def close(self) -> None: ...


class RunLog:
    """The log of one run, open for writing; ``history`` holds its lines of kind ``epoch``.

    Parameters
    ----------
    folder
        The run's.
    epoch
        The epoch that the run goes on after; what the log says of later ones is forgotten, since it will be said again.
    tensorboard
        Whether to write the numbers for TensorBoard too.

    Raises
    ------
    MissingExtraError
        When TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, epoch: int, *, tensorboard: bool = False) -> None:
        self._path = folder / LOG
        self._writer = _open_tensorboard(folder / "tensorboard", epoch) if tensorboard else None
        kept = [line for line in _read_lines(self._path) if line["epoch"] <= epoch]
        write_text(self._path, "".join(_spell(line) for line in kept))
        self.is_new = not kept
        self.history = [line for line in kept if line["kind"] == "epoch"]
        self._file = self._path.open("a", encoding="utf-8")

    def write(self, kind: str, epoch: int, values: Mapping[str, Any], *, step: int = 0) -> dict[str, Any]:
        """Add a line and give it; ``epoch`` counts from one and is 0 before the first. Seconds are rounded to microseconds."""
        line: dict[str, Any] = {"kind": kind, "epoch": epoch, "step": step, **values}
        if "seconds" in line:
            line["seconds"] = {name: round(value, 6) for name, value in line["seconds"].items()}
        if kind == "epoch":
            self.history.append(line)
        self._file.write(_spell(line))
        self._file.flush()
        if self._writer is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._writer.add_scalar(f"{kind}/{name}", value, step)
        return line

    def settle(self) -> None:
        """Bring the log to the disk: what follows may rely on it."""
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
        When there is none.
    """
    path = Path(folder) / LOG
    if not path.exists():
        raise InputError(path, "no such file", "the log of a run")
    return _read_lines(path)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines; a line that a killed process left unfinished is the last, and is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _spell(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) + "\n"


def _open_tensorboard(folder: Path, epoch: int) -> _Writer:
    module = require("torch.utils.tensorboard", "tensorboard", "train.tensorboard = true")
    return cast(_Writer, module.SummaryWriter(str(folder), filename_suffix=f".after-epoch-{epoch}"))
