"""How often one address may try, and whose address it is.

A sliding window of two counters per key, so that memory is bounded and a burst at the edge
of a window gains nothing. Counted per worker. The time comes in as an argument.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from federation.errors import TooManyRequests

LONGEST = 64  # characters of an address and its port that are remembered
KEYS = 50_000  # counters kept per rate; beyond it the longest unused is dropped
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass
class _Window:
    number: int
    now: int = 0
    before: int = 0


@dataclass
class Rate:
    """So many per so many seconds; ``amount`` None is off."""

    amount: int | None
    seconds: int
    _windows: OrderedDict[tuple[str, ...], _Window] = field(default_factory=OrderedDict)

    def hit(self, key: tuple[str, ...], now: datetime) -> None:
        """Count one try.

        Raises:
            TooManyRequests: ``rate.limited``; a refused try is not counted.
        """
        self.ask(key, now)
        self.count(key, now)

    def ask(self, key: tuple[str, ...], now: datetime) -> None:
        """Refuse if nothing is left, without counting.

        Raises:
            TooManyRequests: ``rate.limited``.
        """
        if self.amount is None or key not in self._windows:
            return
        window, passed = self._turn(key, now)
        if window.before * (1 - passed) + window.now >= self.amount:
            raise TooManyRequests(
                "rate.limited",
                "this address tried too often",
                retry_after=self._wait(window, passed, self.amount),
            )

    def count(self, key: tuple[str, ...], now: datetime) -> None:
        """Count one try, whatever is left."""
        if self.amount is None:
            return
        window, _ = self._turn(key, now)
        window.now += 1
        while len(self._windows) > KEYS:
            self._windows.popitem(last=False)

    def _turn(self, key: tuple[str, ...], now: datetime) -> tuple[_Window, float]:
        """Return the key's counters moved on to ``now``, and how much of the window has passed."""
        number, into = divmod(now.timestamp(), self.seconds)
        window = self._windows.setdefault(key, _Window(int(number)))
        self._windows.move_to_end(key)
        if (steps := int(number) - window.number) != 0:
            window.before = window.now if steps == 1 else 0
            window.now = 0
            window.number = int(number)
        return window, into / self.seconds

    def _wait(self, window: _Window, passed: float, amount: int) -> int:
        """Return the whole seconds until one more fits, if nobody tries meanwhile."""
        if window.now < amount:  # the window before still weighs: until enough of it has passed
            share = 1 - (amount - window.now) / window.before - passed
        else:
            share = 1 - passed + 1 - amount / window.now
        return int(share * self.seconds + 1e-6) + 1  # past the moment, though floats fall short of it


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def parse_rate(text: str) -> Rate:
    """Read ``"300/minute"`` or ``"off"``.

    Raises:
        ValueError: Neither of them.
    """
    if text == "off":
        return Rate(None, 1)
    amount, _, unit = text.partition("/")
    if not amount.isdecimal() or int(amount) < 1 or unit not in _UNITS:
        raise ValueError('expected a rate such as "300/minute", or "off"')
    return Rate(int(amount), _UNITS[unit])


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The rates in force."""

    sign_in: Rate  # starts and answers, counted apart
    failures: Rate  # answers refused before a signature held
    break_glass: Rate = field(default_factory=lambda: Rate(10, 3600))  # recovery codes


def client_address(
    peer: str | None, forwarded_for: Iterable[str], trusted_proxies: tuple[Network, ...]
) -> str:
    """Return the key of the client's address: IPv4 whole, IPv6 its /64, "" if it has none.

    Args:
        peer: Address of the connection's other end; None on a Unix socket.
        forwarded_for: Every ``X-Forwarded-For`` line, in order; read only if the peer is trusted.
        trusted_proxies: Networks of our own proxies.
    """
    address = _parse(peer or "")
    if address is None:
        return ""
    if _is_within(address, trusted_proxies):
        address = _right_most_untrusted(address, ",".join(forwarded_for), trusted_proxies)
    return _key(address)


@lru_cache(maxsize=4096)  # as ``_read``: writing costs as much
def _key(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address)


def forwarding(
    peer: str | None, header_names: Iterable[str], trusted_proxies: tuple[Network, ...]
) -> dict[str, object]:
    """Return what a request shows of the proxies before us, for ``federation doctor``: no address.

    Args:
        peer: Address of the connection's other end.
        header_names: Every header's name, in any case.
        trusted_proxies: Networks of our own proxies.
    """
    names = {name.lower() for name in header_names}
    address = _parse(peer or "")
    return {
        "headers": sorted(name for name in names if name == "forwarded" or name.startswith("x-forwarded-")),
        "trusted": address is not None and _is_within(address, trusted_proxies),
    }


def _right_most_untrusted(peer: Address, forwarded_for: str, trusted: tuple[Network, ...]) -> Address:
    """Walk from our side to the first hop that is not ours; malformed or none gives the peer."""
    for hop in reversed(forwarded_for.split(",")):
        address = _parse(hop.strip())
        if address is None:
            return peer
        if not _is_within(address, trusted):
            return address
    return peer


def _is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _parse(text: str) -> Address | None:
    """Read an address, also ``192.0.2.1:80`` and ``[2001:db8::1]:80``; v4-mapped is IPv4."""
    return _read(text) if len(text) <= LONGEST else _read.__wrapped__(text)


@lru_cache(maxsize=4096)  # reading costs some ten microseconds; a proxy's address comes every time
def _read(text: str) -> Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
