"""Whose signature covers what: allow-lists, then the key, then the digest; only then is anything read.

SAML Core §5.4. Each signature is read by ``enveloped``, in its one allowed shape, and held to a key
that the connection knows beforehand. The SignedXml that leaves here is parsed again from exactly
the octets that were digested.
"""

from dataclasses import InitVar, dataclass
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from federation.saml import algorithms, enveloped, layout, xml
from federation.saml.algorithms import PublicKey
from federation.saml.bindings import Redirected
from federation.saml.certificates import VerificationKey
from federation.saml.enveloped import Claim
from federation.saml.layout import AssertionLayout, EncryptedLayout, Layout
from federation.saml.xml import Element, refuse


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
    claims = [
        enveloped.read(element, signature, legacy) for element, signature in places if signature is not None
    ]
    signers = [_verify_key(claim, keys) for claim in claims]
    octets = [enveloped.verify_digest(claim) for claim in claims]
    if not octets:
        refuse("saml.unsigned")
    read = enveloped.reparse(octets[0], claims[0])
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
    return SignedXml(xml.reparse(enveloped.canonicalize(inner.assertion, [])), envelope.fingerprint, _SEAL)


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
    claim = enveloped.read(element, signature, legacy)
    signer = _verify_key(claim, keys)
    return SignedXml(enveloped.reparse(enveloped.verify_digest(claim), claim), signer, _SEAL)


def _verify_key(claim: Claim, keys: tuple[VerificationKey, ...]) -> str:
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
