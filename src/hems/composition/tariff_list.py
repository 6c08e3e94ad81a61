"""All tariffs that can be configured, ready to be shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any

from hems.adapters.tariffs.terms import Edition, NetBillingEdition, OperatorEdition, SellerEdition
from hems.composition.tariff import catalogue_of
from hems.composition.tools import load


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffEntry:
    """One tariff file."""

    kind: str
    name: str
    title: str
    offers: tuple[str, ...]
    """Groups of an operator, contracts of a seller, bases of net-billing."""
    valid_from: date | None
    valid_to: date | None
    verified: bool
    source: str
    document: dict[str, Any]
    """The whole file for a program; dates are ISO 8601."""


def tariff_list(config_path: Path | None) -> list[TariffEntry]:
    """Return the shipped tariffs and the owner's own, by kind and name.

    Raises: ConfigurationError.
    """
    catalogue = catalogue_of(load(config_path).settings)
    entries = [
        _entry("operator", one.edition, tuple(one.groups), one)
        for editions in catalogue.operators.values()
        for one in editions
    ]
    entries += [
        _entry("seller", one.edition, _contracts(one), one)
        for editions in catalogue.sellers.values()
        for one in editions
    ]
    entries += [
        _entry("net_billing", one.edition, tuple(one.bases), one)
        for editions in catalogue.net_billing.values()
        for one in editions
    ]
    return entries


def _contracts(seller: SellerEdition) -> tuple[str, ...]:
    dynamic = ("dynamic",) if seller.dynamic is not None else ()
    return (*dynamic, *(f"fixed {group}" for group in seller.regulated))


def _entry(
    kind: str, edition: Edition, offers: tuple[str, ...], whole: OperatorEdition | SellerEdition | NetBillingEdition
) -> TariffEntry:
    return TariffEntry(
        kind=kind,
        name=edition.name,
        title=edition.title,
        offers=offers,
        valid_from=edition.valid.first,
        valid_to=edition.valid.last,
        verified=edition.verified,
        source=edition.source,
        document={"kind": kind, **_plain(asdict(whole))},
    )


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it; sets in order."""
    if isinstance(value, dict):
        return {_key(key): _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(one) for one in value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def _key(key: Any) -> str:
    return key.name.lower() if isinstance(key, IntEnum) else str(key)
