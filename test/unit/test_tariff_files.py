"""Tariff files: what is shipped, what an owner may add, and how a wrong file says where it is wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from hems.adapters.tariffs.catalogue import SHIPPED, load_catalogue
from hems.adapters.tariffs.contract import ContractOptions, ContractTariff, OwnTerms
from hems.adapters.tariffs.sale import SaleTerms
from hems.adapters.tariffs.tariff_file import parse_tariff_file
from hems.adapters.tariffs.terms import OperatorEdition
from hems.composition.tariff import tariff_of
from hems.config.loader import load_configuration
from hems.domain.errors import ConfigurationError
from hems.domain.prices import MarketView, PriceSeries
from support.tariff_tools import priced, series, tariff

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAY = date(2026, 3, 10)

BAVARIA = """
format = 1
kind = "operator"
name = "musternetz"
title = "Musternetz, module 3"
country = "DE"
subdivision = "BY"
currency = "EUR"
time_zone = "Europe/Berlin"
source = "made up for a test"
verified = false
vat_pct = 19
excise_per_kwh = 0.0205
valid_from = 2026-01-01
valid_to = 2026-12-31

[[fees]]
name = "old levy"
per_kwh = 0.01
valid_to = 2026-06-30

[[fees]]
name = "new levy"
per_kwh = 0.02
valid_from = 2026-07-01

[groups.M3]
zones = { low = 0.02, standard = 0.08, high = 0.14 }
otherwise = "standard"

[[groups.M3.rules]]
zone = "low"
days = ["free"]

[[groups.M3.rules]]
zone = "high"
months = ["10-3"]
hours = ["16:30-20:15"]

[[groups.M3.rules]]
zone = "low"
hours = ["22:30-05"]

[[groups.M3.monthly]]
name = "metering"
per_month = 1.5
"""


def write(directory: Path, name: str, text: str) -> Path:
    """Put a tariff file into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def bavarian(tmp_path: Path) -> ContractTariff:
    """Return a dynamic contract over the network of the example, in euros."""
    write(tmp_path / "de", "musternetz.toml", BAVARIA)
    options = ContractOptions(
        currency="EUR",
        zone=BERLIN,
        operator="musternetz",
        group="M3",
        own_terms=OwnTerms(margin_per_kwh=0.015),
        sale=SaleTerms(zone=BERLIN),
    )
    return ContractTariff(options, load_catalogue(tmp_path))


@pytest.mark.parametrize(
    ("moment", "buy"),
    [
        # (0.10 + 0.015 + 0.0205 + zone + levy) x 1.19
        ("2026-01-13 16:15", 0.268345),  # standard: 0.08 + 0.01
        ("2026-01-13 16:30", 0.339745),  # high: 0.14 + 0.01
        ("2026-01-13 20:00", 0.339745),
        ("2026-01-13 20:15", 0.268345),
        ("2026-01-13 22:30", 0.196945),  # low: 0.02 + 0.01
        ("2026-01-13 04:45", 0.196945),
        ("2026-01-13 05:00", 0.268345),
        ("2026-07-14 17:00", 0.280245),  # no high zone in summer; the new levy: 0.08 + 0.02
        ("2026-01-06 17:00", 0.196945),  # Epiphany: free in Bavaria, not in all of Germany
        ("2026-06-04 12:00", 0.196945),  # Corpus Christi, too
    ],
)
def test_another_country_is_a_file(tmp_path: Path, moment: str, buy: float) -> None:
    start = datetime.fromisoformat(moment).replace(tzinfo=BERLIN)
    of = bavarian(tmp_path)
    day_ahead = series(start.date(), lambda _: 100.0, BERLIN, "EUR")
    prices = of.retail_series(MarketView(day_ahead=day_ahead, settlement=PriceSeries("EUR", ())))
    assert {price.start: price for price in prices}[start].import_per_kwh == pytest.approx(buy)


