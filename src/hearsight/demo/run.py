"""The whole loop on a generated world: what ``hearsight demo`` and ``make demo`` run.

Every stage keeps what it has finished, so that the same command continues where it was interrupted.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hearsight.config import BuildConfig
from hearsight.console import print_message
from hearsight.dataset.build import build_dataset
from hearsight.dataset.layout import read_json, write_json
from hearsight.dataset.reader import Dataset
from hearsight.demo.quality import ScaleQuality, Truth, measure_label_truth, measure_scales
from hearsight.demo.report import write_report
from hearsight.demo.result import DemoFolder, DemoResult, DemoSettings
from hearsight.errors import UsageError
from hearsight.evaluation.compare import compare
from hearsight.evaluation.evaluate import evaluate
from hearsight.evaluation.result import Evaluation
from hearsight.files import describe_path
from hearsight.training.loop import train
from hearsight.world.generate import World, generate_portraits, generate_sounds, generate_world

HELD_OUT_SEED = 9_000_000
"""Seed of the labelled sounds: the same for every world, so that runs can be compared sound by sound."""


def run_demo(
    out: Path, *, seed: int = 0, workers: int | None = None, settings: DemoSettings | None = None
) -> DemoResult:
    """Make a world, build a dataset from it, train, evaluate, tag, and write a page that shows all of it.

    Parameters
    ----------
    out
        Where everything goes; the page is ``index.html`` in it.
    seed
        Of the world, the clusters and the training.
    workers
        Processes for making and building; one per processor by default.
    settings
        Sizes.

    Raises
    ------
    UsageError
        When ``out`` holds a demo of another seed or other sizes, or something that is no demo.
    """
    settings = settings or DemoSettings()
    place = DemoFolder(Path(out))
    _claim(place, seed, settings)
    clock = _Clock(place.seconds)
    with clock.measure("world"):
        world = generate_world(
            place.videos, num_videos=settings.num_videos, seconds=settings.seconds, seed=seed, workers=workers
        )
        generate_sounds(place.sounds, per_kind=settings.sounds_per_kind, seed=HELD_OUT_SEED, workers=workers)
        generate_portraits(place.portraits, seed=HELD_OUT_SEED, workers=workers)
        example = generate_world(place.example, num_videos=6, seconds=20.0, seed=HELD_OUT_SEED + seed, workers=workers)
    with clock.measure("build"):
        build = build_dataset([place.videos], place.dataset, settings.make_build_config(seed), workers=workers)
    with clock.measure("train"):
        training = train(place.dataset, place.run, settings.make_train_config(seed))
    with clock.measure("evaluate"):
        scores = _score(place, seed)
        quality, label_truth = _judge_labels(place, world, settings.make_build_config(seed))
    result = DemoResult(
        page=place.page,
        student=scores[0],
        untrained=scores[1],
        log_mel=scores[2],
        gains=(compare(scores[0], scores[1]), compare(scores[0], scores[2])),
        quality=tuple(quality),
        label_truth=label_truth,
        build=build,
        training=training,
        seconds=clock.seconds,
    )
    with clock.measure("report"):
        write_report(result, place, world, example)
    return dataclasses.replace(result, seconds=clock.seconds)


def _claim(place: DemoFolder, seed: int, settings: DemoSettings) -> None:
    """Make the folder this demo's own, or find that it is already."""
    identity = {"seed": seed, **dataclasses.asdict(settings)}
    if place.settings.exists():
        found = read_json(place.settings)
        if found != identity:
            differing = [key for key in identity if found.get(key) != identity[key]]
            raise UsageError(
                place.folder,
                f"a demo of another {', '.join(differing)}",
                "the same one to go on with",
                "choose another --out",
            )
        return
    if place.folder.exists() and (not place.folder.is_dir() or any(place.folder.iterdir())):
        found = f"{describe_path(place.folder)}, which is not a demo"
        raise UsageError(place.folder, found, "a new or empty folder", "choose another --out")
    write_json(place.settings, identity)


def _score(place: DemoFolder, seed: int) -> tuple[Evaluation, Evaluation, Evaluation]:
    benchmark = f"folder={place.sounds}"
    return (
        evaluate(place.run, benchmark, seed=seed),
        evaluate(place.run, benchmark, untrained=True, seed=seed),
        evaluate("baseline:log-mel", benchmark, seed=seed),
    )


def _judge_labels(place: DemoFolder, world: World, config: BuildConfig) -> tuple[list[ScaleQuality], float]:
    dataset, truth = Dataset(place.dataset), Truth(world)
    quality = measure_scales(dataset, truth, config.images_per_second)
    return quality, measure_label_truth(dataset, truth, quality)


class _Clock:
    """How long each stage has taken, over all starts of the demo."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = read_json(path) if path.exists() else {}

    @contextmanager
    def measure(self, stage: str) -> Generator[None]:
        """Measure the time of a stage, even if it is interrupted, and print a message when it begins."""
        print_message(f"demo: {stage}")
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.monotonic() - started, 1)
            write_json(self._path, self.seconds)
