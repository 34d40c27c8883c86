"""The settings file, secret files, environment: what counts, and how every fault is named."""

import copy
import json
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from federation import presets, settings
from federation.configuration.sources import Source
from federation.connection import OidcConnection, SamlConnection, name_fault, show
from federation.errors import ConfigurationError
from federation.settings import Settings

SECRET = "hunter2-hunter2-hunter2"
GOOD: dict[str, Any] = {
    "base_url": "https://sso.acme.example",
    "development": False,
    "database_url": "sqlite:///var/federation.db",
    "rate_limits": {"sign_in": "300/minute", "failures": "30/minute"},
    "trusted_proxies": ["10.0.0.0/8", "2001:db8::/32"],
    "session": {"idle": "8h", "absolute": "24h"},
    "encryption_keys": [{"file": "certs/secrets.key"}],
    "outbound": {"allow": [], "proxy": None},
    "organizations": {"acme": {"name": "Acme", "default_roles": ["member"]}, "beta": {"name": "Beta"}},
    "connections": {
        "adfs": {
            "protocol": "saml",
            "preset": "adfs",
            "organization": "acme",
            "display_name": "Acme ADFS",
            "domains": ["acme.example"],
            "metadata": {"file": "metadata/idp/adfs.xml"},
            "role_rules": [
                {"name": "admins", "groups": ["Domain Admins", "ops-*"], "roles": ["admin"]},
                {
                    "name": "finance",
                    "attribute": {"name": "department", "in": ["Finance"]},
                    "roles": ["auditor"],
                },
            ],
            "default_roles": ["member"],
        },
        "okta": {
            "protocol": "oidc",
            "preset": "okta",
            "organization": "acme",
            "domains": ["acme.example"],
            "issuer": "https://acme.okta.example",
            "client_id": "0oa1example",
            "client_secret": {"env": "OKTA_CLIENT_SECRET"},
            "scopes": ["openid", "profile", "email", "groups"],
            "attributes": {"department": "https://acme.example/department"},
        },
        "okta-eu": {
            "protocol": "oidc",
            "organization": "beta",
            "anyone": True,
            "discovery_url": "https://eu.okta.example/.well-known/openid-configuration",
            "client_id": "public",
            "token_endpoint_auth_method": "none",
        },
    },
}
ENVIRONMENT = {"OKTA_CLIENT_SECRET": SECRET, "PATH": "/bin"}
ABSENT = object()
BY_HAND = {
    "okta.authorization_endpoint": "https://acme.okta.example/authorize",
    "okta.token_endpoint": "https://acme.okta.example/token",
}
HS256 = {
    "okta.id_token_signed_response_alg": "HS256",
    "okta.client_secret": "a secret of 32 octets or so, or more",
}


DOD = "https://login.microsoftonline.us/11111111-2222-3333-4444-555555555555/v2.0"


def with_values(changes: Mapping[str, Any]) -> dict[str, Any]:
    """GOOD with some places changed: "connections.okta.client_id" → value, or ABSENT."""
    tree = copy.deepcopy(GOOD)
    for place, value in changes.items():
        *above, leaf = whole(place).split(".")
        node = tree
        for step in above:
            node = node.setdefault(step, {})
        if value is ABSENT:
            node.pop(leaf, None)
        else:
            node[leaf] = value
    return tree


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def whole(place: str) -> str:
    """Return a place as the messages name it: the tables below leave "connections." out."""
    return f"connections.{place}" if place.partition(".")[0] in GOOD["connections"] else place


def write(directory: Path, tree: object) -> Path:
    file = directory / "federation.yaml"
    file.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree, allow_unicode=True))
    return file


def load(directory: Path, tree: object = None, **environment: str) -> Settings:
    return settings.load(write(directory, tree or GOOD), environment=ENVIRONMENT | environment)


def faults(directory: Path, tree: object, **environment: str) -> dict[str, str]:
    """Place → what was expected there."""
    with pytest.raises(ConfigurationError, match=r"^settings.invalid: ") as refused:
        load(directory, tree, **environment)
    assert SECRET not in str(refused.value)
    head, *lines = refused.value.detail.splitlines()
    told = dict(line.strip().split(": ", 1) for line in lines)
    assert head.endswith(f"{len(lines)} faults:" if len(lines) > 1 else "one fault:")
    assert len(told) == len(lines)
    return told


# ── what is read ──────────────────────────────────────────────────────────────────────────


def test_the_good_file_is_read_whole(directory: Path) -> None:
    read = load(directory)
    assert read.base_url == "https://sso.acme.example"
    assert read.session.idle == timedelta(hours=8)
    assert read.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert [type(one) for one in read.connections.values()] == [
        SamlConnection,
        OidcConnection,
        OidcConnection,
    ]
    assert [one.id for one in read.connections.values()] == ["adfs", "okta", "okta-eu"]
    okta = read.connections["okta"]
    assert isinstance(okta, OidcConnection)
    assert okta.client_secret is not None
    assert okta.client_secret.get_secret_value() == SECRET
    assert okta.attributes == {"department": ("https://acme.example/department",)}


def test_what_is_left_out_has_a_default(directory: Path) -> None:
    needed = {key: GOOD[key] for key in ("base_url", "database_url", "encryption_keys")}
    read = load(directory, needed)
    assert (read.rate_limits.sign_in, read.rate_limits.failures) == ("300/minute", "30/minute")
    assert (read.session.idle, read.session.absolute) == (timedelta(hours=8), timedelta(hours=24))
    assert read.trusted_proxies == ()
    assert read.outbound.allow == ()
    assert read.connections == {}


