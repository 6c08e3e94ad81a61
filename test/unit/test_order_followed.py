"""Whether an order is followed, and how the answer says who goes first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hems.decision.order_sentences import Came, is_followed, sentence_of
from hems.decision.order_words import ENGLISH, POLISH, OrderWords, called
from hems.decision.wording import Language
from hems.domain.command import Command, Mode
from hems.domain.decision import Decision, Priority, Proposal
from hems.domain.fast_charge import FastChargeRequest
from hems.domain.orders import (
    ChooseStrategy,
    EmergencyStop,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    Pause,
    PersonsStop,
    ReleaseLatch,
    SelfUse,
    Standing,
    StandingOrder,
    Withdraw,
)
from hems.domain.safety import Cause, HeldViolation, Violation
from hems.safety.rule import STOP_BATTERY

NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=2)
CHARGE = FastCharge(target_soc_pct=90.0, deadline=UNTIL)
WISH = FastChargeRequest(target_soc_pct=90.0, deadline=UNTIL, asked_at=NOW)
STOP = PersonsStop(since=NOW, detail="stopped")
STANDING = Standing(timed=None, fast_charge=None, choice=None, in_charge="optimal", configured="optimal", stop=None)


def timed(kind: OrderKind) -> StandingOrder:
    return StandingOrder(kind=kind, until=UNTIL, asked_at=NOW, by="test")


def decided(source: str, mode: Mode, verdict: str = "allowed", wanted: Mode | None = None) -> Decision:
    def command(one: Mode) -> Command:
        return Command(mode=one, expires_at=UNTIL, reason="r", power_w=1600.0 if one is Mode.CHARGE else None)

    wish = Proposal(
        source=source,
        priority=Priority.PERSON,
        command=command(wanted or mode),
        reason="r",
        confidence_pct=100.0,
        expires_at=UNTIL,
    )
    causes = () if verdict == "allowed" else ("a cause",)
    return Decision(
        at=NOW,
        command=command(mode),
        source=source,
        reason="r",
        confidence_pct=100.0,
        verdict=verdict,
        causes=causes,
        proposals=(wish,),
    )


def came(order: Order, decision: Decision | None, standing: Standing = STANDING, **more: Any) -> Came:
    known: dict[str, Any] = {
        "order": order,
        "standing": standing,
        "sources": ("person", "fast_charge"),
        "decision": decision,
        "why_no_decision": None,
        "action": None,
        "in_force": Mode.SELF_USE if decision is None else decision.mode,
        "is_certain": True,
        "soc_pct": 50.0,
    }
    return Came(**(known | more))


def told(one: Came, language: Language = Language.ENGLISH) -> str:
    return sentence_of(one, OrderWords(language, ZoneInfo("Europe/Warsaw"), NOW))


PAUSED, HELD, QUIET = (
    replace(STANDING, timed=timed(kind)) for kind in (OrderKind.PAUSE, OrderKind.HOLD, OrderKind.SELF_USE)
)
HOT = Violation(cause=Cause.BATTERY_TOO_HOT, bounds=STOP_BATTERY, detail="61.0 °C")
STOPPED = Violation(cause=Cause.STOPPED_BY_PERSON, bounds=STOP_BATTERY, detail="stopped")

CASES: list[tuple[Came, bool]] = [
    (came(Pause(until=UNTIL), None, PAUSED), False),
    (came(Pause(until=UNTIL), decided("person", Mode.SELF_USE), PAUSED), True),
    (came(Pause(until=UNTIL), decided("person", Mode.STANDBY, "narrowed"), PAUSED), True),
    (came(Pause(until=UNTIL), decided("person", Mode.SELF_USE), PAUSED, is_replaced=True), False),
    (came(SelfUse(until=UNTIL), decided("multi_factor", Mode.CHARGE), QUIET), False),
    (came(Hold(until=UNTIL), decided("person", Mode.SELF_USE, "refused", Mode.HOLD), HELD), False),
    (came(Hold(until=UNTIL), decided("person", Mode.STANDBY, "narrowed", Mode.HOLD), HELD), True),
    (came(Hold(until=UNTIL), decided("fast_charge", Mode.CHARGE), HELD), True),
    (came(Hold(until=UNTIL), decided("multi_factor", Mode.CHARGE), HELD), False),
    (came(CHARGE, None), False),
    (came(CHARGE, decided("fast_charge", Mode.CHARGE, "narrowed")), True),
    (came(CHARGE, decided("fast_charge", Mode.HOLD)), True),
    (came(CHARGE, decided("fast_charge", Mode.SELF_USE, "refused", Mode.CHARGE)), False),
    (came(CHARGE, decided("optimal", Mode.SELF_USE)), True),
    (came(CHARGE, decided("optimal", Mode.SELF_USE), soc_pct=None), False),
    (came(CHARGE, decided("optimal", Mode.SELF_USE), replace(STANDING, stop=STOP)), False),
    (came(CHARGE, decided("person", Mode.SELF_USE), PAUSED), False),
    (came(CHARGE, decided("person", Mode.HOLD), HELD), False),
    (came(CHARGE, decided("person", Mode.SELF_USE), QUIET), True),
    (came(CHARGE, decided("person", Mode.HOLD), HELD, soc_pct=95.0), True),
    (came(Withdraw(kind=OrderKind.HOLD), decided("optimal", Mode.SELF_USE)), True),
    (came(Withdraw(kind=OrderKind.HOLD), None, is_changed=False), False),
    (came(ChooseStrategy(name="optimal"), decided("fast_charge", Mode.CHARGE)), True),
    (came(ChooseStrategy(name="self_use"), decided("optimal", Mode.SELF_USE)), False),
    (came(EmergencyStop(), decided("optimal", Mode.SELF_USE, "refused"), replace(STANDING, stop=STOP)), True),
    (
        came(EmergencyStop(), decided("optimal", Mode.SELF_USE), replace(STANDING, stop=STOP), in_force=Mode.CHARGE),
        False,
    ),
    (came(EmergencyStop(), decided("optimal", Mode.SELF_USE), replace(STANDING, stop=STOP), is_certain=False), False),
    (came(EmergencyStop(), None, replace(STANDING, stop=STOP)), False),
    (came(ReleaseLatch(), decided("optimal", Mode.SELF_USE), released=(STOPPED,)), True),
    (came(ReleaseLatch(), decided("optimal", Mode.SELF_USE)), False),
]


@pytest.mark.parametrize(("one", "followed"), CASES)
def test_an_order_is_followed_where_the_decision_does_what_was_asked(one: Came, followed: bool) -> None:
    assert is_followed(one) is followed
    for language in Language:
        assert "{" not in told(one, language)


def test_a_release_that_leaves_something_latched_is_not_followed_to_the_end() -> None:
    held = HeldViolation(
        violation=HOT,
        since=NOW,
        clear_for=timedelta(0),
        release_after=None,
        is_releasable=False,
        why_not="holds",
    )
    one = came(ReleaseLatch(), decided("optimal", Mode.STANDBY), released=(STOPPED,), held=(held,))
    assert not is_followed(one)
    assert told(one).startswith("The emergency stop is released; still held: battery too hot, for it is not over (61")


def test_a_stop_and_a_latch_released_together_are_both_told() -> None:
    one = came(ReleaseLatch(), None, released=(STOPPED, HOT), why_no_decision="not now")
    assert told(one) == "The emergency stop is released; released: battery too hot; not now."
    assert told(one, Language.POLISH).startswith("Zatrzymanie awaryjne jest zwolnione; zwolniono: ")


@pytest.mark.parametrize(
    ("one", "english", "polish"),
    [
        (
            came(CHARGE, decided("person", Mode.HOLD), replace(HELD, fast_charge=WISH)),
            "Asked for 90 %, ready at 06:15; the hold until 06:15 goes first.",
            "Polecono 90 %, gotowe o 06:15; pierwszeństwo ma zachowanie zapasu do 06:15.",
        ),
        (
            came(CHARGE, decided("fast_charge", Mode.CHARGE), QUIET),
            (
                "Charging to 90 %, ready at 06:15; the inverter does so already; self-use until 06:15 stands as well; "
                "the fast charge goes first, it was given later."
            ),
            (
                "Ładowanie do 90 %, gotowe o 06:15; falownik już tak działa; autokonsumpcja do 06:15 też obowiązuje; "
                "pierwszeństwo ma szybkie ładowanie, bo to polecenie jest późniejsze."
            ),
        ),
        (
            came(CHARGE, decided("fast_charge", Mode.CHARGE), falls_short_pct=61.2),
            "Charging to 90 % as fast as it can: about 61 % will be there at 06:15; the inverter does so already.",
            "Ładowanie do 90 % tak szybko, jak się da: o 06:15 będzie około 61 %; falownik już tak działa.",
        ),
        (
            came(Pause(until=UNTIL), decided("person", Mode.SELF_USE), PAUSED, before=timed(OrderKind.HOLD)),
            "Paused until 06:15, in place of the hold until 06:15; the inverter does so already.",
            "Pauza do 06:15, zamiast zachowania zapasu do 06:15; falownik już tak działa.",
        ),
        (
            came(ChooseStrategy(name="optimal"), decided("person", Mode.HOLD), HELD),
            (
                "The plan (optimal) is in charge, as configured; the hold until 06:15 goes on first; the inverter does "
                "so already."
            ),
            (
                "Decyduje plan (optimal), zgodnie z konfiguracją; pierwszeństwo ma nadal zachowanie zapasu do 06:15; "
                "falownik już tak działa."
            ),
        ),
        (
            came(Withdraw(kind=OrderKind.STRATEGY), decided("optimal", Mode.SELF_USE), in_force=Mode.STANDBY),
            "The plan (optimal) is in charge again, as configured; decided now: self-use; in force is standby.",
            (
                "Znów decyduje plan (optimal), zgodnie z konfiguracją; decyzja na teraz: autokonsumpcja; obowiązuje "
                "spoczynek baterii."
            ),
        ),
    ],
)
def test_the_answer_says_who_goes_first(one: Came, english: str, polish: str) -> None:
    assert told(one) == english
    assert told(one, Language.POLISH) == polish


def test_every_source_has_a_name_for_people() -> None:
    for source in ("optimal", "multi_factor", "self_use", "fast_charge", "person"):
        assert f"who.{source}" in ENGLISH.keys() & POLISH.keys()
    assert called("a_new_one", Language.POLISH) == "a new one"
