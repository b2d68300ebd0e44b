"""The scores of every clip of an evaluation, kept on disk: what paired comparisons need.

A score that is kept with a run is a JSON file in its folder ``scores/`` and an array file of the same name. Both are written
atomically, the JSON file last.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from hearsight.documents import check_object, read_json
from hearsight.errors import InputError
from hearsight.evaluation.measure import choose_rows
from hearsight.evaluation.result import Evaluation
from hearsight.files import make_folder, open_regular, write_atomically, write_text
from hearsight.version import VERSION

SCORES = "scores"
"""Folder of a run with its scores."""
CONDITIONS = ("pool", "untrained", "extra_models", "leak_free", "finetune_epochs")
"""Keys of an evaluation that two scores must share to be compared."""


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
class RunScore:
    """A score that is kept with a run.

    Attributes
    ----------
    name
        Benchmark and probe, such as ``esc50-linear``.
    evaluation
        The JSON object of the evaluation.
    path
        The file.
    stale
        Why it is not a score of the run as it is now, such as ``of other weights``; empty where it is one.
    """

    name: str
    evaluation: dict[str, Any]
    path: Path
    stale: str = ""

    @property
    def accuracy(self) -> float:
        """The accuracy, in 0..1."""
        return float(self.evaluation["accuracy"])

    @property
    def conditions(self) -> tuple[Any, ...]:
        """How it was scored, apart from benchmark and probe; see :data:`CONDITIONS`."""
        return tuple(self.evaluation.get(key) for key in CONDITIONS)

    def describe(self) -> str:
        """Return it in a few words, such as ``esc50-linear 75.0 %``."""
        return f"{self.name} {100.0 * self.accuracy:.1f} %" + (f" ({self.stale})" if self.stale else "")


def write_clip_scores(path: Path, evaluation: Evaluation) -> None:
    """Write the scores of the clips of an evaluation to an array file (``.npz``)."""
    ours = choose_rows(evaluation.clips, evaluation.score, held_out=False)
    rows = evaluation.score.rows[ours]
    targets = evaluation.clips.targets[rows]
    named = [[clip.path, list(clip.labels), clip.fold] for clip in evaluation.clips.clips]
    make_folder(path.parent)
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            clips=np.array(_digest(named)),
            folds=evaluation.clips.folds[rows],
            hits=evaluation.score.hits[ours],
            scores=evaluation.score.scores[ours].astype(np.float32),
            targets=np.packbits(targets),
            shape=np.array(targets.shape),
            threshold=np.array(evaluation.score.threshold),
        )


def read_clip_scores(path: Path, hint: str) -> ClipScores:
    """Read an array file of scores.

    Raises
    ------
    InputError
        When the file is absent or damaged; ``hint`` is how it is made again.
    """
    try:
        with open_regular(path, sys.maxsize) as file, np.load(file, allow_pickle=False) as arrays:
            shape = tuple(int(size) for size in arrays["shape"])
            return ClipScores(
                clips=str(arrays["clips"]),
                folds=arrays["folds"],
                hits=arrays["hits"],
                scores=arrays["scores"],
                targets=np.unpackbits(arrays["targets"], count=shape[0] * shape[1]).reshape(shape).astype(bool),
                threshold=float(arrays["threshold"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(path, f"no scores of clips ({error})", "the scores of an evaluation", hint) from error


def keep_score(run: Path, evaluation: Evaluation) -> Path:
    """Keep an evaluation with a run, and what was scored by which version; one of the same benchmark and probe is replaced.

    Returns
    -------
    Path
        The file.
    """
    path = run / SCORES / f"{evaluation.benchmark}-{evaluation.probe}.json"
    write_clip_scores(path.with_suffix(".npz"), evaluation)
    written = {**evaluation.as_json(), "hearsight_version": VERSION, "weights_sha256": _identify_weights(run)}
    write_text(path, json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return path


def _identify_weights(run: Path) -> str | None:
    """Return the SHA-256 of a run's weights that its configuration records; None where it records none."""
    path = run / "config.json"
    if not path.exists():
        return None
    found = check_object(read_json(path, InputError, wanted="the configuration of a checkpoint"), path, InputError)
    return str(found["weights_sha256"]) if "weights_sha256" in found else None


def _find_stale(values: dict[str, Any], weights: str | None) -> str:
    version = values.get("hearsight_version")
    if version != VERSION:
        return f"scored by hearsight {version}" if version else "scored by an unknown version"
    return "" if values.get("weights_sha256") == weights else "of other weights"


def list_scores(run: Path) -> list[RunScore]:
    """List the scores that are kept with a run, by name.

    Raises
    ------
    InputError
        When a file is damaged.
    """
    found: list[RunScore] = []
    weights = _identify_weights(run)
    for path in sorted((run / SCORES).glob("*.json")):
        values = check_object(read_json(path, InputError, wanted="a score of the run"), path, InputError)
        if not isinstance(values.get("accuracy"), float):
            raise InputError(path, f"accuracy {values.get('accuracy')!r:.60}", "a score of the run", "remove the file")
        found.append(RunScore(path.stem, values, path, _find_stale(values, weights)))
    return found


def _digest(values: Any) -> str:
    """Return 16 hexadecimal digits that identify JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:16]
