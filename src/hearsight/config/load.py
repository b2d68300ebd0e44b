"""Reading a stage's configuration from a TOML file and overrides; all mistakes are reported together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hearsight.config.stage import Stage
from hearsight.documents import read_text
from hearsight.errors import ConfigError, guess

STAGES: tuple[str, ...] = ("fetch", "build", "label", "mix", "train", "evaluate")
"""Names of the tables a configuration file may have."""

_SHIPPED = Path(__file__).parent / "recipes"
"""Folder of the configuration files that come with hearsight."""

MOST_BYTES = 1_000_000
"""The largest configuration file that is read."""

_ConfigT = TypeVar("_ConfigT", bound=Stage)


def load_config(
    model: type[_ConfigT],
    stage: str,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    /,
    **arguments: Any,
) -> _ConfigT:
    """Resolve a stage's configuration: defaults, then the file, then arguments that are not ``None``, then overrides.

    Parameters
    ----------
    model
        The stage's configuration model.
    stage
        Name of its table in the file.
    file
        A TOML file, the bare name of one that comes with hearsight (``mixtures``), or None.
    overrides
        ``key=value`` strings; the value is read as TOML and, failing that, as a bare string.
    arguments
        Values from the command line's own flags.

    Raises
    ------
    ConfigError
        With every unknown key, wrong value and syntax error.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = _read_stage(find_config_file(file), stage)
    values.update({key: value for key, value in arguments.items() if value is not None})
    for override in overrides:
        values = apply_override(values, override, stage)
    return model.parse(values, str(file or "--set"))


def find_config_file(file: Path) -> Path:
    """Return the path of a configuration file: ``file`` itself, unless it is the bare name of one that comes with hearsight.

    A file of that name in the current folder comes first.
    """
    shipped = _SHIPPED / f"{file.name}.toml"
    is_name = not file.suffix and file.parent == Path()
    return shipped if is_name and not file.exists() and shipped.exists() else file


def list_config_files() -> list[str]:
    """List the names of the configuration files that come with hearsight."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def _read_stage(file: Path, stage: str) -> dict[str, Any]:
    wanted = f"a TOML file with a table [{stage}]"
    if not file.exists():
        raise ConfigError(file, "no such file", wanted, f"these come with hearsight: {', '.join(list_config_files())}")
    text = read_text(file, ConfigError, wanted=wanted, most_bytes=MOST_BYTES)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, f"not TOML ({error})", "TOML") from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise ConfigError(file, f"not usable TOML ({error})", "TOML") from error
    for name, table in tables.items():
        if name not in STAGES:
            raise ConfigError(file, f"unknown table [{name}]", "a stage", guess(name, STAGES))
        if not isinstance(table, dict):
            raise ConfigError(file, f"{name} is a value", f"a table [{name}]")
    return dict(tables.get(stage, {}))


def apply_override(values: Mapping[str, Any], override: str, stage: str) -> dict[str, Any]:
    """Return a stage's keys with one replaced.

    Parameters
    ----------
    values
        Keys of the stage.
    override
        ``key=value`` or ``stage.key=value``; the value is read as TOML and, failing that, as a bare string. That of another stage
        changes nothing.
    stage
        Name of the stage.

    Raises
    ------
    ConfigError
        When it has another form, or asks for a key of what is a value.
    """
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--set {override}", f"{override!r}, which is not key=value", "for example cut.length=5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (RecursionError, ValueError):
        value = text
    path = key.split(".")
    if path[0] in STAGES and len(path) > 1:
        if path[0] != stage:
            return dict(values)
        path = path[1:]
    result = dict(values)
    table = result
    for part in path[:-1]:
        inner = table.get(part, {})
        if part == "policy" and isinstance(inner, str):
            inner = {"name": inner}
        if not isinstance(inner, Mapping):
            raise ConfigError(f"--set {override}", f"{part} is a value", "a table")
        table[part] = dict(inner)
        table = table[part]
    table[path[-1]] = value
    return result
