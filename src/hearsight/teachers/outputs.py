"""From a published model's output to probabilities, and the digest that says which model it was."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from hearsight.errors import TeacherError
from hearsight.vocabulary import Vocabulary

Activation = Literal["auto", "softmax", "sigmoid", "none"]
"""What turns outputs into probabilities. ``auto`` takes them as they are where they are probabilities, and refuses them where they
are not: whether logits want a softmax or a sigmoid is not written in them. ``none`` is ``auto`` by another name for file formats
that do not say; kinds whose configuration says (``transformers``) read ``auto`` from it."""

_TOLERANCE = 1e-4


def to_probabilities(
    outputs: Float32[np.ndarray, "rows classes"], activation: Activation, where: object
) -> Float32[np.ndarray, "rows classes"]:
    """Make probabilities of a model's outputs.

    Parameters
    ----------
    outputs
        One row per item.
    activation
        ``softmax`` where exactly one class is true, ``sigmoid`` where several may be, otherwise the outputs as they are.
    where
        The model, for the error.

    Raises
    ------
    TeacherError
        When an output is not finite, or is taken as it is and is no probability.
    """
    if not np.isfinite(outputs).all():
        raise TeacherError(where, "gives outputs that are not finite", "probabilities or logits")
    if activation == "softmax":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if activation == "sigmoid":
        # exp of minus the magnitude never overflows
        powers = np.exp(-np.abs(outputs))
        return np.where(outputs >= 0, 1.0, powers).astype(np.float32) / (1.0 + powers)
    low, high = float(outputs.min(initial=0.0)), float(outputs.max(initial=0.0))
    if low < -_TOLERANCE or high > 1.0 + _TOLERANCE:
        raise TeacherError(
            where,
            f"gives outputs from {low:.4g} to {high:.4g}",
            "probabilities",
            "add activation=softmax where exactly one class is true at a time, activation=sigmoid where several may be",
        )
    return np.clip(outputs, 0.0, 1.0)


def to_rows(output: Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "rows classes"]:
    """See a model's output for one item as rows of classes: ``[1, 1, 1, classes]`` and ``[1, classes, 1, 1]`` have one row.

    Several rows are several moments of one item (a sound model's frames).
    """
    sizes = [size for size in output.shape if size != 1]
    if len(sizes) <= 1:
        return output.reshape(1, -1)
    return output.reshape(-1, output.shape[-1])


def digest_teacher(
    kind: str, modality: str, content: bytes | str, vocabulary: Vocabulary, settings: dict[str, Any]
) -> str:
    """Give the hexadecimal SHA-256 of all that decides a teacher's output.

    Parameters
    ----------
    kind, modality
        What sort of teacher it is.
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
