"""What is computed for a request, in a thread of the queue: tags, and files of embeddings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from hearsight.errors import UsageError
from hearsight.listening.embedding_files import WRITERS, EmbeddingWriter
from hearsight.listening.listener import Listener
from hearsight.listening.tables import describe_network
from hearsight.listening.tags import Tagger, TagSelection
from hearsight.serve.work import Watch
from hearsight.text import make_encodable


def tag_upload(listener: Listener, path: Path, watch: Watch, selection: TagSelection) -> dict[str, Any]:
    """Tag a file.

    Parameters
    ----------
    listener
        The model.
    path
        The file.
    watch
        Follows the work; its name is that of the file.
    selection
        Which tags are wanted.

    Returns
    -------
    dict
        ``file, model, seconds, padded, tags``; a tag has ``start, duration, class, probability, sense, teacher``.

    Raises
    ------
    MediaError, Refusal, UsageError
        When the file cannot be tagged.
    """
    if not listener.vocabulary:
        raise UsageError(
            listener.name, f"{len(listener.vocabulary)} trained classes: it was published for its embeddings", "classes"
        )
    tagger = Tagger(listener.vocabulary, listener.classes, selection)
    tags, seconds, shortest = tagger.tag(watch.follow(listener.forward_file(path)), watch.name)
    shown = [{key: value for key, value in one.as_json().items() if key != "path"} for one in tags]
    return {
        "file": watch.name,
        "model": listener.name,
        "seconds": seconds,
        "padded": shortest < listener.least_seconds,
        "tags": shown,
    }


def embed_upload(listener: Listener, path: Path, watch: Watch, out: Path, kind: str) -> dict[str, Any]:
    """Write the embedding of every segment of a file to another file, in memory that does not grow with it.

    Parameters
    ----------
    listener
        The model.
    path
        The file.
    watch
        Follows the work.
    out
        The file to write.
    kind
        A key of :data:`EMBEDDING_KINDS`.

    Returns
    -------
    dict
        ``file, model, seconds, segments``.

    Raises
    ------
    MediaError, Refusal
        When the file cannot be embedded.
    """
    name = make_encodable(watch.name)
    writer = EMBEDDING_KINDS[kind][0](out, listener.embedding_dim, describe_network(listener))
    count, end = 0, 0.0
    try:
        for part in watch.follow(listener.forward_file(path)):
            spans = np.stack([part.starts, part.durations], axis=1)
            writer.write([name] * len(spans), spans, part.embeddings)
            count, end = count + len(spans), part.end
    finally:
        writer.close()
    return {"file": watch.name, "model": listener.name, "seconds": end, "segments": count}


class JsonEmbeddings:
    """One JSON document: what is known of the network, and a list of segments with ``start``, ``duration`` and ``embedding``."""

    def __init__(self, out: Path, dim: int, metadata: Mapping[str, str]) -> None:
        self._file = out.open("w", encoding="utf-8")
        self._first = True
        head = {key.removeprefix("hearsight."): value for key, value in metadata.items()}
        self._file.write(json.dumps({**head, "dim": dim})[:-1] + ', "segments": [')

    def write(
        self,
        paths: list[str],  # noqa: ARG002 (all segments are of one file)
        spans: Float64[np.ndarray, "rows 2"],
        values: Float32[np.ndarray, "rows dim"],
    ) -> None:
        """Append segments."""
        for (start, duration), row in zip(spans.tolist(), values, strict=True):
            numbers = ", ".join(f"{value:.7g}" for value in row.tolist())
            comma = "" if self._first else ","
            self._file.write(f'{comma}\n{{"start": {start}, "duration": {duration}, "embedding": [{numbers}]}}')
            self._first = False

    def close(self) -> None:
        """End the document."""
        self._file.write("\n]}\n")
        self._file.close()


EMBEDDING_KINDS: dict[str, tuple[Callable[[Path, int, Mapping[str, str]], EmbeddingWriter], str]] = {
    "json": (JsonEmbeddings, "application/json"),
    "csv": (WRITERS[".csv"], "text/csv; charset=utf-8"),
    "npz": (WRITERS[".npz"], "application/octet-stream"),
    "parquet": (WRITERS[".parquet"], "application/vnd.apache.parquet"),
}
"""The kinds of files of embeddings: their writer and media type."""
