"""A web server on this machine that misbehaves as it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TAG = '"version-1"'


@dataclasses.dataclass
class Page:
    """What the server answers for a path: a status, or content of which one answer may hold only some bytes."""

    content: bytes = b""
    status: int = 200
    drop_after: int | None = None
    """Bytes after which the connection is closed, in answers to requests of the whole."""
    failures: int = 0
    """Answers with ``status`` before the content comes."""
    tag: str = TAG
    location: str = ""
    chunk: int = 1 << 20


class Web:
    """The pages of a server, and what was asked of it."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str]] = []
        """Path and range of each request."""


@contextlib.contextmanager
def serve() -> Iterator[Web]:
    """Run a server for the block; it is gone when the block is left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.web = Web(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.web  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        page = self.server.web.pages.get(self.path)  # type: ignore[attr-defined]
        if page is None or page.status != 200:
            self.send_error(404 if page is None else page.status)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(page.content)))
        self.send_header("ETag", page.tag)
        self.end_headers()

    def do_GET(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        web.requests.append((path, self.headers.get("Range", "")))
        page = web.pages.get(path)
        if page is None:
            self.send_error(404)
        elif page.location:
            self.send_response(302)
            self.send_header("Location", page.location)
            self.end_headers()
        elif page.status != 200 and (page.failures > 0 or not page.content):
            page.failures -= 1
            self.send_error(page.status)
        else:
            with contextlib.suppress(OSError):
                self._send(page)

    def _send(self, page: Page) -> None:
        asked, same = self.headers.get("Range", ""), self.headers.get("If-Range") == page.tag
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and same else 0
        body = page.content[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", page.tag)
        self.end_headers()
        if page.drop_after is not None and not first:
            body = body[: page.drop_after]
        for place in range(0, len(body), page.chunk):
            self.wfile.write(body[place : place + page.chunk])
            self.wfile.flush()
