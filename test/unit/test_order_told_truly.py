"""Answers to orders claim nothing that is not so, and no time brings the API down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from hems.decision.order_sentences import Came, sentence_of
from hems.decision.order_words import OrderWords
from hems.decision.wording import Language
from hems.domain.command import Mode
from hems.domain.orders import (
    ChooseStrategy,
    FastCharge,
    Hold,
    Order,
    OrderKind,
    PersonsStop,
    ReleaseLatch,
    Standing,
    Withdraw,
)
from hems.web.models.orders import OrderRequest

NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
STOP = PersonsStop(since=NOW, detail="local stopped all operations")
TOLD = {
    Language.ENGLISH: "all operations are stopped until a person releases the stop",
    Language.POLISH: "wszystkie działania są zatrzymane, aż ktoś je zwolni",
}


def sentence(order: Order, stop: PersonsStop | None, language: Language = Language.ENGLISH) -> str:
    standing = Standing(timed=None, fast_charge=None, choice=None, in_charge="optimal", configured="optimal", stop=stop)
    came = Came(
        order=order,
        standing=standing,
        sources=("person", "fast_charge"),
        decision=None,
        why_no_decision="no decision came",
        action=None,
        in_force=Mode.SELF_USE,
        is_certain=True,
        soc_pct=50.0,
    )
    return sentence_of(came, OrderWords(language, ZoneInfo("Europe/Warsaw"), NOW))


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    "order",
    [
        Hold(until=NOW + timedelta(hours=2)),
        FastCharge(target_soc_pct=90.0, deadline=NOW + timedelta(hours=2)),
        ChooseStrategy(name="self_use"),
        Withdraw(kind=OrderKind.HOLD),
    ],
    ids=["hold", "fast charge", "strategy", "withdraw"],
)
def test_an_order_under_an_emergency_stop_is_told_that_everything_is_stopped(order: Order, language: Language) -> None:
    assert TOLD[language] in sentence(order, STOP, language)
    assert TOLD[language] not in sentence(order, None, language)


def test_a_release_is_not_told_that_what_it_releases_is_stopped() -> None:
    assert TOLD[Language.ENGLISH] not in sentence(ReleaseLatch(), STOP)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("order", ["hold", "pause", "self_use"])
def test_a_time_beyond_the_calendar_is_a_fault_of_the_request(order: str, moment: str) -> None:
    with pytest.raises(ValidationError, match="outside of every calendar"):
        TypeAdapter(OrderRequest).validate_python({"order": order, "until": moment})
