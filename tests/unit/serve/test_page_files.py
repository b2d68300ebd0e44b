"""The built page: it is what its sources build, and asks nobody but its server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hearsight.serve.page_files import FOLDER, NONCE, read_page
from tests.support.serving import open_client

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "page"


def test_the_page_is_served_with_a_new_nonce_each_time(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, token="a-long-enough-secret") as client:
        first, second = client.ask("GET", "/"), client.ask("GET", "/")
        assert (first.status_code, NONCE in first.text, first.text == second.text) == (200, False, False)
        (nonce,) = re.findall(r'name="csp-nonce" content="([\w-]+)"', first.text)
        assert f"'nonce-{nonce}'" in first.headers["content-security-policy"]
        assert "unsafe" not in first.headers["content-security-policy"]
        for name, kind in (("page.js", "text/javascript"), ("page.css", "text/css")):
            answer = client.ask("GET", f"/assets/{name}")
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        for name in ("..%2f..%2fapp.py", "../app.py", "page.map", "%2e%2e/index.html"):
            assert client.ask("GET", f"/assets/{name}").status_code in (401, 404)


def test_the_token_is_exchanged_for_a_cookie(listener: Any, tmp_path: Path) -> None:
    with open_client(listener, tmp_path, token="a-long-enough-secret") as client:
        assert client.ask("POST", "/session", headers={"authorization": "Bearer wrong"}).status_code == 401
        answer = client.ask("POST", "/session", headers={"authorization": "Bearer a-long-enough-secret"})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert client.ask("GET", "/models", headers={"cookie": cookie.partition(";")[0]}).status_code == 200


def test_the_page_names_no_other_server_and_has_no_inline_script() -> None:
    page = read_page()
    html = page["index.html"].content.decode()
    assert re.findall(r"(?:src|href)=\"(?!\./assets/|#|data:)[^\"]*\"", html) == []
    assert re.findall(r"<script(?![^>]*src=)|\son\w+=|style=\"", html) == []


def test_the_sources_never_write_html() -> None:
    for path in (SOURCES / "src").glob("*.ts"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text())


def test_the_built_files_are_what_the_sources_build(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("the page is built with Node, which is not here")
    copy = tmp_path / "page"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=copy, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"npm cannot install the page's packages here: {installed.stderr.strip()[-200:]}")
    build = ["npx", "vite", "build", "--outDir", str(tmp_path / "built"), "--logLevel", "error"]
    subprocess.run(["npx", "tsc", "--noEmit"], cwd=copy, check=True)
    subprocess.run(build, cwd=copy, check=True)
    for path in sorted(FOLDER.rglob("*.*")):
        name = path.relative_to(FOLDER)
        assert (tmp_path / "built" / name).read_bytes() == path.read_bytes(), f"{name}: run `make page`"
