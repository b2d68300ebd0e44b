"""A teacher that was fitted to a dataset once, heard or shown something new."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.media.pictures import ImageRequest
from hearsight.teachers.teacher import FittedTeacher, Modality
from hearsight.vocabulary import Vocabulary


class FrozenTeacher:
    """A fitted teacher as one whose classes are known: it describes what it gets, and assigns it to what it has found.

    Parameters
    ----------
    fitted
        A teacher that has been fitted or loaded.
    """

    def __init__(self, fitted: FittedTeacher) -> None:
        self._fitted = fitted
        self.name: str = fitted.name
        self.spec: str = fitted.spec
        self.modality: Modality = fitted.modality
        self.vocabulary: Vocabulary = fitted.vocabulary
        self.image_request: ImageRequest | None = fitted.image_request
        self.digest: str = fitted.digest

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Give the probability of every class for every item, each independently of the others.

        Items are as :meth:`hearsight.teachers.teacher.Teacher.predict` gets them.

        Raises
        ------
        TeacherError
            When the fitted teacher has neither been fitted nor loaded.
        """
        return self._fitted.assign(self._fitted.describe(items))
