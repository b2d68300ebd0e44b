"""How the C library hands out memory, which decides how fast a network is trained on a CPU."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of the settings in glibc's ``malloc.h``."""
TRIM_BYTES, MMAP_BYTES = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Keep what is freed for the next allocation, instead of giving it back to the system; for the whole process.

    A step of training allocates and frees the same large maps again and again. By default glibc maps each of them anew, and the
    system fills it with zeros, page by page: MobileNetV2's steps took 1.15 to 1.3 times as long on two processors. The results
    are the same, bit for bit; the process stays as large as it once was.

    Returns
    -------
    bool
        Whether the C library took it; elsewhere than under glibc nothing is changed.
    """
    if sys.platform != "linux":
        return False
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is None:
        return False
    return all([adjust(MMAP_THRESHOLD, MMAP_BYTES), adjust(TRIM_THRESHOLD, TRIM_BYTES)])
