#!/usr/bin/env python3
"""Draw the live screen of a simulated day in March as SVG, for the README.

.venv/bin/python scripts/live_screen_picture.py screen.html
chromium --headless --no-sandbox --hide-scrollbars --window-size=1530,806 --screenshot=docs/live-screen.png screen.html
"""

from __future__ import annotations

import io
import logging
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from rich.console import Console

from hems.cli.status_view import status_view
from hems.composition.simulated_days import Moment, SimulatedRun, simulate_days
from hems.composition.tools import load
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from hems.simulation.simulated_inverter import SimulatorOptions

START = datetime(2026, 3, 10, 19, 0, tzinfo=UTC)
SHOWN_AT = datetime(2026, 3, 11, 1, 21, tzinfo=UTC)
CONFIGURATION = """\
inverter: {ip_address: simulator}
battery_management: {capacity_kwh: 10.0}
prices: {pse: {base_url: "http://127.0.0.1:9/api"}}
"""


def main(target: Path) -> None:
    """Write the page to ``target``."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    shown: dict[str, object] = {}

    def watch(moment: Moment) -> None:
        if SHOWN_AT - timedelta(seconds=10) <= moment.at <= SHOWN_AT:
            shown.update(moment.household.status())

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config" / "house.yaml"
        path.parent.mkdir()
        path.write_text(CONFIGURATION, encoding="utf-8")
        simulate_days(
            SimulatedRun(
                loaded=load(path),
                start=START,
                length=SHOWN_AT - START + timedelta(minutes=1),
                house=SimulatorOptions(soc_pct=52.0, capacity_wh=10_000.0),
                prices=lambda clock: SimulatedPriceSource(clock, SimulatedMarketOptions()),
                watch=watch,
            )
        )
    console = Console(record=True, width=124, file=io.StringIO(), force_terminal=True)
    console.print(status_view(shown, ZoneInfo("Europe/Warsaw")))
    svg = console.export_svg(title="Master Coordinator")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no font from another host
    svg = svg.replace("Fira Code", "Fira Code, DejaVu Sans Mono")
    target.write_text(f"<html><body style='margin:0;background:#fff'>{svg}</body></html>", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
