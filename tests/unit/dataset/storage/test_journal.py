"""Journals: whole lines are read, whatever a killed writer or a failing disk has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.dataset.storage.journal import Journal, decode_line, encode_line, read_journal
from tests.support.disk import identify, record_syncs

VALUES = [{"unit": "a", "clips": 3}, {"unit": "b\n\u2028", "path": "caf\udce9.mp4"}, {"unit": "c"}]


def write(path: Path) -> bytes:
    with Journal(path) as journal:
        for value in VALUES:
            journal.append(value)
    return path.read_bytes()


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "new" / "a.journal")
    assert list(read_journal(tmp_path / "new" / "a.journal")) == VALUES


def test_last_line_torn_at_any_byte_costs_only_itself(tmp_path: Path) -> None:
    content = write(tmp_path / "a.journal")
    last = content.rindex(b"\n", 0, len(content) - 1) + 1
    torn = tmp_path / "torn.journal"
    for end in range(last, len(content)):
        torn.write_bytes(content[:end])
        whole = VALUES[:-1] if end == last else [*VALUES[:-1], None]
        assert list(read_journal(torn)) == whole


def test_flipped_bit_costs_only_its_line(tmp_path: Path) -> None:
    content = write(tmp_path / "a.journal")
    first = content.index(b"\n") + 1
    for place in range(first - 1):
        damaged = bytearray(content)
        damaged[place] ^= 4
        (tmp_path / "b.journal").write_bytes(damaged)
        assert list(read_journal(tmp_path / "b.journal"))[-2:] == VALUES[1:]
        assert decode_line(bytes(damaged[:first])) is None


def test_a_journal_has_one_writer_in_its_life(tmp_path: Path) -> None:
    write(tmp_path / "a.journal")
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "a.journal")


def test_line_that_is_no_object_is_passed_over() -> None:
    line = encode_line({"a": 1})
    assert decode_line(line) == {"a": 1}
    assert decode_line(b"") is None
    assert decode_line(line[:-1]) is None
    assert decode_line(b"00000000 \n") is None


def test_a_line_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = record_syncs(monkeypatch)
    with Journal(tmp_path / "a.journal") as journal:
        for value in VALUES:
            journal.append(value)
            assert synced[-1] == identify(tmp_path / "a.journal")
