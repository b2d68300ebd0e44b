"""Starting the processes of a run on this machine, and ending them together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import FrameType
from typing import IO, Any

import torch.distributed as dist

from hearsight.console import print_message
from hearsight.errors import MachineError
from hearsight.threads import count_cores
from hearsight.training.group import LAUNCHER

_GRACE = 15.0
"""Seconds that processes have to end by themselves after one of them has failed."""
_LOST = MachineError.exit_code


def launch(arguments: Sequence[str], devices: int) -> None:
    """Run ``hearsight`` with some arguments in several processes, and return when all have succeeded.

    The first process writes to the terminal; what the others write is shown if they fail. A free port is chosen, where they meet.
    Ctrl-C and SIGTERM are passed on.

    Parameters
    ----------
    arguments
        Those of the command line, without the name of the program.
    devices
        Number of processes.

    Raises
    ------
    MachineError
        When a process was killed.
    SystemExit
        With the exit code of the process that failed, after its message.
    """
    stores: Any = dist  # torch documents them as public, and does not declare them so
    store = stores.TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=300), wait_for_workers=False)
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(devices)]
        processes = [_start(arguments, rank, devices, store.port, outputs[rank]) for rank in range(devices)]
        with _pass_signals(processes):
            codes = _wait(processes)
        if any(codes):
            _report(codes, outputs)


def _start(arguments: Sequence[str], rank: int, size: int, port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        LAUNCHER: str(os.getpid()),
    }
    environment.setdefault("OMP_NUM_THREADS", str(max(1, count_cores() // size)))
    # a separate session: Ctrl-C in the terminal reaches each process once, through us
    return subprocess.Popen(
        [sys.executable, "-m", "hearsight", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if rank == 0 else subprocess.DEVNULL,
        stderr=None if rank == 0 else output,
        start_new_session=True,
    )


@contextmanager
def _pass_signals(processes: Sequence[subprocess.Popen[bytes]]) -> Generator[None]:
    """Pass Ctrl-C and SIGTERM on to the processes, which end by themselves."""

    def pass_on(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)

    before: dict[int, Any] = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Return the exit codes of all processes; after a failure, the rest is ended."""
    deadline = None
    while any(process.poll() is None for process in processes):
        if deadline is None and any(process.poll() for process in processes):
            deadline = time.monotonic() + _GRACE
        if deadline is not None and time.monotonic() > deadline:
            break
        time.sleep(0.05)
    codes = [process.poll() for process in processes]
    return [_LOST if code is None else code for code in codes]


def _report(codes: Sequence[int], outputs: Sequence[IO[bytes]]) -> None:
    """Raise what describes the failure best: a killed process, then one that failed by itself, then one that lost another."""
    killed = [rank for rank, code in enumerate(codes) if code < 0]
    if killed:
        rank = killed[0]
        found = f"killed by {signal.Signals(-codes[rank]).name}"
        hint = "the same command continues from the last checkpoint; if memory ran out, use fewer devices"
        raise MachineError(f"process {rank} of {len(codes)}", found, "all processes to the end", hint)
    rank = min((rank for rank, code in enumerate(codes) if code), key=lambda rank: (codes[rank] == _LOST, rank))
    if rank > 0:
        outputs[rank].seek(0)
        for line in outputs[rank].read().decode(errors="replace").splitlines()[-20:]:
            print_message(f"process {rank}: {line}")
    raise SystemExit(codes[rank])
