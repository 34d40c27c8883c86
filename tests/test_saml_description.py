"""Our metadata: valid against the OASIS schemas, the same octets each time, and no promise too many."""

import json
import shutil
import subprocess
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from lxml import etree
from providers import IDPS, SIMPLESAMLPHP
from saml_keys import key, our_key, public
from test_saml_outgoing import NOW, SCHEMAS

from federation.configuration.about import About
from federation.errors import ConfigurationError
from federation.saml import description, encryption, signing
from federation.saml.description import Description, Publisher, Requested
from federation.saml.xml import DS, SIGNATURE, Element

SP = "https://sp.example/saml/acme/metadata"
ACS = "https://sp.example/saml/acme/acs"
SLO = "https://sp.example/saml/acme/slo"
OTHER = "https://sp.example/saml/beta/acs"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
UI = "{urn:oasis:names:tc:SAML:metadata:ui}"
NAMES = {"md": MD[1:-1], "ds": DS[1:-1], "ui": UI[1:-1], "remd": "http://refeds.org/metadata"}
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
ABSENT = None

EVERYTHING: dict[str, Any] = {
    "language": "de",
    "organization": {"name": "Acme & Söhne", "display_name": "Acme", "url": "https://acme.example/?a=1&b=2"},
    "contacts": [
        {"type": "technical", "given_name": "Zoë", "sur_name": "<Ada>", "email": "ops@acme.example"},
        {"type": "security", "company": "Acme CERT", "email": "cert@acme.example"},
    ],
    "ui": {
        "display_name": "Acme sign-in",
        "description": 'Signs you in "everywhere"',
        "logo": {"url": "https://acme.example/logo.png", "width": 80, "height": 60},
        "information_url": "https://acme.example/info",
        "privacy_statement_url": "https://acme.example/privacy",
    },
}


@cache
def schema() -> etree.XMLSchema:
    """The UI extension's schema names that of metadata, which names all the others."""
    return etree.XMLSchema(etree.parse(SCHEMAS / "sstc-saml-metadata-ui-v1.0.xsd"))


def valid(document: bytes) -> Element:
    root = etree.fromstring(document)
    schema().assertValid(root)
    return root


def entity(**other: Any) -> Description:
    values: dict[str, Any] = {
        "sp_entity_id": SP,
        "acs_urls": (ACS,),
        "acs_index": None,
        "slo_url": SLO,
        "name_id_format": EMAIL,
        "requested": (),
        "requests_signed": False,
        "wants_assertions_signed": True,
        "takes_encrypted": True,
    }
    return Description(**values | other)


def publisher(about: dict[str, Any] | None = None, **other: Any) -> Publisher:
    values: dict[str, Any] = {
        "signing": (key("rsa").certificate,),
        "encryption": (key("rsa").certificate,),
        "about": About.model_validate(about or {}),
        "valid_until": None,
        "key": None,
    }
    return Publisher(**values | other)


def one(about: dict[str, Any] | None = None, **other: Any) -> Element:
    return valid(description.describe(entity(**other), publisher=publisher(about)))


def found(root: Element, place: str) -> list[str]:
    values: Any = root.xpath(place, namespaces=NAMES)
    return [str(value) for value in values]


def test_what_an_identity_provider_learns_of_a_connection() -> None:
    root = one()
    assert root.tag == MD + "EntityDescriptor"
    assert root.get("entityID") == SP
    role = root[0]
    assert [str(child.tag).rpartition("}")[2] for child in role] == [
        "KeyDescriptor",
        "KeyDescriptor",
        "SingleLogoutService",
        "SingleLogoutService",
        "NameIDFormat",
        "AssertionConsumerService",
    ]
    assert found(role, "md:SingleLogoutService/@Binding") == [REDIRECT, POST]
    assert found(role, "md:SingleLogoutService/@Location") == [SLO, SLO]
    assert dict(role[-1].items()) == {"Binding": POST, "Location": ACS, "index": "0", "isDefault": "true"}


