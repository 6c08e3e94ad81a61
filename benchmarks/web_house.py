"""A service with its dashboard that tells when each control cycle began and ended: a program of its own.

    python -m benchmarks.web_house CONFIG

One JSON line for each cycle on stdout: its begin and end on the machine's monotonic clock, and the wall clock at its
end [s].
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from hems.composition.household import Household
from hems.composition.service import run_service
from hems.composition.tools import load
from hems.web.service import dashboard_beside


def _beside(household: Household) -> AbstractAsyncContextManager[object]:
    collection = household.coordinator.parts.collection
    poll, begun = collection.poll, [time.monotonic()]

    async def told_poll() -> object:
        begun[0] = time.monotonic()
        return await poll()

    collection.poll = told_poll  # type: ignore[method-assign, assignment]
    opened = dashboard_beside(household)

    def tell(_household: Household) -> None:
        print(json.dumps({"begin": begun[0], "end": time.monotonic(), "at": time.time()}), flush=True)

    household.watch(tell)
    return opened


async def _run(config: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_service(load(config), stop, beside=_beside)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
