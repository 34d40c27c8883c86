"""OAuth 2.0 without OpenID Connect: each fetch stands between two pure calls.

The code is exchanged for a token, and an API asked whose it is. What else the API knows of the
person, addresses and groups, is asked for at once, each listing to its end.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from federation import registry
from federation.connection import AnyConnection
from federation.connectors import revoking
from federation.connectors.contract import (
    REFUSED,
    Callback,
    Challenge,
    Logout,
    Renewal,
    Renewed,
    Rereading,
    Revocation,
)
from federation.errors import AssertionRefused, FederationError, ProviderTimedOut, ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.identity import KeptTokens, Subject, VerifiedAssertion
from federation.oidc import client_authentication, oauth2, oauth2_api, oauth2_person, token_endpoint
from federation.oidc.client_authentication import Proof
from federation.oidc.oauth2 import Tokens
from federation.oidc.oauth2_api import Entries, Heard, Listing
from federation.oidc.token_endpoint import JSON, TokenRequest

PATIENCE: Final = 15.0  # seconds for a whole listing, however many pages


class OAuth2Connector:
    """One provider, such as GitHub."""

    connection: AnyConnection
    uninvited = REFUSED
    logout: Logout | None = None  # its session is for its own site, and it has no word for ours
    renewal: Renewal | None
    revocation: Revocation | None
    rereading: Rereading | None
    needs_tokens = True  # of the person: the API knows nobody else's

    def __init__(self, entry: registry.OAuth2, fetch: Fetch, *, patience: float = PATIENCE) -> None:
        self.connection = entry.connection
        self._entry = entry
        self._fetch = fetch
        self._patience = patience
        self.renewal = self if "refresh" in entry.connection.keep_tokens else None
        self.rereading = self if entry.connection.keep_tokens else None
        self.revocation = self if entry.connection.keep_tokens and entry.connection.revoke_tokens else None

    async def begin(
        self,
        *,
        handle: str,
        login_hint: str,  # noqa: ARG002
        fresh: bool,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Challenge:
        """Send an authorization request (RFC 6749 §4.1.1, RFC 7636).

        The protocol knows neither a hint nor asking anew.
        """
        client = self._entry.client
        expects = {"code_verifier": secrets.token_urlsafe(48), "redirect_uri": client.redirect_uri}
        url = oauth2.start(client, state=handle, code_verifier=expects["code_verifier"])
        return Challenge(url=url, expects=expects)

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Redeem the code, and ask whose token it is (RFC 6749 §4.1.3, RFC 6750)."""
        client = self._entry.client
        if self._entry.callback_urls.get(callback.path) != expects["redirect_uri"]:
            raise AssertionRefused(
                "oauth2.redirect_uri", "the answer came to another redirect URI than the one asked for"
            )
        code = oauth2.read_answer(callback.params, client=client)
        if callback.posted:  # RFC 6749 §4.1.2: in the query
            raise AssertionRefused("oauth2.response_mode", "the answer came in a form")
        request = oauth2.token_request(
            client, code=code, code_verifier=expects["code_verifier"], redirect_uri=expects["redirect_uri"]
        )
        answer = await self._post(request)
        tokens = oauth2.read_tokens(answer.status, answer.content_type, answer.body, client=client)
        tokens = replace(tokens, receivers=token_endpoint.origins(*self._receivers()))
        answer = await self._ask(self._entry.api.userinfo_endpoint, tokens)
        profile = oauth2_api.read_profile(answer.status, answer.content_type, answer.body)
        return oauth2_person.accept(
            profile,
            await self._listings(tokens),
            code=code,
            tokens=tokens,
            client=client,
            terms=self._entry.terms,
            now=now,
        )

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:  # noqa: ARG002
        """Refuse: an authorization code without our state and verifier is anybody's."""
        raise AssertionRefused("oauth2.unsolicited", "the answer belongs to no sign-in that was started here")

    async def renew(self, tokens: KeptTokens, *, person: str, now: datetime) -> Renewed:  # noqa: ARG002
        """Ask for new tokens with the refresh token (RFC 6749 §6); whose they are, only the API could say."""
        if not token_endpoint.may_reach(tokens, self._entry.client.token_endpoint):
            raise token_endpoint.moved("oauth2.tokens_moved")
        answer = await self._post(oauth2.refresh_request(self._entry.client, refresh_token=tokens.refresh))
        new = oauth2.read_refreshed(answer.status, answer.content_type, answer.body, scopes=tokens.scopes)
        kept = oauth2_person.keep_renewed(new, tokens, terms=self._entry.terms, now=now)
        scopes = tokens.scopes if new.scopes is None else tuple(sorted(new.scopes))
        until = None if new.expires_in is None else now + new.expires_in
        return Renewed(
            kept=kept,
            fresh=KeptTokens(
                access=new.access_token, access_until=until, scopes=scopes, receivers=tokens.receivers
            ),
        )

    async def reread(
        self, tokens: KeptTokens | None, *, subject: Subject, now: datetime
    ) -> VerifiedAssertion:
        """Ask the API again whose token it is, and what else it knows of them."""
        if tokens is None or not tokens.access:
            raise ProviderUnavailable("oauth2.reread_no_token", "no access token is at hand to ask with")
        if not token_endpoint.may_reach(tokens, *self._apis()):
            raise token_endpoint.moved("oauth2.tokens_moved")
        again = Tokens(
            access_token=tokens.access,
            refresh_token="",
            expires_in=None,
            scopes=frozenset(tokens.scopes) if tokens.scopes else None,
        )
        answer = await self._ask(self._entry.api.userinfo_endpoint, again)
        if answer.status == oauth2_api.UNAUTHORIZED:
            raise AssertionRefused(
                "oauth2.access_ended", "the API takes the person's access token no more: it was revoked"
            )
        profile = oauth2_api.read_profile(answer.status, answer.content_type, answer.body)
        told = oauth2_person.accept(
            profile,
            await self._listings(again),
            code=tokens.access,  # an id for what is claimed by nobody
            tokens=again,
            client=self._entry.client,
            terms=self._entry.terms,
            now=now,
        )
        if told.subject != subject:
            raise AssertionRefused("oauth2.subject_changed", "the API names another person than before")
        return told

    async def revoke(self, tokens: KeptTokens, *, now: datetime) -> int:  # noqa: ARG002
        """Revoke what was kept (RFC 7009), where the connection names an endpoint for it."""
        client, url = self._entry.client, self._entry.connection.revocation_endpoint
        if url is None or not token_endpoint.may_reach(tokens, url):
            return 0

        def prove() -> Proof:
            return client_authentication.by_secret(
                client.token_endpoint_auth_method,
                client_id=client.client_id,
                client_secret=client.client_secret,
            )

        return await revoking.revoke(url, tokens, prove=prove, fetch=self._fetch)

    def _apis(self) -> tuple[str, ...]:
        return self._entry.api.userinfo_endpoint, *self._entry.api.listings.values()

    def _receivers(self) -> tuple[str, ...]:
        revocation = self._entry.connection.revocation_endpoint or ""
        return self._entry.client.token_endpoint, revocation, *self._apis()

    async def refresh(self, now: datetime) -> None:
        """Return: nothing is published."""

    async def _post(self, request: TokenRequest) -> Answer:
        return await self._fetch.post_form(request.url, request.form, request.headers, declared=Declared.FILE)

    async def _ask(self, url: str, tokens: Tokens) -> Answer:
        headers = oauth2_api.headers(self._entry.api, tokens)
        return await self._fetch.get(url, declared=Declared.FILE, accept=JSON, headers=headers)

    async def _listings(self, tokens: Tokens) -> Heard:
        """Ask for every listing at once; one that fails is an answer too."""
        async with asyncio.TaskGroup() as asking:
            tasks = {name: asking.create_task(self._hear(name, tokens)) for name in self._entry.api.listings}
        return {name: task.result() for name, task in tasks.items()}

    async def _hear(self, listing: Listing, tokens: Tokens) -> Entries | FederationError:
        api = self._entry.api
        if (lack := oauth2_api.unreached(api, listing, tokens.scopes)) is not None:
            return lack
        try:
            async with asyncio.timeout(self._patience):
                return await self._pages(listing, tokens)
        except TimeoutError:
            return ProviderTimedOut(
                "oauth2.api_timeout",
                f"{oauth2_api.NAMES[listing]} took longer than {self._patience:g} seconds",
            )
        except FederationError as failure:
            return oauth2_api.understood(failure, api, listing, tokens)

    async def _pages(self, listing: Listing, tokens: Tokens) -> Entries:
        url = oauth2_api.first_page(self._entry.api.listings[listing])
        found: list[Mapping[str, object]] = []
        for _ in range(oauth2_api.PAGES):
            answer = await self._ask(url, tokens)
            found += oauth2_api.read_entries(answer.status, answer.content_type, answer.body, listing=listing)
            url = oauth2_api.next_page(answer.link, asked=url)
            if not url:
                return tuple(found)
        raise oauth2_api.endless(listing)
