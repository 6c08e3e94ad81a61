"""The score to the letter of the users' documentation: bands, edges, thresholds, emergency, unknown."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hems.decision.factors import (
    DEFAULT_BATTERY,
    DEFAULT_CONSUMPTION,
    DEFAULT_PRICE,
    DEFAULT_PV,
    Band,
    FactorRule,
)
from hems.decision.score import MultiFactorOptions, ScoreInputs, score
from hems.domain.decision import FactorName, ScoreAction, ScoreResult
from hems.domain.prices import PriceOrigin

OPTIONS = MultiFactorOptions()

EDGES = [
    (DEFAULT_PRICE, [(-2086.86, 100), (-0.01, 100), (0, 100), (200.0, 100), (200.01, 80), (400.0, 80), (400.01, 40)]),
    (DEFAULT_PRICE, [(600.0, 40), (600.01, 0), (2748.0, 0)]),
    (DEFAULT_BATTERY, [(0, 100), (20.0, 100), (20.1, 80), (40.0, 80), (40.1, 40), (70.0, 40), (70.1, 10)]),
    (DEFAULT_BATTERY, [(90.0, 10), (90.1, 0), (100, 0)]),
    (DEFAULT_PV, [(0, 100), (99.9, 100), (100.0, 60), (999.9, 60), (1000.0, 30), (2999.9, 30), (3000.0, 0), (9e3, 0)]),
    (DEFAULT_CONSUMPTION, [(0, 0), (99.9, 0), (100.0, 30), (999.9, 30), (1000.0, 60), (2999.9, 60), (3000.0, 100)]),
]


@pytest.mark.parametrize(
    ("rule", "value", "points"), [(rule, value, points) for rule, cases in EDGES for value, points in cases]
)
def test_band_edges(rule: FactorRule, value: float, points: float) -> None:
    assert rule.judge(value, "").points == points


def inputs(price: float | None, soc: float | None, pv: float | None, load: float | None, **how: Any) -> ScoreInputs:
    return ScoreInputs(price_per_mwh=price, soc_pct=soc, pv_w=pv, load_w=load, **how)


def test_the_documented_example() -> None:
    result = score(inputs(200.0, 40.0, 1000.0, 3000.0), False, OPTIONS)
    assert result.total == 81.0
    assert result.action is ScoreAction.START_CHARGING
    assert [factor.points for factor in result.factors] == [100, 80, 30, 100]
    assert [factor.contribution for factor in result.factors] == pytest.approx([40.0, 20.0, 6.0, 15.0])
    assert result.reason.startswith("score 81.0: price 200 PLN/MWh gives 100, SoC 40 % gives 80")
    assert result.reason.endswith("start at 70")


def test_every_reachable_total_is_exact() -> None:
    """All 256 totals, in whole hundredths: a float that is off by one bit would miss a threshold."""
    price = {100: 100.0, 80: 300.0, 40: 500.0, 0: 700.0}
    battery = {80: 30.0, 40: 50.0, 10: 80.0, 0: 95.0}
    pv = {0: 3000.0, 30: 1000.0, 60: 100.0, 100: 0.0}
    load = {100: 3000.0, 60: 1000.0, 30: 100.0, 0: 0.0}
    for combination in itertools.product(price, battery, pv, load):
        p, b, s, c = combination
        exact = (40 * p + 25 * b + 20 * s + 15 * c) / 100
        for charging in (False, True):
            result = score(inputs(price[p], battery[b], pv[s], load[c]), charging, OPTIONS)
            assert result.total == exact, combination
            starts, stops = exact >= 70 and not charging, exact <= 30 and charging
            expected = ScoreAction.START_CHARGING if starts else ScoreAction.STOP_CHARGING if stops else None
            assert result.action is (expected or ScoreAction.CONTINUE)
            assert result.charging_after is ((charging or starts) and not stops)


def test_a_threshold_is_met_in_spite_of_float_arithmetic() -> None:
    """1 + 1 + 0 + 28 is 30 points, which floats make 30.000000000000004: the charge has to stop all the same."""
    options = MultiFactorOptions(
        price=replace(DEFAULT_PRICE, weight=0.01),
        battery=replace(DEFAULT_BATTERY, weight=0.10),
        pv=replace(DEFAULT_PV, weight=0.61),
        consumption=replace(DEFAULT_CONSUMPTION, weight=0.28),
    )
    result = score(inputs(100.0, 80.0, 3000.0, 3000.0), True, options)
    assert (result.total, result.action) == (30.0, ScoreAction.STOP_CHARGING)


def with_total(total: float, charging: bool) -> ScoreResult:
    """Score one moment whose price alone makes the total."""
    price = FactorRule(name=FactorName.PRICE, weight=1.0, bands=(Band(up_to=1e9, points=total),), otherwise=0.0)
    options = MultiFactorOptions(
        price=price,
        battery=replace(DEFAULT_BATTERY, weight=0.0),
        pv=replace(DEFAULT_PV, weight=0.0),
        consumption=replace(DEFAULT_CONSUMPTION, weight=0.0),
    )
    return score(inputs(100.0, 50.0, 0.0, 0.0), charging, options)


@pytest.mark.parametrize(
    ("total", "charging", "action", "after"),
    [
        (100.0, False, ScoreAction.START_CHARGING, True),
        (70.0, False, ScoreAction.START_CHARGING, True),
        (69.999, False, ScoreAction.CONTINUE, False),
        (30.0, False, ScoreAction.CONTINUE, False),
        (0.0, False, ScoreAction.CONTINUE, False),
        (100.0, True, ScoreAction.CONTINUE, True),
        (70.0, True, ScoreAction.CONTINUE, True),
        (30.001, True, ScoreAction.CONTINUE, True),
        (30.0, True, ScoreAction.STOP_CHARGING, False),
        (0.0, True, ScoreAction.STOP_CHARGING, False),
    ],
)
def test_thresholds(total: float, charging: bool, action: ScoreAction, after: bool) -> None:
    result = with_total(total, charging)
    assert (result.action, result.charging_after) == (action, after)


def test_a_total_just_below_a_threshold_is_not_shown_as_on_it() -> None:
    assert "score 69.999:" in with_total(69.999, charging=False).reason


@pytest.mark.parametrize("charging", [False, True])
@pytest.mark.parametrize("soc", [0.0, 19.9, 20.0])
def test_an_emergency_charges_whatever_the_score(soc: float, charging: bool) -> None:
    result = score(inputs(2748.0, soc, 5000.0, 0.0), charging, OPTIONS)
    assert result.total == 25.0
    assert result.action is ScoreAction.EMERGENCY_CHARGE
    assert result.charging_after
    assert "whatever the score" in result.reason


def test_just_above_the_emergency_the_score_decides() -> None:
    assert score(inputs(2748.0, 20.1, 5000.0, 0.0), False, OPTIONS).action is ScoreAction.CONTINUE


def test_an_emergency_needs_nothing_but_the_soc() -> None:
    result = score(inputs(None, 15.0, None, None), False, OPTIONS)
    assert result.action is ScoreAction.EMERGENCY_CHARGE
    assert result.total is None
    assert "score unknown" in result.reason


@pytest.mark.parametrize("charging", [False, True])
@pytest.mark.parametrize(
    ("missing", "word"),
    [("price_per_mwh", "price"), ("soc_pct", "SoC"), ("pv_w", "PV"), ("load_w", "consumption")],
)
@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), float("-inf")])
def test_unknown_never_charges(missing: str, word: str, nothing: float | None, charging: bool) -> None:
    known = inputs(0.0, 30.0, 0.0, 5000.0)
    assert score(known, charging, OPTIONS).charging_after, "with all inputs known this one charges"
    result = score(replace(known, **{missing: nothing}), charging, OPTIONS)
    assert result.action is ScoreAction.UNKNOWN
    assert not result.charging_after
    assert result.total is None
    assert result.confidence_pct == 0
    assert f"{word} unknown:" in result.reason


def test_an_estimated_price_is_used_and_marked() -> None:
    published = score(inputs(200.0, 30.0, 0.0, 3000.0), False, OPTIONS)
    estimated = score(inputs(200.0, 30.0, 0.0, 3000.0, price_origin=PriceOrigin.SIMILAR_DAY), False, OPTIONS)
    assert estimated.total == published.total
    assert "200 PLN/MWh (estimated)" in estimated.reason
    assert estimated.confidence_pct < published.confidence_pct


def test_a_suspect_reading_is_marked() -> None:
    result = score(inputs(200.0, 30.0, 0.0, 3000.0, suspect=frozenset({FactorName.BATTERY})), False, OPTIONS)
    assert "SoC 30 % (suspect)" in result.reason


def test_confidence_by_its_written_definition() -> None:
    """Total 89 while idle: 19 of 30 points above the start, all inputs fresh: 50 + 50 × 19/30 = 81.7."""
    assert score(inputs(100.0, 40.0, 50.0, 1000.0), False, OPTIONS).total == 89.0
    assert score(inputs(100.0, 40.0, 50.0, 1000.0), False, OPTIONS).confidence_pct == pytest.approx(81.7)
    half_life = dict.fromkeys(FactorName, timedelta(minutes=15))
    aged = score(inputs(100.0, 40.0, 50.0, 1000.0, ages=half_life), False, OPTIONS)
    assert aged.confidence_pct == pytest.approx(40.8)
    typical = score(inputs(100.0, 40.0, 50.0, 1000.0, price_origin=PriceOrigin.TYPICAL_DAY), False, OPTIONS)
    assert typical.confidence_pct == pytest.approx(round(81.6667 * (0.6 + 0.4 * 0.25), 1))


def test_on_the_threshold_a_decision_is_half_sure() -> None:
    assert with_total(70.0, charging=False).confidence_pct == 50.0
    assert with_total(30.0, charging=True).confidence_pct == 50.0


def test_near_the_emergency_an_idle_decision_is_less_sure() -> None:
    near, far = (score(inputs(700.0, soc, 5000.0, 0.0), False, OPTIONS).confidence_pct for soc in (20.5, 30.0))
    assert near == 55.0
    assert far == 100.0


def rule(**changes: Any) -> FactorRule:
    return replace(DEFAULT_PRICE, **changes)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Band(points=50.0), "exactly one"),
        (lambda: Band(points=50.0, up_to=1.0, at_least=1.0), "exactly one"),
        (lambda: Band(points=101.0, up_to=1.0), "within 0 and 100"),
        (lambda: Band(points=float("nan"), up_to=1.0), "within 0 and 100"),
        (lambda: Band(points=1.0, up_to=float("inf")), "finite"),
        (lambda: rule(bands=()), "at least one band"),
        (lambda: rule(weight=1.5), "weight"),
        (lambda: rule(bands=(Band(up_to=2.0, points=1.0), Band(up_to=1.0, points=0.0))), "rising"),
        (lambda: rule(bands=(Band(at_least=1.0, points=1.0), Band(at_least=2.0, points=0.0))), "falling"),
        (lambda: rule(bands=(Band(up_to=1.0, points=1.0), Band(at_least=2.0, points=0.0))), "mixed"),
        (lambda: MultiFactorOptions(price=rule(weight=0.5)), "sum to 1, found 1.1"),
        (lambda: MultiFactorOptions(price=DEFAULT_PV), "that factor's name"),
        (lambda: MultiFactorOptions(start_score=30.0, stop_score=30.0), "must lie below"),
        (lambda: MultiFactorOptions(charge_power_w=float("nan")), "positive power"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
