"""Every vendor's shape signs in: its prefixes, signature, names and formats, signed here and now.

The templates in ``vectors/saml`` are synthetic: written after the vendors' public documentation,
with nobody's keys or signatures in them.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree
from saml_peer import ACS, NOW, REQUEST, SP, expected

from federation import attributes, presets
from federation.connection import SamlConnection
from federation.demo.saml_signing import SigningKey, make_key
from federation.dialects import SamlDialect
from federation.errors import AssertionRefused
from federation.identity import Groups, Identity, Presence, Subject, VerifiedAssertion
from federation.presets import PRESETS
from federation.saml import metadata, service_provider
from federation.saml.metadata import IdentityProvider
from federation.saml.scopes import Scope
from federation.saml.xml import ASSERTION, EMAIL_ADDRESS, SIGNATURE

VECTORS = Path(__file__).parent / "vectors/saml"
HOUR = timedelta(hours=1)
ENTRA_TENANT = "0b0a3c4e-5a0c-4d5e-9d3e-0d6c7b9a1f22"
ENTRA_OBJECT = "6a1f0c52-9a2f-4c08-8a77-0c5a3f4d2b11"
GROUPS = ("platform-admins", "staff")
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
NAME_ID = f'<saml2:NameID Format="{EMAIL_ADDRESS}">ada@acme.example<'


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What one vendor's answer must become, and what its administrators get wrong."""

    issuer: str
    key: str = ""  # value of the Subject where attributes key the person
    groups: tuple[str, ...] = GROUPS
    session: timedelta | None = None  # until SessionNotOnOrAfter
    scope: str = ""  # shibmd:Scope of its metadata
    fault: tuple[str, str]  # what stands there instead
    code: str


VENDORS = {
    "adfs": Vendor(
        issuer="http://adfs.acme.example/adfs/services/trust",
        key="kzGVAByOYki4z7CdR2yecA==",
        fault=(f'<NameID Format="{EMAIL_ADDRESS}">', "<NameID>"),  # a claim rule without a format
        code="saml.name_id_format",
    ),
    "entra": Vendor(
        issuer=f"https://sts.windows.net/{ENTRA_TENANT}/",
        key=f'["{ENTRA_TENANT}","{ENTRA_OBJECT}"]',
        groups=("0c1f3f6a-7a64-4a4f-9d2c-3e4b5a6d7e8f", "7d0e5b1c-2f43-4c8a-b1a0-9c8d7e6f5a4b"),
        fault=("<Audience>$sp<", "<Audience>spn:66666666-7777-8888-9999-000000000000<"),
        code="saml.audience",
    ),
    "google": Vendor(
        issuer="https://accounts.google.com/o/saml2?idpid=C0example",
        fault=("idpid=C0example", "idpid=C0another"),  # another account's metadata here
        code="saml.response_issuer",
    ),
    "keycloak": Vendor(
        issuer="https://keycloak.acme.example/realms/acme",
        session=timedelta(days=1),
        fault=(f"{EMAIL_ADDRESS}", PERSISTENT),  # Force name ID format is off
        code="saml.name_id_format",
    ),
    "okta": Vendor(
        issuer="http://www.okta.com/exk1example",
        key="00u1example",
        fault=('Recipient="$acs"', 'Recipient="https://sp.example/saml/old/acs"'),
        code="saml.recipient",
    ),
    "onelogin": Vendor(
        issuer="https://app.onelogin.com/saml/metadata/11111111-2222-3333-4444-555555555555",
        session=timedelta(days=1),
        fault=("<saml:Audience>$sp<", "<saml:Audience><"),  # the field was left empty
        code="saml.audience",
    ),
    "ping": Vendor(
        issuer="https://auth.pingone.eu/11111111-2222-3333-4444-555555555555",
        fault=(">ada@acme.example<", ">0f6b1d0e-2a43-4c8a-b1a0-9c8d7e6f5a4b<"),  # the user ID as address
        code="saml.name_id",
    ),
    "shibboleth": Vendor(
        issuer="https://idp.acme.example/idp/shibboleth",
        scope="acme.example",
        fault=(">staff@acme.example<", ">staff@hospital.example<"),
        code="saml.scope",
    ),
    "simplesamlphp": Vendor(
        issuer="https://idp.acme.example/simplesaml/saml2/idp/metadata.php",
        session=timedelta(days=1),
        fault=(EMAIL_ADDRESS, TRANSIENT),  # without the filter saml:AttributeNameID
        code="saml.name_id_format",
    ),
}

each_vendor = pytest.mark.parametrize("name", VENDORS)


