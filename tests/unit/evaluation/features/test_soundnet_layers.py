from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.features.load import load_extractor
from hearsight.evaluation.features.soundnet_layers import LayerWindows, choose_windows
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from hearsight.signal.waveform import resample


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("soundnet")
    save_checkpoint(build_network("soundnet-8", 2, seed=5, width=0.25), folder, vocabulary=("a", "b"))
    return folder


def noise(seconds):
    return np.random.default_rng(0).normal(0, 0.1, round(22_050 * seconds)).astype(np.float32)


def test_a_row_is_all_that_the_layer_says_in_a_window(run):
    extractor = load_extractor(run, layer=LayerWindows("pool5", 1.0, 0.5))
    values, shares = extractor.extract(noise(12.0))
    layer = (
        build_network("soundnet-8", 2, seed=5, width=0.25)
        .eval()
        .features(torch.from_numpy(noise(12.0))[None], "pool5")[0]
    )
    length, hop = 3, 1  # a value every 8,192 samples: 2.7 and 1.3 in a window and a hop
    assert values.shape == (layer.shape[1] - length + 1, 64 * length)
    for row in (0, 5, len(values) - 1):
        expected = layer[:, row * hop : row * hop + length].flatten().detach().numpy()
        np.testing.assert_allclose(values[row], expected, atol=1e-4)
    assert (shares == 1.0).all()
    assert extractor.name.endswith("/pool5")


def test_a_layer_hears_no_more_than_the_network_learned_from(run, tmp_path):
    network = build_network("soundnet-8", 2, seed=5, width=0.25)
    save_checkpoint(network, tmp_path, vocabulary=("a", "b"), training={"sample_rate": 8_000})
    windows = LayerWindows("pool5", 1.0, 0.5)
    limited, whole = load_extractor(tmp_path, layer=windows), load_extractor(run, layer=windows)
    # clips are read at this rate, and resampled once
    assert (limited.sample_rate, whole.sample_rate) == (8_000, 22_050)
    low = resample(noise(6.0), 22_050, 8_000)
    np.testing.assert_array_equal(limited.extract(low)[0], whole.extract(resample(low, 8_000, 22_050))[0])
    assert (limited.extract(low)[0] != whole.extract(noise(6.0))[0]).any()
    fresh = load_extractor(tmp_path, untrained=True, seed=5, layer=windows)
    np.testing.assert_array_equal(fresh.extract(low)[0], limited.extract(low)[0])
    assert len({extractor.compute_digest() for extractor in (limited, whole)}) == 2


def test_windows_begin_within_a_clip_that_is_repeated_to_be_heard(run):
    extractor = load_extractor(run, layer=LayerWindows("pool5", 1.0, 0.5))
    assert len(extractor.extract(noise(5.0))[0]) == 14  # of its 14 values, not of the 27 of ten seconds


def test_a_window_longer_than_the_sound_is_filled_up(run):
    extractor = load_extractor(run, layer=LayerWindows("conv7", 60.0, 30.0))
    values, _ = extractor.extract(noise(5.0))
    longer, _ = extractor.extract(noise(20.0))
    assert len(values) == len(longer) == 1
    assert values.shape == longer.shape


def test_scenes_are_cut_into_five_seconds_and_all_else_into_one():
    assert choose_windows("pool5", "esc50", None, None) == LayerWindows("pool5", 1.0, 0.5)
    assert choose_windows("pool5", "dcase2013", None, None) == LayerWindows("pool5", 5.0, 2.5)
    assert choose_windows("pool5", "tut2016", 2.0, 2.0) == LayerWindows("pool5", 2.0, 2.0)


def test_layers_and_windows_are_kept_apart_in_the_cache(run):
    digests = {
        load_extractor(run, layer=windows).compute_digest()
        for windows in (LayerWindows("pool5", 1, 1), LayerWindows("conv7", 1, 1), LayerWindows("pool5", 1, 0.5))
    }
    assert len({*digests, load_extractor(run).compute_digest()}) == 4


def test_a_layer_is_scored_by_windows(run, make_folder):
    folder = make_folder({"high": 6, "low": 6}, seconds=2.0)
    result = evaluate(run, f"folder={folder}", probe="svm", layer="conv2", hyperparameter=1.0)
    assert result.pool == "windows"
    assert result.accuracy > 0.8
    assert result.num_clips == 12


def test_what_has_no_such_layer_is_refused(run, tmp_path):
    with pytest.raises(UsageError) as caught:
        load_extractor(run, layer=LayerWindows("pool4", 1, 1))
    assert "pool5" in caught.value.hint
    with pytest.raises(UsageError, match="a baseline has no layers"):
        load_extractor("baseline:mfcc", layer=LayerWindows("pool5", 1, 1))
    with pytest.raises(UsageError, match="wanted a SoundNet"):
        load_extractor("untrained:jia-mobilenet-v2", layer=LayerWindows("pool5", 1, 1))
    with pytest.raises(UsageError, match="positive times"):
        load_extractor(run, layer=LayerWindows("pool5", 1, 0))
