"""GoodWe hybrid and PV inverters, through the unmodified ``goodwe`` library.

connector   opens one: which family, what its firmware can do, why none answers
et es dt    the three families behind the ports
controller  read, compare, save the owner's settings, write what differs, read back
targets     what the registers have to hold for each mode; control_* for each way of forcing a power
device_map  every register, scale and sign; readings and *_snapshot turn them into the domain's words
unseen      end what was forced, by the save alone, where nothing can be read
bus         registers, whatever carries them: library_bus on the network, MemoryBus in this process
"""

from __future__ import annotations

from hems.adapters.inverters.goodwe.bus import RetryOptions
from hems.adapters.inverters.goodwe.connector import GoodWeConnector, open_in_memory, restore_inverter
from hems.adapters.inverters.goodwe.options import ControlChoice, Family, GoodWeOptions
from hems.adapters.inverters.goodwe.unseen import UNSEEN_ROUNDS, LastKnown, UnseenRestore

__all__ = [
    "UNSEEN_ROUNDS",
    "ControlChoice",
    "Family",
    "GoodWeConnector",
    "GoodWeOptions",
    "LastKnown",
    "RetryOptions",
    "UnseenRestore",
    "open_in_memory",
    "restore_inverter",
]
