"""Does the peak memory of `hearsight build` grow with the number of files?

Generated worlds of N and 4 N videos are built, each in a fresh process; the peak is the largest sum of the resident memory of the
process and its workers, sampled every 20 ms. Wanted: a ratio of about 1 (below 1.2).

    python -m benchmarks.build_memory --videos 30
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.verdict import print_verdict
from hearsight.world.generate import generate_world

WANTED = 1.2


def measure_tree(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except (OSError, IndexError):
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
        waiting += [int(child) for child in children]
    return total


def measure_build(folder: Path, out: Path, workers: int) -> int:
    """Return the peak of a build in a fresh process."""
    command = [sys.executable, "-m", "hearsight", "build", str(folder), "--out", str(out), "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, measure_tree(process.pid))
        time.sleep(0.02)
    if process.returncode != 0:
        raise SystemExit(f"the build of {folder} ended with {process.returncode}")
    return peak


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--videos", type=int, default=30, help="videos of the small world; the large one has four times as many"
    )
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for num_videos in (options.videos, 4 * options.videos):
            world = Path(folder) / f"world-{num_videos}"
            generate_world(world, num_videos=num_videos, seed=0)
            peaks.append(measure_build(world, Path(folder) / f"dataset-{num_videos}", options.workers))
            print(f"  {num_videos} videos: peak {peaks[-1] / 2**20:.0f} MiB", flush=True)
    print_verdict("peak memory of build, four times as many files", peaks[1] / peaks[0], "below", WANTED)


if __name__ == "__main__":
    main()
