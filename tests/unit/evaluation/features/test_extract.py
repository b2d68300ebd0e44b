from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.features.baselines import LogMelBaseline
from hearsight.evaluation.features.extract import BenchmarkFeatures, extract_features, pool_segments
from hearsight.evaluation.features.extractor import NetworkExtractor
from hearsight.evaluation.features.load import load_extractor
from hearsight.listening import listener as listener_module
from hearsight.listening.listener import Listener
from hearsight.models.zoo import build_network
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel


class CountingExtractor:
    """Gives mean and number of samples, a row for each whole second, and counts its calls."""

    name = "counting"
    sample_rate = 1000
    pooled = False
    untrained = False
    digest = "0"
    calls = 0

    def compute_digest(self):
        return self.digest

    def extract(self, waveform):
        self.calls += 1
        rows = np.array([[float(waveform.mean()), len(waveform)]] * max(1, len(waveform) // 1000), dtype=np.float32)
        return rows, np.ones(len(rows))


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(folder):
    return load_benchmark(f"folder={folder}")


def same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.shares, other.shares)
    np.testing.assert_array_equal(one.counts, other.counts)


def test_embeddings_are_kept_and_read_again(make_folder):
    benchmark, extractor = load(make_folder({"a": 3, "b": 3})), CountingExtractor()
    first = extract_features(extractor, benchmark)
    assert extractor.calls == 6
    same(first, extract_features(extractor, benchmark))
    assert extractor.calls == 6
    same(first, extract_features(extractor, benchmark, cache=False))
    assert extractor.calls == 12


def test_another_content_another_network_or_another_length_is_embedded_anew(make_folder):
    folder = make_folder({"a": 3, "b": 3})
    extractor = CountingExtractor()
    extract_features(extractor, load(folder))
    extract_features(extractor, dataclasses.replace(load(folder), clip_seconds=2.0))
    assert extractor.calls == 12
    extractor.digest = "1"
    extract_features(extractor, load(folder))
    assert extractor.calls == 18
    (folder / "a" / "0.wav").write_bytes((folder / "b" / "0.wav").read_bytes()[:-2000] + bytes(2000))
    extract_features(extractor, load(folder))
    assert extractor.calls == 24


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "other"])
def test_a_damaged_entry_is_said_and_made_again(make_folder, cache_folder, capsys, damage):
    benchmark, extractor = load(make_folder({"a": 3, "b": 3})), CountingExtractor()
    first = extract_features(extractor, benchmark)
    (entry,) = (cache_folder / "embeddings").iterdir()
    if damage == "other":
        np.savez(entry, values=first.values[:-1], shares=first.shares, counts=first.counts)
    else:
        entry.write_bytes({"cut": entry.read_bytes()[:-40], "empty": b"", "text": b"nothing"}[damage])
    same(first, extract_features(extractor, benchmark))
    assert extractor.calls == 12
    assert "computed again" in capsys.readouterr().err
    same(first, extract_features(extractor, benchmark))
    assert extractor.calls == 12


def test_a_cache_that_cannot_be_written_is_no_error(make_folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "file"))
    assert len(extract_features(CountingExtractor(), load(make_folder({"a": 3, "b": 3}))).counts) == 6
    assert "not kept" in capsys.readouterr().err


def test_clips_are_cut_or_filled_up_to_the_length_of_the_benchmark(make_folder):
    benchmark = dataclasses.replace(load(make_folder({"a": 2, "b": 2}, seconds=1.2)), clip_seconds=2.0)
    found = extract_features(CountingExtractor(), benchmark, cache=False)
    np.testing.assert_array_equal(found.counts, [2] * 4)
    np.testing.assert_array_equal(found.values[:, 1], [2000] * 8)
    shorter = extract_features(CountingExtractor(), dataclasses.replace(benchmark, clip_seconds=0.5), cache=False)
    np.testing.assert_array_equal(shorter.values[:, 1], [500] * 4)


def test_clips_that_cannot_be_read_are_listed_and_not_kept(make_folder, cache_folder):
    folder = make_folder({"a": 3, "b": 3})
    (folder / "a" / "1.wav").write_bytes(b"no sound")
    found = extract_features(CountingExtractor(), load(folder))
    assert list(found.failures) == [1]
    assert "a/1.wav" in found.failures[1]
    np.testing.assert_array_equal(found.counts, [1, 0, 1, 1, 1, 1])
    assert not cache_folder.exists()


