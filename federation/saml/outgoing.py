"""Our messages → bytes: AuthnRequest, LogoutRequest, LogoutResponse.

SAML Core §3.4.1 and §3.7, in the order of the protocol schema. What is not asked for is left
out: no RequestedAuthnContext unless the connection names one, because an exact one turns away
people who signed in by a stronger way. Nothing here is signed; ``signing`` and ``bindings`` do that.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from federation.saml.bindings import HTTP_POST
from federation.saml.parts import TRANSIENT, NameId
from federation.saml.xml import EMAIL_ADDRESS, SAML, SAMLP

_NAMESPACES = f'xmlns:samlp="{SAMLP[1:-1]}" xmlns:saml="{SAML[1:-1]}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthnAsks:
    """What one connection asks of its identity provider at every sign-in; compiled once."""

    sp_entity_id: str
    name_id_policy: bool  # False: no NameIDPolicy at all
    name_id_format: str  # URN; "" leaves the format to the identity provider
    allow_create: bool
    force_authn: bool
    is_passive: bool
    authn_context: tuple[str, ...]  # AuthnContextClassRef; () asks nothing
    comparison: Literal["exact", "minimum", "maximum", "better"]
    acs_index: int | None  # in place of the URL, where the IdP has our metadata
    hint_in_subject: bool  # the login hint goes into Subject


def build_authn_request(
    asks: AuthnAsks, *, request_id: str, destination: str, acs_url: str, now: datetime, login_hint: str
) -> bytes:
    """Build the request of an SP-initiated sign-in.

    Args:
        asks: What this connection asks.
        request_id: An XML identifier, kept with the pending sign-in.
        destination: The IdP's SingleSignOnService, of the binding that carries it.
        acs_url: Where the answer is to go; left out where ``asks`` names an index.
        now: UTC, aware.
        login_hint: An e-mail address, or "".

    Source: SAML Core §3.4.1; Profiles §4.1.4.1.
    """
    where = (
        f' AssertionConsumerServiceURL={quoteattr(acs_url)} ProtocolBinding="{HTTP_POST}"'
        if asks.acs_index is None
        else f' AssertionConsumerServiceIndex="{asks.acs_index}"'  # Core §3.4.1: one excludes the other
    )
    how = (' ForceAuthn="true"' if asks.force_authn else "") + (
        ' IsPassive="true"' if asks.is_passive else ""
    )
    inside = _subject(asks, login_hint) + _name_id_policy(asks) + _authn_context(asks)
    head = _head(request_id, destination, asks.sp_entity_id, now, attributes=how + where)
    return f"<samlp:AuthnRequest {head}{inside}</samlp:AuthnRequest>".encode()


def _subject(asks: AuthnAsks, login_hint: str) -> str:
    """Profiles §4.1.4.1: a Subject without confirmation says whom we expect."""
    if not (asks.hint_in_subject and login_hint):
        return ""
    hint = f'<saml:NameID Format="{EMAIL_ADDRESS}">{_text(login_hint)}</saml:NameID>'
    return f"<saml:Subject>{hint}</saml:Subject>"


def _name_id_policy(asks: AuthnAsks) -> str:
    if not asks.name_id_policy:
        return ""
    named = f" Format={quoteattr(asks.name_id_format)}" if asks.name_id_format else ""
    # Errata E14: a transient name is never created, so AllowCreate may not stand beside it.
    create = ' AllowCreate="true"' if asks.allow_create and asks.name_id_format != TRANSIENT else ""
    return f"<samlp:NameIDPolicy{named}{create}/>"


def _authn_context(asks: AuthnAsks) -> str:
    """Core §3.3.2.2.1: in order of preference."""
    if not asks.authn_context:
        return ""
    classes = "".join(
        f"<saml:AuthnContextClassRef>{_text(one)}</saml:AuthnContextClassRef>" for one in asks.authn_context
    )
    return (
        f'<samlp:RequestedAuthnContext Comparison="{asks.comparison}">{classes}</samlp:RequestedAuthnContext>'
    )


def build_logout_request(
    *,
    request_id: str,
    destination: str,
    sp_entity_id: str,
    name_id: NameId,
    session_index: str,
    now: datetime,
    not_on_or_after: datetime,
) -> bytes:
    """Build the request that ends a person's session at the identity provider.

    Args:
        request_id: An XML identifier.
        destination: The IdP's SingleLogoutService.
        sp_entity_id: Our name for this connection.
        name_id: Exactly as it was issued: qualifiers that were not there are not added.
        session_index: From the AuthnStatement; "" where there was none.
        now: UTC, aware.
        not_on_or_after: UTC, aware; after it the request is void.

    Source: SAML Core §3.7.1; Profiles §4.4.4.1.
    """
    qualifiers = (
        ("Format", name_id.format),
        ("NameQualifier", name_id.name_qualifier),
        ("SPNameQualifier", name_id.sp_name_qualifier),
    )
    said = "".join(f" {name}={quoteattr(value)}" for name, value in qualifiers if value)
    index = f"<samlp:SessionIndex>{_text(session_index)}</samlp:SessionIndex>" if session_index else ""
    until = f' NotOnOrAfter="{instant(not_on_or_after)}"'
    return (
        f"<samlp:LogoutRequest {_head(request_id, destination, sp_entity_id, now, attributes=until)}"
        f"<saml:NameID{said}>{_text(name_id.value)}</saml:NameID>{index}</samlp:LogoutRequest>"
    ).encode()


def build_logout_response(
    *,
    response_id: str,
    in_response_to: str,
    destination: str,
    sp_entity_id: str,
    now: datetime,
    status: str,
    second_status: str = "",
) -> bytes:
    """Build our answer to the identity provider's LogoutRequest.

    Args:
        response_id: An XML identifier.
        in_response_to: The request's ID.
        destination: Where the IdP takes answers (ResponseLocation).
        sp_entity_id: Our name for this connection.
        now: UTC, aware.
        status: Top-level status URI.
        second_status: Second-level URI, such as PartialLogout; "" leaves it out.

    Source: SAML Core §3.7.2, §3.2.2.
    """
    second = f"<samlp:StatusCode Value={quoteattr(second_status)}/>" if second_status else ""
    code = f"<samlp:StatusCode Value={quoteattr(status)}>{second}</samlp:StatusCode>"
    attributes = f" InResponseTo={quoteattr(in_response_to)}"
    return (
        f"<samlp:LogoutResponse {_head(response_id, destination, sp_entity_id, now, attributes=attributes)}"
        f"<samlp:Status>{code}</samlp:Status></samlp:LogoutResponse>"
    ).encode()


def instant(moment: datetime) -> str:
    """Return a time as Core §1.3.3 writes it (UTC, aware, to the second)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _head(message_id: str, destination: str, issuer: str, now: datetime, *, attributes: str) -> str:
    """Return what every message of ours begins with (Core §3.2.1), from its namespaces to its Issuer."""
    return (
        f'{_NAMESPACES} ID={quoteattr(message_id)} Version="2.0" IssueInstant="{instant(now)}"'
        f" Destination={quoteattr(destination)}{attributes}><saml:Issuer>{_text(issuer)}</saml:Issuer>"
    )


def _text(value: str) -> str:
    """Escape text; a bare carriage return would come out as a line feed (XML §2.11)."""
    return escape(value, {"\r": "&#13;"})