def test_relative_paths_start_where_the_file_is(directory: Path) -> None:
    read = load(directory)
    adfs = read.connections["adfs"]
    assert isinstance(adfs, SamlConnection)
    assert adfs.metadata is not None
    assert adfs.metadata.file == directory / "metadata/idp/adfs.xml"
    assert read.encryption_keys[0].file == directory / "certs/secrets.key"
    assert (read.sp_key, read.sp_certificate) == (directory / "certs/sp.key", directory / "certs/sp.crt")
    assert read.database_url.get_secret_value() == f"sqlite:///{directory}/var/federation.db"


def test_absolute_paths_stay(directory: Path) -> None:
    tree = with_values(
        {"sp_key": "/etc/federation/sp.key", "database_url": "sqlite:////var/lib/federation.db"}
    )
    read = load(directory, tree)
    assert read.sp_key == Path("/etc/federation/sp.key")
    assert read.database_url.get_secret_value() == "sqlite:////var/lib/federation.db"


def test_a_linked_file_still_starts_paths_at_the_link(directory: Path) -> None:
    """Kubernetes mounts a ConfigMap as links into a directory whose name changes."""
    (directory / "..2026").mkdir()
    write(directory / "..2026", GOOD)
    (directory / "federation.yaml").symlink_to(directory / "..2026" / "federation.yaml")
    read = settings.load(directory / "federation.yaml", environment=ENVIRONMENT)
    assert read.sp_key == directory / "certs/sp.key"


def test_development_brings_http_on_loopback_and_a_key(directory: Path) -> None:
    changes = {
        "development": True,
        "encryption_keys": ABSENT,
        "connections.okta.issuer": "http://127.0.0.1:9000",
    }
    for origin in ("http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"):
        read = load(directory, with_values(changes | {"base_url": origin}))
        assert read.base_url == origin
        assert [one.file for one in read.encryption_keys] == [directory / "certs/secrets.key"]


def test_certificates_may_be_text_or_files(directory: Path) -> None:
    by_hand = {"metadata": ABSENT, "entity_id": "urn:idp", "sso_url": "https://idp.example/sso"}
    (directory / "idp.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n")
    (directory / "idp.der").write_bytes(b"\x30\x82\x01\x02")
    bare = "MII" + "A" * 400
    tree = with_values({f"connections.adfs.{key}": value for key, value in by_hand.items()})
    tree["connections"]["adfs"]["certificates"] = [
        "idp.pem",
        "idp.der",
        bare,
        "-----BEGIN CERTIFICATE-----\nMIIC",
    ]
    adfs = load(directory, tree).connections["adfs"]
    assert isinstance(adfs, SamlConnection)
    assert adfs.certificates[0].startswith("-----BEGIN CERTIFICATE-----\nMIIC\n")
    assert adfs.certificates[1:3] == ("MIIBAg==", bare)


def test_yaml_reads_a_bare_off_as_false_and_so_do_we(directory: Path) -> None:
    file = (
        yaml.safe_dump(with_values({"rate_limits": ABSENT}))
        + "rate_limits: {sign_in: off, failures: 5/hour}\n"
    )
    read = load(directory, file)
    assert (read.rate_limits.sign_in, read.rate_limits.failures) == ("off", "5/hour")


def test_settings_are_frozen_and_hide_secrets(directory: Path) -> None:
    read = load(directory, with_values({"outbound.proxy": f"http://u:{SECRET}@proxy.example"}))
    with pytest.raises(ValueError, match="frozen"):
        read.base_url = "https://other.example"  # type: ignore[misc]
    okta = read.connections["okta"]
    for shown in (repr(read), str(read), json.dumps(show(read)), repr(okta), json.dumps(show(okta))):
        assert SECRET not in shown
    assert show(read)["session"] == {"idle": "8h", "absolute": "1d", "break_glass": "1h"}


def test_what_is_shown_is_in_the_keys_of_the_file(directory: Path) -> None:
    rule = {"name": "finance", "attribute": {"name": "department", "in": ["Finance"]}, "roles": ["auditor"]}
    read = load(directory, with_values({"connections.okta.role_rules": [rule]}))
    assert show(read)["connections"]["okta"]["role_rules"] == [rule | {"groups": [], "teams": []}]


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({}, []),
        ({"connections.okta.client_secret": SECRET}, ["connections.okta.client_secret"]),
        ({"database_url": f"postgresql://u:{SECRET}@db/f"}, ["database_url"]),
        ({"database_url": "postgresql://u@db/f"}, []),
        ({"outbound.proxy": f"http://u:{SECRET}@proxy"}, ["outbound.proxy"]),
    ],
)
def test_secrets_written_into_the_file_are_known(
    directory: Path, changes: dict[str, Any], places: list[str]
) -> None:
    assert list(load(directory, with_values(changes)).inline_secrets) == places


def test_a_secret_from_the_environment_is_not_an_inline_one(directory: Path) -> None:
    read = load(directory, FEDERATION__CONNECTIONS__OKTA__CLIENT_SECRET=SECRET)
    assert read.inline_secrets == ()


# ── what is refused: the place, and what was expected there ───────────────────────────────

