from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from hearsight.errors import ConfigError, MissingExtraError, TableError, TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.signal.waveform import resample
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.runtimes.transformers import request_images
from hearsight.teachers.teacher import Teacher

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
NAMES = ["dog", "cat", "drum", "train", "bell"]


def _save(folder: Path, *parts: Any) -> Path:
    for part in parts:
        part.save_pretrained(folder)
    return folder


def _label(names: list[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def _make_ast_extractor() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformers.ASTFeatureExtractor()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of tiny models with random weights, as ``save_pretrained`` writes them."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config: Any = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8, initializer_range=0.5, **_label(NAMES))
    processor = ViTImageProcessorPil(size={"height": 32, "width": 32})
    _save(root / "vit", transformers.ViTForImageClassification(config), processor)
    config = transformers.MobileNetV2Config(
        depth_multiplier=0.1, image_size=32, problem_type="multi_label_classification"
    )
    processor = MobileNetV2ImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    _save(root / "mobilenet", transformers.MobileNetV2ForImageClassification(config), processor)
    config = transformers.ASTConfig(**SMALL, max_length=1024, initializer_range=0.5, num_labels=527)
    _save(root / "ast", transformers.ASTForAudioClassification(config), _make_ast_extractor())
    config = transformers.Wav2Vec2Config(
        **SMALL,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        **_label(NAMES[:3]),
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000)
    _save(root / "wav2vec2", transformers.Wav2Vec2ForSequenceClassification(config), extractor)
    text = {
        **SMALL,
        "vocab_size": 12,
        "max_position_embeddings": 16,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 0,
    }
    vision = {**SMALL, "image_size": 32, "patch_size": 8}
    clip = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    _save(root / "clip", clip, processor, _make_tokenizer())
    siglip = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision))
    _save(root / "siglip", siglip, SiglipImageProcessorPil(size={"height": 32, "width": 32}), _make_tokenizer())
    _save(root / "clap", _make_clap(text), _make_clap_extractor(), _make_tokenizer())
    (root / "names.txt").write_text("dog\ncat\ndrum\n")
    return root


def _make_clap(text: dict[str, Any]) -> Any:
    audio = {
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "patch_embeds_hidden_size": 8,
        "spec_size": 64,
        "num_mel_bins": 16,
        "window_size": 4,
        "projection_dim": 8,
    }
    text = {**text, "max_position_embeddings": 32, "projection_dim": 8}
    return transformers.ClapModel(transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8))


def _make_clap_extractor() -> Any:
    return transformers.ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=8000,
        hop_length=160,
        fft_window_size=256,
        max_length_s=2,
        frequency_max=4000,
        truncation="rand_trunc",
    )


def _make_tokenizer() -> Any:
    words = ["<pad>", "<unk>", "a", "photo", "of", "sound", "dog", "cat", "drum", "."]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")


@pytest.fixture
def segments() -> np.ndarray:
    return (np.random.default_rng(2).standard_normal((2, 16_000)) * 0.1).astype(np.float32)


def _draw_images(size: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, size, size, 3)).astype(np.uint8)


def test_an_image_classifier_gives_the_models_own_probabilities(saved: Path):
    teacher = load_teacher(f"transformers:{saved / 'vit'}", "vision")
    images = _draw_images(32)
    model = transformers.ViTForImageClassification.from_pretrained(saved / "vit").eval()
    with torch.inference_mode():
        pixels = ViTImageProcessorPil.from_pretrained(saved / "vit")(list(images), return_tensors="pt")
        expected = model(**pixels).logits.softmax(dim=1).numpy()
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-5)
    assert expected.std() > 0.01
    assert teacher.vocabulary.names == tuple(NAMES)
    assert teacher.image_request == ImageRequest(height=32, width=32, fit="stretch")
    assert teacher.name == "transformers-vit"
    assert isinstance(teacher, Teacher)


