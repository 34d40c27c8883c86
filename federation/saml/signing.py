"""Signing what we send, and xmlsec's verification as a second opinion.

The octets of a redirect query are signed by cryptography, documents by xmlsec, which resolves
references and runs transforms by itself: it is given only what we built, or what has passed
our own verdict. Keys are loaded once, and no KeysManager is made (it reads a trust store).
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import xml
from federation.saml.algorithms import PublicKey
from federation.saml.enveloped import ENVELOPED, EXC_C14N
from federation.saml.xml import DS, SAML, SIGNATURE, Element

if TYPE_CHECKING:
    import xmlsec

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_OCTETS = 32 * 1024 * 1024  # our own documents: the metadata of some thousand connections
_ELEMENTS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """Our key, loaded once for both libraries, and the certificate that identity providers hold."""

    private_key: PrivateKey = field(repr=False)
    xmlsec_key: "xmlsec.Key" = field(repr=False)
    certificate: str = field(repr=False)  # base64 of DER, as KeyInfo has it

    @property
    def algorithm(self) -> str:
        """Return the URI of the signature algorithm (RFC 6931 §2.3.2, §2.3.6)."""
        return RSA_SHA256 if isinstance(self.private_key, rsa.RSAPrivateKey) else ECDSA_SHA256

    def sign(self, octets: bytes) -> bytes:
        """Return the signature value as XML-DSig and the redirect binding have it."""
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            return self.private_key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private_key.sign(octets, ec.ECDSA(hashes.SHA256())))
        size = (self.private_key.curve.key_size + 7) // 8
        return r.to_bytes(size) + s.to_bytes(size)  # RFC 6931 §2.3.6: side by side, not DER


def read_signing_key(private_key: PrivateKey, certificate_der: bytes) -> SigningKey:
    """Take our key, once, at start. lxml and xmlsec must agree by then (``xml.library_fault``).

    Args:
        private_key: RSA or EC, loaded and checked already.
        certificate_der: The certificate of that key.

    Raises:
        ConfigurationError: ``keys.private_key``, ``keys.certificate``, ``keys.pair``.
    """
    library = _library()
    if not isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError("keys.private_key", "our key is neither an RSA nor an EC key")
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
    except ValueError:
        raise ConfigurationError("keys.certificate", "our certificate is not an X.509 certificate") from None
    if certificate.public_key() != private_key.public_key():
        raise ConfigurationError("keys.pair", "our certificate is not the certificate of our key")
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningKey(
        private_key=private_key,
        xmlsec_key=library.Key.from_memory(pem, library.constants.KeyDataFormatPem),
        certificate=base64.b64encode(certificate_der).decode(),
    )


def sign_query(query: str, key: SigningKey) -> str:
    """Return the query with SigAlg and Signature behind it.

    Args:
        query: ``SAMLRequest=…&RelayState=…``, percent-encoded: exactly these octets are signed.
        key: Ours.

    Source: SAML Bindings §3.4.4.1.
    """
    signed = f"{query}&SigAlg={quote(key.algorithm, safe='')}"
    value = base64.b64encode(key.sign(signed.encode("ascii"))).decode()
    return f"{signed}&Signature={quote(value, safe='')}"


def sign_document(document: bytes, key: SigningKey) -> bytes:
    """Return a document of ours with an enveloped signature over its root.

    Args:
        document: XML that we built, with an ID on its root.
        key: Ours.

    Source: SAML Core §5.4; Metadata §3.1.
    """
    library = _library()
    root = xml.parse(document, octets=_OCTETS, elements=_ELEMENTS)
    name = root.get("ID", "")
    if not name:
        raise ValueError("what is signed needs an ID on its root")
    signature = etree.fromstring(_template(name, key.algorithm))
    # Core §3.2.1: behind the Issuer, where there is one; Metadata §2.3: first.
    root.insert(1 if len(root) and root[0].tag == SAML + "Issuer" else 0, signature)
    context = library.SignatureContext()
    context.key = key.xmlsec_key
    context.register_id(root, "ID")
    context.sign(signature)
    _put_key_info(signature, key)
    declared = document.startswith(b"<?xml")
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=declared))


def _template(name: str, algorithm: str) -> bytes:
    # The name is an identifier that we made and the gate has read: nothing in it needs escaping.
    return (
        f'<ds:Signature xmlns:ds="{DS[1:-1]}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"/><ds:SignatureMethod Algorithm="{algorithm}"/>'
        f'<ds:Reference URI="#{name}"><ds:Transforms><ds:Transform Algorithm="{ENVELOPED}"/>'
        f'<ds:Transform Algorithm="{EXC_C14N}"/></ds:Transforms><ds:DigestMethod Algorithm="{_SHA256}"/>'
        "<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
    ).encode()


def _put_key_info(signature: Element, key: SigningKey) -> None:
    """Name the certificate; it stands outside of what is signed, and xmlsec would fill it anew."""
    info = etree.SubElement(signature, DS + "KeyInfo")
    data = etree.SubElement(info, DS + "X509Data")
    etree.SubElement(data, DS + "X509Certificate").text = key.certificate


@dataclass(frozen=True, slots=True)
class Judge:
    """The keys of one identity provider as xmlsec holds them, loaded once."""

    keys: "tuple[xmlsec.Key, ...]" = field(repr=False)


def read_judge(public_keys: Iterable[PublicKey]) -> Judge:
    """Load an identity provider's keys into xmlsec; at load, never in a request."""
    library = _library()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pems = (one.public_bytes(serialization.Encoding.PEM, spki) for one in public_keys)
    return Judge(tuple(library.Key.from_memory(pem, library.constants.KeyDataFormatPem) for pem in pems))


def verify_again(document: bytes, judge: Judge) -> str | None:
    """Ask xmlsec whether every signature holds, or say why not.

    To be asked after our own verdict only, of the octets that it was about: xmlsec follows
    references and runs transforms before a key has spoken.

    Args:
        document: A message that we accepted; of an encrypted assertion, its plaintext.
        judge: The keys of its identity provider.

    Returns:
        A sentence of ours, or None: every signature was made by one of the keys.
    """
    try:
        root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    except AssertionRefused as refusal:
        return f"xmlsec was not asked: {refusal.detail}"
    signatures = list(root.iter(SIGNATURE))
    if not signatures:
        return "xmlsec finds no signature"
    for signature in signatures:
        if not any(_holds(signature, key) for key in judge.keys):
            return "xmlsec finds a signature that no key of this identity provider made"
    return None


def _holds(signature: Element, key: "xmlsec.Key") -> bool:
    library = _library()
    parent = signature.getparent()
    if parent is None or not parent.get("ID"):
        return False
    context = library.SignatureContext()
    context.key = key
    context.register_id(parent, "ID")
    try:
        context.verify(signature)
    except library.Error:
        return False
    return True


@cache
def _library() -> ModuleType:
    """Import xmlsec when first used: where it cannot be, ``xml.library_fault`` has said so at start."""
    import xmlsec  # noqa: PLC0415

    xmlsec.cleanup_callbacks()  # whatever a Reference names, no file or URL is opened for it
    return xmlsec
