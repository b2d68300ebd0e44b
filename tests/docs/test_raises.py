"""Errors state the value that was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.raises import FLOOR, find_raises
from tools.shares import count_places, report_share


def test_nearly_all_errors_state_the_value_found() -> None:
    found, share = count_places(find_raises)
    assert len(found) > 500
    missing = [f"{one.path.name}:{one.line}: {one.text}" for one in found if not one.passes]
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
    assert [one.passes for one in find_raises(path)] == [carries]


def test_an_error_that_is_passed_on_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("try:\n    f()\nexcept E as error:\n    raise error\nexcept F:\n    raise\n")
    assert list(find_raises(path)) == []


def test_a_share_below_the_floor_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_share(find_raises, "raises: {} carry", 0.0) == 0
    assert report_share(find_raises, "raises: {} carry", 1.01) == 1
    assert "carry (9" in capsys.readouterr().out
