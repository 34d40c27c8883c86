"""Claims as attributes: what a path means, and which of three things it says where nothing is found."""

import json
from typing import Any

import pytest

from federation import registry
from federation.attributes import ALIASES
from federation.connection import OidcConnection
from federation.errors import ConfigurationError
from federation.oidc import claims
from federation.oidc.claims import Lack

PATHS: list[tuple[str, tuple[claims.Step, ...]]] = [
    ("groups", ("groups",)),
    ("realm_access.roles", ("realm_access", "roles")),
    ('a."https://acme.example/app".roles', ("a", "https://acme.example/app", "roles")),
    ('"https://acme.example/roles"', ("https://acme.example/roles",)),
    ('"https://acme.example/app"[0].name', ("https://acme.example/app", 0, "name")),
    ("groups[0]", ("groups", 0)),
    ("a[0][12].b", ("a", 0, 12, "b")),
    ("[0]", (0,)),
    ("cognito:groups", ("cognito:groups",)),
    ("urn:oid:2.5.4.3", ("urn:oid:2", "5", "4", "3")),
    ("two words", ("two words",)),
    # names of claims that are no paths
    ("", ()), (".a", ()), ("a.", ()), ("a..b", ()), ("a[", ()), ("a[x]", ()), ("a[-1]", ()), ("a.[0]", ()),
    ("a[0]b", ()), ("a]", ()), ("a[99999]", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "steps"), PATHS)
def test_a_path_is_read_into_its_steps(text: str, steps: tuple[claims.Step, ...]) -> None:
    assert claims.parse_path(text) == claims.Path(text, steps)


@pytest.mark.parametrize("text", ['"', '""', 'a."b', 'a"b"', '"a"b', '"a"."', '."a"', '"a".b."'])
def test_quotes_that_hold_no_whole_name_are_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="expected a claim such as"):
        claims.parse_path(text)


URL = "https://acme.example/roles"
VALUES: list[tuple[str, Any, tuple[str, ...] | Lack]] = [
    # path, claims, what they say
    ("g", {"g": "x"}, ("x",)),
    ("g", {"g": ["x"]}, ("x",)),  # one is one, however it is written
    ("g", {"g": ["x", "y"]}, ("x", "y")),
    ("g", {"g": True}, ("true",)),
    ("g", {"g": 7}, ("7",)),
    ("g", {"g": ["", "x"]}, ("x",)),
    ("a.b", {"a": {"b": ["x"]}}, ("x",)),
    ("a.b", {"a.b": "literal", "a": {"b": "nested"}}, ("literal",)),
    ("a.b", {"a.b": None, "a": {"b": "nested"}}, ("nested",)),
    (URL, {URL: ["x"]}, ("x",)),
    (f'"{URL}"', {URL: ["x"]}, ("x",)),
    (f'"{URL}".app', {URL: {"app": "x"}}, ("x",)),
    (f'a."{URL}"[1]', {"a": {URL: ["x", "y"]}}, ("y",)),
    ('"a.b".c', {"a.b": {"c": "x"}, "a": {"b": {"c": "other"}}}, ("x",)),
    ("g[0].name", {"g": [{"name": "x"}]}, ("x",)),
    # JSON in a string, at the end and on the way
    ("g", {"g": '["x","y"]'}, ("x", "y")),
    ("g", {"g": ' ["x"]'}, ("x",)),
    ("g.h", {"g": '{"h":["x"]}'}, ("x",)),
    ("g[1]", {"g": '["x","y"]'}, ("y",)),
    ("g.h", {"g": json.dumps({"h": json.dumps(["x"])})}, ("x",)),
    ("g", {"g": "[acme] admins"}, ("[acme] admins",)),  # a group's name
    ("g", {"g": "[a, b]"}, ("[a, b]",)),  # Cognito writes a SAML list so: no JSON
    ("g", {"g": '["x"],"more":["y"]'}, ('["x"],"more":["y"]',)),
    ("g", {"g": '["x"]}'}, ('["x"]}',)),
    ("g", {"g": '{"h": 1}'}, ('{"h": 1}',)),
    ("g", {"g": '["x", NaN]'}, ('["x", NaN]',)),
    ("g", {"g": ['["x"]']}, ('["x"]',)),  # a list's own members are texts
    # nobody said anything
    ("g", {}, Lack.MISSING),
    ("g", {"g": None}, Lack.MISSING),
    ("a.b", {"a": {}}, Lack.MISSING),
    ("a.b", {"a": None}, Lack.MISSING),
    ("a.b.c", {"a": {}}, Lack.MISSING),
    ("g[1]", {"g": ["x"]}, Lack.MISSING),
    ("a..b", {"a": {"b": "x"}}, Lack.MISSING),
    # said to be nothing
    ("g", {"g": []}, Lack.EMPTY),
    ("g", {"g": ""}, Lack.EMPTY),
    ("g", {"g": [""]}, Lack.EMPTY),
    ("g", {"g": "[]"}, Lack.EMPTY),
    ("a.b", {"a": {"b": []}}, Lack.EMPTY),
    # something was said, and we do not know what
    ("g", {"g": {"x": "y"}}, Lack.UNREADABLE),
    ("g", {"g": {}}, Lack.UNREADABLE),
    ("g", {"g": ["x", {"name": "y"}]}, Lack.UNREADABLE),
    ("g", {"g": ["x", None]}, Lack.UNREADABLE),
    ("g", {"g": [["x"]]}, Lack.UNREADABLE),
    ("g", {"g": '["x", {"name": "y"}]'}, Lack.UNREADABLE),
    ("a.b", {"a": "x"}, Lack.UNREADABLE),
    ("a.b", {"a": ["x"]}, Lack.UNREADABLE),
    ("a.b", {"a": 7}, Lack.UNREADABLE),
    ("g[0]", {"g": "x"}, Lack.UNREADABLE),
    ("g[0]", {"g": {"0": "x"}}, Lack.UNREADABLE),
    ("g.h", {"g": '{"h":'}, Lack.UNREADABLE),
]


