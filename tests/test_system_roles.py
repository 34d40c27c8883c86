"""System roles: roles in the whole installation, by the settings file alone, told apart everywhere."""

from pathlib import Path
from typing import Any

import pytest
from stair import BASE, write_settings
from starlette.testclient import TestClient
from test_settings import faults, with_values
from test_web_embed import sign_in

OPERATORS = "system_roles: {acme-saml: [{role: operator, groups: [Platform-Admins]}]}"
APP = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from federation.app import Federation
from federation.web.embed import requires_role, requires_system_role
@requires_system_role("operator")
async def operate(request):
    return JSONResponse(request.user.system_roles)
@requires_role("operator")
async def named_alike(request):
    return JSONResponse(request.user.roles)
app = Starlette(routes=[Route("/operate", operate), Route("/named", named_alike)])
app.add_middleware(Federation, config="federation.yaml")
"""


def opened(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, more: str = "", rules: str = ""
) -> TestClient:
    write_settings(directory, more=more)
    if rules:
        file = directory / "federation.yaml"
        file.write_text(file.read_text().replace("roles: [admin]", rules))
    monkeypatch.chdir(directory)
    names: dict[str, Any] = {}
    exec(APP, names)  # noqa: S102  our own
    return TestClient(names["app"], base_url=BASE, follow_redirects=False)


def test_an_operator_is_one_in_every_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, monkeypatch, more=OPERATORS) as client:
        sign_in(client, "ada", to="/operate")
        told = client.get("/session").json()
        assert (told["roles"], told["system_roles"]) == (["admin"], ["operator"])
        headers = client.get("/verify").headers
        assert headers["x-auth-request-roles"] == "admin"
        assert headers["x-auth-request-system-roles"] == "operator"
        assert client.get("/verify?role=operator").status_code == 403
        assert client.get("/operate").json() == ["operator"]
        assert client.get("/named").status_code == 403
        assert "operator (whole installation)" in client.get("/account").text


def test_a_role_of_that_name_makes_no_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, monkeypatch, rules="roles: [operator]") as client:
        sign_in(client, "ada", to="/operate")
        told = client.get("/session").json()
        assert (told["roles"], told["system_roles"]) == (["operator"], [])
        assert client.get("/verify").headers["x-auth-request-system-roles"] == ""
        assert client.get("/operate").status_code == 403
        assert client.get("/named").json() == ["operator"]


def test_who_is_in_none_of_its_groups_is_no_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, monkeypatch, more=OPERATORS) as client:
        sign_in(client, "bob", to="/operate")
        assert client.get("/session").json()["system_roles"] == []
        assert client.get("/operate").status_code == 403


RULE = {"name": "r", "groups": ["a"], "teams": ["nowhere"]}
WHEN = {"name": "mistyped", "when": "'a' in grups", "roles": ["r"]}

FAULTS = [
    ({"system_roles": {"nobody": []}}, "system_roles.nobody", "expected one of connections"),
    (
        {"system_roles": {"adfs": [{"role": "x", "groups": ["*"]}]}},
        "system_roles.adfs.0.groups",
        "whole names",
    ),
    ({"system_roles": {"adfs": [{"role": "x", "groups": []}]}}, "system_roles.adfs.0.groups", "at least 1"),
    ({"adfs.role_rules": [RULE]}, "connections.adfs.role_rules.0.teams", "rule 'r': 'nowhere'"),
    (
        {"adfs.role_rules": [WHEN]},
        "connections.adfs.role_rules.0.when",
        "rule 'mistyped': line 1, column 8: undeclared reference to 'grups'",
    ),
    ({"adfs.role_rules": [], "adfs.strict": True}, "connections.adfs.strict", "nobody could enter"),
]


@pytest.mark.parametrize(("changes", "place", "said"), FAULTS)
def test_one_fault_is_named_with_its_place(
    tmp_path: Path, changes: dict[str, Any], place: str, said: str
) -> None:
    told = faults(tmp_path, with_values(changes))
    assert list(told) == [place]
    assert said in told[place]
