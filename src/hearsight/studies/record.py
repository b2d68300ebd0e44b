"""The record of a cell: what was measured, and the scores of every clip, which paired comparisons need.

A record is a JSON file and an array file of the same name. Both are written atomically, the JSON file last: a cell whose JSON file
is there is finished.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from hearsight.documents import check_object, read_json
from hearsight.errors import InputError
from hearsight.evaluation.measure import choose_rows
from hearsight.evaluation.result import Evaluation
from hearsight.files import make_folder, write_atomically, write_text
from hearsight.studies.cells import digest

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class ClipScores:
    """The scores of the clips that the benchmark's score is made of.

    Attributes
    ----------
    clips
        Identifies the clips and their order.
    folds, hits
        Fold of each clip, and whether its highest score is one of its classes.
    scores, targets
        Of each clip and class.
    threshold
        What a score must reach for its class to be called true.
    """

    clips: str
    folds: Int64[np.ndarray, " clips"]
    hits: Bool[np.ndarray, " clips"]
    scores: Float32[np.ndarray, "clips classes"]
    targets: Bool[np.ndarray, "clips classes"]
    threshold: float


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
        path = self.path.with_suffix(".npz")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                shape = tuple(int(size) for size in arrays["shape"])
                return ClipScores(
                    clips=str(arrays["clips"]),
                    folds=arrays["folds"],
                    hits=arrays["hits"],
                    scores=arrays["scores"],
                    targets=np.unpackbits(arrays["targets"], count=shape[0] * shape[1]).reshape(shape).astype(bool),
                    threshold=float(arrays["threshold"]),
                )
        except (OSError, ValueError, KeyError, EOFError) as error:
            hint = f"remove {self.path}, and run the study again"
            raise InputError(path, f"no scores of clips ({error})", "the scores of a cell", hint) from error


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
    ours = choose_rows(evaluation.clips, evaluation.score, held_out=False)
    rows = evaluation.score.rows[ours]
    targets = evaluation.clips.targets[rows]
    named = [[clip.path, list(clip.labels), clip.fold] for clip in evaluation.clips.clips]
    make_folder(path.parent)
    with write_atomically(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            clips=np.array(digest(named)),
            folds=evaluation.clips.folds[rows],
            hits=evaluation.score.hits[ours],
            scores=evaluation.score.scores[ours].astype(np.float32),
            targets=np.packbits(targets),
            shape=np.array(targets.shape),
            threshold=np.array(evaluation.score.threshold),
        )
    written = {
        "format": FORMAT,
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
    """Read the record of a cell; None where there is none.

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
