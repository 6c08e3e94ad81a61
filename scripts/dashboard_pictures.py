#!/usr/bin/env python3
"""Take the pictures of docs/dashboard.md: the real service on a simulated house in January, in a real Chromium.

.venv/bin/python scripts/dashboard_pictures.py docs
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "test")]

from playwright.sync_api import sync_playwright  # noqa: E402

from hems.adapters.clock import SystemClock  # noqa: E402
from hems.domain.prices import Market  # noqa: E402
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource, pse_rows  # noqa: E402
from hems.simulation.price_server import PriceServer, PriceServerOptions  # noqa: E402
from support.dashboard import CHROMIUM_FLAGS, chromium, free_port  # type: ignore[import-not-found]  # noqa: E402
from support.past_year import fill  # type: ignore[import-not-found]  # noqa: E402

SHOWN_AT = datetime(2026, 1, 21, 10, 52, tzinfo=UTC)
MARKETS = {Market.DAY_AHEAD: "csdac-pln", Market.SETTLEMENT: "rce-pln"}
DAYS_PRICED = 40
SETTLES_S = 45
"""So long the house lives before it is shown: the plan is made, and its mode is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: a page, how it is looked at, and what is pressed before."""

    name: str
    page: str
    width: int = 1280
    height: int = 800
    scheme: str = "light"
    language: str = "en"
    presses: tuple[str, ...] = ()


PICTURES = (
    Picture(name="now", page="now"),
    Picture(name="plan", page="plan", height=1000),
    Picture(name="history", page="history?range=7d", height=1000),
    Picture(name="savings", page="savings", height=1000),
    Picture(name="system", page="system", height=1000),
    Picture(name="dark", page="plan", height=1000, scheme="dark", language="pl"),
    Picture(name="phone", page="now", width=390, height=1100, presses=("order-fast-charge",)),
)


def main(folder: Path) -> None:
    """Write every picture into ``folder``."""
    with tempfile.TemporaryDirectory() as name:
        config, port = Path(name) / "config" / "house.yaml", free_port()
        config.parent.mkdir()
        (Path(name) / "out").mkdir()
        fill(Path(name) / "out", end=SHOWN_AT, days=120, reading_days=8)
        service = subprocess.Popen([sys.executable, __file__, "--serve", str(config), str(port)])  # noqa: S603
        try:
            time.sleep(SETTLES_S)
            _take_all(folder, f"http://127.0.0.1:{port}/")
        finally:
            service.terminate()
            service.wait(30)


def _take_all(folder: Path, url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_FLAGS))
        for picture in PICTURES:
            context = browser.new_context(
                viewport={"width": picture.width, "height": picture.height},
                color_scheme="dark" if picture.scheme == "dark" else "light",
            )
            page = context.new_page()
            page.goto(f"{url}#/{picture.page}")
            time.sleep(3)
            if picture.language == "pl":
                page.get_by_test_id("language").first.click()
            for press in picture.presses:
                page.get_by_test_id(press).click()
                time.sleep(0.5)
            page.screenshot(path=folder / f"dashboard-{picture.name}.png")
            context.close()
        browser.close()


async def _serve(config: Path, port: int) -> None:
    """Run the service as if it were ``SHOWN_AT``; prices come from a server of our own."""
    from hems.composition.service import run_service
    from hems.composition.tools import load
    from hems.web.service import dashboard_beside

    shift = SHOWN_AT - datetime.now(UTC)
    SystemClock.now = lambda _self: datetime.now(UTC) + shift  # type: ignore[method-assign]
    source, rows = SimulatedPriceSource(SystemClock(), SimulatedMarketOptions()), {}
    for market, table in MARKETS.items():
        days = [SHOWN_AT.date() + timedelta(days=offset) for offset in range(-DAYS_PRICED, 2)]
        rows[table] = [row for day in days for row in pse_rows(market, await source.fetch_day(market, day))]
    async with PriceServer(rows, SystemClock(), PriceServerOptions()) as server:
        settings: dict[str, Any] = {
            "inverter": {"ip_address": "simulator"},
            "simulator": {"initial_soc": 58},
            "battery_management": {"capacity_kwh": 10.0},
            "prices": {"pse": {"base_url": server.base_url}},
            "web": {"port": port},
        }
        config.write_text(json.dumps(settings))  # JSON is YAML
        await run_service(load(config), asyncio.Event(), beside=dashboard_beside)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        asyncio.run(_serve(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        main(Path(sys.argv[1]))
