"""`federation organization`, and commands that read the database's declarations: domain, doctor, policy."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from databases import ask, lay_sqlite
from stair import write_settings
from typer.testing import CliRunner, Result

from federation.__main__ import app

BODY = """
protocol: oidc
display_name: Beta (Okta)
domains: [beta.example]
issuer: https://beta.okta.example
client_id: federation
token_endpoint_auth_method: none
role_rules:
- {name: staff, groups: [staff], roles: [member]}
"""
BETA = ("beta", "--name", "Beta Inc.", "--default-role", "member", "--administrator", "owner")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_settings(tmp_path)
    lay_sqlite(tmp_path / "federation.db")
    (tmp_path / "okta.yaml").write_text(BODY)
    return tmp_path


def run(place: Path, *told: str) -> Result:
    return CliRunner().invoke(app, [*told, "--config", str(place / "federation.yaml")])


def said(place: Path, *told: str) -> Any:
    result = run(place, *told, "--json")
    assert result.stdout, result.output
    return json.loads(result.stdout)


def lines(place: Path) -> list[tuple[str, str, str]]:
    asked = "SELECT action, organization_id, actor_kind FROM audit ORDER BY rowid"
    return [tuple(row) for row in asyncio.run(ask(f"sqlite:///{place}/federation.db", asked))]


@pytest.fixture
def kept(place: Path) -> Path:
    """Beta in the database, with a connection that is enabled and one that is being set up."""
    assert run(place, "organization", "add", *BETA).exit_code == 0
    whose = ("--organization", "beta")
    assert (
        run(place, "connection", "add", "theirs", str(place / "okta.yaml"), *whose, "--enable").exit_code == 0
    )
    (place / "draft.yaml").write_text("protocol: saml\ndomains: [draft.example]\n")
    assert run(place, "connection", "add", "draft", str(place / "draft.yaml"), *whose).exit_code == 0
    return place


def test_made_listed_shown_and_removed(place: Path) -> None:
    told = said(place, "organization", "add", *BETA)
    assert (told["name"], told["origin"], told["default_roles"], told["administrators"]) == (
        "Beta Inc.", "store", ["member"], ["owner"],
    )  # fmt: skip
    assert [one["id"] for one in said(place, "organization", "list")] == ["acme", "beta"]
    assert [one["id"] for one in said(place, "organization", "list", "--search", "BETA")] == ["beta"]
    assert "beta" in run(place, "organization", "list").stdout
    assert "administrators   owner" in run(place, "organization", "show", "beta").stdout
    assert said(place, "organization", "show", "acme")["origin"] == "file"
    assert run(place, "organization", "remove", "beta", "--name", "Beta").exit_code == 1
    assert said(place, "organization", "remove", "beta", "--name", "Beta Inc.")["removed"]
    assert run(place, "organization", "show", "beta").exit_code == 1
    assert lines(place) == [
        ("organization.create", "beta", "operator"),
        ("organization.delete", "beta", "operator"),
    ]


REFUSED = [
    ("add", "acme", "--name", "Mine"),  # the file's
    ("add", "Beta", "--name", "Beta"),  # no id
    ("add", "beta", "--name", ""),
    ("remove", "acme", "--name", "Acme"),  # the file's
    ("remove", "nothing", "--name", "x"),
    ("show", "nothing"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_is_refused_and_leaves_no_line(place: Path, words: tuple[str, ...]) -> None:
    result = run(place, "organization", *words)
    assert result.exit_code == 1, result.output
    assert lines(place) == []


def test_one_that_has_something_stays(kept: Path) -> None:
    result = run(kept, "organization", "remove", "beta", "--name", "Beta Inc.")
    assert (result.exit_code, "connection" in result.stderr) == (1, True)


# What reads the database


@pytest.mark.parametrize("domain", ["beta.example", "draft.example"])
def test_a_domain_of_the_database_has_its_record(kept: Path, domain: str) -> None:
    told = said(kept, "domain", "show", domain)
    assert (told["organization"], told["needed"], told["name"]) == (
        "beta", True, f"_federation-challenge.{domain}",
    )  # fmt: skip
    assert said(kept, "domain", "show", domain) == told
    assert lines(kept)[-1] == ("domain.begin_proof", "beta", "operator")
    assert not said(kept, "domain", "show", "acme.example")["needed"]
    assert run(kept, "domain", "show", "nobody.example").exit_code == 2


def test_the_doctor_looks_at_what_the_database_declares(kept: Path) -> None:
    found = [(one["topic"], one["state"], one["said"]) for one in said(kept, "doctor")["findings"]]
    assert any(topic == "settings" and "in the database: 2" in told for topic, _, told in found)
    assert [state for topic, state, _ in found if topic == "domain beta.example"] == ["warning"]
    assert any(topic == "connection theirs" and state == "failed" for topic, state, _ in found)  # not reached
    assert [state for topic, state, _ in found if topic == "connection draft"] == ["note"]
    database = f"sqlite:///{kept}/federation.db"
    asyncio.run(
        ask(database, "UPDATE kept_connection SET body = '{}' WHERE id = 'theirs'")
    )  # as another release may have left it
    found = [(one["topic"], one["state"], one["said"]) for one in said(kept, "doctor")["findings"]]
    assert [state for topic, state, _ in found if topic == "connection theirs"] == ["warning"]


def test_a_policy_of_the_database_is_tried(kept: Path) -> None:
    rules = kept / "rules.yaml"
    rules.write_text("role_rules: [{name: staff, groups: [staff], roles: [owner]}]\n")
    for words in (("--connection", "theirs"), ()):
        if not words:
            rules.write_text("theirs: {role_rules: [{name: staff, groups: [staff], roles: [owner]}]}\n")
        result = run(kept, "policy", "try", "--rules", str(rules), *words)
        assert (result.exit_code, "people tried   0" in result.stdout) == (0, True), result.output
    whole = run(kept, "policy", "try", "--rules", str(kept / "federation.yaml"), "--json")
    assert json.loads(whole.stdout)["removed_connections"] == []  # the database's stay beside another file
    assert "theirs" in said(kept, "policy", "diff")["policies_new"]
