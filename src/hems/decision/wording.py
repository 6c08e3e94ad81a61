"""Numbers, money, times and ages as a person reads them, in each language a reason is told in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from hems.domain.command import Mode
from hems.domain.units import kw_from_w

LEAST_PRICE = 0.005
"""The least price [currency/kWh] that two decimals tell from zero."""

MINUTE, HOUR, DAY = 60, 3600, 86400


class Language(StrEnum):
    """In which language reasons are told."""

    ENGLISH = "en"
    POLISH = "pl"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWords:
    """A moment of another day than today's: ``at``, ``until`` and as the end of a span; ``{clock}`` is its time."""

    at: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageWords:
    """What numbers and times need of a language."""

    decimal: str
    midnight: str
    at_midnight: str
    again: str
    """Marks the later copy of the hour that autumn repeats."""
    at: str
    until: str
    yesterday: DayWords
    tomorrow: DayWords
    weekdays: tuple[DayWords, ...]
    """Monday first."""
    between: str
    """A span within one day; ``{day}`` is empty or names it."""
    across: str
    """A span over midnight."""
    day_names: tuple[str, ...]
    """Yesterday, tomorrow, Monday ... Sunday, as they stand before a span."""
    currencies: Mapping[str, str]
    modes: Mapping[Mode, str]
    with_power: str


_ENGLISH_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_POLISH_DAYS = (
    ("w poniedziałek", "poniedziałku"),
    ("we wtorek", "wtorku"),
    ("w środę", "środy"),
    ("w czwartek", "czwartku"),
    ("w piątek", "piątku"),
    ("w sobotę", "soboty"),
    ("w niedzielę", "niedzieli"),
)

WORDS: Mapping[Language, LanguageWords] = {
    Language.ENGLISH: LanguageWords(
        decimal=".",
        midnight="midnight",
        at_midnight="midnight",
        again=" (again)",
        at="at {clock}",
        until="until {clock}",
        yesterday=DayWords(at="yesterday at {clock}", until="until yesterday at {clock}"),
        tomorrow=DayWords(at="tomorrow at {clock}", until="until tomorrow at {clock}"),
        weekdays=tuple(
            DayWords(at=f"on {day} at {{clock}}", until=f"until {day} at {{clock}}") for day in _ENGLISH_DAYS
        ),
        between="{day}between {start} and {end}",
        across="from {start} {end}",
        day_names=("yesterday ", "tomorrow ", *(f"on {day} " for day in _ENGLISH_DAYS)),
        currencies={},
        modes={
            Mode.SELF_USE: "self-use",
            Mode.CHARGE: "charge",
            Mode.DISCHARGE: "discharge",
            Mode.HOLD: "hold",
            Mode.NO_CHARGE: "no charge",
            Mode.STANDBY: "standby",
        },
        with_power="{mode} at {power}",
    ),
    Language.POLISH: LanguageWords(
        decimal=",",
        midnight="północy",
        at_midnight="północą",
        again=" (po zmianie czasu)",
        at="o {clock}",
        until="do {clock}",
        yesterday=DayWords(at="wczoraj o {clock}", until="do wczoraj do {clock}"),
        tomorrow=DayWords(at="jutro o {clock}", until="do jutra do {clock}"),
        weekdays=tuple(DayWords(at=f"{on} o {{clock}}", until=f"do {of} do {{clock}}") for on, of in _POLISH_DAYS),
        between="{day}między {start} a {end}",
        across="od {start} {end}",
        day_names=("wczoraj ", "jutro ", *(f"{on} " for on, _ in _POLISH_DAYS)),
        currencies={"PLN": "zł"},
        modes={
            Mode.SELF_USE: "autokonsumpcja",
            Mode.CHARGE: "ładowanie",
            Mode.DISCHARGE: "rozładowanie",
            Mode.HOLD: "zachowanie zapasu",
            Mode.NO_CHARGE: "bez ładowania",
            Mode.STANDBY: "spoczynek baterii",
        },
        with_power="{mode} mocą {power}",
    ),
}


