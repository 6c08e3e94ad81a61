"""A plan's numbers as sentences: what is claimed holds, in the reader's time and language."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.decision.sentence_words import SENTENCES
from hems.decision.sentences import Language, _reason, details_of, sentence_of
from hems.decision.wording import Wording
from hems.domain.command import Mode
from hems.domain.plan import Choice, InputNote, Reasoning
from support.plan_records import NOON, WARSAW, choice, reasoning, use

EN, PL = Language.ENGLISH, Language.POLISH
SUNNY = {"battery_w": -1200.0, "grid_w": 0.0}
CHARGE, SELL = choice(Mode.CHARGE, 5000.0), choice(Mode.DISCHARGE, 2500.0)
SELF_USE, HOLD, NO_CHARGE = choice(Mode.SELF_USE), choice(Mode.HOLD), choice(Mode.NO_CHARGE)


def told(why: Reasoning, chosen: Choice, language: Language = EN) -> str:
    return sentence_of(why, chosen, zone=WARSAW, now=NOON, language=language)


@pytest.mark.parametrize(
    ("why", "chosen", "english", "polish"),
    [
        (
            reasoning(),
            CHARGE,
            "Charging at 5 kW until 13:45: 0.31 PLN/kWh now, worth 0.87 after losses between 17:00 and 20:30",
            (
                "Ładowanie mocą 5 kW do 13:45: energia kosztuje teraz 0,31 zł/kWh, a po odliczeniu strat będzie warta"
                " 0,87 zł/kWh między 17:00 a 20:30"
            ),
        ),
        (
            reasoning(use=None, import_per_kwh=0.8449),
            CHARGE,
            "Charging at 5 kW until 13:45: 0.84 PLN/kWh now, and it pays up to 0.85",
            "Ładowanie mocą 5 kW do 13:45: energia kosztuje teraz 0,84 zł/kWh, a opłaca się do 0,85 zł/kWh",
        ),
        (
            reasoning(import_per_kwh=-0.12),
            CHARGE,
            "Charging at 5 kW until 13:45: taking energy from the grid earns 0.12 PLN/kWh now",
            "Ładowanie mocą 5 kW do 13:45: za pobór z sieci dostajesz teraz 0,12 zł/kWh",
        ),
        (
            reasoning(soc_pct=6.0),
            CHARGE,
            "Charging at 5 kW until 13:45: the battery, at 6 %, is below its reserve of 10 %",
            "Ładowanie mocą 5 kW do 13:45: bateria ma 6 %, mniej niż rezerwa 10 %",
        ),
        (
            reasoning(**SUNNY),
            CHARGE,
            "Charging at 5 kW until 13:45: the sun's surplus is stored",
            "Ładowanie mocą 5 kW do 13:45: magazynowana jest nadwyżka ze słońca",
        ),
        (
            reasoning(export_per_kwh=1.3, battery_w=2500.0, grid_w=-2000.0),
            SELL,
            "Selling at 2.5 kW until 13:45: 1.30 PLN/kWh now, and selling pays above 1.05",
            "Sprzedaż z baterii mocą 2,5 kW do 13:45: teraz po 1,30 zł/kWh, a opłaca się powyżej 1,05 zł/kWh",
        ),
        (
            reasoning(export_per_kwh=1.05, battery_w=2500.0, grid_w=-2000.0),
            SELL,
            "Selling at 2.5 kW until 13:45: 1.05 PLN/kWh now, and keeping it for later would earn no more",
            "Sprzedaż z baterii mocą 2,5 kW do 13:45: teraz po 1,05 zł/kWh, a późniejsze użycie nie dałoby więcej",
        ),
        (
            reasoning(import_per_kwh=1.4, battery_w=2500.0, grid_w=0.0),
            SELL,
            "Discharging at 2.5 kW until 13:45: the house uses it in place of 1.40 PLN/kWh from the grid",
            "Rozładowanie mocą 2,5 kW do 13:45: energia zasila dom zamiast prądu z sieci po 1,40 zł/kWh",
        ),
        (
            reasoning(),
            HOLD,
            "Holding the battery until 13:45: the grid costs 0.31 PLN/kWh now, 1.10 between 17:00 and 20:30",
            (
                "Zachowanie zapasu do 13:45: prąd z sieci kosztuje teraz 0,31 zł/kWh, a między 17:00 a 20:30 będzie "
                "kosztować 1,10 zł/kWh"
            ),
        ),
        (
            reasoning(use=use(is_sold=True)),
            HOLD,
            (
                "Holding the battery until 13:45: the grid costs 0.31 PLN/kWh now, what is stored sells for 1.10 "
                "between 17:00 and 20:30"
            ),
            (
                "Zachowanie zapasu do 13:45: prąd z sieci kosztuje teraz 0,31 zł/kWh, a zapas można sprzedać między "
                "17:00 a 20:30 po 1,10 zł/kWh"
            ),
        ),
        (
            reasoning(use=None),
            HOLD,
            "Holding the battery until 13:45: the grid costs 0.31 PLN/kWh now, using the battery pays above 1.05",
            (
                "Zachowanie zapasu do 13:45: prąd z sieci kosztuje teraz 0,31 zł/kWh, a korzystanie z baterii opłaca "
                "się powyżej 1,05 zł/kWh"
            ),
        ),
        (
            reasoning(soc_pct=10.5),
            HOLD,
            "Holding the battery until 13:45: it has nothing above its reserve of 10 %",
            "Zachowanie zapasu do 13:45: w baterii nie ma nic ponad rezerwę 10 %",
        ),
        (
            reasoning(export_per_kwh=0.95, grid_w=-900.0),
            NO_CHARGE,
            "Not charging until 13:45: the sun's surplus sells for 0.95 PLN/kWh now, stored it would be worth 0.85",
            (
                "Bez ładowania do 13:45: sprzedaż nadwyżki ze słońca daje teraz 0,95 zł/kWh, a zmagazynowana byłaby "
                "warta 0,85 zł/kWh"
            ),
        ),
        (
            reasoning(**SUNNY),
            SELF_USE,
            (
                "Self-use until 13:45: the sun's surplus is stored; sold now it would earn 0.20 PLN/kWh, stored it is"
                " worth 0.85, with its main use between 17:00 and 20:30"
            ),
            (
                "Autokonsumpcja do 13:45: magazynowana jest nadwyżka ze słońca; jej sprzedaż dałaby teraz 0,20 "
                "zł/kWh, a zmagazynowana jest warta 0,85 zł/kWh, głównie między 17:00 a 20:30"
            ),
        ),
        (
            reasoning(export_per_kwh=-0.3, **SUNNY),
            SELF_USE,
            "Self-use until 13:45: the sun's surplus is stored; feeding it in would cost 0.30 PLN/kWh",
            (
                "Autokonsumpcja do 13:45: magazynowana jest nadwyżka ze słońca; oddanie jej do sieci kosztowałoby "
                "0,30 zł/kWh"
            ),
        ),
        (
            reasoning(export_per_kwh=-0.3, **SUNNY),
            choice(Mode.SELF_USE, export_limit_w=0.0),
            (
                "Self-use until 13:45: the sun's surplus is stored; nothing is fed in, since that would cost 0.30 "
                "PLN/kWh now"
            ),
            (
                "Autokonsumpcja do 13:45: magazynowana jest nadwyżka ze słońca; nic nie trafia do sieci, bo oddanie "
                "energii kosztowałoby teraz 0,30 zł/kWh"
            ),
        ),
        (
            reasoning(),
            choice(Mode.CHARGE, 5000.0, 1500.0),
            (
                "Charging at 5 kW until 13:45: 0.31 PLN/kWh now, worth 0.87 after losses between 17:00 and 20:30; at "
                "most 1.5 kW is fed in"
            ),
            (
                "Ładowanie mocą 5 kW do 13:45: energia kosztuje teraz 0,31 zł/kWh, a po odliczeniu strat będzie warta"
                " 0,87 zł/kWh między 17:00 a 20:30; do sieci trafia najwyżej 1,5 kW"
            ),
        ),
        (
            reasoning(battery_w=600.0, grid_w=0.0, import_per_kwh=1.4),
            SELF_USE,
            (
                "Self-use until 13:45: the battery covers the house; the grid costs 1.40 PLN/kWh now, using the "
                "battery pays above 1.05"
            ),
            (
                "Autokonsumpcja do 13:45: bateria zasila dom; prąd z sieci kosztuje teraz 1,40 zł/kWh, a korzystanie "
                "z baterii opłaca się powyżej 1,05 zł/kWh"
            ),
        ),
        (
            reasoning(soc_pct=10.0),
            SELF_USE,
            "Self-use until 13:45: nothing to store now, and nothing to use above the reserve of 10 %",
            "Autokonsumpcja do 13:45: nie ma teraz czego magazynować, a w baterii nie ma nic ponad rezerwę 10 %",
        ),
        (
            reasoning(),
            SELF_USE,
            "Self-use until 13:45: no other mode is enough cheaper to be worth a change",
            "Autokonsumpcja do 13:45: żaden inny tryb nie jest na tyle tańszy, by opłacała się zmiana",
        ),
    ],
)
def test_each_reason_is_told_in_both_languages(why: Reasoning, chosen: Choice, english: str, polish: str) -> None:
    assert told(why, chosen, EN) == english
    assert told(why, chosen, PL) == polish


def test_a_claim_that_does_not_hold_is_not_made() -> None:
    dear = reasoning(import_per_kwh=1.2, battery_w=-5000.0, grid_w=5600.0)
    assert told(dear, CHARGE) == "Charging at 5 kW until 13:45: no other mode is enough cheaper to be worth a change"
    cheap = reasoning(battery_w=2500.0, grid_w=-2000.0, export_per_kwh=0.2)
    assert (
        told(cheap, SELL) == "Discharging at 2.5 kW until 13:45: no other mode is enough cheaper to be worth a change"
    )
    worthless = reasoning(charge_below_per_kwh=0.1, **SUNNY)
    assert told(worthless, SELF_USE) == "Self-use until 13:45: the sun's surplus is stored"
    kept_below_worth = reasoning(battery_w=600.0, grid_w=0.0)
    assert told(kept_below_worth, SELF_USE) == "Self-use until 13:45: the battery covers the house"


def test_prices_that_round_to_one_figure_are_told_apart() -> None:
    near = reasoning(import_per_kwh=0.8671, use=use(worth_charged_per_kwh=0.8702))
    assert "0.867 PLN/kWh now, worth 0.870 after" in told(near, CHARGE)
    tiny = reasoning(export_per_kwh=-0.0011, **SUNNY)
    assert told(tiny, SELF_USE).endswith("feeding it in would cost 0.0011 PLN/kWh")


COMPARED = {
    "charge.use": "<", "charge.pays": "<", "hold.use": "<", "hold.sale": "<", "hold.keep": "<", "self_use.sun": "<",
    "self_use.sun_later": "<", "discharge.sell": ">", "no_charge.sell": ">", "self_use.house": ">",
}  # fmt: skip
price = st.floats(-3.0, 5.0)
watts = st.floats(-9000.0, 9000.0)


@given(
    mode=st.sampled_from(list(Mode)),
    prices=st.tuples(price, price, price, price, price, price, price),
    flows=st.tuples(watts, watts),
    soc_pct=st.floats(0.0, 100.0),
    has_use=st.booleans(),
    language=st.sampled_from(list(Language)),
)
def test_every_comparison_that_is_told_holds(
    mode: Mode, prices: tuple[float, ...], flows: tuple[float, float], soc_pct: float, has_use: bool, language: Language
) -> None:
    buy, sell, below, above, stored, later, charged = prices
    why = reasoning(
        import_per_kwh=buy,
        export_per_kwh=sell,
        charge_below_per_kwh=below,
        sell_above_per_kwh=above,
        stored_value_per_kwh=stored,
        use=use(price_per_kwh=later, worth_charged_per_kwh=charged) if has_use else None,
        battery_w=flows[0],
        grid_w=flows[1],
        soc_pct=soc_pct,
    )
    name, compared, span = _reason(why, mode)
    known = {buy, sell, -buy, -sell, below, above, later, charged}
    assert set(compared.values()) <= known
    if name in COMPARED:
        first, second = compared.values()
        assert first < second if COMPARED[name] == "<" else first > second
    assert has_use or span is None or "{span}" not in SENTENCES[language][name]
    power_w = 3700.0 if mode in {Mode.CHARGE, Mode.DISCHARGE} else None
    sentence = told(why, choice(mode, power_w), language)
    assert "{" not in sentence
    assert "  " not in sentence


def test_both_languages_have_the_same_sentences_with_the_same_numbers() -> None:
    assert set(SENTENCES[EN]) == set(SENTENCES[PL])

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for name, english in SENTENCES[EN].items():
        assert fields(english) - {"unit"} == fields(SENTENCES[PL][name]) - {"unit"}, name


@pytest.mark.parametrize(
    ("moment", "english", "polish"),
    [
        ("2026-11-16T22:59", "until 23:59", "do 23:59"),
        ("2026-11-16T23:00", "until midnight", "do północy"),
        ("2026-11-17T06:00", "until tomorrow at 07:00", "do jutra do 07:00"),
        ("2026-11-17T23:00", "until tomorrow midnight", "do jutra do północy"),
        ("2026-11-18T06:00", "until Wednesday at 07:00", "do środy do 07:00"),
        ("2026-11-15T06:00", "until yesterday at 07:00", "do wczoraj do 07:00"),
    ],
)
def test_a_time_of_another_day_is_told_with_its_day(moment: str, english: str, polish: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert Wording(EN, WARSAW, NOON).until(at) == english
    assert Wording(PL, WARSAW, NOON).until(at) == polish


@pytest.mark.parametrize(
    ("hours", "english", "polish"),
    [
        ((4, 7.5), "between 17:00 and 20:30", "między 17:00 a 20:30"),
        ((7, 11), "between 20:00 and midnight", "między 20:00 a północą"),
        ((18, 20), "tomorrow between 07:00 and 09:00", "jutro między 07:00 a 09:00"),
        ((9, 18), "from 22:00 until tomorrow at 07:00", "od 22:00 do jutra do 07:00"),
        ((43, 44), "on Wednesday between 08:00 and 09:00", "w środę między 08:00 a 09:00"),
    ],
)
def test_a_span_names_the_days_it_needs(hours: tuple[float, float], english: str, polish: str) -> None:
    start, end = (NOON + timedelta(hours=hour) for hour in hours)
    assert Wording(EN, WARSAW, NOON).span(start, end) == english
    assert Wording(PL, WARSAW, NOON).span(start, end) == polish


def test_the_hour_that_autumn_repeats_is_told_apart() -> None:
    now = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    words = Wording(EN, WARSAW, now)
    assert (words.at(first), words.at(second)) == ("at 02:30", "at 02:30 (again)")
    assert Wording(PL, WARSAW, now).until(second) == "do 02:30 (po zmianie czasu)"


def test_money_of_another_country_keeps_its_code_and_zone() -> None:
    berlin = sentence_of(
        replace(reasoning(), currency="EUR"), CHARGE, zone=ZoneInfo("Europe/London"), now=NOON, language=PL
    )
    assert berlin.startswith("Ładowanie mocą 5 kW do 12:45: energia kosztuje teraz 0,31 EUR/kWh")


def test_details_tell_worth_break_even_next_best_and_inputs() -> None:
    notes = (
        InputNote(name="soc", source="inverter", known_at=NOON - timedelta(seconds=20)),
        InputNote(name="prices", source="market", known_at=None, until=NOON + timedelta(hours=11)),
        InputNote(name="load_forecast", source="own_history", known_at=NOON - timedelta(hours=3), detail="3 days only"),
    )
    why = reasoning(cost_per_stored_kwh=0.379, inputs=notes)
    assert details_of(why, CHARGE, zone=WARSAW, now=NOON) == [
        "A stored kWh is worth 0.95 PLN now; its main use is between 17:00 and 20:30, in place of 1.10 PLN/kWh",
        "Prices now: 0.31 PLN/kWh to buy, 0.20 PLN/kWh to sell",
        "Charging from the grid pays below 0.85 PLN/kWh, selling from the battery above 1.05 PLN/kWh",
        "A kWh that is stored now costs 0.38 PLN, losses and wear included",
        "Next best for this quarter of an hour: hold, in the end 0.12 PLN dearer",
        "Plain self-use in this quarter of an hour: in the end 0.20 PLN dearer",
        (
            "Confidence: the best choice in 80 % of the forecast's cases; knowing the future would save 0.01 PLN"
            " on average"
        ),
        "SoC: inverter, newest value 20 s old",
        "Prices: market, known until midnight",
        "Load forecast: the house's own past, newest value 3 h old (3 days only)",
    ]
    polish = details_of(why, CHARGE, zone=WARSAW, now=NOON, language=PL)
    assert polish[4] == "Następny w kolejności na ten kwadrans: zachowanie zapasu, ostatecznie drożej o 0,12 zł"
    assert len(polish) == 10


def test_what_counts_a_broken_limit_is_not_told_as_money() -> None:
    why = reasoning(alternative_is_money=False, self_use_is_money=False, self_use_costs_more=4.2)
    lines = details_of(why, CHARGE, zone=WARSAW, now=NOON)
    assert sum("a limit" in line for line in lines) == 2
    assert not any("dearer" in line for line in lines)


def test_little_money_is_told_as_little_and_none_as_none() -> None:
    why = reasoning(alternative=choice(Mode.HOLD, more=0.004), self_use_costs_more=0.0, regret=0.0)
    lines = details_of(why, CHARGE, zone=WARSAW, now=NOON)
    assert "Next best for this quarter of an hour: hold, in the end less than 0.01 PLN dearer" in lines
    assert "Plain self-use in this quarter of an hour costs the same" in lines
    assert any(line.endswith("knowing the future would save nothing") for line in lines)


def test_nothing_published_is_said() -> None:
    why = reasoning(inputs=(InputNote(name="prices", source="market", known_at=None),))
    assert details_of(why, CHARGE, zone=WARSAW, now=NOON)[-1] == "Prices: market, nothing is published"
    assert details_of(why, CHARGE, zone=WARSAW, now=NOON, language=PL)[-1] == "Ceny: rynek, nic nie opublikowano"
