"""Settings of memory allocators: keep freed memory, which makes training on a CPU faster, or return it to the system."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of the settings in glibc's ``malloc.h``."""
TRIM_BYTES, MMAP_BYTES = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Keep freed memory for later allocations instead of returning it to the system, in the whole process.

    Every training step allocates and frees the same large feature maps. By default glibc returns each to the system, which fills
    the next one with zeros, page by page: steps of MobileNetV2 took 1.15 to 1.3 times as long on two processors. Results do not
    change; the process keeps the largest size that it has had.

    Returns
    -------
    bool
        Whether the setting was accepted. It exists in glibc only; elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return False
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is None:
        return False
    return all([adjust(MMAP_THRESHOLD, MMAP_BYTES), adjust(TRIM_THRESHOLD, TRIM_BYTES)])


def return_freed_memory() -> None:
    """Return memory that was freed, but kept by Arrow and by glibc for later, to the system. Elsewhere only Arrow's is returned."""
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
