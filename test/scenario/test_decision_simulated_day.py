"""Two days of deciding on a toy battery: prices are followed, modes are steady, and trouble always goes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.explanation import command_of
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.command import Command, Mode
from hems.domain.safety import SafetyEnvelope
from hems.safety.envelope import SafetyOptions, SafetySupervisor
from hems.safety.gate import narrow_to_envelope, protective_command
from support.safety_builders import NOON, SPEC, context, snapshot

MINUTE = timedelta(minutes=1)
CAPACITY_WH = SPEC.battery_capacity_wh


def day_price(at: datetime) -> float:
    """Return a spring day's price [PLN/MWh]: cheap nights, negative noons, dear mornings and evenings."""
    return 180.0 if at.hour < 5 else -50.0 if 11 <= at.hour < 14 else 750.0 if at.hour in (7, 8, 18, 19, 20) else 450.0


@dataclass
class ToyHouse:
    """Polls every minute, decides every quarter; 800 W of load, no PV, no losses."""

    soc: float = 50.0
    trouble: Callable[[datetime], dict[str, Any]] = lambda at: {}
    supervisor: SafetySupervisor = field(
        default_factory=lambda: SafetySupervisor(SPEC, SafetyOptions(), saved=None, now=NOON)
    )
    active: Command | None = None
    since: datetime | None = None
    history: list[tuple[datetime, Mode, float, SafetyEnvelope]] = field(default_factory=list)

    def run(self, start: datetime, length: timedelta) -> None:
        at = start
        while at < start + length:
            self.poll(at)
            at += MINUTE

    def poll(self, at: datetime) -> None:
        readings: dict[str, Any] = {"battery__soc_pct": self.soc, "pv__power_w": 0.0, "load__power_w": 800.0}
        readings |= {"grid__power_w": 800.0, "grid__frequency_hz": 50.0 + 0.01 * (at.minute % 2)} | self.trouble(at)
        envelope, filtered = self.supervisor.evaluate(snapshot(at, **readings), at, at)
        if at.minute % 15 == 0:
            known = context(
                at=at,
                price=day_price(at),
                charging=self.active is not None and self.active.mode is Mode.CHARGE,
                active=self.active,
                active_since=self.since,
                **(readings | {"battery__soc_pct": filtered.battery.soc_pct}),
            )
            self._take(arbitrate(known, [MultiFactorEngine().propose(known)], envelope, ArbiterOptions()).command, at)
        # A protective mode ends with its cause: only a charge is anybody's wish here.
        wish = self.active if self.mode is Mode.CHARGE else None
        wanted = wish or Command(mode=Mode.SELF_USE, expires_at=at)
        self._take(protective_command(envelope) or command_of(narrow_to_envelope(wanted, envelope)), at)
        self._move_energy()
        self.history.append((at, self.mode, self.soc, envelope))

    @property
    def mode(self) -> Mode:
        return self.active.mode if self.active is not None else Mode.SELF_USE

    def _take(self, command: Command, at: datetime) -> None:
        if command.mode is not self.mode:
            self.since = at
        self.active = command if command.mode is not Mode.SELF_USE else None

    def _move_energy(self) -> None:
        power_w = 0.0
        if self.active is not None and self.active.mode is Mode.CHARGE:
            power_w = -(self.active.power_w or 0.0)
            if self.soc >= (self.active.target_soc_pct or 100.0):
                self.active, power_w = None, 0.0
        elif self.mode in (Mode.SELF_USE, Mode.NO_CHARGE) and self.soc > SPEC.soc_min_pct:
            power_w = 800.0
        self.soc = min(max(self.soc - power_w / 60.0 / CAPACITY_WH * 100.0, 0.0), 100.0)

    def changes(self) -> list[tuple[datetime, Mode]]:
        """Return when which mode began."""
        found: list[tuple[datetime, Mode]] = []
        for at, mode, _, _ in self.history:
            if not found or found[-1][1] is not mode:
                found.append((at, mode))
        return found


MIDNIGHT = NOON.replace(hour=0)


def test_two_days_follow_the_prices_steadily() -> None:
    house = ToyHouse()
    house.run(MIDNIGHT, timedelta(days=2))
    charged_at = [day_price(at) for at, mode, _, _ in house.history if mode is Mode.CHARGE]
    assert charged_at, "two cheap nights and two negative noons leave room for a charge"
    assert max(charged_at) <= 450.0, "never in the dear hours"
    assert len(house.changes()) <= 14, "a handful of changes a day, not one at every decision"
    assert all(0.0 <= soc <= 100.0 for _, _, soc, _ in house.history)


def test_an_emptying_battery_is_lifted_out_of_the_emergency_at_any_price() -> None:
    house = ToyHouse(soc=24.0)
    house.run(MIDNIGHT.replace(hour=18), timedelta(hours=3))
    lowest = min(soc for _, _, soc, _ in house.history)
    assert 17.5 <= lowest <= 20.0, "the emergency waits for the next decision at most"
    ended = [
        soc
        for (_, before, soc, _), (_, after, _, _) in zip(house.history, house.history[1:], strict=False)
        if before is Mode.CHARGE and after is not Mode.CHARGE
    ]
    assert ended
    assert max(ended) <= 26.0, "the rest waits for a better price"


def test_heat_in_the_middle_of_a_charge_stops_it_in_the_same_poll() -> None:
    hot_from, hot_until = MIDNIGHT + timedelta(hours=1, minutes=7), MIDNIGHT + timedelta(hours=2)
    house = ToyHouse(
        soc=30.0, trouble=lambda at: {"battery__temperature_c": 61.0} if hot_from <= at < hot_until else {}
    )
    house.run(MIDNIGHT, timedelta(hours=4))
    modes = {at: mode for at, mode, _, _ in house.history}
    assert modes[hot_from - MINUTE] is Mode.CHARGE
    assert modes[hot_from] is Mode.STANDBY
    for at, mode, _, envelope in house.history:
        if hot_from <= at < hot_until + timedelta(minutes=4):
            assert mode is Mode.STANDBY
            assert not envelope.is_clear
    assert modes[hot_until + timedelta(minutes=5)] is Mode.SELF_USE, "released, and nothing forced before a decision"
    assert Mode.CHARGE in {mode for at, mode in modes.items() if at > hot_until + timedelta(minutes=5)}


def test_a_glitch_of_the_soc_changes_nothing() -> None:
    glitches = {MIDNIGHT + timedelta(hours=6, minutes=minute) for minute in (15, 31, 45)}
    troubled = ToyHouse(trouble=lambda at: {"battery__soc_pct": 0.0} if at in glitches else {})
    calm = ToyHouse()
    for house in (troubled, calm):
        house.run(MIDNIGHT, timedelta(hours=8))
    assert troubled.changes() == calm.changes()
