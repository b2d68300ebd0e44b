"""How much faster is `hearsight label` by another audio teacher than building the dataset again with it?

Reference: `build_dataset` with YAMNet as the only teacher. Measured: `label_dataset` with YAMNet on a dataset of the same videos
that has the cheapest audio teacher, `clusters`. Both run in as many workers, one after the other. Each round gives a ratio of
times; the median counts. Wanted: at least 5.

    python -m benchmarks.label_speed FOLDER --rounds 3
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.verdict import print_verdict
from hearsight.config import BuildConfig, LabelConfig
from hearsight.dataset.build import build_dataset
from hearsight.dataset.relabel.label import label_dataset
from hearsight.threads import count_cores

WANTED = 5.0


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with videos/ and teachers/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=count_cores())
    options = parser.parse_args()
    yamnet = f"litert:{options.data / 'teachers' / 'yamnet_audio_classifier_with_metadata.tflite'}"
    videos, ratios = [options.data / "videos"], []
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        build_dataset(videos, first, BuildConfig(vision=()), workers=options.workers)
        for number in range(options.rounds):
            started = time.perf_counter()
            config = BuildConfig(vision=(), audio=(yamnet,))
            build_dataset(videos, Path(folder) / f"built-{number}", config, workers=options.workers)
            between = time.perf_counter()
            config = LabelConfig(audio=(yamnet,))
            label_dataset(first, Path(folder) / f"labelled-{number}", config, workers=options.workers)
            building, labelling = between - started, time.perf_counter() - between
            ratios.append(building / labelling)
            print(f"  build {building:6.2f} s, label {labelling:6.2f} s, ratio {ratios[-1]:.1f}", flush=True)
    print_verdict("build / label by another audio teacher, median", statistics.median(ratios), "at least", WANTED)


if __name__ == "__main__":
    main()
