"""Clips that sound and look like an earlier one: the same recording under another name, encoded again.

Two clips are the same when they are as long as each other and both fingerprints agree except in a few bits. Comparing all with
all would take a trillion comparisons for a million clips; so only clips are compared that agree in at least one of 31
overlapping 16-bit words of the sound's fingerprint and in at least one of four bytes of the picture's, which the same recording
does unless it is nearly unrecognisable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int32

from hearsight.clips.database import Database, open_database

MAX_SOUND_BITS = 51
"""Bits of 256 in which the sounds of two copies may differ. Measured: re-encodings at a quarter of the bit rate, half the level
and half the sample rate differ in at most 26; other recordings, and other moments of the same one, in at least 90."""

MAX_IMAGE_BITS = 8
"""Bits of 64 in which the pictures of two copies may differ. Measured: re-encodings at 144 lines and half the frame rate differ in
at most 5."""

MAX_DURATION_DIFFERENCE = 0.25
"""Seconds by which the durations of two copies may differ."""

_NUM_WORDS = 31
_NUM_BYTES = 4

_LOAD = """
CREATE TABLE clip AS
SELECT row_number() OVER (ORDER BY settled DESC, media_uuid, start, uuid) AS place, *,
       hex(sound) AS sound_hex, hex(image) AS image_hex
FROM (
    SELECT uuid, min(media_uuid) AS media_uuid, min(start) AS start, coalesce(min(duration), 0) AS duration,
           min(sound_fingerprint) AS sound, min(image_fingerprint) AS image, bool_or(settled) AS settled
    FROM ({clips}) GROUP BY uuid
)
"""

_FIND_FIRST = """
CREATE TABLE first AS
SELECT min(place) AS place, sound, image, round(duration, 1) AS length FROM clip GROUP BY sound, image, length
"""

_COMPARE = """
INSERT INTO pair
WITH key AS (
    SELECT clip.place, clip.duration, clip.sound, clip.image, which, substr(sound_hex, ?, 4) AS word,
           substr(image_hex, 2 * which + 1, 2) AS byte
    FROM clip SEMI JOIN first ON clip.place = first.place, range({bytes}) AS bytes(which)
)
SELECT DISTINCT a.place, b.place
FROM key AS a JOIN key AS b ON a.word = b.word AND a.which = b.which AND a.byte = b.byte AND a.place < b.place
WHERE abs(a.duration - b.duration) <= {duration}
  AND bit_count(xor(a.image::BIT, b.image::BIT)) <= {image}
  AND bit_count(xor(a.sound::BIT, b.sound::BIT)) <= {sound}
"""

_SAME_AS_FIRST = """
SELECT clip.place, first.place AS first FROM clip JOIN first
ON clip.sound = first.sound AND clip.image = first.image AND round(clip.duration, 1) = first.length
WHERE clip.place > first.place AND NOT clip.settled ORDER BY clip.place
"""


def find_duplicates(
    clips: pa.Table | Sequence[str | Path], memory_limit: str = "1GB", settled: Sequence[Path] = ()
) -> pa.Table:
    """Find the clips that nearly equal an earlier one in sound and pictures.

    Parameters
    ----------
    clips
        A table with the columns of :data:`hearsight.records.CLIP_SCHEMA`, or Parquet files of such tables, which are then
        never in memory as a whole.
    memory_limit
        What DuckDB may use before it spills to a temporary folder.
    settled
        Parquet files of clips that are kept in any case; the others are compared with them first.

    Returns
    -------
    pyarrow.Table
        Columns ``uuid`` and ``duplicate_of``: each clip to be dropped, and the kept one that it repeats. Clips are visited in
        order of ``media_uuid``, ``start``, and each is compared with those kept before it, so that the result does not depend
        on the order of the table. A UUID that comes twice is one clip.
    """
    with open_database(memory_limit) as database:
        return _find(database, clips, settled)


def _find(database: Database, clips: pa.Table | Sequence[str | Path], settled: Sequence[Path]) -> pa.Table:
    if not isinstance(clips, pa.Table) and not clips:
        return pa.table({"uuid": pa.array([], pa.string()), "duplicate_of": pa.array([], pa.string())})
    queries = [f"SELECT *, false AS settled FROM {database.add_source('source', clips)}"]
    if settled:
        queries.append(f"SELECT *, true AS settled FROM {database.add_source('settled', settled)}")
    database.execute(_LOAD.format(clips=" UNION ALL BY NAME ".join(queries)))
    database.execute(_FIND_FIRST)
    database.execute("CREATE TABLE pair (earlier BIGINT, later BIGINT)")
    compare = _COMPARE.format(
        bytes=_NUM_BYTES, duration=MAX_DURATION_DIFFERENCE, image=MAX_IMAGE_BITS, sound=MAX_SOUND_BITS
    )
    for word in range(_NUM_WORDS):
        database.execute(compare, [2 * word + 1])
    kept = _keep_earliest(database)
    later = np.flatnonzero(kept >= 0)
    database.add_source("pairs", pa.table({"later": pa.array(later), "earlier": pa.array(kept[later])}))
    return database.query(
        "SELECT a.uuid AS uuid, b.uuid AS duplicate_of FROM pairs JOIN clip AS a ON a.place = pairs.later "
        "JOIN clip AS b ON b.place = pairs.earlier ORDER BY a.place"
    )


def _keep_earliest(database: Database) -> Int32[np.ndarray, " clips"]:
    """Go through the clips in order and drop each that equals one kept before it.

    Returns
    -------
    np.ndarray
        By the place of a clip, that of the kept one that it repeats; -1 where it is kept itself.
    """
    count, num_settled = (
        database.query(f"SELECT coalesce(max(place), -1) + 1 FROM clip {which}").column(0)[0].as_py()
        for which in ("", "WHERE settled")
    )
    kept = np.full(count, -1, np.int32)
    for later, earlier in _read_pairs(database, "SELECT DISTINCT later, earlier FROM pair ORDER BY later, earlier"):
        if later >= num_settled and kept[later] < 0 and kept[earlier] < 0:
            kept[later] = earlier
    found = kept.copy()  # copies of one clip are not compared with each other
    for later, first in _read_pairs(database, _SAME_AS_FIRST):
        found[later] = kept[first] if kept[first] >= 0 else first
    return found


def _read_pairs(database: Database, query: str) -> Iterator[tuple[int, int]]:
    for batch in database.stream(query):
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
