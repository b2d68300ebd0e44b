"""Parts of invented clips, assembled to a dataset by the real code, to measure what that takes."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.clips.folds import assign_fold
from hearsight.clips.links import WORDS_FIELD, pack_words
from hearsight.clips.screen import fingerprint_sound
from hearsight.config import BuildConfig
from hearsight.dataset.build import choose_validation_folds
from hearsight.dataset.finalize import Assembly, assemble_dataset
from hearsight.dataset.layout import Layout
from hearsight.dataset.lock import make_identity
from hearsight.dataset.parts import make_row, part_schema
from hearsight.dataset.storage.ledger import pack_names
from hearsight.dataset.storage.packs import PackWriter
from hearsight.dataset.storage.reports import PartReport
from hearsight.dataset.unit_table import encode_paths
from hearsight.engine.local import SerialEngine
from hearsight.media.pictures import ImageRequest
from hearsight.records import SoftLabels, Source, name_clip, name_media
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher
from hearsight.units import SAMPLE_RATE
from hearsight.vocabulary import Vocabulary

_SHARE = 1 / 15


@dataclasses.dataclass(frozen=True)
class Assembled:
    """What assembling took: seconds, and bytes of the dataset."""

    seconds: float
    num_bytes: int


class InventedTeacher:
    """Stands for a teacher whose labels are invented: it has the name and the number of classes, and is never asked."""

    def __init__(self, teacher: Teacher | FittedTeacher, place: int) -> None:
        self.name = f"{place}-{teacher.name}"
        self.spec = teacher.spec
        self.modality: Modality = teacher.modality
        self.vocabulary = Vocabulary(tuple(f"class {index}" for index in range(len(teacher.vocabulary))))
        self.image_request: ImageRequest | None = teacher.image_request
        self.digest = teacher.digest

    def predict(self, items: Any) -> Any:
        """Raise: the labels of an invented clip are drawn."""
        raise NotImplementedError(
            f"{self.name} was asked for labels of {len(items)} items, which are drawn and not predicted"
        )


class InventedBuild:
    """Assembles datasets of clips of noise with drawn soft labels.

    Parameters
    ----------
    teachers
        The teachers; those that are fitted are taken as if they had been.
    config
        How parts are assembled.
    clip_seconds
        Duration of a clip.
    """

    def __init__(self, teachers: Sequence[Teacher | FittedTeacher], config: BuildConfig, clip_seconds: float) -> None:
        self._teachers = [InventedTeacher(teacher, place) for place, teacher in enumerate(teachers)]
        self._config = config
        self._num_samples = round(clip_seconds * SAMPLE_RATE)

    def assemble(self, folder: Path, num_clips: int) -> Assembled:
        """Write the parts, which is not timed, and assemble them, which is."""
        layout = Layout(folder)
        schema = part_schema([teacher.name for teacher in self._teachers])
        units: list[str] = []
        sources = [Source(f"/invented/{number}.mp4") for number in range(num_clips)]
        with PackWriter(layout.parts) as packs:
            for number, source in enumerate(sources):
                units.append(str(uuid.UUID(int=number)))
                row, samples, outputs = self._invent(number, source)
                with packs.write(schema) as rows:
                    rows.append(make_row(schema, row, samples, outputs))
                    rows.finish(PartReport(units[-1], source, 1, {one.name: 1 for one in self._teachers}, ()))
        config = self._config
        teachers: list[Teacher | FittedTeacher] = [*self._teachers]
        assembly = Assembly(
            layout=layout,
            identity=make_identity(config.list_identity(), teachers),
            teachers=teachers,
            sources=encode_paths(sources),
            sources_digest="",
            policy=config.policy.model_copy(
                update={"audio_threshold": 0.0}
            ),  # so that every clip has labels to train on
            soft_top=config.soft_top,
            shard_clips=config.shard_clips,
            seed=config.seed,
            duplicates=config.screen.duplicates,
            choose_validation=lambda folds: choose_validation_folds(folds, _SHARE),
        )
        started = time.perf_counter()
        assemble_dataset(assembly, SerialEngine(), pack_names(units))
        seconds = time.perf_counter() - started
        return Assembled(seconds, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))

    def _invent(self, number: int, source: Source) -> tuple[dict[str, Any], np.ndarray, list[SoftLabels]]:
        generator = np.random.default_rng(number)
        samples = (3_000 * generator.standard_normal(self._num_samples)).astype(np.int16)
        media = name_media(f"{number:064x}")
        duration = self._num_samples / SAMPLE_RATE
        row = {
            "uuid": name_clip(media, 0.0, duration),
            "media_uuid": media,
            "source": source.path,
            "start": 0.0,
            "duration": duration,
            "fold": assign_fold(media),
            "num_samples": len(samples),
            "num_images": 1,
            "width": 320,
            "height": 240,
            "loudness": -20.0,
            "motion": 10.0,
            "sound_fingerprint": fingerprint_sound(samples),
            "image_fingerprint": generator.bytes(8),
            WORDS_FIELD.name: pack_words(samples),
        }
        return row, samples, [self._draw(generator, teacher) for teacher in self._teachers]

    def _draw(self, generator: np.random.Generator, teacher: InventedTeacher) -> SoftLabels:
        seconds = max(1, self._num_samples // SAMPLE_RATE)
        items = seconds if teacher.image_request is None else max(1, round(seconds * self._config.images_per_second))
        probabilities = generator.dirichlet(np.full(len(teacher.vocabulary), 0.1), items).astype(np.float32)
        return keep_soft_labels(probabilities, self._config.soft_top or len(teacher.vocabulary))
