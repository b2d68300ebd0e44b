"""The unit of work: one media file in, one finished part out.

A part is two files: ``<unit>.arrow`` with a row per clip (clip table, sound, and what each teacher said), and ``<unit>.json``
with the rejections and counts. The JSON is written last; where it is, the unit is done. That set of files is the ledger.
"""

from __future__ import annotations

import dataclasses
import os
import uuid as uuid_module
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int16

from hearsight.clips.cut import cut_media
from hearsight.clips.folds import assign_fold
from hearsight.clips.links import WORDS_FIELD, pack_words
from hearsight.clips.screen import fingerprint_images, fingerprint_sound, measure_loudness, measure_motion, screen_clip
from hearsight.config import BuildConfig
from hearsight.dataset.layout import read_json, write_json
from hearsight.errors import MediaError
from hearsight.files import write_atomically
from hearsight.media.decode import DecodedClip
from hearsight.media.info import read_media
from hearsight.records import CLIP_SCHEMA, NAMESPACE, Media, Rejection, RejectReason, SoftLabels, Source, name_clip
from hearsight.signal.waveform import from_int16
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.units import SAMPLE_RATE, count_segments

SOFT_LABELS_TYPE = pa.struct(
    [
        ("classes", pa.list_(pa.int32())),
        ("probabilities", pa.list_(pa.float32())),
        ("item_classes", pa.list_(pa.list_(pa.int32()))),
        ("item_probabilities", pa.list_(pa.list_(pa.float32()))),
    ]
)
DESCRIPTORS_TYPE = pa.list_(pa.list_(pa.float32()))
SAMPLES_FIELD = pa.field("samples", pa.large_list(pa.field("item", pa.int16(), nullable=False)))


def load_teachers(config: BuildConfig, *, quiet: bool = False) -> list[Teacher | FittedTeacher]:
    """Load the vision teachers, then the audio teachers, each in the order of the configuration.

    ``quiet`` is for workers: what there is to say of a teacher has been said by the process that started them.
    """
    vision = [load_teacher(spec, "vision", quiet=quiet) for spec in config.vision]
    return vision + [load_teacher(spec, "audio", quiet=quiet) for spec in config.audio]


def part_schema(teachers: Sequence[str], fitted: Collection[str] = ()) -> pa.Schema:
    """Give the schema of a part: the clip table, the sound, and a column per teacher under its name.

    Parameters
    ----------
    teachers
        Their names.
    fitted
        Those of them that are fitted when all parts are there: descriptors stand in their columns, not soft labels.
    """
    columns = [pa.field(name, DESCRIPTORS_TYPE if name in fitted else SOFT_LABELS_TYPE) for name in teachers]
    return pa.schema([*CLIP_SCHEMA, SAMPLES_FIELD, WORDS_FIELD, *columns])


def name_unit(source: Source) -> str:
    """Give the name of a source's unit of work; a file that changed (size or time of change) is another unit."""
    try:
        status = Path(source.path).stat()
        state = f"{status.st_size}|{status.st_mtime_ns}"
    except OSError:
        state = "absent"
    return str(uuid_module.uuid5(NAMESPACE, f"unit:{source.path}|{source.start}|{source.end}|{state}"))


@dataclasses.dataclass(frozen=True)
class PartReport:
    """What a finished part says of itself."""

    unit: str
    source: Source
    num_clips: int
    num_items: dict[str, int]
    rejections: tuple[Rejection, ...]


class Parts:
    """The folder of finished parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table_path(self, unit: str) -> Path:
        """Give the path of a unit's rows. Sub-folders by the first two digits keep folders small."""
        return self.folder / unit[:2] / f"{unit}.arrow"

    def report_path(self, unit: str) -> Path:
        """Give the path of a unit's report."""
        return self.folder / unit[:2] / f"{unit}.json"

    def is_done(self, unit: str) -> bool:
        """Say whether the unit is finished."""
        return self.report_path(unit).exists()

    def write_report(self, report: PartReport) -> None:
        """Finish a unit."""
        write_json(self.report_path(report.unit), dataclasses.asdict(report))

    def read_report(self, unit: str) -> PartReport:
        """Read a finished unit's report."""
        values = read_json(self.report_path(unit))
        rejections = tuple(
            Rejection(row["path"], row["start"], row["duration"], RejectReason(row["reason"]), row["detail"])
            for row in values["rejections"]
        )
        return PartReport(
            values["unit"], Source(**values["source"]), values["num_clips"], values["num_items"], rejections
        )

    def read_rows(self, unit: str) -> Iterator[pa.RecordBatch]:
        """Read a finished unit's rows, one batch per clip, memory-mapped."""
        if not self.table_path(unit).exists():
            return
        with pa.memory_map(str(self.table_path(unit))) as file, pa.ipc.open_stream(file) as reader:
            yield from reader


@dataclasses.dataclass(frozen=True)
class LabelMedia:
    """The stage that turns sources into parts: loads the teachers once per worker, then decodes, screens and labels."""

    folder: Path
    config: BuildConfig

    def __call__(self) -> Callable[[Source], str]:
        """Set up a worker; the function it gives answers a source with the name of its finished unit."""
        return _MediaLabeller(Parts(self.folder), self.config, load_teachers(self.config, quiet=True)).label


