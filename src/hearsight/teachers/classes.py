"""What a model's classes are called, when the model is a file that may or may not say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hearsight import console
from hearsight.errors import TableError, TeacherError
from hearsight.vocabulary import Vocabulary, load_vocabulary, number_vocabulary

_SUFFIXES = (".labels.txt", ".txt", ".csv")
_FOLDER_PATTERNS = ("*label*.txt", "*label*.csv", "*class_map*.csv", "*classes*.txt")


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
    inside: Sequence[ClassList] = (),
    called: str = "",
    quiet: bool = False,
) -> Vocabulary:
    """Find the names of a model's classes.

    The first of these that there is: the file that the option ``vocabulary`` names; the lists inside the model; a file of the
    model's own name with the ending ``.labels.txt``, ``.txt`` or ``.csv`` beside it; a file in the same folder that is called
    something with *label* or *classes* and has just as many names; numbers. The last two are told to the user.

    Parameters
    ----------
    model
        The model's file.
    num_classes
        How many classes its output has.
    option
        Value of the option ``vocabulary``.
    inside
        Class lists inside the model; one of them has to fit.
    called
        What the user knows the model by; the file's name by default.
    quiet
        Tell the user nothing.

    Raises
    ------
    TeacherError
        When the list has another number of names than the model has classes; says both.
    TableError
        When the list cannot be read.
    """
    if option is not None:
        return check_classes(model, num_classes, ClassList(load_vocabulary(option), option))
    if inside:
        fitting = [found for found in inside if len(found.vocabulary) == num_classes]
        return check_classes(model, num_classes, (fitting or list(inside))[0])
    for suffix in _SUFFIXES:
        sibling = model.with_name(model.stem + suffix)
        if sibling.is_file():
            return check_classes(model, num_classes, ClassList(load_vocabulary(sibling), sibling.name))
    fitting = _search_folder(model.parent, num_classes)
    distinct = {found.vocabulary.names for found in fitting}
    if len(distinct) == 1:
        if not quiet:
            name, source = called or model.name, fitting[0].source
            console.print_message(
                f"{name}: its {num_classes} classes are named by {source} beside it, which has as many names"
            )
        return fitting[0].vocabulary
    why = "nothing says what its classes are"
    if distinct:
        why = f"{' and '.join(found.source for found in fitting)} have {num_classes} names each"
    return number_classes(called or model.name, num_classes, why, quiet=quiet)


def number_classes(
    model: str, num_classes: int, why: str = "nothing says what its classes are", *, quiet: bool = False
) -> Vocabulary:
    """Give the classes of a model that does not name them numbers, and say so."""
    if not quiet:
        last = num_classes - 1
        console.print_message(
            f"{model}: {why}: they are called class 0 to class {last}; name them with vocabulary=FILE"
        )
    return number_vocabulary(num_classes)


def check_classes(model: object, num_classes: int, found: ClassList) -> Vocabulary:
    """Give the vocabulary if it has as many names as the model has classes.

    Raises
    ------
    TeacherError
        When it has not; says both numbers.
    """
    difference = num_classes - len(found.vocabulary)
    if difference == 0:
        return found.vocabulary
    hint = "give the file that belongs to this model with vocabulary=FILE"
    if difference == 1:
        hint = "a model with a background class has one class more: is a first line 'background' missing?"
    elif difference == -1:
        hint = "a model without a background class has one class fewer: is the first line 'background' one too many?"
    raise TeacherError(
        model,
        f"{num_classes} classes, and {len(found.vocabulary)} names in {found.source}",
        "as many names as classes",
        hint,
    )


def _search_folder(folder: Path, num_classes: int) -> list[ClassList]:
    fitting: list[ClassList] = []
    for path in sorted({path for pattern in _FOLDER_PATTERNS for path in folder.glob(pattern) if path.is_file()}):
        try:
            vocabulary = load_vocabulary(path)
        except TableError:  # a file that only happens to be called so; nothing was asked of it
            continue
        if len(vocabulary) == num_classes:
            fitting.append(ClassList(vocabulary, path.name))
    return fitting
