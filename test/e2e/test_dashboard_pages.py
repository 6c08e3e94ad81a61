"""Every page in a real Chromium on the running service: both languages, both themes, phone and wall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from support.dashboard import RunningDashboard, Watched, browser_on, running_dashboard, watched_page
from support.past_year import fill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("chromium")]

PAGES = {
    "now": ("flow", "soc", "mode", "reason", "confidence", "next-change", "price-now", "saved-today"),
    "plan": ("plan-chart", "plan-tip"),
    "history": ("history-chart", "history-totals", "decision-list", "event-list"),
    "savings": ("savings-month", "savings-chart", "savings-table", "figure-decision_accuracy", "strategies"),
    "system": ("system-inverter", "system-writes", "system-inputs", "system-limits", "system-latch", "system-logs"),
}
NAMES = {
    "en": {"now": "Now", "plan": "Plan", "history": "History", "savings": "Savings", "system": "System"},
    "pl": {"now": "Teraz", "plan": "Plan", "history": "Historia", "savings": "Oszczędności", "system": "System"},
}
SIZES = {"phone": {"width": 360, "height": 740}, "wall": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_on() as opened:
        yield opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    """A house that looks back on a month, and whose plan is in charge."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "out").mkdir()
    fill(folder / "out", end=datetime.now(UTC), days=33, reading_days=3)
    with running_dashboard(folder, strategy="optimal", shadows=True, poll_s=1) as running:
        yield running


def shown(watched: Watched, house: RunningDashboard, page: str) -> None:
    """Open ``page`` and wait until everything on it is there."""
    watched.page.goto(f"{house.url}#/{page}")
    for part in PAGES[page]:
        expect(watched.page.get_by_test_id(part).first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_shows_itself_on_every_size(browser: Browser, house: RunningDashboard, page: str, size: str) -> None:
    with watched_page(browser, house.url, viewport=SIZES[size]) as watched:
        shown(watched, house, page)
        wide = watched.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "the page itself never scrolls sideways"
        watched.check()


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "pl")])
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(
    browser: Browser, house: RunningDashboard, page: str, scheme: str, language: str
) -> None:
    with watched_page(browser, house.url, color_scheme=scheme) as watched:
        shown(watched, house, page)
        if language == "pl":
            watched.page.get_by_test_id("language").first.click()
        expect(watched.page.locator("html")).to_have_attribute("lang", language)
        expect(watched.page.get_by_test_id(f"nav-{page}").first).to_contain_text(NAMES[language][page])
        found = Axe().run(watched.page).response["violations"]
        serious = [
            f"{one['id']}: {one['help']} {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        assert not serious, serious
        watched.check()


def test_the_keyboard_reaches_every_page(browser: Browser, house: RunningDashboard) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "now")
        seen: set[str] = set()
        for _ in range(40):
            watched.page.keyboard.press("Tab")
            name = watched.page.evaluate("document.activeElement?.getAttribute('data-testid') ?? ''")
            seen.add(name)
            if name == "nav-savings":
                watched.page.keyboard.press("Enter")
                break
        expect(watched.page.get_by_test_id("savings-chart")).to_be_visible()
        assert {f"nav-{page}" for page in ("now", "plan", "history", "savings")} <= seen


def test_the_numbers_are_those_of_the_api(browser: Browser, house: RunningDashboard) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "now")
        state = house.get("state")
        soc = str(watched.page.get_by_test_id("soc").text_content())
        assert abs(float(re.search(r"\d+", soc)[0]) - state["readings"]["battery_soc_pct"]) <= 1.5  # type: ignore[index]
        expect(watched.page.get_by_test_id("reason")).to_contain_text(state["decision"]["reason"][:40])
        buying = f"{state['price']['import_per_kwh']:.2f}"
        expect(watched.page.get_by_test_id("price-now")).to_contain_text(buying)


def test_hovering_a_quarter_of_the_plan_tells_why(browser: Browser, house: RunningDashboard) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "plan")
        reasons = house.get("plan")["slots"]["reason"]
        box = watched.page.get_by_test_id("plan-chart").bounding_box()
        assert box is not None
        told: set[str] = set()
        for share in (0.2, 0.4, 0.6, 0.8):
            watched.page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
            told.add(watched.page.get_by_test_id("plan-tip").inner_text())
        assert len(told) >= 3, "each quarter has its own words"
        assert all(any(reason in text for reason in reasons) for text in told)
        watched.check()


@pytest.mark.parametrize("span", ["1h", "7d", "30d", "1y"])
def test_any_range_of_the_past_is_drawn(browser: Browser, house: RunningDashboard, span: str) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "history")
        watched.page.get_by_test_id(f"history-range-{span}").click(force=True)
        expect(watched.page.get_by_test_id("history-chart").locator("canvas").first).to_be_visible()
        expect(watched.page.get_by_test_id("history-totals")).to_contain_text("kWh")
        assert f"range={span}" in watched.page.url
        watched.check()


def test_decisions_are_found_by_their_words_and_opened(browser: Browser, house: RunningDashboard) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "history")
        watched.page.get_by_test_id("history-range-7d").click(force=True)
        rows = watched.page.get_by_test_id("decision-row")
        expect(rows.nth(3)).to_be_visible()
        words = " ".join(house.get("state")["decision"]["reason"].split()[:3])
        watched.page.get_by_test_id("decision-filter-text").fill(words)
        expect(rows.first).to_contain_text(words)
        watched.page.get_by_test_id("decision-filter-text").fill("words that no decision has")
        expect(rows).to_have_count(0)
        watched.page.get_by_test_id("decision-filter-text").fill("")
        rows.first.locator("button, summary").first.click()
        expect(watched.page.get_by_test_id("decision-detail").first).to_be_visible()
        watched.check()


def test_the_past_comes_as_a_file(browser: Browser, house: RunningDashboard, tmp_path: Path) -> None:
    with watched_page(browser, house.url) as watched:
        shown(watched, house, "history")
        with watched.page.expect_download() as coming:
            watched.page.get_by_test_id("history-csv").first.click()
        file = tmp_path / "history.csv"
        coming.value.save_as(file)
        lines = file.read_text().splitlines()
        assert len(lines) > 10
        assert "utc" in lines[0].lower()
        watched.check()


def test_the_theme_is_chosen_and_kept(browser: Browser, house: RunningDashboard) -> None:
    with watched_page(browser, house.url, color_scheme="light") as watched:
        shown(watched, house, "now")
        background = "getComputedStyle(document.documentElement).backgroundColor"
        seen = {watched.page.evaluate(background)}
        for _ in range(2):
            watched.page.get_by_test_id("theme").first.click()
            seen.add(watched.page.evaluate(background))
        assert len(seen) == 2, "light and dark"
        kept = watched.page.get_by_test_id("theme").first.get_attribute("data-theme")
        watched.page.reload()
        expect(watched.page.get_by_test_id("theme").first).to_have_attribute("data-theme", str(kept))
