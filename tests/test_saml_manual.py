"""docs/saml.md has one row for every rule, in the code's order, with the section that the code names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from federation.saml import description, logout, profile
from federation.web.routes import routes

PAGE = (Path(__file__).parent.parent / "docs/saml.md").read_text()
TABLES = [
    re.findall(r"^\| `(saml\.[a-z_]+)` \| (.+?) \| \S.* \|$", table, re.MULTILINE)
    for table in re.split(r"\n\n", PAGE)
    if "| code | source |" in table
]


def only(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {code: rule for code, rule in rules.items() if code not in logout.RULES}


CODE: list[Mapping[str, Any]] = [
    profile.RULES,
    profile.CONFIRMATION_RULES,
    logout.RULES,
    only(logout.REQUEST_RULES),
    only(logout.RESPONSE_RULES),
]


def test_the_page_has_a_table_for_each_of_the_codes() -> None:
    assert len(TABLES) == len(CODE)


@pytest.mark.parametrize(("written", "rules"), [*zip(TABLES, CODE, strict=True)])
def test_every_rule_stands_in_its_place_with_its_section(
    written: list[tuple[str, str]], rules: Mapping[str, Any]
) -> None:
    assert [code for code, _ in written] == [*rules]
    for code, source in written:
        assert rules[code].__doc__.startswith(f"{source}:"), code


def test_the_page_names_the_endpoints_that_are_there() -> None:
    there = {getattr(route, "path", "") for route in routes()}
    named = set(re.findall(r"`(?:GET |POST )?(/[a-z{}/]+)`", PAGE.partition("## Sending")[0]))
    assert named <= there
    assert {path for path in there if path.startswith("/saml")} <= named


def test_what_is_no_goal_is_not_in_our_metadata_either() -> None:
    assert "bindings:SOAP" not in Path(description.__file__).read_text()
    assert "HTTP-Artifact" not in Path(description.__file__).read_text()
    assert all(f"**{one}**" in PAGE for one in ("SOAP", "HTTP-Artifact", "ECP", "SAML 1.1"))
