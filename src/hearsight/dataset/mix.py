"""A dataset in, a dataset of its seconds and their mixtures out, each labelled by the audio teachers anew: ``hearsight mix``.

The result is a dataset like any other: it is trained on, counted and checked like one. The unit of work is a run of numbers of
mixtures, and idempotent; killed anywhere and run again, the bytes are the same.
"""

from __future__ import annotations

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
from hearsight.console import track
from hearsight.dataset.claim import begin, claim_folder, identify, keep_finished
from hearsight.dataset.finish import Assembly, assemble_dataset
from hearsight.dataset.layout import MIXED_FROM, Layout, TeacherRecord, digest_json
from hearsight.dataset.mixtures import Carrier, Ingredient, Mixer, Sounds, mix, weigh
from hearsight.dataset.parts import PartReport, Parts, cut_segments, make_row, part_schema
from hearsight.dataset.pictures import Pictures, write_pictures
from hearsight.dataset.reader import Dataset
from hearsight.dataset.recall import list_seeing, load_hearing, load_mix_teachers
from hearsight.dataset.statistics import BuildSummary
from hearsight.engine.engine import Engine
from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError, WorkerError
from hearsight.files import write_atomically
from hearsight.records import NAMESPACE, SoftLabels, Source
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.teacher import Teacher
from hearsight.units import to_seconds

_UNIT = 64
"""Mixtures of a unit of work."""
_RECIPE_ROWS = 4096
_RECIPE_SCHEMA = pa.schema(
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
    dataset: Path, out: Path, config: MixConfig | None = None, *, workers: int | None = None, engine: str = "local"
) -> BuildSummary:
    """Make a dataset of excerpts and mixtures, labelled by the audio teachers.

    Parameters
    ----------
    dataset
        The folder that ``hearsight build`` wrote.
    out
        The folder of the new dataset. A finished one of the same dataset and configuration is left as it is. Beside what every
        dataset has, ``mixtures.parquet`` says what each mixture is made of.
    config
        Every knob.
    workers
        Units of work at once; by default one per processor. The result does not depend on it.
    engine
        ``local`` or ``ray``.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, is one of mixtures or has no clip that is long enough; or ``out`` holds something else.
    UsageError
        When there is no audio teacher, or no vision teacher where what was seen is to come along.
    ConfigError, MissingExtraError, TeacherError
        When a teacher's spec makes no sense, what it needs is not installed, it is absent, or it has changed since the dataset was
        built.
    WorkerError
        When a worker died twice.
    """
    config = config or MixConfig()
    runner = open_engine(engine, workers)
    layout = Layout(Path(out))
    parent = Dataset(dataset)
    _check_parent(parent, layout, config)
    assembly = _prepare(layout, parent, config)
    with claim_folder(layout):
        if layout.manifest.exists():
            return keep_finished(layout, assembly.identity, assembly.sources, assembly.sources_digest)
        begin(layout, assembly.identity)
        reports = _label_all(layout, parent, config, runner)
        _write_recipes(layout.mixtures, parent, config)
        return assemble_dataset(assembly, runner, reports)


def _check_parent(parent: Dataset, layout: Layout, config: MixConfig) -> None:
    if parent.is_mixed:
        raise DatasetError(parent.path, "a dataset of mixtures", "what a build wrote", "mix what it was made from")
    if layout.folder.resolve() == parent.path.resolve():
        raise DatasetError(layout.folder, "the dataset itself", "another folder for its mixtures")
    longest = to_seconds(int(parent.num_samples.max()), parent.sample_rate)
    if config.length > longest:
        raise DatasetError(
            parent.path, f"no clip of more than {longest:g} s", f"some of {config.length:g} s", "--set length=1"
        )


def _prepare(layout: Layout, parent: Dataset, config: MixConfig) -> Assembly:
    teachers = load_mix_teachers(parent, config)
    values = {**config.model_dump(mode="json"), MIXED_FROM: parent.digest}
    validation_folds = parent.manifest.validation_folds
    return Assembly(
        layout=layout,
        identity=identify(values, teachers),
        teachers=list(teachers),
        sources=list(dict.fromkeys(parent.clips().column("source").to_pylist())),
        sources_digest=digest_json({"dataset": parent.digest}),
        policy=config.policy,
        soft_top=config.soft_top,
        shard_clips=config.shard_clips,
        seed=config.seed,
        duplicates="keep",
        choose_validation=lambda _: validation_folds,
    )


