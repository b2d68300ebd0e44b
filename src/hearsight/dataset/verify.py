"""The full check of a dataset: ``hearsight verify``."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.console import describe_count, track
from hearsight.dataset.checks import FileChecks
from hearsight.dataset.index.arrays import REPAIR, read_index
from hearsight.dataset.index.derive import COUNTS, derive_index
from hearsight.dataset.layout import Layout, Manifest, read_manifest
from hearsight.dataset.reader import Dataset
from hearsight.documents import read_json
from hearsight.errors import DatasetError, HearsightError, cannot_write

_KNOWN = frozenset({"dataset.json", "build.json", ".lock", "agreement.parquet"})
_INDEX = "index/index.json"


@dataclasses.dataclass(frozen=True)
class VerifyReport:
    """The result of a full check.

    Attributes
    ----------
    path
        The dataset.
    num_files, num_bytes
        Files that were checked, and their size.
    has_checksums
        Whether the dataset has checksums. One of format version 1 has none: only its structure can be checked.
    problems
        What is wrong, a line per file.
    """

    path: str
    num_files: int
    num_bytes: int
    has_checksums: bool
    problems: tuple[str, ...]

    def describe(self) -> list[str]:
        """Return the report as lines of text."""
        checked = f"{self.num_files:,} files, {self.num_bytes / 1e6:,.1f} MB"
        if not self.has_checksums:
            checked += "; made without checksums, so that only the structure could be checked"
        verdict = describe_count(len(self.problems), "problem") if self.problems else "no problem found"
        return [f"{self.path}: {checked}; {verdict}", *self.problems]


def verify_dataset(path: str | Path, *, repair: bool = False) -> VerifyReport:
    """Check every file of a dataset: size, SHA-256, and that sound, clips and labels are of the same clips.

    Parameters
    ----------
    path
        The dataset.
    repair
        Whether to derive the index again where it is absent, damaged, or of another version. It holds nothing that the tables do
        not, and is only derived from tables that are whole.

    Returns
    -------
    VerifyReport
        Damage is reported and not raised.

    Raises
    ------
    DatasetError
        When the folder is no finished dataset.
    MachineError
        When the index cannot be written.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    records = manifest.files or {}
    checks = FileChecks(folder, records)
    problems = checks.find_missing()
    broken = {problem.split(" ", 1)[0] for problem in problems}
    with track("verifying", len(records), "files") as bar:
        for name in records:
            if name not in broken:
                try:
                    checks.check(folder / name)
                except DatasetError as error:
                    problems.append(f"{name}: {error.found}")
            bar.advance()
    if repair and not problems:
        _repair_index(folder)
    problems += _check_index(folder)
    problems += _find_unknown(folder, manifest)
    if not problems:
        problems += _check_structure(folder) + _check_counts(Layout(folder))
    files = [one for one in _list_files(folder) if not one.startswith(("parts/", "change/"))]
    num_bytes = sum((folder / name).stat().st_size for name in files)
    return VerifyReport(str(path), len(files), num_bytes, manifest.files is not None, tuple(problems))


def _repair_index(folder: Path) -> None:
    """Derive the index again, unless it is whole."""
    index = Layout(folder).index
    if _check_index(folder) or _check_counts(Layout(folder)):
        try:
            shutil.rmtree(index)
        except OSError as error:
            raise cannot_write(index, error) from error
    derive_index(folder)


def _check_index(folder: Path) -> list[str]:
    """Compare the files of the index with their checksums; a dataset need not have one."""
    layout = Layout(folder)
    if not layout.index.exists():
        return []
    record = read_index(layout)
    if record is None:
        return [f"{_INDEX} is missing, damaged, or of another dataset.json; {REPAIR}"]
    problems = [f"index/{problem}" for problem in FileChecks(layout.index, record.files).find_missing()]
    broken = {problem.split(" ", 1)[0] for problem in problems}
    checks = FileChecks(layout.index, record.files)
    for name in record.files:
        if f"index/{name}" not in broken:
            try:
                checks.check(layout.index / name)
            except DatasetError as error:
                problems.append(f"index/{name}: {error.found}")
    strays = {path.name for path in layout.index.iterdir()} - {"index.json", *record.files}
    return problems + [f"index/{name} is not in index.json" for name in sorted(strays)]


def _check_counts(layout: Layout) -> list[str]:
    """Compare the clips of each label in the index with those in the vocabulary; an index of an earlier version has none."""
    if not (layout.index / COUNTS).exists():
        return []
    try:
        counted = pq.read_table(layout.index / COUNTS).column("clips").to_pylist()
        wanted = [int(one["count"]) for one in read_json(layout.vocabulary, DatasetError)]
    except (DatasetError, OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        return [f"index/{COUNTS} cannot be compared with the vocabulary ({error}); {REPAIR}"]
    if counted == wanted:
        return []
    different = sum(one != other for one, other in zip(counted, wanted, strict=False)) + abs(len(counted) - len(wanted))
    return [f"index/{COUNTS} differs from the vocabulary in {different:,} of {len(wanted):,} classes; {REPAIR}"]


def _list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _find_unknown(folder: Path, manifest: Manifest) -> list[str]:
    if manifest.files is None:
        return []
    known = _KNOWN | set(manifest.files)
    return [f"{name} is not in the manifest" for name in _list_files(folder) if not _is_known(name, known)]


def _is_known(name: str, known: frozenset[str] | set[str]) -> bool:
    return name in known or name.startswith(("parts/", "index/", "change/"))


def _check_structure(folder: Path) -> list[str]:
    """Open the dataset, which compares the rows of its files, and read every table."""
    try:
        dataset = Dataset(folder, quiet=True)
        dataset.clips()
        agreement = dataset.agreement
        if agreement is not None and len(agreement) != len(dataset):
            return [f"agreement.parquet has {len(agreement):,} rows instead of {len(dataset):,}"]
        for teacher in dataset.manifest.teachers:
            for shard in dataset.manifest.shards:
                dataset.soft_labels(teacher.name, shard.index)
        for name in (Layout(folder).rejected, Layout(folder).summary):
            if not name.exists():
                return [f"{name.name} is missing"]
    except HearsightError as error:
        return [error.summary]
    return []
