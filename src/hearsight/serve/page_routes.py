"""The routes of the page itself: its files, its session, and the formats that it offers."""

from __future__ import annotations

from typing import Any

from hearsight.detection.formats.catalogue import FORMATS
from hearsight.serve.gate import CONTENT_SECURITY_POLICY, COOKIE, knows_token
from hearsight.serve.page_files import NONCE, make_nonce, read_page
from hearsight.serve.refusals import Refusal
from hearsight.serve.routes import get_service
from hearsight.serve.web import APIRouter, Request, Response

router = APIRouter(tags=["page"])


@router.get("/", include_in_schema=False)
def show_page() -> Any:
    """Return the page, whose styles are allowed by a new number each time."""
    found = read_page().get("index.html")
    if found is None:
        raise Refusal(
            404,
            "no_page",
            "the page",
            f"not among the {len(read_page())} files of this installation",
            "a build of page/",
        )
    nonce = make_nonce()
    policy = CONTENT_SECURITY_POLICY.replace("{styles}", f"'nonce-{nonce}'")
    headers = {"content-security-policy": policy, "cache-control": "no-store"}
    return Response(found.content.replace(NONCE.encode(), nonce.encode()), media_type=found.kind, headers=headers)


@router.get("/assets/{name}", include_in_schema=False)
def show_file(name: str) -> Any:
    """Return a script or style of the page."""
    found = read_page().get(f"assets/{name}")
    if found is None:
        raise Refusal(404, "route", f"/assets/{name}"[:80], "not found")
    return Response(found.content, media_type=found.kind, headers={"cache-control": "no-cache"})


@router.post("/session", include_in_schema=False, status_code=204, response_model=None)
def enter(request: Request) -> Any:
    """Exchange the token for a cookie, which also the player sends."""
    token = get_service(request).token
    if not token:
        return Response(status_code=204)
    if not knows_token(dict(request.headers), token):
        raise Refusal(401, "no_token", "Authorization", "not the token")
    response = Response(status_code=204)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return response


@router.get("/formats", summary="The formats of events")
def list_formats() -> Any:
    """Return the names of the formats that a recording's events are downloaded in."""
    return {"formats": list(FORMATS)}


@router.get("/features", summary="What this server can do")
def list_features(request: Request) -> Any:
    """Return the index, whether there is a table of judgements, and the folder of taught models; null where there is none."""
    service = get_service(request)
    return {
        "index": None if service.archive is None else service.archive.describe(),
        "review": None if service.judgements is None else service.judgements.path.name,
        "teach": None if service.lessons is None else service.lessons.folder.name,
    }
