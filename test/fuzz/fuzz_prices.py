"""Coverage-guided fuzzing of what a price server may answer; docs/security.md says how to run it."""

from __future__ import annotations

import sys
from datetime import date

import atheris

with atheris.instrument_imports(include=["hems"]):
    from hems.adapters.prices.pse_rows import ABSURD_PER_MWH, prices_from_rows, read_page
    from hems.domain.errors import RejectedData

DAY = date(2026, 10, 25)


def one(data: bytes) -> None:
    """Anything but prices that can be right, or a refusal, ends the run and keeps the input."""
    try:
        page = read_page(data, "ADDRESS")
        prices = prices_from_rows(list(page.rows), field="csdac_pln", day=DAY, where="ADDRESS")
    except RejectedData:
        return
    assert len(prices) <= 100
    assert all(abs(slot.price_per_mwh) <= ABSURD_PER_MWH for slot in prices)


atheris.Setup(sys.argv, one)
atheris.Fuzz()
