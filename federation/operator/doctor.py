"""What `federation doctor` asks of an installation, and how each fault is mended.

Every question is one function that yields findings; nothing is changed but a database that is
behind, which is migrated as at any start.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

from federation import keys, registry
from federation.errors import FederationError, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.oidc import provider
from federation.registry import Oidc, Saml
from federation.saml import metadata, xml
from federation.saml.metadata import IdentityProvider
from federation.settings import Settings
from federation.store.store import open_store
from federation.web import cookies

EXPIRES_SOON: Final = timedelta(days=30)
CLOCK_WARNING: Final = timedelta(seconds=5)
_OK: Final = 200
_ANSWERED: Final = frozenset({"fetch.redirect", "fetch.encoded", "fetch.too_large"})  # somebody is there


class State(Enum):
    """How a finding is to be taken; FAILED alone makes ``doctor`` exit with 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; ``mend`` says what to do where it is not in order."""

    topic: str
    state: State
    said: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"state": self.state.value}


def _ok(topic: str, said: str) -> Finding:
    return Finding(topic=topic, state=State.OK, said=said)


def _note(topic: str, said: str) -> Finding:
    return Finding(topic=topic, state=State.NOTE, said=said)


def _warning(topic: str, said: str, mend: str) -> Finding:
    return Finding(topic=topic, state=State.WARNING, said=said, mend=mend)


def _failed(topic: str, said: str, mend: str = "") -> Finding:
    return Finding(topic=topic, state=State.FAILED, said=said, mend=mend)


async def examine(config: Settings, *, now: datetime) -> list[Finding]:
    """Ask everything; providers all at once.

    Args:
        config: Loaded, so the file itself is in order.
        now: UTC, aware.
    """
    findings = [
        _ok("settings", f"{config.file}: {len(config.connections)} connections"),
        *_origin(config),
        *_proxies(config),
        *_cookies(config),
        *_libraries(),
        *_secrets(config),
        *_own_keys(config, now),
        *await _database(config),
    ]
    fetch = Fetch(
        allow=config.outbound.allow,
        proxy=config.outbound.proxy.get_secret_value() if config.outbound.proxy else None,
        development=config.development,
    )
    try:
        asked = [
            _service(config, fetch),
            *(_connection(config, name, fetch, now) for name in config.connections),
        ]
        for answers in await asyncio.gather(*asked):
            findings += answers
    finally:
        await fetch.close()
    return findings


def _origin(config: Settings) -> Iterator[Finding]:
    yield _ok("base URL", f"{config.base_url}; every URL of ours is derived from it, Host is never read")
    if config.development:
        mend = "set development: false before anybody else uses it"
        yield _warning("base URL", "development: http on loopback, cookies without Secure", mend)


def _proxies(config: Settings) -> Iterator[Finding]:
    if config.trusted_proxies:
        networks = ", ".join(map(str, config.trusted_proxies))
        said = f"from {networks} X-Forwarded-For is read, from its right end, for the client's address alone"
        yield _ok("proxies", f"{said}; Host, X-Forwarded-Host and -Proto never")
    elif config.base_url.startswith("https://"):
        said = "none trusted: behind a proxy that ends TLS all clients share its address in rate limits"
        yield _warning("proxies", said, "name the proxy's network in trusted_proxies")
    else:
        yield _ok("proxies", "none trusted: X-Forwarded-* is not read")


def _cookies(config: Settings) -> Iterator[Finding]:
    secure = config.base_url.startswith("https://")
    mark = "; Secure" if secure else ""
    for cookie, same_site in (
        (cookies.SESSION, "Lax"),
        (cookies.BINDER, "Lax"),
        (cookies.BINDER_POST, "None" if secure else "Lax"),
    ):
        said = f"{cookies.name(cookie, secure=secure)}; Path=/; HttpOnly{mark}; SameSite={same_site}"
        yield _ok("cookies", said)


def _libraries() -> Iterator[Finding]:
    fault = xml.library_fault()
    yield _failed("libraries", fault) if fault else _ok("libraries", "lxml and xmlsec carry the same libxml2")


def _secrets(config: Settings) -> Iterator[Finding]:
    for place in config.inline_secrets:
        mend = "use {env: NAME} or {file: PATH}, or FEDERATION_SECRETS_DIR"
        yield _warning("secrets", f"{place} is written into {config.file}", mend)
    for file in [config.sp_key, *(one.file for one in config.encryption_keys)]:
        if file.is_file() and file.stat().st_mode & 0o077:
            yield _warning("secrets", f"{file} can be read by others", f"chmod 600 {file}")


def _own_keys(config: Settings, now: datetime) -> Iterator[Finding]:
    mend = "federation init makes what is missing" + (
        "; in development `federation serve` does too" if config.development else ""
    )
    try:
        pair = keys.load_key_pair(config.sp_key, config.sp_certificate)
        yield _expiry("our certificate", pair.not_after, now, "renew it and tell the identity providers")
    except FederationError as fault:
        yield _failed("our certificate", fault.detail, mend)
    try:
        keys.open_vault([one.file for one in config.encryption_keys])
        yield _ok("encryption keys", f"{len(config.encryption_keys)} loadable")
    except FederationError as fault:
        yield _failed("encryption keys", fault.detail, mend)


def _expiry(topic: str, not_after: datetime, now: datetime, mend: str) -> Finding:
    """Certificate dates never decide a sign-in here; some providers hold ours against the clock."""
    day = f"{not_after:%Y-%m-%d}"
    if not_after <= now:
        return _warning(topic, f"expired on {day}", mend)
    if not_after - now < EXPIRES_SOON:
        return _warning(topic, f"expires on {day}, in {(not_after - now).days} days", mend)
    return _ok(topic, f"valid until {day}")


async def _database(config: Settings) -> list[Finding]:
    url = config.database_url.get_secret_value()
    if url.startswith("sqlite:") and not await asyncio.to_thread(Path(url.removeprefix("sqlite:///")).exists):
        return [_note("database", "the SQLite file does not exist yet; the first start makes it")]
    try:
        store = await open_store(url)
    except FederationError as fault:
        return [_failed("database", fault.detail, "see database_url")]
    try:
        fault_found = await store.ready()
    finally:
        await store.close()
    return [
        _failed("database", fault_found) if fault_found else _ok("database", "reachable, migrations at head")
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
        return [_warning("service", f"{url} does not answer: {fault.detail}", mend)]
    except (ValueError, TypeError, KeyError, AttributeError):
        said = f"{url} answers {answer.status}, and not as this service does"
        return [_warning("service", said, "let the proxy pass every path on")]
    ready = (
        _failed("service", f"{url} is not ready: {', '.join(unready)}", "its log says why")
        if unready
        else _ok("service", f"{url} is ready")
    )
    return [ready, _seen(seen, trusted=trusted)]


def _seen(headers: list[str], *, trusted: bool) -> Finding:
    """Say what our own request looked like when it arrived."""
    names = ", ".join(headers) or "none"
    if "x-forwarded-for" in headers and not trusted:
        said = f"headers seen: {names}, but from an address outside trusted_proxies, so they are not read"
        return _warning("proxies", said, "name the proxy's network in trusted_proxies")
    if trusted and "x-forwarded-for" not in headers:
        said = f"headers seen: {names}; the trusted proxy sends no X-Forwarded-For"
        return _warning("proxies", said, "let the proxy add it: until then all clients count as one address")
    return _ok("proxies", f"headers seen: {names}")


async def _connection(config: Settings, name: str, fetch: Fetch, now: datetime) -> list[Finding]:
    topic = f"connection {name}"
    try:
        entry = registry.compile_one(
            config.connections[name],
            config.base_url,
            development=config.development,
            own=None,
            now=now,
        )
        asked = (
            _saml(entry, topic, fetch, now) if isinstance(entry, Saml) else _oidc(entry, topic, fetch, now)
        )
        return [finding async for finding in asked]
    except FederationError as fault:
        return [_failed(topic, f"{fault.detail} ({fault.code})", f"to be mended by {fault.mended_by}")]


async def _saml(entry: Saml, topic: str, fetch: Fetch, now: datetime) -> AsyncIterator[Finding]:
    yield _note(topic, f"give the provider: entity ID {entry.sp_entity_id}, ACS URL {entry.acs_url}")
    if entry.idp is not None:
        for finding in _their_keys(topic, entry.idp, now):
            yield finding
        # The browser goes there, not we: it need not be reachable from this host.
        try:
            answer = await fetch.get(entry.idp.sso_url, declared=Declared.FILE, accept="text/html")
        except ProviderUnavailable as fault:
            if fault.code in _ANSWERED:
                yield _ok(topic, f"{entry.idp.sso_url} answers")
            else:
                mend = "harmless if browsers reach it and this host need not"
                yield _warning(topic, f"{entry.idp.sso_url} does not answer here: {fault.detail}", mend)
            return
        yield _ok(topic, f"{entry.idp.sso_url} answers")
        yield _clock(topic, answer, entry.connection.clock_skew, now)
        return
    answer = await fetch.get(entry.metadata_url, declared=Declared.FILE, accept="*/*")
    if answer.status != _OK:
        yield _failed(topic, f"{entry.metadata_url} answers {answer.status}", "see metadata.url")
        return
    source = entry.connection.metadata
    idp = metadata.read_metadata(
        answer.body,
        entity_id=entry.connection.entity_id,
        development=entry.development,
        now=now,
        signers=metadata.read_certificates(source.certificates) if source else (),
    )
    yield _ok(topic, f"{entry.metadata_url} answers with the metadata of {idp.entity_id}")
    yield _clock(topic, answer, entry.connection.clock_skew, now)
    for finding in _their_keys(topic, idp, now):
        yield finding


def _their_keys(topic: str, idp: IdentityProvider, now: datetime) -> Iterator[Finding]:
    for key in idp.keys:
        mend = "it still verifies; ask the provider for its new metadata before it changes the key"
        yield _expiry(topic, key.not_after, now, mend)


async def _oidc(entry: Oidc, topic: str, fetch: Fetch, now: datetime) -> AsyncIterator[Finding]:
    yield _note(topic, f"register with the provider: redirect URI {entry.client.redirect_uri}")
    answer = await fetch.get(entry.discovery_url, declared=Declared.FILE, accept="application/json")
    if answer.status != _OK:
        yield _failed(topic, f"{entry.discovery_url} answers {answer.status}", "see issuer or discovery_url")
        return
    told = provider.read_metadata(
        answer.body,
        issuer=entry.issuer,
        discovery_url=entry.discovery_url,
        development=entry.development,
    )
    yield _ok(topic, f"{entry.discovery_url} answers; issuer {told.issuer}")
    yield _clock(topic, answer, entry.connection.clock_skew, now)
    answer = await fetch.get(told.jwks_uri, declared=Declared.FILE, accept="application/json")
    provider.read_jwks(answer.body)
    yield _ok(topic, f"{told.jwks_uri} answers with keys")


def _clock(topic: str, answer: Answer, skew: timedelta, now: datetime) -> Finding:
    """Hold our clock against the provider's Date header, which has whole seconds."""
    try:
        apart = abs(parsedate_to_datetime(answer.date) - now)
    except (ValueError, TypeError):
        return _note(topic, "its answer has no readable Date: clocks not compared")
    said = f"clocks are {apart.total_seconds():.0f} s apart, {skew.total_seconds():.0f} s are allowed"
    if apart > skew:
        return _failed(topic, said, "synchronize this host's clock (NTP), or theirs")
    if apart > CLOCK_WARNING:
        return _warning(topic, said, "synchronize this host's clock (NTP), or theirs")
    return _ok(topic, said)
