"""All homes under one import and export limit, coordinated by a price per slot on what flows through the feeder.

Each home is planned by itself, exactly, with the price of the limit on both its prices. A master problem weighs the
plans that groups of homes answered with: a mean of a home's plans is a plan of that home, since what it may store is
convex. Its prices are the next question. What the homes answer bounds from below what any plan can cost, so the result
certifies its own gap; what cannot be kept is priced, never "infeasible".

Pure: who plans the homes comes in as a function. kW, kWh, money; + imports.
Source: Dantzig and Wolfe, Decomposition principle for linear programs, Oper. Res. 8 (1960); Gondzio et al., New
developments in the primal-dual column generation technique, EJOR 224 (2013).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hems.fleet.homes import FloatArray
from hems.fleet.interior_point import solve

EXCESS_PER_KWH = 10.0
"""What a kWh beyond the limit counts: dearer than any everyday price, cheaper than a blown fuse of a home."""

_FIRST_TOLERANCE, _TOLERANCE_OF_GAP, _LEAST_TOLERANCE = 0.05, 0.2, 1e-7
"""How exactly the master problem is solved: a share of the idle cost's distance to the bound, of the gap that is still
open, and of the idle cost at the end. Early on, prices from the middle are worth more than exact ones."""

_FIRST_STEP, _LAST_STEP = 0.15, 0.003
"""How far a slot's price moves in a round of climbing [money/kWh]."""

_KEPT_OF_CLIMB = 24
"""The first questions are wide of the mark: their answers would only make the master problem larger."""

_TOWARDS_BEST = 0.6
"""The master's own prices swing; this much of the best price so far is mixed in (Wentges, Int. Trans. Oper. Res. 4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What G groups of homes answer to a price: their plans' costs and what flows through the feeder."""

    cost: FloatArray
    """Of energy and wear at the homes' own prices, less the worth of what is stored; shape (G,)."""
    bound: FloatArray
    """What no plan of the group can cost less than, the price of the limit included; shape (G,)."""
    net_kw: FloatArray
    """Shape (G, T)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """How many questions may be asked: while the price climbs, and while it meets the master problem's.

    Most limits are met after 5 to 25; one of 0.5 % of the free peak took 60 to come from 7 % to 0.1 % of the saving.
    """

    climbing: int = 40
    meeting: int = 60


Ask = Callable[[FloatArray], Response]
"""The homes' answer to a price on both their prices [money/kWh], shape (T,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit on the sum of all homes [kW], and what exceeding it counts [money/kWh]."""

    kw: float
    hours: float
    """Of a slot."""
    excess_per_kwh: float = EXCESS_PER_KWH


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordination:
    """Which plans are to be mixed, and what is proven."""

    prices: FloatArray
    """The questions asked, K rows [money/kWh]."""
    weights: FloatArray
    """Of each group's answers, shape (G, 1 + K): the first is that of an idle battery. Rows sum to 1."""
    limit_price: FloatArray
    """What a kW less through the feeder is worth per slot [money/kWh]; + where import, - where export is too much."""
    bound: float
    """What no plan of all homes can cost less than, excess included."""
    cost: float
    """Of the mixed plans at most, excess included."""
    answers: tuple[Response, ...]
    """That of idle batteries, then those to ``prices``."""
    questions: int


def coordinate(
    ask: Ask, idle: Response, limit: Limit, *, gap: float = 1e-3, rounds: Rounds | None = None
) -> Coordination:
    """Return how to mix the homes' plans so that all together keep ``limit`` at the least cost.

    First the price climbs to where the bound is high, then the master problem's prices and the best one meet halfway.
    Ends when what is proven is within ``gap`` of what the batteries save where there is no limit, or after ``rounds``
    questions.
    """
    rounds = rounds or Rounds()
    known = _Known(idle, limit)
    _climb(known, ask, rounds.climbing)
    saving = float(idle.cost.sum() - known.answers[1].cost.sum())  # the first question is no price at all
    known.keep_last(_KEPT_OF_CLIMB)
    idle_cost = float(idle.cost.sum()) + excess_cost(idle.net_kw.sum(axis=0), limit)
    least = _LEAST_TOLERANCE * (1.0 + abs(idle_cost))
    tolerance = max(_FIRST_TOLERANCE * (idle_cost - known.bound), least)
    best_weights, best_cost = np.zeros((len(idle.cost), 1)), np.inf
    for _ in range(rounds.meeting):
        weights, price, cost = _mix(known.answers, limit, tolerance)
        if cost < best_cost:
            best_weights, best_cost = weights, cost
        if cost - known.bound <= max(gap * saving, 2.0 * least):
            break
        tolerance = max(min(tolerance, _TOLERANCE_OF_GAP * (cost - known.bound)), least)
        known.ask(ask, _TOWARDS_BEST * known.price + (1.0 - _TOWARDS_BEST) * price)
    weights, _, cost = _mix(known.answers, limit, least)
    if cost > best_cost:  # the master problem was ill-conditioned
        missing = len(known.answers) - best_weights.shape[1]
        weights, cost = np.pad(best_weights, ((0, 0), (0, missing))), best_cost
    return Coordination(
        prices=np.array(known.prices), weights=weights, limit_price=known.price, bound=known.bound, cost=cost,
        answers=tuple(known.answers), questions=known.questions,
    )  # fmt: skip


