"""Check what pages state about configuration keys, extras, exit codes, environment variables and files against the code."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator

from pydantic import BaseModel

from hearsight.config import BuildConfig, EvaluateConfig, FetchConfig, LabelConfig, MixConfig, TrainConfig
from hearsight.config.stage import Stage
from hearsight.errors import EXIT_CODES
from tools.pages import ROOT

STAGES: dict[str, type[Stage]] = {
    "fetch": FetchConfig,
    "build": BuildConfig,
    "label": LabelConfig,
    "mix": MixConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
}
INLINE = re.compile(r"`([^`\n]+)`")
SETTING = re.compile(r"--set ([\w.]+)=")
EXTRA = re.compile(r"\[extras?\]\([^)]*install\.md#extras\) `(\w+)`|'\.\[([\w,]+)\]'")
EXIT_CODE = re.compile(r"\bexit codes? (?:is |are )?(\d+)")
VARIABLE = re.compile(r"\$(HEARSIGHT_\w+)")
OUTPUT = re.compile(r"^[a-z_]+\.(?:parquet|jsonl|json|safetensors)$")
USERS_FILES = frozenset({"embeddings.parquet", "ontology.json"})
"""Files that a page names and that are the reader's own, or another project's."""


def check_facts(text: str) -> Iterator[str]:
    """Find keys, extras, exit codes, variables and files of ours that do not exist, one line each."""
    spans = INLINE.findall(text)
    keys = [key for span in spans for key in SETTING.findall(span)] + [span for span in spans if _is_nested(span)]
    for key in dict.fromkeys(keys):
        if key != "key" and not _is_key(re.split(r"\s*=", key)[0]):
            yield f"`{key}`: no stage has this key"
    names = [name for one, several in EXTRA.findall(text) for name in (one, *several.split(",")) if name]
    yield from (f"extra {name}: not in pyproject.toml" for name in names if name not in list_extras())
    codes = [int(code) for code in EXIT_CODE.findall(text)]
    yield from (f"exit code {code}: there is none" for code in codes if code not in EXIT_CODES)
    variables = VARIABLE.findall(text)
    yield from (f"${name}: not read anywhere" for name in variables if name not in read_sources())
    for span in spans:
        if OUTPUT.match(span) and span not in USERS_FILES and span not in read_sources():
            yield f"`{span}`: no file of this name is written or read"


@functools.cache
def list_keys() -> frozenset[str]:
    """Return the dotted keys of all stages."""
    return frozenset(key for model in STAGES.values() for key in _walk(model, ""))


@functools.cache
def list_extras() -> frozenset[str]:
    """Return the names of the optional dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return frozenset(project["optional-dependencies"])


@functools.cache
def read_sources() -> str:
    """Return the text of the package and of what supports its tests."""
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests" / "support").rglob("*.py"), ROOT / "tests" / "conftest.py"]
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(paths))


def _walk(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, f"{prefix}{name}.")


def _is_nested(span: str) -> bool:
    """Return whether a span names a key within a table of a stage, such as ``cut.length``, with or without a value."""
    match = re.match(r"^(\w+)\.(?!jsonl?\b|toml\b|parquet\b|csv\b)\w+(?:\.\w+)?(?:\s*=.*)?$", span)
    return match is not None and (match[1] in _list_tables() or match[1] in STAGES)


def _list_tables() -> set[str]:
    return {key.partition(".")[0] for key in list_keys() if "." in key}


def _is_key(key: str) -> bool:
    first, _, rest = key.partition(".")
    if first in STAGES and rest:
        key = rest
    return key in list_keys() or key.startswith("options.")
