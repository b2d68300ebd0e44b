from __future__ import annotations

import math

import pytest

from hearsight.detection.formats.catalogue import open_file
from hearsight.detection.formats.tracks import read_track
from hearsight.detection.formats.writer import Context
from hearsight.errors import TableError
from hearsight.records import Tag

TAGS = [Tag("night.wav", 1.5, 0.25, "Owl, tawny", 0.83), Tag("night.wav", 3.0, 1.0, "Fox", 0.5)]


@pytest.mark.parametrize(("name", "file"), [("raven", "x.selections.txt"), ("audacity", "night.wav.labels.txt")])
def test_what_is_written_is_read_back(tmp_path, name, file):
    (tmp_path / "night.wav").touch()
    with open_file(name, tmp_path / file, Context()) as writer:
        writer.write(TAGS)
    found = read_track(tmp_path / file)
    assert [(one.name, one.start, one.duration, one.probability) for one in found] == [
        (one.name, one.start, one.duration, one.probability) for one in TAGS
    ]
    assert {one.path.rpartition("/")[2] for one in found} == {"night.wav"}


def test_a_table_of_raven_itself_is_read(tmp_path):
    # as Raven Pro 1.6 saves it: each selection once per view, a column that the user added, the recording beside the table
    (tmp_path / "night.wav").touch()
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies"
    rows = ["1\tWaveform 1\t1\t0.5\t1.0\t0\t0\towl", "1\tSpectrogram 1\t1\t0.5\t1.0\t300\t900\towl"]
    path = tmp_path / "night.Table.1.selections.txt"
    path.write_text("\n".join([head, *rows]) + "\n")
    (tag,) = read_track(path)
    assert (tag.path, tag.start, tag.duration, tag.name) == (str(tmp_path / "night.wav"), 0.5, 0.5, "owl")
    assert math.isnan(tag.probability)


def test_a_relative_path_of_a_selection_table_starts_from_its_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = tmp_path / "x.selections.txt"
    head = "Begin Time (s)\tEnd Time (s)\tSpecies\tBegin Path"
    path.write_text(f"{head}\n0\t1\towl\tsounds/night.wav\n0\t1\towl\t/far/day.wav\n")
    assert [one.path for one in read_track(path)] == [str(tmp_path / "sounds" / "night.wav"), "/far/day.wav"]


def test_a_track_of_audacity_itself_is_read(tmp_path):
    (tmp_path / "night.flac").touch()
    (tmp_path / "night.txt").write_text("0.500000\t1.000000\towl call\n\\\t300.0\t900.0\n2.0\t2.0\tclick\n")
    found = read_track(tmp_path / "night.txt")
    assert [(one.name, one.start, one.duration) for one in found] == [("owl call", 0.5, 0.5), ("click", 2.0, 0.0)]


def test_what_is_no_track_is_refused_by_line(tmp_path):
    (tmp_path / "a.wav").touch()
    path = tmp_path / "a.txt"
    for text, found in (("0\t1\n", "2 cells"), ("0\tx\towl\n", "'x'"), ("0\tinf\towl\n", "'inf'")):
        path.write_text(text)
        with pytest.raises(TableError, match=rf"a\.txt line 1: {found}"):
            read_track(path)
    (tmp_path / "b.txt").write_text("0\t1\towl\n")
    with pytest.raises(TableError, match="no recording called b next to it"):
        read_track(tmp_path / "b.txt")
    path.write_text("Begin Time (s)\tEnd Time (s)\n0\t1\n")
    with pytest.raises(TableError, match="a class in one of"):
        read_track(path)
