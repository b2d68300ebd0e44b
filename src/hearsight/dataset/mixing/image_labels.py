"""The soft labels of each image of a dataset in one memory-mapped file, to be averaged over any part of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from hearsight.dataset.reader import Dataset
from hearsight.files import write_atomically

_COLUMNS = ["item_classes", "item_probabilities"]


def write_image_labels(dataset: Dataset, teacher: str, path: Path) -> None:
    """Write a vision teacher's soft labels of every image, uncompressed, in the order of the clips.

    Parameters
    ----------
    dataset
        The dataset with the labels.
    teacher
        Name of one of its vision teachers.
    path
        The file to write, atomically.

    Raises
    ------
    DatasetError
        When there is no such teacher, or its labels cannot be read.
    """
    with write_atomically(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        writer = None
        for shard in dataset.manifest.shards:
            table = dataset.soft_labels(teacher, shard.index).select(_COLUMNS)
            writer = writer or pa.ipc.new_file(file, table.schema)
            writer.write_table(table.combine_chunks())
        if writer is not None:
            writer.close()


class ImageLabels:
    """The soft labels of a vision teacher, image by image.

    Parameters
    ----------
    path
        The file that :func:`write_image_labels` wrote.
    num_classes
        Number of the teacher's classes.
    """

    def __init__(self, path: Path, num_classes: int) -> None:
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self._num_classes = num_classes

    def average(self, clip: int, start: float, end: float) -> Float32[np.ndarray, " classes"]:
        """Average the probabilities over the images of a part of a clip, over at least one image.

        Parameters
        ----------
        clip
            Index of the clip.
        start, end
            The part, as fractions of the clip's length. Images are evenly spaced over it.
        """
        mean = np.zeros(self._num_classes, dtype=np.float32)
        classes = self._table.column("item_classes")[clip].values
        probabilities = self._table.column("item_probabilities")[clip].values
        count = len(classes)
        if count == 0:
            return mean
        first = min(int(start * count), count - 1)
        last = min(max(int(np.ceil(end * count)), first + 1), count)
        for picture in range(first, last):
            kept = np.asarray(classes[picture].values)
            mean[kept] += np.asarray(probabilities[picture].values) / np.float32(last - first)
        return mean
