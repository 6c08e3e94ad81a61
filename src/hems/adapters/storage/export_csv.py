"""What was measured and decided as CSV: units in the headers, UTC and local time in the first two columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.domain.decision import FactorName
from hems.domain.record import CycleRecord, EnergySlot, SampleRecord


class What(StrEnum):
    """What can be exported."""

    QUARTERS = "quarters"
    SAMPLES = "samples"
    DECISIONS = "decisions"


Column = tuple[str, Callable[[Any], object]]


def _energy_columns(money: str) -> list[Column]:
    def field(name: str) -> Callable[[EnergySlot], object]:
        return lambda slot: getattr(slot, name)

    return [
        ("measured share [0-1]", field("coverage")),
        ("PV [Wh]", field("pv_wh")),
        ("load [Wh]", field("load_wh")),
        ("import [Wh]", field("import_wh")),
        ("export [Wh]", field("export_wh")),
        ("charged [Wh]", field("charge_wh")),
        ("discharged [Wh]", field("discharge_wh")),
        ("SoC at start [%]", field("soc_start_pct")),
        ("SoC at end [%]", field("soc_end_pct")),
        (f"import price [{money}/kWh]", field("import_price_per_kwh")),
        (f"export price [{money}/kWh]", field("export_price_per_kwh")),
        ("price estimated [yes/no]", lambda slot: "yes" if slot.price_estimated else "no"),
        (f"cost [{money}]", field("cost")),
        ("self-use import [Wh]", field("baseline_import_wh")),
        ("self-use export [Wh]", field("baseline_export_wh")),
        ("self-use SoC at start [%]", field("baseline_soc_start_pct")),
        ("self-use SoC at end [%]", field("baseline_soc_end_pct")),
        (f"self-use cost [{money}]", field("baseline_cost")),
        (f"value of stored energy [{money}/kWh]", field("stored_value_per_kwh")),
        ("forced share [0-1]", field("forced_share")),
        (f"gain of the decision [{money}]", field("decision_gain")),
        ("lead in the battery settled [Wh]", field("settled_lead_wh")),
    ]


def _phase(index: int) -> Callable[[SampleRecord], object]:
    def read(sample: SampleRecord) -> object:
        volts = sample.snapshot.grid.voltage_v
        return volts[index] if index < len(volts) else None

    return read


def _sample_columns(money: str) -> list[Column]:
    return [
        ("state", lambda sample: sample.state.value),
        ("mode", lambda sample: sample.mode),
        (f"market price [{money}/MWh]", lambda sample: sample.price_per_mwh),
        ("PV [W]", lambda sample: sample.snapshot.pv.power_w),
        ("load [W]", lambda sample: sample.snapshot.load.power_w),
        ("grid, + import [W]", lambda sample: sample.snapshot.grid.power_w),
        ("battery, + discharge [W]", lambda sample: sample.snapshot.battery.power_w),
        ("SoC [%]", lambda sample: sample.snapshot.battery.soc_pct),
        ("battery voltage [V]", lambda sample: sample.snapshot.battery.voltage_v),
        ("battery current, + discharge [A]", lambda sample: sample.snapshot.battery.current_a),
        ("battery temperature [degC]", lambda sample: sample.snapshot.battery.temperature_c),
        *((f"grid voltage L{index + 1} [V]", _phase(index)) for index in range(3)),
        ("grid frequency [Hz]", lambda sample: sample.snapshot.grid.frequency_hz),
        ("inverter temperature [degC]", lambda sample: sample.snapshot.inverter.temperature_c),
    ]


def _points(name: FactorName) -> Callable[[CycleRecord], object]:
    def read(cycle: CycleRecord) -> object:
        factors = () if cycle.decision.score is None else cycle.decision.score.factors
        return next((factor.points for factor in factors if factor.name is name), None)

    return read


def _decision_columns(money: str) -> list[Column]:
    return [
        ("trigger", lambda cycle: cycle.trigger.value),
        ("mode", lambda cycle: cycle.decision.mode.value),
        ("power [W]", lambda cycle: cycle.decision.command.power_w),
        ("target SoC [%]", lambda cycle: cycle.decision.command.target_soc_pct),
        ("source", lambda cycle: cycle.decision.source),
        ("score [0-100]", lambda cycle: None if cycle.decision.score is None else cycle.decision.score.total),
        *((f"{name.value} points [0-100]", _points(name)) for name in FactorName),
        ("confidence [%]", lambda cycle: cycle.decision.confidence_pct),
        (f"market price [{money}/MWh]", lambda cycle: cycle.context.price.price_per_mwh),
        ("SoC [%]", lambda cycle: cycle.context.snapshot.battery.soc_pct),
        ("verdict", lambda cycle: cycle.decision.verdict),
        ("causes", lambda cycle: "; ".join(cycle.decision.causes)),
        ("result", lambda cycle: "nothing asked" if cycle.action is None else type(cycle.action.result).__name__),
        ("register writes", lambda cycle: 0 if cycle.action is None else cycle.action.register_writes),
        ("reason", lambda cycle: cycle.decision.reason),
    ]


def write_csv(reader: StoreReader, out: TextIO, *, what: What, start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Write the records of [start, end) to ``out`` and return how many; unknown is an empty field.

    Raises: StorageError: the database cannot be read.
    """
    money = reader.currency() or "money"
    columns, records = _of_kind(reader, what, start, end, money)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time [UTC]", f"time [{zone}]", *(header for header, _ in columns)])
    count = 0
    for at, record in records:
        local = at.astimezone(zone).isoformat(timespec="seconds")
        utc = at.isoformat(timespec="seconds").replace("+00:00", "Z")
        writer.writerow([utc, local, *(_field(read(record)) for _, read in columns)])
        count += 1
    return count


def _of_kind(
    reader: StoreReader, what: What, start: datetime, end: datetime, money: str
) -> tuple[list[Column], Iterator[tuple[datetime, object]]]:
    if what is What.QUARTERS:
        quarters: Iterable[EnergySlot] = reader.energy_between(start, end)
        return _energy_columns(money), ((slot.start, slot) for slot in quarters)
    if what is What.SAMPLES:
        return _sample_columns(money), ((sample.snapshot.at, sample) for sample in reader.samples_between(start, end))
    return _decision_columns(money), ((cycle.at, cycle) for cycle in reader.cycles_between(start, end))


def _field(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1.0 else f"{value:.3f}".rstrip("0").rstrip(".")
    return value
