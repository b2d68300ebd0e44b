"""A teacher that has been fitted to one dataset, applied to other images or sounds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.media.pictures import ImageRequest
from hearsight.teachers.teacher import FittedTeacher, Modality
from hearsight.vocabulary import Vocabulary


class FrozenTeacher:
    """A fitted teacher with the interface of :class:`~hearsight.teachers.teacher.Teacher`: its classes no longer change.

    Parameters
    ----------
    fitted
        A teacher that has been fitted, or whose state has been loaded.
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
        """Return the probability of every class for every item, independently of the other items.

        See :meth:`hearsight.teachers.teacher.Teacher.predict` for the items.

        Raises
        ------
        TeacherError
            When the fitted teacher has neither been fitted nor loaded.
        """
        return self._fitted.assign(self._fitted.describe(items))
