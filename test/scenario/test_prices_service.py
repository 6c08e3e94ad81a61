"""The price service through simulated days: publication, back-off, outage, restart, DST. On a leaping loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from hems.adapters.clock import LoopClock
from hems.adapters.virtual_time import run_in_virtual_time
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market, PriceOrigin, PriceSeries
from hems.domain.time_grid import MTU, local_day_bounds, slots_of_day
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource, synthetic_day
from support.price_tools import TARIFF, WARSAW, MemoryArchive, day_series, utc

MONDAY = date(2026, 11, 16)
OPTIONS = PriceServiceOptions(zone=WARSAW)


class House:
    """A price service in simulated time, and what came of it."""

    def __init__(self, start: str, archive: MemoryArchive | None = None, published: time = time(13, 58)) -> None:
        self.clock = LoopClock(utc(start))
        self.source = SimulatedPriceSource(self.clock, SimulatedMarketOptions(publication_time=published))
        self.archive = archive or MemoryArchive()
        self.news: list[datetime] = []
        self.asked: list[tuple[datetime, Market, date]] = []
        self.answer: Callable[[Market, date], Awaitable[PriceSeries]] = self.source.fetch_day
        self.service = PriceService(
            self, self.archive, TARIFF, self.clock, OPTIONS, on_new_prices=lambda: self.news.append(self.clock.now())
        )

    @property
    def name(self) -> str:
        return "simulated"

    async def fetch_day(self, market: Market, day: date) -> PriceSeries:
        self.asked.append((self.clock.now(), market, day))
        return await self.answer(market, day)

    async def run_until(self, end: str) -> None:
        """Let the service run until ``end``, then cancel it."""
        task = asyncio.create_task(self.service.run())
        await self.clock.sleep((utc(end) - self.clock.now()).total_seconds())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def local_times(self, market: Market, day: date) -> list[str]:
        """When ``day`` was asked for, local."""
        return [f"{at.astimezone(WARSAW):%H:%M}" for at, of, wanted in self.asked if (of, wanted) == (market, day)]

    def origins(self, start: str, hours: int) -> set[PriceOrigin]:
        return {slot.origin for slot in self.service.prices_between(utc(start), utc(start) + timedelta(hours=hours))}


def scenario(story: Callable[[], Awaitable[None]]) -> None:
    """Run ``story`` in leaping time."""

    async def tell() -> None:
        await story()

    run_in_virtual_time(tell())


def test_first_day_today_at_once_tomorrow_when_published() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")
        await house.run_until("2026-11-16 20:00")
        tomorrow = MONDAY + timedelta(days=1)
        for market in Market:
            assert house.local_times(market, MONDAY) == ["09:00"]
            times = house.local_times(market, tomorrow)
            assert "13:30" <= times[0] <= "13:32"
            assert "13:58" <= times[-1] <= "14:15"
            assert len(times) <= 7
            assert house.archive.held[market].between(*local_day_bounds(tomorrow, WARSAW)) == synthetic_day(
                market, tomorrow
            )
        assert len(house.news) == 4
        assert house.service.take_news()
        assert not house.service.take_news()

    scenario(story)


def test_backoff_doubles_and_goes_on_through_the_night() -> None:
    async def story() -> None:
        house = House("2026-11-16 11:00", published=time(23, 50))
        await house.run_until("2026-11-17 02:00")
        tomorrow = MONDAY + timedelta(days=1)
        asked = [at for at, market, day in house.asked if (market, day) == (Market.DAY_AHEAD, tomorrow)]
        waits = [(after - before).total_seconds() for before, after in pairwise(asked)]
        for wait, doubled in zip(waits, [60, 120, 240, 480, 900, 900, 900], strict=False):
            assert doubled <= wait <= doubled * 1.1 + 1
        assert all(900 <= wait <= 991 for wait in waits[4:])
        assert asked[-1] >= utc("2026-11-16 22:50")  # local 23:50
        assert house.origins("2026-11-16 23:00", 24) == {PriceOrigin.PUBLISHED}

    scenario(story)


def test_publication_after_midnight_is_still_taken() -> None:
    async def story() -> None:
        house = House("2026-11-16 11:00")
        published_at = utc("2026-11-17 01:30")

        async def late(market: Market, day: date) -> PriceSeries:
            if day > MONDAY and house.clock.now() < published_at:
                return PriceSeries("PLN", ())
            return synthetic_day(market, day)

        house.answer = late
        await house.run_until("2026-11-17 01:00")
        context = house.service.price_context(house.clock.now())
        assert context.origin is PriceOrigin.TYPICAL_DAY  # two hours into an unknown day, nothing stored to go by
        await house.run_until("2026-11-17 03:00")
        context = house.service.price_context(house.clock.now())
        assert context.origin is PriceOrigin.PUBLISHED

    scenario(story)


def test_partial_publication_is_used_and_completed() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")

        async def in_parts(market: Market, day: date) -> PriceSeries:
            whole = synthetic_day(market, day)
            return whole if house.clock.now() >= utc("2026-11-16 10:00") else PriceSeries("PLN", whole.slots[:60])

        house.answer = in_parts
        await house.run_until("2026-11-16 09:00")
        day = house.service.prices_between(*local_day_bounds(MONDAY, WARSAW))
        assert [slot.origin.is_estimated for slot in day] == [False] * 60 + [True] * 36
        assert house.service.status()["estimated_share_24h"] == pytest.approx((96 - 20) / 96, abs=1e-4)
        await house.run_until("2026-11-16 11:00")
        assert house.origins("2026-11-15 23:00", 24) == {PriceOrigin.PUBLISHED}

    scenario(story)


def test_restart_during_an_outage_needs_no_network() -> None:
    async def story() -> None:
        archive = MemoryArchive()
        before = House("2026-11-16 08:00", archive)
        await before.run_until("2026-11-16 16:00")
        known = before.service.prices_between(utc("2026-11-16 15:00"), utc("2026-11-17 23:00"))

        after = House("2026-11-16 16:05", archive)
        after.source.down = True
        await after.run_until("2026-11-16 18:00")
        assert after.asked == []  # all is known until midnight tomorrow: nobody is asked
        assert after.service.prices_between(utc("2026-11-16 15:00"), utc("2026-11-17 23:00")) == known
        assert {slot.origin for slot in known} == {PriceOrigin.PUBLISHED}

    scenario(story)


def test_outage_of_days_goes_on_with_estimates_and_recovers() -> None:
    async def story() -> None:
        archive = MemoryArchive()
        for back in range(1, 22):
            archive.save_prices(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, MONDAY - timedelta(days=back)), "s")
        house = House("2026-11-16 08:00", archive)
        house.source.down = True
        with capture_logs() as logs:
            await house.run_until("2026-11-18 08:00")
        assert house.service.price_context(house.clock.now()).origin is PriceOrigin.SIMILAR_DAY
        assert house.origins("2026-11-18 08:00", 24) == {PriceOrigin.SIMILAR_DAY}
        said = next(entry for entry in logs if entry["event"] == "prices_not_fetched")
        assert "simulated price source is down" in said["error"]
        assert said["next_attempt"].startswith("2026-11-16 09:01")
        assert len(house.asked) < 500  # two markets, every quarter of an hour
        status = house.service.status()
        assert status["known_until"] is None
        house.source.down = False
        await house.run_until("2026-11-18 08:20")
        assert house.origins("2026-11-18 08:00", 15) == {PriceOrigin.PUBLISHED}
        assert house.service.last_error() is None

    scenario(story)


def test_rest_asked_for_binds_both_markets() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")

        async def busy(market: Market, day: date) -> PriceSeries:
            raise PricesUnavailable("ADDRESS answered 429", retry_after=timedelta(minutes=40))

        house.answer = busy
        await house.run_until("2026-11-16 08:39")
        assert [market for _, market, _ in house.asked] == [Market.DAY_AHEAD]
        house.answer = house.source.fetch_day
        await house.run_until("2026-11-16 08:50")
        assert {market for _, market, _ in house.asked} == set(Market)
        assert house.service.last_error() is None

    scenario(story)


def test_a_source_may_not_ask_for_days_of_silence() -> None:
    async def story() -> None:
        house = House("2026-11-16 00:00")

        async def busy(market: Market, day: date) -> PriceSeries:
            raise PricesUnavailable("ADDRESS answered 429", retry_after=timedelta(days=1))

        house.answer = busy
        await house.run_until("2026-11-16 06:40")
        assert len({at for at, _, _ in house.asked}) == 2  # at once, and after six hours

    scenario(story)


def test_what_will_not_pass_is_asked_rarely() -> None:
    async def story() -> None:
        house = House("2026-11-16 00:00")

        async def refuse(market: Market, day: date) -> PriceSeries:
            raise PricesRefused("ADDRESS answered 400 Bad Request; update")

        house.answer = refuse
        await house.run_until("2026-11-16 06:00")
        assert 5 <= len(house.local_times(Market.DAY_AHEAD, MONDAY)) <= 6
        assert house.service.last_error() == "ADDRESS answered 400 Bad Request; update"

    scenario(story)


def test_bad_data_of_one_day_does_not_hide_the_next() -> None:
    async def story() -> None:
        house = House("2026-11-16 14:00")

        async def bad_today(market: Market, day: date) -> PriceSeries:
            if day == MONDAY:
                raise RejectedData("ADDRESS: two prices for one quarter")
            return synthetic_day(market, day)

        house.answer = bad_today
        await house.run_until("2026-11-16 14:30")
        assert house.origins("2026-11-16 23:00", 24) == {PriceOrigin.PUBLISHED}
        assert house.service.last_error() == "ADDRESS: two prices for one quarter"

    scenario(story)


def test_another_currency_is_refused() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")

        async def euros(market: Market, day: date) -> PriceSeries:
            return PriceSeries("EUR", synthetic_day(market, day).slots)

        house.answer = euros
        await house.run_until("2026-11-16 08:01")
        assert "prices came in EUR, this house is billed in PLN" in str(house.service.last_error())
        assert house.origins("2026-11-16 08:00", 1) == {PriceOrigin.TYPICAL_DAY}

    scenario(story)


def test_a_defect_in_a_source_does_not_end_the_task() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")

        async def broken(market: Market, day: date) -> PriceSeries:
            raise KeyError("csdac")

        house.answer = broken
        with capture_logs() as logs:
            await house.run_until("2026-11-16 08:10")
        assert [entry["event"] for entry in logs] == ["price_service_failed"]
        house.answer = house.source.fetch_day
        await house.run_until("2026-11-16 08:30")
        assert house.origins("2026-11-16 08:00", 15) == {PriceOrigin.PUBLISHED}

    scenario(story)


def test_a_full_disk_loses_nothing() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")
        house.archive.broken = True
        await house.run_until("2026-11-16 08:05")
        assert house.origins("2026-11-16 08:00", 15) == {PriceOrigin.PUBLISHED}
        assert house.service.status()["storage_error"] == "the disk is full: make room"
        house.archive.broken = False
        await house.run_until("2026-11-16 08:40")
        assert len(house.archive.held[Market.DAY_AHEAD]) == 96
        assert house.service.status()["storage_error"] is None

    scenario(story)


@pytest.mark.parametrize(("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_dst_days_are_complete_and_every_quarter_has_its_price(day: date, quarters: int) -> None:
    async def story() -> None:
        start, end = local_day_bounds(day, WARSAW)
        house = House((start - timedelta(hours=15)).replace(tzinfo=None).isoformat(" "))
        await house.run_until((start + timedelta(hours=1)).replace(tzinfo=None).isoformat(" "))
        truth = synthetic_day(Market.DAY_AHEAD, day)
        paid = synthetic_day(Market.SETTLEMENT, day)
        assert house.service.prices_between(start, end) == truth
        assert len(truth) == quarters
        asked_before = len(house.asked)
        for slot, settlement in zip(truth, paid, strict=True):
            for moment in (slot.start, slot.start + timedelta(microseconds=1), slot.start + MTU - timedelta.resolution):
                context = house.service.price_context(moment)
                assert context.price_per_mwh == slot.price_per_mwh
                assert context.export_per_kwh == pytest.approx(max(0.0, settlement.price_per_mwh) / 1000)
        assert len(house.asked) == asked_before  # a question never reaches for the network

    scenario(story)


def test_the_quarter_under_way_is_the_first() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:07")
        await house.service.fetch_due()
        prices = house.service.prices_between(utc("2026-11-16 08:07"), utc("2026-11-16 08:31"))
        assert [slot.start for slot in prices] == [utc(f"2026-11-16 08:{minute}") for minute in ("00", "15", "30")]
        retail = house.service.retail_between(utc("2026-11-16 08:07"), utc("2026-11-16 08:31"))
        assert [price.start for price in retail] == [slot.start for slot in prices]
        assert house.service.retail(utc("2026-11-16 08:14")) == retail[0]

    scenario(story)


def test_estimates_learn_from_new_prices() -> None:
    async def story() -> None:
        archive = MemoryArchive()
        for back in range(3, 6):
            archive.save_prices(Market.DAY_AHEAD, day_series(MONDAY - timedelta(days=back), lambda _: 100.0), "s")
        house = House("2026-11-16 08:00", archive)
        thursday = local_day_bounds(date(2026, 11, 19), WARSAW)
        house.service.load()
        before = house.service.prices_between(*thursday)
        assert [slot.price_per_mwh for slot in before] == pytest.approx([100.0] * 96)
        await house.service.fetch_due()
        after = house.service.prices_between(*thursday)
        assert {slot.origin for slot in after} == {PriceOrigin.SIMILAR_DAY}
        assert all(slot.price_per_mwh != pytest.approx(100.0) for slot in after)

    scenario(story)


def test_days_on_end_cost_little_and_stay_small() -> None:
    async def story() -> None:
        house = House("2026-09-01 00:00")
        await house.run_until("2026-11-16 12:00")
        assert len(house.asked) <= 77 * 2 * 8
        loaded = house.service.prices_between(utc("2026-09-02 00:00"), utc("2026-09-03 00:00"))
        assert {slot.origin for slot in loaded} == {PriceOrigin.PUBLISHED}  # older than memory: from the archive
        known = house.service._feeds[Market.DAY_AHEAD].known
        assert len(known) <= 96 * 33

    scenario(story)


def test_the_same_story_twice_is_the_same() -> None:
    async def told() -> list[tuple[datetime, Market, date]]:
        house = House("2026-11-16 00:00", published=time(15, 0))
        await house.run_until("2026-11-18 00:00")
        return house.asked

    assert run_in_virtual_time(told()) == run_in_virtual_time(told())


def test_another_seed_asks_at_another_second() -> None:
    async def first_asked(seed: int) -> datetime:
        house = House("2026-11-16 11:00")
        house.service = PriceService(house, house.archive, TARIFF, house.clock, replace(OPTIONS, jitter_seed=seed))
        await house.run_until("2026-11-16 12:40")
        return next(at for at, _, day in house.asked if day > MONDAY)

    moments = {run_in_virtual_time(first_asked(seed)) for seed in range(5)}
    assert len(moments) == 5
    assert all(utc("2026-11-16 12:30") <= at <= utc("2026-11-16 12:33") for at in moments)


def test_status_is_json_and_tells_what_a_person_asks() -> None:
    async def story() -> None:
        house = House("2026-11-16 08:00")
        house.source.down = True
        await house.run_until("2026-11-16 08:00:30")
        house.source.down = False
        status = json.loads(json.dumps(house.service.status()))
        assert (status["source"], status["currency"], status["known_until"]) == ("simulated", "PLN", None)
        assert status["estimated_share_24h"] == 1.0
        market = status["markets"]["day_ahead"]
        assert market["failing"]
        assert market["last_error"]["message"].startswith("the simulated price source is down")
        assert market["next_attempt_at"].startswith("2026-11-16T08:01")
        await house.run_until("2026-11-16 08:30")
        market = json.loads(json.dumps(house.service.status()))["markets"]["day_ahead"]
        assert not market["failing"]
        assert market["last_error"]["message"]  # kept for the person who asks what was
        assert market["known_until"] == "2026-11-16T23:00:00+00:00"
        assert market["next_attempt_at"].startswith("2026-11-16T12:3")

    scenario(story)


def test_ensure_day_asks_only_for_what_is_not_stored_and_can_be_known() -> None:
    async def story() -> None:
        archive = MemoryArchive()
        for market in Market:
            archive.save_prices(market, synthetic_day(market, date(2026, 6, 1)), "simulated")
        house = House("2026-11-16 08:00", archive)
        await house.service.ensure_day(date(2026, 6, 1))
        assert house.asked == []
        await house.service.ensure_day(date(2026, 6, 2))
        assert [(market, day) for _, market, day in house.asked] == [(market, date(2026, 6, 2)) for market in Market]
        bounds = local_day_bounds(date(2026, 6, 2), WARSAW)
        assert house.service.prices_between(*bounds) == synthetic_day(Market.DAY_AHEAD, date(2026, 6, 2))
        await house.service.ensure_day(date(2026, 11, 18))  # nobody can have published it
        assert len(house.asked) == 2

    scenario(story)


def test_estimates_are_not_taken_for_prices_when_stored() -> None:
    """An archive that holds a guess by mistake must not turn it into knowledge."""

    async def story() -> None:
        archive = MemoryArchive()
        guess = day_series(MONDAY, lambda _: 1.0, PriceOrigin.SIMILAR_DAY)
        archive.save_prices(Market.DAY_AHEAD, guess, "x")
        house = House("2026-11-16 08:00", archive)
        await house.run_until("2026-11-16 08:05")
        assert len(house.local_times(Market.DAY_AHEAD, MONDAY)) == 1
        assert house.service.prices_between(*local_day_bounds(MONDAY, WARSAW)) == synthetic_day(
            Market.DAY_AHEAD, MONDAY
        )

    scenario(story)


def test_market_fixture_is_a_whole_day() -> None:
    assert [slot.start for slot in synthetic_day(Market.DAY_AHEAD, MONDAY)] == list(slots_of_day(MONDAY, WARSAW))
