"""The routes for programs: ``POST /tag``, ``POST /embed``, ``GET /models``, ``GET /health``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from hearsight.errors import HearsightError
from hearsight.listening.tags import TagSelection
from hearsight.serve.answers import EMBEDDING_KINDS, embed_upload, tag_upload
from hearsight.serve.limits import CHUNK_BYTES
from hearsight.serve.refusals import Refusal, refuse
from hearsight.serve.service import Service
from hearsight.serve.uploads import Upload, clean_name, drain, receive
from hearsight.serve.web import APIRouter, JSONResponse, Query, Request, StreamingResponse
from hearsight.serve.work import ProgressStream, Watch, WorkQueue, wait_for

router = APIRouter()

NDJSON = "application/x-ndjson"
_FILE = {"type": "string", "format": "binary"}
SOUND_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}},
            "application/octet-stream": {"schema": _FILE},
        },
    }
}
REFUSED = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "reason": {"type": "string"},
        "error": {"type": "string"},
        "hint": {"type": "string"},
    },
}
_STATUSES = {
    400: "an empty or broken upload",
    408: "an upload that is too slow",
    413: "a file or a sound that is too large",
    415: "no sound that can be decoded",
    422: "a damaged file, or a parameter out of range",
    429: "the queue is full",
    504: "not done in time",
    507: "no room on the disk",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/json": {"schema": REFUSED}}}
    for status, text in _STATUSES.items()
}
"""The statuses of refusals, for the OpenAPI document."""

Name = Annotated[str, Query(description="the file's name, for an upload that is no form", max_length=1000)]


def get_service(request: Request) -> Service:
    """Return the server that a request belongs to."""
    return request.app.state.service


@router.get("/health", summary="The state of the server")
def show_health(request: Request) -> Any:
    """Return what is going on: requests at work, what was refused and why, and the limits."""
    return get_service(request).describe_health()


@router.get("/models", summary="The models")
def list_models(request: Request) -> Any:
    """Return the models that are served, with their classes."""
    return {"models": [get_service(request).describe_model()]}


@router.post("/tag", summary="Tag a sound", openapi_extra=SOUND_BODY, responses=REFUSALS)
async def tag(
    request: Request,
    top: Annotated[int, Query(ge=1, le=100_000, description="number of classes per file, or per segment")] = 5,
    threshold: Annotated[float, Query(ge=0.0, le=1.0, description="smallest probability")] = 0.0,
    sense: Annotated[Literal["heard", "seen", "all"] | None, Query(description="which classes")] = None,
    segments: Annotated[bool, Query(description="tag each segment instead of the whole file")] = False,
    stream: Annotated[bool, Query(description="lines of progress as NDJSON, and the answer as the last line")] = False,
    name: Name = "",
) -> Any:
    """Return the most probable classes of an audio or video file: a form with a file, or the bare bytes.

    With `stream=true` each line is a JSON object: `{"type": "progress", "seconds": ...}`, at the end `{"type": "answer", ...}` or
    `{"type": "refusal", "status": ..., "error": ...}`.
    """
    service = get_service(request)
    selection = TagSelection(top, threshold, segments, sense)

    def work(watch: Watch, upload: Upload) -> dict[str, Any]:
        return tag_upload(service.listener, upload.path, watch, selection)

    if stream:
        held = await receive_admitted(request, name)
        return stream_work(request, lambda one: work(one, held), held.path, held.name, held.remove)
    async with admit(request, name) as upload:
        watch = Watch(upload.name, service.limits)
        return JSONResponse(await run_work(request, lambda one: work(one, upload), watch, upload.path))


@router.post("/embed", summary="Embed a sound", openapi_extra=SOUND_BODY, responses=REFUSALS)
async def embed(
    request: Request,
    format: Annotated[
        Literal["json", "csv", "npz", "parquet"], Query(description="the kind of file that is returned")
    ] = "json",
    name: Name = "",
) -> Any:
    """Return the embedding of every segment of an audio or video file: a form with a file, or the bare bytes."""
    service = get_service(request)
    kind = EMBEDDING_KINDS[format][1]
    async with admit(request, name) as upload:
        out = service.folder.make_path()
        watch = Watch(upload.name, service.limits)
        try:
            await run_work(
                request, lambda one: embed_upload(service.listener, upload.path, one, out, format), watch, upload.path
            )
            headers = {"content-length": str(out.stat().st_size), **name_download(upload.name, format)}
            return StreamingResponse(send_and_remove(out), media_type=kind, headers=headers)
        except BaseException:
            out.unlink(missing_ok=True)
            raise


@contextlib.asynccontextmanager
async def admit(request: Request, name: str) -> AsyncGenerator[Upload]:
    """Receive an upload for a request that has a place in the queue; it is removed when the block is left.

    Raises
    ------
    Refusal
        429 before anything is read, or what :func:`~hearsight.serve.uploads.receive` raises.
    """
    upload = await receive_admitted(request, name)
    try:
        yield upload
    finally:
        upload.remove()


async def receive_admitted(request: Request, name: str) -> Upload:
    """Receive an upload for a request that has a place in the queue; errors as in :func:`admit`."""
    service = get_service(request)
    try:
        service.queue.check_room()
        return await receive(request, service.folder, name)
    except Refusal:
        await drain(request)
        raise


async def run_work(
    request: Request, work: Callable[[Watch], Any], watch: Watch, path: Path, queue: WorkQueue | None = None
) -> Any:
    """Run work in a queue, by default that of the network, and return its result.

    Raises
    ------
    Refusal
        What it was refused for, or what went wrong; the client's name of the file stands for its path.
    """
    service = get_service(request)
    try:
        answer = await wait_for((queue or service.queue).submit(work, watch), watch, request.is_disconnected)
    except (HearsightError, OSError, MemoryError) as error:
        raise refuse(error, path, watch.name) from error
    service.num_answered += 1
    return answer


def stream_work(
    request: Request,
    work: Callable[[Watch], dict[str, Any]],
    path: Path,
    name: str,
    done: Callable[[], None] | None = None,
    unit: str = "seconds",
) -> Any:
    """Return a response of lines: progress while work is done, then its result or why there is none.

    Parameters
    ----------
    request
        What is answered.
    work
        What is done in the queue.
    path, name
        The file that it is about, and what the client calls it.
    done
        Called when the file is no longer needed, whatever happens.
    unit
        What progress is counted in.

    Raises
    ------
    Refusal
        429 when all places are taken.
    """
    service = get_service(request)
    progress = ProgressStream()
    watch = Watch(name, service.limits, progress.report)
    try:
        future = service.queue.submit(work, watch)
    except Refusal:
        if done is not None:
            done()
        raise
    if done is not None:
        future.add_done_callback(lambda _: done())
    future.add_done_callback(lambda _: progress.end())

    async def write_lines() -> AsyncIterator[bytes]:
        try:
            async for amount in progress:
                yield write_line({"type": "progress", unit: round(amount, 3)})
            yield write_line({"type": "answer", **future.result()})
            service.num_answered += 1
        except (HearsightError, OSError, MemoryError) as error:
            refusal = refuse(error, path, name)
            service.refusals.add(refusal)
            yield write_line({"type": "refusal", **refusal.as_json()})
        finally:
            watch.cancel()
            if not future.cancel():
                await asyncio.wait({asyncio.wrap_future(future)})

    return StreamingResponse(write_lines(), media_type=NDJSON)


def write_line(value: dict[str, Any]) -> bytes:
    """Return a JSON document in one line; all but ASCII is escaped."""
    return json.dumps(value).encode() + b"\n"


def name_download(name: str, suffix: str) -> dict[str, str]:
    """Return the header that names a download after the file that it was made from."""
    stem = clean_name(name).rpartition(".")[0] or clean_name(name)
    quoted = urllib.parse.quote(f"{stem}.{suffix}", safe="")
    return {"content-disposition": f"attachment; filename*=UTF-8''{quoted}"}


async def send_and_remove(path: Path) -> AsyncIterator[bytes]:
    """Yield the bytes of a file, and remove it at the end."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    finally:
        path.unlink(missing_ok=True)
