"""How far a fleet is: a bar on a terminal, else a line now and then on the error stream."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TOLD_EVERY_S = 5.0
"""Between two lines of progress where there is no terminal to draw a bar on."""


@contextmanager
def fleet_progress(homes: int) -> Iterator[tuple[Callable[[int], None], Callable[[int, float], None]]]:
    """Show homes done, rate and remaining time; yields who is told of homes and who of a limit's questions."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    begin: float | None = None
    last = time.monotonic()
    done = earlier = questions = 0
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("homes", total=homes)

        def told(more: int) -> None:
            nonlocal begin, done, earlier, last
            done += more
            now = time.monotonic()
            if begin is None:  # the first word is of what an earlier run had done
                begin, earlier = now, done
            per_s = (done - earlier) / max(now - begin, 1e-9)
            bar.update(task, completed=done, description=f"homes, {_rate(per_s)}")
            if not console.is_terminal and done > earlier and now - last >= TOLD_EVERY_S:
                last = now
                left = (homes - done) / max(per_s, 1e-9)
                print(f"{done} of {homes} homes, {_rate(per_s)}, {left:.0f} s left", file=sys.stderr, flush=True)

        def told_price(_chunks: int, bound: float) -> None:
            nonlocal questions, last
            questions += 1
            bar.update(task, description=f"limit's price, question {questions}")
            if not console.is_terminal and time.monotonic() - last >= TOLD_EVERY_S:
                last = time.monotonic()
                print(f"limit's price: question {questions}, answers sum to {bound:,.2f}", file=sys.stderr, flush=True)

        yield told, told_price


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f} a second" if per_s >= 10.0 else f"{60.0 * per_s:,.1f} a minute"
