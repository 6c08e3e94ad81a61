"""The inverter: is it there, what happens to its answers, can it do what is wanted, and what does it say of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions
from hems.adapters.inverters.goodwe.connector import GoodWeInverter
from hems.adapters.inverters.goodwe.diagnosis import LineDiagnosis, Symptom, diagnose_line
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.composition.doctor.house import House
from hems.composition.doctor.inverter_kinds import (
    BATTERY_UNKNOWN,
    BATTERY_WRONG,
    BROKE_OFF,
    CLOCK_OFF,
    CLOCK_OFF_IN_CONTROL,
    CONTROL_MISSING,
    GRAVE_CAUSES,
    KIND_OF_SYMPTOM,
    METER_LOST,
    NO_CONFIGURATION,
    NO_RECORD,
    NOT_SELF_USE,
    OFTEN_LOST,
    READS,
    REPORTED,
    REPORTED_LOST,
    REPORTS_FAULT,
    SIMULATED,
)
from hems.composition.doctor.model import Finding, State
from hems.composition.inverter import goodwe_options_of
from hems.config.battery import explain_window
from hems.config.models import Configuration
from hems.domain.command import ControlState, Mode
from hems.domain.errors import CapabilityMissing, HemsError, InverterUnreachable, WrongBatteryWindow
from hems.domain.readings import InverterFlag, SiteSnapshot, WorkState
from hems.domain.secrets import shortened_serial
from hems.domain.site import Ability, ControlMethod, ReportedBatteryLimits
from hems.ports.clock import Clock

OPEN_LIMIT_S = 6.0
SECOND_LOOK_S = 2.0
"""A house in the middle of a change contradicts itself: some registers tell of before, others of after."""
CLOCK_TOLERATED = timedelta(minutes=5)
RECORD_FRESH = timedelta(minutes=2)
RATE_GOOD_PCT = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What one opened inverter told."""

    inverter: GoodWeInverter
    snapshot: SiteSnapshot
    limits: ReportedBatteryLimits
    control: ControlState


async def inverter_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the inverter; a running service is not disturbed unless that is asked for."""
    if house.loaded is None:
        return [NO_CONFIGURATION("no usable configuration names an inverter")]
    settings = house.loaded.settings
    if settings.inverter.is_simulated:
        return [SIMULATED("inverter.ip_address is `simulator`")]
    if house.is_running and not house.options.ask_inverter:
        return _from_record(house)
    options = goodwe_options_of(house.loaded)
    findings = await examine(options, settings, house.clock, show_serial=house.options.show_serial)
    # A running service has its reasons for the mode it set.
    return [finding for finding in findings if not (house.is_running and finding.code == NOT_SELF_USE.code)]


async def line_of(options: GoodWeOptions, clock: Clock) -> tuple[LineDiagnosis, Finding]:
    """Return the line's diagnosis, and the finding that tells a person of it."""
    diagnosis = await diagnose_line(options.link, options.chosen_family(), clock)
    kind = KIND_OF_SYMPTOM[diagnosis.symptom]
    first: tuple[str, ...] = ()
    if diagnosis.symptom is Symptom.WRONG_FAMILY and diagnosis.info is not None:
        first = (f"Set inverter.family to {diagnosis.info.family.value}, or to auto",)
    if diagnosis.symptom is Symptom.OTHER_PORT:
        first = (f"Set inverter.port to {502 if options.link.is_udp else 8899}",)
    return diagnosis, kind(diagnosis.detail, *first)


async def examine(
    options: GoodWeOptions, settings: Configuration, clock: Clock, *, show_serial: bool
) -> Sequence[Finding]:
    """Return what asking the inverter itself shows."""
    diagnosis, finding = await line_of(options, clock)
    info = diagnosis.info
    if info is not None:
        serial = info.serial_number if show_serial else shortened_serial(info.serial_number)
        finding = replace(finding, found=f"{info.model} ({serial}, {info.family.value}): {finding.found}")
    wanted = options.chosen_family()
    if info is not None and wanted not in (None, info.family):
        wrong = KIND_OF_SYMPTOM[Symptom.WRONG_FAMILY](
            f"{info.model} is of the {info.family.value} family; inverter.family says {wanted}",
            f"Set inverter.family to {info.family.value}, or to auto",
        )
        return [finding] if diagnosis.symptom is Symptom.WRONG_FAMILY else [finding, wrong]
    if not diagnosis.is_usable:
        return [finding]
    try:
        async with asyncio.timeout(OPEN_LIMIT_S):
            visit = await visit_inverter(options, clock)
    except TimeoutError:
        return [finding, BROKE_OFF(f"reading it did not end within {OPEN_LIMIT_S:g} s")]
    except CapabilityMissing as error:
        return [finding, CONTROL_MISSING(str(error), await what_there_is(options, clock))]
    except InverterUnreachable as error:
        return [finding, BROKE_OFF(str(error))]
    return [finding, *visit_findings(visit, settings, clock.now(), line=finding)]


async def visit_inverter(options: GoodWeOptions, clock: Clock) -> Visit:
    """Return what the inverter tells; nothing is written.

    Raises: InverterUnreachable, CapabilityMissing, WrongFamily.
    """
    inverter = await GoodWeConnector(options, clock, MemoryUserSettingsStore()).open()
    try:
        snapshot = await inverter.read_snapshot()
        if snapshot.notes:
            await clock.sleep(SECOND_LOOK_S)
            snapshot = await inverter.read_snapshot()
        return Visit(
            inverter=inverter,
            snapshot=snapshot,
            limits=await inverter.read_battery_limits(),
            control=await inverter.read_control(),
        )
    finally:
        await inverter.close()