def test_where_no_clip_can_be_read_that_is_an_error(make_folder):
    folder = make_folder({"a": 2, "b": 2})
    for number, path in enumerate(sorted(folder.rglob("*.wav"))):
        path.write_bytes(b"no sound" + bytes([number]))
    with pytest.raises(BenchmarkError, match="none of its clips can be read"):
        extract_features(CountingExtractor(), load(folder))


def three_clips():
    values = np.array([[1, 10], [3, 20], [5, 60], [2, 2]], dtype=np.float32)
    return BenchmarkFeatures(values, np.array([1.0, 1.0, 0.5, 1.0]), np.array([3, 0, 1]), {1: "broken"})


def test_segments_are_pooled_by_their_share_of_time():
    found = three_clips()
    mean = np.array([[6.5 / 2.5, 60 / 2.5], [2, 2]])
    deviation = np.sqrt(np.average((found.values[:3] - mean[0]) ** 2, axis=0, weights=found.shares[:3]))
    np.testing.assert_allclose(pool_segments(found, "mean"), mean, rtol=1e-6)
    np.testing.assert_allclose(pool_segments(found, "max"), [[5, 60], [2, 2]])
    np.testing.assert_allclose(pool_segments(found, "mean+max"), np.hstack([mean, [[5, 60], [2, 2]]]), rtol=1e-6)
    np.testing.assert_allclose(pool_segments(found, "mean+deviation")[:, 2:], [deviation, [0, 0]], rtol=1e-6)


def test_concatenation_needs_clips_of_one_length():
    with pytest.raises(BenchmarkError, match="1 to 3 segments"):
        pool_segments(three_clips(), "concat")
    even = BenchmarkFeatures(np.arange(8, dtype=np.float32).reshape(4, 2), np.ones(4), np.array([2, 2]), {})
    np.testing.assert_array_equal(pool_segments(even, "concat"), [[0, 1, 2, 3], [4, 5, 6, 7]])


def test_the_log_mel_baseline_is_mean_and_deviation_of_each_bin():
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    values, shares = LogMelBaseline().extract(waveform)
    log_mel = compute_log_mel(waveform, JIA)
    np.testing.assert_allclose(values[0, :64], log_mel.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(values[0, 64:], log_mel.std(axis=0), rtol=1e-4)
    assert shares.tolist() == [1.0]
    assert np.isfinite(LogMelBaseline().extract(waveform[:10])[0]).all()


def test_fresh_weights_are_those_of_their_seed():
    one, same_seed, other = (load_extractor("untrained:jia-mobilenet-v2", seed=seed) for seed in (1, 1, 2))
    assert one.compute_digest() == same_seed.compute_digest() != other.compute_digest()
    assert one.untrained


def test_fresh_weights_are_of_the_width_that_is_asked_for():
    narrow = load_extractor("untrained:hearsight-conv-4,width=0.25")
    wide = load_extractor("untrained:hearsight-conv-4")
    waveform = np.sin(np.arange(16_000) / 10).astype(np.float32)
    assert 4 * narrow.extract(waveform)[0].shape[1] == wide.extract(waveform)[0].shape[1]
    with pytest.raises(UsageError, match="did you mean 'width'"):
        load_extractor("untrained:hearsight-conv-4,witdh=0.25")


def test_what_cannot_be_embedded_by_is_guessed():
    with pytest.raises(UsageError, match="no such baseline") as caught:
        load_extractor("baseline:logmel")
    assert "log-mel" in caught.value.hint
    with pytest.raises(UsageError, match="no weights"):
        load_extractor("baseline:log-mel", untrained=True)
    with pytest.raises(UsageError) as caught:
        load_extractor("untrained:jia-mobilenet")
    assert "jia-mobilenet-v2" in caught.value.hint


def test_a_network_that_learned_from_lower_sounds_is_given_them_resampled_once(monkeypatch):
    network = build_network("jia-mobilenet-v2", 2, seed=0, width=0.25)
    extractor = NetworkExtractor(Listener(network, ("a", "b"), name="low", training_sample_rate=8_000), untrained=False)
    rates: list[tuple[int, int]] = []
    real = listener_module.resample
    monkeypatch.setattr(
        listener_module,
        "resample",
        lambda waveform, one, other: (rates.append((one, other)), real(waveform, one, other))[1],
    )
    assert extractor.sample_rate == 8_000
    extractor.extract(np.random.default_rng(0).normal(0.0, 0.1, 20_000).astype(np.float32))
    assert [pair for pair in rates if pair[0] != pair[1]] == [(8_000, 16_000)]
