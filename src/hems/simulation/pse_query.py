"""The query language of the PSE reports API over rows in memory: $filter, $select, $orderby, $first, $after.

Pure. As much of it as a price client needs, with the refusals of the real one. Source: recorded answers; Microsoft
Data API Builder's documentation of its REST query options.
"""

from __future__ import annotations

import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

Row = Mapping[str, object]

DEFAULT_FIRST = 100
"""Rows of a page where $first is not given: two days overflow it."""

MAX_FIRST = 100_000

_OPTIONS = frozenset({"$filter", "$select", "$orderby", "$first", "$after"})

_CONDITION = re.compile(
    r"\s*(\w+)\s+(eq|ne|gt|ge|lt|le)\s+(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|(true|false))\s*", re.ASCII
)

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {  # two texts, numbers or truths, as JSON has them
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class BadQuery(Exception):
    """The request is wrong; the message goes to the client with status 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """The rows of one page, and the query that leads to the next."""

    rows: tuple[Row, ...]
    next_query: str | None


def answer_query(entity: str, rows: Sequence[Row], query: str) -> QueryAnswer:
    """Return the page of ``rows`` that ``query`` asks for.

    Raises: BadQuery: an option, field or value this API does not know.
    """
    options = _options(query)
    fields = _fields(rows)
    found = [row for row in rows if _matches(row, options.get("$filter"), fields)]
    order, downwards = _order(options.get("$orderby"), fields)
    found.sort(key=lambda row: str(row[order]), reverse=downwards)
    after = options.get("$after")
    if after is not None:
        last = _position(after, order)
        found = [row for row in found if (str(row[order]) < last if downwards else str(row[order]) > last)]
    first = _first(options.get("$first"))
    page = found[:first]
    next_query = None
    if len(found) > first:
        options["$after"] = _cursor(entity, order, str(page[-1][order]), downwards=downwards)
        next_query = "&".join(f"{name}={quote(value, safe='=')}" for name, value in options.items())
    return QueryAnswer(rows=tuple(_select(page, options.get("$select"), fields)), next_query=next_query)


def _options(query: str) -> dict[str, str]:
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise BadQuery(f"The query cannot be read: {error}") from error
    for name in options:
        if name not in _OPTIONS:
            raise BadQuery(f"Invalid Query Parameter: {name}")
    return options


def _fields(rows: Sequence[Row]) -> frozenset[str]:
    return frozenset(rows[0]) if rows else frozenset({"business_date", "dtime_utc", "publication_ts_utc"})


def _known(field: str, fields: frozenset[str]) -> str:
    if field not in fields:
        raise BadQuery(f"Could not find a property named '{field}'")
    return field


def _matches(row: Row, condition: str | None, fields: frozenset[str]) -> bool:
    if condition is None:
        return True
    for part in re.split(r"\band\b", condition):
        found = _CONDITION.fullmatch(part)
        if found is None:
            raise BadQuery(f"Syntax error in $filter near '{part.strip()}'")
        field, comparison, text, number, truth = found.groups()
        value = row[_known(field, fields)]
        wanted: object = truth == "true" if truth else float(number) if number else text.replace("''", "'")
        if value is None:
            return False
        kinds = [str if isinstance(one, str) else bool if isinstance(one, bool) else float for one in (value, wanted)]
        if kinds[0] is not kinds[1]:
            raise BadQuery(f"'{field}' cannot be compared with {wanted!r}")
        if not _OPERATORS[comparison](value, wanted):
            return False
    return True


def _order(orderby: str | None, fields: frozenset[str]) -> tuple[str, bool]:
    """Return the field to order by and whether downwards; pages are cut by it, so only a text column will do here."""
    if orderby is None:
        return "dtime_utc", False
    words = orderby.split()
    if len(words) not in (1, 2) or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise BadQuery(f"Syntax error in $orderby near '{orderby}'")
    return _known(words[0], fields), words[-1] == "desc"


def _first(value: str | None) -> int:
    if value is None:
        return DEFAULT_FIRST
    if not re.fullmatch(r"\d{1,6}", value, re.ASCII) or not 1 <= int(value) <= MAX_FIRST:
        raise BadQuery(f"Invalid number of items requested, $first must be 1 to {MAX_FIRST}. Actual value: {value}")
    return int(value)


def _select(page: Sequence[Row], select: str | None, fields: frozenset[str]) -> Sequence[Row]:
    if select is None:
        return page
    wanted = [_known(name.strip(), fields) for name in select.split(",")]
    return [{name: row[name] for name in wanted} for row in page]


def _cursor(entity: str, field: str, value: str, *, downwards: bool) -> str:
    place = [{"EntityName": entity, "FieldName": field, "FieldValue": value, "Direction": int(downwards)}]
    return base64.b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()


def _position(cursor: str, field: str) -> str:
    try:
        place: object = json.loads(base64.b64decode(cursor, validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadQuery("$after is not a cursor of this server") from error
    entry = place[0] if isinstance(place, list) and place else None
    if not isinstance(entry, dict) or entry.get("FieldName") != field:
        raise BadQuery("$after does not fit $orderby")
    return str(entry.get("FieldValue"))
