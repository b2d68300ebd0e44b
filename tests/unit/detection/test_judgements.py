from __future__ import annotations

import pytest

from hearsight.detection.judgements import RIGHT, SKIP, WRONG, read_judgement
from hearsight.errors import TableError


def test_what_people_and_spreadsheets_write_is_understood():
    assert [read_judgement(cell, "t") for cell in ("right", " Yes", "TRUE", "1")] == [RIGHT] * 4
    assert [read_judgement(cell, "t") for cell in ("wrong", "N", "false", "0")] == [WRONG] * 4
    assert [read_judgement(cell, "t") for cell in ("skip", "", None, "?")] == [SKIP] * 4


def test_other_words_are_refused():
    with pytest.raises(TableError, match="t: judgement 'rihgt', wanted right, wrong, skip or nothing") as caught:
        read_judgement("rihgt", "t")
    assert "did you mean 'right'" in caught.value.hint