@pytest.mark.parametrize(("path", "said", "expected"), VALUES)
def test_what_a_path_says(path: str, said: dict[str, Any], expected: tuple[str, ...] | Lack) -> None:
    assert claims.read_path(said, claims.parse_path(path)) == expected


@pytest.mark.parametrize("depth", [20, 100_000])
def test_json_in_a_string_is_bounded_in_depth(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert claims.read_path({"g": text}, claims.parse_path("g")) == (text,)


def test_paths_stand_beside_the_claims_own_names() -> None:
    said = {"a": {"b": ["x"]}, "g": '["y"]', "other": ["z", None]}
    told = claims.read_attributes(said, [claims.parse_path(one) for one in ('"a".b', "g", "none")])
    assert told.values == {"a.b": ("x",), '"a".b': ("x",), "g": ("y",), "other": ("z",)}
    assert told.unreadable == set()


def test_what_is_unreadable_and_what_is_empty_leaves_no_half_behind() -> None:
    said = {"g": ["x", {"name": "y"}], "h": [""]}
    told = claims.read_attributes(said, [claims.parse_path(one) for one in ("g", "h")])
    assert told.values == {"g": (), "h": ()}
    assert told.unreadable == {"g"}


def compiled(**attributes: Any) -> registry.Oidc:
    told = {"id": "a", "protocol": "oidc", "organization": "a", "anyone": True, "client_id": "us"}
    connection = OidcConnection(**told, client_secret="s", issuer="https://op.example", attributes=attributes)
    entry = registry.compile_one(connection, "https://sp.example", development=False, own=None, now=None)  # type: ignore[arg-type]
    assert isinstance(entry, registry.Oidc)
    return entry


def test_a_connection_knows_its_paths_and_where_groups_usually_are() -> None:
    usual = [path.text for path in compiled(team="a.b").client.paths]
    assert usual == [*ALIASES["groups"], "a.b"]
    own = compiled(groups=["a.b", "c"], email=("mail",)).client.paths
    assert {path.text for path in own} == {"a.b", "c", "mail"}


def test_a_path_that_cannot_be_read_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"^registry\.claim_path: "):
        compiled(groups='resource_access."app.roles')
