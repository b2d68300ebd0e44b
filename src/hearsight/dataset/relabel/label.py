"""Label a dataset again with other teachers or another policy: the whole of ``hearsight label``."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.config import LabelConfig
from hearsight.console import ProgressCallback, print_message, redirect_progress, track
from hearsight.dataset.assemble import write_parquet
from hearsight.dataset.index.derive import derive_missing_index
from hearsight.dataset.labels.scope import inherit_labels, restore_labels
from hearsight.dataset.layout import BUILD_VERSION, LABELLED_FROM, Layout, digest_json, read_manifest
from hearsight.dataset.lock import lock_folder, remove_build_files, start_build
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.answers import UNIT, Answers, ClipRange, LabelClips, read_answers
from hearsight.dataset.relabel.publish import publish
from hearsight.dataset.relabel.teachers import Labeller, choose_labellers
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.engine.engine import DEADLINE, Engine
from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError, WorkerError
from hearsight.files import make_folder, write_atomically
from hearsight.records import LABEL_SCHEMA


def label_dataset(
    dataset: str | Path,
    out: str | Path,
    config: LabelConfig | None = None,
    *,
    workers: int | None = None,
    engine: str = "local",
    cache: str | Path | None = None,
    deadline: float = DEADLINE,
    progress: ProgressCallback | None = None,
) -> BuildSummary:
    """Label a dataset again.

    Parameters
    ----------
    dataset
        The folder of a dataset.
    out
        The folder of the new dataset. Files that do not change are linked where the file system allows it, and copied otherwise. A
        finished dataset with the same parent and configuration is left unchanged.
    config
        The configuration. A modality without teachers keeps those of the dataset, with their answers; without any, only the
        policy is applied again.
    workers
        Units of work that run in parallel; by default one per processor. The result does not depend on it.
    engine
        ``local`` or ``ray``.
    cache
        A folder in which the teachers' answers are kept. Another run with it computes no answer again, whatever its policy.
    deadline
        Seconds that a teacher may take for the sounds of a unit of work, or for the pictures of a clip. A unit that exceeds them
        twice ends the run.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every unit of work of every stage, in place of progress bars.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, or ``out`` holds other files.
    UsageError
        When a new teacher has no classes before it is fitted, or pictures of mixtures are to be labelled.
    ConfigError, MissingExtraError, TeacherError
        As :func:`~hearsight.teachers.registry.load_teacher` does, or when a teacher fails on a clip.
    WorkerError
        When a unit of work cannot be finished, or a media file that is needed for its pictures is gone or has changed.

    Examples
    --------
    >>> stricter = hearsight.LabelConfig(policy={"vision_top": 2})
    >>> summary = hearsight.label_dataset("dataset", "relabelled", stricter)
    >>> summary.labels_per_clip["vision"]
    2.0
    """
    config = config or LabelConfig()
    runner = open_engine(engine, workers, deadline)
    parent, layout = Dataset(dataset), Layout(Path(out))
    if layout.folder.resolve() == parent.path.resolve():
        raise DatasetError(layout.folder, f"the folder of the dataset {parent.path} itself", "another folder")
    labellers = choose_labellers(parent, config)
    identity = _identify(parent, config, labellers)
    with redirect_progress(progress), lock_folder(layout):
        if layout.manifest.exists():
            return _reuse(layout, identity)
        start_build(layout, identity)
        ranges = list_ranges(parent)
        new = [one for one in labellers if not one.kept]
        if new:
            _announce(layout, new)
            stage = LabelClips(layout.parts, parent.path, *_list_specs(new), config.soft_top, _resolve(cache))
            _answer(layout, runner, stage, ranges, new)
        files = _link_files(parent, layout, labellers)
        scope = _Scope(parent, config)
        for one in new:
            _gather(layout, one, ranges, scope)
        if scope.changed:
            for one in labellers:
                if one.kept:
                    files.update(_rescope(parent, layout, one, scope))
        summary = publish(parent, layout, labellers, config.policy, identity, files)
        remove_build_files(layout)
        return summary


def list_ranges(parent: Dataset) -> list[ClipRange]:
    """List the units of work: every clip of the dataset is in one of them."""
    ranges: list[ClipRange] = []
    begin = 0
    for shard in parent.manifest.shards:
        end = begin + shard.num_clips
        starts = range(begin, end, UNIT)
        ranges += [ClipRange(shard.index, first, min(first + UNIT, end)) for first in starts]
        begin = end
    return ranges


def _identify(parent: Dataset, config: LabelConfig, labellers: Sequence[Labeller]) -> dict[str, Any]:
    values = {
        **parent.manifest.config,
        "vision": [one.spec for one in labellers if one.modality == "vision"],
        "audio": [one.spec for one in labellers if one.modality == "audio"],
        "policy": config.policy.model_dump(mode="json"),
        "soft_top": config.soft_top,
        LABELLED_FROM: parent.digest,
    }
    teachers = {one.name: one.digest for one in labellers}
    identity = {"config": values, "teachers": teachers, "build_version": BUILD_VERSION}
    return {**identity, "digest": digest_json(identity)}


def _reuse(layout: Layout, identity: dict[str, Any]) -> BuildSummary:
    if read_manifest(layout.folder).config_digest != identity["digest"]:
        wanted = "the dataset, teachers and policy given now"
        hint = "choose another --out, or remove the old one"
        raise DatasetError(layout.folder, "a finished dataset of other labels", wanted, hint)
    derive_missing_index(layout.folder)
    print_message(f"{layout.folder}: finished before with the same teachers and policy; nothing to do")
    return read_summary(layout.summary)


def _announce(layout: Layout, new: Sequence[Labeller]) -> None:
    if any(one.modality == "vision" for one in new):
        print_message(f"{layout.folder}: the dataset holds no pictures, so that its media are read again for them")


def _list_specs(new: Sequence[Labeller]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    vision = tuple(one.spec for one in new if one.modality == "vision")
    return vision, tuple(one.spec for one in new if one.modality == "audio")


def _resolve(cache: str | Path | None) -> Path | None:
    if cache is None:
        return None
    folder = Path(cache).expanduser().resolve()
    make_folder(folder)
    return folder


def _answer(
    layout: Layout, engine: Engine, stage: LabelClips, ranges: Sequence[ClipRange], new: Sequence[Labeller]
) -> None:
    """Let the new teachers answer every range that they have not answered before."""
    answers, names = Answers(layout.parts), [one.name for one in new]
    missing = [some for some in ranges if not answers.is_done(names, some)]
    with track("labelling", sum(map(len, ranges)), "clips") as bar:
        bar.advance(sum(map(len, ranges)) - sum(map(len, missing)))
        with contextlib.closing(engine.run(stage, missing)) as answers:
            for answer in answers:
                if answer.result is None:
                    found = answer.failure.message if answer.failure else "no result"
                    where = f"clips {answer.unit.first} to {answer.unit.last}"
                    hint = "what is finished is kept: remove the cause and run the same command again"
                    raise WorkerError(where, found, "labels of all clips", hint)
                bar.advance(len(answer.unit))


def _link_files(parent: Dataset, layout: Layout, labellers: Sequence[Labeller]) -> dict[str, Any]:
    """Link or copy everything that stays as it is; return the records of these files, as far as the dataset has them."""
    old, shards = Layout(parent.path), [shard.index for shard in parent.manifest.shards]
    kept = [one.name for one in labellers if one.kept]
    paths = [path for shard in shards for path in (old.audio(shard), old.clips(shard))]
    paths += [old.labels(name, shard) for name in kept for shard in shards]
    paths += [path for path in (old.rejected, old.mixtures, old.sources, old.taken, old.withdrawn) if path.exists()]
    paths += [path for path in map(old.teacher, kept) if path.exists()]
    records: dict[str, Any] = {}
    for path in paths:
        name = path.relative_to(parent.path)
        _link(path, layout.folder / name)
        if parent.manifest.files is not None and name.as_posix() in parent.manifest.files:
            records[name.as_posix()] = parent.manifest.files[name.as_posix()].model_dump()
        else:
            records[name.as_posix()] = None
    return records


def _link(source: Path, target: Path) -> None:
    """Link a file, which is safe as files of datasets are replaced and never changed; copy it to another file system."""
    if target.exists():
        return
    make_folder(target.parent)
    try:
        os.link(source, target)
    except OSError:
        with write_atomically(target) as temporary:
            shutil.copyfile(source, temporary)


class _Scope:
    """What is labelled, clips or media files, in the dataset that is labelled again and in the new one."""

    def __init__(self, parent: Dataset, config: LabelConfig) -> None:
        self._parent = parent
        self._top = config.soft_top
        self._old = parent.manifest.config.get("policy", {}).get("scope", "clip")
        self._new = config.policy.scope

    @property
    def changed(self) -> bool:
        """Whether soft labels that are kept have to be written again."""
        return self._old != self._new

    @property
    def shards(self) -> list[int]:
        """Numbers of the shards."""
        return [shard.index for shard in self._parent.manifest.shards]

    def apply(self, table: pa.Table, shard: int) -> pa.Table:
        """Return soft labels that a teacher has just returned for single clips in the scope of the new dataset."""
        if self._new == "clip":
            return table
        clips = pq.read_table(Layout(self._parent.path).clips(shard), columns=["media_uuid"])
        return inherit_labels(table, clips.column("media_uuid").to_pylist(), self._top)

    def convert(self, table: pa.Table, shard: int) -> pa.Table:
        """Return soft labels of the old dataset in the scope of the new one."""
        return self.apply(table, shard) if self._old == "clip" else restore_labels(table, self._top)


def _gather(layout: Layout, teacher: Labeller, ranges: Sequence[ClipRange], scope: _Scope) -> None:
    """Write the label file of each shard, of one without clips too, from the answers to its ranges."""
    answers = Answers(layout.parts)
    groups = {shard: list(some) for shard, some in itertools.groupby(ranges, key=lambda one: one.shard)}
    for shard in scope.shards:
        tables = [read_answers(answers.path(teacher.name, one)) for one in groups.get(shard, [])]
        path = layout.labels(teacher.name, shard)
        make_folder(path.parent)
        write_parquet(path, scope.apply(pa.concat_tables([LABEL_SCHEMA.empty_table(), *tables]), shard))


def _rescope(parent: Dataset, layout: Layout, teacher: Labeller, scope: _Scope) -> dict[str, None]:
    """Replace the linked label files of a teacher by those of another scope; return their names, which are to be hashed."""
    names: dict[str, None] = {}
    for shard in scope.shards:
        path = layout.labels(teacher.name, shard)
        write_parquet(path, scope.convert(parent.soft_labels(teacher.name, shard), shard))
        names[path.relative_to(layout.folder).as_posix()] = None
    return names
