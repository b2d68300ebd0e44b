"""An hour of sound on the page of ``hearsight serve``: time until the page can be used, and frames while the spectrogram scrolls.

Run as ``python -m benchmarks.serve_hour --model RUN``. Needs Chromium. Everything stays on this machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright  # pyright: ignore[reportMissingImports]  (not among the project's packages)

RATE, MINUTES, SCROLL_SECONDS = 16_000, 60, 20
USABLE_SECONDS, LONGEST_FRAME = 1.5, 200.0
SCROLL = """async seconds => {
  const scroll = document.querySelector('#wave > div').shadowRoot.querySelector('.scroll');
  const span = scroll.scrollWidth - scroll.clientWidth, start = performance.now(), frames = [];
  let last = start;
  while (last - start < 1000 * seconds) {
    scroll.scrollLeft = span * (last - start) / (1000 * seconds);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def write_hour(path: Path) -> None:
    """Write an hour of noise and tones."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(60 * RATE) / RATE
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for minute in range(MINUTES):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 20 * minute) * time_axis) * (time_axis % 10 < 3)
            file.write((0.1 * rng.standard_normal(len(time_axis)) + tone).astype(np.float32))


def look(browser: Any, address: str) -> bool:
    """Open the hour and scroll through it; print what it took, and return whether both targets were reached."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    started = time.monotonic()
    page.goto(address)
    page.wait_for_selector("#files button")
    usable = time.monotonic() - started
    started = time.monotonic()
    page.locator("#files button").first.click()
    page.wait_for_selector("#view:not([hidden])", timeout=600_000)
    print(
        f"page usable after {usable:.2f} s (target {USABLE_SECONDS}), the hour is heard after {time.monotonic() - started:.1f} s"
    )
    page.wait_for_timeout(1500)
    for _ in range(5):
        page.keyboard.press("+")
    frames = np.array(page.evaluate(SCROLL, SCROLL_SECONDS))
    print(
        f"{len(frames)} frames while an hour scrolls by in {SCROLL_SECONDS} s: median {np.median(frames):.0f} ms, "
        f"99th percentile {np.percentile(frames, 99):.0f} ms, longest {frames.max():.0f} ms (target {LONGEST_FRAME:.0f})"
    )
    return bool(usable <= USABLE_SECONDS and frames.max() <= LONGEST_FRAME)


def main() -> None:
    """Serve the hour, and look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        write_hour(Path(folder) / "hour.wav")
        command = [sys.executable, "-m", "hearsight", "serve", "--model", model, "--folder", folder, "--port", "0"]
        server = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"]
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                reached = look(browser, address)
                browser.close()
        finally:
            server.terminate()
            server.wait()
    if not reached:
        raise SystemExit("a target was missed")


if __name__ == "__main__":
    main()
