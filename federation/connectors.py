"""One small contract for every protocol: begin → Challenge, complete → VerifiedAssertion.

The async shell around the pure rooms: what must be fetched is fetched here, between two
pure calls. The decision to use a thread stands in this file and nowhere else.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from federation import registry
from federation.connection import AnyConnection
from federation.errors import FederationError, ProviderUnavailable
from federation.fetch import Declared, Fetch
from federation.identity import VerifiedAssertion
from federation.oidc import provider as openid_provider
from federation.oidc import relying_party
from federation.saml import bindings, metadata, service_provider

THREAD_ABOVE = 32 * 1024  # octets; below it a thread hop costs more than it frees
RETRY_AFTER = timedelta(seconds=5)  # a provider that failed is not asked again before
RENEW_AFTER = timedelta(seconds=30)  # an unknown key fetches the keys again, not more often

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """Where to send the browser, and what the answer must agree with."""

    url: str = field(repr=False)
    expects: Mapping[str, str] = field(repr=False)  # kept with the pending sign-in, read again by complete()


@dataclass(frozen=True, kw_only=True)
class Callback:
    """An identity provider's answer as it came in; nothing in it is checked yet."""

    connection: str
    handle: str = field(repr=False)  # RelayState or state; "" if absent
    binder: str = field(repr=False)  # the browser's binder cookie; "" if absent
    params: Mapping[str, str] = field(repr=False)  # each sent once; absent ones are missing
    session_token: str = field(default="", repr=False)  # the session cookie that came along
    user_agent: str = ""


class Connector(Protocol):
    """One configured identity provider, ready to use."""

    connection: AnyConnection

    async def begin(self, *, handle: str, login_hint: str, now: datetime) -> Challenge:
        """Start a sign-in.

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

    async def refresh(self, now: datetime) -> None:
        """Fetch what the provider publishes again; called outside requests.

        Raises:
            ProviderUnavailable: It could not be had; what is known stays in force.
        """


class Kept(Generic[T]):
    """A published document, fetched once for all who wait, kept while a refresh fails."""

    def __init__(self, load: Callable[[datetime], Awaitable[T]]) -> None:
        self._load = load
        self._value: T | None = None
        self._tried: datetime | None = None
        self._renewed: datetime | None = None
        self._asked = 0
        self._failure: FederationError | None = None
        self._lock = asyncio.Lock()

    async def get(self, now: datetime) -> T:
        """Return the document; fetch it if this worker has none yet."""
        if self._value is not None:
            return self._value
        asked = self._asked
        async with self._lock:
            if self._value is not None:
                return self._value
            # Whoever waited shares what came of it: else a provider that hangs makes a queue of fetches.
            waited = asked != self._asked
            if self._failure and self._tried and (waited or now - self._tried < RETRY_AFTER):
                raise type(self._failure)(self._failure.code, self._failure.detail)
            return await self._fetch(now)

    async def renew(self, now: datetime) -> T:
        """Fetch again because a message named something unknown; at most every RENEW_AFTER."""
        async with self._lock:
            # Its own clock: keys may rotate a second after the hourly refresh.
            if self._value is not None and self._renewed and now - self._renewed < RENEW_AFTER:
                return self._value
            self._renewed = now
            return await self._fetch(now)

    async def refresh(self, now: datetime) -> None:
        """Fetch again, on schedule."""
        async with self._lock:
            await self._fetch(now)

    async def _fetch(self, now: datetime) -> T:
        self._tried = now
        try:
            self._value = await self._load(now)
        except FederationError as failure:
            self._failure = failure
            raise
        finally:
            self._asked += 1
        self._failure = None
        return self._value


class SamlConnector:
    """SAML 2.0 Web Browser SSO: nothing to fetch at sign-in, one pure call inline on the loop."""

    connection: AnyConnection

    def __init__(self, entry: registry.Saml, fetch: Fetch) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._fetch = fetch
        self._idp = Kept(self._load)

    async def _load(self, now: datetime) -> metadata.IdentityProvider:
        if self._entry.idp is not None:
            return self._entry.idp
        answer = await self._fetch.get(
            self._entry.metadata_url, declared=Declared.FILE, accept="application/samlmetadata+xml, */*"
        )
        if answer.status != 200:  # noqa: PLR2004  HTTP's own number
            raise ProviderUnavailable("saml.metadata_unavailable", "the metadata URL did not answer 200")
        try:
            return metadata.read_metadata(
                answer.body,
                entity_id=self._entry.connection.entity_id,
                development=self._entry.development,
                now=now,
            )
        except FederationError as unusable:
            raise ProviderUnavailable(unusable.code, unusable.detail) from None

    async def begin(self, *, handle: str, login_hint: str, now: datetime) -> Challenge:  # noqa: ARG002
        """Send an AuthnRequest by HTTP-Redirect (SAML Bindings §3.4)."""
        request_id = f"_{secrets.token_hex(20)}"  # an NCName may not begin with a digit
        url = service_provider.start(
            await self._idp.get(now),
            sp_entity_id=self._entry.sp_entity_id,
            acs_url=self._entry.acs_url,
            request_id=request_id,
            relay_state=handle,
            now=now,
        )
        return Challenge(url=url, expects={"request_id": request_id})

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Accept a Response by HTTP-POST (SAML Profiles §4.1.4)."""
        document = bindings.decode_post(callback.params.get("SAMLResponse", ""))
        expected = service_provider.Expected(
            idp=await self._idp.get(now),
            sp_entity_id=self._entry.sp_entity_id,
            acs_url=self._entry.acs_url,
            request_id=expects["request_id"],
            now=now,
            skew=self._entry.connection.clock_skew,
        )
        if len(document) <= THREAD_ABOVE:
            return service_provider.accept(document, expected)
        return await asyncio.to_thread(service_provider.accept, document, expected)

    async def refresh(self, now: datetime) -> None:
        """Read the metadata URL again; a file is read at start."""
        if self._entry.idp is None:
            await self._idp.refresh(now)


class OidcConnector:
    """OpenID Connect, authorization code with PKCE: each fetch stands between two pure calls."""

    connection: AnyConnection

    def __init__(self, entry: registry.Oidc, fetch: Fetch) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._fetch = fetch
        self._provider = Kept(self._load_provider)
        self._jwks = Kept(self._load_jwks)

    async def _load_provider(self, _now: datetime) -> openid_provider.ProviderMetadata:
        body = await self._document(self._entry.discovery_url, "oidc.discovery_unavailable")
        return openid_provider.read_metadata(
            body,
            issuer=self._entry.issuer,
            discovery_url=self._entry.discovery_url,
            development=self._entry.development,
        )

    async def _load_jwks(self, now: datetime) -> openid_provider.Jwks:
        provider = await self._provider.get(now)
        return openid_provider.read_jwks(await self._document(provider.jwks_uri, "oidc.jwks_unavailable"))

    async def _document(self, url: str, code: str) -> bytes:
        answer = await self._fetch.get(url, declared=Declared.FILE, accept="application/json")
        if answer.status != 200:  # noqa: PLR2004  HTTP's own number
            raise ProviderUnavailable(code, f"the provider answered {answer.status}, not 200")
        return answer.body

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


def connect(entry: registry.Saml | registry.Oidc, fetch: Fetch) -> Connector:
    """Return the connector of one compiled connection."""
    return SamlConnector(entry, fetch) if isinstance(entry, registry.Saml) else OidcConnector(entry, fetch)
