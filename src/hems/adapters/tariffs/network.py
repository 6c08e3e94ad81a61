"""What the way of a kWh to the house costs: one price, or an operator's zones and fees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from hems.adapters.tariffs.meter import Meter
from hems.adapters.tariffs.terms import DayKind, OperatorEdition, edition_on
from hems.domain.prices import Compass, PartKind, PricePart
from hems.domain.time_grid import MTU

DAYS_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCharge:
    """The network's share of a kWh, net of VAT, and what the state adds at that time [currency/kWh]."""

    net_per_kwh: float
    parts: tuple[PricePart, ...]
    """With the VAT on them."""
    zone: str | None
    vat_pct: float
    excise_per_kwh: float
    assumed: bool = False
    """Whether the zone is a guess, since nobody has published the level of the hour."""


def hour_of(start: datetime) -> datetime:
    """Return the start of the hour of ``start``, a quarter's start in UTC."""
    return start.replace(minute=0)


class Network(Protocol):
    """Knows the network's share of every quarter."""

    @property
    def needs_compass(self) -> bool:
        """Whether its zones follow the Energy Compass."""
        ...

    def charge(self, start: datetime, compass: Compass) -> NetworkCharge:
        """Return the charge of the quarter at ``start``."""
        ...

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about it on ``day``."""
        ...


def charge_of(
    parts: tuple[PricePart, ...], *, zone: str | None, vat_pct: float, excise_per_kwh: float, assumed: bool = False
) -> NetworkCharge:
    """Return the charge of these net ``parts``."""
    net = sum(part.per_kwh for part in parts)
    vat = PricePart(f"VAT {vat_pct:g} % on network", net * vat_pct / 100.0, PartKind.NETWORK)
    return NetworkCharge(
        net_per_kwh=net,
        parts=(*parts, vat),
        zone=zone,
        vat_pct=vat_pct,
        excise_per_kwh=excise_per_kwh,
        assumed=assumed,
    )


class FlatNetwork:
    """One price for every quarter, as the owner put it together."""

    def __init__(self, *, net_per_kwh: float, vat_pct: float, excise_per_kwh: float) -> None:
        part = PricePart("network and fees", net_per_kwh, PartKind.NETWORK)
        self._charge = charge_of((part,), zone=None, vat_pct=vat_pct, excise_per_kwh=excise_per_kwh)

    @property
    def needs_compass(self) -> bool:
        """Never."""
        return False

    def charge(self, start: datetime, compass: Compass) -> NetworkCharge:
        """Return the one charge."""
        del start, compass
        return self._charge

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return nothing: it is the owner's own figure."""
        del day
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOptions:
    """Which group the household is in, and what differs from house to house."""

    group: str
    above_last_year: bool = False
    vat_pct: float | None = None
    """In place of the operator's, where the owner says so."""
    excise_per_kwh: float | None = None


class OperatorNetwork:
    """An operator's zones and fees: the edition of the day, the zone of the meter's clock or of the Energy Compass."""

    def __init__(self, editions: Sequence[OperatorEdition], meter: Meter, options: GroupOptions) -> None:
        """``editions`` are in order of their first day, and all have the group."""
        self._editions = editions
        self._meter = meter
        self._options = options
        self._days: dict[date, tuple[OperatorEdition, DayKind]] = {}
        self._charges: dict[tuple[date, str, bool], NetworkCharge] = {}

    @property
    def needs_compass(self) -> bool:
        """Whether any edition's zones follow the Energy Compass."""
        return any(one.groups[self._options.group].by_compass for one in self._editions)

    def charge(self, start: datetime, compass: Compass) -> NetworkCharge:
        """Return the charge of the quarter at ``start``."""
        shown = self._meter.reading(start)
        day = shown.date()
        edition, kind = self._day(day)
        group = edition.groups[self._options.group]
        assumed = False
        if group.by_compass:
            level = compass.get(hour_of(start))
            assumed = level is None
            zone = group.otherwise if level is None else group.by_compass[level]
        else:
            quarter = (shown.hour * 60 + shown.minute) // (MTU.seconds // 60)
            zone = group.zone_of(shown.month, kind, quarter)
        return self._charge_of(edition, day, zone, assumed=assumed)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the edition of ``day``."""
        return edition_on(self._editions, day).edition.remarks(day)

    def _day(self, day: date) -> tuple[OperatorEdition, DayKind]:
        found = self._days.get(day)
        if found is None:
            if len(self._days) >= DAYS_KEPT:
                self._days.clear()
                self._charges.clear()
            found = edition_on(self._editions, day), self._meter.day_kind(day)
            self._days[day] = found
        return found

    def _charge_of(self, edition: OperatorEdition, day: date, zone: str, *, assumed: bool) -> NetworkCharge:
        found = self._charges.get((day, zone, assumed))
        if found is None:
            options = self._options
            group = edition.groups[options.group]
            name = "network" if len(group.zones) == 1 else f"network ({zone.replace('_', ' ')})"
            price = group.price_of(zone, above_last_year=options.above_last_year)
            fees = (fee for fee in edition.fees if fee.valid.holds_on(day))
            parts = (
                PricePart(name, price, PartKind.NETWORK),
                *(PricePart(fee.name, fee.per_kwh, PartKind.NETWORK) for fee in fees),
            )
            found = charge_of(
                parts,
                zone=zone,
                vat_pct=edition.vat_pct if options.vat_pct is None else options.vat_pct,
                excise_per_kwh=edition.excise_per_kwh if options.excise_per_kwh is None else options.excise_per_kwh,
                assumed=assumed,
            )
            self._charges[day, zone, assumed] = found
        return found
