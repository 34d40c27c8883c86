"""OpenID Connect: each fetch stands between two pure calls.

Authorization code with PKCE; where a connection asks for it, an ID Token by form_post, alone or
beside a code.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from federation import registry
from federation.connection import AnyConnection
from federation.connectors import openid_documents, revoking
from federation.connectors.contract import (
    FRESH,
    REFUSED,
    Callback,
    Challenge,
    Logout,
    Renewal,
    Renewed,
    Rereading,
    Revocation,
)
from federation.connectors.groups import open_groups
from federation.connectors.kept import Kept, Told
from federation.connectors.oidc_logout import OidcLogout
from federation.connectors.oidc_reread import open_rereading
from federation.errors import AssertionRefused, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.identity import KeptTokens, VerifiedAssertion
from federation.oidc import client_authentication, pushed, relying_party, signature, token_endpoint, userinfo
from federation.oidc.client import Demands
from federation.oidc.client_authentication import Proof
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.oidc.relying_party import Expected, SignedClaims, TokenRequest, Tokens
from federation.oidc.userinfo import About

Verified = TypeVar("Verified")


class OidcConnector:
    """One OpenID Provider."""

    connection: AnyConnection
    uninvited = REFUSED
    logout: Logout | None
    renewal: Renewal | None
    revocation: Revocation | None
    rereading: Rereading | None

    def __init__(self, entry: registry.Oidc, fetch: Fetch) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._client = entry.client
        self._fetch = fetch
        self._groups = open_groups(entry, fetch)
        self._provider = Kept(self._load_provider)
        algs = {self._client.id_token_signed_response_alg, self._client.userinfo_signed_response_alg} - {""}
        self._keys = {_kind(alg): Kept(partial(self._load_keys, alg)) for alg in algs}
        kept = entry.connection.keep_tokens
        self._keeping: relying_party.Keeping = frozenset(
            {*kept, "hint"} if entry.connection.logout == "single" else kept
        )
        self.logout = OidcLogout(entry, self)
        self.renewal = self if "refresh" in kept else None
        self.revocation = self if {*kept} - {"id"} and entry.connection.revoke_tokens else None
        self.rereading = open_rereading(entry, self, self._groups)

    async def provider(self, now: datetime) -> ProviderMetadata:
        """Return what the provider says of itself."""
        return await self._provider.get(now)

    async def verified(
        self,
        token: str,
        verify: Callable[[Jwks], Verified],
        now: datetime,
        *,
        told: Told,
        rules: Mapping[str, signature.HeaderRule] = signature.HEADER_RULES,
    ) -> Verified:
        """Verify an ID Token, or what is signed as they are, with keys that are fresh enough.

        Raises:
            AssertionRefused: As ``verify`` does.
            ProviderUnavailable: There are no keys.
        """
        registered = self._client.id_token_signed_response_alg
        try:  # first as if nothing had changed, and so it mostly is
            return verify(await self._keys[_kind(registered)].get(now))
        except AssertionRefused as refusal:
            if refusal.code not in ("oidc.key_unknown", "oidc.signature"):
                raise
        jwks = await self._keys_for(token, registered, now, rules, told=told)
        try:
            return verify(jwks)
        except AssertionRefused as refusal:
            if refusal.code != "oidc.signature":
                raise
            with suppress(ProviderUnavailable):  # a key may have been replaced under its old name
                jwks = await self._keys[_kind(registered)].renew(now, told=told)
        return verify(jwks)

    async def _load_provider(self, _now: datetime) -> ProviderMetadata:
        return await openid_documents.fetch_provider(self._entry, self._fetch)

    async def _load_keys(self, alg: str, now: datetime) -> Jwks:
        told = await self._provider.get(now)
        return await openid_documents.fetch_keys(self._entry, told, self._fetch, alg=alg)

    async def begin(self, *, handle: str, login_hint: str, fresh: bool, now: datetime) -> Challenge:
        """Send an authorization request (OIDC Core §3.1.2.1, RFC 7636), through the browser or pushed."""
        provider = await self._provider.get(now)
        expects = {
            "nonce": secrets.token_urlsafe(32),
            "code_verifier": secrets.token_urlsafe(48),
            "redirect_uri": self._client.redirect_uri,
        }
        asked = relying_party.parameters(
            self._client,
            state=handle,
            nonce=expects["nonce"],
            code_verifier=expects["code_verifier"],
            login_hint=login_hint,
        )
        if fresh:
            asked |= relying_party.ANEW
            expects |= {FRESH: "1", "asked_at": now.isoformat()}
        if pushed.pushes(self._client, provider):
            asked = await self._push(asked, provider, now)
        return Challenge(url=relying_party.request_url(provider, asked), expects=expects)

    async def _push(
        self, asked: Mapping[str, str], provider: ProviderMetadata, now: datetime
    ) -> dict[str, str]:
        """Hand the request over, and return what is left for the browser to bring (RFC 9126 §4)."""
        # Named as token_endpoint, it would be anybody's: the document that says where to push says that too.
        proof = self._proof(provider, now, provider.pushed_authorization_request_endpoint)
        answer = await self._post(pushed.pushed_request(asked, provider=provider, proof=proof))
        request_uri = pushed.read_pushed(answer.status, answer.content_type, answer.body)
        return {"client_id": self._client.client_id, "request_uri": request_uri}

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Verify the answer, redeem its code, and verify what comes for it (OIDC Core §3.1.3, §3.3.3)."""
        if self._entry.callback_urls.get(callback.path) != expects.get("redirect_uri", ""):
            raise AssertionRefused(
                "oidc.redirect_uri", "the answer came to another address than the one that was asked for"
            )
        provider = await self._provider.get(now)
        answer = relying_party.read_answer(callback.params, client=self._client, provider=provider)
        if callback.posted != (self._client.response_mode == "form_post"):
            raise AssertionRefused("oidc.response_mode", "the answer did not come the way that was asked for")
        expected = Expected(
            issuer=provider.issuer,
            client_id=self._client.client_id,
            nonce=expects["nonce"],
            code=answer.code,
            front_channel=bool(answer.id_token),
            demands=self._demands(expects, now),
            now=now,
            skew=self._entry.connection.clock_skew,
        )
        if not answer.id_token:
            tokens = await self._redeem(answer.code, expects, provider, now)
            claims = await self._verify(tokens, expected)
        elif not answer.code:
            tokens = Tokens(id_token=answer.id_token, access_token="")
            claims = await self._verify(tokens, expected)
        else:  # the one beside the code vouches for it, before it is shown to anybody
            front = await self._verify(Tokens(id_token=answer.id_token, access_token=""), expected)
            tokens = await self._redeem(answer.code, expects, provider, now)
            claims = await self._verify(tokens, replace(expected, front_channel=False))
            relying_party.same_person(front, claims)
        return relying_party.accept(
            claims,
            await self.userinfo(provider, tokens, claims),
            tokens=tokens,
            asked=await self._groups.ask(claims.claims, tokens.access_token, now) if self._groups else None,
            keeping=self._keeping,
            client=self._client,
        )

    def _demands(self, expects: Mapping[str, str], now: datetime) -> Demands:
        """Return what the ID Token must say: of who was asked anew, that they signed in since."""
        if FRESH not in expects:
            return self._client.demands
        since = now - datetime.fromisoformat(expects["asked_at"])
        wanted = self._client.demands.max_age
        return replace(self._client.demands, max_age=since if wanted is None else min(since, wanted))

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:  # noqa: ARG002
        """Refuse: an authorization code without our state, nonce and verifier is anybody's."""
        raise AssertionRefused("oidc.unsolicited", "the answer belongs to no sign-in that was started here")

    async def _redeem(
        self, code: str, expects: Mapping[str, str], provider: ProviderMetadata, now: datetime
    ) -> Tokens:
        """Exchange a code for tokens (OIDC Core §3.1.3.1)."""
        answer = await self._post(
            relying_party.token_request(
                self._client,
                provider,
                code=code,
                code_verifier=expects["code_verifier"],
                redirect_uri=expects["redirect_uri"],
                proof=self._proof(provider, now, provider.token_endpoint),
            )
        )
        tokens = relying_party.read_tokens(answer.status, answer.content_type, answer.body)
        return replace(tokens, receivers=token_endpoint.origins(*_receivers(provider)))

    async def _verify(self, tokens: Tokens, expected: Expected) -> SignedClaims:
        def verify(jwks: Jwks) -> SignedClaims:
            return relying_party.verify_id_token(tokens, jwks=jwks, client=self._client, expected=expected)

        told: Told = "browser" if expected.front_channel else "provider"
        return await self.verified(tokens.id_token, verify, expected.now, told=told)

    async def userinfo(
        self, provider: ProviderMetadata, tokens: Tokens, claims: SignedClaims
    ) -> Mapping[str, object] | None:
        """Fetch the UserInfo answer where the connection wants it (OIDC Core §5.3)."""
        if not userinfo.wants(self._client, provider, claims):
            return None
        return await self.ask_userinfo(provider, tokens.access_token, About.named_by(claims))

    async def ask_userinfo(
        self, provider: ProviderMetadata, access_token: str, about: About
    ) -> Mapping[str, object]:
        """Fetch and read the UserInfo answer about this person."""
        answer = await self._fetch.get(
            provider.userinfo_endpoint,
            declared=Declared.FILE,
            accept=userinfo.accepted(self._client),
            headers={"Authorization": f"Bearer {access_token}"},
        )
        body = userinfo.read_body(answer.status, answer.content_type, answer.body, client=self._client)
        jwks = None
        if registered := self._client.userinfo_signed_response_alg:
            jwks = await self._keys_for(
                body.decode("ascii", "replace").strip(), registered, about.now, told="provider"
            )
        return userinfo.read(body, jwks=jwks, client=self._client, about=about)

    async def renew(self, tokens: KeptTokens, *, person: str, now: datetime) -> Renewed:
        """Ask for new tokens with the refresh token (OIDC Core §12, RFC 6749 §6)."""
        provider = await self._provider.get(now)
        if not token_endpoint.may_reach(tokens, provider.token_endpoint):
            raise token_endpoint.moved("oidc.tokens_moved")
        # Asking may spend the refresh token: what the answer is verified with has to be there first.
        await self._keys[_kind(self._client.id_token_signed_response_alg)].get(now)
        answer = await self._post(
            relying_party.refresh_request(
                provider,
                refresh_token=tokens.refresh,
                proof=self._proof(provider, now, provider.token_endpoint),
            )
        )
        new = relying_party.read_refreshed(answer.status, answer.content_type, answer.body)

        def verify(jwks: Jwks) -> SignedClaims:
            return relying_party.verify_renewed(
                new,
                jwks=jwks,
                client=self._client,
                issuer=provider.issuer,
                person=person,
                now=now,
                skew=self._entry.connection.clock_skew,
            )

        if new.id_token:
            await self.verified(new.id_token, verify, now, told="provider")
        kept = relying_party.keep_renewed(new, tokens, keeping=self._keeping, now=now)
        return Renewed(kept=kept, fresh=relying_party.fresh_tokens(new, tokens, now=now))

    async def revoke(self, tokens: KeptTokens, *, now: datetime) -> int:
        """Revoke what was kept (RFC 7009), where the provider has an endpoint for it."""
        provider = await self._provider.get(now)
        url = provider.revocation_endpoint
        if not url or not token_endpoint.may_reach(tokens, url):
            return 0
        prove = partial(self._proof, provider, now, url)
        return await revoking.revoke(url, tokens, prove=prove, fetch=self._fetch)

    async def _keys_for(
        self,
        token: str,
        registered: str,
        now: datetime,
        rules: Mapping[str, signature.HeaderRule] = signature.HEADER_RULES,
        *,
        told: Told,
    ) -> Jwks:
        """Return the keys for a token; fetched again where its own is not among them (Core §10.1.1)."""
        kept = self._keys[_kind(registered)]
        jwks = await kept.get(now)
        if signature.needs_new_keys(token, jwks=jwks, registered=registered, rules=rules):
            jwks = await kept.renew(now, told=told)
        return jwks

    def _proof(self, provider: ProviderMetadata, now: datetime, url: str) -> Proof:
        return client_authentication.authenticate(
            self._client,
            url=url,
            issuer=provider.issuer,
            key=self._entry.assertion_key,
            jti=secrets.token_urlsafe(16),
            now=now,
        )

    async def _post(self, request: TokenRequest) -> Answer:
        return await self._fetch.post_form(request.url, request.form, request.headers, declared=Declared.FILE)

    async def refresh(self, now: datetime) -> None:
        """Read discovery and keys again."""
        await self._provider.refresh(now)
        for keys in self._keys.values():
            await keys.refresh(now)


def _receivers(provider: ProviderMetadata) -> tuple[str, ...]:
    return provider.token_endpoint, provider.revocation_endpoint, provider.userinfo_endpoint


def _kind(alg: str) -> str:
    """Tell which keys an algorithm takes: our own secret, or what the provider publishes."""
    return alg if alg.startswith("HS") else ""
