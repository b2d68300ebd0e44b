"""The unit of work of a build: one media file is decoded, screened, labelled and written as a part."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import uuid as uuid_module
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int16

from hearsight.clips.cut import cut_media
from hearsight.clips.folds import assign_fold
from hearsight.clips.links import WORDS_FIELD, pack_words
from hearsight.clips.screen import fingerprint_images, fingerprint_sound, measure_loudness, measure_motion, screen_clip
from hearsight.clips.sound_faults import screen_sound
from hearsight.config import BuildConfig
from hearsight.dataset.parts import count_items, cut_segments, make_row, part_schema
from hearsight.dataset.storage.packs import PackWriter, UnitRows
from hearsight.dataset.storage.reports import PartReport
from hearsight.engine.engine import describe_exception
from hearsight.engine.progress import report_progress
from hearsight.errors import MediaError, UnwritableError, from_os_error
from hearsight.media.containers.round_trip import encode_as_mp3
from hearsight.media.decode import DecodedClip
from hearsight.media.info import read_media
from hearsight.media.remote.local_copy import copy_to_local, is_remote, observe_source
from hearsight.prefetch import prefetch
from hearsight.records import NAMESPACE, Media, Rejection, RejectReason, Source, name_clip
from hearsight.signal.waveform import resample_int16
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.text import make_encodable
from hearsight.units import SAMPLE_RATE

COPIES = "copies"
"""Folder of the local copies of remote sources, below that of the parts."""
_OBSERVERS, _OBSERVED = 16, 1024
"""Threads that look at addresses, and sources that they look at in one go."""


class UnitError(Exception):
    """A media file that failed for a reason that may be the machine's: the next run tries it again."""


@dataclasses.dataclass(frozen=True)
class MediaUnit:
    """A source, and the state of its file when the build looked at it first.

    Attributes
    ----------
    source
        The file and span.
    size, modified
        Bytes, and time of the last change in nanoseconds; None where the file was absent. Of an object in a store, what the store
        states about its version.
    """

    source: Source
    size: int | None
    modified: int | str | None

    @classmethod
    def observe(cls, source: Source) -> MediaUnit:
        """Look at the file of a source."""
        if is_remote(source.path):
            try:
                state = observe_source(source.path)
            except OSError:
                state = None  # the worker meets the same error, and reports it with this source
            return cls(source, None, None) if state is None else cls(source, state.size, state.version)
        try:
            status = Path(source.path).stat()
        except (OSError, ValueError):
            return cls(source, None, None)
        return cls(source, status.st_size, status.st_mtime_ns)

    @property
    def name(self) -> str:
        """Name of the unit, and of its part. A file that has changed is another unit."""
        state = "absent" if self.size is None else f"{self.size}|{self.modified}"
        source = self.source
        state += "|may be an excerpt" if source.may_be_excerpt else ""
        return str(
            uuid_module.uuid5(NAMESPACE, f"unit:{make_encodable(source.path)}|{source.start}|{source.end}|{state}")
        )

    def find_change(self) -> str | None:
        """Return what has happened to the file since it was observed; None where it is as it was."""
        now = MediaUnit.observe(self.source)
        if now == self:
            return None
        if now.size is None:
            return "it was removed during the build"
        if self.size is None:
            return "it appeared during the build"
        return f"it changed during the build (from {self.size:,} to {now.size:,} bytes)"


def observe_all(sources: Iterable[Source]) -> list[MediaUnit]:
    """Look at the files of all sources, and at many at a time where each costs an answer of a server."""
    units: list[MediaUnit] = []
    left = iter(sources)
    with ThreadPoolExecutor(_OBSERVERS) as pool:
        while some := list(itertools.islice(left, _OBSERVED)):
            waits = any(is_remote(source.path) and not source.path.startswith("tar:") for source in some)
            units += pool.map(MediaUnit.observe, some) if waits else map(MediaUnit.observe, some)
    return units


def load_teachers(config: BuildConfig, *, quiet: bool = False) -> list[Teacher | FittedTeacher]:
    """Load the vision teachers, then the audio teachers, each in the order of the configuration.

    Parameters
    ----------
    config
        Names the teachers.
    quiet
        Suppress messages, for workers.
    """
    vision = [load_teacher(spec, "vision", quiet=quiet) for spec in config.vision]
    return vision + [load_teacher(spec, "audio", quiet=quiet) for spec in config.audio]


