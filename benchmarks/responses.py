"""Signed SAML responses as vendors shape them, made to pass every rule of ours.

Keys and responses are made at the start of a run and kept in a temporary directory.
"""

import base64
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

IDP = "https://idp.example.org/app/exk1fxl5x7hQ4mVbr0h8"
SP = "https://sp.example.org/saml/bench/metadata"
ACS = "https://sp.example.org/saml/bench/acs"
REQUEST = "_0123456789abcdef0123456789abcdef"

DS = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
ENC = "http://www.w3.org/2001/04/xmlenc#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ATTRIBUTES = {
    "urn:oid:0.9.2342.19200300.100.1.3": ("mail", "user{i}@example.org"),
    "urn:oid:2.5.4.42": ("givenName", "Ann-Sofie"),
    "urn:oid:2.5.4.4": ("sn", "Bergström"),
    "urn:oid:2.16.840.1.113730.3.1.241": ("displayName", "Ann-Sofie Bergström {i}"),
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.6": ("eduPersonPrincipalName", "user{i}@example.org"),
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.9": ("eduPersonScopedAffiliation", "member@example.org"),
    "urn:oid:2.5.4.12": ("title", "Principal Software Engineer"),
    "urn:oid:2.5.4.11": ("department", "Platform Engineering"),
    "http://schemas.microsoft.com/identity/claims/tenantid": (
        "tenantid",
        "0b0a3c4e-5a0c-4d5e-9d3e-0d6c7b9a1f22",
    ),
    "urn:oid:2.16.840.1.113730.3.1.3": ("employeeNumber", "{i}"),
}


@dataclass(frozen=True)
class Shape:
    """What a vendor's response looks like."""

    name: str
    signed: str = "assertion"  # assertion, response or both
    okta: bool = True  # saml2p:/saml2: prefixes, xsi:type and InclusiveNamespaces; else as ADFS
    groups: int = 5
    encrypted: bool = False  # the Assertion, after it was signed: AES-256-GCM, RSA-OAEP


@dataclass(frozen=True)
class Addressee:
    """Where responses go, and which requests they answer."""

    acs: str = ACS
    sp: str = SP
    requests: Sequence[str] = (REQUEST,)  # one for each response, or one for all; "" answers none


OURS = Addressee()
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("okta"),
        Shape("adfs", okta=False),
        Shape("both", signed="both"),
        Shape("500 groups", groups=500),
        Shape("encrypted", encrypted=True),
    )
}


