from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.listening.listener import load
from hearsight.listening.segments import SegmentSplitter
from hearsight.listening.tables import tag_files
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.segments import Segmentation
from hearsight.models.zoo import build_network


@pytest.fixture
def soundnet(tmp_path):
    network = build_network("soundnet-5", 5, seed=0, width=0.1, heads=[3, 2])
    network(0.1 * torch.randn(2, 110_250, generator=torch.Generator().manual_seed(0)))
    save_checkpoint(network, tmp_path / "soundnet", vocabulary=["bark", "rain", "bell", "street", "forest"])
    return load(tmp_path / "soundnet", device="cpu")


def test_a_sound_shorter_than_a_segment_is_repeated_where_the_network_wants_that():
    sound = np.arange(1, 5, dtype=np.float32)
    (batch,) = SegmentSplitter(Segmentation(10, 10, repeat_short=True), 3).split([sound])
    np.testing.assert_array_equal(batch.waveforms, [[1, 2, 3, 4, 1, 2, 3, 4, 1, 2]])
    np.testing.assert_array_equal(batch.lengths, [4])


def test_a_listener_hears_a_short_sound_as_the_network_does(soundnet):
    sound = (0.1 * np.random.default_rng(1).standard_normal(50_000)).astype(np.float32)
    with torch.no_grad():
        wanted = soundnet.network(torch.from_numpy(sound)[None])
    (heard,) = soundnet.forward_waveform(sound, 22_050)
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


@pytest.fixture
def panns(tmp_path):
    network = build_network("panns-cnn14", 3, seed=0, width=0.05)
    network.train()(0.1 * torch.randn(2, 32_000, generator=torch.Generator().manual_seed(0)))
    save_checkpoint(network, tmp_path / "panns", vocabulary=["bark", "rain", "bell"])
    return load(tmp_path / "panns", device="cpu")


def test_a_short_sound_may_be_given_as_it_is():
    sound = np.arange(1, 8, dtype=np.float32)
    splitter = SegmentSplitter(Segmentation(10, 10, shortest_samples=5), 3)
    (batch,) = splitter.split([sound])
    np.testing.assert_array_equal(batch.waveforms, [sound])
    np.testing.assert_array_equal(batch.lengths, [7])
    (batch,) = splitter.split([sound[:3]])
    np.testing.assert_array_equal(batch.waveforms, [[1, 2, 3, 0, 0]])
    np.testing.assert_array_equal(batch.lengths, [3])


@pytest.mark.parametrize("num_samples", [5_000, 9_920, 48_000, 319_999])
def test_a_listener_hears_a_sound_at_its_own_length_where_the_network_does(panns, num_samples):
    sound = (0.1 * np.random.default_rng(1).standard_normal(num_samples)).astype(np.float32)
    with torch.no_grad():
        wanted = panns.network(torch.from_numpy(sound)[None])
    tags = panns.tag_waveform(sound, 32_000, top=3)
    (heard,) = panns.forward_waveform(sound, 32_000)
    np.testing.assert_allclose(heard.embeddings, wanted.embeddings[0].numpy(), rtol=1e-4, atol=1e-4)
    assert tags.padded == (num_samples < 9_920)
    assert tags.duration == pytest.approx(num_samples / 32_000)


def test_a_long_sound_is_heard_to_its_end(panns):
    sound = (0.1 * np.random.default_rng(1).standard_normal(1_300_000)).astype(np.float32)
    embeddings = panns.embed_waveform(sound, 32_000)
    np.testing.assert_allclose(embeddings.starts, [0.0, 10.0, 20.0, 30.0, 30.625])
    assert (embeddings.durations == 10.0).all()
    assert not embeddings.padded


def test_long_segments_go_through_the_network_a_few_at_a_time(panns, soundnet):
    assert (panns._splitter.batch_segments, soundnet._splitter.batch_segments) == (3, 6)


def test_it_is_said_what_a_sound_was_padded_to(panns, write_sound, capsys):
    tag_files(panns, [write_sound("click.wav", 0.1, 32_000), write_sound("short.wav", 1.0, 32_000)])
    said = capsys.readouterr().err
    assert "0.10 s of sound, padded with silence to a segment of 0.31 s" in said
    assert "short.wav" not in said


def test_a_network_without_classes_embeds_and_does_not_tag(tmp_path):
    save_checkpoint(build_network("vggish", 0, seed=0, width=0.05), tmp_path / "vggish", vocabulary=[])
    listener = load(tmp_path / "vggish", device="cpu")
    sound = (0.1 * np.random.default_rng(1).standard_normal(32_000)).astype(np.float32)
    assert listener.embed_waveform(sound, 16_000).values.shape == (3, 128)
    with pytest.raises(UsageError, match=r"vggish: no trained classes.*\nhint: hearsight embed"):
        listener.tag_waveform(sound, 16_000)
