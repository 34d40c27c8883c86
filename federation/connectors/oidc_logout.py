"""OpenID Connect logout of one connection: asked for through the browser, and told by the provider.

RP-Initiated, Back-Channel and Front-Channel Logout 1.0. Nothing is fetched but what the provider
publishes.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from federation import presets, registry
from federation.connectors.contract import Callback, Challenge, LogoutOutcome, ProviderLogout, Return
from federation.connectors.kept import Told
from federation.errors import StoreUnavailable
from federation.identity import ProviderSession
from federation.oidc import logout, signature
from federation.oidc.key_set import Jwks
from federation.oidc.logout import LogoutToken, VendorWay
from federation.oidc.provider import ProviderMetadata

TOKEN = "logout_token"  # noqa: S105  the field of a form

Verified = TypeVar("Verified")


class Published(Protocol):
    """What the connector of the same connection keeps of its provider."""

    async def provider(self, now: datetime) -> ProviderMetadata:
        """Return its metadata."""

    async def verified(
        self,
        token: str,
        verify: Callable[[Jwks], Verified],
        now: datetime,
        *,
        told: Told,
        rules: Mapping[str, signature.HeaderRule],
    ) -> Verified:
        """Verify what is signed as ID Tokens are, with keys that are fresh enough."""


class OidcLogout:
    """How sessions end at one OpenID Provider, and by its word here."""

    def __init__(self, entry: registry.Oidc, published: Published) -> None:
        """Take what one connection has.

        Args:
            entry: Compiled.
            published: By its provider.
        """
        # To a provider that knows one client, connections are one: it has one address of ours to tell.
        self.party = json.dumps([entry.discovery.issuer or entry.discovery.url, entry.client.client_id])
        self._entry, self._published = entry, published
        dialect = presets.oidc(entry.connection.preset)
        self._frame_iss = dialect.frame_iss
        self._vendor = VendorWay(parameter=dialect.end_session, path=dialect.end_session_path)

    async def begin(self, session: ProviderSession, *, handle: str, now: datetime) -> Challenge | None:
        """Send the person to the provider's end_session_endpoint (RP-Initiated Logout §2)."""
        entry = self._entry
        if entry.connection.logout == "local":
            return None
        provider = await self._published.provider(now)
        if not logout.is_of(session.name, provider, entry.client):
            return None
        ending = logout.end_session(
            provider,
            entry.client,
            vendor=self._vendor,
            hint=session.hint,
            post_logout_redirect_uri=entry.post_logout_url,
            state=handle,
        )
        if ending is None:
            return None
        returns = Return.AFTERWARDS if ending.answered else Return.NONE
        return Challenge(url=ending.url, expects={}, returns=returns)

    async def read_answer(
        self,
        callback: Callback,  # noqa: ARG002
        expects: Mapping[str, str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> LogoutOutcome:
        """Believe the one word there is, ``state``, which was held before (RP-Initiated Logout §3)."""
        return LogoutOutcome.FULL

    async def read_request(self, callback: Callback, now: datetime) -> ProviderLogout:
        """Verify a logout token (Back-Channel Logout §2.6)."""
        text = callback.params.get(TOKEN, "")
        provider = await self._published.provider(now)

        def verify(jwks: Jwks) -> LogoutToken:
            return logout.verify_logout_token(
                text,
                jwks=jwks,
                client=self._entry.client,
                provider=provider,
                now=now,
                skew=self._entry.connection.clock_skew,
            )

        found = await self._published.verified(text, verify, now, told="anybody", rules=logout.HEADER_RULES)
        return ProviderLogout(
            issuer=found.issuer,
            id=found.id,
            names=found.names,
            indexes=found.indexes,
            issued_at=found.issued_at,
            until=found.until,
            binding="back-channel",
        )

    async def answer(
        self,
        request: ProviderLogout,  # noqa: ARG002
        *,
        relay_state: str,  # noqa: ARG002
        done: bool,
        now: datetime,  # noqa: ARG002
    ) -> Challenge | None:
        """Say that it is done by saying nothing (Back-Channel Logout §2.8: the status is the answer).

        Raises:
            StoreUnavailable: ``store.unavailable``: it is not.
        """
        if not done:
            raise StoreUnavailable("store.unavailable", "the sessions that were named could not be ended")
        return None

    async def read_frame(self, params: Mapping[str, str], now: datetime) -> tuple[str, ...]:
        """Read the URL of a frame in the provider's page (Front-Channel Logout §2)."""
        provider = await self._published.provider(now)
        return logout.read_frame(
            params, provider=provider, client=self._entry.client, issuer_told=self._frame_iss
        )
