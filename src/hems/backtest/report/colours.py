"""Colours for any colour vision: those of Okabe and Ito, and ramps whose lightness only falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MODE_COLOURS: Mapping[str, str] = {
    "self_use": "#BFE3D6",
    "hold": "#F0E442",
    "no_charge": "#56B4E9",
    "charge": "#0072B2",
    "discharge": "#D55E00",
    "standby": "#BBBBBB",
    "idle": "#BBBBBB",
    "power": "#CC79A7",
    "no_battery": "#999999",
}
"""As in the picture of a plan."""

CHEAP_TO_DEAR = ("#FFF7D6", "#FEDC8C", "#FBB061", "#EC7A50", "#C9435B", "#8F2A68", "#52186A")
NEGATIVE = ("#0072B2", "#8CCBEF")
"""Prices below zero, lowest first: blue is in no other part of the ramp."""

EMPTY_TO_FULL = ("#F4F4E4", "#CDE3C4", "#8FCBB0", "#4AA79C", "#1F7A85", "#134B66")

_KNOWN_SERIES = ("self_use", "multi_factor", "optimal", "emhass", "perfect_foresight")
_OTHER_SERIES = 4


def series_classes(names: Sequence[str]) -> dict[str, str]:
    """Return the style sheet's class of each strategy: its own, else one of those for others, in turn."""
    others = [name for name in names if name not in _KNOWN_SERIES]
    found = {name: f"s-{name.replace('_', '-')}" for name in names if name in _KNOWN_SERIES}
    return found | {name: f"s-other-{at % _OTHER_SERIES}" for at, name in enumerate(others)}


def gradient(stops: Sequence[str]) -> str:
    """Return a CSS gradient from left to right."""
    return f"linear-gradient(to right, {', '.join(stops)})"
