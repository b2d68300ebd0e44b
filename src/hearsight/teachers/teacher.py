"""What a teacher is: something that names what it sees, or what it hears, with probabilities.

There are two sorts. A :class:`Teacher` knows its classes before it sees anything: a published classifier. A
:class:`FittedTeacher` finds them in the dataset itself: it describes every clip first, is fitted to the descriptors, and then
assigns probabilities to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.media.pictures import ImageRequest
from hearsight.vocabulary import Vocabulary

Modality = Literal["vision", "audio"]
"""What a teacher perceives: pictures or sounds."""


@runtime_checkable
class BaseTeacher(Protocol):
    """What both sorts of teacher say of themselves."""

    @property
    def name(self) -> str:
        """Name fit for a folder, such as ``litert-mobilenet_v2_1.0_224_quant``: kind and file."""
        ...

    @property
    def spec(self) -> str:
        """The ``kind:where[,option=value...]`` it was loaded by."""
        ...

    @property
    def modality(self) -> Modality:
        """Whether it sees or hears."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """Its classes, in the order of its outputs."""
        ...

    @property
    def image_request(self) -> ImageRequest | None:
        """The pictures it wants to be shown; None for an audio teacher."""
        ...

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of all that decides its output: weights, classes, preprocessing. Another digest, another teacher."""
        ...


@runtime_checkable
class Teacher(BaseTeacher, Protocol):
    """A teacher whose classes are known before it sees or hears anything."""

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Give the probability of every class for every item, each independently of the others.

        Parameters
        ----------
        items
            Vision: UInt8 ``[images, height, width, 3]`` RGB, of the size that ``image_request`` asks for.
            Audio: Float32 ``[segments, samples]``, one-second segments at 16 kHz in [-1, 1), the last one padded with zeros.

        Returns
        -------
        Float32 ``[items, classes]``
            Probabilities in [0, 1]; they sum to one only where the teacher's classes exclude each other.

        Raises
        ------
        TeacherError
            When the model's output is no probability.
        """
        ...


@runtime_checkable
class FittedTeacher(BaseTeacher, Protocol):
    """A teacher that finds its classes in the dataset; how many there are is known before."""

    @property
    def descriptor_dim(self) -> int:
        """Length of a descriptor."""
        ...

    def describe(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items dim"]:
        """Describe every item (as :meth:`Teacher.predict` gets them), each independently of the others."""
        ...

    def fit(self, descriptors: Float32[np.ndarray, "items dim"], seed: int) -> None:
        """Find the classes in the descriptors of a dataset; the same descriptors and seed give the same classes."""
        ...

    def assign(self, descriptors: Float32[np.ndarray, "items dim"]) -> Float32[np.ndarray, "items classes"]:
        """Give the probability of every class for every descriptor; the teacher has been fitted or loaded."""
        ...

    def save(self, path: Path) -> None:
        """Write what :meth:`fit` found, atomically, as ``.npz`` without pickles."""
        ...

    def load(self, path: Path) -> None:
        """Read what :meth:`save` wrote."""
        ...
