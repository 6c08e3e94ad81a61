"""The report of a backtest: what it says equals the figures, nothing from outside becomes markup, no host is asked."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from string import Formatter

import numpy as np
import pytest

from hems.backtest.outcome import Figures, StudyResult
from hems.backtest.report import render
from hems.backtest.report.tables import FIGURE_DECIMALS
from hems.backtest.report.teller import HARD, MINUS, NOTHING, THIN, Teller
from hems.backtest.report.words import ENGLISH, POLISH
from hems.decision.wording import Language
from hems.domain.measured import RecordQuality
from support.study_results import WARSAW, made_up_study, stretched, without, without_time

VOID = {"meta", "br", "hr", "img"}


class Page(HTMLParser):
    """A page taken apart: tables by caption, texts by element, attributes, ids; refuses what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in VOID:
            return
        self.open.append(tag)
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts.append(data)
            return
        if "style" in self.open:
            return
        self.texts.append(data)
        if "caption" in self.open:
            self._caption = data
        elif self.open and ("td" in self.open or "th" in self.open):
            self._rows[-1][-1] += data

    def values(self, name: str) -> list[str]:
        """Return the values of an attribute, in order."""
        return [value for _, key, value in self.attributes if key == name]

    @property
    def said(self) -> str:
        """All that a reader reads."""
        return " ".join(self.texts)


@pytest.fixture(scope="module")
def autumn() -> StudyResult:
    """Twelve days with the one of 25 hours."""
    return made_up_study(date(2024, 10, 20), date(2024, 11, 1))


@pytest.fixture(scope="module")
def text(autumn: StudyResult) -> str:
    """The page of those days."""
    return render(autumn)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """That page, taken apart."""
    return Page(text)


def number(text: str) -> float:
    """Return the number that a table shows."""
    return float(text.replace(THIN, "").replace(MINUS, "-"))


def test_every_figure_of_every_strategy_stands_in_the_table(autumn: StudyResult, page: Page) -> None:
    rows = page.tables["All strategies"]
    assert len(rows[0]) == len(autumn.outcomes) + 1
    assert len(rows) == len(fields(Figures)) + 1
    for row, field in zip(rows[1:], fields(Figures), strict=True):
        for cell, outcome in zip(row[1:], autumn.outcomes, strict=True):
            figure = getattr(outcome.figures, field.name)
            assert number(cell) == pytest.approx(figure, abs=0.5001 * 10.0 ** -FIGURE_DECIMALS[field.name])


def test_months_sum_to_the_figures() -> None:
    result = made_up_study(date(2024, 10, 20), date(2024, 12, 3))
    rows = Page(render(result)).tables["Savings by month"]
    assert [row[0] for row in rows[1:]] == ["Oct 2024", "Nov 2024", "Dec 2024", "All"]
    assert [row[1] for row in rows[1:]] == ["12.0", "30.0", "2.0", "44.0"]
    saved = [o.figures.saving_pln for o in result.outcomes if o.name not in ("no_battery", "idle_battery")]
    assert [number(cell) for cell in rows[-1][2:]] == pytest.approx(saved, abs=0.005001)
    for column in range(2, len(rows[0])):
        assert sum(number(row[column]) for row in rows[1:-1]) == pytest.approx(number(rows[-1][column]), abs=0.03)
    assert all(number(cell) > 0 for cell in rows[2][2:])


def test_the_headline_tells_the_saving_and_what_was_possible(autumn: StudyResult, page: Page) -> None:
    said = page.said
    optimal, self_use = autumn.outcome("optimal"), autumn.outcome("self_use")
    assert optimal is not None
    assert self_use is not None
    saving = optimal.figures.saving_pln
    assert f"The planner saved {saving:.2f}{HARD}PLN over an idle battery" in said
    assert f"{100 * saving / autumn.possible_saving:.1f}{HARD}% of the {autumn.possible_saving:.2f}{HARD}PLN" in said
    assert f"+{saving - self_use.figures.saving_pln:.2f}{HARD}PLN" in said


