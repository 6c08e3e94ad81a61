"""Hands the chunks of a fleet to whoever works, and keeps what comes back, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from typing import Any, Protocol, TypeVar

_Chunk = TypeVar("_Chunk")
_Made = TypeVar("_Made")
_Given = TypeVar("_Given", covariant=True)


class Source(Protocol[_Given]):
    """Where chunks come from."""

    def chunks(self, done: Collection[int] = ()) -> Iterator[_Given]:
        """Yield the chunks in order, without those in ``done``."""
        ...


def work_through(
    source: Source[_Chunk],
    work: Callable[[_Chunk], _Made],
    executor: Executor,
    in_flight: int,
    done: Collection[int] = (),
) -> Iterator[tuple[_Chunk, _Made]]:
    """Yield every chunk that is not ``done`` with what ``work`` made of it, as it comes, in any order.

    ``work`` is done wherever: it is picklable, and so is its result. Planning is one, a backtest another. At most
    ``in_flight`` chunks are in memory. When whoever asks stops asking (Ctrl-C), what has not begun is cancelled.
    Raises: what ``work`` raises.
    """
    pending: dict[Future[Any], _Chunk] = {}
    try:
        for chunk in source.chunks(done):
            pending[executor.submit(work, chunk)] = chunk
            if len(pending) >= in_flight:
                yield from _finished(pending)
        while pending:
            yield from _finished(pending)
    finally:
        for future in pending:
            with suppress(RuntimeError):  # an executor that is gone has nothing to cancel
                future.cancel()


def _finished(pending: dict[Future[Any], _Chunk]) -> Iterator[tuple[_Chunk, Any]]:
    ready, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in ready:
        chunk = pending.pop(future)
        yield chunk, future.result()