EU = GOOD["connections"]["okta-eu"]
FAULTS: list[tuple[dict[str, Any], str, str]] = [
    # what differs from the good file the place named                 a word of what was expected
    ({"base_url": ABSENT},           "base_url",                     "missing; expected our public origin"),
    ({"base_url": "https://sso.acme.example/"}, "base_url",          "no slash"),
    ({"base_url": "https://sso.acme.example/path"}, "base_url",      "nothing behind it"),
    ({"base_url": "https://sso.acme.example?x"}, "base_url",         "nothing behind it"),
    ({"base_url": "https://sso.acme.example#x"}, "base_url",         "nothing behind it"),
    ({"base_url": "https://me:pw@sso.acme.example"}, "base_url",     "expected https://"),
    ({"base_url": "https://SSO.acme.example"}, "base_url",           "lower-case"),
    ({"base_url": "https://bücher.example"}, "base_url",             "expected https://"),
    ({"base_url": "https://sso.acme.example:443"}, "base_url",       "default port"),
    ({"base_url": "https://sso.acme.example:99999"}, "base_url",     "expected https://"),
    ({"base_url": "https://"},       "base_url",                     "expected https://"),
    ({"base_url": "sso.acme.example"}, "base_url",                   "expected https://"),
    ({"base_url": "ftp://sso.acme.example"}, "base_url",             "expected https://"),
    ({"base_url": "http://localhost:8000"}, "base_url",              "development: true"),
    ({"base_url": "http://sso.acme.example", "development": True}, "base_url", "loopback"),
    ({"base_url": "http://localhost.evil.example", "development": True}, "base_url", "loopback"),
    ({"base_url": ["x"]},            "base_url",                     "valid string"),
    ({"development": "perhaps"},     "development",                  "boolean"),
    ({"database_url": ABSENT},       "database_url",                 "sqlite:///"),
    ({"database_url": "mysql://x"},  "database_url",                 "sqlite:///"),
    ({"database_url": "var/federation.db"}, "database_url",          "sqlite:///"),
    ({"database_url": "sqlite://var/federation.db"}, "database_url", "three slashes"),
    ({"database_url": "sqlite:///"}, "database_url",                 "sqlite:///"),
    ({"rate_limits.sign_in": "0/minute"}, "rate_limits.sign_in",     "300/minute"),
    ({"rate_limits.sign_in": 300},   "rate_limits.sign_in",          "300/minute"),
    ({"rate_limits.failures": True}, "rate_limits.failures",         "off"),
    ({"rate_limits.faliures": "1/minute"}, "rate_limits.faliures",   "did you mean failures?"),
    ({"trusted_proxies": ["10.0.0.1/8"]}, "trusted_proxies.0",       "network such as"),
    ({"trusted_proxies": ["proxy"]}, "trusted_proxies.0",            "network such as"),
    ({"trusted_proxies": ["10.0.0.0/8", "0.0.0.0/0"]}, "trusted_proxies.1", "trust everybody"),
    ({"trusted_proxies": ["::/0"]},  "trusted_proxies.0",            "trust everybody"),
    ({"session.idle": 8},            "session.idle",                 "number with its unit"),
    ({"session.idle": "0h"},         "session.idle",                 "number with its unit"),
    ({"session.idle": "-1h"},        "session.idle",                 "number with its unit"),
    ({"session.idle": "48h"},        "session.absolute",             "at least session.idle"),
    ({"encryption_keys": []},        "encryption_keys",              "federation init"),
    ({"encryption_keys": ABSENT},    "encryption_keys",              "federation init"),
    ({"encryption_keys": ["x"]},     "encryption_keys.0",            "valid dictionary"),
    ({"encryption_keys": [{}]},      "encryption_keys.0.file",       "path of a file"),
    ({"organisations": {}},          "organisations",                "did you mean organizations?"),
    ({"organizations.acme.name": ABSENT}, "organizations.acme.name", "a name for people"),
    ({"organizations.Gamma": {"name": "G"}}, "organizations.Gamma",  "lower-case"),
    ({"organizations.a__b": {"name": "G"}}, "organizations.a__b",    "separates levels"),
    ({"connections": ["okta"]},      "connections",                  "ids with a connection"),
    ({"okta": "https://x"},          "okta",                         "keys with values"),
    ({"connections.Bad": EU},        "connections.Bad",              "lower-case"),
    ({"connections.a__b": EU},       "connections.a__b",             "separates levels"),
    ({"okta.protocol": ABSENT},      "okta.protocol",                "saml, oidc, oauth2 or local"),
    ({"okta.protocol": "oauth"},     "okta.protocol",                "saml, oidc, oauth2 or local"),
    ({"okta.protocol": ["oidc"]},    "okta.protocol",                "saml, oidc, oauth2 or local"),
    ({"adfs.protocol": ABSENT},      "adfs.protocol",                "saml, oidc, oauth2 or local"),
    ({"okta.id": "okta"},            "okta.id",                      "the key above"),
    ({"okta.preset": "oktaa"},       "okta.preset",                  "expected one of adfs, auth0"),
    ({"okta.preset": "github"},      "okta.preset",                  "use protocol: oauth2"),
    ({"adfs.preset": "gitlab"},      "adfs.preset",                  "use protocol: oidc"),
    ({"okta.organization": ABSENT},  "okta.organization",            "id of one of organizations"),
    ({"okta.organization": "gamma"}, "okta.organization",            "known: acme, beta"),
    ({"okta.clientid": "x"},         "okta.clientid",                "did you mean client_id?"),
    ({"okta.client_id": ABSENT},     "okta.client_id",               "client id"),
    ({"okta.client_id": 1},          "okta.client_id",               "valid string"),
    ({"okta.domains": []},           "okta.domains",                 "anyone: true"),
    ({"okta.domains": ABSENT},       "okta.domains",                 "anyone: true"),
    ({"okta.domains": ["Acme.example"]}, "okta.domains.0",           "lower-case"),
    ({"okta.domains": ["*acme.example"]}, "okta.domains.0",          "domain name"),
    ({"okta.domains": ["*.*.acme.example"]}, "okta.domains.0",       "domain name"),
    ({"okta.domains": ["acme.*"]},   "okta.domains.0",               "domain name"),
    ({"okta.domains": ["*.example"]}, "okta.domains.0",              "domain name"),
    ({"okta.domains": ["bücher.example"]}, "okta.domains.0",         "xn--"),
    ({"okta.domains": ["acme.example."]}, "okta.domains.0",          "domain name"),
    ({"okta.domains": ["192.0.2.1"]}, "okta.domains.0",              "domain name"),
    ({"okta.domains": ["a" * 64 + ".example"]}, "okta.domains.0",    "domain name"),
    ({"okta.domains": ["co.uk"]},    "okta.domains.0",               "co.uk is a public suffix"),
    ({"okta.domains": ["*.co.uk"]},  "okta.domains.0",               "co.uk is a public suffix"),
    ({"okta.domains": ["*.com"]},    "okta.domains.0",               "domain name"),
    ({"okta.domains": ["acme.example", "acme.example"]}, "okta.domains", "named twice"),
    ({"okta.domains": [], "okta.provisioning": "open"}, "okta.domains", "tenants"),
    ({"okta.domains": [], "okta.authorization_params": {"hd": "acme.example"}}, "okta.domains", "tenants"),
    ({"adfs.domains": []},           "adfs.domains",                 "may enter, or anyone: true"),
    ({"organizations.acme.domain_proof": "none"}, "organizations.acme.domain_proof", "'dns'"),
    ({"okta.domains": ["@acme.example"]}, "okta.domains.0",          "domain name"),
    ({"okta.domains": ["example"]},  "okta.domains.0",               "domain name"),
    ({"okta.domains": "acme.example"}, "okta.domains",               "valid tuple"),
    ({"okta.anyone": True},          "okta.domains",                 "contradicts anyone"),
    ({"okta-eu.anyone": "false"},    "okta-eu.domains",              "anyone: true"),
    ({"okta-eu.anyone": False, "okta-eu.domains": ["acme.example"]},
     "okta-eu.domains", "acme.example belongs to another organization's connection, adfs"),
    ({"okta.domains": ["*.acme.example"], "okta-eu.anyone": False, "okta-eu.domains": ["a.b.acme.example"]},
     "okta-eu.domains", "a.b.acme.example belongs to another organization's connection, okta, by *.acme"),
    ({"okta.domains": ["a.b.acme.example"], "okta-eu.anyone": False, "okta-eu.domains": ["*.acme.example"]},
     "okta-eu.domains", "*.acme.example belongs to another organization's connection, okta, by a.b.acme"),
    ({"okta.domains": ["*.acme.example"], "okta-eu.anyone": False, "okta-eu.domains": ["*.eu.acme.example"]},
     "okta-eu.domains", "by *.acme.example"),
    ({"okta.domains": ["*.eu.acme.example"], "okta-eu.anyone": False, "okta-eu.domains": ["*.acme.example"]},
     "okta-eu.domains", "by *.eu.acme.example"),
    ({"okta.email_trust": "yes"},    "okta.email_trust",             "'verified'"),
    ({"okta.clock_skew": "10m"},     "okta.clock_skew",              "at most 5m"),
    ({"okta.attributes": {"x": []}}, "okta.attributes.x",            "at least 1"),
    ({"okta.issuer": ABSENT},        "okta.issuer",                  "(or discovery_url)"),
    ({"okta.issuer": "acme.okta.example"}, "okta.issuer",            "expected a URL"),
    ({"okta.issuer": "https://a:b@x.example"}, "okta.issuer",        "without user name"),
    ({"okta.issuer": "https://x.example#f"}, "okta.issuer",          "fragment"),
    ({"okta.issuer": "http://127.0.0.1:1"}, "okta.issuer",           "development: true"),
    ({"okta.issuer": "http://x.example", "development": True}, "okta.issuer", "loopback"),
    ({"okta.client_secret": ABSENT}, "okta.client_secret",           "{env: …} or {file: …}"),
    ({"okta.client_secret": ""},     "okta.client_secret",           "at least 1"),
    ({"okta.client_secret": {}},     "okta.client_secret",           "{env: NAME}"),
    ({"okta.client_secret": {"env": "NONE"}}, "okta.client_secret",  "variable NONE is not set"),
    ({"okta.client_secret": {"file": "none"}}, "okta.client_secret", "file cannot be read"),
    ({"okta.client_secret": {"env": "OKTA_CLIENT_SECRET", "file": "x"}}, "okta.client_secret", "one of"),
    ({"okta-eu.client_secret": SECRET}, "okta-eu.client_secret",     "contradicts"),
    ({"okta.scopes": ["profile"]},   "okta.scopes",                  "openid"),
    ({"okta.flow": "implicit", "okta.keep_tokens": ["refresh"]}, "okta.flow", "names refresh: use code"),
    ({"okta.flow": "implicit", "okta.fetch_userinfo": "always"}, "okta.fetch_userinfo", "use flow: code"),
    ({"okta.graph_host": "dod-graph.microsoft.us"}, "okta.graph_host", "login.microsoftonline.us alone"),
    ({"okta.graph_host": "graph.evil.example", "okta.issuer": DOD}, "okta.graph_host", "dod-graph"),
    ({"okta.skip_discovery": True},  "okta.skip_discovery",          "expected authorization_endpoint and"),
    ({"okta.skip_discovery": True, **BY_HAND}, "okta.jwks_uri",      "URL of the provider's keys"),
    ({"okta.skip_discovery": True, **BY_HAND, **HS256, "okta.userinfo_signed_response_alg": "RS256"},
     "okta.jwks_uri", "URL of the provider's keys"),
    ({"okta.id_token_signed_response_alg": "HS256"}, "okta.id_token_signed_response_alg", "32 octets"),
    ({"okta.userinfo_signed_response_alg": "HS512"}, "okta.userinfo_signed_response_alg", "64 octets"),
    ({"okta.id_token_signed_response_alg": "none"}, "okta.id_token_signed_response_alg", "'RS256'"),
    ({"adfs.metadata": ABSENT},      "adfs.metadata",                "all of entity_id"),
    ({"adfs.metadata": {}},          "adfs.metadata",                "one of {file"),
    ({"adfs.metadata": {"url": "http://x.y"}}, "adfs.metadata.url",  "expected https://"),
    ({"adfs.sso_url": "https://idp.example"}, "adfs.metadata",       "keep one"),
    ({"adfs.client_id": "x"},        "adfs.client_id",               "unknown key"),
    ({"adfs.role_rules": [{"name": "all", "roles": ["admin"]}]}, "adfs.role_rules.0", "match everybody"),
    ({"adfs.role_rules": [{"name": "all", "groups": ["x"]}]}, "adfs.role_rules.0.roles", "a list of roles"),
    ({"adfs.role_rules": [{"name": "a", "roles": ["r"], "attribute": {"name": "x", "in": []}}]},
     "adfs.role_rules.0.attribute.in", "at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [{"okta.jwks_uri": "https://k.example/"}, HS256, HS256 | {"okta.userinfo_signed_response_alg": "HS256"}],
)
def test_without_discovery_keys_are_named_unless_our_secret_signs_all(
    directory: Path, told: dict[str, Any]
) -> None:
    read = load(directory, with_values({"okta.skip_discovery": True, **BY_HAND, **told}))
    assert at(read, "connections.okta.skip_discovery") is True


@pytest.mark.parametrize(("changes", "place", "expected"), FAULTS)
def test_one_fault_is_named_with_its_place(
    directory: Path, changes: dict[str, Any], place: str, expected: str
) -> None:
    told = faults(directory, with_values(changes))
    assert list(told) == [whole(place)]
    assert expected in told[whole(place)]


def test_twins_in_the_environment_are_refused(directory: Path) -> None:
    tree = with_values({"connections.okta_eu": GOOD["connections"]["okta-eu"]})
    told = faults(directory, tree)
    assert list(told) == ["connections.okta-eu", "connections.okta_eu"]
    assert "cannot tell them apart" in told["connections.okta_eu"]


def test_every_fault_is_named_at_once(directory: Path) -> None:
    changes = {
        "base_url": "nowhere",
        "typo": 1,
        "session.idle": "8",
        "connections.okta.issuer": ABSENT,
        "connections.okta.client_id": ABSENT,
        "connections.okta.client_secret": ABSENT,
        "connections.okta.organization": "gamma",
        "connections.adfs.organization": "delta",
        "connections.adfs.domains": ABSENT,
        "connections.adfs.metadata": ABSENT,
        "connections.okta-eu.organization": "epsilon",
    }
    told = faults(directory, with_values(changes))
    # okta and adfs are broken themselves: whether their organization exists is asked once they are whole
    later = {"connections.okta.organization", "connections.adfs.organization"}
    assert set(told) == set(changes) - later


def test_settings_made_without_a_file_are_held_to_the_same_rules() -> None:
    with pytest.raises(ValueError, match="known: acme, beta"):
        Settings.model_validate(
            with_values({"connections.okta-eu.organization": "gamma", "connections.okta": ABSENT})
        )


@pytest.mark.parametrize("place", ["connections.okta.client_secret", "database_url", "outbound.proxy"])
@pytest.mark.parametrize("wrong", [[SECRET], {"value": SECRET}, {"env": "X", "file": SECRET}])
def test_a_secret_in_the_wrong_shape_is_not_repeated(directory: Path, place: str, wrong: object) -> None:
    assert list(faults(directory, with_values({place: wrong}))) == [place]


def every_leaf(node: object, above: str = "") -> list[str]:
    if isinstance(node, dict) and node:
        return [
            leaf for key, value in node.items() for leaf in every_leaf(value, f"{above}.{key}".strip("."))
        ]
    return [above]


@pytest.mark.parametrize("place", every_leaf(GOOD))
@pytest.mark.parametrize("shape", [SECRET, [SECRET], {"x": SECRET}, [[SECRET]]])
def test_whatever_stands_at_the_wrong_place_is_not_repeated(
    directory: Path, place: str, shape: object
) -> None:
    """A secret pasted one line too high must not reach the terminal or the log."""
    try:
        load(directory, with_values({place: shape}))
    except ConfigurationError as refused:
        assert SECRET not in str(refused)  # noqa: PT017


# ── the environment and secret files ──────────────────────────────────────────────────────

DEPARTMENT = {"department": ("https://acme.example/department",)}
OVERRIDES = [
    # variable                value                place                     read
    ("BASE_URL",              "https://b.example", "base_url",               "https://b.example"),
    ("SESSION__IDLE",         "1h",                "session.idle",           timedelta(hours=1)),
    ("RATE_LIMITS__SIGN_IN",  "off",               "rate_limits.sign_in",    "off"),
    ("TRUSTED_PROXIES",       '["192.0.2.0/24"]',  "trusted_proxies",        (ip_network("192.0.2.0/24"),)),
    ("CONNECTIONS__OKTA__CLIENT_ID", "other",      "okta.client_id",         "other"),
    ("CONNECTIONS__OKTA_EU__CLIENT_ID", "other",   "okta-eu.client_id",      "other"),
    ("CONNECTIONS__OKTA__VISIBLE", "false",        "okta.visible",           False),
    ("CONNECTIONS__OKTA__SCOPES", '["openid"]',    "okta.scopes",            ("openid",)),
    ("CONNECTIONS__OKTA__ATTRIBUTES__X", "dept",   "okta.attributes",        DEPARTMENT | {"x": ("dept",)}),
    ("ORGANIZATIONS__ACME__NAME", "Renamed",       "organizations.acme.name", "Renamed"),
]  # fmt: skip


def at(read: Settings, place: str) -> Any:
    node: Any = read
    for step in place.split("."):
        node = node[step] if isinstance(node, dict) else getattr(node, step)
    return node


@pytest.mark.parametrize(("variable", "value", "place", "expected"), OVERRIDES)
def test_the_environment_goes_over_the_file(
    directory: Path, variable: str, value: str, place: str, expected: object
) -> None:
    assert at(load(directory, GOOD, **{f"FEDERATION__{variable}": value}), whole(place)) == expected


@pytest.mark.parametrize(("variable", "value", "place", "expected"), OVERRIDES)
def test_secret_files_go_over_the_file(
    directory: Path, variable: str, value: str, place: str, expected: object
) -> None:
    (directory / "secrets").mkdir()
    (directory / "secrets" / f"federation__{variable.lower()}").write_text(value + "\n")
    read = load(directory, GOOD, FEDERATION_SECRETS_DIR=str(directory / "secrets"))
    assert at(read, whole(place)) == expected


def test_precedence_is_command_line_environment_secret_files_file(directory: Path) -> None:
    secrets = directory / "secrets"
    secrets.mkdir()
    file = write(directory, GOOD)
    environment = dict(ENVIRONMENT)

    def client_id(**overrides: Any) -> str:
        read = settings.load(file, environment=environment, overrides=overrides)
        return str(at(read, "connections.okta.client_id"))

    assert client_id() == "0oa1example"
    (secrets / "federation__connections__okta__client_id").write_text("from-secret-file")
    environment["FEDERATION_SECRETS_DIR"] = str(secrets)
    assert client_id() == "from-secret-file"
    environment["FEDERATION__CONNECTIONS__OKTA__CLIENT_ID"] = "from-environment"
    assert client_id() == "from-environment"
    assert client_id(connections={"okta": {"client_id": "from-command-line"}}) == "from-command-line"


def test_where_a_value_came_from_is_known(directory: Path) -> None:
    secrets = directory / "secrets"
    secrets.mkdir()
    (secrets / "federation__session__idle").write_text("2h")
    (secrets / "federation__smtp__host").write_text("mail.example")
    environment = ENVIRONMENT | {
        "FEDERATION_SECRETS_DIR": str(secrets),
        "FEDERATION__SESSION__ABSOLUTE": "12h",
        "FEDERATION__SMTP": '{"host": "mx.example", "from": "a@b.example"}',
    }
    overrides = {"records": {"keep": "3d"}}
    read = settings.load(write(directory, GOOD), environment=environment, overrides=overrides)
    for key, origin, name in (
        ("base_url", "file", ""),
        ("session.idle", "secret file", "federation__session__idle"),
        ("session.absolute", "environment variable", "FEDERATION__SESSION__ABSOLUTE"),
        ("session.break_glass", "default", ""),
        ("session", "environment variable", "FEDERATION__SESSION__ABSOLUTE"),
        ("smtp.host", "environment variable", "FEDERATION__SMTP"),  # laid over the secret file's, whole
        ("records.keep", "command line", ""),
        ("dns_servers", "default", ""),
    ):
        assert read.source_of(key) == Source(origin=origin, name=name), key  # type: ignore[arg-type]


def test_a_kubernetes_secret_is_read_through_its_links(directory: Path) -> None:
    data = directory / "mounted" / "..2026_11_21"
    data.mkdir(parents=True)
    (data / "federation__connections__okta__client_secret").write_text("from-the-cluster\n")
    (data / "tls.key").write_text("not ours")
    (directory / "mounted" / "..data").symlink_to(data.name)
    for name in ("federation__connections__okta__client_secret", "tls.key"):
        (directory / "mounted" / name).symlink_to(f"..data/{name}")
    read = load(directory, GOOD, FEDERATION_SECRETS_DIR=str(directory / "mounted"))
    assert at(read, "connections.okta.client_secret").get_secret_value() == "from-the-cluster"


def test_a_secret_is_never_read_as_json(directory: Path) -> None:
    for secret in ("{brace", "[1]", '{"a": 1}'):
        read = load(directory, GOOD, FEDERATION__CONNECTIONS__OKTA__CLIENT_SECRET=secret)
        assert at(read, "connections.okta.client_secret").get_secret_value() == secret


def test_a_whole_connection_may_come_from_the_environment(directory: Path) -> None:
    told = {"PROTOCOL": "oidc", "ORGANIZATION": "acme", "DOMAINS": '["new.example"]', "CLIENT_ID": "x",
            "ISSUER": "https://new.example", "CLIENT_SECRET": SECRET}  # fmt: skip
    read = load(
        directory, GOOD, **{f"FEDERATION__CONNECTIONS__NEW_ONE__{key}": value for key, value in told.items()}
    )
    assert read.connections["new_one"].domains == ("new.example",)


def test_a_connection_named_by_one_variable_tells_all_that_is_missing(directory: Path) -> None:
    told = faults(directory, GOOD, FEDERATION__CONNECTIONS__NEW__CLIENT_ID="x")
    wanted = ("protocol", "organization", "domains", "issuer", "client_secret")
    assert set(told) == {f"connections.new.{key}" for key in wanted}


MISNAMED = [
    # variable                      value      the place                 a word of what was said
    ("TYPO",                        "1",       "typo",                   "FEDERATION__TYPO"),
    ("CONNECTIONS__OKTA__CLIENTID", "1",       "okta.clientid",          "did you mean client_id?"),
    ("SESSION__IDLE__HOURS",        "1",       "session.idle",           "number with its unit"),
    ("BASE_URL",                    "nowhere", "base_url",               "variable FEDERATION__BASE_URL)"),
    ("SESSION",                     SECRET,    "session",                "dictionary"),
    ("TRUSTED_PROXIES",             "[oops",   "trusted_proxies",        "expected JSON"),
    ("ENCRYPTION_KEYS__0__FILE",    "x",       "encryption_keys.0.file", "a list is given whole"),
    ("CONNECTIONS____CLIENT_ID",    SECRET,    "",                       "empty level"),
    ("",                            SECRET,    "",                       "empty level"),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "value", "place", "said"), MISNAMED)