async def what_there_is(options: GoodWeOptions, clock: Clock) -> str:
    """Return which ways of control the firmware has, as advice."""
    try:
        async with asyncio.timeout(OPEN_LIMIT_S):
            inverter = await GoodWeConnector(replace(options, control="auto"), clock, MemoryUserSettingsStore()).open()
            await inverter.close()
    except (TimeoutError, HemsError):
        return "Set inverter.control to auto"
    can = inverter.capabilities.can
    there = {inverter.capabilities.control.value: True}
    there |= {ControlMethod.FAST_CHARGE.value: can(Ability.FAST_CHARGE)}
    there |= {ControlMethod.ECO_SLOT.value: can(Ability.ECO_SLOTS)}
    names = ", ".join(name for name, present in there.items() if present)
    return f"Set inverter.control to auto; this inverter has: {names}"


def visit_findings(visit: Visit, settings: Configuration | None, now: datetime, *, line: Finding) -> list[Finding]:
    """Return what the readings of one visit show; without ``settings`` clock and battery cannot be judged."""
    first = () if line.state is State.OK else (f"Mend the line first ({line.title}): it can look like this too",)
    inverter, snapshot = visit.inverter, visit.snapshot
    mode = "set from outside" if visit.control.mode is None else visit.control.mode.value.replace("_", " ")
    findings = [READS(f"{inverter.capabilities.control.value} control, mode {mode} ({visit.control.detail})")]
    if visit.control.mode is not Mode.SELF_USE:
        findings.append(NOT_SELF_USE(f"{mode}: {visit.control.detail}"))
    if settings is not None:
        findings += _clock_findings(visit, ZoneInfo(settings.site.time_zone), now)
    if snapshot.inverter.state is WorkState.FAULT or snapshot.inverter.error_bits:
        findings.append(REPORTS_FAULT(f"error bits {snapshot.inverter.error_bits:#010x}"))
    if InverterFlag.METER_LOST in snapshot.inverter.flags:
        findings.append(METER_LOST("the inverter does not hear its smart meter", *first))
    if inverter.capabilities.can(Ability.READ_BATTERY):
        findings += _battery_findings(visit, settings, first)
    return findings


def _battery_findings(visit: Visit, settings: Configuration | None, first: tuple[str, ...]) -> list[Finding]:
    findings: list[Finding] = []
    battery = visit.snapshot.battery
    if battery.soc_pct is None or battery.voltage_v is None:
        notes = "; ".join(visit.snapshot.notes) or "no state of charge or no voltage"
        findings.append(BATTERY_UNKNOWN(notes, *first))
    if settings is None:
        return findings
    if visit.limits != ReportedBatteryLimits() or settings.battery_management.profile != "auto":
        try:
            explain_window(settings, visit.limits)
        except WrongBatteryWindow as error:
            findings.append(BATTERY_WRONG(str(error)))
    return findings


def _clock_findings(visit: Visit, zone: ZoneInfo, now: datetime) -> list[Finding]:
    shown = visit.snapshot.inverter.clock
    if shown is None:
        return []
    off = shown - now
    if abs(off) <= CLOCK_TOLERATED:
        return []
    minutes = round(abs(off).total_seconds() / 60)
    direction = "ahead" if off > timedelta(0) else "behind"
    found = f"it shows {shown.astimezone(zone):%Y-%m-%d %H:%M}, {minutes} minutes {direction}"
    zone_advice: tuple[str, ...] = ()
    if minutes % 60 in {0, 1, 59}:
        zone_advice = (f"Whole hours: is site.time_zone ({zone.key}) the zone the inverter's clock is set to?",)
    if visit.inverter.capabilities.control is ControlMethod.ECO_SLOT:
        return [CLOCK_OFF_IN_CONTROL(found, *zone_advice)]
    return [CLOCK_OFF(found, *zone_advice)]


def _from_record(house: House) -> Sequence[Finding]:
    """Return what the running service says of the inverter: it serves one client at a time."""
    status = house.status
    if status is None or not isinstance(status.get("inverter"), Mapping):
        return [NO_RECORD(house.status_problem or "its record says nothing of the inverter")]
    inverter = status["inverter"]
    model = inverter.get("model") or "the inverter"
    if not inverter.get("connected"):
        said = inverter.get("last_error") or "no reason is recorded"
        since = inverter.get("last_answer_at") or "never"
        return [REPORTED_LOST(f"{model} does not answer the service (last answer: {since}): {said}")]
    rate = (status.get("collection") or {}).get("rate_pct")
    findings = [REPORTED(f"{model} answers the running service, {_rate(rate)}; it was not asked a second time")]
    if isinstance(rate, int | float) and rate < RATE_GOOD_PCT:
        findings.append(OFTEN_LOST(f"{_rate(rate)}, {inverter.get('reconnections', 0)} reconnections"))
    causes = (status.get("safety") or {}).get("causes") or []
    findings += [GRAVE_CAUSES(str(cause.get("detail"))) for cause in causes if cause.get("grave")]
    return findings


def _rate(rate: object) -> str:
    return f"{rate:.0f} % of its polls" if isinstance(rate, int | float) else "its rate is not known yet"
