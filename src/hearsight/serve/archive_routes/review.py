"""The routes of judgements: ``GET`` and ``POST /review``, the sound of a row, and the thresholds that follow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hearsight.errors import HearsightError
from hearsight.review.review import review
from hearsight.serve.archive.judging import NAME, Detection, JudgementTable, count_classes
from hearsight.serve.archive_routes.index import REFUSED, send_part
from hearsight.serve.bodies import describe_body, receive_body
from hearsight.serve.refusals import Refusal, refuse
from hearsight.serve.routes import get_service, run_work
from hearsight.serve.service import Service
from hearsight.serve.web import APIRouter, Query, Request, Response
from hearsight.serve.work import Watch
from hearsight.text import find_control, make_encodable

router = APIRouter(prefix="/review", tags=["review"])

MOST_JUDGEMENTS = 1_000
"""Judgements that are sent in one request."""
Word = Literal["right", "wrong", "skip", ""]


class JudgedRow(BaseModel):
    """A judgement of a row of the table; an empty one takes it back."""

    model_config = ConfigDict(extra="forbid")

    row: int = Field(ge=0)
    key: str = Field(max_length=64)
    judgement: Word


class JudgedDetection(BaseModel):
    """A judgement of a detection in a recording of the page, which becomes a row of the table."""

    model_config = ConfigDict(extra="forbid")

    recording: str = Field(max_length=64)
    start: float = Field(ge=0.0, le=1e7, allow_inf_nan=False)
    duration: float = Field(gt=0.0, le=1e7, allow_inf_nan=False)
    name: str = Field(alias="class", min_length=1, max_length=200)
    probability: float | None = Field(default=None, ge=0.0, le=1.0, allow_inf_nan=False)
    judgement: Literal["right", "wrong", "skip"]


class Judgements(BaseModel):
    """What a client has judged."""

    model_config = ConfigDict(extra="forbid")

    judgements: list[JudgedRow] = Field(default=[], max_length=MOST_JUDGEMENTS)
    detections: list[JudgedDetection] = Field(default=[], max_length=MOST_JUDGEMENTS)


class ReviewRow(BaseModel):
    """A row of the table; ``key`` is sent back with a judgement of it, and ``recording`` opens its recording."""

    row: int
    key: str
    recording: str
    path: str
    start: float
    duration: float
    name: str = Field(serialization_alias="class")
    probability: float | None
    judgement: Word


class ClassCount(BaseModel):
    """How far a class is judged."""

    name: str
    rows: int
    right: int
    wrong: int
    skip: int


class ReviewState(BaseModel):
    """The table: whether other detections can be added, how far each class is judged, and all rows."""

    table: str
    takes_more: bool
    classes: list[ClassCount]
    rows: list[ReviewRow]


class Saved(BaseModel):
    """What was saved, and how far each class is judged."""

    saved: int
    classes: list[ClassCount]


@router.get("", summary="The table of judgements", response_model=ReviewState, responses=REFUSED)
def show_review(request: Request) -> Any:
    """Return the rows of the table of `--review`, with the judgements that they have."""
    service = get_service(request)
    table = get_table(service)
    rows: list[ReviewRow] = []
    detections = read_table(table)
    for number, one in enumerate(detections):
        held = service.recordings.offer(table.locate(one), one.path)
        rows.append(
            ReviewRow(
                row=number,
                key=one.key,
                recording=held.key,
                path=make_encodable(one.path),
                start=one.start,
                duration=one.duration,
                name=make_encodable(one.name),
                probability=one.probability,
                judgement=one.judgement,  # type: ignore[arg-type]
            )
        )
    counts = [ClassCount(**one) for one in count_classes(detections)]
    return ReviewState(table=make_encodable(table.path.name), takes_more=table.takes_more, classes=counts, rows=rows)


@router.post(
    "", summary="Save judgements", response_model=Saved, openapi_extra=describe_body(Judgements), responses=REFUSED
)
async def save_review(request: Request) -> Any:
    """Write judgements into the table, which `hearsight review` and `hearsight teach` read; they are on the disk when this returns.

    A row is named by its number and its key. A detection in a recording of the page is added, if the table is no drawn sample.
    """
    service = get_service(request)
    table = get_table(service)
    sent = await receive_body(request, Judgements)
    if not sent.judgements and not sent.detections:
        raise Refusal(422, "usage", "the request", "0 judgements", "at least one")
    rows = [(one.row, one.key, one.judgement) for one in sent.judgements]
    added = [make_detection(service, one) for one in sent.detections]
    watch = Watch(NAME, service.limits)
    found = await run_work(request, lambda _: table.judge(rows, added), watch, table.path, service.readers)
    counts = [ClassCount(**one) for one in count_classes(found)]
    return Saved(saved=len(rows) + len(added), classes=counts)


@router.get("/thresholds", summary="Precision and thresholds", response_model=None, responses=REFUSED)
async def show_thresholds(
    request: Request,
    precision: Annotated[float, Query(gt=0.0, le=1.0, allow_inf_nan=False, description="the wanted precision")] = 0.9,
    sure: Annotated[bool, Query(description="whether the low end of the interval must reach it")] = False,
) -> Any:
    """Return what `hearsight review --json` prints of the table, without the curves."""
    service = get_service(request)
    table = get_table(service)

    def work(_: Watch) -> dict[str, Any]:
        report = review([table.path], precision=precision, sure=sure).as_json()
        return report | {"classes": [{k: v for k, v in one.items() if k != "curve"} for one in report["classes"]]}

    return await run_work(request, work, Watch(NAME, service.limits), table.path, service.readers)


@router.get("/{row}/sound", summary="The sound of a row", response_class=Response, responses=REFUSED)
async def play_judged(
    request: Request, row: int, context: Annotated[float, Query(ge=0.0, le=10.0, allow_inf_nan=False)] = 0.0
) -> Any:
    """Return a row of the table as a WAV file, with some seconds before and after it."""
    table = get_table(get_service(request))
    detections = read_table(table)
    if not 0 <= row < len(detections):
        raise Refusal(404, "no_row", NAME, f"no row {row}", f"a row below {len(detections)}")
    one = detections[row]
    return await send_part(
        request, table.locate(one), one.path, one.start - context, one.start + one.duration + context
    )


def get_table(service: Service) -> JudgementTable:
    """Return the table of judgements of a server.

    Raises
    ------
    Refusal
        404 when it has none.
    """
    if service.judgements is None:
        hint = "start it with hearsight serve --review judge.csv"
        raise Refusal(404, "no_review", "the server", "no table of judgements", "a file for them", hint)
    return service.judgements


def read_table(table: JudgementTable) -> list[Detection]:
    """Return the rows of the table.

    Raises
    ------
    Refusal
        When it cannot be read.
    """
    try:
        return table.list_detections()
    except (HearsightError, OSError) as error:
        raise refuse(error, table.path, NAME) from error


def make_detection(service: Service, one: JudgedDetection) -> Detection:
    """Return what a client has judged as a row of the table.

    Raises
    ------
    Refusal
        404 when the recording is not here, 422 when the name of the class is not printable.
    """
    if control := find_control(one.name):
        raise Refusal(
            422, "usage", "class", f"{one.name[:60]!r} with the control character {control}", "printable text"
        )
    held = service.recordings.get(one.recording)
    # the name of an upload must not be taken for that of a file of the user
    path = f"(upload) {held.name}" if held.upload is not None else str(held.path.absolute())
    return Detection(path, one.start, one.duration, one.name, one.probability, one.judgement)
