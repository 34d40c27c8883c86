"""What `federation doctor` asks of an installation, and how each fault is mended.

Every question is one function that yields findings; nothing is changed but a database that is
behind, which is migrated as at any start.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from federation import keys
from federation.errors import ConfigurationError, FederationError, ProviderUnavailable
from federation.fetch import Declared, Fetch, OfStore, open_door
from federation.operator import (
    doctor_connections,
    doctor_declared,
    doctor_domains,
    doctor_scim,
    emergency,
    with_kept,
)
from federation.operator.finding import Finding, expiry, failed, note, ok, warning
from federation.operator.with_kept import Unserved
from federation.saml import xml
from federation.settings import Settings
from federation.store.store import open_store
from federation.web import cookies

_AT_ONCE: Final = 32  # connections whose providers are asked


async def examine(config: Settings, *, now: datetime) -> list[Finding]:
    """Ask everything; many providers at once.

    Args:
        config: Loaded, so the file itself is in order.
        now: UTC, aware.
    """
    fetch, reached = _door(config)
    in_file = len(config.connections)
    config, unserved = await _with_kept(config, now)
    beside = len(config.connections) - in_file + len(unserved)
    findings = [
        ok(
            "settings",
            f"{config.file}: {in_file} connections" + (f"; in the database: {beside}" if beside else ""),
        ),
        *map(_unserved, unserved),
        *_origin(config),
        *_proxies(config),
        *reached,
        *_cookies(config),
        *_libraries(),
        *_secrets(config),
        *doctor_declared.shared_callbacks(config.connections),
        *doctor_declared.many_tenants(config.connections),
        *doctor_declared.rereads(config.connections),
        *doctor_domains.declared(config),
        *await doctor_domains.kept(config, now),
        *await doctor_scim.kept(config, now),
        *doctor_connections.impostors(config, now),
        *_own_keys(config, now),
        *await _database(config),
        *await emergency.findings(config),
    ]
    if fetch is None:
        return [*findings, *await doctor_connections.kept(config, now)]
    turns, of_store = asyncio.Semaphore(_AT_ONCE), OfStore(fetch)

    async def ask(name: str) -> list[Finding]:
        async with turns:
            door = of_store if config.connections[name].of_store else fetch
            return await doctor_connections.ask(config, name, door, now)

    try:
        asked = [
            _service(config, fetch),
            *(ask(name) for name, one in config.connections.items() if one.enabled or not one.of_store),
            doctor_connections.kept(config, now),
        ]
        for answers in await asyncio.gather(*asked):
            findings += answers
    finally:
        await fetch.close()
    return findings


async def _with_kept(config: Settings, now: datetime) -> tuple[Settings, tuple[Unserved, ...]]:
    """Return the settings with what the database declares; alone where that cannot be had.

    What keeps it from being had, keys or the database, has a finding of its own.
    """
    url = config.database_url.get_secret_value()
    if url.startswith("sqlite:") and not await asyncio.to_thread(Path(url.removeprefix("sqlite:///")).exists):
        return config, ()
    try:
        keys.load_key_set(config.sp_key, config.sp_certificate)  # which a start would make: nothing is, here
        keys.open_vault([one.file for one in config.encryption_keys])
        every = await with_kept.read(config, now=now)
    except FederationError:
        return config, ()
    return every.config, every.unserved


def _unserved(one: Unserved) -> Finding:
    topic = doctor_connections.topic_of(one.connection)
    said = f"of the database, for {one.organization}: not served"
    if not one.enabled:
        return note(topic, f"{said}, and not enabled: it is being set up")
    return warning(topic, f"{said}: {one.why}", "its administrator mends it, at Connections")


def _door(config: Settings) -> tuple[Fetch | None, list[Finding]]:
    """Return the door that providers are asked through; None, and why, where no request can leave."""
    try:
        return open_door(config), list(way_out(config))
    except ConfigurationError as fault:
        mend = {
            "fetch.ca_bundle": "name a readable PEM file of CA certificates, or leave ca_bundle out",
            "fetch.allow": "write networks (10.0.0.0/8) and host names",
        }.get(fault.code, "see outbound")
        return None, [failed("outbound", f"{fault.detail} ({fault.code}); no provider was asked", mend)]


def way_out(config: Settings) -> Iterator[Finding]:
    """Tell by which way providers are asked, and by whom else they may be vouched for."""
    outbound = config.outbound
    if outbound.proxy is not None:
        parts = urlsplit(outbound.proxy.get_secret_value())
        name = parts.netloc.rpartition("@")[2]  # what stands before it is a secret
        past = f"; past it: {', '.join(outbound.no_proxy)}" if outbound.no_proxy else ""
        yield note("outbound", f"providers are asked through the proxy {name}{past}")
    if outbound.ca_bundle is not None:
        yield note("outbound", f"the authorities in {outbound.ca_bundle} are trusted beside the system's")


def _origin(config: Settings) -> Iterator[Finding]:
    yield ok("base URL", f"{config.base_url}; every URL of ours is derived from it, Host is never read")
    if config.development:
        mend = "set development: false before anybody else uses it"
        yield warning("base URL", "development: http on loopback, cookies without Secure", mend)


def _proxies(config: Settings) -> Iterator[Finding]:
    if config.trusted_proxies:
        networks = ", ".join(map(str, config.trusted_proxies))
        said = f"from {networks} X-Forwarded-For is read, from its right end, for the client's address alone"
        yield ok("proxies", f"{said}; Host, X-Forwarded-Host and -Proto never")
    elif config.base_url.startswith("https://"):
        said = "none trusted: behind a proxy that ends TLS all clients share its address in rate limits"
        yield warning("proxies", said, "name the proxy's network in trusted_proxies")
    else:
        yield ok("proxies", "none trusted: X-Forwarded-* is not read")


def _cookies(config: Settings) -> Iterator[Finding]:
    secure = config.base_url.startswith("https://")
    mark = "; Secure" if secure else ""
    for cookie, same_site in (
        (cookies.SESSION, "Lax"),
        (cookies.BINDER, "Lax"),
        (cookies.BINDER_POST, "None" if secure else "Lax"),
    ):
        said = f"{cookies.name(cookie, secure=secure)}; Path=/; HttpOnly{mark}; SameSite={same_site}"
        yield ok("cookies", said)


def _libraries() -> Iterator[Finding]:
    fault = xml.library_fault()
    yield failed("libraries", fault) if fault else ok("libraries", "lxml and xmlsec carry the same libxml2")


def _secrets(config: Settings) -> Iterator[Finding]:
    for place in config.inline_secrets:
        mend = "use {env: NAME} or {file: PATH}, or FEDERATION_SECRETS_DIR"
        yield warning("secrets", f"{place} is written into {config.file}", mend)
    for file in [config.sp_key, *(one.file for one in config.encryption_keys)]:
        if file.is_file() and file.stat().st_mode & 0o077:
            yield warning("secrets", f"{file} can be read by others", f"chmod 600 {file}")


def _own_keys(config: Settings, now: datetime) -> Iterator[Finding]:
    mend = "federation init makes what is missing" + (
        "; in development `federation serve` does too" if config.development else ""
    )
    try:
        held = keys.load_key_set(config.sp_key, config.sp_certificate)
        yield expiry("our certificate", held.current.not_after, now, "federation keys rotate")
        if held.next:
            yield expiry("our next certificate", held.next.not_after, now, "federation keys rotate")
    except FederationError as fault:
        yield failed("our certificate", fault.detail, mend)
    try:
        keys.open_vault([one.file for one in config.encryption_keys])
        yield ok("encryption keys", f"{len(config.encryption_keys)} loadable")
    except FederationError as fault:
        yield failed("encryption keys", fault.detail, mend)


async def _database(config: Settings) -> list[Finding]:
    url = config.database_url.get_secret_value()
    if url.startswith("sqlite:") and not await asyncio.to_thread(Path(url.removeprefix("sqlite:///")).exists):
        return [note("database", "the SQLite file does not exist yet; the first start makes it")]
    try:
        store = await open_store(url)
    except FederationError as fault:
        return [failed("database", fault.detail, "see database_url")]
    try:
        fault_found = await store.ready()
    finally:
        await store.close()
    return [
        failed("database", fault_found) if fault_found else ok("database", "reachable, migrations at head")
    ]


async def _service(config: Settings, fetch: Fetch) -> list[Finding]:
    """Ask the service itself, the way browsers reach it: is it ready, and what do proxies add?"""
    url = f"{config.base_url}/readyz"
    try:
        answer = await fetch.get(url, declared=Declared.FILE, accept="application/json")
        told = json.loads(answer.body)
        unready = [name for name, state in told["checks"].items() if state != "ok"]
        seen, trusted = told["proxy"]["headers"], told["proxy"]["trusted"]
    except ProviderUnavailable as fault:
        mend = "start it; harmless if browsers reach it by that name and this host cannot"
        return [warning("service", f"{url} does not answer: {fault.detail}", mend)]
    except (ValueError, TypeError, KeyError, AttributeError):
        said = f"{url} answers {answer.status}, and not as this service does"
        return [warning("service", said, "let the proxy pass every path on")]
    ready = (
        failed("service", f"{url} is not ready: {', '.join(unready)}", "its log says why")
        if unready
        else ok("service", f"{url} is ready")
    )
    return [ready, _seen(seen, trusted=trusted)]


def _seen(headers: list[str], *, trusted: bool) -> Finding:
    """Say what our own request looked like when it arrived."""
    names = ", ".join(headers) or "none"
    if "x-forwarded-for" in headers and not trusted:
        said = f"headers seen: {names}, but from an address outside trusted_proxies, so they are not read"
        return warning("proxies", said, "name the proxy's network in trusted_proxies")
    if trusted and "x-forwarded-for" not in headers:
        said = f"headers seen: {names}; the trusted proxy sends no X-Forwarded-For"
        return warning("proxies", said, "let the proxy add it: until then all clients count as one address")
    return ok("proxies", f"headers seen: {names}")
