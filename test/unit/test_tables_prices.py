"""Prices from files, by quarters: hours repeated, gaps left out, wrong units and currencies told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hems.adapters.tables.price_file import PriceTable, RetailTable, read_buy_sell, read_prices
from hems.domain.errors import RejectedData
from hems.domain.prices import PriceOrigin

START = datetime(2025, 9, 30, 10, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def prices_of(tmp_path: Path, text: str, column: str | None = None, currency: str = "PLN") -> PriceTable:
    """Write prices and read them."""
    (tmp_path / "prices.csv").write_text(text)
    return read_prices(tmp_path / "prices.csv", column, currency)


def rows_of(minutes: int, count: int, start: datetime = START) -> list[str]:
    """``count`` rows ``minutes`` apart, each of its own price."""
    return [f"{start + timedelta(minutes=minutes * i):%Y-%m-%dT%H:%M:%SZ},{100 + i}" for i in range(count)]


def text_of(rows: list[str], header: str = "ts_utc,price") -> str:
    """A file of these rows."""
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(("minutes", "quarters"), [(15, 1), (30, 2), (60, 4)])
def test_hours_and_half_hours_become_quarters(tmp_path: Path, minutes: int, quarters: int) -> None:
    table = prices_of(tmp_path, text_of(rows_of(minutes, 6)))
    assert [slot.start for slot in table.prices] == [START + i * QUARTER for i in range(6 * quarters)]
    assert [slot.price_per_mwh for slot in table.prices] == [100 + i // quarters for i in range(6 * quarters)]
    assert {slot.origin for slot in table.prices} == {PriceOrigin.PUBLISHED}
    assert table.prices.currency == "PLN"
    assert (table.quality.step, table.quality.end) == (minutes * timedelta(minutes=1), START + 6 * quarters * QUARTER)
    assert (table.quality.missing_rows, table.quality.gaps, table.quality.remarks) == (0, (), ())


CHANGE = datetime(2025, 9, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize("quarters", [40, 400])
def test_a_market_that_changed_to_quarters(tmp_path: Path, quarters: int) -> None:
    """As it did on 1 October 2025, local time; most rows may be of either step."""
    rows = rows_of(60, 100, CHANGE - timedelta(hours=100)) + rows_of(15, quarters, CHANGE)
    table = prices_of(tmp_path, text_of(rows))
    prices = [slot.price_per_mwh for slot in table.prices]
    assert len(prices) == 100 * 4 + quarters
    assert prices[:5] == [100, 100, 100, 100, 101]
    assert prices[396:402] == [199, 199, 199, 199, 100, 101]
    assert table.quality.gaps == ()
    fewer = "40 rows stand for 15" if quarters == 40 else "100 rows stand for 60"
    assert table.quality.remarks == (f"{fewer} minutes each",)


@pytest.mark.parametrize("quarters", [40, 400])
def test_what_is_missing_beside_a_change_of_step_is_not_filled(tmp_path: Path, quarters: int) -> None:
    rows = rows_of(60, 100, CHANGE - timedelta(hours=100)) + rows_of(15, quarters, CHANGE)
    del rows[100 + 20]
    del rows[50]
    prices = prices_of(tmp_path, text_of(rows)).prices
    assert prices.at(CHANGE + 20 * QUARTER) is None
    assert prices.between(CHANGE - timedelta(hours=50), CHANGE - timedelta(hours=49)).slots == ()
    assert len(prices) == 99 * 4 + quarters - 1


def test_a_missing_quarter_is_not_filled(tmp_path: Path) -> None:
    rows = rows_of(15, 40)
    del rows[7]
    rows[20] = rows[20].split(",")[0] + ","
    table = prices_of(tmp_path, text_of(rows))
    assert len(table.prices) == 38
    assert table.prices.at(START + 7 * QUARTER) is None
    assert table.prices.at(START + 21 * QUARTER) is None
    assert table.quality.missing_rows == 1
    assert table.quality.not_numbers == {"price": 1}
    assert len(table.quality.gaps) == 2


def test_a_missing_hour_of_hours_is_not_filled(tmp_path: Path) -> None:
    rows = rows_of(60, 12)
    del rows[4]
    table = prices_of(tmp_path, text_of(rows))
    assert len(table.prices) == 44
    assert table.quality.missing_rows == 1
    assert table.quality.gaps == ((START + timedelta(hours=4), START + timedelta(hours=5)),)


def test_negative_and_deepest_prices_stay_and_absurd_ones_do_not(tmp_path: Path) -> None:
    rows = [row.split(",")[0] for row in rows_of(15, 5)]
    cells = ["-2086.86", "0", "2748", "20000.01", "-1e9"]
    table = prices_of(tmp_path, text_of([f"{row},{cell}" for row, cell in zip(rows, cells, strict=True)]))
    assert [slot.price_per_mwh for slot in table.prices] == [-2086.86, 0, 2748]
    assert table.quality.not_numbers == {"price": 2}


def test_text_beside_the_price_is_no_matter_and_a_second_number_is(tmp_path: Path) -> None:
    rows = [f"{row},exact,{i}" for i, row in enumerate(rows_of(15, 5))]
    assert (
        prices_of(tmp_path, text_of([row.rpartition(",")[0] for row in rows], "ts_utc,price,quality")).column == "price"
    )
    text = text_of(rows, "ts_utc,csdac,quality,rce")
    with pytest.raises(RejectedData, match="several columns of numbers; name the price with --column: csdac, rce"):
        prices_of(tmp_path, text)
    assert [slot.price_per_mwh for slot in prices_of(tmp_path, text, "RCE").prices] == [0, 1, 2, 3, 4]
    with pytest.raises(RejectedData, match="has no column rcem; it has csdac, quality, rce"):
        prices_of(tmp_path, text, "rcem")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (text_of(rows_of(15, 4), "ts_utc,price_eur_mwh"), "is in EUR by its name, and PLN is expected"),
        (text_of(rows_of(15, 4), "ts_utc,price_pln_kwh"), "per kWh by its name"),
        (text_of(rows_of(20, 9)), "20 minutes apart; prices are for 15, 30 or 60"),
        (text_of(rows_of(5, 9)), "5 minutes apart"),
        (text_of(rows_of(15, 4, START + timedelta(minutes=3))), "10:03 UTC is not the start of a quarter"),
        (text_of([f"{row.split(',')[0]},n/a" for row in rows_of(15, 3)]), "has no column of prices beside the time"),
        (text_of([row.split(",")[0] for row in rows_of(15, 3)], "ts_utc"), "has no column of prices"),
        (text_of([*rows_of(15, 4), "2025-09-30T10:15:00Z,7"]), "line 6: a second row for 2025-09-30 10:15 UTC"),
        (text_of([f"{row}99999" for row in rows_of(15, 4)]), "has no usable price"),
    ],
)
def test_no_prices(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RejectedData, match=said):
        prices_of(tmp_path, text)


def test_another_currency_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    table = prices_of(tmp_path, text_of(rows_of(15, 4), "ts_utc,price_eur_mwh"), currency="EUR")
    assert table.prices.currency == "EUR"
    assert prices_of(tmp_path, text_of(rows_of(15, 4), "ts_utc,csdac_pln_mwh")).column == "csdac_pln_mwh"


def test_prices_per_kwh_are_suspected(tmp_path: Path) -> None:
    rows = [f"{row.split(',')[0]},0.4{i}" for i, row in enumerate(rows_of(15, 5))]
    assert any("are these PLN/kWh?" in remark for remark in prices_of(tmp_path, text_of(rows)).quality.remarks)


def retail_of(tmp_path: Path, text: str) -> RetailTable:
    """Write retail prices and read them."""
    (tmp_path / "retail.csv").write_text(text)
    return read_buy_sell(tmp_path / "retail.csv")


def test_buy_and_sell(tmp_path: Path) -> None:
    rows = [f"{row.split(',')[0]},{0.5 + i / 10:.1f},{-0.1 if i == 1 else 0.2}" for i, row in enumerate(rows_of(30, 4))]
    rows[2] = rows[2].rpartition(",")[0] + ","
    table = retail_of(tmp_path, text_of(rows, "ts_utc,buy_per_kwh,sell_per_kwh"))
    assert [price.start for price in table.prices] == [START + i * QUARTER for i in (0, 1, 2, 3, 6, 7)]
    assert [price.import_per_kwh for price in table.prices] == [0.5, 0.5, 0.6, 0.6, 0.8, 0.8]
    assert [price.export_per_kwh for price in table.prices] == [0.2, 0.2, -0.1, -0.1, 0.2, 0.2]
    assert table.quality.not_numbers == {"sell_per_kwh": 1}
    assert table.quality.gaps == ((START + 4 * QUARTER, START + 6 * QUARTER),)
    assert table.quality.remarks == ()


def test_buy_and_sell_the_wrong_way_round_are_told(tmp_path: Path) -> None:
    rows = [f"{row.split(',')[0]},0.2,0.9" for row in rows_of(15, 4)]
    remarks = retail_of(tmp_path, text_of(rows, "ts_utc,buy_per_kwh,sell_per_kwh")).quality.remarks
    assert any("in 4 quarters selling pays more" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("ts_utc,buy_per_kwh,sell", "0.5,0.2", "has no columns buy_per_kwh and sell_per_kwh"),
        ("ts_utc,buy_per_kwh,sell_per_kwh", ",0.2", "no row has both"),
        ("ts_utc,buy_per_kwh,sell_per_kwh", "500,200", "no row has both"),
    ],
)
def test_no_buy_and_sell(tmp_path: Path, header: str, cells: str, said: str) -> None:
    with pytest.raises(RejectedData, match=said):
        retail_of(tmp_path, text_of([f"{row.split(',')[0]},{cells}" for row in rows_of(15, 4)], header))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "column", "count"),
    [
        ("price_PL_csdac_15min_2024-06-14_2025-09-30.csv", "csdac_pln_mwh", 45_504),
        ("price_PL_rce_15min_2024-07-01_2025-04-01.csv", "rce_pln_mwh", 26_400),
    ],
)
def test_the_reference_prices(reference_data: Path, name: str, column: str, count: int) -> None:
    table = read_prices(reference_data / name)
    assert (table.column, len(table.prices), table.quality.gaps, table.quality.remarks) == (column, count, (), ())