@cache
def key() -> SigningKey:
    return make_key(now=NOW)


@cache
def xmlsec_key() -> Any:
    pem = key().private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)


def template(name: str) -> str:
    return (VECTORS / f"{name}.xml").read_text()


def on_one_line(text: str) -> str:
    return re.sub(r">\s+<", "><", text)


def sign(text: str) -> bytes:
    """Fill a template in and sign it, the Assertion before the Response."""

    def moment(after: timedelta) -> str:
        return (NOW + after).strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z"

    filled = Template(text).substitute(
        sp=SP,
        acs=ACS,
        request=REQUEST,
        now=moment(timedelta(0)),
        before=moment(timedelta(minutes=-5)),
        soon=moment(timedelta(minutes=5)),
        later=moment(HOUR),
        tomorrow=moment(timedelta(days=1)),
        certificate=base64.b64encode(key().certificate).decode(),
    )
    root = etree.fromstring(filled.encode())
    for element in (root.find(ASSERTION), root):
        signature = None if element is None else element.find(SIGNATURE)
        if element is not None and signature is not None:
            context = xmlsec.SignatureContext()
            context.register_id(element, "ID")
            context.key = xmlsec_key()
            context.sign(signature)
    return etree.tostring(root, xml_declaration=text.startswith("<?xml"), encoding="UTF-8")


def connection(name: str, **own: Any) -> SamlConnection:
    """Return a connection as the settings file makes it of a preset."""
    written = {
        "protocol": "saml",
        "preset": name,
        "organization": "acme",
        "domains": ["acme.example"],
        "entity_id": VENDORS[name].issuer if name in VENDORS else "https://idp.example",
        "sso_url": "https://idp.example/sso",
        "certificates": [base64.b64encode(key().certificate).decode()],
    }
    filled = presets.fill_in(written | own)
    filled["attributes"] = {ours: list(theirs) for ours, theirs in filled.get("attributes", {}).items()}
    return SamlConnection.model_validate(filled)


def trusted(name: str) -> IdentityProvider:
    vendor = VENDORS[name]
    known = metadata.from_fields(
        entity_id=vendor.issuer,
        sso_url="https://idp.example/sso",
        slo_url="",
        certificates=[base64.b64encode(key().certificate).decode()],
        development=False,
    )
    scopes = (Scope(value=vendor.scope, regexp=False, pattern=None),) if vendor.scope else ()
    return replace(known, scopes=scopes)


def accept(name: str, document: bytes, **other: Any) -> VerifiedAssertion:
    """Accept as a connection with this preset does: keyed by what its vendor calls stable."""
    stable = presets.stable(name)
    want: dict[str, Any] = {"idp": trusted(name), "subject_attributes": stable[0] if stable else ()}
    return service_provider.accept(document, expected(**want | other), decryption_keys=())


def normalize(name: str, accepted: VerifiedAssertion) -> Identity:
    return attributes.normalize(
        accepted,
        connection=name,
        organization="acme",
        attributes=connection(name).attributes,
        split_groups=connection(name).split_groups,
    )


def subject(name: str) -> Subject:
    vendor = VENDORS[name]
    if not vendor.key:
        return Subject(
            issuer=vendor.issuer,
            value="ada@acme.example",
            format=EMAIL_ADDRESS,
            name_qualifier=vendor.issuer,
            sp_name_qualifier=SP,
        )
    (names,) = presets.stable(name)
    written = names[0] if len(names) == 1 else str(list(names)).replace("'", '"').replace(", ", ",")
    return Subject(issuer=vendor.issuer, value=vendor.key, format=written)


@each_vendor
@pytest.mark.parametrize("shape", [on_one_line, str], ids=["on one line", "indented"])
def test_a_vendors_answer_signs_in(name: str, shape: Callable[[str], str]) -> None:
    accepted = accept(name, sign(shape(template(name))))
    vendor, person = VENDORS[name], normalize(name, accepted)
    assert person.subject == subject(name)
    assert (person.email, person.email_verified) == ("ada@acme.example", None)
    assert (person.given_name, person.family_name, person.display_name) == ("Ada", "Lovelace", "Ada Lovelace")
    assert person.groups == Groups(Presence.PRESENT, vendor.groups)
    assert person.authentication.instant == NOW
    assert person.authentication.acr
    assert person.authentication.session_until == (NOW + vendor.session if vendor.session else None)
    assert person.provider_session is not None
    assert person.provider_session.index == person.authentication.session_index != ""
    assert (person.connection, person.organization) == (name, "acme")


