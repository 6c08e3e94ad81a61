"""Errors as ``application/problem+json`` (RFC 9457): what happened, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from hems.domain.errors import HemsError
from hems.web.models.base import Model

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemView(Model):
    """An error."""

    type: str = Field(description="Stable name of the kind of problem.", examples=["urn:hems:problem:not-allowed"])
    title: str
    status: int
    detail: str = Field(description="What happened here, and what to do.")


class Problem(Exception):
    """An answer that is an error. ``slug`` names its kind for programs; ``detail`` speaks to a person."""

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self) -> Response:
        """Return the answer that tells it."""
        body = {
            "type": f"urn:hems:problem:{self.slug}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        return JSONResponse(body, self.status, self.headers, MEDIA_TYPE)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of a route for its OpenAPI description."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Have ``app`` tell every error as a problem."""

    @app.exception_handler(Problem)
    async def told(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = [
            {"where": ".".join(str(part) for part in fault["loc"]), "what": fault["msg"]} for fault in error.errors()
        ]
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:5]) or "the request is not valid"
        return Problem(422, "invalid-request", detail, extra={"faults": faults}).response()

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> Response:
        slug = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return Problem(error.status_code, slug, str(error.detail), headers=error.headers).response()

    @app.exception_handler(HemsError)
    async def ours(_request: Request, error: HemsError) -> Response:
        return Problem(503, "not-available", str(error)).response()

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        log.error("an answer could not be made", path=request.url.path, exc_info=error)
        return Problem(500, "unforeseen", "this answer could not be made; the log says why").response()
