"""The module as HEAR's tools use it: the rules of its public validator, and what the interface promises beyond them."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from hearsight import hear
from hearsight.errors import CheckpointError, UsageError
from hearsight.evaluation.features.extract import BenchmarkFeatures, pool_segments
from hearsight.evaluation.features.load import NetworkExtractor
from hearsight.hear import HearModel, get_scene_embeddings, get_timestamp_embeddings, load_model
from hearsight.listening.listener import Listener
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.network import Network
from hearsight.models.zoo import build_network

WIDTHS = {
    "jia-mobilenet-v2": 0.1,
    "soundnet-8": 0.05,
    "soundnet-5": 0.05,
    "soundnet-autoencoder": 0.1,
    "wu-lstm": 0.01,
    "hershey-aed-log-mel": 0.05,
}
"""Networks of one and of many segments per second, of log-mel and of waveforms."""


def make_network(name: str) -> Network:
    network = build_network(name, 3, seed=0, width=WIDTHS[name])
    network(make_sounds(2, 1.0, network.sample_rate))  # moves the normalisations' statistics
    return network.eval()


@pytest.fixture(scope="module", params=WIDTHS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / str(request.param)
    save_checkpoint(make_network(request.param), folder, vocabulary=["bark", "rain", "bell"])
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> HearModel:
    return load_model(str(run))


@pytest.fixture(scope="module")
def jia() -> HearModel:
    return HearModel(make_network("jia-mobilenet-v2"))


def make_sounds(count: int, seconds: float, sample_rate: int, seed: int = 0) -> torch.Tensor:
    """White noise in [-1, 1], as the validator's."""
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.rand(count, int(seconds * sample_rate), generator=generator) - 1.0


def check_stamps(stamps: np.ndarray, seconds: float) -> None:
    """The validator's rules for stamps in milliseconds: its errors fail, its warnings warn."""
    hops = np.diff(stamps)
    assert np.abs(hops - hops.mean()).max() <= 1.0
    assert stamps.min() <= hops.mean()
    assert 1000 * seconds - 2 * hops.mean() <= stamps.max() <= 1000 * seconds
    if hops.max() > 50.0:
        warnings.warn("more than 50 ms from stamp to stamp", stacklevel=2)
    if stamps.max() < max(1000 * seconds - hops.mean(), 1000 * seconds - 50):
        warnings.warn("the last stamp is long before the end", stacklevel=2)


def validate(module: ModuleType | Any, path: str) -> None:
    """Do what ``hear-validator MODULE -m PATH`` does with a module of torch."""
    model = module.load_model(path)
    assert isinstance(model, torch.nn.Module)
    assert model.sample_rate in (16_000, 22_050, 32_000, 44_100, 48_000)
    assert type(model.scene_embedding_size) is int
    assert type(model.timestamp_embedding_size) is int
    for seconds in (1.07, 1.98, 4.0):
        embeddings, stamps = module.get_timestamp_embeddings(make_sounds(2, seconds, model.sample_rate), model)
        assert embeddings.dtype == stamps.dtype == torch.float32
        assert embeddings.shape == (2, stamps.shape[1], model.timestamp_embedding_size)
        assert stamps.shape[0] == 2
        check_stamps(stamps.detach().cpu().numpy(), seconds)
    scenes = module.get_scene_embeddings(make_sounds(4, 2.74, model.sample_rate), model)
    assert scenes.dtype == torch.float32
    assert scenes.shape == (4, model.scene_embedding_size)


@pytest.mark.filterwarnings("ignore:the last stamp")
def test_the_validators_rules_hold(run: Path) -> None:
    module = importlib.import_module("hearsight.hear")
    if run.name in ("soundnet-8", "soundnet-5"):
        with pytest.warns(UserWarning, match="more than 50 ms"):
            validate(module, str(run))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            validate(module, str(run))


def test_networks_of_long_segments_have_stamps_further_apart(model: HearModel, run: Path) -> None:
    assert model.hop_ms == {"soundnet-8": 500.0, "soundnet-5": 250.0}.get(run.name, 50.0)