def test_a_variable_that_matches_nothing_is_a_fault(
    directory: Path, variable: str, value: str, place: str, said: str
) -> None:
    told = faults(directory, GOOD, **{f"FEDERATION__{variable}": value})
    assert list(told) == [whole(place) or f"environment variable FEDERATION__{variable}"]
    assert said in next(iter(told.values()))


def test_names_of_others_are_left_alone(directory: Path) -> None:
    """A Kubernetes Service named federation puts these into every pod."""
    load(
        directory,
        GOOD,
        FEDERATION_PORT="tcp://10.0.0.1:80",
        FEDERATION_SERVICE_HOST="10.0.0.1",
        FEDERATIONX="1",
    )


def test_two_variables_for_one_place_are_refused(directory: Path) -> None:
    name = "FEDERATION__CONNECTIONS__OKTA__CLIENT_SECRET"
    told = faults(directory, GOOD, **{name: SECRET, f"{name}__FILE": "x"})
    assert "contradict each other" in told["connections.okta.client_secret.file"]
    told = faults(
        directory, GOOD, FEDERATION__BASE_URL="https://a.example", FEDERATION__base_url="https://b.example"
    )
    assert "contradict each other" in told["base_url"]


def test_what_is_laid_over_one_alias_does_not_show_in_another(directory: Path) -> None:
    head = yaml.safe_dump(with_values({"connections": ABSENT}))
    body = (
        "connections:\n"
        "  okta-eu: {protocol: oidc, organization: beta, anyone: true, client_id: a,\n"
        "    token_endpoint_auth_method: none, issuer: 'https://a.example', attributes: &map {x: one}}\n"
        "  okta-us: {protocol: oidc, organization: beta, anyone: true, client_id: b,\n"
        "    token_endpoint_auth_method: none, issuer: 'https://b.example', attributes: *map}\n"
    )
    read = load(directory, head + body, FEDERATION__CONNECTIONS__OKTA_US__ATTRIBUTES__X="two")
    assert at(read, "connections.okta-eu.attributes") == {"x": ("one",)}
    assert at(read, "connections.okta-us.attributes") == {"x": ("two",)}


