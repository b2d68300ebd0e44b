"""Measure how fast this machine works: short runs of the real code on a few videos, on invented clips, and on random inputs."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hearsight.config import BuildConfig, TrainConfig
from hearsight.console import ProgressEvent, redirect_progress, track
from hearsight.dataset.label_media import LabelMedia, MediaUnit, load_teachers
from hearsight.engine.engines import open_engine
from hearsight.errors import InputError
from hearsight.media.containers.writer import write_video
from hearsight.media.sources import list_sources
from hearsight.models.zoo import build_network
from hearsight.planning.invented import InventedBuild
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.threads import count_cores, one_thread
from hearsight.training.loop import train
from hearsight.training.step.device import Device
from hearsight.units import SAMPLE_RATE

SAMPLE = "generated videos of 320 x 240 pixels at 25 pictures per second"
"""What is measured where the user names no videos."""

_SECONDS, _NUM_VIDEOS, _FRAME_RATE = 16.0, 4, 25.0
_SMALL, _LARGE = 128, 512
_BATCH, _STEPS, _RATE = 32, 4, 0.1  # at a lower learning rate, training says that these steps are too few


@dataclasses.dataclass(frozen=True)
class ProbeConfig:
    """What is measured.

    Attributes
    ----------
    build
        Teachers, and how clips are cut.
    model
        The network that is trained.
    videos
        Videos like those of the dataset; where there is none, some are generated.
    seconds
        Time for each of the parts that can be stopped at any moment: cutting, and each teacher.
    """

    build: BuildConfig
    model: str
    videos: tuple[str, ...] = ()
    seconds: float = 15.0


@dataclasses.dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes
    ----------
    cores
        Processors that this process may use.
    device
        Where networks are trained: ``cpu`` or ``cuda``.
    clip_seconds
        Mean duration of a clip.
    media_bytes
        Bytes of media per clip.
    cut
        Clips per second that all processors decode, cut and screen.
    teachers
        Clips per second that all processors label, by the spec of the teacher; each processor works on its own clip.
    gather
        Clips per second that one process links, frees of duplicates, sorts, writes into shards, and indexes.
    dataset_bytes
        Bytes per clip of the finished dataset.
    train
        Training clips per second of the network.
    model
        The network.
    sample
        What was cut.
    """

    cores: int
    device: str
    clip_seconds: float
    media_bytes: float
    cut: float
    teachers: dict[str, float]
    gather: float
    dataset_bytes: float
    train: float
    model: str
    sample: str


def measure_rates(config: ProbeConfig) -> Rates:
    """Measure all rates, in a temporary folder.

    Raises
    ------
    InputError
        When no clip can be cut from the videos.
    ConfigError, MissingExtraError, TeacherError
        As :func:`~hearsight.teachers.registry.load_teacher` does.
    UsageError
        When there is no network of the name.
    """
    build_network(config.model, 2)  # a network that there is not is noticed before the probe
    teachers = load_teachers(config.build)
    with (
        tempfile.TemporaryDirectory(prefix="hearsight-plan-") as place,
        track("measuring", 3 + len(teachers), "rates") as bar,
    ):
        folder = Path(place)
        media = _measure_cutting(folder, config)
        bar.advance()
        labelled: dict[str, float] = {}
        for teacher in teachers:
            bar.note(teacher.spec)
            labelled[teacher.spec] = count_cores() * _measure_teacher(teacher, config, media.clip_seconds)
            bar.advance()
        bar.note("shards")
        build = InventedBuild(teachers, config.build, media.clip_seconds)
        with redirect_progress(_ignore):
            small, large = build.assemble(folder / "small", _SMALL), build.assemble(folder / "large", _LARGE)
        bar.advance()
        bar.note(f"training {config.model}")
        recipe = TrainConfig(model=config.model, batch_size=_BATCH, max_steps=_STEPS, learning_rate=_RATE)
        trained = train(folder / "large", folder / "run", recipe, progress=_ignore)
        bar.advance()
        return Rates(
            cores=count_cores(),
            device=_find_device(),
            clip_seconds=media.clip_seconds,
            media_bytes=media.media_bytes,
            cut=media.rate,
            teachers=labelled,
            # what a build costs whatever its size, such as starting DuckDB, is the same in both, and is none of the rate
            gather=(_LARGE - _SMALL) / max(large.seconds - small.seconds, 1e-3),
            dataset_bytes=large.num_bytes / _LARGE,
            train=trained.clips_per_second,
            model=config.model,
            sample=", ".join(config.videos) or SAMPLE,
        )


