"""The record of a download: what was tried is known again, whatever a killed process has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.errors import InputError
from hearsight.media.download.failures import BLOCKED, FAILED, GONE
from hearsight.media.download.ledger import DONE, Attempt, Ledger
from hearsight.media.lists.entry import ListEntry
from tests.support.disk import identify, record_syncs

ENTRIES = [ListEntry(f"video{number}", number + 1, 30.0, 40.0) for number in range(4)]
OUTCOMES = [DONE, GONE, BLOCKED, FAILED]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "fetch.jsonl"
    with Ledger(path) as ledger:
        for entry, outcome in zip(ENTRIES, OUTCOMES, strict=True):
            ledger.record(entry, Attempt(outcome, "why"))
    return path


def find_outcomes(path: Path) -> list[str | None]:
    with Ledger(path) as ledger:
        return [ledger.find(entry) for entry in ENTRIES]


def test_outcomes_are_known_again(path: Path) -> None:
    assert find_outcomes(path) == OUTCOMES


def test_the_last_outcome_of_an_entry_counts(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.record(ENTRIES[3], Attempt(DONE, file="video3.mkv"))
        assert ledger.find(ENTRIES[3]) == DONE
    assert find_outcomes(path) == [DONE, GONE, BLOCKED, DONE]


def test_spans_of_one_video_are_separate_entries(path: Path) -> None:
    with Ledger(path) as ledger:
        assert ledger.find(ListEntry("video0", 9, 30.0, 41.0)) is None
        assert ledger.find(ListEntry("video0", 9, 30.0, 40.0)) == DONE


def test_half_of_a_last_line_is_cut_off_and_the_next_one_is_whole(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert find_outcomes(path) == [DONE, GONE, BLOCKED, None]
    with Ledger(path) as ledger:
        ledger.record(ENTRIES[3], Attempt(FAILED, "why"))
    assert path.read_bytes() == whole


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:20] + b"\n" + lines[2])
    with pytest.raises(InputError, match="line 2"):
        Ledger(path)


def test_an_outcome_is_on_the_disk_when_record_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = record_syncs(monkeypatch)
    with Ledger(path) as ledger:
        ledger.record(ENTRIES[0], Attempt(FAILED))
        assert synced[-1] == identify(path)
