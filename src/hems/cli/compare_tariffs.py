"""``hems compare-tariffs``: the own house under every tariff that is known, fixed against dynamic, fees included."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli import backtest as shared
from hems.cli import what_if_output as out

if TYPE_CHECKING:
    from rich.table import Table

    from hems.backtest.what_if.tariffs import Cost, OfferResult, TariffComparison


def register(app: typer.Typer) -> None:
    """Add ``hems compare-tariffs``."""

    @app.command("compare-tariffs")
    def compare_tariffs(
        home: shared.Home,
        prices: shared.Prices = None,
        sell_prices: shared.SellPrices = None,
        column: shared.Column = None,
        sell_column: shared.SellColumn = None,
        config: shared.Config = None,
        operator: Annotated[
            str | None, typer.Option(help="Network operator, or `all`. [the configured one, else all]")
        ] = None,
        group: Annotated[str | None, typer.Option(help="Only this tariff group. [all]")] = None,
        seller: Annotated[str | None, typer.Option(help="Only this seller of energy. [all]")] = None,
        phases: Annotated[int, typer.Option(help="Of the connection, 1 or 3: the fixed network fee.")] = 3,
        strategy: Annotated[str, typer.Option(help="What the battery does: optimal or self_use.")] = "optimal",
        battery_kwh: shared.BatteryKwh = None,
        charge_kw: shared.ChargeKw = None,
        discharge_kw: shared.DischargeKw = None,
        efficiency: shared.Efficiency = None,
        wear: shared.Wear = None,
        import_kw: shared.ImportKw = None,
        export_kw: shared.ExportKw = None,
        min_soc: shared.MinSoc = None,
        reserve_soc: shared.ReserveSoc = None,
        max_soc: shared.MaxSoc = None,
        start_soc: shared.StartSoc = 50.0,
        stored_value: shared.StoredValue = None,
        only_solar_export: Annotated[
            bool | None,
            typer.Option(
                "--only-solar-export/--any-export",
                help="Sell only what the sun gave: the rule for prosumers. [as configured, else only the sun]",
            ),
        ] = None,
        export_limit: shared.LimitExport = True,
        forecast: shared.Forecast = None,
        publication: shared.PublicationAt = "14:00",
        zone: shared.Zone = None,
        currency: shared.Currency = None,
        horizon_hours: shared.HorizonHours = None,
        first_day: shared.FirstDay = None,
        last_day: shared.LastDay = None,
        as_json: out.AsJson = None,
        plot: out.Plot = None,
        executor: Annotated[str, typer.Option(help="local, processes, dask, or tcp://HOST:PORT.")] = shared.LOCAL,
    ) -> None:
        """Compare what the own house would pay under every known tariff, as it is billed, with monthly fees."""
        from hems.adapters.clock import SystemClock
        from hems.backtest.executors import open_executor
        from hems.composition.backtest_request import BacktestRequest
        from hems.composition.what_if import TariffQuestion
        from hems.composition.what_if import compare_tariffs as compare

        request = BacktestRequest(
            home=home, prices=prices, sell_prices=sell_prices, column=column, sell_column=sell_column, config=config,
            battery_kwh=battery_kwh, charge_kw=charge_kw, discharge_kw=discharge_kw, efficiency=efficiency, wear=wear,
            import_kw=import_kw, export_kw=export_kw, min_soc=min_soc, reserve_soc=reserve_soc, max_soc=max_soc,
            start_soc=start_soc, stored_value=stored_value, only_solar_export=only_solar_export,
            can_limit_export=export_limit, forecast=forecast, publication=shared.clock_time(publication), zone=zone,
            currency=currency, horizon_hours=horizon_hours, first_day=shared.day_of(first_day, "--from"),
            last_day=shared.day_of(last_day, "--to"),
        )  # fmt: skip
        question = TariffQuestion(
            request=request, operator=operator, group=group, seller=seller, phases=phases, strategy=strategy
        )
        out.check_files(as_json, plot)
        today = SystemClock().now().date()
        with out.progress("tariffs") as told:
            if executor == shared.LOCAL:
                result = compare(question, today, told)
            else:
                with open_executor(executor) as pool:
                    result = compare(question, today, told, pool)
        out.write_json(as_json, document_of(result))
        if plot is not None:
            from hems.cli.what_if_pictures import draw_tariffs

            draw_tariffs(result, plot)
        if as_json is None or str(as_json) != "-":
            out.say(title_of(result), table_of(result), notes_of(result))
        if result.is_interrupted:
            raise typer.Exit(code=130)


def title_of(result: TariffComparison) -> str:
    """Return what was compared."""
    span = out.span_words(result.first, result.last, result.zone, result.hours)
    house = f"battery {result.battery_kwh:g} kWh, {result.strategy}"
    return f"{Path(result.title).name}\n{span}, {house}; {result.currency} a year"


def table_of(result: TariffComparison) -> Table:
    """Return one row per tariff, money scaled to a year."""
    table = out.table_of(
        ("", "operator", "group", "price", "energy", "fixed", "wear", "total", "without", "saves", ""), words=4
    )
    a_year = result.per_year
    for one in result.results:
        offer, cost = one.offer, one.with_battery
        price = f"dyn. {offer.seller or 'own'}" if offer.contract == "dynamic" else f"fix. {offer.seller or 'own'}"
        amounts = (cost.total - cost.fixed - cost.wear, cost.fixed, cost.wear, cost.total, one.without_battery.total)
        table.add_row(
            "▶" if offer.is_present else "", offer.operator or "–", offer.group or "–", price,
            *(f"{amount * a_year:.0f}" for amount in (*amounts, one.saving)), out.marks_of(one.offer),
        )  # fmt: skip
    return table


def notes_of(result: TariffComparison) -> list[str]:
    """Return what a reader has to know."""
    scale = f"a year = the {result.hours / 24.0:.1f} days lived x {result.per_year:.2f}"
    if result.hours < 360.0 * 24.0:
        scale += ": other seasons may rank otherwise"
    notes = [
        scale,
        "energy: as billed, netted by hour, less deposit and stored energy; wear is on no bill; without: no battery",
    ]
    seen = {sign for one in result.results for sign in out.marks_of(one.offer)}
    signs = [f"{sign} {words}" for sign, words in out.MARKS.items() if sign in seen]
    if any(one.offer.is_present for one in result.results):
        signs.insert(0, "▶ yours now")
    if signs:
        notes.append("; ".join(signs))
    notes.append("prices of the newest files are used for all days, also those before they held")
    silent = sorted({one.offer.seller or "own" for one in result.results if not one.offer.has_seller_fee})
    if silent:
        notes.append(f"no monthly fee of the seller is known, none is counted: {', '.join(silent)}")
    if any(one.with_battery.deposit_left >= 0.5 for one in result.results):
        notes.append("what is left in the deposit counts as far as bills like these will use it, the rest as refund")
    if result.left_out_hours > 0.01:
        notes.append(f"left out: {result.left_out_hours:.1f} h of which load, PV or price is unknown")
    if result.not_offered:
        notes.append(f"{len(result.not_offered)} combinations have no price in the files (--json says why)")
    notes += result.remarks
    if result.is_interrupted:
        notes.append("interrupted: the figures are those of the time that was lived")
    return notes


def document_of(result: TariffComparison) -> dict[str, Any]:
    """Return everything as JSON knows it: costs of the time lived, and `per_year` to scale them."""
    return {
        "format": out.FORMAT,
        "title": result.title,
        "from": out.plain(result.first),
        "to": out.plain(result.last),
        "hours": result.hours,
        "left_out_hours": result.left_out_hours,
        "per_year": result.per_year,
        "currency": result.currency,
        "strategy": result.strategy,
        "battery_kwh": result.battery_kwh,
        "phases": result.phases,
        "interrupted": result.is_interrupted,
        "tariffs": [_row(one, result.per_year) for one in result.results],
        "not_offered": dict(result.not_offered),
        "remarks": list(result.remarks),
        "parameters": dict(result.parameters),
        "versions": dict(result.versions),
    }


def _row(one: OfferResult, per_year: float) -> dict[str, Any]:
    offer = one.offer
    return {
        "operator": offer.operator,
        "group": offer.group,
        "seller": offer.seller,
        "contract": offer.contract,
        "present": offer.is_present,
        "verified": offer.is_verified,
        "ended": offer.has_ended,
        "seller_fee_known": offer.has_seller_fee,
        "zones_assumed": offer.is_guessed,
        "remarks": list(offer.remarks),
        "fees_per_month": [{"name": name, "per_month": per_month} for name, per_month in one.fees],
        "total_per_year": one.with_battery.total * per_year,
        "total_per_year_without_battery": one.without_battery.total * per_year,
        "saving_per_year": one.saving * per_year,
        "with_battery": _cost(one.with_battery),
        "without_battery": _cost(one.without_battery),
    }


def _cost(cost: Cost) -> Mapping[str, Any]:
    return {**out.plain(cost), "bill": cost.bill, "total": cost.total}
