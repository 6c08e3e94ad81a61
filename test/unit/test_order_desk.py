"""The order desk: what it refuses, what stands, what it answers in two languages, and what it does at rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.decision.order_words import ENGLISH, POLISH, OrderWords
from hems.decision.wording import Language
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    OrderOutcome,
    Pause,
    ReleaseLatch,
    SelfUse,
    StandingOrder,
    StrategyChoice,
    Withdraw,
)
from support.orders import at_rest

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
NOT_RUNNING = "the coordinator is not running: it counts from its start on"


def outcomes(folder: Path, *orders: Order, language: Language | None = None) -> list[OrderOutcome]:
    answers = at_rest(folder, NOON, orders, language=language)
    assert all(isinstance(answer, OrderOutcome) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, OrderOutcome)]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (Pause(until=NOON), "2026-05-01 14:00 is no end for this: give a time to come, at most 7 days ahead"),
        (Hold(until=NOON - HOUR), "2026-05-01 13:00 is no end"),
        (SelfUse(until=NOON + WEEK + timedelta(seconds=1)), "2026-05-08 14:00 is no end"),
        (Hold(until=datetime.max.replace(tzinfo=UTC)), "9999-12-31"),
        (Pause(until=NOON.replace(tzinfo=None)), "a time needs its zone"),
        (Pause(until=datetime.min.replace(tzinfo=ZoneInfo("Asia/Tokyo"))), "a time needs its zone"),
        (FastCharge(target_soc_pct=90.0, deadline=NOON + WEEK + HOUR), "2026-05-08 15:00 is no end"),
        (FastCharge(target_soc_pct=0.0, deadline=NOON + HOUR), "0 is no target: give a number from 1 to 100"),
        (FastCharge(target_soc_pct=100.5, deadline=NOON + HOUR), "100.5 is no target"),
        (FastCharge(target_soc_pct=float("nan"), deadline=NOON + HOUR), "nan is no target"),
        (ChooseStrategy(name="best"), "no strategy 'best': choose one of optimal, multi_factor, self_use"),
        (EmergencyStop(reason="x" * 201), "at most 200 characters"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_asked_for_is_refused_with_what_can_and_changes_nothing(
    order: Order, said: str, tmp_path: Path
) -> None:
    stands = Hold(until=NOON + HOUR)
    first, refusal, last = at_rest(tmp_path, NOON, [stands, order, Withdraw(kind=OrderKind.STRATEGY)])
    assert isinstance(refusal, str)
    assert said in refusal
    assert isinstance(first, OrderOutcome)
    assert isinstance(last, OrderOutcome)
    assert last.standing == first.standing


@pytest.mark.parametrize("order", [Pause(until=NOON + WEEK), FastCharge(target_soc_pct=1.0, deadline=NOON + WEEK)])
def test_the_last_moment_allowed_is_taken(order: Order, tmp_path: Path) -> None:
    (answer,) = outcomes(tmp_path, order)
    assert answer.standing.timed is not None or answer.standing.fast_charge is not None


def test_pause_hold_and_self_use_replace_each_other_and_a_fast_charge_stands_beside_them(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=80.0, deadline=NOON + HOUR)
    answers = outcomes(
        tmp_path, Pause(until=NOON + HOUR), charge, Hold(until=NOON + 2 * HOUR), SelfUse(until=NOON + 3 * HOUR)
    )
    kinds = [None if answer.standing.timed is None else answer.standing.timed.kind for answer in answers]
    assert kinds == [OrderKind.PAUSE, OrderKind.PAUSE, OrderKind.HOLD, OrderKind.SELF_USE]
    last = answers[-1].standing
    assert last.fast_charge is not None
    assert (last.fast_charge.target_soc_pct, last.fast_charge.by) == (80.0, "test")
    assert last.timed is not None
    assert last.timed.asked_at > last.fast_charge.asked_at, "also within one instant"


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (Pause(until=NOON + HOUR), OrderKind.PAUSE),
        (Hold(until=NOON + HOUR), OrderKind.HOLD),
        (SelfUse(until=NOON + HOUR), OrderKind.SELF_USE),
        (FastCharge(target_soc_pct=80.0, deadline=NOON + HOUR), OrderKind.FAST_CHARGE),
        (ChooseStrategy(name="self_use"), OrderKind.STRATEGY),
    ],
)
def test_each_standing_order_is_withdrawn_by_its_kind_alone(order: Order, kind: OrderKind, tmp_path: Path) -> None:
    others = [Withdraw(kind=other) for other in OrderKind if other is not kind]
    answers = outcomes(tmp_path, order, *others, Withdraw(kind=kind), Withdraw(kind=kind))
    given, untouched, withdrawn, again = answers[0], answers[-3], answers[-2], answers[-1]
    assert untouched.standing == given.standing
    assert all(answer.why_no_decision == "so nothing had to be decided" for answer in answers[1:-2])
    assert withdrawn.standing.timed is None
    assert withdrawn.standing.fast_charge is None
    assert withdrawn.standing.choice is None
    assert withdrawn.why_no_decision == NOT_RUNNING
    assert again.sentence in {
        "There was no pause.",
        "There was no hold.",
        "No self-use was asked for.",
        "There was no fast charge.",
        "The plan (optimal) is in charge, as configured.",
        "The score (multi_factor) is in charge, as configured.",
    }


def test_where_no_coordinator_runs_the_answer_comes_at_once_and_says_so(tmp_path: Path) -> None:
    (answer,) = outcomes(tmp_path, Hold(until=NOON + HOUR))
    assert (answer.decision, answer.action, answer.why_no_decision) == (None, None, NOT_RUNNING)
    assert answer.sentence == f"Asked to hold the battery until 15:00; {NOT_RUNNING}."


def test_orders_stand_after_a_restart(tmp_path: Path) -> None:
    before = outcomes(
        tmp_path, Hold(until=NOON + HOUR), ChooseStrategy(name="self_use"), EmergencyStop(reason=" smoke\n\x1b[1m ")
    )[-1].standing
    after = outcomes(tmp_path, Withdraw(kind=OrderKind.PAUSE))[0].standing
    assert (
        after.timed == before.timed == StandingOrder(kind=OrderKind.HOLD, until=NOON + HOUR, asked_at=NOON, by="test")
    )
    assert after.choice == before.choice
    assert isinstance(after.choice, StrategyChoice)
    assert (after.choice.name, after.choice.instead_of, after.in_charge) == ("self_use", "multi_factor", "self_use")
    assert after.stop == before.stop
    assert after.stop is not None
    told = "test stopped all operations (smoke [1m); they wait until a person releases the stop"
    assert after.stop.detail == told


def test_choosing_the_configured_strategy_ends_the_choice(tmp_path: Path) -> None:
    chosen, back = outcomes(tmp_path, ChooseStrategy(name="self_use"), ChooseStrategy(name="multi_factor"))
    assert chosen.standing.in_charge == "self_use"
    assert (back.standing.in_charge, back.standing.choice) == ("multi_factor", None)
    assert back.sentence.startswith("The score (multi_factor) is in charge, as configured")


def test_a_stop_is_released_at_rest_too(tmp_path: Path) -> None:
    stopped, released, nothing = outcomes(tmp_path, EmergencyStop(), ReleaseLatch(), ReleaseLatch())
    assert stopped.standing.stop is not None
    assert released.standing.stop is None
    assert released.sentence.startswith("The emergency stop is released; ")
    assert nothing.sentence == "Nothing was held."


def test_answers_are_polish_for_whom_reads_polish(tmp_path: Path) -> None:
    charge = FastCharge(target_soc_pct=90.0, deadline=NOON + timedelta(hours=17))
    held, asked = outcomes(tmp_path, Hold(until=NOON + HOUR), charge, language=Language.POLISH)
    rest = "koordynator nie działa: zacznie obowiązywać od jego startu."
    assert held.sentence == f"Polecono, by bateria nie oddawała energii do 15:00; {rest}"
    assert asked.sentence == f"Polecono 90 %, gotowe jutro o 07:00; {rest}"
    (refusal,) = at_rest(tmp_path, NOON, [Pause(until=NOON)], language=Language.POLISH)
    assert refusal == "2026-05-01 14:00 nie może być końcem: podaj czas w przyszłości, najwyżej 7 dni naprzód"


def test_both_languages_say_the_same_things() -> None:
    assert ENGLISH.keys() == POLISH.keys()


@pytest.mark.parametrize(
    ("until", "said"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "until 02:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "until 02:30 (again)"),
        (datetime(2026, 10, 26, 5, 0, tzinfo=UTC), "until tomorrow at 06:00"),
        (datetime(2026, 10, 29, 5, 0, tzinfo=UTC), "until Thursday at 06:00"),
        (datetime(2026, 10, 31, 5, 0, tzinfo=UTC), "until 2026-10-31 06:00"),
    ],
)
def test_times_are_local_and_tell_their_day(until: datetime, said: str) -> None:
    now = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # the night in which autumn repeats an hour
    assert OrderWords(Language.ENGLISH, ZoneInfo("Europe/Warsaw"), now).until(until) == said
