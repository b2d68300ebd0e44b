"""Every format holds the same rows: each is read back here by what is known of its layout, not by the code that wrote it."""

from __future__ import annotations

import csv
import html
import io
import json
import re

import pyarrow.parquet as pq
import pytest

from hearsight.detection.formats.catalogue import FORMATS, open_file, open_text
from hearsight.detection.formats.writer import Context
from hearsight.errors import UsageError
from hearsight.records import Tag

ROWS = [
    Tag("field/beach.wav", 0.0, 1.0, "Gull", 0.83, "heard", "litert-yamnet"),
    Tag("field/beach.wav", 0.4799375, 2.5, "=cmd <b>|& bell", 0.5),
    Tag("field/beach.wav", 3725.0625, 1.0, "Rain\tand\nwind", 0.251, "heard", "litert-yamnet"),
]
SHORT = [
    (0.0, 1.0, "Gull", 0.83),
    (0.4799375, 2.9799375, "=cmd <b>|& bell", 0.5),
    (3725.0625, 3726.0625, "Rain\\tand\\nwind", 0.251),
]
"""Start, end, class and probability, control characters as escapes."""


def write(name: str, path, rows=ROWS) -> str:
    with open_file(name, path, Context(8_000.0)) as writer:
        writer.write(rows[:1])
        writer.write(rows[1:])
        writer.end_file("field/beach.wav", 4000.0)
        writer.fail("field/bad.wav", "field/bad.wav: not audio")
    return path.read_bytes().decode("utf-8") if name != "parquet" else ""


def read_subtitles(text: str, point: str) -> list[tuple[float, float, str, float]]:
    def seconds(stamp: str) -> float:
        hours, minutes, rest = stamp.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(rest.replace(point, "."))

    found = []
    for start, end, words in re.findall(r"(\S+) --> (\S+)\n(.+)\n\n", text):
        name, percent = re.fullmatch(r"(.+) \((\d+) %\)", words).groups()
        found.append((seconds(start), seconds(end), html.unescape(name), int(percent) / 100))
    return found


def check(found, digits: int, probability_digits: int) -> None:
    assert [row[2] for row in found] == [row[2] for row in SHORT]
    for row, expected in zip(found, SHORT, strict=True):
        assert row[:2] == pytest.approx(expected[:2], abs=0.5001 * 10**-digits)
        assert row[3] == pytest.approx(expected[3], abs=0.5001 * 10**-probability_digits)


def test_json_lines_have_every_digit_and_the_reason_of_a_failure(tmp_path):
    lines = [json.loads(line) for line in write("jsonl", tmp_path / "x.jsonl").splitlines()]
    assert lines == [*(row.as_json() for row in ROWS), {"path": "field/bad.wav", "error": "field/bad.wav: not audio"}]


def test_json_is_an_array_of_tags(tmp_path):
    assert json.loads(write("json", tmp_path / "x.json")) == [row.as_json() for row in ROWS]
    with open_file("json", tmp_path / "empty.json", Context()):
        pass
    assert json.loads((tmp_path / "empty.json").read_text()) == []


def test_csv_has_every_digit_and_no_formula(tmp_path):
    rows = list(csv.DictReader(io.StringIO(write("csv", tmp_path / "x.csv"), newline="")))
    assert [(float(row["start"]), float(row["duration"]), float(row["probability"])) for row in rows[:3]] == [
        (row.start, row.duration, row.probability) for row in ROWS
    ]
    assert [row["class"] for row in rows] == ["Gull", "'=cmd <b>|& bell", "Rain\tand\nwind", ""]
    assert (rows[3]["path"], rows[3]["error"]) == ("field/bad.wav", "field/bad.wav: not audio")


def test_parquet_has_every_digit(tmp_path):
    write("parquet", tmp_path / "x.parquet")
    rows = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert [{k: v for k, v in row.items() if k not in ("error", "note")} for row in rows[:3]] == [
        row.as_json() for row in ROWS
    ]
    assert rows[3]["error"] == "field/bad.wav: not audio"


