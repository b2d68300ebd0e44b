from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.evaluation.features.baselines import BASELINES, MFCCBaseline
from hearsight.evaluation.features.load import load_extractor
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from hearsight.signal.cepstra import compute_cepstra, compute_zero_crossing_rate


def test_the_mfcc_baseline_is_mean_and_deviation_of_12_coefficients_and_the_crossings():
    waveform = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    values, shares = MFCCBaseline().extract(waveform)
    described = compute_cepstra(waveform)[:, 1:13], compute_zero_crossing_rate(waveform)
    expected = [*described[0].mean(axis=0), described[1].mean(), *described[0].std(axis=0), described[1].std()]
    assert values.shape == (1, 26)
    np.testing.assert_allclose(values[0], expected, rtol=1e-5)
    assert shares.tolist() == [1.0]


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_gives_numbers_for_sounds_of_any_length_and_for_silence(name):
    extractor = load_extractor(f"baseline:{name}")
    assert extractor.name == f"baseline:{name}"
    for num_samples in (1, 100, 2047, 30_000):
        assert np.isfinite(extractor.extract(np.zeros(num_samples, np.float32))[0]).all()


def test_the_autoencoder_is_a_baseline_and_no_other_network_is(tmp_path):
    save_checkpoint(
        build_network("soundnet-autoencoder", 2, seed=0, width=0.25), tmp_path / "auto", vocabulary=("a", "b")
    )
    extractor = load_extractor(f"baseline:autoencoder={tmp_path / 'auto'}")
    assert extractor.extract(np.zeros(44_100, np.float32))[0].shape == (2, 32)
    save_checkpoint(build_network("jia-mobilenet-v2", 2, seed=0, width=0.25), tmp_path / "other", vocabulary=("a", "b"))
    with pytest.raises(UsageError, match="a run of jia-mobilenet-v2, wanted one of soundnet-autoencoder"):
        load_extractor(f"baseline:autoencoder={tmp_path / 'other'}")
