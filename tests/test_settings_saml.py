"""The section ``saml`` of the settings file, and faults between connections: both sides are named."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from test_settings import SECRET, at, every_leaf, faults, load, with_values, write

from federation import settings
from federation.connection import SamlConnection
from federation.errors import ConfigurationError

SAML: dict[str, Any] = {
    "entity_id": "https://sso.acme.example/sp",
    "language": "de-AT",
    "organization": {"name": "Acme", "display_name": "Acme Inc.", "url": "https://acme.example"},
    "contacts": [
        {"type": "technical", "given_name": "Zoë", "sur_name": "Ada", "email": "ops@acme.example"},
        {"type": "security", "company": "Acme"},
    ],
    "ui": {
        "display_name": "Acme",
        "description": "Sign-in",
        "logo": {"url": "https://acme.example/logo.png", "width": 80, "height": 60},
        "information_url": "https://acme.example/info",
        "privacy_statement_url": "https://acme.example/privacy",
    },
    "metadata_valid_for": "7d",
    "sign_metadata": True,
}
PEER = {
    "protocol": "saml",
    "organization": "acme",
    "domains": ["acme.example"],
    "metadata": {"file": "metadata/idp/peer.xml"},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def saml(read: settings.Settings, name: str) -> SamlConnection:
    found = read.connections[name]
    assert isinstance(found, SamlConnection)
    return found


def test_the_section_is_read_whole(directory: Path) -> None:
    about = load(directory, with_values({"saml": SAML})).saml
    assert about.metadata_valid_for == timedelta(days=7)
    assert about.model_dump(mode="json", exclude_none=True) == SAML


def test_nothing_of_it_is_needed(directory: Path) -> None:
    read = load(directory)
    assert (read.saml.entity_id, read.saml.metadata_valid_for, read.saml.sign_metadata) == (None, None, False)
    assert (read.saml.organization, read.saml.contacts) == (None, ())
    assert saml(read, "adfs").sp_entity_id is None


def test_a_shared_entity_id_is_every_connections_that_has_none(directory: Path) -> None:
    tree = with_values({"saml": SAML, "connections.peer": PEER | {"sp_entity_id": "urn:acme:own"}})
    read = load(directory, tree)
    assert saml(read, "adfs").sp_entity_id == "https://sso.acme.example/sp"
    assert saml(read, "peer").sp_entity_id == "urn:acme:own"


OVERRIDES = [
    # variable                     value                  place                        read
    ("ENTITY_ID",                 "urn:acme",            "saml.entity_id",            "urn:acme"),
    ("SIGN_METADATA",             "true",                "saml.sign_metadata",        True),
    ("METADATA_VALID_FOR",        "14d",                 "saml.metadata_valid_for",   timedelta(days=14)),
    ("UI__DISPLAY_NAME",          "Acme",                "saml.ui.display_name",      "Acme"),
    ("ORGANIZATION__NAME",        "Beta",                "saml.organization.name",    "Beta"),
    ("UI__LOGO__WIDTH",           "16",                  "saml.ui.logo.width",        16),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "value", "place", "expected"), OVERRIDES)
def test_environment_and_secret_files_go_over_the_section(
    directory: Path, variable: str, value: str, place: str, expected: object
) -> None:
    tree = with_values({"saml": SAML})
    read = load(directory, tree, **{f"FEDERATION__SAML__{variable}": value})
    assert at(read, place) == expected
    (directory / "secrets").mkdir()
    (directory / "secrets" / f"FEDERATION__SAML__{variable}").write_text(value)
    read = load(directory, tree, FEDERATION_SECRETS_DIR=str(directory / "secrets"))
    assert at(read, place) == expected


def test_contacts_come_from_the_environment_as_json(directory: Path) -> None:
    read = load(directory, None, FEDERATION__SAML__CONTACTS='[{"type": "support", "email": "a@b.example"}]')
    assert [one.email for one in read.saml.contacts] == ["a@b.example"]


FAULTS = [
    # what differs                                             place                         a word of it
    ({"saml": ["x"]},                                         "saml",                       "dictionary"),
    ({"saml.entityid": "x"},                                  "saml.entityid",              "entity_id"),
    ({"saml.entity_id": ""},                                  "saml.entity_id",             "at least 1"),
    ({"saml.entity_id": "x" * 1025},                          "saml.entity_id",             "at most 1024"),
    ({"saml.language": "German"},                             "saml.language",              "de-AT"),
    ({"saml.organization": {"url": "https://x.example"}},     "saml.organization.name",     "for people"),
    ({"saml.organization": {"name": "Acme"}},                 "saml.organization.url",      "missing"),
    ({"saml.organization": {"name": "Acme", "url": "x"}},     "saml.organization.url",      "a URL"),
    ({"saml.contacts": [{"type": "technical"}]},              "saml.contacts.0",            "at least one"),
    ({"saml.contacts": [{"type": "boss", "company": "A"}]},   "saml.contacts.0.type",       "'technical'"),
    ({"saml.contacts": [{"email": "a@b.example"}]},           "saml.contacts.0.type",       "missing"),
    ({"saml.contacts": [{"type": "other", "email": "a b"}]},  "saml.contacts.0.email",      "one plain"),
    ({"saml.contacts": [{"type": "other", "email": "mailto:a@b@c"}]}, "saml.contacts.0.email", "one plain"),
    ({"saml.ui": {"logo": {"url": "https://x.example", "width": 1}}}, "saml.ui.logo.height", "missing"),
    ({"saml.ui": {"logo": {"url": "https://x.example", "width": 0, "height": 1}}}, "saml.ui.logo.width", "1"),
    ({"saml.ui": {"information_url": "javascript:x"}},        "saml.ui.information_url",    "expected a URL"),
    ({"saml.metadata_valid_for": "1h"},                       "saml.metadata_valid_for",    "12h"),
    ({"saml.metadata_valid_for": 7},                          "saml.metadata_valid_for",    "its unit"),
    ({"saml.sign_metadata": "perhaps"},                       "saml.sign_metadata",         "boolean"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "expected"), FAULTS)
def test_one_fault_is_named_with_its_place(
    directory: Path, changes: dict[str, Any], place: str, expected: str
) -> None:
    told = faults(directory, with_values(changes))
    assert list(told) == [place]
    assert expected in told[place]


@pytest.mark.parametrize("place", every_leaf(SAML, "saml"))
@pytest.mark.parametrize("shape", [SECRET, [SECRET], {"x": SECRET}])
def test_whatever_stands_at_the_wrong_place_is_not_repeated(
    directory: Path, place: str, shape: object
) -> None:
    try:
        load(directory, with_values({"saml": SAML} | {place: shape}))
    except ConfigurationError as refused:
        assert SECRET not in str(refused)  # noqa: PT017


def paths(*acs_paths: str, **other: Any) -> dict[str, Any]:
    return PEER | {"acs_paths": list(acs_paths)} | other


FREE = [
    "/saml/acs", "/saml", "/saml/SSO", "/saml2/acs", "/auth/saml/callback", "/Shibboleth.sso/SAML2/POST",
    "/simplesaml/module.php/saml/sp/saml2-acs.php/default-sp", "/sp", "/loginx", "/saml/peer/consume",
    "/oidc", "/static",
]  # fmt: skip


def test_paths_of_other_products_are_free(directory: Path) -> None:
    read = load(directory, with_values({"connections.peer": paths(*FREE)}))
    assert saml(read, "peer").acs_paths == tuple(FREE)


OURS = [
    "/login", "/login/adfs", "/session", "/sessions/1/end", "/account", "/account/x", "/logout", "/verify",
    "/healthz", "/readyz", "/static/federation.css", "/saml/metadata", "/saml/adfs/acs", "/saml/peer/acs",
    "/saml/other/metadata", "/saml/adfs/slo", "/oidc/okta/callback", "/oidc/x", "/local/x", "/break-glass",
    "/bootstrap/x", "/admin/api/decisions", "/invitation/x", "/join",
    "/scim/v2/okta/Users",
]  # fmt: skip


@pytest.mark.parametrize("path", OURS)
def test_a_path_of_ours_is_nobodys_alias(directory: Path, path: str) -> None:
    told = faults(directory, with_values({"connections.peer": paths("/sp", path)}))
    assert told == {"connections.peer.acs_paths": f"{path} is a path of this service; choose another one"}


def test_every_route_of_ours_is_known() -> None:
    """What is added to the URL table is added to the paths that no alias may take."""
    from federation.connection import between
    from federation.web import routes

    served = [getattr(route, "path", "") for route in routes.routes()]
    assert len(served) > 10
    filled = {"{connection}": "adfs", "{id}": "1", "{place:path}": "/Users"}
    taken = ["".join(filled.get(part, part) for part in re.split(r"(\{[^}]+\})", path)) for path in served]
    assert [path for path in taken if path != "/" and not between._OURS.fullmatch(path)] == []


def test_a_path_belongs_to_one_connection_once(directory: Path) -> None:
    tree = with_values({"connections.peer": paths("/sp"), "connections.third": paths("/a", "/sp", "/a")})
    file = write(directory, tree)
    with pytest.raises(ConfigurationError) as refused:
        settings.load(file, environment={"OKTA_CLIENT_SECRET": "x"})
    lines = refused.value.detail.splitlines()[1:]
    assert [line.partition(";")[0].strip() for line in lines] == [
        "connections.third.acs_paths: /sp is one of connections.peer too",
        "connections.third.acs_paths: /a is twice here",
    ]


def test_an_index_names_one_endpoint_of_an_entity(directory: Path) -> None:
    one = PEER | {"assertion_consumer_service_index": 3}
    place = "connections.third.assertion_consumer_service_index"
    shared = {"saml.entity_id": "urn:sp", "connections.peer": one}
    told = faults(directory, with_values(shared | {"connections.third": one}))
    assert list(told) == [place]
    assert "connections.peer" in told[place]
    for other in ({"sp_entity_id": "urn:other"}, {"assertion_consumer_service_index": 4}):
        load(directory, with_values(shared | {"connections.third": one | other}))
    # each with the entity ID that is its own by default
    load(directory, with_values({"connections.peer": one, "connections.third": one}))
