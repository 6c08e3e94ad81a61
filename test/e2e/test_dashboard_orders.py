"""Orders from a real browser: each button is followed by what the inverter then does, and the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.dashboard import RunningDashboard, Watched, browser_on, free_port, running_dashboard, watched_page
from support.sub_path_proxy import sub_path_proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("chromium")]

PASSWORD = "a long enough password"  # noqa: S105


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browser_on() as opened:
        yield opened


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDashboard]:
    with running_dashboard(tmp_path_factory.mktemp("house"), strategy="self_use", poll_s=1) as opened:
        yield opened


@pytest.fixture
def house(running: RunningDashboard) -> Iterator[RunningDashboard]:
    """The same house for every test, without what the test before may have left standing."""
    yield running
    running.order(order="release")
    for standing in running.get("orders")["standing"]:
        running.order(order="withdraw", what=standing["kind"])


@pytest.fixture
def watched(browser: Browser, house: RunningDashboard) -> Iterator[Watched]:
    with watched_page(browser, house.url) as opened:
        opened.page.goto(house.url)
        expect(opened.page.get_by_test_id("connection")).to_contain_text("Live")
        yield opened
        opened.check()


def order(page: Page, name: str) -> None:
    """Open the form of an order and send it as it stands."""
    page.get_by_test_id(f"order-{name}").click()
    page.get_by_test_id("order-submit").click()


def mode(house: RunningDashboard) -> str:
    return str(house.get("state")["mode"]["mode"])


def test_a_fast_charge_charges(watched: Watched, house: RunningDashboard) -> None:
    page = watched.page
    page.get_by_test_id("order-fast-charge").click()
    page.get_by_test_id("order-when").get_by_role("radio", name="in 2 h").check()
    page.get_by_test_id("order-submit").click()
    expect(page.get_by_test_id("order-answer")).to_contain_text("90 %", timeout=15_000)
    expect(page.get_by_test_id("mode")).to_contain_text("Charging", timeout=10_000)
    expect(page.get_by_test_id("flow-battery")).to_contain_text(re.compile(r"(?<!dis)charging"), timeout=15_000)
    assert house.get("state")["readings"]["battery_w"] < -1000
    expect(page.get_by_test_id("standing-fast_charge")).to_contain_text("90")
    page.get_by_test_id("withdraw-fast_charge").click()
    expect(page.get_by_test_id("mode")).to_contain_text("Self-use", timeout=10_000)
    assert house.get("orders")["standing"] == []


@pytest.mark.parametrize(("name", "wanted"), [("hold", "hold"), ("self-use", "self_use"), ("pause", "self_use")])
def test_an_order_until_then_stands_and_is_withdrawn(
    watched: Watched, house: RunningDashboard, name: str, wanted: str
) -> None:
    page, kind = watched.page, name.replace("-", "_")
    order(page, name)
    expect(page.get_by_test_id(f"standing-{kind}")).to_be_visible(timeout=15_000)
    assert mode(house) == wanted
    assert [one["kind"] for one in house.get("orders")["standing"]] == [kind]
    page.get_by_test_id(f"withdraw-{kind}").click()
    expect(page.get_by_test_id(f"standing-{kind}")).to_have_count(0, timeout=15_000)
    assert house.get("orders")["standing"] == []


def test_another_strategy_takes_charge(watched: Watched, house: RunningDashboard) -> None:
    page = watched.page
    page.get_by_test_id("order-strategy").click()
    page.get_by_test_id("strategy-optimal").click()
    page.get_by_test_id("order-submit").click()
    expect(page.get_by_test_id("order-answer")).to_contain_text("optimal", timeout=15_000)
    found = house.get("orders")
    assert (found["strategy"], found["configured_strategy"]) == ("optimal", "self_use")
    assert house.get("plan")["slots"] is not None


def test_the_emergency_stop_takes_two_presses_and_waits_for_its_release(
    watched: Watched, house: RunningDashboard
) -> None:
    page = watched.page
    order(page, "hold")
    expect(page.get_by_test_id("standing-hold")).to_be_visible(timeout=15_000)
    page.get_by_test_id("order-stop").click()
    assert house.get("orders")["emergency_stop"] is False, "one press is none"
    page.get_by_test_id("order-stop-reason").fill("the electrician is here")
    page.get_by_test_id("order-stop").click()
    release = page.get_by_test_id("order-release").first
    expect(release).to_be_visible(timeout=15_000)
    assert mode(house) == "self_use"
    assert "electrician" in house.get("orders")["emergency_stop_reason"]
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    answer = house.order(order="fast_charge", target_soc_pct=90, by=soon)
    assert answer["decision"]["verdict"] == "refused"
    assert mode(house) == "self_use"
    house.order(order="withdraw", what="fast_charge")
    release.click()
    expect(page.get_by_test_id("mode")).to_contain_text("Holding", timeout=15_000)
    assert house.get("orders")["emergency_stop"] is False


def test_a_lost_connection_looks_lost_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with watched_page(browser, url) as watched:
        with running_dashboard(tmp_path, strategy="self_use", poll_s=1, port=port):
            watched.page.goto(url)
            expect(watched.page.get_by_test_id("connection")).to_contain_text("Live")
        expect(watched.page.get_by_test_id("connection")).to_contain_text("lost", timeout=15_000)
        expect(watched.page.get_by_test_id("soc")).to_contain_text("%")
        with running_dashboard(tmp_path, strategy="self_use", poll_s=1, port=port) as again:
            expect(watched.page.get_by_test_id("connection")).to_contain_text("Live", timeout=30_000)
            again.order(order="hold", until=(datetime.now(UTC) + timedelta(hours=2)).isoformat())
            expect(watched.page.get_by_test_id("mode")).to_contain_text("Holding", timeout=10_000)
        assert not watched.foreign


def test_a_password_is_asked_for_under_a_sub_path_too(browser: Browser, tmp_path: Path) -> None:
    with running_dashboard(tmp_path, strategy="self_use", poll_s=1) as house:
        house.hems("web", "passwd", "--stdin", given=f"{PASSWORD}\n")
        port = int(house.url.rsplit(":", 1)[1].rstrip("/"))
        with sub_path_proxy("/deep/hems", port) as url, watched_page(browser, url) as watched:
            page = watched.page
            page.goto(url)
            page.get_by_test_id("login-password").fill("not the password")
            page.get_by_test_id("login-submit").click()
            expect(page.get_by_test_id("login-error")).to_contain_text("not the password")
            page.get_by_test_id("login-password").fill(PASSWORD)
            page.get_by_test_id("login-submit").click()
            expect(page.get_by_test_id("connection")).to_contain_text("Live", timeout=15_000)
            order(page, "hold")
            expect(page.get_by_test_id("standing-hold")).to_be_visible(timeout=15_000)
            cookies = watched.context.cookies(url + "api/v1/state")
            assert [cookie["path"] for cookie in cookies] == ["/deep/hems/api/v1"], "no other page of that host gets it"
            assert all(cookie["httpOnly"] and cookie["sameSite"] == "Strict" for cookie in cookies)
            page.reload()
            expect(page.get_by_test_id("standing-hold")).to_be_visible(timeout=15_000)
            house.hems("web", "passwd", "--stdin", given=f"{PASSWORD} anew\n")
            expect(page.get_by_test_id("login-password")).to_be_visible(timeout=30_000)
            assert not watched.foreign
