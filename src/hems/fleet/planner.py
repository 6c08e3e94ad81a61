"""Plans a chunk of homes with the exact kernel: on all threads of this process, or on one, wherever it was sent."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hems.fleet import batch_kernel
from hems.fleet.batch_kernel import FIGURES, NO_ROOM, STATUS
from hems.fleet.grid_pass import open_homes, plan_on_grid
from hems.fleet.homes import AnyFloats, FloatArray, HomeChunk, PlannedChunk
from hems.planning import compiled
from hems.planning.compiled import Kernel
from hems.planning.solver import PIECES_PER_SLOT

BLOCKS_PER_THREAD = 4
"""Homes differ in what they cost to plan: with a few blocks each, no thread waits long for another."""

_REAL_ROWS, _WHOLE_ROWS = 14, 4

_one_at_a_time = threading.Lock()
"""Numba's threads take one call at a time; a second one from another thread may end the process."""


@cache
def fleet_kernel() -> Kernel:
    """Return the compiled batch kernel, or the plain one where numba is not installed."""
    return compiled.batch_kernel(batch_kernel, threaded=("plan_homes",))


def plan_chunk(chunk: HomeChunk, threads: int = 1) -> PlannedChunk:
    """Return the exact plan of every home of ``chunk``; with more than one thread, side by side.

    Where hollow costs leave a certificate open, the home is planned a second time (`grid_pass`). The answer does not
    depend on how many threads there are, but for the last digits of the totals.
    """
    begin = time.perf_counter()
    blocks = threads * BLOCKS_PER_THREAD if threads > 1 else 1
    answers = plan_blocks(chunk, threads, blocks)
    totals_kw = answers.totals_kw.sum(axis=0)
    again = open_homes(answers.figures)
    for home in again.tolist():
        rows = answers.battery_w[home], answers.soc_pct[home], answers.figures[home]
        difference = plan_on_grid(chunk, home, *rows)
        if difference is not None:
            totals_kw[batch_kernel.PLANNED] += difference
    return PlannedChunk(
        number=chunk.number,
        battery_w=answers.battery_w,
        soc_pct=answers.soc_pct,
        figures=answers.figures,
        totals_kw=totals_kw,
        planned_again=len(again),
        seconds=time.perf_counter() - begin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the batch kernel writes, see there; ``totals_kw`` has shape (blocks, 2, T)."""

    battery_w: AnyFloats
    soc_pct: AnyFloats
    grid_w: AnyFloats
    figures: FloatArray
    totals_kw: FloatArray


def plan_blocks(chunk: HomeChunk, threads: int, blocks: int, *, with_grid: bool = False) -> Answers:
    """Return the plans with the totals of ``blocks`` blocks of homes: block b has those from b N // blocks on."""
    homes, width = len(chunk), chunk.width
    shape = (homes, width)
    answers = Answers(
        battery_w=np.full(shape, np.nan, np.float32),
        soc_pct=np.full(shape, np.nan, np.float32),
        grid_w=np.full(shape, np.nan, np.float32) if with_grid else np.zeros((1, 0), np.float32),
        figures=np.zeros((homes, FIGURES)),
        totals_kw=np.zeros((max(1, blocks), 2, width)),
    )
    extra = np.zeros(width) if chunk.extra is None else chunk.extra
    shared = (chunk.buy, chunk.sell, extra)
    room = PIECES_PER_SLOT * width + 600
    if homes:
        _plan((chunk.load_w, chunk.pv_w, *shared, chunk.numbers, chunk.wholes), answers, room, threads)
    for home in np.flatnonzero(answers.figures[:, STATUS] == NO_ROOM).tolist():  # more pieces alive than ever seen
        one, wider = slice(home, home + 1), room
        block = next(b for b in range(blocks) if home < (b + 1) * homes // blocks)
        alone = Answers(
            battery_w=answers.battery_w[one],
            soc_pct=answers.soc_pct[one],
            grid_w=answers.grid_w[one] if with_grid else answers.grid_w,
            figures=answers.figures[one],
            totals_kw=answers.totals_kw[block : block + 1],
        )
        rows = (chunk.load_w[one], chunk.pv_w[one], *shared, chunk.numbers[one], chunk.wholes[one])
        while answers.figures[home, STATUS] == NO_ROOM:
            wider *= 2
            _plan(rows, alone, wider, 1)
    return answers


def _plan(rows: tuple[Any, ...], answers: Answers, room: int, threads: int) -> None:
    """Plan the homes of ``rows`` and write what came of it."""
    kernel = fleet_kernel()
    blocks = len(answers.totals_kw)
    written = (answers.battery_w, answers.soc_pct, answers.grid_w, answers.figures)
    if not kernel.is_compiled:
        _plan_plainly(kernel, rows, written, answers.totals_kw, room)
    elif threads == 1:
        real, whole = _rooms(1, room)
        for block in range(blocks):
            kernel.plan_block(block, blocks, *rows, *written, answers.totals_kw[block], real[0], whole[0])
    else:
        import numba

        real, whole = _rooms(blocks, room)
        with _one_at_a_time:
            numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
            kernel.plan_homes(*rows, *written, answers.totals_kw, real, whole)


_kept = threading.local()


def _rooms(blocks: int, room: int) -> tuple[Any, Any]:
    """Return the rooms that blocks of homes are planned in; a thread keeps those of its last chunk."""
    shape = (blocks, room)
    if getattr(_kept, "shape", None) != shape:
        _kept.shape = shape
        _kept.rooms = (
            np.zeros((blocks, _REAL_ROWS, room)),
            np.zeros((blocks, _WHOLE_ROWS, room), np.int64),
        )
    return _kept.rooms  # type: ignore[no-any-return]


def _plan_plainly(
    kernel: Kernel, rows: tuple[Any, ...], written: tuple[Any, ...], totals_kw: FloatArray, room: int
) -> None:
    """Plan with lists, which plain Python reads several times faster than arrays."""
    answers, totals = [array.tolist() for array in written], totals_kw.tolist()
    real = [[0.0] * room for _ in range(_REAL_ROWS)]
    whole = [[0] * room for _ in range(_WHOLE_ROWS)]
    given = [row.tolist() for row in rows]
    for block, total in enumerate(totals):
        kernel.plan_block(block, len(totals), *given, *answers, total, real, whole)
    for array, answer in zip((*written, totals_kw), (*answers, totals), strict=True):
        array[:] = answer
