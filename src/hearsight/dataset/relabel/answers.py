"""The unit of work of labelling again: some clips of a shard, answered by every new teacher."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.dataset.assemble import write_parquet
from hearsight.dataset.parts import cut_segments
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.pictures import ClipPictures
from hearsight.dataset.relabel.teachers import load_new_teachers
from hearsight.dataset.storage.packs import report_write_errors
from hearsight.engine.progress import report_progress
from hearsight.errors import DatasetError
from hearsight.files import make_folder
from hearsight.records import LABEL_SCHEMA, SoftLabels
from hearsight.signal.waveform import resample_int16
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.teacher import Teacher
from hearsight.units import SAMPLE_RATE

UNIT = 32
"""Clips of a unit of work: their sounds go to the teacher together."""


@dataclasses.dataclass(frozen=True)
class ClipRange:
    """Some neighbouring clips of one shard: ``first`` to ``last`` of the dataset, ``last`` excluded."""

    shard: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


class Answers:
    """The folder of finished answers, one file for each range and teacher."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, teacher: str, clips: ClipRange) -> Path:
        """Return the file of a teacher's answers."""
        return self._folder / teacher / f"{clips.shard:05d}" / f"{clips.first}-{clips.last}.parquet"

    def is_done(self, teachers: Sequence[str], clips: ClipRange) -> bool:
        """Whether every teacher has answered; files are written whole or not at all."""
        return all(self.path(teacher, clips).exists() for teacher in teachers)


@dataclasses.dataclass(frozen=True)
class LabelClips:
    """The stage that labels ranges of clips: opens the dataset and loads the teachers once per worker.

    Attributes
    ----------
    folder
        Where answers are written.
    dataset
        The dataset that is labelled again.
    vision, audio
        Specs of the new teachers.
    soft_top
        Classes that are kept of each answer; 0 keeps all.
    cache
        Folder in which answers are kept for other runs; None for none.
    """

    folder: Path
    dataset: Path
    vision: tuple[str, ...]
    audio: tuple[str, ...]
    soft_top: int
    cache: Path | None

    def __call__(self) -> Callable[[ClipRange], int]:
        """Set up a worker; return the function that answers a range and returns its number of clips."""
        return _ClipLabeller(self, load_new_teachers(self.vision, self.audio, quiet=True)).label


class _ClipLabeller:
    def __init__(self, stage: LabelClips, teachers: Sequence[Teacher]) -> None:
        self._stage = stage
        self._teachers = teachers
        self._answers = Answers(stage.folder)
        self._dataset = Dataset(stage.dataset, quiet=True)
        self._clips = self._dataset.clips()
        requests = [teacher.image_request for teacher in teachers if teacher.image_request is not None]
        self._pictures = ClipPictures(self._dataset.manifest.config, requests) if requests else None

    def label(self, clips: ClipRange) -> int:
        missing = [one for one in self._teachers if not self._answers.path(one.name, clips).exists()]
        sounds = _Sounds(self._dataset, clips)
        uuids = self._clips.column("uuid").slice(clips.first, len(clips)).to_pylist()
        keys = {one.name: self._find_key(one, sounds, uuids) for one in missing}
        for teacher in list(missing):
            if (table := self._read_cache(keys[teacher.name], uuids)) is not None:
                self._write(self._answers.path(teacher.name, clips), table)
                missing.remove(teacher)
        for teacher, items in self._read_items(missing, clips, sounds):
            table = _tabulate(uuids, self._predict(teacher, items))
            if self._stage.cache is not None:
                self._write(self._cached(keys[teacher.name]), table)
            self._write(self._answers.path(teacher.name, clips), table)
        return len(clips)

    def _read_items(
        self, teachers: Sequence[Teacher], clips: ClipRange, sounds: _Sounds
    ) -> list[tuple[Teacher, list[np.ndarray]]]:
        """Return what each teacher labels: per clip its pictures or its seconds of sound. Media are read only for pictures."""
        seen = [teacher for teacher in teachers if teacher.image_request is not None]
        items = [(teacher, sounds.cut()) for teacher in teachers if teacher.image_request is None]
        if seen and self._pictures is not None:
            rows = self._clips.slice(clips.first, len(clips)).to_pylist()
            pictures = self._pictures.read(rows)
            places = [one for one in self._teachers if one.image_request is not None]
            items += [(teacher, [some[places.index(teacher)] for some in pictures]) for teacher in seen]
        return items

    def _predict(self, teacher: Teacher, items: Sequence[np.ndarray]) -> list[SoftLabels]:
        """Answer clips: the sounds of all of them in one batch, the pictures, which are larger, clip by clip."""
        top = self._stage.soft_top or len(teacher.vocabulary)
        if teacher.image_request is not None:
            answers = []
            for one in items:
                answers.append(keep_soft_labels(teacher.predict(one), top))
                report_progress()
            return answers
        bounds = np.cumsum([0, *map(len, items)])
        probabilities = teacher.predict(np.concatenate(items))
        report_progress()
        return [keep_soft_labels(probabilities[first:last], top) for first, last in itertools.pairwise(bounds)]

    def _find_key(self, teacher: Teacher, sounds: _Sounds, uuids: Sequence[str]) -> str:
        """Return the digest of everything that an answer follows from: the teacher, what is kept, and what it labels."""
        if self._stage.cache is None:
            return ""
        rate = self._dataset.manifest.config.get("images_per_second")
        content = f"pictures {rate}" if teacher.image_request is not None else sounds.digest()
        identity = [teacher.digest, str(self._stage.soft_top), content, *uuids]
        return hashlib.sha256("\n".join(identity).encode()).hexdigest()

    def _cached(self, key: str) -> Path:
        return (self._stage.cache or Path()) / key[:2] / f"{key}.parquet"

    def _read_cache(self, key: str, uuids: Sequence[str]) -> pa.Table | None:
        if self._stage.cache is None or not self._cached(key).exists():
            return None
        table = read_answers(self._cached(key))
        return table if table.column("uuid").to_pylist() == list(uuids) else None

    @staticmethod
    def _write(path: Path, table: pa.Table) -> None:
        with report_write_errors(path):
            make_folder(path.parent)
            write_parquet(path, table)


class _Sounds:
    """The sounds of a range of clips, read when they are asked for."""

    def __init__(self, dataset: Dataset, clips: ClipRange) -> None:
        self._dataset = dataset
        self._clips = clips

    def cut(self) -> list[np.ndarray]:
        """Return the seconds of each clip, as the build cut them."""
        rate = self._dataset.sample_rate
        return [cut_segments(resample_int16(samples, rate, SAMPLE_RATE)) for samples in self._read()]

    def digest(self) -> str:
        """Return the SHA-256 of the samples."""
        digest = hashlib.sha256(f"sound at {self._dataset.sample_rate} Hz".encode())
        for samples in self._read():
            digest.update(samples.tobytes())
        return digest.hexdigest()

    def _read(self) -> list[np.ndarray]:
        return [self._dataset.read(index) for index in range(self._clips.first, self._clips.last)]


def read_answers(path: Path) -> pa.Table:
    """Read a file of answers: ``records.LABEL_SCHEMA``.

    Raises
    ------
    DatasetError
        When it is damaged.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            path, f"cannot be read ({error})", "answers of a teacher", "remove the file and run the same command again"
        ) from error


def _tabulate(uuids: Sequence[str], answers: Sequence[SoftLabels]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {"uuid": uuid, **{field.name: getattr(one, field.name) for field in dataclasses.fields(one)}}
        for uuid, one in zip(uuids, answers, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=LABEL_SCHEMA)
