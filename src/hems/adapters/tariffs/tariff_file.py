"""From a tariff file to its terms. The format is described in docs/tariffs.md; everything is checked on reading."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hems.adapters.tariffs.meter import POLAND, known_countries
from hems.adapters.tariffs.terms import (
    QUARTERS_OF_A_DAY,
    DayKind,
    DynamicTerms,
    Edition,
    Fee,
    Group,
    MarketStep,
    MonthlyFee,
    NetBillingBasis,
    NetBillingEdition,
    OperatorEdition,
    SellerEdition,
    Validity,
    ZoneRule,
)
from hems.adapters.tariffs.toml_table import TomlTable
from hems.domain.errors import ConfigurationError
from hems.domain.prices import CompassLevel, DepositTerms

FORMAT = 1
FILE_MAX_BYTES = 100_000
"""The longest shipped file has 5 kB."""

PER_KWH_MAX = 100.0
"""Beyond it stands a price per MWh by mistake; in no currency of Europe's market does a kWh cost as much."""
MONTHLY_MAX = 10_000.0
KWH_A_YEAR_MAX = 1e6

KINDS = ("operator", "seller", "net_billing")
COMPASS = "energy_compass"
COMPASS_KEYS = {level.name.lower(): level for level in CompassLevel}

TariffFile = OperatorEdition | SellerEdition | NetBillingEdition