# ── files that are none ───────────────────────────────────────────────────────────────────

UNREADABLE = [
    # refusal           the file's text                          the place
    ("settings.syntax",
     "base_url: https://a.example\nbase_url: x\n", "line 2: the key base_url is given twice"),
    ("settings.syntax", "connections:\n  a: {}\n  a: {}\n",      "line 3: the key a is given twice"),
    ("settings.syntax", "base_url: [\n",                         "line 2, column 1"),
    ("settings.syntax", f"client_secret: *{SECRET}\n",           "line 1, column 16"),
    ("settings.syntax", f"client_secret: !{SECRET} x\n",         "line 1, column 16"),
    ("settings.syntax", f"client_secret: @{SECRET}\n",           "line 1, column 16"),
    ("settings.syntax", f"a: b: {SECRET}\n",                     "line 1, column 5"),
    ("settings.syntax", "connections: {1: {}}\n",                "line 1: a key is not text"),
    ("settings.syntax", "on: true\n",                            "line 1: a key is not text"),
    ("settings.syntax", "? [a]\n: b\n",                          "line 1: a key is not text"),
    ("settings.syntax", "- a list\n",                            "expected keys with values"),
    ("settings.syntax", "just text\n",                           "expected keys with values"),
    ("settings.syntax", "a: \x07\n",                             "not valid YAML"),
    ("settings.syntax", "a: &a [*a]\n",                          "line 1, column 4"),
    ("settings.syntax", "a: " + "[" * 20 + "]" * 20,             "nested too deeply"),
    ("settings.syntax", "a: !!python/object/apply:os.getcwd []\n", "line 1, column 4"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "place"), UNREADABLE)
