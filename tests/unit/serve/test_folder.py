"""The private folder of uploads."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from pathlib import Path

import pytest

from hearsight.serve.folder import StoredFile, open_private_folder, remove_abandoned
from hearsight.serve.limits import ServeLimits
from hearsight.serve.refusals import Refusal


def test_the_folder_is_private_and_removed_even_when_the_block_fails(tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with contextlib.suppress(ZeroDivisionError), open_private_folder(ServeLimits(), tmp_path) as folder:
        stored = StoredFile(folder, "a.wav")
        stored.write(b"sound")
        stored.close()
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert stored.path.stat().st_mode & 0o777 == 0o600
        assert stored.path.read_bytes() == b"sound"
        fail()
    assert list(tmp_path.iterdir()) == []


def test_bytes_are_counted_until_the_file_is_removed(tmp_path: Path) -> None:
    with open_private_folder(ServeLimits(upload_bytes=8, stored_bytes=10), tmp_path) as folder:
        first, second = StoredFile(folder, "a"), StoredFile(folder, "b")
        first.write(b"12345678")
        with pytest.raises(Refusal, match="a: more than 8 bytes, wanted at most 8") as too_large:
            first.write(b"9")
        with pytest.raises(Refusal, match="no more may be stored") as full:
            second.write(b"123")
        assert (too_large.value.status, full.value.status) == (413, 507)
        assert folder.stored_bytes == 8
        first.remove()
        first.remove()
        second.write(b"123")
        assert folder.stored_bytes == 3
        second.remove()
        assert folder.stored_bytes == 0


def hold(parent: Path, ready: object, go: object) -> None:
    with open_private_folder(ServeLimits(), parent):
        ready.set()  # type: ignore[attr-defined]
        go.wait()  # type: ignore[attr-defined]
        os._exit(0)  # as if it were killed


def test_folders_of_killed_servers_are_removed_and_those_of_others_kept(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready, go))
    other.start()
    ready.wait(60)
    remove_abandoned(tmp_path)
    assert len(list(tmp_path.glob("hearsight-serve-*"))) == 1
    go.set()
    other.join()
    remove_abandoned(tmp_path)
    assert list(tmp_path.glob("hearsight-serve-*")) == []
