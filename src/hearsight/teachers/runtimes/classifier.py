"""A published classifier as a teacher, independent of the runtime: its input, a function that runs it, and its classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import TeacherError
from hearsight.files import read_regular
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.limits import MAX_MODEL_BYTES, PROBE_SECONDS, run_with_deadline
from hearsight.teachers.outputs import Activation, check_finite, digest_teacher, to_probabilities, to_rows
from hearsight.teachers.runtimes.inputs import ModelInput, make_probe
from hearsight.teachers.spec import TeacherSpec, name_teacher
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Model:
    """A loaded model.

    Attributes
    ----------
    where, stem
        Its name in errors, and the part of the teacher's name that follows the kind.
    content
        Its bytes, or a digest of its weights.
    input
        Turns images or segments into the model's inputs.
    run
        Returns the outputs for one input; the classes are on the last axis, or on the only one that is longer than 1.
    activation
        Turns outputs into probabilities.
    cancel
        Ends a run that continues in another thread, where the runtime can do that.
    """

    where: str
    stem: str
    content: bytes | str
    input: ModelInput
    run: Callable[[Shaped[np.ndarray, "*input"]], Float32[np.ndarray, "*output"]]
    activation: Activation
    cancel: Callable[[], None] | None = None


class Classifier:
    """A published classifier; a :class:`~hearsight.teachers.teacher.Teacher`.

    Items go through the model one at a time, so that the result for one never depends on its neighbours, not even in the last
    bit. The model is run once when it is loaded, so that one that is not a classifier is refused immediately and not after an hour.

    Parameters
    ----------
    spec, modality
        The spec and the requested modality.
    model
        The loaded model.
    name_classes
        Returns the vocabulary for a number of classes, or raises what :func:`~hearsight.teachers.classes.find_classes` raises.

    Raises
    ------
    TeacherError
        When the model fails on a test item, does not finish, or its outputs are not probabilities.
    """

    def __init__(
        self, spec: TeacherSpec, modality: Modality, model: Model, name_classes: Callable[[int], Vocabulary]
    ) -> None:
        self.spec: str = spec.text
        self.name: str = name_teacher(spec.kind, model.stem)
        self.modality: Modality = modality
        self.image_request: ImageRequest | None = model.input.image_request
        self._model = model
        self.vocabulary: Vocabulary = name_classes(self._count_classes())
        options = {key: value for key, value in spec.options.items() if key != "vocabulary"}
        settings = {"input": model.input.settings, "activation": model.activation, "options": options}
        self.digest: str = digest_teacher(spec.kind, modality, model.content, self.vocabulary, settings)

    def predict(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items classes"]:
        """Return the probability of every class for every image or segment; see :class:`~hearsight.teachers.teacher.Teacher`.

        Raises
        ------
        TeacherError
            When the model fails, or an output is not a probability. The error names the item and the class.
        """
        result = np.zeros((len(items), len(self.vocabulary)), np.float32)
        for place, item in enumerate(items):
            what = f"{'image' if self.modality == 'vision' else 'second'} {place + 1} of {len(items)}"
            outputs = self._run_model(item)
            if outputs.shape[1] != result.shape[1]:
                wanted = f"{result.shape[1]}, as for the test item"
                raise TeacherError(self._model.where, f"{outputs.shape[1]} classes for {what}", wanted)
            check_finite(outputs, self._model.where, what, self.vocabulary.names)
            result[place] = self._average(outputs)
        return result

    def _count_classes(self) -> int:
        model = self._model
        probe = make_probe(self.image_request)
        outputs = run_with_deadline(
            lambda: self._run_model(probe), model.where, seconds=PROBE_SECONDS, cancel=model.cancel
        )
        check_finite(outputs, model.where, "a test item")
        return len(self._average(outputs))

    def _run_model(self, item: Shaped[np.ndarray, ...]) -> Float32[np.ndarray, "rows classes"]:
        model = self._model
        return np.concatenate([to_rows(model.run(values), model.where) for values in model.input.encode(item)])

    def _average(self, outputs: Float32[np.ndarray, "rows classes"]) -> Float32[np.ndarray, " classes"]:
        probabilities = to_probabilities(outputs, self._model.activation, self._model.where)
        return probabilities.mean(axis=0, dtype=np.float64).astype(np.float32)


def read_model_file(where: str) -> tuple[Path, bytes]:
    """Read a whole model file.

    Returns
    -------
    Path, bytes
        Its path, with ``~`` resolved, and its bytes.

    Raises
    ------
    TeacherError
        When it is absent, not a regular file, unreadable, empty, or larger than
        :data:`~hearsight.teachers.limits.MAX_MODEL_BYTES`.
    """
    try:
        path = Path(where).expanduser()
        content = read_regular(path, MAX_MODEL_BYTES)
    except FileNotFoundError as error:
        raise TeacherError(error.filename or where, "no such file", "a model") from error
    except (OSError, ValueError, RuntimeError) as error:  # also a path with a zero byte, or of an unknown user
        reason = getattr(error, "strerror", None) or error
        raise TeacherError(where, f"cannot be read ({reason})", "a model") from error
    if not content:
        raise TeacherError(path, "empty", "a model")
    return path, content
