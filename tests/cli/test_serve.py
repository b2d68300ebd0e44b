"""``hearsight serve`` in a process of its own: what it listens to, slow clients, and what is left when it ends or is killed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.listening import listener, run, write_sound
from tests.support.processes import run_command
from tests.support.serving import httpx, run_server

__all__ = ["listener", "run", "write_sound"]


def make_wav(seconds: float = 2.0) -> bytes:
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 16_000))
    soundfile.write(content, samples.astype(np.float32), 16_000, format="WAV")
    return content.getvalue()


def list_folders(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.glob("hearsight-serve-*"))


def test_a_server_answers_ends_with_its_signal_and_code_0_and_leaves_nothing(
    run: Path, listener: Any, tmp_path: Path
) -> None:
    with run_server(run, TMPDIR=str(tmp_path)) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        (folder,) = tmp_path.glob("hearsight-serve-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        answer = httpx.post(f"{address}/tag?top=1", files={"file": ("a.wav", make_wav())}, timeout=60)
        assert answer.status_code == 200
        assert answer.json()["tags"][0]["class"] in listener.vocabulary
    assert process.returncode == 0
    assert list_folders(tmp_path) == []


def test_what_a_killed_server_left_is_removed_by_the_next_one(run: Path, tmp_path: Path) -> None:
    with run_server(run, TMPDIR=str(tmp_path)) as (_, process):
        process.kill()
        process.wait()
    (left,) = list_folders(tmp_path)
    with run_server(run, TMPDIR=str(tmp_path)):
        assert left not in list_folders(tmp_path)
    assert list_folders(tmp_path) == []


def test_a_hundred_slow_clients_do_not_keep_others_from_being_answered(run: Path) -> None:
    with run_server(run) as (address, _):
        host, _, port = address.removeprefix("http://").partition(":")
        head = b"POST /tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nR"
        slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(100)]
        try:
            for number, one in enumerate(slow):
                one.sendall(head if number % 2 else head[:30])
            answer = httpx.post(f"{address}/tag", content=make_wav(), timeout=60)
            assert answer.status_code == 200
            assert httpx.get(f"{address}/health", timeout=60).json()["stored_bytes"] <= 100
        finally:
            for one in slow:
                one.close()
        deadline = time.monotonic() + 60
        while httpx.get(f"{address}/health", timeout=60).json()["refused"]["counts"].get("gone", 0) < 50:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_connection_that_asks_nothing_is_closed() -> None:
    from hearsight.serve.server import make_protocol

    async def listen() -> bytes:
        import uvicorn

        config = uvicorn.Config(lambda *_: None, log_config=None, lifespan="off")
        config.load()
        state = uvicorn.Server(config).server_state
        server = await asyncio.get_running_loop().create_server(
            lambda: make_protocol(0.05)(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        found = b""
        with contextlib.suppress(ConnectionError):  # closed before it could write
            writer.write(b"POST /tag HTT")
            found = await reader.read()
        writer.close()
        server.close()
        return found

    assert asyncio.run(listen()) == b""


def test_without_a_token_only_this_machine_is_served(run: Path) -> None:
    done = run_command("serve", "--model", run, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --host: '0.0.0.0', wanted localhost, as there is no token")
    short = run_command("serve", "--model", run, "--token", "short")
    assert (short.returncode, "at least 8" in short.stderr) == (2, True)


def test_a_port_in_use_is_said(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_command("serve", "--model", run, "--port", taken.getsockname()[1])
    assert done.returncode == 7
    assert "--port 0 takes any that is free" in done.stderr


def test_an_absent_model_is_an_error_and_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = run_command("serve", "--model", tmp_path / "absent", "--port", "0")
    assert done.returncode == 3
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_the_token_comes_from_the_environment_too(run: Path) -> None:
    with run_server(run, HEARSIGHT_TOKEN="a-long-enough-secret") as (address, _):
        assert httpx.get(f"{address}/health", timeout=60).status_code == 401
        headers = {"authorization": "Bearer a-long-enough-secret"}
        assert httpx.get(f"{address}/health", headers=headers, timeout=60).json()["status"] == "ok"
