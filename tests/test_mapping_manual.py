"""The page about role rules: every example in it is loaded, and every person in it decided."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_policy_domains import connection, person

from federation.connection import Organization
from federation.decision import Stay
from federation.errors import PolicyRefused
from federation.identity import Authentication, Groups, Identity, Presence
from federation.policy import roles
from federation.rules import expressions
from federation.rules.rule import RoleRule

PAGE = (Path(__file__).parent.parent / "docs/mapping.md").read_text()
ACME = Organization(name="Acme")


def examples() -> list[tuple[dict[str, Any], list[str]]]:
    """Each block with each line of the table below it."""
    found = re.findall(r"```yaml\n((?:[^`]|`(?!``))*)```\n\n((?:\|[^\n]*\n)+)", PAGE, re.DOTALL)
    return [
        (yaml.safe_load(block), [cell.strip() for cell in line.strip("|").split("|")])
        for block, table in found
        for line in table.splitlines()[2:]
    ]


def told(written: str) -> Identity:
    says = yaml.safe_load(written.strip("`"))
    groups = says.pop("groups")
    state = Groups(Presence.UNOBTAINABLE)
    if isinstance(groups, list):
        state = Groups(Presence.PRESENT if groups else Presence.EMPTY, tuple(groups))
    attributes = {name: tuple(values) for name, values in says.pop("attributes", {}).items()}
    authentication = Authentication(instant=None, amr=tuple(says.pop("amr", ())))
    return person(groups=state, attributes=attributes, authentication=authentication, **says)


STAYS = {"nothing stays": Stay(), "everything stays": Stay(everything=True)}


@pytest.mark.parametrize(("keys", "cells"), examples())
def test_what_the_page_says_comes_of_a_person(keys: dict[str, Any], cells: list[str]) -> None:
    who, where = told(cells[0]), connection(**keys)
    if cells[1].startswith("refused: "):
        with pytest.raises(PolicyRefused) as refused:
            roles.want(who, where, ACME)
        assert refused.value.code == cells[1].removeprefix("refused: ")
        return
    wanted, _ = roles.want(who, where, ACME)
    assert ", ".join(sorted({grant.role for grant in wanted.grants})) == cells[1]
    if len(cells) > 2:
        assert wanted.stays == STAYS[cells[2]]


def test_the_page_has_examples() -> None:
    assert len(examples()) > 20


def test_every_variable_is_on_the_page() -> None:
    table = PAGE.partition("| variable | type | |\n")[2].partition("\n\n")[0]
    first = [line.split("|")[1] for line in table.splitlines()[1:]]
    named = {name for cell in first for name in re.findall("`([a-z_]+)`", cell)}
    assert named == set(expressions.VARIABLES)


def test_what_is_written_for_handlebars_is_cel() -> None:
    table = PAGE.partition("| Handlebars | CEL |\n")[2].partition("\n\n")[0]
    written = [re.split(r"(?<!\\)\|", line)[2] for line in table.splitlines()[1:]]
    conditions = [one for cell in written for one in re.findall("`([^`]+)`", cell)]
    for condition in conditions:
        if not re.fullmatch(r"a (&&|\\\|\\\|) b", condition):
            RoleRule(name="r", when=condition.replace("\\|", "|"), roles=("r",))
    assert len(conditions) >= 8
