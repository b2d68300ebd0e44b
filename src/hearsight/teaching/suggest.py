"""Which segments of an index to judge next: uncertain ones that differ from each other.

A segment is the more uncertain the nearer the highest probability of its classes is to one half (uncertainty sampling: Lewis & Gale
1994, *A sequential algorithm for training text classifiers*). Of the most uncertain ones, each next suggestion is the one that
is farthest from all before it, its distance multiplied by its uncertainty (the greedy k-centre of Sener & Savarese 2018, *Active
learning for convolutional neural networks: a core-set approach*). So ten suggestions are not ten seconds of the same rain.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from hearsight.detection.formats.cells import defuse
from hearsight.detection.judgements import JUDGEMENT, check_unjudged
from hearsight.errors import InputError, UsageError
from hearsight.files import check_output, write_text
from hearsight.listening.listener import Listener, load
from hearsight.models.network import Network
from hearsight.search.index import Index
from hearsight.search.manifest import check_model
from hearsight.teaching.examples import BACKGROUND
from hearsight.text import make_encodable

POOL = 20
"""Times as many segments as are wanted, of which the diverse ones are chosen."""
BLOCK_ROWS = 65_536
COLUMNS = ("path", "start", "duration", "class", "probability", JUDGEMENT)


def suggest(model: str | Path, index: str | Path, out: str | Path, *, count: int = 50) -> dict[str, int]:
    """Write a table of the segments that are most worth judging, with an empty column for the judgements.

    Parameters
    ----------
    model
        A model that was taught on the network that made the index.
    index
        What ``hearsight index`` wrote.
    out
        The CSV file to write; ``hearsight teach`` and ``hearsight review`` read it.
    count
        Segments.

    Returns
    -------
    dict[str, int]
        The number of rows by class.

    Raises
    ------
    UsageError
        When the index is of another network, the model has no class to judge, or the file is not to be called ``.csv`` or
        holds judgements.
    InputError
        When the index has no segments.
    """
    out = Path(out)
    if out.suffix != ".csv":
        raise UsageError("--out", f"{out}", "a file name that ends in .csv")
    check_output(out)
    check_unjudged(out)
    listener = load(model, device="cpu")
    opened = Index.open(index)
    check_index(listener, opened)
    classes = np.flatnonzero([name != BACKGROUND for name in listener.vocabulary])
    if not len(classes):
        raise UsageError(listener.name, f"classes {', '.join(listener.vocabulary) or 'none'}", "one that can be judged")
    probabilities, best = predict_rows(listener, opened.embeddings, classes)
    if not len(probabilities):
        raise InputError(index, f"{len(probabilities)} segments", "at least one")
    chosen = choose_diverse(opened.embeddings, measure_uncertainty(probabilities), count)
    names = [listener.vocabulary[int(classes[best[row]])] for row in chosen]
    _write(out, opened, chosen, names, probabilities[chosen])
    return {name: names.count(name) for name in sorted(set(names))}


def check_index(listener: Listener, index: Index) -> None:
    """Check that an index was made by a network, or by the one that it was taught on.

    Raises
    ------
    UsageError
        When it was made by another one, or the network's classes do not follow from its embeddings.
    """
    if type(listener.network).forward_segments is not Network.forward_segments:
        found = f"{type(listener.network).__name__}, whose classes do not follow from its embeddings"
        raise UsageError(listener.name, found, "a log-mel network")
    if index.manifest.model.digest != listener.training.get("network_digest"):
        check_model(index.manifest, listener, index.folder)


def predict_rows(
    listener: Listener, embeddings: Float32[np.ndarray, "rows dim"], classes: Int64[np.ndarray, " chosen"]
) -> tuple[Float32[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]:
    """Return the highest probability of some classes for each row of an index, and which of them has it; block by block."""
    highest, best = np.zeros(len(embeddings), np.float32), np.zeros(len(embeddings), np.int64)
    for first in range(0, len(embeddings), BLOCK_ROWS):
        block = torch.from_numpy(np.array(embeddings[first : first + BLOCK_ROWS])).to(listener.device)
        with torch.inference_mode():
            values = listener.network.probabilities(listener.network.classifier(block)).cpu().numpy()[:, classes]
        highest[first : first + len(block)] = values.max(axis=1)
        best[first : first + len(block)] = values.argmax(axis=1)
    return highest, best


def measure_uncertainty(probabilities: Float32[np.ndarray, " rows"]) -> Float64[np.ndarray, " rows"]:
    """Return how uncertain probabilities are: 1 at one half, 0 at 0 and 1."""
    return 1.0 - np.abs(2.0 * probabilities.astype(np.float64) - 1.0)


def choose_diverse(
    embeddings: Float32[np.ndarray, "rows dim"], uncertainty: Float64[np.ndarray, " rows"], count: int
) -> Int64[np.ndarray, " chosen"]:
    """Return rows that are uncertain and far from each other, the most uncertain one first; ties go to the first row.

    Parameters
    ----------
    embeddings
        A row per segment. Distances are between directions, as in search.
    uncertainty
        From 0 to 1.
    count
        Rows; all, where there are not as many.
    """
    pool = np.sort(np.argsort(-uncertainty, kind="stable")[: POOL * count])
    values = np.array(embeddings[pool], dtype=np.float64)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    weights = uncertainty[pool]
    distances = np.full(len(pool), np.inf)
    chosen = [int(np.argmax(weights))]
    while len(chosen) < min(count, len(pool)):
        distances = np.minimum(distances, np.sqrt(np.maximum(2.0 - 2.0 * (values @ values[chosen[-1]]), 0.0)))
        worth = distances * weights
        worth[chosen] = -1.0
        chosen.append(int(np.argmax(worth)))
    return pool[chosen]


def _write(
    out: Path,
    index: Index,
    chosen: Int64[np.ndarray, " chosen"],
    names: Sequence[str],
    probabilities: Float32[np.ndarray, " chosen"],
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = index.rows.take(chosen).select(["source", "start", "duration"]).to_pylist()
    for row, name, probability in zip(rows, names, probabilities.tolist(), strict=True):
        texts = (defuse(make_encodable(text)) for text in (str(index.locate(row["source"])), name))
        path, shown = texts
        writer.writerow([path, row["start"], row["duration"], shown, f"{probability:.6f}", ""])
    write_text(out, buffer.getvalue())
