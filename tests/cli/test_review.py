"""``hearsight review``: from detections to a table to judge, and from judgements to thresholds."""

from __future__ import annotations

import json

from tests.support.processes import run_command


def test_detections_are_drawn_judged_and_turned_into_thresholds(tmp_path):
    rows = [f"a.wav,{number},1,owl,{number / 40}" for number in range(40)]
    (tmp_path / "tags.csv").write_text("path,start,duration,class,probability\n" + "\n".join(rows) + "\n")
    judge = tmp_path / "judge.csv"
    drawn = run_command("review", tmp_path / "tags.csv", "--draw", "--per-class", 20, "--out", judge, "--json")
    assert json.loads(drawn.stdout)["classes"] == {"owl": 20}
    head, *lines = judge.read_text().splitlines()
    marked = [line.replace(",,", ",right," if float(line.split(",")[4]) > 0.5 else ",wrong,", 1) for line in lines]
    judge.write_text("\n".join([head, *marked]) + "\n")
    out = tmp_path / "thresholds.csv"
    done = run_command("review", judge, "--precision", "0.95", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "owl" in done.stdout
    name, threshold, _ = out.read_text().splitlines()[1].split(",")
    assert (name, float(threshold) > 0.5) == ("owl", True)


def test_refusals_have_a_code(tmp_path):
    (tmp_path / "tags.csv").write_text("path,class,probability\na,owl,0.5\n")
    for arguments, code, found in (
        ((tmp_path / "tags.csv",), 3, "a column 'judgement'"),
        ((tmp_path / "tags.csv", "--draw"), 2, "no --out"),
        ((tmp_path / "absent.csv",), 3, "absent.csv"),
        ((tmp_path / "tags.csv", "--precision", "90"), 2, "--precision: 90"),
    ):
        done = run_command("review", *arguments)
        assert done.returncode == code, done.stderr
        assert found in done.stderr
