"""The settings of the multi-factor score: weights, bands and thresholds. The defaults are the documented ones."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from hems.config.fields import Points, Section, refuse


class UpToBand(Section):
    """A band that reaches up to a value, the value included."""

    up_to: float = Field(description="The highest value of this band, itself included.")
    points: Points = Field(ge=0, le=100, description="Points of this band.")


class AtLeastBand(Section):
    """A band that starts at a value, the value included."""

    at_least: float = Field(description="The lowest value of this band, itself included.")
    points: Points = Field(ge=0, le=100, description="Points of this band.")


Weight = Annotated[
    float, Field(ge=0, le=1, description="Share of this factor in the total; the four weights sum to 1.")
]
UpToBands = Annotated[
    tuple[UpToBand, ...],
    Field(min_length=1, strict=False, description="Bands by rising `up_to`; the first that reaches the value counts."),
]
AtLeastBands = Annotated[
    tuple[AtLeastBand, ...],
    Field(min_length=1, strict=False, description="Bands by falling `at_least`; the first the value reaches counts."),
]
Otherwise = Annotated[Points, Field(ge=0, le=100, description="Points beyond the last band.")]


class RisingFactor(Section):
    """A factor whose bands are tried from the lowest value up."""

    weight: Weight
    bands: UpToBands
    otherwise: Otherwise

    @model_validator(mode="after")
    def _bands_rise(self) -> Self:
        for index, (lower, upper) in enumerate(pairwise(self.bands), start=1):
            if upper.up_to <= lower.up_to:
                refuse((f"bands.{index}.up_to", f"must be more than in the band before it ({lower.up_to:g})"))
        return self


class FallingFactor(Section):
    """A factor whose bands are tried from the highest value down."""

    weight: Weight
    bands: AtLeastBands
    otherwise: Otherwise

    @model_validator(mode="after")
    def _bands_fall(self) -> Self:
        for index, (upper, lower) in enumerate(pairwise(self.bands), start=1):
            if lower.at_least >= upper.at_least:
                refuse((f"bands.{index}.at_least", f"must be less than in the band before it ({upper.at_least:g})"))
        return self


def _up_to(*bands: tuple[float, float]) -> tuple[UpToBand, ...]:
    return tuple(UpToBand(up_to=value, points=points) for value, points in bands)


def _at_least(*bands: tuple[float, float]) -> tuple[AtLeastBand, ...]:
    return tuple(AtLeastBand(at_least=value, points=points) for value, points in bands)


class PriceFactor(RisingFactor):
    """Cheap energy asks for charging; bands in currency per MWh."""

    weight: Weight = 0.40
    bands: UpToBands = _up_to((200, 100), (400, 80), (600, 40))
    otherwise: Otherwise = 0


class BatteryFactor(RisingFactor):
    """An empty battery asks for charging; bands in % of charge."""

    weight: Weight = 0.25
    bands: UpToBands = _up_to((20, 100), (40, 80), (70, 40), (90, 10))
    otherwise: Otherwise = 0


class PvFactor(FallingFactor):
    """Missing sun asks for charging; bands in W."""

    weight: Weight = 0.20
    bands: AtLeastBands = _at_least((3000, 0), (1000, 30), (100, 60))
    otherwise: Otherwise = 100


class ConsumptionFactor(FallingFactor):
    """A busy house asks for charging; bands in W."""

    weight: Weight = 0.15
    bands: AtLeastBands = _at_least((3000, 100), (1000, 60), (100, 30))
    otherwise: Otherwise = 0


class Factors(Section):
    """The four factors of the score."""

    price: PriceFactor = Field(
        default=PriceFactor(), description="Day-ahead market price of the present quarter, in currency per MWh."
    )
    battery: BatteryFactor = Field(default=BatteryFactor(), description="State of charge of the battery, in %.")
    pv: PvFactor = Field(default=PvFactor(), description="Present PV production, in W.")
    consumption: ConsumptionFactor = Field(
        default=ConsumptionFactor(), description="Present consumption of the house, in W."
    )

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Self:
        weights = {name: getattr(self, name).weight for name in type(self).model_fields}
        total = math.fsum(weights.values())
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            terms = " + ".join(f"{name} {weight:g}" for name, weight in weights.items())
            refuse(("", f"the four weights must sum to 1; {terms} sum to {total:g}"))
        return self


class ChargingThresholds(Section):
    """Where the total score turns into an action."""

    start_charging_score: Points = Field(
        default=70, ge=0, le=100, description="Charging starts at this total score or above."
    )
    stop_charging_score: Points = Field(default=30, ge=0, le=100, description="Charging stops at this score or below.")
    continue_charging_min: Points = Field(
        default=30,
        ge=0,
        le=100,
        description="Lower end of the range that continues the present state. The same number as "
        "`stop_charging_score`, and follows it where left out.",
    )
    continue_charging_max: Points = Field(
        default=70,
        ge=0,
        le=100,
        description="Upper end of the range that continues the present state. The same number as "
        "`start_charging_score`, and follows it where left out.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults: list[tuple[str, str]] = []
        if self.stop_charging_score >= self.start_charging_score:
            faults.append(
                ("stop_charging_score", f"must be less than start_charging_score ({self.start_charging_score:g})")
            )
        for key, follows in (
            ("continue_charging_min", "stop_charging_score"),
            ("continue_charging_max", "start_charging_score"),
        ):
            wanted = getattr(self, follows)
            if key not in self.model_fields_set:
                object.__setattr__(self, key, wanted)  # the documented default, moved along with its threshold
            elif getattr(self, key) != wanted:
                faults.append((key, f"must equal {follows} ({wanted:g}): a score is above, below or between"))
        if faults:
            refuse(*faults)
        return self
