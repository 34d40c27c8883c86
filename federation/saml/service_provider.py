"""The service provider: the order of steps, and nothing else.

accept: gate → allow-lists → key → digest → read the signed octets → profile rules. Each step
takes only what the one before it returned. What is encrypted is opened behind the signature that
covers it; where none does it is opened first, and what comes out starts at the gate again.
SAML Profiles §4.1. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Literal

from federation.errors import AssertionRefused, Check, ProviderUnavailable
from federation.identity import VerifiedAssertion
from federation.saml import encryption, layout, messages, outgoing, profile, signature, xml
from federation.saml.delivery import Binding, Sent, deliver
from federation.saml.encryption import DecryptionKey
from federation.saml.layout import Layout
from federation.saml.metadata import IdentityProvider
from federation.saml.profile import Expected, Terms
from federation.saml.signature import SignedMessage
from federation.saml.signing import SigningKey
from federation.saml.xml import Element

__all__ = ["Expected", "Requests", "Said", "Terms", "accept", "explain", "opened", "start"]

_ELEMENTS = 20_000  # tags: 500 groups have about 1,100
_ABOUT_THE_REQUEST = ("saml.in_response_to", "saml.response_in_response_to")
_NO_REQUEST = "\0"  # no XML can say this, so nothing is ever equal to it
_LONG_AGO = datetime.min.replace(tzinfo=UTC)  # when it is not known to have been asked


def _held(*tables: Mapping[str, str]) -> tuple[Check, ...]:
    """Say that every step of some tables held.

    A failure without an Assertion is refused by the gate; with one, a rule of the profile says so.
    """
    return tuple(Check(step) for table in tables for step in table if step not in profile.RULES)


_HELD: Final = _held(xml.GATE, xml.SIGNED)
_HELD_DECRYPTED: Final = _held(xml.GATE, xml.SIGNED, xml.DECRYPTED)


class Said(Enum):
    """A check that cannot be made because a caller wrote so, never because it forgot."""

    NOT_KNOWN = "the request is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """How one connection asks for sign-ins; compiled once."""

    asks: outgoing.AuthnAsks
    acs_url: str  # where the answer is to go
    binding: Literal["auto", "redirect", "post"]
    sign: Literal["auto", "always", "never"]  # auto: as the IdP's metadata wants it
    key: SigningKey
    hint_parameter: str  # takes the login hint; "" if none does
    parameters: Mapping[str, str]  # added to the URL


def start(
    idp: IdentityProvider,
    requests: Requests,
    *,
    request_id: str,
    relay_state: str,
    login_hint: str,
    now: datetime,
) -> Sent:
    """Say where the browser takes the AuthnRequest that starts a sign-in.

    Args:
        idp: Whom we ask.
        requests: How this connection asks.
        request_id: Fresh, an XML identifier; kept with the pending sign-in.
        relay_state: Handle of the pending sign-in; opaque to the IdP.
        login_hint: An e-mail address, or "".
        now: UTC, aware.

    Raises:
        ProviderUnavailable: ``saml.no_binding``: it offers none that this connection takes.

    Source: SAML Profiles §4.1.4.1; Bindings §3.4, §3.5.
    """
    offered: dict[Binding, str] = {"redirect": idp.sso_redirect_url, "post": idp.sso_post_url}
    wanted: tuple[Binding, ...] = ("redirect", "post") if requests.binding == "auto" else (requests.binding,)
    binding = next((one for one in wanted if offered[one]), None)
    if binding is None:
        raise ProviderUnavailable(
            "saml.no_binding", f"the identity provider takes no request by {' or '.join(wanted)}"
        )
    hint = {requests.hint_parameter: login_hint} if requests.hint_parameter and login_hint else {}
    signed = requests.sign == "always" or (requests.sign == "auto" and idp.wants_signed_requests)
    return deliver(
        outgoing.build_authn_request(
            requests.asks,
            request_id=request_id,
            destination=offered[binding],
            acs_url=requests.acs_url,
            now=now,
            login_hint=login_hint,
        ),
        name="SAMLRequest",
        binding=binding,
        destination=offered[binding],
        relay_state=relay_state,
        parameters={**requests.parameters, **hint},
        key=requests.key if signed else None,
    )


def accept(
    document: bytes, expected: Expected, *, decryption_keys: tuple[DecryptionKey, ...]
) -> VerifiedAssertion:
    """Verify a response; the only way to a VerifiedAssertion by SAML.

    Args:
        document: From ``bindings.decode_post``; nothing in it is checked yet.
        expected: The pending sign-in, our own names, and the time.
        decryption_keys: Our own, the current one first; () where nothing is ever encrypted to us.

    Raises:
        AssertionRefused: A code of ``xml.STEPS``, or of the rules in ``profile``.

    Source: SAML Profiles §4.1.4.3; Core §5.4, §6.
    """
    signed = _verify(document, expected, decryption_keys, [])
    return profile.verify(messages.read(signed), expected, _checks(signed))


def _verify(
    document: bytes,
    want: Expected,
    decryption_keys: tuple[DecryptionKey, ...],
    passed: list[Mapping[str, str]],
) -> SignedMessage:
    """Return what was signed, in the clear; ``passed`` gets the tables of steps as they are passed."""
    root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    found = layout.read(root)
    passed.append(xml.GATE)
    if isinstance(found, Layout):
        signed = signature.verify(found, want.idp.keys, legacy=want.legacy)
    else:

        def decrypt(encrypted: Element, *, covered: bool) -> Element:
            if covered:
                passed.append(xml.SIGNED)
            inner = encryption.decrypt_element(
                encrypted, decryption_keys, tag=xml.ASSERTION, covered=covered, legacy=want.legacy
            )
            passed.append(xml.DECRYPTED)
            return inner

        signed = signature.verify_encrypted(found, want.idp.keys, legacy=want.legacy, decrypt=decrypt)
    passed.append(xml.SIGNED)
    if signed.encrypted_parts:
        _decrypt_parts(signed.assertion.root, decryption_keys, want.legacy)
    return signed


def _decrypt_parts(
    assertion: Element, decryption_keys: tuple[DecryptionKey, ...], legacy: frozenset[str]
) -> None:
    """Put each encrypted NameID and Attribute of a signed tree in the clear, in its own place."""
    for part in layout.find_parts(assertion):
        plain = encryption.decrypt_element(
            part, decryption_keys, tag=layout.PARTS[str(part.tag)], covered=True, legacy=legacy
        )
        layout.require_plain(plain)
        place = part.getparent()
        if place is not None:  # ``find_parts`` saw it there
            place.replace(part, plain)


def _checks(signed: SignedMessage) -> tuple[Check, ...]:
    """Say what held on the way to a signed message, and whose certificates these were."""
    held = _HELD_DECRYPTED if signed.encrypted or signed.encrypted_parts else _HELD
    if not signed.response_key:
        return (*held, Check(f"saml.assertion_key:{signed.assertion_key}"))
    if not signed.assertion_key:
        return (*held, Check(f"saml.response_key:{signed.response_key}"))
    return (
        *held,
        Check(f"saml.response_key:{signed.response_key}"),
        Check(f"saml.assertion_key:{signed.assertion_key}"),
    )


def opened(
    document: bytes, expected: Expected, *, decryption_keys: tuple[DecryptionKey, ...]
) -> Element | None:
    """Return the signed Assertion in the clear, to be shown; None where no signature held.

    Args:
        document: As for ``accept``, like the others.
        expected: Of which the keys count alone.
        decryption_keys: Our own.
    """
    try:
        return _verify(document, expected, decryption_keys, []).assertion.root
    except AssertionRefused:
        return None


def explain(  # noqa: PLR0913 (each is one value of the sign-in)
    document: bytes,
    *,
    idp: IdentityProvider,
    terms: Terms,
    acs_url: str,
    request_id: str | Literal[Said.NOT_KNOWN],
    legacy: frozenset[str],
    now: datetime,
    decryption_keys: tuple[DecryptionKey, ...],
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
        decryption_keys: Our own, as for ``accept``.
    """
    want = Expected(
        idp=idp,
        terms=terms,
        acs_url=acs_url,
        request_id=_NO_REQUEST if request_id is Said.NOT_KNOWN else request_id,
        asked_at=_LONG_AGO,
        legacy=legacy,
        now=now,
    )
    passed: list[Mapping[str, str]] = []
    try:
        signed = _verify(document, want, decryption_keys, passed)
    except AssertionRefused as refusal:
        return (*_held_before(refusal.code, passed), Check(refusal.code, refusal.detail))
    checks = (*_checks(signed), *profile.check(messages.read(signed), want))
    unasked = set() if request_id is not Said.NOT_KNOWN else {*_ABOUT_THE_REQUEST}
    if terms.force_authn:  # only the time of the request tells whether the person signed in anew
        unasked |= {one.code for one in checks if one.code == "saml.authn_instant" and one.said is None}
    said = f"not checked: {Said.NOT_KNOWN.value}"
    return tuple(Check(one.code, said) if one.code in unasked else one for one in checks)


def _held_before(code: str, passed: list[Mapping[str, str]]) -> tuple[Check, ...]:
    """Say which steps held before one refused: those of the tables passed, and of its own."""
    held = {one.code: one for one in _held(*passed)}
    for table in (xml.GATE, xml.SIGNED, xml.DECRYPTED):
        if code in table and table not in passed:
            steps = list(table)
            held |= {one.code: one for one in _held(dict.fromkeys(steps[: steps.index(code)], ""))}
    held.pop(code, None)
    return tuple(held.values())
