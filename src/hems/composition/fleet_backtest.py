"""From what a person asks of a fleet's past to a run: every home a study of its own, as `hems backtest` makes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hems import __version__
from hems.adapters.tables.price_file import read_buy_sell, read_prices
from hems.backtest.executors import PROCESSES, cores, open_executor
from hems.backtest.known_prices import (
    KnownPrices,
    MarketGuesses,
    Publication,
    prices_as_given,
    prices_of_market,
)
from hems.backtest.study import Study
from hems.composition.backtest import settings_for, study_of
from hems.composition.backtest_request import BacktestRequest, number_faults, option_faults
from hems.composition.fleet import with_tariff
from hems.composition.tariff import tariff_of
from hems.composition.tools import load
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError, HemsError
from hems.domain.prices import PriceSeries
from hems.domain.time_grid import MTU
from hems.fleet.chunk_builder import Reading
from hems.fleet.histories import HistoryReader, HomeHistory
from hems.fleet.home_numbers import HomeDefaults
from hems.fleet.homes_file import HomesFile
from hems.fleet.lived_homes import STRATEGIES, StudyChunk, live_chunk, lived_table
from hems.fleet.lived_summary import LivedSummary
from hems.fleet.parts import Parts, digest_of
from hems.fleet.runner import work_through

MOST_PER_CHUNK = 8
"""A home-year takes seconds: what a killed worker has to do again stays small."""

CHUNKS_AT_LEAST = 16
"""A small fleet comes in so many chunks, so that all workers have something to do."""

OPTION_OF: Mapping[str, str] = {
    "battery_kwh": "battery_kwh",
    "charge_kw": "charge_kw",
    "discharge_kw": "discharge_kw",
    "efficiency": "efficiency",
    "wear": "wear",
    "import_kw": "import_kw",
    "export_kw": "export_kw",
    "floor_pct": "min_soc",
    "reserve_pct": "reserve_soc",
    "ceiling_pct": "max_soc",
    "soc_pct": "start_soc",
}
"""Which option of `hems backtest` a column of the table stands for."""

FLAG_OF: Mapping[str, str] = {"curtail": "can_limit_export", "only_solar_export": "only_solar_export"}

NOT_LIVED = ("no_battery_export", "no_grid_charge")
"""Rules of `hems fleet plan` that the service has no mode for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetBacktestRequest:
    """What was asked for, by the names of the command's options."""

    homes: Path
    out: Path
    each: BacktestRequest
    """What holds for every home whose row does not say otherwise; its ``home`` is not looked at."""
    tariff: str | None = None
    strategies: tuple[str, ...] = STRATEGIES
    chunk: int | None = None
    executor: str = PROCESSES
    workers: int | None = None
    restart: bool = False


class FleetBacktest:
    """One run; ``live`` may be called once."""

    def __init__(self, request: FleetBacktestRequest) -> None:
        """Raises: ConfigurationError, RejectedData, StorageError, ExtraMissing: what was asked for cannot be used."""
        _check(request)
        self.request = request
        self.chunk = request.chunk or _chunk_of(request.homes)
        self.file = HomesFile(request.homes, Reading(defaults=HomeDefaults(), prices=None, chunk=self.chunk))
        self.parts = Parts(request.out)
        self.summary = LivedSummary()
        self._studies = _Studies(request, self.file)

    def live(self, told: Callable[[int], None]) -> None:
        """Live every home that is not lived yet; ``told`` hears how many more homes are done, refused ones included.

        Interrupted, it keeps the chunks that are done. Raises: OtherInputs, StorageError, ExecutorUnavailable.
        """
        request = self.request
        done = self.parts.open(self.identity(), restart=request.restart)
        told(sum(min(self.chunk, self.file.homes - number * self.chunk) for number in done))
        in_flight = 1 + (request.workers or cores())
        with open_executor(request.executor, request.workers) as executor:
            for chunk, lived in work_through(self._studies, live_chunk, executor, in_flight, done):
                self.parts.write(chunk.number, lived_table(chunk, lived))
                told(len(chunk))
        for table in self.parts.join(self.file.count):
            self.summary.add(table)

    @property
    def currency(self) -> str:
        """The currency of all money."""
        return self._studies.currency

    @property
    def span(self) -> str:
        """From when to when homes were lived, in words."""
        first, last = self.summary.first, self.summary.last
        if first is None or last is None:
            return "nothing was lived"
        zone = self._studies.zone
        return f"{first.astimezone(zone):%Y-%m-%d} to {last.astimezone(zone):%Y-%m-%d %H:%M}"

    def identity(self) -> dict[str, Any]:
        """Return what the parts of a run must have in common, named."""
        each = self.request.each
        files = (each.prices, each.sell_prices, each.buy_sell, each.config)
        said = asdict(replace(each, home=""))  # homes are known by their content, wherever they lie
        options = {name: value for name, value in said.items() if not isinstance(value, Path)}
        return {
            "homes": digest_of(self.request.homes),
            "data files": self.file.data_stamp(),
            "prices": [digest_of(path) for path in files if path is not None],
            "options": {
                **{name: value if isinstance(value, int | float) else str(value) for name, value in options.items()},
                "given": [path is not None for path in files],
                "tariff": self.request.tariff,
                "strategies": list(self.request.strategies),
                "chunk": self.chunk,
            },
            "version": __version__,
        }


