"""Which media share sound, at whatever moments: copies that were cut, shifted or encoded again, and reuses of one recording.

Clips of such media must not lie on both sides of a split, and :mod:`hearsight.clips.duplicates` does not see it: it compares clips
as wholes, so that a copy that begins 1.3 s later has no clip in common. Here the sub-fingerprints of all clips
(:mod:`hearsight.clips.audio_fingerprints`), 32 bits every 32 ms, are compared at any offset:

1. Words that occur in a few media propose pairs of media and how they lie to each other. A word in many media proposes pairs of
   each with the first of them only, so that a recording of which there are many copies is linked through its first one, and
   the work for a hum or a jingle grows with the number of media and not with that of their pairs.
2. A proposal that enough words agree on is checked on all words that overlap by it. It is checked more strictly where all these
   words are in many media, since a jingle is no copy.

All of it is joins of sorted columns that DuckDB spills to disk, so that memory does not grow with the number of clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import scipy.sparse
import scipy.sparse.csgraph
from jaxtyping import Float, Int16, Int64, UInt32

from hearsight.clips.audio_fingerprints import HOP_LENGTH, compute_band_changes, pack_bits
from hearsight.clips.database import open_database
from hearsight.signal.waveform import from_int16
from hearsight.units import SAMPLE_RATE

WORDS_FIELD = pa.field("subfingerprints", pa.binary())
"""Column of the words of a clip: for each frame three little-endian numbers of 4 bytes, as :func:`pack_words` packs them."""

MAX_MEDIA = 20
"""Media in which a word may occur to propose pairs among all of them."""

MIN_VOTES = 4
"""Number of words that must agree on the offset between two media."""

MIN_OVERLAP = 2.0
"""Seconds of audible overlap that linked media have."""

MAX_DIFFERENCE = 0.25
"""Share of bits in which the overlap of two copies may differ. Measured: MP3 copies shifted by 1.3 s differ in 6 to 21 %; that of
unrelated sounds is about a half."""

MAX_COMMON_DIFFERENCE = 0.22
"""The same where only words in many media agree. A jingle in half of two recordings makes them differ in a quarter."""

_FRAMES_PER_SECOND = SAMPLE_RATE / HOP_LENGTH
_FRAME_BYTES = 12
_SHIFTS = 3
"""Offsets of a pair of media that are checked: those with most votes."""

_NUMBER = """
CREATE TABLE media AS
SELECT row_number() OVER (ORDER BY media_uuid) - 1 AS number, media_uuid FROM (SELECT DISTINCT media_uuid FROM {clips})
"""

_READ = """
SELECT media.number, clip.start, clip.subfingerprints FROM {clips} AS clip JOIN media USING (media_uuid)
WHERE clip.subfingerprints IS NOT NULL
"""

_CHOOSE = f"""
CREATE TABLE chosen AS
WITH once AS (SELECT media, word, min(frame) AS frame FROM frame GROUP BY media, word),
     found AS (SELECT word, count(*) > {MAX_MEDIA} AS common, min(media) AS first FROM once GROUP BY word)
SELECT once.*, common FROM once JOIN found USING (word) WHERE NOT common OR media = first
"""

_VARIANTS = [
    variant.format(word, shift)
    for word, shift in (("word", 0), ("half", 16))
    for variant in (
        "{0}",
        "xor({0}, 1::UINTEGER << (weak >> {1} & 31))",
        "xor({0}, 1::UINTEGER << (weak >> ({1} + 5) & 31))",
        "xor(xor({0}, 1::UINTEGER << (weak >> {1} & 31)), 1::UINTEGER << (weak >> ({1} + 5) & 31))",
    )
]
"""A word is looked up half a frame later too, and with its two weakest bits turned over: encoding spares few words whole."""

_VOTE = """
INSERT INTO vote
SELECT least(chosen.media, f.media), greatest(chosen.media, f.media),
       CASE WHEN chosen.media < f.media THEN f.frame - chosen.frame ELSE chosen.frame - f.frame END AS shift, common, count(*)
