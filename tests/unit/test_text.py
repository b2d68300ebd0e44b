"""Text from outside is shown without anything that a terminal obeys."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight.text import describe_table_fault, escape_controls, escape_json, find_control, make_encodable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Dog \N{RIGHTWARDS ARROW} Hund, 犬, Ä", "Dog \N{RIGHTWARDS ARROW} Hund, 犬, Ä"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("a\nerror: forged", "a\\nerror: forged"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("caf\udce9.wav", "caf\\xe9.wav"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_control_characters_are_shown_as_escapes_and_other_text_stays(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


@given(st.text(st.characters(codec=None)))
def test_no_text_leaves_a_character_that_a_terminal_obeys(text: str) -> None:
    shown = escape_controls(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs")]
    assert escape_controls(shown) == shown
    shown.encode()


def test_the_first_control_character_is_found() -> None:
    assert find_control("a\x07b\x1b") == "\\x07"
    assert find_control("Dog") is None


@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_escaped_json_has_the_same_values(values: dict[str, str]) -> None:
    document = escape_json(json.dumps(values, ensure_ascii=False, indent=1))
    assert json.loads(document) == json.loads(json.dumps(values))
    assert not [c for c in document if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]


def test_only_what_utf_8_cannot_hold_is_escaped_for_storing() -> None:
    assert make_encodable("caf\udce9 \ud800 \u00e9\n.wav") == "caf\\xe9 \\ud800 \u00e9\n.wav"


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (b"file,site\r\n", ""),
        ("\ufefffile,a;b\n".encode(), ""),
        (b"file\n", ""),
        (b"", ""),
        (b"file;site\n", "cells separated by semicolons"),
        (b"file\tsite\n", "cells separated by tabs"),
        ("file,site\n".encode("utf-16"), "text in UTF-16"),
        ("file,site\n".encode("utf-16-le"), "text in UTF-16"),
        ("\ufefffile,site\n".encode("utf-16-be"), "text in UTF-16"),
    ],
)
def test_what_spreadsheets_write_in_place_of_a_csv_table_is_named(head: bytes, fault: str) -> None:
    assert describe_table_fault(head) == fault
