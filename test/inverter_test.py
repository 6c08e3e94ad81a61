#!/usr/bin/env python3
"""Test the connection to the inverter: say what was found, or what to try. Reads only; changes nothing.

    python3 test/inverter_test.py                     what the configuration file says
    python3 test/inverter_test.py --host 192.168.1.50
    python3 test/inverter_test.py --host simulator    the built-in simulated inverter

Exit codes: 0 the inverter answers; 1 it does not; 2 the options or the configuration cannot be used.
"""

# ruff: noqa: E402 - the packages are there only once the environment has been entered

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from hems.environment import enter_environment

if __name__ == "__main__":
    enter_environment(Path(__file__))  # the imports below need the packages

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeOptions
from hems.adapters.inverters.goodwe.connector import GoodWeInverter
from hems.adapters.process_lock import is_held
from hems.analysis.battery_profiles import BatteryEvidence, products_that_fit
from hems.composition.built_in_simulator import start_simulator
from hems.composition.doctor.inverter import Visit, line_of, visit_findings, visit_inverter, what_there_is
from hems.composition.doctor.inverter_kinds import BROKE_OFF, CONTROL_MISSING
from hems.composition.doctor.model import Finding, State
from hems.composition.inverter import goodwe_options_of
from hems.composition.tools import Loaded, load
from hems.config.fields import SIMULATOR
from hems.config.models import Configuration
from hems.domain.errors import CapabilityMissing, ConfigurationError, HemsError, InverterUnreachable
from hems.domain.readings import Quality
from hems.domain.site import Ability, ReportedBatteryLimits
from hems.simulation.server import UDP_PORT, start_built_in
from hems.simulation.simulated_inverter import SimulatorOptions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test and return the exit code."""
    logging.disable(logging.WARNING)  # what matters is said below, in sentences
    options = _parse(arguments)
    try:
        where, settings = _where(options)
    except ConfigurationError as error:
        print(f"The configuration cannot be used:\n{error}", file=sys.stderr)
        return 2
    try:
        return asyncio.run(_visit(where, settings))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except HemsError as error:
        print(f"✗ {_kind(error)}\n  {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has read enough, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", help=f"address or name of the inverter, or the word {SIMULATOR}")
    parser.add_argument("--port", type=_port, metavar="PORT", help="8899 is UDP, any other Modbus/TCP (usually 502)")
    parser.add_argument("--family", help="auto, or ET, EH, BT, BH, ES, EM, BP, DT, MS, NS, XS")
    parser.add_argument("--config", type=Path, help="configuration file; options given here go before it")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port: 1 to 65535")
    return int(text)


def _where(given: argparse.Namespace) -> tuple[GoodWeOptions, Configuration | None]:
    """Return where to look and the configuration, if there is one: whatever the command line says goes before it."""
    loaded = _loaded(given)
    options = GoodWeOptions(host=given.host) if loaded is None else goodwe_options_of(loaded)
    options = replace(
        options,
        host=given.host or options.host,
        port=given.port or options.port,
        family=given.family or options.family,
    )
    try:
        options.chosen_family()
    except ValueError as error:
        raise ConfigurationError([str(error)]) from error
    if loaded is not None and options.host == loaded.settings.inverter.ip_address and is_held(loaded.data):
        print("The service is running: for a moment two clients share the inverter, some of its polls may be lost.")
    return options, None if loaded is None else loaded.settings


def _loaded(given: argparse.Namespace) -> Loaded | None:
    """Return the configuration; without a file of its own a given host is enough."""
    return load(given.config) if given.config is not None or given.host is None else None


@asynccontextmanager
async def _reachable(options: GoodWeOptions, settings: Configuration | None) -> AsyncIterator[GoodWeOptions]:
    """Start the simulated inverter where it is wanted, as it is configured, and say where it listens."""
    if options.host != SIMULATOR:
        yield options
        return
    clock = SystemClock()
    server = await (start_built_in(SimulatorOptions(), clock) if settings is None else start_simulator(settings, clock))
    try:
        yield replace(options, host=server.host, port=UDP_PORT, frame_gap_s=0.0)
    finally:
        await server.stop()


async def _visit(options: GoodWeOptions, settings: Configuration | None) -> int:
    clock = SystemClock()
    async with _reachable(options, settings) as reachable:
        is_simulated = options.host == SIMULATOR
        place = "the built-in simulated inverter" if is_simulated else "the inverter"
        print(f"Asking {place} at {reachable.link}; some 10 s where nothing answers ...", flush=True)
        diagnosis, line = await line_of(reachable, clock)
        if not diagnosis.is_usable:
            return _failed(line)
        try:
            visit = await visit_inverter(reachable, clock)
        except CapabilityMissing as error:
            return _failed(line, CONTROL_MISSING(str(error), await what_there_is(reachable, clock)))
        except InverterUnreachable as error:
            return _failed(line, BROKE_OFF(str(error)))
    print("✓ It answers.\n")
    inverter = visit.inverter
    for label, text in (
        *_device_lines(inverter),
        ("Line", line.found),
        *_reading_lines(visit),
        *_control_lines(inverter, visit),
    ):
        print(f"  {label:<18}{text}")
    for note in (*inverter.remarks, *visit.snapshot.notes):
        print(f"  {'Note':<18}{note}")
    # A simulated house has a time of its own: its clock is not compared.
    judged = visit_findings(visit, None if is_simulated else settings, clock.now(), line=line)
    for finding in (line, *judged):
        if finding.state is not State.OK:
            print()
            _print_finding("!", finding, sys.stdout)
    return 0


def _failed(*findings: Finding) -> int:
    for finding in findings:
        if finding.state is not State.OK:
            _print_finding("✗", finding, sys.stderr)
    return 1


def _print_finding(mark: str, finding: Finding, stream: TextIO) -> None:
    """Say what was found, what it means here and what to try, most likely first."""
    print(f"{mark} {finding.title}\n  {finding.found}", file=stream)
    if finding.advice:
        print("  What to try:", file=stream)
    for number, advice in enumerate(finding.advice, start=1):
        print(f"  {number}. {advice}", file=stream)


def _device_lines(inverter: GoodWeInverter) -> list[tuple[str, str]]:
    identity = inverter.identity
    rated = f"{identity.rated_power_w / 1000:g} kW" if identity.rated_power_w else "not reported"
    return [
        ("Model", f"{identity.model}, rated {rated}"),
        ("Serial number", identity.serial_number),
        ("Firmware", identity.firmware),
        ("Family", identity.family),
    ]


def _reading_lines(visit: Visit) -> list[tuple[str, str]]:
    snapshot, limits = visit.snapshot, visit.limits
    battery, grid = snapshot.battery, snapshot.grid
    voltages = " / ".join(_shown(voltage, "V", 1) for voltage in grid.voltage_v)
    lines = [
        ("PV", _shown(snapshot.pv.power_w, "W")),
        ("Load", _shown(snapshot.load.power_w, "W")),
        ("Grid", f"{_directed(grid.power_w, 'imports', 'exports')}, {voltages}, {_shown(grid.frequency_hz, 'Hz', 2)}"),
    ]
    if battery.quality is not Quality.MISSING:
        measured = f"{_shown(battery.voltage_v, 'V', 1)}, {_shown(battery.temperature_c, '°C', 1)}"
        flow = _directed(battery.power_w, "discharges", "charges")
        lines.append(("Battery", f"SoC {_shown(battery.soc_pct, '%')}, {flow}, {measured}"))
    if limits.voltage_min_v is not None and limits.voltage_max_v is not None:
        currents = f"charge {_shown(limits.charge_current_max_a, 'A')}, "
        currents += f"discharge {_shown(limits.discharge_current_max_a, 'A')}"
        lines.append(("Battery limits", f"{limits.voltage_min_v:g} - {limits.voltage_max_v:g} V, {currents}"))
        lines.append(("Battery profile", _profiles(limits)))
    return lines


def _profiles(limits: ReportedBatteryLimits) -> str:
    """Return which profiles of battery_management.profile could be this battery."""
    fitting = list(dict.fromkeys(product.key for product, _ in products_that_fit(BatteryEvidence.of(limits))))
    if not fitting:
        return "none of the known ones fits: set battery_management.profile to custom"
    return f"{' or '.join(fitting)} (battery_management.profile)"


def _control_lines(inverter: GoodWeInverter, visit: Visit) -> list[tuple[str, str]]:
    capabilities, control = inverter.capabilities, visit.control
    mode = "set from outside" if control.mode is None else control.mode.value.replace("_", " ")
    lines = [("Control method", capabilities.control.value), ("Present mode", f"{mode} ({control.detail})")]
    missing = [ability for ability in Ability if not capabilities.can(ability)]
    reasons = dict.fromkeys(capabilities.why_not(ability) for ability in missing)
    return lines + [("Cannot", reason) for reason in reasons]


def _shown(value: float | None, unit: str, digits: int = 0) -> str:
    return "unknown" if value is None else f"{value:.{digits}f} {unit}"


def _directed(power_w: float | None, positive: str, negative: str) -> str:
    if power_w is None:
        return "power unknown"
    return f"{positive if power_w >= 0 else negative} {abs(power_w):.0f} W"


def _kind(error: HemsError) -> str:
    """Return the error's class in words."""
    name = type(error).__name__
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip().capitalize() + ":"


if __name__ == "__main__":
    sys.exit(main())
