"""Measurements that belong next to a published number, kept as JSON lines with all that is needed to measure them again.

A file of results has one measurement per line. Lines are only ever added, and a file is replaced as a whole, so that after a crash
it is as it was before or holds the new lines. Where a cell was measured several times the last one is shown, all are kept. Our
own are in the package, in ``measured/*.jsonl``.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from hearsight.documents import format_json, parse_json, read_text, validate
from hearsight.errors import HearsightError, TableError, cannot_write
from hearsight.evaluation.paper_tables.published import PublishedCell, find_cell
from hearsight.files import lock, make_folder, write_text

RESULTS = Path("results.jsonl")
"""Where a user's own measurements are kept unless another file is named."""
OWN_FOLDER = Path(__file__).parent / "measured"
"""Where ours are."""


OLD_PROTOCOL_KEYS = {"head": "probe"}
"""Keys of measurements that earlier versions recorded, and what they are called now."""


@dataclasses.dataclass(frozen=True)
class Count:
    """A counted cell: ``shown`` as the paper would print it, the number where it is one, and what was counted."""

    shown: str
    value: float | None
    source: str


class Measurement(BaseModel):
    """One measured value of one cell.

    Attributes
    ----------
    table, row, column
        The cell.
    value, interval
        In the unit of the column; the interval holds 95 %, None if there is none.
    benchmark, protocol
        What it was measured on, and how: the network with its options, size and bandwidth; the probe; the numbers of folds, clips
        and classes, and of those that are missing; teachers, clips and steps of the training. Earlier records have fewer keys.
    data
        What was scored: the run, or the baseline.
    num_clips, seed, date, version, command
        Clips scored; seed of all draws; the day (ISO 8601); hearsight's version; what to type to measure it again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    row: str
    column: str
    value: float
    interval: tuple[float, float] | None
    benchmark: str
    protocol: dict[str, str | int | bool]
    data: str
    num_clips: int
    seed: int
    date: datetime.date
    version: str
    command: str

    @field_validator("protocol", mode="before")
    @classmethod
    def _rename_old_keys(cls, protocol: Any) -> Any:
        if not isinstance(protocol, Mapping):
            return protocol
        return {OLD_PROTOCOL_KEYS.get(key, key): value for key, value in protocol.items()}

    @property
    def cell(self) -> str:
        """``TABLE:ROW:COLUMN``."""
        return f"{self.table}:{self.row}:{self.column}"

    def list_differences(self, cell: PublishedCell) -> list[str]:
        """List how it was measured otherwise than the paper's cell, as far as the paper says, and what the network learned from."""
        pairs = {"benchmark": (self.benchmark, cell.benchmark)}
        pairs |= {key: (self.protocol[key], told) for key, told in cell.protocol.items() if key in self.protocol}
        words = {key: key.replace("num_", "number of ").replace("model", "network") for key in pairs}
        layer = f"{cell.protocol.get('model')}/"  # of the paper's own network: which one is the row's or the column's affair
        found = [
            f"{words[key]} {ours} (paper: {told})"
            for key, (ours, told) in pairs.items()
            if ours != told and not (key == "model" and str(ours).startswith(layer))
        ]
        return found + self._list_conditions()

    def _list_conditions(self) -> list[str]:
        """List what no paper's cell has: a smaller network, less bandwidth, clips or classes that are missing, and the training."""
        told = self.protocol
        found: list[str] = []
        if "options" in told:
            size = f", {told['parameters']:,} parameters" if "parameters" in told else ""
            found.append(f"network with {told['options']}{size}")
        if "training_sample_rate" in told:
            found.append(f"learned from sound of {told['training_sample_rate']:,} Hz, takes {told['sample_rate']:,} Hz")
        counted = {"missing_clips": "missing clips", "unscored_classes": "classes without a scored clip"}
        found += [f"{told[key]:,} {what}" for key, what in counted.items() if key in told]
        if told.get("leak_free"):
            found.append("clips of scored recordings left out of fitting")
        if told.get("untrained"):
            found.append("untrained")
        if "training_clips" in told:
            steps = f" in {told['training_steps']:,} steps" if "training_steps" in told else ""
            taught = f" that {told['teachers']} labelled" if "teachers" in told else ""
            found.append(f"learned from {told['training_clips']:,} clips{taught}{steps}")
        return found

    def describe(self) -> str:
        """Return where it comes from, in one line."""
        low_high = f" ({self.interval[0]:g} to {self.interval[1]:g})" if self.interval else ""
        settings = [f"{key} {value}" for key, value in self.protocol.items() if value is not False]
        how = ", ".join([f"{self.data} on {self.benchmark}", *settings])
        return (
            f"{self.value:g}{low_high}: {how}; {self.num_clips} clips, seed {self.seed},"
            f" {self.date}, hearsight {self.version}: {self.command}"
        )


def record_measurements(path: Path, measurements: Iterable[Measurement]) -> None:
    """Add measurements to a file of results, all or none; several processes may do so at the same time.

    Raises
    ------
    TableError
        When the file is no file of results.
    MachineError
        When it cannot be written.
    """
    lines = [format_json(one.model_dump(mode="json")) + "\n" for one in measurements]
    try:
        make_folder(path.parent)
        with lock(path.with_name(f".{path.name}.lock"), wait=True):
            before = _read(path) if path.exists() else ""
            _parse(path, before)
            if before and not before.endswith("\n"):
                before += "\n"
            write_text(path, before + "".join(lines))
    except OSError as error:
        raise cannot_write(path, error) from error


def read_measurements(path: Path) -> list[Measurement]:
    """Read a file of results.

    Raises
    ------
    TableError
        When it cannot be read, or a line is no measurement, or of a cell that is in no table.
    """
    return _parse(path, _read(path))


def read_own_measurements() -> list[Measurement]:
    """Read the measurements that come with hearsight."""
    return [one for path in sorted(OWN_FOLDER.glob("*.jsonl")) for one in read_measurements(path)]


def _read(path: Path) -> str:
    return read_text(path, TableError, wanted="a file of results")


def _parse(path: Path, text: str) -> list[Measurement]:
    found: list[Measurement] = []
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path} line {number}"
        wanted = "what `hearsight evaluate --record` writes"
        one = validate(
            Measurement, parse_json(line, where, TableError, wanted=wanted), where, TableError, wanted=wanted
        )
        try:
            find_cell(one.cell)
        except HearsightError as error:
            raise TableError(where, str(error), "a cell of a published table") from error
        found.append(one)
    return found
