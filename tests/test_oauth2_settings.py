"""A connection by OAuth 2.0 alone, from the settings file: what is told, what follows, what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import serving
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from test_settings import ABSENT

from federation import registry, settings
from federation.connectors.connect import connect
from federation.connectors.oauth2 import OAuth2Connector
from federation.errors import ConfigurationError
from federation.fetch import Fetch
from federation.operator import doctor_connections
from federation.operator.finding import State
from federation.registry import OAuth2

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASE = "https://sso.acme.example"
GITHUB: dict[str, Any] = {
    "protocol": "oauth2",
    "preset": "github",
    "organization": "acme",
    "domains": ["acme.example"],
    "client_id": "Ov23",
    "client_secret": {"env": "SECRET"},
}
PLAIN: dict[str, Any] = {
    **GITHUB,
    "preset": "generic",
    "issuer": "https://id.example",
    "authorization_endpoint": "https://id.example/authorize",
    "token_endpoint": "https://id.example/token",
    "userinfo_endpoint": "https://id.example/me",
    "subject_claim": "id",
}


def load(directory: Path, told: dict[str, Any], *, base_url: str = BASE) -> settings.Settings:
    file = directory / "federation.yaml"
    document = {
        "base_url": base_url,
        "development": base_url != BASE,
        "database_url": "sqlite:///federation.db",
        "encryption_keys": [{"file": "certs/secrets.key"}],
        "organizations": {"acme": {"name": "Acme"}},
        "connections": {"github": {key: value for key, value in told.items() if value is not ABSENT}},
    }
    file.write_text(yaml.safe_dump(document))
    return settings.load(file, environment={"SECRET": "a secret"})


def compiled(directory: Path, told: dict[str, Any]) -> OAuth2:
    read = load(directory, told)
    entry = registry.compile_one(read.connections["github"], BASE, development=False, own=None, now=NOW)
    assert isinstance(entry, OAuth2)
    return entry


def test_github_needs_its_client_and_nothing_more(tmp_path: Path) -> None:
    entry = compiled(tmp_path, GITHUB)
    assert entry.client.issuer == "https://github.com/login/oauth"
    assert entry.client.authorization_endpoint == "https://github.com/login/oauth/authorize"
    assert entry.client.token_endpoint == "https://github.com/login/oauth/access_token"
    assert entry.client.token_endpoint_auth_method == "client_secret_post"
    assert entry.client.redirect_uri == f"{BASE}/oidc/github/callback"
    assert entry.client.scopes == ("read:user", "user:email", "read:org")
    assert (entry.client.pkce, entry.client.require_iss) == (True, False)
    assert entry.api.userinfo_endpoint == "https://api.github.com/user"
    assert entry.api.listings == {
        "emails_endpoint": "https://api.github.com/user/emails",
        "organizations_endpoint": "https://api.github.com/user/orgs",
        "teams_endpoint": "https://api.github.com/user/teams",
    }
    assert entry.api.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert (entry.terms.subject_claim, entry.terms.address_needed) == ("id", True)
    assert "a secret" not in repr(entry)


@pytest.mark.parametrize(
    ("server", "issuer", "profile"),
    [
        ("https://git.acme.example", "https://git.acme.example", "https://git.acme.example/api/v3/user"),
        ("https://git.acme.example:8443/", "https://git.acme.example:8443", "https://git.acme.example:8443/api/v3/user"),
        ("https://acme.ghe.com", "https://acme.ghe.com", "https://api.acme.ghe.com/user"),
        ("https://github.com/", "https://github.com", "https://api.github.com/user"),
        ("https://notgithub.com", "https://notgithub.com", "https://notgithub.com/api/v3/user"),
        ("https://ghe.com.acme.example", "https://ghe.com.acme.example", "https://ghe.com.acme.example/api/v3/user"),
    ],
)  # fmt: skip
def test_every_address_follows_from_the_server(
    tmp_path: Path, server: str, issuer: str, profile: str
) -> None:
    entry = compiled(tmp_path, {**GITHUB, "server": server})
    assert entry.client.issuer == f"{issuer}/login/oauth"
    assert entry.client.token_endpoint == f"{issuer}/login/oauth/access_token"
    assert entry.api.userinfo_endpoint == profile


def test_what_the_connection_says_beats_the_preset(tmp_path: Path) -> None:
    told = {"issuer": "https://id.example", "userinfo_endpoint": "https://id.example/me", "scopes": ["user"]}
    entry = compiled(tmp_path, {**GITHUB, **told, "token_endpoint_auth_method": "client_secret_basic"})
    assert (entry.client.issuer, entry.api.userinfo_endpoint) == (told["issuer"], told["userinfo_endpoint"])
    assert (entry.client.scopes, entry.client.token_endpoint_auth_method) == (
        ("user",),
        "client_secret_basic",
    )
    assert entry.api.listings["teams_endpoint"] == "https://api.github.com/user/teams"


def test_organizations_stand_in_place_of_domains(tmp_path: Path) -> None:
    told = {name: value for name, value in GITHUB.items() if name != "domains"}
    entry = compiled(tmp_path, {**told, "organizations": [9919, "1"]})
    assert entry.terms.organizations == {"9919", "1"}
    assert entry.terms.address_needed is False
    assert compiled(tmp_path, {**GITHUB, "organizations": [1]}).terms.address_needed is True


def test_any_provider_by_its_endpoints(tmp_path: Path) -> None:
    entry = compiled(
        tmp_path, {**PLAIN, "display_name": "The forum", "callback_paths": ["/v1/oauth/callback/"]}
    )
    assert (entry.api.listings, entry.api.headers, entry.api.scopes) == ({}, {}, {})
    assert entry.client.redirect_uri == f"{BASE}/v1/oauth/callback/"
    assert list(entry.callback_urls) == ["/v1/oauth/callback/", "/oidc/github/callback"]
    assert entry.connection.title == "The forum"


FAULTS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    # the connection, what is wrong, the place, what is said
    (GITHUB, {"client_secret": ABSENT}, "client_secret", "expected {env"),
    (GITHUB, {"domains": ABSENT}, "domains", "organizations, or anyone: true"),
    (GITHUB, {"domains": ABSENT, "organizations": []}, "domains", "anyone: true"),
    (GITHUB, {"organizations": ["acme"]}, "organizations.0", "match pattern"),  # a name may be given up
    (GITHUB, {"organizations": [True]}, "organizations.0", "valid string"),
    (PLAIN, {"organizations": [1]}, "organizations", "organizations_endpoint"),
    (GITHUB, {"server": "http://git.acme.example"}, "server", "https"),
    (GITHUB, {"server": "git.acme.example"}, "server", "expected a URL"),
    (GITHUB, {"teams_endpoint": "http://api.github.com/teams"}, "teams_endpoint", "https"),
    (GITHUB, {"token_endpoint_auth_method": "private_key_jwt"}, "client_secret", "not for this protocol"),
    (GITHUB, {"keep_tokens": ["id"]}, "keep_tokens", "no ID Token"),
    (GITHUB, {"authorization_params": {"code_challenge": "x"}}, "authorization_params", "may not stand here"),
    (GITHUB, {"discovery_url": "https://github.com"}, "discovery_url", "unknown key"),
    (GITHUB, {"preset": "gitlab"}, "preset", "use protocol: oidc"),
    (PLAIN, {"server": "https://git.acme.example"}, "server", "preset: github"),
    (PLAIN, {"issuer": ABSENT}, "issuer", "for good"),
    (PLAIN, {"token_endpoint": ABSENT}, "issuer", "expected token_endpoint"),
    (PLAIN, {"subject_claim": ABSENT}, "subject_claim", "names a person for good"),
]


@pytest.mark.parametrize(("told", "changes", "place", "said"), FAULTS)
def test_one_fault_is_named_with_its_place(
    tmp_path: Path, told: dict[str, Any], changes: dict[str, Any], place: str, said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {**told, **changes})
    (line,) = [one for one in str(caught.value).splitlines() if f"connections.github.{place}" in one]
    assert said in line


async def test_the_connector_of_an_oauth2_connection(tmp_path: Path) -> None:
    store: Any = None  # OAuth 2.0 publishes nothing that would be kept
    hashing: Any = None  # and has no passwords
    door = Fetch(allow=(), proxy=None, development=False)
    one = connect(compiled(tmp_path, GITHUB), door, store, hashing)
    assert isinstance(one, OAuth2Connector)
    assert (one.logout, one.uninvited.policy) == (None, "refuse")


# ── doctor ────────────────────────────────────────────────────────────────────────────────


@dataclass
class Door:
    """An API that answers every question alike."""

    url: str = ""
    status: int = 401

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response = JSONResponse({"message": "Requires authentication"}, status_code=self.status)
        await answer(scope, receive, send)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with serving() as site:
        site.app = Door(site.url)
        yield site.app


async def findings(directory: Path, told: dict[str, Any]) -> dict[str, State]:
    read = load(directory, told, base_url="http://localhost:8000")
    fetch = Fetch(allow=(), proxy=None, development=True)
    try:
        found = await doctor_connections.ask(read, "github", fetch, NOW)
    finally:
        await fetch.close()
    return {one.said: one.state for one in found}


async def test_doctor_says_what_to_register_and_asks_the_api(tmp_path: Path, door: Door) -> None:
    assert await findings(tmp_path, {**GITHUB, "server": door.url}) == {
        "register with the provider: callback URL http://localhost:8000/oidc/github/callback": State.NOTE,
        f"{door.url}/api/v3/user answers, and asks for a token": State.OK,
    }


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_doctor_sees_an_api_that_is_none(tmp_path: Path, door: Door, status: int) -> None:
    door.status = status
    found = await findings(tmp_path, {**GITHUB, "server": door.url})
    assert found[f"{door.url}/api/v3/user answers {status} to whoever has no token"] is State.FAILED


async def test_doctor_warns_of_a_scope_that_is_missing(tmp_path: Path, door: Door) -> None:
    found = await findings(tmp_path, {**GITHUB, "server": door.url, "scopes": ["read:org"]})
    assert [said for said, state in found.items() if state is State.WARNING and "user:email" in said]


async def test_doctor_of_a_server_that_is_not_there(tmp_path: Path) -> None:
    found = await findings(tmp_path, {**GITHUB, "server": "http://127.0.0.1:1"})
    assert State.FAILED in found.values()
