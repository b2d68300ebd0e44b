"""Write ``old_datasets``: a dataset of format 1, a run that was trained on it, and the dataset's labels and sounds as read then.

Run with the sources and the tests of the last version of that format on ``PYTHONPATH`` (the one before damage of a dataset
was noticed); the present ones would write the present format. Scores are those of the run's log.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "old_datasets"


def main() -> None:
    import hearsight
    from tests.support.videos import write_folder

    out = FOLDER / "format-1"
    cut = {"length": 1.0, "min_length": 1.0, "max_length": 1.0}
    build = hearsight.BuildConfig(
        vision=("clusters:k=4",), audio=("clusters:k=4",), cut=cut, validation_share=0.5, policy={"audio_mean": 1.0}
    )
    train = hearsight.TrainConfig(recipe="quick", model="hearsight-conv-4", options={"width": 0.1}, epochs=2, threads=1)
    with tempfile.TemporaryDirectory() as name:
        hearsight.build_dataset([str(write_folder(Path(name), 5, 1.0))], str(out / "dataset"), build, workers=1)
    hearsight.train(str(out / "dataset"), str(out / "run"), train)
    dataset = hearsight.Dataset(out / "dataset")
    labels = [
        {
            "visual": dataset.labels(clip).visual.tolist(),
            "audio": dataset.labels(clip).audio.tolist(),
            "sound": hashlib.sha256(dataset.read(clip).tobytes()).hexdigest(),
        }
        for clip in range(len(dataset))
    ]
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
