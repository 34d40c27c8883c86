"""shibmd:Scope: which domains a provider speaks for. No scope that is there may be lost."""

from typing import Any

import pytest
from lxml import etree

from federation.errors import ConfigurationError
from federation.saml import scopes
from federation.saml.metadata import MD
from federation.saml.scopes import Scope

SHIBMD = 'xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"'


def extensions(*written: str) -> Any:
    return etree.fromstring(
        f'<md:Extensions xmlns:md="{MD[1:-1]}" {SHIBMD}>{"".join(written)}</md:Extensions>'
    )


def scope(value: str, attributes: str = "") -> str:
    return f"<shibmd:Scope{attributes}>{value}</shibmd:Scope>"


def read(*written: str) -> tuple[Scope, ...]:
    return scopes.read([extensions(*written)])


def regexp(value: str) -> Scope:
    (found,) = read(scope(value, ' regexp="true"'))
    return found


def test_scopes_are_read_from_every_place_once() -> None:
    found = scopes.read(
        [
            extensions(scope("acme.example"), scope(" \n umwelt.example "), "<other/>"),
            extensions(scope("acme.example", ' regexp="false"'), scope("acme.example", ' regexp="1"')),
        ]
    )
    assert [(one.value, one.regexp) for one in found] == [
        ("acme.example", False), ("umwelt.example", False), ("acme.example", True),
    ]  # fmt: skip
    assert scopes.read([]) == scopes.read([extensions()]) == ()


@pytest.mark.parametrize(
    ("value", "asked", "matches"),
    [
        ("acme.example", "acme.example", True),
        ("acme.example", "ACME.Example", True),
        ("Acme.Example", "acme.example", True),
        ("acme.example", "sub.acme.example", False),
        ("acme.example", "acme.example.evil.example", False),
        ("acme.example", "acmeXexample", False),
        ("acme.example", "acme.example ", False),
        ("acme.example", "acme.example\n", False),
        ("acme.example", "", False),
        ("kim.example", "\u212aim.example", False),  # KELVIN SIGN
        ("\u212aim.example", "kim.example", False),
        ("mas\u017f.example", "mass.example", False),  # LONG S
        ("straße.example", "straße.example", True),
        ("straße.example", "STRASSE.example", False),
    ],
)
def test_a_plain_scope_is_compared_without_ascii_case(value: str, asked: str, matches: bool) -> None:  # noqa: FBT001
    (found,) = read(scope(value))
    assert found.matches(asked) is matches


@pytest.mark.parametrize(
    ("value", "asked", "matches"),
    [
        (r".+\.acme\.example", "one.acme.example", True),
        (r".+\.acme\.example", "ONE.Acme.example", True),
        (r".+\.acme\.example", "acme.example", False),
        (r".+\.acme\.example", "one.acme.example.evil.example", False),
        (r"acme\.example", "sub.acme.example", False),  # anchored, though it does not say so
        (r"^acme\.example$", "acme.example", True),
        (r"^acme\.example$", "acme.example\n", False),
        (r"a|acme\.example", "evil.acme.example", False),  # both branches are
        (r"kim\.example", "\u212aim.example", False),
        (r".*", "straße.example", False),  # what is not ASCII is not asked
        (r".*", "", True),
    ],
)
def test_an_expression_matches_the_whole_scope(value: str, asked: str, matches: bool) -> None:  # noqa: FBT001
    assert regexp(value).matches(asked) is matches


def test_an_expression_takes_no_time_to_speak_of() -> None:
    assert not regexp("(a*)*b").matches("a" * 100_000)  # pytest-timeout is the clock


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("saml.metadata_scope", [scope("")]),
        ("saml.metadata_scope", [scope(" \n ")]),
        ("saml.metadata_scope", [scope("a<b/>")]),
        ("saml.metadata_scope", [scope("x" * 1001)]),
        ("saml.metadata_scope", [scope("(", ' regexp="true"')]),
        ("saml.metadata_scope", [scope("(?=look)", ' regexp="true"')]),
        ("saml.metadata_scope", [scope("a{1000}{1000}", ' regexp="true"')]),
        ("saml.metadata_scope", [scope(f"s{at}.example") for at in range(201)]),
        ("saml.metadata_unreadable", [scope("acme.example", ' regexp="yes"')]),
        ("saml.metadata_unreadable", [scope("acme.example", ' regexp=""')]),
        ("saml.metadata_unreadable", [scope("acme.example", ' regexp="TRUE"')]),
    ],
)
def test_a_scope_that_cannot_be_read_is_not_left_out(code: str, written: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(*written)
    assert caught.value.code == code
