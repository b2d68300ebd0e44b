"""One build at a time writes into a dataset folder, and continues only with what was begun there."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Generator, Mapping, Sequence
from typing import Any, NoReturn

from hearsight.console import print_message
from hearsight.dataset.index.derive import derive_missing_index
from hearsight.dataset.layout import BUILD_VERSION, Layout, Manifest, digest_json, read_json, read_manifest, write_json
from hearsight.dataset.parts import remove_parts
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.errors import DatasetError, cannot_write
from hearsight.files import describe_path, find_temporary_files, lock, make_folder
from hearsight.teachers.teacher import FittedTeacher, Teacher

_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def make_identity(values: Mapping[str, Any], teachers: Sequence[Teacher | FittedTeacher]) -> dict[str, Any]:
    """Return all that determines the bytes of a dataset, apart from its sources: configuration, teachers and build version.

    Raises
    ------
    DatasetError
        When two teachers have the same name.
    """
    digests = {teacher.name: teacher.digest for teacher in teachers}
    if len(digests) != len(teachers):
        names = ", ".join(teacher.name for teacher in teachers)
        raise DatasetError(
            "teachers", f"two teachers of the same name: {names}", "each teacher once", "rename one of the files"
        )
    identity = {"config": dict(values), "teachers": digests, "build_version": BUILD_VERSION}
    return {**identity, "digest": digest_json(identity)}


@contextlib.contextmanager
def lock_folder(layout: Layout) -> Generator[None]:
    """Hold the folder's lock, so that no two builds write one dataset. The lock ends with the process.

    A finished dataset in a folder that cannot be written needs no lock and gets none.

    Raises
    ------
    DatasetError
        When the folder holds something else, or another build is writing there.
    MachineError
        When it cannot be written.
    """
    folder = layout.folder
    try:
        if folder.exists() and not folder.is_dir():
            raise cannot_write(
                folder, NotADirectoryError(errno.ENOTDIR, f"{describe_path(folder)}, not a folder", str(folder))
            )
        known = layout.manifest.exists() or layout.running.exists() or layout.commit.exists()
        if folder.is_dir() and not known and any(path != layout.lock for path in folder.iterdir()):
            found = f"a folder with other things in it: {describe_path(folder)}"
            raise DatasetError(folder, found, "a new or empty folder, or a dataset")
        make_folder(folder)
        held = contextlib.ExitStack()
        held.enter_context(lock(layout.lock))
    except BlockingIOError as error:
        raise DatasetError(folder, "another build is writing here", "one build at a time") from error
    except OSError as error:
        if not (layout.manifest.exists() and error.errno in _UNWRITABLE):
            raise cannot_write(folder, error) from error
        held = contextlib.ExitStack()
    with held:
        yield


def start_build(layout: Layout, identity: Mapping[str, Any]) -> None:
    """Record in the folder what is built there.

    Raises
    ------
    DatasetError
        When an unfinished build of another configuration is there.
    """
    if layout.running.exists():
        before = read_json(layout.running)
        if before.get("digest") != identity["digest"]:
            _refuse_other(layout, before, identity)
    write_json(layout.running, dict(identity))


def check_configuration(layout: Layout, identity: Mapping[str, Any]) -> BuildSummary:
    """Return the summary of a finished dataset, after checking that it has the requested configuration.

    Raises
    ------
    DatasetError
        When it has another one.
    """
    manifest = read_manifest(layout.folder)
    if manifest.config_digest != identity["digest"] and manifest.config_digest != _digest_earlier(identity, manifest):
        _refuse_other(layout, {"config": manifest.config, "build_version": manifest.build_version}, identity)
    return read_summary(layout.summary)


def check_finished(layout: Layout, identity: Mapping[str, Any], num_sources: int, sources_digest: str) -> BuildSummary:
    """Return the summary of a finished dataset, after checking that it is the requested one.

    Raises
    ------
    DatasetError
        When it has another configuration or other sources.
    """
    summary = check_configuration(layout, identity)
    if summary.sources_digest != sources_digest:
        raise DatasetError(
            layout.folder,
            f"a finished dataset of {summary.num_sources} other sources",
            f"the {num_sources} sources given now",
            "choose another --out for them",
        )
    return summary


def _digest_earlier(identity: Mapping[str, Any], manifest: Manifest) -> str:
    """Return the digest that the same configuration has in the build version of a finished dataset."""
    values = {"config": identity["config"], "teachers": identity["teachers"]}
    return digest_json({**values, "build_version": min(manifest.build_version, BUILD_VERSION)})


def has_failures(layout: Layout, summary: BuildSummary) -> bool:
    """Whether files of a finished dataset failed, and parts that this version can read have been kept to try them again."""
    if summary.num_failed == 0 or not layout.running.exists():
        return False
    return read_json(layout.running).get("build_version", 1) == BUILD_VERSION


def reuse_finished(layout: Layout, summary: BuildSummary) -> BuildSummary:
    """Return the summary of a finished dataset, with a message that there is nothing to do."""
    if not summary.num_failed:
        remove_build_files(layout)
    derive_missing_index(layout.folder)
    print_message(f"{layout.folder}: finished before with the same sources and configuration; nothing to do")
    return summary


def remove_build_files(layout: Layout) -> None:
    """Remove what only a running build needs, and the temporary files of killed ones. Writes nothing if there is none."""
    remove_parts(layout.parts)
    if layout.running.exists():
        layout.running.unlink()
    for path in list(find_temporary_files(layout.folder)):
        path.unlink(missing_ok=True)


def _refuse_other(layout: Layout, old: Mapping[str, Any], new: Mapping[str, Any]) -> NoReturn:
    before, now = old.get("build_version", 1), new["build_version"]
    changed = _list_changes(old.get("config", {}), new["config"])
    if before != now:
        found = f"a dataset of build version {before}"
        wanted = f"version {now}, since this hearsight would write other bytes"
        raise DatasetError(layout.folder, found, wanted, "choose another --out, or remove the old one")
    found = f"a dataset of another configuration ({'; '.join(changed) or 'a file of a teacher changed'})"
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
