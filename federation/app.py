"""Composition root: Settings → ASGI application. The only file that knows everyone.

Everything expensive is made here, once: keys, trust material, the store, the outbound door.
"""

import asyncio
import contextlib
import gc
import hashlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from starlette.types import ASGIApp

from federation import clock, domain_proof, keys, logs, registry, settings
from federation.administration.looks import Looks
from federation.break_glass import BreakGlassDoor
from federation.clock import Clock
from federation.configuration import branding, suffixes
from federation.connection import AnyConnection, SamlConnection
from federation.connection.policies import Terms
from federation.connectors.connect import connect
from federation.connectors.hashing import Hashing
from federation.errors import ConfigurationError, FederationError
from federation.fetch import Fetch, open_door
from federation.provisioning.provisioner import Provisioner
from federation.publishing import Publishing
from federation.records import in_force
from federation.roster.making import Making
from federation.roster.roster import Roster
from federation.saml import xml
from federation.settings import Settings
from federation.signin.signin import SignIn
from federation.signin.values import Limits
from federation.signout import SignOut
from federation.store.store import Store, open_store
from federation.tokens import TokenKeeper
from federation.trial.sandbox import Sandbox
from federation.upkeep import upkeep
from federation.upkeep.freshness import Freshness
from federation.upkeep.reconcile import Reconciler
from federation.vault import Vault
from federation.web import pages
from federation.web.aliases import further_bases, further_paths
from federation.web.embed import Embedded
from federation.web.house import House, ReadyCheck
from federation.web.rates import Rates, parse_rate
from federation.web.routes import service
from federation.web.verify import Verify

log = logging.getLogger("federation")
_YOUNG = 10_000  # objects, after which the garbage collector looks at them; 700 by default


def create_app(config: Settings, *, now: Clock = clock.now) -> Verify:
    """Return the service on its own.

    Raises:
        ConfigurationError: When it starts: everything that is wrong with keys and connections.
    """
    return service(lambda: open_house(config, now=now))


def from_environment() -> Verify:
    """Return the service for a uvicorn worker process."""
    logs.configure(as_json=not sys.stderr.isatty())
    config = settings.load(settings.file_of_worker())
    return service(lambda: settled(config))


@contextlib.asynccontextmanager
async def settled(config: Settings) -> AsyncIterator[House]:
    """Open everything, and let the garbage collector never look at it again.

    What is made at start stays. Walking all of it takes 40 ms, in which nobody is signed in.
    """
    async with open_house(config) as house:
        gc.collect()
        gc.freeze()
        # A sign-in makes few cycles, and leaves some hundred objects in hand while it waits for others.
        gc.set_threshold(_YOUNG)
        yield house


class Federation(Embedded):
    """ASGI middleware for a Starlette or FastAPI application: sign-in routes and ``request.user``.

    Args:
        app: The application behind it.
        config: Its settings file.
        console: Serve the administration too, under ``/admin`` and ``/setup``: then they are not the
            application's.
    """

    def __init__(
        self, app: ASGIApp, config: str | Path = settings.DEFAULT_FILE, *, console: bool = False
    ) -> None:
        # Loaded as the application starts: a fault then stops the start, and is told as one.
        super().__init__(
            app, open_house=lambda: open_house(settings.load(Path(config)), console=console), console=console
        )


