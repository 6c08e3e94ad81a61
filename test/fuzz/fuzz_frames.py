"""Coverage-guided fuzzing of what an inverter may answer, from register bytes to a snapshot; see docs/security.md."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import atheris

with atheris.instrument_imports(include=["hems"]):
    from hems.adapters.inverters.goodwe.et_snapshot import EtBlocks, decode_et
    from hems.adapters.inverters.goodwe.identity import parse_aa55, parse_dt, parse_et
    from hems.adapters.inverters.goodwe.slots import decode

AT = datetime(2026, 6, 17, 10, tzinfo=UTC)


def one(data: bytes) -> None:
    """Anything that decoding raises ends the run and keeps the input."""
    whole = data.ljust(400, b"\0")
    snapshot = decode_et(
        AT, EtBlocks(runtime=whole[:250], bms=whole[250:298], meter=whole[298:388]), phases=3, zone=UTC
    )
    assert snapshot.battery.soc_pct is None or 0 < snapshot.battery.soc_pct <= 100
    parse_et(whole[:66])
    parse_dt(whole[:80])
    decode(whole[:12])
    decode(whole[:8])
    try:
        parse_aa55(whole[:64])
    except ValueError:
        return


atheris.Setup(sys.argv, one)
atheris.Fuzz()
