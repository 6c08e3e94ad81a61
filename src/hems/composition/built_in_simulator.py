"""The simulated inverter behind ``inverter.ip_address: simulator``."""

from __future__ import annotations

from hems.analysis.battery_profiles import PRODUCTS
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError
from hems.domain.units import wh_from_kwh
from hems.ports.clock import Clock
from hems.simulation.battery import BATTERY_SPECS
from hems.simulation.models import MODELS
from hems.simulation.scenarios import SCENARIOS
from hems.simulation.server import SimulatorServer, start_built_in
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions


async def start_simulator(settings: Configuration, clock: Clock) -> SimulatorServer:
    """Start the simulated house as configured, on a loopback address of its own.

    Raises: ConfigurationError: a model, battery or scenario that does not exist; PermanentError: no address is free.
    """
    check_simulator(settings, clock)
    return await start_built_in(_options_of(settings), clock, speed=settings.simulator.speed)


def check_simulator(settings: Configuration, clock: Clock) -> None:
    """Return where the configured house can be simulated, or need not be, since a real inverter is configured.

    Raises: ConfigurationError: a model, battery or scenario that does not exist, or that do not go together.
    """
    if not settings.inverter.is_simulated:
        return
    simulator = settings.simulator
    choices = (
        ("model", simulator.model, tuple(MODELS)),
        ("battery", simulator.battery, ("auto", *BATTERY_SPECS)),
        ("scenario", simulator.scenario, tuple(SCENARIOS)),
    )
    faults = [
        f"{settings.locate(f'simulator.{key}')}: allowed: {', '.join(allowed)}; not {value!r}"
        for key, value, allowed in choices
        if value not in allowed
    ]
    if faults:
        raise ConfigurationError(faults)
    try:
        SimulatedInverter.starting_at(_options_of(settings), clock.now())
    except ValueError as error:
        raise ConfigurationError([f"{settings.locate('simulator')}: {error}"]) from error


def _options_of(settings: Configuration) -> SimulatorOptions:
    simulator = settings.simulator
    return SimulatorOptions(
        model=simulator.model,
        battery=battery_of(settings),
        capacity_wh=wh_from_kwh(settings.battery_management.capacity_kwh),
        soc_pct=simulator.initial_soc,
        scenario=simulator.scenario,
        seed=simulator.seed,
    )


def battery_of(settings: Configuration) -> str | None:
    """Return the battery to simulate: the named one, else that of the profile, else what suits the model."""
    if settings.simulator.battery != "auto":
        return settings.simulator.battery
    profile = settings.battery_management.profile
    return profile if profile in PRODUCTS else None
