"""From the stored quarters of the running service to what it did, in money, beside what others would have done."""

from __future__ import annotations

import calendar
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.backtest.known_prices import Publication, prices_as_given
from hems.backtest.past import Past
from hems.backtest.study import Study
from hems.backtest.what_if.counterfactual import (
    Counterfactual,
    RealQuarter,
    compare,
    measured_efficiency,
    real_quarters,
)
from hems.composition.backtest import home_of, stored_value_of, versions
from hems.composition.backtest_request import LIVE, BacktestRequest
from hems.composition.own_history import household_of_slots
from hems.composition.settings import multi_factor_options_of
from hems.composition.tools import Loaded, load
from hems.domain.errors import ConfigurationError, RejectedData
from hems.domain.prices import Market, PriceOrigin, PriceSeries, RetailPrice
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid, local_date, local_day_bounds
from hems.planning.compiled import PLAIN

DAYS = 30
MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualQuestion:
    """Which time: a local ``month`` (year, month), or the last ``days`` local days up to now."""

    config: Path | None = None
    month: tuple[int, int] | None = None
    days: int | None = None


def counterfactual(question: CounterfactualQuestion, now: datetime) -> Counterfactual:
    """Return what the coordinator did in that time beside self-use, the score and hindsight.

    Raises: ConfigurationError: a time that cannot be; StorageError: there is no database, or it cannot be read;
        RejectedData: no quarter of that time was measured with its price.
    """
    loaded = load(question.config)
    first, last = _period(question, loaded, now)
    with StoreReader(loaded.database) as reader:
        slots = reader.energy_between(first, last)
        market = reader.load_prices(Market.DAY_AHEAD, first, last)
    quarters = real_quarters(slots)
    if not quarters:
        raise RejectedData(
            f"{loaded.database}: from {local_date(first, loaded.zone)} to {local_date(last - MTU, loaded.zone)} no "
            "quarter of an hour is stored with its price and the battery's charge: let the service run for some days, "
            "or name a month in which it did"
        )
    first = max(first, slots[0].start)
    study = _study(loaded, slots, quarters, first, last)
    days, sums, gap = compare(study, quarters, market, _expected(loaded, first, last), PLAIN)
    estimated = {slot.start for slot in slots if slot.price_estimated}
    return Counterfactual(
        zone=loaded.zone,
        currency=study.prices.currency,
        first=first,
        last=last,
        battery_kwh=study.home.capacity_wh / 1000.0,
        start_soc_pct=study.start_soc_pct,
        stored_value_per_kwh=study.left_value_per_kwh,
        efficiency=math.sqrt(study.home.charge_efficiency * study.home.discharge_efficiency),
        is_efficiency_measured=measured_efficiency(quarters, study.home.capacity_wh) is not None,
        days=days,
        sums=sums,
        hindsight_gap=gap,
        estimated_quarters=sum(quarter.start in estimated for quarter in quarters),
        remarks=_remarks(quarters, market),
        parameters={
            "wear": study.home.wear_per_kwh,
            "charge_efficiency": study.home.charge_efficiency,
            "discharge_efficiency": study.home.discharge_efficiency,
            "charge_kw": study.home.charge_max_w / 1000.0,
            "discharge_kw": study.home.discharge_max_w / 1000.0,
            "min_soc": study.home.floor_pct,
            "max_soc": study.home.ceiling_pct,
        },
        versions=versions(),
    )


def _period(question: CounterfactualQuestion, loaded: Loaded, now: datetime) -> tuple[datetime, datetime]:
    """Return the first quarter and the end of the last finished one."""
    if question.month is not None and question.days is not None:
        raise ConfigurationError(["--month and --days name two times: give one of them"])
    today, end = local_date(now, loaded.zone), floor_to_grid(now)
    if question.month is not None:
        year, month = question.month
        first_day = date(year, month, 1)
        last_day = date(year, month, calendar.monthrange(year, month)[1])
    else:
        days = DAYS if question.days is None else question.days
        if not 1 <= days <= MOST_DAYS:
            raise ConfigurationError([f"--days {days}: from 1 to {MOST_DAYS}"])
        first_day, last_day = today - timedelta(days=days - 1), today
    first, last = local_day_bounds(first_day, loaded.zone)[0], local_day_bounds(last_day, loaded.zone)[1]
    if first >= end:
        raise ConfigurationError([f"{first_day:%Y-%m} has not begun yet"])
    return first, min(last, end)


def _study(
    loaded: Loaded, slots: Sequence[EnergySlot], quarters: Sequence[RealQuarter], first: datetime, last: datetime
) -> Study:
    settings, request = loaded.settings, BacktestRequest(home=LIVE)
    paid = [
        RetailPrice(
            start=quarter.start,
            import_per_kwh=quarter.import_per_kwh,
            export_per_kwh=quarter.export_per_kwh,
            origin=PriceOrigin.PUBLISHED,
        )
        for quarter in quarters
    ]
    prices = prices_as_given(paid, settings.prices.currency, Publication(zone=loaded.zone))
    home = home_of(request, settings, is_configured=True)
    efficiency = measured_efficiency(quarters, home.capacity_wh)
    if efficiency is not None:
        home = replace(home, charge_efficiency=efficiency, discharge_efficiency=efficiency)
    return Study(
        title="own history",
        past=Past.of(household_of_slots([slot for slot in slots if slot.coverage > 0.0])),
        prices=prices,
        home=home,
        zone=loaded.zone,
        first=first,
        last=last,
        start_soc_pct=min(max(quarters[0].soc_start_pct, 0.0), 100.0),
        left_value_per_kwh=stored_value_of(request, prices, home, first, last),
        score=multi_factor_options_of(settings),
    )


def _expected(loaded: Loaded, first: datetime, last: datetime) -> dict[date, int]:
    """Return how many quarters of [first, last) each local day has: 92 or 100 where the clocks are changed."""
    found: dict[date, int] = {}
    at = first
    while at < last:
        day = local_date(at, loaded.zone)
        end = min(local_day_bounds(day, loaded.zone)[1], last)
        found[day] = (end - at) // MTU
        at = end
    return found


def _remarks(quarters: Sequence[RealQuarter], market: PriceSeries) -> tuple[str, ...]:
    remarks = []
    unseen = sum(market.at(quarter.start) is None for quarter in quarters)
    if unseen:
        remarks.append(f"in {unseen} quarters no market price is stored: the score then charges only in an emergency")
    remarks.append("solar power that was held back is not known: it counts for no house")
    return tuple(remarks)
