"""The class names of a model file, from wherever they are stated; and a teacher's classes as records."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hearsight import console
from hearsight.errors import TableError, TeacherError
from hearsight.teachers.teacher import BaseTeacher, Modality
from hearsight.vocabulary import Vocabulary, load_vocabulary, number_vocabulary

_SUFFIXES = (".labels.txt", ".txt", ".csv")
_FOLDER_PATTERNS = ("*label*.txt", "*label*.csv", "*class_map*.csv", "*classes*.txt")
_NO_NAMES = "it has no class names"


@dataclasses.dataclass(frozen=True)
class TeacherClass:
    """One class of a teacher, with everything that identifies it outside of its teacher.

    Attributes
    ----------
    teacher, modality
        The teacher's name, and whether it recognises the class in images or in sounds.
    index
        The class's place in the teacher's output.
    name
        Unique within the teacher.
    id
        Identifier in a public class list (AudioSet's ``/m/0bt9lr``, WordNet's ``n02084071``); None where the list has none.
    """

    teacher: str
    modality: Modality
    index: int
    name: str
    id: str | None


def list_classes(teacher: BaseTeacher) -> tuple[TeacherClass, ...]:
    """Return all classes of a teacher, in the order of its outputs."""
    vocabulary = teacher.vocabulary
    ids = vocabulary.ids or (None,) * len(vocabulary)
    return tuple(
        TeacherClass(teacher.name, teacher.modality, index, name, identity)
        for index, (name, identity) in enumerate(zip(vocabulary.names, ids, strict=True))
    )


@dataclasses.dataclass(frozen=True)
class ClassList:
    """A class list and where it was found."""

    vocabulary: Vocabulary
    source: str


def find_classes(
    model: Path,
    num_classes: int,
    *,
    option: str | None,
    embedded: Sequence[ClassList] = (),
    outputs: Sequence[int | None] = (),
    display_name: str = "",
    quiet: bool = False,
) -> Vocabulary:
    """Find the names of a model's classes.

    The first of these that exists is taken:

    1. the file named by the option ``vocabulary``;
    2. a list inside the model;
    3. a file next to the model with the same name, with the suffix ``.labels.txt``, ``.txt`` or ``.csv``;
    4. a file in the same folder whose name contains *label* or *classes*, and that has exactly as many names;
    5. numbers.

    A message is printed in the last two cases.

    Parameters
    ----------
    model
        The model's file.
    num_classes
        The number of classes in its output.
    option
        Value of the option ``vocabulary``.
    embedded
        Class lists inside the model, of which one has to fit.
    outputs
        The number of classes of each of the model's outputs, None where it is not fixed; for the hint in an error.
    display_name
        The model's name in messages; the file's name by default.
    quiet
        Whether to print nothing.

    Raises
    ------
    TeacherError
        When the list has another number of names than the model has classes. The error states both.
    TableError
        When the list cannot be read.
    """
    if option is not None:
        return check_classes(model, num_classes, ClassList(load_vocabulary(option), option), outputs)
    if embedded:
        fitting = [found for found in embedded if len(found.vocabulary) == num_classes]
        return check_classes(model, num_classes, (fitting or list(embedded))[0], outputs)
    for suffix in _SUFFIXES:
        sibling = model.with_name(model.stem + suffix)
        if sibling.is_file():
            return check_classes(model, num_classes, ClassList(load_vocabulary(sibling), sibling.name), outputs)
    fitting = _search_folder(model.parent, num_classes)
    distinct = {found.vocabulary.names for found in fitting}
    name = display_name or model.name
    if len(distinct) == 1:
        if not quiet:
            source = fitting[0].source
            console.print_message(
                f"{name}: class names taken from {source} in the same folder, which has {num_classes} names too"
            )
        return fitting[0].vocabulary
    why = _NO_NAMES
    if distinct:
        why = f"{' and '.join(found.source for found in fitting)} have {num_classes} names each"
    return number_classes(name, num_classes, why, quiet=quiet)


def number_classes(model: str, num_classes: int, why: str = _NO_NAMES, *, quiet: bool = False) -> Vocabulary:
    """Return numbered names for a model without class names, and print that unless ``quiet``."""
    if not quiet:
        last = num_classes - 1
        console.print_message(
            f"{model}: {why}; the classes are called class 0 to class {last}. Name them with vocabulary=FILE"
        )
    return number_vocabulary(num_classes)


def check_classes(model: object, num_classes: int, found: ClassList, outputs: Sequence[int | None] = ()) -> Vocabulary:
    """Return the vocabulary if it has as many names as the model has classes.

    Parameters
    ----------
    model
        The model, for the error.
    num_classes
        The number of its classes.
    found
        The class list.
    outputs
        The number of classes of each of the model's outputs, None where it is not fixed; for the hint.

    Raises
    ------
    TeacherError
        When it has not. The error states both numbers.
    """
    difference = num_classes - len(found.vocabulary)
    if difference == 0:
        return found.vocabulary
    hint = "name the file that belongs to this model with vocabulary=FILE"
    if len(found.vocabulary) in outputs:
        hint = f"output={outputs.index(len(found.vocabulary))} has as many classes as there are names"
    elif difference == 1:
        hint = "models with a background class have one class more: is a first line 'background' missing?"
    elif difference == -1:
        hint = "models without a background class have one class fewer: is there a first line 'background' too many?"
    raise TeacherError(
        model,
        f"{num_classes} classes, but {len(found.vocabulary)} names in {found.source}",
        "as many names as classes",
        hint,
    )


def _search_folder(folder: Path, num_classes: int) -> list[ClassList]:
    fitting: list[ClassList] = []
    for path in sorted({path for pattern in _FOLDER_PATTERNS for path in folder.glob(pattern) if path.is_file()}):
        try:
            vocabulary = load_vocabulary(path)
        except TableError:  # a file that happens to have such a name; the user did not ask for it
            continue
        if len(vocabulary) == num_classes:
            fitting.append(ClassList(vocabulary, path.name))
    return fitting
