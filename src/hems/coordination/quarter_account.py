"""A finished quarter in energy and money: what was measured, beside the two houses that ran along in self-use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hems.coordination.ledger_state import Counterfactual, Quarter
from hems.domain.prices import RetailPrice
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.domain.units import kwh_from_wh
from hems.planning.self_use import SelfUseHouse
from hems.planning.settlement import settle, value_of_stored_energy

_MTU_S = MTU.total_seconds()
_RAN_ALONG_S = 1e-6
"""A counterfactual that ran for less than was measured, rounding apart, cannot be held against it."""


def close_quarter(
    quarter: Quarter,
    baseline: Counterfactual,
    shadow: Counterfactual,
    house: SelfUseHouse,
    prices: Mapping[datetime, RetailPrice],
) -> EnergySlot:
    """Return the account of ``quarter``; money is None where its price is not known.

    ``baseline`` ran in self-use since it was last equal to the real house (F5), ``shadow`` since the quarter's start
    (F1). ``prices`` by the start of their quarter; those ahead say what stored energy is worth.
    """
    end = quarter.start + MTU
    price = prices.get(quarter.start)
    delivered = house.discharge_efficiency * house.inverter_efficiency
    stored_value = value_of_stored_energy(prices.values(), end, delivered_share=delivered)
    ran_along = baseline.stored_wh is not None and baseline.covered_s >= quarter.covered_s - _RAN_ALONG_S
    return EnergySlot(
        start=quarter.start,
        coverage=min(1.0, quarter.covered_s / _MTU_S),
        pv_wh=quarter.pv_wh,
        load_wh=quarter.load_wh,
        import_wh=quarter.import_wh,
        export_wh=quarter.export_wh,
        charge_wh=quarter.charge_wh,
        discharge_wh=quarter.discharge_wh,
        soc_start_pct=quarter.soc_start_pct,
        soc_end_pct=quarter.soc_end_pct,
        import_price_per_kwh=None if price is None else price.import_per_kwh,
        export_price_per_kwh=None if price is None else price.export_per_kwh,
        price_estimated=price is not None and price.origin.is_estimated,
        cost=_cost(quarter.import_wh, quarter.export_wh, price),
        baseline_import_wh=baseline.import_wh if ran_along else None,
        baseline_export_wh=baseline.export_wh if ran_along else None,
        baseline_soc_start_pct=_soc_or_none(house, baseline.start_wh) if ran_along else None,
        baseline_soc_end_pct=_soc_or_none(house, baseline.stored_wh) if ran_along else None,
        baseline_cost=_cost(baseline.import_wh, baseline.export_wh, price) if ran_along else None,
        stored_value_per_kwh=stored_value,
        forced_share=quarter.forced_s / quarter.covered_s if quarter.covered_s > 0.0 else 0.0,
        decision_gain=_gain(quarter, shadow, house, price, stored_value),
        settled_lead_wh=quarter.settled_lead_wh if ran_along else 0.0,
    )


def _gain(
    quarter: Quarter,
    shadow: Counterfactual,
    house: SelfUseHouse,
    price: RetailPrice | None,
    stored_value_per_kwh: float | None,
) -> float | None:
    """Return what the forced mode was worth: the shadow's bill less the real one, and what more is left in the battery.

    The real change is taken from the battery's measured flows, not from the SoC: a percent of SoC is coarser than a
    quarter's energy.
    """
    ran_along = shadow.covered_s >= quarter.covered_s - _RAN_ALONG_S
    if quarter.forced_s <= 0.0 or stored_value_per_kwh is None or not ran_along:
        return None
    if shadow.stored_wh is None or shadow.start_wh is None:
        return None
    real_cost = _cost(quarter.import_wh, quarter.export_wh, price)
    shadow_cost = _cost(shadow.import_wh, shadow.export_wh, price)
    if real_cost is None or shadow_cost is None:
        return None
    real_change_wh = quarter.charge_wh * house.charge_efficiency - quarter.discharge_wh / house.discharge_efficiency
    more_left_wh = real_change_wh - (shadow.stored_wh - shadow.start_wh)
    return shadow_cost - real_cost + kwh_from_wh(more_left_wh) * stored_value_per_kwh


def _soc_or_none(house: SelfUseHouse, stored_wh: float | None) -> float | None:
    return None if stored_wh is None else house.soc_pct(stored_wh)


def _cost(import_wh: float, export_wh: float, price: RetailPrice | None) -> float | None:
    if price is None:
        return None
    return settle(
        import_wh=import_wh,
        export_wh=export_wh,
        import_per_kwh=price.import_per_kwh,
        export_per_kwh=price.export_per_kwh,
    )
