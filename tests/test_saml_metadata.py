"""Metadata in: every fault says what mends it. Metadata out: what identity providers import."""
# ruff: noqa: E501 (one fault, one line)

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from saml_peer import ACS, IDP, NOW, SECOND, SP, peer

from federation.errors import ConfigurationError
from federation.saml import metadata
from federation.saml.metadata import MD, IdentityProvider

GOOD = peer().metadata().decode()
ROLE = GOOD[GOOD.index("<md:IDPSSODescriptor") : GOOD.index("</md:EntityDescriptor>")]
KEY = ROLE[ROLE.index("<md:KeyDescriptor") : ROLE.index("<md:NameIDFormat")]
SSO = ROLE[ROLE.index("<md:SingleSignOnService") : ROLE.index("</md:IDPSSODescriptor>")]
NAMESPACE = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
OTHER = peer().another_key.text


def several(*entities: str, attributes: str = "") -> str:
    return f"<md:EntitiesDescriptor {NAMESPACE}{attributes}>{''.join(entities)}</md:EntitiesDescriptor>"


def read(document: str, entity_id: str | None = None, *, development: bool = False) -> IdentityProvider:
    return metadata.read_metadata(document.encode(), entity_id=entity_id, development=development, now=NOW)


def until(moment: Any) -> str:
    return f' validUntil="{moment.strftime("%Y-%m-%dT%H:%M:%SZ")}"'


def test_an_entity_is_read() -> None:
    idp = read(GOOD)
    assert (idp.entity_id, idp.sso_url) == (IDP, "https://idp.example/sso")
    assert len(idp.keys) == 1


def test_one_of_several_is_read() -> None:
    other = GOOD.replace(IDP, "https://other.example")
    service = f'<md:EntityDescriptor entityID="https://sp.example"><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></md:EntityDescriptor>'  # noqa: F541
    assert read(several(GOOD, other), IDP).entity_id == IDP
    assert read(several(several(service), several(GOOD))).entity_id == IDP
    assert read(several(GOOD, attributes=until(NOW + SECOND))).entity_id == IDP


def test_every_signing_key_is_read_once() -> None:
    second = KEY.replace(peer().key.text, OTHER)
    encryption = second.replace('use="signing"', 'use="encryption"')
    unset = second.replace(' use="signing"', "")
    assert len(read(GOOD.replace(KEY, KEY + second)).keys) == 2
    assert len(read(GOOD.replace(KEY, KEY + unset)).keys) == 2
    assert len(read(GOOD.replace(KEY, KEY + KEY)).keys) == 1
    assert len(read(GOOD.replace(KEY, KEY + encryption)).keys) == 1


def test_a_chains_other_certificates_sign_nothing() -> None:
    chain = f"<ds:X509Certificate>{OTHER}</ds:X509Certificate></ds:X509Data>"
    idp = read(GOOD.replace("</ds:X509Data>", chain))
    assert [key.fingerprint for key in idp.keys] == [key.fingerprint for key in read(GOOD).keys]


def test_wrapped_certificates_are_read() -> None:
    text = peer().key.text
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    assert read(GOOD.replace(text, f"\n{lines}\n")).keys == read(GOOD).keys


