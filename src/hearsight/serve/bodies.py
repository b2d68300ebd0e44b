"""Reading a small JSON document that a client sends, of a bounded size and a declared form."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hearsight.serve.limits import MIB
from hearsight.serve.refusals import Refusal
from hearsight.serve.routes import get_service
from hearsight.serve.uploads import read_body

MOST_BYTES = MIB
"""The largest document."""
_JSON = "application/json"
M = TypeVar("M", bound=BaseModel)


def describe_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the part of an OpenAPI operation that declares a body of a form."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    for name, one in inner.items():
        schema = _inline(schema, f"#/components/schemas/{name}", one)
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}}}}


def _inline(value: Any, reference: str, definition: Any) -> Any:
    if isinstance(value, dict):
        if value.get("$ref") == reference:
            return definition
        return {key: _inline(one, reference, definition) for key, one in value.items()}
    return [_inline(one, reference, definition) for one in value] if isinstance(value, list) else value


async def receive_body(request: Any, model: type[M]) -> M:
    """Read the body of a request.

    Raises
    ------
    Refusal
        408 when it comes too slowly, 413 when it is too large, 415 when it is not called JSON, 422 when it has another form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Refusal(415, "not_json", "Content-Type", f"{kind!r:.60}", _JSON)
    content = bytearray()
    async for chunk in read_body(request, get_service(request).limits):
        content += chunk
        if len(content) > MOST_BYTES:
            raise Refusal(413, "too_large", "the request", f"more than {MOST_BYTES:,} bytes", f"at most {MOST_BYTES:,}")
    try:
        return model.model_validate_json(bytes(content))
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        first = mistakes[0]
        place = ".".join(str(part) for part in first["loc"]) or "the request"
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        found = f"{str(first.get('input'))[:80]!r}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}"
        raise Refusal(422, "usage", f"{place:.120}", found) from error