ROWS: list[tuple[dict[str, Any], str, list[str]]] = [
    # of a connection                                where in the role               what stands there
    ({},                                             "@AuthnRequestsSigned",         ["false"]),
    ({"requests_signed": True},                      "@AuthnRequestsSigned",         ["true"]),
    ({},                                             "@WantAssertionsSigned",        ["true"]),
    ({"wants_assertions_signed": False},             "@WantAssertionsSigned",        []),
    ({"takes_encrypted": False},                     "md:KeyDescriptor/@use",        ["signing"]),
    ({"slo_url": ""},                                "md:SingleLogoutService",       []),
    ({"name_id_format": ""},                         "md:NameIDFormat",              []),
    ({"name_id_format": PERSISTENT},                 "md:NameIDFormat/text()",       [PERSISTENT]),
    ({"acs_urls": (OTHER, ACS)},                     "*[@isDefault]/@Location",      [OTHER]),
    ({"acs_urls": (OTHER, ACS)},                     "*/@index",                     ["0", "1"]),
    ({"acs_urls": (OTHER, ACS), "acs_index": 7},     "*/@index",                     ["7", "0"]),
    ({"acs_urls": (OTHER, ACS), "acs_index": 0},     "*/@index",                     ["0", "1"]),
    ({"acs_urls": (OTHER, ACS), "acs_index": 65535}, "*/@index",                     ["65535", "0"]),
]  # fmt: skip


@pytest.mark.parametrize(("told", "place", "expected"), ROWS)
def test_a_role_says_what_its_connection_does(told: dict[str, Any], place: str, expected: list[str]) -> None:
    assert found(one(**told)[0], place) == expected


def test_keys_stand_in_their_order_and_name_the_ciphers_that_we_read() -> None:
    current, upcoming, old = (key(kind).certificate for kind in ("rsa", "p256", "p384"))
    keys = publisher(signing=(current, upcoming, old), encryption=(current, upcoming))
    root = valid(description.describe(entity(), publisher=keys))
    text = [key(kind).text for kind in ("rsa", "p256", "p384")]
    assert found(root, "//md:KeyDescriptor[@use='signing']//ds:X509Certificate/text()") == text
    assert found(root, "//md:KeyDescriptor[@use='encryption']//ds:X509Certificate/text()") == text[:2]
    assert found(root, "//md:KeyDescriptor[@use='signing']/md:EncryptionMethod") == []
    methods = found(root, "//md:KeyDescriptor[@use='encryption'][1]/md:EncryptionMethod/@Algorithm")
    assert methods == [*encryption.GCM_METHODS, *encryption.OAEP_METHODS]
    assert not [name for name in methods if "cbc" in name or name.endswith("rsa-1_5")]


def test_nothing_that_is_not_accepted_is_offered() -> None:
    document = description.describe(entity(), publisher=publisher(EVERYTHING))
    assert not [word for word in (b"SOAP", b"Artifact", b"PAOS", b"ECP", b"ManageNameID") if word in document]


def test_what_is_said_about_us_is_all_there() -> None:
    root = one(EVERYTHING)
    ui = "md:SPSSODescriptor/md:Extensions/ui:UIInfo/ui:"
    assert found(root, f"{ui}DisplayName/text()") == ["Acme sign-in"]
    assert found(root, f"{ui}Description/text()") == ['Signs you in "everywhere"']
    assert found(root, f"{ui}InformationURL/text()") == ["https://acme.example/info"]
    assert found(root, f"{ui}PrivacyStatementURL/text()") == ["https://acme.example/privacy"]
    assert found(root, f"{ui}Logo/@width") + found(root, f"{ui}Logo/@height") == ["80", "60"]
    assert found(root, "md:Organization/*/text()") == [
        "Acme & Söhne",
        "Acme",
        "https://acme.example/?a=1&b=2",
    ]
    assert set(found(root, "//@xml:lang")) == {"de"}
    assert found(root, "md:ContactPerson/@contactType") == ["technical", "other"]
    assert found(root, "md:ContactPerson/@remd:contactType") == [
        "http://refeds.org/metadata/contactType/security"
    ]
    assert found(root, "md:ContactPerson[1]/*/text()") == ["Zoë", "<Ada>", "mailto:ops@acme.example"]


def test_what_is_not_said_is_left_out() -> None:
    root = one()
    assert not list(root.iter(MD + "Organization", MD + "ContactPerson", MD + "Extensions"))
    assert (
        one({"organization": {"name": "Acme", "url": "https://acme.example"}}).findtext(
            f"{MD}Organization/{MD}OrganizationDisplayName"
        )
        == "Acme"
    )


MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
USUAL = {
    "email": [MAIL, "mail"],
    "given_name": ["urn:oid:2.5.4.42", "givenName"],
    "family_name": ["urn:oid:2.5.4.4", "sn"],
    "display_name": ["urn:oid:2.16.840.1.113730.3.1.241", "displayName"],
    "groups": ["urn:oid:1.3.6.1.4.1.5923.1.5.1.1", "groups"],
}
PERSISTENT_NAME = {"email_is_name_id": False}


