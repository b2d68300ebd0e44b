"""Which of the 4,096 folds a media file belongs to: what keeps a source out of both splits.

A clip's fold is that of its *media*, so that two clips of one recording are never on both sides of a split (Jia 2019, section 2,
splits by clip; see ``docs/paper-notes.md``), on any machine, in any order of work. Media that share sound share the fold of the
first of them.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUM_FOLDS = 4096
"""Folds, and shards at the papers' size."""


def assign_fold(media_uuid: str) -> int:
    """Return the fold of a media file, 0 to 4,095: the SHA-256 of its UUID, modulo 4,096.

    Parameters
    ----------
    media_uuid
        As :func:`hearsight.records.name_media` names it; upper and lower case are the same identity.
    """
    digest = hashlib.sha256(media_uuid.lower().encode("ascii")).digest()
    return int.from_bytes(digest, "big") % NUM_FOLDS


def share_folds(clips: pa.Table, links: pa.Table) -> pa.Table:
    """Assign one fold to all clips of linked media.

    Parameters
    ----------
    clips
        A table with the columns ``media_uuid`` and ``fold``.
    links
        As :func:`hearsight.clips.links.link_media` returns it.

    Returns
    -------
    pyarrow.Table
        The same clips in the same order; those of linked media have the fold of their leader.
    """
    if not len(links):
        return clips
    shared = np.array([assign_fold(leader) for leader in links.column("leader").to_pylist()], np.int32)
    options = pc.SetLookupOptions(value_set=links.column("media_uuid").combine_chunks())
    places = pc.call_function("index_in", [clips.column("media_uuid")], options)
    linked = np.asarray(places.is_valid())
    folds = clips.column("fold").to_numpy().astype(np.int32)
    folds[linked] = shared[np.asarray(places.fill_null(0))[linked]]
    column = clips.schema.get_field_index("fold")
    return clips.set_column(column, clips.schema.field(column), pa.array(folds))
