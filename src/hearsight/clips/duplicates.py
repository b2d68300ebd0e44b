"""Clips that sound and look like an earlier one. The only file that imports DuckDB, which joins tables larger than memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

MOST_SOUND_BITS = 48
"""Of 256 bits of sound, how many may differ; unrelated clips differ in 128 on average, with a deviation of some 10."""

MOST_IMAGE_BITS = 8
"""Of 64 bits of pictures, how many may differ."""

_SOUND_BANDS, _IMAGE_BANDS = 16, 4

# Exact copies are collapsed first, so that a jingle that a thousand files share does not make a million pairs. The rest are
# candidates where one of 16 sound bands and one of 4 picture bands (16 bits each) are equal, and duplicates where the whole is
# near enough.
_QUERY = """
with clips as (
    select uuid, any_value(sound_fingerprint) as sound, any_value(image_fingerprint) as image,
           min(media_uuid) as media, min(start) as start
    from given group by uuid
), placed as (
    select *, row_number() over (order by media, start, uuid) as place from clips
), distinct_clips as (
    select sound, image, min(place) as place from placed group by sound, image
), bands as (
    select place, sound, image, s.band * {image_bands} + i.band as band,
           substr(hex(sound), 1 + 4 * s.band, 4) || substr(hex(image), 1 + 4 * i.band, 4) as value
    from distinct_clips,
         (select unnest(range({sound_bands})) as band) s, (select unnest(range({image_bands})) as band) i
), candidates as (
    select distinct late.place as late, early.place as early, late.sound as late_sound, early.sound as early_sound,
           late.image as late_image, early.image as early_image
    from bands late join bands early on late.band = early.band and late.value = early.value and early.place < late.place
), near as (
    select late, min(early) as early from candidates
    where bit_count(xor(late_sound::bit, early_sound::bit)) <= {most_sound}
      and bit_count(xor(late_image::bit, early_image::bit)) <= {most_image}
    group by late
), resolved as (
    select placed.place, placed.uuid, coalesce(near.early, same.place) as early
    from placed join distinct_clips same on placed.sound = same.sound and placed.image = same.image
    left join near on near.late = same.place
)
select resolved.uuid as uuid, earlier.uuid as duplicate_of
from resolved join placed earlier on earlier.place = resolved.early
where resolved.early < resolved.place order by resolved.place
"""


def find_duplicates(clips: pa.Table | Sequence[Path]) -> pa.Table:
    """Find clips whose sound and pictures both nearly equal those of an earlier one, in the order of (media, start).

    Parameters
    ----------
    clips
        A clip table (``records.CLIP_SCHEMA``), or Parquet files of it, which need not fit into memory. A UUID that stands there
        twice is one clip.

    Returns
    -------
    pyarrow.Table
        Columns ``uuid`` and ``duplicate_of``, a row per duplicate, in the same order.
    """
    with duckdb.connect() as connection:
        if isinstance(clips, pa.Table):
            connection.register("given", clips)
        else:
            connection.read_parquet([str(path) for path in clips]).create_view("given")
        query = _QUERY.format(
            sound_bands=_SOUND_BANDS,
            image_bands=_IMAGE_BANDS,
            most_sound=MOST_SOUND_BITS,
            most_image=MOST_IMAGE_BITS,
        )
        return connection.sql(query).to_arrow_table()
