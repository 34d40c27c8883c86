"""What we send: valid against the protocol schema, and nothing in it that was not asked for."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import onelogin.saml2
import pytest
import saml_keys
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from federation.errors import ConfigurationError
from federation.saml import enveloped, outgoing, signing
from federation.saml.outgoing import AuthnAsks
from federation.saml.parts import NameId
from federation.saml.xml import DS, SAML, SAMLP, SIGNATURE, Element

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SCHEMAS = Path(onelogin.saml2.__file__).parent / "schemas"
IDP = "https://idp.example/sso?a=1&b=2"
SP = "https://sp.example/saml/acme/metadata"
ACS = "https://sp.example/saml/acme/acs"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
PROTECTED = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PARTIAL = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
ABSENT = None


@cache
def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


def valid(document: bytes) -> Element:
    root = etree.fromstring(document)
    schema("saml-schema-protocol-2.0.xsd").assertValid(root)
    return root


def asks(**other: Any) -> AuthnAsks:
    values: dict[str, Any] = {
        "sp_entity_id": SP,
        "name_id_policy": True,
        "name_id_format": EMAIL,
        "allow_create": True,
        "force_authn": False,
        "is_passive": False,
        "authn_context": (),
        "comparison": "exact",
        "acs_index": None,
        "hint_in_subject": False,
    }
    return AuthnAsks(**values | other)


def request(*, login_hint: str = "", **other: Any) -> bytes:
    return outgoing.build_authn_request(
        asks(**other), request_id="_1", destination=IDP, acs_url=ACS, now=NOW, login_hint=login_hint
    )


def test_a_plain_request_asks_for_an_email_name_and_nothing_else() -> None:
    root = valid(request())
    assert dict(root.items()) == {
        "ID": "_1",
        "Version": "2.0",
        "IssueInstant": "2026-11-21T12:00:00Z",
        "Destination": IDP,
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert [child.tag for child in root] == [SAML + "Issuer", SAMLP + "NameIDPolicy"]
    assert root[0].text == SP
    assert dict(root[1].items()) == {"Format": EMAIL, "AllowCreate": "true"}


POLICY = "samlp:NameIDPolicy"
CONTEXT = "samlp:RequestedAuthnContext"
HINTED: dict[str, Any] = {"hint_in_subject": True, "login_hint": "zoe@acme.example"}
ROWS: list[tuple[dict[str, Any], str, Any]] = [
    # asked                                            where in the request              what stands there
    ({"force_authn": True},                            "@ForceAuthn",                    "true"),
    ({},                                               "@ForceAuthn",                    ABSENT),
    ({"is_passive": True},                             "@IsPassive",                     "true"),
    ({},                                               "@IsPassive",                     ABSENT),
    ({"name_id_policy": False},                        POLICY,                           ABSENT),
    ({"name_id_format": PERSISTENT},                   f"{POLICY}/@Format",              PERSISTENT),
    ({"name_id_format": ""},                           f"{POLICY}/@Format",              ABSENT),
    ({"name_id_format": ""},                           f"{POLICY}/@AllowCreate",         "true"),
    ({"allow_create": False},                          f"{POLICY}/@AllowCreate",         ABSENT),
    ({"name_id_format": TRANSIENT},                    f"{POLICY}/@Format",              TRANSIENT),
    ({"name_id_format": TRANSIENT},                    f"{POLICY}/@AllowCreate",         ABSENT),  # E14
    ({},                                               CONTEXT,                          ABSENT),
    ({"authn_context": (PASSWORD,)},                   f"{CONTEXT}/@Comparison",         "exact"),
    ({"authn_context": (PASSWORD, PROTECTED)},         f"{CONTEXT}/*[1]/text()",         PASSWORD),
    ({"authn_context": (PASSWORD, PROTECTED)},         f"{CONTEXT}/*[2]/text()",         PROTECTED),
    ({"authn_context": (PASSWORD,), "comparison": "minimum"}, f"{CONTEXT}/@Comparison",  "minimum"),
    ({"acs_index": 0},                                 "@AssertionConsumerServiceIndex", "0"),
    ({"acs_index": 65535},                             "@AssertionConsumerServiceURL",   ABSENT),
    ({"acs_index": 65535},                             "@ProtocolBinding",               ABSENT),
    ({"login_hint": "zoe@acme.example"},               "saml:Subject",                   ABSENT),
    ({"hint_in_subject": True},                        "saml:Subject",                   ABSENT),
    (HINTED,                                           "saml:Subject/*/text()",          "zoe@acme.example"),
    (HINTED | {"login_hint": "a&<b>@x.example"},       "saml:Subject/*/text()",          "a&<b>@x.example"),
    (HINTED,                                           "saml:Subject/*/@Format",         EMAIL),
    ({"sp_entity_id": "https://sp.example/?a&b\r\n"}, "saml:Issuer/text()",              "https://sp.example/?a&b\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "place", "expected"), ROWS)
def test_what_is_asked_stands_in_a_valid_request(asked: dict[str, Any], place: str, expected: Any) -> None:
    root = valid(request(**asked))
    found: Any = root.xpath(place, namespaces={"samlp": SAMLP[1:-1], "saml": SAML[1:-1]})
    assert (found[0] if found else ABSENT) == expected


def test_everything_at_once_keeps_the_order_of_the_schema() -> None:
    root = valid(
        request(
            force_authn=True,
            is_passive=True,
            authn_context=(PASSWORD,),
            hint_in_subject=True,
            login_hint="zoe@acme.example",
        )
    )
    assert [str(child.tag).rpartition("}")[2] for child in root] == [
        "Issuer",
        "Subject",
        "NameIDPolicy",
        "RequestedAuthnContext",
    ]


NAMES = [
    NameId("zoe@acme.example", EMAIL, "", ""),
    NameId("a b\r\n<&>\"'", PERSISTENT, 'https://idp.example/"', SP),
    NameId("bare", "", "", ""),
]


def logout_request(name: NameId = NAMES[0], session_index: str = "_s1") -> bytes:
    return outgoing.build_logout_request(
        request_id="_2",
        destination=IDP,
        sp_entity_id=SP,
        name_id=name,
        session_index=session_index,
        now=NOW,
        not_on_or_after=NOW + timedelta(minutes=5),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_logout_names_the_person_exactly_as_issued(name: NameId) -> None:
    root = valid(logout_request(name))
    found = root.find(SAML + "NameID")
    assert found is not None
    assert found.text == name.value
    said = {
        "Format": name.format,
        "NameQualifier": name.name_qualifier,
        "SPNameQualifier": name.sp_name_qualifier,
    }
    assert dict(found.items()) == {key: value for key, value in said.items() if value}
    assert (root.get("NotOnOrAfter"), root.get("Destination")) == ("2026-11-21T12:05:00Z", IDP)


def test_a_session_index_is_sent_where_there_was_one() -> None:
    assert valid(logout_request(session_index="_<1>&")).findtext(SAMLP + "SessionIndex") == "_<1>&"
    assert valid(logout_request(session_index="")).find(SAMLP + "SessionIndex") is None


def logout_response(second_status: str = "") -> bytes:
    return outgoing.build_logout_response(
        response_id="_3",
        in_response_to="_theirs",
        destination=IDP,
        sp_entity_id=SP,
        now=NOW,
        status=SUCCESS,
        second_status=second_status,
    )


def test_an_answer_to_a_logout_names_its_request_and_how_it_went() -> None:
    root = valid(logout_response())
    assert (root.get("InResponseTo"), root.get("Destination")) == ("_theirs", IDP)
    assert [one.get("Value") for one in root.iter(SAMLP + "StatusCode")] == [SUCCESS]
    partial = valid(logout_response(PARTIAL))
    assert [one.get("Value") for one in partial.iter(SAMLP + "StatusCode")] == [SUCCESS, PARTIAL]


KINDS = pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])


@KINDS
def test_a_query_is_signed_over_its_exact_octets(kind: str) -> None:
    query = "SAMLRequest=fZ%2bA%3D%3d&RelayState=a%20b+c"  # as spelled, not as somebody else would spell it
    signed = signing.sign_query(query, saml_keys.our_key(kind))
    octets, _, value = signed.partition("&Signature=")
    assert octets.startswith(query + "&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23")
    assert len(parse_qs(signed, strict_parsing=True)["Signature"]) == 1
    signature, key = base64.b64decode(unquote(value), validate=True), saml_keys.public(kind)
    if isinstance(key, rsa.RSAPublicKey):
        assert unquote(octets).endswith("rsa-sha256")
        key.verify(signature, octets.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        assert unquote(octets).endswith("ecdsa-sha256")
        half = len(signature) // 2
        der = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
        key.verify(der, octets.encode(), ec.ECDSA(hashes.SHA256()))


DOCUMENTS = {"request": request(), "logout": logout_request(), "answer": logout_response()}


@KINDS
@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_signed_document_is_valid_and_xmlsec_verifies_it(kind: str, document: bytes) -> None:
    signed = signing.sign_document(document, saml_keys.our_key(kind))
    root = valid(signed)
    assert [child.tag for child in root][:2] == [SAML + "Issuer", SIGNATURE]
    reference = root.find(f".//{DS}Reference")
    assert reference is not None
    assert reference.get("URI") == f"#{root.get('ID')}"
    assert root.findtext(f".//{DS}X509Certificate") == saml_keys.key(kind).text
    assert signing.verify_again(signed, signing.read_judge([saml_keys.public(kind)])) is None


def test_a_changed_document_has_no_good_signature() -> None:
    signed = signing.sign_document(request(), saml_keys.our_key())
    judge = signing.read_judge([saml_keys.public("p256"), saml_keys.public()])
    assert signing.verify_again(signed, judge) is None
    said = "xmlsec finds a signature that no key of this identity provider made"
    assert signing.verify_again(signed.replace(b'ID="_1"', b'ID="_9"'), judge) == said
    assert signing.verify_again(signed.replace(ACS.encode(), ACS.encode() + b"x"), judge) == said
    assert signing.verify_again(signed, signing.read_judge([saml_keys.public("p256")])) == said
    assert signing.verify_again(signed, signing.read_judge([])) == said
    assert signing.verify_again(request(), judge) == "xmlsec finds no signature"
    assert signing.verify_again(b"<!DOCTYPE x>" + signed, judge) is not None
    assert signing.verify_again(b"", judge) is not None


def test_a_reference_to_a_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<x/>")
    template = (
        signing._template("_1", signing.RSA_SHA256)
        .replace(b'"#_1"', f'"{(tmp_path / "x.xml").as_uri()}"'.encode())
        .replace(f'<ds:Transform Algorithm="{enveloped.ENVELOPED}"/>'.encode(), b"")
    )
    context = xmlsec.SignatureContext()
    context.key = saml_keys.our_key().xmlsec_key
    with pytest.raises(xmlsec.Error):  # it would be read and digested, were the callbacks still there
        context.sign(etree.fromstring(template))


def test_what_has_no_id_is_not_signed() -> None:
    with pytest.raises(ValueError, match="ID"):
        signing.sign_document(b"<x/>", saml_keys.our_key())


FAULTS = [
    ("keys.certificate", saml_keys.key("rsa").private, b"nothing"),
    ("keys.pair", saml_keys.key("rsa").private, saml_keys.key("p256").certificate),
]


@pytest.mark.parametrize(("code", "key", "certificate"), FAULTS)
def test_a_key_that_cannot_sign_is_refused(code: str, key: signing.PrivateKey, certificate: bytes) -> None:
    with pytest.raises(ConfigurationError, match=f"^{code}: "):
        signing.read_signing_key(key, certificate)
    assert x509.load_der_x509_certificate(saml_keys.key("rsa").certificate)


def test_a_key_of_another_kind_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key: Any = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ConfigurationError, match=r"^keys\.private_key: "):
        signing.read_signing_key(key, saml_keys.key("rsa").certificate)


def test_no_key_shows_in_a_representation() -> None:
    assert repr(saml_keys.our_key()) == "SigningKey()"
    assert "Key" not in repr(signing.read_judge([saml_keys.public()]))


XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
    .filter(lambda one: one >= " " or one in "\t\n\r"),
    min_size=1,
)  # fmt: skip


@given(XML_TEXT, XML_TEXT, XML_TEXT)
def test_whatever_name_xml_can_say_comes_out_as_it_went_in(value: str, qualifier: str, index: str) -> None:
    name = NameId(value, PERSISTENT, qualifier, qualifier)
    root = etree.fromstring(logout_request(name, index))
    found = root.find(SAML + "NameID")
    assert found is not None
    assert (found.text, found.get("NameQualifier"), found.get("SPNameQualifier")) == (
        value,
        qualifier,
        qualifier,
    )
    assert root.findtext(SAMLP + "SessionIndex") == index