_HOURS = re.compile(r"([01]\d|2[0-4])(?::(00|15|30|45))?-([01]\d|2[0-4])(?::(00|15|30|45))?", re.ASCII)
_MONTHS = re.compile(r"(1[0-2]|[1-9])(?:-(1[0-2]|[1-9]))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Head:
    kind: str
    edition: Edition


def parse_tariff_file(content: bytes, file: str) -> TariffFile:
    """Return what the file says.

    Raises: ConfigurationError: one line for every fault: file, key, what is allowed. Nothing of the file is used then.
    """
    faults: list[str] = []
    table = TomlTable(_parse(content, file), file=file, path="", faults=faults)
    head = _head(table)
    if faults:  # what follows depends on it
        raise ConfigurationError(faults)
    result = _READERS[head.kind](table, head)
    table.close()
    if faults:
        raise ConfigurationError(faults)
    return result


def _parse(content: bytes, file: str) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError([f"{file}: not a TOML file in UTF-8: {error}"]) from error


def _head(table: TomlTable) -> _Head:
    if table.number("format", 1, 1000) > FORMAT:
        table.fault("format", f"this program reads format {FORMAT}; update it")
    kind = table.choice("kind", KINDS)
    currency = table.text("currency")
    if currency and not re.fullmatch(r"[A-Z]{3}", currency):
        table.fault("currency", f"must be three capital letters, such as PLN, not {currency!r}")
    country = table.text("country")
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        table.fault("country", f"must be two capital letters (ISO 3166), such as PL, not {country!r}")
    edition = Edition(
        name=table.name("name"),
        title=table.text("title"),
        country=country,
        currency=currency,
        source=table.text("source"),
        verified=table.flag("verified"),
        file=table.file,
        valid=_validity(table),
    )
    return _Head(kind, edition)


def _validity(table: TomlTable) -> Validity:
    first, last = table.day("valid_from"), table.day("valid_to")
    if first is not None and last is not None and last < first:
        table.fault("valid_to", f"must not be before valid_from ({first})")
    return Validity(first=first, last=last)


def _operator(table: TomlTable, head: _Head) -> OperatorEdition:
    time_zone = table.text("time_zone")
    try:
        ZoneInfo(time_zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        table.fault("time_zone", f"must be a time zone of the IANA database, such as Europe/Warsaw, not {time_zone!r}")
    subdivision = table.text("subdivision") if table.has("subdivision") else None
    _check_holidays(table, head.edition.country, subdivision)
    fees = tuple(_fee(fee) for fee in table.tables("fees"))
    groups = table.table("groups")
    found = {name: _group(groups.table(name), name) for name in groups.keys()}  # noqa: SIM118 - not a mapping
    if not found:
        table.fault("groups", "at least one group, such as [groups.G11]")
    return OperatorEdition(
        edition=head.edition,
        subdivision=subdivision,
        time_zone=time_zone,
        vat_pct=table.number("vat_pct", 0, 50),
        excise_per_kwh=table.number("excise_per_kwh", 0, PER_KWH_MAX, 0.0),
        fees=fees,
        groups=found,
        monthly=_monthly(table),
    )


def _check_holidays(table: TomlTable, country: str, subdivision: str | None) -> None:
    if country == POLAND and subdivision is None:
        return
    supported = known_countries()
    if country not in supported:
        table.fault("country", f"{country!r} is not a country whose public holidays are known")
    elif subdivision is not None and subdivision not in supported[country]:
        table.fault("subdivision", f"must be one of {', '.join(supported[country])}, not {subdivision!r}")


def _fee(table: TomlTable) -> Fee:
    fee = Fee(
        name=table.text("name"),
        per_kwh=table.number("per_kwh", -PER_KWH_MAX, PER_KWH_MAX),
        valid=_validity(table),
    )
    table.close()
    return fee


def _group(table: TomlTable, name: str) -> Group:
    zones = table.prices("zones", -PER_KWH_MAX, PER_KWH_MAX)
    if not zones:
        table.fault("zones", "at least one zone with its price")
    above = table.prices("above_last_year", -PER_KWH_MAX, PER_KWH_MAX, optional=True)
    for zone in above:
        _check_zone(table, f"above_last_year.{zone}", zone, zones)
    only = next(iter(zones), "")
    by_compass = _by_compass(table, zones)
    otherwise = table.text("otherwise", only if len(zones) == 1 else None) or only
    _check_zone(table, "otherwise", otherwise, zones)
    group = Group(
        name=name,
        zones=zones,
        otherwise=otherwise,
        rules=tuple(_rule(rule, zones) for rule in table.tables("rules")),
        above_last_year=above,
        by_compass=by_compass,
        monthly=_monthly(table),
    )
    table.close()
    return group


def _by_compass(table: TomlTable, zones: dict[str, float]) -> dict[CompassLevel, str]:
    if not table.has("by_compass"):
        return {}
    levels = table.table("by_compass")
    found = {level: levels.text(key) for key, level in COMPASS_KEYS.items()}
    for key, level in COMPASS_KEYS.items():
        _check_zone(levels, key, found[level], zones)
    levels.close()
    return found


def _rule(table: TomlTable, zones: dict[str, float]) -> ZoneRule:
    zone = table.text("zone")
    _check_zone(table, "zone", zone, zones)
    quarters: set[int] = set()
    for text in table.texts("hours", ("00-24",)):
        quarters |= _quarters(table, text)
    months: set[int] = set()
    for text in table.texts("months", ("1-12",)):
        months |= _months(table, text)
    days: set[DayKind] = set()
    allowed = tuple(kind.value for kind in DayKind)
    for text in table.texts("days", allowed):
        if text in allowed:
            days.add(DayKind(text))
        else:
            table.fault("days", f"must be of {', '.join(allowed)}, not {text!r}")
    table.close()
    return ZoneRule(zone=zone, quarters=frozenset(quarters), months=frozenset(months), days=frozenset(days))


def _check_zone(table: TomlTable, key: str, zone: str, zones: dict[str, float]) -> None:
    if zones and zone and zone not in zones:
        table.fault(key, f"{zone!r} is not a zone of this group; allowed: {', '.join(zones)}")


def _quarters(table: TomlTable, text: str) -> set[int]:
    """Return the quarters of ``HH-HH`` or ``HH:MM-HH:MM``; a span over midnight covers both ends of the same day."""
    match = _HOURS.fullmatch(text)
    start, end = (-1, -1)
    if match:
        start = int(match[1]) * 4 + int(match[2] or 0) // 15
        end = int(match[3]) * 4 + int(match[4] or 0) // 15
    if not (0 <= start < QUARTERS_OF_A_DAY and 0 < end <= QUARTERS_OF_A_DAY) or start == end:
        table.fault("hours", f"must be spans such as '22-06' or '13:30-15:00', not {text!r}")
        return set()
    if start < end:
        return set(range(start, end))
    return set(range(start, QUARTERS_OF_A_DAY)) | set(range(end))


def _months(table: TomlTable, text: str) -> set[int]:
    match = _MONTHS.fullmatch(text)
    if not match:
        table.fault("months", f"must be months such as '4-9' or '12', not {text!r}")
        return set()
    first, last = int(match[1]), int(match[2] or match[1])
    return set(range(first, last + 1)) if first <= last else set(range(first, 13)) | set(range(1, last + 1))


def _monthly(table: TomlTable) -> tuple[MonthlyFee, ...]:
    found: list[MonthlyFee] = []
    for fee in table.tables("monthly"):
        phases = fee.optional_number("phases", 1, 3)
        found.append(
            MonthlyFee(
                name=fee.text("name"),
                per_month=fee.number("per_month", 0, MONTHLY_MAX),
                applies_to=fee.text("applies_to") if fee.has("applies_to") else "",
                includes_vat=fee.flag("includes_vat", False),
                phases=None if phases is None else round(phases),
                above_kwh_a_year=fee.optional_number("above_kwh_a_year", 0, KWH_A_YEAR_MAX),
                up_to_kwh_a_year=fee.optional_number("up_to_kwh_a_year", 0, KWH_A_YEAR_MAX),
                only_dynamic=fee.flag("only_dynamic", False),
            )
        )
        fee.close()
    return tuple(found)


def _seller(table: TomlTable, head: _Head) -> SellerEdition:
    dynamic = _dynamic(table.table("dynamic")) if table.has("dynamic") else None
    regulated: dict[str, dict[str, float]] = {}
    if table.has("regulated"):
        groups = table.table("regulated")
        regulated = {group: groups.prices(group, 0, PER_KWH_MAX) for group in groups.keys()}  # noqa: SIM118
    if dynamic is None and not regulated:
        table.fault("dynamic", "a seller has [dynamic] terms or [regulated] prices")
    return SellerEdition(edition=head.edition, dynamic=dynamic, regulated=regulated, monthly=_monthly(table))


def _dynamic(table: TomlTable) -> DynamicTerms:
    terms = DynamicTerms(
        margin_per_kwh=table.number("margin_per_kwh", -PER_KWH_MAX, PER_KWH_MAX),
        step=MarketStep(table.choice("market_step", tuple(MarketStep), MarketStep.QUARTER)),
        negative_counts_as_zero=table.choice("negative_market", ("passed_on", "zero"), "passed_on") == "zero",
        cap_per_mwh=table.optional_number("cap_per_mwh", 0, 1000 * PER_KWH_MAX),
        floor_gross_per_kwh=table.optional_number("floor_gross_per_kwh", -PER_KWH_MAX, PER_KWH_MAX),
    )
    table.close()
    return terms


def _net_billing(table: TomlTable, head: _Head) -> NetBillingEdition:
    bases: dict[str, NetBillingBasis] = {}
    found = table.table("bases")
    for name in found.keys():  # noqa: SIM118 - not a mapping
        base = found.table(name)
        bases[name] = NetBillingBasis(
            multiplier=base.number("multiplier", 0, 10),
            deposit=DepositTerms(
                valid_months=round(base.number("valid_months", 0, 120)),
                refund_share_max=base.number("refund_share_max", 0, 1),
            ),
        )
        base.close()
    return NetBillingEdition(edition=head.edition, bases=bases)


_READERS: Mapping[str, Callable[[TomlTable, _Head], TariffFile]] = {
    "operator": _operator,
    "seller": _seller,
    "net_billing": _net_billing,
}
