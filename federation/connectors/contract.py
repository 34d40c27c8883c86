"""One small contract for every protocol: begin → Challenge, complete → VerifiedAssertion.

The async shell around the pure rooms: what must be fetched is fetched here, between two
pure calls. The decision to use a thread stands in this folder and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Literal, Protocol

from federation.connection import AnyConnection
from federation.identity import KeptTokens, ProviderSession, Subject, VerifiedAssertion

FRESH: Final = "fresh"  # key of ``Challenge.expects``: the person was asked anew


class Return(Enum):
    """Where the answer comes to a logout that was started here."""

    OWN = "own"  # to a path of the connection's own
    AFTERWARDS = "afterwards"  # to where everybody lands: the browser has to remember whose it is
    NONE = "none"  # nowhere: what comes could not be told from anybody's link


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """Where to send the browser, how, and what the answer must agree with."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)  # of a form to post; none: a redirect
    expects: Mapping[str, str] = field(repr=False)  # kept with the pending sign-in, read again by complete()
    returns: Return = Return.OWN  # of a logout


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a person typed into a form of ours. Beside ``params``, of which records keep a digest."""

    address: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Callback:
    """An identity provider's answer as it came in; nothing in it is checked yet."""

    connection: str
    handle: str = field(repr=False)  # RelayState or state; "" if absent
    binder: str = field(repr=False)  # the browser's binder cookie; "" if absent
    params: Mapping[str, str] = field(repr=False)  # each sent once; absent ones are missing
    session_token: str = field(default="", repr=False)  # the session cookie that came along
    invitation: str = field(default="", repr=False)  # of the link that this browser opened; "" for none
    bootstrap: str = field(default="", repr=False)  # likewise, for a first administrator
    credentials: Credentials | None = field(default=None, repr=False)  # of a local account alone
    user_agent: str = ""
    said: bytes = field(
        default=b"", repr=False
    )  # decoded, once verified, where the connection records in full
    path: str  # of ours, where it arrived: a connection may have several
    posted: bool  # in a form; else in the query


@dataclass(frozen=True, kw_only=True)
class Uninvited:
    """What becomes of an answer that nobody here asked for (a tile in the IdP's portal)."""

    policy: Literal["refuse", "restart", "accept"]
    landing_paths: tuple[str, ...]  # where its RelayState may lead; the first is where it leads by itself

    def landing(self, relay_state: str) -> str:
        """Return where such a sign-in ends: a path of ours, never one that only the message knows."""
        if relay_state in self.landing_paths:
            return relay_state
        return self.landing_paths[0] if self.landing_paths else "/"


REFUSED = Uninvited(policy="refuse", landing_paths=())


class LogoutOutcome(Enum):
    """How far a logout got that was started here; our own session has ended in every case."""

    FULL = "full"
    PARTIAL = "partial"  # the IdP's session ended, but not that of every other service
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ProviderLogout:
    """An identity provider's word that it ended sessions; its signature held, and every rule."""

    issuer: str
    id: str  # unique per issuer
    names: tuple[str, ...] = field(repr=False)  # each a ``ProviderSession.name`` of the one person
    indexes: tuple[str, ...] = field(repr=False)  # (): every session of this name
    issued_at: datetime
    until: datetime  # as long as it could come again, or applies to an answer that comes late
    binding: str  # the protocol's own word for how it came


