"""Draw the pictures of the README and the tutorial from a finished demo.

``hearsight demo --out demo`` first, then ``python -m tools.pictures demo``. The pictures are committed under ``docs/images/``; they come
from a real network and a generated recording that it was not trained on, so they change with the machine and are not compared.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearsight import Listener, load
from hearsight.demo.result import DemoFolder
from hearsight.drawing.canvas import BLUE, FAINT, HAIR, INK, drawing, shade_all, to_file
from hearsight.drawing.scores import Score, draw_scores
from hearsight.drawing.sound import show_log_mel
from hearsight.drawing.training import draw_learning
from hearsight.evaluation.evaluate import evaluate
from hearsight.learners.linear import LinearClassifier, fit_linear
from hearsight.media.audio import read_audio
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Source
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel
from hearsight.training.run.log import read_runlog
from hearsight.world.generate import World, generate_world
from hearsight.world.kinds import KINDS
from hearsight.world.scenes import SceneProbabilities
from tools.pages import DOCS

IMAGES = DOCS / "images"
SEED = 9_000_001
"""Seed of the recording; no world of a demo has it."""
SECONDS, CANDIDATES, HOP, WINDOW, THUMBNAILS = 30.0, 12, 0.5, 3.0, 10
LANE = "#3d8bea"
"""A blue that reads on a light and on a dark ground."""
ONE_BY_ONE = SceneProbabilities(two_objects=0.0, silent=0.0, unseen=0.0, mismatched=0.0)
GROUNDS = {
    "light": {},
    "dark": {
        INK: "#e6edf3",
        FAINT: "#9198a1",
        HAIR: "#3d444d",
        "#ffffff": "#0d1117",
        "white": "#0d1117",
        BLUE: "#58a6ff",
    },
}
"""Colours that take the place of the figure's own, by the ground of the page."""


def list_videos(world: World) -> list[tuple[Path, list[dict[str, Any]]]]:
    """Return the videos with three kinds of object, and their contents."""
    rows = world.read_contents().to_pylist()
    videos = [(video, [row for row in rows if row["path"] == video.name]) for video in world.videos]
    return [
        (video, contents) for video, contents in videos if len({row["kind"] for row in contents}) == len(contents) == 3
    ]


def fit_probe(listener: Listener, sounds: Path) -> LinearClassifier:
    """Return the linear probe of the demo: fitted on mean and maximum of the frozen embeddings of its labelled sounds."""
    rows, labels = [], []
    for number, kind in enumerate(KINDS):
        for path in sorted((sounds / kind.name).glob("*.wav")):
            rows.append(pool(listener.embed(path).values))
            labels.append(number)
    return fit_linear(np.stack(rows), np.array(labels), num_classes=len(KINDS))


def pool(values: np.ndarray) -> np.ndarray:
    """Return mean and maximum over the segments, as ``hearsight evaluate`` does."""
    return np.concatenate([values.mean(axis=0), values.max(axis=0)])


def recognise(listener: Listener, probe: LinearClassifier, waveform: np.ndarray) -> np.ndarray:
    """Return the probability of each kind every :data:`HOP` seconds, each from the :data:`WINDOW` seconds around it."""
    rate, half = JIA.sample_rate, round(WINDOW * JIA.sample_rate / 2)
    middles = np.arange(round(HOP * rate / 2), len(waveform), round(HOP * rate))
    starts = np.clip(middles - half, 0, len(waveform) - 2 * half)
    windows = [listener.embed_waveform(waveform[start : start + 2 * half], rate).values for start in starts]
    return np.exp(probe.predict_scores(np.stack([pool(values) for values in windows])))


def measure_share(contents: Sequence[dict[str, Any]], scores: np.ndarray) -> float:
    """Return the share of moments at which the most probable kind is the one that sounds."""
    names = [KINDS[number].name for number in scores.argmax(axis=1)]
    times = HOP * (np.arange(len(scores)) + 0.5)
    truth = [next(row["kind"] for row in contents if row["start"] <= time <= row["end"]) for time in times]
    return float(np.mean([name == kind for name, kind in zip(names, truth, strict=True)]))


def draw_timeline(video: Path, contents: Sequence[dict[str, Any]], waveform: np.ndarray, scores: np.ndarray) -> Any:
    """Draw pictures of the video, the spectrogram of its sound, and what the network recognises in it."""
    with drawing(9.0, 3.9) as figure:
        pictures, spectrogram, lanes = figure.subplots(3, 1, height_ratios=(1.0, 1.25, 1.35))
        show_pictures(pictures, video)
        log_mel = compute_log_mel(waveform, JIA)[: round(SECONDS * 100)]
        show_log_mel(
            spectrogram, log_mel.reshape(-1, 5, JIA.n_mels).mean(axis=1).repeat(5, axis=0), JIA
        )  # smaller as a file
        spectrogram.set_xticks([])
        spectrogram.set_xlabel("")
        show_lanes(lanes, contents, scores)
        return figure


