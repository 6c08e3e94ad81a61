"""Orders: what stands, and a new one. Each goes the way of every proposal, through the gate."""

from __future__ import annotations

from fastapi import APIRouter

from hems.domain.errors import OrderRefused
from hems.web.access.guard import Controller, Reader
from hems.web.dependencies import FrameOf, HouseOf
from hems.web.models.orders import EmergencyStopRequest, OrderAnswer, OrderRequest, OrdersView
from hems.web.present.orders import answer_of, order_of, orders_view
from hems.web.problems import Problem, answers

router = APIRouter(tags=["orders"])

WAITING_MAX = 20
"""More at once are no people. Each is work for the control loop; an emergency stop is never turned away."""


@router.get("/orders", responses=answers(401, 403, 503))
async def standing(frame: FrameOf, _caller: Reader) -> OrdersView:
    """What people have ordered, and what still stands."""
    return orders_view(frame.standing)


@router.post("/orders", responses=answers(400, 401, 403, 413, 415, 422, 429, 503))
async def order(request: OrderRequest, house: HouseOf, caller: Controller) -> OrderAnswer:
    """Give an order. It becomes a proposal, safety bounds it as it bounds every other, and the answer says what came.

    It is taken at once: the answer comes when the next control cycle has seen it.
    """
    house.frame  # noqa: B018  # before the first cycle there is nothing to order
    if house.waiting_orders >= WAITING_MAX and not isinstance(request, EmergencyStopRequest):
        detail = f"{house.waiting_orders} orders wait for their answer already: try again in a moment"
        raise Problem(429, "too-many-orders", detail, headers={"Retry-After": "1"})
    try:
        outcome = await house.order(order_of(request), caller.name)
    except OrderRefused as error:
        raise Problem(422, "order-rejected", str(error)) from error
    return answer_of(outcome)
