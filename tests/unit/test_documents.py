"""Whatever a document holds, reading it ends with its values or with one error that names the place."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from hearsight.documents import MOST_MISTAKES, check_object, format_json, parse_json, read_json, read_text, validate
from hearsight.errors import CheckpointError, DatasetError


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    age: int


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"not JSON \(line 1"),
        (b"{", r"not JSON \(line 1"),
        (b'{"a": 1,\n,}', r"not JSON \(line 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, r"not usable JSON \(Exceeds the limit"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (b'{"loss": NaN}', r"not usable JSON \(the number NaN is not finite\)"),
        (b"[-Infinity]", "the number -Infinity is not finite"),
        (b"[1e999]", "the number 1e999 is not finite"),
        (b"\x00" * 100, "not JSON"),
    ],
)
def test_a_damaged_document_is_one_error_that_names_it(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=found) as caught:
        read_json(path, CheckpointError)
    assert caught.value.where == str(path)


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 101)
    for name, found in (("pipe", "named pipe"), ("absent", "no such file"), (".", "folder"), ("large", "101 bytes")):
        with pytest.raises(DatasetError, match=found):
            read_text(tmp_path / name, DatasetError, most_bytes=100)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json") == [1]


@given(st.text(max_size=40))
@example("NaN")
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        expected = json.loads(text)
        json.dumps(expected, allow_nan=False)  # Python's reader takes NaN, which is no JSON
    except ValueError:
        with pytest.raises(CheckpointError, match=r"^a document: "):
            parse_json(text, "a document", CheckpointError)
    else:
        assert parse_json(text, "a document", CheckpointError) == expected


def test_mistakes_are_named_with_place_and_value() -> None:
    with pytest.raises(DatasetError) as caught:
        validate(Person, {"name": "Ada", "age": "young", "height": 2}, "people.json", DatasetError, wanted="a person")
    assert caught.value.summary.startswith("people.json: age = 'young': Input should be a valid integer")
    assert "height = 2: Extra inputs are not permitted" in caught.value.summary
    assert caught.value.summary.endswith("wanted a person")
    assert validate(Person, {"name": "Ada", "age": 36}, "people.json").age == 36


def test_long_values_and_many_mistakes_are_cut_short() -> None:
    with pytest.raises(DatasetError) as caught:
        validate(Person, {f"key{n}": "x" * 10_000 for n in range(50)}, "people.json", DatasetError)
    assert len(caught.value.summary) < 200 * (MOST_MISTAKES + 1)
    assert f"and {52 - MOST_MISTAKES} more mistakes" in caught.value.summary


@pytest.mark.parametrize("values", [[], "a", 1, None])
def test_what_is_no_object_is_named_by_its_kind(values: object) -> None:
    with pytest.raises(DatasetError, match=f"of the kind {type(values).__name__}"):
        check_object(values, "a.json", DatasetError)


def test_numbers_that_are_not_finite_are_written_as_null_and_read_as_null_from_old_files(tmp_path: Path) -> None:
    value = {"loss": math.nan, "bounds": (-math.inf, 1.5), "name": "NaN", "nested": [{"a": math.inf}]}
    text = format_json(value)
    assert json.loads(text) == {"loss": None, "bounds": [None, 1.5], "name": "NaN", "nested": [{"a": None}]}
    assert parse_json(text, "a") == json.loads(text)
    (tmp_path / "old.json").write_text(json.dumps(value))
    assert read_json(tmp_path / "old.json", old=True) == json.loads(text)


def test_text_that_cannot_be_json_is_refused_by_the_writer_unless_a_default_is_given() -> None:
    with pytest.raises(TypeError):
        format_json({"path": Path("a")})
    assert format_json({"path": Path("a")}, default=str) == '{"path": "a"}'
