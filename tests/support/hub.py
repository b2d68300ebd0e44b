"""A Hugging Face Hub in a thread of this process: as much of its HTTP interface as fetching and pushing a model needs."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OWNER, TOKEN = "tester", "hf_tester"


@dataclasses.dataclass
class Repository:
    """The commits of a repository, each with all its files; the last one is the main branch."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit on top of the last; give its name."""
        before = self.commits[self.head] if self.commits else {}
        name = hashlib.sha1(f"{len(self.commits)}".encode() + b"".join(files.values())).hexdigest()
        self.commits[name] = {**before, **files}
        return name


class Hub:
    """What the server knows, and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.broken: int | None = None
        """A status that every answer has."""
        self.complaint = ""
        """What is wrong with every model card."""
        self.endpoint = ""

    def add(self, name: str, files: dict[str, bytes], **settings: bool) -> str:
        """Add a commit to a repository, which is made where it is absent; return the commit's name."""
        return self.repositories.setdefault(name, Repository(**settings)).commit(files)


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve a hub while the block runs."""
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *arguments: Any) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        self._serve_file()

    def do_GET(self) -> None:
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+)?", self._path()):
            repository = self._find(match[1])
            if repository is not None:
                sha = repository.head if repository.commits else None
                self._answer(200, {"id": match[1], "private": repository.private, "sha": sha})
        else:
            self._serve_file()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self._path()
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            errors = [{"message": self.hub.complaint}] if self.hub.complaint else []
            self._answer(400 if errors else 200, {"errors": errors, "warnings": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path):
            if not match[1].startswith(f"{OWNER}/"):
                self._answer(403, {"error": "you may not write here"})
            elif match[2] == "preupload":
                files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                         for file in json.loads(body)["files"]]  # fmt: skip
                self._answer(200, {"files": files})
            else:
                self._commit(match[1], body)
        else:
            self._answer(404, {"error": f"{path} is not served"})

    def _path(self) -> str:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _find(self, name: str) -> Repository | None:
        """Find a repository that the user may read, or answer that there is none."""
        repository = self.hub.repositories.get(name)
        if self.hub.broken:
            self._answer(self.hub.broken, {"error": "out of order"})
        elif repository is None or (repository.private and not self._known()):
            self._answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif repository.gated:
            self._answer(403, {"error": "Access is restricted"}, {"X-Error-Code": "GatedRepo"})
        else:
            return repository
        return None

    def _serve_file(self) -> None:
        match = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._path())
        if match is None:
            self._answer(404, {"error": "not served"})
            return
        repository = self._find(match[1])
        if repository is None:
            return
        commit = repository.head if match[2] == "main" else match[2]
        if commit not in repository.commits:
            self._answer(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
            return
        headers = {"X-Repo-Commit": commit}
        content = repository.commits[commit].get(match[3])
        if content is None:
            self._answer(404, {"error": "no entry"}, {"X-Error-Code": "EntryNotFound", **headers})
            return
        self._answer(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', **headers})

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted.get('organization') or OWNER}/{wanted['name']}"
        address = {"url": f"{self.hub.endpoint}/{name}"}
        if self.hub.broken:
            self._answer(self.hub.broken, {"error": "out of order"})
        elif not self._known():
            self._answer(401, {"error": "Invalid username or password."})
        elif not name.startswith(f"{OWNER}/"):
            self._answer(403, {"error": "you may not create a model here"})
        elif name in self.hub.repositories:
            self._answer(409, {"error": "You already created this model repo", **address})
        else:
            self.hub.repositories[name] = Repository(private=wanted.get("visibility") == "private")
            self._answer(200, address)

    def _commit(self, name: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        oid = self.hub.add(name, files)
        self._answer(200, {"commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}", "commitOid": oid})

    def _answer(self, status: int, content: dict[str, Any] | bytes, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
