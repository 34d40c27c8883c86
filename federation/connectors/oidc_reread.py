"""What an OpenID Provider says of somebody between two sign-ins, asked with tokens that were renewed.

The ID Token that came with them says whether they are still let in, and names the subject; UserInfo
and the vendor's API of groups are asked as at a sign-in. A provider may leave that token out (OIDC
Core §12.2): then UserInfo names the subject. Google's Directory needs no token of theirs.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from federation import registry
from federation.attributes import ALIASES
from federation.connectors.contract import Rereading
from federation.connectors.google_directory import GoogleDirectory
from federation.connectors.groups import GroupsSource
from federation.connectors.kept import Told
from federation.errors import ProviderUnavailable
from federation.identity import KeptTokens, Subject, VerifiedAssertion
from federation.oidc import relying_party, token_endpoint, userinfo
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.oidc.relying_party import SignedClaims, Tokens
from federation.oidc.userinfo import About

Verified = TypeVar("Verified")


class Asking(Protocol):
    """What a re-read asks of its connector."""

    async def provider(self, now: datetime) -> ProviderMetadata: ...

    async def verified(
        self, token: str, verify: Callable[[Jwks], Verified], now: datetime, *, told: Told
    ) -> Verified: ...

    async def userinfo(
        self, provider: ProviderMetadata, tokens: Tokens, claims: SignedClaims
    ) -> Mapping[str, object] | None: ...

    async def ask_userinfo(
        self, provider: ProviderMetadata, access_token: str, about: About
    ) -> Mapping[str, object]: ...


class OidcRereading:
    """By the tokens that a session of theirs keeps."""

    needs_tokens = True

    def __init__(self, entry: registry.Oidc, connector: Asking, groups: GroupsSource | None) -> None:
        self._entry = entry
        self._connector = connector
        self._groups = groups

    async def reread(
        self, tokens: KeptTokens | None, *, subject: Subject, now: datetime
    ) -> VerifiedAssertion:
        """Hold the renewed ID Token against this subject, and ask what it leaves out."""
        if tokens is None or not (tokens.id or tokens.access):
            raise _no_id_token()
        provider, client = await self._connector.provider(now), self._entry.client
        if tokens.access and not token_endpoint.may_reach(tokens, provider.userinfo_endpoint):
            raise token_endpoint.moved("oidc.tokens_moved")
        if not tokens.id:
            if not userinfo.stands_alone(client, provider):
                raise _no_id_token()
            return await self._by_userinfo(tokens, provider, subject, now)
        brought = Tokens(id_token=tokens.id, access_token=tokens.access)

        def verify(jwks: Jwks) -> SignedClaims:
            return relying_party.verify_renewed(
                brought,
                jwks=jwks,
                client=client,
                issuer=provider.issuer,
                person=subject.person,
                now=now,
                skew=self._entry.connection.clock_skew,
            )

        claims = await self._connector.verified(tokens.id, verify, now, told="provider")
        return relying_party.accept(
            claims,
            await self._connector.userinfo(provider, brought, claims),
            tokens=brought,
            asked=await self._groups.ask(claims.claims, tokens.access, now) if self._groups else None,
            keeping=frozenset(),
            client=client,
        )

    async def _by_userinfo(
        self, tokens: KeptTokens, provider: ProviderMetadata, subject: Subject, now: datetime
    ) -> VerifiedAssertion:
        """Hold what UserInfo says against this subject, whose value is ``sub``."""
        connection = self._entry.connection
        if subject != Subject(issuer=provider.issuer, value=subject.value):  # other claims stood for ``sub``
            raise _no_id_token()
        about = About(
            issuer=provider.issuer,
            sub=subject.value,
            subject=subject,
            now=now,
            skew=connection.clock_skew,
        )
        said = await self._connector.ask_userinfo(provider, tokens.access, about)
        return relying_party.accept_userinfo(
            said,
            about=about,
            asked=await self._groups.ask(said, tokens.access, now) if self._groups else None,
            client=self._entry.client,
            names={**ALIASES, **connection.attributes},
        )


def _no_id_token() -> ProviderUnavailable:
    said = "the provider gave no ID Token with the renewed tokens, and UserInfo cannot stand in for it"
    return ProviderUnavailable("oidc.reread_no_id_token", said)


class DirectoryRereading:
    """By Google's Directory alone, which says nothing but the groups."""

    needs_tokens = False

    def __init__(self, directory: GoogleDirectory) -> None:
        self._directory = directory

    async def reread(
        self,
        tokens: KeptTokens | None,  # noqa: ARG002  our service account asks
        *,
        subject: Subject,
        now: datetime,
    ) -> VerifiedAssertion:
        """Ask for the groups of this subject, whose value is Google's ``sub``."""
        asked = await self._directory.read(subject.value, now)
        return relying_party.accept_groups(asked, subject=subject, now=now)


def open_rereading(entry: registry.Oidc, connector: Asking, groups: GroupsSource | None) -> Rereading | None:
    """Return how a connection's provider is asked again, or None: nothing of theirs is kept to ask with."""
    if "refresh" in entry.connection.keep_tokens:
        return OidcRereading(entry, connector, groups)
    return DirectoryRereading(groups) if isinstance(groups, GoogleDirectory) else None
