"""The cells of a study: each combination of the axes' values and each seed, with its configurations checked."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from hearsight.config import BuildConfig, EvaluateConfig, LabelConfig, MixConfig, Stage, TrainConfig
from hearsight.errors import ConfigError
from hearsight.studies.definition import STAGES, AxisValue, Study, name_teachers

_ConfigT = TypeVar("_ConfigT", bound=Stage)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training and its score.

    Attributes
    ----------
    values
        The name of its value on each axis, in the order of the axes.
    seed
        Of the training; of the fresh weights where nothing is trained.
    score
        The model that is scored in place of a trained one; empty where one is trained.
    build, label, mix, train, evaluate
        The configuration of each stage; None where the stage is left out.
    """

    values: tuple[str, ...]
    seed: int
    score: str
    build: BuildConfig | None
    label: LabelConfig | None
    mix: MixConfig | None
    train: TrainConfig | None
    evaluate: EvaluateConfig

    @property
    def title(self) -> str:
        """Its values and its seed, to print."""
        return f"{', '.join(self.values)} (seed {self.seed})"

    def name_stage(self, stage: str, sources: Sequence[str]) -> str:
        """Return the folder name of what a stage makes: equal for cells whose configurations up to that stage are equal."""
        chain = STAGES[: STAGES.index(stage) + 1]
        configs = {name: getattr(self, name) for name in chain}
        dumped = {name: None if config is None else config.model_dump(mode="json") for name, config in configs.items()}
        return f"{stage}-{digest({'sources': list(sources), 'score': self.score, **dumped})}"


def digest(values: Any) -> str:
    """Return 16 hexadecimal digits that identify JSON values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of a study is run.

    Attributes
    ----------
    fraction
        Factor on ``train.max_steps`` and ``mix.clips``.
    seeds
        Number of trainings of each combination.
    teachers
        ``KIND:WHERE`` of each named teacher.
    """

    fraction: float
    seeds: int
    teachers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def make_cells(study: Study, scale: Scale, where: str) -> list[Cell]:
    """Make all cells of a study.

    Parameters
    ----------
    study
        The study.
    scale
        How much of it is run.
    where
        The study file, for errors.

    Raises
    ------
    ConfigError
        When a key of a stage is unknown or has a wrong value, a teacher is not given, or a fraction is asked of a training whose
        length is not ``max_steps``.
    """
    return list(_make_cells(study, scale, where))


def _make_cells(study: Study, scale: Scale, where: str) -> Iterator[Cell]:
    for names in itertools.product(*(axis.values for axis in study.axes)):
        values = [axis.values[name] for axis, name in zip(study.axes, names, strict=True)]
        keys = {stage: _merge(stage, study, values) for stage in STAGES}
        scores = [value.score for value in values if value.score]
        if len(scores) > 1:
            raise ConfigError(where, f"{', '.join(names)}: two models to score ({', '.join(scores)})", "at most one")
        score = scores[0] if scores else ""
        # a baseline has no random weights
        seeds = 1 if score and not score.startswith("untrained:") else scale.seeds
        for seed in range(seeds):
            yield _make_cell(names, seed, score, keys, scale, where)


def _make_cell(
    names: tuple[str, ...], seed: int, score: str, keys: Mapping[str, dict[str, Any] | None], scale: Scale, where: str
) -> Cell:
    place = f"{where}: {', '.join(names)}"
    evaluate = dict(keys["evaluate"] or {})
    if score:
        evaluate["seed"] = seed
        parsed = EvaluateConfig.parse(evaluate, f"{place}: evaluate")
        return Cell(names, seed, score, None, None, None, None, parsed)
    train = {**_scale(keys["train"] or {}, "max_steps", scale.fraction, place, needed=True), "seed": seed}
    mix = keys["mix"]
    if mix is not None:
        mix = _scale(mix, "clips", scale.fraction, place, default=MixConfig().clips)
    return Cell(
        names,
        seed,
        score,
        _parse(BuildConfig, name_teachers(keys["build"] or {}, scale.teachers, place), place, "build"),
        None
        if keys["label"] is None
        else _parse(LabelConfig, name_teachers(keys["label"], scale.teachers, place), place, "label"),
        None if mix is None else _parse(MixConfig, name_teachers(mix, scale.teachers, place), place, "mix"),
        _parse(TrainConfig, train, place, "train"),
        _parse(EvaluateConfig, evaluate, place, "evaluate"),
    )


def _parse(model: type[_ConfigT], keys: dict[str, Any], place: str, stage: str) -> _ConfigT:
    return model.parse(keys, f"{place}: {stage}")


def _merge(stage: str, study: Study, values: Sequence[AxisValue]) -> dict[str, Any] | None:
    """Return the keys of a stage: those of the study, then those of the values; None where there is no table for it."""
    given: list[dict[str, Any] | None] = [getattr(part, stage) for part in (study, *values)]
    tables = [table for table in given if table is not None]
    merged: dict[str, Any] = {}
    for table in tables:
        merged = _update(merged, table)
    return merged if tables else None


def _update(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with the keys of another added; tables within both are united in the same way."""
    result = dict(old)
    for key, value in new.items():
        inner = result.get(key)
        result[key] = _update(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return result


def _scale(
    keys: Mapping[str, Any], key: str, fraction: float, place: str, *, needed: bool = False, default: int | None = None
) -> dict[str, Any]:
    """Return the keys with one number multiplied by the fraction, and rounded to at least 2."""
    value = keys.get(key, default)
    if fraction == 1.0:
        return dict(keys)
    if not isinstance(value, int) or isinstance(value, bool) or (needed and value < 1):
        found = f"fraction {fraction:g}, and {key} is {'absent' if value is None else repr(value)}"
        raise ConfigError(place, found, f"{key}, which a fraction scales", "--fraction 1 runs the study as it is")
    return {**keys, key: max(2, round(value * fraction))}