def _ignore(event: ProgressEvent, /) -> None:
    del event


def _find_device() -> str:
    return Device.resolve(TrainConfig()).name


@dataclasses.dataclass(frozen=True)
class _Cutting:
    rate: float
    clip_seconds: float
    media_bytes: float


def _measure_cutting(folder: Path, config: ProbeConfig) -> _Cutting:
    """Cut videos over and over with one process for each processor, and count the clips once every process has begun."""
    names = config.videos or _write_sample(folder / "videos")
    sources = list_sources(list(names))
    bare = config.build.model_copy(update={"vision": (), "audio": ()})
    units = [MediaUnit.observe(source) for source in sources]
    cores = count_cores()
    rounds = max(1, -(-64 * cores // len(units)))
    times, clips, num_bytes = [time.perf_counter()], [0], 0
    work = open_engine("local", cores).run(LabelMedia(folder / "parts", bare), units * rounds)
    with contextlib.closing(work) as answers:
        for answer in answers:
            times.append(time.perf_counter())
            clips.append(answer.result or 0)
            num_bytes += answer.unit.size or 0
            if len(times) > 2 * cores + 1 and times[-1] - times[cores] > config.seconds:
                break
    first = min(cores, len(times) - 2)
    counted, total = sum(clips[first + 1 :]), sum(clips)
    if not counted:
        raise InputError(", ".join(map(str, names)), "no clip in these videos", "videos like those of the dataset")
    length = config.build.cut.length
    return _Cutting(counted / (times[-1] - times[first]), length, num_bytes / total)


def _write_sample(folder: Path) -> tuple[Path, ...]:
    folder.mkdir(parents=True)
    paths = tuple(folder / f"{number}.mp4" for number in range(_NUM_VIDEOS))
    for number, path in enumerate(paths):
        generator = np.random.default_rng(number)
        sound = (0.1 * generator.standard_normal(int(_SECONDS * SAMPLE_RATE))).astype(np.float32)
        write_video(path, _draw_pictures(generator), _FRAME_RATE, sound, SAMPLE_RATE)
    return paths


def _draw_pictures(generator: np.random.Generator) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    scene = np.kron(generator.integers(0, 256, (30, 60, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    for place in range(int(_SECONDS * _FRAME_RATE)):
        left = (3 * place) % 160
        yield np.ascontiguousarray(scene[:, left : left + 320])


def _measure_teacher(teacher: Teacher | FittedTeacher, config: ProbeConfig, clip_seconds: float) -> float:
    """Return the clips per second that a teacher labels with one thread."""
    generator = np.random.default_rng(0)
    request = teacher.image_request
    if request is None:
        items = (0.1 * generator.standard_normal((max(1, round(clip_seconds)), SAMPLE_RATE))).astype(np.float32)
    else:
        count = max(1, round(clip_seconds * config.build.images_per_second))
        items = generator.integers(0, 256, (count, request.height, request.width, 3), dtype=np.uint8)
    work = teacher.describe if isinstance(teacher, FittedTeacher) else teacher.predict
    return _repeat(lambda: work(items), config.seconds / 3.0)


def _repeat(work: Callable[[], object], seconds: float) -> float:
    """Return how often per second something can be done, without its first time."""
    with one_thread():
        work()
        started = time.perf_counter()
        for count in itertools.count(1):
            work()
            if (elapsed := time.perf_counter() - started) > seconds:
                return count / elapsed
    raise AssertionError("unreachable")
