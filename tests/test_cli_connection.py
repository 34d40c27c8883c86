"""`federation connection add|show|remove`, and `enable|disable` of what was added."""

import json
from pathlib import Path

import pytest
from databases import lay_sqlite
from stair import SECRET, write_settings
from typer.testing import CliRunner, Result

from federation.__main__ import app

BODY = """
protocol: oidc
display_name: Acme (Okta)
domains: [own.example]
issuer: https://acme.okta.example
client_id: federation
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_settings(tmp_path)
    lay_sqlite(tmp_path / "federation.db")
    (tmp_path / "okta.yaml").write_text(BODY)
    return tmp_path


def run(place: Path, *told: str) -> Result:
    config = ["--config", str(place / "federation.yaml")]
    return CliRunner().invoke(app, ["connection", *told, *config])


def add(place: Path, *told: str) -> Result:
    return run(place, "add", "okta", str(place / "okta.yaml"), "--organization", "acme", *told)


def test_added_shown_switched_and_removed(place: Path) -> None:
    result = add(place)
    assert (result.exit_code, "missing client_secret" in result.stdout) == (0, True), result.output
    assert run(place, "remove", "okta", "--name", "Acme (Okta)").exit_code == 0
    result = add(place, "--secret", f"client_secret={place}/client-secret", "--enable", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["state"], told["settings"]["client_secret"], told["unproved"]) == (
        "active",
        "set",
        ["own.example"],
    )
    assert SECRET not in result.output
    for act, state in {"disable": "disabled", "enable": "active"}.items():
        assert run(place, act, "okta").exit_code == 0
        assert json.loads(run(place, "show", "okta", "--json").stdout)["state"] == state
    assert "callback_url" in run(place, "show", "okta").stdout
    assert "(file), active" in run(place, "show", "acme-saml").stdout


def test_what_is_wrong_is_said_at_its_key(place: Path) -> None:
    (place / "okta.yaml").write_text(BODY.replace("own.example", "acme.example, co.uk") + "acs_paths: [/x]\n")
    result = add(place)
    assert result.exit_code == 1
    assert "domains.1: co.uk is a public suffix" in result.stderr
    assert "acs_paths: " in result.stderr
    assert add(place, "--secret", "client_secret").exit_code == 2
    assert add(place, "--secret", f"client_secret={place}/nothing").exit_code == 2


def test_another_name_removes_nothing(place: Path) -> None:
    add(place)
    assert run(place, "remove", "okta", "--name", "okta").exit_code == 1
    assert run(place, "show", "okta").exit_code == 0
    assert run(place, "remove", "acme-saml", "--name", "Acme (SAML)").exit_code == 1
    assert run(place, "show", "nothing").exit_code == 1
