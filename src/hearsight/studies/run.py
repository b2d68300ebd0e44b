"""Running a study: every cell is built, trained and scored; what is finished is not done again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from hearsight.console import ProgressCallback, print_message, redirect_progress, track
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.dataset.relabel.label import label_dataset
from hearsight.errors import HearsightError, MachineError, RunError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.evaluate import evaluate
from hearsight.files import lock, make_folder
from hearsight.studies.cells import Cell, Scale, digest, make_cells
from hearsight.studies.definition import override_study, read_study
from hearsight.studies.record import CellRecord, fail_cell, read_record, write_record
from hearsight.studies.report import StudyReport, make_report
from hearsight.training.loop import train

OWN_DATASET = "dataset=@build"
"""The benchmark that is the dataset which a cell was built on, for the probe ``outputs``."""
LOCK = "study.lock"
"""File that one process at a time holds."""


@dataclasses.dataclass(frozen=True)
class StudyInputs:
    """What a study works on.

    Attributes
    ----------
    sources
        Videos to build datasets from: files, folders, globs or lists.
    benchmarks
        ``NAME=FOLDER`` of each benchmark that is scored on; :data:`OWN_DATASET` for the validation clips of a cell's own dataset.
    teachers
        ``KIND:WHERE`` of the teachers that the study names in braces.
    """

    sources: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    teachers: dict[str, str] = dataclasses.field(default_factory=dict)


def parse_teachers(specs: Sequence[str]) -> dict[str, str]:
    """Return teachers by name from ``NAME=KIND:WHERE``.

    Raises
    ------
    UsageError
        When one has another form, or two have one name.
    """
    found: dict[str, str] = {}
    for spec in specs:
        name, equals, where = spec.partition("=")
        if not (name and equals and ":" in where) or name in found:
            raise UsageError(
                f"--teacher {spec}", "a second one" if name in found else "another form", "NAME=KIND:WHERE, once"
            )
        found[name] = where
    return found


def run_study(
    file: str | Path,
    out: str | Path,
    inputs: StudyInputs,
    *,
    fraction: float | None = None,
    seeds: int | None = None,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> StudyReport:
    """Run a study and report it.

    Datasets and runs whose configurations are equal are made once. A cell that was scored is not scored again. A cell that fails
    is named in the report, and tried again by the next call; the other cells go on. A full disk, or another limit of the machine,
    ends the study instead; what is finished is kept.

    Parameters
    ----------
    file
        A study file, or the name of a study that comes with hearsight; see :func:`~hearsight.studies.definition.read_study`.
    out
        The folder: ``datasets/``, ``runs/`` and ``cells/``, one record per cell and benchmark. The same call continues what was
        interrupted. With another fraction or number of seeds, the folder keeps the cells of both.
    inputs
        The videos, benchmarks and teachers.
    fraction
        Factor on the number of training steps and of mixtures; that of the file by default.
    seeds
        Trainings of each combination; that of the file by default.
    overrides
        ``stage.key=value``, in place of a key of the file; an axis that sets the same key wins.
    workers
        Number of worker processes for building; by default one per processor.
    progress
        Called with the progress of every stage, in place of progress bars.

    Raises
    ------
    ConfigError
        When the study file is wrong.
    UsageError
        When there is no benchmark, or no source and cells that need one.
    BenchmarkError
        When a benchmark is not whole.
    RunError
        When another process runs a study in this folder.
    MachineError
        When something cannot be written, or the machine is at another limit.

    Examples
    --------
    >>> inputs = StudyInputs(sources=("videos",), benchmarks=("folder=sounds",))
    """
    study, folder = override_study(read_study(file), overrides), Path(out)
    scale = Scale(fraction or study.fraction, seeds or study.seeds, inputs.teachers)
    cells = make_cells(study, scale, str(file))
    if not inputs.benchmarks:
        raise UsageError("study", f"{len(inputs.benchmarks)} benchmarks", "at least one", "--benchmark esc50=FOLDER")
    if not inputs.sources and any(cell.train is not None for cell in cells):
        raise UsageError(
            "study",
            f"{len(inputs.sources)} sources of videos",
            "files, folders or lists to build datasets from",
            "--sources FOLDER",
        )
    for benchmark in set(inputs.benchmarks) - {OWN_DATASET}:
        load_benchmark(benchmark)  # a wrong folder is reported before anything is trained
    make_folder(folder)
    runner = _Runner(folder, inputs, workers)
    with redirect_progress(progress), _lock(folder):
        records: list[CellRecord] = []
        with track("study", len(cells), "cells") as bar:
            for cell in cells:
                records += runner.run(cell)
                bar.advance()
        return make_report(study, scale, records)


@contextlib.contextmanager
def _lock(folder: Path) -> Generator[None]:
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock(folder / LOCK))
        except BlockingIOError as error:
            raise RunError(folder, "another process runs a study here", "one at a time") from error
        yield


@dataclasses.dataclass(frozen=True)
class _Runner:
    folder: Path
    inputs: StudyInputs
    workers: int | None

    def run(self, cell: Cell) -> list[CellRecord]:
        """Return the record of a cell for each benchmark; what is missing is made."""
        paths = {benchmark: self._name_record(cell, benchmark) for benchmark in self.inputs.benchmarks}
        found = {benchmark: read_record(path) for benchmark, path in paths.items()}
        if all(record is not None for record in found.values()):
            return [record for record in found.values() if record is not None]
        print_message(f"cell: {cell.title}")
        records: list[CellRecord] = []
        try:
            model, training = self._train(cell)
        except MachineError:
            raise  # no other cell could be written either
        except HearsightError as error:
            print_message(f"cell {cell.title} failed: {error.summary}")
            return [fail_cell(cell.values, cell.seed, name, error.summary, path) for name, path in paths.items()]
        for benchmark, path in paths.items():
            record = found[benchmark]
            records.append(record or self._score(cell, model, training, benchmark, path))
        return records

    def _name_record(self, cell: Cell, benchmark: str) -> Path:
        kind, _, where = benchmark.partition("=")
        made = cell.name_stage("evaluate", self._name_sources())
        place = where if benchmark == OWN_DATASET else str(Path(where).resolve())
        return self.folder / "cells" / f"{made}-{digest([kind, place, cell.seed])}.json"

    def _name_sources(self) -> list[str]:
        return [str(Path(source).resolve()) if Path(source).exists() else source for source in self.inputs.sources]

    def _train(self, cell: Cell) -> tuple[str, dict[str, Any]]:
        """Return the model of a cell, and the summary of its training; what is finished is taken as it is."""
        if cell.train is None or cell.build is None:
            return cell.score, {}
        names = self._name_sources()
        datasets = self.folder / "datasets"
        dataset = datasets / cell.name_stage("build", names)
        build_dataset(self.inputs.sources, dataset, cell.build, workers=self.workers, retry=False)
        if cell.label is not None:
            source, dataset = dataset, datasets / cell.name_stage("label", names)
            label_dataset(source, dataset, cell.label, workers=self.workers, cache=self.folder / "answers")
        if cell.mix is not None:
            source, dataset = dataset, datasets / cell.name_stage("mix", names)
            mix_dataset(source, dataset, cell.mix, workers=self.workers)
        run = self.folder / "runs" / cell.name_stage("train", names)
        summary = train(dataset, run, cell.train)
        return str(run), {**dataclasses.asdict(summary), "dataset": str(dataset)}

    def _name_benchmark(self, cell: Cell, benchmark: str) -> str:
        if benchmark != OWN_DATASET:
            return benchmark
        if cell.build is None:
            raise UsageError(
                f"--benchmark {OWN_DATASET}", f"{cell.score}, which has no dataset", "a cell that is trained"
            )
        return f"dataset={self.folder / 'datasets' / cell.name_stage('build', self._name_sources())}"

    def _score(self, cell: Cell, model: str, training: dict[str, Any], benchmark: str, path: Path) -> CellRecord:
        try:
            result = evaluate(model, self._name_benchmark(cell, benchmark), cell.evaluate)
        except MachineError:
            raise
        except HearsightError as error:
            print_message(f"cell {cell.title} failed on {benchmark}: {error.summary}")
            return fail_cell(cell.values, cell.seed, benchmark, error.summary, path)
        configs = {stage: getattr(cell, stage) for stage in ("build", "label", "mix", "train", "evaluate")}
        dumped = {name: None if config is None else config.model_dump(mode="json") for name, config in configs.items()}
        return write_record(path, cell.values, cell.seed, result, training, {"score": cell.score, **dumped})
