"""How fast does training read random seconds, and does a run's memory depend on the number of clips?

A dataset of generated noise is read as training reads it: one random second of random clips. The same sound is also written as a
Parquet file, of which a row group is read for each clip, and as a tar file, whose clips are read whole and in order, as a stream
of shards would be. Wanted: at least 50 times the seconds of sound that row groups give in the same time, and 20 times those of the
tar file.

Then the first steps of a run are taken on two datasets with a generated index and sparse sound, in fresh processes. Wanted: at most
1.2 times the memory that is not mapped from files.

    python -m benchmarks.training_reader --few 10000 --many 15000000
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scale_dataset import CLIP_SAMPLES, generate, read_status
from benchmarks.verdict import print_verdict
from hearsight.config import TrainConfig
from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.training.loop import train

SECOND = 16_000
ROW_GROUP = 100
"""Clips of a row group: 13 MB of sound."""


def main() -> None:
    """Print the ratios; or the memory of one run, in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4096, help="of the sound that is read, 128 kB each")
    parser.add_argument("--few", type=int, default=10_000, help="at least 4,096, one for each shard")
    parser.add_argument("--many", type=int, default=15_000_000)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print(measure_run(options.memory_of))
        return
    with tempfile.TemporaryDirectory() as name:
        compare_reading(Path(name), options.clips)
    compare_memory(options.few, options.many)


def compare_reading(folder: Path, num_clips: int) -> None:
    """Read the same sound in three ways, in turn."""
    sounds = np.random.default_rng(0).integers(-3000, 3000, (num_clips, CLIP_SAMPLES), dtype=np.int16)
    generate(folder / "dataset", num_clips)
    dataset = Dataset(folder / "dataset", verify=False)
    _fill(folder / "dataset", dataset, sounds)
    offsets = pa.array(np.arange(0, sounds.size + 1, CLIP_SAMPLES, dtype=np.int32))
    table = pa.table({"samples": pa.ListArray.from_arrays(offsets, pa.array(sounds.ravel()))})
    pq.write_table(table, folder / "sounds.parquet", row_group_size=ROW_GROUP, compression="none")
    with tarfile.open(folder / "sounds.tar", "w") as archive:
        for number, sound in enumerate(sounds):
            member = tarfile.TarInfo(f"{number:08d}.raw")
            member.size = sound.nbytes
            archive.addfile(member, io.BytesIO(sound.tobytes()))
    draws = np.random.default_rng(1)
    clips, starts = draws.permutation(num_clips), draws.integers(0, CLIP_SAMPLES - SECOND, num_clips)
    parquet = pq.ParquetFile(folder / "sounds.parquet")
    few = max(8, num_clips // 100)

    def read_ours() -> int:
        return sum(
            len(dataset.read(int(clip), int(start), SECOND).copy()) for clip, start in zip(clips, starts, strict=True)
        )

    def read_groups() -> int:
        total = 0
        for clip, start in zip(clips[:few], starts[:few], strict=True):
            group, row = divmod(int(clip), ROW_GROUP)
            values = parquet.read_row_group(group).column("samples")[row].values.to_numpy()
            total += len(values[start : start + SECOND].copy())
        return total

    def read_stream() -> int:
        total = 0
        with tarfile.open(folder / "sounds.tar", "r|") as archive:
            for member, start in zip(archive, starts, strict=True):
                file = archive.extractfile(member)
                assert file is not None
                total += len(np.frombuffer(file.read(), np.int16)[start : start + SECOND].copy())
        return total

    ways: dict[str, Callable[[], int]] = {
        "ours": read_ours,
        "row groups of Parquet": read_groups,
        "a tar stream": read_stream,
    }
    rates: dict[str, float] = dict.fromkeys(ways, 0.0)
    for _ in range(3):
        for name, read in ways.items():
            begun = time.process_time()
            rates[name] = max(rates[name], read() / SECOND / (time.process_time() - begun))
    for name, rate in rates.items():
        print(f"{name}: {rate:,.0f} seconds of sound per second of the processor", flush=True)
    print_verdict("reading over row groups of Parquet", rates["ours"] / rates["row groups of Parquet"], "at least", 50)
    print_verdict("reading over a tar stream", rates["ours"] / rates["a tar stream"], "at least", 20)


def _fill(folder: Path, dataset: Dataset, sounds: np.ndarray) -> None:
    """Write the sound into the sparse files, where the index says that it is."""
    first = 0
    for shard in dataset.manifest.shards:
        with Layout(folder).audio(shard.index).open("r+b") as file:
            file.seek(512)
            file.write(sounds[first : first + shard.num_clips].tobytes())
        first += shard.num_clips


def compare_memory(few: int, many: int) -> None:
    """Compare the memory of two runs."""
    found: list[int] = []
    for num_clips in (few, many):
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name) / "dataset", num_clips)
            words = [sys.executable, "-m", "benchmarks.training_reader", "--memory-of", name]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.append(int(done.stdout.splitlines()[-1]))
        print(
            f"a run over {num_clips:,} clips: {found[-1] / 2**20:,.0f} MiB that are not mapped from files", flush=True
        )
    print_verdict(f"memory of a run over {many:,} clips over that of {few:,}", found[1] / found[0], "below", 1.2)


def measure_run(folder: Path) -> int:
    """Take some steps; return the memory of this process that is not mapped from files, in bytes."""
    config = TrainConfig(model="wu-mlp", options={"width": 0.05}, max_steps=20, validation_clips=64, device="cpu")
    most = 0

    def watch(event: object) -> None:  # noqa: ARG001
        nonlocal most
        most = max(most, read_status("RssAnon"))

    train(Dataset(folder / "dataset", verify=False), folder / "run", config, progress=watch)  # type: ignore[arg-type]
    return most


if __name__ == "__main__":
    main()
