"""The settings of prices: where they are published, and what a household pays on top of them."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hems.config.fields import Allowed, HttpUrl, LocalTime, Percent, PerKwh, Seconds, Section, Unit, refuse


class PseSource(Section):
    """The reports API of PSE, the Polish transmission operator. No account is needed."""

    base_url: HttpUrl = Field(
        default="https://api.raporty.pse.pl/api",
        repr=False,
        description="Address of the API, without the name of a report. Outside the house the coordinator calls "
        "this address, and a forecast service where one is configured; nobody else.",
    )
    timeout_seconds: Seconds = Field(default=20, ge=1, le=120, description="How long one answer may take.")
    page_size: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Rows asked for in one page; a day has 92 to 100, further pages follow.",
    )


ZonePrices = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=100)]],
    Field(min_length=1),
    Unit("currency/kWh"),
    Allowed("names of zones with their prices, such as {day: 0.62, night: 0.41}, or {all: 0.55}"),
]
MonthlyPrices = Annotated[
    dict[Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")], Annotated[float, Field(ge=-20_000, le=20_000)]],
    Unit("currency/MWh"),
    Allowed("months with their prices, such as {2026-09: 312.5}"),
]
TariffName = Annotated[str, Field(min_length=1, max_length=40)]


class TariffSettings(Section):
    """What the household pays and is paid. The default is a dynamic contract with Tauron's G11 network of 2026.

    `hems tariffs` lists the operators, groups and sellers that can be named; docs/tariffs.md says how to add one.
    """

    kind: Literal["dynamic", "fixed_energy", "fixed"] = Field(
        default="dynamic",
        description="`dynamic` follows the market price of each quarter; `fixed_energy` has a fixed price of energy "
        "for each zone, the network comes on top; `fixed` takes `fixed_import_per_kwh`, all included.",
    )
    operator: TariffName | None = Field(
        default=None,
        description="The network operator, such as tauron, pge, energa or enea: its zones and fees stand in place of "
        "`network_per_kwh`, its VAT and excise in place of those below unless they were changed.",
    )
    group: TariffName | None = Field(
        default=None,
        description="The tariff group, such as G11, G12w or G13; needed with `operator`. Stands on the bill.",
    )
    above_last_year: bool = Field(
        default=False,
        description="Group G12as: whether the house already uses more than in the same period of last year, so that "
        "the night is cheap.",
    )
    meter_clock: Literal["local", "winter"] = Field(
        default="local",
        description="Whether the meter's clock follows summer time or stays on `winter` time (some meters of PGE and "
        "Energa: every zone then comes an hour later in summer).",
    )
    seller: TariffName | None = Field(
        default=None,
        description="The seller of energy, such as pge, tauron or pstryk: its margin and rules hold unless the keys "
        "below were changed; with `fixed_energy` its regulated prices.",
    )
    energy_per_kwh: ZonePrices | None = Field(
        default=None,
        description="For `fixed_energy` without `seller`: the price of energy of each zone, before VAT, excise "
        "included. Stands in the contract.",
    )
    sell: Literal["auto", "rce", "rce_hour", "rcem", "fixed", "none"] = Field(
        default="auto",
        description="What sold energy is paid: the settlement price `rce` of the quarter, the mean of its hour "
        "`rce_hour` (net-billing by hour), the monthly `rcem`, `fixed_export_per_kwh`, or nothing. `auto`: rce, and "
        "with kind fixed the fixed price.",
    )
    rcem_per_mwh: MonthlyPrices | None = Field(
        default=None,
        description="For `sell: rcem`: the monthly prices published by PSE. A month that is missing is priced by the "
        "last one within two months, else by the mean of its settlement prices so far, and marked as estimated.",
    )
    directory: Path = Field(
        default=Path("config/tariffs"),
        strict=False,
        description="Your own tariff files (docs/tariffs.md), read beside the shipped ones. A relative directory lies "
        "beside the folder `config` of this file.",
    )
    seller_margin_per_kwh: PerKwh = Field(
        default=0.08,
        ge=-1,
        le=5,
        description="The seller's margin on the market price, before VAT. Stands in the contract.",
    )
    excise_per_kwh: PerKwh = Field(default=0.005, ge=0, le=1, description="Excise duty, before VAT.")
    vat_pct: Percent = Field(default=23, ge=0, le=50, description="Value added tax on energy and network.")
    network_per_kwh: PerKwh = Field(
        default=0.2898,
        ge=0,
        le=5,
        description="Network and fees per energy, before VAT: distribution 0.2464, quality 0.0331, renewables 0.0073 "
        "and cogeneration 0.0030 (Tauron G11, 2026). Stands on the bill.",
    )
    floor_negative_market: bool = Field(
        default=False,
        description="Whether the seller counts a negative market price as 0 when you buy. Contracts differ: some pass "
        "negative prices on.",
    )
    market_cap_per_mwh: float | None = Field(
        default=None,
        ge=0,
        le=20_000,
        description="The highest market price the seller bills, in currency per MWh (PGE: 4000). Left out: no cap.",
    )
    export_multiplier: float = Field(
        default=1.0,
        ge=0,
        le=2,
        description="What one unit of money for sold energy is worth to you (1.23 where the deposit is raised).",
    )
    export_negative_counts_as_zero: bool = Field(
        default=True, description="Whether a negative settlement price counts as 0 when you sell (net-billing: yes)."
    )
    fixed_import_per_kwh: PerKwh | None = Field(
        default=None,
        ge=0,
        le=10,
        description="All-in price of bought energy for `kind: fixed`, VAT and network included.",
    )
    fixed_export_per_kwh: PerKwh | None = Field(
        default=None, ge=0, le=10, description="Price paid for sold energy for `kind: fixed`."
    )

    @model_validator(mode="after")
    def _fixed_has_prices(self) -> Self:
        if self.kind == "fixed":
            missing = [key for key in ("fixed_import_per_kwh", "fixed_export_per_kwh") if getattr(self, key) is None]
            if missing:
                refuse(*((key, "required, because kind is fixed") for key in missing))
        if self.sell == "fixed" and self.fixed_export_per_kwh is None:
            refuse(("fixed_export_per_kwh", "required, because sell is fixed"))
        return self

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        faults: list[tuple[str, str]] = []
        if (self.operator is None) != (self.group is None):
            missing, given = ("group", "operator") if self.group is None else ("operator", "group")
            faults.append((missing, f"required, because {given} is given"))
        if self.operator is not None and self.is_changed("network_per_kwh"):
            faults.append(
                ("network_per_kwh", "must be left out, because operator and group bring the network's prices")
            )
        if self.kind == "fixed" and (self.operator is not None or self.seller is not None):
            faults.append(("kind", "must be dynamic or fixed_energy, because fixed has no use for operator and seller"))
        if self.kind == "fixed_energy" and (self.seller is None) == (self.energy_per_kwh is None):
            faults.append(("energy_per_kwh", "kind fixed_energy takes either energy_per_kwh or a seller"))
        if self.kind != "fixed_energy" and self.energy_per_kwh is not None:
            faults.append(("energy_per_kwh", "must be left out, because kind is not fixed_energy"))
        if faults:
            refuse(*faults)
        return self

    def is_changed(self, key: str) -> bool:
        """Return whether ``key`` has another value than its default: the shipped file writes every default down."""
        return bool(getattr(self, key) != type(self).model_fields[key].default)


class PricesSettings(Section):
    """Market prices and the household's tariff."""

    source: Literal["pse"] = Field(default="pse", description="Who publishes the day-ahead prices: PSE, Poland.")
    currency: Annotated[str, Allowed("three capital letters, such as PLN")] = Field(
        default="PLN", pattern=r"^[A-Z]{3}$", description="Currency of all prices."
    )
    first_fetch_time: LocalTime = Field(
        default=time(13, 30),
        description="From when on tomorrow's prices are asked for, local time; asked again with growing pauses until "
        "they are out (usually 14:00 to 14:40, at times after 16:00).",
    )
    pse: PseSource = Field(default=PseSource(), description="Where PSE answers.")
    tariff: TariffSettings = Field(default=TariffSettings(), description="From the market price to the bill.")

    @model_validator(mode="after")
    def _source_has_the_currency(self) -> Self:
        if self.source == "pse" and self.currency != "PLN":
            refuse(("currency", "must be PLN: prices.source pse publishes no other"))
        return self
