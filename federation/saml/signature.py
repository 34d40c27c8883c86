"""Restricted XML-DSig: allow-lists, then the key, then the digest; only then is anything read.

SAML Core §5.4, tightened: exactly one Reference, to the element that the Signature stands in;
transforms exactly [enveloped-signature, exclusive C14N]; KeyInfo ignored. No reference is
resolved, no ID looked up and no transform run for anyone: the octets are ours, and the
SignedXml that leaves here is parsed again from exactly those.
"""

import base64
import binascii
import hashlib
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from federation.errors import ConfigurationError
from federation.saml import algorithms, layout, xml
from federation.saml.algorithms import PublicKey
from federation.saml.bindings import Redirected
from federation.saml.layout import AssertionLayout, EncryptedLayout, Layout
from federation.saml.xml import DS, Element, refuse

EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_PREFIXES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key of an identity provider, parsed once; its certificate's dates only warn."""

    public_key: PublicKey
    fingerprint: str  # SHA-256 of the certificate, hex
    not_after: datetime  # UTC


_SIGNED_INFO = [DS + "CanonicalizationMethod", DS + "SignatureMethod", DS + "Reference"]
_REFERENCE = [DS + "Transforms", DS + "DigestMethod", DS + "DigestValue"]
_TRANSFORMS = [DS + "Transform", DS + "Transform"]
_ALGORITHMS = [ENVELOPED, EXC_C14N]
_SIGNATURE = [DS + "SignedInfo", DS + "SignatureValue"]
_SIGNATURE_AND_KEY = [*_SIGNATURE, DS + "KeyInfo"]
_INCLUSIVE = f"{{{EXC_C14N}}}InclusiveNamespaces"


class _Seal:
    """Held by this module alone."""


_SEAL = _Seal()


@dataclass(frozen=True)
class SignedXml:
    """An element parsed again from exactly the octets whose digest a known key signed."""

    root: Element
    fingerprint: str  # SHA-256 of the certificate whose key it was, hex
    seal: InitVar[_Seal]

    def __post_init__(self, seal: _Seal) -> None:
        if seal is not _SEAL:
            raise TypeError("SignedXml is made by this module only")


class SignedMessage(NamedTuple):
    """A message whose every signature held. The Response is signed, or says that it is not."""

    assertion: SignedXml
    response: SignedXml | None
    unverified_response: Element  # as received; only ever a reason to refuse
    response_key: str  # fingerprint of the certificate that verified the Response; "" where unsigned
    assertion_key: str  # the same of the Assertion's own signature
    encrypted: bool  # the whole Assertion was
    encrypted_parts: bool  # its NameID or attributes are

    @property
    def both(self) -> bool:
        """Whether each of the two carries its own signature."""
        return bool(self.response_key and self.assertion_key)


class Decrypt(Protocol):
    """Opens an EncryptedAssertion into the root of a new untrusted document."""

    def __call__(self, encrypted: Element, *, covered: bool) -> Element:
        """Decrypt; ``covered`` where a signature that held covers the ciphertext."""


class _Unverified(NamedTuple):
    """What a Signature says of itself; its shape and algorithms are allowed, no more."""

    element: Element
    signature: Element
    signed_info: bytes
    method: algorithms.Method
    value: bytes
    digest: algorithms.Digest
    digest_value: bytes
    prefixes: list[str]


def read_key(certificate: bytes) -> VerificationKey:
    """Read an X.509 certificate (DER) into a key that verifies.

    Raises:
        ConfigurationError: ``saml.certificate``, ``saml.weak_key``.
    """
    try:
        read = x509.load_der_x509_certificate(certificate)
        public_key = read.public_key()
    except (ValueError, TypeError, x509.InvalidVersion):
        raise ConfigurationError("saml.certificate", "a signing certificate cannot be read") from None
    match public_key:
        case rsa.RSAPublicKey(key_size=bits) if bits >= _RSA_BITS:
            pass
        case ec.EllipticCurvePublicKey(curve=curve) if isinstance(curve, _CURVES):
            pass
        case _:
            raise ConfigurationError(
                "saml.weak_key",
                "a signing certificate holds neither RSA of 2048 bits or more, nor P-256, P-384 or P-521",
            )
    return VerificationKey(
        public_key=public_key,
        fingerprint=hashlib.sha256(certificate).hexdigest(),
        not_after=read.not_valid_after_utc,
    )


