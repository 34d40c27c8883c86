"""What `federation doctor` asks of each connection: its provider, its clock, and what is kept of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from federation import registry
from federation.connection import SamlConnection
from federation.connectors import openid_documents
from federation.errors import FederationError, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.oidc import oauth2_api
from federation.operator import doctor_oidc
from federation.operator.finding import Finding, expiry, failed, note, ok, warning
from federation.registry import Local, OAuth2, Oidc, Saml
from federation.saml.metadata import IdentityProvider
from federation.settings import Settings
from federation.store.store import open_store
from federation.trust import watch
from federation.trust.reading import Reader

CLOCK_WARNING: Final = timedelta(seconds=5)
_OK: Final = 200
_TOKEN_WANTED: Final = frozenset({400, 401, 403})  # RFC 6750 §3.1; GitHub: 403 where we ask too often
_ANSWERED: Final = frozenset({"fetch.redirect", "fetch.encoded", "fetch.too_large"})  # somebody is there


def topic_of(name: str) -> str:
    """Return under what a connection's findings stand."""
    return f"connection {name}"


async def ask(config: Settings, name: str, fetch: Fetch, now: datetime) -> list[Finding]:
    """Ask a connection's provider what a sign-in would ask; what was found before it fails is told too."""
    topic = topic_of(name)
    found: list[Finding] = []
    try:
        entry = registry.compile_one(
            config.connections[name],
            config.base_url,
            development=config.development,
            own=None,
            now=now,
        )
        if isinstance(entry, Local):
            return [note(topic, "local accounts; `federation local list` shows them")]
        if isinstance(entry, OAuth2):
            asked = _oauth2(entry, topic, fetch)
        elif isinstance(entry, Oidc):
            asked = _oidc(entry, topic, fetch, now)
        else:
            asked = _saml(entry, topic, fetch, now)
        async for finding in asked:
            found.append(finding)  # noqa: PERF401  a comprehension would lose them where it fails
    except FederationError as fault:
        found.append(failed(topic, f"{fault.detail} ({fault.code})", f"to be mended by {fault.mended_by}"))
    return found


def impostors(config: Settings, now: datetime) -> Iterator[Finding]:
    """Tell which connections could speak for another's people; what cannot be compiled is told by ``ask``."""
    entries: dict[str, registry.Entry] = {}
    for name, one in config.connections.items():
        with contextlib.suppress(FederationError):
            entries[name] = registry.compile_one(
                one, config.base_url, development=config.development, own=None, now=now
            )
    for name, fault in registry.find_impostors(entries):
        yield failed(topic_of(name), f"{fault.detail} ({fault.code})", f"to be mended by {fault.mended_by}")


async def kept(config: Settings, now: datetime) -> list[Finding]:
    """Look at what is kept of each SAML connection, and at the exceptions that it was given."""
    url = config.database_url.get_secret_value()
    declared = [one for one in config.connections.values() if isinstance(one, SamlConnection)]
    here = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not await asyncio.to_thread(here.exists):
        return [_concern(one, thing) for one in declared for thing in watch.exceptions(one, now)]
    try:
        store = await open_store(url)
    except FederationError:  # the database has a finding of its own
        return [_concern(one, thing) for one in declared for thing in watch.exceptions(one, now)]
    try:
        looks = [
            (one, await watch.look(one, store, development=config.development, now=now)) for one in declared
        ]
    finally:
        await store.close()
    # The provider itself was asked about its certificates, and what cannot be read was said there.
    return [_concern(one, thing) for one, things in looks for thing in things if thing.code in watch.KEPT]


def _concern(connection: SamlConnection, thing: watch.Concern) -> Finding:
    topic = topic_of(connection.id)
    return failed(topic, thing.said, thing.mend) if thing.red else warning(topic, thing.said, thing.mend)