class _Known:
    """What was asked and answered, and the best bound."""

    def __init__(self, idle: Response, limit: Limit) -> None:
        self.limit = limit
        self.answers: list[Response] = [idle]
        self.prices: list[FloatArray] = []
        self.bound = -np.inf
        self.price = np.zeros(idle.net_kw.shape[1])
        """The question that gave the best bound."""
        self.questions = 0

    def ask(self, ask: Ask, price: FloatArray) -> Response:
        """Ask, and keep the answer."""
        answer = ask(price)
        self.questions += 1
        self.answers.append(answer)
        self.prices.append(price)
        limit = self.limit
        bound = float(answer.bound.sum()) - limit.kw * limit.hours * float(abs(price).sum())
        if bound > self.bound:
            self.bound, self.price = bound, price
        return answer

    def keep_last(self, count: int) -> None:
        """Forget all but the last ``count`` answers, and the idle one."""
        self.answers[1:-count], self.prices[:-count] = [], []


def _climb(known: _Known, ask: Ask, rounds: int) -> None:
    """Ask ``rounds`` prices, each a step up the slope of the bound; later ones lie near the best.

    Source: Kingma and Ba, Adam (2015), for the steps: slots differ in slope by orders of magnitude.
    """
    limit = known.limit
    price = np.zeros(len(known.price))
    mean, square = np.zeros_like(price), np.zeros_like(price)
    for number in range(rounds):
        net = known.ask(ask, price).net_kw.sum(axis=0)
        beyond = np.sign(net) * excess_kw(net, limit)
        slope = np.where(price == 0.0, beyond, net - np.sign(price) * limit.kw)
        mean = 0.7 * mean + 0.3 * slope
        square = 0.95 * square + 0.05 * slope**2
        even = (1.0 - 0.7 ** (number + 1)), (1.0 - 0.95 ** (number + 1))
        size = _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** (number / max(rounds - 1, 1))
        moved = price + size * (mean / even[0]) / (np.sqrt(square / even[1]) + 1e-9)
        moved = np.where(moved * price < 0.0, 0.0, moved)  # zero is where the slope bends
        price = np.clip(moved, -limit.excess_per_kwh, limit.excess_per_kwh)


def excess_cost(net_kw: FloatArray, limit: Limit) -> float:
    """Return what a fleet's power beyond the limit counts [money]; ``net_kw``: shape (T,)."""
    return float(excess_kw(net_kw, limit).sum()) * limit.hours * limit.excess_per_kwh


def excess_kw(net_kw: FloatArray, limit: Limit) -> FloatArray:
    """Return by how much each slot is beyond the limit, either way [kW]."""
    return np.maximum(np.abs(net_kw) - limit.kw, 0.0)


def _mix(answers: list[Response], limit: Limit, tolerance: float) -> tuple[FloatArray, FloatArray, float]:
    """Return the cheapest weights of the answers, the price of the limit that comes with them, and their cost."""
    nets = np.array([answer.net_kw for answer in answers])  # (K, G, T)
    count, groups, slots = nets.shape
    sides = [(1.0, np.flatnonzero(nets.max(axis=0).sum(axis=0) > limit.kw))]
    sides.append((-1.0, np.flatnonzero((-nets).max(axis=0).sum(axis=0) > limit.kw)))  # elsewhere it cannot be exceeded
    scale = max(float(abs(nets.sum(axis=1)).max()), 1e-6)
    rows = sum(len(places) for _, places in sides)
    mixing = count * groups
    a = np.zeros((groups + rows, mixing + 2 * rows))
    a[np.arange(mixing) % groups, np.arange(mixing)] = 1.0
    b = np.ones(groups + rows)
    at = groups
    for sign, places in sides:
        here = slice(at, at + len(places))
        a[here, :mixing] = sign * nets[:, :, places].reshape(mixing, len(places)).T / scale
        b[here] = limit.kw / scale
        at += len(places)
    a[groups:, mixing : mixing + rows] = -np.eye(rows)
    a[groups:, mixing + rows :] = np.eye(rows)
    beyond = limit.excess_per_kwh * limit.hours * scale
    cost = np.concatenate([np.concatenate([each.cost for each in answers]), np.full(rows, beyond), np.zeros(rows)])
    x, y = solve(a, b, cost, tolerance)
    weights = np.maximum(x[:mixing], 0.0).reshape(count, groups).T
    weights /= weights.sum(axis=1, keepdims=True)
    price, at = np.zeros(slots), groups
    for sign, places in sides:
        dual = np.clip(-y[at : at + len(places)], 0.0, beyond) / scale / limit.hours
        price[places] += sign * dual
        at += len(places)
    total = np.einsum("gk,kgt->t", weights, nets)
    mixed = sum(float(weights[:, k] @ answer.cost) for k, answer in enumerate(answers))
    return weights, price, mixed + excess_cost(total, limit)
