"""Which media share sound, at whatever moments: copies that were cut, shifted or encoded again, and reuses of one recording.

Clips of such media must not lie on both sides of a split, and :mod:`hearsight.clips.duplicates` does not see it: it compares clips
as wholes, so that a copy that begins 1.3 s later has no clip in common. Here the sub-fingerprints of all clips
(:mod:`hearsight.clips.audio_fingerprints`), 32 bits every 32 ms, are compared at any offset:

1. Words that occur in a few media propose pairs of media and how they lie to each other. A word in many media proposes pairs of
   each with the first of them only, so that a recording of which there are many copies is linked through its first one, and
   the work for a hum or a jingle grows with the number of media and not with that of their pairs.
2. A proposal that enough words agree on is checked on all words that overlap by it. It is checked more strictly where all these
   words are in many media, since a jingle is no copy.

The joins are in :mod:`hearsight.clips.link_pairs`. They go through files, so that memory does not grow with the number of clips.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse
import scipy.sparse.csgraph
from jaxtyping import Float, Int16, Int64, Shaped, UInt32

from hearsight.clips.audio_fingerprints import HOP_LENGTH, compute_band_changes, pack_bits
from hearsight.clips.database import open_database
from hearsight.clips.link_pairs import FRAME, FRAMES_PER_SECOND, FrameFile, find_pairs
from hearsight.signal.waveform import from_int16

WORDS_FIELD = pa.field("subfingerprints", pa.binary())
"""Column of the words of a clip: for each frame three little-endian numbers of 4 bytes, as :func:`pack_words` packs them."""

_FRAME_BYTES = 12
_UNPACKED = 512
"""Clips that are unpacked at a time."""

_NUMBER = """
CREATE TABLE media AS
SELECT row_number() OVER (ORDER BY media_uuid) - 1 AS number, media_uuid FROM (SELECT DISTINCT media_uuid FROM {clips})
"""

_COUNT = f"SELECT count(*), coalesce(sum(octet_length(subfingerprints)), 0) // {_FRAME_BYTES} FROM {{clips}}"

_READ = """
SELECT media.number, clip.start, clip.subfingerprints FROM {clips} AS clip JOIN media USING (media_uuid)
WHERE clip.subfingerprints IS NOT NULL
"""


def pack_words(samples: Int16[np.ndarray, " samples"]) -> bytes:
    """Return the sub-fingerprints of a clip, as the column :data:`WORDS_FIELD` holds them.

    A frame has its word, the word of the frame half a hop later, and the places of the two weakest bits of each: 5 bits from bit 0
    and from bit 5 on for the first word, from bit 16 and bit 21 on for the second. Frames that are not audible have a word of 0.

    Parameters
    ----------
    samples
        16 kHz mono.
    """
    waveform = from_int16(samples)
    changes, audible = compute_band_changes(waveform)
    later, _ = compute_band_changes(waveform, HOP_LENGTH // 2)
    count = min(len(changes), len(later))
    packed = np.empty((count, 3), "<u4")
    packed[:, 0] = np.where(audible[:count], pack_bits(changes[:count]), 0)
    packed[:, 1] = pack_bits(later[:count])
    packed[:, 2] = _find_weak_bits(changes[:count]) | _find_weak_bits(later[:count]) << np.uint32(16)
    return packed.tobytes()


def _find_weak_bits(changes: Float[np.ndarray, "frames 32"]) -> UInt32[np.ndarray, " frames"]:
    """Return the places of the two bits that change least, 5 bits each."""
    places = (31 - np.argsort(np.abs(changes), axis=1)[:, :2]).astype(np.uint32)
    return places[:, 0] | places[:, 1] << np.uint32(5)


def link_media(clips: pa.Table | Path | Sequence[Path], memory_limit: str = "1GB") -> pa.Table:
    """Find the media that share sound.

    Parameters
    ----------
    clips
        A table with the columns ``media_uuid``, ``start`` and that of :data:`WORDS_FIELD`, or Parquet files of such a table,
        which are then never in memory as a whole.
    memory_limit
        What DuckDB may use before it spills to a temporary folder.

    Returns
    -------
    pyarrow.Table
        Columns ``media_uuid`` and ``leader``: each medium that is linked to another one, directly or by others in between, and the
        first UUID of those linked. It does not depend on the order of the clips.
    """
    with open_database(memory_limit) as database:
        source = database.add_source("clips", clips)
        database.execute(_NUMBER.format(clips=source))
        num_media = database.query("SELECT count(*) FROM media").column(0)[0].as_py()
        num_frames = database.query(_COUNT.format(clips=source)).column(1)[0].as_py()
        with tempfile.TemporaryDirectory(prefix="hearsight-") as folder:
            frames = FrameFile(Path(folder), num_media, int(num_frames))
            for batch in database.stream(_READ.format(clips=source)):
                for first in range(0, len(batch), _UNPACKED):
                    frames.append(_unpack(batch.slice(first, _UNPACKED)))
            frames.finish()
            pairs = find_pairs(Path(folder), frames)
        linked, places = np.unique(pairs, return_inverse=True)
        database.add_source("linked", pa.table({"number": pa.array(linked)}))
        uuids = database.query("SELECT media_uuid FROM media SEMI JOIN linked USING (number) ORDER BY number").column(0)
    return _group(places.reshape(-1, 2), uuids)


def _unpack(batch: pa.RecordBatch) -> Shaped[np.ndarray, " frames"]:
    """Return the audible frames of clips, placed on the time of their media."""
    packed = batch.column(2).to_pylist()
    lengths = np.array([len(value) // _FRAME_BYTES for value in packed], dtype=np.int64)
    words = np.frombuffer(b"".join(packed), "<u4").reshape(-1, 3)
    starts = np.rint(np.asarray(batch.column(1)) * FRAMES_PER_SECOND).astype(np.int64)
    within = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    frames = np.empty(len(words), FRAME)
    frames["media"] = np.repeat(np.asarray(batch.column(0)), lengths)
    frames["frame"] = np.repeat(starts, lengths) + within
    for index, name in enumerate(("word", "half", "weak")):
        frames[name] = words[:, index]
    return frames[frames["word"] != 0]


def _group(pairs: Int64[np.ndarray, "pairs 2"], uuids: pa.ChunkedArray) -> pa.Table:
    """Join pairs of places in ``uuids`` to groups, each with its first medium as leader."""
    count = len(uuids)
    matrix = scipy.sparse.coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    groups = scipy.sparse.csgraph.connected_components(matrix, directed=False)[1]
    leaders = np.full(count, count, dtype=np.int64)
    np.minimum.at(leaders, groups, np.arange(count))
    return pa.table({"media_uuid": uuids, "leader": uuids.take(pa.array(leaders[groups]))})
