"""XML signatures of the development SAML IdP: right ones, and one knob per way to be wrong.

lxml's C14N and cryptography; xmlsec, in the tests, says whether the right ones are right.
``...`` in a knob means the right value, None leaves the part out.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import TypeAlias
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from lxml import etree

from federation.saml.xml import DS, SIGNATURE, Element

Text: TypeAlias = str | EllipsisType | None

EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"
DIGESTS = {
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "md5": f"{_MORE}md5",
    "sha256": f"{_ENC}sha256",
    "sha384": f"{_MORE}sha384",
    "sha512": f"{_ENC}sha512",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 (the knob that must be refused)
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True)
class SigningKey:
    """A key pair and its self-signed certificate, made at start."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: bytes  # DER

    @property
    def text(self) -> str:
        """The certificate as metadata and KeyInfo have it."""
        return base64.b64encode(self.certificate).decode()


def make_key(*, now: datetime, curve: ec.EllipticCurve | None = None, bits: int = 2048) -> SigningKey:
    """Make a key and a certificate for it; RSA unless a curve is named."""
    private = (
        ec.generate_private_key(curve)
        if curve
        else rsa.generate_private_key(public_exponent=65537, key_size=bits)
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "development SAML IdP")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    return SigningKey(private, certificate.public_bytes(serialization.Encoding.DER))


@dataclass(frozen=True, kw_only=True)
class SignatureKnobs:
    """How an element is signed; every default is right."""

    key: SigningKey | None = None  # None: the IdP's own
    method: str = ""  # rsa-sha256, rsa-sha1, sha256-rsa-MGF1, ecdsa-sha256 …; "": fits the key
    digest: str = "sha256"
    canonicalization: str = EXC_C14N
    transforms: tuple[str, ...] = (ENVELOPED, EXC_C14N)
    prefixes: str = ""  # PrefixList of the transform
    reference: Text = ...  # URI
    references: int = 1
    in_signed_info: str = ""  # further XML in the places that a signature has
    in_signature: str = ""
    key_info: Text = ...


def sign(element: Element, key: SigningKey, knobs: SignatureKnobs) -> None:
    """Sign an element in its tree, where its empty Signature stands (XML-DSig §3.1)."""
    place = element.find(SIGNATURE)
    if place is None:
        raise ValueError("there is no place for a signature")
    # In its own place: a copy would lose the declarations that a PrefixList names.
    index, tail = element.index(place), place.tail
    _lift(element, place)
    method = knobs.method or fitting(key)
    octets = canonicalize(element, knobs.prefixes.split())
    digest = base64.b64encode(hashlib.new(knobs.digest, octets).digest()).decode()
    signature = etree.fromstring(_signature(str(element.get("ID")), method, digest, key, knobs).encode())
    element.insert(index, signature)
    _lower(signature, tail)
    value = make_value(key, method, canonicalize(signature[0], []))
    found = signature.find(DS + "SignatureValue")
    if found is not None:
        found.text = base64.b64encode(value).decode()


def canonicalize(element: Element, prefixes: list[str]) -> bytes:
    """Return exclusive C14N octets."""
    return bytes(
        etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            with_comments=False,
            inclusive_ns_prefixes=prefixes or None,
        )
    )


def _lift(element: Element, signature: Element) -> None:
    """Take a Signature out and leave the text behind it where it was."""
    before, tail = signature.getprevious(), signature.tail or ""
    if before is None:
        element.text = (element.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    element.remove(signature)


def _lower(signature: Element, tail: str | None) -> None:
    """Put the text behind a Signature again, after ``_lift`` left it before."""
    before = signature.getprevious()
    if before is not None and tail:
        before.tail = (before.tail or "").removesuffix(tail)
        signature.tail = tail


def make_value(key: SigningKey, method: str, octets: bytes) -> bytes:
    """Return the signature value of some octets, of an element or of a query."""
    sha = _HASHES[next(name for name in _HASHES if name in method)]
    if isinstance(key.private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.private.sign(octets, ec.ECDSA(sha)))
        size = (key.private.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)
    if method.endswith("MGF1"):
        pss = padding.PSS(padding.MGF1(sha), padding.PSS.DIGEST_LENGTH)
        return key.private.sign(octets, pss, sha)
    return key.private.sign(octets, padding.PKCS1v15(), sha)


def fitting(key: SigningKey) -> str:
    """Return the usual method of a key."""
    return "rsa-sha256" if isinstance(key.private, rsa.RSAPrivateKey) else "ecdsa-sha256"


def algorithm(method: str) -> str:
    """Return a method's URI (RFC 6931 §2.3)."""
    if method == "rsa-sha1":
        return "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    if method.endswith("MGF1"):
        return f"http://www.w3.org/2007/05/xmldsig-more#{method}"
    return f"{_MORE}{method}"


def _signature(element_id: str, method: str, digest: str, key: SigningKey, knobs: SignatureKnobs) -> str:
    inclusive = (
        f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{knobs.prefixes}"/>'
        if knobs.prefixes
        else ""
    )
    transforms = "".join(
        f'<ds:Transform Algorithm="{one}">{inclusive if one == EXC_C14N else ""}</ds:Transform>'
        for one in knobs.transforms
    )
    uri = attribute("URI", choose(knobs.reference, f"#{element_id}"))
    reference = (
        f"<ds:Reference{uri}><ds:Transforms>{transforms}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{DIGESTS[knobs.digest]}"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
    certificate = f"<ds:X509Data><ds:X509Certificate>{key.text}</ds:X509Certificate></ds:X509Data>"
    return (
        f'<ds:Signature xmlns:ds="{DS[1:-1]}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{knobs.canonicalization}"/>'
        f'<ds:SignatureMethod Algorithm="{algorithm(method)}"/>'
        f"{reference * knobs.references}{knobs.in_signed_info}</ds:SignedInfo><ds:SignatureValue/>"
        f"{choose(knobs.key_info, f'<ds:KeyInfo>{certificate}</ds:KeyInfo>') or ''}"
        f"{knobs.in_signature}</ds:Signature>"
    )


def choose(knob: Text, right: str) -> str | None:
    """Return what a knob says: ``...`` is the right value."""
    return right if isinstance(knob, EllipsisType) else knob


def attribute(name: str, value: str | None) -> str:
    """Return an attribute as XML text; None leaves it out."""
    return "" if value is None else f" {name}={quoteattr(value)}"