def make_keys(directory: Path) -> None:
    """Make idp.key, idp.crt, sp.key and sp.crt (RSA 2048, self-signed), and idp-metadata.xml."""
    for who in ("idp", "sp"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "2"]
        command += ["-subj", f"/C=US/ST=California/L=San Francisco/O=Example/OU=SSOProvider/CN=bench-{who}"]
        command += ["-keyout", f"{who}.key", "-out", f"{who}.crt"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
    binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
    services = "".join(
        f'<md:SingleSignOnService Binding="{binding}{kind}" Location="https://idp.example.org/sso"/>'
        for kind in ("POST", "Redirect")
    )
    (directory / "idp-metadata.xml").write_text(
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{IDP}">'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"><md:KeyDescriptor use="signing">'
        f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{certificate_body(directory)}'
        f"</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>{services}"
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def make(shape: Shape, count: int, keys: Path, to: Addressee = OURS) -> list[str]:
    """Return ``count`` unique responses, base64, valid for a few minutes from now."""
    key = xmlsec.Key.from_file(str(keys / "idp.key"), xmlsec.KeyFormat.PEM)
    certificate = certificate_body(keys)
    now = datetime.now(UTC)
    signed = (_sign(_build(i, shape, certificate, now, to), key) for i in range(count))
    if shape.encrypted:
        ours = x509.load_pem_x509_certificate((keys / "sp.crt").read_bytes()).public_key()
        assert isinstance(ours, rsa.RSAPublicKey)
        signed = (_encrypt(root, ours) for root in signed)
    return [base64.b64encode(etree.tostring(root)).decode() for root in signed]


def certificate_body(keys: Path) -> str:
    """Return the IdP's certificate as it stands in KeyInfo."""
    lines = (keys / "idp.crt").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("-"))


def _sign(xml: str, key: xmlsec.Key) -> etree._Element:
    root = etree.fromstring(xml.encode())
    xmlsec.tree.add_ids(root, ["ID"])
    assertion = root.find(f"{{{SAML}}}Assertion")
    for element in (assertion, root):  # the assertion's first: the response's covers it
        signature = element.find(f"{{{DS}}}Signature")
        if signature is not None:
            context = xmlsec.SignatureContext()
            context.key = key
            context.sign(signature)
    return root


def _encrypt(root: etree._Element, to: rsa.RSAPublicKey) -> etree._Element:
    assertion = root.find(f"{{{SAML}}}Assertion")
    key, iv = AESGCM.generate_key(256), secrets.token_bytes(12)
    value = iv + AESGCM(key).encrypt(iv, etree.tostring(assertion), None)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (what most send)
    wrapped, sealed = (base64.b64encode(one).decode() for one in (to.encrypt(key, oaep), value))
    data = "<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>"
    encrypted = f"""<saml2:EncryptedAssertion xmlns:saml2="{SAML}"><xenc:EncryptedData xmlns:xenc="{ENC}" \
Type="{ENC}Element"><xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>\
<ds:KeyInfo xmlns:ds="{DS}"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{ENC}rsa-oaep-mgf1p">\
<ds:DigestMethod Algorithm="{DS}sha1"/></xenc:EncryptionMethod>{data.format(wrapped)}</xenc:EncryptedKey>\
</ds:KeyInfo>{data.format(sealed)}</xenc:EncryptedData></saml2:EncryptedAssertion>"""
    root.replace(assertion, etree.fromstring(encrypted))
    return root


def _signature(reference: str, certificate: str, shape: Shape) -> str:
    prefixes = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="xs"/>' if shape.okta else ""
    return f"""<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>\
<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>\
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>\
<ds:Reference URI="#{reference}"><ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/>\
<ds:Transform Algorithm="{EXCLUSIVE}">{prefixes}</ds:Transform></ds:Transforms>\
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>\
</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}\
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"""


def _attributes(i: int, shape: Shape, prefix: str) -> str:
    typed = (
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"' if shape.okta else ""
    )
    format_ = "urn:oasis:names:tc:SAML:2.0:attrname-format:"
    plain = "".join(
        f'<{prefix}Attribute Name="{name}" FriendlyName="{friendly}" NameFormat="{format_}uri">'
        f"<{prefix}AttributeValue{typed}>{value.format(i=i)}</{prefix}AttributeValue></{prefix}Attribute>"
        for name, (friendly, value) in ATTRIBUTES.items()
    )
    if shape.groups > 50:
        typed = ""  # what sends that many sends them short
    groups = "".join(
        f"<{prefix}AttributeValue{typed}>cn=app-group-{n:04d},ou=groups,dc=example</{prefix}AttributeValue>"
        for n in range(shape.groups)
    )
    return f'{plain}<{prefix}Attribute Name="groups" NameFormat="{format_}basic">{groups}</{prefix}Attribute>'


def _build(i: int, shape: Shape, certificate: str, now: datetime, to: Addressee) -> str:
    p, a = ("saml2p:", "saml2:") if shape.okta else ("samlp:", "")
    issuer = a or "saml:"
    xs = ' xmlns:xs="http://www.w3.org/2001/XMLSchema"' if shape.okta else ""
    declared = f'xmlns:saml2="{SAML}"' if shape.okta else f'xmlns="{SAML}"'
    entity = ' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity"'
    response_id, assertion_id = "id" + secrets.token_hex(16), "_" + secrets.token_hex(16)
    at, before, after = (_instant(now + timedelta(minutes=minutes)) for minutes in (0, -5, 5))
    request = to.requests[i % len(to.requests)]
    answers = f'InResponseTo="{request}" ' if request else ""
    response_signature = _signature(response_id, certificate, shape) if shape.signed != "assertion" else ""
    assertion_signature = _signature(assertion_id, certificate, shape) if shape.signed != "response" else ""
    return f"""<{p}Response xmlns:{p[:-1]}="{SAMLP}"{xs} Destination="{to.acs}" ID="{response_id}" \
{answers}IssueInstant="{at}" Version="2.0">\
<{issuer}Issuer xmlns:{issuer[:-1]}="{SAML}"{entity}>{IDP}</{issuer}Issuer>{response_signature}\
<{p}Status><{p}StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></{p}Status>\
<{a}Assertion {declared}{xs} ID="{assertion_id}" IssueInstant="{at}" Version="2.0">\
<{a}Issuer{entity}>{IDP}</{a}Issuer>{assertion_signature}<{a}Subject>\
<{a}NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">user{i}@example.org\
</{a}NameID><{a}SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<{a}SubjectConfirmationData {answers}NotOnOrAfter="{after}" Recipient="{to.acs}"/>\
</{a}SubjectConfirmation></{a}Subject><{a}Conditions NotBefore="{before}" NotOnOrAfter="{after}">\
<{a}AudienceRestriction><{a}Audience>{to.sp}</{a}Audience></{a}AudienceRestriction></{a}Conditions>\
<{a}AuthnStatement AuthnInstant="{at}" SessionIndex="{assertion_id}"><{a}AuthnContext>\
<{a}AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
</{a}AuthnContextClassRef></{a}AuthnContext></{a}AuthnStatement>\
<{a}AttributeStatement>{_attributes(i, shape, a)}</{a}AttributeStatement></{a}Assertion></{p}Response>"""


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
