"""The routes, asked without a network: their answers, and what is refused with which status and sentence."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.support.serving import Client, open_client

ESCAPES = "\x1b[2J\x1b]0;title\x07"
HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture
def client(listener: Any, tmp_path: Path):
    with open_client(listener, tmp_path) as one:
        yield one


def make_wav(seconds: float = 2.5, seed: int = 0) -> bytes:
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * 16_000))
    soundfile.write(content, samples.astype(np.float32), 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


def upload(content: bytes, name: str = "sound.wav") -> dict[str, Any]:
    return {"files": {"file": (name, content)}}


def check_refusal(client: Client, answer: Any, status: int, reason: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["reason"]) == (status, status, reason), body
    assert "\n" not in body["error"]
    assert body["error"].isprintable()
    assert str(client.service.folder.path) not in answer.text
    assert client.list_stored() == []
    assert client.service.folder.stored_bytes == 0
    assert client.service.refusals.as_json()["counts"][reason] >= 1
    return body["error"]


def test_tags_are_those_of_the_listener(client: Client, listener: Any, tmp_path: Path) -> None:
    content = make_wav()
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    answer = client.ask("POST", "/tag?top=2", **upload(content))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["file"], body["seconds"], body["padded"]) == ("sound.wav", 2.5, False)
    expected = [
        {key: value for key, value in one.as_json().items() if key != "path"} for one in listener.tag(path, top=2)
    ]
    assert body["tags"] == expected
    assert client.list_stored() == []


def test_a_form_and_the_bare_bytes_are_the_same(client: Client) -> None:
    content = make_wav()
    form = client.ask("POST", "/tag?segments=true", **upload(content))
    bare = client.ask("POST", "/tag?segments=true&name=sound.wav", content=content)
    assert form.json() == bare.json()
    assert len({one["start"] for one in form.json()["tags"]}) == 3


def test_progress_is_streamed_in_lines_and_ends_with_the_answer(client: Client) -> None:
    content = make_wav(40.0)
    answer = client.ask("POST", "/tag?stream=true&top=1", **upload(content))
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["type"] for line in lines[:-1]} <= {"progress"}
    assert lines[-1]["type"] == "answer"
    assert lines[-1]["tags"] == client.ask("POST", "/tag?top=1", **upload(content)).json()["tags"]
    assert client.list_stored() == []


def test_a_broken_file_ends_a_stream_with_its_refusal(client: Client) -> None:
    answer = client.ask("POST", "/tag?stream=true", **upload(b"no sound at all" * 100, "a.wav"))
    last = json.loads(answer.text.splitlines()[-1])
    assert (last["type"], last["status"], last["reason"]) == ("refusal", 415, "not_media")
    assert last["error"].startswith("a.wav: ")
    assert client.list_stored() == []


@pytest.mark.parametrize("kind", ["json", "csv", "npz", "parquet"])
def test_embeddings_are_those_of_the_listener(client: Client, listener: Any, tmp_path: Path, kind: str) -> None:
    content = make_wav()
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    answer = client.ask("POST", f"/embed?format={kind}", **upload(content))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f"sound.{kind}")
    if kind == "json":
        values = [one["embedding"] for one in answer.json()["segments"]]
    elif kind == "csv":
        values = [line.split(",")[3:] for line in answer.text.splitlines()[1:]]
    elif kind == "npz":
        values = np.load(io.BytesIO(answer.content))["embedding"]
    else:
        values = pq.read_table(io.BytesIO(answer.content))["embedding"].to_pylist()
    np.testing.assert_allclose(np.array(values, dtype=np.float32), listener.embed(path).values, rtol=1e-5)
    assert client.list_stored() == []


def test_models_and_health_say_what_is_served(client: Client, listener: Any) -> None:
    (model,) = client.ask("GET", "/models").json()["models"]
    assert (model["name"], model["classes"], model["digest"]) == (
        listener.name,
        list(listener.vocabulary),
        listener.digest,
    )
    client.ask("POST", "/tag", **upload(make_wav()))
    client.ask("POST", "/tag", **upload(b""))
    health = client.ask("GET", "/health").json()
    assert health["answered"] == 1
    assert health["refused"]["counts"] == {"empty": 1}
    assert health["refused"]["latest"][0]["error"] == "sound.wav: an upload of 0 bytes, wanted a file with sound"
    assert health["queue"]["taken"] == 0


def test_openapi_describes_the_routes_and_their_refusals(client: Client) -> None:
    document = client.ask("GET", "/openapi.json").json()
    assert {"/tag", "/embed", "/models", "/health"} <= set(document["paths"])
    post = document["paths"]["/tag"]["post"]
    assert "multipart/form-data" in post["requestBody"]["content"]
    assert {"413", "415", "422", "429", "507"} <= set(post["responses"])


def test_an_empty_upload_is_refused(client: Client) -> None:
    for options in (upload(b""), {"content": b""}):
        check_refusal(client, client.ask("POST", "/tag", **options), 400, "empty")


def test_an_upload_that_is_too_large_is_refused_before_and_while_it_is_read(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, upload_bytes=1000) as client:
        check_refusal(client, client.ask("POST", "/tag", content=bytes(2000)), 413, "too_large")
        check_refusal(client, client.ask("POST", "/tag", **upload(bytes(2000))), 413, "too_large")
        answer = client.ask("POST", "/tag", headers={"content-length": str(10**30)}, content=b"")
        check_refusal(client, answer, 413, "too_large")


def test_a_sound_that_is_too_long_is_refused_by_what_is_decoded(listener: Any, tmp_path: Path) -> None:
    content = io.BytesIO()
    soundfile.write(content, np.zeros(16_000 * 300, np.float32), 16_000, format="FLAC")
    assert len(content.getvalue()) < 200_000  # small, and would be much larger when decoded
    with open_client(listener, tmp_path, sound_seconds=60.0) as client:
        said = check_refusal(
            client, client.ask("POST", "/tag", **upload(content.getvalue(), "bomb.flac")), 413, "too_long"
        )
    assert said == "bomb.flac: more than 60 s of sound, wanted at most 60 s"


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"this is no sound" * 500, 415, "not_media"),
        (make_wav()[:20], 415, "not_media"),
        (zlib.compress(bytes(10_000_000)), 415, "not_media"),
        (b"PK\x03\x04" + bytes(500), 415, "not_media"),
    ],
    ids=["text named wav", "truncated header", "compressed zeros", "archive"],
)
def test_what_is_no_sound_is_refused(client: Client, content: bytes, status: int, reason: str) -> None:
    said = check_refusal(client, client.ask("POST", "/tag", **upload(content)), status, reason)
    assert said.startswith("sound.wav: ")


def test_a_truncated_sound_is_refused_with_where_it_ends(client: Client) -> None:
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal(160_000)
    soundfile.write(content, samples.astype(np.float32), 16_000, format="FLAC")
    half = content.getvalue()[: len(content.getvalue()) // 2]
    said = check_refusal(client, client.ask("POST", "/tag", **upload(half, "half.flac")), 422, "broken_stream")
    assert said.startswith("half.flac: ")
    assert "of the 10.00 s that the file announces" in said


def test_a_mislabelled_sound_is_read_by_its_content(client: Client) -> None:
    content = io.BytesIO()
    soundfile.write(content, np.zeros(32_000, np.float32), 16_000, format="FLAC")
    answer = client.ask("POST", "/tag", files={"file": ("film.mp4", content.getvalue(), "video/mp4")})
    assert (answer.status_code, answer.json()["seconds"]) == (200, 2.0)


def test_a_header_that_claims_absurd_numbers_asks_for_no_memory(client: Client) -> None:
    head = (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFFF)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 65_535, 2**31, 2**31, 1, 8)
    )
    answer = client.ask("POST", "/tag", **upload(head + b"data" + struct.pack("<I", 0xFFFFFFFF) + bytes(100)))
    assert answer.status_code in (415, 422)
    assert client.list_stored() == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\..\\windows\\win.ini", "a\x00b.wav", "..", "x" * 3000]
)
def test_a_name_is_never_a_path(client: Client, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.parent.rglob("*"))
    answer = client.ask("POST", "/tag", **upload(make_wav(), name))
    assert answer.status_code == 200
    assert not {"/", "\\"} & set(answer.json()["file"])
    assert len(answer.json()["file"]) <= 200
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("name", [f"{HTML}.wav", f"{ESCAPES}.wav", "\u202egnp.wav", "café.wav"])
def test_markup_and_escapes_in_names_stay_text(client: Client, name: str) -> None:
    answer = client.ask("POST", "/tag", params={"name": name}, content=make_wav())
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["file"] == name
    assert "\x1b" not in answer.text
    refused = client.ask("POST", "/tag", params={"name": name}, content=b"nothing")
    check_refusal(client, refused, 415, "not_media")


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x", "truncated_form"),
        (b"nonsense", "multipart/form-data; boundary=x", "broken_form"),
        (b"--x--\r\n", "multipart/form-data", "broken_form"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "no_file",
        ),
    ],
)
def test_a_broken_form_is_refused(client: Client, content: bytes, kind: str, reason: str) -> None:
    answer = client.ask("POST", "/tag", content=content, headers={"content-type": kind})
    check_refusal(client, answer, 400, reason)


def test_an_upload_that_is_compressed_as_a_whole_is_refused(client: Client) -> None:
    answer = client.ask("POST", "/tag", content=make_wav(), headers={"content-encoding": "gzip"})
    check_refusal(client, answer, 415, "encoded")


@pytest.mark.parametrize(
    "query", ["top=0", "top=many", "threshold=2", "threshold=nan", "sense=smelt", "segments=perhaps"]
)
def test_a_parameter_out_of_range_is_named(client: Client, query: str) -> None:
    said = check_refusal(client, client.ask("POST", f"/tag?{query}", content=make_wav()), 422, "usage")
    assert said.startswith(query.partition("=")[0])


def test_an_unknown_route_and_a_wrong_method_are_refused_in_the_same_form(client: Client) -> None:
    check_refusal(client, client.ask("GET", "/absent"), 404, "route")
    check_refusal(client, client.ask("GET", "/tag"), 405, "route")


def test_a_full_disk_is_said_and_nothing_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from hearsight.serve.folder import StoredFile

    def fail(self: Any, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(self.path))

    monkeypatch.setattr(StoredFile, "write", fail)
    said = check_refusal(client, client.ask("POST", "/tag", **upload(make_wav())), 507, "disk_full")
    assert "No space left on device" in said


def test_uploads_together_have_a_bound(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, stored_bytes=10_000) as client:
        check_refusal(client, client.ask("POST", "/tag", **upload(make_wav())), 507, "store_full")


def test_a_full_queue_is_refused_with_when_to_try_again(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, queue_length=1) as client:
        answers = client.ask_all([("POST", "/tag", upload(make_wav(seed=seed))) for seed in range(12)])
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 2
        refused = answers[statuses.index(429)]
        assert refused.headers["retry-after"] == "2"
        check_refusal(client, refused, 429, "busy")
        assert client.ask("GET", "/health").json()["queue"]["taken"] == 0


def test_work_that_takes_too_long_is_ended(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, answer_seconds=0.0) as client:
        check_refusal(client, client.ask("POST", "/tag", **upload(make_wav())), 504, "too_slow")


def test_a_deleted_model_is_reported_and_still_answers(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, source=str(tmp_path / "gone")) as client:
        health = client.ask("GET", "/health").json()
        assert health["status"] == "degraded"
        assert "the model's folder is gone" in health["notes"][0]
        assert client.ask("POST", "/tag", **upload(make_wav())).status_code == 200


def test_an_error_of_our_own_is_no_traceback_for_the_client(client: Client, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("hearsight.serve.routes.tag_upload", lambda *_: 1 / 0)
    check_refusal(client, client.ask("POST", "/tag", **upload(make_wav())), 500, "bug")
    assert "ZeroDivisionError" in capsys.readouterr().err
