"""Errors state the value that was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.raises import FLOOR, count_raises, find_raises


def test_nine_of_ten_errors_state_the_value_found() -> None:
    found, share = count_raises()
    assert len(found) > 500
    missing = [f"{one.path.name}:{one.line}: {one.text}" for one in found if not one.carries]
    assert share >= FLOOR, "\n".join(missing)


@pytest.mark.parametrize(
    ("statement", "carries"),
    [
        ('raise InputError(path, f"{count} rows", "one")', True),
        ('raise InputError(path, found, "one")', True),
        ('raise InputError(f"{path} line {line}", "an odd line", "one")', False),
        ('raise InputError(path, "no such file", "a table")', True),
        ('raise InputError("the table", "no such file", "a table")', False),
        ('raise InputError(where=path, found=describe(path), wanted="one")', True),
        ("raise MediaError(*parts)", True),
        ('raise ValueError(f"{count} rows")', True),
        ('raise ValueError("odd")', False),
        ("raise IndexError", False),
        ("raise make_error(path)", True),
        ("raise make_error()", False),
    ],
)
def test_a_value_is_what_the_message_computes(statement: str, carries: bool, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(f"def f():\n    {statement}\n")
    assert [one.carries for one in find_raises(path)] == [carries]


def test_an_error_that_is_passed_on_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("try:\n    f()\nexcept E as error:\n    raise error\nexcept F:\n    raise\n")
    assert list(find_raises(path)) == []
