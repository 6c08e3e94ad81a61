"""Numbers, money, dates and words as the reader of a report knows them: thin spaces, a real minus, local time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hems.backtest.report.words import MONTHS, TEXTS
from hems.decision.wording import WORDS, Language
from hems.domain.command import Mode

THIN, HARD, MINUS, NOTHING = "\u202f", "\u00a0", "\u2212", "–"
"""A narrow space that does not break; one that does not break; a minus; what stands for no number."""


class Teller:
    """Tells numbers, moments and names in one language, zone and currency."""

    def __init__(self, language: Language, zone: ZoneInfo, currency: str) -> None:
        self.language, self.zone = language, zone
        self.currency = WORDS[language].currencies.get(currency, currency)
        self._texts: Mapping[str, str] = TEXTS[language]

    def text(self, key: str, **fields: str) -> str:
        """Return the text of ``key`` with its fields filled."""
        return self._texts[key].format(currency=self.currency, **fields)

    def name(self, kind: str, name: str) -> str:
        """Return how a strategy, cause or parameter is called; an unknown one as it is."""
        return self._texts.get(f"{kind}.{name}", name)

    def mode(self, name: str) -> str:
        """Return a mode of ``MODE_NAMES`` in words; an unknown one as it is."""
        try:
            return WORDS[self.language].modes[Mode(name)]
        except (ValueError, KeyError):
            return self._texts.get(f"mode.{name}", name)

    def number(self, value: float | None, decimals: int = 0, *, signed: bool = False) -> str:
        """Return ``value`` in groups of three digits; a dash where it is None or no finite number."""
        if value is None or not math.isfinite(value):
            return NOTHING
        text = f"{abs(value):,.{decimals}f}"
        is_zero = not text.strip("0.,")
        sign = "" if is_zero else MINUS if value < 0 else "+" if signed else ""
        return sign + text.replace(",", THIN).replace(".", WORDS[self.language].decimal)

    def with_unit(self, value: float | None, unit: str, decimals: int = 0, *, signed: bool = False) -> str:
        """Return ``value`` and its unit on one line; a dash alone where there is no number."""
        text = self.number(value, decimals, signed=signed)
        return text if text == NOTHING else f"{text}{HARD}{unit}"

    def money(self, value: float | None, *, signed: bool = False) -> str:
        """Return money to read in a sentence: whole units from a hundred on."""
        decimals = 0 if value is not None and abs(value) >= 100 else 2
        return self.with_unit(value, self.currency, decimals, signed=signed)

    def percent(self, value: float | None, decimals: int = 1) -> str:
        """Return ``value`` [%]."""
        return self.with_unit(value, "%", decimals)

    def days(self, days: float) -> str:
        """Return a length in days; a decimal only where there is one."""
        text = self.number(days, 0 if abs(days - round(days)) < 0.05 else 1)
        return f"{text}{HARD}{self.text('day' if text == '1' else 'days')}"

    def length(self, span: timedelta) -> str:
        """Return a span as minutes, hours or days, whichever reads well."""
        minutes = span.total_seconds() / 60
        if minutes < 120:
            return self.with_unit(minutes, "min")
        if minutes < 2 * 1440:
            return self.with_unit(minutes / 60, "h", 0 if minutes % 60 == 0 else 1)
        return self.days(minutes / 1440)

    def local(self, moment: datetime | float) -> datetime:
        """Return a moment, or seconds since 1970, as local time."""
        if isinstance(moment, datetime):
            return moment.astimezone(self.zone)
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone)

    def day(self, day: date) -> str:
        """Return a date that every reader understands."""
        return day.isoformat()

    def moment(self, moment: datetime) -> str:
        """Return local date and time."""
        return f"{self.local(moment):%Y-%m-%d %H:%M}"

    def clock(self, moment: datetime | float) -> str:
        """Return the local time; the second run of autumn's repeated hour is marked."""
        local = self.local(moment)
        return f"{local:%H:%M}{WORDS[self.language].again if local.fold else ''}"

    def month(self, day: date) -> str:
        """Return month and year."""
        return f"{self.short_month(day)} {day.year}"

    def short_month(self, day: date) -> str:
        """Return the month's short name."""
        return MONTHS[self.language][day.month - 1]
