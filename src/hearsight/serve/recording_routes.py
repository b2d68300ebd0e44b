"""The routes of the page: recordings, what is in them, and the sound itself in pieces."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from hearsight.detection.events import EventRule
from hearsight.detection.formats.catalogue import FORMATS, open_file
from hearsight.detection.formats.writer import Context
from hearsight.listening.files import AUDIO_SUFFIXES
from hearsight.media.sources import MEDIA_SUFFIXES
from hearsight.serve.analysis import MOST_EVENTS, Analysis, analyse
from hearsight.serve.limits import CHUNK_BYTES
from hearsight.serve.recordings import Recording
from hearsight.serve.refusals import Refusal
from hearsight.serve.routes import get_service, name_download, send_and_remove, stream_work
from hearsight.serve.spectrogram import LARGEST_LEVEL, read_peaks, read_tile
from hearsight.serve.uploads import receive
from hearsight.serve.web import APIRouter, JSONResponse, Query, Request, Response, StreamingResponse

router = APIRouter(prefix="/recordings", tags=["page"])

MOST_POINTS = 400_000
"""Points of a waveform."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_BYTES = "application/octet-stream"
_PLAYED = frozenset({"audio", "video"})

Threshold = Annotated[float, Query(ge=0.0, le=1.0, description="probability that an event reaches")]
Classes = Annotated[list[int] | None, Query(description="indices of the classes; all where there is none")]


@router.get("", summary="The files of the folder")
def list_recordings(request: Request) -> Any:
    """Return the audio and video files of `--folder`."""
    return {"recordings": [one.as_json() for one in get_service(request).recordings.list_folder()]}


@router.post("", summary="Keep an upload for a while", status_code=201)
async def add_recording(request: Request, name: Annotated[str, Query(max_length=1000)] = "") -> Any:
    """Receive a file, which is kept until it is deleted or has had no request for an hour."""
    service = get_service(request)
    upload = await receive(request, service.folder, name)
    return service.recordings.add(upload).as_json()


@router.delete("/{key}", summary="Remove an upload", status_code=204, response_model=None)
def remove_recording(request: Request, key: str) -> Any:
    """Remove an upload and what is known of it; a file of the folder stays."""
    get_service(request).recordings.remove(key)
    return Response(status_code=204)


@router.post("/{key}/analysis", summary="Analyse a recording")
async def analyse_recording(request: Request, key: str) -> Any:
    """Return lines of JSON: progress, and at the end what the page draws. What has been analysed is answered immediately."""
    service = get_service(request)
    recording = service.recordings.get(key)
    known = recording.analysis
    if known is not None:
        line = await asyncio.to_thread(lambda: json.dumps({"type": "answer", **known.as_json(service.listener)}))
        return Response(line.encode() + b"\n", media_type="application/x-ndjson")

    def work(watch: Any) -> dict[str, Any]:
        found = analyse(service.listener, recording.path, watch, service.folder.make_path(".columns"))
        recording.analysis = found
        service.recordings.sweep()
        return found.as_json(service.listener)

    return stream_work(request, work, recording.path, recording.name)


@router.get("/{key}/events", summary="Events above a threshold")
def list_events(request: Request, key: str, threshold: Threshold = 0.5, classes: Classes = None) -> Any:
    """Return spans in which a class reaches the threshold."""
    service = get_service(request)
    recording = service.recordings.get(key)
    known = get_analysis(recording)
    chosen = choose(known, classes)
    tags = known.find_tags(service.listener, chosen, EventRule(threshold), recording.name)
    indices = {service.listener.vocabulary[index]: index for index in reversed(chosen)}
    events = [
        [indices[tag.name], round(tag.start, 4), round(tag.start + tag.duration, 4), round(tag.probability, 4)]
        for tag in tags
    ]
    return JSONResponse({"total": len(events), "events": events[:MOST_EVENTS]})


@router.get("/{key}/download", summary="Events as a file")
def download_events(
    request: Request,
    key: str,
    format: Annotated[str, Query(description=", ".join(FORMATS))] = "csv",
    threshold: Threshold = 0.5,
    classes: Classes = None,
) -> Any:
    """Return the events in one of the formats of `hearsight tag`."""
    if format not in FORMATS:
        raise Refusal(422, "usage", "format", repr(format)[:40], f"one of {', '.join(FORMATS)}")
    service = get_service(request)
    recording = service.recordings.get(key)
    known = get_analysis(recording)
    tags = known.find_tags(service.listener, choose(known, classes), EventRule(threshold), recording.name)
    out = service.folder.make_path()
    with open_file(format, out, Context(service.listener.training_sample_rate / 2)) as writer:
        writer.write(tags)
        writer.end_file(recording.name, known.seconds)
    headers = name_download(recording.name, FORMATS[format].suffix.removeprefix("."))
    return StreamingResponse(send_and_remove(out), media_type=_BYTES, headers=headers)