class _MediaLabeller:
    def __init__(self, parts: Parts, config: BuildConfig, teachers: list[Teacher | FittedTeacher]) -> None:
        self._parts = parts
        self._config = config
        self._teachers = teachers
        fitted = {teacher.name for teacher in teachers if isinstance(teacher, FittedTeacher)}
        self._schema = part_schema([teacher.name for teacher in teachers], fitted)
        self._requests = tuple(t.image_request for t in teachers if t.image_request is not None)

    def label(self, source: Source) -> str:
        unit = name_unit(source)
        if self._parts.is_done(unit):
            return unit
        rejections: list[Rejection] = []
        num_clips = 0
        num_items: dict[str, int] = {teacher.name: 0 for teacher in self._teachers}
        try:
            media = read_media(source)
        except MediaError as error:
            reason = RejectReason(error.reason)
            rejections.append(Rejection(source.path, source.start, None, reason, error.found))
        else:
            with (
                write_atomically(self._parts.table_path(unit)) as temporary,
                pa.OSFile(str(temporary), "wb") as file,
                pa.ipc.new_stream(file, self._schema) as writer,
            ):
                for row in self._label_clips(media, rejections):
                    writer.write_batch(row)
                    num_clips += 1
                    for name in num_items:
                        num_items[name] += _count_items(row.column(name))
        self._parts.write_report(PartReport(unit, source, num_clips, num_items, tuple(rejections)))
        return unit

    def _label_clips(self, media: Media, rejections: list[Rejection]) -> Iterator[pa.RecordBatch]:
        cut = self._config.cut
        for piece in cut_media(
            media,
            length=cut.length,
            min_length=cut.min_length,
            max_length=cut.max_length,
            tail=cut.tail,
            images_per_second=self._config.images_per_second,
            requests=self._requests,
        ):
            if isinstance(piece, Rejection):
                rejections.append(piece)
                continue
            screen = self._config.screen
            problem = screen_clip(piece, min_loudness=screen.min_loudness, min_motion=screen.min_motion)
            if problem is not None:
                rejections.append(Rejection(media.path, piece.start, piece.duration, *problem))
                continue
            yield self._make_row(media, piece)

    def _make_row(self, media: Media, clip: DecodedClip) -> pa.RecordBatch:
        values: dict[str, Any] = {
            "uuid": name_clip(media.uuid, clip.start, clip.duration),
            "media_uuid": media.uuid,
            "source": media.path,
            "start": clip.start,
            "duration": clip.duration,
            "fold": assign_fold(media.uuid),
            "num_samples": len(clip.samples),
            "num_images": len(clip.thumbnails),
            "width": clip.width,
            "height": clip.height,
            "loudness": measure_loudness(clip.samples),
            "motion": measure_motion(clip.thumbnails),
            "sound_fingerprint": fingerprint_sound(clip.samples),
            "image_fingerprint": fingerprint_images(clip.thumbnails),
            WORDS_FIELD.name: pack_words(clip.samples),
        }
        return make_row(self._schema, values, clip.samples, list(self._ask(clip)))

    def _ask(self, clip: DecodedClip) -> Iterator[Any]:
        """Ask every teacher; give what its column holds."""
        segments = cut_segments(clip.samples)
        images = iter(clip.images)
        for teacher in self._teachers:
            items = segments if teacher.image_request is None else next(images)
            if isinstance(teacher, FittedTeacher):
                yield list(teacher.describe(items))
            else:
                probabilities = teacher.predict(items)
                top = self._config.soft_top or probabilities.shape[1]
                yield keep_soft_labels(probabilities, top)


def cut_segments(samples: Int16[np.ndarray, " clip_samples"]) -> Float32[np.ndarray, "segments samples"]:
    """Cut a clip into the non-overlapping one-second segments that audio teachers hear (Jia 2019, section 2).

    A last piece of at least half a second is padded with silence, a shorter one is left out.
    """
    num_segments = count_segments(len(samples), SAMPLE_RATE)
    padded = np.zeros(num_segments * SAMPLE_RATE, np.int16)
    kept = samples[: len(padded)]
    padded[: len(kept)] = kept
    return from_int16(padded).reshape(num_segments, SAMPLE_RATE)


def make_row(
    schema: pa.Schema, values: Mapping[str, Any], samples: Int16[np.ndarray, " samples"], said: Sequence[Any]
) -> pa.RecordBatch:
    """Make the row of a clip.

    Parameters
    ----------
    schema
        As :func:`part_schema` gives it.
    values
        Its columns of the clip table, by name, and its words, by which media that share sound are found; None where they are
        not looked for.
    samples
        Its sound.
    said
        For each teacher, soft labels, or the list of its descriptors.
    """
    columns: list[Any] = [pa.array([values[field.name]], field.type) for field in CLIP_SCHEMA]
    columns.append(_wrap_samples(samples))
    columns.append(pa.array([values.get(WORDS_FIELD.name)], WORDS_FIELD.type))
    types = [field.type for field in schema][len(columns) :]
    heard = [_as_struct(one) if isinstance(one, SoftLabels) else one for one in said]
    columns += [pa.array([one], kind) for one, kind in zip(heard, types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_struct(soft_labels: SoftLabels) -> dict[str, Any]:
    return {field.name: getattr(soft_labels, field.name) for field in dataclasses.fields(soft_labels)}


def _count_items(column: pa.Array) -> int:
    items = column.field("item_classes") if pa.types.is_struct(column.type) else column
    return len(items[0])


def _wrap_samples(samples: Int16[np.ndarray, " samples"]) -> pa.LargeListArray:
    offsets = pa.array([0, len(samples)], pa.int64())
    return pa.LargeListArray.from_arrays(offsets, pa.array(samples, pa.int16()), type=SAMPLES_FIELD.type)


def remove_parts(folder: Path) -> None:
    """Remove the folder of parts, deepest first."""
    for path, folders, files in os.walk(folder, topdown=False):
        for name in files:
            (Path(path) / name).unlink()
        for name in folders:
            (Path(path) / name).rmdir()
    if folder.is_dir():
        folder.rmdir()
