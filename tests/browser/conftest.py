"""A browser without a window, and a server whose page it opens."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.listening import run
from tests.support.serving import run_server
from tests.support.videos import write_clip

__all__ = ["run"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start a browser; it ends with the module, as asyncio cannot be used beside Playwright in one thread."""
    library = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with library.sync_playwright() as driver:
        options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        one = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield one
        one.close()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sound of 40 s, a video of 4 s, and a file that is no sound."""
    folder = tmp_path_factory.mktemp("recordings")
    content = io.BytesIO()
    sound = 0.1 * np.random.default_rng(0).standard_normal(40 * 16_000)
    soundfile.write(content, sound.astype(np.float32), 16_000, format="WAV")
    (folder / "forty.wav").write_bytes(content.getvalue())
    write_clip(folder / "film.mp4", 4.0)
    (folder / "<img src=x onerror=alert(1)>.wav").write_bytes(b"no sound at all" * 100)
    return folder


@pytest.fixture(scope="module")
def address(browser: Any, run: Path, recordings: Path) -> Iterator[str]:
    with run_server(run, "--folder", str(recordings)) as (found, _):
        yield found


def wait_until(page: Any, condition: str) -> None:
    """Wait for a condition in JavaScript; Playwright's own way evaluates text, which the page's policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


@contextlib.contextmanager
def open_page(browser: Any, address: str) -> Iterator[Any]:
    """Open the page; the test fails where it wrote an error to the console or asked another server."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one = context.new_page()
    one.set_default_timeout(60_000)
    wrong: list[str] = []
    one.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    one.on("pageerror", lambda error: wrong.append(str(error)))
    one.on(
        "request", lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else wrong.append(asked.url)
    )
    one.wrong = wrong
    one.goto(address)
    one.wait_for_selector("#start:not([hidden])")
    yield one
    context.close()
    assert wrong == []


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with open_page(browser, address) as one:
        yield one
