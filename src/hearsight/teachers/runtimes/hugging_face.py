"""Finding and loading Hugging Face models. The only file that imports the transformers library.

Weights are read from safetensors files, in float32; code from repositories is never run. Processors are those based on PIL and
NumPy, so that neither torchvision nor torchaudio is needed.
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

from hearsight.documents import check_object, read_json
from hearsight.errors import ConfigError, TeacherError
from hearsight.extras import require
from hearsight.files import describe_path
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import MAX_BYTES, MAX_CLASSES

EXTRA = "transformers"
PURPOSE = "models of kind transformers"

_HINTS = {
    "trust_remote_code": "code from repositories is never run",
    "mismatched_sizes": "the sizes of its weights are not those in its config.json",
    "safetensors": "the folder or repository must have model.safetensors",
}
"""Hints for errors of the library, by a word that occurs in them."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """The place of a model.

    Attributes
    ----------
    where
        A folder or a repository's name.
    arguments
        Arguments of every ``from_pretrained``.
    """

    where: str
    arguments: dict[str, Any]

    @property
    def folder(self) -> Path | None:
        """The local folder; None for a repository."""
        return Path(self.where) if self.arguments["local_files_only"] else None


def locate(where: str, revision: str | None = None) -> Origin:
    """Find a model: a local folder, or else a repository of the Hugging Face Hub.

    Raises
    ------
    ConfigError
        When a revision is given for a folder.
    TeacherError
        When a path is not a folder.
    """
    try:
        folder = Path(where).expanduser()
        local = folder.is_dir()
    except (RuntimeError, ValueError, OSError) as error:  # an unknown user, a zero byte
        raise TeacherError(where, f"not a path ({error})", "a folder, or a repository's name") from error
    if not local and (where.startswith((".", "/", "~")) or where.count("/") > 1):
        raise TeacherError(folder, "no such folder", "a folder with config.json and model.safetensors")
    arguments: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    if revision is not None:
        if local:
            raise ConfigError(where, f"revision={revision} of a folder", "a repository's name")
        arguments["revision"] = revision
    return Origin(str(folder) if local else where, arguments)


def list_architectures(modality: Modality) -> set[str]:
    """Return the names of the library's image or sound classifiers, as they occur in ``config.json``."""
    auto: Any = require("transformers.models.auto.modeling_auto", EXTRA, PURPOSE)
    table = (
        auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
        if modality == "vision"
        else auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    )
    return {name for names in table.values() for name in ((names,) if isinstance(names, str) else names)}


def load_settings(origin: Origin) -> Any:
    """Read a model's ``config.json``.

    Raises
    ------
    TeacherError
        When it is absent or damaged, or has more than ``MAX_CLASSES`` classes.
    """
    library = _open_library()
    if origin.folder is not None:
        _check_config(origin.folder / "config.json")
    with convert_errors(origin.where):
        return library.AutoConfig.from_pretrained(origin.where, **origin.arguments)


def load_network(
    origin: Origin, maker: str, *, wanted: str, settings: Any = None, may_lack: Collection[str] = ()
) -> Any:
    """Load a model's network for inference.

    Parameters
    ----------
    origin
        Its place.
    maker
        The library's class: ``AutoModel``, ``AutoModelForAudioClassification``, ….
    wanted
        What the model should have been, for the error.
    settings
        The result of :func:`load_settings`, if it was read before.
    may_lack
        Suffixes of the names of weights that may be absent because no output depends on them.

    Raises
    ------
    TeacherError
        When it cannot be loaded, or weights are absent. The library would replace them by random numbers.
    """
    library, torch = _open_library(), _import_torch()
    arguments = origin.arguments if settings is None else {**origin.arguments, "config": settings}
    with convert_errors(origin.where):
        network, report = getattr(library, maker).from_pretrained(
            origin.where, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **arguments
        )
    absent = sorted(key for key in map(str, report["missing_keys"]) if not key.endswith(tuple(may_lack)))
    if absent:
        more = f" and {len(absent) - 3} others" if len(absent) > 3 else ""
        raise TeacherError(origin.where, f"no weights for {', '.join(absent[:3])}{more}", wanted)
    return network.eval()


def load_processor(origin: Origin, modality: Modality) -> Any:
    """Load a model's processor of images or sounds."""
    library = _open_library()
    if modality == "vision":
        require("PIL", EXTRA, PURPOSE)
    with convert_errors(origin.where), warnings.catch_warnings():
        # the 128 bands of AST are too narrow for its 512-point transform; a user cannot change that
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        if modality == "vision":
            return library.AutoImageProcessor.from_pretrained(origin.where, backend="pil", **origin.arguments)
        return library.AutoFeatureExtractor.from_pretrained(origin.where, **origin.arguments)


def load_tokenizer(origin: Origin) -> Any:
    """Load a model's tokenizer."""
    library = _open_library()
    with convert_errors(origin.where):
        return library.AutoTokenizer.from_pretrained(origin.where, **origin.arguments)


def identify(network: Any, settings: Any, processor: Any) -> str:
    """Return a text that identifies everything that decides a model's output: weights, settings and processor."""
    return _digest_weights(network) + json.dumps(_describe(settings), default=str) + processor.to_json_string()


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """Run torch in one thread, without gradients. Workers label in parallel, one per core."""
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
    """Turn the library's errors into teacher errors that quote them."""
    broken: Any = require("safetensors", EXTRA, PURPOSE).SafetensorError
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, broken) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = next((hint for word, hint in _HINTS.items() if word in reason), "")
        raise TeacherError(
            where, f"transformers cannot load it ({reason:.300})", "a Hugging Face model", hint
        ) from error


def _check_config(path: Path) -> None:
    """Check a ``config.json`` before the library allocates anything of the sizes in it."""
    if not path.exists():
        raise TeacherError(
            path.parent,
            f"no config.json in it: {describe_path(path.parent)}",
            "a folder with config.json and model.safetensors",
        )
    read = read_json(path, TeacherError, wanted="a Hugging Face model", most_bytes=MAX_BYTES)
    values = check_object(read, path, TeacherError)
    num_labels = values.get("num_labels")
    if isinstance(num_labels, int) and num_labels > MAX_CLASSES:
        raise TeacherError(path, f"num_labels is {num_labels:,}", f"at most {MAX_CLASSES:,} classes")


def _open_library() -> Any:
    library: Any = require("transformers", EXTRA, PURPOSE)
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return library


def _import_torch() -> Any:
    return require("torch", EXTRA, PURPOSE)


def _describe(settings: Any) -> dict[str, Any]:
    """Return the settings without those that do not change the output: the path, and the version that wrote them."""
    values = settings.to_dict()
    return {key: value for key, value in sorted(values.items()) if key not in ("_name_or_path", "transformers_version")}


def _digest_weights(network: Any) -> str:
    torch = _import_torch()
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
