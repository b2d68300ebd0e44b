"""The contents of a generated video: scenes with one or two objects, most of them visible and audible, some only one of the two."""

from __future__ import annotations

import dataclasses

import numpy as np

from hearsight.world.kinds import KINDS, Kind


@dataclasses.dataclass(frozen=True)
class Presence:
    """One object in a video: its kind, from when to when (seconds), and whether it is audible and visible."""

    kind: Kind
    start: float
    end: float
    audible: bool
    visible: bool


@dataclasses.dataclass(frozen=True)
class Scene:
    """A span of a video between two cuts (seconds), and the objects in it."""

    start: float
    end: float
    objects: tuple[Presence, ...]


@dataclasses.dataclass(frozen=True)
class SceneProbabilities:
    """Probabilities of what a scene contains.

    Attributes
    ----------
    two_objects
        Chance that a scene has two objects.
    silent, unseen
        Chance that an object is seen without being heard, and heard without being seen.
    mismatched
        Chance that an object is seen while quite another one is heard.
    """

    two_objects: float = 0.15
    silent: float = 0.08
    unseen: float = 0.06
    mismatched: float = 0.04


def plan_scenes(seconds: float, probabilities: SceneProbabilities, rng: np.random.Generator) -> tuple[Scene, ...]:
    """Plan a video: scenes of 8 to 16 seconds, cut to length at the end of the video."""
    scenes: list[Scene] = []
    start = 0.0
    while start < seconds:
        end = start + rng.uniform(8.0, 16.0)
        if seconds - end < 4.0:
            end = seconds
        count = 2 if rng.random() < probabilities.two_objects else 1
        numbers = rng.permutation(len(KINDS))
        objects: list[Presence] = []
        for number, other in zip(numbers[:count], numbers[count:], strict=False):
            objects += _plan_object(KINDS[number], KINDS[other], (start, end), probabilities, rng)
        scenes.append(Scene(start, end, tuple(objects)))
        start = end
    return tuple(scenes)


def _plan_object(
    kind: Kind, other: Kind, span: tuple[float, float], probabilities: SceneProbabilities, rng: np.random.Generator
) -> list[Presence]:
    start, end = span
    lot = rng.random()
    if lot < probabilities.silent:
        return [Presence(kind, start, end, audible=False, visible=True)]
    lot -= probabilities.silent
    if lot < probabilities.unseen:
        return [Presence(kind, start, end, audible=True, visible=False)]
    lot -= probabilities.unseen
    if lot < probabilities.mismatched:
        seen = Presence(kind, start, end, audible=False, visible=True)
        return [seen, Presence(other, start, end, audible=True, visible=False)]
    return [Presence(kind, start, end, audible=True, visible=True)]
