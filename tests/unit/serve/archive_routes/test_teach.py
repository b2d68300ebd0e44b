"""Teaching by REST: a checkpoint in the folder that was allowed, and nothing where the request is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsight.errors import MachineError
from hearsight.listening.listener import load
from hearsight.serve.archive.finding import Archive
from hearsight.serve.archive.lessons import Lessons
from hearsight.serve.server import ArchivePlaces
from hearsight.teaching.teach import teach as teach_model
from tests.support.serving import Client, open_client


@pytest.fixture
def taught(tmp_path: Path) -> Path:
    return tmp_path / "taught"


@pytest.fixture
def client(listener: Any, tmp_path: Path, sounds: Path, index: Path, taught: Path) -> Iterator[Client]:
    (tmp_path / "private").mkdir()
    with open_client(listener, tmp_path / "private", places=ArchivePlaces(sounds, index, taught=taught)) as one:
        yield one


def mark(client: Client, classes: tuple[str, ...] = ("low", "high")) -> list[dict[str, Any]]:
    files = client.ask("GET", "/recordings").json()["recordings"]
    examples = [
        {"class": name, "recording": one["id"], "start": 0.25, "end": 1.75}
        for one in files
        for name in classes
        if name in one["name"]
    ]
    assert len(examples) == 3 * len(classes)
    return examples


def teach(client: Client, name: str = "tones", **changes: Any) -> list[dict[str, Any]]:
    answer = client.ask("POST", "/teach", json={"name": name, "examples": mark(client), **changes})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def check_refused(answer: Any, status: int, reason: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["reason"]) == (status, status, reason), body
    assert body["error"].isprintable()
    return body["error"]


def test_marked_examples_become_a_model_that_tags_and_suggests(
    client: Client, taught: Path, sounds: Path, index: Path, run: Path, tmp_path: Path
) -> None:
    *lines, last = teach(client, suggest=4)
    assert {line["type"] for line in lines} <= {"progress"}
    assert (last["type"], last["out"]) == ("answer", "taught/tones")
    assert [one["name"] for one in last["classes"]] == ["high", "low"]
    table = tmp_path / "examples.csv"
    names = {one["id"]: one["name"] for one in client.ask("GET", "/recordings").json()["recordings"]}
    rows = [f"{sounds / names[one['recording']]},0.25,1.75,{one['class']}" for one in mark(client)]
    table.write_text("\n".join(["path,start,end,class", *rows]) + "\n")
    direct = teach_model([table], tmp_path / "direct", model=run)
    assert last["accuracy"] == direct.as_json()["accuracy"]
    assert load(tmp_path / "direct", device="cpu").digest == load(taught / "tones", device="cpu").digest
    new = load(taught / "tones", device="cpu")
    assert new.vocabulary == ("high", "low", "background")
    for name in ("low", "high"):
        order = [tag.name for tag in new.tag(sounds / f"{name}.wav", top=3) if tag.name != "background"]
        assert order[0] == name
    assert len({one["row"] for one in last["suggested"]}) == 4
    assert {one["class"] for one in last["suggested"]} <= {"low", "high"}
    assert client.ask("GET", "/teach").json() == {"folder": "taught", "models": ["tones"]}
    Archive(index, new)  # the index of the network that it was taught on


def test_rows_of_the_index_and_uploads_are_examples_as_well(client: Client, sounds: Path, index: Path) -> None:
    found = client.ask("GET", "/search?row=0&top=100").json()["found"]
    rows = [{"class": "low", "row": one["row"]} for one in found if "/low" in one["source"]][:4]
    key = client.ask("POST", "/recordings?name=up.wav", content=(sounds / "high.wav").read_bytes()).json()["id"]
    marked = [*mark(client, ("high",)), {"class": "high", "recording": key}, *rows]
    last = teach(client, examples=marked)[-1]
    assert last["type"] == "answer", last
    assert {one["name"]: one["num_examples"] for one in last["classes"]} == {"high": 4, "low": len(rows)}


def test_what_is_wrong_is_learned_from(client: Client) -> None:
    marked = mark(client)
    last = teach(
        client,
        examples=[*marked, marked[0] | {"class": "high" if marked[0]["class"] == "low" else "low", "wrong": True}],
    )[-1]
    assert last["type"] == "answer", last


def test_the_model_of_the_server_stays_as_it_is(client: Client, listener: Any, sounds: Path) -> None:
    before = listener.embed(sounds / "low.wav").values
    tags = listener.tag(sounds / "low.wav")
    teach(client)
    np.testing.assert_array_equal(listener.embed(sounds / "low.wav").values, before)
    assert listener.tag(sounds / "low.wav") == tags


def test_a_name_that_is_taken_is_refused(client: Client) -> None:
    teach(client)
    answer = client.ask("POST", "/teach", json={"name": "tones", "examples": mark(client)})
    check_refused(answer, 409, "exists")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/etc/x", "a.b", "a\x00b", "-x", "é", "<b>", "a" * 65]
)
def test_a_name_is_never_a_path(client: Client, taught: Path, name: str) -> None:
    answer = client.ask("POST", "/teach", json={"name": name, "examples": mark(client)})
    check_refused(answer, 422, "usage")
    assert list(taught.iterdir()) == []


def test_examples_that_cannot_be_used_end_with_one_sentence_and_no_folder(
    client: Client, taught: Path, sounds: Path
) -> None:
    marked = mark(client)
    one_class = [one for one in marked if one["class"] == "low"]
    silent = client.ask("POST", "/recordings?name=no.wav", content=b"no sound at all" * 50).json()["id"]
    for examples in (one_class, [*one_class, {"class": "broken", "recording": silent}], marked[:2]):
        last = teach(client, "new", examples=examples)[-1]
        assert (last["type"], last["status"]) == ("refusal", 422), last
        assert str(sounds) not in json.dumps(last)
        assert str(client.service.folder.path) not in json.dumps(last)
        assert list(taught.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"examples": []},
        {"examples": [{"class": "a"}]},
        {"examples": [{"class": "\x1b[2J", "row": 0}]},
        {"examples": [{"class": "a" * 201, "row": 0}]},
        {"examples": [{"class": "a", "row": 0, "recording": "x"}]},
        {"examples": [{"class": "a", "row": 0, "path": "/etc/passwd"}]},
        {"examples": [{"class": "a", "row": -1}]},
        {"examples": [{"class": "a", "row": 0}] * 1001},
        {"examples": [{"class": f"class {number}", "row": 0} for number in range(101)]},
        {"suggest": 101},
        {"seed": -1},
    ],
)
def test_wrong_requests_are_refused(client: Client, taught: Path, changes: dict[str, Any]) -> None:
    answer = client.ask("POST", "/teach", json={"name": "new", "examples": [{"class": "a", "row": 0}], **changes})
    check_refused(answer, 422, "usage")
    assert list(taught.iterdir()) == []


def test_unknown_rows_and_recordings_are_refused(client: Client) -> None:
    for example in ({"class": "a", "row": 10**6}, {"class": "a", "recording": "../../etc/passwd"}):
        answer = client.ask("POST", "/teach", json={"name": "new", "examples": [example]})
        assert answer.status_code == 404


def test_one_lesson_at_a_time(client: Client) -> None:
    lessons = client.service.lessons
    assert lessons is not None
    lessons.begin("first")
    check_refused(client.ask("POST", "/teach", json={"name": "second", "examples": mark(client)}), 429, "busy")
    lessons.end()
    assert teach(client)[-1]["type"] == "answer"
    assert teach(client, "third")[-1]["type"] == "answer"


def test_a_full_disk_leaves_no_half_model(client: Client, taught: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: Any, out: Path, **_: Any) -> None:
        out.mkdir()
        (out / "half").write_text("half")
        raise OSError(28, "No space left on device", str(out / "half"))

    monkeypatch.setattr("hearsight.teaching.teach.save_checkpoint", fail)
    last = teach(client)[-1]
    assert (last["type"], last["status"], last["reason"]) == ("refusal", 507, "disk_full")
    assert str(taught) not in last["error"]
    assert list(taught.iterdir()) == []
    monkeypatch.undo()
    assert teach(client)[-1]["type"] == "answer"


def test_a_server_without_a_folder_for_models_says_so(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path) as client:
        check_refused(client.ask("GET", "/teach"), 404, "no_teaching")
        check_refused(client.ask("POST", "/teach", json={}), 404, "no_teaching")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="not a folder"):
        Lessons(tmp_path / "file", "run")


def test_every_route_and_body_is_in_the_document(client: Client) -> None:
    document = client.ask("GET", "/openapi.json").json()
    for path, methods in {
        "/search": {"get", "post"},
        "/teach": {"get", "post"},
        "/review": {"get", "post"},
        "/index/map": {"get"},
    }.items():
        assert methods <= set(document["paths"][path])
    body = document["paths"]["/teach"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) == {"name", "examples"}
    assert "class" in body["properties"]["examples"]["items"]["properties"]
    assert "$ref" not in json.dumps(body)