def verify(found: Layout, keys: tuple[VerificationKey, ...], *, legacy: frozenset[str]) -> SignedMessage:
    """Verify every signature of a message, and return what was signed.

    Args:
        found: From ``layout.read``; its tree is spent afterwards.
        keys: The connection's own, never from the message.
        legacy: The weak algorithms that this connection excepts.

    Raises:
        AssertionRefused: ``saml.unsigned``, ``xml.SIGNED``.

    Source: SAML Core §5.4, XML-DSig §3.2.
    """
    # The Response first: its digest covers the Assertion with the Assertion's own signature.
    places = ((found.response, found.response_signature), (found.assertion, found.assertion_signature))
    claims = [_read(element, signature, legacy) for element, signature in places if signature is not None]
    signers = [_verify_key(claim, keys) for claim in claims]
    octets = [_verify_digest(claim) for claim in claims]
    if not octets:
        refuse("saml.unsigned")
    read = _reparse(octets[0], claims[0])
    if claims[0].element is found.assertion:
        return SignedMessage(
            assertion=SignedXml(read, signers[0], _SEAL),
            response=None,
            unverified_response=found.response,
            response_key="",
            assertion_key=signers[0],
            encrypted=False,
            encrypted_parts=found.encrypted_parts,
        )
    inner = read.find(xml.ASSERTION)
    if inner is None:
        refuse("saml.one_assertion")
    return SignedMessage(
        assertion=SignedXml(inner, signers[-1], _SEAL),
        response=SignedXml(read, signers[0], _SEAL),
        unverified_response=read,
        response_key=signers[0],
        assertion_key=signers[1] if len(signers) > 1 else "",
        encrypted=False,
        encrypted_parts=found.encrypted_parts,
    )


def verify_encrypted(
    found: EncryptedLayout, keys: tuple[VerificationKey, ...], *, legacy: frozenset[str], decrypt: Decrypt
) -> SignedMessage:
    """Verify a message whose Assertion is encrypted: what is signed outside, before it is opened.

    An EncryptedAssertion by itself proves nothing, since anybody can encrypt to us: its ciphertext
    is signed with the Response, or the Assertion inside has a signature of its own, or both.

    Args:
        found: From ``layout.read``; its tree is spent afterwards.
        keys: The connection's own, never from the message.
        legacy: The weak algorithms that this connection excepts.
        decrypt: How the Assertion is opened; its ``covered`` is said here alone.

    Raises:
        AssertionRefused: ``saml.unsigned``, ``xml.SIGNED``; what ``decrypt`` and
            ``layout.read_assertion`` raise.

    Source: SAML Core §6.2; XML-DSig §3.2.
    """
    envelope, encrypted = None, found.encrypted
    if found.response_signature is not None:
        envelope = _verify_one(found.response, found.response_signature, keys, legacy)
        # Of the digested octets; ``layout.read`` saw that it stands there once.
        inside = envelope.root.find(layout.ENCRYPTED_ASSERTION)
        if inside is None:
            refuse("saml.one_assertion")
        encrypted = inside
    inner = layout.read_assertion(decrypt(encrypted, covered=envelope is not None))
    if inner.signature is not None:
        assertion = _verify_one(inner.assertion, inner.signature, keys, legacy)
    elif envelope is not None:
        assertion = _covered(inner, envelope)
    else:
        refuse("saml.unsigned")
    return SignedMessage(
        assertion=assertion,
        response=envelope,
        unverified_response=found.response if envelope is None else envelope.root,
        response_key="" if envelope is None else envelope.fingerprint,
        assertion_key="" if inner.signature is None else assertion.fingerprint,
        encrypted=True,
        encrypted_parts=inner.encrypted_parts,
    )


def _covered(inner: AssertionLayout, envelope: SignedXml) -> SignedXml:
    """Return an Assertion whose ciphertext was signed, read as a signed one would be."""
    xml.require_plain_namespaces(inner.assertion)
    return SignedXml(xml.reparse(canonicalize(inner.assertion, [])), envelope.fingerprint, _SEAL)


def verify_element(root: Element, *, keys: tuple[VerificationKey, ...], legacy: frozenset[str]) -> SignedXml:
    """Verify the one enveloped signature of a whole document: a logout message, or metadata.

    Args:
        root: From ``xml.parse``; its tree is spent afterwards.
        keys: Whose signature it must be, never from the document.
        legacy: The weak algorithms that this connection excepts.

    Raises:
        AssertionRefused: ``saml.id``, ``saml.unsigned``, ``saml.signature_place``, ``xml.SIGNED``.

    Source: SAML Core §5.4; Metadata §3.
    """
    if not root.get("ID"):
        refuse("saml.id", "the document that should be signed has no ID")
    signatures = root.findall(xml.SIGNATURE)
    if not signatures:
        refuse("saml.unsigned", "the document is not signed")
    if len(signatures) > 1:
        refuse("saml.signature_place", "the document is signed more than once")
    return _verify_one(root, signatures[0], keys, legacy)


