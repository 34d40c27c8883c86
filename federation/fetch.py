"""The one outbound HTTP door: https, no redirects, bounded in time and size, checked addresses.

Which URLs may be asked, and which addresses connected to, stands in ``outbound``; the address that was
checked is the address connected to. Through a proxy, the proxy resolves names. One session per worker and
kind of host, made on first use inside the loop; one SSLContext, made at start.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from federation.errors import ConfigurationError, ProviderTimedOut, ProviderUnavailable
from federation.outbound.addresses import Allowed, Bypass, Declared, parse_address
from federation.outbound.answer import LISTENER, Answer, Heard, conditional, listening
from federation.outbound.urls import Judge
from federation.settings import Settings

__all__ = [
    "Answer",
    "CheckedResolver",
    "Declared",
    "Fetch",
    "Heard",
    "OfStore",
    "conditional",
    "listening",
    "open_door",
]

DEADLINE = 10.0  # seconds, from the look-up of the name to the last octet
BODY_LIMIT = 1024 * 1024  # octets
# A connection that idles is closed by many a server after 5 s (Node, Apache httpd, uvicorn): we are first.
KEPT = 4.0  # seconds
CONNECTIONS = 100
CONNECTIONS_TO_ONE = 20  # host and port: a provider that hangs must leave room for the others
_NOT_MODIFIED = 304
_FORM = "application/x-www-form-urlencoded"
_CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since"})
_HEADER = 512  # characters of one that is kept


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
        no_proxy: Sequence[str] = (),
        ca_bundle: Path | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        """Prepare; nothing is opened before the first request.

        Args:
            allow: Networks, addresses and host names that the store's hosts may be at.
            proxy: URL of the one proxy, or None. Its environment variables are not read here.
            development: http too, to loopback.
            no_proxy: Hosts that are asked directly though there is a proxy, see ``Bypass``.
            ca_bundle: PEM file of authorities that are trusted beside the system's.
            deadline: Seconds for one whole exchange.

        Raises:
            ConfigurationError: ``fetch.allow``, ``fetch.ca_bundle``.
        """
        self._allowed = Allowed(allow)
        self._proxy = proxy
        # None: aiohttp's own, made when it was imported; both verify the chain and the name.
        self._tls = None if ca_bundle is None else _trusting(ca_bundle)
        self._deadline = deadline
        self._sessions: dict[Declared, aiohttp.ClientSession] = {}
        judge = Judge(
            self._allowed, proxy=proxy is not None, bypass=Bypass(no_proxy), development=development
        )
        self._is_proxied = judge.is_proxied
        # Of the URL and the settings alone, and the same few URLs at every sign-in.
        self._check = lru_cache(maxsize=1024)(judge.check)

    async def get(
        self, url: str, *, declared: Declared, accept: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Fetch a document.

        Raises:
            ProviderUnavailable: ``fetch.url``, ``fetch.address_forbidden``,
                ``fetch.address_private``, ``fetch.name_unknown``, ``fetch.tls``, ``fetch.proxy``,
                ``fetch.proxy_host``, ``fetch.connection``, ``fetch.redirect``, ``fetch.encoded``,
                ``fetch.too_large``.
            ProviderTimedOut: ``fetch.timeout``.
        """
        return await self._ask("GET", url, {"Accept": accept, **(headers or {})}, None, declared)

    async def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], *, declared: Declared
    ) -> Answer:
        """Send a form, ``application/x-www-form-urlencoded``. Raises as ``get`` does."""
        told = {**headers, "Content-Type": _FORM}
        return await self._ask("POST", url, told, urlencode(form).encode(), declared)

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
        body: bytes | None,
        declared: Declared,
    ) -> Answer:
        target = self._check(url, declared)
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._exchange(method, target, headers, body, declared)
        except TimeoutError:
            raise ProviderTimedOut(
                "fetch.timeout", f"the provider took longer than {self._deadline:g} seconds"
            ) from None
        except (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch):
            raise ProviderUnavailable("fetch.tls", "no trusted TLS connection could be made") from None
        except (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError):
            raise ProviderUnavailable("fetch.proxy", "the proxy did not let us through") from None
        except aiohttp.ClientConnectorDNSError:
            if self._is_proxied(target):
                raise ProviderUnavailable("fetch.proxy", "the proxy's name leads to no address") from None
            raise ProviderUnavailable("fetch.name_unknown", "the host's name leads to no address") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise ProviderUnavailable(
                "fetch.connection", "the connection failed, or what came over it was not HTTP"
            ) from None
        if (heard := LISTENER.get()) is not None:
            heard.append(Heard(method=method, url=url, answer=answer))
        return answer

    async def _exchange(
        self,
        method: str,
        target: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        declared: Declared,
    ) -> Answer:
        proxied = self._is_proxied(target)
        # The proxy is the file's, and resolves names itself; who may be asked was decided before.
        session = self._session(Declared.FILE if proxied else declared)
        extra: dict[str, Any] = {"proxy": self._proxy} if proxied else {}
        ask = partial(
            session.request, method, target, headers=headers, data=body, allow_redirects=False, **extra
        )
        async with await _heard(ask, method) as response:
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

    def _session(self, declared: Declared) -> aiohttp.ClientSession:
        """One session, and so one pool, per declarer: a file's private connection is never lent."""
        if declared not in self._sessions:
            connector = aiohttp.TCPConnector(
                resolver=CheckedResolver(self._allowed, declared),
                ssl=self._tls or True,
                use_dns_cache=False,  # each new connection is checked anew
                keepalive_timeout=KEPT,
                limit=CONNECTIONS,
                limit_per_host=CONNECTIONS_TO_ONE,
            )
            self._sessions[declared] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),  # the deadline is ours, over everything
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "federation"},
            )
        return self._sessions[declared]