def test_shipped_files_read_and_are_complete() -> None:
    catalogue = load_catalogue()
    assert {name: [tuple(one.groups) for one in editions] for name, editions in catalogue.operators.items()} == {
        "enea": [("G11", "G12", "G12w")],
        "energa": [("G11", "G11f", "G12", "G12w", "G12r", "G12as")],
        "pge": [("G11", "G12", "G12w", "G12e", "G12as", "G12n")],
        "tauron": [("G11", "G12", "G12w", "G12as", "G13", "G13s", "G14dynamic")],
    }
    assert list(catalogue.sellers) == ["enea", "energa", "pge", "pstryk", "tauron"]
    deposits = catalogue.net_billing["pl"][0].bases
    assert {name: (rules.multiplier, rules.deposit.refund_share_max) for name, rules in deposits.items()} == {
        "rce": (1.23, 0.30),
        "rcem": (1.23, 0.20),
    }
    for editions in catalogue.operators.values():
        for one in editions:
            assert one.edition.source
            assert [fee.name for fee in one.fees] == ["quality fee", "renewables fee", "cogeneration fee"]
            for group in one.groups.values():
                used = {group.otherwise, *(rule.zone for rule in group.rules), *group.by_compass.values()}
                assert used == set(group.zones), f"{one.edition.name} {group.name}: a zone that never holds"


def test_regulated_prices_fit_the_groups_of_their_operator() -> None:
    catalogue = load_catalogue()
    for name in ("pge", "tauron"):
        (operator,) = catalogue.operators[name]
        for seller in catalogue.sellers[name]:
            for group, zones in seller.regulated.items():
                assert set(zones) == set(operator.groups[group].zones)


def test_an_owners_file_takes_the_place_of_a_shipped_one_and_the_next_year_joins_it(tmp_path: Path) -> None:
    shipped = (SHIPPED / "pl" / "tauron_2026.toml").read_text(encoding="utf-8")
    write(tmp_path, "mine.toml", shipped.replace("zones = { all = 0.2464 }", "zones = { all = 0.3000 }"))
    following = shipped.replace("2026-01-01", "2027-01-01").replace("2026-12-31", "2027-12-31")
    write(tmp_path, "next.toml", following.replace("zones = { all = 0.2464 }", "zones = { all = 0.4000 }"))
    editions = load_catalogue(tmp_path).operators["tauron"]
    assert [one.groups["G11"].zones["all"] for one in editions] == [0.3, 0.4]
    assert load_catalogue().operators["tauron"][0].groups["G11"].zones["all"] == 0.2464


def configured(tmp_path: Path, *lines: str) -> Path:
    """Return a configuration file whose tariff has these lines, one key each."""
    text = ["inverter:", "  ip_address: simulator", "battery_management:", "  capacity_kwh: 10", "prices:", "  tariff:"]
    return write(tmp_path / "config", "house.yaml", "\n".join([*text, *(f"    {line}" for line in lines)]) + "\n")


def test_next_years_tariff_begins_on_its_day(tmp_path: Path) -> None:
    shipped = (SHIPPED / "pl" / "tauron_2026.toml").read_text(encoding="utf-8")
    following = shipped.replace("2026-01-01", "2027-01-01").replace("2026-12-31", "2027-12-31")
    write(tmp_path / "config" / "tariffs", "next.toml", following.replace("{ all = 0.2464 }", "{ all = 0.3464 }"))
    of = tariff_of(load_configuration(configured(tmp_path, "operator: tauron", "group: G11")))
    new_year = date(2027, 1, 1)
    # (0.4 + 0.08 + 0.005 + 0.0434 + 0.2464) x 1.23, and 0.123 more from New Year on
    assert {round(price.import_per_kwh, 9) for price in priced(of, new_year - timedelta(days=1))} == {0.953004}
    assert {round(price.import_per_kwh, 9) for price in priced(of, new_year)} == {1.076004}
    assert of.remarks(new_year) == ()


