"""How fast is `hearsight build` against decoding the same files and doing nothing else?

Reference: PyAV decodes every packet of the sound and picture streams of every file, converting and scaling nothing, in as many
processes. Measured: the whole of `build_dataset`, from listing the files to the finished dataset, with one cheap teacher. The two
take turns; each pair gives a ratio of files per second; the median counts. Wanted: at least 0.8.

    python -m benchmarks.build_speed FOLDER --rounds 5
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import av.error
import av.logging

from benchmarks.verdict import print_verdict
from hearsight.config import BuildConfig
from hearsight.dataset.build import build_dataset
from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError
from hearsight.media.sources import list_sources
from hearsight.records import Source
from hearsight.threads import count_cores

WANTED = 0.8


def make_decoder() -> Callable[[Source], int]:
    """Set up a worker that decodes a file and throws the result away."""
    av.logging.set_level(av.logging.PANIC)

    def decode(source: Source) -> int:
        count = 0
        try:
            with av.open(source.path, "r") as container:
                streams = [*container.streams.video[:1], *container.streams.audio[:1]]
                for stream in streams:
                    stream.codec_context.thread_count = 1
                for _ in container.decode(streams):
                    count += 1
        except av.error.FFmpegError:
            pass
        return count

    return decode


def time_decoding(folder: Path, workers: int) -> float:
    """Seconds to decode every file."""
    started = time.perf_counter()
    answers = list(open_engine("local", workers).run(make_decoder, list_sources([folder])))
    assert sum(answer.result or 0 for answer in answers) > 0
    return time.perf_counter() - started


def time_build(folder: Path, workers: int, config: BuildConfig) -> float:
    """Seconds to build the dataset."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        try:
            build_dataset([folder], Path(out) / "dataset", config, workers=workers)
        except DatasetError as error:
            raise SystemExit(str(error)) from error
        return time.perf_counter() - started


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with videos/ and teachers/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=count_cores())
    options = parser.parse_args()
    small = options.data / "teachers" / "mobilenet_v1_0.25_128_quant.tflite"
    configs = {
        "mobilenet-v1-0.25-128 (vision)": BuildConfig(vision=(f"litert:{small}",), audio=()),
        "clusters (vision and audio)": BuildConfig(),
    }
    videos = options.data / "videos"
    time_decoding(videos, options.workers)
    for name, config in configs.items():
        time_build(videos, options.workers, config)
        ratios = []
        for _ in range(options.rounds):
            decoding = time_decoding(videos, options.workers)
            building = time_build(videos, options.workers, config)
            ratios.append(decoding / building)
            print(f"  decoding alone {decoding:6.2f} s, build {building:6.2f} s, ratio {ratios[-1]:.2f}", flush=True)
        print(f"  teacher {name}: {min(ratios):.2f} to {max(ratios):.2f} over {options.rounds} rounds")
        print_verdict(f"build / decoding alone, {name}, median", statistics.median(ratios), "at least", WANTED)


if __name__ == "__main__":
    main()