def open_mixer(dataset: Dataset, config: MixConfig) -> Mixer:
    """Give the mixer of a dataset; no mixture crosses its splits."""
    # a protocol's property is not met by a cached property in pyright's eyes, though it is in fact
    return Mixer(cast(Sounds, dataset), [dataset.indices("train"), dataset.indices("validation")], config)


def _label_all(layout: Layout, parent: Dataset, config: MixConfig, engine: Engine) -> list[PartReport]:
    parts = Parts(layout.parts)
    for record in list_seeing(parent, config):
        write_pictures(parent, record.name, _pictures_path(layout.parts, record.name))
    units = [Numbers(first, min(first + _UNIT, config.clips)) for first in range(0, config.clips, _UNIT)]
    missing = [unit for unit in units if not parts.is_done(unit.name)]
    with track("mixing and listening", config.clips, "mixtures") as bar:
        bar.advance(sum(map(len, units)) - sum(map(len, missing)))
        for answer in engine.run(LabelMixtures(layout.parts, parent.path, config), missing):
            if answer.result is None:
                raise WorkerError(answer.unit.name, "its worker died twice", "memory for the teachers")
            bar.advance(len(answer.unit))
    return [parts.read_report(unit.name) for unit in units]


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A unit of work: the mixtures from number ``first`` on, ``last`` not included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def name(self) -> str:
        """Its name; the configuration is the same for all units of a folder."""
        return str(uuid_module.uuid5(NAMESPACE, f"mixtures:{self.first}-{self.last}"))


@dataclasses.dataclass(frozen=True)
class LabelMixtures:
    """The stage that turns numbers into parts: loads dataset and teachers once per worker, then mixes and labels."""

    folder: Path
    dataset: Path
    config: MixConfig

    def __call__(self) -> Callable[[Numbers], str]:
        """Set up a worker; the function it gives answers a run of numbers with the name of its finished unit."""
        return _MixtureLabeller(self.folder, Dataset(self.dataset), self.config).label


class _MixtureLabeller:
    def __init__(self, folder: Path, dataset: Dataset, config: MixConfig) -> None:
        self._parts = Parts(folder)
        self._dataset = dataset
        self._config = config
        self._mixer = open_mixer(dataset, config)
        self._hearing = load_hearing(dataset, config, quiet=True)
        self._seeing = list_seeing(dataset, config)
        self._schema = part_schema([one.name for one in (*self._seeing, *self._hearing)])
        self._clips = dataset.clips().combine_chunks()
        self._uuids = self._clips.column("uuid").combine_chunks()
        self._pictures = {
            record.name: Pictures(_pictures_path(folder, record.name), record.num_classes) for record in self._seeing
        }

    def label(self, numbers: Numbers) -> str:
        if self._parts.is_done(numbers.name):
            return numbers.name
        recipes = [self._mixer.draw(number) for number in range(numbers.first, numbers.last)]
        excerpts = [self._mixer.read(recipe) for recipe in recipes]
        mixtures = [mix(some) for some in excerpts]
        said = [self._look(record, recipes, excerpts) for record in self._seeing]
        said += [self._listen(teacher, mixtures) for teacher in self._hearing]
        with (
            write_atomically(self._parts.table_path(numbers.name)) as temporary,
            pa.OSFile(str(temporary), "wb") as file,
            pa.ipc.new_stream(file, self._schema) as writer,
        ):
            for place, (recipe, mixture) in enumerate(zip(recipes, mixtures, strict=True)):
                values = self._describe(numbers.first + place, recipe, mixture)
                writer.write_batch(make_row(self._schema, values, mixture, [one[place] for one in said]))
        source = Source(str(self._dataset.path), float(numbers.first), float(numbers.last))
        self._parts.write_report(PartReport(numbers.name, source, len(numbers), {}, ()))
        return numbers.name

    def _listen(self, teacher: Teacher, mixtures: Sequence[Int16[np.ndarray, " samples"]]) -> list[SoftLabels]:
        segments = [cut_segments(mixture) for mixture in mixtures]
        bounds = np.cumsum([0, *map(len, segments)])
        probabilities = teacher.predict(np.concatenate(segments))
        top = self._config.soft_top or len(teacher.vocabulary)
        return [keep_soft_labels(probabilities[first:last], top) for first, last in itertools.pairwise(bounds)]

    def _look(
        self,
        record: TeacherRecord,
        recipes: Sequence[list[Ingredient]],
        excerpts: Sequence[Float32[np.ndarray, "_ samples"]],
    ) -> list[SoftLabels]:
        """Give what was seen while the sounds of each mixture were heard, each clip by its share in the sound."""
        top = self._config.soft_top or record.num_classes
        said: list[SoftLabels] = []
        for recipe, some in zip(recipes, excerpts, strict=True):
            seen = np.zeros(record.num_classes, dtype=np.float32)
            for share, one in zip(weigh(some), recipe, strict=True):
                length = int(self._dataset.num_samples[one.clip])
                end = (one.start + self._mixer.count_samples(one.speed)) / length
                seen += share * self._pictures[record.name].average(one.clip, one.start / length, end)
            said.append(keep_soft_labels(seen[None], top))
        return said

    def _describe(
        self, number: int, recipe: list[Ingredient], mixture: Int16[np.ndarray, " samples"]
    ) -> dict[str, Any]:
        """Give the row of a mixture: what is heard is its own, where it comes from is its first ingredient's."""
        (first,) = self._clips.slice(recipe[0].clip, 1).to_pylist()
        return {
            **first,
            "uuid": name_mixture(number, recipe, self._uuids),
            "start": first["start"] + to_seconds(recipe[0].start, self._dataset.sample_rate),
            "duration": self._config.length,
            "num_samples": len(mixture),
            "loudness": measure_loudness(mixture),
            "sound_fingerprint": fingerprint_sound(mixture),
        }


