"""Their metadata: what is read of it, and every fault says what mends it."""
# ruff: noqa: E501 (one fault, one line)

from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from saml_peer import IDP, NOW, SECOND, peer

from federation.demo.saml_signing import SignatureKnobs, SigningKey, make_key, sign
from federation.errors import ConfigurationError
from federation.saml import certificates, metadata
from federation.saml.certificates import VerificationKey, read_key
from federation.saml.metadata import MD, IdentityProvider
from federation.saml.xml import DS

# As small as metadata can be; what the development IdP says besides is tested with it.
GOOD = (
    '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
    f' entityID="{IDP}"><md:IDPSSODescriptor WantAuthnRequestsSigned="false"'
    ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
    '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    f"<ds:X509Data><ds:X509Certificate>{peer().key.text}</ds:X509Certificate></ds:X509Data>"
    "</ds:KeyInfo></md:KeyDescriptor>"
    "<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>"
    '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
    ' Location="https://idp.example/sso"/>'
    "</md:IDPSSODescriptor></md:EntityDescriptor>"
)
ROLE = GOOD[GOOD.index("<md:IDPSSODescriptor") : GOOD.index("</md:EntityDescriptor>")]
KEY = ROLE[ROLE.index("<md:KeyDescriptor") : ROLE.index("<md:NameIDFormat")]
SSO = ROLE[ROLE.index("<md:SingleSignOnService") : ROLE.index("</md:IDPSSODescriptor>")]
NAMESPACE = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
OTHER = peer().another_key.text
DAY = timedelta(days=1)
SCOPE = '<shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"/>'


def several(*entities: str, attributes: str = "") -> str:
    return f"<md:EntitiesDescriptor {NAMESPACE}{attributes}>{''.join(entities)}</md:EntitiesDescriptor>"


def read(
    document: str,
    entity_id: str | None = None,
    *,
    development: bool = False,
    signers: tuple[VerificationKey, ...] = (),
) -> IdentityProvider:
    return metadata.read_metadata(
        document.encode(), entity_id=entity_id, development=development, now=NOW, signers=signers
    )


def with_slo(*services: str) -> str:
    """The schema wants it after the keys and before NameIDFormat; nobody's reader depends on it."""
    written = "".join(f"<md:SingleLogoutService {service}/>" for service in services)
    return GOOD.replace("<md:NameIDFormat>", f"{written}<md:NameIDFormat>")


def service(binding: str, location: str, more: str = "") -> str:
    return f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" Location="{location}"{more}'


def until(moment: Any) -> str:
    return f' validUntil="{moment.strftime("%Y-%m-%dT%H:%M:%SZ")}"'


def test_an_entity_is_read() -> None:
    idp = read(GOOD)
    assert (idp.entity_id, idp.sso_url) == (IDP, "https://idp.example/sso")
    assert len(idp.keys) == 1


def test_the_development_providers_own_is_read() -> None:
    idp = read(peer().metadata().decode())
    assert (idp.entity_id, idp.keys, idp.sso_redirect_url) == (
        IDP,
        read(GOOD).keys,
        "https://idp.example/sso",
    )


def test_what_is_absent_is_empty() -> None:
    idp = read(GOOD)
    assert (idp.sso_post_url, idp.slo_redirect_url, idp.slo_post_url) == ("", "", "")
    assert (idp.slo_redirect_response_url, idp.slo_post_response_url) == ("", "")
    assert (idp.wants_signed_requests, idp.scopes, idp.valid_until, idp.refresh_after) == (
        False,
        (),
        None,
        None,
    )


def test_post_alone_is_enough() -> None:
    idp = read(GOOD.replace("HTTP-Redirect", "HTTP-POST"))
    assert (idp.sso_redirect_url, idp.sso_post_url, idp.sso_url) == ("", *["https://idp.example/sso"] * 2)


