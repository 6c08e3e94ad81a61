"""Records as database rows and back. Times are whole microseconds since 1970 UTC."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hems.adapters.storage.codec import dump_record, from_json, to_json
from hems.domain.prices import PriceOrigin, SlotPrice
from hems.domain.readings import (
    BatteryReading,
    EnergyCounters,
    GridReading,
    InverterReading,
    LoadReading,
    PvReading,
    Quality,
    SiteSnapshot,
    WorkState,
)
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord, SystemState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[Any, ...]

SAMPLE_COLUMNS = (
    *("at_us", "state", "mode", "price_per_mwh", "complete"),
    *("pv_w", "battery_w", "soc_pct", "soh_pct", "battery_v", "battery_a", "battery_c", "cell_min_c", "cell_max_c"),
    *("charge_limit_a", "discharge_limit_a", "grid_w", "grid_v1", "grid_v2", "grid_v3", "grid_hz"),
    *("load_w", "backup_w", "inverter_state", "inverter_c"),
    *("pv_count_wh", "import_count_wh", "export_count_wh", "load_count_wh", "charge_count_wh", "discharge_count_wh"),
    "rest",
)
CYCLE_COLUMNS = (
    *("at_us", "trigger", "mode", "source", "verdict", "score", "confidence_pct", "price_per_mwh", "soc_pct"),
    *("result", "reason", "record"),
)
EVENT_COLUMNS = ("at_us", "kind", "severity", "message")
ENERGY_COLUMNS = tuple("start_us" if field.name == "start" else field.name for field in fields(EnergySlot))
PRICE_COLUMNS = ("market", "start_us", "price_per_mwh", "currency", "published_at_us", "source")

_MAX_PHASES = 3


def insert_sql(table: str, columns: Sequence[str]) -> str:
    """Return the statement that keeps one row, replacing the row of the same key."""
    marks = ", ".join("?" * len(columns))
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names


def us_from_datetime(moment: datetime) -> int:
    """Return ``moment`` as microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def datetime_from_us(microseconds: int) -> datetime:
    """Return the UTC moment of ``microseconds``."""
    return _EPOCH + microseconds * _MICROSECOND


def is_complete(snapshot: SiteSnapshot) -> bool:
    """Return whether a poll brought all five main figures: PV, battery power, SoC, grid and load."""
    return None not in (
        snapshot.pv.power_w,
        snapshot.battery.power_w,
        snapshot.battery.soc_pct,
        snapshot.grid.power_w,
        snapshot.load.power_w,
    )


def row_of_sample(sample: SampleRecord) -> Row:
    """Return ``sample`` as a row of ``samples``: the main figures as columns, what is rarely there as JSON."""
    snapshot = sample.snapshot
    battery, grid, inverter, counters = snapshot.battery, snapshot.grid, snapshot.inverter, snapshot.counters
    volts = (*grid.voltage_v, None, None, None)[:_MAX_PHASES]
    return (
        us_from_datetime(snapshot.at),
        sample.state.value,
        sample.mode,
        sample.price_per_mwh,
        int(is_complete(snapshot)),
        snapshot.pv.power_w,
        battery.power_w,
        battery.soc_pct,
        battery.soh_pct,
        battery.voltage_v,
        battery.current_a,
        battery.temperature_c,
        battery.cell_temperature_min_c,
        battery.cell_temperature_max_c,
        battery.charge_limit_a,
        battery.discharge_limit_a,
        grid.power_w,
        *volts,
        grid.frequency_hz,
        snapshot.load.power_w,
        snapshot.load.backup_power_w,
        None if inverter.state is None else inverter.state.value,
        inverter.temperature_c,
        counters.pv_wh,
        counters.import_wh,
        counters.export_wh,
        counters.load_wh,
        counters.charge_wh,
        counters.discharge_wh,
        _rest_of(snapshot),
    )


_BLOCKS = ("pv", "battery", "grid", "load", "inverter")


def _rest_of(snapshot: SiteSnapshot) -> str | None:
    """What the columns do not hold: each block without its columns, left out where nothing remains of it."""
    rest: dict[str, Any] = {}
    bare = _without_columns(snapshot)
    for name in _BLOCKS:
        block = to_json(getattr(bare, name))
        if getattr(bare, name).at == snapshot.at:
            del block["at"]
        if block["quality"] == Quality.GOOD.value:
            del block["quality"]
        if block:
            rest[name] = block
    if snapshot.notes:
        rest["notes"] = list(snapshot.notes)
    return json.dumps(rest, ensure_ascii=False, separators=(",", ":")) if rest else None


