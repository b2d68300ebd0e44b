"""The command line, run as a process of its own that has imported everything already.

A command takes seconds to import what it needs, and the tests run some hundred commands. So one process imports it once and forks
for each of them: a command still has its own memory, files and end, and what it prints goes through pipes of the system.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
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
    """Forks a process for each command; ends with the process that made it."""

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

    def run(self, arguments: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command in this process's folder and environment; after ``timeout`` seconds kill it and all it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            told = {"arguments": arguments, "cwd": str(Path.cwd()), "environment": dict(os.environ), "folder": folder}
            self._process.stdin.write(json.dumps(told) + "\n")
            self._process.stdin.flush()
            ready, _, _ = select.select([self._process.stdout], [], [], timeout)
            if not ready:
                self.close()
                raise subprocess.TimeoutExpired(["hearsight", *arguments], timeout)
            code = int(self._process.stdout.readline())
            out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["hearsight", *arguments], code, out, err)

    @property
    def is_open(self) -> bool:
        """Whether it still takes commands."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill it, and the command that it runs."""
        if self.is_open:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def serve() -> None:
    """Take a command per line of stdin, answer with a line of its exit code."""
    import torch  # noqa: F401

    import hearsight.dataset.reader
    import hearsight.models.checkpoint  # noqa: F401
    from hearsight.cli import main

    gc.freeze()  # what is imported is neither looked through nor copied again
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(told)
            _end(main)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _end(main: Callable[[], None]) -> None:
    """Run a command and end as it does, without the second that Python takes to clear away what torch has imported."""
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  (what would end a process is told as it would be told then)
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _become(told: dict[str, Any]) -> None:
    """Take on a command's folder, environment, arguments and pipes."""
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["environment"])
    sys.argv = ["hearsight", *told["arguments"]]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(told["folder"], name), os.O_WRONLY | os.O_CREAT), number)
