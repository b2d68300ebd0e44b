"""Reading an upload, a form or the bare bytes, piece by piece into the private folder.

The only file that imports python-multipart.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hearsight.extras import require
from hearsight.serve.folder import PrivateFolder, StoredFile
from hearsight.serve.limits import DRAIN_SECONDS, DRAINED_BYTES, NAME_CHARACTERS, ServeLimits
from hearsight.serve.refusals import Refusal, refuse

UNNAMED = "the upload"
_FILE_NAME = re.compile(rb"filename=\"((?:[^\"\\]|\\.)*)\"|filename=([^;\s]+)", re.IGNORECASE)
_FORM = "multipart/form-data"


class Upload:
    """A file that a client sent.

    Attributes
    ----------
    path
        Where it lies, in the private folder.
    name
        What the client calls it: text to show, and no path.
    size_bytes
        Its length.
    """

    def __init__(self, stored: StoredFile, name: str) -> None:
        self.path: Path = stored.path
        self.name = name
        self.size_bytes = stored.size_bytes
        self._stored = stored

    def remove(self) -> None:
        """Remove it."""
        self._stored.remove()


def clean_name(name: str) -> str:
    """Return what is shown of a client's file name: what comes after its last slash, no longer than :data:`NAME_CHARACTERS`."""
    last = re.split(r"[/\\]", name)[-1].strip()
    return last[:NAME_CHARACTERS] or UNNAMED


async def receive(request: Any, folder: PrivateFolder, name: str) -> Upload:
    """Receive the file of a request: the first file of a form, or the whole body where it is no form.

    Parameters
    ----------
    request
        The HTTP request; its ``Content-Type`` decides how the body is read.
    folder
        Where the file is written.
    name
        What the client calls a file that comes without a form; may be empty.

    Raises
    ------
    Refusal
        400 for an empty or broken upload, 408 for one that is too slow, 413 for one that is too large, 415 for one that is
        compressed as a whole, 507 where there is no room for it.
    """
    _check_head(request, folder.limits)
    kind = request.headers.get("content-type", "")
    stored = StoredFile(folder, clean_name(name))
    try:
        if kind.lower().startswith(_FORM):
            found = await _receive_form(request, kind, stored, folder.limits)
            name = name or found
        else:
            async for chunk in read_body(request, folder.limits):
                stored.write(chunk)
        stored.close()
        if not stored.size_bytes:
            raise Refusal(  # noqa: TRY301 (the file is removed below)
                400, "empty", clean_name(name), "an upload of 0 bytes", "a file with sound"
            )
    except BaseException as error:
        stored.remove()
        if isinstance(error, OSError):
            raise refuse(error, stored.path, clean_name(name)) from error
        raise
    return Upload(stored, clean_name(name))


def _check_head(request: Any, limits: ServeLimits) -> None:
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise Refusal(
            415, "encoded", "Content-Encoding", repr(coding)[:40], "an upload that is not compressed as a whole"
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.upload_bytes + DRAINED_BYTES:
        found = f"{int(length):,} bytes" if len(length) < 20 else "more bytes than any disk has"
        raise Refusal(413, "too_large", UNNAMED, found, f"at most {limits.upload_bytes:,}")


async def read_body(request: Any, limits: ServeLimits) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes.

    Raises
    ------
    Refusal
        408 when nothing comes for a while, when it comes too slowly, or when the client goes away.
    """
    started = time.monotonic()
    count = 0
    stream = request.stream()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), limits.idle_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _too_slow(f"no bytes for {limits.idle_seconds:g} s, after {count:,}") from error
        except Exception as error:  # the framework's own; its class is not public
            if type(error).__name__ == "ClientDisconnect":
                raise Refusal(408, "gone", UNNAMED, f"the connection was closed after {count:,} bytes") from error
            raise
        count += len(chunk)
        seconds = time.monotonic() - started
        if seconds > limits.upload_seconds:
            raise _too_slow(f"{count:,} bytes in {seconds:.0f} s")
        if seconds > limits.grace_seconds and count < limits.bytes_per_second * seconds:
            raise _too_slow(
                f"{count:,} bytes in {seconds:.0f} s", f"at least {limits.bytes_per_second:,.0f} per second"
            )
        yield chunk


def _too_slow(found: str, wanted: str = "") -> Refusal:
    return Refusal(408, "slow_upload", UNNAMED, found, wanted)


async def drain(request: Any) -> None:
    """Read a little more of an upload that is refused, so that a client who is still sending sees the refusal."""
    left = DRAINED_BYTES
    # whatever happens to a request that has been refused already
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return


async def _receive_form(request: Any, kind: str, stored: StoredFile, limits: ServeLimits) -> str:
    """Write the first file of a form; return the name that it has there."""
    form = _Form(kind, stored)
    async for chunk in read_body(request, limits):
        form.feed(chunk)
    form.finish()
    return form.name


class _Form:
    """Takes the first file out of ``multipart/form-data``."""

    def __init__(self, kind: str, stored: StoredFile) -> None:
        self.name = ""
        self._stored = stored
        self._state = "before"
        self._header = b""
        self._value = b""
        self._ended = False
        library = require("python_multipart.multipart", "serve", "hearsight serve")
        boundary = library.parse_options_header(kind)[1].get(b"boundary")
        if not boundary:
            raise Refusal(
                400, "broken_form", "Content-Type", f"a form without a boundary: {kind[:60]!r}", "boundary=..."
            )
        callbacks = {
            "on_header_field": lambda data, start, end: self._add_field(data[start:end]),
            "on_header_value": lambda data, start, end: self._add_value(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self._add_data(memoryview(data)[start:end]),
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self._mistake = library.FormParserError
        try:
            self._parser = library.MultipartParser(boundary, callbacks)
        except self._mistake as error:
            raise Refusal(
                400, "broken_form", "Content-Type", f"the boundary {boundary[:40]!r} cannot be used"
            ) from error

    def feed(self, chunk: bytes) -> None:
        """Parse some bytes."""
        try:
            self._parser.write(chunk)
        except self._mistake as error:
            raise Refusal(400, "broken_form", UNNAMED, f"not a form ({error})") from error

    def finish(self) -> None:
        """Check that the form is complete and had a file."""
        if not self._ended:
            raise Refusal(400, "truncated_form", UNNAMED, "ends before its last boundary", "a whole form")
        if self._state == "before":
            raise Refusal(400, "no_file", UNNAMED, "a form without a file", "a field with a file")

    def _add_field(self, data: bytes) -> None:
        self._header += data

    def _add_value(self, data: bytes) -> None:
        self._value += data

    def _end_header(self) -> None:
        header, value = self._header.lower(), self._value
        self._header = self._value = b""
        found = _FILE_NAME.search(value)
        if header == b"content-disposition" and found and self._state == "before":
            self._state = "inside"
            quoted = (found[1] or found[2] or b"").replace(b'\\"', b'"')
            self.name = quoted.decode("utf-8", "backslashreplace")

    def _add_data(self, data: memoryview) -> None:
        if self._state == "inside":
            self._stored.write(data)

    def _end_part(self) -> None:
        if self._state == "inside":
            self._state = "after"

    def _end(self) -> None:
        self._ended = True