async def _saml(entry: Saml, topic: str, fetch: Fetch, now: datetime) -> AsyncIterator[Finding]:
    yield note(topic, f"give the provider: entity ID {entry.sp_entity_id}, ACS URL {entry.acs_url}")
    if entry.idp is not None:
        for finding in _their_keys(topic, entry.idp, now):
            yield finding
        # The browser goes there, not we: it need not be reachable from this host.
        try:
            answer = await fetch.get(entry.idp.sso_url, declared=Declared.FILE, accept="text/html")
        except ProviderUnavailable as fault:
            if fault.code in _ANSWERED:
                yield ok(topic, f"{entry.idp.sso_url} answers")
            else:
                mend = "harmless if browsers reach it and this host need not"
                yield warning(topic, f"{entry.idp.sso_url} does not answer here: {fault.detail}", mend)
            return
        yield ok(topic, f"{entry.idp.sso_url} answers")
        yield clock(topic, answer, entry.connection.clock_skew, now)
        return
    answer = await fetch.get(entry.metadata_url, declared=Declared.FILE, accept="*/*")
    if answer.status != _OK:
        yield failed(topic, f"{entry.metadata_url} answers {answer.status}", "see metadata.url")
        return
    idp = Reader(entry.connection, development=entry.development).read_now(answer.body, now)
    yield ok(topic, f"{entry.metadata_url} answers with the metadata of {idp.entity_id}")
    yield clock(topic, answer, entry.connection.clock_skew, now)
    for finding in _their_keys(topic, idp, now):
        yield finding


def _their_keys(topic: str, idp: IdentityProvider, now: datetime) -> Iterator[Finding]:
    mend = "it still verifies; ask the provider for its new metadata before it changes the key"
    for key in idp.keys:
        what = f"the provider's certificate {key.fingerprint[:16]}…"
        yield expiry(topic, key.not_after, now, mend, what=what)


async def _oidc(entry: Oidc, topic: str, fetch: Fetch, now: datetime) -> AsyncIterator[Finding]:
    for notice in entry.notices:
        said, _, mend = notice.partition("; ")
        yield warning(topic, said, mend)
    yield note(topic, f"register with the provider: redirect URI {entry.client.redirect_uri}")
    url = entry.discovery.url
    if url:
        answer = await fetch.get(url, declared=Declared.FILE, accept="application/json")
        if answer.status != _OK:
            yield failed(topic, f"{url} answers {answer.status}", "see issuer or discovery_url")
            return
        told = openid_documents.read_provider(entry, answer)
        yield ok(topic, f"{url} answers; issuer {told.issuer}")
        yield clock(topic, answer, entry.connection.clock_skew, now)
    else:
        told = await openid_documents.fetch_provider(entry, fetch)
        yield note(topic, f"skip_discovery: issuer {told.issuer}, endpoints as the settings say")
    jwks = await openid_documents.fetch_jwks(entry, told, fetch)
    yield ok(
        topic,
        "ID Tokens are signed with our client_secret"
        if entry.client.id_token_signed_response_alg.startswith("HS")
        else f"{told.jwks_uri} answers with keys",
    )
    for finding in doctor_oidc.fit(entry.client, told, jwks, topic=topic):
        yield finding
    for finding in doctor_oidc.others(entry, told, topic=topic):
        yield finding
    for finding in doctor_oidc.renewal(entry, told, topic=topic):
        yield finding
    async for finding in doctor_oidc.directory(entry, fetch, now, topic=topic):
        yield finding


async def _oauth2(entry: OAuth2, topic: str, fetch: Fetch) -> AsyncIterator[Finding]:
    yield note(topic, f"register with the provider: callback URL {entry.client.redirect_uri}")
    granted = frozenset(entry.client.scopes)
    for listing in entry.api.listings:
        if (lack := oauth2_api.unreached(entry.api, listing, granted)) is not None:
            yield warning(
                topic, lack.detail, "a GitHub App has permissions in place of scopes; else see scopes"
            )
    # Nobody's token: an API that is there asks for one.
    url = entry.api.userinfo_endpoint
    answer = await fetch.get(
        url, declared=Declared.FILE, accept="application/json", headers=entry.api.headers
    )
    if answer.status in _TOKEN_WANTED:
        yield ok(topic, f"{url} answers, and asks for a token")
    else:
        yield failed(
            topic, f"{url} answers {answer.status} to whoever has no token", "see server or userinfo_endpoint"
        )


def clock(topic: str, answer: Answer, skew: timedelta, now: datetime) -> Finding:
    """Hold our clock against the provider's Date header, which has whole seconds."""
    try:
        apart = abs(parsedate_to_datetime(answer.date) - now)
    except (ValueError, TypeError):
        return note(topic, "its answer has no readable Date: clocks not compared")
    said = f"clocks are {apart.total_seconds():.0f} s apart, {skew.total_seconds():.0f} s are allowed"
    if apart > skew:
        return failed(topic, said, "synchronize this host's clock (NTP), or theirs")
    if apart > CLOCK_WARNING:
        return warning(topic, said, "synchronize this host's clock (NTP), or theirs")
    return ok(topic, said)
