"""Figures of a dataset, and of what a network makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int64

from hearsight.dataset.layout import ClassRecord
from hearsight.dataset.reader import Dataset
from hearsight.drawing.activations import Activation, draw_activations
from hearsight.drawing.label_groups import draw_label_groups
from hearsight.drawing.label_statistics import draw_label_statistics
from hearsight.drawing.maps import draw_maps
from hearsight.errors import DatasetError, UsageError
from hearsight.figures.file import check_count
from hearsight.figures.hierarchy import ClassCount, group_counts, read_hierarchy
from hearsight.figures.pictures import read_picture
from hearsight.figures.predictions import ClipPredictions, choose_evenly, find_class_names, predict_clips
from hearsight.learners.tsne import map_to_plane
from hearsight.listening.listener import load

NUM_UNITS = 4
"""Units that are shown where none is named."""


def plot_label_statistics(dataset: Path) -> Any:
    """Draw how often each class of a dataset appears (after Jia 2019, figure 2).

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    """
    data = Dataset(dataset)
    return draw_label_statistics(_count_labels(data), len(data))


def plot_label_groups(dataset: Path, hierarchies: Sequence[Path], *, level: int = 0) -> Any:
    """Draw which groups of a hierarchy the labels of a dataset fall into (after Jia 2019, figure 2, below).

    Parameters
    ----------
    dataset
        The folder.
    hierarchies
        Files that :func:`~hearsight.figures.hierarchy.read_hierarchy` reads. A class belongs to the first that has its
        identifier, or else the name that its teacher gives it.
    level
        How far below the top of a hierarchy the groups lie that have a bar.

    Raises
    ------
    DatasetError, TableError
        When the dataset or a hierarchy cannot be read.
    UsageError
        When no hierarchy is given, or the level is below 0.
    """
    if not hierarchies:
        raise UsageError("--hierarchy", "none", "AudioSet's ontology.json, for example")
    if level < 0:
        raise UsageError("--level", f"{level}", "0 for the top, or more")
    trees = [read_hierarchy(path) for path in hierarchies]
    classes = _list_classes(Dataset(dataset))
    return draw_label_groups({modality: group_counts(some, trees, level) for modality, some in classes.items()})


def _list_classes(data: Dataset) -> dict[str, list[ClassCount]]:
    """Return the used classes by modality, under their teachers' names: the vocabulary's may say "seen" or "heard" behind them."""
    known = {(row["teacher"], row["class_index"]): row for row in data.class_table().to_pylist()}
    classes: dict[str, list[ClassCount]] = {}
    for record in _check_classes(data):
        row = known[record.teacher, record.class_index]
        classes.setdefault(record.modality, []).append(ClassCount(row["name"], row["id"], record.count))
    return classes


def _count_labels(data: Dataset) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for record in _check_classes(data):
        counts.setdefault(record.modality, {})[record.name] = record.count
    return counts


def _check_classes(data: Dataset) -> Sequence[ClassRecord]:
    if not data.classes:
        raise DatasetError(data.path, f"no class that a clip carries, in {len(data):,} clips", "a dataset with labels")
    return data.classes


def plot_maps(dataset: Path, run: Path, *, clips: int = 1000, seed: int = 0) -> Any:
    """Draw t-SNE maps of clips, by picture and by sound (after Aytar 2016, figure 4).

    What is seen are the probabilities that the first vision teacher gave, the features of the sound are the mean of the
    network's embeddings. The colours are the most probable visual labels, which neither map was made with.

    Parameters
    ----------
    dataset, run
        The folders.
    clips
        Most clips, taken evenly from all of the dataset.
    seed
        Of the maps.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, or no vision teacher looked at it.
    CheckpointError
        When the run has no usable checkpoint.
    UsageError
        When there are too few clips for a map, or none is asked for.
    """
    check_count("--clips", clips)
    data, listener = Dataset(dataset), load(run)
    chosen = choose_evenly(np.arange(len(data)), clips)
    seen = read_vision_probabilities(data, chosen)
    heard = predict_clips(listener, data, chosen)
    labels = find_class_names(data, [int(clip) for clip in chosen], "vision")
    maps = {
        f"seen: {data.manifest.teachers[0].name}": map_to_plane(seen, seed),
        f"heard: {listener.name}": map_to_plane(heard.embeddings, seed),
    }
    return draw_maps(maps, labels)


def read_vision_probabilities(
    data: Dataset, clips: Int64[np.ndarray, " clips"]
) -> Float64[np.ndarray, "clips classes"]:
    """Read the first vision teacher's predictions for clips: the root of each class's probability, 0 where it was not kept.

    The distance of two rows is then that of Hellinger, which suits probabilities.

    Raises
    ------
    DatasetError
        When there is no vision teacher.
    """
    teacher = next((one for one in data.manifest.teachers if one.modality == "vision"), None)
    if teacher is None:
        raise DatasetError(
            data.path,
            f"no vision teacher, only {', '.join(one.name for one in data.manifest.teachers)}",
            "a dataset that was built with one",
        )
    tables = [data.soft_labels(teacher.name, shard.index) for shard in data.manifest.shards]
    table = pa.concat_tables(tables).select(["classes", "probabilities"]).take(pa.array(clips))
    values = np.zeros((len(clips), teacher.num_classes))
    for row, said in zip(values, table.to_pylist(), strict=True):
        row[said["classes"]] = np.sqrt(said["probabilities"])
    return values


def plot_activations(
    dataset: Path, run: Path, *, units: Sequence[int] | None = None, clips: int = 6, most: int = 2000
) -> Any:
    """Draw pictures of the clips whose sound activates units of the embedding most (after Aytar 2016, figure 6).

    Parameters
    ----------
    dataset
        A dataset whose media are still where they were.
    run
        The run folder.
    units
        Places in the embedding, from 0; without, the four that are excited most selectively: whose best clips stand furthest above
        their mean, in deviations.
    clips
        Clips of each unit, all from different media.
    most
        Most clips to use, taken evenly from all of the dataset.

    Raises
    ------
    UsageError
        When there is no such unit, or the number of clips is zero.
    DatasetError, CheckpointError, MediaError
        When the dataset, the run or a clip's media cannot be read.
    """
    check_count("--clips", clips)
    check_count("--most", most)
    data, listener = Dataset(dataset), load(run)
    dim = listener.embedding_dim
    wrong = [unit for unit in units or () if not 0 <= unit < dim]
    if wrong:
        raise UsageError("--units", f"{wrong[0]}", f"0 to {dim - 1}: {listener.name} has {dim} units in its embedding")
    heard = predict_clips(listener, data, choose_evenly(np.arange(len(data)), most))
    rows = data.clips().select(["source", "start", "duration"]).take(pa.array(heard.clips)).to_pylist()
    chosen = list(units) if units else choose_units(heard, clips)
    return draw_activations([(f"unit {unit}", _collect(heard, rows, unit, clips)) for unit in chosen])


def choose_units(heard: ClipPredictions, clips: int) -> list[int]:
    """Choose the units whose best clips are furthest above the mean, in deviations; units that are never active are left out."""
    peaks = heard.peaks.astype(np.float64)
    deviation = peaks.std(axis=0)
    best = np.sort(peaks, axis=0)[-clips:].mean(axis=0)
    selectivity = np.where(deviation > 1e-9, (best - peaks.mean(axis=0)) / np.maximum(deviation, 1e-9), -np.inf)
    return [int(unit) for unit in np.argsort(-selectivity, kind="stable")[:NUM_UNITS]]


def _collect(heard: ClipPredictions, rows: list[dict[str, Any]], unit: int, clips: int) -> list[Activation]:
    """Collect the clips that excite a unit most, one of each medium."""
    found: dict[str, Activation] = {}
    for row in np.argsort(-heard.peaks[:, unit], kind="stable"):
        clip = rows[int(row)]
        if clip["source"] in found:
            continue
        picture = read_picture(clip, float(heard.peak_times[row, unit]))
        name = f"{Path(clip['source']).stem}"
        found[clip["source"]] = Activation(picture, float(heard.peaks[row, unit]), name)
        if len(found) == clips:
            break
    return list(found.values())
