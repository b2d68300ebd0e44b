"""The page in a browser: choose, look, play, seek, filter, download, and what is said when something is wrong."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import wait_until
from tests.support.listening import NAMES
from tests.support.serving import run_server

OPEN = "#view:not([hidden])"


def open_upload(page: Any, path: Path) -> None:
    page.locator("#file").set_input_files(str(path))
    page.wait_for_selector(OPEN)
    wait_for_events(page)


def wait_for_events(page: Any) -> None:
    wait_until(page, "/^\\d/.test(document.querySelector('#count').textContent)")


def set_threshold(page: Any, value: str) -> str:
    page.locator("#threshold").fill(value)
    page.wait_for_timeout(300)
    page.wait_for_load_state("networkidle")
    return page.locator("#count").inner_text()


def read_clock(page: Any) -> float:
    minutes, seconds = page.locator("#clock").inner_text().split(" / ")[0].split(":")
    return 60 * int(minutes) + float(seconds)


def wait_for_clock(page: Any, seconds: float) -> None:
    """Wait until the clock is at a moment, to 0.3 s: an earlier seek may end, and be shown, after a later one began."""
    text = "document.querySelector('#clock').textContent.split(' / ')[0].split(':')"
    wait_until(page, f"Math.abs({text}.reduce((total, part) => 60 * total + Number(part), 0) - {seconds}) <= 0.3")
    # the next key starts from where the player is, which it reports once the seek has ended
    wait_until(page, f"Math.abs(document.querySelector('#media').currentTime - {seconds}) <= 0.3")


def count_colours(page: Any) -> int:
    return page.evaluate(
        """() => { const c = document.querySelector('#spectrogram');
        const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
        return new Set(d).size; }"""
    )


def test_an_upload_is_shown_with_picture_events_and_classes(page: Any, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    assert page.locator("#name").inner_text() == "forty.wav"
    assert page.locator("#clock").inner_text().endswith("/ 0:40.0")
    assert page.locator("#classes li").count() == len(NAMES)
    wait_until(page, "document.querySelector('#spectrogram').width > 300")
    page.wait_for_load_state("networkidle")
    assert count_colours(page) > 20
    assert not page.locator("#player").is_visible()


def test_a_video_plays_and_pauses_with_its_picture(page: Any) -> None:
    page.get_by_role("button", name="film.mp4").click()
    page.wait_for_selector(OPEN)
    wait_until(page, "document.querySelector('#media').videoWidth > 0")
    assert page.locator("#player").is_visible()
    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('#media').currentTime > 0.3")
    assert page.locator("#play").inner_text() == "Pause"
    page.keyboard.press("Space")
    wait_until(page, "document.querySelector('#media').paused")
    assert read_clock(page) > 0.2


def test_clicks_and_keys_seek(page: Any, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    box = page.locator("#spectrogram").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    wait_for_clock(page, 20.0)
    page.keyboard.press("ArrowRight")
    wait_for_clock(page, 21.0)
    page.keyboard.press("Shift+ArrowLeft")
    wait_for_clock(page, 11.0)
    page.keyboard.press("Home")
    wait_for_clock(page, 0.0)
    # the playhead follows with the next picture that the browser draws; of 40 s, 0.75 % are 0.3 s
    wait_until(page, "parseFloat(document.querySelector('#playhead').style.left) < 0.75")


def test_the_threshold_changes_the_events(page: Any, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    assert set_threshold(page, "0.01") != "0 events"
    assert page.locator("#events tr").count() >= 1
    assert set_threshold(page, "0.99") == "0 events"
    page.locator("#main").focus()
    page.keyboard.press("[")
    assert page.locator("#level").inner_text() == "0.94"


def test_classes_are_filtered_and_left_out(page: Any, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    set_threshold(page, "0.01")
    page.locator("#filter").fill(NAMES[0])
    assert page.locator("#classes li").count() == 1
    page.get_by_role("button", name="None", exact=True).click()
    cells = "[...document.querySelectorAll('#events td:nth-child(3)')]"
    wait_until(page, f"{cells}.every(cell => cell.innerText !== {json.dumps(NAMES[0])})")
    assert page.locator("#events td:nth-child(3)").count()


def test_zoom_shows_a_part_and_keeps_the_position_in_view(page: Any, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    for _ in range(4):
        page.keyboard.press("End")
        page.keyboard.press("+")
    page.keyboard.press("Home")
    page.wait_for_load_state("networkidle")
    assert page.locator("#playhead").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("kind", ["csv", "audacity", "raven"])
def test_what_is_downloaded_is_what_is_shown(page: Any, recordings: Path, kind: str) -> None:
    open_upload(page, recordings / "forty.wav")
    set_threshold(page, "0.01")
    count = page.locator("#events tr").count()
    page.locator("#format").select_option(kind)
    with page.expect_download() as started:
        page.locator("#download").click()
    text = Path(started.value.path()).read_text()
    assert started.value.suggested_filename.startswith("forty.")
    rows = list(csv.reader(text.splitlines(), delimiter="," if kind == "csv" else "\t"))
    assert len(rows) - (kind != "audacity") == count


def test_what_is_wrong_is_said_in_a_sentence_and_never_as_html(page: Any, recordings: Path) -> None:
    (bad,) = recordings.glob("<img*")
    page.get_by_role("button", name=re.compile("^<img")).click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert bad.name in alert.inner_text()
    page.locator("#file").set_input_files({"name": "empty.wav", "mimeType": "audio/wav", "buffer": b""})
    wait_until(page, "document.querySelector('#error').textContent.includes('0 bytes')")
    assert page.locator("main img").count() == 0
    page.wrong[:] = [one for one in page.wrong if "400 (Bad Request)" not in one]  # Chromium reports the status itself


def test_a_closed_recording_is_removed_from_the_server(page: Any, address: str, recordings: Path) -> None:
    open_upload(page, recordings / "forty.wav")
    with page.expect_response(lambda one: one.request.method == "DELETE") as answered:
        page.keyboard.press("Escape")
    assert answered.value.status == 204
    assert page.locator("#start").is_visible()
    assert page.request.get(f"{address}/health").json()["stored_bytes"] == 0


def test_the_theme_is_switched_and_kept(page: Any) -> None:
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    after = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert after != before
    page.reload()
    page.wait_for_selector("#start:not([hidden])")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == after


def test_a_phone_needs_no_sideways_scrolling_and_all_controls_have_names(page: Any, recordings: Path) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    open_upload(page, recordings / "forty.wav")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, [role]:not([role=alert], [role=status])')]
        .filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
        .map(e => e.outerHTML)"""
    )
    assert unnamed == []


def test_the_token_is_asked_for_once(browser: Any, run: Path) -> None:
    with run_server(run, HEARSIGHT_TOKEN="a-long-enough-secret") as (address, _):
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.get_by_label("Token").fill("not the secret at all")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        page.get_by_label("Token").fill("a-long-enough-secret")
        page.keyboard.press("Enter")
        page.wait_for_selector("#start:not([hidden])")
        page.reload()
        page.wait_for_selector("#start:not([hidden])")
        assert "classes" in page.locator("#model").inner_text()
        context.close()