@each_vendor
def test_what_its_administrators_get_wrong_is_refused(name: str) -> None:
    vendor, text = VENDORS[name], template(name)
    assert vendor.fault[0] in text
    with pytest.raises(AssertionRefused, match=f"^{re.escape(vendor.code)}: "):
        accept(name, sign(text.replace(*vendor.fault)))


@each_vendor
def test_a_change_on_the_way_is_refused(name: str) -> None:
    document = sign(template(name))
    assert b">Ada<" in document
    with pytest.raises(AssertionRefused, match=r"^saml\.digest: "):
        accept(name, document.replace(b">Ada<", b">Eve<"))


@each_vendor
def test_the_signature_stands_where_the_table_says(name: str) -> None:
    root = etree.fromstring(template(name).encode())
    assertion = root.find(ASSERTION)
    assert assertion is not None
    signed = (root.find(SIGNATURE) is not None, assertion.find(SIGNATURE) is not None)
    first = dialect(name).signs[0]
    assert signed == (first in ("response", "both"), first in ("assertion", "both"))
    accept(name, sign(template(name)), signed=first)
    for other in {"response", "assertion", "both"} - {
        first,
        *(["response", "assertion"] if all(signed) else []),
    }:
        with pytest.raises(AssertionRefused, match=r"^saml\.signed: "):
            accept(name, sign(template(name)), signed=other)


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.key])
def test_without_its_stable_attributes_the_name_id_keys_the_person(name: str) -> None:
    (names,) = presets.stable(name)
    text = template(name).replace(f'Name="{names[-1]}"', 'Name="else"')
    person = accept(name, sign(text)).subject
    assert (person.format, person.value) == (EMAIL_ADDRESS, "ada@acme.example")
    assert person.sp_name_qualifier == SP


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.key])
def test_a_generic_connection_keeps_the_stable_id_beside_the_name_id(name: str) -> None:
    other: dict[str, Any] = {"subject_attributes": (), "stable_attributes": presets.stable("generic")}
    accepted = accept(name, sign(template(name)), **other)
    assert accepted.subject.format == EMAIL_ADDRESS
    assert accepted.stable_id is not None
    assert VENDORS[name].key.strip("[]") in accepted.stable_id.value
    last = VENDORS[name].key.rpartition(",")[2].strip('"]')
    moved = sign(template(name).replace(f">{last}<", ">another<"))
    again = accept(name, moved, **other).stable_id
    assert again is not None
    assert (again.kind, again.value == accepted.stable_id.value) == (accepted.stable_id.kind, False)


def test_the_shibboleth_answer_keys_by_any_of_its_identifiers() -> None:
    document = sign(template("shibboleth"))
    subject_id, targeted_id = (
        "urn:oasis:names:tc:SAML:attribute:subject-id",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.10",
    )
    keys = {
        subject_id: "al4711@acme.example",  # compared in lower case
        targeted_id: "Fq2m8/ZqYb0=",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6": "ada@acme.example",
    }
    for attribute, value in keys.items():
        person = accept(
            "shibboleth", document, subject_attributes=(attribute,), subject_required=True
        ).subject
        assert (person.format, person.value) == (attribute, value)
        assert bool(person.name_qualifier) is (attribute == targeted_id)


def test_entra_overage_is_unobtainable() -> None:
    groups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
    text = template("entra").replace(
        f'Name="{groups}"', 'Name="http://schemas.microsoft.com/claims/groups.link"'
    )
    person = normalize("entra", accept("entra", sign(text)))
    assert person.groups == Groups(Presence.UNOBTAINABLE)


def dialect(name: str) -> SamlDialect:
    found = PRESETS[name].saml
    assert found is not None
    return found


@pytest.mark.parametrize("name", [name for name, row in PRESETS.items() if row.saml is not None])
def test_a_connection_of_every_preset_loads_with_what_it_fills_in(name: str) -> None:
    read, told = connection(name), dialect(name)
    assert read.name_id_policy is (told.name_id_policy is not False)
    assert read.login_hint == (told.login_hint or "none")
    assert read.name_id_format == "emailAddress"


def test_a_connections_own_settings_beat_its_preset() -> None:
    read = connection("adfs", name_id_policy=True, login_hint="none")
    assert (read.name_id_policy, read.login_hint) == (True, "none")


def test_every_named_vendor_has_a_shape() -> None:
    assert {file.stem for file in VECTORS.glob("*.xml")} == set(VENDORS)
    assert {name for name, row in PRESETS.items() if row.saml is not None and row.saml.signs} == set(VENDORS)


def test_a_generic_connection_knows_every_stable_attribute() -> None:
    assert set(presets.stable("generic")) == {one for name in VENDORS for one in presets.stable(name)}