class Logout(Protocol):
    """How sessions end at one identity provider, and by its word here."""

    party: str  # our name to the provider: connections that share it are one to it, and it tells one of them

    async def begin(self, session: ProviderSession, *, handle: str, now: datetime) -> Challenge | None:
        """Ask the provider to end its session; None where it offers no way, or none is wanted.

        Raises:
            ProviderUnavailable: Its metadata could not be had.
        """

    async def read_answer(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> LogoutOutcome:
        """Verify the provider's answer.

        Raises:
            AssertionRefused: The rule it broke.
            ProviderUnavailable: Its metadata could not be had.
        """

    async def read_request(self, callback: Callback, now: datetime) -> ProviderLogout:
        """Verify that the provider ended sessions.

        Raises:
            AssertionRefused: The rule it broke.
            ProviderUnavailable: Its metadata could not be had.
        """

    async def answer(
        self, request: ProviderLogout, *, relay_state: str, done: bool, now: datetime
    ) -> Challenge | None:
        """Tell the provider whether it was done; None where it takes no answer.

        Raises:
            StoreUnavailable: It was not, and the status of our answer is what tells it.
        """

    async def read_frame(self, params: Mapping[str, str], now: datetime) -> tuple[str, ...]:
        """Return what a frame in a provider's page names, as ``ProviderSession.alone``; nothing is signed.

        Several where one of them is meant: the session is at one of several tenants.

        Raises:
            RequestRefused: The rule that its URL broke; ``signin.no_connection``: the protocol
                has no such thing.
            ProviderUnavailable: Its metadata could not be had.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """What came for a refresh token."""

    kept: KeptTokens  # takes the place of all that was kept
    fresh: KeptTokens | None = field(repr=False)  # access and ID Token of this moment; None: another has them


class Renewal(Protocol):
    """How tokens that were kept are renewed (RFC 6749 §6)."""

    async def renew(self, tokens: KeptTokens, *, person: str, now: datetime) -> Renewed:
        """Ask for new tokens with the refresh token.

        Args:
            tokens: With a refresh token.
            person: ``Subject.person`` of whom they are; an ID Token that comes must name them.
            now: UTC.

        Raises:
            AssertionRefused: ``oidc.refresh_refused``, ``oauth2.refresh_refused``: the provider has
                ended the grant; or the rule that the new ID Token broke.
            ProviderUnavailable: It failed; the tokens may still be good.
        """


class Revocation(Protocol):
    """How tokens that were kept are given up (RFC 7009)."""

    async def revoke(self, tokens: KeptTokens, *, now: datetime) -> int:
        """Tell the provider that they are needed no more; return how many it revoked, 0 where it has no way.

        Raises:
            ProviderUnavailable: It failed, or refused one.
        """


class Rereading(Protocol):
    """How a provider is asked about somebody between two sign-ins."""

    needs_tokens: bool  # of theirs, fresh; False: a key of our own asks

    async def reread(
        self, tokens: KeptTokens | None, *, subject: Subject, now: datetime
    ) -> VerifiedAssertion:
        """Return what the provider says of this person now. What it does not say is not known to be gone.

        Args:
            tokens: Access and, where there is one, ID Token, both of this moment; None where none is needed.
            subject: Whom it must be about.
            now: UTC.

        Raises:
            AssertionRefused: The provider lets them in no more; or the rule that its answer broke.
            ProviderUnavailable: It failed, or has nothing that says it.
        """


class Connector(Protocol):
    """One configured identity provider, ready to use."""

    connection: AnyConnection
    uninvited: Uninvited
    logout: Logout | None  # None: it is not told, and cannot tell us
    renewal: Renewal | None  # None: no token is kept that could be renewed
    revocation: Revocation | None  # None: none is kept, or what is kept is not to be revoked
    rereading: Rereading | None  # None: nothing can be asked without the person

    async def begin(self, *, handle: str, login_hint: str, fresh: bool, now: datetime) -> Challenge:
        """Start a sign-in.

        Args:
            handle: Comes back with the answer.
            login_hint: An e-mail address; "" leaves it out.
            fresh: Have the provider ask the person anew, whatever it knows of them already, and hold its
                answer against the moment of this request. A protocol that has no word for it starts an
                ordinary sign-in.
            now: UTC.

        Raises:
            ProviderUnavailable: Its metadata could not be had.
        """

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Verify the answer.

        Raises:
            AssertionRefused: The rule it broke.
            ProviderUnavailable: The provider failed while it was asked.
        """

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:
        """Verify an answer to no request of ours; only where ``uninvited`` accepts one.

        Raises:
            AssertionRefused: The rule it broke.
            ProviderUnavailable: The provider's metadata could not be had.
        """

    async def refresh(self, now: datetime) -> None:
        """Fetch what the provider publishes again; called outside requests.

        Raises:
            ProviderUnavailable: It could not be had; what is known stays in force.
        """
