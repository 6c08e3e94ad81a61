"""Orders in a living house: the simulated inverter in virtual time, from the order to what the battery does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.composition.simulated_days import RunOutcome
from hems.domain.command import Applied, Mode
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    Pause,
    ReleaseLatch,
    SelfUse,
    Withdraw,
)
from hems.domain.record import Trigger
from hems.simulation.simulated_inverter import SimulatorOptions
from support.household import flat_prices, live_through
from support.orders import Persons

NIGHT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHEAP, DEAR = flat_prices(50.0), flat_prices(700.0)
ANSWER_MAX_S = 1.0


def lived(
    folder: Path,
    persons: Persons,
    *,
    minutes: float = 30,
    cheap: bool = True,
    soc_pct: float = 40.0,
    more: str = "",
    faults: tuple[str, ...] = (),
    strategy: str = "multi_factor",
    shadows: bool = False,
    poll_s: float = 5,
) -> RunOutcome:
    house = SimulatorOptions(soc_pct=soc_pct, capacity_wh=10_000.0, load=500.0, pv=0.0, faults=faults)
    prices = CHEAP if cheap else DEAR
    length = timedelta(minutes=minutes)
    return live_through(
        folder,
        persons.start,
        length,
        house,
        prices=prices,
        watch=persons.watch,
        more=more,
        strategy=strategy,
        shadows=shadows,
        poll_s=poll_s,
    )


def ordered(*orders: tuple[float, Order], start: datetime = NIGHT) -> Persons:
    return Persons(start, [(minute * MINUTE, order) for minute, order in orders])


def test_a_pause_ends_a_charge_at_once_and_itself_in_time(tmp_path: Path) -> None:
    persons = ordered((3, Pause(until=NIGHT + 20 * MINUTE)))
    outcome = lived(tmp_path, persons)
    assert persons.between(2 * MINUTE, 3 * MINUTE) == {Mode.CHARGE}, "cheap energy is bought before"
    assert persons.between(3.1 * MINUTE, 20 * MINUTE) == {Mode.SELF_USE}
    assert persons.between(20.2 * MINUTE, 30 * MINUTE) == {Mode.CHARGE}, "the pause is over"
    (answer,) = persons.answers
    assert persons.virtual_s[0] < ANSWER_MAX_S
    assert answer.decision is not None
    assert (answer.decision.source, answer.decision.mode) == ("person", Mode.SELF_USE)
    assert answer.action is not None
    assert isinstance(answer.action.result, Applied)
    assert answer.sentence == "Paused until 21:20; self-use was asked of the inverter and confirmed."
    assert outcome.status["orders"]["standing"] == []
    assert any(event["message"] == "the pause until 21:20 is over" for event in outcome.status["events"])


def test_a_pause_is_stronger_than_an_emergency_charge_and_a_fast_charge(tmp_path: Path) -> None:
    persons = ordered(
        (2, FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE)), (5, Pause(until=NIGHT + 25 * MINUTE))
    )
    lived(tmp_path, persons, cheap=False, soc_pct=15.0)
    assert persons.between(1 * MINUTE, 5 * MINUTE) == {Mode.CHARGE}, "an emergency, and a fast charge"
    assert persons.between(5.1 * MINUTE, 25 * MINUTE) == {Mode.SELF_USE}
    assert persons.between(25.2 * MINUTE, 30 * MINUTE) == {Mode.CHARGE}


def test_an_emergency_charge_goes_before_a_hold_and_a_self_use(tmp_path: Path) -> None:
    persons = ordered((2, Hold(until=NIGHT + 60 * MINUTE)), (5, SelfUse(until=NIGHT + 60 * MINUTE)))
    lived(tmp_path, persons, cheap=False, soc_pct=15.0, minutes=10)
    assert persons.between(1 * MINUTE, 10 * MINUTE) == {Mode.CHARGE}
    first, second = persons.answers
    assert "Asked to hold the battery until 22:00; the score (multi_factor) goes first with charge at" in first.sentence
    assert "the score (multi_factor) goes first with charge at 1.6 kW (emergency" in second.sentence


def test_a_hold_keeps_what_is_stored_and_ends_with_its_withdrawal(tmp_path: Path) -> None:
    persons = ordered((3, Hold(until=NIGHT + 3 * 60 * MINUTE)), (12, Withdraw(kind=OrderKind.HOLD)))
    lived(tmp_path, persons, cheap=False)
    assert persons.between(1 * MINUTE, 3 * MINUTE) == {Mode.SELF_USE}
    assert persons.between(3.1 * MINUTE, 12 * MINUTE) == {Mode.HOLD}
    assert persons.between(12.1 * MINUTE, 30 * MINUTE) == {Mode.SELF_USE}
    held, withdrawn = persons.answers
    assert held.sentence == "The battery is held until midnight; hold was asked of the inverter and confirmed."
    assert held.decision is not None
    assert held.decision.reason.startswith("Asked to hold the battery until midnight")
    assert withdrawn.sentence.startswith("The hold is withdrawn; decided now: self-use; self-use was asked")
    with StoreReader(tmp_path / "out" / "hems.sqlite3") as reader:
        cycles = list(reader.cycles_between(NIGHT, NIGHT + 30 * MINUTE))
    assert [cycle.trigger for cycle in cycles].count(Trigger.PERSON) == 2


def test_a_fast_charge_charges_beneath_a_hold(tmp_path: Path) -> None:
    persons = ordered(
        (2, Hold(until=NIGHT + 120 * MINUTE)), (5, FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE))
    )
    lived(tmp_path, persons, cheap=False, minutes=20)
    assert persons.between(2.1 * MINUTE, 5 * MINUTE) == {Mode.HOLD}
    assert persons.between(5.1 * MINUTE, 20 * MINUTE) == {Mode.CHARGE}
    charging = persons.answers[1]
    assert charging.sentence.startswith(
        "Charging to 90 % as fast as it can: about 55 % will be there at 22:00; safety allows charge at 1.6 kW: "
    ), "nothing is promised that 55 minutes cannot bring"
    assert charging.standing.timed is not None
    assert charging.standing.fast_charge is not None


def test_of_a_fast_charge_and_a_self_use_the_later_one_counts(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE)
    persons = ordered((2, charge), (5, SelfUse(until=NIGHT + 15 * MINUTE)), (8, charge))
    lived(tmp_path, persons, cheap=False, minutes=20)
    assert persons.between(2.1 * MINUTE, 5 * MINUTE) == {Mode.CHARGE}
    assert persons.between(5.1 * MINUTE, 8 * MINUTE) == {Mode.SELF_USE}
    assert persons.between(8.1 * MINUTE, 20 * MINUTE) == {Mode.CHARGE}
    _, quiet, again = persons.answers
    assert (
        "; the fast charge to 90 % (ready at 22:00) stands as well; self-use goes first, it was given later; "
        in quiet.sentence
    )
    assert again.sentence.endswith(
        "; self-use until 21:15 stands as well; the fast charge goes first, it was given later."
    )
    assert (quiet.followed, again.followed) == (True, True)


def test_a_fast_charge_that_is_too_late_says_what_will_be_there_and_it_is(tmp_path: Path) -> None:
    persons = ordered(
        (2, FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE)), (5, ChooseStrategy(name="self_use"))
    )
    outcome = lived(tmp_path, persons, cheap=False, minutes=59.9)
    charging, chosen = persons.answers
    assert charging.sentence.startswith("Charging to 90 % as fast as it can: about 55 % will be there at 22:00; ")
    assert charging.standing.problem == "The time is too short: about 55 % instead of 90 % will be there at 22:00"
    assert charging.decision is not None
    assert "so every quarter is used and about 55 % will be there" in charging.decision.reason
    assert chosen.sentence.startswith("Self-use is in charge; your fast charge goes on first: charge at 1.6 kW; ")
    assert (charging.followed, chosen.followed) == (True, True)
    assert abs(outcome.status["sensors"]["battery_soc_pct"] - 55.0) <= 1.0


def test_a_pause_over_a_fast_charge_tells_what_it_costs(tmp_path: Path) -> None:
    persons = ordered(
        (2, FastCharge(target_soc_pct=48.0, deadline=NIGHT + 60 * MINUTE)),
        (3, Hold(until=NIGHT + 50 * MINUTE)),
        (4, Pause(until=NIGHT + 55 * MINUTE)),
        (5, FastCharge(target_soc_pct=60.0, deadline=NIGHT + 60 * MINUTE)),
    )
    lived(tmp_path, persons, cheap=False, minutes=6)
    charging, held, paused, again = persons.answers
    assert charging.standing.problem is None
    assert held.sentence.startswith("The battery is held until 21:50; beneath it the fast charge goes on: charge at")
    assert paused.sentence.startswith("Paused until 21:55, in place of the hold until 21:50; self-use was asked")
    assert "the fast charge to 48 % (ready at 22:00) stands as well and waits: the pause goes first" in paused.sentence
    assert "; the time is too short: about 4" in paused.sentence
    assert again.sentence.startswith(
        "Asked for 60 %, ready at 22:00, in place of the fast charge to 48 % (ready at 22:00); the pause until 21:55 "
        "goes first; the time is too short: about 4"
    )
    assert [answer.followed for answer in persons.answers] == [True, True, True, False]


def test_a_stop_ends_everything_at_once_and_holds_through_a_restart_until_it_is_released(tmp_path: Path) -> None:
    stopping = ordered((3, EmergencyStop(reason="smoke in the cellar")))
    outcome = lived(tmp_path, stopping, minutes=20, poll_s=60)
    assert stopping.between(2 * MINUTE, 3 * MINUTE) == {Mode.CHARGE}
    assert stopping.between(3 * MINUTE + timedelta(seconds=2), 20 * MINUTE) == {Mode.SELF_USE}
    assert stopping.virtual_s[0] < ANSWER_MAX_S, "it does not wait for the next poll in a minute"
    assert {state for at, state in stopping.states if at > NIGHT + 3.1 * MINUTE} == {"error", "stopped"}
    assert stopping.answers[0].sentence == (
        "All operations are stopped until a person releases the stop; self-use was asked of the inverter and confirmed."
    )
    assert "smoke in the cellar" in outcome.status["orders"]["stop"]["detail"]
    assert "stopped_by_person" in {cause["cause"] for cause in outcome.status["safety"]["causes"]}

    later = NIGHT + timedelta(hours=10)
    releasing = ordered((10, ReleaseLatch()), start=later)
    again = lived(tmp_path, releasing, minutes=20)
    assert releasing.between(0 * MINUTE, 10 * MINUTE) == {Mode.SELF_USE}
    assert releasing.between(10.1 * MINUTE, 20 * MINUTE) == {Mode.CHARGE}
    assert releasing.answers[0].sentence.startswith("The emergency stop is released; decided now: charge at")
    assert again.status["orders"]["stop"] is None


def test_a_latch_is_released_where_its_rule_is_clear_and_stays_where_it_is_not(tmp_path: Path) -> None:
    hot = ("over_temperature@120+300",)
    persons = ordered((5, ReleaseLatch()), (8, ReleaseLatch()))
    lived(tmp_path, persons, faults=hot, minutes=9)
    early, late = persons.answers
    assert early.sentence.startswith("Nothing was released; still held: battery too hot, for it is not over (")
    assert late.sentence.startswith(
        "Released: battery too hot, bms alarm, charge disabled, discharge disabled; decided"
    )
    assert persons.between(3 * MINUTE, 7 * MINUTE) == {Mode.STANDBY}
    assert persons.between(8.1 * MINUTE, 9 * MINUTE) == {Mode.CHARGE}


def test_what_safety_does_not_allow_is_answered_with_its_cause(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE)
    persons = ordered((4, charge), (5, Hold(until=NIGHT + 60 * MINUTE)))
    lived(tmp_path, persons, cheap=False, faults=("grid_high@120+600",), minutes=8)
    first, second = persons.answers
    assert first.sentence.startswith(
        "Asked for 90 %, ready at 22:00, but safety does not allow charge now: grid over voltage"
    )
    assert second.sentence.startswith(
        "Asked to hold the battery until 22:00, but safety does not allow hold now: grid over voltage"
    )
    assert persons.between(3 * MINUTE, 8 * MINUTE) == {Mode.SELF_USE}
    assert (first.followed, second.followed) == (False, False)


def test_a_chosen_strategy_decides_at_once_and_after_a_restart_until_another_is_configured(tmp_path: Path) -> None:
    persons = ordered((3, ChooseStrategy(name="self_use")))
    outcome = lived(tmp_path, persons, shadows=True, minutes=10)
    assert persons.between(2 * MINUTE, 3 * MINUTE) == {Mode.CHARGE}
    assert persons.between(3.1 * MINUTE, 10 * MINUTE) == {Mode.SELF_USE}, "no 15 minutes for a charge put aside"
    assert persons.answers[0].sentence.startswith("Self-use is in charge; decided now: self-use")
    assert outcome.status["orders"]["strategy"]["in_charge"] == "self_use"
    assert outcome.status["strategies"]["in_charge"] == "self_use"

    kept = ordered(start=NIGHT + timedelta(hours=1))
    assert lived(tmp_path, kept, shadows=True, minutes=5).status["strategies"]["in_charge"] == "self_use"
    assert kept.between(0 * MINUTE, 5 * MINUTE) == {Mode.SELF_USE}

    other = ordered(start=NIGHT + timedelta(hours=2))
    lapsed = lived(tmp_path, other, strategy="optimal", minutes=5)
    assert lapsed.status["orders"]["strategy"]["in_charge"] == "optimal"
    assert any("is no longer in charge" in event["message"] for event in lapsed.status["events"])


def test_orders_survive_a_restart_and_end_in_time_also_while_the_service_is_down(tmp_path: Path) -> None:
    lived(tmp_path, ordered((1, Hold(until=NIGHT + 40 * MINUTE))), cheap=False, minutes=3)
    again = ordered(start=NIGHT + 10 * MINUTE)
    outcome = lived(tmp_path, again, cheap=False, minutes=5)
    assert again.between(1 * MINUTE, 5 * MINUTE) == {Mode.HOLD}
    assert [order["kind"] for order in outcome.status["orders"]["standing"]] == ["hold"]
    late = ordered(start=NIGHT + 60 * MINUTE)
    outcome = lived(tmp_path, late, cheap=False, minutes=5)
    assert late.between(0 * MINUTE, 5 * MINUTE) == {Mode.SELF_USE}
    assert outcome.status["orders"]["standing"] == []


def test_a_burst_of_orders_costs_one_cycle_a_second_and_a_write_per_change(tmp_path: Path) -> None:
    burst = [(3 + index / 600, (Hold if index % 2 else SelfUse)(until=NIGHT + 60 * MINUTE)) for index in range(50)]
    persons = ordered(*burst)
    lived(tmp_path, persons, cheap=False, minutes=6)
    cycles = [at for at, _ in persons.modes if NIGHT + 2.99 * MINUTE <= at < NIGHT + 3.2 * MINUTE]
    assert len(cycles) <= 12 / 5 + 7 + 1, "five seconds of orders, ten a second"
    assert len(persons.answers) == 50
    assert all(answer.decision is not None for answer in persons.answers)
    assert max(persons.virtual_s) <= 2.0
    assert any("a newer order has replaced it" in answer.sentence for answer in persons.answers)


def test_the_cadence_of_polls_is_kept_after_an_order(tmp_path: Path) -> None:
    persons = ordered((3.04, Hold(until=NIGHT + 60 * MINUTE)))
    lived(tmp_path, persons, cheap=False, minutes=5)
    at = [(moment - NIGHT).total_seconds() for moment, _ in persons.modes]
    after = [second for second in at if second > 190]
    assert all(abs(second / 5 - round(second / 5)) < 0.1 for second in after), "as before the order"
    assert max(b - a for a, b in pairwise(at)) < 6.0


def test_a_silent_inverter_is_told_of_in_the_answer(tmp_path: Path) -> None:
    persons = ordered((4, EmergencyStop()), (6, Pause(until=NIGHT + 60 * MINUTE)))
    lived(tmp_path, persons, faults=("drop@120+1200",), minutes=10)
    for answer in persons.answers:
        assert "the inverter does not answer" in answer.sentence or "no decision came within" in answer.sentence
    assert max(persons.virtual_s) <= 16.0


def test_a_hold_stands_where_the_fast_charge_beneath_it_finds_no_room_under_the_fuse(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=90.0, deadline=NIGHT + 60 * MINUTE)
    persons = ordered((3, charge), (5, Hold(until=NIGHT + 60 * MINUTE)))
    lived(tmp_path, persons, cheap=False, minutes=12, more="grid:\n  import_limit: 500\n")
    assert persons.between(3.1 * MINUTE, 5 * MINUTE) == {Mode.SELF_USE}, "nothing is left for a charge"
    assert persons.between(5.1 * MINUTE, 12 * MINUTE) == {Mode.HOLD}
