"""Writing files so that a crash never leaves half of one, locks between processes, and opening only what is a regular file.

Errors are :class:`OSError`, so that every caller reports them together with the errors of the operating system.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import secrets
import socket
import stat
import sys
from collections.abc import Generator, Iterator
from io import BufferedReader
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout, UnixFileLock

from hearsight.errors import UnwritableError, cannot_write

_TEMPORARY = re.compile(r"\.(?:.+\.(?:\d+-[0-9a-f]{8}-)?[0-9a-f]{8}\.tmp(?:\..+)?|.+\.\d+\.tmp)")
"""Names of temporary files: of :func:`write_atomically`, and of the versions before it (without a process; ``.NAME.PID.tmp``)."""
_OWNED = re.compile(r"\.(?P<stem>.+)\.(?P<process>\d+)-(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}\.tmp(?P<suffix>\..+)?")
"""Names of temporary files that say whose they are."""
_strays: dict[Path, dict[str, list[Path]]] = {}
"""Temporary files of ended processes by the name that they begin with, of each folder that this process has written to."""
_LONGEST_STEM = 40
"""Characters of a file's name that its temporary file repeats: enough to recognise it, and no name becomes too long."""
_CHUNK = 1 << 20
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class UnsuitableFileError(OSError):
    """A path that is not a regular file, or a file that is larger than its reader allows."""

    def __init__(self, number: int, found: str, path: Path) -> None:
        super().__init__(number, found, str(path))

    def __str__(self) -> str:
        """Return what was found; messages name the path already."""
        return str(self.strerror)