class Wording:
    """Words numbers and moments as seen at ``now`` in ``zone``."""

    def __init__(self, language: Language, zone: ZoneInfo, now: datetime) -> None:
        self.language = language
        self._words = WORDS[language]
        self._zone = zone
        self._today = now.astimezone(zone).date()

    def number(self, value: float, digits: int = 2) -> str:
        """Return ``value`` with ``digits`` decimals; what rounds to zero has no sign."""
        text = f"{value:.{digits}f}"
        if float(text) == 0.0:
            text = text.removeprefix("-")
        return text.replace(".", self._words.decimal)

    def price(self, per_kwh: float) -> str:
        """Return a price with two decimals; one that would be told as zero and is none, with four."""
        return self.number(per_kwh, 2 if per_kwh == 0.0 or abs(per_kwh) >= LEAST_PRICE else 4)

    def apart(self, one: float, other: float) -> tuple[str, str]:
        """Return both with two decimals, or with as many, up to four, as tell them apart."""
        for digits in (2, 3):
            if self.number(one, digits) != self.number(other, digits):
                return self.number(one, digits), self.number(other, digits)
        return (self.number(one, 4), self.number(other, 4)) if one != other else (self.number(one), self.number(other))

    def power(self, power_w: float) -> str:
        """Return ``power_w`` [W] in kW, as many decimals as it has, up to two."""
        text = f"{kw_from_w(power_w):.2f}".rstrip("0").rstrip(".")
        return f"{text.replace('.', self._words.decimal)} kW"

    def percent(self, value: float) -> str:
        """Return ``value`` [%], a decimal only where it has one."""
        text = self.number(value, 1)
        return f"{text.removesuffix(self._words.decimal + '0')} %"

    def currency(self, code: str) -> str:
        """Return the currency as it is written."""
        return self._words.currencies.get(code, code)

    def mode(self, mode: Mode, power_w: float | None) -> str:
        """Return a mode and its power in words."""
        name = self._words.modes[mode]
        return name if power_w is None else self._words.with_power.format(mode=name, power=self.power(power_w))

    def at(self, moment: datetime) -> str:
        """Return ``at 13:45``, ``tomorrow at 07:00``."""
        day, clock = self._day_and_clock(moment)
        return (self._words.at if day is None else day.at).format(clock=clock)

    def until(self, moment: datetime) -> str:
        """Return ``until 13:45``; a midnight ends the day before it."""
        local = moment.astimezone(self._zone)
        if _is_midnight(local):
            day = self._day_words((local - timedelta(days=1)).date())
            return (self._words.until if day is None else day.until.replace(" at ", " ")).format(
                clock=self._words.midnight
            )
        day, clock = self._day_and_clock(moment)
        return (self._words.until if day is None else day.until).format(clock=clock)

    def span(self, start: datetime, end: datetime) -> str:
        """Return ``between 17:00 and 20:30``, ``tomorrow between 07:00 and 09:00``."""
        first, last = start.astimezone(self._zone), end.astimezone(self._zone)
        ends_day = _is_midnight(last) and first.date() == (last - timedelta(days=1)).date()
        if first.date() == last.date() or ends_day:
            return self._words.between.format(
                day=self._day_name(first.date()),
                start=self._clock(first),
                end=self._words.at_midnight if ends_day else self._clock(last),
            )
        return self._day_name(first.date()) + self._words.across.format(start=self._clock(first), end=self.until(end))

    def age(self, age: timedelta) -> str:
        """Return ``12 s``, ``3 min``, ``2 h``, ``4 d``."""
        seconds = max(int(age.total_seconds()), 0)
        for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
            if seconds >= 2 * size or (size == MINUTE and seconds >= size):
                return f"{seconds // size} {unit}"
        return f"{seconds} s"

    def _day_and_clock(self, moment: datetime) -> tuple[DayWords | None, str]:
        local = moment.astimezone(self._zone)
        return self._day_words(local.date()), self._clock(local)

    def _day_words(self, day: date) -> DayWords | None:
        away = (day - self._today).days
        if away == 0:
            return None
        near = {-1: self._words.yesterday, 1: self._words.tomorrow}
        return near.get(away, self._words.weekdays[day.weekday()])

    def _day_name(self, day: date) -> str:
        away = (day - self._today).days
        if away == 0:
            return ""
        yesterday, tomorrow, *weekdays = self._words.day_names
        return {-1: yesterday, 1: tomorrow}.get(away, weekdays[day.weekday()])

    def _clock(self, local: datetime) -> str:
        return f"{local:%H:%M}{self._words.again if local.fold else ''}"


def _is_midnight(local: datetime) -> bool:
    return (local.hour, local.minute) == (0, 0)
