"""The routes of the index: ``GET /index``, ``GET`` and ``POST /search``, the map, and the sound of a row."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from hearsight.search.example import Example
from hearsight.search.results import Match
from hearsight.search.where import LONGEST
from hearsight.serve.archive.finding import Archive
from hearsight.serve.archive.sounds import MOST_SECONDS, read_part
from hearsight.serve.recordings import Recording
from hearsight.serve.refusals import Refusal
from hearsight.serve.routes import REFUSALS, SOUND_BODY, Name, admit, get_service, run_work
from hearsight.serve.service import Service
from hearsight.serve.web import APIRouter, Query, Request, Response
from hearsight.serve.work import Watch

router = APIRouter(tags=["index"])

NAME = "the index"
"""What errors call it: a client never sees the path."""
MOST_FOUND = 1_000
"""Most rows that a search returns."""

Top = Annotated[int, Query(ge=1, le=MOST_FOUND, description="most rows")]
Where = Annotated[str | None, Query(max_length=LONGEST, description="a condition in SQL on the columns of the index")]
Seconds = Annotated[float | None, Query(ge=0.0, le=1e7, allow_inf_nan=False)]
REFUSED = {404: REFUSALS[422] | {"description": "no index, row or recording"}, **REFUSALS}


class FoundRow(BaseModel):
    """A segment of the index.

    Attributes
    ----------
    row
        Its number.
    similarity
        Cosine between its embedding and that of the example.
    source, start, duration
        The recording, and seconds.
    time
        The time of the clock at which it starts.
    tags
        Its most probable classes.
    recording
        The key by which the page opens the recording.
    metadata
        Further columns of the index, as text.
    """

    row: int
    similarity: float
    source: str
    start: float
    duration: float
    time: str | None
    tags: list[str]
    recording: str
    metadata: dict[str, str]


class Found(BaseModel):
    """The rows that a search found, the nearest first."""

    found: list[FoundRow]


class IndexFacts(BaseModel):
    """What is known of the index.

    Attributes
    ----------
    rows, recordings
        How many there are.
    model, digest
        The network that made the embeddings.
    columns
        Columns of its table, which `where` can use.
    has_map
        Whether it has a map.
    """

    rows: int
    recordings: int
    model: str
    digest: str
    columns: list[str]
    has_map: bool


class MapPoints(BaseModel):
    """The map: places of rows in a plane, and their most probable classes.

    Attributes
    ----------
    total
        Rows that fulfil the condition.
    names
        Classes, the most frequent first.
    rows, x, y
        Up to 50,000 of them.
    classes
        A place among the names for each, or −1.
    """

    total: int
    names: list[str]
    rows: list[int]
    x: list[float]
    y: list[float]
    classes: list[int] = Field(description="places among the names, or -1")


@router.get("/index", summary="The index", response_model=IndexFacts, responses=REFUSED)
def show_index(request: Request) -> Any:
    """Return how large the index of `--index` is, which network made it, and its columns."""
    return get_archive(get_service(request)).describe()


@router.get("/search", summary="Search by a part of what is here", response_model=Found, responses=REFUSED)
async def search(
    request: Request,
    row: Annotated[int | None, Query(ge=0, description="a row of the index")] = None,
    recording: Annotated[str | None, Query(max_length=64, description="or a recording")] = None,
    start: Seconds = None,
    end: Seconds = None,
    top: Top = 20,
    where: Where = None,
) -> Any:
    """Return the segments of the index that are most like one of its rows, or like a span of a recording of the page.

    Rows that overlap the example itself are left out.
    """
    service = get_service(request)
    archive = get_archive(service)
    if (row is None) == (recording is None):
        found = "neither row nor recording" if row is None else "both row and recording"
        raise Refusal(422, "usage", "the request", found, "one of them")
    if recording is None:
        watch = Watch(NAME, service.limits)
        number = row or 0
        found = await run_work(
            request, lambda _: archive.find_like_row(number, top, where), watch, archive.index.folder, service.readers
        )
    else:
        held = service.recordings.get(recording)
        example = make_example(held.path, held.name, start, end)
        watch = Watch(held.name, service.limits)
        found = await run_work(request, lambda one: archive.find_like_part(example, one, top, where), watch, held.path)
    return list_found(service, found)


@router.post("/search", summary="Search by a sound", response_model=Found, openapi_extra=SOUND_BODY, responses=REFUSED)
async def search_upload(
    request: Request,
    start: Seconds = None,
    end: Seconds = None,
    top: Top = 20,
    where: Where = None,
    name: Name = "",
) -> Any:
    """Return the segments of the index that are most like an audio or video file, or a span of it: a form, or the bare bytes."""
    service = get_service(request)
    archive = get_archive(service)
    async with admit(request, name) as upload:
        example = make_example(upload.path, upload.name, start, end)
        watch = Watch(upload.name, service.limits)
        found = await run_work(
            request, lambda one: archive.find_like_part(example, one, top, where), watch, upload.path
        )
    return list_found(service, found)


@router.get("/index/map", summary="The map of the index", response_model=MapPoints, responses=REFUSED)
async def show_map(request: Request, where: Where = None) -> Any:
    """Return the place of each row in a plane, which `hearsight index --map` has computed."""
    service = get_service(request)
    archive = get_archive(service)
    watch = Watch(NAME, service.limits)
    return await run_work(request, lambda _: archive.read_map(where), watch, archive.index.folder, service.readers)


@router.get("/index/rows/{row}", summary="A row of the index", response_model=FoundRow, responses=REFUSED)
def show_row(request: Request, row: int) -> Any:
    """Return what the index knows of a row."""
    service = get_service(request)
    return list_found(service, get_archive(service).list_rows([row])).found[0]


@router.get("/index/rows/{row}/sound", summary="The sound of a row", response_class=Response, responses=REFUSED)
async def play_row(
    request: Request, row: int, context: Annotated[float, Query(ge=0.0, le=10.0, allow_inf_nan=False)] = 0.0
) -> Any:
    """Return a row as a WAV file, with some seconds before and after it."""
    service = get_service(request)
    path, start, end = get_archive(service).locate(row)
    name = get_archive(service).list_rows([row])[0].source
    return await send_part(request, path, name, start - context, end + context)


@router.get("/recordings/{key}/sound", summary="A part of a recording", response_class=Response, responses=REFUSED)
async def play_part(
    request: Request,
    key: str,
    start: Annotated[float, Query(ge=0.0, le=1e7, allow_inf_nan=False)],
    end: Annotated[float, Query(ge=0.0, le=1e7, allow_inf_nan=False)],
) -> Any:
    """Return up to a minute of a recording as a WAV file, also where a browser cannot play the recording itself."""
    held = get_service(request).recordings.get(key)
    return await send_part(request, held.path, held.name, start, end)


async def send_part(request: Request, path: Path, name: str, start: float, end: float) -> Any:
    """Return a part of a file as a response.

    Raises
    ------
    Refusal
        404 when the file is gone, 416 when nothing of it is within the span, 429 when too many ask.
    """
    service = get_service(request)
    end = min(end, max(0.0, start) + MOST_SECONDS)
    watch = Watch(name, service.limits)
    content = await run_work(request, lambda one: read_part(path, start, end, one), watch, path, service.readers)
    return Response(content, media_type="audio/wav", headers={"cache-control": "private, max-age=600"})


def get_archive(service: Service) -> Archive:
    """Return the index of a server.

    Raises
    ------
    Refusal
        404 when it has none.
    """
    if service.archive is None:
        hint = "start it with hearsight serve --index INDEX"
        raise Refusal(404, "no_index", "the server", "no index", "a folder that hearsight index wrote", hint)
    return service.archive


def make_example(path: Path, name: str, start: float | None, end: float | None) -> Example:
    """Return the part of a file that a request names; without an end, all that follows.

    Raises
    ------
    Refusal
        404 when the file is gone, 422 when the span ends before it starts.
    """
    first, last = start or 0.0, math.inf if end is None else end
    if not first < last:
        raise Refusal(422, "usage", name, f"a span from {first:g} s to {last:g} s", "an end after its start")
    if not path.is_file():
        raise Refusal(404, "no_recording", name, "its file is gone")
    return Example(path, first, last)


def list_found(service: Service, matches: list[Match]) -> Found:
    """Return matches as a response, with keys of their recordings."""
    archive = get_archive(service)
    keys: dict[str, Recording] = {}
    for one in matches:
        if one.source not in keys:
            keys[one.source] = service.recordings.offer(archive.index.locate(one.source), one.source)
    return Found(
        found=[
            FoundRow(
                row=one.row,
                similarity=round(one.similarity, 6),
                source=one.source,
                start=one.start,
                duration=one.duration,
                time=one.time,
                tags=one.tags,
                recording=keys[one.source].key,
                metadata={name: str(value) for name, value in one.metadata.items() if value is not None},
            )
            for one in matches
        ]
    )
