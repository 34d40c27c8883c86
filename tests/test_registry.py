"""Settings become what each protocol room asks for; every connection that cannot is named at once."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from test_settings import ABSENT, ENVIRONMENT, with_values

from federation import registry, settings
from federation.configuration.about import About
from federation.demo.saml_idp import SamlIdp
from federation.demo.saml_signing import make_key
from federation.errors import ConfigurationError
from federation.oidc.client_authentication import public_jwks, read_assertion_key
from federation.publishing import Publishing
from federation.registry import Oidc, Own, Saml
from federation.saml.encryption import read_decryption_key
from federation.saml.signing import read_signing_key

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IDP = "https://adfs.acme.example/adfs/services/trust"
SECRET = ENVIRONMENT["OKTA_CLIENT_SECRET"]


@cache
def idp(base_url: str = "https://adfs.acme.example") -> SamlIdp:
    return SamlIdp(entity_id=IDP, base_url=base_url, service_providers={})


@cache
def own() -> Own:
    key = make_key(now=NOW)
    assert isinstance(key.private, rsa.RSAPrivateKey)
    return Own(
        signing=read_signing_key(key.private, key.certificate),
        decryption=(read_decryption_key(key.private),),
        published=(key.certificate,),
        opening=(key.certificate,),
        assertion=(assertion := read_assertion_key(key.private, key.certificate)),
        jwks=public_jwks([assertion]),
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "metadata/idp").mkdir(parents=True)
    (tmp_path / "metadata/idp/adfs.xml").write_bytes(idp().metadata())
    return tmp_path


def compiled(directory: Path, changes: dict[str, Any] | None = None) -> dict[str, registry.Entry]:
    file = directory / "federation.yaml"
    file.write_text(yaml.safe_dump(with_values(changes or {})))
    read = settings.load(file, environment=ENVIRONMENT)
    return registry.compile_connections(read, own=own(), now=NOW)


def published(entry: Saml) -> bytes:
    return Publishing({"adfs": entry}, own=own(), about=About()).one("adfs", NOW)


def saml(entries: dict[str, registry.Entry], name: str = "adfs") -> Saml:
    entry = entries[name]
    assert isinstance(entry, Saml)
    return entry


def oidc(entries: dict[str, registry.Entry], name: str = "okta") -> Oidc:
    entry = entries[name]
    assert isinstance(entry, Oidc)
    return entry


def test_every_connection_is_there_in_the_files_order(directory: Path) -> None:
    entries = compiled(directory)
    assert list(entries) == ["adfs", "okta", "okta-eu"]
    assert [entry.connection.id for entry in entries.values()] == list(entries)


def test_a_saml_connection_has_our_names_and_their_keys(directory: Path) -> None:
    entry = saml(compiled(directory))
    assert entry.sp_entity_id == "https://sso.acme.example/saml/adfs/metadata"
    assert entry.acs_url == "https://sso.acme.example/saml/adfs/acs"
    assert entry.metadata_url == ""
    assert entry.idp is not None
    assert entry.idp.entity_id == IDP
    assert len(entry.idp.keys) == 1
    for name in (entry.sp_entity_id, entry.acs_url):
        assert name.encode() in published(entry)


def test_our_entity_id_may_be_another(directory: Path) -> None:
    entry = saml(compiled(directory, {"adfs.sp_entity_id": "urn:acme:sp"}))
    assert entry.sp_entity_id == "urn:acme:sp"
    assert b'entityID="urn:acme:sp"' in published(entry)


def test_metadata_by_url_is_fetched_later(directory: Path) -> None:
    entry = saml(compiled(directory, {"adfs.metadata": {"url": "https://adfs.acme.example/metadata"}}))
    assert entry.idp is None
    assert entry.metadata_url == "https://adfs.acme.example/metadata"


def test_pasted_metadata_is_read_at_the_start(directory: Path) -> None:
    pasted = {"adfs.metadata": {"xml": idp("https://idp.example").metadata().decode()}}
    entry = saml(compiled(directory, pasted))
    assert entry.idp is not None
    assert entry.idp.entity_id == IDP


def test_a_signer_that_cannot_be_read_stops_the_start(directory: Path) -> None:
    pinned = {"url": "https://adfs.acme.example/metadata", "certificates": ["MI" + "A" * 300]}
    with pytest.raises(ConfigurationError, match=r"connections\.adfs: .*\(saml\.certificate\)"):
        compiled(directory, {"adfs.metadata": pinned})


def test_metadata_may_name_http_on_loopback_in_development_alone(directory: Path) -> None:
    (directory / "metadata/idp/adfs.xml").write_bytes(idp("http://127.0.0.1:1").metadata())
    entry = saml(compiled(directory, {"development": True}))
    assert (entry.development, entry.idp and entry.idp.sso_url) == (True, "http://127.0.0.1:1/sso")
    with pytest.raises(ConfigurationError, match=r"saml\.metadata_url"):
        compiled(directory)
    entries = compiled(directory, {"adfs.metadata": {"url": "https://adfs.acme.example/metadata"}})
    later = [one.development for one in entries.values() if isinstance(one, registry.Saml | registry.Oidc)]
    assert later == [False] * 3  # what is fetched later


def test_trust_material_by_hand(directory: Path) -> None:
    document = idp().metadata().decode()
    certificate = document.split("X509Certificate>")[1].split("<")[0]
    by_hand = {"metadata": ABSENT, "entity_id": IDP, "sso_url": "https://adfs.acme.example/sso"}
    changes = {f"adfs.{key}": value for key, value in by_hand.items()} | {"adfs.certificates": [certificate]}
    entry = saml(compiled(directory, changes))
    assert entry.idp is not None
    assert (entry.idp.entity_id, entry.idp.sso_url) == (IDP, "https://adfs.acme.example/sso")
    assert entry.idp.keys == (saml(compiled(directory)).idp or entry.idp).keys


def test_an_oidc_connection_has_our_registration(directory: Path) -> None:
    entry = oidc(compiled(directory))
    assert entry.client.client_id == "0oa1example"
    assert entry.client.client_secret == SECRET
    assert entry.client.redirect_uri == "https://sso.acme.example/oidc/okta/callback"
    assert entry.client.scopes == ("openid", "profile", "email", "groups")
    assert entry.client.token_endpoint_auth_method == "client_secret_basic"
    assert entry.client.id_token_signed_response_alg == "RS256"
    assert entry.discovery.url == "https://acme.okta.example/.well-known/openid-configuration"
    assert entry.discovery.issuer == "https://acme.okta.example"
    assert SECRET not in repr(entry)


def test_a_public_client_by_its_discovery_url(directory: Path) -> None:
    entry = oidc(compiled(directory), "okta-eu")
    assert (entry.client.client_secret, entry.client.token_endpoint_auth_method) == ("", "none")
    assert entry.discovery.url == "https://eu.okta.example/.well-known/openid-configuration"
    assert entry.discovery.issuer is None


def test_a_preset_reaches_the_client(directory: Path) -> None:
    assert oidc(compiled(directory, {"okta.preset": "adfs"})).client.fetch_userinfo == "never"
    changes = {"okta.preset": "adfs", "okta.fetch_userinfo": "auto"}
    assert oidc(compiled(directory, changes)).client.fetch_userinfo == "auto"


GOOGLE = {"okta.preset": "google", "okta.authorization_params": {"hd": "acme.example"}}
AUTH0 = {"okta.preset": "auth0"}


@pytest.mark.parametrize(
    ("changes", "demanded"),
    [
        (GOOGLE, {"hd": "acme.example"}),
        (GOOGLE | {"okta.preset": "generic"}, {}),
        (AUTH0 | {"okta.authorization_params": {"organization": "org_1"}}, {"org_id": "org_1"}),
        (AUTH0 | {"okta.authorization_params": {"organization": "Acme"}}, {"org_name": "acme"}),
        (AUTH0, {}),
    ],
)
def test_what_is_asked_of_a_vendor_is_demanded(
    directory: Path, changes: dict[str, Any], demanded: dict[str, str]
) -> None:
    assert oidc(compiled(directory, changes)).client.demands.claims == demanded


def test_any_cannot_be_demanded(directory: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"connections\.okta: .*\(registry\.asked\)"):
        compiled(directory, GOOGLE | {"okta.authorization_params": {"hd": "*"}})


def test_our_certificate_stands_in_our_metadata(directory: Path) -> None:
    assert own().signing.certificate.encode() in published(saml(compiled(directory)))


FAULTS = [
    # what differs                                       code within the message
    ({"adfs.metadata": {"file": "none.xml"}},          "registry.metadata_file"),
    ({"adfs.metadata": {"file": "federation.yaml"}},   "saml."),
    ({"adfs.entity_id": "https://other.example"},      "saml.metadata_entity"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), FAULTS)
def test_what_cannot_be_compiled_is_named(directory: Path, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^registry.invalid: ") as refused:
        compiled(directory, changes)
    assert "connections.adfs: " in refused.value.detail
    assert f"({code}" in refused.value.detail


def test_every_connection_that_cannot_be_compiled_is_named(directory: Path) -> None:
    second = with_values({})["connections"]["adfs"] | {"metadata": {"file": "none-either.xml"}}
    with pytest.raises(ConfigurationError, match=r"^registry.invalid: ") as refused:
        compiled(directory, {"adfs.metadata": {"file": "none.xml"}, "connections.second": second})
    assert "2 faults" in refused.value.detail
    assert "connections.adfs: " in refused.value.detail
    assert "connections.second: " in refused.value.detail


def test_expired_metadata_is_refused_at_start(directory: Path) -> None:
    document = idp().metadata().decode()
    until = (NOW - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = document.replace(" entityID=", f' validUntil="{until}" entityID=', 1)
    (directory / "metadata/idp/adfs.xml").write_text(document)
    with pytest.raises(ConfigurationError, match=r"saml.metadata_expired"):
        compiled(directory)


def test_two_providers_of_one_name_share_a_key_or_one_is_not_who_it_says(directory: Path) -> None:
    impostor = SamlIdp(entity_id=IDP, base_url="https://evil.example", service_providers={})
    (directory / "metadata/idp/second.xml").write_bytes(idp().metadata())
    second = with_values({})["connections"]["adfs"] | {"metadata": {"file": "metadata/idp/second.xml"}}
    compiled(directory, {"connections.second": second})  # the same provider, twice
    (directory / "metadata/idp/second.xml").write_bytes(impostor.metadata())
    with pytest.raises(ConfigurationError, match=r"connections\.second: .*\(registry\.entity_id\)"):
        compiled(directory, {"connections.second": second})


# ── one issuer, one source of keys ────────────────────────────────────────────────────────

OP = "https://op.example/tenant"
DISCOVERED = {"protocol": "oidc", "organization": "acme", "issuer": OP, "client_id": "a",
              "token_endpoint_auth_method": "none", "domains": ["acme.example"]}  # fmt: skip
SKIPPED = DISCOVERED | {
    "skip_discovery": True,
    "authorization_endpoint": f"{OP}/authorize",
    "token_endpoint": f"{OP}/token",
    "jwks_uri": f"{OP}/keys",
}
HS = DISCOVERED | {
    "id_token_signed_response_alg": "HS256",
    "client_secret": "a secret of 32 octets or so, or more",
    "token_endpoint_auth_method": "client_secret_post",
}
BY_URL = {key: value for key, value in DISCOVERED.items() if key != "issuer"}
ENTRA = "https://login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"
MANY = DISCOVERED | {"issuer": f"{ENTRA}/organizations/v2.0", "tenants": [TENANT]}
ONE = DISCOVERED | {"issuer": f"{ENTRA}/{TENANT}/v2.0"}
API = {
    "protocol": "oauth2", "organization": "acme", "issuer": OP, "client_id": "a", "subject_claim": "id",
    "token_endpoint_auth_method": "none", "domains": ["acme.example"], "email_trust": "none",
    "authorization_endpoint": f"{OP}/authorize", "token_endpoint": f"{OP}/token",
    "userinfo_endpoint": f"{OP}/user",
}  # fmt: skip

ONE_SOURCE = [
    (DISCOVERED, DISCOVERED | {"client_id": "b"}),
    (DISCOVERED, DISCOVERED | {"discovery_url": f"{OP}/.well-known/openid-configuration?appid=b"}),
    (DISCOVERED, DISCOVERED | {"discovery_url": "https://OP.example:443/elsewhere"}),
    (DISCOVERED, BY_URL | {"discovery_url": OP}),
    (DISCOVERED, HS),  # by its own token endpoint, as the key is by its own document
    (DISCOVERED, SKIPPED | {"issuer": "https://op.example/another"}),
    (SKIPPED, SKIPPED | {"client_id": "b"}),
    (MANY, ONE),
    (API, API | {"client_id": "b"}),
]
TWO_SOURCES = [
    (DISCOVERED, SKIPPED),
    (SKIPPED, DISCOVERED),
    (SKIPPED, SKIPPED | {"jwks_uri": "https://evil.example/keys"}),
    (DISCOVERED, DISCOVERED | {"jwks_uri": f"{OP}/keys"}),
    (DISCOVERED, DISCOVERED | {"discovery_url": "https://evil.example/"}),
    (DISCOVERED, DISCOVERED | {"discovery_url": "https://op.example:444/tenant"}),
    (DISCOVERED, DISCOVERED | {"discovery_url": "https://op.example.evil.example/tenant"}),
    (BY_URL | {"discovery_url": OP}, SKIPPED),
    (DISCOVERED, BY_URL | {"discovery_url": OP, "jwks_uri": "https://evil.example/keys"}),
    (DISCOVERED, HS | {"token_endpoint": "https://evil.example/token"}),
    (DISCOVERED, HS | {"flow": "implicit"}),  # whoever knows that secret signs for everybody
    (MANY, SKIPPED | {"issuer": f"{ENTRA}/{TENANT}/v2.0"}),
    (ONE, MANY | {"jwks_uri": "https://evil.example/keys"}),
    (DISCOVERED, API),
    (API, API | {"userinfo_endpoint": "https://evil.example/user"}),
    (API, API | {"subject_claim": "login"}),
]


@pytest.mark.parametrize(("first", "second"), ONE_SOURCE)
def test_one_issuer_and_one_source_of_keys(
    directory: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert {"one", "two"} <= compiled(directory, {"connections.one": first, "connections.two": second}).keys()


@pytest.mark.parametrize(("first", "second"), TWO_SOURCES)
def test_whoever_has_other_keys_does_not_speak_for_an_issuers_people(
    directory: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        compiled(directory, {"connections.one": first, "connections.two": second})
    told = str(refused.value)
    assert told.count("registry.issuer_keys") == 1
    assert "connections.two: it has the issuer of connections.one" in told
    compiled(directory, {"connections.one": first})
    compiled(directory, {"connections.two": second})  # each is fine alone


def test_two_organizations_have_no_person_in_common(directory: Path) -> None:
    elsewhere = {"organization": "globex", "domains": ["globex.example"]}
    changes = {
        "connections.one": DISCOVERED,
        "connections.two": SKIPPED | elsewhere,
        "organizations.globex": {"name": "Globex"},
    }
    assert {"one", "two"} <= compiled(directory, changes).keys()
