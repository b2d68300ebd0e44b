"""AudioSet (Gemmeke 2017): 10-s segments of YouTube videos, each with some of 527 classes; whatever of them still exists.

::

    balanced_train_segments.csv   # three lines of comment, then YTID, start_seconds, end_seconds, "/m/09x0r,/m/05zppz"
    eval_segments.csv             the same for the segments that are scored
    class_labels_indices.csv      index,mid,display_name
    any/folder/YTID_30.000.wav    the segments, also named YTID.wav, YYTID.wav or YTID_30.000_40.000.wav, in any format

The classifier is fitted on the balanced segments and scored on the evaluation segments (Jia 2019, section 4; Wu 2018, section 2.1).
Videos disappear from YouTube, so every copy lacks segments. Missing segments are counted and reported, for both splits.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearsight.errors import BenchmarkError, TableError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, list_some
from hearsight.evaluation.benchmarks.folds import FIXED_SPLIT, TEST, TRAIN
from hearsight.evaluation.benchmarks.labelled_folder import SUFFIXES
from hearsight.evaluation.benchmarks.metadata import find_files
from hearsight.files import open_regular
from hearsight.vocabulary import Vocabulary, load_vocabulary

CLIP_SECONDS = 10.0
NUM_TRAIN, NUM_EVALUATION, NUM_CLASSES = 22_160, 20_371, 527
TRAIN_TABLE, EVALUATION_TABLE = "balanced_train_segments.csv", "eval_segments.csv"
CLASS_TABLE = "class_labels_indices.csv"

_NUM_COLUMNS = 4
_MOST_BYTES = 2**30


@dataclasses.dataclass(frozen=True)
class Segment:
    """One line of a table of segments: the video, its span in seconds, and the indices of its classes."""

    video: str
    start: float
    end: float
    labels: tuple[int, ...]

    def list_names(self) -> Iterator[str]:
        """Yield the names, without their ending, that downloaders give its file, the most telling first."""
        for video in (self.video, f"Y{self.video}"):
            yield f"{video}_{self.start:.3f}"
            yield f"{video}_{self.start:.3f}_{self.end:.3f}"
            yield f"{video}_{round(self.start)}_{round(self.end)}"
            yield f"{video}_{round(self.start)}"
            yield f"{video}_{round(1000 * self.start)}"
            yield f"{video}_{round(1000 * self.start)}_{round(1000 * self.end)}"
            yield video


def read_audioset(folder: Path) -> Benchmark:
    """Read what there is of AudioSet's balanced and evaluation segments; the source of a clip is its video.

    Raises
    ------
    BenchmarkError
        When a table is absent or broken, names a class that the class list does not have, the same segment twice, or a video on
        both sides; when no segment of one side is there.
    """
    vocabulary = _read_classes(folder / CLASS_TABLE)
    files: dict[str, list[Path]] = {}
    for path in find_files(folder, SUFFIXES):
        files.setdefault(path.stem, []).append(path)
    clips: list[BenchmarkClip] = []
    notes: list[str] = []
    missing = 0
    for table, fold, published in ((TRAIN_TABLE, TRAIN, NUM_TRAIN), (EVALUATION_TABLE, TEST, NUM_EVALUATION)):
        segments = read_segments(folder / table, vocabulary)
        found = [(segment, _find_file(segment, files)) for segment in segments]
        present = [(segment, path) for segment, path in found if path is not None]
        absent = [segment.video for segment, path in found if path is None]
        if not present:
            told = f"none of its {len(segments)} segments is there"
            raise BenchmarkError(folder / table, told, "some", "files are named YTID_START.000.wav or YTID.wav")
        if absent:
            notes.append(f"{table}: {len(absent):,} of {len(segments):,} segments are missing: {list_some(absent, 3)}")
        if len(segments) != published:
            notes.append(f"{table}: {len(segments):,} segments listed, {published:,} published")
        missing += len(absent)
        for segment, path in present:
            relative = path.relative_to(folder).as_posix()
            clips.append(BenchmarkClip(relative, segment.labels, fold, segment.video))
    notes += _note_files(folder, files, clips)
    return Benchmark(
        "audioset",
        folder,
        vocabulary.names,
        tuple(sorted(clips, key=lambda clip: clip.path)),
        CLIP_SECONDS,
        tuple(notes),
        multi_label=True,
        given_splits=FIXED_SPLIT,
        missing=missing,
        official=True,
    )


def read_segments(table: Path, vocabulary: Vocabulary) -> list[Segment]:
    """Read a table of segments: comments start with ``#``, and the classes of a segment are quoted, with commas between them.

    Raises
    ------
    BenchmarkError
        When the table cannot be read, a line has other columns, a class is unknown, or a segment comes twice.
    """
    indices = {identity: index for index, identity in enumerate(vocabulary.ids or ())}
    try:
        with io.TextIOWrapper(open_regular(table, _MOST_BYTES), encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True)
            segments = [
                _parse_segment(f"{table} line {reader.line_num}", cells, indices)
                for cells in reader
                if cells and not cells[0].startswith("#") and cells[0] != "YTID"
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        hint = "it is on research.google.com/audioset/download.html" if isinstance(error, FileNotFoundError) else ""
        raise BenchmarkError(table, f"cannot be read ({error})", "AudioSet's table of segments", hint) from error
    keys = [(segment.video, segment.start) for segment in segments]
    if len(set(keys)) < len(keys):
        raise BenchmarkError(table, f"{len(keys) - len(set(keys))} segments are named twice", "one line per segment")
    return segments


def _parse_segment(where: str, cells: Sequence[str], indices: dict[str, int]) -> Segment:
    if len(cells) != _NUM_COLUMNS:
        wanted = 'YTID, start_seconds, end_seconds, "positive_labels"'
        raise BenchmarkError(
            where, f"{len(cells)} columns", wanted, "the classes of a segment stand in one pair of quotes"
        )
    video, start, end, labels = (cell.strip() for cell in cells)
    names = [name.strip() for name in labels.split(",") if name.strip()]
    unknown = [name for name in names if name not in indices]
    if unknown:
        found = f"{'classes' if len(unknown) > 1 else 'class'} {list_some(unknown)}"
        raise BenchmarkError(where, found, f"classes of {CLASS_TABLE}")
    if not names:
        raise BenchmarkError(where, f"no class in {labels!r}", "at least one")
    try:
        return Segment(video, float(start), float(end), tuple(sorted({indices[name] for name in names})))
    except ValueError as error:
        raise BenchmarkError(where, f"from {start!r} to {end!r}", "seconds") from error


def _read_classes(table: Path) -> Vocabulary:
    try:
        vocabulary = load_vocabulary(table)
    except TableError as error:
        raise BenchmarkError(error.where, error.found, "AudioSet's class_labels_indices.csv", error.hint) from error
    if vocabulary.ids is None:
        raise BenchmarkError(table, "classes without a column mid", "AudioSet's class_labels_indices.csv")
    return vocabulary


def _find_file(segment: Segment, files: dict[str, list[Path]]) -> Path | None:
    return next((files[name][0] for name in segment.list_names() if name in files), None)


def _note_files(folder: Path, files: dict[str, list[Path]], clips: Sequence[BenchmarkClip]) -> list[str]:
    used = {clip.path for clip in clips}
    extra = [path.relative_to(folder).as_posix() for paths in files.values() for path in paths]
    extra = [path for path in extra if path not in used]
    return [f"{len(extra):,} sounds that neither table names left out: {list_some(extra, 3)}"] if extra else []