def _without_columns(snapshot: SiteSnapshot) -> SiteSnapshot:
    battery = replace(
        snapshot.battery,
        soc_pct=None,
        soh_pct=None,
        power_w=None,
        voltage_v=None,
        current_a=None,
        temperature_c=None,
        cell_temperature_min_c=None,
        cell_temperature_max_c=None,
        charge_limit_a=None,
        discharge_limit_a=None,
    )
    # One phase or three fit the columns without a doubt; anything else keeps its list.
    volts = snapshot.grid.voltage_v
    fits = (len(volts) == 1 and volts[0] is not None) or (len(volts) == _MAX_PHASES and None not in volts)
    return replace(
        snapshot,
        pv=replace(snapshot.pv, power_w=None),
        battery=battery,
        grid=replace(snapshot.grid, power_w=None, frequency_hz=None, voltage_v=() if fits else volts),
        load=replace(snapshot.load, power_w=None, backup_power_w=None),
        inverter=replace(snapshot.inverter, state=None, temperature_c=None),
    )


def sample_of_row(row: Row) -> SampleRecord:
    """Return the sample that ``row_of_sample`` turned into ``row`` (in the order of SAMPLE_COLUMNS)."""
    value = dict(zip(SAMPLE_COLUMNS, row, strict=True))
    at = datetime_from_us(value["at_us"])
    rest = json.loads(value["rest"]) if value["rest"] else {}

    def block(cls: type[Any], name: str) -> Any:
        return from_json(cls, {"at": at.isoformat(), "quality": Quality.GOOD.value, **rest.get(name, {})}, path=name)

    grid = block(GridReading, "grid")
    volts = tuple(value[f"grid_v{phase}"] for phase in (1, 2, 3))
    inverter = block(InverterReading, "inverter")
    state = value["inverter_state"]
    snapshot = SiteSnapshot(
        at=at,
        pv=replace(block(PvReading, "pv"), power_w=value["pv_w"]),
        battery=replace(
            block(BatteryReading, "battery"),
            soc_pct=value["soc_pct"],
            soh_pct=value["soh_pct"],
            power_w=value["battery_w"],
            voltage_v=value["battery_v"],
            current_a=value["battery_a"],
            temperature_c=value["battery_c"],
            cell_temperature_min_c=value["cell_min_c"],
            cell_temperature_max_c=value["cell_max_c"],
            charge_limit_a=value["charge_limit_a"],
            discharge_limit_a=value["discharge_limit_a"],
        ),
        grid=replace(
            grid,
            power_w=value["grid_w"],
            frequency_hz=value["grid_hz"],
            voltage_v=grid.voltage_v or tuple(volt for volt in volts if volt is not None),
        ),
        load=replace(block(LoadReading, "load"), power_w=value["load_w"], backup_power_w=value["backup_w"]),
        inverter=replace(
            inverter, state=None if state is None else WorkState(state), temperature_c=value["inverter_c"]
        ),
        counters=EnergyCounters(
            **{name: value[name.replace("_wh", "_count_wh")] for name in EnergyCounters.__dataclass_fields__}
        ),
        notes=tuple(rest.get("notes", ())),
    )
    return SampleRecord(
        snapshot=snapshot,
        state=SystemState(value["state"]),
        mode=value["mode"],
        price_per_mwh=value["price_per_mwh"],
    )


def row_of_cycle(cycle: CycleRecord) -> Row:
    """Return ``cycle`` as a row of ``cycles``: whole as JSON, with columns to search by."""
    decision, context = cycle.decision, cycle.context
    return (
        us_from_datetime(cycle.at),
        cycle.trigger.value,
        decision.mode.value,
        decision.source,
        decision.verdict,
        None if decision.score is None else decision.score.total,
        decision.confidence_pct,
        context.price.price_per_mwh,
        context.snapshot.battery.soc_pct,
        None if cycle.action is None else type(cycle.action.result).__name__,
        decision.reason,
        dump_record(cycle),
    )


def row_of_event(event: EventRecord) -> Row:
    """Return ``event`` as a row of ``events``."""
    return (us_from_datetime(event.at), event.kind, event.severity, event.message)


def event_of_row(row: Row) -> EventRecord:
    """Return the event of a row of ``events``."""
    at_us, kind, severity, message = row
    return EventRecord(at=datetime_from_us(at_us), kind=kind, severity=severity, message=message)


def row_of_energy(slot: EnergySlot) -> Row:
    """Return ``slot`` as a row of ``energy``."""
    return tuple(us_from_datetime(slot.start) if name == "start_us" else getattr(slot, name) for name in ENERGY_COLUMNS)


def energy_of_row(row: Row) -> EnergySlot:
    """Return the quarter of a row of ``energy``."""
    value = dict(zip(ENERGY_COLUMNS, row, strict=True))
    start = datetime_from_us(value.pop("start_us"))
    estimated = bool(value.pop("price_estimated"))
    return EnergySlot(start=start, price_estimated=estimated, **value)


def price_of_row(row: Row) -> SlotPrice:
    """Return the published price of a row (start_us, price_per_mwh, published_at_us)."""
    start_us, price, published_us = row
    return SlotPrice(
        start=datetime_from_us(start_us),
        price_per_mwh=price,
        origin=PriceOrigin.PUBLISHED,
        published_at=None if published_us is None else datetime_from_us(published_us),
    )
