"""Teacher specs, by which users name teachers: ``kind:where[,option=value...]``.

``litert:/models/yamnet.tflite,vocabulary=/models/names.csv``, ``transformers:google/vit-base-patch16-224``, ``clusters``,
``clusters:k=64``. A comma belongs to the file's name unless ``option=`` follows it. Several numbers in one value are separated by
colons: ``mean=0.485:0.456:0.406``.

Other packages add kinds through the entry point group ``hearsight.teachers``; see
:mod:`hearsight.teachers.registry`.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hearsight.errors import ConfigError, guess

KINDS = ("clusters", "litert", "onnx", "transformers", "student", "prompts")
"""The kinds of teacher that are part of hearsight."""
ENTRY_POINTS = "hearsight.teachers"
"""The entry point group of other packages' kinds."""

_OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_SUFFIXES = {".tflite": "litert", ".onnx": "onnx"}


@dataclasses.dataclass(frozen=True)
class TeacherSpec:
    """A parsed spec.

    Attributes
    ----------
    text
        The spec as the user wrote it.
    kind
        The kind of teacher.
    where
        The model's file, folder or repository; may be empty.
    options
        The options, not yet checked.
    """

    text: str
    kind: str
    where: str
    options: dict[str, str]


def parse_spec(text: str) -> TeacherSpec:
    """Parse a teacher's spec.

    Raises
    ------
    ConfigError
        When its kind is unknown, or an option is repeated.
    """
    kind, rest = [*re.split("[:,]", text.strip(), maxsplit=1), ""][:2]
    if kind not in KINDS and kind not in list_plugin_kinds():
        raise ConfigError(
            f"teacher {text!r}", f"{kind!r} is not a kind of teacher", "kind:where", _guess_spec(text.strip(), kind)
        )
    where, options = "", dict[str, str]()
    for part in rest.split(","):
        match = _OPTION.fullmatch(part)
        if match is None and not options:
            where = f"{where},{part}" if where else part
        elif match is None:
            raise ConfigError(f"teacher {text!r}", f"{part!r} after the options", "option=value")
        elif match[1] in options:
            raise ConfigError(f"teacher {text!r}", f"the option {match[1]!r} occurs twice", "each option once")
        else:
            options[match[1]] = match[2].strip()
    return TeacherSpec(text, kind, where.strip(), options)


def list_plugin_kinds() -> tuple[str, ...]:
    """Return the kinds of teacher that installed packages add, in alphabetical order."""
    return tuple(sorted({entry.name for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}))


def _guess_spec(text: str, kind: str) -> str:
    path, _, options = text.partition(",")
    meant = _SUFFIXES.get(PurePath(path).suffix.lower())
    if meant is None and re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        meant = "transformers"
    if meant is not None and kind == path.partition(":")[0]:
        _, colon, after = path.partition(":")
        where = after if colon and not kind.startswith((".", "/", "~")) else path
        return f"did you mean '{meant}:{where}{',' + options if options else ''}'?"
    return guess(kind, (*KINDS, *list_plugin_kinds()))


def name_teacher(kind: str, stem: str) -> str:
    """Make a name that can be a folder: kind and stem, with everything but letters, digits, ``.``, ``_`` and ``-`` replaced."""
    return f"{kind}-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model")


def _split_numbers(value: Any) -> Any:
    return value.split(":") if isinstance(value, str) else value


Numbers = Annotated[tuple[float, ...], BeforeValidator(_split_numbers)]
"""One number, or one per colour channel."""


class ModelOptions(BaseModel):
    """Options of all kinds that load a model from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    vocabulary: str | None = Field(default=None, min_length=1)
    """A file with the names of the classes, in the order of the model's outputs."""
    activation: Literal["auto", "softmax", "sigmoid", "percent", "none"] = "auto"
    """What turns the model's outputs into probabilities."""
    fit: Literal["crop", "stretch"] | None = None
    """How an image is fitted to the model's input: its centre is cut out, or it is stretched."""


_OptionsT = TypeVar("_OptionsT", bound=BaseModel)


def read_options(model: type[_OptionsT], spec: TeacherSpec) -> _OptionsT:
    """Check the options of a spec, and convert their values.

    Parameters
    ----------
    model
        The options of the spec's kind.
    spec
        The spec.

    Raises
    ------
    ConfigError
        When an option is unknown or its value invalid. The error names all of them.
    """
    try:
        return model.model_validate(spec.options)
    except ValidationError as error:
        found: list[str] = []
        hints: list[str] = []
        for problem in error.errors(include_url=False):
            key = str(problem["loc"][0])
            if problem["type"] == "extra_forbidden":
                found.append(f"unknown option {key!r}")
                hints.append(guess(key, model.model_fields))
            else:
                found.append(f"{key}={spec.options[key]}: {problem['msg'].lower()}")
        raise ConfigError(f"teacher {spec.text!r}", "; ".join(found), hint="; ".join(hints)) from error
