"""Any subset or order of a dataset's teachers, chosen after the build (Aytar 2016, section 3.2: objects, scenes, or both)."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from hearsight.dataset.layout import ClassRecord, TeacherRecord
from hearsight.errors import UsageError, guess


def choose_teachers(teachers: Sequence[TeacherRecord], wanted: Sequence[str]) -> list[TeacherRecord]:
    """Return the teachers that are named, in the order of the names.

    Parameters
    ----------
    teachers
        The teachers of a dataset.
    wanted
        ``vision`` or ``audio`` for all teachers of that modality; a teacher's name, or the spec that it was loaded from; or a part
        of the name that no other teacher's name has.

    Raises
    ------
    UsageError
        When a name fits no teacher or several, or a teacher is named twice.
    """
    chosen: list[TeacherRecord] = []
    for name in wanted:
        for one in _find(teachers, name):
            if one in chosen:
                raise UsageError("teachers", f"{one.name} is named twice", "each teacher once")
            chosen.append(one)
    return chosen


def keep_classes(classes: Sequence[ClassRecord], teachers: Sequence[TeacherRecord]) -> list[ClassRecord]:
    """Return the classes of some teachers, in the order of the teachers and with new indices; names stay as they are."""
    own = [record for teacher in teachers for record in classes if record.teacher == teacher.name]
    return [record.model_copy(update={"index": index}) for index, record in enumerate(own)]


def list_all_classes(
    table: pa.Table, used: Sequence[ClassRecord], teachers: Sequence[TeacherRecord]
) -> list[ClassRecord]:
    """Return every class of some teachers, in the order of the teachers, and within each in its order.

    Parameters
    ----------
    table
        All classes, in the schema :data:`hearsight.records.CLASS_SCHEMA`.
    used
        The classes that are labels of some clip; they keep their names.
    teachers
        The teachers.
    """
    known = {(record.teacher, record.class_index): record for record in used}
    taken = {record.name for record in used}
    listed: list[ClassRecord] = []
    for teacher in teachers:
        mask = pa.array([name == teacher.name for name in table.column("teacher").to_pylist()], pa.bool_())
        own = table.filter(mask).sort_by("class_index")
        pairs = zip(own.column("class_index").to_pylist(), own.column("name").to_pylist(), strict=True)
        for place, name in pairs:
            record = known.get((teacher.name, place))
            if record is None:
                unique = name if name not in taken else f"{name} ({teacher.name} {place})"
                taken.add(unique)
                about = {"teacher": teacher.name, "modality": teacher.modality, "class_index": place, "count": 0}
                record = ClassRecord.model_validate({"index": 0, "name": unique, **about})
            listed.append(record.model_copy(update={"index": len(listed)}))
    return listed


def _find(teachers: Sequence[TeacherRecord], name: str) -> list[TeacherRecord]:
    found = [one for one in teachers if one.modality == name]
    found = found or [one for one in teachers if name in (one.name, one.spec)]
    found = found or [one for one in teachers if name and name in one.name]
    several = name not in ("vision", "audio") and len(found) > 1
    if several or not found:
        known = [one.name for one in teachers]
        problem = f"{name!r} is part of {' and '.join(one.name for one in found)}" if several else repr(name)
        raise UsageError("teachers", problem, f"one of: vision, audio, {', '.join(known)}", guess(name, known))
    return found
