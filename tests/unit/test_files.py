from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hearsight
from hearsight import files
from hearsight.errors import MachineError, UnwritableError, from_os_error
from hearsight.files import (
    UnsuitableFileError,
    check_output,
    find_temporary_files,
    lock,
    make_folder,
    open_regular,
    read_regular,
    rename_durably,
    write_atomically,
    write_bytes,
    write_text,
)
from hearsight.version import VERSION


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what reaches the disk, in order: names of synced files and folders, and renames."""
    events: list[str] = []
    sync, replace = os.fsync, Path.replace

    def record_sync(descriptor: int) -> None:
        events.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def record_replace(self: Path, target: Path) -> Path:
        events.append(f"rename to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(Path, "replace", record_replace)
    return events


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_end(tmp_path: Path, synced: list[str]) -> None:
    with write_atomically(tmp_path / "table.parquet") as temporary:
        temporary.write_bytes(b"new")
        assert temporary.suffix == ".parquet"
    assert synced == [f"sync {temporary.name}", "rename to table.parquet", f"sync {tmp_path.name}"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_names_of_new_folders_reach_the_disk_too(tmp_path: Path, synced: list[str]) -> None:
    make_folder(tmp_path / "one" / "two")
    assert synced == [f"sync {tmp_path.name}", "sync one"]
    make_folder(tmp_path / "one" / "two")
    assert len(synced) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_renamed_folder_is_on_the_disk_under_its_new_name(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "new.tmp").mkdir()
    rename_durably(tmp_path / "new.tmp", tmp_path / "new")
    assert synced == ["rename to new", f"sync {tmp_path.name}"]


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_texts_are_utf_8_and_bytes_are_bytes(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "Tür\n")
    write_bytes(tmp_path / "bytes", b"\x00\r\n")
    assert (tmp_path / "text").read_bytes() == b"T\xc3\xbcr\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with write_atomically(tmp_path / "a") as first, write_atomically(tmp_path / "a") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"
    assert list(find_temporary_files(tmp_path)) == []


def test_a_name_of_the_longest_length_can_be_written(tmp_path: Path) -> None:
    name = "ü" * 125 + ".json"
    write_text(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(UnwritableError, match="not a regular file"), write_atomically(path):
            pass
    assert (tmp_path / "pipe").is_fifo()


def test_an_output_that_cannot_be_written_is_refused_before_and_while_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "file" / "new" / "out", tmp_path / "link" / "out", tmp_path / "pipe", tmp_path):
        with pytest.raises(MachineError, match="cannot be written") as refused:
            check_output(path)
        with pytest.raises(UnwritableError) as failed, write_atomically(path):
            pass
        assert from_os_error(failed.value).exit_code == refused.value.exit_code == 7
    check_output(tmp_path / "new" / "out")
    check_output(tmp_path / "file")


def test_temporary_files_of_killed_writers_are_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    strays = {tmp_path / "a" / ".x.0123abcd.tmp.arrow", tmp_path / ".y.json.4711.tmp", tmp_path / ".z.89abcdef.tmp"}
    strays.add(tmp_path / ".w.4711-0123abcd-89abcdef.tmp.png")
    for path in (*strays, tmp_path / ".gitignore", tmp_path / "z.tmp", tmp_path / ".notes.tmp"):
        path.touch()
    assert set(find_temporary_files(tmp_path)) == strays


def write_half(path: Path, ready: object) -> None:
    with write_atomically(path) as temporary:
        temporary.write_bytes(b"half")
        ready.set()
        time.sleep(600)


@pytest.fixture
def writers() -> Iterator[Callable[[Path], multiprocessing.process.BaseProcess]]:
    """Start processes that hold half of a file."""
    context, started = multiprocessing.get_context("spawn"), []

    def start(path: Path) -> multiprocessing.process.BaseProcess:
        ready = context.Event()
        process = context.Process(target=write_half, args=(path, ready))
        process.start()
        started.append(process)
        assert ready.wait(300)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def test_what_a_killed_writer_left_goes_when_its_file_is_written_again_and_what_a_running_one_has_stays(
    tmp_path: Path, writers: Callable[[Path], multiprocessing.process.BaseProcess]
) -> None:
    killed, other = writers(tmp_path / "e.parquet"), writers(tmp_path / "f.parquet")
    killed.kill()
    killed.join()
    assert len(list(find_temporary_files(tmp_path))) == 2
    foreign = tmp_path / f".e.{killed.pid}-00000000-0123abcd.tmp.parquet"
    foreign.touch()  # of another machine on the same disk
    files._strays.clear()  # as in a process that begins
    for name in ("e.csv", "e.parquet", "f.parquet"):
        write_text(tmp_path / name, "whole")
    left = {path.name for path in find_temporary_files(tmp_path)}
    assert foreign.name in left
    assert len(left) == 2
    assert any(name.startswith(f".f.{other.pid}-") for name in left)


def test_a_stray_file_that_cannot_be_removed_hinders_nothing(
    tmp_path: Path, writers: Callable[[Path], multiprocessing.process.BaseProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = writers(tmp_path / "e.txt")
    killed.kill()
    killed.join()
    (stray,) = find_temporary_files(tmp_path)
    unlink = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if self.name == stray.name:
            raise PermissionError(13, "Permission denied", str(self))
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    files._strays.clear()
    write_text(tmp_path / "e.txt", "whole")
    assert (tmp_path / "e.txt").read_text() == "whole"
    assert stray.exists()


def hold(path: Path, ready: object, done: object) -> None:
    with lock(path):
        ready.set()
        done.wait(60)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, object, multiprocessing.process.BaseProcess]]:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / ".lock", ready, done))
    process.start()
    assert ready.wait(60)
    yield tmp_path / ".lock", done, process
    process.kill()
    process.join()


def test_a_lock_that_another_process_holds_is_refused(held) -> None:
    with pytest.raises(BlockingIOError), lock(held[0]):
        pass


def test_a_waiting_lock_follows_the_other_process(held) -> None:
    path, done, process = held
    done.set()
    with lock(path, wait=True):
        process.join(60)
        assert process.exitcode == 0
    assert not path.exists()


def test_a_lock_goes_with_its_process(held) -> None:
    path, _, process = held
    process.kill()
    process.join()
    assert path.exists()
    with lock(path):
        pass
    assert not path.exists()


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "link", 5) == b"12345"
    with open_regular(tmp_path / "a", 5) as file:
        assert file.read() == b"12345"


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1001))
    with pytest.raises(UnsuitableFileError, match="1,001 bytes, more than the 1,000 that are allowed"):
        open_regular(tmp_path / "a", 1000)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_file_that_hides_its_size_is_read_no_further_than_allowed() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(UnsuitableFileError, match="more than the 10 bytes"):
        read_regular(Path("/proc/self/maps"), 10)


def test_pipes_devices_sockets_and_folders_are_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path may have 108 bytes only
        server.bind("socket")
        for path, kind in (
            (tmp_path / "pipe", "a named pipe"),
            (Path("/dev/zero"), "a device"),
            (tmp_path / "socket", "a socket"),
            (tmp_path, "a folder"),
        ):
            with pytest.raises(UnsuitableFileError, match=f"{kind}, not a regular file"):
                open_regular(path, 100)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing", 100)


def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.touch()
    status = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(files.Path, "stat", lambda self: status)
    with pytest.raises(UnsuitableFileError, match="a named pipe"):
        open_regular(path, 100)


def test_the_package_and_the_project_have_one_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert hearsight.__version__ == VERSION == project["project"]["version"]


def test_what_is_at_a_path_is_described_for_errors(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert files.describe_path(folder) == "no such file"
    folder.mkdir()
    assert files.describe_path(folder) == "an empty folder"
    for name in "dbca":
        (folder / name).write_bytes(b"x" * 1024)
    assert files.describe_path(folder) == "a folder with a, b, c and 1 more"
    (folder / "d").unlink()
    assert files.describe_path(folder) == "a folder with a, b, c"
    assert files.describe_path(folder / "a") == "a file of 1,024 bytes"
    (folder / "b").write_bytes(b"x")
    assert files.describe_path(folder / "b") == "a file of 1 byte"
    os.mkfifo(folder / "pipe")
    assert files.describe_path(folder / "pipe") == "a named pipe"