def test_audacity_reads_start_end_and_label(tmp_path):
    found = []
    for line in write("audacity", tmp_path / "x.txt").splitlines():
        start, end, label = line.split("\t")
        name, _, probability = label.rpartition(" ")
        found.append((float(start), float(end), name, float(probability)))
    check(found, 6, 2)


def test_raven_reads_a_selection_table(tmp_path):
    table = csv.DictReader(io.StringIO(write("raven", tmp_path / "x.txt")), delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = list(table)
    assert table.fieldnames[:7] == [
        "Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)",
    ]  # fmt: skip
    assert [row["Selection"] for row in rows] == ["1", "2", "3"]
    assert {(row["View"], row["Channel"], row["Low Freq (Hz)"], row["High Freq (Hz)"]) for row in rows} == {
        ("Spectrogram 1", "1", "0.0", "8000.0")
    }
    times = [(float(row["Begin Time (s)"]), float(row["End Time (s)"])) for row in rows]
    check([(*t, row["Class"], float(row["Probability"])) for t, row in zip(times, rows, strict=True)], 9, 6)


def test_a_selection_table_of_several_recordings_counts_on(tmp_path):
    with open_file("raven", tmp_path / "x.txt", Context()) as writer:
        for name in ("a.wav", "b.wav"):
            writer.write([Tag(name, 1.0, 1.0, "Gull", 0.5)])
            writer.end_file(name, 60.0)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.txt").read_text()), delimiter="\t"))
    assert [(float(row["Begin Time (s)"]), float(row["File Offset (s)"])) for row in rows] == [(1, 1), (61, 1)]


def test_a_selection_table_names_recordings_absolutely_where_they_are_known(tmp_path):
    (tmp_path / "a.wav").touch()
    with open_file("raven", tmp_path / "x.txt", Context(root=str(tmp_path))) as writer:
        writer.write([Tag("a.wav", 1.0, 1.0, "Gull", 0.5), Tag("-", 1.0, 1.0, "Gull", 0.5)])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.txt").read_text()), delimiter="\t"))
    assert [row["Begin Path"] for row in rows] == [str(tmp_path / "a.wav"), "-"]


def test_kaleidoscope_reads_folder_file_offset_and_match(tmp_path):
    rows = list(csv.DictReader(io.StringIO(write("kaleidoscope", tmp_path / "x.csv"))))
    assert {(row["INDIR"], row["FOLDER"], row["IN FILE"], row["CHANNEL"]) for row in rows} == {
        ("field", "", "beach.wav", "0")
    }
    found = [
        (
            float(row["OFFSET"]),
            float(row["OFFSET"]) + float(row["DURATION"]),
            row["TOP1MATCH"],
            1 - float(row["TOP1DIST"]),
        )
        for row in rows
    ]
    assert found[1][2] == "'=cmd <b>|& bell"
    found[1] = (*found[1][:2], found[1][2][1:], found[1][3])
    check(found, 9, 6)


def test_subrip_and_webvtt_have_the_same_cues(tmp_path):
    srt, vtt = write("srt", tmp_path / "x.srt"), write("vtt", tmp_path / "x.vtt")
    assert re.findall(r"^\d+$", srt, re.MULTILINE) == ["1", "2", "3"]
    assert vtt.startswith("WEBVTT\n\n")
    assert "<b>" not in vtt
    check(read_subtitles(srt, ","), 3, 2)
    check(read_subtitles(vtt, "."), 3, 2)


def test_a_binary_format_is_not_written_to_standard_output():
    with pytest.raises(UsageError, match="parquet on standard output"):
        open_text("parquet", lambda text: None, Context())


def test_every_suffix_is_that_of_one_format():
    assert len({one.suffix for one in FORMATS.values()}) == len(FORMATS)
