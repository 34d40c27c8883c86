"""Nodes of one installation that keep tokens, on one database, and their provider on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
from loopback import NO_TLS, Site, serving
from oidc_world import CLIENTS, NOW, PATH, World
from stair import StandingClock
from starlette.responses import PlainTextResponse

from federation.connection import Organization
from federation.connectors.contract import Callback, Challenge
from federation.demo.openid_provider import OpenidProvider
from federation.fetch import Fetch
from federation.identity import KeptTokens
from federation.signin.signin import SignIn
from federation.signin.values import Limits
from federation.store.store import Store
from federation.tokens import TokenKeeper
from federation.trial.sandbox import Sandbox
from federation.vault import Vault, hash_token
from federation.web import fields

LIFE = timedelta(seconds=300)  # of the provider's access tokens
ASKED = timedelta(minutes=1)  # how long an application wants them to be good for
SOON = NOW + LIFE - timedelta(seconds=30)  # too late for that, and yet good
RING = Vault([("00000001", b"k" * 32)])


@dataclass
class Node:
    """One process of ours."""

    store: Store
    signin: SignIn
    tokens: TokenKeeper
    clock: StandingClock

    async def ask(self, token: str, *, life: timedelta = ASKED) -> KeptTokens | None:
        return await self.tokens.access_token(token, life=life, now=self.clock())

    async def lives(self, token: str, later: float = 0) -> bool:
        now = self.clock() + timedelta(seconds=later)
        return await self.store.find_session(hash_token(token), now) is not None


@dataclass
class Installation:
    """The provider, and what lies between it and the nodes."""

    world: World
    site: Site
    clock: StandingClock
    nodes: list[Node] = field(default_factory=list)

    @property
    def posts(self) -> int:
        """How often the token endpoint was asked."""
        return self.world.provider.asked.count("/token")

    def node(self, store: Store, *, clock: StandingClock | None = None, **connection: Any) -> Node:
        """Start a process on this database; on a machine of its own, with a clock of its own."""
        clock = clock or self.clock
        kept: dict[str, Any] = {
            "keep_tokens": ["access", "refresh", "id"],
            "scopes": ["openid", "email", "offline_access"],
            "fetch_userinfo": "always",
            "id_token_signed_response_alg": "ES256",
        }
        connectors = {"acme": self.world.connector(**kept | connection)}
        signin = SignIn(
            connectors=connectors,
            organizations={"acme": Organization(name="Acme", default_roles=("member",))},
            system_roles={},
            store=store,
            vault=RING,
            limits=Limits(idle=timedelta(hours=8), absolute=timedelta(hours=24)),
            sandbox=Sandbox(entries={}, in_force=lambda: 0, store=store, vault=RING),
            clock=clock,
        )
        keeper = TokenKeeper(
            connectors=connectors, store=store, vault=RING, recorder=signin.recorder, clock=clock
        )
        self.nodes.append(Node(store, signin, keeper, clock))
        return self.nodes[-1]

    async def sign_in(self, node: Node, user: str = "ada") -> str:
        """Sign in; return the session's token."""
        self.world.browser.cookies.clear()
        begun = await node.signin.begin(
            "acme", return_to="/", binder="b", session_token="", login_hint="", trial=""
        )
        query = await self.world.answer(Challenge(url=begun.url, expects={}), user)
        params = dict(fields.parse(query, limit=16_384))
        callback = Callback(
            connection="acme", handle=params.pop("state"), binder="b", params=params, path=PATH, posted=False
        )
        done = await node.signin.complete(callback)
        self.world.provider.asked.clear()
        return done.token

    def go_down(self) -> None:
        """Answer nothing but 503."""
        self.site.app = PlainTextResponse("down", status_code=503)

    def come_up(self) -> None:
        self.site.app = self.world.provider.app()

    def hold(self) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold every request until the second event is set; the first tells that one has come."""
        came, goes = asyncio.Event(), asyncio.Event()
        provider = self.world.provider.app()

        async def held(scope: Any, receive: Any, send: Any) -> None:
            came.set()
            await goes.wait()
            await provider(scope, receive, send)

        self.site.app = held
        return came, goes


@asynccontextmanager
async def open_installation() -> AsyncIterator[Installation]:
    """Serve the provider for as long as the block lasts."""
    clock = StandingClock(NOW)
    async with serving() as site:
        provider = OpenidProvider(site.url, CLIENTS, alg="ES256", clock=clock)  # RSA keys take their time
        fetch = Fetch(allow=(), proxy=None, development=True, deadline=20)
        async with httpx2.AsyncClient(trust_env=False, timeout=20, verify=NO_TLS) as browser:
            opened = Installation(World(provider, browser, fetch), site, clock)
            opened.come_up()
            yield opened
        for node in opened.nodes:
            await node.tokens.close()
        await fetch.close()