def _verify_one(
    element: Element, signature: Element, keys: tuple[VerificationKey, ...], legacy: frozenset[str]
) -> SignedXml:
    claim = _read(element, signature, legacy)
    signer = _verify_key(claim, keys)
    return SignedXml(_reparse(_verify_digest(claim), claim), signer, _SEAL)


def _verify_key(claim: _Unverified, keys: tuple[VerificationKey, ...]) -> str:
    """Return the fingerprint of the certificate whose key made the signature."""
    for key in keys:
        if claim.method.verify(key.public_key, claim.value, claim.signed_info):
            return key.fingerprint
    return refuse("saml.signature")


def verify_query(
    redirected: Redirected, keys: tuple[VerificationKey, ...], *, legacy: frozenset[str]
) -> None:
    """Verify the signature of an HTTP-Redirect message, over the octets as they came.

    Args:
        redirected: From ``bindings.decode_redirect``.
        keys: The connection's own.
        legacy: The weak algorithms that this connection excepts.

    Raises:
        AssertionRefused: ``saml.query_unsigned``, ``saml.algorithm``, ``saml.signature``.

    Source: SAML Bindings §3.4.4.1.
    """
    if not (redirected.sig_alg and redirected.signature):
        refuse("saml.query_unsigned", "the query has no SigAlg with a Signature")
    method = algorithms.find_method(redirected.sig_alg, legacy)
    if method is None:
        refuse("saml.algorithm")
    octets, value = redirected.signed_octets, redirected.signature
    if not any(method.verify(key.public_key, _plain(value, key.public_key), octets) for key in keys):
        refuse("saml.signature")


def _plain(value: bytes, key: PublicKey) -> bytes:
    """Return r and s side by side, as XML has them; in a query many peers write DER."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return value
    size = (key.curve.key_size + 7) // 8
    if len(value) == 2 * size:
        return value
    try:
        return b"".join(part.to_bytes(size) for part in decode_dss_signature(value))
    except (ValueError, OverflowError):
        return b""


def _read(element: Element, signature: Element, legacy: frozenset[str]) -> _Unverified:
    """Hold a Signature to its one allowed shape; nothing is computed for an unknown one."""
    info, value = _children(signature, _SIGNATURE, _SIGNATURE_AND_KEY)[:2]
    canonicalization, method, reference = _children(info, _SIGNED_INFO)
    transforms, digest_method, digest_value = _children(reference, _REFERENCE)
    if len(value) or len(method) or len(digest_method) or len(digest_value):
        refuse("saml.signed_info")
    steps = list(transforms)
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
    return _Unverified(
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
    children = list(parent)
    if [child.tag for child in children] not in allowed:
        refuse("saml.signed_info")
    return children


def _read_algorithm(element: Element) -> str:
    """Return the only attribute that is allowed."""
    if element.keys() != ["Algorithm"]:
        refuse("saml.signed_info")
    return str(element.get("Algorithm"))


def _read_prefixes(method: Element, step: str) -> list[str]:
    """Exclusive C14N §4: the prefixes that are treated as inclusive C14N does."""
    if not len(method):
        return []
    first = method[0]
    prefixes = str(first.get("PrefixList")).split()
    if len(method) != 1 or first.tag != _INCLUSIVE or first.keys() != ["PrefixList"] or len(first):
        refuse(step)
    if len(prefixes) > _PREFIXES:
        refuse(step)
    return prefixes


def _decode(element: Element) -> bytes:
    try:
        return binascii.a2b_base64("".join((element.text or "").split()), strict_mode=True)
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


def _verify_digest(claim: _Unverified) -> bytes:
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


def _reparse(octets: bytes, claim: _Unverified) -> Element:
    """Read the digested octets again; their root must be the element that was signed."""
    root = xml.reparse(octets)
    if root.tag != claim.element.tag or root.get("ID") != claim.element.get("ID"):
        refuse("saml.digest")
    return root


def read_base64(text: str) -> bytes:
    """Decode the text of an ``X509Certificate``, white space allowed.

    Raises:
        ConfigurationError: ``saml.certificate``.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ConfigurationError("saml.certificate", "a signing certificate is not base64") from None
