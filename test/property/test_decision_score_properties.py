"""The score over all inputs: bounded, monotone, reproducible; and confidence falls with age, doubt and nearness."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.score import MultiFactorOptions, ScoreInputs, score
from hems.domain.command import Mode
from hems.domain.decision import FactorName, ScoreAction
from hems.domain.prices import PriceOrigin
from hems.domain.safety import Bounds, SafetyEnvelope
from support.safety_builders import NOON, context

OPTIONS = MultiFactorOptions()
prices = st.one_of(st.sampled_from([200.0, 400.0, 600.0]), st.floats(min_value=-3000.0, max_value=5000.0))
socs = st.one_of(st.sampled_from([20.0, 40.0, 70.0, 90.0]), st.floats(min_value=0.0, max_value=100.0))
powers = st.one_of(st.sampled_from([100.0, 1000.0, 3000.0]), st.floats(min_value=0.0, max_value=20_000.0))
maybe = st.one_of(st.none(), prices)
ages = st.floats(min_value=0.0, max_value=86_400.0).map(lambda seconds: timedelta(seconds=seconds))


def total(price: float, soc: float, pv: float, load: float) -> float:
    inputs = ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load)
    result = score(inputs, False, OPTIONS).total
    assert result is not None
    return result


@given(prices, socs, powers, powers, st.booleans())
def test_score_and_confidence_lie_within_0_and_100(
    price: float, soc: float, pv: float, load: float, charging: bool
) -> None:
    inputs = ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load)
    result = score(inputs, charging, OPTIONS)
    assert result.total is not None
    assert 0.0 <= result.total <= 100.0
    assert 0.0 <= result.confidence_pct <= 100.0


@given(prices, prices, socs, socs, powers, powers, powers, powers)
def test_the_score_is_monotone_in_each_input(
    price: float, price2: float, soc: float, soc2: float, pv: float, pv2: float, load: float, load2: float
) -> None:
    here = total(price, soc, pv, load)
    assert total(min(price, price2), soc, pv, load) >= here, "a lower price never lowers the score"
    assert total(price, min(soc, soc2), pv, load) >= here, "an emptier battery never lowers it"
    assert total(price, soc, min(pv, pv2), load) >= here, "less PV never lowers it"
    assert total(price, soc, pv, max(load, load2)) >= here, "more consumption never lowers it"


@given(maybe, st.one_of(st.none(), socs), st.one_of(st.none(), powers), st.one_of(st.none(), powers), st.booleans())
def test_unknown_never_charges_but_in_an_emergency(
    price: float | None, soc: float | None, pv: float | None, load: float | None, charging: bool
) -> None:
    inputs = ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load)
    result = score(inputs, charging, OPTIONS)
    if None in (price, soc, pv, load):
        emergency = soc is not None and soc <= 20.0
        assert result.charging_after is emergency
        assert result.action is (ScoreAction.EMERGENCY_CHARGE if emergency else ScoreAction.UNKNOWN)


@given(prices, socs, powers, powers, st.booleans(), ages, ages, st.sampled_from(list(FactorName)))
def test_confidence_falls_with_age(
    price: float,
    soc: float,
    pv: float,
    load: float,
    charging: bool,
    age: timedelta,
    older: timedelta,
    name: FactorName,
) -> None:
    young, old = sorted((age, older))
    results = [
        score(
            ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load, ages={name: years}), charging, OPTIONS
        )
        for years in (young, old)
    ]
    assert results[1].confidence_pct <= results[0].confidence_pct


@given(prices, st.floats(min_value=20.1, max_value=100.0), powers, powers, st.booleans())
def test_confidence_falls_with_estimation_and_doubt(
    price: float, soc: float, pv: float, load: float, charging: bool
) -> None:
    def confidence(origin: PriceOrigin, suspect: frozenset[FactorName] = frozenset()) -> float:
        inputs = ScoreInputs(
            price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load, price_origin=origin, suspect=suspect
        )
        return score(inputs, charging, OPTIONS).confidence_pct

    best_first = [confidence(origin) for origin in PriceOrigin]
    assert best_first == sorted(best_first, reverse=True)
    assert best_first[-1] < best_first[0]
    for name in FactorName:
        assert confidence(PriceOrigin.PUBLISHED, frozenset({name})) < best_first[0]


@given(prices, prices, socs.filter(lambda soc: soc > 25.0), powers, powers, powers, st.booleans())
def test_confidence_grows_with_the_distance_from_the_threshold(
    price: float, price2: float, soc: float, pv: float, load: float, load2: float, charging: bool
) -> None:
    results = [
        score(ScoreInputs(price_per_mwh=p, soc_pct=soc, pv_w=pv, load_w=w), charging, OPTIONS)
        for p, w in ((price, load), (price2, load2))
    ]
    threshold = 30.0 if charging else 70.0
    results.sort(key=lambda result: abs((result.total or 0.0) - threshold))
    assert results[0].confidence_pct <= results[1].confidence_pct


@given(prices, socs, powers, powers, st.booleans())
def test_a_stored_context_decides_the_same_again(
    price: float, soc: float, pv: float, load: float, charging: bool
) -> None:
    def decide() -> object:
        stored = context(
            price=price, charging=charging, battery__soc_pct=soc, pv__power_w=pv, load__power_w=load, active_since=NOON
        )
        envelope = SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=1664.0))
        return arbitrate(stored, [MultiFactorEngine().propose(stored)], envelope, ArbiterOptions())

    assert decide() == decide()


@given(prices, socs, powers, powers, st.booleans())
def test_a_proposed_charge_is_a_whole_lease(price: float, soc: float, pv: float, load: float, charging: bool) -> None:
    stored = context(price=price, charging=charging, battery__soc_pct=soc, pv__power_w=pv, load__power_w=load)
    command = MultiFactorEngine().propose(stored).command
    assert command.expires_at > stored.at
    if command.mode is Mode.CHARGE:
        assert command.power_w == 5000.0
        assert command.target_soc_pct is not None
        assert command.target_soc_pct > soc
