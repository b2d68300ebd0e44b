"""The command line, run in a process of its own that has imported everything already.

A command takes seconds to import what it needs, and the tests run some hundred commands. One process therefore imports it once and
forks for each of them. A command still has its own memory, files and exit, and its output goes through files.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SERVE = "from tests.support.commands import serve; serve()"


class CommandServer:
    """A process that forks for each command, and ends with the process that started it."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=environment,
            start_new_session=True,
        )
        atexit.register(self.close)

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in this process's folder and environment. If the test is stopped, so are the command and its children."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            order = {"arguments": arguments, "cwd": str(Path.cwd()), "environment": dict(os.environ), "folder": folder}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            try:
                code = int(self._process.stdout.readline())
            except (
                BaseException
            ):  # also pytest-timeout's; the answer to come would be taken for that of the next command
                self.close()
                raise
            out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["hearsight", *arguments], code, out, err)

    @property
    def is_open(self) -> bool:
        """Whether it accepts commands."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill it, and the command that it runs."""
        if self.is_open:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def serve() -> None:
    """Read a command from each line of stdin, and write its exit code as a line to stdout."""
    import torch  # noqa: F401

    import hearsight.dataset.reader
    import hearsight.models.checkpoint  # noqa: F401
    from hearsight.cli import main

    gc.freeze()  # imported objects are neither collected nor copied
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            _end(main)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _end(main: Callable[[], None]) -> None:
    """Run a command and exit as it does, without the second that Python takes to tear down torch."""
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - reported as at the end of a process
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _become(order: dict[str, Any]) -> None:
    """Set a command's folder, environment, arguments and output files."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["hearsight", *order["arguments"]]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(order["folder"], name), os.O_WRONLY | os.O_CREAT), number)
