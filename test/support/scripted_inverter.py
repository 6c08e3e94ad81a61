"""An inverter whose answers a test writes down beforehand."""

from __future__ import annotations

from datetime import UTC, datetime

from hems.domain.command import Applied, Command, CommandResult, ControlState, Mode, WritePurpose
from hems.domain.errors import InverterUnreachable
from hems.domain.readings import (
    BatteryReading,
    GridReading,
    InverterReading,
    LoadReading,
    PvReading,
    Quality,
    SiteSnapshot,
    WorkState,
)
from hems.domain.site import Ability, Capabilities, ControlMethod, InverterIdentity, ReportedBatteryLimits

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(at: datetime, **battery: object) -> SiteSnapshot:
    """Return a healthy evening: no PV, 600 W of load, a 48 V pack at 50 %; ``battery`` overrides its readings."""
    readings: dict[str, object] = {
        "soc_pct": 50.0,
        "power_w": 600.0,
        "voltage_v": 52.0,
        "current_a": 11.5,
        "temperature_c": 25.0,
        "cell_temperature_min_c": 24.0,
        "cell_temperature_max_c": 26.0,
        "charge_limit_a": 50.0,
        "discharge_limit_a": 50.0,
    } | battery
    good = Quality.GOOD
    power_w = readings["power_w"]
    grid_w = 600.0 - power_w if isinstance(power_w, float) else None
    return SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=good, power_w=0.0),
        battery=BatteryReading(at=at, quality=good, **readings),  # type: ignore[arg-type]
        grid=GridReading(at=at, quality=good, power_w=grid_w, voltage_v=(230.0,), frequency_hz=50.0, connected=True),
        load=LoadReading(at=at, quality=good, power_w=600.0),
        inverter=InverterReading(at=at, quality=good, state=WorkState.ON_GRID),
    )


class ScriptedInverter:
    """Implements the Inverter port; does as it is told unless ``results`` says otherwise."""

    def __init__(self) -> None:
        self.identity = InverterIdentity(
            family="ET", model="SCRIPTED", serial_number="0", firmware="0", rated_power_w=6000
        )
        self.capabilities = Capabilities(abilities=frozenset(Ability), control=ControlMethod.EMS)
        self.remarks: tuple[str, ...] = ()
        self.register_writes = 0
        self.applied: list[tuple[Command, WritePurpose]] = []
        self.results: list[CommandResult] = []
        self.control_mode: Mode | None = Mode.SELF_USE
        self.control_power_w: float | None = None
        self.control_export_limit_w: float | None = None
        self.silent = False
        self.saves = 0
        self.save_error: Exception | None = None
        self.restores = 0
        self.snapshots: list[SiteSnapshot] = []

    async def read_snapshot(self) -> SiteSnapshot:
        self._answer()
        return self.snapshots.pop(0)

    async def read_control(self) -> ControlState:
        self._answer()
        at = self.snapshots[0].at if self.snapshots else EPOCH
        return ControlState(
            at=at,
            mode=self.control_mode,
            power_w=self.control_power_w,
            detail=str(self.control_mode),
            export_limit_w=self.control_export_limit_w,
            export_limit_is_ours=self.control_export_limit_w is not None,
        )

    async def read_battery_limits(self) -> ReportedBatteryLimits:
        self._answer()
        return ReportedBatteryLimits(voltage_min_v=40.0, voltage_max_v=60.0)

    async def save_user_settings(self) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.saves += 1

    async def apply(self, command: Command, purpose: WritePurpose) -> CommandResult:
        self.applied.append((command, purpose))
        if self.results:
            return self.results.pop(0)
        self.register_writes += 2
        self.control_mode, self.control_power_w = command.mode, command.power_w
        self.control_export_limit_w = command.export_limit_w
        return Applied(writes=2)

    async def restore_self_use(self, *, user_settings: bool) -> CommandResult:
        self.restores += 1
        if self.results:
            return self.results.pop(0)
        self.control_mode, self.control_export_limit_w = Mode.SELF_USE, None
        return Applied(writes=1)

    async def close(self) -> None:
        return None

    def _answer(self) -> None:
        if self.silent:
            raise InverterUnreachable("no answer")
