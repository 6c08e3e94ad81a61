"""From `hems discover --json` on standard input: one line per inverter that answered: address, port, what it is."""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Print each address once; UDP, the factory's way, goes before Modbus/TCP."""
    text = sys.stdin.read()
    found = json.loads(text)["found"] if text.strip() else []
    seen = set()
    for one in sorted(found, key=lambda one: one["protocol"] != "udp"):
        if one["model"] is not None and one["address"] not in seen:
            seen.add(one["address"])
            about = f"{one['model']}, serial number {one['serial_number']}"
            sys.stdout.write(f"{one['address']}\t{one['port']}\t{about}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
