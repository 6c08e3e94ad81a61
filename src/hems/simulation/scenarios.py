"""Named days: where the house starts, what the sky does, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One named situation. ``month`` and ``hour`` (UTC) place the start; None keeps the clock's own date and hour."""

    name: str
    summary: str
    month: int | None = None
    hour: float | None = None
    soc_pct: float | None = None
    cloudiness: float = 0.3
    load_share: float = 1.0
    ambient_c: float = 18.0
    battery_c: float | None = None
    faults: tuple[str, ...] = ()

    def start(self, now: datetime) -> datetime:
        """Return the instant this scenario begins at, in the year of ``now`` (aware, UTC)."""
        start = now
        if self.month is not None:
            start = datetime(now.year, self.month, 15, now.hour, now.minute, now.second, tzinfo=UTC)
        if self.hour is not None:
            start = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=self.hour)
        return start


DEFAULT_SCENARIO = "everyday"

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="everyday", summary="now, with the sun of the season and some clouds"),
        Scenario(
            name="sunny_day", summary="a clear day in June from before sunrise", month=6, hour=2.0, soc_pct=25.0,
            cloudiness=0.0,
        ),
        Scenario(
            name="cloudy_day", summary="broken clouds in September; PV jumps up and down", month=9, hour=6.0,
            soc_pct=40.0, cloudiness=0.65,
        ),
        Scenario(
            name="winter_night", summary="a January night: no sun, much demand, a cool battery", month=1, hour=17.0,
            soc_pct=60.0, load_share=1.6, ambient_c=4.0, battery_c=9.0,
        ),
        Scenario(
            name="negative_price_noon", summary="a May noon of plenty, when prices go below zero", month=5, hour=9.0,
            soc_pct=55.0, cloudiness=0.05, load_share=0.6,
        ),
        Scenario(
            name="hot_battery", summary="a hot garage; the battery passes 60 degrees C after five minutes", month=7,
            hour=12.0, soc_pct=60.0, ambient_c=42.0, battery_c=52.0, faults=("over_temperature:63@300+900",),
        ),
        Scenario(
            name="cold_battery", summary="frost; the cells are below 0 degrees C and may not charge", month=1, hour=8.0,
            soc_pct=35.0, ambient_c=-8.0, battery_c=-4.0,
        ),
        Scenario(
            name="empty_battery", summary="the battery is at 6 %, just above the inverter's own forced charge",
            hour=17.0, soc_pct=6.0, cloudiness=0.8,
        ),
        Scenario(
            name="full_battery", summary="the battery is at 99 % on a bright morning", month=6, hour=7.0, soc_pct=99.0,
            cloudiness=0.05,
        ),
        Scenario(
            name="grid_failure_evening", summary="the grid is lost for half an hour in the evening", month=11,
            hour=18.0, soc_pct=55.0, faults=("grid_lost@600+1800",),
        ),
        Scenario(
            name="weak_link", summary="a bad dongle: replies lost, late, cut off and doubled", hour=10.0, soc_pct=50.0,
            faults=("drop:0.15", "delay:1.5%0.05", "truncate:0.05", "double:0.05", "bad_crc:0.03"),
        ),
        Scenario(
            name="high_grid_voltage", summary="noon export of the street lifts the grid to 252 V", month=6, hour=10.0,
            soc_pct=70.0, cloudiness=0.0, faults=("grid_high:252@300+1200",),
        ),
    )
}  # fmt: skip


def find_scenario(name: str) -> Scenario:
    """Return the scenario called ``name``.

    Raises: ValueError: names the known ones.
    """
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError(f"scenario {name!r}: unknown; known are {', '.join(SCENARIOS)}")
    return scenario
