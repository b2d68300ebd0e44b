"""``hearsight serve``: a process that listens on a port. The only file that imports uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ipaddress
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hearsight.errors import InputError, MachineError, UsageError
from hearsight.extras import require
from hearsight.files import describe_path
from hearsight.listening.listener import Listener, load
from hearsight.serve.archive.finding import Archive
from hearsight.serve.archive.judging import JudgementTable
from hearsight.serve.archive.lessons import Lessons
from hearsight.serve.folder import open_private_folder
from hearsight.serve.limits import ServeLimits
from hearsight.serve.recordings import Recordings
from hearsight.serve.service import Service
from hearsight.serve.work import WorkQueue

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LEAST_TOKEN = 8
"""Characters of a token that is not refused as too easy to guess."""
_CLOSE_SECONDS = 5
_BACKLOG = 512
_LARGEST_HEAD = 65_536


@dataclasses.dataclass(frozen=True)
class ArchivePlaces:
    """The folders and files of the user that a server may use; each is optional.

    Attributes
    ----------
    recordings
        A folder whose audio and video files the page offers.
    index
        An index of recordings that can be searched, made by the model or by the one that it was taught on.
    judgements
        The table that judgements are written into; it need not exist.
    taught
        The folder that taught models are written into; it need not exist.
    """

    recordings: Path | None = None
    index: Path | None = None
    judgements: Path | None = None
    taught: Path | None = None


def serve(
    model: str,
    *,
    archive: ArchivePlaces | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    limits: ServeLimits | None = None,
    ready: Callable[[str, Listener], None] | None = None,
) -> None:
    """Serve a model until the process is interrupted.

    Parameters
    ----------
    model
        What :func:`hearsight.load` takes.
    archive
        The folders and files that the server may use.
    host, port
        Where to listen; port 0 for any that is free.
    token
        What clients have to send; without it only this machine may ask.
    limits
        What a client may ask for.
    ready
        Called with the address and the model when the server listens.

    Raises
    ------
    UsageError
        When others than this machine could ask without a token, the token is too short, or another model made the index.
    MachineError, InputError
        When the address cannot be used.
    CheckpointError, IndexFolderError
        When the model or the index cannot be loaded.
    """
    check_access(host, token)
    places = archive or ArchivePlaces()
    if places.recordings is not None and not places.recordings.is_dir():
        raise InputError(places.recordings, describe_path(places.recordings), "a folder of recordings")
    judgements = None if places.judgements is None else JudgementTable(places.judgements)
    lessons = None if places.taught is None else Lessons(places.taught, model)
    uvicorn = require("uvicorn", "serve", "hearsight serve")
    from hearsight.serve.app import create_app  # after the extra has been checked

    limits = limits or ServeLimits()
    with contextlib.closing(bind(host, port)) as bound, open_private_folder(limits) as folder:
        listener = load(model)
        service = Service(
            listener,
            model,
            folder,
            limits,
            WorkQueue(limits),
            hosts=frozenset() if token else LOCAL_NAMES | {host.lower()},
            token=token,
            recordings=Recordings(limits, places.recordings),
            archive=None if places.index is None else Archive(places.index, listener),
            judgements=judgements,
            lessons=lessons,
        )
        config = uvicorn.Config(
            create_app(service),
            log_config=None,
            access_log=False,
            server_header=False,
            http=make_protocol(limits.header_seconds),
            ws="none",
            lifespan="off",
            proxy_headers=False,
            timeout_keep_alive=int(limits.header_seconds),
            timeout_graceful_shutdown=_CLOSE_SECONDS,
            backlog=_BACKLOG,
            h11_max_incomplete_event_size=_LARGEST_HEAD,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # errors are printed by the application
        server = uvicorn.Server(config)
        bound.listen(_BACKLOG)
        if ready is not None:
            ready(_write_address(bound), listener)
        try:
            with contextlib.suppress(KeyboardInterrupt):  # how a server ends
                server.run(sockets=[bound])
        finally:
            service.close()


def check_access(host: str, token: str) -> None:
    """Refuse a server that strangers could use.

    Raises
    ------
    UsageError
        When the address is open to other machines and there is no token, or an easy one.
    """
    if token and len(token) < LEAST_TOKEN:
        raise UsageError("--token", f"{len(token)} characters", f"at least {LEAST_TOKEN}")
    if token and not (token.isascii() and token.isprintable() and not set(token) & set(' ",;\\')):
        raise UsageError(
            "--token", f"{len(token)} characters, some of which no header can carry", "letters, digits and -._~"
        )
    if not token and not _is_local(host):
        hint = "other machines can reach this address: set --token, or leave --host out"
        raise UsageError("--host", repr(host), "localhost, as there is no token", hint)


def _is_local(host: str) -> bool:
    if host.lower() in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    Raises
    ------
    InputError
        When there is no such host.
    MachineError
        When the port is in use or may not be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError("--host", f"{host!r} ({getattr(error, 'strerror', None) or error})", "an address") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        hint = "choose another port: --port 0 takes any that is free"
        raise MachineError(f"{host}:{port}", error.strerror or str(error), "a free port", hint) from error
    return bound


def _write_address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_protocol(header_seconds: float) -> type[Any]:
    """Return uvicorn's HTTP protocol, which closes connections that send no whole request head in time.

    Parameters
    ----------
    header_seconds
        How long a connection may stay open before its first request.
    """
    base = require("uvicorn.protocols.http.h11_impl", "serve", "hearsight serve").H11Protocol

    class PatientProtocol(base):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            asyncio.get_running_loop().call_later(header_seconds, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return PatientProtocol
