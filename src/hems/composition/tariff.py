"""From the configured tariff to the object that prices every quarter; reads tariff files only where one is named."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from hems.adapters.tariffs.catalogue import TariffCatalogue, load_catalogue
from hems.adapters.tariffs.contract import ContractOptions, ContractTariff, OwnTerms
from hems.adapters.tariffs.fixed import FixedTariff, FixedTariffOptions
from hems.adapters.tariffs.meter import MeterClock
from hems.adapters.tariffs.registry import create_tariff
from hems.adapters.tariffs.sale import Sale, SaleBasis, SaleTerms
from hems.config.loader import resolve_directory
from hems.config.models import Configuration
from hems.ports.prices import Tariff

SETTLEMENT_ZONE = "Europe/Warsaw"
"""PSE's delivery day is a Polish day, wherever the house stands."""


def tariff_of(settings: Configuration) -> Tariff:
    """Return the household's tariff.

    Raises: ConfigurationError: an operator, group or seller that no file has, or a tariff file that is wrong.
    """
    tariff = settings.prices.tariff
    sale = sale_terms_of(settings)
    if tariff.kind == "fixed":
        options = FixedTariffOptions(
            import_per_kwh=tariff.fixed_import_per_kwh or 0.0, currency=settings.prices.currency
        )
        return FixedTariff(options, Sale(sale))
    if tariff.kind == "dynamic" and sale.basis is SaleBasis.RCE and tariff.operator is None and tariff.seller is None:
        return _by_numbers(settings)
    named = tariff.operator is not None or tariff.seller is not None
    catalogue = catalogue_of(settings) if named else TariffCatalogue(operators={}, sellers={}, net_billing={})
    return ContractTariff(_contract_of(settings, sale), catalogue, lambda key: settings.locate(f"prices.tariff.{key}"))


def _by_numbers(settings: Configuration) -> Tariff:
    prices, tariff = settings.prices, settings.prices.tariff
    return create_tariff(
        "dynamic",
        {
            "currency": prices.currency,
            "seller_margin_per_kwh": tariff.seller_margin_per_kwh,
            "excise_per_kwh": tariff.excise_per_kwh,
            "vat_pct": tariff.vat_pct,
            "network_per_kwh": tariff.network_per_kwh,
            "floor_negative_market": tariff.floor_negative_market,
            "market_cap_per_mwh": tariff.market_cap_per_mwh,
            "export_multiplier": tariff.export_multiplier,
            "export_negative_counts_as_zero": tariff.export_negative_counts_as_zero,
        },
    )


def catalogue_of(settings: Configuration) -> TariffCatalogue:
    """Return the shipped tariffs and the owner's own.

    Raises: ConfigurationError: a tariff file that is wrong.
    """
    return load_catalogue(own_tariffs_of(settings))


def own_tariffs_of(settings: Configuration) -> Path | None:
    """Return where the owner's own tariff files lie; None where the configuration lies nowhere itself."""
    directory = settings.prices.tariff.directory
    if settings.path is None:
        return directory if directory.is_absolute() else None
    return resolve_directory(settings.path, directory)


def _contract_of(settings: Configuration, sale: SaleTerms) -> ContractOptions:
    """Return the contract; a number that was left at its default gives way to what a named file says."""
    tariff = settings.prices.tariff
    has_operator, has_seller = tariff.operator is not None, tariff.seller is not None

    def own(key: str, *, given_way: bool) -> bool:
        return not given_way or tariff.is_changed(key)

    return ContractOptions(
        currency=settings.prices.currency,
        zone=ZoneInfo(SETTLEMENT_ZONE),
        fixed_energy=tariff.kind == "fixed_energy",
        operator=tariff.operator,
        group=tariff.group,
        above_last_year=tariff.above_last_year,
        meter_clock=MeterClock(tariff.meter_clock),
        seller=tariff.seller,
        own_terms=OwnTerms(
            margin_per_kwh=tariff.seller_margin_per_kwh if own("seller_margin_per_kwh", given_way=has_seller) else None,
            negative_counts_as_zero=tariff.floor_negative_market
            if own("floor_negative_market", given_way=has_seller)
            else None,
            cap_per_mwh=tariff.market_cap_per_mwh,
        ),
        energy_per_kwh=tariff.energy_per_kwh or {},
        network_per_kwh=tariff.network_per_kwh,
        vat_pct=tariff.vat_pct if own("vat_pct", given_way=has_operator) else None,
        excise_per_kwh=tariff.excise_per_kwh if own("excise_per_kwh", given_way=has_operator) else None,
        sale=sale,
    )


def sale_terms_of(settings: Configuration) -> SaleTerms:
    """Return how sold energy is paid, as configured."""
    tariff = settings.prices.tariff
    basis = tariff.sell
    if basis == "auto":
        basis = "fixed" if tariff.kind == "fixed" else "rce"
    months = {(int(month[:4]), int(month[5:])): price for month, price in (tariff.rcem_per_mwh or {}).items()}
    return SaleTerms(
        basis=SaleBasis(basis),
        zone=ZoneInfo(SETTLEMENT_ZONE),
        multiplier=tariff.export_multiplier,
        negative_counts_as_zero=tariff.export_negative_counts_as_zero,
        fixed_per_kwh=tariff.fixed_export_per_kwh or 0.0,
        rcem_per_mwh=months,
    )
