from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import ConfigError, TeacherError
from hearsight.teachers.clusters import ClusterTeacher
from hearsight.teachers.descriptors import IMAGE_DIM
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.world.kinds import KINDS
from tests.support.world import draw_samples


def _draw_groups(num_groups: int, per_group: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((num_groups, IMAGE_DIM)) * 3.0
    truth = np.repeat(np.arange(num_groups), per_group)
    return (centres[truth] + 0.1 * rng.standard_normal((len(truth), IMAGE_DIM))).astype(np.float32), truth


def _fit(k: int = 16, num_groups: int = 16, seed: int = 0) -> tuple[ClusterTeacher, np.ndarray, np.ndarray]:
    teacher = ClusterTeacher("vision", k)
    descriptors, truth = _draw_groups(num_groups, 20)
    teacher.fit(descriptors, seed)
    return teacher, descriptors, truth


def test_it_is_a_fitted_teacher_and_no_other() -> None:
    for modality in ("vision", "audio"):
        teacher = load_teacher("clusters:k=8", modality)
        assert isinstance(teacher, FittedTeacher)
        assert not isinstance(teacher, Teacher)
        assert (teacher.modality, teacher.spec) == (modality, "clusters:k=8")
        assert (teacher.image_request is None) == (modality == "audio")


def test_the_vocabulary_is_known_before_the_fit_and_holds_three_scales() -> None:
    teacher = ClusterTeacher("vision", 64)
    assert len(teacher.vocabulary) == 16 + 32 + 64
    assert len(set(teacher.vocabulary.names)) == len(teacher.vocabulary)
    assert teacher.vocabulary.names[0] == "picture cluster 00 of 16"
    assert teacher.vocabulary.names[-1] == "picture cluster 63 of 64"
    assert ClusterTeacher("audio", 64).vocabulary.names[-1] == "sound cluster 63 of 64"


def test_names_and_digests_tell_the_modalities_and_sizes_apart() -> None:
    teachers = [ClusterTeacher("vision", 64), ClusterTeacher("audio", 64), ClusterTeacher("vision", 32)]
    assert len({teacher.digest for teacher in teachers}) == 3
    assert teachers[0].name != teachers[1].name
    assert teachers[0].digest == ClusterTeacher("vision", 64).digest


def test_groups_become_clusters_of_the_finest_scale() -> None:
    teacher, descriptors, truth = _fit()
    finest = teacher.assign(descriptors)[:, -16:].argmax(axis=1)
    for group in range(16):
        assert len(set(finest[truth == group])) == 1
    assert len(set(finest)) == 16


def test_probabilities_of_each_scale_sum_to_one_and_the_improbable_is_ruled_out() -> None:
    teacher, descriptors, _ = _fit()
    rng = np.random.default_rng(1)
    probabilities = teacher.assign(descriptors + rng.standard_normal(descriptors.shape).astype(np.float32))
    assert probabilities.dtype == np.float32
    first = 0
    for count in teacher.scales:
        np.testing.assert_allclose(probabilities[:, first : first + count].sum(axis=1), 1.0, atol=1e-5)
        first += count
    assert first == probabilities.shape[1]
    assert ((probabilities == 0.0) | (probabilities >= 0.02)).all()
    assert (probabilities == 0.0).any()


def test_a_fit_repeats_bit_for_bit_and_items_are_assigned_one_by_one() -> None:
    first, descriptors, _ = _fit()
    again, _, _ = _fit()
    together = first.assign(descriptors)
    np.testing.assert_array_equal(together, again.assign(descriptors))
    for place in (0, 7, 100):
        np.testing.assert_array_equal(first.assign(descriptors[place : place + 1])[0], together[place])


def test_what_is_saved_is_loaded_to_the_bit_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    teacher, descriptors, _ = _fit()
    teacher.save(tmp_path / "clusters.npz")
    other = ClusterTeacher("vision", 16)
    other.load(tmp_path / "clusters.npz")
    np.testing.assert_array_equal(other.assign(descriptors), teacher.assign(descriptors))
    assert [path.name for path in tmp_path.iterdir()] == ["clusters.npz"]
    other.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "clusters.npz").read_bytes()


def test_fewer_distinct_descriptors_than_clusters_leave_classes_unused() -> None:
    teacher = ClusterTeacher("vision", 64)
    descriptors, _ = _draw_groups(3, 1)
    teacher.fit(np.repeat(descriptors, 5, axis=0), 0)
    probabilities = teacher.assign(descriptors)
    assert np.isfinite(probabilities).all()
    assert (probabilities.max(axis=0) > 0.0).sum() == 3 * len(teacher.scales)
    assert len(set(probabilities.argmax(axis=1))) == 3


def test_one_descriptor_and_equal_descriptors_make_one_cluster() -> None:
    for count in (1, 9):
        teacher = ClusterTeacher("audio", 8)
        descriptors = np.full((count, teacher.descriptor_dim), 0.3, np.float32)
        teacher.fit(descriptors, 0)
        probabilities = teacher.assign(descriptors)
        np.testing.assert_array_equal(probabilities.sum(axis=1), len(teacher.scales))


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="4 to"):
        ClusterTeacher("vision", 3)
    with pytest.raises(ConfigError, match="unknown option 'q'"):
        load_teacher("clusters:q=3", "vision")
    unfitted = ClusterTeacher("vision", 8)
    empty = np.zeros((0, unfitted.descriptor_dim), np.float32)
    with pytest.raises(TeacherError, match="not fitted yet"):
        unfitted.assign(empty)
    with pytest.raises(TeacherError, match="not fitted yet"):
        unfitted.save(tmp_path / "x.npz")
    with pytest.raises(TeacherError, match="no descriptor"):
        unfitted.fit(empty, 0)
    with pytest.raises(TeacherError, match="cannot be read"):
        unfitted.load(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("no clusters")
    with pytest.raises(TeacherError, match="cannot be read"):
        unfitted.load(tmp_path / "text.npz")
    fitted, _, _ = _fit(k=16)
    fitted.save(tmp_path / "sixteen.npz")
    with pytest.raises(TeacherError, match="another teacher"):
        unfitted.load(tmp_path / "sixteen.npz")


def test_pictures_of_one_kind_of_object_fall_into_the_same_clusters() -> None:
    teacher = ClusterTeacher("vision", 48)
    pictures = np.concatenate([draw_samples(kind.outline, kind.surface, 20, seed) for seed, kind in enumerate(KINDS)])
    side = 96
    columns = np.linspace(0, pictures.shape[2] - 1, side).round().astype(int)
    descriptors = teacher.describe(np.ascontiguousarray(pictures[:, :side, columns]))
    teacher.fit(descriptors, 0)
    finest = teacher.assign(descriptors)[:, -48:].argmax(axis=1)
    table = np.zeros((48, len(KINDS)))
    np.add.at(table, (finest, np.repeat(np.arange(len(KINDS)), 20)), 1)
    assert table.max(axis=1).sum() / table.sum() > 0.75  # by chance it would be below 0.4
