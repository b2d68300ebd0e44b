"""From a published model's outputs to probabilities, and the digest that identifies the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import scipy.special
from jaxtyping import Float32

from hearsight.errors import TeacherError
from hearsight.teachers.limits import MAX_OUTPUT_VALUES
from hearsight.vocabulary import MAX_CLASSES, Vocabulary

Activation = Literal["auto", "softmax", "sigmoid", "percent", "none"]
"""What turns outputs into probabilities. ``auto`` uses outputs that are probabilities unchanged and refuses others: a file does
not state whether its logits need a softmax or a sigmoid. Kinds whose configuration states it (``transformers``) read it there.
``percent`` divides by 100. ``none`` is another name of ``auto`` for file formats that state nothing."""

_TOLERANCE = 1e-4


def to_probabilities(
    outputs: Float32[np.ndarray, "rows classes"], activation: Activation, where: object
) -> Float32[np.ndarray, "rows classes"]:
    """Turn a model's outputs into probabilities.

    Parameters
    ----------
    outputs
        One row per item.
    activation
        ``softmax`` where exactly one class is true, ``sigmoid`` where several may be, ``percent`` for 0 to 100; otherwise the
        outputs are used unchanged.
    where
        The model, for the error.

    Raises
    ------
    TeacherError
        When an output is not finite, or outputs that are to be taken as they are, or as percentages, are not probabilities.
    """
    check_finite(outputs, where, "an item")
    if activation == "softmax":
        return scipy.special.softmax(outputs, axis=1).astype(np.float32)
    if activation == "sigmoid":
        return scipy.special.expit(outputs).astype(np.float32)
    probabilities = outputs / np.float32(100.0) if activation == "percent" else outputs
    low, high = float(outputs.min(initial=0.0)), float(outputs.max(initial=0.0))
    if probabilities.min(initial=0.0) < -_TOLERANCE or probabilities.max(initial=0.0) > 1.0 + _TOLERANCE:
        wanted = "percentages" if activation == "percent" else "probabilities"
        raise TeacherError(where, f"outputs from {low:.4g} to {high:.4g}", wanted, _suggest_activation(outputs))
    return np.clip(probabilities, 0.0, 1.0)


def _suggest_activation(outputs: Float32[np.ndarray, "rows classes"]) -> str:
    """Return the hint that fits outputs that are not probabilities."""
    sums = outputs.sum(axis=1, dtype=np.float64)
    if outputs.min() >= 0.0 and np.allclose(sums, 100.0, atol=0.1):
        return "they sum to 100: activation=percent takes them as percentages"
    powers = np.exp(np.minimum(outputs, 0.0)).sum(axis=1, dtype=np.float64)
    if outputs.max() <= _TOLERANCE and np.allclose(powers, 1.0, atol=1e-2):
        return "they are logarithms of probabilities: activation=softmax takes them as such"
    if outputs.min() >= 0.0 and np.all(outputs == np.rint(outputs)):
        return "they are whole numbers, so perhaps not scores: output=NUMBER takes another output of the model"
    return "add activation=softmax where exactly one class is true at a time, activation=sigmoid where several may be"


def check_finite(
    outputs: Float32[np.ndarray, "rows classes"], where: object, item: str, names: Sequence[str] = ()
) -> None:
    """Check that outputs are finite numbers.

    Parameters
    ----------
    outputs
        One row per item.
    where
        The model, for the error.
    item
        What it was run on, for the error.
    names
        Its classes, for the error.

    Raises
    ------
    TeacherError
        When an output is NaN or infinite. The error names the first such class.
    """
    wrong = np.argwhere(~np.isfinite(outputs))
    if len(wrong):
        row, index = (int(number) for number in wrong[0])
        name = f" ({names[index]})" if index < len(names) else ""
        found = f"the output {outputs[row, index]} for class {index}{name} of {item}"
        raise TeacherError(where, found, "a finite number")


def to_rows(output: Float32[np.ndarray, "*shape"], where: object) -> Float32[np.ndarray, "rows classes"]:
    """Reshape a model's output for one item to rows of classes: ``[1, 1, 1, classes]`` and ``[1, classes, 1, 1]`` have one row.

    Several rows are several moments of one item (the frames of a sound model).

    Raises
    ------
    TeacherError
        When there is no row, no class, or more of them than :mod:`hearsight.teachers.limits` allows.
    """
    if output.size == 0:
        raise TeacherError(where, f"an empty output {list(output.shape)}", "at least one class")
    sizes = [size for size in output.shape if size != 1]
    rows = output.reshape(1, -1) if len(sizes) <= 1 else output.reshape(-1, output.shape[-1])
    if rows.shape[1] > MAX_CLASSES or rows.size > MAX_OUTPUT_VALUES:
        wanted = f"at most {MAX_CLASSES:,} classes and {MAX_OUTPUT_VALUES:,} values"
        raise TeacherError(where, f"an output {list(output.shape)}", wanted)
    return rows


def digest_teacher(
    kind: str, modality: str, content: bytes | str, vocabulary: Vocabulary, settings: dict[str, Any]
) -> str:
    """Return the hexadecimal SHA-256 of everything that decides a teacher's output.

    Parameters
    ----------
    kind, modality
        The sort of teacher.
    content
        The model: its bytes, or the digest of its weights.
    vocabulary
        Its classes.
    settings
        What is done before and after the model, as JSON values.
    """
    raw = content if isinstance(content, bytes) else content.encode()
    described = {
        "kind": kind,
        "modality": modality,
        "content": hashlib.sha256(raw).hexdigest(),
        "names": vocabulary.names,
        "ids": vocabulary.ids,
        "settings": settings,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
