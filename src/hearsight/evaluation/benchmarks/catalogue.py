"""The benchmarks by name: ``NAME=PATH`` in, clips with labels and folds out; :data:`BENCHMARKS` describes each one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from hearsight.errors import BenchmarkError, UsageError, guess
from hearsight.evaluation.benchmarks.audioset import read_audioset
from hearsight.evaluation.benchmarks.benchmark import Benchmark, check_folds, note_shared_sources
from hearsight.evaluation.benchmarks.dcase import read_dcase2013, read_tut2016, read_tut2018
from hearsight.evaluation.benchmarks.esc import read_esc10, read_esc50
from hearsight.evaluation.benchmarks.labelled_folder import read_labelled_folder
from hearsight.evaluation.benchmarks.labelled_table import read_labelled_table
from hearsight.evaluation.benchmarks.labelled_videos import read_labelled_videos
from hearsight.evaluation.benchmarks.machine_labels import DATASET, read_machine_labels
from hearsight.evaluation.benchmarks.urbansound8k import read_urbansound8k
from hearsight.files import describe_path


@dataclasses.dataclass(frozen=True)
class BenchmarkKind:
    """A benchmark that can be scored on.

    Attributes
    ----------
    name
        What stands before the ``=``.
    title
        What it is, and who published it.
    clips, classes
        How many it should have; None where it is the user's own.
    scored
        How.
    where
        Where to get it.
    takes
        Whether its path is a folder, a file, or either.
    read
        What reads it.
    """

    name: str
    title: str
    clips: int | None
    classes: int | None
    scored: str
    where: str
    takes: Literal["folder", "file", "folder or file"]
    read: Callable[[Path], Benchmark] = dataclasses.field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight benchmarks --json`` prints."""
        return {name: getattr(self, name) for name in ("name", "title", "clips", "classes", "scored", "where", "takes")}

    def row(self) -> tuple[str, str, str, str, str, str]:
        """Return its cells of the table that ``hearsight benchmarks`` prints."""
        clips, classes = ("" if count is None else f"{count:,}" for count in (self.clips, self.classes))
        return f"{self.name}=", self.title, clips, classes, self.scored, self.where


_FIVE_FOLDS = "5 official folds"
_KINDS = (
    BenchmarkKind(
        "esc10",
        "ESC-10, environmental sounds of 5 s (Piczak 2015)",
        400,
        10,
        _FIVE_FOLDS,
        "github.com/karolpiczak/ESC-50, or ESC-10 alone",
        "folder",
        read_esc10,
    ),
    BenchmarkKind(
        "esc50",
        "ESC-50, environmental sounds of 5 s (Piczak 2015)",
        2_000,
        50,
        _FIVE_FOLDS,
        "github.com/karolpiczak/ESC-50",
        "folder",
        read_esc50,
    ),
    BenchmarkKind(
        "audioset",
        "AudioSet, balanced and evaluation segments of 10 s (Gemmeke 2017)",
        42_531,
        527,
        "fitted on balanced_train_segments.csv, scored on eval_segments.csv; multi-label",
        "research.google.com/audioset, the sounds from YouTube",
        "folder",
        read_audioset,
    ),
    BenchmarkKind(
        "tut2018",
        "TUT Urban Acoustic Scenes 2018, development set, 10 s (Mesaros 2018)",
        8_640,
        10,
        "1 official split, by location",
        "zenodo.org/record/1228142",
        "folder",
        read_tut2018,
    ),
    BenchmarkKind(
        "tut2016",
        "TUT Acoustic Scenes 2016, 30 s (Mesaros 2016)",
        1_560,
        15,
        "4 official folds; the evaluation set of 390 clips on its own",
        "zenodo.org/record/45739 and zenodo.org/record/165995",
        "folder",
        read_tut2016,
    ),
    BenchmarkKind(
        "dcase2013",
        "DCASE 2013, scenes of 30 s (Giannoulis 2013)",
        200,
        10,
        "fitted on 100 clips, scored on 100",
        "archive.org/details/dcase2013_scene_classification and …_testset",
        "folder",
        read_dcase2013,
    ),
    BenchmarkKind(
        "urbansound8k",
        "UrbanSound8K, city sounds of at most 4 s (Salamon 2014)",
        8_732,
        10,
        "10 official folds",
        "urbansounddataset.weebly.com/urbansound8k.html",
        "folder",
        read_urbansound8k,
    ),
    BenchmarkKind(
        "csv",
        "a table of clips: path,label[,fold][,source]",
        None,
        None,
        "by its folds; 5 assigned by content where it has none",
        "your own",
        "file",
        read_labelled_table,
    ),
    BenchmarkKind(
        "folder",
        "a folder with a sub-folder of sounds per class",
        None,
        None,
        "by its folds; 5 assigned by content where it has none",
        "your own",
        "folder",
        read_labelled_folder,
    ),
    BenchmarkKind(
        DATASET,
        "the validation clips of a dataset of yours, with its machine labels (after Hershey 2017)",
        None,
        None,
        "by the network's own outputs; multi-label",
        "hearsight build, hearsight mix",
        "folder",
        read_machine_labels,
    ),
    BenchmarkKind(
        "videos",
        "labelled videos, a folder per class or a table (after Aytar 2016, section 4.3)",
        None,
        None,
        "by its folds; 60 % to fit on, 40 % to score where it has none",
        "your own: the paper's 9,478 videos of 44 categories are not public",
        "folder or file",
        read_labelled_videos,
    ),
)

BENCHMARKS: dict[str, BenchmarkKind] = {kind.name: kind for kind in _KINDS}
"""Every benchmark by its name."""
COLUMNS = ("benchmark", "what it is", "clips", "classes", "how it is scored", "where to get it")
"""Heads of the table that ``hearsight benchmarks`` prints."""
NUMBERS = ("clips", "classes")
"""Those of its columns that hold numbers."""


def load_benchmark(spec: str, *, leak_free: bool = False) -> Benchmark:
    """Find the clips, labels and folds of a benchmark.

    Parameters
    ----------
    spec
        ``NAME=PATH``, with a name of :data:`BENCHMARKS`.
    leak_free
        Whether a probe is fitted without clips whose recording has a clip in the fold that is scored.

    Raises
    ------
    UsageError
        When ``spec`` has no such form, or no benchmark has that name (the hint guesses the meant one).
    BenchmarkError
        When the folder or file is absent, or its files are not those of the benchmark.
    """
    name, equals, text = spec.partition("=")
    if name not in BENCHMARKS:
        raise UsageError(
            "--benchmark", f"{name!r}", "NAME=FOLDER with the name of a benchmark", guess(name, BENCHMARKS)
        )
    kind = BENCHMARKS[name]
    if not equals or not text:
        raise UsageError("--benchmark", f"{spec!r}", f"{name}={'FILE' if kind.takes == 'file' else 'FOLDER'}")
    path = Path(text).expanduser()
    if not path.exists():
        plain = "a folder with a sub-folder of sounds for each class"
        wanted = plain if name == "folder" else f"the {kind.takes} of the benchmark {name}"
        raise BenchmarkError(path, f"no such {kind.takes}", wanted)
    if kind.takes == "folder" and not path.is_dir():
        raise BenchmarkError(path, f"not a folder: {describe_path(path)}", f"the folder of the benchmark {name}")
    if kind.takes == "file" and not path.is_file():
        raise BenchmarkError(path, f"not a file: {describe_path(path)}", f"the table of the benchmark {name}")
    benchmark = dataclasses.replace(kind.read(path), leak_free=leak_free)
    check_folds(benchmark)
    return note_shared_sources(benchmark)
