"""How fast, and in how much memory, is a dataset of 15 million clips opened, ordered, surveyed and queried?

The index of a dataset is derived by the real code from generated tables: random labels, 10 kept classes of a picture teacher of
11,166 classes and 5 of a sound teacher of 527, in 4,096 shards. The tables themselves are never on the disk; the files that the
manifest lists are sparse ones of their sizes. Each figure is measured in a fresh process. Wanted: opening within 2 s and 1 GB, each
query within 3 s, an epoch's order in constant memory.

    python -m benchmarks.scale_dataset --clips 15000000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.verdict import print_verdict
from hearsight.clips.database import open_database
from hearsight.clips.folds import NUM_FOLDS
from hearsight.dataset.index import derive
from hearsight.dataset.index.arrays import LABEL_ARRAYS, MappedArray, map_arrays, name_label_array, read_index
from hearsight.dataset.index.shards import ShardFiles, ShardSounds
from hearsight.dataset.layout import (
    ClassRecord,
    FileRecord,
    Layout,
    Manifest,
    ShardRecord,
    TeacherRecord,
    read_manifest,
    write_json,
)
from hearsight.dataset.reader import Dataset
from hearsight.permutation import Permutation

OPENING, OPENING_BYTES, QUERY = 2.0, 1e9, 3.0
CLIP_SAMPLES = 64_000
TEACHERS = (("vision", 11_166, 10), ("audio", 527, 5))
BATCH = 1024
_UNJUDGED = "count per label from every label"
_QUERIES = {
    _UNJUDGED: "SELECT label, count(*) AS clips FROM labels GROUP BY label ORDER BY clips DESC",
    "count per label": "SELECT label, clips FROM counts ORDER BY clips DESC",
    "clips of a label": "SELECT clip FROM labels WHERE label = 3 ORDER BY clip",
    "clips of a rare label": "SELECT clip FROM labels WHERE label = 9000 ORDER BY clip",
    "split by fold": "SELECT fold < 273 AS validation, count(*) FROM clips GROUP BY ALL",
}


class GeneratedFiles(ShardFiles):
    """Tables of random labels in place of those of a shard's files."""

    def find_sounds(self, shard: ShardRecord) -> ShardSounds:
        """Return 36 characters for each clip, and evenly spaced sounds."""
        places = np.arange(shard.num_clips, dtype=np.int64)
        digits = np.char.add(f"{shard.index:08x}-0000-0000-0000-", np.char.zfill(places.astype("U12"), 12))
        lengths = np.full(shard.num_clips, CLIP_SAMPLES, np.int32)
        return ShardSounds(pa.chunked_array([pa.array(digits)]), 512 + 2 * CLIP_SAMPLES * places, lengths)

    def read_table(self, path: Path, columns: list[str] | None = None) -> pa.Table:  # noqa: ARG002
        """Return the folds of a shard."""
        shard = self.manifest.shards[int(path.stem)]
        width = shard.last_fold - shard.first_fold + 1
        folds = shard.first_fold + np.arange(shard.num_clips) * width // max(1, shard.num_clips)
        return pa.table({"fold": pa.array(folds.astype(np.int32))})

    def read_soft(self, teacher: TeacherRecord, shard: int) -> pa.Table:
        """Return random classes, the first ones more often, with falling probabilities."""
        draw = np.random.default_rng((shard, teacher.num_classes))
        shape = (self.manifest.shards[shard].num_clips, teacher.top)
        classes = (teacher.num_classes * draw.random(shape, np.float32) ** 3).astype(np.int32)
        probabilities = np.sort(draw.random(shape, np.float32), axis=1)[:, ::-1]
        offsets = pa.array(np.arange(shape[0] + 1, dtype=np.int32) * teacher.top)
        columns = {"classes": classes, "probabilities": probabilities}
        return pa.table({name: pa.ListArray.from_arrays(offsets, pa.array(v.ravel())) for name, v in columns.items()})


