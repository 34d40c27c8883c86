"""SAML Single Logout of one connection: messages out signed, messages in verified.

SAML Profiles §4.4, by HTTP-Redirect and HTTP-POST. Nothing is fetched but trust material.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from federation.connectors.contract import Callback, Challenge, LogoutOutcome, ProviderLogout
from federation.errors import AssertionRefused, RequestRefused
from federation.identity import ProviderSession
from federation.registry import Saml
from federation.saml import bindings, logout, outgoing, subject
from federation.saml.bindings import Redirected
from federation.saml.delivery import Binding, deliver
from federation.saml.metadata import IdentityProvider
from federation.saml.parts import NameId
from federation.saml.signing import SigningKey
from federation.saml.xml import SUCCESS
from federation.trust.contract import Source, renew_after

QUERY = "query"  # the parameter of a Callback that holds a redirect's raw query
_RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
_REQUEST_LIFE = timedelta(minutes=5)
_RELAY_STATE = 2048  # characters that are sent back; Bindings §3.4.3 allows 80 octets, peers do not
_T = TypeVar("_T")
_OUTCOMES = {
    logout.LogoutOutcome.SUCCESS: LogoutOutcome.FULL,
    logout.LogoutOutcome.PARTIAL: LogoutOutcome.PARTIAL,
    logout.LogoutOutcome.FAILED: LogoutOutcome.FAILED,
}


class SamlLogout:
    """How sessions end at one SAML identity provider, and by its word here."""

    def __init__(self, entry: Saml, key: SigningKey, source: Source) -> None:
        """Take what one connection has.

        Args:
            entry: Compiled.
            key: Ours; every logout message is signed (Profiles §4.4.3.1).
            source: Its trust material.
        """
        self.party = entry.sp_entity_id
        self._entry, self._key, self._source = entry, key, source

    async def begin(self, session: ProviderSession, *, handle: str, now: datetime) -> Challenge | None:
        """Send a LogoutRequest (SAML Profiles §4.4.3.1)."""
        if self._entry.connection.logout == "local":
            return None
        idp = await self._source.get(now)
        to = _choose({"redirect": idp.slo_redirect_url, "post": idp.slo_post_url}, "redirect")
        name_id = _name_of(session, idp)
        if to is None or name_id is None:
            return None
        request_id = f"_{secrets.token_hex(20)}"
        message = outgoing.build_logout_request(
            request_id=request_id,
            destination=to[1],
            sp_entity_id=self._entry.sp_entity_id,
            name_id=name_id,
            session_index=session.index,
            now=now,
            not_on_or_after=now + _REQUEST_LIFE,
        )
        return self._send(message, "SAMLRequest", to, handle, {"request_id": request_id})

    async def read_answer(
        self, callback: Callback, expects: Mapping[str, str], now: datetime
    ) -> LogoutOutcome:
        """Verify a LogoutResponse (SAML Profiles §4.4.3.5)."""
        sent, _ = _read(callback, "SAMLResponse")

        def verify(idp: IdentityProvider) -> logout.LogoutOutcome:
            return logout.read_response(sent, self._want(idp, now), request_id=expects["request_id"])

        return _OUTCOMES[await self._judged(verify, now)]

    async def read_request(self, callback: Callback, now: datetime) -> ProviderLogout:
        """Verify a LogoutRequest (SAML Profiles §4.4.3.3)."""
        if len(callback.handle) > _RELAY_STATE:
            raise RequestRefused("saml.relay_state", f"RelayState is longer than {_RELAY_STATE} characters")
        sent, binding = _read(callback, "SAMLRequest")
        keys = self._entry.decryption_keys

        def verify(idp: IdentityProvider) -> logout.LogoutRequest:
            return logout.read_request(sent, self._want(idp, now), decryption_keys=keys)

        found = await self._judged(verify, now)
        return ProviderLogout(
            issuer=found.issuer,
            id=found.id,
            names=found.names,
            indexes=found.session_indexes,
            issued_at=found.issue_instant,
            until=found.until,
            binding=binding,
        )

    async def answer(
        self, request: ProviderLogout, *, relay_state: str, done: bool, now: datetime
    ) -> Challenge | None:
        """Send a LogoutResponse (SAML Profiles §4.4.3.4), by the binding that asked if it can be."""
        idp = await self._source.get(now)
        offered: dict[Binding, str] = {
            "redirect": idp.slo_redirect_response_url,
            "post": idp.slo_post_response_url,
        }
        to = _choose(offered, request.binding)
        if to is None:
            return None
        message = outgoing.build_logout_response(
            response_id=f"_{secrets.token_hex(20)}",
            in_response_to=request.id,
            destination=to[1],
            sp_entity_id=self._entry.sp_entity_id,
            now=now,
            status=SUCCESS if done else _RESPONDER,
        )
        return self._send(message, "SAMLResponse", to, relay_state, {})

    async def read_frame(self, params: Mapping[str, str], now: datetime) -> tuple[str, ...]:  # noqa: ARG002
        """Refuse: every message of SAML is signed."""
        raise RequestRefused("signin.no_connection", "a SAML logout is not told by a frame")

    async def _judged(self, verify: Callable[[IdentityProvider], _T], now: datetime) -> _T:
        """Verify, and once more where the key is not known: perhaps they have a new one."""
        idp = await self._source.get(now)
        try:
            return verify(idp)
        except AssertionRefused as refusal:
            renewed = await renew_after(refusal, idp, self._source, now)
        return verify(renewed)

    def _want(self, idp: IdentityProvider, now: datetime) -> logout.Expected:
        connection = self._entry.connection
        return logout.Expected(
            idp=idp,
            sp_entity_id=self._entry.sp_entity_id,
            slo_url=self._entry.description.slo_url,
            skew=connection.clock_skew,
            legacy=connection.excepted(now.date()),
            now=now,
        )

    def _send(
        self,
        message: bytes,
        name: Literal["SAMLRequest", "SAMLResponse"],
        to: tuple[Binding, str],
        relay_state: str,
        expects: Mapping[str, str],
    ) -> Challenge:
        sent = deliver(
            message,
            name=name,
            binding=to[0],
            destination=to[1],
            relay_state=relay_state,
            parameters={},
            key=self._key,
        )
        return Challenge(url=sent.url, fields=sent.fields, expects=expects)


def _name_of(session: ProviderSession, idp: IdentityProvider) -> NameId | None:
    """Return whom the session is about; None where another provider, or protocol, was here before."""
    try:
        name_id = subject.read_provider_name(session.name)
    except ValueError:
        return None
    return name_id if subject.provider_name(name_id, idp.entity_id) == session.name else None


def _choose(offered: Mapping[Binding, str], first: str) -> tuple[Binding, str] | None:
    """Return the binding that is wanted, else another one, with its URL; None if there is none."""
    ordered = sorted(offered.items(), key=lambda one: one[0] != first)
    return next(((binding, url) for binding, url in ordered if url), None)


def _read(
    callback: Callback, name: Literal["SAMLRequest", "SAMLResponse"]
) -> tuple[Redirected | bytes, Binding]:
    """Decode the message that came by a redirect's query, or in a form."""
    if QUERY not in callback.params:
        return bindings.decode_post(callback.params.get(name, ""), name=name), "post"
    redirected = bindings.decode_redirect(callback.params[QUERY])
    if redirected.name != name:
        raise RequestRefused("saml.missing", f"there is no {name} in the query")
    if redirected.relay_state != callback.handle:  # a name with escapes in it is not what was signed
        raise RequestRefused("saml.relay_state", "the RelayState is not the one that is signed")
    return redirected, "redirect"
