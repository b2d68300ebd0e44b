"""Word lists as classes: the averaged templates, the names of teachers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from hearsight.errors import ConfigError, TeacherError
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import Modality, Teacher

from . import test_transformers as models

saved, segments = models.saved, models.segments


def _load(spec: str, modality: Modality) -> Teacher:
    teacher = load_teacher(spec, modality)
    assert isinstance(teacher, Teacher)
    return teacher


def test_a_word_list_is_what_the_same_model_says_of_its_prompts(saved: Path):
    teacher = _load(f"prompts:{saved / 'clip'}@{saved / 'names.txt'}", "vision")
    plain = _load(f"transformers:{saved / 'clip'},vocabulary={saved / 'names.txt'}", "vision")
    assert (teacher.name, plain.name) == ("prompts-clip-names", "transformers-clip")
    assert teacher.image_request is not None
    images = models._draw_images(teacher.image_request.height)
    np.testing.assert_array_equal(teacher.predict(images), plain.predict(images))
    assert teacher.vocabulary.names == ("dog", "cat", "drum")


def test_the_templates_of_a_file_are_averaged(saved: Path, tmp_path: Path):
    templates = ["a photo of {}.", "a sound of {}."]
    file = tmp_path / "templates.txt"
    file.write_text("\n".join(templates) + "\n\n")
    spec = f"prompts:{saved / 'clip'}@{saved / 'names.txt'}"
    teacher = _load(f"{spec},templates={file}", "vision")
    images = models._draw_images(36)
    model: Any = transformers.CLIPModel.from_pretrained(saved / "clip").eval()
    processor: Any = transformers.AutoImageProcessor.from_pretrained(saved / "clip", backend="pil")
    rows = []
    with torch.inference_mode():
        for name in ("dog", "cat", "drum"):
            tokens = models._make_tokenizer()(
                [one.format(name) for one in templates], return_tensors="pt", padding=True
            )
            encoded = model.get_text_features(**tokens).pooler_output
            encoded = encoded / encoded.norm(dim=-1, keepdim=True)
            rows.append(encoded.mean(dim=0) / encoded.mean(dim=0).norm())
        pictures = model.get_image_features(**processor(list(images), return_tensors="pt")).pooler_output
        pictures = pictures / pictures.norm(dim=-1, keepdim=True)
        expected = (pictures @ torch.stack(rows).T * model.logit_scale.exp()).softmax(dim=1).numpy()
    np.testing.assert_allclose(teacher.predict(images), expected, atol=1e-4)
    assert teacher.digest != _load(spec, "vision").digest


def test_sounds_are_compared_with_words_too(saved: Path, segments: np.ndarray):
    teacher = _load(f"prompts:{saved / 'clap'}@{saved / 'names.txt'}", "audio")
    probabilities = teacher.predict(segments)
    assert probabilities.shape == (len(segments), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("where", ["clip", "clip@", "@names.txt", "clip@names.txt,vocabulary=names.txt"])
def test_a_model_and_a_word_list_are_both_needed(where: str):
    with pytest.raises(ConfigError, match=r"prompts:CHECKPOINT@VOCABULARY|after the @ only"):
        _load(f"prompts:{where}", "vision")


def test_a_classifier_has_classes_of_its_own(saved: Path):
    with pytest.raises(TeacherError, match="ViTForImageClassification, which has fixed classes"):
        _load(f"prompts:{saved / 'vit'}@{saved / 'names.txt'}", "vision")


@pytest.mark.parametrize(("text", "message"), [("a photo\n", "'a photo'"), ("\n", "no prompt")])
def test_templates_have_a_place_for_the_name(saved: Path, tmp_path: Path, text: str, message: str):
    (tmp_path / "templates.txt").write_text(text)
    spec = f"prompts:{saved / 'clip'}@{saved / 'names.txt'},templates={tmp_path / 'templates.txt'}"
    with pytest.raises(ConfigError, match=message):
        _load(spec, "vision")
