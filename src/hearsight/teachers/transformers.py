"""Hugging Face classifiers as teachers: ``transformers:REPOSITORY_OR_FOLDER[,option=value...]``. The only file that imports it.

Three sorts of model, told apart by the architecture that their ``config.json`` names: image classifiers, audio classifiers, and
models that compare pictures (CLIP, MetaCLIP, SigLIP) or sounds (CLAP) with texts. The last sort needs ``vocabulary=FILE``; each
name is set into a prompt, and its text is encoded once.

A picture is asked for as the model's own processor would have resized it, and a segment is resampled to the extractor's rate; all
else is the processor's (its PIL or NumPy path, so that neither torchvision nor torchaudio is needed). Weights are safetensors, in
float32; code from repositories is never run.

An AST pads every second to ten: ``max_length=100`` makes it hear just the second, ten times faster, with its position embeddings
cut to the middle, as Gong 2021 (AST, section 2.2) does for shorter inputs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped
from pydantic import Field

from hearsight.errors import ConfigError, TeacherError
from hearsight.extras import require
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.classes import ClassList, check_classes, find_classes, number_classes
from hearsight.teachers.classifier import Classifier, Model
from hearsight.teachers.inputs import ImageInput, ModelInput, WaveformInput
from hearsight.teachers.outputs import Activation
from hearsight.teachers.spec import ModelOptions, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary, load_vocabulary, make_unique

_PROMPTED: dict[str, tuple[Modality, str]] = {
    "CLIPModel": ("vision", "a photo of {}."),
    "MetaClip2Model": ("vision", "a photo of {}."),
    "SiglipModel": ("vision", "This is a photo of {}."),
    "ClapModel": ("audio", "This is a sound of {}."),
}
"""Architectures that compare with texts, and the prompts of their papers' evaluations."""

_HINTS = {
    "trust_remote_code": "code from repositories is never run",
    "mismatched_sizes": "its weights are not of the sizes that its config.json says",
    "safetensors": "the folder or repository must have model.safetensors",
}
"""What to say beside the library's own words."""

_AUDIOSET_SIZES = (521, 527)
_PURPOSE = "teachers of kind transformers"


class TransformersOptions(ModelOptions):
    """Options of ``transformers:``."""

    prompt: str | None = Field(default=None, pattern=r"\{\}")
    """What a class name is set into, at ``{}``, for a model that compares with texts."""
    revision: str | None = None
    """Branch, tag or commit of the repository."""
    max_length: int | None = Field(default=None, ge=16, le=4096)
    """Frames that an AST hears; 100 are a second."""


@dataclasses.dataclass(frozen=True)
class _Origin:
    """Where a model is: how errors call it, and what every ``from_pretrained`` is told."""

    where: str
    arguments: dict[str, Any]

    @property
    def folder(self) -> Path | None:
        return Path(self.where) if self.arguments["local_files_only"] else None


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:
    """Load a Hugging Face model as a teacher; see :func:`hearsight.teachers.kinds.load_teacher` for the errors."""
    options = read_options(TransformersOptions, spec)
    library: Any = require("transformers", "transformers", _PURPOSE)
    if modality == "vision":
        require("PIL", "transformers", _PURPOSE)
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    origin = _locate(spec.where, options)
    with _explaining(origin.where):
        config = library.AutoConfig.from_pretrained(origin.where, **origin.arguments)
    architecture = str((config.architectures or ["model of unknown architecture"])[0])
    _check_modality(architecture, modality, origin.where)
    network = _load_network(library, config, architecture, modality, origin)
    processor = _load_processor(library, modality, origin)
    if options.max_length is not None:
        _shorten(network, processor, options.max_length, origin.where)
    model_input = _choose_input(processor, config, modality, options)
    stem = re.sub(r"^/+", "", spec.where) if origin.folder is None else Path(spec.where).expanduser().resolve().name
    content = _digest_weights(network) + json.dumps(_describe(config)) + processor.to_json_string()
    if architecture in _PROMPTED:
        vocabulary, texts = _encode_texts(library, network, architecture, options, origin)
        content += hashlib.sha256(texts.numpy().tobytes()).hexdigest()
        run = functools.partial(_compare, network, processor, modality, texts)
        name_classes: Callable[[int], Vocabulary] = lambda _: vocabulary  # noqa: E731
    else:
        run = functools.partial(_classify, network, processor, modality)
        name_classes = functools.partial(_name_classes, config, origin, options.vocabulary, quiet=quiet)
    activation = _choose_activation(options.activation, config, architecture, modality)
    return Classifier(spec, modality, Model(origin.where, stem, content, model_input, run, activation), name_classes)


