"""The papers' tables from the command line, and a measurement of one's own in them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.processes import run_command

CELL = "soundnet2016-4:svm-mfcc:esc10"


@pytest.fixture
def esc10(tmp_path: Path) -> Path:
    """ESC-10's own layout: ten classes of 40 short tones."""
    folder = tmp_path / "esc10"
    times = np.arange(2_000) / 8_000
    for label in range(10):
        entry = folder / f"{label + 1:03d} - Class {label}"
        entry.mkdir(parents=True)
        for number in range(40):
            tone = 0.3 * np.sin(2 * np.pi * (200 + 250 * label + number) * times)
            name = f"{number % 5 + 1}-{1000 * label + number}-A.wav"
            soundfile.write(entry / name, tone.astype(np.float32), 8_000)
    return folder


def test_a_score_is_recorded_and_stands_in_the_table_with_its_provenance(esc10: Path, tmp_path: Path) -> None:
    results = tmp_path / "mine.jsonl"
    recorded = ("--record", CELL, "--results", results)
    done = run_command("evaluate", "baseline:log-mel", "--benchmark", f"esc10={esc10}", "--no-cache", *recorded)
    assert done.returncode == 0, done.stderr
    (line,) = results.read_text().splitlines()
    assert json.loads(line)["num_clips"] == 400
    told = json.loads(run_command("tables", "soundnet2016-4", "--results", results, "--json").stdout)
    cell = next(
        c for row in told[0]["rows"] if row["row"] == "svm-mfcc" for c in row["cells"] if c["column"] == "esc10"
    )
    assert cell["measured_value"] == json.loads(line)["value"] > 90.0
    assert "probe linear (paper: svm)" in cell["notes"][0]
    said = run_command("tables", "soundnet2016-4", "--results", results, "--provenance").stdout
    assert said.startswith(CELL)
    assert f"--record {CELL}" in said


def test_every_table_is_printed_in_every_form() -> None:
    for person in (run_command("tables", "hershey2017").stdout, run_command("tables", "hershey2017-2").stdout):
        assert "Inception V3" in person
        assert "405 hours in the text" in person
    rows = list(csv.DictReader(io.StringIO(run_command("tables", "jia2019-4", "--format", "csv").stdout)))
    assert len(rows) == 14
    assert {row["measured"] for row in rows} == {""}
    assert run_command("tables", "jia2019-4", "--format", "markdown").stdout.startswith("## Jia 2019, Table 4")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("tables", "jia2019-5"), 2, "did you mean"),
        (("tables", "jia2019-4", "--results", "/nowhere/results.jsonl"), 3, "/nowhere/results.jsonl"),
        (
            ("evaluate", "baseline:log-mel", "--benchmark", "esc10=/nowhere", "--record", "jia2019-3:human:top1"),
            2,
            "esc50",
        ),
        (
            ("evaluate", "baseline:log-mel", "--benchmark", "esc10=/nowhere", "--record", "jia2019-3"),
            2,
            "TABLE:ROW:COLUMN",
        ),
    ],
)
def test_mistakes_are_named_before_anything_is_measured(arguments: tuple[str, ...], code: int, told: str) -> None:
    done = run_command(*arguments)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
