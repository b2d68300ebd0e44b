"""Comparing folders byte by byte, and running or killing the command line in a process of its own."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.commands import CommandServer
from tests.support.workers import start_command


def digest_tree(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end; pytest-timeout ends a test whose command hangs."""
    return _open_server().run([str(argument) for argument in arguments])


def run_each_command(commands: Sequence[tuple[Sequence[str], Path]]) -> list[subprocess.CompletedProcess[str]]:
    """Run command lines that end at once, each in its folder, one after the other in one process."""
    return _open_server().run_each([(list(arguments), folder) for arguments, folder in commands])


def _open_server() -> CommandServer:
    global _server
    if _server is None or not _server.is_open:
        _server = CommandServer()
    return _server


_server: CommandServer | None = None


def kill_after(seconds: float, *arguments: object) -> bool:
    """Start the command line and kill it (SIGKILL) after some seconds; return whether it was still running."""
    deadline = time.monotonic() + seconds
    return kill_when(lambda: time.monotonic() >= deadline, *arguments)


def kill_when(is_time: Callable[[], bool], *arguments: object) -> bool:
    """Start the command line and kill it (SIGKILL) as soon as it is time; return whether it was still running."""
    process = start_command(*arguments)
    while not is_time() and process.poll() is None:
        time.sleep(0.005)
    was_running = process.poll() is None
    process.kill()
    process.wait()
    return was_running
