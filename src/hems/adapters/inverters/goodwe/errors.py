"""Why an inverter could not be opened, told apart so that each has its own advice.

InverterUnreachable
├── HostUnreachable     nothing answers at this address, or the name is not known
├── ConnectionRefused   the host is there and says that nothing listens at this port
└── PortSilent          the host is there, but no GoodWe inverter answers at this port
PermanentError
└── WrongFamily         an inverter answered, of another family than the configured one
"""

from __future__ import annotations

from hems.domain.errors import InverterUnreachable, PermanentError


class HostUnreachable(InverterUnreachable):
    """Nothing answers at this address."""


class ConnectionRefused(InverterUnreachable):
    """The host says that nothing listens at this port."""


class PortSilent(InverterUnreachable):
    """The host is there, but no inverter answers."""


class WrongFamily(PermanentError):
    """An inverter of another family answered."""
