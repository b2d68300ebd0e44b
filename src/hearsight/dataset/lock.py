"""Who may write into a dataset folder: one at a time, and only what was begun there or nothing yet."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from hearsight.console import print_message
from hearsight.dataset.layout import FORMAT_VERSION, Layout, digest_json, read_json, read_manifest, write_json
from hearsight.dataset.parts import remove_parts
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.errors import DatasetError
from hearsight.files import lock, make_folder
from hearsight.teachers.teacher import FittedTeacher, Teacher


def make_identity(values: Mapping[str, Any], teachers: Sequence[Teacher | FittedTeacher]) -> dict[str, Any]:
    """Give what makes two datasets of the same sources the same: the configuration and the very bytes of the teachers.

    Raises
    ------
    DatasetError
        When two teachers have the same name.
    """
    digests = {teacher.name: teacher.digest for teacher in teachers}
    if len(digests) != len(teachers):
        raise DatasetError("teachers", "two teachers of the same name", "each teacher once", "rename one of the files")
    identity = {"config": dict(values), "teachers": digests, "format_version": FORMAT_VERSION}
    return {**identity, "digest": digest_json(identity)}


@contextlib.contextmanager
def lock_folder(layout: Layout) -> Generator[None]:
    """Hold the folder's lock, so that no two builds write one dataset; the lock goes with the process, however it ends.

    Raises
    ------
    DatasetError
        When the folder holds something else, cannot be written, or is being written.
    """
    folder = layout.folder
    try:
        if folder.exists() and not folder.is_dir():
            raise DatasetError(folder, "a file", "a folder to write the dataset into")
        known = layout.manifest.exists() or layout.running.exists()
        if folder.is_dir() and not known and any(path != layout.lock for path in folder.iterdir()):
            raise DatasetError(folder, "a folder with other things in it", "a new or empty folder, or a dataset")
        make_folder(folder)
        held = contextlib.ExitStack()
        held.enter_context(lock(layout.lock))
    except BlockingIOError as error:
        raise DatasetError(folder, "another build is writing here", "one build at a time") from error
    except OSError as error:
        raise DatasetError(folder, f"cannot be written ({error.strerror})", "a folder that is ours") from error
    with held:
        yield


def start_build(layout: Layout, identity: Mapping[str, Any]) -> None:
    """Say in the folder what is being built there; refuse to go on with something else.

    Raises
    ------
    DatasetError
        When an unfinished build of another configuration is there.
    """
    if layout.running.exists():
        before = read_json(layout.running)
        if before.get("digest") != identity["digest"]:
            _refuse_other(layout, before.get("config", {}), identity["config"])
    write_json(layout.running, dict(identity))


def reuse_finished(
    layout: Layout, identity: Mapping[str, Any], sources: Sequence[str], sources_digest: str
) -> BuildSummary:
    """Give the summary of a finished dataset that is the one asked for.

    Raises
    ------
    DatasetError
        When it is of another configuration or of other sources.
    """
    manifest = read_manifest(layout.folder)
    if manifest.config_digest != identity["digest"]:
        _refuse_other(layout, manifest.config, identity["config"])
    summary = read_summary(layout.summary)
    if summary.sources_digest != sources_digest:
        raise DatasetError(
            layout.folder,
            f"a finished dataset of {summary.num_sources} other sources",
            f"the {len(sources)} sources given now",
            "choose another --out for them",
        )
    remove_build_files(layout)
    print_message(f"{layout.folder}: finished before with the same sources and configuration; nothing to do")
    return summary


def remove_build_files(layout: Layout) -> None:
    """Remove what only a running build needs."""
    remove_parts(layout.parts)
    layout.running.unlink(missing_ok=True)


def _refuse_other(layout: Layout, old: dict[str, Any], new: dict[str, Any]) -> None:
    changed = _list_changes(old, new)
    found = "a dataset of another configuration" + (
        f" ({'; '.join(changed)})" if changed else " (a teacher's file changed)"
    )
    raise DatasetError(
        layout.folder, found, "the configuration given now", "choose another --out, or remove the old one"
    )


def _list_changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    changes: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes += _list_changes(before, after, f"{prefix}{key}.")
        elif before != after:
            changes.append(f"{prefix}{key}: {before} there, {after} now")
    return changes
