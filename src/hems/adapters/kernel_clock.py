"""Whether something keeps this machine's clock right, as the kernel knows it (adjtimex(2)). Only asks."""

from __future__ import annotations

import ctypes

_ERROR_TOLERATED_US = 16_000_000
"""Beyond this estimate nobody has disciplined the clock for long; timedatectl draws the same line."""


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``; what follows is only room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def is_kept_in_step() -> bool | None:
    """Return whether the clock is synchronised; None where the system does not tell."""
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    answer = _Timex()  # modes 0: a question
    if ask(ctypes.byref(answer)) < 0:
        return None
    return int(answer.maxerror) < _ERROR_TOLERATED_US