def test_the_first_service_of_each_binding_is_read() -> None:
    post = SSO.replace("HTTP-Redirect", "HTTP-POST").replace("/sso", "/post")
    idp = read(
        GOOD.replace(SSO, post + SSO + SSO.replace("/sso", "/second") + post.replace("/post", "/third"))
    )
    assert (idp.sso_redirect_url, idp.sso_post_url) == ("https://idp.example/sso", "https://idp.example/post")
    assert idp.sso_url == "https://idp.example/sso"


def test_logout_is_read_by_both_bindings() -> None:
    idp = read(
        with_slo(
            service("SOAP", "not a URL"),
            service("HTTP-Redirect", "https://idp.example/slo"),
            service(
                "HTTP-POST", "https://idp.example/slo/post", ' ResponseLocation="https://idp.example/answers"'
            ),
            service("HTTP-POST", "https://idp.example/second"),
        )
    )
    assert (idp.slo_redirect_url, idp.slo_redirect_response_url) == ("https://idp.example/slo",) * 2
    assert idp.slo_post_url == "https://idp.example/slo/post"
    assert idp.slo_post_response_url == "https://idp.example/answers"


@pytest.mark.parametrize(
    ("written", "wanted"), [("true", True), ("1", True), (" true ", True), ("false", False), ("0", False)]
)
def test_signed_requests_are_wanted_where_it_says_so(written: str, wanted: bool) -> None:  # noqa: FBT001
    assert (
        read(
            GOOD.replace('WantAuthnRequestsSigned="false"', f'WantAuthnRequestsSigned="{written}"')
        ).wants_signed_requests
        is wanted
    )


def test_the_earliest_validity_and_the_shortest_cache_duration_win() -> None:
    role = GOOD.replace(
        "<md:IDPSSODescriptor", f'<md:IDPSSODescriptor{until(NOW + 3 * DAY)} cacheDuration="PT2H"'
    )
    entity = role.replace(
        "<md:EntityDescriptor", f'<md:EntityDescriptor{until(NOW + 2 * DAY)} cacheDuration="PT1H"'
    )
    inner = several(entity, attributes=until(NOW + DAY) + ' cacheDuration="P1D"')
    idp = read(several(inner, attributes=until(NOW + 4 * DAY)))
    assert (idp.valid_until, idp.refresh_after) == (NOW + DAY, timedelta(hours=1))
    assert read(entity).valid_until == NOW + 2 * DAY
    assert read(role).valid_until == NOW + 3 * DAY


