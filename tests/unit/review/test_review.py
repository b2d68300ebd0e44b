from __future__ import annotations

import json

import pytest

from hearsight.detection.classes import read_thresholds
from hearsight.errors import UsageError
from hearsight.review.review import COLUMNS, review

ROWS = """path,start,duration,class,probability,judgement
a.wav,0,1,owl,0.9,right
a.wav,6,1,owl,0.9,right
a.wav,7,1,owl,0.9,right
a.wav,8,1,owl,0.8,right
a.wav,1,1,owl,0.7,right
a.wav,2,1,owl,0.4,wrong
a.wav,3,1,fox,0.9,wrong
a.wav,4,1,'=cat,0.9,
a.wav,5,1,dog,0.8,right
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "judged.csv").write_text(ROWS)
    return tmp_path / "judged.csv"


def test_thresholds_are_those_that_tag_reads(table, tmp_path):
    report = review([table], out=tmp_path / "thresholds.csv", figure=tmp_path / "precision.svg")
    found = read_thresholds(tmp_path / "thresholds.csv")
    assert {name: value.threshold for name, value in found.items()} == {"owl": 0.7}
    assert "owl" in (tmp_path / "precision.svg").read_text()
    assert report.unjudged == ("=cat",)
    assert report.describe() == [
        "no threshold has a precision of 0.9: fox",
        "too few are judged for a threshold, which needs 5 judged detections at or above it: dog (1)",
        "nothing is judged: =cat",
    ]


def test_the_report_is_a_table_and_json_without_nan(table):
    report = review([table], precision=0.6)
    dog, fox, owl = report.list_rows()
    assert len(owl) == len(COLUMNS)
    assert owl[:4] == ("owl", "6", "6", "5")
    assert owl[5] == "0.400"
    assert fox[5:] == ("not reached", "", "", "0 (0 to 0)")
    assert dog[4].startswith("100 % (21 to")
    assert dog[5:8] == ("too few judged", "", "")
    values = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert values["classes"][2]["curve"]["thresholds"] == [0.4, 0.7, 0.8, 0.9]
    assert values["classes"][2]["curve"]["judged"] == [6, 5, 4, 3]
    assert [(one["threshold"], one["too_few"]) for one in values["classes"]] == [(None, 1), (None, 0), (0.4, 0)]


@pytest.mark.parametrize(("count", "threshold"), [(1, None), (4, None), (5, 0.8), (6, 0.8)])
def test_a_threshold_rests_on_five_judgements_at_or_above_it_however_many_are_below(tmp_path, count, threshold):
    rows = [f"a.wav,{place},1,owl,0.8,right" for place in range(count)]
    rows += [f"b.wav,{place},1,owl,0.3,wrong" for place in range(20)]
    (tmp_path / "judged.csv").write_text("\n".join(["path,start,duration,class,probability,judgement", *rows]) + "\n")
    (owl,) = review([tmp_path / "judged.csv"]).classes
    assert (owl.threshold, owl.too_few) == (threshold, 0 if threshold else count)


def test_values_out_of_range_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="--precision: 0"):
        review([tmp_path / "absent.csv"], precision=0.0)
    with pytest.raises(UsageError, match=r"\.png or"):
        review([tmp_path / "absent.csv"], figure=tmp_path / "a.txt")
