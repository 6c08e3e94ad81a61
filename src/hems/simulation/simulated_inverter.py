"""One simulated inverter: device, house and faults on one simulated clock, reached through frames or bare PDUs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hems.simulation import goodwe_wire as wire
from hems.simulation.battery import BATTERY_SPECS, Battery
from hems.simulation.control import DEFAULT_PRIORITY, Function
from hems.simulation.device import Device, DeviceOptions
from hems.simulation.dt_device import DtDevice
from hems.simulation.es_device import EsDevice
from hems.simulation.et_blocks import METER, RUNNING
from hems.simulation.et_device import EtDevice
from hems.simulation.faults import Fault, parse_fault
from hems.simulation.house import Flow, House, HouseSpec, Order
from hems.simulation.injector import ALL_WELL, Injector
from hems.simulation.models import DEFAULT_MODEL, MODELS, Family, InverterModel
from hems.simulation.profiles import Profile, Site, as_profile, household, solar
from hems.simulation.scenarios import DEFAULT_SCENARIO, find_scenario

PATIENCE_S = 1.0
"""Without a wire, a reply later than this is no reply: the library's own time-out."""

_DEVICES: dict[Family, type[Device]] = {Family.ET: EtDevice, Family.ES: EsDevice, Family.DT: DtDevice}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """What to simulate. None leaves the choice to the model or the scenario.

    ``pv`` and ``load`` [W] replace the simulated sky and household: numbers, or functions of the UTC instant.
    """

    model: str = DEFAULT_MODEL
    battery: str | None = None
    capacity_wh: float | None = None
    soc_pct: float | None = None
    scenario: str = DEFAULT_SCENARIO
    faults: tuple[Fault | str, ...] = ()
    seed: int = 1
    start: datetime | None = None
    pv: Profile | float | None = None
    load: Profile | float | None = None
    ambient_c: Profile | float | None = None
    pv_peak_w: float | None = None
    load_average_w: float = 550.0
    backup_share: float = 0.2
    step_max_s: float = 10.0
    control_lag_s: float = 3.0
    priority: tuple[Function, ...] = DEFAULT_PRIORITY
    clock_offset_s: float = 0.0
    clock_drift_ppm: float = 0.0
    site: Site = field(default_factory=Site)
    bms_protects: bool = True
    """False: a battery that takes and gives current whatever its temperature and voltage, so that nothing but the
    coordinator protects it."""


StepObserver = Callable[["SimulatedInverter", Order, float], None]
"""Told after each step what the house was ordered to do in it, and its length [s]."""


