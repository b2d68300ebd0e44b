"""Hugging Face classifiers as teachers: ``transformers:REPOSITORY_OR_FOLDER[,option=value...]``.

Three sorts of model are supported, by the architecture in their ``config.json``: image classifiers, audio classifiers, and models
that compare images (CLIP, MetaCLIP, SigLIP) or sounds (CLAP) with texts. The last sort needs ``vocabulary=FILE``; each class name
is put into a prompt, whose text is encoded once.

Images are decoded at the size to which the model's own processor would resize them, and segments are resampled to the extractor's
rate; the processor does the rest. For how models are found and loaded, and what is refused, see ``hugging_face.py``.

An AST pads every second to ten. ``max_length=100`` limits its input to the second, which is ten times faster; its position
embeddings are cut to the middle, as in Gong 2021 (AST, section 2.2) for shorter inputs.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped
from pydantic import Field

from hearsight.documents import read_text
from hearsight.errors import ConfigError, TeacherError
from hearsight.extras import require
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.classes import ClassList, check_classes, find_classes, number_classes
from hearsight.teachers.limits import MAX_IMAGE_SIDE, MAX_SAMPLES, check_size
from hearsight.teachers.outputs import Activation
from hearsight.teachers.runtimes.classifier import Classifier, Model
from hearsight.teachers.runtimes.hugging_face import (
    EXTRA,
    PURPOSE,
    Origin,
    convert_errors,
    identify,
    list_architectures,
    load_network,
    load_processor,
    load_settings,
    load_tokenizer,
    locate,
    one_thread,
)
from hearsight.teachers.runtimes.inputs import ImageInput, ModelInput, WaveformInput
from hearsight.teachers.spec import ModelOptions, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary, check_names, load_vocabulary, make_unique

_PROMPTED: dict[str, tuple[Modality, str]] = {
    "CLIPModel": ("vision", "a photo of {}."),
    "MetaClip2Model": ("vision", "a photo of {}."),
    "SiglipModel": ("vision", "This is a photo of {}."),
    "ClapModel": ("audio", "This is a sound of {}."),
}
"""Architectures that compare with texts, and the prompts used in the evaluations of their papers."""

_AUDIOSET_SIZES = (521, 527)


class TransformersOptions(ModelOptions):
    """Options of ``transformers:``."""

    prompt: str | None = Field(default=None, pattern=r"\{\}")
    """The prompt for a model that compares with texts; ``{}`` stands for the class name."""
    templates: str | None = Field(default=None, min_length=1)
    """A file with a prompt on each line. The encoded prompts of a class are averaged."""
    revision: str | None = None
    """Branch, tag or commit of the repository."""
    max_length: int | None = Field(default=None, ge=16, le=4096)
    """Input frames of an AST; 100 per second."""


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:
    """Load a Hugging Face model as a teacher; see :func:`hearsight.teachers.registry.load_teacher` for the errors."""
    return _load(spec, modality, quiet=quiet)


def load_prompted(spec: TeacherSpec, modality: Modality, *, suffix: str) -> Classifier:
    """Load a model that compares with texts. The suffix distinguishes teachers with the same model and different words."""
    return _load(spec, modality, quiet=True, suffix=suffix)


def _load(spec: TeacherSpec, modality: Modality, *, quiet: bool, suffix: str = "") -> Classifier:
    options = read_options(TransformersOptions, spec)
    origin = locate(spec.where, options.revision)
    settings = load_settings(origin)
    architecture = str((settings.architectures or ["model of unknown architecture"])[0])
    _check_modality(architecture, modality, origin.where)
    if suffix and architecture not in _PROMPTED:
        wanted = f"a model that compares with texts: {', '.join(sorted(_PROMPTED))}"
        raise TeacherError(origin.where, f"a {architecture}, which has fixed classes", wanted, "transformers: loads it")
    network = load_network(
        origin, _choose_maker(architecture, modality), wanted="a model trained to classify", settings=settings
    )
    processor = load_processor(origin, modality)
    if options.max_length is not None:
        _shorten(network, processor, options.max_length, origin.where)
    model_input = _choose_input(processor, settings, modality, options, origin.where)
    stem = re.sub(r"^/+", "", spec.where) if origin.folder is None else Path(spec.where).expanduser().resolve().name
    content = identify(network, settings, processor)
    if architecture in _PROMPTED:
        vocabulary, texts = _encode_texts(network, architecture, options, origin)
        content += hashlib.sha256(texts.numpy().tobytes()).hexdigest()
        run = functools.partial(_compare, network, processor, modality, texts)
        name_classes: Callable[[int], Vocabulary] = lambda _: vocabulary  # noqa: E731
    else:
        run = functools.partial(_classify, network, processor, modality)
        name_classes = functools.partial(_name_classes, settings, origin, options.vocabulary, quiet=quiet)
    activation = _choose_activation(options.activation, settings, architecture, modality)
    model = Model(origin.where, stem + suffix, content, model_input, run, activation)
    return Classifier(spec, modality, model, name_classes)


def _check_modality(architecture: str, modality: Modality, where: str) -> None:
    known = list_architectures(modality)
    known |= {name for name, (perceived, _) in _PROMPTED.items() if perceived == modality}
    if architecture not in known:
        wanted = "an image classifier, CLIP or SigLIP" if modality == "vision" else "an audio classifier or CLAP"
        raise TeacherError(where, f"the architecture {architecture!r:.80}", f"{wanted} for a teacher of {modality}")


def _choose_maker(architecture: str, modality: Modality) -> str:
    if architecture in _PROMPTED:
        return "AutoModel"
    return "AutoModelForImageClassification" if modality == "vision" else "AutoModelForAudioClassification"


def _choose_input(
    processor: Any, config: Any, modality: Modality, options: TransformersOptions, where: str
) -> ModelInput:
    if modality == "audio":
        rate = int(processor.sampling_rate)
        check_size(where, "samples per second", rate, MAX_SAMPLES)
        return WaveformInput(rate, rate)
    request = request_images(processor, config)
    check_size(where, "pixels of height", request.height, MAX_IMAGE_SIDE)
    check_size(where, "pixels of width", request.width, MAX_IMAGE_SIDE)
    return ImageInput(request.height, request.width, options.fit or request.fit, dtype="uint8")


def request_images(processor: Any, config: Any) -> ImageRequest:
    """Return the size to which an image processor resizes before it crops, so that images are decoded at that size.

    A fixed height and width stretch the image. A shortest edge stands for the central square of that edge (with ConvNeXT's
    processors, of that edge divided by ``crop_pct`` if it is less than 384).
    """
    size = getattr(processor, "size", None)
    size = {key: value for key, value in dict(size or {}).items() if value}
    if getattr(processor, "do_resize", False) and "height" in size and "width" in size:
        return ImageRequest(int(size["height"]), int(size["width"]), "stretch")
    if getattr(processor, "do_resize", False) and "shortest_edge" in size:
        edge = int(size["shortest_edge"])
        crop_pct = getattr(processor, "crop_pct", None)
        if crop_pct and edge < 384:
            edge = int(edge / crop_pct)
        return ImageRequest(edge, edge, "crop")
    edge = getattr(getattr(config, "vision_config", config), "image_size", None) or 224
    height, width = edge if isinstance(edge, (list, tuple)) else (edge, edge)
    return ImageRequest(int(height), int(width), "crop")


def _choose_activation(asked: Activation, config: Any, architecture: str, modality: Modality) -> Activation:
    """Choose the activation by the configuration. AudioSet's classes do not exclude each other, even if it does not state that."""
    if asked != "auto":
        return asked
    if architecture in _PROMPTED:
        return "sigmoid" if architecture == "SiglipModel" else "softmax"
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return "sigmoid"
    if config.problem_type is None and modality == "audio" and config.num_labels in _AUDIOSET_SIZES:
        return "sigmoid"
    return "softmax"


