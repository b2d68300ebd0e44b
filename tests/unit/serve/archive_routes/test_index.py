"""Searching by REST: the same rows as the command finds, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hearsight.errors import UsageError
from hearsight.search.example import Example, embed_example, list_own_rows
from hearsight.search.index import Index
from hearsight.serve.archive.finding import Archive
from hearsight.serve.server import ArchivePlaces
from tests.support.archive import RATE, SOUNDS, make_tone
from tests.support.serving import Client, open_client

ATTACKS = [
    "1 = 1; DROP TABLE rows",
    "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
    "1 = 1) UNION SELECT 1 --",
    "getenv('HOME') = ''",
    "site = 'x' ORDER BY (SELECT 1)",
]


@pytest.fixture(scope="module")
def client(listener: Any, index: Path, sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with open_client(listener, tmp_path_factory.mktemp("served"), places=ArchivePlaces(sounds, index)) as one:
        yield one


@pytest.fixture(scope="module")
def opened(index: Path) -> Index:
    return Index.open(index)


def make_wav(hertz: float, seconds: float = 2.0) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, make_tone(hertz, seconds, 9), RATE, format="WAV")
    return content.getvalue()


def find_key(client: Client, name: str) -> str:
    return next(one["id"] for one in client.ask("GET", "/recordings").json()["recordings"] if one["name"] == name)


def list_found(answer: Any) -> list[tuple[int, float]]:
    assert answer.status_code == 200, answer.text
    return [(one["row"], one["similarity"]) for one in answer.json()["found"]]


def check_refused(answer: Any, status: int, reason: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["reason"]) == (status, status, reason), body
    assert body["error"].isprintable()
    return body["error"]


def test_the_index_is_described(client: Client, opened: Index) -> None:
    facts = client.ask("GET", "/index").json()
    assert (facts["rows"], facts["recordings"]) == (opened.manifest.rows, len(opened.recordings))
    assert {"source", "start", "site"} <= set(facts["columns"])
    assert facts["has_map"] is True


def test_a_row_finds_its_nearest_without_itself(client: Client, opened: Index) -> None:
    found = list_found(client.ask("GET", "/search?row=0&top=4"))
    source, start, duration = (opened.rows[name][0].as_py() for name in ("source", "start", "duration"))
    own = list_own_rows(opened, Example(opened.locate(source), start, start + duration))
    expected = opened.query(opened.embeddings[0], top=4, leave_out=own)
    assert [row for row, _ in found] == expected.rows.tolist()
    assert [value for _, value in found] == pytest.approx(expected.similarities.tolist(), abs=1e-6)
    assert 0 in own


def test_a_span_of_a_file_of_the_folder_finds_what_the_command_finds(
    client: Client, opened: Index, listener: Any, sounds: Path
) -> None:
    key = find_key(client, "high.wav")
    found = list_found(client.ask("GET", f"/search?recording={key}&start=0.5&end=1.75&top=5"))
    example = Example(sounds / "high.wav", 0.5, 1.75)
    vector = embed_example(listener, example)
    expected = opened.query(vector, top=5, leave_out=list_own_rows(opened, example))
    assert [row for row, _ in found] == expected.rows.tolist()
    assert [value for _, value in found] == pytest.approx(expected.similarities.tolist(), abs=1e-6)


def test_an_upload_finds_its_like_and_is_removed(client: Client) -> None:
    answer = client.ask("POST", "/search?top=3", files={"file": ("tone.wav", make_wav(SOUNDS["low"]))})
    rows = answer.json()["found"]
    assert "low" in rows[0]["source"]
    assert rows[0]["similarity"] == max(one["similarity"] for one in rows)
    assert client.list_stored() == []


def test_a_condition_limits_the_rows_and_metadata_is_returned(client: Client) -> None:
    answer = client.ask("GET", "/search", params={"row": 0, "where": "site = 'north'"}).json()["found"]
    assert {one["source"].rpartition("/")[2] for one in answer} == {"low.wav"}
    assert answer[0]["metadata"] == {"site": "north"}


@pytest.mark.parametrize("where", ATTACKS)
def test_a_condition_is_one_expression_and_can_do_no_harm(client: Client, where: str) -> None:
    for method, more in (("GET", {}), ("POST", {"content": make_wav(500.0)})):
        params = {"where": where} | ({"row": 0} if method == "GET" else {})
        error = check_refused(client.ask(method, "/search", params=params, **more), 422, "usage")
        assert "root:" not in error
    assert client.list_stored() == []


def test_what_is_found_is_heard(client: Client) -> None:
    first = client.ask("GET", "/search?row=0&top=1").json()["found"][0]
    answer = client.ask("GET", f"/index/rows/{first['row']}/sound?context=0.25")
    assert answer.headers["content-type"] == "audio/wav"
    sound, rate = soundfile.read(io.BytesIO(answer.content))
    assert first["duration"] <= len(sound) / rate <= first["duration"] + 0.51
    assert abs(sound).max() > 0.1
    part = client.ask("GET", f"/recordings/{first['recording']}/sound?start=0.5&end=1.5")
    assert len(soundfile.read(io.BytesIO(part.content))[0]) == rate


def test_a_row_is_described_and_opened_as_a_recording(client: Client, opened: Index) -> None:
    row = client.ask("GET", "/index/rows/2").json()
    assert (row["source"], row["start"]) == (opened.rows["source"][2].as_py(), opened.rows["start"][2].as_py())
    assert client.ask("GET", f"/recordings/{row['recording']}/media").status_code == 200


def test_the_map_has_a_place_and_a_class_for_each_row(client: Client, opened: Index) -> None:
    found = client.ask("GET", "/index/map").json()
    assert found["rows"] == list(range(opened.manifest.rows))
    assert opened.places is not None
    np.testing.assert_allclose(np.array([found["x"], found["y"]]).T, opened.places, atol=1e-5)
    named = [found["names"][place] for place in found["classes"]]
    assert named == [tags[0] for tags in opened.rows["tags"].to_pylist()]
    part = client.ask("GET", "/index/map", params={"where": "site = 'north'"}).json()
    assert part["rows"] == opened.select("site = 'north'").tolist()
    check_refused(client.ask("GET", "/index/map", params={"where": ATTACKS[1]}), 422, "usage")


def test_an_index_without_a_map_says_how_to_make_one(listener: Any, tmp_path: Path, index: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    manifest = json.loads((copy / "index.json").read_text())
    (copy / "index.json").write_text(json.dumps(manifest | {"map": None}))
    with open_client(listener, tmp_path, places=ArchivePlaces(index=copy)) as client:
        answer = client.ask("GET", "/index/map")
        check_refused(answer, 404, "no_map")
        assert "--map" in answer.json()["hint"]
        assert client.ask("GET", "/index").json()["has_map"] is False


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/search", 422, "usage"),
        ("/search?row=0&recording=abc", 422, "usage"),
        ("/search?row=99999999", 404, "no_row"),
        ("/search?row=-1", 422, "usage"),
        ("/search?row=0&top=0", 422, "usage"),
        ("/search?row=0&top=1001", 422, "usage"),
        ("/search?recording=../../etc/passwd", 404, "no_recording"),
        ("/index/rows/99999999", 404, "no_row"),
        ("/index/rows/99999999/sound", 404, "no_row"),
        ("/index/rows/-1/sound", 404, "no_row"),
        ("/index/rows/0/sound?context=nan", 422, "usage"),
    ],
)
def test_wrong_requests_are_refused(client: Client, path: str, status: int, reason: str) -> None:
    check_refused(client.ask("GET", path), status, reason)


def test_wrong_spans_are_refused(client: Client) -> None:
    key = find_key(client, "low.wav")
    check_refused(client.ask("GET", f"/search?recording={key}&start=2&end=1"), 422, "usage")
    check_refused(client.ask("GET", f"/search?recording={key}&start=900&end=901"), 422, "too_short")
    check_refused(client.ask("GET", f"/recordings/{key}/sound?start=900&end=901"), 416, "range")


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [(b"", 400, "empty"), (b"<html>" * 200, 415, "not_media"), (make_wav(400.0)[:50], 422, "broken_stream")],
    ids=["empty", "mislabelled", "truncated"],
)
def test_bad_uploads_are_refused_and_nothing_is_stored(
    client: Client, content: bytes, status: int, reason: str
) -> None:
    answer = client.ask("POST", "/search?name=../../x.wav", content=content)
    assert check_refused(answer, status, reason).startswith("x.wav: ")
    assert client.list_stored() == []


def test_a_server_without_an_index_says_so(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path) as client:
        for method, path in (("GET", "/search?row=0"), ("GET", "/index"), ("POST", "/search"), ("GET", "/index/map")):
            check_refused(client.ask(method, path), 404, "no_index")


def test_routes_of_the_index_need_the_token(listener: Any, tmp_path: Path, index: Path) -> None:
    with open_client(listener, tmp_path, token="a-long-enough-secret", places=ArchivePlaces(index=index)) as client:
        for method, path in (("GET", "/search?row=0"), ("GET", "/index"), ("POST", "/search"), ("GET", "/index/map")):
            check_refused(client.ask(method, path), 401, "no_token")


def test_an_index_that_is_removed_is_still_searched_and_reported(
    listener: Any, tmp_path: Path, index: Path, sounds: Path
) -> None:
    copy, place = tmp_path / "copy", tmp_path / "sounds"
    shutil.copytree(index, copy)
    shutil.copytree(sounds, place)
    with open_client(listener, tmp_path, places=ArchivePlaces(place, copy)) as client:
        key = find_key(client, "low.wav")
        shutil.rmtree(copy)
        shutil.rmtree(place)
        assert list_found(client.ask("GET", "/search?row=0"))
        check_refused(client.ask("GET", f"/search?recording={key}&start=0&end=1"), 404, "no_recording")
        check_refused(client.ask("GET", f"/recordings/{key}/sound?start=0&end=1"), 404, "no_recording")
        health = client.ask("GET", "/health").json()
        assert health["status"] == "degraded"
        assert any("the index is gone" in note for note in health["notes"])


def test_an_index_of_another_model_is_refused_by_name(
    tmp_path: Path, index: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from hearsight.listening.listener import load
    from hearsight.models.checkpoint import save_checkpoint
    from hearsight.models.zoo import build_network

    save_checkpoint(
        build_network("jia-mobilenet-v2", 3, seed=1, width=0.25), tmp_path / "other", vocabulary=("a", "b", "c")
    )
    with pytest.raises(UsageError, match=r"made by jia-mobilenet-v2 \("):
        Archive(index, load(tmp_path / "other", device="cpu"))
