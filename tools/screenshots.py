"""Take the pictures of the page for the documentation: both themes, and a phone.

Run as ``python -m tools.screenshots RUN [NAME...]`` with a model, which listens to generated films. Needs Chromium.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]  (not among the project's packages)

from hearsight.world.generate import generate_world
from tools.pages import ROOT

IMAGES = ROOT / "docs" / "images"
RECORDING = "film.mp4"
SECONDS, SEED, FILMS = 24.0, 3, 10
"""Of the generated films."""
THRESHOLD = "0.06"
Act = Callable[[Any, int], None]


def show_events(page: Any, width: int) -> None:
    """Open the recording, seek, and show events above a low threshold: the model has no class for the film."""
    page.locator("#files button").filter(has_text=RECORDING).click()
    page.wait_for_selector("#view:not([hidden])", timeout=120_000)
    page.locator("#threshold").fill(THRESHOLD)
    page.wait_for_timeout(1500)
    page.evaluate("scrollTo(0, 0)")
    page.locator("#spectrogram").click(position={"x": width * 0.45, "y": 60})


def mark(page: Any, width: int) -> None:
    """Open the recording and mark a span."""
    show_events(page, width)
    box = page.locator("#spectrogram").bounding_box()
    page.mouse.move(box["x"] + 0.30 * box["width"], box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.38 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()


def search(page: Any, width: int) -> None:
    """Search by the span."""
    mark(page, width)
    page.locator("#mark-find").click()
    page.wait_for_selector("#found tr")
    for place in (0, 1):
        page.locator("#found input").nth(place).check()
    page.locator("#found-class").fill("hammer")


def look_at_map(page: Any, width: int) -> None:  # noqa: ARG001 (as all of them are called)
    """Open the map, and draw around some points."""
    page.locator("#tab-map").click()
    page.wait_for_selector("#legend li")
    box = page.locator("#map").bounding_box()
    corners = [(0.52, 0.30), (0.80, 0.26), (0.84, 0.58), (0.70, 0.66), (0.55, 0.62), (0.50, 0.45), (0.52, 0.30)]
    page.mouse.move(*_place(box, corners[0]))
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*_place(box, corner), steps=3)
    page.mouse.up()
    if page.locator("#map-form").is_visible():
        page.locator("#map-class").fill("hammer")
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")


def judge(page: Any, width: int) -> None:
    """Judge some events by ear."""
    show_events(page, width)
    page.locator("#review-events").click()
    for key in "rrwr":
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    page.locator("#thresholds-form button").click()
    page.wait_for_selector("#thresholds tr")


def teach(page: Any, width: int) -> None:
    """Teach two classes from what a search found."""
    search(page, width)
    for name, places in (("hammer", range(12)), ("background", range(36, 50))):
        for place in places:
            page.locator("#found input").nth(place).check()
        page.locator("#found-class").fill(name)
        page.locator("#found-form button").click()
    page.locator("#tab-teach").click()
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.locator("#lesson-name").fill("dark-hammers" if is_dark else "hammers" if width > 500 else "small-hammers")
    page.locator("#teach-now").click()
    page.wait_for_selector("#report:not([hidden])", timeout=60_000)
    page.evaluate("for (const one of document.querySelectorAll('#examples details')) one.open = false")


PARTS: dict[str, Act] = {
    "serve": show_events,
    "serve-search": search,
    "serve-map": look_at_map,
    "serve-review": judge,
    "serve-teach": teach,
}
SIZES = {"light": (1180, 1000, False), "dark": (1180, 1000, False), "phone": (390, 1400, True)}
"""Of each picture: width, height, whether it is a phone."""
_HEIGHTS = {"serve-review": 620, "serve-teach": 560, "serve-search": 760, "serve-map": 900}


def take(browser: Any, address: str, name: str, size: str) -> None:
    """Take one picture."""
    width, height, phone = SIZES[size]
    height = _HEIGHTS.get(name, height) if not phone else (height if name == "serve" else 844)
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if size == "dark" else "light",
        is_mobile=phone,
        device_scale_factor=1,
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#files button")
    PARTS[name](page, width)
    page.wait_for_timeout(800)
    page.screenshot(path=IMAGES / f"{name}-{size}.png")
    context.close()


def main() -> None:
    """Generate films, index them, serve the model, and take the pictures that are named, or all."""
    run, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        films = Path(folder, "films")
        generate_world(films, num_videos=FILMS, seconds=SECONDS, seed=SEED, workers=1)
        next(films.glob("*.mp4")).rename(films / RECORDING)
        index = [sys.executable, "-m", "hearsight", "index", "films", "--out", "index", "--map", "--model", run]
        subprocess.run(index, check=True, cwd=folder)
        take_all(run, Path(folder), names or list(PARTS))


def take_all(run: str, folder: Path, names: list[str]) -> None:
    """Serve a model, films and their index while the pictures are taken."""
    command = [sys.executable, "-m", "hearsight", "serve", "--model", run, "--folder", "films", "--index", "index"]
    command += ["--review", "judge.csv", "--teach-out", "taught", "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name in names:
                for size in SIZES:
                    take(browser, address, name, size)
                    print(Path("docs/images", f"{name}-{size}.png"))
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _place(box: dict[str, float], part: tuple[float, float]) -> tuple[float, float]:
    return box["x"] + part[0] * box["width"], box["y"] + part[1] * box["height"]


if __name__ == "__main__":
    main()
