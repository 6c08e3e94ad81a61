"""A day of negative prices on which a strategy limits the export: the limit never outlives its lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from unittest.mock import patch

import pytest

from hems.adapters.inverters.goodwe.controller import Controller
from hems.adapters.inverters.goodwe.fields import Field
from hems.chaos.day import live_through
from hems.chaos.plan import DayPlan, draw_day
from hems.chaos.referee import Referee
from hems.chaos.troubles import TROUBLE_KINDS, Trouble
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.domain.decision import DecisionContext, Proposal
from hems.domain.site import BatteryWindow
from hems.simulation.control import DEFAULT_PRIORITY
from hems.simulation.faults import parse_fault
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions
from support.goodwe_bench import NOON

pytestmark = pytest.mark.slow

NOON_S = 12 * 3600.0
"""In the middle of the negative quarters, 10:00 to 15:00."""


def trouble(name: str, start_s: float, duration_s: float, value: float = 0.0) -> Trouble:
    return Trouble(kind=TROUBLE_KINDS[name], start_s=start_s, duration_s=duration_s, value=value)


def sunny_day(*troubles: Trouble, faults: tuple[str, ...] = (), **changes: Any) -> DayPlan:
    day: dict[str, Any] = {
        "day": date(2026, 6, 17),
        "model": "GW10K-ET",
        "control": "auto",
        "capacity_wh": 12_800.0,
        "soc_pct": 90.0,
        "load_average_w": 300.0,
        "pv_peak_w": 9000.0,
        "cloudy": "everyday",
        "bms_protects": True,
        "control_lag_s": 3.0,
        "priority": DEFAULT_PRIORITY,
        "owner_floor_pct": 10,
        "poll_s": 60.0,
        "price_shape": "negative",
        "faults": tuple(parse_fault(fault) for fault in faults),
        "troubles": troubles,
    }
    return replace(draw_day(1), **(day | changes))


@pytest.fixture
def limited() -> Iterator[None]:
    """Let the strategy in charge ask for no export wherever the price is negative."""
    propose = MultiFactorEngine.propose

    def with_a_limit(engine: MultiFactorEngine, context: DecisionContext) -> Proposal | None:
        wish = propose(engine, context)
        price = context.price.price_per_mwh
        if wish is None or price is None or price >= 0.0:
            return wish
        return replace(wish, command=replace(wish.command, export_limit_w=0.0))

    with patch.object(MultiFactorEngine, "propose", with_a_limit):
        yield


class Meter:
    """What was fed in, by quarter of the day."""

    def __init__(self) -> None:
        self.fed_in_wh: dict[bool, float] = {True: 0.0, False: 0.0}

    def watch(self) -> AbstractContextManager[object]:
        observe = Referee.observe

        def seen(referee: Referee, house: SimulatedInverter, order: Any, step_s: float) -> None:
            observe(referee, house, order, step_s)
            self.fed_in_wh[_is_negative(house.now)] += max(0.0, -house.flow.grid_w) * step_s / 3600.0

        return patch.object(Referee, "observe", seen)


def _is_negative(moment: datetime) -> bool:
    """Return whether ``moment`` lies well within the negative quarters (08:00 to 13:00 UTC in June)."""
    return 8 * 60 + 10 <= moment.hour * 60 + moment.minute < 12 * 60 + 59


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("model", ["GW10K-ET", "GW5048-ES", "GW6000-ES-20"])
def test_nothing_is_fed_in_at_negative_prices_and_all_of_it_before_and_after(model: str) -> None:
    meter = Meter()
    with meter.watch():
        result = live_through(sunny_day(model=model, capacity_wh=5_000.0))
    assert result.breaches == ()
    assert meter.fed_in_wh[True] < 50.0
    assert meter.fed_in_wh[False] > 3000.0


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    "troubles",
    [
        (trouble("process_killed", NOON_S, 600.0, 7.0),),
        (trouble("process_killed", 10 * 3600.0 + 120.0, 600.0, 10.0),),
        (trouble("host_off", NOON_S, 1800.0),),
        (trouble("process_hangs", NOON_S, 600.0),),
        (trouble("configuration_broken", NOON_S, 3600.0, 2.0),),
        (trouble("clock_set", NOON_S, 60.0, -7200.0),),
    ],
    ids=lambda troubles: str(troubles[0].kind.name),
)
def test_no_limit_outlives_its_lease_whatever_ends_the_process(troubles: tuple[Trouble, ...]) -> None:
    result = live_through(sunny_day(*troubles))
    assert result.breaches == ()
    assert result.worst.limited_without_lease_s <= 63.0


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("fault", ["bad_crc:1@43200+1800", "drop:1@43200+1800", "delayed_apply:20@43200+1800"])
def test_no_limit_outlives_its_lease_whatever_ails_the_line(fault: str) -> None:
    assert live_through(sunny_day(faults=(fault,))).breaches == ()


def forgets_the_limit() -> AbstractContextManager[object]:
    """Let the controller put back all of the owner's fields but the limit."""
    owners = Controller._owners

    def without_a_limit(controller: Controller, image: Any) -> Any:
        kept = owners(controller, image)
        return {field: value for field, value in kept.items() if field is not Field.EXPORT_LIMIT}

    return patch.object(Controller, "_owners", without_a_limit)


