"""Files at http and https addresses, resumed where a connection was lost."""

from __future__ import annotations

import contextlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hearsight.errors import UnwritableError
from hearsight.files import report_output_errors
from hearsight.media.download.failures import DownloadError, classify_status
from hearsight.version import VERSION

_CHUNK = 1 << 16
_TIMEOUT = 30.0
_PARTIAL = 206
_RANGE_NOT_SATISFIABLE = 416


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follow redirections to http and https alone."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Refuse every other scheme, such as file."""
        if not newurl.lower().startswith(("http://", "https://")):
            raise DownloadError(f"a redirection to {newurl[:80]!r}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str,
    path: Path,
    *,
    max_bytes: int,
    max_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Download an address to a file.

    What an earlier call has left of it is kept, if the server can go on there and the file is the same as before; its version
    is stored next to it as ``NAME.version``.

    Parameters
    ----------
    url
        An http or https address.
    path
        Where to. After an error it holds what has come so far.
    max_bytes
        The largest file that is accepted.
    max_seconds
        The longest time that a download may take, so that a server that sends a byte a minute does not hold up the others.
    clock
        Seconds that pass.

    Raises
    ------
    DownloadError
        Or one of its kinds, by the server's status.
    UnwritableError
        When the disk is full or read-only.
    """
    ends = clock() + max_seconds
    version_path = path.with_name(f"{path.name}.version")
    have = path.stat().st_size if path.exists() and version_path.exists() else 0
    headers = {"User-Agent": f"hearsight/{VERSION}"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version_path.read_text(encoding="utf-8")}
    try:
        with _open(url, headers) as response, report_output_errors(path):
            have = have if response.status == _PARTIAL else 0
            _note_version(response, version_path)
            _receive(response, path, have, max_bytes, ends, clock)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and have:
                path.unlink()  # the file has become shorter than what is here
            raise classify_status(error.code, f"HTTP status {error.code} ({error.reason})") from error
    except UnwritableError:
        raise  # a full disk here is no fault of the server
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"{type(error).__name__}: {error}") from error
    version_path.unlink(missing_ok=True)


def observe(url: str) -> tuple[int, str] | None:
    """Return size and version of the file at an address, as its server announces them; None where there is none.

    Raises
    ------
    DownloadError
        When the server cannot be reached, or refuses.
    """
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": f"hearsight/{VERSION}"})
    try:
        with contextlib.closing(urllib.request.build_opener(_WebOnly).open(request, timeout=_TIMEOUT)) as response:
            size = response.headers.get("Content-Length") or "0"
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            return int(size) if size.isdigit() else 0, version
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (404, 410):
                return None
            raise classify_status(error.code, f"HTTP status {error.code} ({error.reason})") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(f"{type(error).__name__}: {error}") from error


def _open(url: str, headers: dict[str, str]) -> Any:
    opener = urllib.request.build_opener(_WebOnly)
    request = urllib.request.Request(url, headers=headers)
    return contextlib.closing(opener.open(request, timeout=_TIMEOUT))


def _note_version(response: Any, path: Path) -> None:
    """Keep what distinguishes this version of the file; if the server sends nothing of the kind, nothing is resumed."""
    tag = response.headers.get("ETag") or ""
    version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified") or ""
    if version:
        path.write_text(version, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def _receive(response: Any, path: Path, have: int, max_bytes: int, ends: float, clock: Callable[[], float]) -> None:
    announced = response.headers.get("Content-Length")
    wanted = have + int(announced) if announced and announced.isdigit() else None
    if wanted is not None and wanted > max_bytes:
        raise DownloadError(f"{wanted:,} bytes, more than the {max_bytes:,} that are allowed")
    with path.open("r+b" if have else "wb") as file:
        file.seek(have)
        while chunk := response.read1(_CHUNK):
            have += len(chunk)
            if have > max_bytes:
                raise DownloadError(f"more than the {max_bytes:,} bytes that are allowed")
            file.write(chunk)
            if clock() > ends:
                raise DownloadError(f"not finished in time; {have:,} bytes have come")
    if wanted is not None and have < wanted:
        raise DownloadError(f"the connection ended after {have:,} of {wanted:,} bytes")
