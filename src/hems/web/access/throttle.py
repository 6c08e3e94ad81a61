"""How often a password may be guessed: five times, then ever more slowly, by one address and by all together."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_GUESSES = 5
FREE_GUESSES_OF_ALL = 30
"""Of all addresses together. More than one address has: or else anybody in the network could lock the owner out."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 900.0
FORGOTTEN_AFTER_S = 3600.0
ADDRESSES_MAX = 1000
KNOWN_MAX = 100


@dataclass(slots=True)
class _Guesses:
    count: int = 0
    pause_until_s: float = -math.inf
    last_s: float = -math.inf

    def add(self, now_s: float, free: int) -> None:
        if now_s - self.last_s > FORGOTTEN_AFTER_S:
            self.count = 0
        self.count += 1
        self.last_s = now_s
        if self.count >= free:
            doublings = min(self.count - free, 10)  # more would only overflow
            self.pause_until_s = now_s + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**doublings)


class LoginThrottle:
    """Counts guesses by address. Not thread-safe: it lives on the web's event loop."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_address: OrderedDict[str, _Guesses] = OrderedDict()
        self._of_all = _Guesses()
        self._known: OrderedDict[str, None] = OrderedDict()

    def admit(self, address: str) -> int | None:
        """Return None where ``address`` may guess now, and count the guess; else how long to wait [s].

        It counts before the answer is known, so that guesses side by side are not free.
        """
        now_s = self._monotonic()
        guesses = self._by_address.get(address)
        until_s = guesses.pause_until_s if guesses is not None else -math.inf
        if address not in self._known:  # where the owner has logged in before, others' guesses do not lock him out
            until_s = max(until_s, self._of_all.pause_until_s)
        if now_s < until_s:
            return math.ceil(until_s - now_s)
        if guesses is None:
            guesses = self._by_address[address] = _Guesses()
        guesses.add(now_s, FREE_GUESSES)
        self._by_address.move_to_end(address)
        if len(self._by_address) > ADDRESSES_MAX:
            self._by_address.popitem(last=False)
        return None

    def failed(self) -> None:
        """Count a wrong password against all addresses together."""
        self._of_all.add(self._monotonic(), FREE_GUESSES_OF_ALL)

    def succeeded(self, address: str) -> None:
        """Forget the guesses of ``address``: somebody there knows the password."""
        self._by_address.pop(address, None)
        self._known[address] = None
        self._known.move_to_end(address)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._by_address)


def guesser_of(peer: str | None) -> str:
    """Return under which address ``peer`` guesses: of IPv6 the network, since one machine has all its addresses."""
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return "unknown"  # what a proxy passed on unread; all such share one count
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
