"""How torch's CPU threads wait for each other, which determines how fast a small network trains next to other work.

By default GNU OpenMP lets a thread that waits spin for some milliseconds. While it spins, the thread that prepares batches, or any
other process, lacks a processor: on two busy cores training took 3 to 4 times as long. ``OMP_WAIT_POLICY=PASSIVE`` makes threads
sleep, but OpenMP reads it only when torch is loaded, which in a notebook has often happened before hearsight is imported.
"""

from __future__ import annotations

import functools
import os
import sys
import threading

import torch

from hearsight.threads import count_cores

WAIT_POLICY = "OMP_WAIT_POLICY"


@functools.cache
def sleep_while_waiting() -> bool:
    """Make torch's threads sleep while they wait, for the rest of the process, also when torch was loaded long ago.

    GNU OpenMP all but stops spinning as soon as it manages more threads than there are processors. So a team of threads is started
    here, one per processor, that never does anything again; it costs no time. What is computed stays the same.

    Returns
    -------
    bool
        Whether such a team was started. It is not where the policy was set by the environment, or OpenMP is not GNU's.
    """
    if WAIT_POLICY in os.environ or sys.platform != "linux" or count_cores() == 1:
        return False
    started = threading.Event()
    threads = torch.get_num_threads()
    threading.Thread(target=_park_team, args=(started,), name="parked OpenMP team", daemon=True).start()
    started.wait()
    torch.set_num_threads(threads)
    return True


def _park_team(started: threading.Event) -> None:
    """Start a team of this thread's own by one parallel operation, and keep it."""
    torch.set_num_threads(count_cores())
    torch.ones(2**20).mul_(2.0)  # large enough to be divided among the threads
    started.set()
    threading.Event().wait()
