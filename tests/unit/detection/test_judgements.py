from __future__ import annotations

import pytest

from hearsight.detection.judgements import RIGHT, SKIP, WRONG, check_unjudged, read_judgement
from hearsight.errors import TableError, UsageError


def test_what_people_and_spreadsheets_write_is_understood():
    assert [read_judgement(cell, "t") for cell in ("right", " Yes", "TRUE", "1")] == [RIGHT] * 4
    assert [read_judgement(cell, "t") for cell in ("wrong", "N", "false", "0")] == [WRONG] * 4
    assert [read_judgement(cell, "t") for cell in ("skip", "", None, "?")] == [SKIP] * 4


def test_other_words_are_refused():
    with pytest.raises(TableError, match="t: judgement 'rihgt', wanted right, wrong, skip or nothing") as caught:
        read_judgement("rihgt", "t")
    assert "did you mean 'right'" in caught.value.hint


def test_a_table_with_judgements_is_not_written_over(tmp_path):
    out = tmp_path / "judge.csv"
    check_unjudged(out)
    out.write_text("path,class,judgement\na.wav,owl,\n")
    check_unjudged(out)
    out.write_text("\ufeffpath,class,judgement\na.wav,owl,\nb.wav,owl,right\n")
    with pytest.raises(UsageError, match=r"judge.csv: a table with 1 judgements, wanted a new file"):
        check_unjudged(out)


@pytest.mark.parametrize(
    "content", [b"path;judgement\na.wav;right\n", "path,judgement\na.wav,right\n".encode("utf-16")]
)
def test_a_file_that_may_hold_judgements_is_not_written_over(content, tmp_path):
    (tmp_path / "judge.csv").write_bytes(content)
    with pytest.raises(UsageError, match="a file without a column 'judgement'"):
        check_unjudged(tmp_path / "judge.csv")
