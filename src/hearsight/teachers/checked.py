"""A teacher of another package, whose outputs are checked before they become labels."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.limits import check_output
from hearsight.teachers.outputs import check_finite, to_probabilities
from hearsight.teachers.teacher import BaseTeacher, Modality, Teacher
from hearsight.vocabulary import Vocabulary, check_names


class CheckedTeacher:
    """A teacher with checks of its properties and of all its predictions.

    Parameters
    ----------
    teacher
        The teacher.
    where
        Its name in errors.
    modality
        The requested modality.

    Raises
    ------
    TeacherError
        As :func:`check_properties` does.
    """

    def __init__(self, teacher: Teacher, where: str, modality: Modality) -> None:
        check_properties(teacher, where, modality)
        self._teacher = teacher
        self._where = where
        self.name: str = teacher.name
        self.spec: str = teacher.spec
        self.modality: Modality = modality
        self.vocabulary: Vocabulary = teacher.vocabulary
        self.image_request: ImageRequest | None = teacher.image_request
        self.digest: str = teacher.digest

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Return the probability of every class for every item; see :class:`~hearsight.teachers.teacher.Teacher`.

        Raises
        ------
        TeacherError
            When the teacher fails, or returns anything but one probability for each item and class.
        """
        try:
            outputs = np.asarray(self._teacher.predict(items), np.float32)
        except Exception as error:
            raise TeacherError(self._where, f"it failed ({type(error).__name__}: {error})", "probabilities") from error
        shape = (len(items), len(self.vocabulary))
        if outputs.shape != shape:
            raise TeacherError(self._where, f"an output {list(outputs.shape)}", f"{list(shape)}, [items, classes]")
        for place, row in enumerate(outputs):
            check_finite(row[None], self._where, f"item {place + 1} of {len(items)}", self.vocabulary.names)
        return to_probabilities(outputs, "none", self._where)


def check_properties(teacher: BaseTeacher, where: str, modality: Modality) -> None:
    """Check what a teacher states about itself.

    Raises
    ------
    TeacherError
        When it is of the other modality, its name cannot be that of a folder, it has no or too many classes, or its image size
        does not fit its modality.
    TableError
        When a class name is too long or contains control characters.
    """
    if teacher.modality != modality:
        raise TeacherError(where, f"a teacher of {teacher.modality}", f"a teacher of {modality}")
    if not re.fullmatch(r"\w[\w.-]{0,199}", teacher.name, re.ASCII):
        raise TeacherError(where, f"the name {teacher.name!r:.80}", "letters, digits, '.', '_' and '-'")
    if not re.fullmatch(r"[0-9a-f]{64}", teacher.digest):
        raise TeacherError(where, f"the digest {teacher.digest!r:.80}", "a hexadecimal SHA-256")
    if (teacher.image_request is None) != (modality == "audio"):
        raise TeacherError(where, f"image_request is {teacher.image_request}", f"the one of a teacher of {modality}")
    names = teacher.vocabulary.names
    check_output(where, [len(names)])
    if not names or len(set(names)) != len(names):
        raise TeacherError(where, f"{len(names)} classes with {len(set(names))} different names", "different names")
    check_names((*names, *(teacher.vocabulary.ids or ())), where)