def _name_classes(
    config: Any, origin: Origin, option: str | None, num_classes: int, *, quiet: bool = False
) -> Vocabulary:
    if option is not None:
        return check_classes(origin.where, num_classes, ClassList(load_vocabulary(option), option))
    names = [str(config.id2label[index]) for index in sorted(config.id2label)]
    if not all(re.fullmatch(r"LABEL_\d+", name) for name in names):
        check_names(names, f"{origin.where} config.json")
        return check_classes(origin.where, num_classes, ClassList(Vocabulary(make_unique(names)), "config.json"))
    if origin.folder is not None:
        weights = origin.folder / "model.safetensors"
        return find_classes(weights, num_classes, option=None, display_name=origin.where, quiet=quiet)
    return number_classes(origin.where, num_classes, quiet=quiet)


def _encode_texts(
    network: Any, architecture: str, options: TransformersOptions, origin: Origin
) -> tuple[Vocabulary, Any]:
    """Encode a prompt for every class name, as rows of unit length."""
    if options.vocabulary is None:
        wanted = "vocabulary=FILE with the names to compare with"
        raise TeacherError(origin.where, f"a {architecture}, which has no fixed classes", wanted)
    vocabulary = load_vocabulary(options.vocabulary)
    templates = _read_templates(options) or (options.prompt or _PROMPTED[architecture][1],)
    tokenizer = load_tokenizer(origin)
    limit = getattr(getattr(network.config, "text_config", None), "max_position_embeddings", None)
    settings: dict[str, Any] = {"padding": True}
    if architecture == "SiglipModel":  # trained on texts of one length, with the padding as part of them
        settings = {"padding": "max_length", "max_length": limit, "truncation": True, "return_attention_mask": False}
    torch: Any = require("torch", EXTRA, PURPOSE)
    rows: list[Any] = []
    with convert_errors(origin.where), one_thread():
        for name in vocabulary.names:
            tokens = [tokenizer([one.replace("{}", name)], return_tensors="pt", **settings) for one in templates]
            encoded = torch.cat([_embed(network.get_text_features(**one)) for one in tokens])
            rows.append(encoded if len(encoded) == 1 else _embed(encoded.mean(dim=0, keepdim=True)))
    return vocabulary, torch.cat(rows)


