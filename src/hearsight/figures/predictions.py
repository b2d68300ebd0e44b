"""What a network makes of the clips of a dataset: the part that several figures share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from hearsight.console import track
from hearsight.dataset.reader import Dataset
from hearsight.errors import CheckpointError, DatasetError
from hearsight.listening.listener import Listener
from hearsight.signal.waveform import from_int16


@dataclasses.dataclass(frozen=True)
class ClipPredictions:
    """What a network predicted for clips, a row each.

    Attributes
    ----------
    clips
        Their indices in the dataset.
    probabilities, embeddings
        Means over the time of each clip.
    peaks, peak_times
        The highest value that each unit of the embedding reaches in the clip, and the middle of the segment that it is reached in,
        in seconds from the start of the clip.
    """

    clips: Int64[np.ndarray, " clips"]
    probabilities: Float64[np.ndarray, "clips classes"]
    embeddings: Float64[np.ndarray, "clips dim"]
    peaks: Float32[np.ndarray, "clips dim"]
    peak_times: Float64[np.ndarray, "clips dim"]


def predict_clips(listener: Listener, dataset: Dataset, clips: Int64[np.ndarray, " clips"]) -> ClipPredictions:
    """Predict the classes of clips of a dataset, each as a whole.

    Raises
    ------
    DatasetError
        When there are none.
    """
    if not len(clips):
        raise DatasetError(dataset.path, f"{len(dataset)} clips", "at least one")
    rows: list[tuple[np.ndarray, ...]] = []
    with track("hearing", len(clips), "clips") as bar:
        for clip in clips:
            parts = list(listener.forward_waveform(from_int16(dataset.read(int(clip))), dataset.sample_rate))
            shares = np.concatenate([part.weights for part in parts])
            shares = shares / shares.sum()
            middles = np.concatenate([part.starts + part.durations / 2.0 for part in parts])
            values = np.concatenate([part.embeddings for part in parts])
            best = values.argmax(axis=0)
            rows.append(
                (
                    shares @ np.concatenate([part.probabilities for part in parts]).astype(np.float64),
                    shares @ values.astype(np.float64),
                    values[best, np.arange(values.shape[1])],
                    middles[best],
                )
            )
            bar.advance()
    probabilities, embeddings, peaks, times = (np.stack(column) for column in zip(*rows, strict=True))
    return ClipPredictions(clips, probabilities, embeddings, peaks, times)


def check_vocabulary(listener: Listener, dataset: Dataset) -> None:
    """Refuse a network that was not trained on the classes of a dataset.

    Raises
    ------
    CheckpointError
        When the class names are others.
    """
    if listener.vocabulary != dataset.names:
        raise CheckpointError(
            listener.name,
            f"{len(listener.vocabulary)} classes that are not the {len(dataset.names)} of {dataset.path}",
            "a network that was trained on this dataset",
        )


def mark_labels(dataset: Dataset, clips: Int64[np.ndarray, " clips"]) -> Bool[np.ndarray, "clips classes"]:
    """Mark the labels of clips, those from pictures and those from sound."""
    marks = np.zeros((len(clips), len(dataset.classes)), dtype=np.bool_)
    for row, clip in enumerate(clips):
        labels = dataset.labels(int(clip))
        marks[row, labels.visual] = True
        marks[row, labels.audio] = True
    return marks


def choose_evenly(clips: Int64[np.ndarray, " clips"], most: int) -> Int64[np.ndarray, " chosen"]:
    """Choose at most so many clips, evenly over all of them."""
    if len(clips) <= most:
        return clips
    return clips[np.unique(np.linspace(0, len(clips) - 1, most).astype(np.int64))]


def find_class_names(dataset: Dataset, clips: Sequence[int], modality: str) -> list[str]:
    """Return the most probable label of each clip, visual (``vision``) or audio (``audio``); ``no label`` where it has none."""
    found: list[str] = []
    for clip in clips:
        labels = dataset.labels(clip)
        chosen = labels.visual if modality == "vision" else labels.audio
        found.append(dataset.names[int(chosen[0])] if len(chosen) else "no label")
    return found
