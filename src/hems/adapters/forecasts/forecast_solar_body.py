"""From a body of Forecast.Solar to mean power by quarter, believing nothing.

Pure. ``watts`` is the power at a stamp, ``watt_hours_period`` the energy since the stamp before; stamps lie on the hour
or half-hour, but the first and last of a day at sunrise and sunset.
Source: https://doc.forecast.solar, recorded answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from itertools import pairwise

from hems.adapters.forecasts.http_json import finite_number, short
from hems.adapters.http_answers import bounded_wait
from hems.domain.errors import RejectedData
from hems.domain.time_grid import MTU, floor_to_grid

_MOST_STAMPS = 2000
_LONGEST_STEP = timedelta(hours=2)
"""A longer pause between two stamps is a night, where both ends are dark, or a hole."""
_HOUR_S = 3600.0
_WHOLE = 0.999
_LEAST_WH = 0.01
"""Powers that come to less have no course to follow."""


def power_by_quarter(body: Mapping[str, object], *, most_w: float, where: str) -> dict[datetime, float]:
    """Return the mean power of every quarter that the answer covers [W], by its start (UTC).

    Inside an interval power runs straight between the two stamps, scaled so that the interval has its energy. Nights
    are 0; before the first stamp and after the last, the local day's dark hours are 0 too.

    Args:
        most_w: more than this no answer about these panels can hold.
    Raises: RejectedData: not the shape of this API, a stamp without its zone or out of order, a figure out of range.
    """
    result = body.get("result")
    if not isinstance(result, dict):
        raise RejectedData(f"{where}: no object named 'result'; is forecast.forecast_solar.base_url right?")
    power_w = _series(result.get("watts"), most_w, f"{where}: watts")
    energy_wh = _series(result.get("watt_hours_period"), most_w * 24.0, f"{where}: watt_hours_period")
    if not power_w:
        raise RejectedData(f"{where}: 'watts' is empty")
    stamps = sorted(power_w)
    quarters = _Quarters()
    for start, end in pairwise(stamps):
        hours = (end - start).total_seconds() / _HOUR_S
        if end - start <= _LONGEST_STEP:
            plain_wh = 0.5 * (power_w[start] + power_w[end]) * hours
            given_wh = energy_wh.get(end, plain_wh)
            if given_wh > most_w * hours:
                raise RejectedData(f"{where}: watt_hours_period holds {given_wh:g} Wh for {hours:g} h")
            if plain_wh >= _LEAST_WH:
                quarters.add(start, end, power_w[start], power_w[end], given_wh / plain_wh)
            else:
                quarters.add(start, end, given_wh / hours, given_wh / hours, 1.0)
        elif power_w[start] == 0.0 and power_w[end] == 0.0 and end - start < timedelta(days=1):
            quarters.add(start, end, 0.0, 0.0, 1.0)
    first, last = stamps[0], stamps[-1]
    if power_w[first] == 0.0 and (midnight := _midnight(first)) < first:
        quarters.add(midnight, first, 0.0, 0.0, 1.0)
    if power_w[last] == 0.0 and (midnight := _midnight(last) + timedelta(days=1)) > last:
        quarters.add(last, midnight, 0.0, 0.0, 1.0)
    return quarters.whole()


class _Quarters:
    """Adds up pieces of straight lines by quarter."""

    def __init__(self) -> None:
        self._sums_wh: dict[datetime, float] = {}
        self._known_s: dict[datetime, float] = {}

    def add(self, start: datetime, end: datetime, start_w: float, end_w: float, scale: float) -> None:
        """Add power that runs straight from ``start_w`` to ``end_w``, times ``scale``."""
        span_s = (end - start).total_seconds()
        quarter = floor_to_grid(start)
        while quarter < end:
            low = max(0.0, (quarter - start).total_seconds())
            high = min(span_s, (quarter + MTU - start).total_seconds())
            middle_w = start_w + (end_w - start_w) * (low + high) / (2.0 * span_s)
            energy_wh = scale * middle_w * (high - low) / _HOUR_S
            self._sums_wh[quarter] = self._sums_wh.get(quarter, 0.0) + energy_wh
            self._known_s[quarter] = self._known_s.get(quarter, 0.0) + high - low
            quarter += MTU

    def whole(self) -> dict[datetime, float]:
        """Return the mean power of the quarters that are known from end to end [W]."""
        least_s = _WHOLE * MTU.total_seconds()
        return {
            quarter: wh * _HOUR_S / self._known_s[quarter]
            for quarter, wh in self._sums_wh.items()
            if self._known_s[quarter] >= least_s
        }


def wait_in_refusal(content: object, now: datetime) -> timedelta | None:
    """Return how long a rate limit's body asks to wait (``message.ratelimit.retry-at``); None where it does not say."""
    message = content.get("message") if isinstance(content, dict) else None
    limit = message.get("ratelimit") if isinstance(message, dict) else None
    until = limit.get("retry-at") if isinstance(limit, dict) else None
    if not isinstance(until, str):
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        return None
    return None if moment.tzinfo is None else bounded_wait(moment - now)


def _series(values: object, most: float, where: str) -> dict[datetime, float]:
    if not isinstance(values, dict) or len(values) > _MOST_STAMPS:
        raise RejectedData(f"{where} is {short(values)}, not an object of stamps")
    series: dict[datetime, float] = {}
    for stamp, value in values.items():
        try:
            moment = datetime.fromisoformat(stamp)
        except (TypeError, ValueError):
            raise RejectedData(f"{where} holds the stamp {short(stamp)}, not a time") from None
        if moment.tzinfo is None:
            raise RejectedData(f"{where}: the stamp {short(stamp)} does not say its time zone")
        if not 2000 <= moment.year <= 2200:
            raise RejectedData(f"{where} holds the stamp {short(stamp)}")
        number = finite_number(value)
        if number is None or not 0.0 <= number <= most:
            raise RejectedData(f"{where} holds {short(value)}, not a number from 0 to {most:g}")
        series[moment] = number
    return series


def _midnight(stamp: datetime) -> datetime:
    """Return the start of the stamp's day on its own clock."""
    return datetime.combine(stamp.date(), time.min, tzinfo=stamp.tzinfo)
