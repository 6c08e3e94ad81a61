"""Coordinates a fleet that lies in a file: every question goes to all chunks, at the end every chunk is mixed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hems.domain.errors import RejectedData
from hems.fleet import batch_kernel as kernel
from hems.fleet.feeder import Coordination, Limit, Response, coordinate
from hems.fleet.feeder_chunks import ChunkResponse, mix, respond
from hems.fleet.homes import FloatArray, HomeChunk, PlannedChunk
from hems.fleet.runner import Source, work_through

GROUPS = 24
"""Into how many groups the homes fall whose plans get weights of their own, where there are so many homes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who plans: an executor, how many chunks it holds at once, and how many threads a chunk gets."""

    executor: Executor
    in_flight: int
    threads: int


class _Priced:
    """A source whose homes see a price of the limit."""

    def __init__(self, source: Source[HomeChunk], price: FloatArray) -> None:
        self._source, self._price = source, price

    def chunks(self, done: Collection[int] = ()) -> Iterator[HomeChunk]:
        """Yield the chunks that have homes, with the price on."""
        for chunk in self._source.chunks(done):
            if len(chunk):
                yield chunk.priced(self._price)


def common_grid(source: Source[HomeChunk]) -> tuple[int, float]:
    """Return how many slots of how many hours all homes have in common.

    Raises: RejectedData: they have not; a common limit needs a common time.
    """
    seen: set[tuple[int, float, int]] = set()
    for chunk in source.chunks():
        starts, hours = chunk.start_s.tolist(), chunk.numbers[:, kernel.HOURS].tolist()
        seen |= set(zip(starts, hours, chunk.wholes[:, kernel.SLOTS].tolist(), strict=True))
        if len(seen) > 1:
            raise RejectedData(
                "a common limit needs homes of the same start_utc, step_minutes and number of slots: they differ"
            )
    if not seen:
        raise RejectedData("no home can be planned")
    _, length, slots = seen.pop()
    return slots, length


def coordinate_fleet(
    source: Source[HomeChunk], crew: Crew, limit: Limit, slots: int, told: Callable[[int, float], None]
) -> Coordination:
    """Return how to mix the plans of all homes of ``source``; ``told`` hears of every question and its bound."""
    count = sum(1 for chunk in source.chunks() if len(chunk))
    groups = max(1, GROUPS // max(count, 1))

    def ask_all(price: FloatArray) -> list[ChunkResponse]:
        work = partial(respond, groups=groups, threads=crew.threads)
        answers = [answer for _, answer in work_through(_Priced(source, price), work, crew.executor, crew.in_flight)]
        return sorted(answers, key=lambda answer: answer.number)

    def ask(price: FloatArray) -> Response:
        answers = ask_all(price)
        told(len(answers), float(sum(answer.bound.sum() for answer in answers)))
        return Response(
            cost=np.concatenate([a.cost for a in answers]),
            bound=np.concatenate([a.bound for a in answers]),
            net_kw=np.concatenate([a.net_kw for a in answers]),
        )

    idle_answers = ask_all(np.zeros(slots))
    idle_cost = np.concatenate([a.idle_cost for a in idle_answers])
    idle = Response(cost=idle_cost, bound=idle_cost, net_kw=np.concatenate([a.idle_kw for a in idle_answers]))
    return coordinate(ask, idle, limit)


def weights_by_chunk(source: Source[HomeChunk], found: Coordination) -> dict[int, FloatArray]:
    """Return each chunk's own rows of the weights."""
    rows, at = {}, 0
    chunks = [(chunk.number, len(chunk)) for chunk in source.chunks() if len(chunk)]
    groups = max(1, GROUPS // max(len(chunks), 1))
    for number, homes in chunks:
        own = min(groups, homes)
        rows[number] = found.weights[at : at + own]
        at += own
    return rows


def mix_chunk(chunk: HomeChunk, prices: FloatArray, weights: dict[int, FloatArray], threads: int = 1) -> PlannedChunk:
    """Return the plans of a chunk's homes under the limit; as `feeder_chunks.mix`."""
    own: Any = weights.get(chunk.number, np.ones((1, 1 + len(prices))))
    return mix(chunk, prices, own, threads)


def least_possible_kw(source: Source[HomeChunk], slots: int) -> tuple[FloatArray, FloatArray]:
    """Return the least import and the least export of all homes per slot that batteries' power alone could reach [kW].

    Above the limit no plan can keep it, however full the batteries are.
    """
    low, high = np.zeros(slots), np.zeros(slots)
    for chunk in source.chunks():
        if not len(chunk):
            continue
        numbers = chunk.numbers
        load, pv = chunk.load_w[:, :slots] / 1000.0, chunk.pv_w[:, :slots] / 1000.0
        export = numbers[:, kernel.EXPORT, None]
        low += np.maximum(load - pv - numbers[:, kernel.DISCHARGE, None], -export).sum(axis=0)
        uncut = np.maximum(load - pv + numbers[:, kernel.CHARGE, None], -export)
        may_cut = chunk.wholes[:, kernel.CUT, None] > 0
        high += np.where(may_cut, np.maximum(uncut, 0.0), uncut).sum(axis=0)
    return low, -high
