"""Take the pictures of the page for the documentation: both themes, and a phone.

Run as ``python -m tools.screenshots RUN`` with a model, which listens to a generated film. Needs Chromium.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]  (not among the project's packages)

from hearsight.world.generate import generate_world
from tools.pages import ROOT

IMAGES = ROOT / "docs" / "images"
RECORDING = "film.mp4"
SECONDS, SEED = 24.0, 3
"""Of the generated film."""
SIZES: dict[str, tuple[str, int, int, bool]] = {
    "serve-light": ("light", 1180, 1000, False),
    "serve-dark": ("dark", 1180, 1000, False),
    "serve-phone": ("light", 390, 1400, True),
}
"""Name of the picture: theme, width, height, whether it is a phone."""


def take(browser: Any, address: str, name: str) -> None:
    """Open the recording and take one picture."""
    theme, width, height, phone = SIZES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, is_mobile=phone, device_scale_factor=1
    )
    page = context.new_page()
    page.goto(address)
    page.locator("#files button").filter(has_text=RECORDING).click()
    page.wait_for_selector("#view:not([hidden])", timeout=120_000)
    page.locator("#threshold").fill("0.06")
    page.wait_for_timeout(1500)
    page.evaluate("scrollTo(0, 0)")
    page.locator("#spectrogram").click(position={"x": width * 0.45, "y": 60})
    page.wait_for_timeout(800)
    page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def main() -> None:
    """Generate a film, serve the model, and take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        generate_world(Path(folder), num_videos=1, seconds=SECONDS, seed=SEED, workers=1)
        next(Path(folder).glob("*.mp4")).rename(Path(folder) / RECORDING)
        take_all(sys.argv[1], folder)


def take_all(run: str, recordings: str) -> None:
    """Serve a model and a folder while the pictures are taken."""
    command = [sys.executable, "-m", "hearsight", "serve", "--model", run, "--folder", recordings, "--port", "0"]
    server = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name in SIZES:
                take(browser, address, name)
                print(Path("docs/images", f"{name}.png"))
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
