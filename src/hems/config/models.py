"""Everything the owner may set: meaning, unit, default, bounds. References and the shipped file are made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, PrivateAttr, model_validator

from hems.config.decision import DecisionSettings
from hems.config.factors import ChargingThresholds, Factors
from hems.config.fields import (
    SIMULATOR,
    Allowed,
    AmperesOrAuto,
    Days,
    Degrees,
    HighestCelsiusOrAuto,
    Host,
    KilowattHours,
    LowestCelsiusOrAuto,
    Milliseconds,
    Minutes,
    Percent,
    PerKwh,
    Seconds,
    Section,
    TimeZoneName,
    Volts,
    VoltsOrAuto,
    Watts,
    refuse,
)
from hems.config.forecast import ForecastSettings, PvSettings
from hems.config.prices import PricesSettings
from hems.config.web import WebSettings

Family = Literal["auto", "ET", "EH", "BT", "BH", "ES", "EM", "BP", "DT", "MS", "NS", "XS"]


class InverterSettings(Section):
    """How to reach the inverter and how to talk to it."""

    ip_address: Host = Field(
        examples=[SIMULATOR],
        description="Address of the inverter in the local network. `simulator` starts the built-in simulated inverter "
        "instead; pointing the coordinator at hardware is changing this one key.",
    )
    port: int = Field(
        default=8899,
        ge=1,
        le=65535,
        description="8899 talks UDP (Wi-Fi dongles), any other port Modbus/TCP (usually 502).",
    )
    family: Family = Field(default="auto", description="Model family; `auto` asks the inverter.")
    control: Literal["auto", "ems", "fast_charge", "eco_slot"] = Field(
        default="auto",
        description="How a forced mode is put into the inverter. `ems` sets exact powers; `fast_charge` only charges "
        "and ends by itself; `eco_slot` ends by the inverter's own clock. `auto` takes the best the model has.",
    )
    poll_interval_seconds: Seconds = Field(default=5, ge=1, le=60, description="How often the inverter is read.")
    request_timeout_seconds: Seconds = Field(default=1.0, ge=0.2, le=10, description="How long one answer may take.")
    request_retries: int = Field(
        default=3,
        ge=0,
        le=10,
        description="How often an unanswered request is sent again before the read counts as lost.",
    )
    frame_gap_milliseconds: Milliseconds = Field(
        default=100, ge=0, le=2000, description="Pause between two requests; dongles lose frames below 100."
    )
    communication_lost_after_seconds: Seconds = Field(
        default=30,
        ge=5,
        le=600,
        description="Without a valid reading for this long the inverter counts as lost and operations stop. Gaps of "
        "20 s are ordinary.",
    )
    daily_write_budget: int = Field(
        default=60,
        ge=0,
        le=1000,
        description="Register writes a day for decisions; only safety may exceed it. Every write wears the inverter's "
        "flash memory.",
    )

    @property
    def is_simulated(self) -> bool:
        """Whether the built-in simulated inverter is used."""
        return self.ip_address == SIMULATOR

    @model_validator(mode="after")
    def _lost_after_more_than_one_poll(self) -> Self:
        least = 2 * self.poll_interval_seconds
        if self.communication_lost_after_seconds < least:
            reason = f"must be at least two polls ({least:g} s), or one lost frame stops everything"
            refuse(("communication_lost_after_seconds", reason))
        return self


class SimulatorSettings(Section):
    """The built-in simulated inverter and its house; used only where `inverter.ip_address` is `simulator`."""

    model: str = Field(default="GW6000-ES-20", min_length=1, description="Model the simulated inverter reports.")
    battery: str = Field(
        default="auto", min_length=1, description="Battery behind it; `auto` takes one that suits the model."
    )
    initial_soc: Percent = Field(default=35, ge=0, le=100, description="State of charge at the start.")
    speed: float = Field(default=1, gt=0, le=3600, description="How many times faster than real time the house lives.")
    scenario: str = Field(
        default="everyday", min_length=1, description="What the simulated day brings; `hems simulate --help` names all."
    )
    seed: int = Field(
        default=1, ge=0, description="Start of the random clouds and loads; the same seed gives the same day."
    )


class CoordinatorSettings(Section):
    """The rhythm of the coordinator and how it decides."""

    decision_interval_minutes: Minutes = Field(
        default=15, ge=1, le=60, description="How often a decision is made; prices change every 15 minutes."
    )
    health_check_interval_minutes: Minutes = Field(
        default=5, ge=1, le=60, description="How often connections, resources and data rates are checked."
    )
    data_collection_interval_seconds: Seconds = Field(
        default=60, ge=5, le=900, description="How often a reading is stored."
    )
    charging_thresholds: ChargingThresholds = Field(
        default=ChargingThresholds(), description="Where the total score turns into an action."
    )
    min_mode_minutes: Minutes = Field(
        default=15,
        ge=0,
        le=240,
        description="How long a mode runs at least before the score may change it. Safety never waits, and a plan "
        "weighs its changes in money.",
    )
    factors: Factors = Field(default=Factors(), description="The score: factors, their weights and their bands.")


class ChargingSettings(Section):
    """Bounds on charging. A number here narrows what the battery's profile and the inverter permit, never widens it."""

    max_power: Watts = Field(
        default=5000,
        ge=100,
        le=50_000,
        description="Most the coordinator charges the battery with; less than 100 W no inverter regulates.",
    )
    safety_voltage_min: VoltsOrAuto = Field(
        default="auto",
        description="Operations stop below this battery voltage. `auto`: the profile's value (48 V pack: 45.0).",
    )
    safety_voltage_max: VoltsOrAuto = Field(
        default="auto",
        description="Operations stop above this battery voltage. `auto`: the profile's value (48 V pack: 58.0).",
    )
    safety_current_max: AmperesOrAuto = Field(
        default="auto",
        description="Most battery current the coordinator asks for. `auto`: the profile's value (48 V pack: 32.0).",
    )
    safety_temp_max: HighestCelsiusOrAuto = Field(
        default="auto",
        description="Operations stop above this battery temperature. `auto`: the profile's value (48 V pack: 60.0).",
    )
    target_soc: Percent = Field(default=100, ge=10, le=100, description="Charging ends at this state of charge.")
    emergency_soc: Percent = Field(
        default=20,
        ge=0,
        le=90,
        description="At this state of charge or below the score charges whatever it says; the plan has its own "
        "reserve, `battery_management.reserve_soc_pct`.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.safety_voltage_min, self.safety_voltage_max
        faults: list[tuple[str, str]] = []
        if low != "auto" and high != "auto" and low >= high:
            faults.append(("safety_voltage_min", f"must be less than safety_voltage_max ({high:g} V)"))
        if self.emergency_soc >= self.target_soc:
            faults.append(("emergency_soc", f"must be less than target_soc ({self.target_soc:g} %)"))
        if faults:
            refuse(*faults)
        return self


class BatterySettings(Section):
    """The battery."""

    capacity_kwh: KilowattHours = Field(
        gt=0, le=1000, examples=[10.0], description="Nominal energy of the whole battery, from its data sheet."
    )
    profile: Literal["auto", "pack_48v", "lynx_home_f", "lynx_home_f_plus", "lynx_home_d", "lynx_home_u", "custom"] = (
        Field(
            default="auto",
            description="Product, which sets voltage, current and temperature windows. `auto` recognises it by what "
            "the inverter reports; `custom` takes the four charging.safety_* numbers.",
        )
    )
    modules: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Number of battery modules; needed where the voltage depends on it and the inverter reports no "
        "limits.",
    )
    soc_min: Percent = Field(
        default=10, ge=0, le=90, description="The coordinator never asks to discharge below this state of charge."
    )
    reserve_soc_pct: Percent = Field(
        default=10,
        ge=0,
        le=90,
        description="What the plan keeps for an outage. Below it the battery is charged back at the cheapest moment "
        "within two hours, below 5 % at once.",
    )
    charge_efficiency: Annotated[float, Allowed("a number above 0.5 and up to 1")] = Field(
        default=0.95, gt=0.5, le=1, description="Share of charged energy that is stored, inverter included."
    )
    discharge_efficiency: Annotated[float, Allowed("a number above 0.5 and up to 1")] = Field(
        default=0.95, gt=0.5, le=1, description="Share of stored energy that comes out again, inverter included."
    )
    wear_per_kwh: PerKwh = Field(
        default=0.05,
        ge=0,
        le=5,
        description="What a kWh charged or discharged costs in battery life: the battery's price over the energy it "
        "will take in and give out in its life.",
    )
    cycles_per_day_max: float | None = Field(
        default=None, gt=0, le=10, description="Full cycles a day that are planned at most. Left out: no cap."
    )
    discharge_power_max: Watts | None = Field(
        default=None,
        ge=100,
        le=50_000,
        description="Most the battery is planned to give. Left out: what inverter and battery permit.",
    )
    charge_temp_min: LowestCelsiusOrAuto = Field(
        default="auto", description="No charging below this cell temperature. `auto`: the profile's value."
    )
    discharge_temp_min: LowestCelsiusOrAuto = Field(
        default="auto", description="No discharging below this cell temperature. `auto`: the profile's value."
    )


