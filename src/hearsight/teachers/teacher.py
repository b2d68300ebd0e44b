"""The interface of teachers: networks or algorithms that return class probabilities for images or for sounds.

There are two sorts. A :class:`Teacher` has a fixed list of classes: a published classifier. A :class:`FittedTeacher` finds its
classes in the dataset itself: it computes a descriptor of every item, is fitted to all descriptors, and then assigns class
probabilities to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.media.pictures import ImageRequest
from hearsight.vocabulary import Vocabulary

Modality = Literal["vision", "audio"]
"""The input of a teacher: images or sounds."""


@runtime_checkable
class BaseTeacher(Protocol):
    """The properties that both sorts of teacher have."""

    @property
    def name(self) -> str:
        """Kind and file name, usable as the name of a folder: ``litert-mobilenet_v2_1.0_224_quant``."""
        ...

    @property
    def spec(self) -> str:
        """The ``kind:where[,option=value...]`` that it was loaded from."""
        ...

    @property
    def modality(self) -> Modality:
        """Whether its input is images or sounds."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """Its classes, in the order of its outputs."""
        ...

    @property
    def image_request(self) -> ImageRequest | None:
        """The size of its input images; None for an audio teacher."""
        ...

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of everything that decides its output: weights, classes, preprocessing."""
        ...


@runtime_checkable
class Teacher(BaseTeacher, Protocol):
    """A teacher with a fixed list of classes."""

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Return the probability of every class for every item, independently of the other items.

        Parameters
        ----------
        items
            Vision: UInt8 ``[images, height, width, 3]`` RGB, of the size in ``image_request``.
            Audio: Float32 ``[segments, samples]``, one-second segments at 16 kHz in [-1, 1), the last one padded with zeros.

        Returns
        -------
        Float32 ``[items, classes]``
            Probabilities in [0, 1]. They sum to 1 only if the teacher's classes exclude each other.

        Raises
        ------
        TeacherError
            When the model fails, or an output is not a probability. The error names the item and the class.
        """
        ...


@runtime_checkable
class FittedTeacher(BaseTeacher, Protocol):
    """A teacher that finds its classes in the dataset. The number of classes is known beforehand."""

    @property
    def descriptor_dim(self) -> int:
        """Length of a descriptor."""
        ...

    def describe(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items dim"]:
        """Compute a descriptor of every item (see :meth:`Teacher.predict`), independently of the other items."""
        ...

    def fit(self, descriptors: Float32[np.ndarray, "items dim"], seed: int) -> None:
        """Find the classes in the descriptors of a dataset. The same descriptors and seed lead to the same classes."""
        ...

    def assign(self, descriptors: Float32[np.ndarray, "items dim"]) -> Float32[np.ndarray, "items classes"]:
        """Return the probability of every class for every descriptor. Requires :meth:`fit` or :meth:`load`."""
        ...

    def save(self, path: Path) -> None:
        """Write the result of :meth:`fit` atomically, as ``.npz`` without pickles."""
        ...

    def load(self, path: Path) -> None:
        """Read a file written by :meth:`save`."""
        ...
