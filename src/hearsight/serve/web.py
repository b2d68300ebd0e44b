"""What the routes are written in. The only file that imports FastAPI; the others take these names from here."""

from __future__ import annotations

from hearsight.extras import require

EXTRA, PURPOSE = "serve", "hearsight serve"

_fastapi = require("fastapi", EXTRA, PURPOSE)
_responses = require("fastapi.responses", EXTRA, PURPOSE)
_exceptions = require("fastapi.exceptions", EXTRA, PURPOSE)
_requests = require("fastapi.requests", EXTRA, PURPOSE)

FastAPI = _fastapi.FastAPI
APIRouter = _fastapi.APIRouter
Query = _fastapi.Query
PathParameter = _fastapi.Path
Request = _requests.Request
Response = _responses.Response
JSONResponse = _responses.JSONResponse
StreamingResponse = _responses.StreamingResponse
HTTPException = _exceptions.HTTPException
RequestValidationError = _exceptions.RequestValidationError

__all__ = [
    "APIRouter",
    "FastAPI",
    "HTTPException",
    "JSONResponse",
    "PathParameter",
    "Query",
    "Request",
    "RequestValidationError",
    "Response",
    "StreamingResponse",
]
