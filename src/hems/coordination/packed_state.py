"""A bulky state in little room: it is written whole beside every small one, on an SD card too."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

UNPACKED_MAX_BYTES = 20_000_000
"""Far more than any state of ours; what unpacks to more is none."""


def packed(state: Mapping[str, Any]) -> str:
    """Return JSON values as one text of letters: deflated, in base 64."""
    text = json.dumps(state, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode("ascii")


def unpacked(kept: object) -> Mapping[str, Any]:
    """Return the state that ``packed`` was given. Raises: ValueError: it is none."""
    if not isinstance(kept, str):
        raise ValueError(f"expected a packed state, found {kept!r:.80}")
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(base64.b64decode(kept, validate=True), UNPACKED_MAX_BYTES)
        if not unpacker.eof:
            raise ValueError("the packed state is cut short, or too big")
        state = json.loads(text)
    except (zlib.error, RecursionError) as error:
        raise ValueError(f"not a packed state: {error}") from error
    if not isinstance(state, dict):
        raise ValueError("the packed state is no table of parts")
    return state
