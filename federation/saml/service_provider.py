"""The service provider: the order of steps, and nothing else.

accept: gate → allow-lists → key → digest → read the signed octets → profile rules. Each step
takes only what the one before it returned. SAML Profiles §4.1. Pure.
"""

from datetime import datetime
from enum import Enum
from typing import Literal

from federation.errors import AssertionRefused, Check
from federation.identity import VerifiedAssertion
from federation.saml import bindings, messages, profile, signature, xml
from federation.saml.metadata import IdentityProvider, describe
from federation.saml.profile import Expected, Terms

__all__ = ["Expected", "Said", "Terms", "accept", "describe", "explain", "start"]

_ELEMENTS = 20_000  # tags: 500 groups have about 1,100
# A failure without an Assertion is refused by the gate; with one, a rule says so.
_HELD = tuple(Check(step) for step in xml.STEPS if step not in profile.RULES)
_ABOUT_THE_REQUEST = ("saml.in_response_to", "saml.response_in_response_to")
_NO_REQUEST = "\0"  # no XML can say this, so nothing is ever equal to it


class Said(Enum):
    """A check that cannot be made because a caller wrote so, never because it forgot."""

    NOT_KNOWN = "the request is not known"


def start(
    idp: IdentityProvider,
    *,
    sp_entity_id: str,
    acs_url: str,
    request_id: str,
    relay_state: str,
    now: datetime,
) -> str:
    """Return the URL that starts a sign-in: an AuthnRequest by HTTP-Redirect.

    Args:
        idp: Whom we ask.
        sp_entity_id: Our name for this connection.
        acs_url: Where the answer is to go.
        request_id: Fresh, an XML identifier; kept with the pending sign-in.
        relay_state: Handle of the pending sign-in; opaque to the IdP.
        now: UTC, aware.

    Source: SAML Profiles §4.1.4.1; Bindings §3.4.
    """
    request = messages.build_authn_request(
        request_id=request_id,
        destination=idp.sso_url,
        sp_entity_id=sp_entity_id,
        acs_url=acs_url,
        now=now,
    )
    return bindings.encode_redirect(
        idp.sso_url, name="SAMLRequest", message=request, relay_state=relay_state, sign=None
    )


def accept(document: bytes, expected: Expected) -> VerifiedAssertion:
    """Verify a response; the only way to a VerifiedAssertion by SAML.

    Args:
        document: From ``bindings.decode_post``; nothing in it is checked yet.
        expected: The pending sign-in, our own names, and the time.

    Raises:
        AssertionRefused: A code of ``xml.STEPS``, or of the rules in ``profile``.

    Source: SAML Profiles §4.1.4.3; Core §5.4.
    """
    return profile.verify(_read(document, expected.idp), expected, _HELD)


def _read(document: bytes, idp: IdentityProvider) -> messages.Message:
    root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    layout = xml.read_layout(root)
    signed = signature.verify(layout, idp.keys)
    return messages.read(signed)


def explain(
    document: bytes,
    *,
    idp: IdentityProvider,
    terms: Terms,
    acs_url: str,
    request_id: str | Literal[Said.NOT_KNOWN],
    legacy: frozenset[str],
    now: datetime,
) -> tuple[Check, ...]:
    """Say what each rule says of a response, for its operator; never makes an identity.

    Args:
        document: XML of a response.
        idp: Whose it should be.
        terms: The connection's standing demands.
        acs_url: Where it should have been sent.
        request_id: What it should answer, or that this is not known.
        legacy: Names of weak algorithms that this connection excepts.
        now: The moment to judge it at, UTC, aware.
    """
    want = Expected(
        idp=idp,
        terms=terms,
        acs_url=acs_url,
        request_id=_NO_REQUEST if request_id is Said.NOT_KNOWN else request_id,
        asked_at=now,
        legacy=legacy,
        now=now,
    )
    try:
        message = _read(document, idp)
    except AssertionRefused as refusal:
        steps = list(xml.STEPS)
        asked = steps[: steps.index(refusal.code)]
        return (*(one for one in _HELD if one.code in asked), Check(refusal.code, refusal.detail))
    checks = (*_HELD, *profile.check(message, want))
    if request_id is not Said.NOT_KNOWN:
        return checks
    unasked = f"not checked: {request_id.value}"
    return tuple(Check(one.code, unasked) if one.code in _ABOUT_THE_REQUEST else one for one in checks)
