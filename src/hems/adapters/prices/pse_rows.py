"""From a body of the PSE reports API to a price series, believing nothing.

Pure. Time comes from ``dtime_utc`` alone, which stamps the END of a quarter; ``dtime`` repeats an hour in autumn and
``period`` is written for people. Source: PSE reports API, entities csdac-pln and rce-pln, recorded answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hems.domain.errors import RejectedData
from hems.domain.prices import CompassLevel, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import MTU, floor_to_grid, local_day_bounds, slots_of_day

PSE_ZONE = ZoneInfo("Europe/Warsaw")
"""The zone of the Polish delivery day, wherever the house stands."""

CURRENCY = "PLN"

ABSURD_PER_MWH = 20_000.0
"""The day-ahead market clears between -500 and +4000 EUR/MWh (about 17 000 PLN/MWh): beyond this a figure is an error,
not a price. Seen so far: -2087 to +2748 PLN/MWh."""

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?", re.ASCII)
_HOUR_START = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2}) (?P<hour>[01]\d|2[0-3])a?:00(:00(\.0+)?)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer: its rows, untouched, and where the next page is."""

    rows: tuple[Mapping[str, object], ...]
    next_link: str | None


def read_page(body: bytes, where: str) -> Page:
    """Return the rows of ``body``; ``where`` names its address in an error.

    Raises: RejectedData: not JSON, or not the shape of this API.
    """
    try:
        content: object = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RejectedData(
            f"{where} answered with something that is not JSON ({_short(error)}); a proxy or a log-in page may stand "
            "between: open the address in a browser"
        ) from error
    rows = content.get("value") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(rows, list):
        raise RejectedData(
            f"{where} answered without a list named 'value'; is prices.pse.base_url the PSE reports API?"
        )
    for row in rows:
        if not isinstance(row, dict):
            raise RejectedData(f"{where}: a row is {_short(row)}, not an object")
    link = content.get("nextLink")
    if link is not None and not isinstance(link, str):
        raise RejectedData(f"{where}: nextLink is {_short(link)}, not an address")
    return Page(rows=tuple(rows), next_link=link or None)


def prices_from_rows(rows: list[Mapping[str, object]], *, field: str, day: date, where: str) -> PriceSeries:
    """Return the quarters that ``rows`` publish for the delivery day ``day``.

    A row whose price is null is a quarter not yet published: it is left out. The same row twice is one row. Rows of
    other days are left out too: an answer with more than was asked for is no less right about this day.

    Args:
        field: the column of the price [PLN/MWh].
    Raises: RejectedData: rows of other days only, a stamp that is not of the day it names, off the grid or missing, a
        price that is none, or two rows that contradict each other. Nothing of the answer is used then.
    """
    by_start: dict[datetime, SlotPrice] = {}
    dated = [(_business_date(row, where), row) for row in rows]
    if rows and all(date_of_row != day for date_of_row, _ in dated):
        raise RejectedData(f"{where}: asked for {day}, got other days only, such as {dated[0][0]}")
    for date_of_row, row in dated:
        stamp = _end_of_quarter(row, where)
        first, end = local_day_bounds(date_of_row, PSE_ZONE)
        if not first < stamp <= end:
            raise RejectedData(
                f"{where}: the quarter that ends {stamp:%Y-%m-%d %H:%M} UTC is not of its business_date {date_of_row}"
            )
        if date_of_row != day:
            continue
        start = stamp - MTU
        price = _price_of(row, field, where)
        if price is None:
            continue
        slot = SlotPrice(
            start=start,
            price_per_mwh=price,
            origin=PriceOrigin.PUBLISHED,
            published_at=_utc_stamp(row.get("publication_ts_utc")),
        )
        known = by_start.get(start)
        if known is not None and known.price_per_mwh != price:
            raise RejectedData(
                f"{where}: two prices for the quarter from {start:%Y-%m-%d %H:%M} UTC: "
                f"{known.price_per_mwh} and {price} PLN/MWh"
            )
        by_start[start] = slot
    return PriceSeries.of(CURRENCY, by_start)


def compass_from_rows(rows: list[Mapping[str, object]], *, day: date, where: str) -> dict[datetime, CompassLevel]:
    """Return the levels that ``rows`` of ``pdgsz`` publish for the local ``day``, by the UTC start of their hour.

    ``dtime`` is the local START of the hour. As recorded, every day has 24 rows: of the hour that autumn repeats both
    copies get the one level there is, and an hour that spring leaves out is left out. Two levels for one hour: the more
    restrictive one counts.
    Raises: RejectedData: a row of another day only, a stamp or a level that is none.
    """
    by_wall_hour: dict[int, CompassLevel] = {}
    dated = [(_business_date(row, where), row) for row in rows]
    if rows and all(date_of_row != day for date_of_row, _ in dated):
        raise RejectedData(f"{where}: asked for {day}, got other days only, such as {dated[0][0]}")
    for date_of_row, row in dated:
        if date_of_row != day:
            continue
        stamp = row.get("dtime")
        match = _HOUR_START.fullmatch(stamp) if isinstance(stamp, str) else None
        if match is None or match["day"] != day.isoformat():
            raise RejectedData(f"{where}: dtime is {_short(stamp)}, not the start of an hour of {day}")
        level, hour = _level_of(row, where), int(match["hour"])
        by_wall_hour[hour] = max(level, by_wall_hour.get(hour, level))
    hours = (start for start in slots_of_day(day, PSE_ZONE, timedelta(hours=1)))
    return {start: by_wall_hour[wall] for start in hours if (wall := start.astimezone(PSE_ZONE).hour) in by_wall_hour}


def _level_of(row: Mapping[str, object], where: str) -> CompassLevel:
    value = row.get("usage_fcst")
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in tuple(CompassLevel):
        raise RejectedData(f"{where}: usage_fcst is {_short(value)}, not 0, 1, 2 or 3")
    return CompassLevel(int(value))


def _business_date(row: Mapping[str, object], where: str) -> date:
    value = row.get("business_date")
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:  # the 31st of February
            pass
    raise RejectedData(f"{where}: business_date is {_short(value)}, not 'YYYY-MM-DD'")


def _end_of_quarter(row: Mapping[str, object], where: str) -> datetime:
    end = _utc_stamp(row.get("dtime_utc"))
    if end is None:
        raise RejectedData(f"{where}: dtime_utc is {_short(row.get('dtime_utc'))}, not 'YYYY-MM-DD HH:MM:SS'")
    if floor_to_grid(end) != end:
        raise RejectedData(f"{where}: dtime_utc {end:%Y-%m-%d %H:%M:%S} is not the end of a quarter of an hour")
    return end


def _price_of(row: Mapping[str, object], field: str, where: str) -> float | None:
    if field not in row:
        raise RejectedData(f"{where}: a row has no {field!r}; the interface may have changed: look for an update")
    value = row[field]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RejectedData(f"{where}: {field} is {_short(value)}, not a number")
    if not abs(value) <= ABSURD_PER_MWH:  # also refuses NaN
        raise RejectedData(f"{where}: {field} is {_short(value)}; no price lies beyond ±{ABSURD_PER_MWH:.0f} PLN/MWh")
    return float(value)


def _utc_stamp(value: object) -> datetime | None:
    """Return the stamp as UTC, or None where it is none: a stamp without a meaning is unknown."""
    if not isinstance(value, str) or not _STAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _short(value: object) -> str:
    """Return ``value`` for a message: on one line, and never a whole page of it."""
    text = " ".join(str(value).split()) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
