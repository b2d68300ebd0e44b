from __future__ import annotations

import pytest

from hearsight.errors import TableError
from hearsight.review.judged import read_judged

HEAD = "path,class,probability,judgement,stratum,stratum_size\n"


def test_rows_stand_for_the_detections_of_their_stratum(tmp_path):
    rows = [
        "a,owl,0.9,right,1,4",
        "a,owl,0.8,wrong,1,4",
        "a,owl,0.2,right,0,30",
        "a,owl,0.1,skip,0,30",
        "a,fox,0.5,,0,7",
    ]
    (tmp_path / "j.csv").write_text(HEAD + "\n".join(rows) + "\n")
    fox, owl = read_judged([tmp_path / "j.csv"])
    assert (fox.name, len(fox.scores), fox.num_skipped) == ("fox", 0, 1)
    assert owl.weights.tolist() == [2.0, 2.0, 30.0]
    assert owl.right.tolist() == [True, False, True]
    assert (owl.num_detections, owl.num_skipped) == (34, 1)


def test_without_strata_each_row_stands_for_itself(tmp_path):
    (tmp_path / "j.csv").write_text("file,label,score,judgement\na,owl,0.9,yes\na,owl,0.8,no\n")
    (owl,) = read_judged([tmp_path / "j.csv"])
    assert (owl.weights.tolist(), owl.num_detections) == ([1.0, 1.0], 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("path,class,probability\na,owl,1\n", "a column 'judgement'"),
        (HEAD + "a,owl,0.9,maybe so,,\n", "judgement 'maybe so'"),
        (HEAD + "a,owl,,right,,\n", "probability None of a"),
        (HEAD + "a,owl,1.5,right,,\n", r"probability 1\.5 of a"),
        (HEAD + "a,owl,0.9,,0,5\n", "none of 1 detections is judged"),
        (HEAD + "a,owl,0.9,right,0,5\na,owl,0.8,right,0,6\n", "stratum 0 of 5 and of 6 detections"),
        (HEAD + "a,owl,0.9,right,0,1\na,owl,0.8,right,0,1\n", "2 judgements in a stratum of 1 detections"),
        (HEAD + "a,owl,0.9,right,0,1\na,owl,0.8,right,,\n", "stratum None of None detections"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, text, found):
    (tmp_path / "j.csv").write_text(text)
    with pytest.raises(TableError, match=found):
        read_judged([tmp_path / "j.csv"])