@contextlib.contextmanager
def write_atomically(path: Path) -> Generator[Path]:
    """Replace a file as a whole: yield a temporary path, and rename it to ``path`` when the block ends without an error.

    The temporary file lies in the same folder and has the same suffix. Its bytes reach the disk before the new name does, and the
    name reaches it before the block is left. After a crash at any moment there is the old file or the new one, complete.

    The name of the temporary file contains the process and the machine. What a process of this machine that has ended left behind
    of a file of the same name is removed first.

    Parameters
    ----------
    path
        The file to write. Its folder is created where it is missing.

    Yields
    ------
    Path
        Where to write. It does not exist yet.

    Raises
    ------
    UnwritableError
        When the file cannot be written, in the block or after it, or ``path`` exists and is not a regular file.
    OSError
        What else the block raises.
    """
    if path.exists() and not path.is_file():
        raise UnwritableError(errno.EINVAL, f"{_name_kind(path.stat().st_mode)}, not a regular file", str(path))
    make_folder(path.parent)
    stem = path.name.removesuffix(path.suffix)[:_LONGEST_STEM]
    owner = f"{os.getpid()}-{_identify_machine()}"
    temporary = path.with_name(f".{stem}.{owner}-{secrets.token_hex(4)}.tmp{path.suffix}")
    _remove_strays(path.parent, f"{stem}{path.suffix}")
    try:
        with report_output_errors(path, temporary):
            yield temporary
        with _as_output(path):
            _sync(temporary, os.O_RDWR)
            rename_durably(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # on a disk that has become read-only; the error itself is on its way
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _as_output(path: Path) -> Generator[None]:
    """Raise errors of the operating system as :class:`UnwritableError`."""
    try:
        yield
    except OSError as error:
        raise UnwritableError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


@contextlib.contextmanager
def report_output_errors(path: Path, temporary: Path | None = None) -> Generator[None]:
    """Raise what goes wrong while a file is written as :class:`UnwritableError` of that file.

    Writing to an open file fails without a file name, and libraries put the name into their own words. Errors of the disk are
    therefore taken to be about ``path``, also where a copy names its source; other errors only where they name the file or its
    ``temporary`` one.
    """
    try:
        yield
    except UnwritableError:
        raise
    except OSError as error:
        ours = os.fspath(temporary or path)
        named = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        if named == ours or error.errno in _DISK_ERRORS or (not named and ours in str(error)):
            number = error.errno or errno.EIO
            raise UnwritableError(number, os.strerror(number) if error.errno else str(error), str(path)) from error
        raise


def check_output(path: Path) -> None:
    """Check that a file can be written at a path, as far as that shows before anything is computed for it.

    Raises
    ------
    MachineError
        When something that is no regular file is there, or a file where its folder should be.
    """
    if path.exists() and not path.is_file():
        found = f"{_name_kind(path.stat().st_mode)}, not a regular file"
        raise cannot_write(path, UnwritableError(errno.EINVAL, found, str(path)))
    place = path.parent
    while not place.exists() and not place.is_symlink() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise cannot_write(path, NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder", str(path)))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file by these bytes, as :func:`write_atomically` does."""
    with write_atomically(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace a file by this text in UTF-8, as :func:`write_atomically` does."""
    write_bytes(path, text.encode())


def rename_durably(old: Path, new: Path) -> None:
    """Rename a file or folder within its folder, and return when the new name is on the disk.

    Raises
    ------
    OSError
        When it cannot be renamed.
    """
    old.replace(new)
    sync_folder(new.parent)


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, and return when their names are on the disk.

    Raises
    ------
    UnwritableError
        When one cannot be created.
    """
    with _as_output(folder):
        _make_folder(folder)


def _make_folder(folder: Path) -> None:
    missing: list[Path] = []
    place = folder
    while not place.exists() and place != place.parent:
        missing.append(place)
        place = place.parent
    if place.is_dir():
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            sync_folder(one.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder", str(folder))


def hash_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a regular file.

    Raises
    ------
    OSError
        When it cannot be read, or is a pipe or a device.
    """
    with open_regular(path, sys.maxsize) as file:
        return hash_open_file(file)


def hash_open_file(file: BufferedReader) -> str:
    """Return the hexadecimal SHA-256 of what is left to read of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, if its file system supports it.

    Raises
    ------
    OSError
        When the disk fails.
    """
    if os.name == "nt":
        return  # Windows cannot open a folder for this
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        # some network file systems refuse it, and some folders may be written but not read
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_cache(kind: str) -> Path:
    """Return the folder of one kind of entries: below ``$HEARSIGHT_CACHE``, ``~/.cache/hearsight`` by default."""
    home = os.environ.get("HEARSIGHT_CACHE") or Path.home() / ".cache" / "hearsight"
    return Path(home).expanduser() / kind


def find_temporary_files(folder: Path) -> Iterator[Path]:
    """Find the temporary files that killed writers have left below a folder."""
    for path in folder.rglob(".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            yield path


def _remove_strays(folder: Path, name: str) -> None:
    """Remove what ended processes of this machine left of a file of this name; each folder is looked through once."""
    folder = folder.absolute()
    if folder not in _strays:
        _strays[folder] = _find_strays(folder)
    for stray in _strays[folder].pop(name, []):
        with contextlib.suppress(OSError):  # of another user, or on a disk that is read-only: it hinders nothing
            stray.unlink(missing_ok=True)


def _find_strays(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _OWNED.fullmatch(entry.name)
            if name and name["machine"] == _identify_machine() and not _is_running(int(name["process"])):
                found.setdefault(f"{name['stem']}{name['suffix'] or ''}", []).append(Path(entry.path))
    return found


@functools.cache
def _identify_machine() -> str:
    """Return eight digits that differ between machines, and between containers that number their own processes."""
    known = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux alone has it
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\0".join(known).encode(errors="surrogateescape")).hexdigest()[:8]


def _is_running(process: int) -> bool:
    """Return whether a process of this machine runs; true where that cannot be told."""
    if os.name == "nt":
        return True  # a signal of any number ends a process there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # of another user; or no number of a process
    return True


@contextlib.contextmanager
def lock(path: Path, *, wait: bool = False) -> Generator[None]:
    """Hold a lock between processes: at most one of them is inside the block.

    The operating system drops the lock when its process ends, however it ends. The lock's file is removed at the end.

    Parameters
    ----------
    path
        The lock's file, in a folder that exists.
    wait
        Whether to wait until the lock is free.

    Raises
    ------
    BlockingIOError
        When another process holds the lock and ``wait`` is false.
    OSError
        When the lock's file cannot be written.
    """
    held: BaseFileLock = _create_lock(path)
    try:
        held.acquire(blocking=wait)
    except Timeout as error:
        raise BlockingIOError(errno.EWOULDBLOCK, "another process holds the lock", str(path)) from error
    try:
        yield
    finally:
        # removed while it is held: filelock takes no lock on a file without a name. The other kinds remove theirs themselves.
        if isinstance(held, UnixFileLock):
            path.unlink(missing_ok=True)
        held.release()


def _create_lock(path: Path) -> BaseFileLock:
    return FileLock(path, is_singleton=False)


def open_regular(path: Path, most_bytes: int) -> BufferedReader:
    """Open a regular file for reading, without ever waiting for a pipe or a device.

    Parameters
    ----------
    path
        The file; links are followed.
    most_bytes
        The largest size that is accepted.

    Raises
    ------
    UnsuitableFileError
        When it is a folder, a pipe, a device or a socket, or larger than ``most_bytes``.
    OSError
        When it cannot be opened.
    """
    _check_regular(path, path.stat(), most_bytes)  # before opening: to open a device may already do something
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check_regular(path, os.fstat(descriptor), most_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Read the whole of a regular file; also one that grows meanwhile, or hides its size, yields at most ``most_bytes``.

    Raises
    ------
    UnsuitableFileError
        As :func:`open_regular` does, and when there is more to read than ``most_bytes``.
    OSError
        When it cannot be read.
    """
    content = bytearray()
    with open_regular(path, most_bytes) as file:
        while chunk := file.read(_CHUNK):
            content += chunk
            if len(content) > most_bytes:
                raise UnsuitableFileError(errno.EFBIG, f"more than the {most_bytes:,} bytes that are allowed", path)
    return bytes(content)


def _check_regular(path: Path, status: os.stat_result, most_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsuitableFileError(errno.EINVAL, f"{_name_kind(status.st_mode)}, not a regular file", path)
    if status.st_size > most_bytes:
        found = f"{status.st_size:,} bytes, more than the {most_bytes:,} that are allowed"
        raise UnsuitableFileError(errno.EFBIG, found, path)


def _name_kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def is_folder(path: str | Path) -> bool:
    """Return whether a path is a folder. One that cannot be looked at, as with a name that is too long, is none."""
    return os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises some errors)


def holds_other_things(folder: Path, *known: str) -> bool:
    """Return whether a folder holds something, but none of the names by which a command knows its own work."""
    return folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in known)


def describe_path(path: Path) -> str:
    """Describe what is at a path, for errors that wanted something else there: a folder's first names, or a file's size.

    Returns
    -------
    str
        For example ``a folder with a.wav, b.wav and 12 more``, ``an empty folder``, ``a file of 1,024 bytes``, ``no such file``.
    """
    try:
        if path.is_dir():
            names = sorted(one.name for one in path.iterdir())
            if not names:
                return "an empty folder"
            rest = f" and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else ""
            return f"a folder with {', '.join(names[:_SHOWN_NAMES])}{rest}"
        status = path.stat()
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if not stat.S_ISREG(status.st_mode):
        return _name_kind(status.st_mode)
    return f"a file of {status.st_size:,} byte{'' if status.st_size == 1 else 's'}"


_SHOWN_NAMES = 3
"""How many names of a folder an error shows."""