class SimulatedInverter:
    """A house with an inverter whose time moves only through ``advance_to``."""

    def __init__(self, options: SimulatorOptions, start: datetime) -> None:
        """Build the house as of ``start`` (aware); the scenario's own date applies only in ``starting_at``.

        Raises: ValueError: an option names nothing known, or a value that cannot be.
        """
        if start.tzinfo is None:
            raise ValueError(f"naive start {start.isoformat()}: a time zone is required")
        self.options = options
        self.model = _find_model(options.model)
        self.house = _build_house(options, self.model)
        self.start = self.now = start
        self.device: Device = _DEVICES[self.model.family](
            self.model,
            self.house,
            start,
            DeviceOptions(
                control_lag_s=options.control_lag_s,
                priority=options.priority,
                zone=options.site.zone,
                clock_offset_s=options.clock_offset_s,
                clock_drift_ppm=options.clock_drift_ppm,
            ),
        )
        texts = (*find_scenario(options.scenario).faults, *options.faults)
        self.faults = tuple(parse_fault(fault) if isinstance(fault, str) else fault for fault in texts)
        self._injector = Injector(self.faults, self.device, self.house, options.seed)
        self.observer: StepObserver | None = None
        self.step_max_s = options.step_max_s
        # One millisecond of the house, so that the first reading shows it running instead of zeros.
        self._injector.apply(0.0)
        self.house.step(start, 1e-3, self.device.order(start))
        self._injector.apply(0.0)

    @staticmethod
    def starting_at(options: SimulatorOptions, now: datetime) -> SimulatedInverter:
        """Return the inverter at ``options.start``, else at the scenario's moment in the year of ``now``."""
        start = options.start if options.start is not None else find_scenario(options.scenario).start(now)
        return SimulatedInverter(options, start)

    def advance_to(self, moment: datetime) -> None:
        """Let the house live until ``moment``; an earlier moment changes nothing."""
        longest = timedelta(seconds=self.step_max_s)
        while self.now < moment:
            step = min(longest, moment - self.now)
            if self.faults:
                edge_s = self._injector.next_edge_s((self.now - self.start).total_seconds())
                if edge_s is not None:
                    step = min(step, self.start + timedelta(seconds=edge_s) - self.now)
            due_at = self.device.due_at
            if due_at is not None and self.now < due_at:
                step = min(step, due_at - self.now)
            self._step(max(step, timedelta.resolution))

    def _step(self, step: timedelta) -> None:
        device = self.device
        self._injector.apply((self.now - self.start).total_seconds())
        order, step_s = device.order(self.now), step.total_seconds()
        self.house.step(self.now, step_s, order)
        self.now += step
        device.after_step(self.now)
        self._injector.apply((self.now - self.start).total_seconds())
        if self.observer is not None:
            self.observer(self, order, step_s)

    def exchange_pdu(self, pdu: bytes) -> bytes | None:
        """Return the reply PDU (function code and data) to ``pdu``; None is silence."""
        verdict = self._injector.wire_verdict()
        if verdict is ALL_WELL and not self._injector.silent:
            return self.device.answer_pdu(pdu)
        if self._injector.silent or verdict.lost or verdict.unreadable or verdict.delay_s > PATIENCE_S:
            if not self._injector.silent and verdict.exception_code is None:
                self.device.answer_pdu(pdu)  # the request did arrive; only its reply is lost
            return None
        if verdict.exception_code is not None:
            return wire.exception_pdu(pdu[0], verdict.exception_code)
        reply = self.device.answer_pdu(pdu)
        return self._stolen_reply(pdu) if verdict.stolen else reply

    def exchange_aa55(self, payload: bytes) -> bytes | None:
        """Return the payload that answers an AA55 ``payload`` of the older protocol; None is silence."""
        body = wire.AA55_REQUEST_HEADER + payload
        replies = self.handle_datagram(body + sum(body).to_bytes(2, "big"))
        return replies[0][1][4:-2] if replies and replies[0][0] <= PATIENCE_S else None

    def handle_datagram(self, frame: bytes) -> list[tuple[float, bytes]]:
        """Return what arrives in answer to a UDP frame: (delay [s], frame) each; empty is silence."""
        if self._injector.silent:
            return []
        verdict = self._injector.wire_verdict()
        aa55 = wire.unwrap_aa55_request(frame)
        if aa55 is not None:
            answer = None if self.device.asleep or verdict.exception_code else self.device.answer_aa55(aa55)
            if answer is None or verdict.stolen:
                return []
            return verdict.frames(wire.wrap_aa55_reply(*answer), self._injector.noise())
        pdu = wire.unwrap_rtu_request(frame, self.device.unit)
        if pdu is None:
            return []
        reply = self._answer(pdu, verdict.exception_code, verdict.stolen)
        if reply is None:
            return []
        return verdict.frames(wire.wrap_rtu_reply(reply, self.device.unit), self._injector.noise())

    def handle_tcp(self, transaction: int, unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        """Return what arrives in answer to a Modbus/TCP request; TCP has no checksum, so a bad one is a lost reply."""
        if self._injector.silent or unit != self.device.unit:
            return []
        verdict = self._injector.wire_verdict()
        reply = self._answer(pdu, verdict.exception_code, verdict.stolen)
        if reply is None or verdict.bad_checksum:
            return []
        return verdict.frames(wire.wrap_mbap(transaction, unit, reply), self._injector.noise())

    def _answer(self, pdu: bytes, exception_code: int | None, stolen: bool) -> bytes | None:
        if exception_code is not None:
            return wire.exception_pdu(pdu[0], exception_code)
        reply = self.device.answer_pdu(pdu)
        return self._stolen_reply(pdu) if stolen else reply

    def _stolen_reply(self, pdu: bytes) -> bytes | None:
        """Return the answer to what another client read: as long as the one asked for, so that it looks right."""
        if pdu[0] != wire.READ or len(pdu) != 5:
            return None
        start, count = struct.unpack_from(">HH", pdu, 1)
        other = METER if start == RUNNING else RUNNING
        reply = self.device.answer_pdu(struct.pack(">BHH", wire.READ, other, count))
        return reply if reply is not None and reply[0] == wire.READ else None

    @property
    def silent(self) -> bool:
        """Whether the communication module is deaf and dumb at this moment."""
        return self._injector.silent

    @property
    def flow(self) -> Flow:
        """Powers of the last step [W]; + delivers to the house."""
        return self.house.flow

    @property
    def soc_pct(self) -> float | None:
        """The battery's true state of charge, or None without a battery."""
        return None if self.house.battery is None else self.house.battery.soc_pct


def _find_model(name: str) -> InverterModel:
    model = MODELS.get(name)
    if model is None:
        raise ValueError(f"model {name!r}: unknown; known are {', '.join(MODELS)}")
    return model


def _build_house(options: SimulatorOptions, model: InverterModel) -> House:
    scenario = find_scenario(options.scenario)
    site = options.site
    if options.pv is None:
        peak_w = options.pv_peak_w if options.pv_peak_w is not None else model.rated_w * 1.05
        pv = solar(peak_w, scenario.cloudiness, options.seed, site)
    else:
        pv = as_profile(options.pv)
    if options.load is None:
        load = household(options.load_average_w * scenario.load_share, options.seed, site)
    else:
        load = as_profile(options.load)
    ambient = as_profile(scenario.ambient_c if options.ambient_c is None else options.ambient_c)
    spec = HouseSpec(rated_w=float(model.rated_w), phases=model.phases, backup_share=options.backup_share)
    return House(spec, _build_battery(options, model), pv=pv, load=load, ambient_c=ambient, seed=options.seed)


def _build_battery(options: SimulatorOptions, model: InverterModel) -> Battery | None:
    if model.battery is None:
        if options.battery is not None:
            raise ValueError(f"model {model.name}: takes no battery, so leave out battery {options.battery!r}")
        return None
    name = options.battery if options.battery is not None else model.battery
    spec = BATTERY_SPECS.get(name)
    if spec is None:
        raise ValueError(f"battery {name!r}: unknown; known are {', '.join(BATTERY_SPECS)}")
    scenario = find_scenario(options.scenario)
    soc_pct = next(soc for soc in (options.soc_pct, scenario.soc_pct, 50.0) if soc is not None)
    return Battery(
        spec,
        capacity_wh=spec.capacity_default_wh if options.capacity_wh is None else options.capacity_wh,
        soc_pct=soc_pct,
        temperature_c=scenario.ambient_c + 4.0 if scenario.battery_c is None else scenario.battery_c,
        protects=options.bms_protects,
    )