@contextlib.asynccontextmanager
async def open_house(
    config: Settings, *, now: Clock = clock.now, console: bool = True
) -> AsyncIterator[House]:
    """Open everything one worker needs, and close it again.

    Args:
        config: What it is made of.
        now: Tells the time.
        console: Whether it serves the administration, whose pages are compiled meanwhile.

    Raises:
        ConfigurationError: Keys, connections or the database cannot be used.
    """
    if fault := xml.library_fault():
        raise ConfigurationError("start.libraries", fault)
    held, vault = open_keys(config, now=now)
    own = registry.own_keys(held)
    entries = registry.compile_connections(config, own=own, now=now())
    _tell_notices(entries)
    _tell_concerns(config.connections)
    fetch = open_door(config)
    async with contextlib.AsyncExitStack() as open_things:
        open_things.push_async_callback(fetch.close)
        store = await open_store(config.database_url.get_secret_value())
        open_things.push_async_callback(store.close)
        # Two: whoever floods the form of passwords keeps nobody with a recovery code waiting.
        hashing, of_codes = Hashing(), Hashing(at_once=1)
        for one in (hashing, of_codes):
            open_things.callback(one.close)
        connected = {name: connect(entry, fetch, store, hashing) for name, entry in entries.items()}
        roster = Roster(
            entries=entries,
            connectors=connected,
            organizations=config.organizations,
            aliases=further_paths(config.connections),
            making=Making(config=config, own=own, vault=vault, fetch=fetch, store=store, hashing=hashing),
        )
        await roster.refresh(now())
        published = Publishing(roster.saml, own=own, about=config.saml)
        watching = upkeep.watch_job(
            store,
            lambda: [one for one in roster.connections.values() if isinstance(one, SamlConnection)],
            own_ends=[pair.not_after for pair in (held.current, held.next) if pair is not None],
            development=config.development,
        )
        house = _house(config, roster, published, fetch, store, vault, of_codes, now)
        open_things.push_async_callback(house.tokens.close)
        open_things.push_async_callback(house.provisioner.close)
        open_things.push_async_callback(house.looks.close)
        await house.provisioner.open()
        await _end_disabled(store, house.connections, now)
        reconciler = Reconciler(
            connectors=roster.connectors,
            store=store,
            deciding=house.signin.deciding,
            recorder=house.signin.recorder,
            tokens=house.tokens,
            clock=now,
        )
        look_again = domain_proof.looking(store, config.dns_servers, house.connections, roster.organizations)
        jobs = (
            *upkeep.standing_jobs(store, records_kept=config.records.keep, audit_kept=config.audit.keep),
            watching,
            upkeep.renewal_job(house.tokens.renew_due),
            upkeep.reconciling_job(reconciler.reconcile_due),
            upkeep.domains_job(look_again),
            upkeep.provisioning_job(house.provisioner.resume),
        )
        freshness = Freshness(roster.connectors, now)
        open_things.push_async_callback(freshness.close)
        freshness.follow()
        noting = in_force.Noting(store, vault, house.terms, clock=now)
        open_things.push_async_callback(noting.close)
        noting.note(frozenset(roster.connections))

        def follow(changed: frozenset[str]) -> None:
            published.forget(changed)
            freshness.follow()
            noting.note(changed)
            house.provisioner.follow()

        roster.follow(follow)
        tasks = [
            asyncio.create_task(upkeep.run(store, jobs, holder=_holder(), clock=now)),
            asyncio.create_task(roster.keep_up(now)),
        ]
        if console:
            tasks.append(asyncio.create_task(pages.compile_later(), name="templates"))
        try:
            yield house
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def open_keys(config: Settings, *, now: Clock) -> tuple[keys.KeySet, Vault]:
    """Load our keys; in development make the missing ones.

    Raises:
        ConfigurationError: ``keys.*``, with the file and the mend.
    """
    if config.development:
        keys.generate_key_pair(
            config.sp_key, config.sp_certificate, name="federation (development)", now=now()
        )
        for key in config.encryption_keys:
            keys.generate_secret_key(key.file)
    held = keys.load_key_set(config.sp_key, config.sp_certificate)
    return held, keys.open_vault([key.file for key in config.encryption_keys])


