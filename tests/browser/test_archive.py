"""The parts of the page for many recordings: search, map, review, teach, and what is said when something is wrong."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hearsight.listening.listener import load
from tests.browser.conftest import open_page, wait_until
from tests.support.archive import index, sounds
from tests.support.serving import run_server

__all__ = ["index", "sounds"]

HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def address(browser: Any, run: Path, sounds: Path, index: Path, work: Path) -> Iterator[str]:
    options = ["--folder", str(sounds), "--index", str(index)]
    options += ["--review", str(work / "judge.csv"), "--teach-out", str(work / "taught")]
    with run_server(run, *options) as (found, _):
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with open_page(browser, address) as one:
        one.wait_for_selector("#tab-teach:not([hidden])")
        yield one


def open_recording(page: Any, name: str = "low.wav") -> None:
    page.get_by_role("button", name=name).first.click()
    page.wait_for_selector("#view:not([hidden])")
    page.wait_for_selector("#events tr, #count:has-text('0 events')", state="attached")


def drag(page: Any, selector: str, *places: tuple[float, float]) -> None:
    box = page.locator(selector).bounding_box()
    first, *others = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_a_marked_span_finds_similar_sounds_which_are_heard_opened_and_searched_by(page: Any) -> None:
    open_recording(page)
    drag(page, "#spectrogram", (0.2, 0.5), (0.6, 0.5))
    assert page.locator("#span").inner_text() == "0:00.60 to 0:01.80"
    with page.expect_response(lambda one: "/sound?" in one.url) as heard:
        page.keyboard.press("Enter")
    assert heard.value.status in (200, 206)
    page.keyboard.press("f")
    page.wait_for_selector("#found tr")
    assert "low.wav, 0:00.6 to 0:01.8" in page.locator("#query").inner_text()
    with page.expect_response(lambda one: "/index/rows/" in one.url) as heard:
        page.locator("#found").get_by_role("button", name="Play").first.click()
    assert heard.value.headers["content-type"] == "audio/wav"
    page.locator("#where").fill("site = 'south'")
    page.keyboard.press("Enter")
    wait_until(
        page,
        "![...document.querySelectorAll('#found .link')].some(e => /low|-[01]/.test(e.textContent.split('/').pop()))",
    )
    page.locator("#found").get_by_role("button", name="More like").first.click()
    wait_until(page, "/^Like (?!low.wav)/.test(document.querySelector('#query').textContent)")
    page.locator("#found .link").first.click()
    page.wait_for_selector("#view:not([hidden])")
    page.wait_for_selector("#markbar")  # visible once the recording is open


def test_a_span_is_marked_by_keys_and_a_condition_that_does_harm_is_refused(page: Any) -> None:
    open_recording(page)
    page.keyboard.press("m")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("m")
    assert page.locator("#span").inner_text() == "0:00.00 to 0:01.00"
    page.keyboard.press("f")
    page.wait_for_selector("#found tr")
    page.locator("#where").fill("(SELECT count(*) FROM read_csv('/etc/passwd')) > 0")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "a query inside the expression" in page.locator("#error").inner_text()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.wrong[:] = [one for one in page.wrong if "422 (Unproc" not in one]


def test_a_file_is_searched_by_and_a_broken_one_is_named(page: Any, sounds: Path) -> None:
    page.keyboard.press("2")
    page.locator("#like").set_input_files(str(sounds / "high.wav"))
    page.wait_for_selector("#found tr")
    page.locator("#like").set_input_files({"name": HTML, "mimeType": "audio/wav", "buffer": b"no sound" * 99})
    page.get_by_role("alert").wait_for()
    assert HTML in page.locator("#error").inner_text()
    assert page.locator("main img").count() == 0
    page.wrong[:] = [one for one in page.wrong if "415 (Unsupp" not in one]


def test_the_map_is_walked_by_keys_and_points_are_drawn_around_and_labelled(page: Any) -> None:
    page.keyboard.press("3")
    page.wait_for_selector("#legend li")
    page.locator("#map").focus()
    with page.expect_response(lambda one: one.url.endswith("/sound?context=0")):
        page.keyboard.press("ArrowRight")
    wait_until(page, "/ to 0:/.test(document.querySelector('#map-row').textContent)")
    page.keyboard.press("Space")
    assert page.locator("#map-chosen").inner_text() == "1 chosen"
    drag(page, "#map", (0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99))
    total = page.locator("#map-count").inner_text().split()[0]
    assert page.locator("#map-chosen").inner_text() == f"{total} chosen"
    page.locator("#map-class").fill(HTML)
    page.keyboard.press("Enter")
    assert page.locator("#example-count").inner_text() == total
    page.keyboard.press("Escape")
    page.locator("#map-list").click()
    page.wait_for_selector("#found tr")
    page.locator("#tab-teach").click()
    assert HTML in page.locator("#examples summary").inner_text()
    assert page.locator("main img").count() == 0


def test_events_are_judged_by_key_and_lie_in_the_table(page: Any, work: Path) -> None:
    open_recording(page)
    page.locator("#threshold").fill("0.01")
    page.wait_for_selector("#events tr")
    wait_until(page, "!/^0 /.test(document.querySelector('#count').textContent)")
    page.locator("#review-events").click()
    count = int(page.locator("#review-count").inner_text().split()[2])
    assert count >= 2
    with page.expect_response(lambda one: one.url.endswith("/review") and one.request.method == "POST"):
        page.keyboard.press("r")
    with page.expect_response(lambda one: one.url.endswith("/review") and one.request.method == "POST"):
        page.keyboard.press("w")
    wait_until(page, "document.querySelector('#review-saved').textContent === 'Saved'")
    assert f"2 of {count} judged: 1 right, 1 wrong, 0 skipped" in page.locator("#review-count").inner_text()
    with (work / "judge.csv").open() as file:
        assert [row["judgement"] for row in csv.DictReader(file)] == ["right", "wrong"]
    page.keyboard.press("b")
    page.keyboard.press("b")
    assert page.locator("#right").get_attribute("aria-pressed") == "true"
    page.locator("#thresholds-form").get_by_role("button").click()
    page.wait_for_selector("#thresholds tr")
    page.reload()
    page.wait_for_selector("#tab-review:not([hidden])")
    page.keyboard.press("4")
    wait_until(page, "/^2 of 2 judged/.test(document.querySelector('#review-count').textContent)")


def test_a_judgement_that_cannot_be_saved_is_taken_back(page: Any, work: Path) -> None:
    (work / "judge.csv").write_text(f"path,start,duration,class,judgement\n{work / 'gone.wav'},0,1,{HTML},\n")
    page.reload()
    page.wait_for_selector("#tab-review:not([hidden])")
    page.keyboard.press("4")
    page.wait_for_selector("#card:not([hidden])")
    assert HTML in page.locator("#question").inner_text()
    assert page.locator("main img").count() == 0
    (work / "judge.csv").write_text("path,start,duration,class,judgement\n")
    page.keyboard.press("r")
    wait_until(page, "document.querySelector('#review-saved').textContent === 'Not saved'")
    assert "load the page again" in page.locator("#error").inner_text()
    assert "0 of 1 judged" in page.locator("#review-count").inner_text()
    page.wrong[:] = [one for one in page.wrong if "409 (Conflict)" not in one]


def test_two_classes_are_taught_from_search_results_and_suggestions_are_judged(page: Any, work: Path) -> None:
    for name in ("low", "high"):
        for key in ("1", "Escape", "Escape"):  # the first one removes the mark, the second one closes the recording
            page.keyboard.press(key)
        open_recording(page, f"{name}.wav")
        drag(page, "#spectrogram", (0.2, 0.5), (0.6, 0.5))
        page.locator("#mark-class").fill(name)
        page.keyboard.press("Enter")
        drag(page, "#spectrogram", (0.2, 0.5), (0.6, 0.5))
        page.locator("#mark-find").click()
        page.wait_for_selector("#found tr")
        rows = page.locator("#found tr").filter(has_text=f"/{name}-")
        for place in range(rows.count()):
            rows.nth(place).get_by_role("checkbox").check()
        page.locator("#found-class").fill(name)
        page.keyboard.press("Enter")
        wait_until(page, "/added to/.test(document.querySelector('#found-state').textContent)")
        page.locator("#found-class").blur()
    page.keyboard.press("5")
    assert page.locator("#examples summary").count() == 2
    page.locator("#lesson-name").fill("tones")
    page.keyboard.press("Enter")
    page.wait_for_selector("#report:not([hidden])")
    assert "taught/tones is ready" in page.locator("#report-text").inner_text()
    assert page.locator("#report-rows tr").count() == 2
    assert load(work / "taught" / "tones", device="cpu").vocabulary == ("high", "low", "background")
    before = int(page.locator("#example-count").inner_text())
    page.locator("#judge-suggested").click()
    page.wait_for_selector("#card:not([hidden])")
    page.keyboard.press("r")
    page.keyboard.press("s")
    wait_until(page, "/^2 of/.test(document.querySelector('#review-count').textContent)")
    assert int(page.locator("#example-count").inner_text()) in (before, before + 1)
    page.keyboard.press("5")
    page.locator("#lesson-name").fill("tones")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "there is a model 'tones' already" in page.locator("#error").inner_text()
    page.wrong[:] = [one for one in page.wrong if "409 (Conflict)" not in one]


def test_a_phone_shows_every_part_and_all_controls_have_names(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    for part in ("listen", "search", "map", "review", "teach"):
        page.locator(f"#tab-{part}").click()
        assert page.locator(f"#part-{part}").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), part
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas, [role]:not([role=alert], [role=status])')]
        .filter(e => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.textContent.trim()
          || e.labels?.length || e.closest('#lanes')))
        .map(e => e.outerHTML)"""
    )
    assert unnamed == []


def test_tabs_are_walked_by_arrow_keys(page: Any) -> None:
    page.locator("#tab-listen").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-search"
    assert page.locator("#part-search").is_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-teach"
