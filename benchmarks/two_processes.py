"""How much faster do two processes train than one, each with one thread?

A generated world is built with `clusters`. The same steps are trained by one process and by two (`--devices 2`), each on one
thread, in turn and several times; the time of a step is that of the run log, without start-up and validation. Wanted: at least 1.6
times the clips per second, on two cores that do nothing else.

    python -m benchmarks.two_processes --model jia-vggish-fcn
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.verdict import print_verdict
from hearsight.dataset.build import build_dataset
from hearsight.training.run.log import read_runlog
from hearsight.world.generate import generate_world

WANTED = 1.6


def main() -> None:
    """Print the ratio of clips per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jia-vggish-fcn")
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_world(folder / "videos", num_videos=options.videos, seed=0)
        build_dataset([folder / "videos"], folder / "dataset")
        rates: dict[int, list[float]] = {1: [], 2: []}
        for repeat in range(options.repeats):
            for devices, found in rates.items():
                run = folder / f"run-{repeat}-{devices}"
                found.append(_measure(folder / "dataset", run, devices, options))
                print(f"{devices} processes: {found[-1]:.1f} clips/s", flush=True)
    ratio = statistics.median(rates[2]) / statistics.median(rates[1])
    print_verdict(f"clips per second of two processes over one, {options.model}", ratio, "at least", WANTED)


def _measure(dataset: Path, run: Path, devices: int, options: argparse.Namespace) -> float:
    """Train a number of steps; return the clips per second, without the first steps, in which memory is allocated."""
    knobs = {
        "batch_size": options.batch // 2,
        "global_batch_size": options.batch,
        "max_steps": options.steps,
        "threads": 1,
        "log_every": 1,
        "recipe": "quick",
    }
    words = ["train", str(dataset), "--out", str(run), "--model", options.model, "--devices", str(devices)]
    for key, value in knobs.items():
        words += ["--set", f"{key}={value}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "hearsight", *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    times = [line["seconds"]["step"] for line in read_runlog(run) if line["kind"] == "step"][3:]
    return options.batch / statistics.median(times)


if __name__ == "__main__":
    main()