FROM (SELECT media, frame, {variant} AS word FROM frame) AS f
JOIN chosen ON chosen.word = f.word AND chosen.media <> f.media
GROUP BY ALL
"""

_PROPOSE = f"""
CREATE TABLE proposal AS
WITH total AS (
  SELECT a, b, shift, bool_and(common) AS common, sum(votes) AS votes FROM vote
  GROUP BY a, b, shift HAVING sum(votes) >= {MIN_VOTES}
)
SELECT a, b, shift, common FROM total QUALIFY row_number() OVER (PARTITION BY a, b ORDER BY votes DESC, shift) <= {_SHIFTS}
"""

_CHECK = f"""
SELECT DISTINCT proposal.a, proposal.b
FROM proposal
JOIN frame AS x ON x.media = proposal.a
JOIN frame AS y ON y.media = proposal.b AND y.frame = x.frame + proposal.shift
GROUP BY proposal.a, proposal.b, proposal.shift, proposal.common
HAVING count(*) >= {MIN_OVERLAP * _FRAMES_PER_SECOND}
   AND least(avg(bit_count(xor(x.word, y.word))), avg(bit_count(xor(x.half, y.word))), avg(bit_count(xor(x.word, y.half))))
       <= CASE WHEN proposal.common THEN {MAX_COMMON_DIFFERENCE * 32} ELSE {MAX_DIFFERENCE * 32} END
ORDER BY ALL
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


def link_media(clips: pa.Table | Path, memory_limit: str = "1GB") -> pa.Table:
    """Find the media that share sound.

    Parameters
    ----------
    clips
        A table with the columns ``media_uuid``, ``start`` and that of :data:`WORDS_FIELD`, or a Parquet file of such a table,
        which is then never in memory as a whole.
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
        database.execute(
            "CREATE TABLE frame (media INTEGER, frame INTEGER, word UINTEGER, half UINTEGER, weak UINTEGER)"
        )
        database.execute("CREATE TABLE vote (a INTEGER, b INTEGER, shift INTEGER, common BOOLEAN, votes BIGINT)")
        for frames in _unpack(database.stream(_READ.format(clips=source))):
            database.append("frame", frames)
        database.execute(_CHOOSE)
        for variant in _VARIANTS:
            database.execute(_VOTE.format(variant=variant))
        database.execute(_PROPOSE)
        pairs = database.query(_CHECK)
        uuids = database.query("SELECT media_uuid FROM media ORDER BY number").column(0)
    return _group(pairs, uuids)


def _unpack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Turn clips into rows of a frame each, placed on the time of their media."""
    for batch in batches:
        packed = batch.column(2).to_pylist()
        lengths = np.array([len(value) // _FRAME_BYTES for value in packed], dtype=np.int64)
        words = np.frombuffer(b"".join(packed), "<u4").reshape(-1, 3)
        starts = np.rint(np.asarray(batch.column(1)) * _FRAMES_PER_SECOND).astype(np.int64)
        within = np.arange(len(words)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        frames = np.repeat(starts, lengths) + within
        media = np.repeat(np.asarray(batch.column(0)), lengths)
        audible = words[:, 0] != 0
        columns = {"media": pa.array(media[audible], pa.int32()), "frame": pa.array(frames[audible], pa.int32())}
        for index, name in enumerate(("word", "half", "weak")):
            columns[name] = pa.array(words[audible, index], pa.uint32())
        yield pa.table(columns)


def _group(pairs: pa.Table, uuids: pa.ChunkedArray) -> pa.Table:
    """Join pairs to groups, each with its first medium as leader."""
    first, second = (np.asarray(pairs.column(index), dtype=np.int64) for index in (0, 1))
    groups = _find_components(first, second, len(uuids))
    linked = np.unique(np.concatenate([first, second]))
    leaders = np.full(len(uuids), len(uuids), dtype=np.int64)
    np.minimum.at(leaders, groups, np.arange(len(uuids)))
    media = uuids.take(pa.array(linked))
    return pa.table({"media_uuid": media, "leader": uuids.take(pa.array(leaders[groups[linked]]))})


def _find_components(
    first: Int64[np.ndarray, " pairs"], second: Int64[np.ndarray, " pairs"], count: int
) -> Int64[np.ndarray, " media"]:
    matrix = scipy.sparse.coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    return scipy.sparse.csgraph.connected_components(matrix, directed=False)[1].astype(np.int64)
