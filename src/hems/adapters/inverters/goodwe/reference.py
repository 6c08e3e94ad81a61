"""The device map as a page for people, made from the tables that the program runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hems.adapters.inverters.goodwe.device_map import BLOCKS
from hems.adapters.inverters.goodwe.fields import (
    DT_SINGLE_PHASE_PLACES,
    DT_THREE_PHASE_PLACES,
    ECO_V1_PLACES,
    ECO_V2_PLACES,
    ES_ECO_V1_PLACES,
    ES_FAST_CHARGE_PLACES,
    ET_50_KW_PLACES,
    ET_100_KW_PLACES,
    ET_PLACES,
    FAST_CHARGE_PLACES,
    Field,
    Place,
)
from hems.adapters.inverters.goodwe.registers import Register

_PLACES: tuple[tuple[str, Mapping[Field, Place]], ...] = (
    ("ET", ET_PLACES),
    ("ET, eco slots V1", ECO_V1_PLACES),
    ("ET and ES, eco slots V2", ECO_V2_PLACES),
    ("ET, fast charge", FAST_CHARGE_PLACES),
    ("ET from 50 kW", ET_50_KW_PLACES),
    ("ET from 100 kW", ET_100_KW_PLACES),
    ("ES, eco slots V1 (AA55 addresses)", ES_ECO_V1_PLACES),
    ("ES, fast charge (only ever switched off)", ES_FAST_CHARGE_PLACES),
    ("DT, one phase", DT_SINGLE_PHASE_PLACES),
    ("DT, three phases", DT_THREE_PHASE_PLACES),
)


def render_device_map() -> str:
    """Return every register that is read or written, as Markdown tables."""
    return "\n".join([*_readings(), *_settings()]) + "\n"


def _readings() -> Iterator[str]:
    for block in BLOCKS:
        yield f"### {block.name}: {block.address}, {block.count} {'bytes' if block.address == 0 else 'registers'}\n"
        yield "| Name | Address | Type | Value | Unknown | Source | Remark |"
        yield "|---|---|---|---|---|---|---|"
        for register in block.registers:
            unknown = ", ".join(str(value) for value in register.kind.unknown)
            kind = register.kind.name.lower()
            yield (
                f"| {register.name} | {register.address} | {kind} | {_scale(register)} | {unknown} "
                f"| {register.source} | {register.note} |"
            )
        yield ""


def _scale(register: Register) -> str:
    text = "raw"
    if register.mul != 1:
        text = f"{text} × {register.mul}" if register.mul > 0 else f"−{text}"
    if register.div != 1:
        text += f" / {register.div}"
    return f"{text} {register.unit}".strip()


def _settings() -> Iterator[str]:
    yield "### Control fields\n"
    yield "| Devices | Field | Address | Registers | Source |"
    yield "|---|---|---|---|---|"
    for devices, places in _PLACES:
        for field, place in places.items():
            yield f"| {devices} | {field.value} | {place.address} | {place.count} | {place.source} |"
