"""Where the parts of a message stand: one Assertion, and signatures where they are looked for.

SAML Core §5.4.2, tightened: an Assertion, plain or encrypted, stands once and directly under the
Response, a Signature only directly under what it signs, and a NameID or an Attribute is
encrypted only in its own place. Any other arrangement is refused, so that nothing is ever
looked up. Nothing here is verified.
"""

from typing import Final, NamedTuple

from federation.saml.xml import (
    ASSERTION,
    RESPONSE,
    SAML,
    SAMLP,
    SIGNATURE,
    STEPS,
    SUCCESS,
    Element,
    refuse,
)

ENCRYPTED_ASSERTION: Final = SAML + "EncryptedAssertion"
ENCRYPTED_ID: Final = SAML + "EncryptedID"
ENCRYPTED_ATTRIBUTE: Final = SAML + "EncryptedAttribute"
# What an encrypted part is, once it is decrypted (Core §2.2.4, §2.7.3.2), and where it stands.
PARTS: Final = {ENCRYPTED_ID: SAML + "NameID", ENCRYPTED_ATTRIBUTE: SAML + "Attribute"}
_PLACES: Final = {ENCRYPTED_ID: SAML + "Subject", ENCRYPTED_ATTRIBUTE: SAML + "AttributeStatement"}
_MOST_PARTS: Final = 32  # each costs a private key operation
_PLACED: Final = (RESPONSE, ASSERTION, SIGNATURE, ENCRYPTED_ASSERTION, *PARTS)

# What a failed status may say in our record before anything is verified: a word of this table.
_STATUS: Final = "urn:oasis:names:tc:SAML:2.0:status:"
_STATUS_WORDS: Final = frozenset(
    {
        "Requester", "Responder", "VersionMismatch", "AuthnFailed", "InvalidAttrNameOrValue",
        "InvalidNameIDPolicy", "NoAuthnContext", "NoAvailableIDP", "NoPassive", "NoSupportedIDP",
        "ProxyCountExceeded", "RequestDenied", "RequestUnsupported", "UnknownPrincipal", "UnsupportedBinding",
    }
)  # fmt: skip


class Layout(NamedTuple):
    """A Response with one Assertion."""

    response: Element
    assertion: Element
    response_signature: Element | None
    assertion_signature: Element | None
    encrypted_parts: bool  # a NameID or attributes, inside the Assertion


class EncryptedLayout(NamedTuple):
    """A Response with one EncryptedAssertion."""

    response: Element
    encrypted: Element
    response_signature: Element | None


class AssertionLayout(NamedTuple):
    """An Assertion that was decrypted: a document of its own."""

    assertion: Element
    signature: Element | None
    encrypted_parts: bool


class _Placed(NamedTuple):
    assertions: list[Element]
    signatures: list[Element]
    parts: list[Element]


def read(response: Element) -> Layout | EncryptedLayout:
    """Find the one Assertion, plain or encrypted, and the signatures.

    Raises:
        AssertionRefused: ``xml.GATE`` from ``saml.response`` on, ``saml.limits``.
    """
    if response.tag != RESPONSE:
        refuse("saml.response")
    assertions, signatures, parts = _find(response)
    places = {element.getparent(): element for element in signatures}
    if len(places) != len(signatures) or not places.keys() <= {response, *assertions}:
        refuse("saml.signature_place")
    if not assertions:
        _refuse_failure(response)
    assertion = assertions[0] if len(assertions) == 1 else None
    if assertion is None or assertion.getparent() is not response:
        refuse("saml.one_assertion")
    if assertion.tag == ENCRYPTED_ASSERTION:
        return _read_encrypted(response, assertion, places, parts)
    if not (response.get("ID") and assertion.get("ID")):
        refuse("saml.id")
    if not places:
        refuse("saml.unsigned")
    return Layout(
        response=response,
        assertion=assertion,
        response_signature=places.get(response),
        assertion_signature=places.get(assertion),
        encrypted_parts=bool(parts) and _require_placed(parts, assertion),
    )


def _read_encrypted(
    response: Element, encrypted: Element, places: dict[Element | None, Element], parts: list[Element]
) -> EncryptedLayout:
    """Nothing of SAML stands in the clear inside an EncryptedAssertion."""
    if parts:
        refuse("saml.encrypted")
    if encrypted in places:
        refuse("saml.signature_place")
    if not response.get("ID"):
        refuse("saml.id")
    return EncryptedLayout(response=response, encrypted=encrypted, response_signature=places.get(response))


def read_assertion(assertion: Element) -> AssertionLayout:
    """Find the signature of an Assertion that was decrypted; the same rules hold for it.

    Args:
        assertion: Root of the plaintext.

    Raises:
        AssertionRefused: ``saml.response``, ``saml.one_assertion``, ``saml.signature_place``,
            ``saml.encrypted``, ``saml.id``, ``saml.limits``.
    """
    assertions, signatures, parts = _find(assertion)
    if assertions != [assertion] or assertion.tag != ASSERTION:
        refuse("saml.one_assertion")
    if len(signatures) > 1 or any(one.getparent() is not assertion for one in signatures):
        refuse("saml.signature_place")
    if not assertion.get("ID"):
        refuse("saml.id")
    return AssertionLayout(
        assertion=assertion,
        signature=signatures[0] if signatures else None,
        encrypted_parts=bool(parts) and _require_placed(parts, assertion),
    )


def find_parts(assertion: Element) -> list[Element]:
    """Return the encrypted parts of a signed Assertion, each in its place.

    Raises:
        AssertionRefused: ``saml.encrypted``, ``saml.limits``.
    """
    parts = list(assertion.iter(*PARTS))
    _require_placed(parts, assertion)
    return parts


def require_plain(part: Element) -> None:
    """Refuse a decrypted NameID or Attribute that holds what stands elsewhere or is encrypted again.

    Raises:
        AssertionRefused: ``saml.encrypted``.
    """
    if next(part.iter(*_PLACED), None) is not None:
        refuse("saml.encrypted")


def _find(root: Element) -> _Placed:
    assertions: list[Element] = []
    signatures: list[Element] = []
    parts: list[Element] = []
    for element in root.iter(*_PLACED):
        tag = element.tag
        if tag == SIGNATURE:
            signatures.append(element)
        elif tag in (ASSERTION, ENCRYPTED_ASSERTION):
            assertions.append(element)
        elif tag != RESPONSE:
            parts.append(element)
        elif element is not root:
            refuse("saml.response")
    return _Placed(assertions, signatures, parts)


def _require_placed(parts: list[Element], assertion: Element) -> bool:
    """Return True: every part stands where SAML has it, and they are few."""
    for part in parts:
        place = part.getparent()
        if place is None or place.tag != _PLACES[str(part.tag)] or place.getparent() is not assertion:
            refuse("saml.encrypted")
    if len(parts) > _MOST_PARTS:
        refuse("saml.limits")
    return True


def _refuse_failure(response: Element) -> None:
    """A message without Assertion is most often an error report: say which."""
    codes = [str(code.get("Value")) for code in response.iter(SAMLP + "StatusCode")]
    if codes and codes[0] != SUCCESS:
        words = [code.removeprefix(_STATUS) for code in codes[:2] if code.startswith(_STATUS)]
        known = ", ".join(word for word in words if word in _STATUS_WORDS)
        refuse("saml.status", f"{STEPS['saml.status']} ({known or 'for a reason of its own'})")
