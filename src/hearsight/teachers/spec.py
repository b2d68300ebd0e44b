"""How a user names a teacher: ``kind:where[,option=value...]``.

``litert:/models/yamnet.tflite,vocabulary=/models/names.csv``, ``transformers:google/vit-base-patch16-224``, ``clusters``,
``clusters:k=64``. A comma belongs to the file's name unless it is followed by ``option=``. Values that are several numbers are
separated by colons: ``mean=0.485:0.456:0.406``.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hearsight.errors import ConfigError, guess

KINDS = ("clusters", "litert", "onnx", "transformers")
"""Every kind of teacher."""

_OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_SUFFIXES = {".tflite": "litert", ".onnx": "onnx"}


@dataclasses.dataclass(frozen=True)
class TeacherSpec:
    """A parsed spec: ``text`` as it was given, its ``kind``, where the model is (may be empty), and its options."""

    text: str
    kind: str
    where: str
    options: dict[str, str]


def parse_spec(text: str) -> TeacherSpec:
    """Read a teacher's spec.

    Raises
    ------
    ConfigError
        When it names no known kind, or one option twice.
    """
    kind, rest = [*re.split("[:,]", text.strip(), maxsplit=1), ""][:2]
    if kind not in KINDS:
        raise ConfigError(
            f"teacher {text!r}", "names no kind of teacher", "kind:where", _guess_spec(text.strip(), kind)
        )
    where, options = "", dict[str, str]()
    for part in rest.split(","):
        match = _OPTION.fullmatch(part)
        if match is None and not options:
            where = f"{where},{part}" if where else part
        elif match is None:
            raise ConfigError(f"teacher {text!r}", f"{part!r} after the options", "option=value")
        elif match[1] in options:
            raise ConfigError(f"teacher {text!r}", f"the option {match[1]!r} is given twice", "each option once")
        else:
            options[match[1]] = match[2].strip()
    return TeacherSpec(text, kind, where.strip(), options)


def _guess_spec(text: str, kind: str) -> str:
    path, _, options = text.partition(",")
    meant = _SUFFIXES.get(PurePath(path).suffix.lower())
    if meant is None and re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        meant = "transformers"
    if meant is not None and kind == path.partition(":")[0]:
        _, colon, after = path.partition(":")
        where = after if colon and not kind.startswith((".", "/", "~")) else path
        return f"did you mean '{meant}:{where}{',' + options if options else ''}'?"
    return guess(kind, KINDS)


def name_teacher(kind: str, stem: str) -> str:
    """Make a name that is fit for a folder: kind and stem, with everything but letters, digits, ``.``, ``_`` and ``-`` replaced."""
    return f"{kind}-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "model")


def _split_numbers(value: Any) -> Any:
    return value.split(":") if isinstance(value, str) else value


Numbers = Annotated[tuple[float, ...], BeforeValidator(_split_numbers)]
"""One number, or one for each colour channel."""


class ModelOptions(BaseModel):
    """Options of every kind that loads a model from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    vocabulary: str | None = Field(default=None, min_length=1)
    """A file with the names of the classes, in the order of the model's outputs."""
    activation: Literal["auto", "softmax", "sigmoid", "none"] = "auto"
    """What turns the model's outputs into probabilities."""
    fit: Literal["crop", "stretch"] | None = None
    """How a picture is made to fit the model's input: its centre is cut out, or it is stretched."""


_OptionsT = TypeVar("_OptionsT", bound=BaseModel)


def read_options(model: type[_OptionsT], spec: TeacherSpec) -> _OptionsT:
    """Check a spec's options against what its kind knows.

    Raises
    ------
    ConfigError
        Naming every unknown option and every value that is none, at once.
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