@dataclasses.dataclass(frozen=True)
class LabelMedia:
    """The stage that turns sources into parts: loads the teachers once per worker, then decodes, screens and labels."""

    folder: Path
    config: BuildConfig

    def __call__(self) -> Callable[[MediaUnit], int]:
        """Set up a worker; return the function that finishes a unit and returns its number of clips."""
        return _MediaLabeller(PackWriter(self.folder), self.config, load_teachers(self.config, quiet=True)).label


class _ChangedError(Exception):
    """The file has changed since it was observed."""


class _MediaLabeller:
    def __init__(self, packs: PackWriter, config: BuildConfig, teachers: list[Teacher | FittedTeacher]) -> None:
        self._packs = packs
        self._copies = packs.folder / COPIES
        self._config = config
        self._teachers = teachers
        fitted = {teacher.name for teacher in teachers if isinstance(teacher, FittedTeacher)}
        self._schema = part_schema([teacher.name for teacher in teachers], fitted)
        self._requests = tuple(t.image_request for t in teachers if t.image_request is not None)

    def label(self, unit: MediaUnit) -> int:
        """Finish a unit; return its number of clips.

        Raises
        ------
        UnitError
            When the file gives no clip because of errors that are not known to be its own.
        MachineError
            When the part cannot be written.
        """
        try:
            return self._write_clips(unit)
        except _ChangedError as error:
            return self._reject(unit, RejectReason.UNREADABLE, str(error))
        except MediaError as error:
            return self._reject(unit, RejectReason(error.reason), error.found)
        except UnwritableError as error:  # a local copy, on a full disk
            raise from_os_error(error) from error
        except OSError as error:
            raise UnitError(describe_exception(error)) from error

    def _reject(self, unit: MediaUnit, reason: RejectReason, detail: str) -> int:
        rejection = Rejection(unit.source.path, unit.source.start, None, reason, detail)
        items = {teacher.name: 0 for teacher in self._teachers}
        with self._packs.write(self._schema) as rows:
            rows.finish(PartReport(unit.name, unit.source, 0, items, (rejection,)))
        return 0

    def _write_clips(self, unit: MediaUnit) -> int:
        source = unit.source
        _check_unchanged(unit)
        with contextlib.ExitStack() as held:
            copy = held.enter_context(copy_to_local(source.path, self._copies)) if is_remote(source.path) else None
            media = read_media(source, copy)
            with self._packs.write(self._schema) as rows:
                report = self._append_clips(unit, media, rows)
                _check_unchanged(unit)
                rows.finish(report)
        return report.num_clips

    def _append_clips(self, unit: MediaUnit, media: Media, rows: UnitRows) -> PartReport:
        rejections: list[Rejection] = []
        num_clips = 0
        num_items: dict[str, int] = {teacher.name: 0 for teacher in self._teachers}
        for row in self._label_clips(media, rejections):
            rows.append(row)
            num_clips += 1
            for name in num_items:
                num_items[name] += count_items(row.column(name))
        failed = [rejection for rejection in rejections if rejection.reason is RejectReason.FAILED]
        if failed and not num_clips:
            raise UnitError(failed[0].detail)
        return PartReport(unit.name, unit.source, num_clips, num_items, tuple(rejections))

    def _label_clips(self, media: Media, rejections: list[Rejection]) -> Iterator[pa.RecordBatch]:
        """Label the clips of a file while a thread decodes, screens and describes the next one."""
        with contextlib.closing(prefetch(self._prepare_clips(media), depth=1)) as prepared:
            for piece in prepared:
                report_progress()
                if isinstance(piece, Rejection):
                    rejections.append(piece)
                    continue
                clip, values = piece
                try:
                    row = make_row(self._schema, values, clip.samples, list(self._run_teachers(clip)))
                except (MemoryError, OSError) as error:
                    raise UnitError(describe_exception(error)) from error
                except Exception as error:  # noqa: BLE001 - whatever a teacher raises for a clip is a rejection of this clip
                    rejections.append(_reject_failed(media, clip.start, clip.duration, error))
                else:
                    yield row

    def _prepare_clips(self, media: Media) -> Iterator[tuple[DecodedClip, dict[str, Any]] | Rejection]:
        """Decode, screen and describe. An unexpected error ends the file; the clips before it are kept."""
        pieces = self._cut(media)
        end = media.start
        while True:
            try:
                piece = next(pieces, None)
            except (MemoryError, OSError) as error:
                raise UnitError(describe_exception(error)) from error
            except Exception as error:  # noqa: BLE001 - no error of a decoder may end the run
                yield _reject_failed(media, end, None, error)
                return
            if piece is None:
                return
            end = piece.start + (piece.duration or 0.0)
            yield piece if isinstance(piece, Rejection) else self._screen(media, piece)

    def _cut(self, media: Media) -> Iterator[DecodedClip | Rejection]:
        cut = self._config.cut
        return cut_media(
            media,
            length=cut.length,
            min_length=cut.min_length,
            max_length=cut.max_length,
            tail=cut.tail,
            images_per_second=self._config.images_per_second,
            requests=self._requests,
            sample_rate=self._config.sample_rate,
        )

    def _screen(self, media: Media, clip: DecodedClip) -> tuple[DecodedClip, dict[str, Any]] | Rejection:
        """Return a clip with its row of the clip table, or why it is none."""
        screen = self._config.screen
        try:
            problem = screen_clip(
                clip,
                min_loudness=screen.min_loudness,
                min_motion=screen.min_motion,
                max_missing=screen.max_missing,
                max_hold=screen.max_hold,
            ) or screen_sound(
                clip.samples,
                clip.sample_rate,
                max_tone=screen.max_tone,
                max_clipping=screen.max_clipping,
                max_silence=None if screen.max_silence is None else (screen.max_silence, screen.min_loudness),
                max_stuck=screen.max_stuck,
            )
            if problem is not None:
                reason, detail = problem
                return Rejection(
                    media.path, clip.start, clip.duration, reason, "; ".join(filter(None, (detail, clip.note)))
                )
            clip = self._encode_sound(clip)
            return clip, _describe_clip(media, clip)
        except (MemoryError, OSError) as error:
            raise UnitError(describe_exception(error)) from error
        except Exception as error:  # noqa: BLE001 - nor may an error of a single clip
            return _reject_failed(media, clip.start, clip.duration, error)

    def _encode_sound(self, clip: DecodedClip) -> DecodedClip:
        """Put the sound of a clip through MP3, where that is configured."""
        if self._config.mp3 is None:
            return clip
        samples = encode_as_mp3(clip.samples, clip.sample_rate, 1000 * self._config.mp3)
        return dataclasses.replace(clip, samples=samples)

    def _run_teachers(self, clip: DecodedClip) -> Iterator[Any]:
        """Run every teacher on a clip; yield the cells of their columns."""
        segments = cut_segments(_resample(clip))
        images = iter(clip.images)
        for teacher in self._teachers:
            items = segments if teacher.image_request is None else next(images)
            if isinstance(teacher, FittedTeacher):
                yield list(teacher.describe(items))
            else:
                probabilities = teacher.predict(items)
                top = self._config.soft_top or probabilities.shape[1]
                yield keep_soft_labels(probabilities, top)


