"""Every command that changes something leaves its line in the audit log, as the operator's."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from stair import Stair, standing
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.store.audit_pages import AuditFilter, AuditRow

HERE = ("--organization", "acme")
ADA, ZOE, BEA, LEE = (f"{name}@acme.example" for name in ("ada", "zoe", "bea", "lee"))

# In the order in which they are typed: {ada} and so on are ids that an earlier one made.
CHANGES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("token create", ("terraform", "--scope", "audit:read", *HERE), "token.create"),
    ("token revoke", ("{token}",), "token.revoke"),
    ("team add", ("tools", *HERE), "team.create"),
    ("team rename", ("tools", "Tools", *HERE), "team.update"),
    ("team link", ("tools", "eng", *HERE), "team.link"),
    ("team unlink", ("tools", "eng", *HERE), "team.unlink"),
    ("team role", ("tools", "builder", *HERE), "team.grant"),
    ("team role", ("tools", "builder", "--remove", *HERE), "team.revoke"),
    ("team member", ("tools", ADA, *HERE), "team.add_member"),
    ("team member", ("tools", ADA, "--remove", *HERE), "team.remove_member"),
    ("team remove", ("tools", *HERE), "team.delete"),
    ("person add", (ZOE, "--role", "member", *HERE), "person.add"),
    ("person grant", ("owner", ADA, *HERE), "person.grant"),
    ("person revoke", ("owner", ADA, *HERE, "--force"), "person.revoke"),
    ("person deactivate", (ADA, *HERE), "person.deactivate"),
    ("person reactivate", (ADA, *HERE), "person.reactivate"),
    ("person remove", (ADA, *HERE), "person.remove"),
    ("person erase", (ZOE, *HERE, "--yes"), "person.erase"),
    ("invite", (BEA, *HERE), "invitation.create"),
    ("invitation revoke", ("{invitation}", *HERE), "invitation.revoke"),
    ("connection disable", ("acme-oidc",), "connection.disable"),
    ("connection enable", ("acme-oidc",), "connection.enable"),
    ("enforce on", (*HERE, "--connection", "acme-saml", "--locked-out", "{locked}"), "enforcement.on"),
    ("enforce off", HERE, "enforcement.off"),
    ("domain show", ("acme.example",), "domain.begin_proof"),
    ("local add", (LEE, *HERE), "local_account.create"),
    ("local reset", (LEE, *HERE), "local_account.reset"),
    ("local remove", (LEE, *HERE), "local_account.delete"),
    ("break-glass seal", HERE, "organization.seal"),
    ("bootstrap", ("acme",), "organization.bootstrap"),
    ("scim token create", ("acme-local",), "scim_credential.create"),
    ("scim token revoke", ("acme-local", "{scim_credential}"), "scim_credential.revoke"),
    ("scim client create", ("acme-local", "--name", "Entra", "--expires", "730d"), "scim_credential.create"),
    ("scim client revoke", ("acme-local", "{scim_credential}"), "scim_credential.revoke"),
)
ELSEWHERE = {  # told by the tests of their rooms: they take more than a table can say
    "metadata fetch", "metadata approve", "metadata reject", "keys rotate", "person release",
    "domain verify", "local unlock", "connection add", "connection remove", "connection link",
    "connection unlink", "organization add", "organization remove", "scim forget",
}  # fmt: skip
READS = {
    "serve", "demo", "init", "doctor", "explain", "metadata show", "metadata adopt",
    "metadata changes", "config check", "keys status", "enforce preflight", "enforce list",
    "person export", "person show", "connection list", "connection show", "connection links", "team list",
    "local list", "audit tail", "audit export", "token list", "break-glass status", "policy try",
    "policy diff", "invitation list", "organization list", "organization show",
    "scim token list", "scim client list", "scim status",
}  # fmt: skip
"""What changes nothing."""


def commands(found: Any = typer.main.get_command(app), before: str = "") -> Iterator[str]:  # noqa: B008
    for name, one in found.commands.items():
        if isinstance(one, click.Group) or hasattr(one, "commands"):
            yield from commands(one, f"{before}{name} ")
        else:
            yield before + name


def test_every_command_is_known_here() -> None:
    assert set(commands()) == {name for name, _, _ in CHANGES} | ELSEWHERE | READS


@dataclass
class Scene:
    stair: Stair
    file: Path

    async def types(self, *words: str) -> Result:
        told = [*words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)

    async def lines(self) -> tuple[AuditRow, ...]:
        return (await self.stair.house.store.audit_page(AuditFilter(organization=None), None, 200))[0]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["owner"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    local: dict[str, Any] = {
        "protocol": "local",
        "organization": "acme",
        "display_name": "Pass",
        "domains": ["acme.example"],
    }
    local["scim"] = {}
    async with standing(tmp_path, further={"acme-local": local}) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        written = json.dumps(local)
        file = tmp_path / "federation.yaml"
        file.write_text(f"{file.read_text()}  acme-local: {written}\n")
        yield Scene(stair, file)


async def test_every_change_has_its_line(scene: Scene) -> None:
    browser = scene.stair.browser()
    await browser.post("/saml/acme-saml/acs", data=await scene.stair.saml(browser))
    ids: dict[str, str] = {"locked": "0"}
    for name, words, action in CHANGES:
        before = {one.id for one in await scene.lines()}
        done = await scene.types(*name.split(), *(one.format(**ids) for one in words))
        added = [one.entry for one in await scene.lines() if one.id not in before]
        told = f"{name}: {done.stdout} {done.stderr}"
        assert done.exit_code == 0, told
        assert [one.action for one in added] == [action], told
        (one,) = added
        assert (one.actor_kind, one.actor, one.address) == ("operator", "", ""), told
        assert one.organization == "acme", told
        assert one.name, told
        assert not holds_personal([one.before, one.after, one.name]), told
        ids[one.kind] = one.name


def holds_personal(told: Any) -> bool:
    return "@" in json.dumps(told)


async def test_what_changed_nothing_has_no_line(scene: Scene) -> None:
    await scene.types("team", "add", "tools", *HERE)
    before = await scene.lines()
    for words in (
        ("team", "add", "tools", *HERE),
        ("team", "rename", "nothing", "x", *HERE),
        ("team", "remove", "nothing", *HERE),
        ("team", "role", "tools", "x", "--remove", *HERE),
        ("invitation", "revoke", "nothing", *HERE),
        ("connection", "enable", "acme-oidc"),
        ("enforce", "off", *HERE),
        ("token", "revoke", "nothing"),
        ("person", "deactivate", "nobody@acme.example", *HERE),
    ):
        await scene.types(*words)
    assert await scene.lines() == before
    await scene.types("domain", "show", "acme.example")
    await scene.types("domain", "show", "acme.example")
    assert len(await scene.lines()) == len(before) + 1


async def test_a_step_of_the_exchange_of_keys_has_its_line(scene: Scene) -> None:
    before = {one.id for one in await scene.lines()}
    for _ in range(2):  # the second has nothing to do
        done = await scene.types("keys", "rotate", "--step", "publish")
        assert done.exit_code == 0, done.stderr
    (line,) = [one.entry for one in await scene.lines() if one.id not in before]
    assert (line.action, line.kind, line.name, line.organization) == ("keys.publish", "keys", "sp_key", "")
    assert (set(line.before), set(line.after)) == ({"current"}, {"current", "next"})
