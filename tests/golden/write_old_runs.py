"""Write ``old_runs``: checkpoints of version 0.1.0 before segments had one rule, with what they returned then.

Run with the sources of that version on ``PYTHONPATH``; the present ones would make checkpoints of the present format. The outputs
are of :func:`make_sound`, by ``Listener.tag_waveform`` and ``embed_waveform``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "old_runs"
NAMES = ("dog", "rain", "door")


def make_sound() -> np.ndarray:
    """A chirp and steps of loudness, 2.4 s at 16 kHz: neither whole segments nor a whole number of hops."""
    time = np.arange(38_400) / 16_000
    return (np.sin(2 * np.pi * (200 * time + 400 * time**2)) * (0.1 + 0.2 * (np.floor(time * 5) % 3))).astype(
        np.float32
    )


def main() -> None:
    import torch

    from hearsight.listening.listener import load
    from hearsight.models.checkpoint import save_checkpoint
    from hearsight.models.zoo import build_network

    for name, width in (("hearsight-conv-4", 0.1), ("vggish", 0.01), ("wu-alexnet-bn-gap", 0.02)):
        network = build_network(name, 3, seed=0, width=width).train()
        torch.nn.init.normal_(network.output_layer.weight, generator=torch.Generator().manual_seed(1))
        network(0.1 * torch.randn(8, 16_000, generator=torch.Generator().manual_seed(2)))
        training = {"recipe": "quick", "clips": 12, "sample_rate": 16_000, "epochs": 1}
        save_checkpoint(network, FOLDER / name, vocabulary=NAMES, training=training, scores={"validation_top1": 0.5})
        listener = load(FOLDER / name, device="cpu")
        sound = make_sound()
        tags = {tag.name: tag.probability for tag in listener.tag_waveform(sound, 16_000, top=None)}
        embeddings = listener.embed_waveform(sound, 16_000)
        outputs = {
            "probabilities": [tags[each] for each in NAMES],
            "starts": embeddings.starts.tolist(),
            "embeddings": np.round(embeddings.values.astype(float), 7).tolist(),
        }
        (FOLDER / name / "outputs.json").write_text(json.dumps(outputs) + "\n")


if __name__ == "__main__":
    sys.exit(main())
