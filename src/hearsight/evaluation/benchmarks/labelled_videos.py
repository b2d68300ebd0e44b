"""Labelled videos as a benchmark, after the multi-modal set of Aytar 2016, section 4.3 (9,478 videos, 44 categories, not released).

A folder with a sub-folder of videos per class, or a CSV table of them. Videos without folds are split six to four within each
class, as the paper's were, by content. A network is scored on the sound, a vision teacher (``vision:KIND:WHERE``) on the
pictures, or both (``--with``); a file without sound is one that cannot be read.
"""

from __future__ import annotations

from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, list_some
from hearsight.evaluation.benchmarks.folds import SIXTY_TO_FORTY, assign_folds
from hearsight.evaluation.benchmarks.labelled_folder import VIDEO_SUFFIXES, list_labelled_folder
from hearsight.evaluation.benchmarks.labelled_table import read_labelled_table

TABLE = "videos.csv"
"""The table that a folder of videos may hold."""


def read_labelled_videos(path: Path) -> Benchmark:
    """Read labelled videos from a table, a folder that holds ``videos.csv``, or a folder with a class per sub-folder.

    Raises
    ------
    BenchmarkError
        When there are no classes, a class has fewer than two different videos, the table is broken or names absent files, or
        names files that are no videos.
    """
    table = path if path.is_file() else path / TABLE
    if not table.is_file():
        return assign_folds(list_labelled_folder(path, "videos", VIDEO_SUFFIXES), SIXTY_TO_FORTY)
    benchmark = read_labelled_table(table, "videos", SIXTY_TO_FORTY)
    others = [clip.path for clip in benchmark.clips if Path(clip.path).suffix.lower() not in VIDEO_SUFFIXES]
    if others:
        found = f"{len(others)} files that are no videos by name: {list_some(others)}"
        raise BenchmarkError(table, found, "videos", f"sounds are read by --benchmark csv={table}")
    return benchmark
