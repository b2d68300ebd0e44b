"""A server within the test, which is asked without a network, and one in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="the extra serve is not installed")
pytest.importorskip("fastapi", reason="the extra serve is not installed")
# ruff: noqa: E402

from hearsight.listening.listener import Listener
from hearsight.serve.app import create_app
from hearsight.serve.archive.finding import Archive
from hearsight.serve.archive.judging import JudgementTable
from hearsight.serve.archive.lessons import Lessons
from hearsight.serve.folder import open_private_folder
from hearsight.serve.limits import ServeLimits
from hearsight.serve.recordings import Recordings
from hearsight.serve.server import LOCAL_NAMES, ArchivePlaces
from hearsight.serve.service import Service
from hearsight.serve.work import WorkQueue

ADDRESS = "http://localhost"


class Client:
    """Asks an application within this process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.app = create_app(service)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and return the response."""
        return self.ask_all([(method, path, options)])[0]

    def ask_all(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[Any]:
        """Send requests at once and return their responses."""

        async def send() -> list[Any]:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
                return await asyncio.gather(*(client.request(method, path, **more) for method, path, more in requests))

        return asyncio.run(send())

    def list_stored(self) -> list[str]:
        """Return the names of the files in the private folder, without its lock."""
        return sorted(path.name for path in self.service.folder.path.iterdir() if path.name != "lock")


@contextlib.contextmanager
def open_client(
    listener: Listener,
    parent: Path,
    source: str = "",
    token: str = "",
    places: ArchivePlaces | None = None,
    **bounds: Any,
) -> Iterator[Client]:
    """Run the parts of a server for the block."""
    limits = ServeLimits(**bounds)
    places = places or ArchivePlaces()
    with open_private_folder(limits, parent) as folder:
        hosts = frozenset() if token else LOCAL_NAMES
        service = Service(
            listener,
            source or str(parent),
            folder,
            limits,
            WorkQueue(limits),
            hosts,
            token,
            Recordings(limits, places.recordings),
            None if places.index is None else Archive(places.index, listener),
            None if places.judgements is None else JudgementTable(places.judgements),
            None if places.taught is None else Lessons(places.taught, "run"),
        )
        try:
            yield Client(service)
        finally:
            service.close()


@contextlib.contextmanager
def run_server(run: Path, *options: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``hearsight serve`` for the block; yield its address and its process, which has ended after the block."""
    command = [sys.executable, "-m", "hearsight", "serve", "--model", str(run), "--port", "0", "--json", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        yield json.loads(line)["address"], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate()
