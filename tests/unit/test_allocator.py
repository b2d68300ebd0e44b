"""Keeping freed memory."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from hearsight.allocator import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from hearsight.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def fill(times):
    for _ in range(times):
        np.ones(8_000_000)
fill(2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill(5)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def count_faults(how: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True)
    return int(run.stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="needs glibc"
)
def test_memory_that_was_freed_is_taken_again_without_new_pages() -> None:
    # in a process of its own, since it cannot be undone
    assert count_faults("keep") < count_faults("leave") / 10


def test_elsewhere_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()


RETURNS = """
from pathlib import Path
import numpy as np
from hearsight.allocator import return_freed_memory
def read_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])
empty = read_pages()
arrays = [np.ones(2000) for _ in range(4000)]
last = arrays.pop()
arrays.clear()
before = read_pages()
return_freed_memory()
print(before - empty, read_pages() - empty)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs malloc_trim and /proc"
)
def test_memory_that_was_freed_is_returned_to_the_system() -> None:
    run = subprocess.run([sys.executable, "-c", RETURNS], check=True, capture_output=True, text=True)
    before, after = map(int, run.stdout.split())
    assert before > 10_000  # pages: the last array keeps the others' memory from being returned by itself
    assert after < before / 10
