"""SAML 2.0: nothing is fetched at an ordinary sign-in; one pure call, inline on the loop."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Literal

from federation import registry
from federation.connection import AnyConnection
from federation.connectors.contract import (
    FRESH,
    Callback,
    Challenge,
    Logout,
    Renewal,
    Rereading,
    Revocation,
    Uninvited,
)
from federation.connectors.saml_logout import SamlLogout
from federation.errors import AssertionRefused
from federation.identity import VerifiedAssertion
from federation.saml import bindings, metadata, profile, second_opinion, service_provider
from federation.trust.contract import Source, renew_after

THREAD_ABOVE = 32 * 1024  # octets; below it a thread hop costs more than it frees


class SamlConnector:
    """SAML 2.0 Web Browser SSO: what the provider publishes is kept at hand by ``trust``."""

    connection: AnyConnection
    logout: Logout | None
    renewal: Renewal | None = None
    revocation: Revocation | None = None
    rereading: Rereading | None = None  # an assertion comes with the person alone

    def __init__(self, entry: registry.Saml, source: Source) -> None:
        """Take a compiled connection, with our keys, and its trust material."""
        if entry.requests is None:
            raise ValueError("a connector needs our keys")
        self.connection = entry.connection
        self.uninvited = Uninvited(
            policy=entry.connection.unsolicited, landing_paths=entry.connection.landing_paths
        )
        self.logout = SamlLogout(entry, entry.requests.key, source)
        self._entry, self._requests = entry, entry.requests
        asks = replace(entry.requests.asks, force_authn=True, is_passive=False)
        self._anew = replace(entry.requests, asks=asks)
        self._terms_anew = replace(entry.terms, force_authn=True)
        self._source = source
        self._judge: tuple[metadata.IdentityProvider, second_opinion.Judge] | None = None

    async def provider(self, now: datetime) -> metadata.IdentityProvider:
        """Return what the identity provider says of itself.

        Raises:
            ProviderUnavailable: It could not be had.
        """
        return await self._source.get(now)

    @property
    def at_hand(self) -> metadata.IdentityProvider | None:
        """The provider's trust material, as this worker last read it; None: it has not yet."""
        return self._source.at_hand

    async def begin(self, *, handle: str, login_hint: str, fresh: bool, now: datetime) -> Challenge:
        """Send an AuthnRequest (SAML Profiles §4.1.4.1; Bindings §3.4, §3.5)."""
        request_id = f"_{secrets.token_hex(20)}"  # an NCName may not begin with a digit
        sent = service_provider.start(
            await self._source.get(now),
            self._anew if fresh else self._requests,
            request_id=request_id,
            relay_state=handle,
            login_hint=login_hint,
            now=now,
        )
        expects = {"request_id": request_id, "asked_at": now.isoformat()} | ({FRESH: "1"} if fresh else {})
        return Challenge(url=sent.url, fields=sent.fields, expects=expects)

    async def complete(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> VerifiedAssertion:
        """Accept a Response by HTTP-POST (SAML Profiles §4.1.4)."""
        asked_at = datetime.fromisoformat(expects["asked_at"])
        terms = self._terms_anew if FRESH in expects else self._entry.terms
        return await self._accept(callback, expects["request_id"], asked_at, terms, now)

    async def complete_uninvited(self, callback: Callback, now: datetime) -> VerifiedAssertion:
        """Accept a Response to no request (SAML Profiles §4.1.5), where the connection does."""
        return await self._accept(callback, profile.Unsolicited.UNSOLICITED, None, self._entry.terms, now)

    async def _accept(
        self,
        callback: Callback,
        request_id: str | Literal[profile.Unsolicited.UNSOLICITED],
        asked_at: datetime | None,
        terms: profile.Terms,
        now: datetime,
    ) -> VerifiedAssertion:
        document = bindings.decode_post(callback.params.get("SAMLResponse", ""))
        expected = profile.Expected(
            idp=await self._source.get(now),
            terms=terms,
            acs_url=self._entry.acs_urls[callback.path],
            request_id=request_id,
            asked_at=asked_at,
            legacy=self._entry.connection.excepted(now.date()),
            now=now,
        )
        try:
            return await self._judged(document, expected)
        except AssertionRefused as refusal:
            renewed = await renew_after(refusal, expected.idp, self._source, now)
        return await self._judged(document, replace(expected, idp=renewed))

    async def _judged(self, document: bytes, expected: profile.Expected) -> VerifiedAssertion:
        verify = partial(self._verify, document, expected)
        inline = len(document) <= THREAD_ABOVE and self._entry.connection.second_opinion == "none"
        return verify() if inline else await asyncio.to_thread(verify)

    def _verify(self, document: bytes, expected: profile.Expected) -> VerifiedAssertion:
        ours, keys = self._entry, self._entry.decryption_keys
        verified = service_provider.accept(document, expected, decryption_keys=keys)
        if (name := ours.connection.second_opinion) == "none":
            return verified
        if self._judge is None or self._judge[0] is not expected.idp:
            self._judge = expected.idp, second_opinion.read_judge(name, expected.idp)
        return second_opinion.ask(
            verified, document, judge=self._judge[1], expected=expected, decryption_keys=keys
        )

    async def refresh(self, now: datetime) -> None:
        """Ask for the trust material again, where it is time to."""
        await self._source.refresh(now, because="schedule")
