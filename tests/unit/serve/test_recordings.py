"""Recordings of the page: what is found in them, what is downloaded, and what is left of them."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hearsight.detection.formats.catalogue import FORMATS
from hearsight.serve.recording_routes import find_range
from hearsight.serve.refusals import Refusal
from hearsight.serve.server import ArchivePlaces
from tests.support.serving import Client, open_client

ADDRESS = "/recordings"


def make_wav(seconds: float = 4.0) -> bytes:
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 16_000))
    soundfile.write(content, samples.astype(np.float32), 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recordings" / "below").mkdir(parents=True)
    (tmp_path / "recordings" / "below" / "a.wav").write_bytes(make_wav())
    (tmp_path / "secret.wav").write_bytes(make_wav(1.0))
    return tmp_path / "recordings"


@pytest.fixture
def client(listener: Any, tmp_path: Path, folder: Path):
    (tmp_path / "private").mkdir()
    with open_client(listener, tmp_path / "private", places=ArchivePlaces(folder)) as one:
        yield one


def keep(client: Client, content: bytes, name: str = "a.wav") -> str:
    answer = client.ask("POST", ADDRESS, params={"name": name}, content=content)
    assert answer.status_code == 201
    return answer.json()["id"]


def analyse(client: Client, key: str) -> dict[str, Any]:
    lines = client.ask("POST", f"{ADDRESS}/{key}/analysis").text.splitlines()
    return json.loads(lines[-1])


def test_an_upload_is_heard_once_and_drawn(client: Client, listener: Any, tmp_path: Path) -> None:
    key = keep(client, make_wav())
    found = analyse(client, key)
    assert (found["type"], found["seconds"]) == ("answer", 4.0)
    assert found == analyse(client, key)
    assert {row["name"] for row in found["classes"]} == set(listener.vocabulary)
    (tmp_path / "a.wav").write_bytes(make_wav())
    expected = next(iter(listener.forward_file(tmp_path / "a.wav"))).probabilities
    for trace in found["traces"]:
        np.testing.assert_allclose(trace["values"], expected[:, trace["index"]], atol=1e-3)
    picture = found["picture"]
    tile = client.ask("GET", f"{ADDRESS}/{key}/spectrogram?level=0&tile=0").content
    assert len(tile) == picture["columns"] * picture["bands"]
    assert len(client.ask("GET", f"{ADDRESS}/{key}/peaks?points=100").content) in range(50, 101)


def test_an_upload_that_is_removed_leaves_nothing(client: Client) -> None:
    key = keep(client, make_wav())
    analyse(client, key)
    assert len(client.list_stored()) == 4
    assert client.ask("DELETE", f"{ADDRESS}/{key}").status_code == 204
    assert client.list_stored() == []
    assert client.service.folder.stored_bytes == 0
    assert client.ask("GET", f"{ADDRESS}/{key}/peaks").status_code == 404


def test_uploads_that_nobody_asks_for_and_too_many_of_them_are_removed(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, kept_uploads=2) as client:
        first, second = keep(client, make_wav()), keep(client, make_wav())
        client.ask("GET", f"{ADDRESS}/{first}/media")
        third = keep(client, make_wav())
        statuses = [client.ask("GET", f"{ADDRESS}/{key}/media").status_code for key in (first, second, third)]
        assert statuses == [200, 404, 200]
    with open_client(listener, tmp_path, kept_seconds=0.05) as client:
        keep(client, make_wav())
        time.sleep(0.1)
        keep(client, make_wav())
        assert len(client.list_stored()) == 1


def test_a_broken_upload_is_refused_when_it_is_heard_and_leaves_only_itself(client: Client) -> None:
    key = keep(client, b"no sound" * 100, "a.wav")
    said = analyse(client, key)
    assert (said["type"], said["status"], said["reason"]) == ("refusal", 415, "not_media")
    assert said["error"].startswith("a.wav: ")
    assert len(client.list_stored()) == 1


def test_events_are_those_of_the_threshold_and_the_classes(client: Client) -> None:
    key = keep(client, make_wav())
    found = analyse(client, key)
    none = client.ask("GET", f"{ADDRESS}/{key}/events?threshold=1").json()
    assert none == {"total": 0, "events": []}
    every = client.ask("GET", f"{ADDRESS}/{key}/events?threshold=0").json()
    assert [event[1:3] for event in every["events"]] == [[0.0, 4.0]] * 3
    some = client.ask("GET", f"{ADDRESS}/{key}/events?threshold=0&classes=1").json()
    assert [event[0] for event in some["events"]] == [1]
    assert some["events"][0][3] == pytest.approx(
        max(max(t["values"]) for t in found["traces"] if t["index"] == 1), abs=1e-3
    )
    assert client.ask("GET", f"{ADDRESS}/{key}/events?classes=99").status_code == 422
    assert client.ask("GET", f"{ADDRESS}/{key}/events?threshold=nan").status_code == 422


@pytest.mark.parametrize("kind", list(FORMATS))
def test_events_are_downloaded_in_every_format(client: Client, kind: str) -> None:
    key = keep(client, make_wav(), "<b>café</b>.wav")
    analyse(client, key)
    answer = client.ask("GET", f"{ADDRESS}/{key}/download?format={kind}&threshold=0")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert b"bark" in answer.content
    assert len(client.list_stored()) == 4


def test_what_was_not_heard_yet_and_an_unknown_format_are_refused(client: Client) -> None:
    key = keep(client, make_wav())
    assert client.ask("GET", f"{ADDRESS}/{key}/events").status_code == 409
    assert client.ask("GET", f"{ADDRESS}/{key}/download?format=exe").status_code == 422


def test_the_folder_offers_its_files_and_no_others(client: Client, folder: Path) -> None:
    (listed,) = client.ask("GET", ADDRESS).json()["recordings"]
    assert (listed["name"], listed["kept"]) == ("below/a.wav", False)
    assert client.ask("GET", f"{ADDRESS}/{listed['id']}/media").content == (folder / "below" / "a.wav").read_bytes()
    analyse(client, listed["id"])
    assert client.ask("DELETE", f"{ADDRESS}/{listed['id']}").status_code == 204
    assert (folder / "below" / "a.wav").exists()
    for key in ("..%2Fsecret.wav", "../secret.wav", "secret.wav", "%00", "a" * 300):
        assert client.ask("GET", f"{ADDRESS}/{key}/media").status_code == 404


def test_a_player_gets_the_range_that_it_asks_for(client: Client) -> None:
    content = make_wav()
    key = keep(client, content)
    answer = client.ask("GET", f"{ADDRESS}/{key}/media", headers={"range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, content[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert client.ask("GET", f"{ADDRESS}/{key}/media", headers={"range": "bytes=-5"}).content == content[-5:]
    assert client.ask("GET", f"{ADDRESS}/{key}/media", headers={"range": f"bytes={len(content)}-"}).status_code == 416


def test_a_recording_is_never_sent_as_a_page(client: Client) -> None:
    key = keep(client, b"<script>alert(1)</script>" * 10, "page.html")
    answer = client.ask("GET", f"{ADDRESS}/{key}/media")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("asked", ["", "bytes=", "bytes=-", "bytes=5-4", "items=0-1", "bytes=0-1,3-4", "bytes=-0"])
def test_a_range_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(Refusal, match="wanted one range within them"):
        find_range(asked, 100, "a.wav")


def test_a_range_ends_with_its_file() -> None:
    assert find_range("bytes=90-1000", 100, "a.wav") == (90, 100)
    assert find_range("bytes=-1000", 100, "a.wav") == (0, 100)
