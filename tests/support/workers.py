"""The worker processes of the local engine, forked from a process that has imported everything already.

A worker takes seconds to import what it needs, and the tests start some hundred workers. A server therefore imports it once and
forks for each of them. It is started by the first process that needs a worker, and ends with the process that it belongs to.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from hearsight.engine import worker as worker_module

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SERVE = "import sys; from tests.support.workers import serve; serve(sys.argv[1], int(sys.argv[2]))"
ADDRESS = "HEARSIGHT_TEST_WORKERS"
"""The variable of the environment that names the server's socket and the process that it belongs to."""

_LARGEST_MESSAGE = 2**20
_started: list[subprocess.Popen[bytes]] = []


def use_server(folder: Path, owner: int) -> None:
    """Let the workers of this process be forked by a server of its own, whose socket is in a folder; it ends with the owner."""
    os.environ[ADDRESS] = f"{folder / str(os.getpid())}:{owner}"
    worker_module.start_process = ForkedWorker  # type: ignore[assignment]


def get_folder() -> Path:
    """Return the folder of the servers' sockets."""
    return Path(os.environ[ADDRESS].rsplit(":", 1)[0]).parent


def close_server() -> None:
    """End the server, if this process has started it."""
    for process in _started:
        process.kill()
        process.wait()


class ForkedProcess:
    """A child of the server, which reports how it ends; the methods are those of :class:`subprocess.Popen`.

    Parameters
    ----------
    files
        The descriptors of its standard streams.
    arguments
        Those of a command line; without any it is a worker.
    """

    def __init__(self, files: Sequence[int], arguments: Sequence[str] = ()) -> None:
        self._connection = _connect()
        order = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": list(arguments)}
        socket.send_fds(self._connection, [json.dumps(order).encode()], files)
        self._connection.shutdown(socket.SHUT_WR)
        self._reports = self._connection.makefile("r")
        self.pid = int(self._reports.readline())
        self._code: int | None = None

    def kill(self) -> None:
        """Send SIGKILL."""
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        """Return the exit code, or none while the process runs."""
        if self._code is None and select.select([self._connection], [], [], 0)[0]:
            return self.wait()
        return self._code

    def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process has ended."""
        if self._code is None:
            self._code = int(self._reports.readline())
            self._reports.close()
            self._connection.close()
        return self._code


class ForkedWorker(ForkedProcess):
    """What :func:`hearsight.engine.worker.start_process` starts, forked."""

    def __init__(self) -> None:
        requests, stdin = os.pipe()
        stdout, replies = os.pipe()
        self.stdin: BinaryIO = os.fdopen(stdin, "wb")
        self.stdout: BinaryIO = os.fdopen(stdout, "rb")
        try:
            super().__init__([requests, replies, 2])
        finally:
            os.close(requests)
            os.close(replies)


def start_command(*arguments: object) -> ForkedProcess:
    """Start the command line without waiting for it; what it prints is lost."""
    with Path(os.devnull).open("r+b") as null:
        return ForkedProcess([null.fileno()] * 3, [str(argument) for argument in arguments])


def _connect() -> socket.socket:
    """Connect to the server of this process; start it if it does not run."""
    path, owner = os.environ[ADDRESS].rsplit(":", 1)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with FileLock(f"{path}.lock"):
        if not _try_to_connect(connection, path):
            command = [sys.executable, "-c", SERVE, path, owner]
            null = subprocess.DEVNULL
            server = subprocess.Popen(command, stdin=null, stdout=null, cwd=REPOSITORY, start_new_session=True)
            _started.append(server)
            while not _try_to_connect(connection, path):
                time.sleep(0.02)
    return connection


def _try_to_connect(connection: socket.socket, path: str) -> bool:
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def serve(path: str, owner: int) -> None:
    """Fork a process for every connection to a socket, until the owner has ended."""
    from tests.support.preloading import import_everything

    import_everything()
    worker_module.start_process = ForkedWorker  # type: ignore[assignment]
    os.chdir("/")  # no folder of a test is kept busy
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    listener.settimeout(0.5)
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # nobody waits for the children, who report to those who asked for them
    while _is_running(owner):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listener.close()
            _watch(connection)
        connection.close()
    Path(path).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _watch(connection: socket.socket) -> None:
    """Fork a process, and report its number and its exit code to the one that asked for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    content, files, _, _ = socket.recv_fds(connection, _LARGEST_MESSAGE, 3)
    while received := connection.recv(_LARGEST_MESSAGE):
        content += received
    order = json.loads(content)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(order, files)
    for file in files:
        os.close(file)
    try:
        connection.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    finally:
        os._exit(0)


def _become(order: Any, files: list[int]) -> None:
    """Run a worker, or a command line, with the environment, folder and streams of the one that asked."""
    from hearsight.cli import main

    code = 1
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        if order["arguments"]:
            sys.argv = ["hearsight", *order["arguments"]]
            main()
        else:
            sys.path[:] = pickle.load(sys.stdin.buffer)
            worker_module.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - reported as at the end of a process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
