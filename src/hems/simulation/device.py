"""What every simulated inverter family shares: a drifting clock, writes that take effect late, and conditions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.simulation.control import DEFAULT_PRIORITY, Controller, Function, Settings
from hems.simulation.goodwe_wire import Aa55Request
from hems.simulation.house import Connection, House, Order
from hems.simulation.models import InverterModel
from hems.simulation.registers import RegisterBank


@dataclass(slots=True)
class Conditions:
    """What faults make true of the device at this moment; all quiet by default."""

    meter_lost: bool = False
    bms_missing: bool = False
    sentinels: bool = False
    sign_flipped: bool = False
    soc_shown_pct: float | None = None
    values_frozen: bool = False
    clock_frozen: bool = False
    writes_ignored: bool = False
    write_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """How a device behaves where the maker does not say or units differ."""

    control_lag_s: float = 3.0
    """From the write to the effect; owners measure up to 6 s."""
    priority: tuple[Function, ...] = DEFAULT_PRIORITY
    zone: ZoneInfo
    clock_offset_s: float = 0.0
    clock_drift_ppm: float = 0.0


class DeviceClock:
    """The inverter's own clock: naive local time that drifts."""

    def __init__(self, start: datetime, options: DeviceOptions) -> None:
        self._zone = options.zone
        self._set_at = start
        self._offset_s = options.clock_offset_s
        self.drift_ppm = options.clock_drift_ppm

    def read(self, now: datetime) -> datetime:
        """Return what the clock shows at ``now``: naive local time."""
        return (now + timedelta(seconds=self.error_s(now))).astimezone(self._zone).replace(tzinfo=None)

    def error_s(self, now: datetime) -> float:
        """Return by how much the clock is fast at ``now`` [s]."""
        return self._offset_s + (now - self._set_at).total_seconds() * self.drift_ppm * 1e-6

    def shift(self, now: datetime, seconds: float) -> None:
        """Move the clock by ``seconds``."""
        self._offset_s, self._set_at = self.error_s(now) + seconds, now

    def set(self, now: datetime, shown: datetime) -> None:
        """Make the clock show ``shown`` (naive local time) at ``now``."""
        true_local = now.astimezone(self._zone).replace(tzinfo=None)
        self._offset_s, self._set_at = (shown - true_local).total_seconds(), now

    def correct(self, now: datetime) -> None:
        """Set the clock right, as the vendor's app does on every connect."""
        self._offset_s, self._set_at = 0.0, now


def clock_bytes(shown: datetime) -> bytes:
    """Return ``shown`` as GoodWe's six bytes."""
    return bytes((shown.year - 2000, shown.month, shown.day, shown.hour, shown.minute, shown.second))


def clock_from_bytes(data: bytes) -> datetime:
    """Return the naive local time in six bytes.

    Raises: ValueError: no such date.
    """
    return datetime(2000 + data[0], *data[1:6])  # noqa: DTZ001 - the inverter's clock has no zone


