from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper

from hearsight.errors import ConfigError, TeacherError, UsageError
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.features.external import TeacherExtractor, load_external_model
from hearsight.evaluation.features.load import load_extractor
from hearsight.teachers.registry import load_teacher

RATE = 16_000


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))


def tone(pitch=300.0, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def classifier(tmp_path):
    """An ONNX file that gives three probabilities, by how much of 300, 600 and 900 Hz is in a second."""
    times = np.arange(RATE) / RATE
    waves = np.stack([np.sin(2 * np.pi * pitch * times) for pitch in (300, 600, 900)], axis=1) * 1e-3
    nodes = [
        helper.make_node("MatMul", ["sound", "waves"], ["heard"]),
        helper.make_node("Sigmoid", ["heard"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, RATE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(waves.astype(np.float32), "waves")],
    )
    path = tmp_path / "tones.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_a_classifier_describes_each_second_by_logits_or_probabilities(classifier):
    sound = np.concatenate([tone(300), tone(600), tone(900, 0.5)])
    chances, shares = load_external_model(f"onnx:{classifier},features=probabilities").extract(sound)
    logits, _ = load_external_model(f"onnx:{classifier}").extract(sound)
    expected = load_teacher(f"onnx:{classifier}", "audio").predict(np.stack([tone(300), tone(600), sound[-RATE:]]))
    np.testing.assert_allclose(chances, expected, atol=1e-6)
    np.testing.assert_allclose(logits, np.log(expected / (1 - expected)), atol=1e-4)
    np.testing.assert_allclose(shares, [1.0, 1.0, 0.5])


def test_a_certain_answer_has_a_finite_logit():
    class Certain:
        name, digest = "certain", "0"
        spec, modality, vocabulary, image_request = "", "audio", None, None

        def predict(self, items):
            return np.tile(np.array([0.0, 1.0], np.float32), (len(items), 1))

    values, _ = TeacherExtractor(Certain()).extract(tone())
    assert np.isfinite(values).all()
    assert values[0, 0] == pytest.approx(-values[0, 1], rel=1e-3)


def test_what_describes_a_clip_is_part_of_its_digest(classifier):
    one, other = (load_external_model(f"onnx:{classifier}{features}") for features in ("", ",features=probabilities"))
    assert (
        one.compute_digest() != other.compute_digest() == load_external_model(other_spec(classifier)).compute_digest()
    )


def other_spec(classifier):
    return f"onnx:{classifier},features=probabilities"


def test_a_classifier_is_scored_like_any_model(classifier, make_folder):
    folder = make_folder({"a": 4, "b": 4, "c": 4})
    result = evaluate(f"onnx:{classifier}", f"folder={folder}", probe="knn", hyperparameter=1.0)
    assert result.dim == 6
    assert result.model == "onnx-tones"
    assert not result.untrained


@pytest.fixture(scope="module")
def wav2vec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wav2vec")
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        num_feat_extract_layers=2,
    )
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def test_the_hidden_states_of_an_encoder_are_averaged_over_time(wav2vec):
    extractor = load_extractor(f"transformers:{wav2vec}")
    values, _ = extractor.extract(tone(seconds=0.4))
    network = transformers.Wav2Vec2Model.from_pretrained(wav2vec).eval()
    preprocess = transformers.Wav2Vec2FeatureExtractor.from_pretrained(wav2vec)
    with torch.no_grad():
        states = network(**preprocess(tone(seconds=0.4), sampling_rate=RATE, return_tensors="pt")).last_hidden_state
    np.testing.assert_allclose(values, states.mean(dim=1).numpy(), atol=1e-5)
    assert (extractor.sample_rate, extractor.pooled) == (RATE, True)
    assert extractor.compute_digest() == load_extractor(f"transformers:{wav2vec}").compute_digest()


def test_of_whisper_the_encoder_is_heard(tmp_path):
    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_mel_bins=80,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    transformers.WhisperModel(config).save_pretrained(tmp_path)
    transformers.WhisperFeatureExtractor().save_pretrained(tmp_path)
    values, _ = load_extractor(f"transformers:{tmp_path}").extract(tone())
    assert values.shape == (1, 16)


def test_a_model_that_lacks_weights_or_sees_is_refused(wav2vec, tmp_path):
    from safetensors.torch import load_file, save_file

    transformers.Wav2Vec2Config.from_pretrained(wav2vec).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    weights = {key: value for key, value in load_file(wav2vec / "model.safetensors").items() if "layers.1" not in key}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TeacherError, match="no weights for encoder"):
        load_extractor(f"transformers:{tmp_path}")
    with pytest.raises(TeacherError, match="no such folder"):
        load_extractor(f"transformers:{tmp_path / 'none'}")


