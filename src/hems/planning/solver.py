"""Runs the kernel over a problem, and holds the room it works in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hems.planning.compiled import PLAIN, Kernel
from hems.planning.kernel import FREE
from hems.planning.problem import Problem

PIECES_PER_SLOT = 64
"""Room to begin with: about 28 pieces are alive; where more are, the room is doubled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFunction:
    """What stored energy is worth at every slot's edge, as the kernel's pieces: V_t lies at first[t], count[t] long."""

    value: Any
    length: Any
    first: Any
    count: Any
    bottom: Any
    """Where V_t begins [kWh], T + 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactPlan:
    """The cheapest stored change per slot [kWh], what it costs, and by how much no other plan can be cheaper [money].

    ``cost`` counts what is left stored at its end value.
    """

    change: Sequence[float]
    cost: float
    gap: float
    values: ValueFunction


class Solver:
    """One kernel and the lists or arrays it writes to; an answer holds until the next question."""

    def __init__(self, kernel: Kernel = PLAIN) -> None:
        self.kernel = kernel
        self._room = 0
        self._allocated = 0
        self._slots = -1
        self._slope, self._size = self.floats(16), self.floats(16)

    def floats(self, count: int) -> Any:
        """Return ``count`` zeros as the kernel takes them."""
        if not self.kernel.is_compiled:
            return [0.0] * count
        import numpy as np

        return np.zeros(count)

    def row(self, values: Sequence[float]) -> Any:
        """Return ``values`` as the kernel takes them."""
        if not self.kernel.is_compiled:
            return values
        import numpy as np

        return np.asarray(values, dtype=np.float64)

    def whole(self, values: Sequence[int]) -> Any:
        """Return whole numbers as the kernel takes them."""
        if not self.kernel.is_compiled:
            return list(values)
        import numpy as np

        return np.asarray(values, dtype=np.int64)

    def exact(
        self,
        problem: Problem,
        load: Sequence[float],
        pv: Sequence[float],
        lock: Sequence[int] | None = None,
        wear: Sequence[float] | None = None,
    ) -> ExactPlan:
        """Return the cheapest plan for one ``load`` and ``pv`` [kW]."""
        slots = len(problem)
        rows = [self.row(r) for r in (load, pv, problem.buy, problem.sell, problem.hours, wear or problem.wear)]
        locks = self.whole(lock if lock is not None else [FREE] * slots)
        low, high = self.row(problem.low), self.row(problem.high)
        pooled = -1
        while pooled < 0:
            self._prepare(problem)
            used, change = self.floats(slots + 1), self.floats(slots)
            pooled = self.kernel.exact_plan(
                *rows, low, high, problem.stored, problem.limits, problem.cut, locks,
                self._value, self._length, self._owner, self._first, self._count, self._slope, self._size, used, change,
            )  # fmt: skip
            if pooled < 0:
                self._room *= 2
        cost, gap = self.kernel.plan_cost(
            *rows, problem.limits, problem.cut, locks, change, self._slope, self._size
        )  # fmt: skip
        left = problem.stored + sum(change)
        return ExactPlan(change=change, cost=cost - problem.end_value * left, gap=gap, values=self._values(low))

    def lawful(self, problem: Problem, wear: Sequence[float]) -> list[int]:
        """Return what each slot's battery may not do, so that no energy from the grid is sold: `lawful_locks`."""
        slots = len(problem)
        rows = [
            self.row(r)
            for r in (problem.expected_load, problem.expected_pv, problem.buy, problem.sell, problem.hours, wear)
        ]
        tube = (self.row(problem.low), self.row(problem.high))
        lock, trial, marks = (self.whole([FREE] * slots) for _ in range(3))
        status = -1
        while status < 0:
            self._prepare(problem)
            used, change = self.floats(slots + 1), self.floats(slots)
            pieces = (
                self._value, self._length, self._owner, self._first, self._count, self._slope, self._size, used,
                change, trial, marks,
            )  # fmt: skip
            status, _, _ = self.kernel.plan_once(
                *rows, *tube, problem.stored, problem.end_value, problem.limits, problem.cut, lock, pieces
            )  # fmt: skip
            if status >= 0 and self.kernel.mark_unlawful(
                change, rows[0], rows[1], rows[4], slots, problem.limits, problem.stored, problem.exportable, marks
            ):
                status = self.kernel.lawful_locks(
                    *rows, *tube, problem.stored, problem.exportable, problem.end_value, problem.limits, problem.cut,
                    lock, pieces,
                )  # fmt: skip
            if status < 0:
                self._room *= 2
                lock = self.whole([FREE] * slots)
        return [int(barred) for barred in lock]

    def over_scenarios(
        self,
        problem: Problem,
        most_pieces: int,
        lock: Sequence[int] | None = None,
        wear: Sequence[float] | None = None,
    ) -> ValueFunction:
        """Return the mean worth over the problem's scenarios."""
        if len(problem.load) == 1:
            return self.exact(problem, problem.load[0], problem.pv[0], lock, wear).values
        slots = len(problem)
        load, pv = self.rows(problem.load), self.rows(problem.pv)
        rows = [self.row(r) for r in (problem.buy, problem.sell, problem.hours, wear or problem.wear)]
        locks = self.whole(lock if lock is not None else [FREE] * slots)
        low, high = self.row(problem.low), self.row(problem.high)
        pooled = -1
        while pooled < 0:
            self._prepare(problem)
            pooled = self.kernel.scenario_values(
                load, pv, *rows, low, high, problem.limits, problem.cut, locks,
                self._value, self._length, self._owner, self._first, self._count, self._slope, self._size,
                self.floats(1), most_pieces,
            )  # fmt: skip
            if pooled < 0:
                self._room *= 2
        return self._values(low)

    def rows(self, rows: Sequence[Sequence[float]]) -> Any:
        """Return scenario rows as the kernel takes them."""
        if not self.kernel.is_compiled:
            return rows
        import numpy as np

        return np.asarray(rows, dtype=np.float64)

    def _values(self, low: Any) -> ValueFunction:
        return ValueFunction(value=self._value, length=self._length, first=self._first, count=self._count, bottom=low)

    def _prepare(self, problem: Problem) -> None:
        """Make room, and put the worth of what is left at the end where the kernel begins."""
        slots = len(problem)
        room = max(self._room, PIECES_PER_SLOT * slots + 600)
        if room != self._allocated or slots != self._slots:
            self._room, self._allocated, self._slots = room, room, slots
            self._value, self._length = self.floats(room), self.floats(room)
            self._owner = self.whole([0] * room)
            self._first, self._count = self.whole([0] * (slots + 1)), self.whole([0] * (slots + 1))
        self._value[0], self._length[0] = problem.end_value, problem.high[slots] - problem.low[slots]
        self._owner[0], self._count[slots] = slots, 1
