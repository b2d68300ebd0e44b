from __future__ import annotations

import itertools

import numpy as np
import pytest

from hearsight.world.kinds import KINDS
from hearsight.world.scenes import SceneProbabilities, plan_scenes


def _plan_many(probabilities: SceneProbabilities, count: int = 400) -> list:
    return [plan_scenes(16.0, probabilities, np.random.default_rng(seed)) for seed in range(count)]


def test_scenes_follow_each_other_and_fill_the_video() -> None:
    for seconds in (1.0, 5.0, 16.0, 40.0):
        for seed in range(20):
            scenes = plan_scenes(seconds, SceneProbabilities(), np.random.default_rng(seed))
            assert scenes[0].start == 0.0
            assert scenes[-1].end >= seconds
            assert all(a.end == b.start for a, b in itertools.pairwise(scenes))
            assert all(scene.objects for scene in scenes)


def test_all_kinds_are_equally_frequent() -> None:
    objects = [o for scenes in _plan_many(SceneProbabilities()) for scene in scenes for o in scene.objects]
    counts = np.array([sum(o.kind is kind for o in objects) for kind in KINDS])
    assert counts.min() > 0.6 * counts.mean()
    assert counts.max() < 1.5 * counts.mean()


def test_chances_are_what_they_say() -> None:
    probabilities = SceneProbabilities(two_objects=0.0, silent=0.2, unseen=0.15, mismatched=0.1)
    scenes = [scene for plan in _plan_many(probabilities) for scene in plan]
    silent = np.mean([len(s.objects) == 1 and not s.objects[0].audible for s in scenes])
    unseen = np.mean([len(s.objects) == 1 and not s.objects[0].visible for s in scenes])
    mismatched = np.mean([len(s.objects) == 2 for s in scenes])
    assert silent == pytest.approx(0.2, abs=0.05)
    assert unseen == pytest.approx(0.15, abs=0.05)
    assert mismatched == pytest.approx(0.1, abs=0.04)


def test_a_mismatch_shows_one_kind_and_plays_another() -> None:
    probabilities = SceneProbabilities(two_objects=0.0, silent=0.0, unseen=0.0, mismatched=1.0)
    for scenes in _plan_many(probabilities, 20):
        for scene in scenes:
            seen, heard = scene.objects
            assert (seen.visible, seen.audible, heard.visible, heard.audible) == (True, False, False, True)
            assert seen.kind is not heard.kind


def test_company_is_of_another_kind() -> None:
    probabilities = SceneProbabilities(two_objects=1.0, silent=0.0, unseen=0.0, mismatched=0.0)
    for scenes in _plan_many(probabilities, 20):
        assert all(len({o.kind.name for o in scene.objects}) == 2 for scene in scenes)