def _locate(where: str, options: TransformersOptions) -> _Origin:
    folder = Path(where).expanduser()
    local = folder.is_dir()
    if not local and (where.startswith((".", "/", "~")) or where.count("/") > 1):
        raise TeacherError(folder, "no such folder", "a folder with config.json and model.safetensors")
    arguments: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    if options.revision is not None:
        if local:
            raise ConfigError(where, "revision is given, and this is a folder", "a repository's name")
        arguments["revision"] = options.revision
    return _Origin(str(folder) if local else where, arguments)


def _check_modality(architecture: str, modality: Modality, where: str) -> None:
    auto: Any = require("transformers.models.auto.modeling_auto", "transformers", _PURPOSE)
    table = (
        auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
        if modality == "vision"
        else auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    )
    known = {name for names in table.values() for name in ((names,) if isinstance(names, str) else names)}
    known |= {name for name, (perceived, _) in _PROMPTED.items() if perceived == modality}
    if architecture not in known:
        wanted = "an image classifier, CLIP or SigLIP" if modality == "vision" else "an audio classifier or CLAP"
        raise TeacherError(where, f"a {architecture}", f"{wanted} for a teacher of {modality}")


def _load_network(library: Any, config: Any, architecture: str, modality: Modality, origin: _Origin) -> Any:
    torch: Any = require("torch", "transformers", _PURPOSE)
    if architecture in _PROMPTED:
        maker = library.AutoModel
    else:
        maker = (
            library.AutoModelForImageClassification if modality == "vision" else library.AutoModelForAudioClassification
        )
    with _explaining(origin.where):
        network, report = maker.from_pretrained(
            origin.where,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **origin.arguments,
        )
    absent = sorted(str(key) for key in report["missing_keys"])
    if absent:
        # the library would fill them with random numbers
        raise TeacherError(origin.where, f"no weights for {', '.join(absent[:3])}", "a model trained to classify")
    return network.eval()


def _load_processor(library: Any, modality: Modality, origin: _Origin) -> Any:
    with _explaining(origin.where), warnings.catch_warnings():
        # AST's own 128 bands are too narrow for its 512-point transform: nothing that a user could mend
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        if modality == "vision":
            return library.AutoImageProcessor.from_pretrained(origin.where, backend="pil", **origin.arguments)
        return library.AutoFeatureExtractor.from_pretrained(origin.where, **origin.arguments)


def _choose_input(processor: Any, config: Any, modality: Modality, options: TransformersOptions) -> ModelInput:
    if modality == "audio":
        rate = int(processor.sampling_rate)
        return WaveformInput(rate, rate)
    request = request_images(processor, config)
    return ImageInput(request.height, request.width, options.fit or request.fit, dtype="uint8")


def request_images(processor: Any, config: Any) -> ImageRequest:
    """Ask for pictures of the size that an image processor resizes to before it crops: then its own resizing has nothing to do.

    A fixed height and width mean stretched pictures; a shortest edge means the square out of the middle, of that edge (for
    ConvNeXT's processors, of that edge divided by ``crop_pct`` where it is less than 384).
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
    """Read from the configuration what the outputs are; AudioSet's classes do not exclude each other, said or not."""
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
    config: Any, origin: _Origin, option: str | None, num_classes: int, *, quiet: bool = False
) -> Vocabulary:
    if option is not None:
        return check_classes(origin.where, num_classes, ClassList(load_vocabulary(option), option))
    names = [str(config.id2label[index]) for index in sorted(config.id2label)]
    if not all(re.fullmatch(r"LABEL_\d+", name) for name in names):
        return check_classes(origin.where, num_classes, ClassList(Vocabulary(make_unique(names)), "config.json"))
    if origin.folder is not None:
        weights = origin.folder / "model.safetensors"
        return find_classes(weights, num_classes, option=None, called=origin.where, quiet=quiet)
    return number_classes(origin.where, num_classes, quiet=quiet)


