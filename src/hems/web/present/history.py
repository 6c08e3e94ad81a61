"""The measured past, from the store's columns to the API's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from hems.domain.history import HistoryColumns as Columns
from hems.domain.history import HistoryTotals as Totals
from hems.domain.history import Resolution
from hems.domain.prices import RetailPrice
from hems.domain.time_grid import floor_to_grid
from hems.web.models.history import HistoryColumns, HistoryTotals, HistoryView


def history_view(found: Columns, first_at: datetime | None, retail: Sequence[RetailPrice] = ()) -> HistoryView:
    """Return what was measured, rounded to what a screen shows.

    ``retail``: prices of today; readings of the quarter under way have none of their own until it closes.
    """
    totals = found.totals
    return HistoryView(
        start=totals.start,
        end=totals.end,
        resolution=found.resolution.value,
        currency=found.currency,
        first_at=first_at,
        columns=_columns(found, {price.start: price for price in retail}),
        totals=_totals(totals),
    )


def _columns(found: Columns, retail: Mapping[datetime, RetailPrice]) -> HistoryColumns:
    is_reading = found.resolution is Resolution.READING
    known = [retail.get(floor_to_grid(start)) if is_reading else None for start in found.start]
    buying = [None if price is None else price.import_per_kwh for price in known]
    selling = [None if price is None else price.export_per_kwh for price in known]
    return HistoryColumns(
        start=[int(start.timestamp()) for start in found.start],
        coverage=_rounded(found.coverage, 3),
        pv_w=_rounded(found.pv_w, 0),
        load_w=_rounded(found.load_w, 0),
        grid_w=_rounded(found.grid_w, 0),
        battery_w=_rounded(found.battery_w, 0),
        soc_pct=_rounded(found.soc_pct, 1),
        pv_wh=_rounded(found.pv_wh, 1),
        load_wh=_rounded(found.load_wh, 1),
        import_wh=_rounded(found.import_wh, 1),
        export_wh=_rounded(found.export_wh, 1),
        charge_wh=_rounded(found.charge_wh, 1),
        discharge_wh=_rounded(found.discharge_wh, 1),
        import_per_kwh=_rounded(_or_else(found.import_price_per_kwh, buying), 5),
        export_per_kwh=_rounded(_or_else(found.export_price_per_kwh, selling), 5),
        market_per_mwh=_rounded(found.price_per_mwh, 2),
        price_estimated=list(found.price_estimated),
        cost=_rounded(found.cost, 4),
        self_use_cost=_rounded(found.baseline_cost, 4),
        mode=list(found.mode),
    )


def _totals(totals: Totals) -> HistoryTotals:
    return HistoryTotals(
        pv_wh=totals.pv_wh,
        load_wh=totals.load_wh,
        import_wh=totals.import_wh,
        export_wh=totals.export_wh,
        charge_wh=totals.charge_wh,
        discharge_wh=totals.discharge_wh,
        cost=totals.cost,
        self_use_cost=totals.baseline_cost,
        saved=totals.saved,
        self_sufficiency_pct=totals.self_sufficiency_pct,
        self_consumption_pct=totals.self_consumption_pct,
        coverage=totals.coverage,
    )


def _or_else(these: Iterable[float | None], others: Iterable[float | None]) -> list[float | None]:
    return [other if this is None else this for this, other in zip(these, others, strict=True)]


def _rounded(values: Iterable[float | None], digits: int) -> list[float | None]:
    return [None if value is None else round(value, digits) + 0.0 for value in values]  # + 0.0: never -0
