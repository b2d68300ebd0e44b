"""What every request passes: who may ask, and the headers that keep a browser from doing more than it should."""

from __future__ import annotations

import hmac
import http.cookies
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from hearsight.serve.refusals import Refusal
from hearsight.serve.service import Service

COOKIE = "hearsight"
PUBLIC = frozenset({"/", "/favicon.ico"})
PUBLIC_PREFIX = "/assets/"
SESSION = "/session"
"""Where the page sends the token, and takes the cookie from; without data of anybody, like the page itself."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' {styles}",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self' blob:",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing but what this server sends is run, shown or asked. ``{styles}`` stands for the nonce of the page's own styles."""

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.replace(" {styles}", "").encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Gate:
    """An ASGI application around another one.

    Another site's page can make a browser send requests to this machine, and a host name that it controls and that points here
    (DNS rebinding) would even let it read the answers. So a request must call the server by one of its names, and must come
    from its own page or from none.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", ())}
                message = {**message, "headers": [*message.get("headers", ()), *_absent(own)]}
            await send(message)

        refusal = self._check(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
            return
        self._service.refusals.add(refusal)
        body = json.dumps(refusal.as_json()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send_with_headers({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send_with_headers({"type": "http.response.body", "body": body})

    def _check(self, scope: Scope) -> Refusal | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        hosts = self._service.hosts
        if hosts and _strip_port(host) not in hosts:
            found, wanted = repr(host)[:80], f"one of {', '.join(sorted(hosts))}"
            return Refusal(421, "foreign_host", "Host", found, wanted)
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return Refusal(403, "foreign_origin", "Origin", repr(origin)[:80], "the server's own page")
        if headers.get("sec-fetch-site") == "cross-site" and scope["path"] != "/":
            return Refusal(403, "foreign_origin", "Sec-Fetch-Site", "'cross-site'", "the server's own page")
        token = self._service.token
        if token and not _is_public(scope["path"]) and not knows_token(headers, token):
            return Refusal(401, "no_token", "Authorization", "no valid token", "Bearer and the token of --token")
        return None


def knows_token(headers: dict[str, str], token: str) -> bool:
    """Whether a request has the token, in a header or in the cookie of the page.

    Parameters
    ----------
    headers
        Of the request, with lower-case names.
    token
        The one that is right.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), token.encode()):
        return True
    try:
        cookie = http.cookies.SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except http.cookies.CookieError:
        return False
    return cookie is not None and hmac.compare_digest(cookie.value.encode(), token.encode())


def _absent(own: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in HEADERS if name not in own]


def _is_public(path: str) -> bool:
    return path in PUBLIC or path == SESSION or path.startswith(PUBLIC_PREFIX)


def _strip_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[").lower()
    return host.partition(":")[0].lower()
