"""What the GoodWe adapter has to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from hems.adapters.inverters.goodwe.bus import RetryOptions
from hems.adapters.inverters.goodwe.library_bus import UDP_PORT, LinkOptions


class Family(StrEnum):
    """The three protocols; the marketing names belong to one of them each."""

    ET = "ET"  # ET, EH, BT, BH, ES G2: Modbus, unit 0xF7
    ES = "ES"  # ES, EM, BP: AA55
    DT = "DT"  # DT, MS, NS, XS: Modbus, unit 0x7F, no battery


FAMILY_OF_NAME = {
    **dict.fromkeys(("ET", "EH", "BT", "BH", "GEH"), Family.ET),
    **dict.fromkeys(("ES", "EM", "BP"), Family.ES),
    **dict.fromkeys(("DT", "MS", "NS", "D-NS", "XS", "GEP"), Family.DT),
}


class ControlChoice(StrEnum):
    """How a power is forced; ``auto`` takes EMS where the inverter has it, else eco slots."""

    AUTO = "auto"
    EMS = "ems"
    FAST_CHARGE = "fast_charge"
    ECO_SLOT = "eco_slot"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodWeOptions:
    """Where the inverter is, what it is, and how it is to be controlled."""

    host: str
    port: int = UDP_PORT
    """8899 is UDP, any other Modbus/TCP."""
    family: str = "auto"
    """``auto`` or a name of FAMILY_OF_NAME."""
    control: str = ControlChoice.AUTO.value
    frame_gap_s: float = 0.1
    retry: RetryOptions = field(default_factory=RetryOptions)
    time_zone: tzinfo = UTC
    """The zone of the inverter's own clock."""

    @property
    def link(self) -> LinkOptions:
        """The part that concerns the network."""
        return LinkOptions(host=self.host, port=self.port, frame_gap_s=self.frame_gap_s, retry=self.retry)

    def chosen_family(self) -> Family | None:
        """Return the configured family, or None for ``auto``.

        Raises: ValueError: no such family; says which there are.
        """
        if self.family.lower() == "auto":
            return None
        family = FAMILY_OF_NAME.get(self.family.upper())
        if family is None:
            raise ValueError(f"inverter.family: {self.family!r} is none of auto, {', '.join(FAMILY_OF_NAME)}")
        return family
