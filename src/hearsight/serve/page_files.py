"""The files of the page, read once. A request names a file of this list or none; it is never a path."""

from __future__ import annotations

import dataclasses
import functools
import secrets
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
"""What ``npm run build`` writes from the sources in ``page/``."""
NONCE = "@NONCE@"
"""The placeholder in the page for the number that allows its styles; a new one for every answer."""

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


@dataclasses.dataclass(frozen=True)
class PageFile:
    """A file of the page, and its media type."""

    content: bytes
    kind: str


@functools.cache
def read_page() -> dict[str, PageFile]:
    """Return the files of the page by their path in an address, ``index.html`` and ``assets/page.js`` among them."""
    return {
        path.relative_to(FOLDER).as_posix(): PageFile(path.read_bytes(), _KINDS[path.suffix])
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in _KINDS
    }


def make_nonce() -> str:
    """Return a number that cannot be guessed."""
    return secrets.token_urlsafe(16)