def generate(folder: Path, num_clips: int) -> None:
    """Write the manifest, the vocabulary, sparse files, and the index of a dataset."""
    layout = Layout(folder)
    folder.mkdir(parents=True)
    bounds = np.linspace(0, num_clips, NUM_FOLDS + 1).astype(int)
    shards = tuple(
        ShardRecord(index=one, first_fold=one, last_fold=one, num_clips=int(bounds[one + 1] - bounds[one]))
        for one in range(NUM_FOLDS)
    )
    teachers = tuple(
        TeacherRecord(
            name=name,
            spec=name,
            modality="vision" if name == "vision" else "audio",
            digest="0" * 64,
            num_classes=count,
            top=top,
            threshold=0.4 * (top == 5),
        )
        for name, count, top in TEACHERS
    )
    classes = [(name, number) for name, count, _ in TEACHERS for number in range(count)]
    records = [
        ClassRecord(index=place, name=f"{name} {number}", teacher=name, modality=name, class_index=number, count=1)  # type: ignore[arg-type]
        for place, (name, number) in enumerate(classes)
    ]
    write_json(layout.vocabulary, [record.model_dump() for record in records])
    files: dict[str, FileRecord] = {}
    for shard in shards:
        rows = shard.num_clips
        sizes = {layout.audio(shard.index): 2 * CLIP_SAMPLES * rows, layout.clips(shard.index): 120 * rows}
        sizes |= {layout.labels(name, shard.index): 90 * rows for name, _, _ in TEACHERS}
        for path, size in sizes.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(size)
            files[path.relative_to(folder).as_posix()] = FileRecord(bytes=size, sha256="0" * 64)
    manifest = Manifest(
        hearsight_version="0",
        validation_folds=273,
        num_clips=num_clips,
        shards=shards,
        teachers=teachers,
        config={"policy": {"min_probability": 0.0}},
        config_digest="0" * 64,
        files=files,
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
    derive.ShardFiles = GeneratedFiles  # type: ignore[misc]
    derive.derive_index(folder)


def read_status(key: str) -> int:
    """Return a figure of this process's memory in bytes."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(next(line for line in text.splitlines() if line.startswith(key)).split()[1])


def open_dataset(folder: Path) -> dict[str, float]:
    """Open, and read the labels of a thousand clips."""
    before, started = read_status("VmRSS"), time.perf_counter()
    dataset = Dataset(folder)
    opened = time.perf_counter() - started
    memory = read_status("VmRSS") - before
    clips = np.random.default_rng(0).integers(0, len(dataset), 1000)
    dataset.labels(0)
    started = time.perf_counter()
    for clip in clips:
        dataset.labels(int(clip))
    first = time.perf_counter() - started
    started = time.perf_counter()
    for clip in clips:
        dataset.labels(int(clip))
    again = time.perf_counter() - started
    split = len(dataset.indices("train"))
    figures = {"opening_s": opened, "opening_bytes": memory, "first_labels_us": 1e3 * first, "labels_us": 1e3 * again}
    return {**figures, "train_clips": split, "peak_bytes": read_status("VmHWM")}


def order_epoch(num_clips: int) -> dict[str, float]:
    """Go through the order of one epoch."""
    before, started = read_status("RssAnon"), time.perf_counter()
    order, most = Permutation(num_clips, 0, 1), 0
    for first in range(0, num_clips, 64 * BATCH):
        order.apply(np.arange(first, min(first + 64 * BATCH, num_clips)))
        most = max(most, read_status("RssAnon") - before)
    return {"order_s": time.perf_counter() - started, "order_bytes": most}


def survey(folder: Path) -> dict[str, float]:
    """Count the labels of every class from the arrays of the index, shard by shard."""
    started = time.perf_counter()
    layout = Layout(folder)
    record, manifest = read_index(layout), read_manifest(folder)
    assert record is not None
    arrays, total = map_arrays(layout, record, verify=True), 0
    ends_of = np.cumsum([shard.num_clips for shard in manifest.shards])
    for place, teacher in enumerate(manifest.teachers):
        ends, classes, probabilities = (arrays[name_label_array(place, name)] for name in LABEL_ARRAYS)
        total += int(count_labels(teacher, ends_of, (ends, classes, probabilities)).sum())
    return {"survey_s": time.perf_counter() - started, "labels": total, "survey_peak_bytes": read_status("RssAnon")}


def count_labels(teacher: TeacherRecord, ends_of: np.ndarray, arrays: tuple[MappedArray, ...]) -> np.ndarray:
    """Return the labels of each class of a teacher."""
    ends, classes, probabilities = (one.values for one in arrays)
    counts, first = np.zeros(teacher.num_classes, np.int64), 0
    for last in ends_of:
        stop = int(ends[last - 1])
        chosen = probabilities[first:stop] >= np.float32(teacher.threshold)
        counts += np.bincount(classes[first:stop][chosen], minlength=teacher.num_classes)
        first = stop
    return counts


def query(folder: Path) -> dict[str, float]:
    """Ask DuckDB; each query twice, and the second counts: the first reads the file from the disk."""
    found: dict[str, float] = {}
    with open_database("1GB") as database:
        for name in ("labels", "clips", "counts"):
            database.add_source(name, folder / "index" / f"{name}.parquet")
        for name, text in _QUERIES.items():
            for attempt in ("first", "again"):
                started = time.perf_counter()
                rows = database.query(text)
                found[f"{name}, {attempt}_s"] = time.perf_counter() - started
            found[f"{name}, rows"] = len(rows)
    return found


def measure(step: str, folder: Path) -> dict[str, Any]:
    """Measure one step in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scale_dataset", "--step", step, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=15_000_000)
    parser.add_argument("--folder", type=Path, help="where the dataset is made, or was made before")
    parser.add_argument("--json", type=Path, help="a file of all figures")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    steps = {"open": open_dataset, "survey": survey, "query": query}
    if options.step:
        folder = options.folder
        if options.step == "order":
            print(json.dumps(order_epoch(read_manifest(folder).num_clips)))
        else:
            print(json.dumps(steps[options.step](folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary) / "dataset"
        found: dict[str, Any] = {"clips": options.clips}
        if not folder.exists():
            started = time.perf_counter()
            generate(folder, options.clips)
            found["generating_s"] = time.perf_counter() - started
        for step in ("open", "order", "survey", "query"):
            found |= measure(step, folder)
        found["index_bytes"] = sum(path.stat().st_size for path in (folder / "index").iterdir())
    for name, value in found.items():
        print(f"  {name}: {value:,.3f}" if isinstance(value, float) else f"  {name}: {value:,}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print_verdict("seconds to open", found["opening_s"], "below", OPENING)
    print_verdict("bytes that opening takes", found["opening_bytes"], "below", OPENING_BYTES)
    print_verdict("bytes of an epoch's order", found["order_bytes"], "below", 50e6)
    for name in [one for one in _QUERIES if one != _UNJUDGED]:
        print_verdict(f"seconds of {name}", found[f"{name}, again_s"], "below", QUERY)


if __name__ == "__main__":
    main()
