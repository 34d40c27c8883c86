"""Further base URLs of SCIM: what is below one is that connection's, and nobody else's."""

from pathlib import Path
from typing import Any

import pytest
from test_settings import faults, load, with_values
from test_settings_saml import PEER

from federation.web import aliases


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def bases(*paths: str, **keys: Any) -> dict[str, Any]:
    return PEER | {"scim": {"paths": list(paths)}} | keys


FREE = [
    "/v1/scim/v2/okta",
    "/v1/scim/v2/microsoft",
    "/scim/okta",
    "/scim/v1/okta/",
    "/saml/okta/scim/v2",
    "/api",
]


def test_bases_of_other_products_are_free(directory: Path) -> None:
    read = load(directory, with_values({"connections.peer": bases(*FREE)}))
    found = aliases.further_bases(read.connections)
    assert found == {path.removesuffix("/"): "/scim/v2/peer" for path in FREE}


@pytest.mark.parametrize(
    "path",
    ["/scim", "/scim/v2", "/scim/v2/peer", "/scim/v2/x/Users", "/oidc", "/saml", "/saml/peer", "/admin",
     "/admin/api", "/static/", "/login", "/saml/metadata", "/setup/x"],
)  # fmt: skip
def test_a_path_of_ours_or_above_one_is_nobodys_base(directory: Path, path: str) -> None:
    told = faults(directory, with_values({"connections.peer": bases(path)}))
    said = f"{path} is a path of this service, or above one; choose another one"
    assert told == {"connections.peer.scim.paths": said}


@pytest.mark.parametrize(
    ("first", "second"), [("/a", "/a"), ("/a", "/a/"), ("/a", "/a/b/c"), ("/a/b", "/a"), ("/a/b/", "/a")]
)
def test_no_base_is_within_another(directory: Path, first: str, second: str) -> None:
    for tree in (
        {"connections.peer": bases(first, second)},
        {"connections.peer": bases(first), "connections.third": bases(second)},
    ):
        told = faults(directory, with_values(tree))
        place = f"connections.{list(tree)[-1].rpartition('.')[2]}.scim.paths"
        owner = next(iter(tree))
        said = f"{second} and {first.removesuffix('/')} of {owner} are one within the other"
        assert told == {place: said}


def test_bases_beside_each_other_are_two(directory: Path) -> None:
    load(directory, with_values({"connections.peer": bases("/a/b", "/a/bc", "/a/b-c")}))


@pytest.mark.parametrize("path", ["/a", "/a/consume"])
def test_no_other_alias_is_within_a_base(directory: Path, path: str) -> None:
    tree = {"connections.peer": bases("/a"), "connections.third": PEER | {"acs_paths": [path]}}
    told = faults(directory, with_values(tree))
    said = f"{path} of connections.third.acs_paths is within /a"
    assert told == {"connections.peer.scim.paths": said}


EXACT, BASES = {"/a/acs": "/saml/x/acs"}, {"/a/scim": "/scim/v2/x", "/b": "/scim/v2/y"}


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/a/acs", "/saml/x/acs"),
        ("/a/acs/", None),
        ("/a/scim", "/scim/v2/x"),
        ("/a/scim/", "/scim/v2/x/"),
        ("/a/scim/Users/1", "/scim/v2/x/Users/1"),
        ("/a/scimx/Users", None),
        ("/b/token", "/scim/v2/y/token"),
        ("/", None),
        ("", None),
        ("b/Users", None),
        ("/c", None),
    ],
)
def test_what_stands_for_what(path: str, ours: str | None) -> None:
    assert aliases.stands_for(path, EXACT, BASES) == ours
    assert aliases.stands_for(path, EXACT, {}) == (ours if path == "/a/acs" else None)
