"""Is training from Python as fast as from the command line?

A generated world is built with `clusters` and trained on in processes of three kinds, in turn: the command `hearsight train`; a
script that imports hearsight; and one that imports torch first, as most notebooks do. Each reports the training clips per second of
its run, validation left out. Wanted: a script takes at most 1.2 times as long as the command.

    python -m benchmarks.python_training_speed --threads 2
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.verdict import print_verdict
from hearsight.dataset.build import build_dataset
from hearsight.world.generate import generate_world

WANTED = 1.2
SCRIPT = """
import sys
{first}
from hearsight import train
from hearsight.config import TrainConfig
dataset, out, model, threads = sys.argv[1:]
train(dataset, out, TrainConfig(recipe="quick", model=model, epochs=3, threads=int(threads)))
"""


def main() -> None:
    """Print the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="hearsight-conv-4")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    kinds = ("command", "script", "script, torch first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_world(folder / "videos", num_videos=options.videos, seed=0)
        build_dataset([folder / "videos"], folder / "dataset")
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(options.rounds):
            for kind in kinds:
                out = folder / f"{kind} {number}"
                seconds[kind].append(train_once(kind, folder / "dataset", out, options.model, options.threads))
    medians = {kind: statistics.median(values) for kind, values in seconds.items()}
    for kind in kinds[1:]:
        print_verdict(
            f"{kind}: time of the command, {options.model}", medians[kind] / medians["command"], "below", WANTED
        )


def train_once(kind: str, dataset: Path, out: Path, model: str, threads: int) -> float:
    """Train in a separate process; return the seconds that its steps took."""
    if kind == "command":
        knobs = [f"--set={knob}" for knob in ("recipe=quick", "epochs=3", f"threads={threads}")]
        command = [
            sys.executable,
            "-m",
            "hearsight",
            "train",
            str(dataset),
            "--out",
            str(out),
            "--model",
            model,
            *knobs,
        ]
    else:
        script = SCRIPT.format(first="import torch" if "torch" in kind else "")
        command = [sys.executable, "-c", script, str(dataset), str(out), model, str(threads)]
    # this process has imported hearsight, which may have set the policy for itself and its children
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (out / "runlog.jsonl").read_text().splitlines()]
    return sum(line["seconds"]["train"] for line in lines if line["kind"] == "epoch")


if __name__ == "__main__":
    main()
