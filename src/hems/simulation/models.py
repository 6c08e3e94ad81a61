"""The inverters that can be simulated, one row each. Serial numbers carry the tag by which clients tell the family."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    """Protocol families, named as the ``goodwe`` library names them."""

    ET = "ET"
    ES = "ES"
    DT = "DT"


@dataclass(frozen=True, slots=True, kw_only=True)
class InverterModel:
    """One inverter model and firmware."""

    name: str
    family: Family
    summary: str
    serial_number: str
    rated_w: int
    phases: int
    arm_version: int
    battery: str | None
    """The battery it is sold with most; another may be chosen. None: no battery can be connected."""
    dsp_version: int = 5
    wire_name: str = ""
    """How the ten bytes of the device information name it, where that differs from ``name``."""
    platform_745: bool = False
    """The newer platform: MPPT block, long meter block, and an ARM version that counts anew from 1."""
    reports_cells: bool = True
    """Whether cell temperatures and voltages are filled in; recorded GW10K-ET units show 0/0."""

    @property
    def eco_v2(self) -> bool:
        """Whether eco slots have twelve bytes; ARM 19 brought them to ET, ARM 14 to ES (with DSP 22)."""
        return self.platform_745 or self.arm_version >= (19 if self.family is Family.ET else 14)

    @property
    def has_fast_charge(self) -> bool:
        """Whether fast charging exists; ARM 19 brought it."""
        return self.platform_745 or (self.family is not Family.DT and self.arm_version >= 19)

    @property
    def has_peak_shaving(self) -> bool:
        """Whether peak shaving exists; ARM 22 brought it."""
        return self.platform_745 or (self.family is Family.ET and self.arm_version >= 22)


DEFAULT_MODEL = "GW6000-ES-20"

MODELS: dict[str, InverterModel] = {
    model.name: model
    for model in (
        InverterModel(
            name="GW6000-ES-20",
            family=Family.ET,
            summary="single-phase hybrid of platform 745, 48 V battery; speaks the ET protocol",
            serial_number="56000ESN00SIM001",
            rated_w=6000,
            phases=1,
            arm_version=15,
            battery="pack_48v",
            wire_name="GW6000ES20",
            platform_745=True,
        ),
        InverterModel(
            name="GW10K-ET",
            family=Family.ET,
            summary="three-phase hybrid, high-voltage battery, eco slots V2",
            serial_number="9010KETU00SIM002",
            rated_w=10_000,
            phases=3,
            arm_version=24,
            battery="lynx_home_f",
            reports_cells=False,
        ),
        InverterModel(
            name="GW8KN-ET",
            family=Family.ET,
            summary="three-phase hybrid, high-voltage battery, ARM 31",
            serial_number="9008KETU00SIM003",
            rated_w=8000,
            phases=3,
            arm_version=31,
            battery="lynx_home_f_plus",
        ),
        InverterModel(
            name="GW10K-ET-fw617",
            family=Family.ET,
            summary="a GW10K-ET with old firmware (ARM 17): eco slots V1, no fast charge",
            serial_number="9010KETU00SIM004",
            rated_w=10_000,
            phases=3,
            arm_version=17,
            battery="lynx_home_f",
            wire_name="GW10K-ET",
            reports_cells=False,
        ),
        InverterModel(
            name="GW5048-ES",
            family=Family.ES,
            summary="single-phase hybrid of platform 105, 48 V battery; AA55 protocol, eco V2, fast charge",
            serial_number="95048ESU00SIM005",
            rated_w=5000,
            phases=1,
            arm_version=20,
            dsp_version=23,
            battery="pack_48v",
        ),
        InverterModel(
            name="GW5048-EM",
            family=Family.ES,
            summary="single-phase hybrid of platform 105 with old firmware (ARM 11): AA55 protocol, eco V1",
            serial_number="95048EMU00SIM006",
            rated_w=5000,
            phases=1,
            arm_version=11,
            dsp_version=10,
            battery="pack_48v",
        ),
        InverterModel(
            name="GW6000-DT",
            family=Family.DT,
            summary="three-phase inverter without a battery; asleep at night",
            serial_number="6000KDTU00SIM007",
            rated_w=6000,
            phases=3,
            arm_version=12,
            battery=None,
        ),
    )
}
