"""The content of a study file: base configurations, and the axes of the grid."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from hearsight.config import Stage, apply_override
from hearsight.documents import read_text
from hearsight.errors import ConfigError, guess

SHIPPED = Path(__file__).parent / "shipped"
"""Folder of the study files that come with hearsight."""
STAGES = ("build", "label", "mix", "train", "evaluate")
"""The stages that a study configures, in the order in which they run."""

_MOST_BYTES = 1_000_000

Keys = dict[str, Any]
"""Keys of a stage's configuration, as a TOML table has them."""


class Stages(Stage):
    """Keys of the stages' configurations; the keys are checked when the cells are made.

    Attributes
    ----------
    build, label, mix, train, evaluate
        Keys of each stage. ``label`` and ``mix`` run only where a table of theirs is given.
    """

    build: Keys = Field(default_factory=dict)
    label: Keys | None = None
    mix: Keys | None = None
    train: Keys = Field(default_factory=dict)
    evaluate: Keys = Field(default_factory=dict)


class AxisValue(Stages):
    """One value of an axis: the keys that it sets.

    Attributes
    ----------
    score
        A model that is scored in place of a trained one: ``baseline:log-mel``, ``untrained:NAME``, or another that ``hearsight
        evaluate`` takes. Nothing is trained for its cells.
    """

    score: str = ""


class Axis(Stage):
    """One axis of the grid.

    Attributes
    ----------
    name
        What the values are, for the head of the table.
    values
        The values by name, in the order of the rows.
    reference
        The value that the others are compared with; empty for no comparison.
    """

    name: str = Field(min_length=1)
    values: dict[str, AxisValue] = Field(min_length=1)
    reference: str = ""

    @model_validator(mode="after")
    def _check_reference(self) -> Axis:
        if self.reference and self.reference not in self.values:
            raise ValueError(f"reference {self.reference!r} is none of the values: {', '.join(self.values)}")
        return self


class Study(Stages):
    """A study.

    Attributes
    ----------
    title
        One line.
    about
        What it finds out, and what of the paper it follows.
    cost
        What it costs at full size, and at the fraction that it has by default.
    fraction
        Share of the full size that is run unless another is asked for: the factor on ``train.max_steps`` and ``mix.clips``.
    seeds
        Number of trainings of each cell, with seeds 0, 1 and so on.
    measure
        The measure that is compared.
    axes
        The axes; the cells are all combinations of their values.
    """

    title: str = Field(min_length=1)
    about: str = ""
    cost: str = ""
    fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    seeds: int = Field(default=3, ge=1, le=100)
    measure: Literal["accuracy", "mean_average_precision", "area_under_curve", "d_prime", "lwlrap"] = "accuracy"
    axes: tuple[Axis, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_names(self) -> Study:
        names = [axis.name for axis in self.axes]
        if len(set(names)) < len(names):
            raise ValueError(f"two axes have one name: {', '.join(names)}")
        return self


def list_studies() -> list[str]:
    """List the names of the studies that come with hearsight."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def describe_studies() -> list[tuple[str, str, str]]:
    """List the studies that come with hearsight: name, title, cost."""
    studies = [(name, read_study(SHIPPED / f"{name}.toml")) for name in list_studies()]
    return [(name, study.title, study.cost) for name, study in studies]


def read_study(file: str | Path) -> Study:
    """Read a study file.

    Parameters
    ----------
    file
        A TOML file, or the bare name of a study that comes with hearsight. A file of that name in the current folder comes first.

    Raises
    ------
    ConfigError
        When there is no such file, it is no TOML, or a key is unknown or has a wrong value.
    """
    path = Path(file)
    shipped = SHIPPED / f"{path.name}.toml"
    if not path.suffix and path.parent == Path() and not path.exists() and shipped.exists():
        path = shipped
    wanted = "a study file (TOML)"
    if not path.exists():
        names = list_studies()
        raise ConfigError(file, "no such file", wanted, guess(str(file), names) or f"shipped: {', '.join(names)}")
    text = read_text(path, ConfigError, wanted=wanted, most_bytes=_MOST_BYTES)
    try:
        values = tomllib.loads(text)
    except (RecursionError, ValueError) as error:  # not TOML, nested too deeply, or a number of thousands of digits
        raise ConfigError(path, f"not usable TOML ({error})", wanted) from error
    return Study.parse(values, str(path))


def override_study(study: Study, overrides: Sequence[str]) -> Study:
    """Return a study with keys of its stages replaced.

    Parameters
    ----------
    study
        The study.
    overrides
        ``stage.key=value``; the value is read as TOML and, failing that, as a bare string.

    Raises
    ------
    ConfigError
        When one has another form, or names no stage.
    """
    tables = {stage: getattr(study, stage) for stage in STAGES}
    for override in overrides:
        stage, dot, _ = override.partition("=")[0].strip().partition(".")
        if stage not in STAGES or not dot:
            raise ConfigError(
                f"--set {override}", f"no stage {stage!r}", "stage.key=value", f"stages: {', '.join(STAGES)}"
            )
        tables[stage] = apply_override(tables[stage] or {}, override, stage)
    return study.model_copy(update=tables)


def name_teachers(keys: Mapping[str, Any], teachers: Mapping[str, str], where: str) -> Keys:
    """Replace the names of teachers in a stage's keys by what the user gave for them.

    Parameters
    ----------
    keys
        Keys of a stage. In the lists ``vision`` and ``audio``, ``{imagenet}`` stands for the teacher named ``imagenet``.
    teachers
        ``KIND:WHERE`` by name.
    where
        The study, for the error.

    Raises
    ------
    ConfigError
        When a name was given no teacher.
    """
    found = dict(keys)
    for key in ("vision", "audio"):
        if isinstance(found.get(key), Sequence) and not isinstance(found[key], str):
            found[key] = [_name_teacher(spec, teachers, where) for spec in found[key]]
    return found


def _name_teacher(spec: Any, teachers: Mapping[str, str], where: str) -> Any:
    if not (isinstance(spec, str) and spec.startswith("{") and spec.endswith("}")):
        return spec
    name = spec[1:-1]
    if name not in teachers:
        given = f"given: {', '.join(teachers)}" if teachers else "none was given"
        raise ConfigError(where, f"no teacher named {name} ({given})", f"--teacher {name}=KIND:WHERE")
    return teachers[name]
