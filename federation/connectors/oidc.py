"""OpenID Connect, authorization code with PKCE: each fetch stands between two pure calls."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from federation import registry
from federation.connection import AnyConnection
from federation.connectors import openid_documents
from federation.connectors.contract import REFUSED, Callback, Challenge, Logout, Renewal
from federation.connectors.kept import Kept
from federation.errors import AssertionRefused
from federation.fetch import Declared, Fetch
from federation.identity import VerifiedAssertion
from federation.oidc import provider as openid_provider
from federation.oidc import relying_party


class OidcConnector:
    """OpenID Connect, authorization code with PKCE: each fetch stands between two pure calls."""

    connection: AnyConnection
    uninvited = REFUSED
    logout: Logout | None = None
    renewal: Renewal | None = None

    def __init__(self, entry: registry.Oidc, fetch: Fetch) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._fetch = fetch
        self._provider = Kept(self._load_provider)
        self._jwks = Kept(self._load_jwks)

    async def _load_provider(self, _now: datetime) -> openid_provider.ProviderMetadata:
        return await openid_documents.fetch_provider(self._entry, self._fetch)

    async def _load_jwks(self, now: datetime) -> openid_provider.Jwks:
        told = await self._provider.get(now)
        return await openid_documents.fetch_jwks(self._entry, told, self._fetch)

    async def begin(self, *, handle: str, login_hint: str, now: datetime) -> Challenge:
        """Send an authorization request (OIDC Core §3.1.2.1, RFC 7636)."""
        expects = {"nonce": secrets.token_urlsafe(32), "code_verifier": secrets.token_urlsafe(48)}
        url = relying_party.start(
            self._entry.client,
            await self._provider.get(now),
            state=handle,
            nonce=expects["nonce"],
            code_verifier=expects["code_verifier"],
            login_hint=login_hint,
        )
        return Challenge(url=url, expects=expects)

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Redeem the code and verify what comes back (OIDC Core §3.1.3)."""
        client, provider = self._entry.client, await self._provider.get(now)
        expected = relying_party.Expected(
            issuer=provider.issuer,
            client_id=client.client_id,
            nonce=expects["nonce"],
            now=now,
            skew=self._entry.connection.clock_skew,
        )
        code = relying_party.read_answer(callback.params, provider=provider)
        request = relying_party.token_request(
            client, provider, code=code, code_verifier=expects["code_verifier"]
        )
        answer = await self._fetch.post_form(
            request.url, request.form, request.headers, declared=Declared.FILE
        )
        tokens = relying_party.read_tokens(answer.status, answer.content_type, answer.body)
        jwks = await self._jwks.get(now)
        if relying_party.needs_new_keys(tokens, jwks=jwks, client=client):
            jwks = await self._jwks.renew(now)
        claims = relying_party.verify_id_token(tokens, jwks=jwks, client=client, expected=expected)
        userinfo = await self._userinfo(provider, tokens, claims)
        return relying_party.accept(claims, userinfo, client=client, expected=expected)

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:  # noqa: ARG002
        """Refuse: an authorization code without our state, nonce and verifier is anybody's."""
        raise AssertionRefused("oidc.unsolicited", "the answer belongs to no sign-in that was started here")

    async def _userinfo(
        self,
        provider: openid_provider.ProviderMetadata,
        tokens: relying_party.Tokens,
        claims: relying_party.SignedClaims,
    ) -> Mapping[str, object] | None:
        """Fetch the UserInfo answer where the connection wants it (OIDC Core §5.3)."""
        if not relying_party.wants_userinfo(self._entry.client, provider, claims):
            return None
        answer = await self._fetch.get(
            provider.userinfo_endpoint,
            declared=Declared.FILE,
            accept="application/json",
            headers={"Authorization": f"Bearer {tokens.access_token}"},
        )
        return relying_party.read_userinfo(answer.status, answer.content_type, answer.body, claims=claims)

    async def refresh(self, now: datetime) -> None:
        """Read discovery and keys again."""
        await self._provider.refresh(now)
        await self._jwks.refresh(now)