FAULTS: list[tuple[str, str, str | None]] = [
    ("saml.metadata_unreadable", "", None),
    ("saml.metadata_unreadable", "<html>", None),
    ("saml.metadata_unreadable", "<html/>", None),
    ("saml.metadata_unreadable", "<!DOCTYPE x>" + GOOD, None),
    ("saml.metadata_unreadable", GOOD + " " * 2 * 1024 * 1024, None),
    ("saml.metadata_unreadable", several(*["<x/>"] * 300_000), None),
    ("saml.metadata_unreadable", ROLE.replace("<md:IDPSSODescriptor", f"<md:IDPSSODescriptor {NAMESPACE}", 1), None),
    ("saml.metadata_entity", GOOD, "https://other.example"),
    ("saml.metadata_entity", GOOD, ""),
    ("saml.metadata_entity", several(), None),
    ("saml.metadata_entity", GOOD.replace("IDPSSODescriptor", "SPSSODescriptor"), None),
    ("saml.metadata_entity", GOOD.replace("SAML:2.0:protocol", "SAML:1.1:protocol"), None),
    ("saml.metadata_entity", GOOD.replace(f'entityID="{IDP}"', ""), None),
    ("saml.metadata_entity", GOOD.replace(f'entityID="{IDP}"', 'entityID=" "'), None),
    ("saml.metadata_several", several(GOOD, GOOD.replace(IDP, "https://other.example")), None),
    ("saml.metadata_several", several(GOOD, GOOD), None),
    ("saml.metadata_duplicate", several(GOOD, GOOD), IDP),
    ("saml.metadata_duplicate", GOOD.replace(ROLE, ROLE + ROLE), None),
    ("saml.metadata_expired", GOOD.replace("<md:EntityDescriptor", f"<md:EntityDescriptor{until(NOW)}"), None),
    ("saml.metadata_expired", GOOD.replace("<md:IDPSSO", f"<md:IDPSSODescriptor{until(NOW)} x='").replace("x='Descriptor", ""), None),
    ("saml.metadata_expired", several(GOOD, attributes=until(NOW)), None),
    ("saml.metadata_expired", several(GOOD, attributes=' validUntil="soon"'), None),
    ("saml.metadata_expired", several(GOOD, attributes=' validUntil="2030-01-01T00:00:00"'), None),
    ("saml.metadata_no_key", GOOD.replace(KEY, ""), None),
    ("saml.metadata_no_key", GOOD.replace('use="signing"', 'use="encryption"'), None),
    ("saml.metadata_no_key", GOOD.replace("X509Certificate", "X509CRL"), None),
    ("saml.certificate", GOOD.replace(peer().key.text, ""), None),
    ("saml.certificate", GOOD.replace(peer().key.text, "MIIB!"), None),
    ("saml.certificate", GOOD.replace(peer().key.text, peer().key.text[:400]), None),
    ("saml.metadata_no_redirect", GOOD.replace(SSO, ""), None),
    ("saml.metadata_no_redirect", GOOD.replace("HTTP-Redirect", "HTTP-POST"), None),
    *[
        ("saml.metadata_url", GOOD.replace("https://idp.example/sso", url), None)
        for url in (
            "", "/sso", "javascript:alert(1)", "http://idp.example/sso", "http://127.0.0.1.evil.example/",
            "https:///sso", "https://user@idp.example/", "https://idp.example/#x", "https://idp.example/a b",
            "https://[::1", "https://idp.example:port/", "http://localhost@evil.example/",
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(("code", "document", "entity_id"), FAULTS)
def test_a_fault_is_said(code: str, document: str, entity_id: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(document, entity_id)
    assert caught.value.code == code
    assert caught.value.detail


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_plain_http_is_for_development_on_loopback(host: str) -> None:
    url = f"http://{host}/sso"
    document = GOOD.replace("https://idp.example/sso", url)
    assert read(document, development=True).sso_url == url
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_url: "):
        read(document)


def test_development_opens_loopback_alone() -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_url: "):
        read(GOOD.replace("https://idp.example/sso", "http://idp.example/sso"), development=True)


@pytest.mark.parametrize("shape", ["bare", "wrapped", "pem", "pem octets", "two in one"])
def test_typed_fields(shape: str) -> None:
    text = peer().key.text
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"
    certificates: dict[str, list[bytes | str]] = {
        "bare": [text],
        "wrapped": [f" {text[:64]}\n{text[64:]}\n"],
        "pem": [pem],
        "pem octets": [pem.encode()],
        "two in one": [pem + pem.replace(text, OTHER)],
    }
    idp = metadata.from_fields(
        entity_id=IDP,
        sso_url="https://idp.example/sso?a=1",
        certificates=certificates[shape],
        development=False,
    )
    assert idp.keys[0] == read(GOOD).keys[0]
    assert len(idp.keys) == (2 if shape == "two in one" else 1)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("saml.metadata_entity", {"entity_id": " "}),
        ("saml.metadata_url", {"sso_url": "http://idp.example/", "development": True}),
        ("saml.metadata_url", {"sso_url": "http://localhost/"}),
        ("saml.metadata_no_key", {"certificates": []}),
        ("saml.metadata_no_key", {"certificates": "many"}),
        ("saml.certificate", {"certificates": [""]}),
        ("saml.certificate", {"certificates": [b"\x30\x82\xff"]}),
        ("saml.certificate", {"certificates": ["metadata/idp.pem"]}),
    ],
)
def test_a_faulty_field_is_said(code: str, fields: dict[str, Any]) -> None:
    right: dict[str, Any] = {
        "entity_id": IDP,
        "sso_url": "https://idp.example/sso",
        "certificates": [peer().key.text],
        "development": False,
    }
    if fields.get("certificates") == "many":
        from federation.demo.saml_signing import make_key

        fields = {"certificates": [make_key(now=NOW, bits=2048).text for _ in range(9)]}
    with pytest.raises(ConfigurationError) as caught:
        metadata.from_fields(**right | fields)
    assert caught.value.code == code


def test_validity_is_an_exclusive_bound() -> None:
    document = several(GOOD, attributes=until(NOW))
    which: dict[str, Any] = {"entity_id": None, "development": False}
    assert metadata.read_metadata(document.encode(), now=NOW - SECOND, **which).entity_id == IDP
    with pytest.raises(ConfigurationError):
        metadata.read_metadata(document.encode(), now=NOW + timedelta(days=1), **which)


@pytest.mark.parametrize("certificate", [None, peer().key.certificate])
def test_our_own_description(certificate: bytes | None) -> None:
    document = metadata.describe(sp_entity_id=SP + "?a&b", acs_url=ACS, signing_certificate=certificate)
    root = etree.fromstring(document)
    assert root.tag == MD + "EntityDescriptor"
    assert root.get("entityID") == SP + "?a&b"
    (role,) = root
    keys = [MD + "KeyDescriptor"] if certificate else []
    # Metadata §2.4.4: the schema is a sequence.
    assert [child.tag for child in role] == [*keys, MD + "NameIDFormat", MD + "AssertionConsumerService"]
    consumer = role[-1]
    assert dict(consumer.items()) == {
        "Binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "Location": ACS,
        "index": "0",
        "isDefault": "true",
    }


def test_our_own_description_fits_the_schema() -> None:
    from pathlib import Path

    import onelogin.saml2

    schemas = Path(onelogin.saml2.__file__).parent / "schemas"
    schema = etree.XMLSchema(etree.parse(schemas / "saml-schema-metadata-2.0.xsd"))
    for certificate in (None, peer().key.certificate):
        document = metadata.describe(sp_entity_id=SP, acs_url=ACS, signing_certificate=certificate)
        assert schema.validate(etree.fromstring(document)), schema.error_log