async def do_nothing(*_: Any, **__: Any) -> None:
    return None


BROKEN_GUARDS: dict[str, tuple[DayPlan, Callable[[], AbstractContextManager[object]]]] = {
    "the owner's limit is never put back": (sunny_day(), forgets_the_limit),
    "the restore hook does nothing": (
        sunny_day(trouble("configuration_broken", NOON_S, 3600.0, 2.0)),
        lambda: patch("hems.chaos.life.restore_inverter", do_nothing),
    ),
}


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("name", BROKEN_GUARDS)
def test_the_referee_notices_a_limit_that_is_left(name: str) -> None:
    plan, break_it = BROKEN_GUARDS[name]
    with break_it():
        breaches = live_through(plan).breaches
    assert any(breach.invariant == 2 and "export limited to 0 W" in breach.said for breach in breaches), breaches


class OnlyLeases:
    """Promises of a coordinator that has a lease without a limit, and nothing that could excuse one."""

    def lease_over_s(self, at: datetime) -> float:
        return 0.0

    def export_lease_over_s(self, at: datetime) -> float:
        return float("inf")

    def nobody_can_end_a_limit(self, at: datetime) -> bool:
        return False

    def window(self) -> BatteryWindow | None:
        return None

    def nobody_can_act(self, at: datetime) -> bool:
        return False


@pytest.mark.parametrize(
    ("owners", "later", "said"),
    [
        ((0, 5000), (1, 0), "export limited to 0 W"),  # though some other lease is in force
        ((1, 3000), (1, 1000), "export limited to 1000 W"),
        ((1, 3000), (1, 4000), "the owner allows 3000 W"),
        ((1, 3000), (0, 3000), "the owner allows 3000 W"),
        ((1, 3000), (1, 3000), None),
        ((0, 3000), (0, 0), None),
    ],
)
def test_the_referee_holds_a_limit_to_its_own_lease_and_to_the_owners(
    owners: tuple[int, int], later: tuple[int, int], said: str | None
) -> None:
    house = SimulatedInverter(SimulatorOptions(model="GW10K-ET", start=NOON, pv=4000.0, load=500.0), NOON)

    def set_limit(switch: int, limit_w: int) -> None:
        house.exchange_pdu(bytes.fromhex("10b995000204") + switch.to_bytes(2, "big") + limit_w.to_bytes(2, "big"))

    set_limit(*owners)
    house.advance_to(NOON.replace(minute=1))
    referee = Referee(promises=OnlyLeases(), reaction_s=60.0, blind_reaction_s=60.0)
    referee.begin(house)
    house.observer = referee.observe
    set_limit(*later)
    house.advance_to(NOON.replace(minute=5))
    assert [said in breach.said for breach in referee.breaches if said] == ([True] if said else [])
    assert len(referee.breaches) == (1 if said else 0)
