"""The future: plan, prices, forecasts, and the strategies side by side."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hems.web.access.guard import Reader
from hems.web.dependencies import FrameOf, HouseOf
from hems.web.models.plan import ForecastsView, PlanView, PricesView
from hems.web.models.savings import StrategiesView, StrategyView
from hems.web.present.plan import forecasts_view, plan_view, prices_view
from hems.web.problems import answers

router = APIRouter(tags=["plan"])


@router.get("/plan", responses=answers(401, 403, 503))
async def plan(house: HouseOf, frame: FrameOf, _caller: Reader) -> PlanView:
    """What is planned for the next day and a half, slot by slot, and why."""
    return plan_view(frame, house.loaded)


@router.get("/prices", responses=answers(401, 403, 503))
async def prices(frame: FrameOf, _caller: Reader) -> PricesView:
    """Today's prices and those of the next two days, known and estimated told apart."""
    return prices_view(frame)


@router.get("/forecasts", responses=answers(401, 403, 503))
async def forecasts(frame: FrameOf, _caller: Reader) -> ForecastsView:
    """What the latest decision expected of the house and of the sun, with how sure that is."""
    return forecasts_view(frame)


@router.get("/strategies", responses=answers(401, 403, 503))
async def strategies(frame: FrameOf, house: HouseOf, _caller: Reader) -> StrategiesView:
    """Every strategy beside the real house, each with a battery of its own: what it would have saved."""
    told: dict[str, Any] | None = frame.status["strategies"]
    if told is None:  # decision.shadows is off
        currency = house.loaded.settings.prices.currency
        return StrategiesView(currency=currency, since=None, quarters=0, gaps=0, strategies=[])
    in_charge = frame.standing.in_charge
    rows = [StrategyView(name=name, in_charge=name == in_charge, **figures) for name, figures in told["houses"].items()]
    return StrategiesView(
        currency=told["currency"],
        since=told["since"],
        quarters=told["quarters"],
        gaps=told["gaps"],
        strategies=rows,
    )
