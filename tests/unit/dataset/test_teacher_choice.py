"""Teachers that are chosen from a finished dataset: their order, their classes, and what is trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.reader import Dataset
from hearsight.errors import UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.loop import train
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.training import FakeDataset, make_config

TEACHERS = [
    InventedTeacher("onnx-objects", "vision", ["dog", "cat", "never"], top=2),
    InventedTeacher("onnx-places", "vision", ["street", "kitchen"], top=1),
    InventedTeacher("litert-yamnet", "audio", ["bark", "dog"], top=2),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = [
        InventedClip(
            f"{number}.mp4",
            {
                "onnx-objects": {number % 2: 0.6, 1 - number % 2: 0.3},
                "onnx-places": {number % 2: 0.9},
                "litert-yamnet": {0: 0.5, 1: 0.25},
            },
        )
        for number in range(12)
    ]
    return write_dataset(tmp_path / "dataset", TEACHERS, clips, num_shards=1)


def test_only_the_classes_of_the_chosen_teachers_are_left_in_the_order_asked_for(folder: Path) -> None:
    whole = Dataset(folder)
    assert whole.names == ("dog (seen)", "cat", "street", "kitchen", "bark", "dog (heard)")
    chosen = whole.with_teachers(["litert-yamnet", "objects"])
    assert chosen.names == ("bark", "dog (heard)", "dog (seen)", "cat")
    assert [record.index for record in chosen.classes] == [0, 1, 2, 3]
    assert [head.tolist() for head in chosen.visual_heads] == [[2, 3]]
    assert (len(chosen), chosen.digest) == (len(whole), whole.digest)


def test_labels_and_soft_labels_of_a_clip_are_the_same_under_other_indices(folder: Path) -> None:
    whole = Dataset(folder)
    whole.labels(0)  # labels that were read before belong to the other vocabulary
    whole.distribution(0)
    chosen = whole.with_teachers(["audio", "onnx-places"])
    place = [whole.names.index(name) for name in chosen.names]
    for clip in range(len(whole)):
        np.testing.assert_array_equal(chosen.probabilities(clip), whole.probabilities(clip)[place])
        np.testing.assert_array_equal(chosen.distribution(clip), whole.distribution(clip)[place])
        names = {whole.names[index] for index in [*whole.labels(clip).visual, *whole.labels(clip).audio]}
        kept = {chosen.names[index] for index in [*chosen.labels(clip).visual, *chosen.labels(clip).audio]}
        assert kept == names & set(chosen.names)
        assert len(whole.labels(clip).visual) == 3  # the whole dataset is as before


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["onnx"], "'onnx' is part of onnx-objects and onnx-places"),
        (["places", "vision"], "onnx-places is named twice"),
        (["yamnot"], "'yamnot', wanted one of: vision, audio, onnx-objects, onnx-places, litert-yamnet"),
        ([""], "'', wanted one of"),
    ],
)
def test_a_name_that_fits_no_teacher_or_several_is_refused(folder: Path, wanted: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Dataset(folder).with_teachers(wanted)


def test_a_run_learns_from_the_chosen_teachers_and_records_them(folder: Path, tmp_path: Path) -> None:
    config = make_config(teachers=("places",), epochs=1, batch_size=4, model="wu-mlp", options={"width": 0.1})
    summary = train(folder, tmp_path / "run", config)
    assert (summary.num_classes, summary.teachers) == (2, ("onnx-places",))
    _, info = load_checkpoint(tmp_path / "run")
    assert (info.vocabulary, info.training["teachers"]) == (("street", "kitchen"), ["onnx-places"])


def test_distributions_of_a_dataset_with_audio_teachers_are_learned_with_the_origin_of_each_class(
    folder: Path, tmp_path: Path
) -> None:
    soundnet = {"recipe": "soundnet2016", "model": "soundnet-5", "options": {"width": 0.1}}
    train(folder, tmp_path / "run", make_config(**soundnet, teachers=("places", "yamnet", "objects"), epochs=1))
    network, info = load_checkpoint(tmp_path / "run")
    assert network.heads == (2, 2)
    assert info.vocabulary == ("street", "kitchen", "dog (seen)", "cat")
    assert [origin.teacher for origin in info.classes] == ["onnx-places"] * 2 + ["onnx-objects"] * 2


def test_data_without_named_teachers_cannot_be_restricted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vision for a FakeDataset"):
        train(FakeDataset(), tmp_path / "run", make_config(teachers=("vision",)))
