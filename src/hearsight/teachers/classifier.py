"""A published classifier as a teacher, whatever runs it: its input, its run function, its classes."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.inputs import ModelInput, make_probe
from hearsight.teachers.outputs import Activation, digest_teacher, to_probabilities, to_rows
from hearsight.teachers.spec import TeacherSpec, name_teacher
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Model:
    """A loaded model.

    Attributes
    ----------
    where, stem
        How errors call it, and what the teacher is called after.
    content
        Its bytes, or a digest of its weights.
    input
        Makes its inputs of pictures or segments.
    run
        Gives its outputs for one input, of any shape whose last axis is the classes.
    activation
        What makes probabilities of the outputs.
    """

    where: str
    stem: str
    content: bytes | str
    input: ModelInput
    run: Callable[[Shaped[np.ndarray, "*input"]], Float32[np.ndarray, "*output"]]
    activation: Activation


class Classifier:
    """A published classifier; a :class:`~hearsight.teachers.teacher.Teacher`.

    Items go through the model one at a time, so that what it says of one never depends on its neighbours, not even in the last
    bit. The model is run once when it is loaded: one that is no classifier is refused then, and not an hour later.

    Parameters
    ----------
    spec, modality
        What was asked for.
    model
        What was loaded.
    name_classes
        Gives the vocabulary for a number of classes, or raises what :func:`~hearsight.teachers.classes.find_classes` raises.
    """

    def __init__(
        self, spec: TeacherSpec, modality: Modality, model: Model, name_classes: Callable[[int], Vocabulary]
    ) -> None:
        self.spec: str = spec.text
        self.name: str = name_teacher(spec.kind, model.stem)
        self.modality: Modality = modality
        self.image_request: ImageRequest | None = model.input.image_request
        self._model = model
        num_classes = len(self._label_item(make_probe(self.image_request)))
        self.vocabulary: Vocabulary = name_classes(num_classes)
        options = {key: value for key, value in spec.options.items() if key != "vocabulary"}
        settings = {"input": model.input.settings, "activation": model.activation, "options": options}
        self.digest: str = digest_teacher(spec.kind, modality, model.content, self.vocabulary, settings)

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Give the probability of every class for every picture or segment; see :class:`~hearsight.teachers.teacher.Teacher`."""
        if len(items) == 0:
            return np.zeros((0, len(self.vocabulary)), np.float32)
        return np.stack([self._label_item(item) for item in items])

    def _label_item(self, item: Shaped[np.ndarray, ...]) -> Float32[np.ndarray, " classes"]:
        model = self._model
        outputs = np.concatenate([to_rows(model.run(values)) for values in model.input.encode(item)])
        probabilities = to_probabilities(outputs, model.activation, model.where)
        return probabilities.mean(axis=0, dtype=np.float64).astype(np.float32)


def read_model_file(where: str) -> tuple[Path, bytes]:
    """Read a model file whole.

    Raises
    ------
    TeacherError
        When it is absent, a folder, unreadable or empty.
    """
    path = Path(where).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise TeacherError(path, "no such file", "a model") from error
        raise TeacherError(path, f"cannot be read ({error.strerror or error})", "a model") from error
    if not content:
        raise TeacherError(path, "empty", "a model")
    return path, content