class _Studies:
    """A fleet's table as chunks of studies that can be sent elsewhere."""

    def __init__(self, request: FleetBacktestRequest, file: HomesFile) -> None:
        loaded = load(request.each.config) if request.each.config is not None else None
        self._request, self._file, self._is_configured = request, file, loaded is not None
        self._settings = settings_for(request.each, loaded)
        self._prices = _Prices(request, self._settings)
        self.currency = self._settings.prices.currency
        self.zone = ZoneInfo(self._settings.site.time_zone)

    def chunks(self, done: Collection[int] = ()) -> Iterator[StudyChunk]:
        """Yield the chunks in order, without those in ``done``. Raises: RejectedData: the file is damaged."""
        for number, first, batch in self._file.batches(done):
            with self._file.understood(first):
                homes, refused = HistoryReader(self._file.folder, batch, self._file.numbers).read(first)
            yield self._chunk(number, homes, refused)

    def _chunk(
        self, number: int, homes: Sequence[HomeHistory], refused: tuple[tuple[int, str, str], ...]
    ) -> StudyChunk:
        studies: list[tuple[HomeHistory, Study]] = []
        wrong: list[tuple[int, str, str]] = []
        for home in homes:
            try:
                studies.append((home, self._study(home)))
            except (HemsError, ValueError) as error:
                wrong.append((home.row, home.home_id, str(error)))
        self._prices.prepare([(home.tariff, study) for home, study in studies if home.prices is None])
        return StudyChunk(
            number=number,
            homes=tuple((home.row, home.home_id, self._sendable(home, study)) for home, study in studies),
            strategies=self._request.strategies,
            refused=(*refused, *wrong),
        )

    def _study(self, home: HomeHistory) -> Study:
        prices = self._prices.of(home.tariff) if home.prices is None else self._prices.own(home)
        request = _request_of(self._request.each, home)
        study = study_of(request, self._settings, home.measured, prices, is_configured=self._is_configured)
        return replace(study, title=home.home_id)

    def _sendable(self, home: HomeHistory, study: Study) -> Study:
        """Return ``study`` with prices that can be sent elsewhere: shared ones are the same object for all."""
        if home.prices is None:
            return replace(study, prices=self._prices.prepared(home.tariff))
        return replace(study, prices=study.prices.prepared(study.first, study.last, study.planning.horizon // MTU))


class _Prices:
    """The command's prices by tariff, each made once, and prepared for as long as any home so far needs them."""

    def __init__(self, request: FleetBacktestRequest, settings: Configuration) -> None:
        each = request.each
        self._settings, self._default = settings, request.tariff or ""
        currency = settings.prices.currency
        self._publication = Publication(zone=ZoneInfo(settings.site.time_zone), at=each.publication)
        self._day_ahead, self._settlement = PriceSeries(currency, ()), PriceSeries(currency, ())
        if each.prices is not None:
            self._day_ahead = read_prices(each.prices, each.column, currency).prices
        if each.sell_prices is not None:
            self._settlement = read_prices(each.sell_prices, each.sell_column, currency).prices
        self._given = None if each.buy_sell is None else read_buy_sell(each.buy_sell).prices
        self._guesses = MarketGuesses(self._day_ahead, self._publication.zone)
        self._known: dict[str, KnownPrices] = {}
        self._prepared: dict[str, tuple[datetime, datetime, KnownPrices]] = {}

    def of(self, tariff: str) -> KnownPrices:
        """Return the prices of ``tariff``. Raises: HemsError: there are none."""
        key = self._key(tariff)
        if key not in self._known:
            currency = self._settings.prices.currency
            if self._given is not None:
                market = self._day_ahead if len(self._day_ahead) else None
                known = prices_as_given(self._given, currency, self._publication, market)
            elif len(self._day_ahead):
                priced = tariff_of(with_tariff(self._settings, key))
                known = prices_of_market(self._day_ahead, self._settlement, priced, self._publication, self._guesses)
            else:
                raise ConfigurationError(["it brings no buy_per_kwh and sell_per_kwh, and no --prices are given"])
            self._known[key] = replace(known, estimate=cache(known.estimate))
        return self._known[key]

    def own(self, home: HomeHistory) -> KnownPrices:
        """Return what a home brings itself; the command's market is what the score looks at."""
        market = self._day_ahead if len(self._day_ahead) else None
        return prices_as_given(home.prices or (), self._settings.prices.currency, self._publication, market)

    def prepare(self, studies: Sequence[tuple[str, Study]]) -> None:
        """Make every estimate that ``studies`` ask for, all in one go where their spans differ."""
        spans: dict[str, tuple[datetime, datetime]] = {}
        for tariff, study in studies:
            first, last = spans.get(key := self._key(tariff), (study.first, study.last))
            spans[key] = min(first, study.first), max(last, study.last)
        for key, (first, last) in spans.items():
            if key in self._prepared:
                before, after, _ = self._prepared[key]
                if before <= first and last <= after:
                    continue
                first, last = min(first, before), max(last, after)
            horizon = studies[0][1].planning.horizon // MTU
            self._prepared[key] = first, last, self._known[key].prepared(first, last, horizon)

    def prepared(self, tariff: str) -> KnownPrices:
        """Return the prices of ``tariff`` as ``prepare`` left them."""
        return self._prepared[self._key(tariff)][2]

    def _key(self, tariff: str) -> str:
        return "" if self._given is not None else tariff or self._default


def _request_of(each: BacktestRequest, home: HomeHistory) -> BacktestRequest:
    """Return what `hems backtest` would be asked for ``home``. Raises: ConfigurationError: numbers that cannot be."""
    said = dict(home.numbers)
    broken = [name for name in NOT_LIVED if said.get(name)]
    if broken:
        raise ConfigurationError([f"{name}: a plan can keep it, the modes of the service cannot" for name in broken])
    changes: dict[str, Any] = {option: said[name] for name, option in OPTION_OF.items() if name in said}
    changes |= {option: said[name] > 0.0 for name, option in FLAG_OF.items() if name in said}
    request = replace(each, home=home.home_id, **changes)
    faults = number_faults(request)
    if faults:
        raise ConfigurationError([fault.removeprefix("--") for fault in faults])
    return request


def _check(request: FleetBacktestRequest) -> None:
    each = request.each
    faults = [*number_faults(each), *option_faults(each)]
    if each.sell_prices is not None and each.prices is None:
        faults.append("--sell-prices goes with --prices")
    unknown = [name for name in request.strategies if name not in STRATEGIES]
    if unknown or not request.strategies:
        faults.append(f"--strategies {','.join(request.strategies)}: any of {', '.join(STRATEGIES)}, by commas")
    if request.tariff is not None and each.buy_sell is not None:
        faults.append("--buy-sell holds all prices: leave --tariff out")
    if faults:
        raise ConfigurationError(faults)


def _chunk_of(homes: Path) -> int:
    """Return how many homes are handed over at once; the same for the same file, whoever works."""
    count = HomesFile(homes, Reading(defaults=HomeDefaults(), prices=None)).homes
    return min(MOST_PER_CHUNK, max(1, count // CHUNKS_AT_LEAST))