def usual(**other: list[str]) -> list[tuple[str, str, bool]]:
    """Return what is asked for where the map says nothing else."""
    return [(name, ours, False) for ours, theirs in {**USUAL, **other}.items() for name in theirs]


REQUESTS: list[tuple[dict[str, Any], list[tuple[str, str, bool]]]] = [
    # map, and what keys the person                        what is requested: nothing, or everything
    ({}, []),
    ({"also": ["department"]}, []),  # the IdP's own choice then, which may hold it
    ({**PERSISTENT_NAME}, [(MAIL, "email", True), *usual()[1:]]),
    ({"subject_attribute": "uid"}, [("uid", "", True), *usual()]),
    ({"subject_attribute": "mail"}, [("mail", "", True), (MAIL, "email", False), *usual()[2:]]),
    ({"attributes": {"groups": ("g", "urn:x:g")}}, usual(groups=["g", "urn:x:g"])),
    ({"attributes": {"unit": ("ou",)}}, [*usual(), ("ou", "unit", False)]),
    (
        {"attributes": {"email": ("a", "b")}, **PERSISTENT_NAME, "also": ["department", "b"]},
        [("a", "email", True), *usual(email=["b"]), ("department", "", False)],
    ),
    (
        {"attributes": {"email": ("uid",)}, "subject_attribute": "uid", **PERSISTENT_NAME},
        [("uid", "", True), *usual(email=[])],
    ),
]


@pytest.mark.parametrize(("knobs", "expected"), REQUESTS)
def test_attributes_are_requested_as_the_map_names_them(
    knobs: dict[str, Any], expected: list[tuple[str, str, bool]]
) -> None:
    asked: dict[str, Any] = {
        "attributes": {},
        "subject_attribute": None,
        "email_is_name_id": True,
        "also": [],
        **knobs,
    }
    wanted = description.requested(**asked)
    assert [(each.name, each.friendly_name, each.required) for each in wanted] == expected
    role = one(requested=wanted)[0]
    assert found(role, "md:AttributeConsumingService/md:RequestedAttribute/@Name") == [
        each[0] for each in expected
    ]
    assert len(found(role, "md:AttributeConsumingService/md:ServiceName")) == bool(expected)


def test_a_requested_name_has_its_format() -> None:
    role = one(
        requested=(
            Requested(name=MAIL, friendly_name="", required=True),
            Requested(name="a&", friendly_name="<", required=False),
        )
    )[0]
    formats = found(role, "//md:RequestedAttribute/@NameFormat")
    assert [name.rpartition(":")[2] for name in formats] == ["uri", "basic"]
    assert found(role, "//md:RequestedAttribute/@isRequired") == ["true", "false"]


def several(*entities: Description, **other: Any) -> Element:
    return valid(description.describe_all(entities, publisher=publisher(**other)))


def test_one_descriptor_stands_for_each_entity_id() -> None:
    shared = "https://sp.example/sp"
    root = several(
        entity(sp_entity_id=shared, acs_index=3, requests_signed=True),
        entity(sp_entity_id=shared, acs_urls=(OTHER,), slo_url=SLO + "2", name_id_format=PERSISTENT),
        entity(sp_entity_id=SP, acs_urls=("https://sp.example/saml/third/acs",)),
    )
    assert root.tag == MD + "EntitiesDescriptor"
    assert found(root, "md:EntityDescriptor/@entityID") == [shared, SP]
    assert found(root[0], "*/*/@index") == ["3", "0"]
    assert found(root[0], "*/*[@isDefault]/@Location") == [ACS]
    assert found(root[0], "*/md:SingleLogoutService/@Location") == [SLO, SLO, SLO + "2", SLO + "2"]
    assert found(root[0], "*/md:NameIDFormat/text()") == [EMAIL, PERSISTENT]
    assert found(root[0], "*/@AuthnRequestsSigned") == ["false"]  # not all of them are
    assert found(root, "//@ID") == [root.get("ID")]


def test_one_entity_id_needs_no_descriptor_around_it() -> None:
    root = several(entity(), entity(acs_urls=(OTHER,)))
    assert root.tag == MD + "EntityDescriptor"
    assert found(root, "//@index") == ["0", "1"]


def test_a_required_attribute_stays_required_beside_another_connections() -> None:
    optional = Requested(name="uid", friendly_name="x", required=False)
    needed = Requested(name="uid", friendly_name="", required=True)
    root = several(entity(requested=(optional,)), entity(acs_urls=(OTHER,), requested=(needed,)))
    assert found(root, "//md:RequestedAttribute/@isRequired") == ["true"]


