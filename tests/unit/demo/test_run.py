from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hearsight.demo.result import DemoFolder, DemoResult, DemoSettings
from hearsight.demo.run import run_demo
from hearsight.errors import UsageError

SMALL = DemoSettings(num_videos=6, seconds=8.0, sounds_per_kind=2, width=0.1, epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEARSIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield run_demo(tmp_path_factory.mktemp("demos") / "demo", seed=3, workers=1, settings=SMALL)


class _Page(HTMLParser):
    """Collects elements, and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_demo_runs_through_and_says_what_came_of_it(result: DemoResult) -> None:
    lines = "\n".join(result.describe())
    assert "trained by watching" in lines
    assert str(result.page) in lines
    assert set(result.as_json()) >= {"student", "untrained", "log_mel", "gains", "label_truth", "seconds"}
    assert list(result.seconds) == ["world", "build", "train", "evaluate", "report"]
    assert result.student.num_clips == 24
    assert 0.0 <= result.label_truth <= 1.0
    assert [scale.modality for scale in result.quality] == ["vision"] * 3 + ["audio"] * 3


def test_the_page_is_one_file_that_needs_no_network(result: DemoResult) -> None:
    text = result.page.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.open == []
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "data") and value
    ]
    assert len(addresses) > 20
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import|<script\s|<link", text)
    assert sum(tag == "video" for tag, _ in page.elements) == 13
    assert sum(tag == "svg" for tag, _ in page.elements) >= 16


def test_the_lines_that_move_with_the_example_are_in_its_drawing(result: DemoResult) -> None:
    text = result.page.read_text(encoding="utf-8")
    example = text[text.index('<div class="example">') : text.index("<script>")]
    for name in ("playhead-0", "playhead-1", "playhead-span"):
        assert example.count(f'id="{name}"') == 1
        assert text.count(f'id="{name}"') == 1
    assert re.search(r"The most probable kind is correct in \d+ of \d+ one-second segments", text)


def test_run_again_it_keeps_everything_and_gives_the_same_scores(result: DemoResult) -> None:
    place = DemoFolder(result.page.parent)
    kept = {path: path.stat().st_mtime_ns for path in place.folder.rglob("*.mp4")}
    weights = (place.run / "model.safetensors").read_bytes()
    again = run_demo(place.folder, seed=3, workers=1, settings=SMALL)
    assert again.student.accuracy == result.student.accuracy
    assert {path: path.stat().st_mtime_ns for path in place.folder.rglob("*.mp4")} == kept
    assert (place.run / "model.safetensors").read_bytes() == weights
    assert sum(again.seconds.values()) >= sum(result.seconds.values())


def test_a_folder_of_another_demo_or_of_something_else_is_left_alone(result: DemoResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another seed"):
        run_demo(result.page.parent, seed=4, settings=SMALL)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="which is not a demo"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_recipe_is_the_quick_one_with_the_settings_of_the_demo() -> None:
    config = DemoSettings(epochs=7, width=0.5).make_train_config(seed=2)
    assert (config.recipe, config.epochs, config.options, config.seed) == ("quick", 7, {"width": 0.5}, 2)
    assert DemoSettings().make_build_config(5).seed == 5
