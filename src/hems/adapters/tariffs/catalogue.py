"""Every tariff that can be named: the files of this package, and the owner's own beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from hems.adapters.tariffs.tariff_file import FILE_MAX_BYTES, TariffFile, parse_tariff_file
from hems.adapters.tariffs.terms import E, NetBillingEdition, OperatorEdition, SellerEdition
from hems.domain.errors import ConfigurationError
from hems.plain_files import read_plain_file

SHIPPED = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffCatalogue:
    """Editions by the name of their company, in order of their first day."""

    operators: Mapping[str, Sequence[OperatorEdition]]
    sellers: Mapping[str, Sequence[SellerEdition]]
    net_billing: Mapping[str, Sequence[NetBillingEdition]]

    def operator(
        self, name: str, group: str, *, key: str = "operator", group_key: str = "group"
    ) -> Sequence[OperatorEdition]:
        """Return the editions of the operator ``name`` that have the ``group``; ``key``s name the settings to a person.

        Raises: ConfigurationError: no such operator or group; names what exists.
        """
        if name not in self.operators:
            raise ConfigurationError([_no_such(key, name, "network operator", self.operators)])
        editions = [one for one in self.operators[name] if group in one.groups]
        if not editions:
            groups = dict.fromkeys(group for one in self.operators[name] for group in one.groups)
            raise ConfigurationError([_no_such(group_key, group, f"group of {name}", groups)])
        return editions

    def seller(self, name: str, *, key: str = "seller") -> Sequence[SellerEdition]:
        """Return the editions of the seller ``name``.

        Raises: ConfigurationError: no such seller; names what exists.
        """
        if name not in self.sellers:
            raise ConfigurationError([_no_such(key, name, "seller", self.sellers)])
        return self.sellers[name]


def load_catalogue(own: Path | None = None) -> TariffCatalogue:
    """Return the shipped tariffs and those in the directory ``own``, where there is one.

    A file of the owner's with the kind, name and first day of a shipped one takes its place.
    Raises: ConfigurationError: a file that cannot be read or understood; every fault of every file.
    """
    found = list(_shipped())
    if own is not None and own.is_dir():
        found += _read_all(own)
    return _sorted_by_name(found)


@lru_cache(maxsize=1)
def _shipped() -> tuple[TariffFile, ...]:
    return tuple(_read_all(SHIPPED))


def _read_all(directory: Path) -> list[TariffFile]:
    found: list[TariffFile] = []
    faults: list[str] = []
    for path in sorted(directory.rglob("*.toml")):
        try:
            found.append(parse_tariff_file(read_plain_file(path, FILE_MAX_BYTES), str(path)))
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror or error}")
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    return found


def _sorted_by_name(files: Iterable[TariffFile]) -> TariffCatalogue:
    operators: dict[str, dict[date, OperatorEdition]] = defaultdict(dict)
    sellers: dict[str, dict[date, SellerEdition]] = defaultdict(dict)
    net_billing: dict[str, dict[date, NetBillingEdition]] = defaultdict(dict)
    for one in files:
        first = one.edition.valid.first or date.min
        match one:
            case OperatorEdition():
                operators[one.edition.name][first] = one
            case SellerEdition():
                sellers[one.edition.name][first] = one
            case NetBillingEdition():
                net_billing[one.edition.name][first] = one
    return TariffCatalogue(
        operators=_in_order(operators), sellers=_in_order(sellers), net_billing=_in_order(net_billing)
    )


def _in_order(by_name: Mapping[str, Mapping[date, E]]) -> dict[str, tuple[E, ...]]:
    return {name: tuple(by_day[first] for first in sorted(by_day)) for name, by_day in sorted(by_name.items())}


def _no_such(key: str, value: str, noun: str, known: Iterable[str]) -> str:
    return f"{key}: {value!r} is not a {noun}; allowed: {', '.join(known)}"