def test_a_multi_label_model_that_crops_is_asked_for_what_it_crops_from(
    saved: Path, capsys: pytest.CaptureFixture[str]
):
    teacher = load_teacher(f"transformers:{saved / 'mobilenet'}", "vision")
    assert teacher.image_request == ImageRequest(height=36, width=36, fit="crop")
    assert "the classes are called class 0 to class 1" in capsys.readouterr().err
    images = _draw_images(36)
    model = transformers.MobileNetV2ForImageClassification.from_pretrained(saved / "mobilenet").eval()
    with torch.inference_mode():
        pixels = MobileNetV2ImageProcessorPil.from_pretrained(saved / "mobilenet")(list(images), return_tensors="pt")
        expected = model(**pixels).logits.sigmoid().numpy()
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-5)


def test_an_audioset_model_gets_a_sigmoid_and_pads_as_its_extractor_does(saved: Path, segments: np.ndarray):
    teacher = load_teacher(f"transformers:{saved / 'ast'}", "audio", quiet=True)
    model = transformers.ASTForAudioClassification.from_pretrained(saved / "ast").eval()
    with torch.inference_mode():
        features = _make_ast_extractor()(list(segments), sampling_rate=16_000, return_tensors="pt")
        expected = model(**features).logits.sigmoid().numpy()
    np.testing.assert_allclose(teacher.predict(segments), expected, atol=1e-4)
    assert len(teacher.vocabulary) == 527
    softer = load_teacher(f"transformers:{saved / 'ast'},activation=softmax", "audio", quiet=True)
    np.testing.assert_allclose(softer.predict(segments).sum(axis=1), 1.0, atol=1e-5)


def test_a_shortened_ast_keeps_the_middle_of_its_position_embeddings(saved: Path, segments: np.ndarray):
    teacher = load_teacher(f"transformers:{saved / 'ast'},max_length=100", "audio", quiet=True)
    model = transformers.ASTForAudioClassification.from_pretrained(saved / "ast").eval()
    weights = model.state_dict()
    name = "audio_spectrogram_transformer.embeddings.position_embeddings"
    # 1,024 frames are 101 columns of 12 patches, 100 frames are 9 of them: columns 46 to 54
    columns = torch.cat([2 + torch.arange(46, 55) + 101 * row for row in range(12)])
    weights[name] = torch.cat([weights[name][:, :2], weights[name][:, columns]], dim=1)
    short = transformers.ASTForAudioClassification(
        transformers.ASTConfig(**SMALL, max_length=100, num_labels=527)
    ).eval()
    short.load_state_dict(weights)
    with torch.inference_mode():
        extractor = _make_ast_extractor()
        extractor.max_length = 100
        features = extractor(list(segments), sampling_rate=16_000, return_tensors="pt")
        expected = short(**features).logits.sigmoid().numpy()
    np.testing.assert_allclose(teacher.predict(segments), expected, atol=1e-4)
    with pytest.raises(ConfigError, match=r"16 to 1024 frames"):
        load_teacher(f"transformers:{saved / 'ast'},max_length=2000", "audio")
    with pytest.raises(ConfigError, match=r"wanted an Audio Spectrogram Transformer"):
        load_teacher(f"transformers:{saved / 'wav2vec2'},max_length=100", "audio")


def test_sound_is_resampled_to_the_extractors_rate(saved: Path, segments: np.ndarray):
    teacher = load_teacher(f"transformers:{saved / 'wav2vec2'}", "audio")
    model = transformers.Wav2Vec2ForSequenceClassification.from_pretrained(saved / "wav2vec2").eval()
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(saved / "wav2vec2")
    with torch.inference_mode():
        waveforms = [resample(segment, 16_000, 8000) for segment in segments]
        values = extractor(waveforms, sampling_rate=8000, return_tensors="pt").input_values
        expected = model(values).logits.softmax(dim=1).numpy()
    np.testing.assert_allclose(teacher.predict(segments), expected, atol=1e-5)
    assert teacher.vocabulary.names == ("dog", "cat", "drum")


