"""Checkpoints of the version before go on loading, and return what they returned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from hearsight.listening.listener import load
from tests.golden.write_old_runs import FOLDER, NAMES, make_sound
from tests.support.rounding import bound_outputs


@pytest.mark.parametrize("name", ["hearsight-conv-4", "vggish", "wu-alexnet-bn-gap"])
def test_a_checkpoint_of_the_version_before_returns_what_it_returned(name: str) -> None:
    outputs = json.loads((FOLDER / name / "outputs.json").read_text())
    listener = load(FOLDER / name, device="cpu")
    assert listener.vocabulary == NAMES
    assert listener.training_clips == 12
    tags = {tag.name: tag.probability for tag in listener.tag_waveform(make_sound(), 16_000, top=None)}
    exact = bound_outputs(listener.network, torch.from_numpy(make_sound())[None])
    for found in ([tags[each] for each in NAMES], outputs["probabilities"]):
        exact.clip_probabilities.check(np.array([found]))
    embeddings = listener.embed_waveform(make_sound(), 16_000)
    assert embeddings.starts.tolist() == outputs["starts"]
    for found in (embeddings.values, outputs["embeddings"]):
        exact.embeddings.check(np.array([found]))
