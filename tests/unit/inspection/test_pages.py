from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.survey.survey import find_agreement
from hearsight.dataset.survey.tables import LabelTables
from hearsight.errors import UsageError
from hearsight.inspection.choose import Choice, choose_clips
from hearsight.inspection.clips import read_span
from hearsight.inspection.inspect import inspect_clips, inspect_rejections
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.videos import write_clip

NASTY = "</article><script>alert('x')</script>\"onload=\""
EYES = InventedTeacher("eyes", "vision", ("dog", NASTY, "cat"), top=2)
EARS = InventedTeacher("ears", "audio", ("dog", "rain", "unused"), top=2)


class Page(HTMLParser):
    """The elements of a page, and every address in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def find(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        names = {key.rstrip("_"): value for key, value in wanted.items()}
        return [a for name, a in self.elements if name == tag and all(a.get(k) == v for k, v in names.items())]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    videos = [str(write_clip(folder / f"video-{n}.mp4", seconds=3.0, seed=n)) for n in range(2)]
    sources = [*videos, str(folder / "gone <b>.mp4"), *(f"/nowhere/{n}.mp4" for n in range(9))]
    clips = [
        InventedClip(source, {"eyes": {n % 2: 0.9, 2: 0.3}, "ears": {n % 2: 0.8}}) for n, source in enumerate(sources)
    ]
    rejected = [
        {"path": sources[0], "start": 1.0, "duration": 2.0, "reason": "silent", "detail": f"-80 dB {NASTY}"},
        *(
            {"path": f"/x{n}.mp4", "start": 0.0, "duration": None, "reason": "unreadable", "detail": "no such file"}
            for n in range(20)
        ),
    ]
    return write_dataset(folder / "dataset", [EYES, EARS], clips, rejected=rejected, seconds=1.0)


@pytest.fixture(scope="module")
def page(dataset: Path) -> str:
    out = dataset.parent / "clips.html"
    inspect_clips(dataset, Choice(count=50)).write_page(out)
    return out.read_text(encoding="utf-8")


def test_a_page_has_a_card_with_sound_and_labels_for_each_clip(page: str) -> None:
    parsed = Page(page)
    assert len(parsed.find("article", class_="card")) == 12
    assert len(parsed.find("audio")) == 12
    assert "12 of 12 clips, drawn at random with seed 0" in page
    assert "90 %" in page
    assert "heard · ears" in page


def test_pictures_come_from_the_media_and_their_absence_has_a_reason(page: str) -> None:
    cards = page.split("<article")[1:]
    for card in cards:
        there = "video-" in card
        assert ('<div class="pictures">' in card) == there
        assert ('<p class="missing">' in card) != there
    assert "gone &lt;b&gt;.mp4" in page


def test_nothing_on_a_page_comes_from_the_network_or_is_taken_for_markup(page: str) -> None:
    parsed = Page(page)
    assert len(parsed.find("script")) == 1
    assert not [a for _, a in parsed.elements if any(key.startswith("on") for key in a)]
    addresses = [a[key] or "" for _, a in parsed.elements for key in ("src", "href", "srcset", "poster") if key in a]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"data:[^\"]*", "", page))
    (policy,) = parsed.find("meta", http_equiv="Content-Security-Policy") or [
        a for _, a in parsed.elements if a.get("http-equiv")
    ]
    assert "default-src 'none'" in (policy["content"] or "")


def test_the_script_of_the_pages_is_valid(page: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node to check JavaScript with")
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    (tmp_path / "page.js").write_text(script, encoding="utf-8")
    checked = subprocess.run([node, "--check", str(tmp_path / "page.js")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_rejections_of_every_reason_are_shown_with_what_was_found(dataset: Path) -> None:
    report = inspect_rejections(dataset, 6, seed=0)
    assert {str(one.reason) for one in report.rejections} == {"silent", "unreadable"}
    assert report.lead.startswith("6 of 21 ")
    out = dataset.parent / "rejected.html"
    report.write_page(out)
    parsed = Page(out.read_text(encoding="utf-8"))
    assert len(parsed.find("article", class_="card")) == 6
    assert len(parsed.find("audio")) == 1
    assert "-80 dB &lt;/article&gt;" in out.read_text(encoding="utf-8")


def test_a_clip_is_found_by_the_beginning_of_its_uuid_and_has_its_labels(dataset: Path) -> None:
    every = inspect_clips(dataset, Choice(count=12)).clips
    wanted = every[5]
    (found,) = inspect_clips(dataset, Choice(uuid=wanted.row["uuid"][:13].upper())).clips
    assert found == wanted
    assert [(label.sense, label.probability) for label in found.labels] == [
        ("seen", pytest.approx(0.9)),
        ("seen", pytest.approx(0.3)),
        ("heard", pytest.approx(0.8)),
    ]
    for uuid, message in (("zzzz", "no clip"), ("a", "at least its first 4")):
        with pytest.raises(UsageError, match=message):
            inspect_clips(dataset, Choice(uuid=uuid))


def test_clips_are_chosen_by_class_and_a_name_without_sense_means_both(dataset: Path) -> None:
    tables = LabelTables(dataset)
    clips = inspect_clips(dataset, Choice(name="DOG", count=50)).clips
    assert len(clips) == 6
    assert all("dog" in [label.name for label in clip.labels] for clip in clips)
    assert len(choose_clips(tables, Choice(name="rain", count=50), np.zeros(0, np.float32))) == 6
    with pytest.raises(UsageError, match="dig") as refusal:
        choose_clips(tables, Choice(name="dig"), np.zeros(0, np.float32))
    assert "hint" in str(refusal.value)


def test_a_sample_depends_on_its_seed_alone(dataset: Path) -> None:
    tables = LabelTables(dataset)
    none = np.zeros(0, np.float32)
    first, again, other = (choose_clips(tables, Choice(count=5, seed=seed), none) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(set(first)) == 5
    assert first.tolist() != other.tolist()


def test_clips_that_agree_least_come_first_where_that_is_asked_for(dataset: Path) -> None:
    tables = LabelTables(dataset)
    agreement = find_agreement(tables)
    least = choose_clips(tables, Choice(count=12, order="disagreeing"), agreement)
    assert (np.diff(agreement[least]) >= 0).all()
    most = choose_clips(tables, Choice(count=3, order="agreeing"), agreement)
    assert agreement[most].min() >= np.sort(agreement)[-3]
    with pytest.raises(UsageError, match="--order"):
        choose_clips(tables, Choice(order="agreeing"), np.zeros(0, np.float32))


@pytest.mark.parametrize("count", [0, 101])
def test_a_page_has_a_bounded_number_of_clips(dataset: Path, count: int) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        inspect_clips(dataset, Choice(count=count))
    with pytest.raises(UsageError, match="1 to 100"):
        inspect_rejections(dataset, count, seed=0)


def test_a_span_has_its_pictures_and_sound_at_any_rate(dataset: Path) -> None:
    span = read_span(str(dataset.parent / "video-0.mp4"), 1.0, 1.5, 22_050)
    assert [image.shape for image in span.images] == [(108, 144, 3)] * 4
    assert len(span.samples) == pytest.approx(1.5 * 22_050, abs=300)
    assert span.problem == ""
