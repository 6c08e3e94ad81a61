"""The error tree.

    HemsError
    ├── ConfigurationError      stops start-up; names file, line, key and what is allowed
    ├── TransientError          may pass by itself: try again later
    │   ├── InverterUnreachable     no answer from the inverter
    │   ├── PricesUnavailable       the price source did not answer, or not yet
    │   └── ForecastUnavailable     the forecast source did not answer, or not yet
    ├── PermanentError          will not pass by itself: a person has to act
    │   ├── CapabilityMissing       this inverter cannot do what was asked
    │   ├── CommandRejected         the inverter refused a write
    │   ├── WrongBatteryWindow      the configured battery cannot be the one that is connected
    │   ├── PricesRefused           the price source refuses the request itself: wrong address, or its interface changed
    │   └── ForecastRefused         the forecast source refuses the request itself: wrong place, planes or key
    ├── RejectedData            a source answered with something that cannot be right
    │   └── OrderRefused            a person asked for what cannot be asked for; says what can
    └── StorageError            the disk did not take or give a record

Expected outcomes are return values, not exceptions. What is raised speaks to the person who will read it: what
happened, where, and what to do.
"""

from __future__ import annotations

from datetime import timedelta


class HemsError(Exception):
    """Every error this product raises on purpose."""


class ConfigurationError(HemsError):
    """The configuration cannot be used. Carries one line per fault: ``file:line:col: path: what is allowed``."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class TransientError(HemsError):
    """May pass by itself: try again later."""


class InverterUnreachable(TransientError):
    """The inverter did not answer, or not with a valid frame."""


class PricesUnavailable(TransientError):
    """The price source did not answer usably. ``retry_after``: the wait it asked for, None where it asked for none."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ForecastUnavailable(TransientError):
    """The forecast source gave no usable answer. ``retry_after``: the wait it asked for, or None."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(HemsError):
    """Will not pass by itself: a person has to act."""


class CapabilityMissing(PermanentError):
    """This inverter cannot do what was asked."""


class CommandRejected(PermanentError):
    """The inverter answered a write with a refusal."""


class WrongBatteryWindow(PermanentError):
    """The configured battery window cannot be that of the battery the inverter reports."""


class PricesRefused(PermanentError):
    """The price source refuses the request itself; asking the same again will not help."""


class ForecastRefused(PermanentError):
    """The forecast source refuses the request itself; asking the same again will not help."""


class RejectedData(HemsError):
    """A source answered with something that cannot be right; nothing of it is used."""


class OrderRefused(RejectedData):
    """A person asked for what cannot be asked for; the sentence says what is allowed."""


class StorageError(HemsError):
    """The disk did not take or give a record."""