class OfStore(Fetch):
    """The same door, for what the store declares: every host that is asked through it is the store's.

    So is whatever a document names that came through it: none of them may be private.
    """

    def __init__(self, door: Fetch) -> None:
        """Take the door, whose connections are shared and which another closes."""
        self._door = door

    async def get(
        self, url: str, *, declared: Declared, accept: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """As ``Fetch.get``; whoever asks, the store declared it."""
        del declared
        return await self._door.get(url, declared=Declared.STORE, accept=accept, headers=headers)

    async def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], *, declared: Declared
    ) -> Answer:
        """As ``Fetch.post_form``; likewise."""
        del declared
        return await self._door.post_form(url, form, headers, declared=Declared.STORE)

    async def close(self) -> None:
        """Leave it open: it is another's."""


def open_door(config: Settings) -> Fetch:
    """Return the door as the settings have it; nothing is opened before the first request.

    Raises:
        ConfigurationError: ``fetch.allow``, ``fetch.ca_bundle``.
    """
    outbound = config.outbound
    return Fetch(
        allow=outbound.allow,
        proxy=outbound.proxy.get_secret_value() if outbound.proxy else None,
        no_proxy=outbound.no_proxy or (),
        ca_bundle=outbound.ca_bundle,
        development=config.development,
    )


def _trusting(ca_bundle: Path) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, and those of a file beside them."""
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=ca_bundle)
    except OSError as error:  # an SSLError too
        why = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigurationError("fetch.ca_bundle", f"outbound.ca_bundle: {ca_bundle} ({why})") from None
    return context


async def _heard(ask: Callable[[], Awaitable[aiohttp.ClientResponse]], method: str) -> aiohttp.ClientResponse:
    """Ask, and once more where a kept connection was closed as our request was on its way.

    aiohttp does so by itself for a GET. A form may be posted twice too: an answer had not begun, and
    who did hear it refuses a code or a token that was used, which is no worse than no answer.

    Source: RFC 9112 §9.3.1, §9.5.
    """
    try:
        return await ask()
    except aiohttp.ClientConnectorError:
        raise  # no connection was made
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError, aiohttp.ClientOSError):
        if method != "POST":
            raise
        return await ask()


def _plain_header(response: aiohttp.ClientResponse, name: str) -> str:
    """Return a header that will be sent back, or "" where it is no header to keep."""
    value = response.headers.get(name, "")
    return value if value.isascii() and value.isprintable() and len(value) <= _HEADER else ""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, never more than BODY_LIMIT of it."""
    if (response.content_length or 0) > BODY_LIMIT:
        raise _too_large(response)  # unread
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise _too_large(response)
    return bytes(body)


def _too_large(response: aiohttp.ClientResponse) -> ProviderUnavailable:
    response.close()  # the connection is of no more use
    return ProviderUnavailable("fetch.too_large", f"the answer is larger than {BODY_LIMIT} octets")
