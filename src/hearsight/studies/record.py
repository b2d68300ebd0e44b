"""The record of a cell: what was measured, and the scores of every clip, which paired comparisons need.

A record is a JSON file and an array file of the same name. Both are written atomically, the JSON file last: a cell whose JSON file
is there is finished.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from hearsight.console import print_message
from hearsight.documents import check_object, read_json
from hearsight.errors import InputError
from hearsight.evaluation.clip_scores import ClipScores, read_clip_scores, write_clip_scores
from hearsight.evaluation.result import Evaluation
from hearsight.files import write_text
from hearsight.version import VERSION

FORMAT = 1
_FIRST_VERSION = "0.1.0"
"""What scored a cell whose record states none."""


@dataclasses.dataclass(frozen=True)
class CellRecord:
    """A finished cell.

    Attributes
    ----------
    values, seed
        Which cell of the grid.
    benchmark
        The benchmark's name.
    error
        Why it failed; empty where it did not.
    evaluation
        The JSON object of the evaluation; empty where the cell failed.
    training
        The summary of the training; empty where nothing was trained.
    path
        The record's file.
    """

    values: tuple[str, ...]
    seed: int
    benchmark: str
    error: str
    evaluation: dict[str, Any]
    training: dict[str, Any]
    path: Path

    def read_scores(self) -> ClipScores:
        """Read the scores of the clips.

        Raises
        ------
        InputError
            When the array file is absent or damaged.
        """
        hint = f"remove {self.path}, and run the study again"
        return read_clip_scores(self.path.with_suffix(".npz"), hint)


def write_record(
    path: Path,
    values: tuple[str, ...],
    seed: int,
    evaluation: Evaluation,
    training: dict[str, Any],
    config: dict[str, Any],
) -> CellRecord:
    """Write the record of a finished cell.

    Parameters
    ----------
    path
        The JSON file.
    values, seed
        Which cell of the grid.
    evaluation
        What was measured.
    training
        The summary of the training; empty where nothing was trained.
    config
        The configurations of all stages.
    """
    write_clip_scores(path.with_suffix(".npz"), evaluation)
    written = {
        "format": FORMAT,
        "hearsight_version": VERSION,
        "values": list(values),
        "seed": seed,
        "benchmark": evaluation.benchmark,
        "config": config,
        "evaluation": evaluation.as_json(),
        "training": training,
    }
    write_text(path, json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return _parse(written, path)


def read_record(path: Path) -> CellRecord | None:
    """Read the record of a cell; None where there is none, or where another version of hearsight scored it.

    Raises
    ------
    InputError
        When the file is damaged, or of another version.
    """
    if not path.exists():
        return None
    found = check_object(read_json(path, InputError, wanted="the record of a cell"), path, InputError)
    if found.get("format") != FORMAT:
        raise InputError(
            path, f"format {found.get('format')!r}", f"format {FORMAT}", "remove it, and run the study again"
        )
    version = found.get("hearsight_version", _FIRST_VERSION)
    if version != VERSION:
        print_message(f"{path}: scored by hearsight {version}, and scored again by {VERSION}")
        return None
    return _parse(found, path)


def _parse(values: dict[str, Any], path: Path) -> CellRecord:
    try:
        return CellRecord(
            tuple(str(name) for name in values["values"]),
            int(values["seed"]),
            str(values["benchmark"]),
            "",
            dict(values["evaluation"]),
            dict(values["training"]),
            path,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"no record of a cell ({error})", hint="remove it, and run the study again") from error


def fail_cell(values: tuple[str, ...], seed: int, benchmark: str, error: str, path: Path) -> CellRecord:
    """Return the record of a cell that failed. It is not written, so that the next run tries the cell again."""
    return CellRecord(values, seed, benchmark, error, {}, {}, path)
