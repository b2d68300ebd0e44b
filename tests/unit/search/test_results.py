from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.errors import UsageError
from hearsight.search.results import choose_format, list_matches, write_matches
from tests.support.search import write_arrays


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    values = np.random.default_rng(0).standard_normal((8, 4))
    columns = {"site": ["=cmd()"] * 8, "day": [datetime(2024, 5, 17)] * 8}
    return write_arrays(tmp_path_factory.mktemp("search") / "index", values, **columns)


@pytest.fixture(scope="module")
def matches(index):
    return list_matches(index, index.query(index.embeddings[5], top=3))


def write(matches, index, name, out=None):
    parts: list[str] = []
    write_matches(matches, index, name, "dog", parts.append, out)
    return "".join(parts)


def test_matches_have_rank_span_tags_and_metadata(matches):
    values = matches[0].as_json()
    assert {**values, "similarity": round(values["similarity"], 6)} == {
        "rank": 1,
        "similarity": 1.0,
        "row": 5,
        "source": "1.wav",
        "start": 1.0,
        "duration": 1.0,
        "time": None,
        "tags": ["bark", "rain"],
        "site": "=cmd()",
        "day": "2024-05-17T00:00:00",
    }
    assert matches[0].list_cells() == ("1.wav", "1.00", "2.00", "1.000", "bark, rain")


def test_json_csv_and_parquet_hold_the_same_rows(matches, index, tmp_path):
    objects = json.loads(write(matches, index, "json"))
    rows = list(csv.DictReader(io.StringIO(write(matches, index, "csv"))))
    write(matches, index, "parquet", tmp_path / "found.parquet")
    table = pq.read_table(tmp_path / "found.parquet").to_pylist()
    for one, row, line in zip(objects, rows, table, strict=True):
        assert (one["row"], one["similarity"]) == (int(row["row"]), float(row["similarity"]))
        assert (one["row"], one["similarity"], one["tags"]) == (line["row"], line["similarity"], line["tags"])
        assert row["site"] == "'=cmd()"
        assert row["tags"] == "; ".join(one["tags"])
    assert write([], index, "json") == "[]\n"


def test_detections_are_in_the_order_of_time_with_the_example_as_their_class(matches, index, tmp_path):
    write(matches, index, "raven", tmp_path / "found.txt")
    lines = (tmp_path / "found.txt").read_text().splitlines()
    assert len(lines) == 4
    assert all("\tdog\t" in line for line in lines[1:])
    spans = [(line.split("\t")[9], float(line.split("\t")[10])) for line in lines[1:]]
    assert spans == sorted(spans)
    one = [match for match in matches if match.source == "1.wav"]
    assert "dog" in write(one, index, "audacity")


def test_formats_that_cannot_hold_the_rows_are_refused(matches, index):
    with pytest.raises(UsageError, match="audacity for 2 recordings, wanted one recording"):
        write(matches, index, "audacity")
    with pytest.raises(UsageError, match="parquet on standard output"):
        write(matches, index, "parquet")


def test_the_format_is_that_of_the_suffix_unless_it_is_named():
    assert choose_format(None, None) == "table"
    assert choose_format(None, Path("a.csv")) == "csv"
    assert choose_format("raven", Path("a.txt")) == "raven"
    assert choose_format("json", None) == "json"
    for file, wanted in (
        ("a.selections.txt", "raven"),
        ("a.labels.txt", "audacity"),
        ("a.kaleidoscope.csv", "kaleidoscope"),
    ):
        assert choose_format(None, Path(file)) == wanted
    for name, out in ((None, "a.txt"), ("table", "a.csv")):
        with pytest.raises(UsageError, match="a name that ends in"):
            choose_format(name, Path(out))
