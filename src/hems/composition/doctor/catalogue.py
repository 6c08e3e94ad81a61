"""Every kind of finding there is, by group, and the check that makes each group's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from hems.composition.doctor import clock, disk, house, inverter, inverter_kinds, machine, prices, rights, service
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Check, Finding, Group, Kind

CATALOGUES: tuple[Catalogue, ...] = (
    house.CATALOGUE,
    inverter_kinds.CATALOGUE,
    clock.CATALOGUE,
    prices.CATALOGUE,
    disk.CATALOGUE,
    rights.CATALOGUE,
    service.CATALOGUE,
    machine.CATALOGUE,
)

_Look = Callable[[House], Awaitable[Sequence[Finding]]]
_CHECKS: tuple[tuple[Group, str, _Look, float], ...] = (
    (Group.CONFIGURATION, "configuration", house.configuration_findings, 3.0),
    (Group.INVERTER, "inverter", inverter.inverter_findings, 18.0),
    (Group.CLOCK, "clock", clock.clock_findings, 12.0),
    (Group.PRICES, "prices", prices.price_findings, 15.0),
    (Group.DISK, "room on the disk", disk.room_findings, 10.0),
    (Group.DISK, "database", disk.database_findings, 10.0),
    (Group.DISK, "JSON files", disk.json_findings, 5.0),
    (Group.RIGHTS, "rights", rights.rights_findings, 8.0),
    (Group.SERVICE, "service", service.service_findings, 6.0),
    (Group.MACHINE, "machine", machine.machine_findings, 3.0),
)


def checks_of(found: House) -> list[Check]:
    """Return every check, ready to look at the house that was ``found``."""

    def bound(look: _Look) -> Callable[[], Awaitable[Sequence[Finding]]]:
        return lambda: look(found)

    return [Check(group=group, name=name, run=bound(look), limit_s=limit_s) for group, name, look, limit_s in _CHECKS]


def kinds() -> list[Kind]:
    """Return every kind of finding, in the order of the report."""
    return [kind for catalogue in CATALOGUES for kind in catalogue.kinds.values()]
