from __future__ import annotations

import dataclasses
import os

from hearsight.dataset.layout import digest_json
from hearsight.media.collection.table import FoundSource, SourceTable
from hearsight.records import SOURCE_SCHEMA, Source

SOURCES = [Source("/b.mp4", 1.0, 2.0), Source("/a.mp4"), Source("/b.mp4"), Source("/b.mp4", 1.0), Source("/a.mp4")]


def test_sources_are_sorted_and_each_span_is_there_once() -> None:
    table = SourceTable.gather(FoundSource(source) for source in SOURCES)
    assert list(table) == [
        Source("/a.mp4"),
        Source("/b.mp4"),
        Source("/b.mp4", 1.0, 2.0),
        Source("/b.mp4", 1.0),
    ]
    assert [table[index] for index in range(-4, 4)] == [*table, *table]
    assert list(table[1:3]) == list(table)[1:3]


def test_the_digest_is_that_of_earlier_versions() -> None:
    table = SourceTable.gather(FoundSource(source) for source in SOURCES)
    rows = [dataclasses.astuple(source)[:3] for source in table]
    assert table.digest() == digest_json({"sources": rows})
    excerpt = SourceTable.gather(iter([FoundSource(dataclasses.replace(SOURCES[0], may_be_excerpt=True))]))
    assert excerpt.digest() != SourceTable.gather(iter([FoundSource(SOURCES[0])])).digest()


def test_a_name_that_is_no_utf8_survives() -> None:
    name = os.fsdecode(b"/caf\xe9.mp4")
    table = SourceTable.gather(iter([FoundSource(Source(name), key=name, id=name, format="ava", list=name)]))
    assert table[0].path == name
    listed = table.list_provenance()
    assert listed is not None
    assert listed.schema == SOURCE_SCHEMA
    assert listed["path"].to_pylist() == ["/caf\\xe9.mp4"]


def test_of_the_same_span_in_two_lists_the_first_is_kept() -> None:
    found = [FoundSource(Source("/a.mp4"), list=name, line=1, id=name, format="ava") for name in ("y", "x")]
    listed = SourceTable.gather(iter(found)).list_provenance()
    assert listed is not None
    assert listed["id"].to_pylist() == ["x"]
