"""Plan, prices and forecasts, made from a frame."""

from __future__ import annotations

from datetime import timedelta

from hems.composition.tools import Loaded
from hems.decision.planned_reasons import planned_reasons
from hems.decision.sentences import Language
from hems.domain.forecast import EnergyForecast
from hems.domain.outlook import HomeModel
from hems.domain.plan import Choice, NoPlan, Plan, Reasoning
from hems.domain.prices import PricePart
from hems.domain.time_grid import MTU, floor_to_grid
from hems.planning.comparison import compare
from hems.web.frame import Frame
from hems.web.models.plan import (
    ChoiceView,
    ForecastColumns,
    ForecastsView,
    InputView,
    PlanColumns,
    PlanView,
    PriceColumns,
    PricePartView,
    PricesView,
    ReasoningView,
    UseView,
)

_W_DIGITS = 0
_MONEY_DIGITS = 4


def plan_view(frame: Frame, loaded: Loaded) -> PlanView:
    """Return the plan behind the latest decision, or why there is none."""
    plan, home = frame.plan, None if frame.outlook is None else frame.outlook.home
    found = isinstance(plan, Plan) and home is not None
    return PlanView(
        at=None if plan is None else plan.at,
        problem=None if found else _why_none(frame),
        currency=loaded.settings.prices.currency,
        start_soc_pct=round(plan.soc_pct, 1) if isinstance(plan, Plan) else None,
        reserve_soc_pct=None if home is None else max(home.reserve_pct, home.floor_pct),
        capacity_wh=None if home is None else home.capacity_wh,
        method=plan.method if isinstance(plan, Plan) else None,
        gap=round(plan.gap, _MONEY_DIGITS) if isinstance(plan, Plan) else None,
        saves=_saves(frame),
        reasoning=reasoning_view(plan.reasoning) if isinstance(plan, Plan) else None,
        slots=_columns(plan, home, loaded) if isinstance(plan, Plan) and home is not None else None,
        remarks=[] if plan is None else list(plan.remarks),
    )


def reasoning_view(why: Reasoning) -> ReasoningView:
    """Return the numbers behind a decision."""
    alternative, use = why.alternative, why.use
    return ReasoningView(
        stored_value_per_kwh=round(why.stored_value_per_kwh, _MONEY_DIGITS),
        charge_below_per_kwh=round(why.charge_below_per_kwh, _MONEY_DIGITS),
        sell_above_per_kwh=round(why.sell_above_per_kwh, _MONEY_DIGITS),
        until=why.until,
        use=None
        if use is None
        else UseView(
            start=use.start, end=use.end, price_per_kwh=round(use.price_per_kwh, _MONEY_DIGITS), is_sold=use.is_sold
        ),
        alternative=None if alternative is None else _choice(alternative, is_money=why.alternative_is_money),
        self_use_costs_more=round(why.self_use_costs_more, _MONEY_DIGITS) if why.self_use_is_money else None,
        agreement=round(why.agreement, 3),
        inputs=[
            InputView(name=note.name, source=note.source, known_at=note.known_at, detail=note.detail)
            for note in why.inputs
        ],
    )


def prices_view(frame: Frame) -> PricesView:
    """Return today's prices and those of the next two days."""
    image, status = frame.prices, frame.status["prices"]
    retail = {price.start: price for price in image.retail}
    now = retail.get(floor_to_grid(frame.at))
    known = [retail.get(slot.start) for slot in image.market]
    return PricesView(
        currency=image.market.currency,
        source=status["source"],
        published_until=status["known_until"],
        slots=PriceColumns(
            start=[int(slot.start.timestamp()) for slot in image.market],
            market_per_mwh=[round(slot.price_per_mwh, 2) for slot in image.market],
            origin=[slot.origin for slot in image.market],
            import_per_kwh=[None if price is None else round(price.import_per_kwh, 5) for price in known],
            export_per_kwh=[None if price is None else round(price.export_per_kwh, 5) for price in known],
            export_estimated=[None if price is None else price.export_estimated for price in known],
        ),
        import_parts_now=[] if now is None else [_part(part) for part in now.import_parts],
        export_parts_now=[] if now is None else [_part(part) for part in now.export_parts],
        remarks=list(image.remarks),
    )


