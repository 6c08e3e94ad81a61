"""Follows where the stored energy came from: feeds the ledger of origin with what each poll measured.

Powers between two polls are taken as their mean. What was not measured counts as the grid's (``OriginLedger``): the
first start, a gap longer than ``max_gap`` over which the SoC has moved, and every gap longer than ``trusted_gap``.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hems.domain.readings import Quality, SiteSnapshot
from hems.domain.time_grid import require_utc
from hems.planning.origin_ledger import OriginLedger
from hems.ports.storage import RecordStore

_log = logging.getLogger(__name__)

STATE_KEY = "energy_origin"
STATE_FORMAT = 1

SOC_STEP_PCT = 1.0
"""Inverters tell the SoC in whole percents: a sum within one of it has not drifted."""

UNSEEN_PCT = 5.0
"""A difference greater than this is no drift: a BMS that counts anew, or energy that nobody saw. Above the 4 points
that measured units lose between 22 and 18 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginOptions:
    """The battery and how long it may go unseen.

    Efficiencies between the terminals and what is stored, as the yardstick of self-use takes them (``SelfUseHouse``);
    what they are wrong by is drift. ``max_gap`` is two and a half stored polls, as for the energy ledger.
    """

    capacity_wh: float
    charge_efficiency: float = 0.97
    discharge_efficiency: float = 0.97
    max_gap: timedelta = timedelta(seconds=150)
    trusted_gap: timedelta = timedelta(hours=1)
    """Over a longer one a battery may have been emptied and filled again to the same SoC."""

    def __post_init__(self) -> None:
        if not 0.0 < self.capacity_wh < math.inf:
            raise ValueError(f"capacity_wh {self.capacity_wh}: only a battery has an origin of its energy")


@dataclass(frozen=True, slots=True)
class _Powers:
    """Mean powers [W] of one poll, with the house's signs."""

    pv_w: float
    load_w: float
    battery_w: float
    grid_w: float


class OriginTracker:
    """Fed with every snapshot; lives in the cycle."""

    def __init__(self, options: OriginOptions) -> None:
        self._options = options
        self._ledger: OriginLedger | None = None
        self._at: datetime | None = None
        self._powers: _Powers | None = None
        self._known_since: datetime | None = None

    @property
    def ledger(self) -> OriginLedger | None:
        """The two parts now, or None before the first known SoC."""
        return self._ledger

    @property
    def known_since(self) -> datetime | None:
        """Since when the origin has been followed; all that was stored then counts as the grid's."""
        return self._known_since

    @property
    def capacity_wh(self) -> float:
        """What the battery holds at 100 % [Wh]."""
        return self._options.capacity_wh

    def observe(self, snapshot: SiteSnapshot) -> None:
        """Account for the time since the last good snapshot; one with a power unknown or doubted changes nothing."""
        powers = _powers_of(snapshot)
        if powers is None or snapshot.at == self._at:
            return
        soc_pct = snapshot.battery.soc_pct
        stored_wh = None if soc_pct is None else self._options.capacity_wh * soc_pct / 100.0
        passed = None if self._at is None else snapshot.at - self._at
        ledger, before = self._ledger, self._powers
        seen = passed is not None and timedelta(0) < passed <= self._options.max_gap
        if ledger is not None and before is not None and passed is not None and seen:
            self._ledger = self._settled(self._moved(ledger, before, powers, passed.total_seconds()), stored_wh)
        elif stored_wh is None:
            return  # still unseen, until an SoC tells what is there
        else:
            self._take_up(stored_wh, passed, snapshot.at)
        self._at, self._powers = snapshot.at, powers

    def _moved(self, ledger: OriginLedger, a: _Powers, b: _Powers, seconds: float) -> OriginLedger:
        options = self._options
        return ledger.after(
            pv_w=(a.pv_w + b.pv_w) / 2.0,
            load_w=(a.load_w + b.load_w) / 2.0,
            battery_w=(a.battery_w + b.battery_w) / 2.0,
            grid_w=(a.grid_w + b.grid_w) / 2.0,
            dt_s=seconds,
            charge_efficiency=options.charge_efficiency,
            discharge_efficiency=options.discharge_efficiency,
        )

    def _settled(self, ledger: OriginLedger, stored_wh: float | None) -> OriginLedger:
        """Return ``ledger`` brought within one step of the SoC that was read."""
        if stored_wh is None:
            return ledger
        step_wh = self._options.capacity_wh * SOC_STEP_PCT / 100.0
        off_wh = stored_wh - ledger.stored_wh
        if abs(off_wh) <= step_wh:
            return ledger
        if abs(off_wh) > self._options.capacity_wh * UNSEEN_PCT / 100.0:
            return ledger.after_gap(stored_wh)
        return ledger.rescaled_to(stored_wh - math.copysign(step_wh, off_wh))

    def _take_up(self, stored_wh: float, unseen: timedelta | None, at: datetime) -> None:
        """Begin with ``stored_wh``, or go on after a time in which nothing was seen."""
        if self._ledger is None or unseen is None or abs(unseen) > self._options.trusted_gap:
            self._ledger, self._known_since = OriginLedger.unknown(stored_wh), at
            return
        step_wh = self._options.capacity_wh * SOC_STEP_PCT / 100.0
        if abs(stored_wh - self._ledger.stored_wh) > step_wh:
            self._ledger = self._ledger.after_gap(stored_wh)

    # -- surviving a restart -----------------------------------------------------------------------------------

    def status(self) -> dict[str, object] | None:
        """Return the two parts for the status [Wh], or None while nothing is known."""
        if self._ledger is None or self._known_since is None:
            return None
        return {
            "pv_wh": round(self._ledger.pv_wh, 1),
            "grid_wh": round(self._ledger.grid_wh, 1),
            "known_since": self._known_since.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    def save(self, store: RecordStore) -> None:
        """Keep the two parts in ``store``. Raises: StorageError."""
        if self._ledger is None or self._at is None or self._known_since is None:
            return
        state = {
            "format": STATE_FORMAT,
            "capacity_wh": self._options.capacity_wh,
            "pv_wh": self._ledger.pv_wh,
            "grid_wh": self._ledger.grid_wh,
            "at": self._at.isoformat(),
            "known_since": self._known_since.isoformat(),
        }
        store.put_state(STATE_KEY, state)

    def load(self, store: RecordStore) -> None:
        """Take up what ``save`` kept; where there is none, or of another battery, all counts as the grid's.

        Raises: StorageError: the store cannot be read.
        """
        state = store.get_state(STATE_KEY)
        if state is None:
            return
        try:
            if not isinstance(state, Mapping) or state["format"] != STATE_FORMAT:
                raise ValueError("another format")
            if float(state["capacity_wh"]) != self._options.capacity_wh:
                raise ValueError("a battery of another capacity")
            ledger = OriginLedger(pv_wh=float(state["pv_wh"]), grid_wh=float(state["grid_wh"]))
            at, since = (require_utc(datetime.fromisoformat(state[key])) for key in ("at", "known_since"))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            _log.warning("origin of the stored energy: the kept state cannot be used (%r): beginning anew", error)
            return
        self._ledger, self._at, self._known_since = ledger, at, since


def _powers_of(snapshot: SiteSnapshot) -> _Powers | None:
    """Return the snapshot's powers, or None unless all are known and undoubted."""
    readings = (snapshot.pv, snapshot.load, snapshot.battery, snapshot.grid)
    known = [reading.power_w for reading in readings if reading.quality is Quality.GOOD]
    powers = [power_w for power_w in known if power_w is not None and math.isfinite(power_w)]
    return _Powers(*powers) if len(powers) == len(readings) else None