def test_an_ended_tariff_is_used_on_and_says_so() -> None:
    of = tariff(operator="tauron", group="G12w")
    assert of.remarks(date(2026, 12, 31)) == ()
    assert of.remarks(date(2027, 1, 1)) == (
        "Tauron Dystrybucja 2026: the tariff ended on 2026-12-31; its prices are used on. Look for an update",
    )
    assert of.remarks(date(2025, 12, 31)) == (
        "Tauron Dystrybucja 2026: the earliest known tariff starts on 2026-01-01; its prices are used before",
    )
    assert priced(of, date(2027, 1, 1))[48].import_per_kwh == pytest.approx(0.712908)  # a holiday: 0.0512
    (doubt,) = tariff(operator="enea", group="G11").remarks(TUESDAY)
    assert "not verified" in doubt


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["operator: taurn", "group: G12"],
            ":7:5: prices.tariff.operator: 'taurn' is not a network operator; allowed: enea, energa, pge, tauron",
        ),
        (
            ["operator: energa", "group: G13"],
            ":8:5: prices.tariff.group: 'G13' is not a group of energa; allowed: G11, G11f, G12, G12w, G12r, G12as",
        ),
        (
            ["seller: nobody"],
            "prices.tariff.seller: 'nobody' is not a seller; allowed: enea, energa, pge, pstryk, tauron",
        ),
        (
            ["kind: fixed_energy", "seller: pstryk", "operator: tauron", "group: G12"],
            "prices.tariff.seller: no file of pstryk has [regulated] prices for 'G12'; it has them for: none",
        ),
        (
            ["kind: fixed_energy", "seller: tauron", "operator: pge", "group: G12n"],
            "no file of tauron has [regulated] prices for 'G12n'; it has them for: G11, G12, G12w, G13",
        ),
        (
            ["kind: fixed_energy", "seller: tauron", "operator: pge", "group: G12w"],
            "seller_tauron_2026.toml: no price of energy for: day, night",
        ),
        (
            ["kind: fixed_energy", "operator: tauron", "group: G13", "energy_per_kwh: {rest: 0.4}"],
            "prices.tariff.energy_per_kwh: no price of energy for: morning_peak, afternoon_peak",
        ),
        (["kind: fixed_energy", "energy_per_kwh: {day: 0.4}"], "no price of energy for: all"),
    ],
)
def test_a_name_that_no_file_has(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tariff_of(load_configuration(configured(tmp_path, *lines)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"operator": "pge"}, "required, because operator is given"),
        ({"group": "G11"}, "required, because group is given"),
        ({"operator": "pge", "group": "G11", "network_per_kwh": 0.3}, "must be left out"),
        ({"kind": "fixed_energy"}, "takes either energy_per_kwh or a seller"),
        ({"kind": "fixed_energy", "seller": "pge", "energy_per_kwh": {"all": 0.5}}, "takes either"),
        ({"energy_per_kwh": {"all": 0.5}}, "kind is not fixed_energy"),
        ({"sell": "fixed"}, "required, because sell is fixed"),
        ({"kind": "fixed", "fixed_import_per_kwh": 1, "fixed_export_per_kwh": 0, "seller": "pge"}, "no use for"),
        ({"sell": "rcem", "rcem_per_mwh": {"2026-13": 300.0}}, "string_pattern_mismatch"),
        ({"meter_clock": "summer"}, "literal_error"),
    ],
)
def test_keys_that_do_not_agree(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        tariff(**settings)
    assert said in repr(caught.value.errors())


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('country = "DE"', 'country = "Germany"', "country: must be two capital letters (ISO 3166)"),
        ('country = "DE"', 'country = "ZZ"', "country: 'ZZ' is not a country whose public holidays are known"),
        ('subdivision = "BY"', 'subdivision = "XX"', "subdivision: must be one of BB, BE,"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Berlin"', "time_zone: must be a time zone of the IANA database"),
        ('currency = "EUR"', 'currency = "euro"', "currency: must be three capital letters"),
        ("format = 1", "format = 2", "format: this program reads format 1; update it"),
        ("vat_pct = 19", "", "vat_pct: is required"),
        ("vat_pct = 19", "vat_pct = true", "vat_pct: must be a number from 0 to 50, not True"),
        ("vat_pct = 19", "vat_pct = nan", "vat_pct: must be a number from 0 to 50, not nan"),
        ("vat_pct = 19", "vat_pct = 19\nvat = 19", "vat: unknown key; allowed:"),
        (
            "valid_to = 2026-12-31",
            'valid_to = "2026-12-31"',
            "valid_to: must be a day such as 2026-01-31, without quotes",
        ),
        ("valid_to = 2026-12-31", "valid_to = 2025-12-31", "valid_to: must not be before valid_from (2026-01-01)"),
        ("high = 0.14", "high = 140", "groups.M3.zones.high: must be a number from -100 to 100, not 140"),
        (
            'otherwise = "standard"',
            'otherwise = "std"',
            "groups.M3.otherwise: 'std' is not a zone of this group; allowed: low",
        ),
        ('otherwise = "standard"', "", "groups.M3.otherwise: is required"),
        ('zone = "high"', 'zone = "peak"', "groups.M3.rules[2].zone: 'peak' is not a zone of this group"),
        ('["16:30-20:15"]', '["16:20-20:15"]', "groups.M3.rules[2].hours: must be spans such as '22-06'"),
        ('["16:30-20:15"]', '["24-06"]', "hours: must be spans such as"),
        ('["16:30-20:15"]', '["06-06"]', "hours: must be spans such as"),
        ('["10-3"]', '["10-13"]', "months: must be months such as '4-9'"),
        ('["10-3"]', "[10]", "months: must be a list of texts, not [10]"),
        ('days = ["free"]', 'days = ["sunday"]', "days: must be of working, saturday, free, not 'sunday'"),
        ("per_month = 1.5", "per_year = 18", "groups.M3.monthly[1].per_month: is required"),
        ('kind = "operator"', 'kind = "seller"', "dynamic: a seller has [dynamic] terms or [regulated] prices"),
        ("format = 1", "format 1", "not a TOML file in UTF-8"),
    ],
)
def test_a_wrong_file_names_itself_the_key_and_what_is_allowed(
    tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    assert was in BAVARIA
    path = write(tmp_path, "wrong.toml", BAVARIA.replace(was, becomes, 1))
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(tmp_path)
    assert said in str(caught.value)
    assert all(fault.startswith(f"{path}: ") for fault in caught.value.faults)


def test_every_wrong_file_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", BAVARIA.replace("vat_pct = 19", "vat_pct = 99"))
    write(tmp_path, "b.toml", BAVARIA.replace("hours = [", "hour = ["))
    (tmp_path / "c.toml").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(tmp_path)
    told = "\n".join(caught.value.faults)
    assert all(name in told for name in ("a.toml: vat_pct", "rules[2].hour: unknown key", "c.toml: cannot be read"))


def test_currency_of_the_house_and_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "config" / "tariffs", "musternetz.toml", BAVARIA)
    with pytest.raises(ConfigurationError, match=r"musternetz\.toml is in EUR, this house is billed in PLN"):
        tariff_of(load_configuration(configured(tmp_path, "operator: musternetz", "group: M3")))


def test_compass_zones_need_all_four_levels() -> None:
    text = (SHIPPED / "pl" / "tauron_2026.toml").read_text(encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"by_compass\.recommended_saving: is required"):
        parse_tariff_file(text.replace('recommended_saving = "S3"\n', "").encode(), "tauron.toml")
    whole = parse_tariff_file(text.encode(), "tauron.toml")
    assert isinstance(whole, OperatorEdition)
    assert len(whole.groups["G14dynamic"].by_compass) == 4