def forecasts_view(frame: Frame) -> ForecastsView:
    """Return what the latest decision expected of the house and the sun."""
    outlook = frame.outlook
    if outlook is None:
        return ForecastsView(load=None, pv=None)
    return ForecastsView(load=_forecast(outlook.load), pv=_forecast(outlook.pv))


def _saves(frame: Frame) -> float | None:
    if not isinstance(frame.plan, Plan) or frame.outlook is None:
        return None
    comparison = compare(frame.outlook, frame.plan)
    return None if comparison is None else round(comparison.saving, _MONEY_DIGITS)


def _why_none(frame: Frame) -> str:
    if isinstance(frame.plan, NoPlan):
        return "; ".join(frame.plan.remarks)
    if frame.decision is None:
        return "no decision has been made yet"
    return f"the strategy in charge, {frame.standing.in_charge}, decides by the present moment and makes no plan"


def _columns(plan: Plan, home: HomeModel, loaded: Loaded) -> PlanColumns:
    slots = plan.slots
    language = Language(loaded.settings.decision.language)
    return PlanColumns(
        start=[int(slot.start.timestamp()) for slot in slots],
        duration_s=[(slot.end - slot.start) / timedelta(seconds=1) for slot in slots],
        mode=[slot.mode for slot in slots],
        power_w=[slot.power_w for slot in slots],
        export_limit_w=[slot.export_limit_w for slot in slots],
        soc_pct=[round(slot.soc_pct, 1) for slot in slots],
        battery_w=[round(slot.battery_w, _W_DIGITS) + 0.0 for slot in slots],
        grid_w=[round(slot.grid_w, _W_DIGITS) + 0.0 for slot in slots],
        load_w=[round(slot.load_w, _W_DIGITS) for slot in slots],
        pv_w=[round(slot.pv_w, _W_DIGITS) for slot in slots],
        curtailed_w=[round(slot.curtailed_w, _W_DIGITS) for slot in slots],
        import_per_kwh=[round(slot.import_per_kwh, 5) for slot in slots],
        export_per_kwh=[round(slot.export_per_kwh, 5) for slot in slots],
        price_estimated=[slot.price_estimated for slot in slots],
        cost=[round(slot.cost, _MONEY_DIGITS) + 0.0 for slot in slots],
        stored_value_per_kwh=[round(slot.stored_value_per_kwh, _MONEY_DIGITS) for slot in slots],
        reason=list(planned_reasons(plan, home, zone=loaded.zone, language=language)),
    )


def _choice(choice: Choice, *, is_money: bool) -> ChoiceView:
    costs_more = round(choice.costs_more, _MONEY_DIGITS) if is_money else None
    return ChoiceView(mode=choice.mode, power_w=choice.power_w, costs_more=costs_more)


def _part(part: PricePart) -> PricePartView:
    return PricePartView(name=part.name, per_kwh=round(part.per_kwh, 5), kind=part.kind.value)


def _forecast(forecast: EnergyForecast | None) -> ForecastColumns | None:
    if forecast is None:
        return None
    p10, p30, p50, p70, p90 = ([round(power, _W_DIGITS) for power in level] for level in forecast.levels_w)
    first = int(forecast.start.timestamp())
    step = int(MTU.total_seconds())
    return ForecastColumns(
        source=forecast.source,
        issued_at=forecast.issued_at,
        known_at=forecast.known_at,
        start=[first + index * step for index in range(len(forecast))],
        p10_w=p10,
        p30_w=p30,
        p50_w=p50,
        p70_w=p70,
        p90_w=p90,
        notes=list(forecast.notes),
    )
