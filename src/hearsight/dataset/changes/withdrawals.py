"""What was withdrawn from a dataset: ``withdrawn.json``, by which later builds leave it out.

It holds digests only. Whoever has a file or knows its path can tell whether it was withdrawn; the record itself has no name in it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict

from hearsight.dataset.layout import Layout, read_json, write_json
from hearsight.documents import validate_list
from hearsight.errors import DatasetError
from hearsight.media.collection.table import SourceTable

_BATCH = 4096


class Withdrawal(BaseModel):
    """One withdrawal.

    Attributes
    ----------
    date
        The day, as ``2026-11-28``.
    dataset
        Digest of the dataset before, as runs that were trained on it record it.
    num_clips
        Clips that were removed.
    media
        UUIDs of the media files, which follow from their bytes.
    names
        SHA-256 of their paths, and of their ids and addresses in published lists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str
    dataset: str
    num_clips: int
    media: tuple[str, ...]
    names: tuple[str, ...]


class Withdrawals:
    """Everything that was withdrawn from a dataset."""

    def __init__(self, records: Iterable[Withdrawal] = ()) -> None:
        self.records = tuple(records)
        self.media = frozenset(uuid for record in self.records for uuid in record.media)
        self._names = frozenset(name for record in self.records for name in record.names)

    @classmethod
    def read(cls, layout: Layout) -> Withdrawals:
        """Read those of a dataset; there are none where nothing was withdrawn.

        Raises
        ------
        DatasetError
            When the file is damaged.
        """
        if not layout.withdrawn.exists():
            return cls()
        values = read_json(layout.withdrawn)
        return cls(validate_list(Withdrawal, values, layout.withdrawn, DatasetError, wanted="a withdrawal"))

    def write(self, layout: Layout, added: Withdrawal) -> None:
        """Write them with another one."""
        write_json(layout.withdrawn, [one.model_dump(mode="json") for one in (*self.records, added)])

    def find_kept(self, sources: SourceTable) -> Bool[np.ndarray, " sources"]:
        """Return for each source whether neither its path nor its id or address in a list was withdrawn."""
        if not self._names:
            return np.ones(len(sources), np.bool_)
        columns = [name for name in ("path", "id", "url") if name in sources.table.column_names]
        kept = [np.zeros(0, np.bool_)]
        for batch in sources.table.select(columns).to_batches(max_chunksize=_BATCH):
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            kept.append(np.array([all(map(self._is_kept, row)) for row in rows], np.bool_))
        return np.concatenate(kept)

    def _is_kept(self, name: str | bytes | None) -> bool:
        return name is None or digest_name(name) not in self._names


def digest_name(name: str | bytes) -> str:
    """Return the SHA-256 of a path, id or address."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()
