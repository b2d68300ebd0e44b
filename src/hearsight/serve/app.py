"""The application: the routes, what becomes of errors, and the gate around them."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from hearsight.console import print_message
from hearsight.errors import HearsightError
from hearsight.serve import page_routes, recording_routes, routes
from hearsight.serve.archive_routes import index, review, teach
from hearsight.serve.gate import Gate, Receive, Scope, Send
from hearsight.serve.refusals import Refusal, refuse
from hearsight.serve.service import Service
from hearsight.serve.web import FastAPI, HTTPException, JSONResponse, Request, RequestValidationError
from hearsight.serve.work import RETRY_SECONDS
from hearsight.version import VERSION

_DESCRIPTION = "Tags and embeddings of audio and video files, by a network that hearsight trained."


def create_app(service: Service) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the ASGI application of a server.

    Parameters
    ----------
    service
        Its parts.
    """
    # the pages of Swagger and ReDoc load scripts from elsewhere, and nothing here does
    app = FastAPI(title="hearsight", version=VERSION, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.service = service
    app.include_router(routes.router)
    app.include_router(recording_routes.router)
    app.include_router(index.router)
    app.include_router(review.router)
    app.include_router(teach.router)
    app.include_router(page_routes.router)
    app.add_exception_handler(HearsightError, _answer_error)
    app.add_exception_handler(OSError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_mistake)
    app.add_exception_handler(HTTPException.__mro__[1], _answer_http)  # the router's own, which FastAPI's derives from
    app.add_exception_handler(Exception, _answer_bug)
    return Gate(app, service)


def respond(service: Service, refusal: Refusal) -> JSONResponse:
    """Return a refusal as a response, and count it."""
    service.refusals.add(refusal)
    headers = {"retry-after": str(RETRY_SECONDS)} if refusal.status == 429 else {}
    return JSONResponse(refusal.as_json(), status_code=refusal.status, headers=headers)


async def _answer_error(request: Request, error: HearsightError | OSError) -> Any:
    return respond(routes.get_service(request), refuse(error))


async def _answer_mistake(request: Request, error: Any) -> Any:
    mistakes = error.errors()
    first = mistakes[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    found = f"{str(first.get('input'))[:80]!r}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}"
    return respond(routes.get_service(request), Refusal(422, "usage", place, found))


async def _answer_http(request: Request, error: Any) -> Any:
    where = f"{request.method} {request.url.path}"[:120]
    return respond(routes.get_service(request), Refusal(error.status_code, "route", where, str(error.detail).lower()))


async def _answer_bug(request: Request, error: Exception) -> Any:
    for line in "".join(traceback.format_exception(error)).splitlines():
        print_message(line)
    found = "an error in hearsight itself; the server's log has the traceback"
    return respond(routes.get_service(request), Refusal(500, "bug", "the server", found))
