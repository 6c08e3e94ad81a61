"""Orders: what a person or a program may ask for, what stands, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field

from hems.domain.command import Mode
from hems.web.models.base import Model, Percent, Utc, Watts


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time lies outside of every calendar") from error


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    Field(description="A moment with its offset from UTC, in the future.", examples=["2026-11-23T07:00:00+01:00"]),
]
StrategyName = Literal["optimal", "multi_factor", "self_use"]
StandingKind = Literal["pause", "hold", "self_use", "fast_charge", "strategy"]


class _Request(Model):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PauseRequest(_Request):
    """Nothing is forced until then: no plan, no fast charge, no emergency charge; safety goes on."""

    order: Literal["pause"]
    until: Moment


class HoldRequest(_Request):
    """The battery does not discharge until then; the sun may charge it."""

    order: Literal["hold"]
    until: Moment


class SelfUseRequest(_Request):
    """Plain self-use until then: the sun first, the battery next, the grid last."""

    order: Literal["self_use"]
    until: Moment


class FastChargeRequest(_Request):
    """Have so much in the battery by then, bought in the cheapest quarters that are left."""

    order: Literal["fast_charge"]
    target_soc_pct: Annotated[Percent, Field(gt=0, le=100, examples=[90.0])]
    by: Moment


class WithdrawRequest(_Request):
    """End what stands."""

    order: Literal["withdraw"]
    what: StandingKind


class StrategyRequest(_Request):
    """Put a strategy in charge, until another one is, or the configuration names a new one."""

    order: Literal["strategy"]
    name: StrategyName


class EmergencyStopRequest(_Request):
    """End every forced mode at once and begin none until `release` is ordered."""

    order: Literal["emergency_stop"]
    reason: Annotated[str, Field(max_length=200, examples=["the electrician is here"])] = ""


class ReleaseRequest(_Request):
    """Release the emergency stop, and every safety latch whose cause is seen to be over."""

    order: Literal["release"]


OrderRequest = Annotated[
    PauseRequest
    | HoldRequest
    | SelfUseRequest
    | FastChargeRequest
    | WithdrawRequest
    | StrategyRequest
    | EmergencyStopRequest
    | ReleaseRequest,
    Field(discriminator="order"),
]


class StandingOrder(Model):
    """An order that stands."""

    kind: StandingKind
    until: Utc | None = Field(description="When it ends by itself; of a fast charge, the deadline.")
    asked_at: Utc | None
    by: str | None = Field(description="Who asked.", examples=["dashboard"])
    target_soc_pct: Percent | None = Field(default=None, description="Of a fast charge.")
    problem: str | None = Field(default=None, description="Why it cannot be followed, where it cannot.")


class OrdersView(Model):
    """What people have ordered, and what still stands."""

    standing: list[StandingOrder]
    strategy: StrategyName = Field(description="In charge now.")
    configured_strategy: StrategyName
    emergency_stop: bool = Field(description="Whether a person has stopped everything and not released it.")
    emergency_stop_since: Utc | None = None
    emergency_stop_reason: str | None = None


class OrderDecision(Model):
    """What was decided with the order."""

    at: Utc
    mode: Mode
    power_w: Watts | None
    source: str
    reason: str
    verdict: Literal["allowed", "narrowed", "refused"]
    causes: list[str]


class OrderAction(Model):
    """What the inverter was told because of it."""

    at: Utc
    asked: str
    result: str = Field(examples=["Applied"])
    detail: str | None
    register_writes: int


class OrderAnswer(Model):
    """What was done."""

    message: str = Field(
        description="What was done, in one sentence, in the configured language.",
        examples=["The battery is held until 18:00."],
    )
    followed: bool = Field(
        description="Whether what is decided does what was asked: false where safety or another order goes first."
    )
    decision: OrderDecision | None = Field(description="Null where none was made in time; the message says why.")
    action: OrderAction | None = Field(description="Null where the inverter had to be told nothing.")
    orders: OrdersView = Field(description="What stands now.")
