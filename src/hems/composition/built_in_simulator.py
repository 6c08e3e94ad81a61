"""The simulated inverter behind ``inverter.ip_address: simulator``."""

from __future__ import annotations

from hems.analysis.battery_profiles import PRODUCTS
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError
from hems.domain.units import wh_from_kwh
from hems.ports.clock import Clock
from hems.simulation.server import SimulatorServer, start_built_in
from hems.simulation.simulated_inverter import SimulatorOptions


async def start_simulator(settings: Configuration, clock: Clock) -> SimulatorServer:
    """Start the simulated house as configured, on a loopback address of its own.

    Raises: ConfigurationError: a model, battery or scenario that does not exist; PermanentError: no address is free.
    """
    simulator = settings.simulator
    options = SimulatorOptions(
        model=simulator.model,
        battery=battery_of(settings),
        capacity_wh=wh_from_kwh(settings.battery_management.capacity_kwh),
        soc_pct=simulator.initial_soc,
        scenario=simulator.scenario,
        seed=simulator.seed,
    )
    try:
        return await start_built_in(options, clock, speed=simulator.speed)
    except ValueError as error:
        raise ConfigurationError([f"{settings.locate('simulator')}: {error}"]) from error


def battery_of(settings: Configuration) -> str | None:
    """Return the battery to simulate: the named one, else that of the profile, else what suits the model."""
    if settings.simulator.battery != "auto":
        return settings.simulator.battery
    profile = settings.battery_management.profile
    return profile if profile in PRODUCTS else None