HEAR = """
from pathlib import Path
import torch

class Model(torch.nn.Module):
    sample_rate, scene_embedding_size, timestamp_embedding_size = 22050, 2, 2

def load_model(model_file_path=""):
    model = Model()
    model.factor = float(Path(model_file_path).read_text()) if model_file_path else 1.0
    return model

def get_scene_embeddings(audio, model):
    return model.factor * torch.stack([audio.mean(1), audio.std(1)], dim=1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module with HEAR's interface, and make it importable."""

    def write(name, text=HEAR):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return f"hear:{name}"

    return write


def test_a_module_with_hears_interface_is_scored_like_any_model(module, make_folder, tmp_path):
    spec = module("heard_plain")
    extractor = load_extractor(spec)
    values, _ = extractor.extract(tone())
    np.testing.assert_allclose(values[0], [tone().mean(), tone().std(ddof=1)], atol=1e-6)
    assert (extractor.name, extractor.sample_rate) == ("hear:heard_plain", 22050)
    assert evaluate(spec, f"folder={make_folder({'a': 4, 'b': 4})}").dim == 2


def test_a_hear_model_is_loaded_from_its_file(module, tmp_path):
    spec = module("heard_file")
    (tmp_path / "factor.txt").write_text("3.0")
    plain, scaled = load_extractor(spec), load_extractor(f"{spec}={tmp_path / 'factor.txt'}")
    np.testing.assert_allclose(scaled.extract(tone())[0], 3.0 * plain.extract(tone())[0])
    assert plain.compute_digest() != scaled.compute_digest()


def test_a_module_that_keeps_no_promise_is_named(module):
    with pytest.raises(UsageError, match="no function get_scene_embeddings"):
        load_extractor(module("heard_half", "def load_model(model_file_path=''): ..."))
    with pytest.raises(UsageError, match="a model without sample_rate"):
        load_extractor(module("heard_model", HEAR.replace("sample_rate, scene", "_, scene")))
    with pytest.raises(UsageError, match="load_model: fails"):
        load_extractor(f"{module('heard_absent')}=/nowhere/model.pt")
    wrong = load_extractor(module("heard_wide", HEAR.replace("22050, 2, 2", "22050, 5, 2")))
    with pytest.raises(UsageError, match=r"shape \(1, 2\), wanted \(1, 5\)"):
        wrong.extract(tone())
    with pytest.raises(UsageError, match="cannot be imported"):
        load_extractor("hear:no.such.module")


def test_what_is_no_model_is_guessed(classifier, tmp_path):
    with pytest.raises(UsageError) as caught:
        load_extractor("litetr:model.tflite")
    assert "'litert'" in caught.value.hint
    with pytest.raises(ConfigError, match="features=scores"):
        load_extractor(f"onnx:{classifier},features=scores")
    with pytest.raises(UsageError, match="fresh weights of another's model"):
        load_extractor(f"onnx:{classifier}", untrained=True)
    with pytest.raises(TeacherError, match="no such file"):
        load_extractor(f"litert:{tmp_path / 'none.tflite'}")
