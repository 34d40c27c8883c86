"""Paths that a registration elsewhere knows: whose they may be, and with whom one may be shared."""

from pathlib import Path
from typing import Any

import pytest
from test_settings import at, faults, load, with_values

from federation.connection import OidcConnection

CALLBACK = "/v1/oauth/callback/"
KINDS = ["callback_paths", "initiate_paths", "post_logout_paths"]
KEPT = [
    "/v1/oauth/callback/", "/v1/oauth/callback", "/oauth/callback/okta", "/api/auth/sso/callback/Okta",
    "/v1/oauth/start", "/oidc", "/logged-out",
]  # fmt: skip
PEER: dict[str, Any] = {
    "protocol": "oidc",
    "organization": "acme",
    "domains": ["acme.example"],
    "issuer": "https://peer.example",
    "client_id": "us",
    "token_endpoint_auth_method": "none",
}

BETA = {"organization": "beta", "domains": ["beta.example"]}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def pair(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two connections beside those of the good file."""
    return with_values({"connections.peer": PEER | first, "connections.third": PEER | second})


@pytest.mark.parametrize("kind", KINDS)
def test_paths_of_other_products_are_kept_exactly(directory: Path, kind: str) -> None:
    read = load(directory, with_values({"connections.peer": PEER | {kind: KEPT}})).connections["peer"]
    assert isinstance(read, OidcConnection)
    assert getattr(read, kind) == tuple(KEPT)


MALFORMED = [
    "/a?b",
    "/a#b",
    "a",
    "//a",
    "/a//b",
    "/a//",
    "/a/../b",
    "https://sso.acme.example/a",
    "/a b",
    "/",
    "",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", MALFORMED)
def test_what_is_no_path_is_nobodys_alias(directory: Path, kind: str, path: str) -> None:
    told = faults(directory, with_values({"connections.peer": PEER | {kind: [path]}}))
    assert list(told) == [f"connections.peer.{kind}.0"]
    assert "a path such as" in told[f"connections.peer.{kind}.0"]


OURS = [
    "/login/peer", "/logout", "/oidc/initiate", "/oidc/jwks.json", "/oidc/callback", "/oidc/peer/callback",
    "/oidc/peer/backchannel-logout", "/saml/adfs/acs", "/session", "/account",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", OURS)
def test_a_path_of_ours_is_nobodys_alias(directory: Path, kind: str, path: str) -> None:
    told = faults(directory, with_values({"connections.peer": PEER | {kind: [path]}}))
    assert told == {f"connections.peer.{kind}": f"{path} is a path of this service; choose another one"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_named_once(directory: Path, kind: str) -> None:
    told = faults(directory, with_values({"connections.peer": PEER | {kind: ["/a", "/b", "/a"]}}))
    assert list(told) == [f"connections.peer.{kind}"]
    assert "/a is twice here" in told[f"connections.peer.{kind}"]


@pytest.mark.parametrize("other", ["acs_paths", *KINDS[1:]])
def test_a_path_has_one_purpose(directory: Path, other: str) -> None:
    acs = {"connections.adfs.acs_paths": ["/a"]} if other == "acs_paths" else {}
    first = {} if other == "acs_paths" else {other: ["/a"]}
    tree = with_values({
        **acs, "connections.peer": PEER | first, "connections.third": PEER | {"callback_paths": ["/a"]}
    })  # fmt: skip
    told = faults(directory, tree)
    assert list(told) == ["connections.third.callback_paths"]
    assert f"{other} too; it has one purpose" in told["connections.third.callback_paths"]


@pytest.mark.parametrize("kind", ["initiate_paths", "post_logout_paths"])
def test_where_nothing_is_answered_a_path_may_be_shared(directory: Path, kind: str) -> None:
    read = load(directory, pair({kind: ["/a"]}, {kind: ["/a"]} | BETA))
    assert at(read, f"connections.third.{kind}") == ("/a",)


def test_paths_that_differ_in_case_or_a_slash_are_two(directory: Path) -> None:
    load(directory, pair({"callback_paths": ["/a", "/b"]}, {"callback_paths": ["/A", "/b/"]}))


SHARED = {"callback_paths": [CALLBACK]}
MAY_SHARE: list[dict[str, Any]] = [{"require_iss": True}, {"shared_callback": "accepted"}]


@pytest.mark.parametrize("first", MAY_SHARE)
@pytest.mark.parametrize("second", MAY_SHARE)
def test_a_callback_may_be_shared_where_answers_say_whose_they_are_or_it_is_accepted(
    directory: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    load(directory, pair(SHARED | first, SHARED | second))


@pytest.mark.parametrize(("first", "second", "lacking"), [
    ({}, {"require_iss": True}, "peer"),
    ({"require_iss": True}, {}, "third"),
    ({"shared_callback": "accepted"}, {}, "third"),
])  # fmt: skip
def test_else_the_one_that_may_not_is_named(
    directory: Path, first: dict[str, Any], second: dict[str, Any], lacking: str
) -> None:
    told = faults(directory, pair(SHARED | first, SHARED | second))
    assert list(told) == ["connections.third.callback_paths"]
    assert told["connections.third.callback_paths"].endswith(f"accepted, which {lacking} has not")


def test_organizations_share_no_callback(directory: Path) -> None:
    one = SHARED | {"require_iss": True}
    told = faults(directory, pair(one, one | BETA))
    assert list(told) == ["connections.third.callback_paths"]
    assert told["connections.third.callback_paths"].endswith("of another organization")


def test_sharing_is_accepted_in_one_word_alone(directory: Path) -> None:
    told = faults(directory, with_values({"connections.peer": PEER | {"shared_callback": True}}))
    assert list(told) == ["connections.peer.shared_callback"]
