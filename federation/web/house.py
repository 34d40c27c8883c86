"""What the web room is given: everything one running process needs to answer a request.

Made by the composition root once the store is open, kept as ``app.state.house``. Nothing
here is read from a request: our own names and URLs come from the settings alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network

from federation.administration.looks import Looks
from federation.break_glass import BreakGlassDoor
from federation.clock import Clock
from federation.configuration.branding import OURS, Brand
from federation.connection import AnyConnection
from federation.connection.policies import Terms
from federation.decision import BREAK_GLASS
from federation.fetch import Fetch
from federation.identity import Session
from federation.provisioning.provisioner import Provisioner
from federation.publishing import Publishing
from federation.roster.roster import Roster
from federation.settings import Settings
from federation.signin.signin import SignIn
from federation.signout import SignOut
from federation.store.store import Store
from federation.tokens import TokenKeeper
from federation.vault import Vault, hash_token
from federation.web import aliases
from federation.web.rates import Rates

# Says what is wrong, or None. The answer is for the log; /readyz shows ok or failed alone.
ReadyCheck = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, kw_only=True)
class House:
    """The parts behind the web door."""

    signin: SignIn
    provisioner: Provisioner
    signout: SignOut
    tokens: TokenKeeper
    break_glass: BreakGlassDoor
    store: Store
    looks: Looks  # at everybody of an organization, for the administration
    vault: Vault
    terms: Terms  # the policy in force
    connections: Mapping[str, AnyConnection]  # in the order of the sign-in page
    roster: Roster  # whose mappings these and the next ones are
    settings: Settings  # of this process, for the administration; no page shows one but by name
    fetch: Fetch
    published: Publishing  # our keys and our SAML metadata
    aliases: Mapping[str, str]  # a further path of a connection → the one that it stands for
    issuers: Mapping[str, tuple[str, ...]]  # of OpenID Providers → the connections that have it
    base_url: str  # public origin: no path, no trailing slash
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    rates: Rates
    clock: Clock
    brand: Brand = OURS  # how its pages look
    scim_bases: Mapping[str, str] = field(default_factory=dict)  # as ``aliases``, of all that is below each
    language: str = "en"  # what they speak
    contact: str | None = None  # whom people who cannot get in may ask; text, or mailto: and an address
    ready: Mapping[str, ReadyCheck] = field(default_factory=dict)

    async def session(self, token: str) -> Session | None:
        """Return the live session of a cookie's token: all that this room asks about one, it asks here.

        One that a connection opened which this worker's settings do not know, give to another
        organization, or switch off, counts as ended here. The row stays: another node's settings may
        be newer, and its people signed in.
        """
        session = await self.store.find_session(hash_token(token), self.clock())
        return session if session is not None and self._serves(session) else None

    def stands_for(self, path: str) -> str | None:
        """Return the path of ours that a further one of a connection stands for."""
        return aliases.stands_for(path, self.aliases, self.scim_bases)

    def _serves(self, session: Session) -> bool:
        one = self.connections.get(session.connection)
        if one is None:
            return session.connection == BREAK_GLASS
        return one.enabled and one.organization == session.organization

    @cached_property
    def secure(self) -> bool:
        """Whether cookies are Secure and ``__Host-``: everywhere but on http loopback."""
        return self.base_url.startswith("https://")