def test_a_short_period_is_not_scaled_to_a_year(autumn: StudyResult, page: Page) -> None:
    assert "not told for less than 300 days" in page.said
    whole = stretched(autumn, 31)  # 372 days and a bit: DST shifts the sums of hours, not the rule
    assert "scaled from the time lived" in Page(render(whole)).said


def test_no_other_host_is_asked_and_scripts_are_the_pages_own(text: str, page: Page) -> None:
    assert "http://" not in text
    assert "https://" not in text
    assert not re.search(r"""(?:src|href)=["'](?!data:image/png;base64,)""", text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|\bon[a-z]+=", text)
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    assert ("meta", "content", policy) in page.attributes


def test_what_comes_from_files_stays_text(autumn: StudyResult) -> None:
    evil = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'
    source = RecordQuality(
        source=evil, rows=1, step=timedelta(minutes=15), first=autumn.first, end=autumn.last, remarks=(evil,),
        not_numbers={evil: 2}, gaps=((autumn.first, autumn.last),),
    )  # fmt: skip
    outcomes = (*autumn.outcomes, replace(autumn.outcomes[3], name=evil))
    hostile = replace(
        autumn, title=evil, currency="</script><b>", remarks=(evil,), parameters={evil: evil}, versions={evil: evil},
        quality=(source,), outcomes=outcomes,
    )  # fmt: skip
    page = Page(render(hostile))
    assert page.said.count(evil) >= 8
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert "img" not in {tag for tag, _, _ in page.attributes}
    assert len([1 for script in page.scripts if script.strip()]) == 2
    assert json.loads(page.scripts[0])["unit"] == "</script><b>/kWh"


def test_every_drawing_says_what_it_shows_and_no_id_is_used_twice(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-labelledby")]
    assert len(labels) == sum(tag == "svg" and name == "role" for tag, name, _ in page.attributes) >= 16
    assert all(part in ids for label in labels for part in label.split())
    assert sorted(value for tag, name, value in page.attributes if (tag, name) == ("svg", "class")) == sorted(
        ["wide", "narrow"] * (len(labels) // 2)
    )


def test_no_coordinate_is_lost(text: str) -> None:
    assert not re.search(r'="-?(nan|inf)"|[MLHV ](nan|inf)', text)
    assert not re.search(r' (?:width|height)="-', text)


def test_one_day_is_told_as_a_day_without_maps() -> None:
    one = replace(made_up_study(date(2024, 6, 14), date(2024, 6, 15)), best_day=None, worst_day=None)
    page = Page(render(one))
    assert "The day" in page.texts
    assert "Every quarter of an hour" not in page.texts
    assert "No reasons were recorded for this day." in page.texts
    assert "(1" + HARD + "day)" in page.said


def test_without_the_planner_the_best_other_strategy_is_told(autumn: StudyResult) -> None:
    said = Page(render(replace(without(autumn, "optimal"), losses=()))).said
    assert "Score saved" in said
    assert "Where the rest was lost" not in said
    alone = without(autumn, "optimal", "multi_factor")
    assert "Self-use saved" in Page(render(replace(alone, losses=()))).said


def test_the_losses_sum_to_what_was_missed(autumn: StudyResult, page: Page) -> None:
    rows = page.tables["Where the rest was lost"]
    causes = ("load_forecast", "pv_forecast", "price_horizon", "mode_limits", "together")
    assert [row[0] for row in rows[1:-1]] == [ENGLISH[f"cause.{c}"] + ENGLISH[f"cause.{c}.about"] for c in causes]
    missed = autumn.possible_saving - next(o for o in autumn.outcomes if o.name == "optimal").figures.saving_pln
    assert number(rows[-1][1]) == pytest.approx(missed, abs=0.005001)
    assert number(rows[-1][2]) == pytest.approx(100 * missed / autumn.possible_saving, abs=0.05001)
    assert sum(number(row[1]) for row in rows[1:-1]) == pytest.approx(missed, abs=0.03)


def test_losses_that_do_not_add_up_are_called_unexplained(autumn: StudyResult) -> None:
    short = replace(autumn, losses=autumn.losses[:1])
    rows = Page(render(short)).tables["Where the rest was lost"]
    assert [row[0] for row in rows[2:]] == ["Unexplained" + ENGLISH["cause.rest.about"], "All"]
    assert number(rows[2][1]) == pytest.approx(number(rows[3][1]) - number(rows[1][1]), abs=0.011)


@pytest.mark.parametrize("captured", [None, math.nan])
def test_a_share_of_nothing_is_a_dash(autumn: StudyResult, captured: float | None) -> None:
    outcomes = tuple(replace(o, figures=replace(o.figures, captured_pct=captured)) for o in autumn.outcomes)
    nothing = replace(autumn, outcomes=outcomes, possible_saving=0.0, losses=())
    page = Page(render(nothing))
    row = next(row for row in page.tables["All strategies"] if row[0] == "Captured, %")
    assert row[1:] == [NOTHING] * len(outcomes)
    assert "that knowing the future" not in page.said
    assert "nan" not in page.said


def test_time_left_out_and_an_interruption_are_said_before_the_tiles(autumn: StudyResult) -> None:
    start = datetime(2024, 10, 23, 9, tzinfo=UTC)
    result = without_time(autumn, start, start + timedelta(hours=30))
    text = render(replace(result, is_interrupted=True, remarks=("a fuse was guessed",)))
    said = Page(text).said
    whole = (autumn.last - autumn.first) / timedelta(hours=1)
    assert f"30.0{HARD}h ({3000 / whole:.2f}{HARD}% of the period) are left out" in said
    assert text.index("was interrupted") < text.index('class="tiles"')
    assert "a fuse was guessed" in said
    assert "was interrupted" not in Page(render(result)).said


def test_a_strategy_that_loses_says_so(autumn: StudyResult) -> None:
    optimal = next(o for o in autumn.outcomes if o.name == "optimal")
    worse = replace(optimal, figures=replace(optimal.figures, saving_pln=-3.21, captured_pct=-4.0))
    outcomes = tuple(worse if o.name == "optimal" else o for o in autumn.outcomes)
    said = Page(render(replace(autumn, outcomes=outcomes))).said
    assert f"The planner cost 3.21{HARD}PLN more than an idle battery." in said
    assert "less than self-use" in said
    assert f"{MINUS}4.0{HARD}%" in said


def test_another_currency_is_told_everywhere(autumn: StudyResult) -> None:
    page = Page(render(replace(autumn, currency="EUR")))
    assert "PLN" not in page.said.replace("PLN/kWh now", "")  # the sentences of reasons come as they are
    assert not any("PLN" in value for value in page.values("data-tip"))
    assert "EUR per month" in page.said


def test_negative_prices_have_colours_of_their_own(autumn: StudyResult, page: Page) -> None:
    optimal = next(o for o in autumn.outcomes if o.name == "optimal")
    paid = replace(optimal.lived, import_per_kwh=optimal.lived.import_per_kwh - 0.9)
    outcomes = tuple(replace(o, lived=paid) if o.name == "optimal" else o for o in autumn.outcomes)
    assert "<0" in Page(render(replace(autumn, outcomes=outcomes))).texts
    assert "<0" not in page.texts


def test_nothing_lived_is_said(autumn: StudyResult) -> None:
    empty = without_time(autumn, autumn.first, autumn.last)
    page = Page(render(replace(empty, best_day=None, worst_day=None, losses=())))
    assert ENGLISH["nothing"] in page.texts
    assert "All strategies" in page.tables


def test_a_day_that_was_not_lived_is_said(autumn: StudyResult) -> None:
    assert autumn.best_day is not None
    day = autumn.best_day.day
    start = datetime(day.year, day.month, day.day, tzinfo=WARSAW).astimezone(UTC)
    result = without_time(autumn, start, start + timedelta(hours=25))
    assert "Nothing of this day was lived." in Page(render(result)).texts


def test_reasons_stand_in_order_with_local_times(autumn: StudyResult, page: Page) -> None:
    assert autumn.best_day is not None
    at = page.texts.index(f"The best day: {autumn.best_day.day}")
    sentences = [text for text in page.texts[at:] if "from here on" in text][: len(autumn.best_day.reasons)]
    assert sentences == [reason.sentence for reason in autumn.best_day.reasons]
    first = page.texts.index(sentences[0])
    local = autumn.best_day.reasons[0].start.astimezone(WARSAW)
    assert f"{local:%H:%M}" in page.texts[first - 3 : first]


def test_a_year_of_five_minutes_stays_small() -> None:
    year = stretched(made_up_study(date(2024, 6, 10), date(2024, 6, 15), 5), 73)
    assert len(year.outcomes[0].lived) == 365 * 288
    assert len(render(year).encode()) < 2_000_000


def test_polish_has_every_text_with_the_same_fields(autumn: StudyResult) -> None:
    assert list(POLISH) == list(ENGLISH)
    for key, text in ENGLISH.items():
        assert _fields_of(POLISH[key]) == _fields_of(text), key
    said = Page(render(autumn, "pl")).said
    assert "Oszczędności według miesięcy" in said
    assert "zł" in said
    assert not any(text in said for text in ENGLISH.values() if len(text) > 25 and "{" not in text)
    with pytest.raises(ValueError, match="xx"):
        render(autumn, "xx")


def _fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_strategy_cause_and_figure_has_a_name() -> None:
    assert {f"figure.{field.name}" for field in fields(Figures)} <= set(ENGLISH)
    assert set(FIGURE_DECIMALS) == {field.name for field in fields(Figures)}


@pytest.mark.parametrize(
    ("value", "decimals", "language", "text"),
    [
        (1234567.891, 2, "en", f"1{THIN}234{THIN}567.89"),
        (1234.5, 1, "pl", f"1{THIN}234,5"),
        (-0.004, 2, "en", "0.00"),
        (-12.3, 1, "en", f"{MINUS}12.3"),
        (None, 1, "en", NOTHING),
        (math.nan, 1, "en", NOTHING),
        (math.inf, 0, "en", NOTHING),
    ],
)
def test_numbers_read_well(value: float | None, decimals: int, language: str, text: str) -> None:
    assert Teller(Language(language), WARSAW, "PLN").number(value, decimals) == text


def test_the_repeated_hour_is_told_apart() -> None:
    tell = Teller(Language.ENGLISH, WARSAW, "PLN")
    assert tell.clock(datetime(2024, 10, 27, 0, 30, tzinfo=UTC)) == "02:30"
    assert tell.clock(datetime(2024, 10, 27, 1, 30, tzinfo=UTC)) == "02:30 (again)"


def test_the_cells_of_the_script_are_the_rows(autumn: StudyResult, page: Page) -> None:
    cells = json.loads(page.scripts[0])
    price = np.frombuffer(base64.b64decode(cells["price"]), dtype="<i2").reshape(cells["days"], cells["slots"])
    mode = np.frombuffer(base64.b64decode(cells["mode"]), dtype=np.uint8).reshape(price.shape)
    lived = next(o for o in autumn.outcomes if o.name == "optimal").lived
    assert cells["days"] == 12
    for at in (0, 95, 96 * 3 + 17, 96 * 6 + 50):
        assert price[at // 96, at % 96] * cells["step"] == pytest.approx(lived.import_per_kwh[at], abs=cells["step"])
        assert mode[at // 96, at % 96] == lived.mode[at]
    # 27 October has 100 rows: the four of the repeated hour are not among the 96 cells, and later days are in step
    assert price[8, 0] * cells["step"] == pytest.approx(lived.import_per_kwh[8 * 96 + 4], abs=cells["step"])
