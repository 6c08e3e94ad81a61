"""Fast Charge Controller: enough quarters for the power the battery really takes, the cheapest, and held until then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hems.coordination.fast_charge_controller import (
    FastChargeController,
    FastChargeOptions,
    charging_slots,
    reachable_pct,
    time_needed,
    worth_holding,
)
from hems.domain.command import Command, Mode
from hems.domain.decision import Priority, Proposal
from hems.domain.fast_charge import FastChargeRequest
from hems.domain.prices import PriceOrigin, RetailPrice
from hems.domain.time_grid import MTU
from support.safety_builders import NOON, context

HOUR = timedelta(hours=1)


class Inbox:
    """Holds one request."""

    def __init__(self, request: FastChargeRequest | None) -> None:
        self.request = request

    def read(self) -> FastChargeRequest | None:
        return self.request

    def write(self, request: FastChargeRequest) -> None:
        self.request = request

    def clear(self) -> bool:
        had, self.request = self.request is not None, None
        return had


def prices_by(per_kwh: Callable[[int], float], count: int = 192) -> tuple[RetailPrice, ...]:
    """Return ``count`` quarters from noon on, each priced by its number."""
    return tuple(
        RetailPrice(start=NOON + n * MTU, import_per_kwh=per_kwh(n), export_per_kwh=0.3, origin=PriceOrigin.PUBLISHED)
        for n in range(count)
    )


FLAT = prices_by(lambda _: 0.9)


def ask(
    prices: tuple[RetailPrice, ...] = FLAT,
    *,
    at: datetime = NOON,
    to: float = 90.0,
    by: timedelta = 4 * HOUR,
    bound_w: float = 5000.0,
    power_w: float = 5000.0,
    **changes: Any,
) -> Proposal | None:
    request = FastChargeRequest(target_soc_pct=to, deadline=NOON + by, asked_at=NOON)
    controller = FastChargeController(Inbox(request), FastChargeOptions(capacity_wh=10_000.0, charge_power_w=power_w))
    controller.refresh(at)
    return controller.propose(context(at=at, **changes), prices, charge_bound_w=bound_w)


def mode_of(proposal: Proposal | None) -> Mode | None:
    return None if proposal is None else proposal.command.mode


def test_the_batterys_own_limit_says_how_long_charging_takes() -> None:
    """4 kWh take an hour and a quarter at 5 kW, but three hours at the 1664 W of a pack that takes 32 A."""
    cheap_at_the_end = prices_by(lambda n: 0.9 - 0.01 * n)
    assert ask(cheap_at_the_end) is None or mode_of(ask(cheap_at_the_end)) is Mode.HOLD
    later = NOON + HOUR
    assert mode_of(ask(cheap_at_the_end, at=later)) is not Mode.CHARGE
    assert mode_of(ask(cheap_at_the_end, at=later, bound_w=1664.0)) is Mode.CHARGE


def test_a_bound_of_nothing_is_passing_and_the_owners_power_counts() -> None:
    assert mode_of(ask(prices_by(lambda n: 0.9 - 0.01 * n), bound_w=0.0)) is not Mode.CHARGE
    assert mode_of(ask(by=HOUR, bound_w=0.0)) is Mode.CHARGE


def test_an_owner_who_allows_no_charging_gets_none() -> None:
    assert ask(power_w=0.0) is None


def test_a_charge_is_a_persons_lease_of_this_quarter() -> None:
    proposal = ask()
    assert proposal is not None
    assert (proposal.priority, proposal.command.mode) == (Priority.PERSON, Mode.CHARGE)
    assert (proposal.command.power_w, proposal.command.target_soc_pct) == (5000.0, 90.0)
    assert proposal.expires_at == NOON + MTU + timedelta(seconds=60)


def test_what_was_bought_is_held_where_it_would_cost_as_much_again() -> None:
    assert mode_of(ask(battery__soc_pct=90.0)) is Mode.HOLD


def test_a_dear_quarter_is_served_by_the_battery_where_a_cheap_one_follows() -> None:
    evening = prices_by(lambda n: 1.5 if n < 8 else 0.7)
    assert ask(evening, battery__soc_pct=90.0) is None
    assert mode_of(ask(evening, at=NOON + 2 * HOUR, battery__soc_pct=90.0)) is Mode.HOLD


def test_one_percent_lost_while_waiting_is_made_good_at_the_end_only() -> None:
    """Or a battery that waits for a night would be charged, and the flash written, for every percent."""
    assert mode_of(ask(battery__soc_pct=89.0)) is Mode.HOLD
    assert mode_of(ask(at=NOON + 3.75 * HOUR, battery__soc_pct=89.0)) is Mode.CHARGE
    charge = Command(mode=Mode.CHARGE, expires_at=NOON + MTU, power_w=5000.0, target_soc_pct=90.0)
    assert mode_of(ask(battery__soc_pct=89.0, active=charge)) is Mode.CHARGE, "a running charge goes to its end"


def test_a_hold_on_the_edge_of_a_percent_does_not_toggle() -> None:
    late, hold = NOON + 3.75 * HOUR, Command(mode=Mode.HOLD, expires_at=NOON + 4 * HOUR)
    just_now: dict[str, Any] = {"active": hold, "active_since": late - timedelta(minutes=1)}
    assert mode_of(ask(at=late, battery__soc_pct=89.0, **just_now)) is Mode.HOLD
    assert mode_of(ask(at=late, battery__soc_pct=88.0, **just_now)) is Mode.CHARGE


def test_in_the_last_stretch_nothing_is_given_away() -> None:
    falling = prices_by(lambda n: 2.0 - 0.1 * n)
    assert ask(falling, at=NOON + 2 * HOUR, battery__soc_pct=90.0) is None
    assert mode_of(ask(falling, at=NOON + 3 * HOUR, battery__soc_pct=90.0)) is Mode.HOLD


def test_nothing_is_bought_days_ahead() -> None:
    assert ask(by=timedelta(days=5)) is None


def test_without_a_price_every_quarter_is_used() -> None:
    unknown = prices_by(lambda n: 0.9 - 0.01 * n, count=3)
    assert mode_of(ask(unknown)) is Mode.CHARGE


@pytest.mark.parametrize(
    ("soc_pct", "target_pct", "minutes"),
    [
        # 10 kWh with 5 kW at 0.90: 1 % is 80 s, above 95 % 240 s, and a quarter in reserve
        (90.0, 90.0, 0.0),
        (95.0, 90.0, 0.0),
        (50.0, 90.0, 15.0 + 40 * 80 / 60),
        (90.0, 100.0, 15.0 + (5 * 80 + 5 * 240) / 60),
        (98.0, 100.0, 15.0 + 2 * 240 / 60),
    ],
)
def test_time_needed(soc_pct: float, target_pct: float, minutes: float) -> None:
    assert time_needed(soc_pct, target_pct, 10_000.0, 5000.0) / timedelta(minutes=1) == pytest.approx(minutes)


@pytest.mark.parametrize(
    ("soc_pct", "target_pct", "minutes", "reached_pct"),
    [
        # 10 kWh with 5 kW, of which 95 % arrive: 0.7917 % a minute, above 95 % a third of it
        (50.0, 90.0, 24.0, 69.0),
        (50.0, 90.0, 600.0, 90.0),
        (50.0, 90.0, 0.0, 50.0),
        (50.0, 90.0, -30.0, 50.0),
        (95.0, 90.0, 60.0, 95.0),
        (85.5, 100.0, 24.0, 98.1667),
        (98.0, 100.0, 6.0, 99.5833),
    ],
)
def test_what_is_likely_there_in_time(soc_pct: float, target_pct: float, minutes: float, reached_pct: float) -> None:
    left = timedelta(minutes=minutes)
    assert reachable_pct(soc_pct, target_pct, left, 10_000.0, 5000.0) == pytest.approx(reached_pct, abs=1e-3)


@pytest.mark.parametrize("soc_pct", [5.0, 50.0, 94.0, 95.0, 97.0])
@pytest.mark.parametrize("target_pct", [60.0, 95.0, 100.0])
@pytest.mark.parametrize("power_w", [300.0, 1664.0, 5000.0])
def test_in_the_time_that_is_safe_the_target_is_likely_reached(
    soc_pct: float, target_pct: float, power_w: float
) -> None:
    needed = time_needed(soc_pct, target_pct, 10_000.0, power_w)
    assert reachable_pct(soc_pct, target_pct, needed, 10_000.0, power_w) == max(soc_pct, target_pct)


def reason_of(proposal: Proposal | None) -> str:
    assert proposal is not None
    assert proposal.command.mode is Mode.CHARGE
    return proposal.reason


def test_the_reason_says_whether_the_quarter_is_chosen_or_all_are_used() -> None:
    assert reason_of(ask()) == (
        "asked for 90 %, ready at 16:00: 68 min of charging at 5 kW are needed, this quarter is one of the cheapest"
    )
    assert reason_of(ask(by=HOUR)) == (
        "asked for 90 %, ready at 13:00: 68 min of charging at 5 kW are needed, a reserve included, and 60 min are "
        "left, so every quarter is used"
    )
    assert reason_of(ask(by=HOUR, bound_w=1664.0)) == (
        "asked for 90 %, ready at 13:00: 152 min of charging at 1.66 kW are needed and 60 min are left, so every "
        "quarter is used and about 66 % will be there"
    )
    assert "not every price until then is known, so every quarter is used" in reason_of(ask(FLAT[:3]))


def test_no_minutes_are_told_for_a_power_that_cannot_be_now() -> None:
    told = reason_of(ask(by=HOUR, bound_w=0.0))
    assert told == "asked for 90 %, ready at 13:00: it charges as soon as it may"
    assert "kW" not in reason_of(ask(by=HOUR, bound_w=float("nan")))


def following(to: float = 90.0, by: timedelta = HOUR) -> FastChargeController:
    request = FastChargeRequest(target_soc_pct=to, deadline=NOON + by, asked_at=NOON)
    controller = FastChargeController(Inbox(request), FastChargeOptions(capacity_wh=10_000.0, charge_power_w=5000.0))
    controller.refresh(NOON)
    return controller


def test_what_falls_short_is_told_with_the_last_power_that_could_be() -> None:
    controller = following()
    assert controller.falls_short_pct(50.0, NOON) is None, "how fast it may charge is not known yet"
    controller.propose(context(), FLAT, charge_bound_w=0.0)
    assert controller.falls_short_pct(50.0, NOON) is None, "nor from a stop"
    controller.propose(context(), FLAT, charge_bound_w=2000.0)
    assert controller.falls_short_pct(50.0, NOON) == pytest.approx(69.0)
    controller.propose(context(), FLAT, charge_bound_w=0.0)
    assert controller.falls_short_pct(50.0, NOON) == pytest.approx(69.0), "the stop is passing"
    assert controller.falls_short_pct(80.0, NOON) is None
    assert controller.falls_short_pct(80.0, NOON + 2 * HOUR) == 80.0, "nothing is left"
    controller.propose(context(), FLAT, charge_bound_w=5000.0)
    assert controller.falls_short_pct(50.0, NOON) is None
    controller.withdraw()
    controller.refresh(NOON)
    assert controller.falls_short_pct(10.0, NOON) is None


def test_what_falls_short_by_less_than_half_a_percent_is_no_problem() -> None:
    controller = following(to=69.4)
    controller.propose(context(), FLAT, charge_bound_w=2000.0)
    assert controller.falls_short_pct(50.0, NOON) is not None, "69.0 of 69.4: a person reads 69 %"
    controller = following(to=69.0)
    controller.propose(context(), FLAT, charge_bound_w=1970.0)
    assert controller.falls_short_pct(50.0, NOON) is None, "68.7 is told as 69 %"


def test_the_cheapest_quarters_that_suffice_each_with_what_is_left_of_it() -> None:
    """Asked at 12:10 until 13:05: of the first quarter five minutes are left, of the last there are but five."""
    now, deadline = NOON + timedelta(minutes=10), NOON + timedelta(minutes=65)
    cheap_ends = prices_by(lambda n: 0.1 if n in (0, 4) else 0.5 + 0.1 * n)
    chosen = charging_slots(now, deadline, timedelta(minutes=20), cheap_ends)
    assert sorted((start - NOON) // MTU for start in chosen) == [0, 1, 4]
    assert len(charging_slots(now, deadline, timedelta(minutes=56), cheap_ends)) == 5, "all there is"
    assert charging_slots(now, deadline, timedelta(0), cheap_ends) == frozenset()


def test_a_quarter_that_is_taken_already_is_no_refill() -> None:
    evening = prices_by(lambda n: 1.5 if n < 4 else 0.7)
    deadline = NOON + 2 * HOUR
    assert not worth_holding(NOON, deadline, frozenset(), evening)
    assert worth_holding(NOON, deadline, frozenset(NOON + n * MTU for n in range(4, 8)), evening)
