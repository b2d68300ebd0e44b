from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hearsight.dataset.build import choose_validation_folds
from hearsight.dataset.labels.policy import choose_label_lists, top_probabilities, unite_classes
from hearsight.dataset.layout import TeacherRecord
from hearsight.teachers.policy import choose_labels, keep_soft_labels

LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def make_teacher(name: str, modality: str, num_classes: int) -> TeacherRecord:
    return TeacherRecord(
        name=name, spec=name, modality=modality, digest="0", num_classes=num_classes, top=10, threshold=0.0
    )


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 12)),
        elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    ),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.25, 0.6]),
    st.sampled_from([0.0, 0.5]),
)
def test_whole_columns_get_the_labels_that_the_policy_gives_clip_by_clip(
    probabilities: np.ndarray, top: int, threshold: float, minimum: float
) -> None:
    soft = [keep_soft_labels(clip, 12) for clip in probabilities]
    table = pa.table(
        {
            "classes": pa.array([one.classes for one in soft], pa.list_(pa.int32())),
            "probabilities": pa.array([one.probabilities for one in soft], pa.list_(pa.float32())),
        }
    )
    lists = choose_label_lists(table, top=top, threshold=threshold, min_probability=minimum)
    for place, one in enumerate(soft):
        expected = choose_labels(one, top=top, threshold=threshold, min_probability=minimum)
        np.testing.assert_array_equal(lists[place], expected)
    matrix = top_probabilities(table, top)
    for place, one in enumerate(soft):
        kept = one.probabilities[:top]
        np.testing.assert_array_equal(matrix[place, : len(kept)], kept)
        assert not matrix[place, len(kept) :].any()


def test_the_vocabulary_holds_used_classes_only_and_tells_equal_names_apart() -> None:
    vision, audio = make_teacher("eyes", "vision", 4), make_teacher("ears", "audio", 2)
    names = [("dog", "crane", "crane", "unseen"), ("dog", "rain")]
    counts = [np.array([5, 1, 2, 0]), np.array([3, 4])]
    classes = unite_classes([vision, audio], names, counts)
    assert [record.name for record in classes] == [
        "dog (seen)",
        "crane (seen, 1)",
        "crane (seen, 2)",
        "dog (heard)",
        "rain",
    ]
    assert [record.index for record in classes] == list(range(5))
    assert [record.class_index for record in classes] == [0, 1, 2, 0, 1]
    assert [record.count for record in classes] == [5, 1, 2, 3, 4]


@given(st.lists(st.sampled_from(["a", "b", "a (seen)", "a (seen, 0)"]), min_size=1, max_size=8))
def test_names_of_a_vocabulary_are_always_unique(names: list[str]) -> None:
    teachers = [make_teacher("one", "vision", len(names)), make_teacher("two", "vision", len(names))]
    counts = [np.ones(len(names), np.int64)] * 2
    united = [record.name for record in unite_classes(teachers, [names, names], counts)]
    assert len(set(united)) == len(united) == 2 * len(names)


@pytest.mark.parametrize(
    ("folds", "share", "bound"),
    [
        ([5, 300, 4000], 1 / 15, 273),
        ([800, 900, 4000], 1 / 15, 801),
        ([5, 7], 1 / 15, 0),
        ([800], 1 / 15, 273),
        ([5, 300], 0.0, 0),
    ],
)
def test_validation_is_a_range_of_folds_that_leaves_something_to_train_on(
    folds: list[int], share: float, bound: int
) -> None:
    assert choose_validation_folds(np.array(folds, np.int32), share) == bound
