"""The one outbound HTTP door: https, no redirects, bounded in time and size, checked addresses.

Who declared a host decides where it may lie: a host in the settings file may be private, one
from the store never, unless ``outbound.allow`` names it; link-local and metadata addresses
never. The address that was checked is the address connected to (OWASP SSRF; RFC 9700 has no
word on it). One session per worker and kind of host, made on first use inside the loop.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from federation.errors import ConfigurationError, ProviderTimedOut, ProviderUnavailable

DEADLINE = 10.0  # seconds, from the look-up of the name to the last octet
BODY_LIMIT = 1024 * 1024  # octets
CONNECTIONS = 100
CONNECTIONS_TO_ONE = 20  # host and port: a provider that hangs must leave room for the others
_HTTPS_PORT = 443
_NOT_MODIFIED = 304
_CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since"})
_HEADER = 512  # characters of one that is kept

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever its status: reading it is the caller's."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    date: str = ""  # the provider's clock, for `federation doctor`
    etag: str = ""  # what to ask with next: see ``conditional``
    last_modified: str = ""  # likewise
    link: str = field(default="", repr=False)  # RFC 8288, as it came; who follows one judges it


def conditional(*, etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers that ask for a document only if it is another than last time; "" is not known.

    Source: RFC 9110 §13.1.2, §13.1.3: where both are sent, the ETag decides.
    """
    told = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in told.items() if value}


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


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


class CheckedResolver(AbstractResolver):
    """Looks a name up and refuses it whole if one of its addresses is not for us to reach."""

    def __init__(self, allowed: Allowed, declared: Declared) -> None:
        self._allowed = allowed
        self._declared = declared
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            address = parse_address(one["host"])
            if address is None:
                raise ProviderUnavailable("fetch.name_unknown", "the host's name leads to no address")
            if (refusal := self._allowed.refusal(host, address, self._declared)) is not None:
                raise refusal
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Fetch:
    """GET and POST for everything that we ask of others."""

    def __init__(
        self,
        *,
        allow: Sequence[str],
        proxy: str | None,
        development: bool,
        deadline: float = DEADLINE,
    ) -> None:
        """Prepare; nothing is opened before the first request.

        Args:
            allow: Networks, addresses and host names that the store's hosts may be at.
            proxy: URL of the one proxy, or None. Its environment variables are not read.
            development: http too, to loopback.
            deadline: Seconds for one whole exchange.

        Raises:
            ConfigurationError: ``fetch.allow``.
        """
        self._allowed = Allowed(allow)
        self._proxy = proxy
        self._development = development
        self._deadline = deadline
        self._sessions: dict[Declared, aiohttp.ClientSession] = {}

    async def get(
        self, url: str, *, declared: Declared, accept: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Fetch a document.

        Raises:
            ProviderUnavailable: ``fetch.url``, ``fetch.address_forbidden``,
                ``fetch.address_private``, ``fetch.name_unknown``, ``fetch.tls``,
                ``fetch.connection``, ``fetch.redirect``, ``fetch.encoded``, ``fetch.too_large``.
            ProviderTimedOut: ``fetch.timeout``.
        """
        return await self._ask("GET", url, {"Accept": accept, **(headers or {})}, None, declared)

    async def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], *, declared: Declared
    ) -> Answer:
        """Send a form, ``application/x-www-form-urlencoded``. Raises as ``get`` does."""
        return await self._ask("POST", url, headers, form, declared)

    async def close(self) -> None:
        """Close what was opened."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        declared: Declared,
    ) -> Answer:
        target = self._check(url, declared)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(method, target, headers, form, declared)
        except TimeoutError:
            raise ProviderTimedOut(
                "fetch.timeout", f"the provider took longer than {self._deadline:g} seconds"
            ) from None
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch):
            raise ProviderUnavailable("fetch.tls", "no trusted TLS connection could be made") from None
        except aiohttp.ClientConnectorDNSError:
            raise ProviderUnavailable("fetch.name_unknown", "the host's name leads to no address") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise ProviderUnavailable(
                "fetch.connection", "the connection failed, or what came over it was not HTTP"
            ) from None

    async def _exchange(
        self,
        method: str,
        target: URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        declared: Declared,
    ) -> Answer:
        session = self._session(declared)
        extra: dict[str, Any] = {"proxy": self._proxy} if self._proxy else {}
        async with session.request(
            method, target, headers=headers, data=form, allow_redirects=False, **extra
        ) as response:
            # Not modified is an answer to those who asked for it, and no redirect (RFC 9110 §15.4.5).
            asked = response.status == _NOT_MODIFIED and not _CONDITIONS.isdisjoint(headers)
            if 300 <= response.status < 400 and not asked:  # noqa: PLR2004  RFC 9110 §15.4
                raise ProviderUnavailable(
                    "fetch.redirect", "the provider redirects; redirects are not followed"
                )
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
                raise ProviderUnavailable(
                    "fetch.encoded", "the answer is compressed, though plain was asked for"
                )
            return Answer(
                status=response.status,
                content_type=response.headers.get("Content-Type", ""),
                body=await _read(response),
                date=response.headers.get("Date", ""),
                etag=_plain_header(response, "ETag"),
                last_modified=_plain_header(response, "Last-Modified"),
                link=", ".join(response.headers.getall("Link", ())),
            )

    def _check(self, url: str, declared: Declared) -> URL:
        """Judge the URL with the parser that connects; literal addresses never see the resolver."""
        try:
            target = URL(url)
            host, _port = target.host, target.port
        except ValueError:
            raise ProviderUnavailable("fetch.url", "not a URL") from None
        if not host or target.user is not None or target.password is not None:
            raise ProviderUnavailable("fetch.url", "the URL has no host, or a user in it")
        address = parse_address(host)
        loopback = address.is_loopback if address is not None else _plain(host) == "localhost"
        if target.scheme != "https" and not (target.scheme == "http" and self._development and loopback):
            raise ProviderUnavailable("fetch.url", "the URL is not https (http: in development, on loopback)")
        if address is not None and (refusal := self._allowed.refusal(host, address, declared)) is not None:
            raise refusal
        if self._proxy and declared is not Declared.FILE and not self._allowed.names(host):
            raise ProviderUnavailable(
                "fetch.proxy_host", "through a proxy, only hosts of the file or of outbound.allow are asked"
            )
        return target

    def _session(self, declared: Declared) -> aiohttp.ClientSession:
        """One session, and so one pool, per declarer: a file's private connection is never lent."""
        # The proxy is the file's, and resolves names itself; who may be asked was decided before.
        kind = Declared.FILE if self._proxy else declared
        if kind not in self._sessions:
            connector = aiohttp.TCPConnector(
                resolver=CheckedResolver(self._allowed, kind),
                use_dns_cache=False,  # each new connection is checked anew
                limit=CONNECTIONS,
                limit_per_host=CONNECTIONS_TO_ONE,
            )
            self._sessions[kind] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),  # the deadline is ours, over everything
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "federation"},
            )
        return self._sessions[kind]


def _plain_header(response: aiohttp.ClientResponse, name: str) -> str:
    """Return a header that will be sent back, or "" where it is no header to keep."""
    value = response.headers.get(name, "")
    return value if value.isascii() and value.isprintable() and len(value) <= _HEADER else ""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, never more than BODY_LIMIT of it."""
    refusal = ProviderUnavailable("fetch.too_large", f"the answer is larger than {BODY_LIMIT} octets")
    if (response.content_length or 0) > BODY_LIMIT:
        response.close()  # unread; the connection is of no more use
        raise refusal
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT:
            response.close()
            raise refusal
    return bytes(body)
