"""Where we may connect to: which addresses, by who declared the host, and what goes past the proxy.

Who declared a host decides where it may lie: a host in the settings file may be private, one
from the store never, unless ``outbound.allow`` names it; link-local and metadata addresses
never (OWASP SSRF; RFC 9700 has no word on it).
"""

import ipaddress
from collections.abc import Iterable
from enum import Enum

from federation.errors import ConfigurationError, ProviderUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where a machine keeps what is nobody else's business; no setting opens these.
NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",  # metadata: Alibaba, Azure, Oracle
        "::/128", "fe80::/10", "fec0::/10", "ff00::/8",
        "fd00:ec2::/32", "fd20:ce::/32",  # metadata: AWS, Google
        "64:ff9b:1::/48", "2001::/32",  # local NAT64 and Teredo hide the address that they lead to
    )
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")


class Declared(Enum):
    """Who wrote the host down. What a provider's documents name inherits its declarer."""

    FILE = "settings file"
    STORE = "store"


def unmap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, if it does.

    Source: RFC 4291 §2.5.5, RFC 6052 §2.1 (NAT64), RFC 3056 (6to4), RFC 2765 §2.1.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    inside = any(address in net for net in (_NAT64, _COMPATIBLE, _TRANSLATED)) and int(address) > 1
    return address.ipv4_mapped or (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if inside else address)


class Allowed:
    """Which addresses may be connected to; ``outbound.allow`` holds networks and host names."""

    def __init__(self, allow: Iterable[str]) -> None:
        """Read the list.

        Raises:
            ConfigurationError: ``fetch.allow``.
        """
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in allow:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if "/" in entry or "*" in entry or ":" in entry or not entry.strip("."):
                    raise ConfigurationError(
                        "fetch.allow", f"outbound.allow: {entry!r} is no network, address or host name"
                    ) from None
                hosts.add(_plain(entry))
        self.networks, self.hosts = tuple(networks), frozenset(hosts)

    def names(self, host: str) -> bool:
        """Tell whether the list names this host itself, or the address that it is."""
        address = parse_address(host)
        return _plain(host) in self.hosts or (address is not None and self._holds(address))

    def _holds(self, address: Address) -> bool:
        real = unmap(address)
        return any(real in network for network in self.networks)

    def refusal(self, host: str, address: Address, declared: Declared) -> ProviderUnavailable | None:
        """Say why this address of this host may not be connected to, or None."""
        real = unmap(address)
        if any(real in network for network in NEVER):
            return ProviderUnavailable(
                "fetch.address_forbidden", "the host is at a link-local, metadata or multicast address"
            )
        may_be_private = declared is Declared.FILE or _plain(host) in self.hosts or self._holds(real)
        if not real.is_global and not may_be_private:
            return ProviderUnavailable(
                "fetch.address_private", "the host is at a private address, and only the file may name those"
            )
        return None


def parse_address(host: str) -> Address | None:
    """Return a host that is an IP literal as an address, else None."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_number(host: str) -> bool:
    """Tell whether a host reads as an IPv4 address in one of the older spellings: 2852039166, 0x7f.1.

    Source: inet_aton(3); WHATWG URL §3.5: the last label decides.
    """
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdecimal() or (last.startswith("0x") and all(one in "0123456789abcdef" for one in last[2:]))


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or its address."""
    address = parse_address(host)
    return address.is_loopback if address is not None else _plain(host) == "localhost"


class Bypass:
    """What is asked directly though there is a proxy: this machine, and what ``no_proxy`` lists.

    Its entries are those of the environment's NO_PROXY: ``acme.example`` (and all below it),
    ``.acme.example``, an address or network, each with ``:port`` or without, or ``*``. What is
    none of these names nothing: a list that others wrote must not keep us from starting.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._networks: list[tuple[Network, int | None]] = []
        self._names: list[tuple[str, int | None]] = []
        for entry in entries:
            name, port = _with_port(entry.strip().lower())
            try:
                self._networks.append((ipaddress.ip_network(name.strip("[]"), strict=False), port))
            except ValueError:
                self._names.append((name.removeprefix("*.").strip("."), port))

    def holds(self, host: str, port: int) -> bool:
        """Tell whether this host is asked directly."""
        if is_loopback(host):
            return True
        address = parse_address(host)
        if address is not None:
            real = unmap(address)
            return any(real in net and given in (None, port) for net, given in self._networks) or self._all
        plain = _plain(host)
        return (
            any(
                name and given in (None, port) and (plain == name or plain.endswith(f".{name}"))
                for name, given in self._names
            )
            or self._all
        )

    @property
    def _all(self) -> bool:
        return ("*", None) in self._names


def _with_port(entry: str) -> tuple[str, int | None]:
    """Split off a port; the colons of a bare IPv6 address are none."""
    name, colon, port = entry.rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in name or name.endswith("]")):
        return name, int(port)
    return entry, None