def test_stamps_go_from_the_first_sample_to_the_end_and_do_not_drift(model: HearModel) -> None:
    _, stamps = get_timestamp_embeddings(make_sounds(1, 7.3, model.sample_rate), model)
    wanted = model.hop_ms * torch.arange(1 + int(7300 // model.hop_ms))
    assert torch.equal(stamps[0], wanted)
    assert torch.equal(get_timestamp_embeddings(make_sounds(1, 0.01, model.sample_rate), model)[1], torch.zeros(1, 1))


def test_a_stamp_is_the_middle_of_what_is_heard(model: HearModel) -> None:
    """A click changes just the embeddings of the segments that hold it."""
    rate, half = model.sample_rate, model.segment_samples / 2
    sounds = torch.zeros(2, 2 * model.segment_samples + 777)
    place = model.segment_samples - 333
    sounds[1, place] = 1.0
    embeddings, stamps = get_timestamp_embeddings(sounds, model)
    changed = (embeddings[1] != embeddings[0]).any(1)
    distance = (stamps[1] / 1000 * rate - place).abs()
    assert not changed[distance > half + 1].any()
    assert changed[distance < 0.2 * half].all()


def test_a_stamp_gives_what_the_network_says_of_that_segment(jia: HearModel) -> None:
    sounds = make_sounds(2, 3.0, 16_000)
    embeddings, stamps = get_timestamp_embeddings(sounds, jia, hop_ms=250.0)
    assert stamps[0].tolist() == [250.0 * index for index in range(13)]
    with torch.no_grad():
        middle = jia.network(sounds[:, 16_000:32_000]).embeddings[:, 0]
        first = jia.network(torch.nn.functional.pad(sounds[:, :8_000], (8_000, 0))).embeddings[:, 0]
    torch.testing.assert_close(embeddings[:, 6], middle, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(embeddings[:, 0], first, rtol=1e-4, atol=1e-5)


def test_a_network_that_repeats_short_sounds_hears_them_again_beyond_their_ends() -> None:
    model = HearModel(make_network("soundnet-5"))
    sounds = make_sounds(1, 1.0, 22_050)
    embeddings, _ = get_timestamp_embeddings(sounds, model)
    start = model.segment_samples // 2 % 22_050
    repeated = sounds.repeat(1, 8)[:, 22_050 - start :][:, : model.segment_samples]
    with torch.no_grad():
        torch.testing.assert_close(embeddings[:, 0], model.network.forward_segments(repeated)[1], rtol=1e-4, atol=1e-5)


def test_what_else_is_in_the_batch_changes_no_bit(model: HearModel) -> None:
    sounds = make_sounds(3, 0.6, model.sample_rate)
    sounds[2] *= 0.01
    embeddings, _ = get_timestamp_embeddings(sounds, model)
    scenes = get_scene_embeddings(sounds, model)
    for row in range(3):
        assert torch.equal(get_timestamp_embeddings(sounds[row : row + 1], model)[0][0], embeddings[row])
        assert torch.equal(get_scene_embeddings(sounds[row : row + 1], model)[0], scenes[row])


def test_memory_is_bounded_by_chunks(jia: HearModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = make_sounds(1, 3.5, 16_000)
    whole, scene = get_timestamp_embeddings(sounds, jia)[0], get_scene_embeddings(sounds, jia)
    sizes: list[int] = []
    hook = jia.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].numel()))
    monkeypatch.setattr(hear, "CHUNK_SAMPLES", 50_000)
    chunked, chunked_scene = get_timestamp_embeddings(sounds, jia)[0], get_scene_embeddings(sounds, jia)
    hook.remove()
    assert max(sizes) <= 4 * 16_000  # a last batch has one more
    assert len(sizes) > 20
    torch.testing.assert_close(chunked, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(chunked_scene, scene, rtol=1e-4, atol=1e-5)


def test_a_scene_is_the_vector_that_evaluate_scores(model: HearModel) -> None:
    sounds = make_sounds(1, 2.74, model.sample_rate)
    listener = Listener(model.network, ["bark", "rain", "bell"], name="same", device="cpu")
    values, shares = NetworkExtractor(listener, untrained=False).extract(sounds[0].numpy())
    found = BenchmarkFeatures(values, shares, np.array([len(values)]), {})
    torch.testing.assert_close(
        get_scene_embeddings(sounds, model).numpy(), pool_segments(found, "mean+max"), rtol=1e-4, atol=1e-5
    )
    mean = HearModel(model.network, pool="mean")
    assert mean.scene_embedding_size == mean.timestamp_embedding_size == model.network.embedding_dim
    torch.testing.assert_close(
        get_scene_embeddings(sounds, mean).numpy(), pool_segments(found, "mean"), rtol=1e-4, atol=1e-5
    )


def test_what_the_network_never_learned_from_is_not_heard(tmp_path: Path) -> None:
    network = build_network("panns-cnn14", 3, seed=0, width=0.05).eval()
    sounds = make_sounds(2, 1.2, 32_000)
    listener = Listener(network, ["bark", "rain", "bell"], name="same", device="cpu", training_sample_rate=8_000)
    low = torch.stack([torch.from_numpy(listener.limit_band(sound.numpy())) for sound in sounds])
    save_checkpoint(network, tmp_path, vocabulary=["bark", "rain", "bell"], training={"sample_rate": 8_000})
    limited, whole = load_model(tmp_path), HearModel(network)
    assert limited.sample_rate == whole.sample_rate == 32_000
    for embed in (get_scene_embeddings, lambda sounds, model: get_timestamp_embeddings(sounds, model)[0]):
        expected = embed(low, whole)
        assert (embed(sounds.requires_grad_(), limited) - expected).abs().max() < 1e-4 * expected.abs().max()
        assert (embed(sounds, whole) - expected).abs().max() > 1e-2 * expected.abs().max()


def test_no_gradient_is_kept_and_the_model_never_trains(jia: HearModel) -> None:
    sounds = make_sounds(2, 1.0, 16_000).requires_grad_()
    before = {name: value.clone() for name, value in jia.state_dict().items()}
    embeddings, _ = get_timestamp_embeddings(sounds, jia.train())
    scenes = get_scene_embeddings(sounds, jia)
    assert not jia.training
    assert not jia.network.training
    assert not embeddings.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in jia.state_dict().items())
    torch.nn.Linear(jia.scene_embedding_size, 2)(scenes).sum().backward()  # what HEAR does next


def test_double_and_half_precision_are_heard_as_single(jia: HearModel) -> None:
    sounds = make_sounds(1, 0.2, 16_000).half()
    expected = get_timestamp_embeddings(sounds.float(), jia)[0]
    for dtype in (torch.float16, torch.float64):
        found = get_timestamp_embeddings(sounds.to(dtype), jia)[0]
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(16_000), "one channel"),
        (torch.zeros(2, 2, 16_000), "one channel"),
        (torch.zeros(2, 16_000, dtype=torch.int16), "divide int16 samples by 32768"),
        (torch.zeros(2, 0), "at least one sample"),
        (torch.zeros(0, 16_000), "at least one waveform"),
        (torch.full((1, 16_000), float("nan")), "NaN or infinite"),
    ],
    ids=["no batch", "stereo", "int16", "empty", "no sound", "nan"],
)
def test_audio_that_cannot_be_heard_is_a_usage_error(jia: HearModel, audio: torch.Tensor, message: str) -> None:
    for embed in (get_timestamp_embeddings, get_scene_embeddings):
        with pytest.raises(UsageError, match=message):
            embed(audio, jia)


