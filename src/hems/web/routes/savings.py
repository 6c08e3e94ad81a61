"""What it saved, by day and by month."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request

from hems.composition.savings import SavingsBook
from hems.composition.savings_settings import savings_book_of
from hems.domain.time_grid import local_date
from hems.web.access.guard import Reader
from hems.web.dependencies import FrameOf, HouseOf, in_thread
from hems.web.frame import Frame
from hems.web.house import House
from hems.web.models.savings import SavingsView
from hems.web.present.savings import savings_view
from hems.web.problems import Problem, answers

router = APIRouter(tags=["savings"])

DAYS_SHOWN = 30
DAYS_MAX = 5 * 366
"""As long as quarters are kept; twenty empty years took half a minute to tell."""


@router.get("/savings", responses=answers(401, 403, 422, 503))
async def savings(
    request: Request,
    house: HouseOf,
    frame: FrameOf,
    _caller: Reader,
    start: Annotated[date | None, Query(description="First local day; left out: 30 days with the last one.")] = None,
    end: Annotated[date | None, Query(description="Last local day; left out: today.")] = None,
) -> SavingsView:
    """What was saved against self-use, the score and hindsight, and the figures F1-F5.

    Hindsight is computed once for a day and kept; of a long span only some days at once: `hindsight_pending` says so.
    """
    now = house.now()
    last = end or local_date(now, house.loaded.zone)
    book, database = _book(request, house, frame), house.loaded.database
    try:
        first = start or last - timedelta(days=DAYS_SHOWN - 1)
        if last - first >= timedelta(days=DAYS_MAX):
            raise Problem(422, "span-not-possible", f"ask for at most {DAYS_MAX} days at a time")
        report = await in_thread(lambda: book.report(database, first, last, now))
    except (ValueError, OverflowError) as error:
        raise Problem(422, "span-not-possible", str(error)) from error
    return savings_view(report)


def _book(request: Request, house: House, frame: Frame) -> SavingsBook:
    """Return the book of this house; made anew where the inverter turns out to be able to hold PV back."""
    can_limit_export = frame.outlook is not None and frame.outlook.home.can_limit_export
    kept: tuple[bool, SavingsBook] | None = getattr(request.app.state, "savings", None)
    if kept is None or (can_limit_export and not kept[0]):
        kept = (can_limit_export, savings_book_of(house.loaded.settings, can_limit_export=can_limit_export))
        request.app.state.savings = kept
    return kept[1]
