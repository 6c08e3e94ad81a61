"""A household for tests: a configuration on disk, prices as a test wants them, days in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hems.composition.simulated_days import RunOutcome, SimulatedRun, Watch, simulate_days
from hems.composition.tools import Loaded, load
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import slots_of_day
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

WARSAW = ZoneInfo("Europe/Warsaw")

CONFIGURATION = """\
inverter:
  ip_address: {host}
  poll_interval_seconds: {poll_s}
  communication_lost_after_seconds: {lost_s}
decision:
  strategy: {strategy}
  shadows: {shadows}
battery_management:
  capacity_kwh: 10.0
prices:
  pse:
    base_url: {base_url}
{more}
"""


def write_configuration(
    folder: Path,
    *,
    host: str = "simulator",
    base_url: str = "http://127.0.0.1:9/api",
    poll_s: float = 5,
    lost_s: float = 30,
    more: str = "",
    strategy: str = "multi_factor",
    shadows: bool = False,
) -> Path:
    """Write a configuration into ``folder``/config and return its path.

    The score is in charge unless ``strategy`` says otherwise: what it does is known beforehand to the watt.
    """
    path = folder / "config" / "master_coordinator_config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if "web:" not in more:  # tests side by side must not fight over its port
        more = f"{more.rstrip()}\nweb: {{enabled: false}}"  # after it: it may go on with the section before
    told = {"strategy": strategy, "shadows": str(shadows).lower(), "more": more}
    path.write_text(CONFIGURATION.format(host=host, base_url=base_url, poll_s=poll_s, lost_s=lost_s, **told))
    return path


def flat_prices(per_mwh: float) -> Callable[[Market, date], PriceSeries]:
    """Return a market with one price for every quarter of every day."""
    return priced_by(lambda _: per_mwh)


def priced_by(price_of: Callable[[datetime], float]) -> Callable[[Market, date], PriceSeries]:
    """Return a market whose price per MWh is ``price_of`` the quarter's start (UTC)."""

    def day_prices(_: Market, day: date) -> PriceSeries:
        slots = (
            SlotPrice(start=start, price_per_mwh=price_of(start), origin=PriceOrigin.PUBLISHED)
            for start in slots_of_day(day, WARSAW)
        )
        return PriceSeries("PLN", tuple(slots))

    return day_prices


def live_through(
    folder: Path,
    start: datetime,
    length: timedelta,
    house: SimulatorOptions,
    *,
    prices: Callable[[Market, date], PriceSeries] | None = None,
    watch: Watch | None = None,
    starting_with: Callable[[SimulatedInverter], None] | None = None,
    poll_s: float = 5,
    more: str = "",
    strategy: str = "multi_factor",
    shadows: bool = False,
) -> RunOutcome:
    """Run the whole coordinator against ``house`` in virtual time, data in ``folder``/out."""
    lost_s = max(30.0, 2 * poll_s)
    loaded: Loaded = load(
        write_configuration(folder, poll_s=poll_s, lost_s=lost_s, more=more, strategy=strategy, shadows=shadows)
    )
    return simulate_days(
        SimulatedRun(
            loaded=loaded,
            start=start,
            length=length,
            house=house,
            prices=lambda clock: SimulatedPriceSource(clock, SimulatedMarketOptions(), prices=prices),
            watch=watch,
            starting_with=starting_with,
        )
    )
