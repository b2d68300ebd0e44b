"""What share of a training step waits for data?

A generated world is built with `clusters` and trained on for two epochs; the run log records, for every step, the seconds that the
loop waited for its batch and the seconds of the whole step. Wanted: below 5 %.

    python -m benchmarks.data_waiting --model jia-mobilenet-v2
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.verdict import print_verdict
from hearsight.config import TrainConfig
from hearsight.dataset.build import build_dataset
from hearsight.training.loop import train
from hearsight.world.generate import generate_world

WANTED = 0.05


def main() -> None:
    """Print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jia-mobilenet-v2")
    parser.add_argument("--videos", type=int, default=80)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_world(folder / "videos", num_videos=options.videos, seed=0)
        build_dataset([folder / "videos"], folder / "dataset")
        train(folder / "dataset", folder / "run", TrainConfig(model=options.model, epochs=2))
        lines = [json.loads(line) for line in (folder / "run" / "runlog.jsonl").read_text().splitlines()]
    clocks = [line["seconds"] for line in lines if line["kind"] == "epoch"]
    waited = sum(clock["data"] for clock in clocks)
    total = sum(clock["train"] for clock in clocks)
    print_verdict(f"share of a step that waits for data, {options.model}", waited / total, "below", WANTED)


if __name__ == "__main__":
    main()
