"""The settings of the plausibility filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PlausibilityOptions:
    """What counts as doubtful. Raises: ValueError: no samples, negative times, or steps that are not positive."""

    debounce_samples: int = 3
    debounce_time: timedelta = timedelta(seconds=30)
    """A jump of the SoC is believed once it has lasted this many samples and this long."""
    soc_step_pct: float = 3.0
    """A jump this small is rounding or the BMS's own correction."""
    soc_rate_c: float = 1.5
    """The fastest real change of the SoC, in multiples of the capacity per hour; home batteries stay at or below 1 C. A
    simulated house at n times real time needs n times this."""
    balance_tolerance_w: float = 500.0
    """The four powers are not sampled at one instant, and conversion losses are in none of them."""
    balance_tolerance_share: float = 0.10
    frozen_after: timedelta = timedelta(minutes=2)
    """Readings that stay identical to the last digit for this long are doubted: voltages always move."""

    def __post_init__(self) -> None:
        if self.debounce_samples < 1 or self.debounce_time < timedelta(0):
            raise ValueError("a jump of the SoC needs at least one sample and no negative time to be believed")
        if not (self.soc_step_pct > 0 and self.soc_rate_c > 0 and self.frozen_after > timedelta(0)):
            raise ValueError("the steps and times of plausibility must be positive")
