"""Runs the checks side by side. Each is bounded in time, and a broken one hides no other."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from hems.composition.doctor.model import Check, Finding, Group, State

TIMED_OUT = "check_timed_out"
CRASHED = "check_crashed"
NOT_PERMITTED = "check_not_permitted"

logger = logging.getLogger(__name__)

Tell = Callable[[Sequence[str]], None]
"""Told the names of the checks that are still under way."""


async def run_checks(checks: Sequence[Check], tell: Tell) -> tuple[Finding, ...]:
    """Return the findings of all ``checks``, in the order of the groups and, within one, of the checks."""
    waiting = [check.name for check in checks]
    tell(waiting)

    async def run(check: Check) -> Sequence[Finding]:
        try:
            return await _run_one(check)
        finally:
            waiting.remove(check.name)
            tell(waiting)

    results = await asyncio.gather(*(run(check) for check in checks))
    order = list(Group)
    found = [finding for result in results for finding in result]
    return tuple(sorted(found, key=lambda finding: order.index(finding.group)))


async def _run_one(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(check.limit_s):
            return await check.run()
    except TimeoutError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            return [_unfinished(check)]
        return [_crashed(check, error)]
    except PermissionError as error:
        return [_not_permitted(check, error)]
    except Exception as error:  # one broken check must not hide the others
        logger.debug("the check %s failed", check.name, exc_info=True)
        return [_crashed(check, error)]


def _unfinished(check: Check) -> Finding:
    return Finding(
        group=check.group,
        code=TIMED_OUT,
        state=State.WARNING,
        title="Check not finished",
        found=f"{check.name}: nothing was learnt within {check.limit_s:g} s",
        advice=("Run `hems doctor` again when the machine is less busy; if it stays so, what is checked here hangs",),
    )


def _not_permitted(check: Check, error: PermissionError) -> Finding:
    return Finding(
        group=check.group,
        code=NOT_PERMITTED,
        state=State.NOT_CHECKED,
        title="Not for this user to see",
        found=f"{check.name}: {error.filename}: {error.strerror}",
        advice=("Run it as root or as the service's user: sudo .venv/bin/hems doctor",),
    )


def _crashed(check: Check, error: Exception) -> Finding:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return Finding(
        group=check.group,
        code=CRASHED,
        state=State.PROBLEM,
        title="Check broken",
        found=f"{check.name}: {type(error).__name__}: {error} ({place})",
        advice=("This is a fault of the check itself: please report it with this line",),
    )
