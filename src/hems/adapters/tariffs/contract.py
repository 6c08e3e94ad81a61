"""A household's contract put together from tariff files and the owner's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.catalogue import TariffCatalogue
from hems.adapters.tariffs.energy import EVERY_ZONE, DynamicEnergy, Energy, FixedEnergy
from hems.adapters.tariffs.household import HouseholdTariff
from hems.adapters.tariffs.meter import Meter, MeterClock
from hems.adapters.tariffs.network import FlatNetwork, GroupOptions, Network, OperatorNetwork
from hems.adapters.tariffs.sale import Sale, SaleTerms
from hems.adapters.tariffs.terms import DynamicTerms, HasEdition, OperatorEdition, SellerEdition, edition_on
from hems.domain.errors import ConfigurationError
from hems.domain.prices import MarketView, RetailPrice
from hems.ports.prices import TariffNeeds

Locate = Callable[[str], str]
"""Names a setting to a person: from its key to its place in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTerms:
    """What the owner's contract says in place of the seller's file; None: the file holds."""

    margin_per_kwh: float | None = None
    negative_counts_as_zero: bool | None = None
    cap_per_mwh: float | None = None

    def in_place_of(self, terms: DynamicTerms) -> DynamicTerms:
        """Return ``terms`` with the owner's own ones in their place."""
        own = {key: value for key in self.__slots__ if (value := getattr(self, key)) is not None}
        return replace(terms, **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOptions:
    """Who brings the energy, over whose network, and how what is sold is paid."""

    currency: str
    zone: ZoneInfo
    """The zone of the contract's days where no operator says its own."""
    fixed_energy: bool = False
    """Whether the energy has a fixed price for each zone; else it follows the market."""
    operator: str | None = None
    group: str | None = None
    above_last_year: bool = False
    meter_clock: MeterClock = MeterClock.LOCAL
    seller: str | None = None
    own_terms: OwnTerms = field(default_factory=OwnTerms)
    energy_per_kwh: Mapping[str, float] = field(default_factory=dict)
    """Zone to price of energy, for a fixed price without a seller's file."""
    network_per_kwh: float = 0.0
    """Where no operator is named."""
    vat_pct: float | None = None
    """None: the operator's."""
    excise_per_kwh: float | None = None
    sale: SaleTerms = field(default_factory=SaleTerms)


class ContractTariff:
    """A household's tariff from tariff files, with its remarks."""

    def __init__(self, options: ContractOptions, catalogue: TariffCatalogue, locate: Locate = str) -> None:
        """Raises: ConfigurationError: a name that no file has, or prices that do not fit the group's zones."""
        self._options = options
        self._locate = locate
        zone = options.zone
        network: Network
        self._groups: Sequence[OperatorEdition] = ()
        if options.operator is not None:
            self._groups = self._operator(catalogue)
            zone = ZoneInfo(self._groups[0].time_zone)
            network = self._operator_network(zone)
        else:
            network = FlatNetwork(
                net_per_kwh=options.network_per_kwh,
                vat_pct=options.vat_pct or 0.0,
                excise_per_kwh=options.excise_per_kwh or 0.0,
            )
        energy = self._fixed(catalogue) if options.fixed_energy else self._dynamic(catalogue)
        self._tariff = HouseholdTariff(energy=energy, network=network, sale=Sale(options.sale), zone=zone)

    @property
    def needs(self) -> TariffNeeds:
        """What ``retail_series`` has to be given."""
        return self._tariff.needs

    def retail_series(self, market: MarketView) -> tuple[RetailPrice, ...]:
        """Return the retail price of every quarter of ``market.day_ahead``, in order."""
        return self._tariff.retail_series(market)

    def remarks(self, day: date) -> tuple[str, ...]:
        """Return what a person should know about the prices of ``day``."""
        return self._tariff.remarks(day)

    def _operator(self, catalogue: TariffCatalogue) -> Sequence[OperatorEdition]:
        options = self._options
        editions = catalogue.operator(
            options.operator or "",
            options.group or "",
            key=self._locate("operator"),
            group_key=self._locate("group"),
        )
        self._check_currency(editions, "operator")
        return editions

    def _operator_network(self, zone: ZoneInfo) -> OperatorNetwork:
        options, first = self._options, self._groups[0]
        meter = Meter(zone, options.meter_clock, first.edition.country, first.subdivision)
        group = GroupOptions(
            group=options.group or "",
            above_last_year=options.above_last_year,
            vat_pct=options.vat_pct,
            excise_per_kwh=options.excise_per_kwh,
        )
        return OperatorNetwork(self._groups, meter, group)

    def _dynamic(self, catalogue: TariffCatalogue) -> Energy:
        own = self._options.own_terms
        if self._options.seller is None:
            terms = own.in_place_of(DynamicTerms(margin_per_kwh=0.0))
            return DynamicEnergy(lambda _: terms)
        editions = [one for one in self._seller(catalogue) if one.dynamic is not None]
        if not editions:
            raise self._refusal("seller", f"no file of {self._options.seller} has [dynamic] terms")
        merged = {one.edition.file: own.in_place_of(one.dynamic) for one in editions if one.dynamic is not None}

        def remarks(day: date) -> tuple[str, ...]:
            edition = edition_on(editions, day)
            said = edition.edition.remarks(day)
            if edition.dynamic is not None and own.in_place_of(edition.dynamic) != edition.dynamic:
                said += (f"{edition.edition.title}: terms of your settings stand in place of the file's",)
            return said

        return DynamicEnergy(lambda day: merged[edition_on(editions, day).edition.file], remarks)

    def _fixed(self, catalogue: TariffCatalogue) -> Energy:
        options = self._options
        if options.seller is None:
            self._check_zones(options.energy_per_kwh, "energy_per_kwh")
            return FixedEnergy(lambda _: options.energy_per_kwh)
        group = options.group or ""
        editions = [one for one in self._seller(catalogue) if group in one.regulated]
        if not editions:
            known = sorted({name for one in self._seller(catalogue) for name in one.regulated})
            has = f"it has them for: {', '.join(known) or 'none'}"
            raise self._refusal("seller", f"no file of {options.seller} has [regulated] prices for {group!r}; {has}")
        for one in editions:
            self._check_zones(one.regulated[group], "seller", where=f"{one.edition.file}: ")
        return FixedEnergy(
            lambda day: edition_on(editions, day).regulated[group],
            lambda day: edition_on(editions, day).edition.remarks(day),
        )

    def _seller(self, catalogue: TariffCatalogue) -> Sequence[SellerEdition]:
        editions = catalogue.seller(self._options.seller or "", key=self._locate("seller"))
        self._check_currency(editions, "seller")
        return editions

    def _check_zones(self, prices: Mapping[str, float], key: str, where: str = "") -> None:
        """Refuse prices that leave a zone of the group without one."""
        if EVERY_ZONE in prices:
            return
        group = self._options.group or ""
        zones = dict.fromkeys(zone for one in self._groups for zone in one.groups[group].zones)
        missing = [zone for zone in zones if zone not in prices]
        if missing or not zones:
            names = ", ".join(missing) or EVERY_ZONE
            raise self._refusal(key, f"{where}no price of energy for: {names}")

    def _check_currency(self, editions: Sequence[HasEdition], key: str) -> None:
        for one in editions:
            if one.edition.currency != self._options.currency:
                billed = f"this house is billed in {self._options.currency}"
                raise self._refusal(key, f"{one.edition.file} is in {one.edition.currency}, {billed}")

    def _refusal(self, key: str, why: str) -> ConfigurationError:
        return ConfigurationError([f"{self._locate(key)}: {why}"])
