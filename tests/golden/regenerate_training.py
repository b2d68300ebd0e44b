"""Write ``training_losses.json`` anew: ``python -m tests.golden.regenerate_training``, from the repository's root.

The losses are those of the version before the sources of sounds and targets were composed. Only a change of what is minimised, or
of what is drawn, is a reason to write them anew.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch

from tests.support.golden_training import RUNS, compute_losses

FILE = Path(__file__).resolve().parent / "training_losses.json"


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        losses = {name: compute_losses(name, Path(folder) / name) for name in RUNS}
    FILE.write_text(json.dumps(losses, indent=1) + "\n")


if __name__ == "__main__":
    main()