def test_the_same_words_give_the_same_octets() -> None:
    documents = {description.describe(entity(), publisher=publisher(EVERYTHING)) for _ in range(3)}
    assert len(documents) == 1
    other = description.describe(entity(slo_url=""), publisher=publisher(EVERYTHING))
    assert etree.fromstring(other).get("ID") != etree.fromstring(documents.pop()).get("ID")


def test_a_life_ends_at_the_same_hour_on_every_node() -> None:
    week = timedelta(days=7)
    until = description.valid_until(week, NOW.replace(minute=59, second=59, microsecond=1))
    assert until == NOW.replace(minute=0) + week
    root = valid(description.describe(entity(), publisher=publisher(valid_until=until)))
    assert root.get("validUntil") == "2026-11-28T12:00:00Z"
    assert description.valid_until(None, NOW) is None
    assert one().get("validUntil") is None


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_signed_document_is_signed_at_its_root(kind: str) -> None:
    for entities in ((entity(),), (entity(), entity(sp_entity_id="https://other.example"))):
        document = description.describe_all(entities, publisher=publisher(EVERYTHING, key=our_key(kind)))
        root = valid(document)
        assert root[0].tag == SIGNATURE
        assert signing.verify_again(document, signing.read_judge([public(kind)])) is None
        again = description.describe_all(entities, publisher=publisher(EVERYTHING, key=our_key(kind)))
        assert (again == document) is (kind == "rsa")  # ECDSA draws a number each time


@pytest.mark.parametrize("word", ["\x00", "\x1f", "\ufffe", "\ud800"])
def test_what_xml_cannot_say_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_text: "):
        description.describe(entity(sp_entity_id=f"https://sp.example/{word}"), publisher=publisher())


def test_markup_in_a_word_stays_a_word() -> None:
    word = 'x" ID="_forged"><md:evil/>&amp;'
    root = one({"organization": {"name": word, "url": "https://acme.example"}}, sp_entity_id="urn:x?a&b'")
    assert root.get("entityID") == "urn:x?a&b'"
    assert root.findtext(f".//{MD}OrganizationName") == word
    assert len(found(root, "//@ID")) == 1


READ = r"""
require '/usr/share/simplesamlphp/lib/_autoload.php';
$document = file_get_contents('php://stdin');
foreach (SimpleSAML\Metadata\SAMLParser::parseDescriptorsString($document) as $name => $one) {
    $found[$name] = $one->getMetadata20SP();
}
echo json_encode($found);
"""


@pytest.mark.providers
def test_simplesamlphp_reads_it() -> None:
    if not shutil.which("php") or not SIMPLESAMLPHP.is_dir():
        pytest.skip("SimpleSAMLphp or php-cli is missing: scripts/test installs them")
    wanted = (
        Requested(name=MAIL, friendly_name="email", required=True),
        Requested(name="groups", friendly_name="", required=False),
    )
    current, upcoming = key("rsa").certificate, key("p256").certificate
    document = description.describe_all(
        (
            entity(acs_urls=(OTHER, ACS), acs_index=7, requested=wanted, requests_signed=True),
            entity(sp_entity_id="https://sp.example/two", wants_assertions_signed=False),
        ),
        publisher=publisher(EVERYTHING, signing=(current, upcoming), key=our_key()),
    )
    answer = subprocess.run(
        ["php", "-r", READ],
        input=document,
        env={"SIMPLESAMLPHP_CONFIG_DIR": str(IDPS / "simplesamlphp"), "RIG_WORK": "/", "RIG_ORIGIN": "x"},
        capture_output=True,
        check=True,
    )
    read = json.loads(answer.stdout)
    assert list(read) == [SP, "https://sp.example/two"]
    one, two = read.values()
    consumers = [
        (each["Location"], each["index"], each.get("isDefault")) for each in one["AssertionConsumerService"]
    ]
    assert consumers == [(OTHER, 7, True), (ACS, 0, None)]
    assert [each["Binding"] for each in one["SingleLogoutService"]] == [REDIRECT, POST]
    assert one["NameIDFormat"] == EMAIL
    assert [(each["signing"], each["encryption"]) for each in one["keys"]] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert one["attributes"] == [MAIL, "groups"]
    assert one["attributes.required"] == [MAIL]
    assert one["validate.authnrequest"] is True
    assert one["saml20.sign.assertion"] is True
    assert "saml20.sign.assertion" not in two
    assert one["UIInfo"]["DisplayName"] == {"de": "Acme sign-in"}
