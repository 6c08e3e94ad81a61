"""An archive in memory, a tariff and series for tests about prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.dynamic import DynamicTariff, DynamicTariffOptions
from hems.domain.errors import StorageError
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import slots_of_day

WARSAW = ZoneInfo("Europe/Warsaw")

TARIFF = DynamicTariff(
    DynamicTariffOptions(seller_margin_per_kwh=0.08, excise_per_kwh=0.005, vat_pct=23.0, network_per_kwh=0.29)
)


def utc(text: str) -> datetime:
    """Return ``text`` as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day_series(
    day: date, price: Callable[[datetime], float], origin: PriceOrigin = PriceOrigin.PUBLISHED
) -> PriceSeries:
    """Return the quarters of ``day``, each priced by ``price`` of its local start."""
    return PriceSeries(
        "PLN",
        tuple(
            SlotPrice(start=start, price_per_mwh=price(start.astimezone(WARSAW)), origin=origin)
            for start in slots_of_day(day, WARSAW)
        ),
    )


class MemoryArchive:
    """A price archive that lives as long as the test; ``broken`` makes the disk fail."""

    def __init__(self) -> None:
        self.held = {market: PriceSeries("PLN", ()) for market in Market}
        self.broken = False
        self.saves = 0

    def load_prices(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return what is held."""
        self._check()
        return self.held[market].between(start, end)

    def save_prices(self, market: Market, prices: PriceSeries, source: str) -> None:
        """Hold ``prices``."""
        self._check()
        assert source
        self.saves += 1
        self.held[market] = self.held[market].merged_with(prices)

    def _check(self) -> None:
        if self.broken:
            raise StorageError("the disk is full: make room")
