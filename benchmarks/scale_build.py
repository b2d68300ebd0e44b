"""Do memory and files stay flat, and does time stay linear, as a build grows from 10,000 to a million clips?

Media and teachers are stubs (`benchmarks/scale_stub.py`), all else is the real code: engine, packs, journal, links, duplicates,
shards, thresholds, vocabulary, manifest. Each size is built in a fresh process. Time, peak memory of the driver and of its workers,
and files are measured for each stage.

Two figures of memory: what the process holds itself (anonymous), and all that is resident, which includes mapped pages of the
files it reads, and which the system may drop at any time. Wanted: anonymous memory at the largest size of at most 1.2 times that
at the smallest, at most 1.3 times the time per clip, and at most 20,000 files.

    python -m benchmarks.scale_build --clips 10000 100000 --json scale.json
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.verdict import print_verdict

MOST_MEMORY, MOST_TIME, MOST_FILES = 1.2, 1.3, 20_000
_EVERY = 0.05
_FILES_EVERY = 2.0


def run_build(folder: Path, options: argparse.Namespace) -> None:
    """Build in this process, and write a line to a file whenever a stage begins."""
    import benchmarks.scale_stub as stub
    import hearsight.dataset.build as build
    import hearsight.dataset.finalize as finalize
    import hearsight.dataset.label_sources as label_sources
    import hearsight.dataset.storage.clip_index as clip_index
    from hearsight.config import BuildConfig

    log, running = (folder / "events").open("a", buffering=1), ["start"]

    def name_stage(module: Any, function: str, stage: str) -> None:
        inner = getattr(module, function)

        @functools.wraps(inner)
        def outer(*args: Any, **options: Any) -> Any:
            running.append(stage)
            print(time.time(), stage, file=log)
            try:
                return inner(*args, **options)
            finally:
                running.pop()
                print(time.time(), running[-1], file=log)

        setattr(module, function, outer)

    for module, function, stage in (
        (build, "collect_sources", "collect"),
        (build, "label_sources", "label"),
        (finalize, "_choose", "rejections"),
        (finalize, "write_index", "index"),
        (finalize, "choose_clips", "sort"),
        (clip_index, "link_media", "link"),
        (clip_index, "find_duplicates", "duplicates"),
        (finalize, "write_shards", "shards"),
        (finalize, "_finalize", "survey"),
        (finalize, "remove_build_files", "clean"),
        (build, "write_agreement", "agreement"),
    ):
        name_stage(module, function, stage)
    build.load_teachers = stub.load_stub_teachers
    label_sources.LabelMedia = functools.partial(stub.LabelStubs, sync=options.sync)
    config = BuildConfig(soft_top=20, agreement=True)
    sources, out = folder / "sources.csv", folder / "dataset"
    summary = build.build_dataset([sources], out, config, workers=options.workers, engine=options.engine)
    print(json.dumps({"clips": summary.num_clips, "rejected": summary.rejected}))


def write_sources(path: Path, count: int) -> None:
    """Write the list of the stub sources."""
    with path.open("w") as file:
        file.write("path\n")
        file.writelines(f"/stub/{number:09d}.mp4\n" for number in range(count))


def read_memory(pid: int) -> tuple[int, int]:
    """Return the anonymous and the resident bytes of a process."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    values = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("Rss", "VmRSS")))
    return tuple(1024 * int(values.get(key, "0").split()[0]) for key in ("RssAnon", "VmRSS"))  # type: ignore[return-value]


