"""From what a person asks of a fleet to a run: files, prices and tariffs in, a table of plans out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from hems import __version__
from hems.adapters.tables.price_file import read_buy_sell, read_prices
from hems.backtest.executors import LOCAL, cores, open_executor
from hems.composition.tariff import tariff_of
from hems.composition.tools import load
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError
from hems.domain.prices import MarketView, PriceSeries, RetailPrice
from hems.fleet.chunk_builder import Reading
from hems.fleet.feeder import Coordination, Limit, excess_kw
from hems.fleet.feeder_run import Crew, common_grid, coordinate_fleet, least_possible_kw, mix_chunk, weights_by_chunk
from hems.fleet.home_numbers import HomeDefaults, check
from hems.fleet.homes import HomeChunk, PlannedChunk
from hems.fleet.homes_file import HomesFile
from hems.fleet.parts import Parts, digest_of
from hems.fleet.planner import fleet_kernel, plan_chunk
from hems.fleet.prices import MTU_S, NO_TARIFF, PriceBook, PriceGrid
from hems.fleet.rows import plan_table
from hems.fleet.runner import work_through
from hems.fleet.summary import FleetSummary

POLAND = ZoneInfo("Europe/Warsaw")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """What was asked for, by the names of the command's options."""

    homes: Path
    out: Path
    prices: Path | None = None
    sell_prices: Path | None = None
    buy_sell: Path | None = None
    column: str | None = None
    sell_column: str | None = None
    tariff: str | None = None
    config: Path | None = None
    horizon_hours: float | None = None
    defaults: HomeDefaults = field(default_factory=HomeDefaults)
    chunk: int = 500
    executor: str = LOCAL
    workers: int | None = None
    feeder_kw: float | None = None
    feeder_price: float = 10.0
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederResult:
    """What came of the common limit; powers [kW], money."""

    limit: Limit
    coordination: Coordination
    cost: float
    """Of the plans that were written, excess included."""
    excess_kwh: float
    peak_kw: float
    unavoidable_kwh: float
    """Beyond the limit whatever the batteries do."""

    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "limit_kw": self.limit.kw,
            "excess_per_kwh": self.limit.excess_per_kwh,
            "peak_kw": round(self.peak_kw, 6),
            "excess_kwh": round(self.excess_kwh, 6),
            "unavoidable_kwh": round(self.unavoidable_kwh, 6),
            "cost_pln": round(self.cost, 6),
            "bound_pln": round(self.coordination.bound, 6),
            "gap_pln": round(self.cost - self.coordination.bound, 6),
            "questions": self.coordination.questions,
            "limit_price_per_kwh": [round(price, 6) for price in self.coordination.limit_price.tolist()],
        }


class FleetRun:
    """One run; ``plan`` may be called once."""

    def __init__(self, request: FleetRequest) -> None:
        """Raises: ConfigurationError, RejectedData, StorageError, ExtraMissing: what was asked for cannot be used."""
        _check(request)
        self.request = request
        book = _book(request)
        self.file = HomesFile(
            request.homes,
            Reading(defaults=request.defaults, prices=book, horizon_hours=request.horizon_hours, chunk=request.chunk),
        )
        self.parts = Parts(request.out)
        self.summary = FleetSummary()
        self.feeder: FeederResult | None = None
        self.is_compiled = fleet_kernel().is_compiled

    def plan(self, told: Callable[[int], None], told_price: Callable[[int, float], None]) -> None:
        """Plan every home that is not planned yet; ``told`` hears how many more homes are done, refused ones included.

        Interrupted, it keeps what is done. Raises: OtherInputs, StorageError, ExecutorUnavailable.
        """
        request = self.request
        done = self.parts.open(self.identity(), restart=request.restart)
        is_local = request.executor == LOCAL
        threads = (request.workers or cores()) if is_local and self.is_compiled else 1
        with open_executor(request.executor, None if is_local else request.workers) as executor:
            crew = Crew(executor=executor, in_flight=2 + 2 * (request.workers or cores()), threads=threads)
            work: Callable[[HomeChunk], PlannedChunk] = partial(plan_chunk, threads=threads)
            found: Coordination | None = None
            if request.feeder_kw is not None:
                done = set()  # weights come from all homes together, so their parts do too
                slots, hours = common_grid(self.file)
                limit = Limit(kw=request.feeder_kw, hours=hours, excess_per_kwh=request.feeder_price)
                found = coordinate_fleet(self.file, crew, limit, slots, told_price)
                weights = weights_by_chunk(self.file, found)
                work = partial(mix_chunk, prices=found.prices, weights=weights, threads=threads)
            told(sum(min(request.chunk, self.file.homes - n * request.chunk) for n in done))
            for chunk, planned in work_through(self.file, work, executor, crew.in_flight, done):
                self.parts.write(chunk.number, plan_table(chunk, planned))
                told(len(chunk) + len(chunk.refused))
        for table in self.parts.join(self.file.count):
            self.summary.add(table)
        if found is not None:
            self.feeder = self._feeder_result(found, limit, slots)

    def identity(self) -> dict[str, Any]:
        """Return what the parts of a run must have in common, named."""
        request = self.request
        files = (request.prices, request.sell_prices, request.buy_sell, request.config)
        return {
            "homes": digest_of(request.homes),
            "data files": self.file.data_stamp(),
            "prices": [digest_of(path) for path in files if path is not None],
            "options": {
                **asdict(request.defaults),
                "columns": [request.column, request.sell_column, request.tariff],
                "given": [path is not None for path in files],
                "horizon_hours": request.horizon_hours,
                "chunk": request.chunk,
                "feeder": [request.feeder_kw, request.feeder_price],
            },
            "version": __version__,
        }

    def _feeder_result(self, found: Coordination, limit: Limit, slots: int) -> FeederResult:
        totals = self.summary.totals_kw
        net = np.zeros(slots) if totals is None else totals[0]
        excess = float(excess_kw(net, limit).sum()) * limit.hours
        sums = self.summary.sums
        low, high = least_possible_kw(self.file, slots)
        beyond = np.maximum(np.maximum(low, high) - limit.kw, 0.0)
        return FeederResult(
            limit=limit,
            coordination=found,
            cost=sums["cost_pln"] - sums["stored_change_pln"] + excess * limit.excess_per_kwh,
            excess_kwh=excess,
            peak_kw=float(np.abs(net).max(initial=0.0)),
            unavoidable_kwh=float(beyond.sum()) * limit.hours,
        )