class GridSettings(Section):
    """The grid connection."""

    voltage_min: Volts = Field(
        default=200, ge=100, le=300, description="Operations stop below this voltage on any phase."
    )
    voltage_max: Volts = Field(
        default=250, ge=100, le=300, description="Operations stop above this voltage on any phase."
    )
    import_limit: Watts = Field(
        default=11_000, ge=500, le=200_000, description="The most the connection takes from the grid: the fuse."
    )
    export_limit: Watts | None = Field(
        default=None,
        ge=0,
        le=200_000,
        description="The most that may be fed in. Left out: the inverter's rated power.",
    )
    no_grid_energy_into_export: bool = Field(
        default=True,
        description="Only what the sun gave may be sold out of the battery. Selling energy bought from the grid is "
        "reported not to be permitted to prosumers in Poland; `false` lets any stored energy be sold.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.voltage_min >= self.voltage_max:
            refuse(("voltage_min", f"must be less than voltage_max ({self.voltage_max:g} V)"))
        return self


class SafetySettings(Section):
    """How safety stops hold and let go."""

    release_after_seconds: Seconds = Field(
        default=180, ge=0, le=86_400, description="A stop lets go only after its cause has been absent for this long."
    )
    soc_debounce_samples: int = Field(
        default=3, ge=1, le=20, description="Readings in a row that confirm a jump of the state of charge."
    )
    soc_debounce_seconds: Seconds = Field(
        default=30, ge=0, le=600, description="How long a jump of the state of charge must last to be believed."
    )


class SiteSettings(Section):
    """Where the house stands."""

    time_zone: TimeZoneName = Field(
        default="Europe/Warsaw", description="Time zone of the house: of delivery days, tariffs and shown times."
    )
    latitude: Degrees | None = Field(
        default=None,
        ge=-90,
        le=90,
        description="North positive. Used for the sun's course; a forecast service learns it rounded to 0.01 degrees.",
    )
    longitude: Degrees | None = Field(default=None, ge=-180, le=180, description="East positive; as `latitude`.")

    @model_validator(mode="after")
    def _whole_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            missing, given = ("longitude", "latitude") if self.longitude is None else ("latitude", "longitude")
            refuse((missing, f"required, because {given} is given"))
        return self


class StorageSettings(Section):
    """What is kept on disk."""

    directory: Path = Field(
        default=Path("out"),
        strict=False,
        description="Where data is kept. A relative directory lies beside the folder `config` of this file.",
    )
    raw_days: Days = Field(default=30, ge=1, le=3650, description="How long single readings and decisions are kept.")
    quarter_hour_days: Days = Field(default=1830, ge=30, le=36_500, description="How long quarter-hour sums are kept.")


class LoggingSettings(Section):
    """Log files."""

    directory: Path = Field(
        default=Path("logs"),
        strict=False,
        description="Where log files are kept. A relative directory lies beside the folder `config` of this file.",
    )
    keep_days: Days = Field(default=7, ge=1, le=365, description="How many days of log files are kept.")


class DebugSettings(Section):
    """Finding faults."""

    enabled: bool = Field(default=False, description="Verbose logs: every exchange with the inverter and every score.")


class SourceMap(Protocol):
    """Knows where in a file each key stands."""

    def locate(self, key: str) -> str:
        """Return ``file:line:col: key`` of ``key`` or of the nearest section above it."""
        ...


class Configuration(Section):
    """The whole configuration of one house."""

    inverter: InverterSettings = Field(description="The inverter.")
    simulator: SimulatorSettings = Field(default=SimulatorSettings(), description="The built-in simulated house.")
    coordinator: CoordinatorSettings = Field(default=CoordinatorSettings(), description="Rhythm and decisions.")
    decision: DecisionSettings = Field(default=DecisionSettings(), description="Who decides, and how plans are made.")
    charging: ChargingSettings = Field(default=ChargingSettings(), description="Bounds on charging.")
    battery_management: BatterySettings = Field(description="The battery.")
    grid: GridSettings = Field(default=GridSettings(), description="The grid connection.")
    safety: SafetySettings = Field(default=SafetySettings(), description="How safety stops hold and let go.")
    prices: PricesSettings = Field(default=PricesSettings(), description="Market prices and tariff.")
    site: SiteSettings = Field(default=SiteSettings(), description="Where the house stands.")
    pv: PvSettings = Field(default=PvSettings(), description="The solar panels.")
    forecast: ForecastSettings = Field(default=ForecastSettings(), description="Who says what the sun will give.")
    web: WebSettings = Field(default=WebSettings(), description="The dashboard and its API.")
    storage: StorageSettings = Field(default=StorageSettings(), description="What is kept on disk.")
    logging: LoggingSettings = Field(default=LoggingSettings(), description="Log files.")
    debug: DebugSettings = Field(default=DebugSettings(), description="Finding faults.")

    _source: SourceMap | None = PrivateAttr(default=None)
    _secrets: frozenset[str] = PrivateAttr(default=frozenset())
    _path: Path | None = PrivateAttr(default=None)

    def remember_source(self, source: SourceMap, secrets: frozenset[str] = frozenset()) -> Self:
        """Return this configuration, now able to say where its keys stand and what of it must not be told."""
        self._source = source
        self._secrets = secrets
        return self

    def remember_path(self, path: Path) -> Self:
        """Return this configuration, now able to say which file it was read from."""
        self._path = path
        return self

    @property
    def path(self) -> Path | None:
        """The file it was read from; None where it was not read from one."""
        return self._path

    @property
    def secrets(self) -> frozenset[str]:
        """What was given as a secret; never to be shown, logged or stored."""
        return self._secrets

    def locate(self, key: str) -> str:
        """Return ``file:line:col: key``, or the key alone where the configuration was not read from a file."""
        return key if self._source is None else self._source.locate(key)

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        faults: list[tuple[str, str]] = []
        battery, charging = self.battery_management, self.charging
        if battery.soc_min >= charging.target_soc:
            faults.append(
                ("battery_management.soc_min", f"must be less than charging.target_soc ({charging.target_soc:g} %)")
            )
        if battery.profile == "custom":
            faults.extend(
                (f"charging.{key}", "must be a number, because battery_management.profile is custom")
                for key in ("safety_voltage_min", "safety_voltage_max", "safety_current_max", "safety_temp_max")
                if getattr(charging, key) == "auto"
            )
        if self.forecast.pv_source in ("open_meteo", "forecast_solar"):
            needed = f"required, because forecast.pv_source is {self.forecast.pv_source}"
            if self.site.latitude is None:
                faults += [("site.latitude", needed), ("site.longitude", needed)]
            if not self.pv.planes:
                faults.append(("pv.planes", needed))
        if faults:
            refuse(*faults)
        return self
