"""What the score would have saved, day by day: from the shadow houses' kept books, which reach back 40 days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hems.analysis.metrics import Figure
from hems.coordination.shadow_houses import SELF_USE
from hems.coordination.shadow_state import DAYS_KEPT, ShadowBooks, books_from
from hems.domain.time_grid import local_date

NAME = "score saved"
SCORE = "multi_factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSavings:
    """By local day, what the score's shadow cost less than that of self-use, stored energy valued; ``why_not`` else."""

    by_day: Mapping[date, float]
    currency: str
    why_not: str

    def of(self, days: list[date]) -> Figure:
        """Return the sum over ``days``, of those that are kept."""
        known = [self.by_day[day] for day in days if day in self.by_day]
        if not known:
            return Figure(name=NAME, value=None, unit=self.currency, reason=self.why_not)
        return Figure(name=NAME, value=sum(known), unit=self.currency, basis=f"{len(known)} of {len(days)} days")


def score_savings(state: object, zone: ZoneInfo, currency: str) -> ScoreSavings:
    """Return what the kept comparison ``state`` says of the score; None, or what cannot be read, says nothing."""
    why_not = f"the comparison of strategies keeps {DAYS_KEPT} days, and none of these"
    if not isinstance(state, Mapping):
        return ScoreSavings(by_day={}, currency=currency, why_not="no comparison of strategies is kept yet")
    try:
        books = books_from(state, list(state["houses"]))
        by_day = _by_day(books, zone)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return ScoreSavings(
            by_day={}, currency=currency, why_not=f"the kept comparison of strategies cannot be read: {error!r:.120}"
        )
    if books.currency != currency:
        return ScoreSavings(by_day={}, currency=currency, why_not=f"the strategies were compared in {books.currency}")
    return ScoreSavings(by_day=by_day, currency=currency, why_not=why_not)


def _by_day(books: ShadowBooks, zone: ZoneInfo) -> dict[date, float]:
    """Return what each day added; a day after one that is not kept cannot be told from it."""
    if books.quarters == 0:
        return {}
    lead = {end.day: end.net_cost[SELF_USE] - end.net_cost[SCORE] for end in books.days}
    if books.last is not None:
        costs = books.net_costs()
        lead.setdefault(local_date(books.last, zone), costs[SELF_USE] - costs[SCORE])
    began = local_date(books.since, zone)
    found = {}
    for day, now in lead.items():
        # All houses begin alike: there is no lead before the first day.
        before = 0.0 if day <= began else lead.get(day - timedelta(days=1))
        if before is not None:
            found[day] = now - before
    return found