def list_children(pid: int) -> Iterator[int]:
    """Yield all descendants of a process."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in found:
        yield child
        yield from list_children(child)


class StageLog:
    """Peaks of each stage, by the stage that runs when they are sampled."""

    def __init__(self, events: Path, out: Path) -> None:
        self._events = events
        self._out = out
        self._counted = 0.0
        self.peaks: dict[str, dict[str, int]] = {}

    def sample(self, pid: int) -> None:
        """Take one sample of a running build."""
        stage = self._find_stage()
        peaks = self.peaks.setdefault(stage, {})
        driver, driver_all = read_memory(pid)
        workers = [read_memory(child) for child in list_children(pid)]
        found = {
            "driver": driver,
            "driver_resident": driver_all,
            "workers": sum(one for one, _ in workers),
            "workers_resident": sum(one for _, one in workers),
        }
        if time.time() - self._counted > _FILES_EVERY:
            found["files"] = sum(len(files) for _, _, files in os.walk(self._out))
            self._counted = time.time()
        for name, value in found.items():
            peaks[name] = max(peaks.get(name, 0), value)

    def _find_stage(self) -> str:
        lines = self._events.read_text().splitlines()[-1:] if self._events.exists() else []
        return lines[0].split()[1] if lines else "start"

    def time_stages(self, started: float, ended: float) -> dict[str, float]:
        """Return the seconds of each stage, in the order of their first beginnings."""
        marks = [(started, "start")]
        for line in self._events.read_text().splitlines():
            moment, stage = line.split()
            marks.append((float(moment), stage))
        seconds: dict[str, float] = {}
        for (begin, stage), (end, _) in zip(marks, [*marks[1:], (ended, "")], strict=True):
            seconds[stage] = seconds.get(stage, 0.0) + end - begin
        return seconds


def measure_build(folder: Path, num_clips: int, options: argparse.Namespace) -> dict[str, Any]:
    """Build a dataset of about so many clips, and return what was measured."""
    from benchmarks.scale_stub import CLIPS_PER_SOURCE

    folder.mkdir()
    sources, events, out = folder / "sources.csv", folder / "events", folder / "dataset"
    write_sources(sources, num_clips // CLIPS_PER_SOURCE)
    command = [sys.executable, "-m", "benchmarks.scale_build", "--child", str(folder)]
    command += ["--workers", str(options.workers), "--engine", options.engine, *["--sync"][: options.sync]]
    log, started = StageLog(events, out), time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        log.sample(process.pid)
        time.sleep(_EVERY)
    ended = time.time()
    assert process.stdout is not None
    if process.returncode != 0:
        raise SystemExit(f"the build of {num_clips} clips ended with {process.returncode}")
    result = json.loads(process.stdout.read().splitlines()[-1])
    stages = {
        name: {"seconds": seconds, **log.peaks.get(name, {})}
        for name, seconds in log.time_stages(started, ended).items()
    }
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return {
        **result,
        "asked": num_clips,
        "seconds": ended - started,
        "driver": _find_peak(stages, "driver"),
        "workers": _find_peak(stages, "workers"),
        "together": max(one.get("driver", 0) + one.get("workers", 0) for one in stages.values()),
        "files": max(_find_peak(stages, "files"), len(sizes)),
        "files_left": len(sizes),
        "bytes_left": sum(sizes),
        "stages": stages,
    }


def _find_peak(stages: dict[str, dict[str, Any]], name: str) -> int:
    return max(one.get(name, 0) for one in stages.values())


def print_build(found: dict[str, Any]) -> None:
    """Print the table of one build."""
    print(f"{found['clips']:,} clips, rejected {found['rejected']}, {found['seconds']:.1f} s", flush=True)
    heads = ("stage", "seconds", "driver MiB", "(resident)", "workers MiB", "(resident)", "files")
    print("  " + "".join(f"{head:>13}" for head in heads))
    names = ("driver", "driver_resident", "workers", "workers_resident")
    for stage, one in found["stages"].items():
        memory = "".join(f"{one.get(name, 0) / 2**20:13.0f}" for name in names)
        print(f"  {stage:>13}{one['seconds']:13.1f}{memory}{one.get('files', 0):13,}", flush=True)
    print(f"  {found['files_left']:,} files of {found['bytes_left'] / 1e9:.2f} GB are left", flush=True)


def print_verdicts(first: dict[str, Any], last: dict[str, Any]) -> None:
    """Compare the largest build with the smallest."""
    label: Callable[[str], str] = lambda what: f"{what}, {last['asked']:,} clips to {first['asked']:,}"  # noqa: E731
    print_verdict(label("anonymous memory of the driver"), last["driver"] / first["driver"], "below", MOST_MEMORY)
    print_verdict(label("of driver and workers"), last["together"] / first["together"], "below", MOST_MEMORY)
    per_clip = (last["seconds"] / last["clips"]) / (first["seconds"] / first["clips"])
    print_verdict(label("time per clip"), per_clip, "below", MOST_TIME)
    print_verdict("files at any moment", last["files"], "below", MOST_FILES)


def main() -> None:
    """Print the tables, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="local")
    parser.add_argument(
        "--folder", type=Path, help="where the datasets are made, and left; by default a temporary folder"
    )
    parser.add_argument("--json", type=Path, help="a file of all figures")
    parser.add_argument("--sync", action="store_true", help="wait for the disk after each source, as a real build does")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_build(options.child, options)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        found = []
        for num_clips in options.clips:
            found.append(measure_build(folder / f"{num_clips}", num_clips, options))
            print_build(found[-1])
            if options.json:
                about = {"machine": platform.platform(), "cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d")}
                options.json.write_text(json.dumps({**about, "builds": found}, indent=1))
    if len(found) > 1:
        print_verdicts(found[0], found[-1])


if __name__ == "__main__":
    main()