def name_mixture(number: int, recipe: Sequence[Ingredient], uuids: pa.Array) -> str:
    """Give the UUID of a mixture: its number and what it is made of."""
    made_of = "+".join(_name_ingredient(one, uuids) for one in recipe)
    return str(uuid_module.uuid5(NAMESPACE, f"mixture:{number}:{made_of}"))


def _name_ingredient(one: Ingredient, uuids: pa.Array) -> str:
    name = f"{uuids[one.clip]}@{one.start}:{one.level:.6f}:{one.speed:.6f}"
    if one.carrier is None:
        return name
    carrier = one.carrier
    return f"{name}/{uuids[carrier.clip]}@{carrier.start}:{carrier.speed:.6f}:{carrier.bands}:{carrier.phases}"


def _write_recipes(path: Path, parent: Dataset, config: MixConfig) -> None:
    """Write what each mixture is made of: its clips, where in them it begins (seconds), their levels (dB), speeds and carriers."""
    mixer, uuids = open_mixer(parent, config), parent.clips().column("uuid").combine_chunks()
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, _RECIPE_SCHEMA, compression="zstd") as writer:
        for first in range(0, config.clips, _RECIPE_ROWS):
            numbers = range(first, min(first + _RECIPE_ROWS, config.clips))
            rows = [_describe_recipe(number, mixer.draw(number), uuids, parent.sample_rate) for number in numbers]
            writer.write_table(pa.Table.from_pylist(rows, schema=_RECIPE_SCHEMA))


def _describe_recipe(number: int, recipe: list[Ingredient], uuids: pa.Array, sample_rate: int) -> dict[str, Any]:
    return {
        "uuid": name_mixture(number, recipe, uuids),
        "clips": [uuids[one.clip].as_py() for one in recipe],
        "starts": [to_seconds(one.start, sample_rate) for one in recipe],
        "levels": [one.level for one in recipe],
        "speeds": [one.speed for one in recipe],
        "carriers": [_describe_carrier(one.carrier, uuids, sample_rate) for one in recipe],
    }


def _describe_carrier(carrier: Carrier | None, uuids: pa.Array, sample_rate: int) -> dict[str, Any] | None:
    if carrier is None:
        return None
    start = to_seconds(carrier.start, sample_rate)
    return {**dataclasses.asdict(carrier), "clip": uuids[carrier.clip].as_py(), "start": start}


def _pictures_path(parts: Path, teacher: str) -> Path:
    return parts / f"pictures-{teacher}.arrow"