def _check_unchanged(unit: MediaUnit) -> None:
    change = unit.find_change()
    if change is not None:
        raise _ChangedError(change)


def _reject_failed(media: Media, start: float, duration: float | None, error: Exception) -> Rejection:
    return Rejection(media.path, start, duration, RejectReason.FAILED, describe_exception(error))


def _describe_clip(media: Media, clip: DecodedClip) -> dict[str, Any]:
    """Return a clip's row of the clip table."""
    sound = _resample(clip)
    return {
        "uuid": name_clip(media.uuid, clip.start, clip.duration),
        "media_uuid": media.uuid,
        "source": make_encodable(media.path),
        "start": clip.start,
        "duration": clip.duration,
        "fold": assign_fold(media.uuid),
        "num_samples": len(clip.samples),
        "num_images": len(clip.thumbnails),
        "width": clip.width,
        "height": clip.height,
        "loudness": measure_loudness(clip.samples),
        "motion": measure_motion(clip.thumbnails),
        "sound_fingerprint": fingerprint_sound(sound),
        "image_fingerprint": fingerprint_images(clip.thumbnails),
        WORDS_FIELD.name: pack_words(sound),
    }


def _resample(clip: DecodedClip) -> Int16[np.ndarray, " samples"]:
    """Return the sound of a clip as fingerprints and teachers take it: at 16 kHz, so that datasets of any rate can be compared."""
    return resample_int16(clip.samples, clip.sample_rate, SAMPLE_RATE)
