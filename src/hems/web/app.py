"""The application: every route, every error as a problem, and the built page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from hems import __version__
from hems.web import problems
from hems.web.access.door import Door
from hems.web.access.fences import fenced
from hems.web.assets import Assets
from hems.web.house import House
from hems.web.live import LiveBoard
from hems.web.models.live import Today
from hems.web.problems import ProblemView
from hems.web.routes import history, live, orders, plan, savings, session, system

API = "/api/v1"
STATIC = Path(__file__).parent / "static"

DESCRIPTION = """\
The Master Coordinator of one house: what it does and why, what comes next, what it saved, and orders.

Units stand in the names of fields and as `unit` in their schemas; money is in the house's currency. One sign
everywhere: **positive delivers power to the house**: battery + discharges, grid + imports. A value that is not known is
null, never zero. Times are UTC; `start` columns are seconds since 1970. Days and months are those of the house.

Errors are `application/problem+json` (RFC 9457); their `detail` says what happened and what to do.
"""

SMALLEST_PACKED_BYTES = 2000


def create_app(house: House, door: Door, read_today: Callable[[datetime], Awaitable[Today]]) -> FastAPI:
    """Return the application that shows ``house`` to whom ``door`` lets in; to be served behind ``guarded``."""
    app = bare_app()
    app.state.house, app.state.door = house, door
    app.state.board = LiveBoard(house, read_today)
    app.mount("/", Assets(STATIC))
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST_PACKED_BYTES, compresslevel=4)
    return app


def bare_app() -> FastAPI:
    """Return the application with all its routes and no house: enough to describe it."""
    app = FastAPI(
        title="Master Coordinator",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
        separate_input_output_schemas=False,
        servers=[{"url": "../../", "description": "this house, under whatever path it is served"}],
        root_path_in_servers=False,
    )
    problems.install(app)
    api = APIRouter(prefix=API)
    for routes in (live, plan, history, savings, orders, system, session):
        api.include_router(routes.router)
    app.include_router(api)
    app.include_router(live.probes)
    _name_problem_schema(app)
    return app


def guarded(app: FastAPI, house: House, door: Door) -> ASGIApp:
    """Return ``app`` as it is served: behind the door, and with the headers that bind a browser."""
    return fenced(app, door, house.loaded.settings.web.cors_origins)


def _name_problem_schema(app: FastAPI) -> None:
    """Have the OpenAPI document hold the schema that every error answer refers to."""
    make = app.openapi

    def openapi() -> dict[str, object]:
        document = make()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("ProblemView", ProblemView.model_json_schema())
        return document

    app.openapi = openapi  # type: ignore[method-assign]
