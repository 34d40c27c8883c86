"""An enveloped signature in its one allowed shape: read, and held to its key and its digest.

SAML Core §5.4: exactly one Reference, to the element that the Signature stands in; transforms
exactly [enveloped-signature, exclusive C14N]; KeyInfo ignored. No reference is resolved, no ID
looked up and no transform run for anyone: the octets are ours.
"""

from typing import Final, NamedTuple

import pybase64
from lxml import etree

from federation.saml import algorithms, xml
from federation.saml.xml import DS, Element, children, refuse

EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_PREFIXES: Final = 16
_SIGNED_INFO: Final = [DS + "CanonicalizationMethod", DS + "SignatureMethod", DS + "Reference"]
_REFERENCE: Final = [DS + "Transforms", DS + "DigestMethod", DS + "DigestValue"]
_TRANSFORMS: Final = [DS + "Transform", DS + "Transform"]
_ALGORITHMS: Final = [ENVELOPED, EXC_C14N]
_SIGNATURE: Final = [DS + "SignedInfo", DS + "SignatureValue"]
_SIGNATURE_AND_KEY: Final = [*_SIGNATURE, DS + "KeyInfo"]
_INCLUSIVE: Final = f"{{{EXC_C14N}}}InclusiveNamespaces"


class Claim(NamedTuple):
    """What a Signature says of itself; its shape and algorithms are allowed, no more."""

    element: Element
    signature: Element
    signed_info: bytes
    method: algorithms.Method
    value: bytes
    digest: algorithms.Digest
    digest_value: bytes
    prefixes: list[str]


def read(element: Element, signature: Element, legacy: frozenset[str]) -> Claim:
    """Hold a Signature to its one allowed shape; nothing is computed for an unknown one.

    Args:
        element: What it signs.
        signature: The Signature in it.
        legacy: The weak algorithms that this connection excepts.

    Raises:
        AssertionRefused: ``xml.SIGNED`` up to ``saml.namespace``; ``saml.limits``.
    """
    info, value = _children(signature, _SIGNATURE, _SIGNATURE_AND_KEY)[:2]
    canonicalization, method, reference = _children(info, _SIGNED_INFO)
    transforms, digest_method, digest_value = _children(reference, _REFERENCE)
    if len(value) or len(method) or len(digest_method) or len(digest_value):
        refuse("saml.signed_info")
    steps = children(transforms)
    named = [_read_algorithm(one) for one in (canonicalization, method, digest_method, *steps)]
    if named[0] != EXC_C14N:
        refuse("saml.canonicalization")
    known = algorithms.find_method(named[1], legacy)
    digest = algorithms.find_digest(named[2], legacy)
    if known is None or digest is None:
        refuse("saml.algorithm")
    if named[3:] != _ALGORITHMS or [one.tag for one in steps] != _TRANSFORMS or len(steps[0]):
        refuse("saml.transforms")
    prefixes = _read_prefixes(steps[1], "saml.transforms")
    if reference.keys() != ["URI"] or reference.get("URI") != f"#{element.get('ID')}":
        refuse("saml.reference")
    xml.require_plain_namespaces(info)
    return Claim(
        element=element,
        signature=signature,
        signed_info=canonicalize(info, _read_prefixes(canonicalization, "saml.canonicalization")),
        method=known,
        value=_decode(value),
        digest=digest,
        digest_value=_decode(digest_value),
        prefixes=prefixes,
    )


def _children(parent: Element, *allowed: list[str]) -> list[Element]:
    """Return the children, which must be exactly one of the lists allowed."""
    found = children(parent)
    if [child.tag for child in found] not in allowed:
        refuse("saml.signed_info")
    return found


def _read_algorithm(element: Element) -> str:
    """Return the only attribute that is allowed."""
    items = element.items()
    if len(items) != 1 or items[0][0] != "Algorithm":
        refuse("saml.signed_info")
    return str(items[0][1])


def _read_prefixes(method: Element, step: str) -> list[str]:
    """Exclusive C14N §4: the prefixes that are treated as inclusive C14N does."""
    inside = children(method)
    if not inside:
        return []
    first = inside[0]
    if len(inside) != 1 or first.tag != _INCLUSIVE or first.keys() != ["PrefixList"] or len(first):
        refuse(step)
    prefixes = str(first.get("PrefixList")).split()
    if len(prefixes) > _PREFIXES:
        refuse(step)
    return prefixes


def _decode(element: Element) -> bytes:
    try:
        return pybase64.b64decode("".join((element.text or "").split()), validate=True)
    except ValueError:
        refuse("saml.signed_info")


def canonicalize(element: Element, prefixes: list[str]) -> bytes:
    """Return an element's exclusive C14N octets, without comments.

    Raises:
        AssertionRefused: ``saml.namespace``, where libxml2 cannot: an empty answer is no content.
    """
    try:
        octets = etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=prefixes or None,
        )
    except (etree.LxmlError, ValueError):
        refuse("saml.namespace")
    if octets[:1] != b"<":
        refuse("saml.namespace")
    return bytes(octets)


def verify_digest(claim: Claim) -> bytes:
    """Return the octets that were digested; the Signature is gone from the tree then.

    Raises:
        AssertionRefused: ``saml.digest``, ``saml.namespace``.
    """
    _remove(claim.element, claim.signature)
    octets = canonicalize(claim.element, claim.prefixes)
    if claim.digest(octets).digest() != claim.digest_value:
        refuse("saml.digest")
    return octets


def _remove(element: Element, signature: Element) -> None:
    """Take the Signature out and keep the text behind it, which lxml would take along."""
    if signature.tail:
        before = signature.getprevious()
        if before is None:
            element.text = (element.text or "") + signature.tail
        else:
            before.tail = (before.tail or "") + signature.tail
    element.remove(signature)


def reparse(octets: bytes, claim: Claim) -> Element:
    """Read the digested octets again; their root must be the element that was signed.

    Raises:
        AssertionRefused: ``saml.digest``.
    """
    root = xml.reparse(octets)
    if root.tag != claim.element.tag or root.get("ID") != claim.element.get("ID"):
        refuse("saml.digest")
    return root
