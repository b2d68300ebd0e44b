from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.listening.listener import load
from hearsight.listening.segments import SegmentCutter
from hearsight.listening.tables import tag_files
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network


@pytest.fixture
def soundnet(tmp_path):
    network = build_network("soundnet-5", 5, seed=0, width=0.1, heads=[3, 2])
    network(0.1 * torch.randn(2, 110_250, generator=torch.Generator().manual_seed(0)))
    save_checkpoint(network, tmp_path / "soundnet", vocabulary=["bark", "rain", "bell", "street", "forest"])
    return load(tmp_path / "soundnet", device="cpu")


def test_a_sound_shorter_than_a_segment_is_repeated_where_the_network_wants_that():
    sound = np.arange(1, 5, dtype=np.float32)
    (batch,) = SegmentCutter(10, 10, 3, repeat_short=True).cut([sound])
    np.testing.assert_array_equal(batch.waveforms, [[1, 2, 3, 4, 1, 2, 3, 4, 1, 2]])
    np.testing.assert_array_equal(batch.lengths, [4])


def test_a_listener_hears_a_short_sound_as_the_network_does(soundnet):
    sound = (0.1 * np.random.default_rng(1).standard_normal(50_000)).astype(np.float32)
    with torch.no_grad():
        wanted = soundnet.network(torch.from_numpy(sound)[None])
    (heard,) = soundnet.listen_to_waveform(sound, 22_050)
    np.testing.assert_allclose(heard.probabilities, wanted.probabilities[0].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(heard.embeddings, wanted.embeddings[0].numpy(), rtol=1e-4, atol=1e-4)


def test_the_probabilities_of_each_head_sum_up_to_one(soundnet):
    sound = (0.1 * np.random.default_rng(1).standard_normal(300_000)).astype(np.float32)
    tags = soundnet.tag_waveform(sound, 22_050, top=None)
    found = {tag.name: tag.probability for tag in tags}
    assert found["bark"] + found["rain"] + found["bell"] == pytest.approx(1.0, abs=1e-4)
    assert found["street"] + found["forest"] == pytest.approx(1.0, abs=1e-4)


def test_it_is_said_that_a_sound_was_repeated(soundnet, write_sound, capsys):
    tag_files(soundnet, [write_sound("short.wav", 1.0, 22_050)])
    assert "1.00 s of sound, repeated to a segment of 5 s" in capsys.readouterr().err
