"""Outlooks for tests of planning: flat by default, each series as a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from hems.domain.command import Mode
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast, Quantity
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.time_grid import MTU

NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
ALL_MODES = (Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE)
SLOTS = 144

Series = float | Sequence[float] | Callable[[int], float]


def home_model(**changes: object) -> HomeModel:
    """Return a home of 10 kWh and 5 kW, as the planning facts measure with."""
    values: dict[str, object] = {
        "capacity_wh": 10_000.0,
        "floor_pct": 10.0,
        "reserve_pct": 10.0,
        "ceiling_pct": 100.0,
        "charge_max_w": 5_000.0,
        "discharge_max_w": 5_000.0,
        "charge_efficiency": 0.95,
        "discharge_efficiency": 0.95,
        "wear_per_kwh": 0.05,
        "import_max_w": 11_000.0,
        "export_max_w": 8_000.0,
        "taper_from_pct": 100.0,
        "modes": ALL_MODES,
    }
    return HomeModel(**(values | changes))  # type: ignore[arg-type]


def series(values: Series, count: int = SLOTS) -> tuple[float, ...]:
    """Return ``values`` for every slot."""
    if callable(values):
        return tuple(float(values(slot)) for slot in range(count))
    return (float(values),) * count if isinstance(values, int | float) else tuple(values)


def forecast(
    quantity: Quantity, values_w: Series, *, start: datetime = NOON, spread: float = 0.0, count: int = SLOTS
) -> EnergyForecast:
    """Return a forecast whose levels lie ``spread`` (a share) to both sides of ``values_w``."""
    middle = series(values_w, count)
    factors = [1.0 + spread * (level - 0.5) / 0.4 for level in QUANTILE_LEVELS]
    return EnergyForecast(
        quantity=quantity,
        source="test",
        issued_at=start,
        known_at=start,
        start=start,
        levels_w=tuple(tuple(watts * factor for watts in middle) for factor in factors),
    )


def outlook(
    *,
    buy: Series = 1.0,
    sell: Series = 0.3,
    load_w: Series = 500.0,
    pv_w: Series = 0.0,
    home: HomeModel | None = None,
    start: datetime = NOON,
    count: int = SLOTS,
    spread: float = 0.0,
) -> Outlook:
    """Return an outlook of ``count`` quarters from ``start`` on."""
    return Outlook(
        start=start,
        import_per_kwh=series(buy, count),
        export_per_kwh=series(sell, count),
        published_until=start + 96 * MTU,
        currency="PLN",
        home=home or home_model(),
        load=forecast(Quantity.LOAD, load_w, start=start, spread=spread, count=count),
        pv=forecast(Quantity.PV, pv_w, start=start, spread=spread, count=count),
        day_ends=(datetime(2026, 1, 14, 23, 0, tzinfo=UTC), datetime(2026, 1, 15, 23, 0, tzinfo=UTC)),
    )


def hours(count: float) -> timedelta:
    """Return ``count`` hours."""
    return timedelta(hours=count)
