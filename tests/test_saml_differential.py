"""A second and a third judge: what we accept, xmlsec and python3-saml accept too.

xmlsec verifies each signature in place, with reference processing and its own C14N. python3-saml
judges the whole message; where it refuses a valid one, the row says why.
"""
# ruff: noqa: E501 (one message, one line)

import base64
import random
from typing import Any

import pytest
import xmlsec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from saml_peer import ACS, IDP, NOW, REQUEST, SKEW, SP, accept, expected, peer, refusal, response

from federation.errors import FederationError
from federation.saml import bindings, service_provider, toolkit

XS = ' xmlns:xs="http://www.w3.org/2001/XMLSchema"'
DS = "{http://www.w3.org/2000/09/xmldsig#}"

# python3-saml's reason for refusing a valid message (saml_security §2.2), None where it agrees.
NO_REASON = None
ACCEPTED: list[tuple[str, dict[str, Any], str | None]] = [
    ("plain", {}, NO_REASON),
    ("Response signed", {"sign": "response"}, NO_REASON),
    ("both signed", {"sign": "both"}, NO_REASON),
    ("default namespace", {"prefix": "default"}, NO_REASON),
    ("pretty", {"pretty": True, "sign": "both"}, NO_REASON),
    ("PrefixList", {"prefixes": "xs", "namespaces": XS}, NO_REASON),
    ("PrefixList with #default", {"prefixes": "xs #default", "namespaces": XS}, NO_REASON),
    ("SHA-512", {"method": "rsa-sha512", "digest": "sha512"}, NO_REASON),
    ("SHA-384", {"method": "rsa-sha384", "digest": "sha384"}, NO_REASON),
    ("PSS", {"method": "sha256-rsa-MGF1"}, NO_REASON),
    ("no KeyInfo", {"key_info": None}, NO_REASON),
    ("no attributes", {"attributes": {}}, NO_REASON),
    ("500 groups", {"groups": tuple(f"group-{n}" for n in range(500))}, NO_REASON),
    ("comment", {"tamper": (("@acme.example</saml:NameID>", "<!-- -->@acme.example</saml:NameID>"),)}, NO_REASON),
    ("CDATA", {"tamper": ((">zoe@acme.example<", "><![CDATA[zoe@acme.example]]><"),)}, NO_REASON),
    ("no Response InResponseTo", {"response_in_response_to": None}, NO_REASON),
    ("no Response Issuer", {"response_issuer": None}, NO_REASON),
    ("no NotBefore", {"not_before": None}, NO_REASON),
    ("two audiences", {"audiences": ((SP, "https://other.example"),)}, NO_REASON),
    (
        "Destination left out of an unsigned Response",
        {"destination": None},
        NO_REASON,
    ),
    (
        "confirmation late within the skew",
        {"confirmation_not_on_or_after": NOW - SKEW / 2},
        "A valid SubjectConfirmation was not found on this Response",  # no skew is applied there
    ),
    (
        "Extensions of somebody's own",
        {"sign": "both", "insert": {"extensions": '<samlp:Extensions><x xmlns="urn:x"/></samlp:Extensions>'}},
        NO_REASON,
    ),
]  # fmt: skip
ROWS = pytest.mark.parametrize(
    ("knobs", "reason"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED]
)


def xmlsec_verifies(document: bytes) -> None:
    """Raise unless xmlsec's full verification holds for every signature."""
    root = etree.fromstring(document)
    xmlsec.tree.add_ids(root, ["ID"])
    key = xmlsec.Key.from_memory(peer().key.certificate, xmlsec.constants.KeyDataFormatCertDer)
    signatures = list(root.iter(DS + "Signature"))
    assert signatures
    for signature in signatures:
        context = xmlsec.SignatureContext()
        context.key = key
        context.verify(signature)


@ROWS
def test_what_we_accept_xmlsec_verifies(knobs: dict[str, Any], reason: str | None) -> None:
    document = response(**knobs)
    assert accept(document).id
    xmlsec_verifies(document)


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """python3-saml reads the clock itself."""
    monkeypatch.setattr(OneLogin_Saml2_Utils, "now", staticmethod(lambda: int(NOW.timestamp())))


def second_opinion(document: bytes, *, signed_response: bool) -> str | None:
    return toolkit.second_opinion(
        document,
        idp_entity_id=IDP,
        sso_url="https://idp.example/sso",
        certificates=[peer().key.text],
        sp_entity_id=SP,
        acs_url=ACS,
        request_id=REQUEST,
        signed_response=signed_response,
    )


@ROWS
@pytest.mark.usefixtures("standing_clock")
def test_what_we_accept_python3_saml_accepts(knobs: dict[str, Any], reason: str | None) -> None:
    document = response(**knobs)
    assert accept(document).id
    assert second_opinion(document, signed_response=knobs.get("sign") in ("response", "both")) == reason


@pytest.mark.usefixtures("standing_clock")
@pytest.mark.parametrize(
    "knobs",
    [
        {"sign": "none"},
        {"key": "another"},
        {"wrap": "xsw3"},
        {"method": "rsa-sha1"},
        {"issuer": "https://x.example"},
    ],
)
def test_python3_saml_can_refuse(knobs: dict[str, Any]) -> None:
    document = response(**knobs)
    assert refusal(document).code
    assert second_opinion(document, signed_response=False) is not None


MESSAGES = [response(), response(sign="both"), response(prefix="default", pretty=True, sign="response")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(MESSAGES) - 1), st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_changed_message_is_refused_or_unchanged_in_meaning(
    which: int, dice: random.Random, times: int
) -> None:
    """Cut, doubled, swapped, replaced: never another exception, never another person."""
    document = bytearray(MESSAGES[which])
    for _ in range(times):
        at, length = dice.randrange(len(document)), dice.choice([1, 1, 1, 4, 40, 400])
        piece = bytes(document[at : at + length])
        document[at : at + length] = dice.choice(
            [
                b"",
                piece * 2,
                piece[::-1],
                piece.swapcase(),
                bytes([dice.randrange(256)]),
                b"<!---->",
                b"<a/>",
                b"&#x9;",
            ]
        )
    changed = bytes(document)
    try:
        verified = accept(changed)
    except FederationError:
        return
    assert verified.subject.value == "zoe@acme.example"
    assert verified.attributes["groups"] == ("staff", "équipe", "R&D <x>")
    xmlsec_verifies(changed)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=500))
def test_random_octets_are_refused(document: bytes) -> None:
    with pytest.raises(FederationError):
        service_provider.accept(document, expected())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='<>/ ="ax:&;#![]-?', max_size=200))
def test_random_markup_is_refused(text: str) -> None:
    for document in (text, f"<a>{text}</a>"):
        with pytest.raises(FederationError):
            service_provider.accept(document.encode(), expected())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_a_field_of_anything_is_refused(octets: bytes) -> None:
    with pytest.raises(FederationError):
        service_provider.accept(bindings.decode_post(base64.b64encode(octets).decode()), expected())
