from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hearsight
from hearsight.errors import BenchmarkError, CheckpointError, MediaError, UsageError
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(build_network("jia-mobilenet-v2", 2, seed=5, width=0.25), folder, vocabulary=("a", "b"))
    return folder


@pytest.fixture
def sounds(make_folder):
    """Paths and class names."""
    folder = make_folder({"high": 6, "low": 6})
    paths = sorted(str(path) for path in folder.rglob("*.wav"))
    return paths, ["high" if "high" in path else "low" for path in paths]


def tones(counts=(16_000, 24_000), rate=16_000):
    return [np.sin(np.arange(count) * 2 * np.pi * 440 / rate).astype(np.float32) for count in counts]


def test_a_pipeline_is_cross_validated(sounds):
    pipeline = make_pipeline(hearsight.Embedder("baseline:log-mel"), StandardScaler(), LogisticRegression())
    assert cross_val_score(pipeline, *sounds, cv=3).mean() == 1.0


def test_its_choices_can_be_searched(run, sounds):
    pipeline = make_pipeline(hearsight.Embedder(run), LogisticRegression())
    search = GridSearchCV(pipeline, {"embedder__pool": ["mean", "mean+max"]}, cv=2).fit(*sounds)
    assert search.best_params_["embedder__pool"] in ("mean", "mean+max")


def test_it_gives_what_the_network_says(run, sounds):
    listener = hearsight.load(run)
    rows = hearsight.Embedder(run, pool="mean+max").fit(sounds[0]).transform(sounds[0][:2])
    for path, row in zip(sounds[0], rows, strict=False):
        values = listener.embed(path).values
        np.testing.assert_allclose(row[128:], values.max(axis=0), rtol=1e-5, atol=1e-6)
    assert rows.dtype == np.float32
    assert rows.shape == (2, 256)


def test_waveforms_are_brought_to_the_rate_of_the_network(run):
    embedder = hearsight.Embedder(run, pool="mean", sample_rate=32_000)
    np.testing.assert_allclose(
        embedder.transform(tones((64_000,), 32_000)),
        hearsight.Embedder(run, pool="mean").transform(tones((32_000,))),
        atol=0.02,
    )
    assert hearsight.Embedder(run).transform(np.stack(tones((16_000, 16_000)))).shape == (2, 256)


def test_a_clone_has_the_choices_and_not_the_network(run):
    embedder = hearsight.Embedder(run, pool="max", seed=3).fit([])
    copy = clone(embedder)
    assert copy.get_params() == embedder.get_params()
    assert not hasattr(copy, "embedder_")
    assert embedder.set_params(pool="mean").pool == "mean"


def test_another_network_is_loaded_where_it_is_set(run):
    embedder = hearsight.Embedder(run, pool="mean")
    trained = embedder.transform(tones())
    fresh = embedder.set_params(untrained=True, seed=9).transform(tones())
    assert not np.allclose(trained, fresh)


def test_a_layer_of_soundnet_is_embedded(tmp_path):
    save_checkpoint(build_network("soundnet-8", 2, seed=5, width=0.25), tmp_path, vocabulary=("a", "b"))
    assert hearsight.Embedder(tmp_path, layer="pool5", pool="mean").transform(tones()).shape == (2, 64 * 3)


def test_what_cannot_be_embedded_is_refused(run, tmp_path):
    embedder = hearsight.Embedder(run)
    with pytest.raises(UsageError) as caught:
        hearsight.Embedder(run, pool="meen").fit([])
    assert "'mean'" in caught.value.hint
    with pytest.raises(CheckpointError):
        hearsight.Embedder(tmp_path).fit([])
    for nothing in ([], "dog.wav", 7):
        with pytest.raises(UsageError, match="a sequence of paths or waveforms"):
            embedder.transform(nothing)
    with pytest.raises(UsageError, match="sound 1: NaN"):
        embedder.transform([tones()[0], np.full(100, np.nan)])
    with pytest.raises(UsageError, match="sound 0: an array of shape"):
        embedder.transform([np.zeros((2, 100))])
    with pytest.raises(UsageError, match="floating-point"):
        embedder.transform([np.zeros(100, dtype=np.int16)])
    with pytest.raises(MediaError):
        embedder.transform([tmp_path / "none.wav"])
    with pytest.raises(BenchmarkError, match="1 to 2 segments"):
        hearsight.Embedder(run, pool="concat").transform(tones())
