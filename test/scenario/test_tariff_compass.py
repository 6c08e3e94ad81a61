"""The Energy Compass: from the operator's report to the price of a quarter, through outage, restart and DST."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.clock import LoopClock, SystemClock
from hems.adapters.prices.pse import PseOptions, PsePriceSource
from hems.adapters.prices.pse_rows import compass_from_rows
from hems.adapters.storage.compass_archive import KEY, CompassInState
from hems.adapters.storage.sqlite_store import SqliteStore, StoreOptions
from hems.adapters.virtual_time import run_in_virtual_time
from hems.composition.settings import price_service_of
from hems.composition.tariff import tariff_of
from hems.config.models import Configuration
from hems.coordination.compass_feed import CompassFeed
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.domain.errors import PricesUnavailable, RejectedData, StorageError
from hems.domain.prices import Compass, CompassLevel
from hems.domain.time_grid import local_day_bounds, slots_of_day
from hems.simulation.market import (
    ENTITIES,
    SimulatedMarketOptions,
    SimulatedPriceSource,
    compass_rows,
    pse_rows,
    synthetic_day,
)
from hems.simulation.price_server import PriceFault, PriceServer, PriceServerOptions
from support.price_tools import WARSAW, MemoryArchive, utc
from support.tariff_tools import tariff

HOUR = timedelta(hours=1)
MONDAY = date(2026, 11, 16)
DATA = Path(os.environ.get("HEMS_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def levels_of(day: date, shift: int = 0) -> dict[datetime, CompassLevel]:
    """Return a level for each hour of the local day: 0, 1, 2, 3, 0 ..."""
    return {
        start: CompassLevel((start.astimezone(WARSAW).hour + shift) % 4) for start in slots_of_day(day, WARSAW, HOUR)
    }


class StateInMemory:
    """A state store; ``broken`` makes the disk fail."""

    def __init__(self) -> None:
        self.held: dict[str, object] = {}
        self.broken = False

    def get_state(self, key: str) -> object | None:
        return self.held.get(key)

    def put_state(self, key: str, value: object) -> None:
        if self.broken:
            raise StorageError("the disk is full: make room")
        self.held[key] = value


class Publisher:
    """Publishes levels of every day; ``down`` and ``shift`` may be changed."""

    def __init__(self) -> None:
        self.down: Exception | None = None
        self.shift = 0
        self.asked: list[date] = []

    async def fetch_compass(self, day: date) -> Compass:
        self.asked.append(day)
        if self.down is not None:
            raise self.down
        return levels_of(day, self.shift)


async def test_the_report_over_http() -> None:
    days = (date(2026, 11, 15), MONDAY)
    rows = [row for day in days for row in compass_rows(levels_of(day))]
    async with PriceServer({"pdgsz": rows}, SystemClock(), PriceServerOptions()) as server:
        source = PsePriceSource(PseOptions(base_url=server.base_url, page_size=10), SystemClock())
        assert await source.fetch_compass(MONDAY) == levels_of(MONDAY)  # only versions in force, all pages
        assert "is_active%20eq%20true" in server.requests[-1]
        assert await source.fetch_compass(date(2026, 11, 20)) == {}
        server.faults = {PriceFault.SERVER_ERROR}
        with pytest.raises(PricesUnavailable, match=r"pdgsz.* answered 500"):
            await source.fetch_compass(MONDAY)
        await source.aclose()


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (MONDAY, 24)])
def test_a_day_of_24_rows_covers_days_of_23_and_25_hours(day: date, hours: int) -> None:
    """As recorded: every day has one row for each hour of the wall clock, the days of DST too."""
    rows = [
        {"dtime": f"{day} {hour:02d}:00:00", "usage_fcst": hour % 4, "business_date": day.isoformat()}
        for hour in range(24)
    ]
    found = compass_from_rows(rows, day=day, where="test")
    assert found == levels_of(day)
    assert len(found) == hours


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"dtime": "2026-11-16 07:15:00", "usage_fcst": 1}, "dtime is '2026-11-16 07:15:00', not the start of an hour"),
        ({"dtime": "2026-11-17 07:00:00", "usage_fcst": 1}, "not the start of an hour of 2026-11-16"),
        ({"dtime": None, "usage_fcst": 1}, "dtime is None"),
        ({"dtime": "2026-11-16 07:00", "usage_fcst": 4}, "usage_fcst is 4, not 0, 1, 2 or 3"),
        ({"dtime": "2026-11-16 07:00", "usage_fcst": 1.5}, "usage_fcst is 1.5"),
        ({"dtime": "2026-11-16 07:00", "usage_fcst": None}, "usage_fcst is None"),
        ({"dtime": "2026-11-16 07:00", "usage_fcst": True}, "usage_fcst is True"),
        ({"dtime": "2026-11-16 07:00", "usage_fcst": 1, "business_date": "2026-11-17"}, "got other days only"),
    ],
)
def test_rows_that_cannot_be(row: dict[str, object], said: str) -> None:
    with pytest.raises(RejectedData) as caught:
        compass_from_rows([{"business_date": "2026-11-16", **row}], day=MONDAY, where="test")
    assert said in str(caught.value)


def test_two_levels_of_an_hour_the_more_restrictive_counts() -> None:
    rows = [{"dtime": "2026-11-16 07:00", "usage_fcst": level, "business_date": "2026-11-16"} for level in (1, 3, 2)]
    assert list(compass_from_rows(rows, day=MONDAY, where="test").values()) == [CompassLevel.REQUIRED_RESTRICTION]


def test_what_is_stored_comes_back_and_the_oldest_goes() -> None:
    store = StateInMemory()
    archive = CompassInState(store)
    assert archive.load_compass() == {}
    archive.save_compass({})
    assert store.held == {}
    for number in range(70):
        archive.save_compass(levels_of(MONDAY + timedelta(days=number)))
    known = archive.load_compass()
    last = levels_of(MONDAY + timedelta(days=69))
    assert all(known[start] is level for start, level in last.items())
    assert min(known).date() == date(2026, 11, 16) + timedelta(days=8)  # 62 UTC days up to the last
    store.held[KEY] = ["not ours"]
    with pytest.raises(StorageError, match="cannot be read"):
        archive.load_compass()
    archive.save_compass(last)
    assert archive.load_compass() == last


def service_with(publisher: Publisher, store: StateInMemory, clock: LoopClock) -> PriceService:
    """Return a price service whose tariff follows the compass."""
    return PriceService(
        SimulatedPriceSource(clock, SimulatedMarketOptions()),
        MemoryArchive(),
        tariff(operator="tauron", group="G14dynamic"),
        clock,
        PriceServiceOptions(zone=WARSAW),
        compass=CompassFeed(publisher, CompassInState(store), WARSAW),
    )


def zones(service: PriceService, start: str, hours: int) -> list[str]:
    """Return the network's zone of each hour from ``start`` (UTC)."""
    prices = service.retail_between(utc(start), utc(start) + hours * HOUR)[::4]
    return [part.name for price in prices for part in price.import_parts if part.name.startswith("network")]


