"""The settings of decisions: which strategy is in charge, and how it plans."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hems.config.fields import Section


class DecisionSettings(Section):
    """Who decides, and how plans are made. Safety and a person's orders stand above every strategy."""

    strategy: Literal["optimal", "multi_factor", "self_use"] = Field(
        default="optimal",
        description="Who is in charge. `optimal` plans a day and a half ahead in money; `multi_factor` is the score of "
        "the present moment; `self_use` leaves the inverter alone. The others run in the shadow.",
    )
    shadows: bool = Field(
        default=True,
        description="Whether the strategies that are not in charge are computed too, each with a battery of its own, "
        "to show what they would have saved.",
    )
    horizon_hours: float = Field(
        default=36, ge=6, le=72, description="How far ahead is planned; beyond published prices by similar days."
    )
    change_price: float = Field(
        default=0.005,
        ge=0,
        le=1,
        description="What a change of mode counts beside its money, in currency: keeps the plan from flipping for "
        "next to nothing.",
    )
    language: Literal["en", "pl"] = Field(default="en", description="In which language reasons are told.")
