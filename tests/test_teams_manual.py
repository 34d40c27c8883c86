"""The page about teams says what happens: its blocks are read, its tables run, its commands are there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from decisions import connection
from test_policy_teams import person, standing, there
from typer.testing import CliRunner

from federation.__main__ import app
from federation.connection import Organization
from federation.policy.decide import decide

PAGE = (Path(__file__).parent.parent / "docs/teams.md").read_text()
BLOCK = re.compile(r"```yaml\n(.*?)```\n\n\| groups \|.*?\n\|[-|]+\|\n((?:\|[^\n]*\|\n)+)", re.DOTALL)


def examples() -> list[Any]:
    """Every line of a table, with the block above it."""
    found = []
    for block, table in BLOCK.findall(PAGE):
        for line in table.splitlines():
            groups, teams, roles = (one.strip() for one in line.strip("|").split("|"))
            found.append((yaml.safe_load(block), yaml.safe_load(groups.strip("`")), teams, roles))
    return found


@pytest.mark.parametrize(("block", "groups", "teams", "roles"), examples())
def test_an_example_comes_out_as_it_says(
    block: dict[str, Any], groups: list[str], teams: str, roles: str
) -> None:
    organization = Organization.model_validate(block["organizations"]["acme"])
    through = connection("okta", "acme", **block["connections"]["okta"])
    who = person(there(*groups))
    decision = decide(who, through, organization, (), system_roles=(), verified=frozenset())
    outcome = decision.settle(standing())
    assert ", ".join(outcome.teams) == teams
    assert ", ".join(sorted({grant.role for grant in outcome.grants})) == roles


def test_there_are_examples() -> None:
    assert len(examples()) == 7


COMMANDS = re.findall(r"^federation (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_is_understood(command: str) -> None:
    """To the settings file, which is not there."""
    told = [*shlex.split(command), "--config", "/nowhere/federation.yaml"]
    result = CliRunner().invoke(app, told)
    assert (result.exit_code, "Usage" in result.stderr) == (2, False), result.stderr
    assert "/nowhere/federation.yaml" in result.stderr
