from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError, MediaError, UsageError
from hearsight.figures.datasets import (
    choose_units,
    plot_activations,
    plot_label_statistics,
    plot_maps,
    read_vision_probabilities,
)
from hearsight.figures.predictions import ClipPredictions, choose_evenly, find_class_names, mark_labels, predict_clips
from hearsight.listening.listener import load
from hearsight.signal.waveform import from_int16


def test_statistics_are_those_of_the_dataset(dataset: Path) -> None:
    figure = plot_label_statistics(dataset)
    counts = {modality: sorted((c.count for c in Dataset(dataset).classes if c.modality == modality), reverse=True)
              for modality in ("vision", "audio")}  # fmt: skip
    for axes, modality in zip(figure.axes, ("vision", "audio"), strict=False):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), counts[modality])


def test_a_clip_is_heard_as_the_listener_hears_it(dataset: Path, run: Path) -> None:
    data, listener = Dataset(dataset), load(run)
    heard = predict_clips(listener, data, np.array([2, 0]))
    for row, clip in enumerate((2, 0)):
        told = listener.embed_waveform(from_int16(data.read(clip)), data.sample_rate)
        np.testing.assert_allclose(heard.peaks[row], told.values.max(axis=0), atol=1e-5)
        tags = listener.tag_waveform(from_int16(data.read(clip)), data.sample_rate, top=None)
        probabilities = {tag.name: tag.probability for tag in tags}
        np.testing.assert_allclose(heard.probabilities[row], [probabilities[name] for name in data.names], atol=1e-5)
    assert ((heard.peak_times >= 0.0) & (heard.peak_times <= 8.0)).all()


def test_labels_are_marked_and_named(dataset: Path) -> None:
    data = Dataset(dataset)
    clips = np.arange(len(data))
    marks = mark_labels(data, clips)
    np.testing.assert_array_equal(marks.sum(axis=0), [record.count for record in data.classes])
    for clip, name in enumerate(find_class_names(data, [int(c) for c in clips], "vision")):
        assert name == data.names[data.labels(clip).visual[0]]


def test_what_was_seen_is_the_root_of_what_the_teacher_said(dataset: Path) -> None:
    data = Dataset(dataset)
    teacher = data.manifest.teachers[0]
    values = read_vision_probabilities(data, np.array([1]))
    said = data.soft_labels(teacher.name, 0).to_pylist()[1]
    expected = np.zeros(teacher.num_classes)
    expected[said["classes"]] = said["probabilities"]
    np.testing.assert_allclose(values[0] ** 2, expected, atol=1e-6)


def test_clips_are_points_of_two_maps(dataset: Path, run: Path) -> None:
    figure = plot_maps(dataset, run, clips=9)
    seen, heard = figure.axes
    assert seen.get_title(loc="left").startswith("seen")
    assert heard.get_title(loc="left") == "heard: jia-mobilenet-v2"
    assert sum(len(each.get_offsets()) for each in heard.collections) == 9
    with pytest.raises(UsageError, match="at least 5"):
        plot_maps(dataset, run, clips=4)


def test_a_unit_s_clips_come_from_different_media_the_most_exciting_first(dataset: Path, run: Path) -> None:
    figure = plot_activations(dataset, run, units=[3, 0], clips=3)
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.texts[1].get_text() for axes in drawn if len(axes.texts) > 1] == ["unit 3", "unit 0"]
    for row in (drawn[:3], drawn[3:]):
        assert len({axes.get_title(loc="center") for axes in row}) == 3
        values = [float(axes.texts[0].get_text()) for axes in row]
        assert values == sorted(values, reverse=True)
    assert drawn[0].images[0].get_array().shape == (135, 180, 3)


def test_the_most_selective_units_are_chosen() -> None:
    peaks = np.zeros((10, 4), np.float32)
    peaks[:, 0] = np.arange(10)  # rises evenly
    peaks[3, 2] = 1.0  # one clip alone
    peaks[:, 3] = 5.0  # all alike
    zeros = np.zeros((10, 4))
    assert choose_units(ClipPredictions(np.arange(10), zeros, zeros, peaks, zeros), 1)[:2] == [2, 0]


def test_clips_are_taken_evenly() -> None:
    np.testing.assert_array_equal(choose_evenly(np.arange(5), 9), np.arange(5))
    np.testing.assert_array_equal(choose_evenly(np.arange(100), 3), [0, 49, 99])


def test_mistakes_are_named(dataset: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 to 127"):
        plot_activations(dataset, run, units=[128])
    with pytest.raises(UsageError, match="at least 1"):
        plot_activations(dataset, run, clips=0)
    with pytest.raises(DatasetError):
        plot_label_statistics(tmp_path)


def test_a_video_that_is_gone_is_named(
    dataset: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(dataset, moved)
    clips = Dataset(moved).clips()
    gone = clips.set_column(clips.schema.get_field_index("source"), "source", [["/nowhere/gone.mp4"] * len(clips)])
    monkeypatch.setattr(Dataset, "clips", lambda _: gone)
    with pytest.raises(MediaError, match=r"gone\.mp4"):
        plot_activations(moved, run, clips=1)
