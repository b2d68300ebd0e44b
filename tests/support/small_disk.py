"""A disk of a few kilobytes that can be full, grow, and be read-only, in a mount namespace that ends with its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.commands import CommandServer

_WHOLE = 10**9
_NAMESPACE = ("unshare", "--mount", "--propagation", "private")


class SmallDisk:
    """A tmpfs that only the commands run by :meth:`run` see under :attr:`path`.

    Parameters
    ----------
    path
        An empty folder, on which it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server = CommandServer(_NAMESPACE)
        self._mounted = False

    def make(self, size_bytes: int = _WHOLE) -> None:
        """Mount an empty disk of a size, rounded up to pages of 4 KiB."""
        self.remove()
        self._enter("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", self.path)
        self._mounted = True

    def fill(self) -> None:
        """Leave not a byte of the disk free."""
        self._enter("sh", "-c", 'head -c 1000000000 /dev/zero > "$0/filling" 2>/dev/null; true', self.path)

    def free(self) -> None:
        """Make room for everything."""
        self._enter("mount", "-o", f"remount,rw,size={_WHOLE}", self.path)
        (self.view / "filling").unlink(missing_ok=True)

    def forbid_writing(self) -> None:
        """Make the disk read-only."""
        self._enter("mount", "-o", "remount,ro", self.path)

    def remove(self) -> None:
        """Unmount the disk, and lose what is on it."""
        if self._mounted:
            self._enter("umount", self.path)
            self._mounted = False

    @property
    def view(self) -> Path:
        """The disk as this process, which is outside the namespace, can read it."""
        return Path(f"/proc/{self._server.pid}/root") / self.path.relative_to("/")

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command of hearsight where the disk is mounted."""
        return self._server.run([str(argument) for argument in arguments])

    def close(self) -> None:
        """End the namespace, and the disk with it."""
        self._server.close()

    def _enter(self, *command: object) -> None:
        entered = ["nsenter", "--target", str(self._server.pid), "--mount", *map(str, command)]
        subprocess.run(entered, check=True, capture_output=True)


@contextlib.contextmanager
def open_small_disk(folder: Path) -> Generator[SmallDisk]:
    """Yield a small disk; the test is skipped, with a reason, where no disk can be mounted."""
    reason = find_reason_against()
    if reason:
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    disk = SmallDisk(folder)
    try:
        yield disk
    finally:
        disk.close()


def find_reason_against() -> str:
    """Return why no disk can be mounted here; empty where one can."""
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
        return "needs Linux with unshare, nsenter and mount"
    if os.geteuid() != 0 or subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode:
        return "needs the permission to mount in a namespace of its own"
    return ""
