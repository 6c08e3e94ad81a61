"""Decisions and events page by page, newest first, and one decision whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hems.adapters.storage.codec import load_record
from hems.adapters.storage.looking import one_look
from hems.adapters.storage.rows import EVENT_COLUMNS, Row, datetime_from_us, event_of_row, us_from_datetime
from hems.domain.history import DecisionFilter, DecisionPage, DecisionSummary, EventFilter, EventPage, check_span
from hems.domain.record import CycleRecord
from hems.domain.time_grid import require_utc

MOST_A_PAGE = 500

_CURSOR = re.compile(r"([0-9]{1,17})-([0-9]{1,18})", re.ASCII)
_LINE_COLUMNS = (
    *("at_us", "trigger", "mode", "source", "verdict", "score", "confidence_pct", "price_per_mwh", "soc_pct"),
    *("result", "reason", "record"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """Rows of one table in a span of time that fit."""

    table: str
    columns: tuple[str, ...]
    span: tuple[datetime, datetime]
    choices: Mapping[str, Collection[str]]
    """By column, what it may hold; an empty choice is all."""
    text_in: str
    text: str
    limit: int
    before: str | None

    def __post_init__(self) -> None:
        check_span(*self.span)
        if not 1 <= self.limit <= MOST_A_PAGE:
            raise ValueError(f"a page has 1 to {MOST_A_PAGE} rows, not {self.limit}")


def read_decisions(
    database: Path, span: tuple[datetime, datetime], wanted: DecisionFilter, *, limit: int, before: str | None = None
) -> DecisionPage:
    """Return up to ``limit`` decisions of [start, end) that fit ``wanted``, newest first.

    ``before`` is what the page before gave.
    Raises: ValueError: a span, a limit or a cursor that cannot be; StorageError: the database cannot be read.
    """
    search = _Search(
        table="cycles",
        columns=_LINE_COLUMNS,
        span=span,
        choices={
            "mode": [mode.value for mode in wanted.modes],
            "source": wanted.sources,
            "trigger": [trigger.value for trigger in wanted.triggers],
            "verdict": wanted.verdicts,
        },
        text_in="reason",
        text=wanted.text,
        limit=limit,
        before=before,
    )
    rows, following, matching = _page(database, search)
    return DecisionPage(rows=tuple(_summary(row) for row in rows), before=following, matching=matching)


def read_all_decisions(
    database: Path, span: tuple[datetime, datetime], wanted: DecisionFilter
) -> Iterator[DecisionSummary]:
    """Yield every decision of [start, end) that fits ``wanted``, newest first, a page at a time. Raises: as a page."""
    page = read_decisions(database, span, wanted, limit=MOST_A_PAGE)
    yield from page.rows
    while page.before is not None:
        page = read_decisions(database, span, wanted, limit=MOST_A_PAGE, before=page.before)
        yield from page.rows


def read_decision(database: Path, at: datetime) -> CycleRecord | None:
    """Return the decision made at the very moment ``at``, whole, or None where none was.

    Raises: ValueError: ``at`` is naive; StorageError: the database, or the record, cannot be read.
    """
    sql = "SELECT record FROM cycles WHERE at_us = ? ORDER BY id DESC LIMIT 1"
    with one_look(database) as look:
        row = look.execute(sql, (us_from_datetime(require_utc(at)),)).fetchone()
    return None if row is None else load_record(row[0], CycleRecord)


def read_events(
    database: Path, span: tuple[datetime, datetime], wanted: EventFilter, *, limit: int, before: str | None = None
) -> EventPage:
    """Return up to ``limit`` events of [start, end) that fit ``wanted``, newest first; as ``read_decisions``."""
    search = _Search(
        table="events",
        columns=EVENT_COLUMNS,
        span=span,
        choices={"severity": wanted.severities, "kind": wanted.kinds},
        text_in="message",
        text=wanted.text,
        limit=limit,
        before=before,
    )
    rows, following, matching = _page(database, search)
    return EventPage(rows=tuple(event_of_row(row) for row in rows), before=following, matching=matching)


def _page(database: Path, search: _Search) -> tuple[list[Row], str | None, int]:
    """Return the page's rows, the cursor of the next page where there is one, and how many rows fit on all pages."""
    fits = ["at_us >= ?", "at_us < ?"]
    values: list[object] = [us_from_datetime(moment) for moment in search.span]
    for column, choice in search.choices.items():
        if choice:
            fits.append(f"{column} IN ({', '.join('?' * len(choice))})")
            values.extend(sorted(choice))
    if search.text:
        fits.append(f"holds({search.text_in})")
    where = " AND ".join(fits)
    last = _place(search.before)
    beyond, place = ("", ()) if last is None else (" AND (at_us, id) < (?, ?)", last)
    with one_look(database) as look:
        needle = search.text.casefold()
        look.create_function("holds", 1, lambda text: needle in text.casefold(), deterministic=True)
        matching = look.execute(f"SELECT count(*) FROM {search.table} WHERE {where}", values).fetchone()[0]  # noqa: S608
        sql = (
            f"SELECT id, at_us, {', '.join(search.columns)} FROM {search.table} WHERE {where}{beyond}"  # noqa: S608
            " ORDER BY at_us DESC, id DESC LIMIT ?"
        )
        rows = look.execute(sql, (*values, *place, search.limit + 1)).fetchall()
    following = None
    if len(rows) > search.limit:
        number, at_us = rows[search.limit - 1][:2]
        following = f"{at_us}-{number}"
    return [row[2:] for row in rows[: search.limit]], following, int(matching)


def _place(cursor: str | None) -> tuple[int, ...] | None:
    """Return time and number of the last row of the page before. Raises: ValueError: it is no cursor of ours."""
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise ValueError(f"{cursor!r:.60} is no place in the list: take what the page before gave")
    return tuple(int(part) for part in found.groups())


def _summary(row: Row) -> DecisionSummary:
    """Return a line of the list. A record that cannot be read takes only its own details with it."""
    value = dict(zip(_LINE_COLUMNS, row, strict=True))
    details, is_readable = _details(value.pop("record"))
    return DecisionSummary(at=datetime_from_us(value.pop("at_us")), is_readable=is_readable, **value, **details)


def _details(record: str) -> tuple[dict[str, Any], bool]:
    nothing: dict[str, Any] = {
        **dict.fromkeys(("power_w", "target_soc_pct", "export_limit_w", "expires_at", "import_per_kwh")),
        "causes": (),
        "result_detail": "",
    }
    try:
        data = json.loads(record)["data"]
        command = data["decision"]["command"]
        return {
            "power_w": _number(command.get("power_w")),
            "target_soc_pct": _number(command.get("target_soc_pct")),
            "export_limit_w": _number(command.get("export_limit_w")),
            "expires_at": require_utc(datetime.fromisoformat(command["expires_at"])),
            "import_per_kwh": _number(data["context"]["price"].get("import_per_kwh")),
            "causes": tuple(str(cause) for cause in data["decision"].get("causes", ())),
            "result_detail": str(((data.get("action") or {}).get("result") or {}).get("detail", "")),
        }, True
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return nothing, False


def _number(value: object) -> float | None:
    if value is None:
        return None
    number = float(str(value))
    return number if math.isfinite(number) else None
