"""Writing the world to disk: videos with a table of what is in them, and labelled sounds.

Each file depends only on the seed and its own number. Existing files are kept, so that a generation that was killed continues. The
table is written last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Float64, UInt8

from hearsight.console import track
from hearsight.engine.engines import open_engine
from hearsight.errors import CONTINUE, WorkerError
from hearsight.files import find_temporary_files, make_folder, write_atomically
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from hearsight.threads import count_cores
from hearsight.units import SAMPLE_RATE, to_samples
from hearsight.world import pictures
from hearsight.world.kinds import KINDS
from hearsight.world.scenes import Presence, Scene, SceneProbabilities, plan_scenes
from hearsight.world.sounds import add_background, add_reverberation, synthesize

FRAME_RATE = 8.0
"""Pictures per second of the videos."""

_ENCODING = Encoding(audio_bit_rate=64_000, crf=26, preset="veryfast")  # half the time of the usual preset, as small
_VIDEOS, _SOUNDS, _PORTRAITS = 1, 2, 3  # streams of draws: a video and a sound of one number share none
_TAKES = 1_000_000  # numbers of each kind's sounds and portraits

WORLD_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("kind", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("audible", pa.bool_()),
        ("visible", pa.bool_()),
    ]
)
"""Rows of ``world.parquet``: the objects of every video."""


@dataclasses.dataclass(frozen=True)
class World:
    """A generated world: its folder, its videos in order of their numbers, and the table of what is in them."""

    folder: Path
    videos: tuple[Path, ...]
    contents: Path

    def read_contents(self) -> pa.Table:
        """Read the table: ``path`` (file name), ``kind``, ``start`` and ``end`` in seconds, ``audible``, ``visible``."""
        return pq.read_table(self.contents)


def generate_world(
    folder: Path,
    *,
    num_videos: int = 300,
    seconds: float = 16.0,
    seed: int = 0,
    workers: int | None = None,
    probabilities: SceneProbabilities | None = None,
) -> World:
    """Generate videos of objects that look and sound their own way.

    Parameters
    ----------
    folder
        Where the MP4 files (H.264, AAC) and ``world.parquet`` go.
    num_videos, seconds
        How many videos, and how long each is.
    seed
        Of everything; a video's contents depend on it and the video's number alone.
    workers
        Processes; one per processor by default.
    probabilities
        How often objects share a scene, are silent, unseen or mismatched.
    """
    probabilities = probabilities or SceneProbabilities()
    make_folder(folder)
    # names reveal nothing: content is drawn from the number, the name is a hash of it
    numbers = range(num_videos)
    paths = [folder / f"{_hash_name('video', seed, number)}.mp4" for number in numbers]
    make = functools.partial(_write_world_video, seed=seed, seconds=seconds, probabilities=probabilities)
    _run_missing("making videos", make, [(path, number) for path, number in zip(paths, numbers, strict=True)], workers)
    contents = folder / "world.parquet"
    rows = [
        {"path": path.name, **_describe(presence)}
        for path, number in zip(paths, numbers, strict=True)
        for scene in plan_scenes(seconds, probabilities, _seed_plan(seed, number))
        for presence in scene.objects
    ]
    _write_table(pa.Table.from_pylist(rows, schema=WORLD_SCHEMA), contents)
    return World(folder, tuple(paths), contents)


def generate_sounds(
    folder: Path, *, per_kind: int = 40, seconds: float = 3.0, seed: int = 0, workers: int | None = None
) -> tuple[Path, ...]:
    """Generate sounds of one object each, as ``folder/KIND/*.wav``: a labelled benchmark that shares no draw with any world.

    Parameters
    ----------
    folder
        Where the class folders go.
    per_kind, seconds
        How many sounds of each kind, and how long each is.
    seed
        Of everything.
    workers
        Processes; one per processor by default.
    """
    units: list[tuple[Path, int]] = []
    for place, kind in enumerate(KINDS):
        make_folder(folder / kind.name)
        for take in range(per_kind):
            number = place * _TAKES + take
            units.append((folder / kind.name / f"{_hash_name('sound', seed, number)}.wav", number))
    _run_missing("making sounds", functools.partial(_write_world_sound, seed=seed, seconds=seconds), units, workers)
    return tuple(path for path, _ in units)


def generate_portraits(
    folder: Path, *, per_kind: int = 1, seconds: float = 4.0, seed: int = 0, workers: int | None = None
) -> dict[str, tuple[Path, ...]]:
    """Generate videos of one object each that is seen and heard, to show a person what there is; no world has these objects.

    Parameters
    ----------
    folder
        Where the files ``KIND-N.mp4`` go.
    per_kind, seconds
        How many of each kind, and how long each is.
    seed
        Of everything.
    workers
        Processes; one per processor by default.

    Returns
    -------
    dict
        The files of each kind, by its name.
    """
    make_folder(folder)
    units: dict[str, list[tuple[Path, int]]] = {kind.name: [] for kind in KINDS}
    for place, kind in enumerate(KINDS):
        for take in range(per_kind):
            units[kind.name].append((folder / f"{kind.name}-{take}.mp4", place * _TAKES + take))
    every = [unit for of_kind in units.values() for unit in of_kind]
    _run_missing("making portraits", functools.partial(_write_portrait, seed=seed, seconds=seconds), every, workers)
    return {name: tuple(path for path, _ in of_kind) for name, of_kind in units.items()}


def make_sound(number: int, seconds: float, seed: int) -> Float32[np.ndarray, " samples"]:
    """Make the labelled sound of a number, of kind ``number // 1_000_000``."""
    rng = np.random.default_rng([seed, _SOUNDS, number])
    played = synthesize(KINDS[number // _TAKES], seconds, rng)
    return add_background(add_reverberation(played.waveform, rng), 1.0, rng)


def _write_world_sound(unit: tuple[Path, int], *, seed: int, seconds: float) -> None:
    path, number = unit
    write_video(
        path, None, FRAME_RATE, make_sound(number, seconds, seed), SAMPLE_RATE, Encoding(audio_codec="pcm_s16le")
    )


def _write_world_video(unit: tuple[Path, int], *, seed: int, seconds: float, probabilities: SceneProbabilities) -> None:
    path, number = unit
    scenes = plan_scenes(seconds, probabilities, _seed_plan(seed, number))
    _write_scenes(path, scenes, seconds, np.random.default_rng([seed, _VIDEOS, number, 1]))


def _write_portrait(unit: tuple[Path, int], *, seed: int, seconds: float) -> None:
    path, number = unit
    sitter = Presence(KINDS[number // _TAKES], 0.0, seconds, audible=True, visible=True)
    scene = Scene(0.0, seconds, (sitter,))
    _write_scenes(path, [scene], seconds, np.random.default_rng([seed, _PORTRAITS, number]))


def _write_scenes(path: Path, scenes: Sequence[Scene], seconds: float, rng: np.random.Generator) -> None:
    waveform, levels = _make_soundtrack(scenes, seconds, rng)
    images = _draw_images(scenes, levels, seconds, rng)
    write_video(path, images, FRAME_RATE, waveform, SAMPLE_RATE, _ENCODING)


def _seed_plan(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, _VIDEOS, number, 0])


def _make_soundtrack(
    scenes: Sequence[Scene], seconds: float, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, " samples"], dict[Presence, Float64[np.ndarray, " _"]]]:
    """Mix the audible objects of all scenes; return the waveform and the level (0..1) of each object's sound over its span."""
    total = np.zeros(to_samples(seconds))
    levels: dict[Presence, np.ndarray] = {}
    for scene in scenes:
        for presence in scene.objects:
            played = synthesize(presence.kind, presence.end - presence.start, rng)
            levels[presence] = played.level if presence.audible else np.zeros_like(played.level)
            if presence.audible:
                first = to_samples(presence.start)
                sound = add_reverberation(played.waveform, rng)[: len(total) - first] * 10.0 ** (
                    rng.uniform(-4.0, 4.0) / 20.0
                )
                ramp = np.minimum(1.0, np.arange(len(sound)) / 800.0)
                total[first : first + len(sound)] += sound * ramp * ramp[::-1]
    return add_background(total, 1.0, rng), levels


def _draw_images(
    scenes: Sequence[Scene],
    levels: dict[Presence, Float64[np.ndarray, " _"]],
    seconds: float,
    rng: np.random.Generator,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Draw the pictures one by one, so that no video is ever held whole."""
    grain = pictures.draw_grain(rng)
    number = 0
    for scene in scenes:
        background, phase = pictures.draw_background(rng), rng.uniform(0.0, 2.0 * np.pi)
        shown = [presence for presence in scene.objects if presence.visible]
        looks = [_draw_look(presence, place, len(shown), rng) for place, presence in enumerate(shown)]
        while number / FRAME_RATE < min(scene.end, seconds):
            now = number / FRAME_RATE - scene.start
            picture = pictures.frame_background(background, now, phase)
            for presence, look in zip(shown, looks, strict=True):
                course = levels[presence]
                pictures.paint(picture, look, now, float(course[min(len(course) - 1, max(0, to_samples(now)))]))
            yield pictures.add_grain(picture, grain[number % len(grain)])
            number += 1


def _draw_look(presence: Presence, place: int, count: int, rng: np.random.Generator) -> pictures.Look:
    spot = (0.5, 0.25) if count == 1 else ((0.28, 0.06), (0.72, 0.06))[place]
    size = 1.0 if count == 1 else 0.75
    return pictures.draw_look(presence.kind.outline, presence.kind.surface, spot, size, rng)


def _describe(presence: Presence) -> dict[str, Any]:
    return {
        "kind": presence.kind.name,
        "start": presence.start,
        "end": presence.end,
        "audible": presence.audible,
        "visible": presence.visible,
    }


def _hash_name(what: str, seed: int, number: int) -> str:
    return hashlib.sha256(f"{what}-{seed}-{number}".encode()).hexdigest()[:12]


def _write_table(table: pa.Table, path: Path) -> None:
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _run_missing(
    description: str,
    make: Callable[[tuple[Path, int]], None],
    units: Iterable[tuple[Path, int]],
    workers: int | None,
) -> None:
    """Make the missing files, in a given number of processes."""
    units = list(units)
    missing = [unit for unit in units if not unit[0].exists()]
    count = min(workers or count_cores(), len(missing))
    with track(description, len(units), "files") as bar:
        bar.advance(len(units) - len(missing))
        if count <= 1:
            for unit in missing:
                make(unit)
                bar.advance()
            return
        try:
            with contextlib.closing(open_engine("local", count).run(_Making(make), missing)) as answers:
                for answer in answers:
                    if answer.failure is not None:
                        raise WorkerError(answer.unit[0], answer.failure.message, "a file that is made", CONTINUE)
                    bar.advance()
        finally:
            _sweep({path.parent for path, _ in missing})


def _sweep(folders: Iterable[Path]) -> None:
    """Remove what workers left that were ended within a file."""
    for folder in folders:
        for path in list(find_temporary_files(folder)):
            path.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class _Making:
    """The stage that makes files; the only answer is that one was made."""

    make: Callable[[tuple[Path, int]], None]

    def __call__(self) -> Callable[[tuple[Path, int]], bool]:
        return self._work

    def _work(self, unit: tuple[Path, int]) -> bool:
        self.make(unit)
        return True
