"""The command line, run in a process of its own that has imported everything already.

A command takes seconds to import what it needs, and the tests run some hundred commands. One process therefore imports it once and
forks for each of them. A command still has its own memory, files and exit, and its output goes through files.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SERVE = "from tests.support.commands import serve; serve()"


class CommandServer:
    """A process that forks for each command, and ends with the process that started it.

    Parameters
    ----------
    wrapper
        What the process is started by, if not directly: a command that ends by executing the arguments after its own.
    """

    def __init__(self, wrapper: Sequence[str] = ()) -> None:
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [*wrapper, sys.executable, "-c", SERVE],
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
        return self.run_each([(arguments, Path.cwd())])[0]

    def run_each(self, commands: Sequence[tuple[list[str], Path]]) -> list[subprocess.CompletedProcess[str]]:
        """Run commands one after the other in one process, each in a folder of its own; what they import is imported once.

        They share memory and open files, so that this is for commands that end at once.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            named = [[arguments, str(cwd)] for arguments, cwd in commands]
            order = {"commands": named, "environment": dict(os.environ), "folder": folder}
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            try:
                end = int(self._process.stdout.readline())
            except BaseException:
                # also pytest-timeout's; the answer to come would be taken for that of the next command
                self.close()
                raise
            return [_read_result(Path(folder), place, one[0], end) for place, one in enumerate(commands)]

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether it accepts commands."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill it, and the command that it runs."""
        if self.is_open:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _read_result(folder: Path, place: int, arguments: list[str], end: int) -> subprocess.CompletedProcess[str]:
    """Return what a command left; the one that ended its process has the exit status of that."""
    code, out, err = (folder / f"{place}.{name}" for name in ("code", "stdout", "stderr"))
    if not out.exists():
        raise AssertionError(f"{arguments} was not run: the command before it ended their process ({end})")
    texts = (path.read_bytes().decode("utf-8", "backslashreplace") for path in (out, err))
    return subprocess.CompletedProcess(
        ["hearsight", *arguments], int(code.read_text()) if code.exists() else end, *texts
    )


def serve() -> None:
    """Read commands from each line of stdin, and write the exit code of the last one as a line to stdout."""
    from hearsight.cli import main
    from tests.support.preloading import import_everything, import_exporter
    from tests.support.workers import ADDRESS, get_folder, use_server

    import_everything()
    use_server(get_folder(), os.getpid())
    workers = os.environ[ADDRESS]
    for line in sys.stdin:
        order = json.loads(line)
        if any(arguments[:1] == ["export"] for arguments, _ in order["commands"]):
            import_exporter()
        child = os.fork()
        if child == 0:
            os.environ.clear()
            os.environ.update(order["environment"])
            os.environ[ADDRESS] = workers
            _run_each(order["commands"], Path(order["folder"]), main)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run_each(commands: list[tuple[list[str], str]], folder: Path, main: Callable[[], None]) -> None:
    """Run commands, and exit as the last one does, without the second that Python takes to tear down torch."""
    code = 0
    for place, (arguments, cwd) in enumerate(commands):
        _become(arguments, cwd, folder, place)
        code = _call(main)
        if place + 1 == len(commands):
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        (folder / f"{place}.code").write_text(str(code))
    os._exit(code)


def _call(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - reported as at the end of a process
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _become(arguments: list[str], cwd: str, folder: Path, place: int) -> None:
    """Set a command's folder, arguments and output files."""
    os.chdir(cwd)
    sys.argv = ["hearsight", *arguments]
    for number, path, flags in (
        (0, Path(os.devnull), os.O_RDONLY),
        (1, folder / f"{place}.stdout", os.O_WRONLY | os.O_CREAT),
        (2, folder / f"{place}.stderr", os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
