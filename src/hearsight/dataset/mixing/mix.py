"""Make a dataset of excerpts and mixtures of another dataset's sounds, labelled again by audio teachers: ``hearsight mix``.

The result has the same format as any dataset. The unit of work is a range of mixture numbers and is idempotent: a run that was
killed and started again writes the same bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import uuid as uuid_module
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int16

from hearsight.clips.screen import fingerprint_sound, measure_loudness
from hearsight.config import MixConfig
from hearsight.console import ProgressCallback, redirect_progress, track
from hearsight.dataset.finalize import Assembly, UnitNames, assemble_dataset
from hearsight.dataset.layout import MIXED_FROM, Layout, TeacherRecord, digest_json
from hearsight.dataset.lock import check_finished, lock_folder, make_identity, reuse_finished, start_build
from hearsight.dataset.mixing.image_labels import ImageLabels, write_image_labels
from hearsight.dataset.mixing.mixtures import (
    Carrier,
    Mixer,
    MixtureComponent,
    MixtureSpec,
    Sounds,
    compute_weights,
    mix,
)
from hearsight.dataset.mixing.teachers import list_vision_teachers, load_audio_teachers, load_mix_teachers
from hearsight.dataset.mixing.units import MixtureRange, MixtureUnits
from hearsight.dataset.parts import cut_segments, make_row, part_schema
from hearsight.dataset.reader import Dataset
from hearsight.dataset.statistics import BuildSummary
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.storage.packs import PackWriter
from hearsight.dataset.storage.reports import PartReport
from hearsight.engine.engine import DEADLINE, Engine
from hearsight.engine.engines import open_engine
from hearsight.engine.progress import report_progress
from hearsight.errors import CONTINUE, DatasetError, WorkerError
from hearsight.files import write_atomically
from hearsight.records import NAMESPACE, SoftLabels, Source
from hearsight.signal.waveform import resample_int16
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.teacher import Teacher
from hearsight.units import SAMPLE_RATE, to_seconds

_SPEC_ROWS = 4096
_SPEC_SCHEMA = pa.schema(
    [
        ("uuid", pa.string()),
        ("clips", pa.list_(pa.string())),
        ("starts", pa.list_(pa.float64())),
        ("levels", pa.list_(pa.float64())),
        ("speeds", pa.list_(pa.float64())),
        (
            "carriers",
            pa.list_(
                pa.struct(
                    [
                        ("clip", pa.string()),
                        ("start", pa.float64()),
                        ("speed", pa.float64()),
                        ("bands", pa.int32()),
                        ("phases", pa.int64()),
                    ]
                )
            ),
        ),
    ]
)


def mix_dataset(
    dataset: str | Path,
    out: str | Path,
    config: MixConfig | None = None,
    *,
    workers: int | None = None,
    engine: str = "local",
    deadline: float = DEADLINE,
    progress: ProgressCallback | None = None,
) -> BuildSummary:
    """Make a dataset of excerpts and mixtures, labelled by audio teachers.

    Parameters
    ----------
    dataset
        The folder of a dataset that ``hearsight build`` wrote.
    out
        The folder of the new dataset. A finished dataset with the same parent and configuration is left unchanged. In addition to
        the files of every dataset, ``mixtures.parquet`` lists the components of each mixture.
    config
        The configuration; by default :class:`~hearsight.config.MixConfig`'s defaults.
    workers
        Units of work that run at the same time; by default one per processor. The result does not depend on it.
    engine
        ``local`` or ``ray``.
    deadline
        Seconds that a teacher may take for the sounds of a unit of work, 64 mixtures. A unit that exceeds them twice ends the run.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every unit of work of every stage, in place of progress bars.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, is itself one of mixtures or has no clip that is long enough, or ``out`` holds other files.
    UsageError
        When there is no audio teacher, or no vision teacher although ``config.vision`` is set.
    ConfigError, MissingExtraError, TeacherError
        When a teacher's spec is invalid, its optional dependency is not installed, or its file is absent or has changed since the
        dataset was built.
    WorkerError
        When a unit of work cannot be finished.

    Examples
    --------
    >>> from hearsight.config import MixConfig
    >>> summary = hearsight.mix_dataset("dataset", "mixtures", MixConfig(clips=8), workers=1)
    >>> summary.num_clips
    8
    """
    config = config or MixConfig()
    runner = open_engine(engine, workers, deadline)
    layout = Layout(Path(out))
    parent = Dataset(dataset)
    _check_parent(parent, layout, config)
    assembly = _prepare(layout, parent, config)
    with redirect_progress(progress), lock_folder(layout):
        if layout.manifest.exists():
            digest = assembly.sources_digest
            return reuse_finished(layout, check_finished(layout, assembly.identity, len(assembly.sources), digest))
        start_build(layout, assembly.identity)
        units = _label_all(layout, parent, config, runner)
        _write_specs(layout.mixtures, parent, config)
        return assemble_dataset(assembly, runner, units)


def _check_parent(parent: Dataset, layout: Layout, config: MixConfig) -> None:
    if parent.is_mixed:
        raise DatasetError(
            parent.path,
            f"a dataset of mixtures ({len(parent):,} clips)",
            "a dataset of videos",
            "mix the dataset that it was made from",
        )
    if layout.folder.resolve() == parent.path.resolve():
        raise DatasetError(layout.folder, f"the folder of the dataset {parent.path} itself", "another folder")
    longest = to_seconds(int(parent.num_samples.max()), parent.sample_rate)
    if config.length > longest:
        raise DatasetError(
            parent.path, f"no clip longer than {longest:g} s", f"clips of {config.length:g} s", "--set length=1"
        )


def _prepare(layout: Layout, parent: Dataset, config: MixConfig) -> Assembly:
    teachers = load_mix_teachers(parent, config)
    values = {**config.model_dump(mode="json"), MIXED_FROM: parent.digest}
    validation_folds = parent.manifest.validation_folds
    return Assembly(
        layout=layout,
        identity=make_identity(values, teachers),
        teachers=list(teachers),
        sources=parent.list_media(),
        sources_digest=digest_json({"dataset": parent.digest}),
        policy=config.policy,
        soft_top=config.soft_top,
        shard_clips=config.shard_clips,
        seed=config.seed,
        duplicates="keep",
        sample_rate=parent.sample_rate,
        choose_validation=lambda _: validation_folds,
    )


def open_mixer(dataset: Dataset, config: MixConfig) -> Mixer:
    """Return the mixer of a dataset. No mixture takes sounds from both splits."""
    # a protocol's property is not met by a cached property in pyright's eyes, though it is in fact
    return Mixer(cast(Sounds, dataset), [dataset.indices("train"), dataset.indices("validation")], config)


def _label_all(layout: Layout, parent: Dataset, config: MixConfig, engine: Engine) -> UnitNames:
    ledger = Ledger(layout.parts)
    for record in list_vision_teachers(parent, config):
        write_image_labels(parent, record.name, _image_labels_path(layout.parts, record.name))
    units = MixtureUnits.divide(config.clips)
    names = units.pack_names()
    missing = units.select(ledger.find(names) < 0)
    with track("mixing and labelling", config.clips, "mixtures") as bar:
        bar.advance(config.clips - missing.count_mixtures())
        with contextlib.closing(engine.run(LabelMixtures(layout.parts, parent.path, config), missing)) as answers:
            for answer in answers:
                if answer.result is None:
                    found = answer.failure.message if answer.failure else "no result"
                    where = f"mixtures {answer.unit.first} to {answer.unit.last}"
                    raise WorkerError(where, found, "a worker that finishes them", CONTINUE)
                bar.advance(len(answer.unit))
    return names


@dataclasses.dataclass(frozen=True)
class LabelMixtures:
    """The stage that turns ranges of mixtures into parts: loads the dataset and the teachers once per worker, mixes and labels."""

    folder: Path
    dataset: Path
    config: MixConfig

    def __call__(self) -> Callable[[MixtureRange], int]:
        """Set up a worker; return the function that finishes a unit of work and returns its number of mixtures."""
        return _MixtureLabeller(self.folder, Dataset(self.dataset, quiet=True), self.config).label


class _MixtureLabeller:
    def __init__(self, folder: Path, dataset: Dataset, config: MixConfig) -> None:
        self._packs = PackWriter(folder)
        self._dataset = dataset
        self._config = config
        self._mixer = open_mixer(dataset, config)
        self._audio_teachers = load_audio_teachers(dataset, config, quiet=True)
        self._vision_records = list_vision_teachers(dataset, config)
        self._schema = part_schema([one.name for one in (*self._vision_records, *self._audio_teachers)])
        self._clips = dataset.clips().combine_chunks()
        self._uuids = self._clips.column("uuid").combine_chunks()
        self._image_labels = {
            record.name: ImageLabels(_image_labels_path(folder, record.name), record.num_classes)
            for record in self._vision_records
        }

    def label(self, numbers: MixtureRange) -> int:
        specs = [self._mixer.draw(number) for number in range(numbers.first, numbers.last)]
        excerpts = [self._mixer.read(spec) for spec in specs]
        mixtures = [mix(some) for some in excerpts]
        outputs = [self._mix_visual_labels(record, specs, excerpts) for record in self._vision_records]
        outputs += [self._label_mixtures(teacher, mixtures) for teacher in self._audio_teachers]
        source = Source(str(self._dataset.path), float(numbers.first), float(numbers.last))
        with self._packs.write(self._schema) as rows:
            for place, (spec, mixture) in enumerate(zip(specs, mixtures, strict=True)):
                values = self._describe(numbers.first + place, spec, mixture)
                rows.append(make_row(self._schema, values, mixture, [one[place] for one in outputs]))
            rows.finish(PartReport(numbers.name, source, len(numbers), {}, ()))
        return len(numbers)

    def _label_mixtures(self, teacher: Teacher, mixtures: Sequence[Int16[np.ndarray, " samples"]]) -> list[SoftLabels]:
        segments = [cut_segments(self._resample(mixture)) for mixture in mixtures]
        bounds = np.cumsum([0, *map(len, segments)])
        probabilities = teacher.predict(np.concatenate(segments))
        report_progress()
        top = self._config.soft_top or len(teacher.vocabulary)
        return [keep_soft_labels(probabilities[first:last], top) for first, last in itertools.pairwise(bounds)]

    def _mix_visual_labels(
        self,
        record: TeacherRecord,
        specs: Sequence[MixtureSpec],
        excerpts: Sequence[Float32[np.ndarray, "_ samples"]],
    ) -> list[SoftLabels]:
        """Average the visual labels of the components of each mixture, weighted by their levels."""
        top = self._config.soft_top or record.num_classes
        outputs: list[SoftLabels] = []
        for spec, some in zip(specs, excerpts, strict=True):
            seen = np.zeros(record.num_classes, dtype=np.float32)
            for share, one in zip(compute_weights(some), spec, strict=True):
                length = int(self._dataset.num_samples[one.clip])
                end = (one.start + self._mixer.count_samples(one.speed)) / length
                seen += share * self._image_labels[record.name].average(one.clip, one.start / length, end)
            outputs.append(keep_soft_labels(seen[None], top))
        return outputs

    def _describe(self, number: int, spec: MixtureSpec, mixture: Int16[np.ndarray, " samples"]) -> dict[str, Any]:
        """Return the row of a mixture: its sound is its own, its source is that of its first component."""
        (first,) = self._clips.slice(spec[0].clip, 1).to_pylist()
        return {
            **first,
            "uuid": name_mixture(number, spec, self._uuids),
            "start": first["start"] + to_seconds(spec[0].start, self._dataset.sample_rate),
            "duration": self._config.length,
            "num_samples": len(mixture),
            "loudness": measure_loudness(mixture),
            "sound_fingerprint": fingerprint_sound(self._resample(mixture)),
        }

    def _resample(self, mixture: Int16[np.ndarray, " samples"]) -> Int16[np.ndarray, " resampled"]:
        """Return a mixture at the sample rate of teachers and fingerprints."""
        return resample_int16(mixture, self._dataset.sample_rate, SAMPLE_RATE)


def name_mixture(number: int, spec: MixtureSpec, uuids: pa.Array) -> str:
    """Return the UUID of a mixture, which depends on its number and its components."""
    made_of = "+".join(_name_component(one, uuids) for one in spec)
    return str(uuid_module.uuid5(NAMESPACE, f"mixture:{number}:{made_of}"))


def _name_component(one: MixtureComponent, uuids: pa.Array) -> str:
    name = f"{uuids[one.clip]}@{one.start}:{one.level:.6f}:{one.speed:.6f}"
    if one.carrier is None:
        return name
    carrier = one.carrier
    return f"{name}/{uuids[carrier.clip]}@{carrier.start}:{carrier.speed:.6f}:{carrier.bands}:{carrier.phases}"


def _write_specs(path: Path, parent: Dataset, config: MixConfig) -> None:
    """Write the components of each mixture: clips, start times in seconds, levels in dB, speeds and carriers."""
    mixer, uuids = open_mixer(parent, config), parent.clips().column("uuid").combine_chunks()
    with (
        write_atomically(path) as temporary,
        pq.ParquetWriter(temporary, _SPEC_SCHEMA, compression="zstd", write_page_checksum=True) as writer,
    ):
        for first in range(0, config.clips, _SPEC_ROWS):
            numbers = range(first, min(first + _SPEC_ROWS, config.clips))
            rows = [_describe_spec(number, mixer.draw(number), uuids, parent.sample_rate) for number in numbers]
            writer.write_table(pa.Table.from_pylist(rows, schema=_SPEC_SCHEMA))


def _describe_spec(number: int, spec: MixtureSpec, uuids: pa.Array, sample_rate: int) -> dict[str, Any]:
    return {
        "uuid": name_mixture(number, spec, uuids),
        "clips": [uuids[one.clip].as_py() for one in spec],
        "starts": [to_seconds(one.start, sample_rate) for one in spec],
        "levels": [one.level for one in spec],
        "speeds": [one.speed for one in spec],
        "carriers": [_describe_carrier(one.carrier, uuids, sample_rate) for one in spec],
    }


def _describe_carrier(carrier: Carrier | None, uuids: pa.Array, sample_rate: int) -> dict[str, Any] | None:
    if carrier is None:
        return None
    start = to_seconds(carrier.start, sample_rate)
    return {**dataclasses.asdict(carrier), "clip": uuids[carrier.clip].as_py(), "start": start}


def _image_labels_path(parts: Path, teacher: str) -> Path:
    return parts / f"pictures-{teacher}.arrow"
