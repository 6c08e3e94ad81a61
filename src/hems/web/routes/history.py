"""The past: measured columns, decisions, events, and all of it as CSV."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from hems.adapters.storage.decision_pages import read_all_decisions, read_decision, read_decisions, read_events
from hems.adapters.storage.history_csv import decision_csv_lines, read_history_csv
from hems.adapters.storage.history_reader import first_kept, read_history
from hems.composition.settings import readings_every
from hems.domain.command import Mode
from hems.domain.history import DecisionFilter, EventFilter, HistoryQuestion
from hems.domain.history import Resolution as StoredResolution
from hems.domain.record import Trigger
from hems.domain.units import wh_from_kwh
from hems.web.access.guard import Reader
from hems.web.dependencies import FrameOf, HouseOf, in_thread
from hems.web.house import House
from hems.web.models.history import DecisionDetail, DecisionPage, EventPage, HistoryView, Resolution
from hems.web.present.history import history_view
from hems.web.present.records import decision_detail, event_view, stored_summary
from hems.web.problems import Problem, answers

router = APIRouter(tags=["history"])

T = TypeVar("T")
PAGE_MAX = 500
DOWNLOADS_AT_ONCE = 4
"""Each holds a month of rows, 4 MB, as long as its reader takes: forty slow ones were 150 MB, and the control's too."""

_downloads: set[int] = set()

PIECE_LINES = 1000
"""Of a file at a time; each alone would cross between two threads, which took 6 s for a month of readings."""

