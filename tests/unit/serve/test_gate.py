"""Who may ask, and what a browser is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import Client, open_client

TOKEN = "a-long-enough-secret"


@pytest.fixture
def client(listener: Any, tmp_path: Path):
    with open_client(listener, tmp_path) as one:
        yield one


@pytest.fixture
def guarded(listener: Any, tmp_path: Path):
    with open_client(listener, tmp_path, token=TOKEN) as one:
        yield one


def test_every_answer_has_the_headers_that_bind_a_browser(client: Client) -> None:
    for path in ("/health", "/absent"):
        headers = client.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "http:" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "[::2]"])
def test_a_foreign_name_for_this_machine_is_refused(client: Client, host: str) -> None:
    answer = client.ask("GET", "/health", headers={"host": host})
    assert (answer.status_code, answer.json()["reason"]) == (421, "foreign_host")
    assert "default-src" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "LOCALHOST:1", "[::1]:8000"])
def test_the_names_of_this_machine_are_accepted(client: Client, host: str) -> None:
    assert client.ask("GET", "/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_requests_of_other_sites_pages_are_refused(client: Client, headers: dict[str, str]) -> None:
    answer = client.ask("POST", "/tag", headers=headers, content=b"")
    assert (answer.status_code, answer.json()["reason"]) == (403, "foreign_origin")


def test_the_own_page_is_accepted(client: Client) -> None:
    headers = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert client.ask("GET", "/health", headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer wrong", "Basic YTpi", f"Bearer {TOKEN}x", "Bearer caf\xe9"])
def test_without_the_token_nothing_is_answered(guarded: Client, value: str) -> None:
    for path in ("/health", "/models", "/openapi.json", "/absent"):
        answer = guarded.ask("GET", path, headers={"authorization": value.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in answer.text


def test_the_token_is_taken_from_the_header_and_from_the_cookie(guarded: Client) -> None:
    assert guarded.ask("GET", "/health", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.ask("GET", "/health", headers={"cookie": f"hearsight={TOKEN}"}).status_code == 200
    assert guarded.ask("GET", "/health", headers={"cookie": "hearsight=wrong"}).status_code == 401
