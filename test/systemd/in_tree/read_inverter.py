"""Prints EMS mode and battery power as a client that knows nothing of ours reads them: read_inverter.py HOST"""

import asyncio
import json
import sys

import goodwe


async def main(host: str) -> None:
    """Print one line of JSON; battery power: + discharges, - charges [W]."""
    inverter = await goodwe.connect(host, family="ET")
    data = await inverter.read_runtime_data()
    print(json.dumps({"ems_mode": await inverter.read_setting("ems_mode"), "battery_w": data["pbattery1"]}))


asyncio.run(main(sys.argv[1]))
