from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from hearsight.detection.formats.catalogue import open_text
from hearsight.errors import MachineError, UsageError
from hearsight.listening import tagging
from hearsight.listening.detector import TagOptions
from hearsight.listening.recordings import Recording, find_recordings
from hearsight.listening.tagging import tag_to_folder, tag_to_writer

EVENTS = TagOptions(unit="events", threshold=0.0)


def write_rows(run, recordings, options, name="jsonl", **how):
    parts: list[str] = []
    failures = tag_to_writer(
        str(run), recordings, options, lambda context: open_text(name, parts.append, context), **how
    )
    return "".join(parts), failures


def test_rows_of_segments_are_those_of_the_listener(run, listener, write_sound):
    files = [write_sound("a.wav", 3.5), write_sound("b.wav", 2.0, seed=1)]
    text, failures = write_rows(run, find_recordings(files, []), TagOptions(unit="segments", top=2))
    expected = [tag.as_json() for path in files for tag in listener.tag(path, per_segment=True, top=2)]
    found = [json.loads(line) for line in text.splitlines()]
    assert failures == []
    assert [{**row, "probability": round(row["probability"], 5)} for row in found] == [
        {**row, "probability": round(row["probability"], 5)} for row in expected
    ]


def test_several_processes_write_the_same_rows_in_the_same_order(run, write_sound, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    files = [write_sound("long.wav", 6.0), bad, *(write_sound(f"{n}.wav", 1.0 + n, seed=n) for n in range(3))]
    recordings = find_recordings(files, [])
    alone, failed = write_rows(run, recordings, EVENTS, "csv")
    shared, failures = write_rows(run, recordings, EVENTS, "csv", workers=2)
    assert [line.split(",")[:4] for line in shared.splitlines()] == [line.split(",")[:4] for line in alone.splitlines()]
    assert [failure.summary for failure in failures] == [failure.summary for failure in failed]
    assert str(bad) in alone.splitlines()[-4] + alone.splitlines()[4]


def test_overlapping_segments_start_at_multiples_of_the_hop(run, write_sound):
    options = TagOptions(unit="segments", top=1, hop=0.25)
    text, _ = write_rows(run, find_recordings([write_sound("a.wav", 2.0)], []), options)
    assert [json.loads(line)["start"] for line in text.splitlines()] == [0.0, 0.25, 0.5, 0.75, 1.0]
    with pytest.raises(UsageError, match=r"hop: 1\.5 s"):
        write_rows(run, [], TagOptions(hop=1.5))


def test_standard_input_has_the_rows_of_the_file(run, write_sound, monkeypatch):
    path = write_sound("a.wav", 3.3, 22_050, channels=2)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    piped, _ = write_rows(run, [Recording("-", "stdin")], EVENTS)
    named, _ = write_rows(run, [Recording(str(path), "a")], EVENTS)
    assert piped.replace('"path": "-"', "") == named.replace(f'"path": "{path}"', "")
    with pytest.raises(UsageError, match="standard input"):
        write_rows(run, [Recording("-", "stdin"), Recording(str(path), "a")], EVENTS, workers=2)


def test_a_long_sound_is_tagged_as_its_parts_are(run, listener, write_sound):
    rng = np.random.default_rng(0)
    waveform = (0.1 * rng.standard_normal(16_000 * 100)).astype(np.float32)
    whole = [part.probabilities for part in listener.forward_waveform(waveform, 16_000)]
    parts = [
        part.probabilities
        for first in range(0, 100, 25)
        for part in listener.forward_waveform(waveform[first * 16_000 : (first + 25) * 16_000], 16_000)
    ]
    np.testing.assert_allclose(np.concatenate(whole), np.concatenate(parts), atol=1e-6)


def test_a_folder_is_resumed_and_what_changed_is_done_again(run, write_sound, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    files = [write_sound("a.wav", 2.0), bad, write_sound("b.wav", 1.0, seed=1)]
    recordings, out = find_recordings(files, []), tmp_path / "out"

    def tag(**how):
        report = tag_to_folder(str(run), recordings, how.pop("options", EVENTS), out, ["csv", "parquet"], **how)
        return report.num_done, report.num_before, len(report.failures)

    assert tag() == (2, 0, 1)
    rows = pq.read_table(out / "a.wav.parquet").to_pylist()
    assert {row["path"] for row in rows} == {str(files[0])}
    assert "bad.wav" in (out / "bad.wav.csv").read_text()
    assert tag() == (0, 2, 1)
    assert tag(only_failed=True) == (0, 2, 1)
    bad.write_bytes(files[0].read_bytes())
    assert tag() == (1, 2, 0)
    write_sound("a.wav", 3.0)
    assert tag() == (1, 2, 0)
    (out / "b.wav.csv").unlink()
    assert tag() == (1, 2, 0)
    assert tag(options=TagOptions(unit="segments")) == (3, 0, 0)


def test_a_run_that_was_killed_goes_on_where_it_stopped(run, write_sound, tmp_path, monkeypatch):
    recordings = find_recordings([write_sound(f"{n}.wav", 1.0, seed=n) for n in range(3)], [])
    real, calls = tagging.RecordingTagger.tag, []

    def die(self, recording, writers):
        calls.append(recording.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, recording, writers)

    monkeypatch.setattr(tagging.RecordingTagger, "tag", die)
    with pytest.raises(KeyboardInterrupt):
        tag_to_folder(str(run), recordings, EVENTS, tmp_path / "out", ["csv"])
    assert [path.name for path in (tmp_path / "out").glob("*.csv")] == ["0.wav.csv"]
    report = tag_to_folder(str(run), recordings, EVENTS, tmp_path / "out", ["csv"])
    assert (report.num_done, report.num_before) == (2, 1)
    assert calls == ["0.wav", "1.wav", "1.wav", "2.wav"]


def test_a_folder_that_cannot_be_written_is_named(run, write_sound, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((MachineError, OSError), match="file"):
        tag_to_folder(
            str(run), find_recordings([write_sound("a.wav", 1.0)], []), EVENTS, tmp_path / "file" / "x", ["csv"]
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_channels_that_cancel_each_other_are_a_note_of_every_row(run, tmp_path, capsys, workers):
    tone = 0.3 * np.sin(np.arange(48_000) / 5.0)
    files = [tmp_path / "inverted.wav", tmp_path / "plain.wav"]
    for path, other in zip(files, (-tone, tone), strict=True):
        soundfile.write(path, np.stack([tone, other], axis=1), 16_000)
    recordings = find_recordings(files, [])
    text, failures = write_rows(run, recordings, TagOptions(unit="segments", top=1), workers=workers)
    notes = [json.loads(line).get("note") for line in text.splitlines()]
    note = "the channels cancel each other from 0.00 s on; they are mixed with one of them inverted"
    assert (notes, failures) == ([note] * 3 + [None] * 3, [])
    assert f"{files[0]}: {note}\n" in capsys.readouterr().err
    csv, _ = write_rows(run, recordings, TagOptions(top=1), "csv")
    assert [line.rpartition(",")[2] for line in csv.splitlines()] == ["note", note, ""]


def test_what_failed_before_is_said_when_it_is_tried_again(run, write_sound, tmp_path, capsys):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    recordings = find_recordings([bad, write_sound("good.wav", 1.0)], [])
    for only_failed, said in ((False, False), (True, True)):
        report = tag_to_folder(str(run), recordings, TagOptions(), tmp_path / "out", ["csv"], only_failed=only_failed)
        assert len(report.failures) == 1
        assert ("1 recording failed before; it is tried again" in capsys.readouterr().err) is said
