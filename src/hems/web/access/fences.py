"""What holds for every answer and every request, whoever asks: headers that bind a browser, and a bound on bodies."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hems.web.access.door import CSRF_HEADER, Door
from hems.web.problems import Problem

BODY_MAX_BYTES = 64 * 1024
"""An order takes 100 bytes; a password at most 4 kB."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Nothing is loaded from another host, nobody else frames the page. No HSTS: at home there is plain http, too."""


def fenced(app: FastAPI, door: Door, cors_origins: Sequence[str] = ()) -> ASGIApp:
    """Return ``app`` behind ``door`` and the fences: what the server runs.

    The fences stand around the application, not in it, so that its answer to a defect wears the headers too.
    """
    app.state.door = door
    inner: ASGIApp = BodyLimit(app)
    if cors_origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID", CSRF_HEADER],
            expose_headers=["Retry-After"],
            allow_credentials=False,
        )
    return SecurityHeaders(inner)


class SecurityHeaders:
    """Puts the security headers on every answer, and keeps the API's out of every cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_api = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                if is_api:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses a body that is larger than any of ours, by its own word or as soon as it has grown so far."""

    def __init__(self, app: ASGIApp, limit_bytes: int = BODY_MAX_BYTES) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body, or refuse it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers({})
        length = headers.get("content-length", "0")
        if length == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if not length.isascii() or not length.isdecimal() or len(length) > 9 or int(length) > self._limit_bytes:
            await self._refuse(scope, receive, send)
            return
        body = bytearray()
        message: Message = {"type": "http.request", "more_body": True}
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._limit_bytes:
                await self._refuse(scope, receive, send)
                return
        if message["type"] == "http.disconnect":
            return  # nobody waits for an answer
        await self._app(scope, _replay(bytes(body), receive), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(
            413,
            "body-too-large",
            f"A request's body has at most {self._limit_bytes // 1024} kB.",
            headers={"Connection": "close"},  # what is left of the body is not read
        )
        await problem.response()(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` first, and then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