@pytest.mark.parametrize("hop_ms", [0.0, -50.0, 0.5, float("nan"), float("inf")])
def test_a_senseless_hop_is_refused(jia: HearModel, hop_ms: float) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        get_timestamp_embeddings(torch.zeros(1, 16_000), jia, hop_ms=hop_ms)


def test_a_model_is_found_by_its_folder_or_its_weights(tmp_path: Path, jia: HearModel) -> None:
    save_checkpoint(jia.network, tmp_path / "run", vocabulary=["bark", "rain", "bell"])
    sounds = make_sounds(1, 1.0, 16_000)
    for path in (tmp_path / "run", str(tmp_path / "run" / "model.safetensors")):
        found = get_scene_embeddings(sounds, load_model(path))
        torch.testing.assert_close(found, get_scene_embeddings(sounds, jia), rtol=1e-4, atol=1e-5)


def test_no_path_or_a_wrong_one_says_what_is_wanted(tmp_path: Path) -> None:
    for path in ("", None):
        with pytest.raises(UsageError, match=r"(?s)a run or checkpoint folder.*hear-validator hearsight\.hear -m RUN"):
            load_model(path)
    with pytest.raises(UsageError, match="no model_file_path"):
        load_model()
    with pytest.raises(CheckpointError, match="no such folder"):
        load_model(str(tmp_path / "absent"))


def test_a_rate_that_hear_does_not_have_and_an_unknown_pool_are_refused() -> None:
    network = make_network("jia-mobilenet-v2")
    with pytest.raises(UsageError, match=r"did you mean 'mean\+max'"):
        HearModel(network, pool="mean+mx")
    network.front_end.definition = dataclasses.replace(network.front_end.definition, sample_rate=8_000)
    with pytest.raises(CheckpointError, match="a sample rate of 8,000 Hz, wanted one of 16,000"):
        HearModel(network)


def test_a_diverged_network_is_said_to_be(jia: HearModel) -> None:
    network = make_network("jia-mobilenet-v2")
    torch.nn.init.constant_(next(network.trunk.parameters()), float("nan"))
    for embed in (get_timestamp_embeddings, get_scene_embeddings):
        with pytest.raises(CheckpointError, match="not finite"):
            embed(torch.zeros(1, 16_000), HearModel(network))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_says_what_a_processor_says(jia: HearModel) -> None:
    sounds = make_sounds(2, 1.5, 16_000)
    wanted, scenes = get_timestamp_embeddings(sounds, jia)[0], get_scene_embeddings(sounds, jia)
    model = HearModel(make_network("jia-mobilenet-v2")).cuda()
    for place in (sounds, sounds.cuda()):
        embeddings, stamps = get_timestamp_embeddings(place, model)
        assert embeddings.device == stamps.device == place.device
        torch.testing.assert_close(embeddings.cpu(), wanted, rtol=1e-2, atol=1e-2)
        torch.testing.assert_close(get_scene_embeddings(place, model).cpu(), scenes, rtol=1e-2, atol=1e-2)
