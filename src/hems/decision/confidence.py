"""How sure a score is of its action: one written definition, 0-100.

    confidence = firmness × trust

*Firmness* (50-100) says how far the nearest change of mind is: 50 at a threshold that would change the action, 100 at
``full_distance`` score points (or ``full_soc_distance_pct`` % of SoC, where the emergency is the nearer threshold) and
beyond. *Trust* (0-1) is the share of the score that rests on fresh, measured or published inputs: the weighted mean of
each input's trust, where an estimated price, a suspect reading and age each take their part. An unknown input gives
confidence 0: there is no score to be sure of.

The numbers are judgements, not measurements: they order decisions, they are no probability.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from hems.domain.prices import PriceOrigin

_FIRMNESS_AT_THRESHOLD = 50.0  # on a threshold either action is as good as the other
_FIRMNESS_FULL = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceOptions:
    """What makes a decision firm and an input trusted."""

    full_distance: float = 30.0
    """Score points from a threshold at which a decision is fully firm: the reach from 0 to 30 and from 70 to 100."""
    full_soc_distance_pct: float = 5.0
    """SoC [%] from the emergency level at which it no longer takes from the firmness."""
    age_half_life: timedelta = timedelta(minutes=15)
    """The age at which an input is trusted half: the decision interval."""
    similar_day_trust: float = 0.5
    typical_day_trust: float = 0.25
    suspect_trust: float = 0.5

    def __post_init__(self) -> None:
        if self.full_distance <= 0 or self.full_soc_distance_pct <= 0 or self.age_half_life <= timedelta(0):
            raise ValueError("distances and the half-life of confidence must be positive")
        for trust in (self.similar_day_trust, self.typical_day_trust, self.suspect_trust):
            if not 0.0 <= trust <= 1.0:
                raise ValueError(f"a trust must lie within 0 and 1, found {trust}")


def firmness(distance: float, full_distance: float) -> float:
    """Return 50 on the threshold, rising to 100 at ``full_distance`` from it (same unit, both >= 0)."""
    share = min(max(distance, 0.0) / full_distance, 1.0)
    return _FIRMNESS_AT_THRESHOLD + (_FIRMNESS_FULL - _FIRMNESS_AT_THRESHOLD) * share


def input_trust(
    age: timedelta, options: ConfidenceOptions, *, suspect: bool = False, origin: PriceOrigin = PriceOrigin.PUBLISHED
) -> float:
    """Return how far one input is trusted (0-1); an age from the future counts as the same age from the past."""
    trust: float = 0.5 ** (abs(age) / options.age_half_life)
    if suspect:
        trust *= options.suspect_trust
    if origin is PriceOrigin.SIMILAR_DAY:
        trust *= options.similar_day_trust
    elif origin is PriceOrigin.TYPICAL_DAY:
        trust *= options.typical_day_trust
    return trust


def combined_trust(weighted: Iterable[tuple[float, float]]) -> float:
    """Return the mean of (weight, trust) pairs by weight; 0 where nothing has weight."""
    pairs = list(weighted)
    weight = sum(pair[0] for pair in pairs)
    return sum(pair[0] * pair[1] for pair in pairs) / weight if weight > 0 else 0.0


def confidence_pct(firm: float, trust: float) -> float:
    """Return firmness (50-100) times trust (0-1), rounded to a tenth of a percent."""
    return round(min(max(firm * trust, 0.0), _FIRMNESS_FULL), 1)
