from __future__ import annotations

import pytest

from hearsight.errors import ConfigError
from hearsight.teachers.spec import ModelOptions, name_teacher, parse_spec, read_options


def test_a_spec_is_a_kind_a_place_and_options():
    spec = parse_spec("litert:/a/b.tflite,vocabulary=/a/labels.txt,activation=softmax")
    assert (spec.kind, spec.where) == ("litert", "/a/b.tflite")
    assert spec.options == {"vocabulary": "/a/labels.txt", "activation": "softmax"}
    assert spec.text == "litert:/a/b.tflite,vocabulary=/a/labels.txt,activation=softmax"


def test_a_place_may_have_commas_colons_and_equals_signs():
    assert parse_spec("onnx:/a, b/x=1 c.onnx").where == "/a, b/x=1 c.onnx"
    assert parse_spec("onnx:C:\\models\\a.onnx,output=1").where == "C:\\models\\a.onnx"


@pytest.mark.parametrize("text", ["clusters:k=64", "clusters,k=64", " clusters:k=64 "])
def test_clusters_need_no_place(text: str):
    spec = parse_spec(text)
    assert (spec.kind, spec.where, spec.options) == ("clusters", "", {"k": "64"})
    assert parse_spec("clusters").options == {}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("litrt:/a/b.tflite", "did you mean 'litert:/a/b.tflite'"),
        ("/a/b.tflite", "did you mean 'litert:/a/b.tflite'"),
        ("b.onnx,output=1", "did you mean 'onnx:b.onnx,output=1'"),
        ("google/vit-base-patch16-224", "did you mean 'transformers:google/vit-base-patch16-224'"),
        ("transformer:google/vit", "did you mean 'transformers'"),
        ("cluster", "did you mean 'clusters'"),
        ("", "known: clusters, litert, onnx, prompts, student, transformers"),
    ],
)
def test_a_spec_without_a_known_kind_guesses_what_was_meant(text: str, meant: str):
    with pytest.raises(ConfigError, match=meant):
        parse_spec(text)


def test_an_option_is_given_once_and_nothing_follows_the_options():
    with pytest.raises(ConfigError, match="'k' occurs twice"):
        parse_spec("clusters:k=3,k=4")
    with pytest.raises(ConfigError, match="'b' after the options"):
        parse_spec("onnx:a.onnx,output=1,b")


def test_names_are_fit_for_folders():
    assert name_teacher("onnx", "a b/ü:c") == "onnx-a-b-c"
    assert name_teacher("transformers", "google/vit-base") == "transformers-google-vit-base"
    assert name_teacher("onnx", "..") == "onnx-model"


def test_all_mistakes_in_options_are_named():
    with pytest.raises(ConfigError, match=r"fit=squash[\s\S]*unknown option 'activaton'[\s\S]*'activation'"):
        read_options(ModelOptions, parse_spec("onnx:a.onnx,fit=squash,activaton=none"))