def test_an_entity_that_stands_elsewhere_describes_nobody() -> None:
    hidden = GOOD.replace(
        ROLE, f"<md:Extensions>{GOOD.replace(IDP, 'https://hidden.example')}</md:Extensions>{ROLE}"
    )
    assert read(hidden).entity_id == IDP
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_entity: "):
        read(hidden, "https://hidden.example")


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
    ("saml.metadata_cache_duration", several(GOOD, attributes=' cacheDuration="6 hours"'), None),
    ("saml.metadata_cache_duration", GOOD.replace("<md:IDPSSODescriptor", '<md:IDPSSODescriptor cacheDuration=""'), None),
    ("saml.metadata_entity", GOOD.replace(IDP, "https://idp.example/" + "x" * 1024), None),
    ("saml.metadata_unreadable", GOOD.replace('WantAuthnRequestsSigned="false"', 'WantAuthnRequestsSigned="yes"'), None),
    ("saml.metadata_scope", GOOD.replace(KEY, f"<md:Extensions>{SCOPE}</md:Extensions>{KEY}"), None),
    ("saml.metadata_url", with_slo(service("HTTP-POST", "http://idp.example/slo")), None),
    ("saml.metadata_url", with_slo(service("HTTP-Redirect", "")), None),
    ("saml.metadata_url", with_slo(service("HTTP-POST", "https://idp.example/slo", ' ResponseLocation=""')), None),
    ("saml.metadata_url", with_slo(service("HTTP-POST", "https://idp.example/slo", ' ResponseLocation="/slo"')), None),
    ("saml.metadata_no_key", GOOD.replace(KEY, ""), None),
    ("saml.metadata_no_key", GOOD.replace('use="signing"', 'use="encryption"'), None),
    ("saml.metadata_no_key", GOOD.replace("X509Certificate", "X509CRL"), None),
    ("saml.certificate", GOOD.replace(peer().key.text, ""), None),
    ("saml.certificate", GOOD.replace(peer().key.text, "MIIB!"), None),
    ("saml.certificate", GOOD.replace(peer().key.text, peer().key.text[:400]), None),
    ("saml.metadata_no_redirect", GOOD.replace(SSO, ""), None),
    ("saml.metadata_no_redirect", GOOD.replace("HTTP-Redirect", "SOAP"), None),
    ("saml.metadata_no_redirect", GOOD.replace("HTTP-Redirect", "HTTP-Artifact"), None),
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
    assert (idp.sso_redirect_url, idp.sso_post_url) == ("https://idp.example/sso?a=1",) * 2
    assert idp.slo_redirect_url == ""
    assert len(idp.keys) == (2 if shape == "two in one" else 1)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("saml.metadata_entity", {"entity_id": " "}),
        ("saml.metadata_url", {"sso_url": "http://idp.example/", "development": True}),
        ("saml.metadata_url", {"sso_url": "http://localhost/"}),
        ("saml.metadata_url", {"slo_url": "http://idp.example/slo"}),
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
        fields = {"certificates": [make_key(now=NOW, bits=2048).text for _ in range(9)]}
    with pytest.raises(ConfigurationError) as caught:
        metadata.from_fields(**right | fields)
    assert caught.value.code == code


def test_validity_is_an_exclusive_bound() -> None:
    document = several(GOOD, attributes=until(NOW))
    which: dict[str, Any] = {"entity_id": None, "development": False, "signers": ()}
    assert metadata.read_metadata(document.encode(), now=NOW - SECOND, **which).entity_id == IDP
    with pytest.raises(ConfigurationError):
        metadata.read_metadata(document.encode(), now=NOW + timedelta(days=1), **which)


def test_a_typed_logout_url_serves_both_bindings() -> None:
    idp = metadata.from_fields(
        entity_id=IDP,
        sso_url="https://idp.example/sso",
        certificates=[peer().key.text],
        development=False,
        slo_url="https://idp.example/slo",
    )
    assert {
        idp.slo_redirect_url, idp.slo_redirect_response_url, idp.slo_post_url, idp.slo_post_response_url
    } == {"https://idp.example/slo"}  # fmt: skip


SIGNER = make_key(now=NOW)
NOT_SIGNER = make_key(now=NOW)
SIGNERS = (read_key(NOT_SIGNER.certificate), read_key(SIGNER.certificate))


def signed(document: str, *, of: str = "", key: SigningKey = SIGNER, **knobs: Any) -> str:
    """Sign the root, or the entity of this name."""
    root = etree.fromstring(document)
    entities = {one.get("entityID"): one for one in root.iter(MD + "EntityDescriptor")}
    element = entities[of] if of else root
    element.set("ID", "_signed")
    element.insert(0, etree.Element(DS + "Signature"))
    sign(element, key, SignatureKnobs(key=key, **knobs))
    return etree.tostring(root).decode()


OTHERS = GOOD.replace(IDP, "https://other.example")


@pytest.mark.parametrize(
    "document",
    [
        signed(GOOD),
        signed(GOOD, prefixes="md"),
        signed(several(GOOD, OTHERS)),
        signed(several(several(OTHERS), several(GOOD))),
        signed(several(GOOD, OTHERS), of=IDP),
        signed(several(signed(GOOD, key=make_key(now=NOW)).replace("_signed", "_inner"), OTHERS)),
    ],
)
def test_what_a_signer_signed_is_read(document: str) -> None:
    idp = read(document, IDP, signers=SIGNERS)
    assert (idp.entity_id, idp.keys, idp.sso_url) == (IDP, read(GOOD).keys, "https://idp.example/sso")
    assert read(document, IDP, signers=SIGNERS[1:]).entity_id == IDP


