"""Retail prices of the running service: worked out once a day, anew when prices come, whole hours at every edge."""

from __future__ import annotations

from datetime import date, timedelta

from structlog.testing import capture_logs

from hems.adapters.clock import LoopClock
from hems.adapters.virtual_time import run_in_virtual_time
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.domain.prices import Market, MarketView, PriceSeries, RetailPrice
from hems.domain.time_grid import MTU
from hems.ports.prices import Tariff, TariffNeeds
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from support.price_tools import WARSAW, MemoryArchive, day_series, utc
from support.tariff_tools import tariff

TWO_DAYS = timedelta(hours=48)


class Counting:
    """A tariff that notes for which days it was asked."""

    def __init__(self, inner: Tariff) -> None:
        self._inner = inner
        self.days: list[date] = []

    @property
    def needs(self) -> TariffNeeds:
        return self._inner.needs

    def retail_series(self, market: MarketView) -> tuple[RetailPrice, ...]:
        self.days.append(market.day_ahead.slots[0].start.astimezone(WARSAW).date())
        return self._inner.retail_series(market)

    def remarks(self, day: date) -> tuple[str, ...]:
        return self._inner.remarks(day)


def service_of(of: Tariff, clock: LoopClock, archive: MemoryArchive | None = None) -> PriceService:
    """Return a price service on a simulated market."""
    source = SimulatedPriceSource(clock, SimulatedMarketOptions())
    return PriceService(source, archive or MemoryArchive(), of, clock, PriceServiceOptions(zone=WARSAW))


def test_a_day_is_worked_out_once_until_prices_come() -> None:
    async def story() -> None:
        clock, counting = LoopClock(utc("2026-11-16 08:00")), Counting(tariff(operator="pge", group="G12"))
        service = service_of(counting, clock)
        await service.fetch_due()
        first = service.retail_between(clock.now(), clock.now() + TWO_DAYS)
        assert len(first) == 192
        assert counting.days == [date(2026, 11, day) for day in (16, 17, 18)]
        await clock.sleep(900.0)
        assert service.retail_between(clock.now(), clock.now() + TWO_DAYS)[:-1] == first[1:]
        assert service.retail(clock.now()) == first[1]
        assert len(counting.days) == 3
        await clock.sleep(6 * 3600.0)  # tomorrow's prices are out
        await service.fetch_due()
        service.retail_between(clock.now(), clock.now() + TWO_DAYS)
        assert counting.days[3:] == [date(2026, 11, day) for day in (17, 18)]  # of today nothing is new

    run_in_virtual_time(story())


def test_a_question_in_the_middle_of_an_hour_prices_the_whole_hour() -> None:
    async def story() -> None:
        clock, archive = LoopClock(utc("2026-11-16 08:00")), MemoryArchive()
        day = date(2026, 11, 16)
        for market in Market:
            archive.save_prices(market, day_series(day, lambda local: 100.0 * local.minute / 15), "test")
        service = service_of(tariff(seller="pge", sell="rce_hour"), clock, archive)
        service.load()
        (price,) = service.retail_between(utc("2026-11-16 08:40"), utc("2026-11-16 08:45"))
        # of 0, 100, 200 and 300 the mean is 150: (0.15 + 0.0812 + 0.005 + 0.2898) x 1.23
        assert (price.start, round(price.import_per_kwh, 9)) == (utc("2026-11-16 08:30"), 0.64698)
        assert round(price.export_per_kwh, 9) == 0.15

    run_in_virtual_time(story())


def test_the_long_day_and_the_short_one_have_all_their_quarters() -> None:
    async def story() -> None:
        for start, quarters in (("2026-10-24 22:00", 100), ("2026-03-28 23:00", 92)):
            clock = LoopClock(utc(start))
            service = service_of(tariff(operator="tauron", group="G13"), clock)
            prices = service.retail_between(clock.now(), clock.now() + quarters * MTU)
            assert [price.start for price in prices] == [clock.now() + number * MTU for number in range(quarters)]

    run_in_virtual_time(story())


def test_the_month_so_far_reaches_beyond_what_is_in_memory() -> None:
    """On the 31st the first of the month comes from the archive; February does not count."""

    async def story() -> None:
        clock, archive = LoopClock(utc("2026-03-31 10:00")), MemoryArchive()
        days = {date(2026, 2, 28): 900.0, date(2026, 3, 1): 100.0, date(2026, 3, 20): 400.0}
        for day, price in days.items():
            archive.save_prices(Market.SETTLEMENT, day_series(day, lambda _, price=price: price), "test")
        service = service_of(tariff(sell="rcem"), clock, archive)
        service.load()
        price = service.retail(clock.now())
        assert price is not None
        assert (price.export_per_kwh, price.export_estimated) == (0.25, True)

    run_in_virtual_time(story())


def test_an_ended_tariff_is_told_once_in_the_log_and_always_in_the_status() -> None:
    async def story() -> None:
        clock = LoopClock(utc("2026-12-31 20:00"))
        service = service_of(tariff(operator="tauron", group="G11"), clock)
        with capture_logs() as logs:
            await service.fetch_due()
            assert service.status()["tariff_remarks"] == []
            await clock.sleep(4 * 3600.0)
            await service.fetch_due()
            await service.fetch_due()
        (told,) = [entry for entry in logs if entry["event"] == "tariff_remark"]
        assert told["log_level"] == "warning"
        assert "the tariff ended on 2026-12-31" in told["remark"]
        assert service.status()["tariff_remarks"] == [told["remark"]]

    run_in_virtual_time(story())


def test_without_any_price_there_is_no_retail_price() -> None:
    async def story() -> None:
        clock = LoopClock(utc("2026-11-16 08:00"))
        source = SimulatedPriceSource(clock, SimulatedMarketOptions())
        options = PriceServiceOptions(zone=WARSAW, currency="EUR")
        archive = MemoryArchive()
        archive.held = {market: PriceSeries("EUR", ()) for market in Market}
        service = PriceService(source, archive, tariff(operator="pge", group="G12"), clock, options)
        assert service.retail_between(clock.now(), clock.now() + TWO_DAYS) == ()
        assert service.retail(clock.now()) is None

    run_in_virtual_time(story())