@pytest.mark.parametrize(("name", "prompt"), [("clip", "a photo of {}."), ("siglip", "This is a photo of {}.")])
def test_pictures_are_compared_with_prompts(saved: Path, name: str, prompt: str):
    teacher = load_teacher(f"transformers:{saved / name},vocabulary={saved / 'names.txt'}", "vision")
    assert teacher.image_request is not None
    images = _draw_images(teacher.image_request.height)
    model = transformers.AutoModel.from_pretrained(saved / name).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(saved / name, backend="pil")
    padding = {"padding": "max_length", "max_length": 16} if name == "siglip" else {"padding": True}
    texts = _make_tokenizer()([prompt.format(name) for name in ("dog", "cat", "drum")], return_tensors="pt", **padding)
    with torch.inference_mode():
        pixels = processor(list(images), return_tensors="pt")
        logits = model(input_ids=texts.input_ids, attention_mask=None, **pixels).logits_per_image
    expected = (logits.sigmoid() if name == "siglip" else logits.softmax(dim=1)).numpy()
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-4)
    assert teacher.vocabulary.names == ("dog", "cat", "drum")
    other = load_teacher(f"transformers:{saved / name},vocabulary={saved / 'names.txt'},prompt=sound of {{}}", "vision")
    assert other.digest != teacher.digest
    with pytest.raises(TeacherError, match=r"has no fixed classes, wanted vocabulary=FILE"):
        load_teacher(f"transformers:{saved / name}", "vision")


def test_sounds_are_compared_with_prompts(saved: Path, segments: np.ndarray):
    teacher = load_teacher(f"transformers:{saved / 'clap'},vocabulary={saved / 'names.txt'}", "audio")
    model = transformers.ClapModel.from_pretrained(saved / "clap").eval()
    names = ("dog", "cat", "drum")
    texts = _make_tokenizer()([f"This is a sound of {name}." for name in names], return_tensors="pt")
    with torch.inference_mode():
        waveforms = [resample(segment, 16_000, 8000) for segment in segments]
        features = _make_clap_extractor()(waveforms, sampling_rate=8000, return_tensors="pt")
        logits = model(input_ids=texts.input_ids, attention_mask=texts.attention_mask, **features).logits_per_audio
    np.testing.assert_allclose(teacher.predict(segments), logits.softmax(dim=1).numpy(), atol=1e-4)
    assert teacher.vocabulary.names == names
    assert teacher.image_request is None


def test_items_do_not_depend_on_their_neighbours_and_threads_are_given_back(saved: Path):
    teacher = load_teacher(f"transformers:{saved / 'vit'}", "vision")
    images = _draw_images(32)
    threads = torch.get_num_threads()
    alone = np.concatenate([teacher.predict(image[None]) for image in images])
    np.testing.assert_array_equal(teacher.predict(images), alone)
    assert torch.get_num_threads() == threads
    assert teacher.predict(images[:0]).shape == (0, 5)


def test_the_digest_is_of_the_content_and_not_of_the_place(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "elsewhere")
    plain = load_teacher(f"transformers:{saved / 'vit'}", "vision").digest
    assert load_teacher(f"transformers:{copy}", "vision").digest == plain
    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"] += 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert load_teacher(f"transformers:{copy}", "vision").digest != plain


def test_names_can_be_given_and_must_fit(saved: Path, tmp_path: Path):
    given = tmp_path / "given.txt"
    given.write_text("a\nb\nc\nd\ne\n")
    assert load_teacher(f"transformers:{saved / 'vit'},vocabulary={given}", "vision").vocabulary.names == tuple("abcde")
    with pytest.raises(TeacherError, match="5 classes, but 3 names"):
        load_teacher(f"transformers:{saved / 'vit'},vocabulary={saved / 'names.txt'}", "vision")


def test_the_wrong_modality_is_refused(saved: Path):
    with pytest.raises(TeacherError, match=r"the architecture 'ViTForImageClassification', wanted an audio classifier"):
        load_teacher(f"transformers:{saved / 'vit'}", "audio")
    with pytest.raises(
        TeacherError, match=r"the architecture 'Wav2Vec2ForSequenceClassification', wanted an image classifier"
    ):
        load_teacher(f"transformers:{saved / 'wav2vec2'}", "vision")


def test_a_head_without_weights_is_not_filled_with_random_ones(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "headless")
    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TeacherError, match=r"no weights for classifier\.weight"):
        load_teacher(f"transformers:{copy}", "vision")