def _encode_texts(
    library: Any, network: Any, architecture: str, options: TransformersOptions, origin: _Origin
) -> tuple[Vocabulary, Any]:
    """Encode a prompt for every class name; one row of length one for each."""
    if options.vocabulary is None:
        wanted = "vocabulary=FILE with the names to compare with"
        raise TeacherError(origin.where, f"a {architecture} has no classes of its own", wanted)
    vocabulary = load_vocabulary(options.vocabulary)
    template = options.prompt or _PROMPTED[architecture][1]
    with _explaining(origin.where):
        tokenizer = library.AutoTokenizer.from_pretrained(origin.where, **origin.arguments)
    limit = getattr(getattr(network.config, "text_config", None), "max_position_embeddings", None)
    settings: dict[str, Any] = {"padding": True}
    if architecture == "SiglipModel":  # trained on texts of one length, whose padding is read like all else
        settings = {"padding": "max_length", "max_length": limit, "truncation": True, "return_attention_mask": False}
    torch: Any = require("torch", "transformers", _PURPOSE)
    rows: list[Any] = []
    with _explaining(origin.where), _one_thread(torch):
        for name in vocabulary.names:
            tokens = tokenizer([template.replace("{}", name)], return_tensors="pt", **settings)
            rows.append(_embed(network.get_text_features(**tokens)))
    return vocabulary, torch.cat(rows)


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
    torch: Any = require("torch", "transformers", _PURPOSE)
    with _one_thread(torch):
        return network(**_process(processor, modality, values)).logits.numpy()


def _compare(
    network: Any, processor: Any, modality: Modality, texts: Any, values: Shaped[np.ndarray, "*input"]
) -> Float32[np.ndarray, "*output"]:
    """Compare an item with the texts: scaled cosine, and SigLIP's bias."""
    torch: Any = require("torch", "transformers", _PURPOSE)
    with _one_thread(torch):
        features = network.get_image_features if modality == "vision" else network.get_audio_features
        scale = network.logit_scale if modality == "vision" else network.logit_scale_a
        logits = _embed(features(**_process(processor, modality, values))) @ texts.T * scale.exp()
        return (logits + getattr(network, "logit_bias", 0.0)).numpy()


def _shorten(network: Any, extractor: Any, max_length: int, where: str) -> None:
    """Make an AST hear ``max_length`` frames, with the middle of its position embeddings (Gong 2021, section 2.2)."""
    torch: Any = require("torch", "transformers", _PURPOSE)
    config = network.config
    if config.model_type != "audio-spectrogram-transformer":
        raise ConfigError(
            where, "max_length is for an Audio Spectrogram Transformer", f"none for a {config.model_type}"
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


def _describe(config: Any) -> dict[str, Any]:
    """Give the configuration without what changes nothing: its path and the version that wrote it."""
    values = config.to_dict()
    return {key: value for key, value in sorted(values.items()) if key not in ("_name_or_path", "transformers_version")}


def _digest_weights(network: Any) -> str:
    torch: Any = require("torch", "transformers", _PURPOSE)
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextlib.contextmanager
def _one_thread(torch: Any) -> Generator[None]:
    """Run torch in one thread, without gradients: as many workers as there are cores label at the same time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _explaining(where: str) -> Generator[None]:
    """Turn the library's errors into ours, with what it says of them."""
    broken: Any = require("safetensors", "transformers", _PURPOSE).SafetensorError
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, broken) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = next((hint for word, hint in _HINTS.items() if word in reason), "")
        raise TeacherError(
            where, f"transformers cannot load it ({reason:.300})", "a Hugging Face model", hint
        ) from error