def test_zones_follow_what_is_published_hour_by_hour() -> None:
    async def story() -> None:
        clock, publisher, store = LoopClock(utc("2026-11-16 08:00")), Publisher(), StateInMemory()
        service = service_with(publisher, store, clock)
        service.load()
        assert set(zones(service, "2026-11-16 08:00", 4)) == {"network (S2)"}
        await service.fetch_due()
        # local 09:00 to 12:00: hour mod 4 = 1, 2, 3, 0
        expected = ["network (S2)", "network (S3)", "network (S4)", "network (S1)"]
        assert zones(service, "2026-11-16 08:00", 4) == expected
        assert publisher.asked == [MONDAY, MONDAY + timedelta(days=1)]
        await service.fetch_due()
        assert len(publisher.asked) == 2  # not before an hour has passed
        service.take_news()
        publisher.shift = 1
        await clock.sleep(3600.0)
        await service.fetch_due()
        assert zones(service, "2026-11-16 08:00", 4) == [*expected[1:], expected[0]]
        assert service.take_news()

    run_in_virtual_time(story())


def test_an_outage_leaves_what_was_known_and_is_told() -> None:
    async def story() -> None:
        clock, publisher, store = LoopClock(utc("2026-11-16 08:00")), Publisher(), StateInMemory()
        await service_with(publisher, store, clock).fetch_due()
        publisher.down = PricesUnavailable("https://pse answered 503", retry_after=timedelta(hours=3))
        clock = LoopClock(utc("2026-11-16 09:00"))
        again = service_with(publisher, store, clock)
        again.load()
        await again.fetch_due()
        assert zones(again, "2026-11-16 08:00", 4)[1] == "network (S3)"  # stored before the restart
        told = again.status()["energy_compass"]
        assert isinstance(told, dict)
        assert told["last_error"] == "https://pse answered 503"
        asked = len(publisher.asked)
        await clock.sleep(2 * 3600.0)
        await again.fetch_due()
        assert len(publisher.asked) == asked  # it asked for three hours of rest
        publisher.down = None
        await clock.sleep(3600.0)
        await again.fetch_due()
        assert len(publisher.asked) == asked + 2

    run_in_virtual_time(story())