class Device(ABC):
    """One inverter in front of a house: registers outside, orders inside."""

    unit: int

    def __init__(self, model: InverterModel, house: House, start: datetime, options: DeviceOptions) -> None:
        self.model = model
        self.house = house
        self.now = start
        self._started = start
        self.options = options
        self.clock = DeviceClock(start, options)
        self.shown = self.clock.read(start)
        self.conditions = Conditions()
        self.seen = (self.shown, 0.0, True)
        """Own clock, SoC [%] and whether the meter answers, as of the latest order."""
        self.controller = Controller(model.rated_w, options.priority)
        self.writes = 0
        self.bank = self._make_bank()
        self.bank.on_write = self._accept
        self.effective = self._decode()
        self._effective_at: datetime | None = None
        self._held: deque[tuple[datetime, int, tuple[int, ...]]] = deque()
        self._day = self.shown.date()
        self._day_start = self._totals_wh()

    @abstractmethod
    def _make_bank(self) -> RegisterBank: ...

    @abstractmethod
    def _decode(self) -> Settings:
        """Return the control settings that the registers describe."""

    @abstractmethod
    def reset_control(self) -> None:
        """Forget a forced mode, as a reboot does on units that do not keep it."""

    @abstractmethod
    def device_information(self) -> bytes:
        """Return the answer to the AA55 discovery: firmware, model at byte 5, serial number at byte 31."""

    def answer_aa55(self, request: Aa55Request) -> tuple[int, bytes] | None:
        """Return kind and data of the AA55 reply, or None for silence. Every family answers the discovery."""
        return (0x0182, self.device_information()) if request.kind == 0x0102 else None

    def answer_pdu(self, pdu: bytes) -> bytes | None:
        """Return the Modbus reply to ``pdu``."""
        return self.bank.answer(pdu)

    @property
    def due_at(self) -> datetime | None:
        """When the next write takes effect, or None."""
        return self._held[0][0] if self._held else self._effective_at

    @property
    def asleep(self) -> bool:
        """Whether the device does not answer at all; a PV inverter without sun."""
        return False

    def order(self, now: datetime) -> Order:
        """Return what the inverter wants of the house from ``now`` on."""
        self.now = now
        self.shown = self.clock.read(now)
        while self._held and self._held[0][0] <= now:
            _, start, words = self._held.popleft()
            self._apply(start, words)
        if self._effective_at is not None and now >= self._effective_at:
            self._effective_at = None
            self.effective = self._decode()
        battery = self.house.battery
        soc_pct = 0.0 if battery is None else battery.soc_pct
        self.seen = (self.shown, soc_pct, not self.conditions.meter_lost)
        return self.controller.order(self.effective, *self.seen)

    def after_step(self, now: datetime) -> None:
        """Take note of what the house did until ``now``."""
        self.now = now
        self.shown = self.clock.read(now)
        self.bank.version += 1
        if self.shown.date() != self._day:
            self._day, self._day_start = self.shown.date(), self._totals_wh()

    def overwrite_by_app(self) -> None:
        """Do what the vendor's app does on connect: set the clock and put its own mode in place."""
        self.clock.correct(self.now)
        self.reset_control()
        self._effective_at = self.now + timedelta(seconds=self.options.control_lag_s)

    def _accept(self, start: int, words: tuple[int, ...]) -> None:
        if self.conditions.writes_ignored:
            return
        if self.conditions.write_delay_s > 0.0:
            self._held.append((self.now + timedelta(seconds=self.conditions.write_delay_s), start, words))
        else:
            self._apply(start, words)

    def _apply(self, start: int, words: tuple[int, ...]) -> None:
        self.writes += 1
        self.bank.store(start, words)
        self.bank.version += 1
        self._written(start, words)
        if self._effective_at is None:
            self._effective_at = self.now + timedelta(seconds=self.options.control_lag_s)

    @abstractmethod
    def _written(self, start: int, words: tuple[int, ...]) -> None:
        """Act on registers that do something by being written; they are stored already."""

    def _totals_wh(self) -> tuple[float, ...]:
        counters = self.house.counters
        return (
            counters.pv_wh,
            counters.export_wh,
            counters.import_wh,
            counters.load_wh,
            counters.charge_wh,
            counters.discharge_wh,
        )

    @property
    def hours(self) -> int:
        """Whole hours of operation."""
        return int((self.now - self._started).total_seconds() // 3600)

    def energies(self) -> tuple[tuple[int, int], ...]:
        """Return (total, today) of PV, export, import, load, charge and discharge [0.1 kWh]."""
        return tuple(
            (int(total / 100.0), int((total - start) / 100.0))
            for total, start in zip(self._totals_wh(), self._day_start, strict=True)
        )

    @property
    def grid_mode(self) -> int:
        """0 no grid, 1 connected, 2 the grid is out of its limits."""
        if not self.house.grid.present:
            return 0
        return 2 if self.house.connection is Connection.WAITING else 1