@router.get("/{key}/spectrogram", summary="A tile of the spectrogram")
def show_tile(
    request: Request,
    key: str,
    level: Annotated[int, Query(ge=0, le=LARGEST_LEVEL)] = 0,
    tile: Annotated[int, Query(ge=0, le=10**7)] = 0,
) -> Any:
    """Return columns of bytes, the lowest band first."""
    known = get_analysis(get_service(request).recordings.get(key))
    return Response(read_tile(known.path, level, tile).tobytes(), media_type=_BYTES, headers=_KEEP)


@router.get("/{key}/peaks", summary="The waveform")
def show_peaks(request: Request, key: str, points: Annotated[int, Query(ge=1, le=MOST_POINTS)] = MOST_POINTS) -> Any:
    """Return the highest amplitudes of successive spans, a byte each."""
    known = get_analysis(get_service(request).recordings.get(key))
    return Response(read_peaks(known.path, points).tobytes(), media_type=_BYTES, headers=_KEEP)


@router.get("/{key}/media", summary="The sound itself")
def play(request: Request, key: str) -> Any:
    """Return the bytes of a recording, or the range of them that is asked for."""
    recording = get_service(request).recordings.get(key)
    if recording.upload is None and recording.path.suffix.lower() not in AUDIO_SUFFIXES | MEDIA_SUFFIXES:
        # an index or a table may name any file, and only sound is sent from those
        raise Refusal(
            415, "not_media", recording.name, f"suffix {recording.path.suffix!r:.40}", "that of sound or video"
        )
    try:
        size = recording.path.stat().st_size
    except OSError as error:
        raise Refusal(404, "no_recording", recording.name, "its file is gone") from error
    kind = mimetypes.guess_type(recording.name)[0] or _BYTES
    kind = kind if kind.partition("/")[0] in _PLAYED else _BYTES
    headers = {"accept-ranges": "bytes", "cache-control": "no-store"}
    asked = request.headers.get("range")
    if asked is None:
        headers["content-length"] = str(size)
        return StreamingResponse(send_range(recording.path, 0, size), media_type=kind, headers=headers)
    first, end = find_range(asked, size, recording.name)
    headers |= {"content-range": f"bytes {first}-{end - 1}/{size}", "content-length": str(end - first)}
    return StreamingResponse(send_range(recording.path, first, end), status_code=206, media_type=kind, headers=headers)


_KEEP = {"cache-control": "private, max-age=3600"}


def get_analysis(recording: Recording) -> Analysis:
    """Return what is known of a recording.

    Raises
    ------
    Refusal
        409 when it has not been analysed yet.
    """
    if recording.analysis is None:
        raise Refusal(409, "not_heard", recording.name, "not analysed yet", hint="POST its analysis first")
    return recording.analysis


def choose(known: Analysis, classes: list[int] | None) -> list[int]:
    """Return the classes that are asked for, in the order of the model.

    Raises
    ------
    Refusal
        422 when one is none of the model's.
    """
    wanted = range(len(known.peaks)) if classes is None else sorted(set(classes))
    for index in wanted:
        if not 0 <= index < len(known.peaks):
            raise Refusal(422, "usage", "classes", f"{index}", f"a class from 0 to {len(known.peaks) - 1}")
    return list(wanted)


def find_range(asked: str, size: int, name: str) -> tuple[int, int]:
    """Return the first byte and the end of a range.

    Parameters
    ----------
    asked
        The header ``Range``.
    size
        Bytes of the file.
    name
        Of the file, for errors.

    Raises
    ------
    Refusal
        416 when it lies beyond the file, or is none.
    """
    found = _RANGE.fullmatch(asked.strip())
    first, last = (found[1], found[2]) if found else ("", "")
    if first:
        begin, end = int(first), min(size, int(last) + 1) if last else size
    elif last:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = 0, 0
    if begin >= end:
        raise Refusal(416, "range", name, f"range {asked!r:.60} of {size:,} bytes", "one range within them")
    return begin, end


async def send_range(path: Path, first: int, end: int) -> AsyncIterator[bytes]:
    """Yield some bytes of a file."""
    with path.open("rb") as file:
        file.seek(first)
        left = end - first
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
