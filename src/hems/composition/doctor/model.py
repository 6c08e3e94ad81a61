"""What a check says: a finding of a known kind, with what was found here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    NOT_CHECKED = "not checked"


class Group(StrEnum):
    """What is looked at, in the order of the report."""

    CONFIGURATION = "configuration"
    INVERTER = "inverter"
    CLOCK = "clock"
    PRICES = "prices"
    DISK = "disk"
    RIGHTS = "rights"
    SERVICE = "service"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report: what was ``found`` here, and the ``advice``, most likely first."""

    group: Group
    code: str
    state: State
    title: str
    found: str
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of finding: the same in a report, in a test and in docs/troubleshooting.md."""

    group: Group
    code: str
    state: State
    title: str
    meaning: str
    advice: tuple[str, ...] = ()

    def __call__(self, found: str, *first: str) -> Finding:
        """Return this kind as found here; ``first`` is advice that only this case has."""
        return Finding(
            group=self.group,
            code=self.code,
            state=self.state,
            title=self.title,
            found=found,
            advice=(*first, *self.advice),
        )


class Catalogue:
    """The kinds of findings of one group."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.kinds: dict[str, Kind] = {}

    def fine(self, code: str, title: str) -> Kind:
        """Enter a kind that says that all is well."""
        return self._enter(code, State.OK, title, "", ())

    def unknown(self, code: str, title: str, meaning: str, *advice: str) -> Kind:
        """Enter a kind that says that, and why, something was not checked."""
        return self._enter(code, State.NOT_CHECKED, title, meaning, advice)

    def warning(self, code: str, title: str, meaning: str, *advice: str) -> Kind:
        """Enter a kind that a person should know."""
        return self._enter(code, State.WARNING, title, meaning, advice)

    def problem(self, code: str, title: str, meaning: str, *advice: str) -> Kind:
        """Enter a kind that keeps the product from working as it should."""
        return self._enter(code, State.PROBLEM, title, meaning, advice)

    def _enter(self, code: str, state: State, title: str, meaning: str, advice: tuple[str, ...]) -> Kind:
        if code in self.kinds:
            raise ValueError(f"two kinds of findings are named {code}")
        kind = Kind(group=self.group, code=code, state=state, title=title, meaning=meaning, advice=advice)
        self.kinds[code] = kind
        return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is looked at, by itself and within ``limit_s``."""

    group: Group
    name: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    limit_s: float = 5.0
