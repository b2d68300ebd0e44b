from __future__ import annotations

import errno
import json
import os

import pytest

from hearsight.errors import InputError, MachineError
from hearsight.listening import journal as journal_module
from hearsight.listening.journal import NAME, locate_output, measure, open_journal
from hearsight.listening.recordings import Recording
from tests.support.disk import identify, record_syncs


@pytest.fixture
def recording(tmp_path) -> Recording:
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    return Recording(str(path), "a.wav")


def finish(folder, recording, error=None, parameters="p"):
    with open_journal(folder, parameters, [".csv"]) as journal:
        journal.locate(recording, ".csv").touch()
        journal.add(recording, measure(recording.path), 3, 1.5, error)


def find_state(folder, recording, parameters="p"):
    with open_journal(folder, parameters, [".csv"]) as journal:
        return journal.find_state(recording)


def test_a_recording_is_done_until_it_changes_or_its_file_is_gone(tmp_path, recording):
    out = tmp_path / "out"
    assert find_state(out, recording) == "new"
    finish(out, recording)
    assert find_state(out, recording) == "done"
    assert find_state(out, recording, "other parameters") == "new"
    assert find_state(out, Recording("elsewhere/a.wav", "a.wav")) == "new"
    os.utime(recording.path, ns=(1, 1))
    assert find_state(out, recording) == "new"
    finish(out, recording)
    (out / "a.wav.csv").unlink()
    assert find_state(out, recording) == "new"


def test_a_failure_is_kept_with_its_reason_until_a_later_line(tmp_path, recording):
    finish(tmp_path, recording, error="not audio")
    with open_journal(tmp_path, "p", [".csv"]) as journal:
        assert journal.find_state(recording) == "failed"
        assert journal.get_error(recording) == "not audio"
    finish(tmp_path, recording)
    assert find_state(tmp_path, recording) == "done"


def test_a_line_that_was_cut_off_is_ignored_and_does_not_spoil_the_next(tmp_path, recording):
    finish(tmp_path, recording)
    path = tmp_path / NAME
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert find_state(tmp_path, recording) == "new"
    finish(tmp_path, recording)
    assert find_state(tmp_path, recording) == "done"


@pytest.mark.parametrize("line", ["[]", "{}", "null", '{"name": 1}', "[" * 100_000, json.dumps({"name": "a.wav"})])
def test_lines_of_something_else_are_ignored(tmp_path, recording, line):
    (tmp_path / NAME).write_text(f"{line}\n")
    assert find_state(tmp_path, recording) == "new"


def test_another_process_is_kept_out(tmp_path):
    with (
        open_journal(tmp_path, "p", []),
        pytest.raises(MachineError, match="another process"),
        open_journal(tmp_path, "p", []),
    ):
        pass


def test_a_finished_folder_on_a_read_only_disk_needs_no_lock(tmp_path, recording, monkeypatch):
    finish(tmp_path, recording)

    def refuse(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(journal_module, "lock", refuse)
    assert find_state(tmp_path, recording) == "done"
    (tmp_path / NAME).unlink()
    with pytest.raises(OSError, match="Read-only file system"):
        find_state(tmp_path, recording)


def test_no_file_is_written_outside_of_the_folder(tmp_path):
    for name in ("../a.wav", "/a.wav", "x/../../a.wav"):
        with pytest.raises(InputError, match="below the folder"):
            locate_output(tmp_path, Recording("a.wav", name), ".csv")
    assert locate_output(tmp_path, Recording("a.wav", "x/a..wav"), ".csv") == tmp_path / "x/a..wav.csv"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_journal_that_is_no_file_is_refused_without_waiting(tmp_path, make):
    make(tmp_path / NAME)
    with pytest.raises(OSError, match="not a regular file"), open_journal(tmp_path, "p", [".csv"]):
        pass


@pytest.mark.parametrize("name", ["n" * 251 + ".wav", "ä" * 130, "below/" + "ö" * 127, "caf\\xe9" * 40])
def test_a_name_that_is_too_long_for_a_file_is_shortened_and_stays_its_own(tmp_path, name):
    path = locate_output(tmp_path, Recording("a.wav", name), ".selections.txt")
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert path.name.endswith(".selections.txt")
    assert path.parent == (tmp_path / name).parent
    assert path != locate_output(tmp_path, Recording("a.wav", name[:-1] + "x"), ".selections.txt")


def test_a_line_is_on_the_disk_when_add_returns(tmp_path, recording, monkeypatch):
    synced = record_syncs(monkeypatch)
    with open_journal(tmp_path, "p", []) as journal:
        for rows in (3, 4):
            journal.add(recording, measure(recording.path), rows, 1.5, None)
            assert synced[-1] == identify(tmp_path / NAME)