CSV_ANSWERS: dict[int | str, dict[str, Any]] = answers(401, 403, 422, 503) | {
    200: {"description": "A table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}

Start = Annotated[
    AwareDatetime, Query(description="From when, with its offset from UTC.", examples=["2026-11-22T00:00:00+01:00"])
]
End = Annotated[AwareDatetime, Query(description="Until when.", examples=["2026-11-23T00:00:00+01:00"])]
How = Annotated[Resolution | None, Query(description="How far apart the rows are; left out: fit for a screen.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="Rows of a page.")]
Before = Annotated[str | None, Query(max_length=64, description="What the page before gave as `next`.")]
Words = Annotated[str, Query(max_length=200, description="Words that must stand in the text, in any case.")]


async def _span(start: Start, end: End) -> tuple[datetime, datetime]:
    try:
        return start.astimezone(UTC), end.astimezone(UTC)
    except OverflowError as error:
        raise Problem(422, "span-not-possible", "these times lie outside of every calendar") from error


Span = Annotated[tuple[datetime, datetime], Depends(_span)]


async def _decision_filter(
    mode: Annotated[list[Mode] | None, Query(description="Only these modes.")] = None,
    source: Annotated[list[str] | None, Query(description="Only what these asked for.", max_length=20)] = None,
    trigger: Annotated[list[Trigger] | None, Query(description="Only what was due for these.")] = None,
    verdict: Annotated[list[Literal["allowed", "narrowed", "refused"]] | None, Query()] = None,
    text: Words = "",
) -> DecisionFilter:
    return DecisionFilter(
        modes=frozenset(mode or ()),
        sources=frozenset(source or ()),
        triggers=frozenset(trigger or ()),
        verdicts=frozenset(verdict or ()),
        text=text,
    )


Wanted = Annotated[DecisionFilter, Depends(_decision_filter)]


@router.get("/history", responses=answers(401, 403, 422, 503))
async def history(house: HouseOf, frame: FrameOf, _caller: Reader, span: Span, resolution: How = None) -> HistoryView:
    """What was measured between two moments, and the totals. Rows are whole: they may begin before and end after."""
    question = _question(house, span, resolution)
    database = house.loaded.database
    found = await _asked(lambda: read_history(database, question))
    return await _asked(lambda: history_view(found, first_kept(database), frame.prices.retail))


@router.get("/history.csv", response_class=StreamingResponse, responses=CSV_ANSWERS)
async def history_csv(house: HouseOf, _caller: Reader, span: Span, resolution: How = None) -> StreamingResponse:
    """The same as a file for a spreadsheet: units in the head, local time and UTC."""
    question = _question(house, span, resolution)
    return _csv(await _asked(lambda: read_history_csv(house.loaded.database, question)), "history")


@router.get("/decisions", responses=answers(401, 403, 422, 503))
async def decisions(
    house: HouseOf, _caller: Reader, span: Span, wanted: Wanted, limit: Limit = 50, before: Before = None
) -> DecisionPage:
    """What was decided between two moments, newest first, page by page."""
    page = await _asked(lambda: read_decisions(house.loaded.database, span, wanted, limit=limit, before=before))
    rows = [stored_summary(row) for row in page.rows]
    return DecisionPage(decisions=rows, next=page.before, matching=page.matching)


@router.get("/decisions.csv", response_class=StreamingResponse, responses=CSV_ANSWERS)
async def decisions_csv(house: HouseOf, _caller: Reader, span: Span, wanted: Wanted) -> StreamingResponse:
    """The same as a file for a spreadsheet."""
    loaded = house.loaded
    rows = await _asked(lambda: list(read_all_decisions(loaded.database, span, wanted)))
    return _csv(decision_csv_lines(rows, loaded.zone, loaded.settings.prices.currency), "decisions")


@router.get("/decisions/{at}", responses=answers(401, 403, 404, 422, 503))
async def decision(
    house: HouseOf, _caller: Reader, at: Annotated[AwareDatetime, Path(description="Its `at`, exactly.")]
) -> DecisionDetail:
    """One decision, whole: its money, its score, and what others would have liked."""
    moment, _ = await _span(at, at)
    record = await _asked(lambda: read_decision(house.loaded.database, moment))
    if record is None:
        raise Problem(404, "no-such-decision", f"no decision was made at {at.isoformat()}, or it is not kept any more")
    return decision_detail(record)


@router.get("/events", responses=answers(401, 403, 422, 503))
async def events(
    house: HouseOf,
    _caller: Reader,
    span: Span,
    severity: Annotated[list[Literal["info", "warning", "error"]] | None, Query()] = None,
    kind: Annotated[list[str] | None, Query(max_length=20)] = None,
    text: Words = "",
    limit: Limit = 50,
    before: Before = None,
) -> EventPage:
    """What happened between two moments, newest first, page by page."""
    wanted = EventFilter(severities=frozenset(severity or ()), kinds=frozenset(kind or ()), text=text)
    page = await _asked(lambda: read_events(house.loaded.database, span, wanted, limit=limit, before=before))
    return EventPage(events=[event_view(row) for row in page.rows], next=page.before, matching=page.matching)


def _question(house: House, span: tuple[datetime, datetime], resolution: Resolution | None) -> HistoryQuestion:
    settings = house.loaded.settings
    try:
        return HistoryQuestion(
            start=span[0],
            end=span[1],
            zone=house.loaded.zone,
            currency=settings.prices.currency,
            capacity_wh=wh_from_kwh(settings.battery_management.capacity_kwh),
            resolution=None if resolution is None else StoredResolution(resolution),
            reading_every=readings_every(settings),
        )
    except ValueError as error:
        raise Problem(422, "span-not-possible", str(error)) from error


async def _asked(question: Callable[[], T]) -> T:
    """Return the answer to a question that may be one that cannot be answered."""
    try:
        return await in_thread(question)
    except ValueError as error:
        raise Problem(422, "question-not-possible", str(error)) from error


def _csv(lines: Iterator[str], name: str) -> StreamingResponse:
    if len(_downloads) >= DOWNLOADS_AT_ONCE:
        detail = f"{DOWNLOADS_AT_ONCE} files are being fetched already: try again in a moment"
        raise Problem(503, "too-many-downloads", detail, headers={"Retry-After": "10"})
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)


async def _pieces(lines: Iterator[str]) -> AsyncIterator[str]:
    """Yield ``lines`` by the thousand, made beside the web's event loop: a year is 35,000."""
    _downloads.add(id(lines))
    try:
        while piece := await in_thread(lambda: "".join(itertools.islice(lines, PIECE_LINES))):
            yield piece
    finally:
        _downloads.discard(id(lines))
