from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsight.errors import TableError, UsageError, WorkerError
from hearsight.media.lists.formats import recognise_list
from hearsight.media.lists.queries import list_queries


def search(query: str, most: int) -> Iterator[str]:
    """Find endless videos, the first of which is the same for every query."""
    yield "http://a.org/popular.mp4"
    for number in range(10**9):
        yield f"http://a.org/{query.replace(' ', '_')}/{number}.mp4"


def test_the_videos_of_each_query_become_a_list_with_the_query_as_label(tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text('# popular\ndog\n\nice, "cream"\ndog\n')
    summary = list_queries(tmp_path / "queries.txt", search, tmp_path / "list.csv", per_query=3)
    assert (summary.num_queries, summary.num_videos, summary.num_repeated) == (2, 5, 1)
    videos = recognise_list(tmp_path / "list.csv")
    assert videos is not None
    entries = list(videos.read())
    assert [entry.labels for entry in entries] == ["dog"] * 3 + ['ice, "cream"'] * 2
    assert len({entry.id for entry in entries}) == 5


def test_a_lister_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = importlib.metadata.EntryPoint("mine", f"{__name__}:search", "hearsight.listers")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry] if group == entry.group else [])
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: search)
    (tmp_path / "queries.txt").write_text("dog\n")
    assert list_queries(tmp_path / "queries.txt", "mine", tmp_path / "list.csv", per_query=2).num_videos == 2
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        list_queries(tmp_path / "queries.txt", "mime", tmp_path / "list.csv")


def fail(query: str, most: int) -> Iterator[str]:
    raise ConnectionError("no network")


@pytest.mark.parametrize(
    ("lister", "text", "kind", "found"),
    [
        (fail, "dog\n", WorkerError, "no network"),
        (lambda query, most: [3], "dog\n", TableError, "returned 3"),
        (lambda query, most: ["file:///etc/passwd"], "dog\n", TableError, "file:///etc/passwd"),
        (search, "# nothing\n", UsageError, "no query"),
        ("absent", "dog\n", UsageError, "'absent', which no package offers"),
    ],
)
def test_a_lister_that_fails_leaves_no_list(
    tmp_path: Path, lister: object, text: str, kind: type[Exception], found: str
) -> None:
    (tmp_path / "queries.txt").write_text(text)
    with pytest.raises(kind, match=found):
        list_queries(tmp_path / "queries.txt", lister, tmp_path / "list.csv")  # type: ignore[arg-type]
    assert not (tmp_path / "list.csv").exists()