def test_a_full_disk_and_a_single_day() -> None:
    async def story() -> None:
        clock, publisher, store = LoopClock(utc("2026-11-16 08:00")), Publisher(), StateInMemory()
        store.broken = True
        service = service_with(publisher, store, clock)
        await service.ensure_day(date(2026, 10, 25))
        assert publisher.asked == [date(2026, 10, 25)]
        assert len(zones(service, "2026-10-24 22:00", 25)) == 25
        await service.ensure_day(date(2026, 10, 25))
        assert len(publisher.asked) == 1

    run_in_virtual_time(story())


def test_a_tariff_without_compass_asks_for_none() -> None:
    async def story() -> None:
        clock, publisher = LoopClock(utc("2026-11-16 08:00")), Publisher()
        service = PriceService(
            SimulatedPriceSource(clock, SimulatedMarketOptions()),
            MemoryArchive(),
            tariff(operator="tauron", group="G11"),
            clock,
            PriceServiceOptions(zone=WARSAW),
            compass=CompassFeed(publisher, CompassInState(StateInMemory()), WARSAW),
        )
        await service.fetch_due()
        assert publisher.asked == []
        assert service.status()["energy_compass"] is None

    run_in_virtual_time(story())


@pytest.mark.data
def test_recorded_levels_price_every_hour() -> None:
    """Nine recorded months: each day has 24 rows, whatever its hours, and every hour of it gets its level."""
    path = DATA / "kompas_PL_hourly_2024-07_2025-04.csv"
    if not path.is_file():
        pytest.skip(f"reference data not found: {path}; set HEMS_DATA")
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            day = line["business_date"]
            stamp = f"{day} {int(line['hour_index']):02d}:00:00"
            rows[day].append({"business_date": day, "dtime": stamp, "usage_fcst": int(line["usage_fcst"])})
    counts = [0, 0, 0, 0]
    for text, day_rows in rows.items():
        day = date.fromisoformat(text)
        found = compass_from_rows(day_rows, day=day, where=path.name)
        assert set(found) == set(slots_of_day(day, WARSAW, HOUR))
        for level in found.values():
            counts[level] += 1
    assert sum(counts) == sum(len(one) for one in rows.values())  # one spring and one autumn day cancel out
    assert counts[3] == 0
    assert min(counts[:3]) > 900
    assert datetime(2024, 10, 27, 1, tzinfo=UTC) in compass_from_rows(
        rows["2024-10-27"], day=date(2024, 10, 27), where=path.name
    )


async def test_the_configured_house_asks_the_operator_and_remembers(tmp_path: Path) -> None:
    """From the configuration to the price, over HTTP and the database; a second life needs no network."""
    today = SystemClock().now().astimezone(WARSAW).date()
    rows = compass_rows(dict.fromkeys(slots_of_day(today, WARSAW, HOUR), CompassLevel.REQUIRED_RESTRICTION))
    served = {"pdgsz": rows}
    for market, (entity, _) in ENTITIES.items():
        served[entity] = pse_rows(market, synthetic_day(market, today))
    lives: list[set[str]] = []
    async with PriceServer(served, SystemClock(), PriceServerOptions()) as server:
        settings = Configuration.model_validate(
            {
                "inverter": {"ip_address": "simulator"},
                "battery_management": {"capacity_kwh": 10.0},
                "prices": {
                    "pse": {"base_url": server.base_url},
                    "tariff": {"operator": "tauron", "group": "G14dynamic"},
                },
            }
        )
        for _ in range(2):
            with SqliteStore(StoreOptions(path=tmp_path / "hems.sqlite3")) as store:
                async with price_service_of(settings, store, tariff_of(settings), SystemClock()) as service:
                    await service.ensure_day(today)
                    prices = service.retail_between(*local_day_bounds(today, WARSAW))
                    lives.append(
                        {part.name for price in prices for part in price.import_parts if "network (" in part.name}
                    )
        asked = [request for request in server.requests if "pdgsz" in request]
    assert lives == [{"network (S4)"}, {"network (S4)"}]
    assert len(asked) == 1
