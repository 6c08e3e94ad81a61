"""Asks an address over kept connections at a steady rate: a program of its own, so that it costs the server nothing.

    python -m benchmarks.web_load HOST PORT PATH RATE SECONDS

Prints one JSON line: how many answers came, how fast, and how long they took [s]. A rate of 0 asks as fast as it can.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

CONNECTIONS = 20


async def _ask_on(host: str, port: int, path: str, interval_s: float, until: float, offset_s: float) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    question = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    took: list[float] = []
    due = time.monotonic() + offset_s
    try:
        while (now := time.monotonic()) < until:
            if due > now:
                await asyncio.sleep(due - now)
            due += interval_s
            begun = time.monotonic()
            writer.write(question)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            took.append(time.monotonic() - begun)
    finally:
        writer.close()
    return took


async def _load(host: str, port: int, path: str, rate: float, seconds: float) -> dict[str, float]:
    begun = time.monotonic()
    interval_s = CONNECTIONS / rate if rate else 0.0
    every = [
        _ask_on(host, port, path, interval_s, begun + seconds, interval_s * number / CONNECTIONS)
        for number in range(CONNECTIONS)
    ]
    took = sorted(one for many in await asyncio.gather(*every) for one in many)
    elapsed = time.monotonic() - begun
    return {
        "answers": len(took),
        "per_second": len(took) / elapsed,
        "median_s": took[len(took) // 2],
        "p99_s": took[int(len(took) * 0.99)],
    }


if __name__ == "__main__":
    host, port, path, rate, seconds = sys.argv[1:6]
    print(json.dumps(asyncio.run(_load(host, int(port), path, float(rate), float(seconds)))))