def test_a_file_that_cannot_be_read_says_where(directory: Path, code: str, text: str, place: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{code}: ") as refused:
        load(directory, text)
    assert place in refused.value.detail
    assert SECRET not in str(refused.value)


def test_an_empty_file_tells_what_is_needed(directory: Path) -> None:
    assert set(faults(directory, "# nothing yet\n")) == {"base_url", "database_url", "encryption_keys"}


def test_a_missing_file_says_how_to_make_one(directory: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^settings.missing: .*federation init") as refused:
        settings.load(directory / "none.yaml", environment={})
    assert str(directory / "none.yaml") in refused.value.detail
    with pytest.raises(ConfigurationError, match=r"^settings.missing: "):
        settings.load(directory, environment={})


def test_text_that_is_not_utf8_is_refused(directory: Path) -> None:
    (directory / "federation.yaml").write_bytes(b"base_url: \xff\n")
    with pytest.raises(ConfigurationError, match=r"^settings.syntax: "):
        settings.load(directory / "federation.yaml", environment={})


def test_a_secrets_directory_that_is_not_there_is_refused(directory: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^settings.secrets: "):
        load(directory, GOOD, FEDERATION_SECRETS_DIR=str(directory / "none"))
    (directory / "federation__base_url").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"^settings.secrets: "):
        load(directory, GOOD, FEDERATION_SECRETS_DIR=str(directory))


def test_the_workers_file_is_told_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.FILE_VARIABLE, raising=False)
    assert settings.file_of_worker() == settings.DEFAULT_FILE
    monkeypatch.setenv(settings.FILE_VARIABLE, "/somewhere/else.yaml")
    assert settings.file_of_worker() == Path("/somewhere/else.yaml")


# ── presets ───────────────────────────────────────────────────────────────────────────────


def test_the_table_holds_every_vendor() -> None:
    assert set(presets.PRESETS) == {
        "adfs", "auth0", "cognito", "entra", "generic", "github", "gitlab", "google", "keycloak", "okta",
        "onelogin", "ping", "pingfederate", "shibboleth", "simplesamlphp",
    }  # fmt: skip
    assert all(name_fault(name, ()) is None for name in presets.PRESETS)


@pytest.mark.parametrize("protocol", ["saml", "oidc"])
@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_loads_or_says_why_not(directory: Path, name: str, protocol: str) -> None:
    place = "connections.adfs" if protocol == "saml" else "connections.okta"
    tree = with_values({f"{place}.preset": name})
    if getattr(presets.PRESETS[name], protocol) is not None:
        load(directory, tree)
    else:
        assert presets.PRESETS[name].notes in faults(directory, tree)[f"{place}.preset"]


GROUPS_TOO = ("openid", "profile", "email", "groups")
IS_MEMBER_OF = "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"
UPN = {"email": ("email", "upn"), "display_name": ("name", "unique_name", "upn")}
PRESET_VALUES = [
    # connection preset        its own settings         place             read
    ("okta", "adfs",       {},                      "fetch_userinfo", "never"),
    ("okta", "adfs",       {"fetch_userinfo": "always"}, "fetch_userinfo", "always"),
    ("okta", "adfs",       {"attributes": ABSENT},  "attributes",     UPN),
    ("okta",
     "adfs", {"attributes": {"email": "mail", "x": "y"}}, "attributes",
     UPN | {"email": ("mail",), "x": ("y",)}),
    ("okta", "adfs",       {"attributes": {"x": "y"}}, "attributes",  UPN | {"x": ("y",)}),
    ("okta", "adfs",       {},                      "response_mode",  "form_post"),
    ("okta", "adfs",       {"response_mode": "query"}, "response_mode", "query"),
    ("okta", "onelogin",   {"scopes": ABSENT},      "scopes",         GROUPS_TOO),
    ("okta", "onelogin",   {"scopes": ["openid"]},  "scopes",         ("openid",)),
    ("okta", "gitlab",     {},                      "fetch_userinfo", "always"),
    ("okta", "generic",    {},                      "fetch_userinfo", "auto"),
    ("okta", "generic",    {"attributes": ABSENT},  "attributes",     {}),
    ("adfs", "adfs",       {},                      "attributes",     {}),
    ("adfs",
     "shibboleth", {}, "attributes", {"groups": (IS_MEMBER_OF, "isMemberOf", "memberOf", "groups")}),
]  # fmt: skip


@pytest.mark.parametrize(("connection", "preset", "own", "place", "expected"), PRESET_VALUES)
def test_a_preset_fills_in_what_is_not_said(
    directory: Path, connection: str, preset: str, own: dict[str, Any], place: str, expected: object
) -> None:
    changes = {f"connections.{connection}.{key}": value for key, value in {"preset": preset, **own}.items()}
    read = load(directory, with_values(changes))
    assert at(read, f"connections.{connection}.{place}") == expected


def test_wrong_attributes_are_named_although_the_preset_has_some(directory: Path) -> None:
    tree = with_values({"connections.okta.preset": "adfs", "connections.okta.attributes": ["x"]})
    assert list(faults(directory, tree)) == ["connections.okta.attributes"]


@pytest.mark.parametrize("host", ["graph.microsoft.us", "dod-graph.microsoft.us"])
def test_an_issuer_of_two_clouds_may_have_either_graph(directory: Path, host: str) -> None:
    read = load(directory, with_values({"okta.issuer": DOD, "okta.graph_host": host}))
    assert at(read, "connections.okta.graph_host") == host
