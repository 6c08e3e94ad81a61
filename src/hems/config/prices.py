"""The settings of prices: where they are published, and what a household pays on top of them."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hems.config.fields import Allowed, HttpUrl, LocalTime, Percent, PerKwh, Seconds, Section, refuse


class PseSource(Section):
    """The reports API of PSE, the Polish transmission operator. No account is needed."""

    base_url: HttpUrl = Field(
        default="https://api.raporty.pse.pl/api",
        repr=False,
        description="Address of the API, without the name of a report. The only address the coordinator calls outside "
        "the house.",
    )
    timeout_seconds: Seconds = Field(default=20, ge=1, le=120, description="How long one answer may take.")
    page_size: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Rows asked for in one page; a day has 92 to 100, further pages follow.",
    )


class TariffSettings(Section):
    """What the household pays and is paid. The default is a dynamic contract with Tauron's G11 network of 2026."""

    kind: Literal["dynamic", "fixed"] = Field(
        default="dynamic",
        description="`dynamic` follows the market price of each quarter; `fixed` takes `fixed_import_per_kwh` and "
        "`fixed_export_per_kwh`.",
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
        return self


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
