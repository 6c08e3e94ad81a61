"""The SoC filter: single samples that jump (100 → 0 → 100) are held back until they are confirmed.

Source of the symptom: measured GoodWe units, where single samples jump and about 4 points vanish between 22 and 18 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from hems.domain.readings import BatteryReading
from hems.safety.plausibility_options import PlausibilityOptions

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SocState:
    """The last plausible SoC, and the jump that waits to be confirmed."""

    soc_pct: float | None = None
    at: datetime | None = None
    candidate_pct: float | None = None
    candidate_since: datetime | None = None
    candidate_samples: int = 0
    doubt_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SocVerdict:
    """The SoC to use now. ``note`` says what was doubted; ``doubt`` is set once it has been given up as unknown."""

    state: SocState
    soc_pct: float | None
    note: str | None = None
    doubt: str | None = None


def filter_soc(
    state: SocState, battery: BatteryReading, arrived_pct: float | None, options: PlausibilityOptions
) -> SocVerdict:
    """Return the SoC to use: the reading, the last plausible one while a jump is unconfirmed, or unknown.

    ``battery.soc_pct`` is the reading within its range, ``arrived_pct`` what came over the wire: 180 % arrived but is
    impossible. A reading that did not arrive is unknown at once.
    """
    now = battery.at
    if arrived_pct is None:
        return SocVerdict(replace(state, candidate_pct=None, candidate_samples=0, doubt_since=None), None)
    if battery.soc_pct is not None and _follows(state, battery.soc_pct, now, options):
        return SocVerdict(SocState(soc_pct=battery.soc_pct, at=now), battery.soc_pct)
    state = _with_candidate(state, battery.soc_pct, now, options)
    if _is_confirmed(state, now, options):
        confirmed = state.candidate_pct
        note = f"SoC moved from {_percent(state.soc_pct)} to {_percent(confirmed)} and stayed: believed now"
        return SocVerdict(SocState(soc_pct=confirmed, at=now), confirmed, note)
    doubt_since = state.doubt_since or now
    jump = f"SoC jumped from {_percent(state.soc_pct)} to {_percent(arrived_pct)}"
    if state.soc_pct is None or now - doubt_since > options.debounce_time:
        text = f"{jump} and is not confirmed yet: unknown"
        return SocVerdict(state, None, text, text)
    return SocVerdict(state, state.soc_pct, f"{jump}: {_percent(state.soc_pct)} is kept until that is confirmed")


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} %"


def _follows(state: SocState, soc_pct: float, now: datetime, options: PlausibilityOptions) -> bool:
    """Return whether ``soc_pct`` can follow the last plausible SoC in the time that passed.

    With nothing to follow, all is believed but exactly 0: a register that is not available reads 0xFFFF, and some
    layers turn that into 0.
    """
    if state.soc_pct is None or state.at is None:
        return soc_pct != 0
    hours = max((now - state.at).total_seconds(), 0.0) / _SECONDS_PER_HOUR
    return abs(soc_pct - state.soc_pct) <= options.soc_step_pct + 100.0 * options.soc_rate_c * hours


def _with_candidate(state: SocState, soc_pct: float | None, now: datetime, options: PlausibilityOptions) -> SocState:
    """Return the state with this jump counted; an impossible value counts towards nothing but the doubt."""
    doubt_since = state.doubt_since
    if doubt_since is None or now < doubt_since:  # a clock set back starts the wait again
        doubt_since = now
    if soc_pct is None:
        return replace(state, candidate_pct=None, candidate_since=None, candidate_samples=0, doubt_since=doubt_since)
    same = state.candidate_pct is not None and abs(soc_pct - state.candidate_pct) <= options.soc_step_pct
    since = state.candidate_since
    if not same or since is None or now < since:
        since, samples = now, 1
    else:
        samples = state.candidate_samples + 1
    return replace(
        state, candidate_pct=soc_pct, candidate_since=since, candidate_samples=samples, doubt_since=doubt_since
    )


def _is_confirmed(state: SocState, now: datetime, options: PlausibilityOptions) -> bool:
    if state.candidate_since is None or state.candidate_samples < options.debounce_samples:
        return False
    return now - state.candidate_since >= options.debounce_time