def _check(request: FleetRequest) -> None:
    faults = [f"default {fault}" for fault in check(request.defaults)]
    if request.buy_sell is not None and (request.prices or request.sell_prices):
        faults.append("--buy-sell holds all prices: leave --prices and --sell-prices out")
    if request.sell_prices is not None and request.prices is None:
        faults.append("--sell-prices goes with --prices")
    if request.horizon_hours is not None and not 0.0 < request.horizon_hours <= 8784.0:
        faults.append(f"--horizon {request.horizon_hours:g}: hours, more than 0 and at most a year")
    if request.feeder_kw is not None and not 0.0 <= request.feeder_kw < np.inf:
        faults.append(f"--feeder-kw {request.feeder_kw:g}: 0 or more")
    if not 0.0 < request.feeder_price <= 40.0:
        faults.append(f"--feeder-price {request.feeder_price:g}: more than 0, at most 40 per kWh")
    if faults:
        raise ConfigurationError(faults)


def _book(request: FleetRequest) -> PriceBook | None:
    """Return the prices of the command, by tariff; None where every home has to bring its own."""
    if request.buy_sell is not None:
        grid = grid_of(read_buy_sell(request.buy_sell).prices)
        return PriceBook(lambda _tariff: grid)
    if request.prices is None:
        return None
    settings = _settings(request)
    currency = settings.prices.currency
    day_ahead = read_prices(request.prices, request.column, currency).prices
    settlement = PriceSeries(currency, ())
    if request.sell_prices is not None:
        settlement = read_prices(request.sell_prices, request.sell_column, currency).prices
    market = MarketView(day_ahead=day_ahead, settlement=settlement)

    def find(tariff: str) -> PriceGrid:
        return grid_of(tariff_of(with_tariff(settings, tariff or request.tariff or NO_TARIFF)).retail_series(market))

    return PriceBook(find)


def _settings(request: FleetRequest) -> Configuration:
    if request.config is not None:
        return load(request.config).settings
    nobody = {"inverter": {"ip_address": "192.0.2.1"}, "battery_management": {"capacity_kwh": 10.0}}
    return Configuration.model_validate(nobody)


def with_tariff(settings: Configuration, name: str) -> Configuration:
    """Return the configuration with the tariff ``OPERATOR/GROUP[/SELLER]``; an empty name changes nothing.

    Raises: ConfigurationError: no such name.
    """
    if name == NO_TARIFF:
        return settings
    parts = [part.strip() for part in name.split("/")]
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise ConfigurationError(
            [f"tariff {name!r}: OPERATOR/GROUP or OPERATOR/GROUP/SELLER; `hems tariffs` lists them"]
        )
    prices = settings.prices
    changed = prices.tariff.model_dump(exclude_unset=True) | dict(
        zip(("operator", "group", "seller"), parts, strict=False)
    )
    try:
        tariff = type(prices.tariff).model_validate(changed)
    except ValueError as error:
        raise ConfigurationError([f"tariff {name!r}: {error}"]) from error
    return settings.model_copy(update={"prices": prices.model_copy(update={"tariff": tariff})})


def grid_of(prices: tuple[RetailPrice, ...]) -> PriceGrid:
    """Return ``prices`` by the quarter; a quarter that has none is NaN."""
    starts = np.array([int(price.start.timestamp()) for price in prices], np.int64)
    places = (starts - starts[0]) // MTU_S
    buy, sell = np.full(int(places[-1]) + 1, np.nan), np.full(int(places[-1]) + 1, np.nan)
    buy[places] = [price.import_per_kwh for price in prices]
    sell[places] = [price.export_per_kwh for price in prices]
    return PriceGrid(start_s=int(starts[0]), buy=buy, sell=sell)


def documents(run: FleetRun) -> Iterator[tuple[str, Any]]:
    """Yield the run's figures by name, for a program."""
    yield "summary", run.summary.document()
    yield "feeder", None if run.feeder is None else run.feeder.document()
