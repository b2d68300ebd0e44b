"""The routes of teaching: ``GET`` and ``POST /teach``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hearsight.errors import HearsightError
from hearsight.serve.archive.lessons import Lessons, Suggestion, refuse_lesson, suggest_rows
from hearsight.serve.archive_routes.index import REFUSED, get_archive, list_found
from hearsight.serve.bodies import describe_body, receive_body
from hearsight.serve.refusals import Refusal
from hearsight.serve.routes import NDJSON, get_service, stream_work
from hearsight.serve.service import Service
from hearsight.serve.web import APIRouter, Request
from hearsight.serve.work import Watch
from hearsight.teaching.examples import Example
from hearsight.text import find_control

router = APIRouter(prefix="/teach", tags=["teach"])

MOST_EXAMPLES = 1_000
MOST_CLASSES = 100
_SPAN = {"ge": 0.0, "le": 1e7, "allow_inf_nan": False}
_LINES = {
    200: {"description": "lines of JSON: progress in files, and the report as the last line", "content": {NDJSON: {}}}
}


class MarkedExample(BaseModel):
    """A sound with a class: a row of the index, or a span of a recording of the page.

    Attributes
    ----------
    name
        The class; `background` for what is none of the others.
    row, recording, start, end
        Where it is: a row, or a recording with seconds.
    wrong
        Whether the class was judged not to be there.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(alias="class", min_length=1, max_length=200)
    row: int | None = Field(default=None, ge=0)
    recording: str | None = Field(default=None, max_length=64)
    start: float = Field(default=0.0, **_SPAN)  # type: ignore[arg-type]
    end: float | None = Field(default=None, **_SPAN)  # type: ignore[arg-type]
    wrong: bool = False


class Lesson(BaseModel):
    """What is taught: a name for the new model, examples, and how many rows of the index to suggest for judging next."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    examples: list[MarkedExample] = Field(min_length=1, max_length=MOST_EXAMPLES)
    suggest: int = Field(default=0, ge=0, le=100)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class TaughtModels(BaseModel):
    """The models that were taught, and the name of their folder."""

    folder: str
    models: list[str]


@router.get("", summary="The models that were taught", response_model=TaughtModels, responses=REFUSED)
def list_taught(request: Request) -> Any:
    """Return the names of the models in the folder of `--teach-out`."""
    lessons = get_lessons(get_service(request))
    return TaughtModels(folder=lessons.folder.name, models=lessons.list_models())


@router.post(
    "", summary="Teach classes", response_model=None, openapi_extra=describe_body(Lesson), responses=REFUSED | _LINES
)
async def teach(request: Request) -> Any:
    """Fit a new output layer on the model of the server from marked examples, and write it as a checkpoint of `--teach-out`.

    Returns lines of JSON: `{"type": "progress", "files": ...}`, at the end `{"type": "answer", ...}` with what
    `hearsight teach --json` prints, and `suggested` rows of the index; or a refusal. One lesson at a time.
    """
    service = get_service(request)
    lessons = get_lessons(service)
    sent = await receive_body(request, Lesson)
    names: dict[str, str] = {}
    examples = make_examples(service, sent, names)
    out = lessons.begin(sent.name)

    def work(watch: Watch) -> dict[str, Any]:
        try:
            report = lessons.teach(service.listener, examples, out, watch, {"seed": sent.seed}).as_json()
            suggested = suggest_rows(out, get_archive(service).index, sent.suggest) if sent.suggest else []
        except (HearsightError, OSError, MemoryError) as error:
            raise refuse_lesson(error, names, lessons.folder) from error
        rejected = [replace_all(text, names) for text in report["rejected"]]
        shown = describe_suggestions(service, suggested)
        return report | {"out": f"{lessons.folder.name}/{sent.name}", "rejected": rejected, "suggested": shown}

    return stream_work(request, work, out, sent.name, lessons.end, "files")


def get_lessons(service: Service) -> Lessons:
    """Return the folder of taught models of a server.

    Raises
    ------
    Refusal
        404 when it has none.
    """
    if service.lessons is None:
        hint = "start it with hearsight serve --teach-out FOLDER"
        raise Refusal(404, "no_teaching", "the server", "no folder for taught models", "one", hint)
    return service.lessons


def make_examples(service: Service, sent: Lesson, names: dict[str, str]) -> list[Example]:
    """Return examples as teaching takes them, each once.

    Parameters
    ----------
    service
        The parts of the server.
    sent
        What a client has marked.
    names
        Is filled with what a client calls each file.

    Raises
    ------
    Refusal
        404 when a row or recording is not here, 422 when a class or span cannot be used.
    """
    if len({one.name for one in sent.examples}) > MOST_CLASSES:
        raise Refusal(422, "usage", "examples", f"more than {MOST_CLASSES} classes", f"at most {MOST_CLASSES}")
    found: dict[Example, None] = {}
    for number, one in enumerate(sent.examples):
        if control := find_control(one.name):
            shown = f"{one.name[:60]!r} with the control character {control}"
            raise Refusal(422, "usage", f"examples.{number}.class", shown, "printable text")
        path, name, start, end = find_place(service, one, f"examples.{number}")
        names[str(path)] = name
        found[Example(str(path), one.name, start, end, one.wrong)] = None
    return list(found)


def find_place(service: Service, one: MarkedExample, where: str) -> tuple[Path, str, float, float]:
    """Return the file of an example, what the client calls it, and the seconds at which the example starts and ends.

    Raises
    ------
    Refusal
        404 when there is none, 422 when the span ends before it starts.
    """
    if (one.row is None) == (one.recording is None):
        found = "neither row nor recording" if one.row is None else "both row and recording"
        raise Refusal(422, "usage", where, found, "one of them")
    if one.row is not None:
        archive = get_archive(service)
        path, start, end = archive.locate(one.row)
        return path, archive.list_rows([one.row])[0].source, start, end
    held = service.recordings.get(one.recording or "")
    last = float("inf") if one.end is None else one.end
    if not one.start < last:
        raise Refusal(422, "usage", where, f"a span from {one.start:g} s to {last:g} s", "an end after its start")
    return held.path, held.name, one.start, last


def describe_suggestions(service: Service, suggested: list[Suggestion]) -> list[dict[str, Any]]:
    """Return rows of the index that are worth judging, as JSON."""
    if not suggested:
        return []
    rows = list_found(service, get_archive(service).list_rows([one.row for one in suggested])).found
    return [
        row.model_dump(exclude={"similarity", "tags", "metadata"})
        | {"class": one.name, "probability": round(one.probability, 4)}
        for row, one in zip(rows, suggested, strict=True)
    ]


def replace_all(text: str, names: Mapping[str, str]) -> str:
    """Return text in which files have the names that the client knows."""
    for path, name in sorted(names.items(), key=lambda one: -len(one[0])):
        text = text.replace(path, name)
    return text
