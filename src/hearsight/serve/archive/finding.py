"""Searching the index of a server: by one of its segments, by a part of a recording, and its map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from hearsight.listening.listener import BLOCK_SECONDS, Listener
from hearsight.media.audio import stream_audio
from hearsight.search.example import Example, cut_blocks, list_own_rows
from hearsight.search.index import Index
from hearsight.search.manifest import check_model
from hearsight.search.nearest import Matches
from hearsight.search.results import Match, list_matches
from hearsight.serve.archive.sounds import follow_blocks
from hearsight.serve.refusals import Refusal
from hearsight.serve.work import Watch
from hearsight.units import to_samples

MOST_POINTS = 50_000
"""Points of a map that are sent; of more, evenly spaced ones."""
MOST_NAMES = 11
"""Classes that have different colours on the map."""


class Archive:
    """The index of a server, opened once; threads only read it.

    Parameters
    ----------
    folder
        The folder that ``hearsight index`` wrote.
    listener
        The model of the server, whose embeddings the index must hold.

    Raises
    ------
    IndexFolderError
        When there is no index, or it is damaged.
    UsageError
        When another network made it.
    """

    def __init__(self, folder: Path, listener: Listener) -> None:
        self.index = Index.open(folder)
        # a model that was taught on the network that made the index has the same embeddings
        if self.index.manifest.model.digest != listener.training.get("network_digest"):
            check_model(self.index.manifest, listener, folder)
        self._listener = listener
        # read now: the files may be gone when somebody asks
        self._rows, self._places = self.index.rows, self.index.places

    def describe(self) -> dict[str, Any]:
        """Return what the page needs to know of the index."""
        manifest = self.index.manifest
        return {
            "rows": manifest.rows,
            "recordings": len(self.index.recordings),
            "model": manifest.model.name,
            "digest": manifest.model.digest,
            "columns": list(self._rows.column_names),
            "has_map": self.has_map,
        }

    @property
    def has_map(self) -> bool:
        """Whether the rows have places in a plane."""
        return self._places is not None

    def check_row(self, row: int) -> None:
        """Check that there is a row of a number.

        Raises
        ------
        Refusal
            404 when there is none.
        """
        if not 0 <= row < self.index.manifest.rows:
            raise Refusal(
                404, "no_row", "the index", f"no row {row}", f"a row from 0 to {self.index.manifest.rows - 1}"
            )

    def locate(self, row: int) -> tuple[Path, float, float]:
        """Return the file of a row, and the seconds at which it starts and ends.

        Raises
        ------
        Refusal
            404 when there is none.
        """
        self.check_row(row)
        source, start, duration = (self._rows[name][row].as_py() for name in ("source", "start", "duration"))
        return self.index.locate(source), start, start + duration

    def find_like_row(self, row: int, top: int, where: str | None) -> list[Match]:
        """Return the rows that are nearest to a row, without those that overlap it.

        Raises
        ------
        Refusal
            404 when there is no such row.
        UsageError
            When the condition cannot be evaluated.
        """
        path, start, end = self.locate(row)
        return self._find(self.index.embeddings[row], top, where, Example(path, start, end))

    def find_like_part(self, example: Example, watch: Watch, top: int, where: str | None) -> list[Match]:
        """Return the rows that are nearest to a part of a recording, without those that overlap it.

        Raises
        ------
        MediaError, Refusal
            When the recording cannot be used.
        UsageError
            When the condition cannot be evaluated.
        """
        if where is not None:
            self.index.select(where)  # before the recording is decoded
        return self._find(embed_part(self._listener, example, watch), top, where, example)

    def _find(
        self, vector: Float64[np.ndarray, " dim"] | np.ndarray, top: int, where: str | None, own: Example
    ) -> list[Match]:
        found = self.index.query(vector, top=top, where=where, leave_out=list_own_rows(self.index, own))
        return list_matches(self.index, found)

    def list_rows(self, rows: Sequence[int]) -> list[Match]:
        """Return rows as matches, each its own nearest.

        Raises
        ------
        Refusal
            404 when there is no such row.
        """
        for row in rows:
            self.check_row(row)
        return list_matches(self.index, Matches(np.array(rows, np.int64), np.ones(len(rows))))

    def read_map(self, where: str | None) -> dict[str, Any]:
        """Return the places in a plane of the rows that fulfil a condition, and their most probable classes.

        Returns
        -------
        dict
            ``total``, ``names`` of classes, the most frequent first, and for up to :data:`MOST_POINTS` points ``rows``, ``x``,
            ``y`` and ``classes``: places among the names, or −1.

        Raises
        ------
        Refusal
            404 when the index has no map.
        UsageError
            When the condition cannot be evaluated.
        """
        if self._places is None:
            hint = "hearsight index RECORDINGS --out INDEX --map computes one"
            raise Refusal(404, "no_map", "the index", f"{self.index.manifest.rows:,} rows without a map", "a map", hint)
        rows = np.arange(self.index.manifest.rows) if where is None else self.index.select(where)
        shown = rows[:: max(1, -(-len(rows) // MOST_POINTS))]
        x, y = self._places[shown].astype(np.float64).T.round(5)
        names, classes = self._name_rows(shown)
        return {
            "total": len(rows),
            "names": names,
            "rows": shown.tolist(),
            "x": x.tolist(),
            "y": y.tolist(),
            "classes": classes,
        }

    def _name_rows(self, rows: Int64[np.ndarray, " shown"]) -> tuple[list[str], list[int]]:
        tags = self._rows["tags"].take(pa.array(rows)).to_pylist()
        firsts = [one[0] if one else None for one in tags]
        counts: dict[str, int] = {}
        for name in firsts:
            if name is not None:
                counts[name] = counts.get(name, 0) + 1
        names = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_NAMES]
        places = {name: place for place, name in enumerate(names)}
        return names, [-1 if name is None else places.get(name, -1) for name in firsts]


def embed_part(listener: Listener, example: Example, watch: Watch) -> Float64[np.ndarray, " dim"]:
    """Return the embedding of a part of a recording: the mean over its segments, by the time that each adds.

    Raises
    ------
    MediaError, Refusal
        When it cannot be decoded, nothing of it is within the span, or its client is gone.
    """
    rate = listener.training_sample_rate
    blocks = follow_blocks(stream_audio(example.path, rate, BLOCK_SECONDS), rate, watch)
    last = None if np.isinf(example.end) else to_samples(example.end, rate)
    cut = cut_blocks(blocks, to_samples(example.start, rate), last)
    total, weight = np.zeros(listener.embedding_dim), 0.0
    for part in watch.follow(listener.forward_stream(cut, example.path)):
        total += part.weights @ part.embeddings.astype(np.float64)
        weight += float(part.weights.sum())
    return total / weight