def test_pickled_weights_are_not_loaded(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "pickled")
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(TeacherError, match=r"must have model\.safetensors"):
        load_teacher(f"transformers:{copy}", "vision")


def test_code_from_a_repository_is_never_run(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "code")
    (copy / "code.py").write_text("raise SystemExit('ran')")
    config = json.loads((copy / "config.json").read_text())
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "code.Mine", "AutoModelForImageClassification": "code.Mine"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(TeacherError, match="code from repositories is never run"):
        load_teacher(f"transformers:{copy}", "vision")


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_broken_files_are_teacher_errors(saved: Path, tmp_path: Path, broken: str):
    copy = shutil.copytree(saved / "vit", tmp_path / "broken")
    path = copy / broken
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(TeacherError, match=r"transformers cannot load it|config\.json: not JSON"):
        load_teacher(f"transformers:{copy}", "vision")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(TeacherError, match="nowhere: no such folder"):
        load_teacher(f"transformers:{tmp_path / 'nowhere'}", "vision")
    with pytest.raises(ConfigError, match="revision=main of a folder"):
        load_teacher(f"transformers:{tmp_path},revision=main", "vision")


def test_a_missing_package_names_its_extra(saved: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"the extra 'transformers'[\s\S]*pip install .*\[transformers\]"):
        load_teacher(f"transformers:{saved / 'vit'}", "vision")


def test_pictures_are_asked_for_as_processors_resize_them():
    config = transformers.ViTConfig(image_size=48)
    clip = CLIPImageProcessorPil(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224})
    assert request_images(clip, config) == ImageRequest(256, 256, "crop")
    assert request_images(ViTImageProcessorPil(size={"height": 200, "width": 300}), config) == ImageRequest(
        200, 300, "stretch"
    )
    convnext = ConvNextImageProcessorPil(size={"shortest_edge": 224}, crop_pct=0.875)
    assert request_images(convnext, config) == ImageRequest(256, 256, "crop")
    assert request_images(ConvNextImageProcessorPil(size={"shortest_edge": 384}), config) == ImageRequest(
        384, 384, "crop"
    )
    assert request_images(ViTImageProcessorPil(do_resize=False), config) == ImageRequest(48, 48, "crop")


def _copy_with_config(saved: Path, to: Path, **changes: object) -> Path:
    copy = shutil.copytree(saved / "vit", to)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **changes}))
    return copy


def test_a_config_of_endless_classes_is_refused_before_one_is_made(saved: Path, tmp_path: Path):
    copy = _copy_with_config(saved, tmp_path / "wide", num_labels=10**12)
    with pytest.raises(TeacherError, match=r"num_labels is 1,000,000,000,000, wanted at most 100,000 classes"):
        load_teacher(f"transformers:{copy}", "vision")


def test_control_characters_in_the_names_of_a_config_are_refused(saved: Path, tmp_path: Path):
    labels = {str(index): f"name {index}\x1b[2J" for index in range(5)}
    copy = _copy_with_config(saved, tmp_path / "ansi", id2label=labels)
    with pytest.raises(TableError, match=r"config\.json class 0: the control character \\x1b"):
        load_teacher(f"transformers:{copy}", "vision", quiet=True)


def test_a_config_that_is_a_pipe_or_absent_is_refused_at_once(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "pipe")
    (copy / "config.json").unlink()
    with pytest.raises(TeacherError, match=r"pipe: no config\.json in it"):
        load_teacher(f"transformers:{copy}", "vision")
    os.mkfifo(copy / "config.json")
    with pytest.raises(TeacherError, match="a named pipe, not a regular file"):
        load_teacher(f"transformers:{copy}", "vision")


def test_pictures_larger_than_any_model_takes_are_refused(saved: Path, tmp_path: Path):
    copy = shutil.copytree(saved / "vit", tmp_path / "large")
    settings = json.loads((copy / "preprocessor_config.json").read_text())
    settings["size"] = {"height": 100_000, "width": 30}
    (copy / "preprocessor_config.json").write_text(json.dumps(settings))
    with pytest.raises(TeacherError, match="an input of 100,000 pixels of height, wanted at most 4,096"):
        load_teacher(f"transformers:{copy}", "vision", quiet=True)