MOVED = "https://evil.example/sso"
UNSIGNED: list[tuple[str, str]] = [
    ("saml.metadata_unsigned", GOOD),
    ("saml.metadata_unsigned", several(GOOD, OTHERS)),
    ("saml.metadata_unsigned", signed(several(GOOD, OTHERS), of="https://other.example")),
    ("saml.metadata_unsigned", signed(GOOD).replace("ds:Signature>", "ds:Signatur>").replace("<ds:Signature ", "<ds:Signatur ")),
    ("saml.metadata_unsigned", GOOD.replace(ROLE, f"<md:Extensions>{signed(GOOD.replace(IDP, 'https://x.example'))}</md:Extensions>{ROLE}")),
    ("saml.metadata_signature", signed(GOOD, key=peer().key)),
    ("saml.metadata_signature", signed(GOOD).replace("https://idp.example/sso", MOVED)),
    ("saml.metadata_signature", signed(several(GOOD, OTHERS)).replace("https://idp.example/sso", MOVED)),
    ("saml.metadata_signature", signed(several(GOOD, OTHERS), of=IDP).replace("https://idp.example/sso", MOVED)),
    ("saml.metadata_signature", signed(GOOD, method="rsa-sha1", digest="sha1")),
    ("saml.metadata_signature", signed(GOOD, digest="md5")),
    ("saml.metadata_signature", signed(GOOD, reference="")),
    ("saml.metadata_signature", signed(GOOD, reference="#_other")),
    ("saml.metadata_signature", signed(GOOD, references=2)),
    ("saml.metadata_signature", signed(GOOD, transforms=("http://www.w3.org/2000/09/xmldsig#enveloped-signature",))),
    # a list whose own signature is another's, around an entity that is rightly signed
    ("saml.metadata_signature", signed(several(signed(GOOD).replace("_signed", "_inner")), key=peer().key)),
    # a rightly signed entity, moved under another one that is read
    ("saml.metadata_signature", several(signed(OTHERS).replace('entityID="https://other.example"', f'entityID="{IDP}"'))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "document"), UNSIGNED)
def test_what_no_signer_signed_is_refused(code: str, document: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(document, IDP, signers=SIGNERS)
    assert caught.value.code == code


def test_what_stands_around_a_signed_entity_shortens_its_life_and_never_lengthens_it() -> None:
    entity = GOOD.replace("<md:EntityDescriptor", f"<md:EntityDescriptor{until(NOW + 2 * DAY)}")
    longer = signed(several(entity, attributes=until(NOW + 9 * DAY)), of=IDP)
    assert read(longer, signers=SIGNERS).valid_until == NOW + 2 * DAY
    shorter = signed(several(entity, attributes=until(NOW + DAY)), of=IDP)
    assert read(shorter, signers=SIGNERS).valid_until == NOW + DAY
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_expired: "):
        read(signed(several(entity, attributes=until(NOW)), of=IDP), signers=SIGNERS)


def test_a_signed_entity_is_not_older_than_its_signer_says() -> None:
    document = signed(GOOD.replace("<md:EntityDescriptor", f"<md:EntityDescriptor{until(NOW)}"))
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_expired: "):
        read(document, signers=SIGNERS)
    with pytest.raises(ConfigurationError, match=r"^saml\.metadata_signature: "):
        read(document.replace("validUntil", "validuntil"), signers=SIGNERS)


def test_without_signers_a_signature_is_not_asked() -> None:
    assert read(signed(GOOD, key=peer().key)).entity_id == IDP


def test_certificates_are_read() -> None:
    assert certificates.read_signers(()) == ()
    assert certificates.read_signers([SIGNER.text]) == SIGNERS[1:]
    with pytest.raises(ConfigurationError, match=r"^saml\.certificate: "):
        certificates.read_signers([""])
