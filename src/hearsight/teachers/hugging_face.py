"""The transformers library, imported in no other file: where a model is, how its parts are loaded, what tells it from others.

Weights are safetensors, in float32; code from repositories is never run. Processors are the PIL and NumPy ones, so that neither
torchvision nor torchaudio is needed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import warnings
from collections.abc import Collection, Generator
from pathlib import Path
from typing import Any

from hearsight.errors import ConfigError, TeacherError
from hearsight.extras import require
from hearsight.teachers.teacher import Modality

EXTRA = "transformers"
PURPOSE = "models of kind transformers"

_HINTS = {
    "trust_remote_code": "code from repositories is never run",
    "mismatched_sizes": "its weights are not of the sizes that its config.json says",
    "safetensors": "the folder or repository must have model.safetensors",
}
"""What to say beside the library's own words."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a model is.

    Attributes
    ----------
    where
        How errors call it: a folder or a repository's name.
    arguments
        What every ``from_pretrained`` is told.
    """

    where: str
    arguments: dict[str, Any]

    @property
    def folder(self) -> Path | None:
        """The folder on this machine; None for a repository."""
        return Path(self.where) if self.arguments["local_files_only"] else None


def locate(where: str, revision: str | None = None) -> Origin:
    """Find a model: a folder on this machine, or else a repository of the Hugging Face Hub.

    Raises
    ------
    ConfigError
        When there is a revision of a folder.
    TeacherError
        When a path names no folder.
    """
    folder = Path(where).expanduser()
    local = folder.is_dir()
    if not local and (where.startswith((".", "/", "~")) or where.count("/") > 1):
        raise TeacherError(folder, "no such folder", "a folder with config.json and model.safetensors")
    arguments: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    if revision is not None:
        if local:
            raise ConfigError(where, "revision is given, and this is a folder", "a repository's name")
        arguments["revision"] = revision
    return Origin(str(folder) if local else where, arguments)


def list_architectures(modality: Modality) -> set[str]:
    """Name the library's classifiers of pictures or of sounds, as ``config.json`` does."""
    auto: Any = require("transformers.models.auto.modeling_auto", EXTRA, PURPOSE)
    table = (
        auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
        if modality == "vision"
        else auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    )
    return {name for names in table.values() for name in ((names,) if isinstance(names, str) else names)}


def load_settings(origin: Origin) -> Any:
    """Read a model's ``config.json``."""
    library = _open_library()
    with convert_errors(origin.where):
        return library.AutoConfig.from_pretrained(origin.where, **origin.arguments)


def load_network(
    origin: Origin, maker: str, *, wanted: str, settings: Any = None, may_lack: Collection[str] = ()
) -> Any:
    """Load a model's network for inference.

    Parameters
    ----------
    origin
        Where it is.
    maker
        Which of the library's makers: ``AutoModel``, ``AutoModelForAudioClassification``, ….
    wanted
        What the model should have been, for the error.
    settings
        What :func:`load_settings` gave, if it was read before.
    may_lack
        Ends of the names of weights that may be absent, since nothing passes through them.

    Raises
    ------
    TeacherError
        When it cannot be loaded, or weights are absent, which the library would fill with random numbers.
    """
    library, torch = _open_library(), _import_torch()
    arguments = origin.arguments if settings is None else {**origin.arguments, "config": settings}
    with convert_errors(origin.where):
        network, report = getattr(library, maker).from_pretrained(
            origin.where, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **arguments
        )
    absent = sorted(key for key in map(str, report["missing_keys"]) if not key.endswith(tuple(may_lack)))
    if absent:
        raise TeacherError(origin.where, f"no weights for {', '.join(absent[:3])}", wanted)
    return network.eval()


def load_processor(origin: Origin, modality: Modality) -> Any:
    """Load what prepares pictures or sounds for a model."""
    library = _open_library()
    if modality == "vision":
        require("PIL", EXTRA, PURPOSE)
    with convert_errors(origin.where), warnings.catch_warnings():
        # AST's own 128 bands are too narrow for its 512-point transform: nothing that a user could mend
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        if modality == "vision":
            return library.AutoImageProcessor.from_pretrained(origin.where, backend="pil", **origin.arguments)
        return library.AutoFeatureExtractor.from_pretrained(origin.where, **origin.arguments)


def load_tokenizer(origin: Origin) -> Any:
    """Load what prepares texts for a model."""
    library = _open_library()
    with convert_errors(origin.where):
        return library.AutoTokenizer.from_pretrained(origin.where, **origin.arguments)


def identify(network: Any, settings: Any, processor: Any) -> str:
    """Write down all that decides what a model gives: its weights, its settings, and what prepares its input."""
    return _digest_weights(network) + json.dumps(_describe(settings), default=str) + processor.to_json_string()


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """Run torch in one thread, without gradients: as many workers as there are cores label at the same time."""
    torch = _import_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def convert_errors(where: str) -> Generator[None]:
    """Turn the library's errors into ours, with what it says of them."""
    broken: Any = require("safetensors", EXTRA, PURPOSE).SafetensorError
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, broken) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = next((hint for word, hint in _HINTS.items() if word in reason), "")
        raise TeacherError(
            where, f"transformers cannot load it ({reason:.300})", "a Hugging Face model", hint
        ) from error


def _open_library() -> Any:
    library: Any = require("transformers", EXTRA, PURPOSE)
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return library


def _import_torch() -> Any:
    return require("torch", EXTRA, PURPOSE)


def _describe(settings: Any) -> dict[str, Any]:
    """Give the settings without what changes nothing: its path and the version that wrote it."""
    values = settings.to_dict()
    return {key: value for key, value in sorted(values.items()) if key not in ("_name_or_path", "transformers_version")}


def _digest_weights(network: Any) -> str:
    torch = _import_torch()
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