def show_pictures(axes: Any, video: Path, seconds: float = SECONDS, count: int = THUMBNAILS) -> None:
    """Show pictures of the video in a row; the network does not get them."""
    request = ImageRequest(height=72, width=108)
    windows = decode_windows(
        read_media(Source(str(video))), length=seconds, images_per_second=count / seconds, requests=[request]
    )
    row = np.concatenate(
        [np.pad(image, ((0, 0), (0, 2), (0, 0)), constant_values=128) for image in next(windows).images[0]], axis=1
    )
    axes.imshow(row, aspect="auto", extent=(0.0, seconds, 0.0, 1.0))
    axes.set_axis_off()


def show_lanes(axes: Any, contents: Sequence[dict[str, Any]], scores: np.ndarray) -> None:
    """Show the probability of each kind as a lane, full at its highest; a frame is where the kind is audible."""
    names = [row["kind"] for row in sorted(contents, key=lambda row: row["start"])]
    others = np.argsort(-scores.mean(axis=0), kind="stable")
    names += [KINDS[number].name for number in others if KINDS[number].name not in names][:3]
    numbers = [next(number for number, kind in enumerate(KINDS) if kind.name == name) for name in names]
    for lane, number in enumerate(numbers):
        extent = (0.0, HOP * len(scores), lane + 0.4, lane - 0.4)
        axes.imshow(
            shade_all(scores[None, :, number] / scores.max(), LANE),
            aspect="auto",
            extent=extent,
            interpolation="nearest",
        )
    for row in contents:
        start, end = row["start"], min(row["end"], SECONDS)
        axes.barh(names.index(row["kind"]), end - start, 0.86, start, facecolor="none", edgecolor=FAINT, linewidth=1.0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_xlim(0.0, SECONDS)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("seconds")


def draw_world(place: DemoFolder) -> Any:
    """Draw a picture and the spectrogram of each kind of object."""
    with drawing(9.0, 3.7) as figure:
        cells = figure.subplots(4, 6).reshape(2, 2, 6)
        for number, kind in enumerate(KINDS):
            path = place.portraits / f"{kind.name}-0.mp4"
            picture, spectrogram = cells[number // 6, 0, number % 6], cells[number // 6, 1, number % 6]
            show_pictures(picture, path, seconds=4.0, count=2)
            picture.set_title(kind.name)
            show_log_mel(spectrogram, compute_log_mel(read_audio(path, JIA.sample_rate), JIA), JIA)
            spectrogram.set_axis_off()
        return figure


def draw_accuracies(place: DemoFolder) -> Any:
    """Draw the demo's accuracies with their intervals, evaluated again."""
    benchmark = f"folder={place.sounds}"
    found = {
        "trained by watching": evaluate(place.run, benchmark),
        "the same, untrained": evaluate(place.run, benchmark, untrained=True),
        "log-mel statistics": evaluate("baseline:log-mel", benchmark),
    }
    scores = [Score(name, one.accuracy, one.interval, is_ours="trained by" in name) for name, one in found.items()]
    return draw_scores(scores, 1.0 / len(KINDS))


def write(figure: Any, name: str, title: str, dots_per_inch: int = 72) -> None:
    """Write a figure for light and for dark pages, each on its own ground."""
    figure.set_figwidth(9.0)
    text = to_file(figure, "svg", title, dots_per_inch).decode()
    text = text.replace("font-family: 'sans-serif'", "font-family: sans-serif")
    for ground, colours in GROUNDS.items():
        shaded = text
        for colour, other in colours.items():
            shaded = shaded.replace(colour, other)
        (IMAGES / f"{name}-{ground}.svg").write_text(shaded, encoding="utf-8")


def main() -> None:
    """Draw all pictures."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "run" / "config.json").exists():
        sys.exit("usage: python -m tools.pictures DEMO, the folder that `hearsight demo --out DEMO` wrote")
    place = DemoFolder(Path(sys.argv[1]))
    IMAGES.mkdir(parents=True, exist_ok=True)
    listener = load(place.run)
    probe = fit_probe(listener, place.sounds)
    with tempfile.TemporaryDirectory() as folder:
        world = generate_world(
            Path(folder), num_videos=CANDIDATES, seconds=SECONDS, seed=SEED, probabilities=ONE_BY_ONE
        )
        shown = [(video, contents, read_audio(video, JIA.sample_rate)) for video, contents in list_videos(world)]
        scored = [(*one, recognise(listener, probe, one[2])) for one in shown]
        shares = [measure_share(contents, scores) for _, contents, _, scores in scored]
        print(
            f"right at {', '.join(f'{share:.0%}' for share in shares)} of the moments of {len(shares)} recordings; the best is shown"
        )
        write(
            draw_timeline(*scored[int(np.argmax(shares))]),
            "timeline",
            "a video and what the network recognises in its sound",
        )
    write(draw_world(place), "world", "a picture and the spectrogram of each kind of object", 45)
    write(
        draw_learning([line for line in read_runlog(place.run) if line["kind"] == "epoch"]),
        "learning",
        "learning curves",
    )
    write(draw_accuracies(place), "accuracies", "accuracy of the student, the untrained network and log-mel statistics")


if __name__ == "__main__":
    main()