def _house(  # noqa: PLR0913, PLR0917  all that it is made of
    config: Settings,
    roster: Roster,
    published: Publishing,
    fetch: Fetch,
    store: Store,
    vault: Vault,
    hashing: Hashing,
    now: Clock,
) -> House:
    story = SignIn(
        connectors=roster.connectors,
        organizations=roster.organizations,
        system_roles=config.system_roles,
        store=store,
        vault=vault,
        limits=Limits(idle=config.session.idle, absolute=config.session.absolute),
        sandbox=Sandbox(entries=roster.entries, in_force=lambda: roster.number, store=store, vault=vault),
        clock=now,
    )

    terms = Terms(
        connections=roster.connections,
        organizations=roster.organizations,
        system_roles=config.system_roles,
    )
    tokens = TokenKeeper(
        connectors=roster.connectors, store=store, vault=vault, recorder=story.recorder, clock=now
    )
    store.give_back_by(tokens.revoke)
    leaving = SignOut(
        connectors=roster.connectors,
        store=store,
        vault=vault,
        recorder=story.recorder,
        tokens=tokens,
        clock=now,
    )
    return House(
        signin=story,
        provisioner=Provisioner(
            connections=roster.connections,
            entries=roster.entries,
            store=store,
            deciding=story.deciding,
            vault=vault,
            terms=terms,
            clock=now,
        ),
        signout=leaving,
        tokens=tokens,
        break_glass=BreakGlassDoor(
            organizations=roster.organizations,
            store=store,
            hashing=hashing,
            life=config.session.break_glass,
            idle=config.session.idle,
            clock=now,
        ),
        store=store,
        looks=Looks(store),
        vault=vault,
        terms=terms,
        connections=roster.connections,
        roster=roster,
        settings=config,
        fetch=fetch,
        published=published,
        aliases=roster.aliases,
        scim_bases=further_bases(config.connections),
        issuers=roster.issuers,
        base_url=config.base_url,
        trusted_proxies=config.trusted_proxies,
        rates=Rates(
            sign_in=parse_rate(config.rate_limits.sign_in), failures=parse_rate(config.rate_limits.failures)
        ),
        clock=now,
        brand=_brand(config),
        language=config.language,
        contact=config.contact,
        ready=_ready(config, store),
    )


def _brand(config: Settings) -> branding.Brand:
    try:
        return branding.compile_brand(config.branding)
    except ValueError as changed:
        raise ConfigurationError("settings.invalid", f"branding.{changed}") from None


async def _end_disabled(store: Store, connections: Mapping[str, AnyConnection], now: Clock) -> None:
    """End the sessions of connections that the settings switch off, on nodes that do not know it yet too.

    Of one that is not in the settings at all nothing is ended: another node's may be newer.
    """
    for name, connection in connections.items():
        if not connection.enabled and (ended := await store.end_sessions_through(name, now())):
            log.info("ended: connection disabled", extra={"connection": name, "sessions": ended})


def _tell_concerns(connections: Mapping[str, AnyConnection]) -> None:
    """Log which domains are not their organization's own alone."""
    found = suffixes.concerns({domain for one in connections.values() for domain in one.domains})
    for name, one in connections.items():
        for said in (found[domain] for domain in one.domains if domain in found):
            log.warning("connection", extra={"connection": name, "notice": said})


def _tell_notices(entries: Mapping[str, registry.Entry]) -> None:
    """Log what works, but not as it is written."""
    for name, entry in entries.items():
        for notice in entry.notices if isinstance(entry, registry.Oidc) else ():
            log.warning("connection", extra={"connection": name, "notice": notice})


class StillGood:
    """Tell what is wrong with some files; they are judged again only where one has changed.

    Anybody may ask /readyz, and checking an RSA key takes a hundred milliseconds.
    """

    def __init__(self, files: Sequence[Path], judge: Callable[[], object]) -> None:
        """Take the files and what reads them, which raises FederationError where it cannot."""
        self._files = files
        self._judge = judge
        self._judged: bytes | None = None
        self._fault: str | None = None

    async def __call__(self) -> str | None:
        found = hashlib.sha256(b"".join(map(_stamp, self._files))).digest()
        if found != self._judged:
            self._fault = await asyncio.to_thread(self._ask)
            self._judged = found
        return self._fault

    def _ask(self) -> str | None:
        try:
            self._judge()
        except FederationError as fault:
            return fault.detail
        return None


def _ready(config: Settings, store: Store) -> dict[str, ReadyCheck]:
    """What /readyz asks: would this worker start now as it did?"""
    ring = [key.file for key in config.encryption_keys]
    pair = (config.sp_key, config.sp_certificate)

    def read_keys() -> None:
        keys.load_key_set(*pair)
        keys.open_vault(ring)

    return {
        "database": store.ready,
        "keys": StillGood([*pair, *ring], read_keys),
        "configuration": StillGood([config.file], lambda: settings.load(config.file)),
    }


def _stamp(file: Path) -> bytes:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError as error:
        return f"{type(error).__name__};".encode()


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
