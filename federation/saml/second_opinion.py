"""Another verifier, asked after our own verdict: its no refuses, its yes never admits.

For connections that want it (``second_opinion``). It costs more than our own verdict, and is
asked for nothing that we refuse.
"""

import base64
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from cryptography.hazmat.primitives import serialization

from federation.errors import AssertionRefused, Check
from federation.identity import SEAL, VerifiedAssertion
from federation.saml import encryption, layout, signing, toolkit, xml
from federation.saml.encryption import DecryptionKey
from federation.saml.expected import Expected, Unsolicited
from federation.saml.layout import Layout
from federation.saml.metadata import IdentityProvider
from federation.saml.xml import SIGNATURE

CODE = "saml.second_opinion"
_ELEMENTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Whom to ask about one identity provider's messages, with its keys loaded."""

    name: Literal["xmlsec", "python3-saml"]
    xmlsec: signing.Judge
    certificates: tuple[str, ...] = field(repr=False)  # base64 of DER


def read_judge(name: Literal["xmlsec", "python3-saml"], idp: IdentityProvider) -> Judge:
    """Load an identity provider's keys, at load or when they change."""
    return Judge(
        name=name,
        xmlsec=signing.read_judge(key.public_key for key in idp.keys),
        certificates=tuple(base64.b64encode(key.certificate).decode() for key in idp.keys),
    )


def ask(
    assertion: VerifiedAssertion,
    document: bytes,
    *,
    judge: Judge,
    expected: Expected,
    decryption_keys: tuple[DecryptionKey, ...],
) -> VerifiedAssertion:
    """Return the assertion, with the second verifier's word among its checks.

    Args:
        assertion: Ours, of this document.
        document: As it was received.
        judge: Whom to ask.
        expected: As our own verdict had it.
        decryption_keys: Our own.

    Raises:
        AssertionRefused: ``saml.second_opinion``.
    """
    why = (
        _xmlsec(document, judge, decryption_keys, expected.legacy)
        if judge.name == "xmlsec"
        else _python3_saml(document, judge, decryption_keys, expected)
    )
    if why is None:
        return replace(assertion, checks=(*assertion.checks, Check(f"{CODE}:{judge.name}")), seal=SEAL)
    refusal = AssertionRefused(
        CODE, f"{judge.name} refuses what we accept", (*assertion.checks, Check(CODE, f"{judge.name}: {why}"))
    )
    refusal.person = assertion.subject.person
    raise refusal


def _xmlsec(
    document: bytes, judge: Judge, decryption_keys: tuple[DecryptionKey, ...], legacy: frozenset[str]
) -> str | None:
    """Every signature that can be seen, and those within what was encrypted to us."""
    found = layout.read(xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS))
    if isinstance(found, Layout):
        return signing.verify_again(document, judge.xmlsec)
    covered = found.response_signature is not None
    plain = encryption.decrypt(found.encrypted, decryption_keys, covered=covered, legacy=legacy)
    inner = xml.parse(plain, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    asked = ([document] if covered else []) + ([plain] if inner.find(SIGNATURE) is not None else [])
    if not asked:
        return "xmlsec finds no signature"
    return next((why for one in asked if (why := signing.verify_again(one, judge.xmlsec))), None)


def _python3_saml(
    document: bytes, judge: Judge, decryption_keys: tuple[DecryptionKey, ...], expected: Expected
) -> str | None:
    """Ask with each of our keys: it knows one, and a message may be encrypted to the next."""
    root = xml.parse(document, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    ask_with = partial(
        toolkit.second_opinion,
        document,
        idp_entity_id=expected.idp.entity_id,
        sso_url=expected.idp.sso_url,
        certificates=judge.certificates,
        sp_entity_id=expected.terms.sp_entity_id,
        acs_url=expected.acs_url,
        request_id=None if isinstance(expected.request_id, Unsolicited) else expected.request_id,
        signed_response=root.find(SIGNATURE) is not None,
        name_id_format=expected.terms.name_id_format,
    )
    said: str | None = None
    for pem in map(_pem, decryption_keys) if decryption_keys else ("",):
        if (said := ask_with(private_key=pem)) is None:
            return None
    return said


def _pem(key: DecryptionKey) -> str:
    return key.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