def _read_templates(options: TransformersOptions) -> tuple[str, ...]:
    """Return the prompts of the file of templates; none where there is no such file."""
    if options.templates is None:
        return ()
    path = Path(options.templates).expanduser()
    if options.prompt is not None:
        raise ConfigError(path, f"templates together with prompt={options.prompt}", "one of the two")
    lines = [line.strip() for line in read_text(path, ConfigError, wanted="a prompt on each line").splitlines()]
    found = tuple(line for line in lines if line)
    wrong = next((line for line in found if "{}" not in line), None)
    if wrong is not None or not found:
        wanted = "a prompt on each line, with {} for the class name"
        raise ConfigError(path, "no prompt" if wrong is None else repr(wrong[:60]), wanted)
    return found


def _embed(output: Any) -> Any:
    embedding = getattr(output, "pooler_output", output)
    return embedding / embedding.norm(dim=-1, keepdim=True)


def _process(processor: Any, modality: Modality, values: Shaped[np.ndarray, "*input"]) -> Any:
    if modality == "vision":
        return processor(images=[values], do_resize=False, return_tensors="pt")
    return processor(values, sampling_rate=processor.sampling_rate, return_tensors="pt")


def _classify(
    network: Any, processor: Any, modality: Modality, values: Shaped[np.ndarray, "*input"]
) -> Float32[np.ndarray, "*output"]:
    with one_thread():
        return network(**_process(processor, modality, values)).logits.numpy()


def _compare(
    network: Any, processor: Any, modality: Modality, texts: Any, values: Shaped[np.ndarray, "*input"]
) -> Float32[np.ndarray, "*output"]:
    """Return the scaled cosines of an item and the texts, plus SigLIP's bias."""
    with one_thread():
        features = network.get_image_features if modality == "vision" else network.get_audio_features
        scale = network.logit_scale if modality == "vision" else network.logit_scale_a
        logits = _embed(features(**_process(processor, modality, values))) @ texts.T * scale.exp()
        return (logits + getattr(network, "logit_bias", 0.0)).numpy()


def _shorten(network: Any, extractor: Any, max_length: int, where: str) -> None:
    """Limit an AST to ``max_length`` frames, with the middle of its position embeddings (Gong 2021, section 2.2)."""
    torch: Any = require("torch", EXTRA, PURPOSE)
    config = network.config
    if config.model_type != "audio-spectrogram-transformer":
        raise ConfigError(
            where, f"max_length={max_length} for a {config.model_type}", "an Audio Spectrogram Transformer"
        )
    embeddings = network.audio_spectrogram_transformer.embeddings
    rows, columns = embeddings.get_shape(config)
    kept = (max_length - config.patch_size) // config.time_stride + 1
    if not 1 <= kept <= columns:
        raise ConfigError(where, f"max_length={max_length}", f"{config.patch_size} to {config.max_length} frames")
    with torch.no_grad():
        first = (columns - kept) // 2
        special, grid = embeddings.position_embeddings[:, :2], embeddings.position_embeddings[:, 2:]
        grid = grid.unflatten(1, (rows, columns))[:, :, first : first + kept].flatten(1, 2)
        embeddings.position_embeddings = torch.nn.Parameter(torch.cat([special, grid], dim=1))
    config.max_length = extractor.max_length = max_length
