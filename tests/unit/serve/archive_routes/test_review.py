"""Judgements by REST: saved at once, as `hearsight review` reads them, and nothing else is changed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from hearsight.review.judged import read_judged
from hearsight.serve.archive_routes.review import ClassCount
from hearsight.serve.server import ArchivePlaces
from hearsight.teaching.examples import find_examples
from tests.support.serving import Client, open_client

HEAD = "path,start,duration,class,probability,judgement,stratum,stratum_size\n"
HTML = "<img src=x onerror=alert(1)>"


def write_table(path: Path, sounds: Path) -> Path:
    rows = [
        f"{sounds / 'low.wav'},0.5,1.0,bark,0.9,,0,3",
        f"{sounds / 'low.wav'},1.5,1.0,bark,0.4,wrong,0,3",
        f'{sounds / "high.wav"},0.0,1.0,"{HTML}",0.7,,0,1',
        f"{sounds / 'gone.wav'},0.0,1.0,bark,0.2,,0,3",
    ]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path, sounds: Path) -> Path:
    return write_table(tmp_path / "judge.csv", sounds)


@pytest.fixture
def client(listener: Any, tmp_path: Path, sounds: Path, table: Path) -> Iterator[Client]:
    (tmp_path / "private").mkdir()
    with open_client(listener, tmp_path / "private", places=ArchivePlaces(sounds, judgements=table)) as one:
        yield one


@pytest.fixture
def growing(listener: Any, tmp_path: Path, sounds: Path) -> Iterator[Client]:
    (tmp_path / "other").mkdir()
    places = ArchivePlaces(sounds, judgements=tmp_path / "new.csv")
    with open_client(listener, tmp_path / "other", places=places) as one:
        yield one


def judge(client: Client, rows: list[tuple[int, str]]) -> Any:
    keys = {one["row"]: one["key"] for one in client.ask("GET", "/review").json()["rows"]}
    sent = [{"row": row, "key": keys.get(row, ""), "judgement": word} for row, word in rows]
    return client.ask("POST", "/review", json={"judgements": sent})


def check_refused(answer: Any, status: int, reason: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["reason"]) == (status, status, reason), body
    assert body["error"].isprintable()
    return body["error"]


def detection(client: Client, **changes: Any) -> dict[str, Any]:
    key = client.ask("GET", "/recordings").json()["recordings"][0]["id"]
    known = {"recording": key, "start": 1.0, "duration": 0.5, "class": "bark", "probability": 0.8, "judgement": "right"}
    return known | changes


def test_the_table_is_shown_with_counts_and_judgements(client: Client) -> None:
    state = client.ask("GET", "/review").json()
    assert (state["table"], state["takes_more"]) == ("judge.csv", False)
    assert [one["judgement"] for one in state["rows"]] == ["", "wrong", "", ""]
    assert state["rows"][2]["class"] == HTML
    assert state["classes"][1] == {"name": "bark", "rows": 3, "right": 0, "wrong": 1, "skip": 0}


def test_judgements_are_in_the_file_and_review_reads_them(client: Client, table: Path) -> None:
    before = list(csv.reader(table.read_text().splitlines()))
    answer = judge(client, [(0, "right"), (2, "skip")]).json()
    assert answer["saved"] == 2
    assert ClassCount(**answer["classes"][1]) == ClassCount(name="bark", rows=3, right=1, wrong=1, skip=0)
    after = list(csv.reader(table.read_text().splitlines()))
    changed = [
        (row, place)
        for row, cells in enumerate(after)
        for place, cell in enumerate(cells)
        if cell != before[row][place]
    ]
    assert changed == [(1, 5), (3, 5)]
    bark = next(one for one in read_judged([table]) if one.name == "bark")
    assert sorted(zip(bark.scores.tolist(), bark.right.tolist(), strict=True)) == [(0.4, False), (0.9, True)]
    assert judge(client, [(0, "")]).json()["classes"][1]["right"] == 0
    assert sorted(one.name for one in table.parent.iterdir() if one.is_file()) == ["judge.csv"]


def test_thresholds_follow_from_the_judgements(client: Client) -> None:
    judge(client, [(0, "right")])
    found = client.ask("GET", "/review/thresholds?precision=0.9").json()
    shown = [(one["name"], one["num_judged"], one["threshold"], one["too_few"]) for one in found["classes"]]
    assert shown == [("bark", 2, None, 1)]  # one of them is at or above 0.9
    assert found["unjudged"] == [HTML]


def test_a_row_is_heard_with_its_context(client: Client) -> None:
    answer = client.ask("GET", "/review/0/sound?context=0.25")
    sound, rate = soundfile.read(io.BytesIO(answer.content))
    assert len(sound) / rate == pytest.approx(1.5)
    check_refused(client.ask("GET", "/review/3/sound"), 404, "no_recording")
    check_refused(client.ask("GET", "/review/4/sound"), 404, "no_row")


def test_a_table_that_was_changed_meanwhile_is_not_spoilt(client: Client, table: Path, sounds: Path) -> None:
    rows = client.ask("GET", "/review").json()["rows"]
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([lines[0], *lines[2:]]))
    sent = {"row": 0, "key": rows[0]["key"], "judgement": "right"}
    before = table.read_bytes()
    check_refused(client.ask("POST", "/review", json={"judgements": [sent]}), 409, "changed")
    check_refused(client.ask("POST", "/review", json={"judgements": [sent | {"row": 900}]}), 409, "changed")
    assert table.read_bytes() == before
    table.write_text("nothing,of,it\n")
    error = check_refused(client.ask("GET", "/review"), 422, "unusable")
    assert str(table.parent) not in error
    write_table(table, sounds)
    assert judge(client, [(0, "right")]).status_code == 200


def test_a_new_table_grows_and_what_is_judged_again_is_replaced(growing: Client, tmp_path: Path) -> None:
    assert growing.ask("GET", "/review").json()["rows"] == []
    for word in ("right", "wrong"):
        assert (
            growing.ask("POST", "/review", json={"detections": [detection(growing, judgement=word)]}).json()["saved"]
            == 1
        )
    growing.ask("POST", "/review", json={"detections": [detection(growing, **{"class": "=HYPERLINK(1)"})]})
    (bad, good) = sorted(read_judged([tmp_path / "new.csv"]), key=lambda one: len(one.name), reverse=True)
    assert (bad.name, good.name, good.right.tolist()) == ("=HYPERLINK(1)", "bark", [False])
    assert "'=HYPERLINK(1)" in (tmp_path / "new.csv").read_text()
    examples = find_examples([tmp_path / "new.csv"])
    assert sorted((one.name, one.is_wrong, one.start, one.end) for one in examples) == [
        ("=HYPERLINK(1)", False, 1.0, 1.5),
        ("bark", True, 1.0, 1.5),
    ]
    row = growing.ask("GET", "/review").json()["rows"][0]
    assert growing.ask("GET", f"/review/{row['row']}/sound").status_code == 200


def test_a_drawn_sample_does_not_grow(client: Client, table: Path) -> None:
    before = table.read_bytes()
    check_refused(client.ask("POST", "/review", json={"detections": [detection(client)]}), 409, "drawn")
    assert table.read_bytes() == before


def test_the_name_of_an_upload_never_reaches_a_file_beside_the_table(
    growing: Client, tmp_path: Path, sounds: Path
) -> None:
    (tmp_path / "secret.wav").write_bytes((sounds / "low.wav").read_bytes())
    key = growing.ask("POST", "/recordings?name=secret.wav", content=(sounds / "high.wav").read_bytes()).json()["id"]
    growing.ask("POST", "/review", json={"detections": [detection(growing, recording=key)]})
    check_refused(growing.ask("GET", "/review/0/sound"), 404, "no_recording")
    found = growing.ask("GET", "/review").json()["rows"][0]["recording"]
    assert growing.ask("GET", f"/recordings/{found}/media").status_code == 404


def test_files_that_are_no_sound_are_not_sent_although_a_table_names_them(listener: Any, tmp_path: Path) -> None:
    (tmp_path / "password.txt").write_text("secret")
    (tmp_path / "judge.csv").write_text(f"path,start,duration,class,judgement\n{tmp_path / 'password.txt'},0,1,bark,\n")
    with open_client(listener, tmp_path, places=ArchivePlaces(judgements=tmp_path / "judge.csv")) as client:
        key = client.ask("GET", "/review").json()["rows"][0]["recording"]
        for path in (f"/recordings/{key}/media", "/review/0/sound"):
            answer = client.ask("GET", path)
            check_refused(answer, 415, "not_media")
            assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status", "reason"),
    [
        (b"", "application/json", 422, "usage"),
        (b"{", "application/json", 422, "usage"),
        (b"[" * 100_000, "application/json", 422, "usage"),
        (b'{"judgements": [{"row": -1, "key": "", "judgement": "right"}]}', "application/json", 422, "usage"),
        (b'{"judgements": [{"row": 0, "key": "", "judgement": "<b>"}]}', "application/json", 422, "usage"),
        (b"{}", "application/json", 422, "usage"),
        (b"{}", "text/plain", 415, "not_json"),
        (b'"' + b"a" * (1 << 20) + b'"', "application/json", 413, "too_large"),
        (json.dumps({"judgements": [], "path": "/etc/passwd"}).encode(), "application/json", 422, "usage"),
    ],
    ids=["empty", "truncated", "nested", "negative", "word", "nothing", "mislabelled", "large", "field"],
)
def test_wrong_bodies_are_refused_and_change_nothing(
    client: Client, table: Path, content: bytes, kind: str, status: int, reason: str
) -> None:
    before = table.read_bytes()
    check_refused(client.ask("POST", "/review", content=content, headers={"content-type": kind}), status, reason)
    assert table.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [{"class": "\x1b[2J"}, {"class": ""}, {"class": "a" * 201}, {"start": -1.0}, {"duration": 0.0}, {"judgement": ""}],
    ids=["escape", "unnamed", "long", "start", "duration", "unjudged"],
)
def test_wrong_detections_are_refused(growing: Client, tmp_path: Path, changes: dict[str, Any]) -> None:
    answer = growing.ask("POST", "/review", json={"detections": [detection(growing, **changes)]})
    check_refused(answer, 422, "usage")
    assert not (tmp_path / "new.csv").exists()


def test_a_full_disk_loses_no_judgement(client: Client, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = table.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hearsight.files.Path.write_bytes", fail)
    check_refused(judge(client, [(0, "right")]), 507, "disk_full")
    assert table.read_bytes() == before
    assert [one.name for one in table.parent.iterdir() if one.is_file()] == ["judge.csv"]


def test_a_server_without_a_table_says_so(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path) as client:
        check_refused(client.ask("GET", "/review"), 404, "no_review")
        check_refused(client.ask("POST", "/review", json={}), 404, "no_review")
