"""``hems size``: what another battery or other panels would have saved on the own past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hems.cli import backtest as shared
from hems.cli import what_if_output as out

if TYPE_CHECKING:
    from rich.table import Table

    from hems.backtest.what_if.sizing import Size, SizingResult


def register(app: typer.Typer) -> None:
    """Add ``hems size``."""

    @app.command()
    def size(
        home: shared.Home,
        prices: shared.Prices = None,
        sell_prices: shared.SellPrices = None,
        buy_sell: shared.BuySell = None,
        column: shared.Column = None,
        sell_column: shared.SellColumn = None,
        config: shared.Config = None,
        operator: shared.Operator = None,
        group: shared.Group = None,
        seller: shared.Seller = None,
        battery_kwh: Annotated[str, typer.Option(help="Capacities to try.")] = "5,10,15,20",
        power_kw: Annotated[str, typer.Option(help="Powers to try, of charging and discharging.")] = "3,5,10",
        pv_factor: Annotated[str, typer.Option(help="Panels to try, times the present ones.")] = "1",
        price_per_kwh: Annotated[
            float | None, typer.Option(min=0, help="What a kWh of battery costs to buy; without it no pay-back.")
        ] = None,
        fixed_price: Annotated[float, typer.Option(min=0, help="What a battery costs beside that.")] = 0.0,
        pv_price_per_kw: Annotated[float | None, typer.Option(min=0, help="What a kW of more panels costs.")] = None,
        pv_kw: Annotated[
            float | None, typer.Option(min=0.01, help="Rated power of the present panels. [as configured]")
        ] = None,
        efficiency: shared.Efficiency = None,
        wear: shared.Wear = None,
        import_kw: shared.ImportKw = None,
        export_kw: shared.ExportKw = None,
        min_soc: shared.MinSoc = None,
        reserve_soc: shared.ReserveSoc = None,
        max_soc: shared.MaxSoc = None,
        start_soc: shared.StartSoc = 50.0,
        stored_value: shared.StoredValue = None,
        only_solar_export: shared.OnlySolar = None,
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
        """Try other batteries and panels on the own past: saving, cycles and pay-back of each."""
        from hems.backtest.executors import open_executor
        from hems.backtest.what_if.sizing import Grid, Purchase
        from hems.composition.backtest_request import BacktestRequest
        from hems.composition.what_if import SizeQuestion
        from hems.composition.what_if import size as try_sizes

        request = BacktestRequest(
            home=home, prices=prices, sell_prices=sell_prices, buy_sell=buy_sell, column=column,
            sell_column=sell_column, config=config, operator=operator, group=group, seller=seller,
            efficiency=efficiency, wear=wear, import_kw=import_kw, export_kw=export_kw, min_soc=min_soc,
            reserve_soc=reserve_soc, max_soc=max_soc, start_soc=start_soc, stored_value=stored_value,
            only_solar_export=only_solar_export, can_limit_export=export_limit, forecast=forecast,
            publication=shared.clock_time(publication), zone=zone, currency=currency, horizon_hours=horizon_hours,
            first_day=shared.day_of(first_day, "--from"), last_day=shared.day_of(last_day, "--to"),
        )  # fmt: skip
        grid = Grid(
            battery_kwh=out.numbers_of("--battery-kwh", battery_kwh),
            power_kw=out.numbers_of("--power-kw", power_kw),
            pv_factor=out.numbers_of("--pv-factor", pv_factor),
        )
        purchase = Purchase(
            battery_per_kwh=price_per_kwh, battery_fixed=fixed_price, pv_per_kw=pv_price_per_kw, pv_kw=pv_kw
        )
        question = SizeQuestion(request=request, grid=grid, purchase=purchase)
        out.check_files(as_json, plot)
        with out.progress("sizes") as told:
            if executor == shared.LOCAL:
                result = try_sizes(question, told)
            else:
                with open_executor(executor) as pool:
                    result = try_sizes(question, told, pool)
        out.write_json(as_json, document_of(result))
        if plot is not None:
            from hems.cli.what_if_pictures import draw_sizes

            draw_sizes(result, plot)
        if as_json is None or str(as_json) != "-":
            out.say(title_of(result), table_of(result), notes_of(result))
        if result.is_interrupted:
            raise typer.Exit(code=130)


def title_of(result: SizingResult) -> str:
    """Return what was tried."""
    span = out.span_words(result.first, result.last, result.zone, result.hours)
    return f"{Path(result.title).name}\n{span}, optimal; {result.currency} a year"


def table_of(result: SizingResult) -> Table:
    """Return one row per size; columns that say nothing are left out."""
    has_panels = len(result.grid.pv_factor) > 1 or result.grid.pv_factor != (1.0,)
    has_payback = any(one.payback_years is not None for one in result.sizes)
    heads = ["battery kWh", "kW", *(["PV x"] if has_panels else []), "saving"]
    heads += ["with PV"] if has_panels else []
    heads += ["wear", "cycles", "import", "export kWh"]
    heads += ["price", "years"] if has_payback else []
    table = out.table_of(heads, words=0)
    for one in result.sizes:
        table.add_row(*_cells(one, has_panels=has_panels, has_payback=has_payback))
    return table


def _cells(one: Size, *, has_panels: bool, has_payback: bool) -> list[str]:
    cells = ["none", "–"] if one.battery_kwh == 0.0 else [f"{one.battery_kwh:g}", f"{one.power_kw:g}"]
    cells += [f"{one.pv_factor:g}"] if has_panels else []
    cells += [f"{one.saving:.0f}"]
    cells += [_or_dash(one.saving_over_present, ".0f")] if has_panels else []
    cells += [f"{one.wear:.0f}", f"{one.cycles:.0f}", f"{one.import_kwh:.0f}", f"{one.export_kwh:.0f}"]
    return cells + ([_or_dash(one.price, ".0f"), _or_dash(one.payback_years, ".1f")] if has_payback else [])


def _or_dash(value: float | None, shape: str) -> str:
    return "–" if value is None else format(value, shape)


def notes_of(result: SizingResult) -> list[str]:
    """Return what a reader has to know."""
    scale = f"a year = the {result.hours / 24.0:.1f} days lived x {365.0 * 24.0 / result.hours:.2f}"
    if result.hours < 360.0 * 24.0:
        scale += ": other seasons may save otherwise"
    wear = f"{result.wear_per_kwh:g} {result.currency} per kWh charged or discharged"
    notes = [
        scale,
        "saving: of energy alone, over no battery with the same panels; no monthly fees, no deposit",
        f"decided with a wear of {wear}; it is not taken off the saving, it stands beside it",
    ]
    if result.grid.pv_factor != (1.0,):
        notes.append("with PV: over no battery with the present panels")
    if any(one.payback_years is not None for one in result.sizes):
        notes.append("years: price over saving, without interest and ageing; of more panels, with what they save")
    elif result.purchase.battery_per_kwh is None:
        notes.append("--price-per-kwh says what a battery costs: then the years to pay it back are shown")
    notes += result.remarks
    if result.is_interrupted:
        notes.append("interrupted: the figures are those of what was lived")
    return notes


def document_of(result: SizingResult) -> dict[str, Any]:
    """Return everything as JSON knows it; amounts of a size are those of a year."""
    return {
        "format": out.FORMAT,
        "title": result.title,
        "from": out.plain(result.first),
        "to": out.plain(result.last),
        "hours": result.hours,
        "currency": result.currency,
        "interrupted": result.is_interrupted,
        "wear_per_kwh": result.wear_per_kwh,
        "purchase": out.plain(result.purchase),
        "sizes_per_year": out.plain(result.sizes),
        "remarks": list(result.remarks),
        "parameters": dict(result.parameters),
        "versions": dict(result.versions),
    }
