"""`federation metadata fetch`, `changes`, `approve` and `reject`, as an operator types them."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import serving
from publisher import GOOD, KEY_ROLLED, MOVED, ROLLED, Publisher
from saml_peer import peer
from typer.testing import CliRunner, Result

from federation import settings
from federation.__main__ import app
from federation.store.audit_pages import AuditFilter
from federation.store.store import open_store


class Operator:
    """At a shell, beside the service."""

    def __init__(self, file: Path, publisher: Publisher) -> None:
        self.file, self.publisher = file, publisher

    async def types(self, *words: str) -> Result:
        """Run a command in a thread: it has an event loop of its own."""
        told = ["metadata", *words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)

    async def document(self, connection: str = "adfs") -> tuple[str, str]:
        store = await open_store(settings.load(self.file).database_url.get_secret_value())
        row = await store.find_metadata(connection)
        await store.close()
        return (row.document, row.held_document) if row else ("", "")

    async def told(self) -> list[tuple[str, Any]]:
        """Return the audit log's lines in their order; of a fetch what came of it."""
        store = await open_store(settings.load(self.file).database_url.get_secret_value())
        lines, _ = await store.audit_page(AuditFilter(organization="acme"), None, 50)
        await store.close()
        found = [(one.entry.action, one.entry.after) for one in reversed(lines)]
        return [(action, after if action == "metadata.fetch" else None) for action, after in found]


@pytest.fixture
async def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operator]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    publisher = Publisher()
    async with serving() as site:
        site.app = publisher
        common = {"protocol": "saml", "organization": "acme", "anyone": True}
        by_url = {**common, "metadata": {"url": f"{site.url}/metadata"}}
        told = {
            "development": True,
            "base_url": "http://localhost:8000",
            "database_url": "sqlite:///var/federation.db",
            "organizations": {"acme": {"name": "Acme"}},
            "connections": {
                "adfs": {**by_url, "metadata_changes": "approve"},
                "okta": by_url,
                "typed": {
                    **common,
                    "entity_id": "urn:idp",
                    "sso_url": "https://idp.example/sso",
                    "certificates": [peer().key.text],
                },
                "partner": {
                    "protocol": "oidc", "organization": "acme", "anyone": True, "client_id": "us",
                    "issuer": "https://op.example", "token_endpoint_auth_method": "none",
                },
            },
        }  # fmt: skip
        file = tmp_path / "federation.yaml"
        await asyncio.to_thread(file.write_text, yaml.safe_dump(told))
        yield Operator(file, publisher)


async def test_fetch_shows_what_changed(operator: Operator) -> None:
    first = await operator.types("fetch", "okta")
    assert (first.exit_code, first.stdout) == (0, "okta: fetched for the first time, and in force\n")
    assert (await operator.types("fetch", "okta")).stdout == "okta: nothing changed\n"
    operator.publisher.publish(ROLLED)
    changed = await operator.types("fetch", "okta")
    assert changed.stdout.splitlines() == [
        "okta: changed; the new document is in force", *(f"  {line}" for line in KEY_ROLLED),
    ]  # fmt: skip
    assert await operator.document("okta") == (ROLLED, "")
    assert await operator.document("adfs") == ("", "")


async def test_what_is_new_is_told_with_the_change_and_once(operator: Operator) -> None:
    """What waits already, or was rejected, changes nothing: its line is the one of when it came."""
    for document, verb in ((GOOD, "fetch"), (ROLLED, "fetch"), (ROLLED, "fetch"), (ROLLED, "reject"),
                           (ROLLED, "fetch"), (GOOD, "fetch")):  # fmt: skip
        operator.publisher.publish(document)
        assert (await operator.types(verb, "adfs")).exit_code == 0
    assert await operator.told() == [
        ("metadata.fetch", {"state": "first", "changes": []}),
        ("metadata.fetch", {"state": "held", "changes": list(KEY_ROLLED)}),
        ("metadata.reject", None),
    ]


async def test_a_change_is_looked_at_and_approved(operator: Operator) -> None:
    await operator.types("fetch", "adfs")
    operator.publisher.publish(ROLLED)
    held = json.loads((await operator.types("fetch", "adfs", "--json")).stdout)
    assert (held["state"], tuple(held["changes"])) == ("held", KEY_ROLLED)
    seen = await operator.types("changes", "adfs")
    assert KEY_ROLLED[0] in seen.stdout
    assert f"waiting: document {held['held']}" in seen.stdout
    assert "federation metadata approve adfs" in seen.stdout
    approved = await operator.types("approve", "adfs", "--digest", held["held"][:8].upper())
    assert approved.stdout.splitlines() == ["adfs: approved", *(f"  {line}" for line in KEY_ROLLED)]
    assert await operator.document() == (ROLLED, "")
    again = await operator.types("approve", "adfs")
    assert (again.exit_code, "waits for approval" in again.stderr) == (2, True)


async def test_what_is_approved_is_what_was_looked_at(operator: Operator) -> None:
    await operator.types("fetch", "adfs")
    operator.publisher.publish(ROLLED)
    held = json.loads((await operator.types("fetch", "adfs", "--json")).stdout)["held"]
    operator.publisher.publish(MOVED)
    await operator.types("fetch", "adfs")
    for verb in ("approve", "reject"):
        refused = await operator.types(verb, "adfs", "--digest", held)
        assert (refused.exit_code, "look again" in refused.stderr) == (2, True)
    assert await operator.document() == (GOOD, MOVED)


async def test_a_change_is_rejected(operator: Operator) -> None:
    await operator.types("fetch", "adfs")
    operator.publisher.publish(ROLLED)
    await operator.types("fetch", "adfs")
    assert (await operator.types("reject", "adfs")).stdout.startswith("adfs: rejected\n")
    assert await operator.document() == (GOOD, "")
    assert (await operator.types("fetch", "adfs")).stdout.startswith(
        "adfs: still publishes what was rejected"
    )
    (change,) = json.loads((await operator.types("changes", "--json")).stdout)["changes"]
    assert (change["connection"], change["state"], tuple(change["changes"])) == (
        "adfs", "rejected", KEY_ROLLED,
    )  # fmt: skip


async def test_what_these_settings_cannot_read_is_not_approved(operator: Operator) -> None:
    await operator.types("fetch", "adfs")
    operator.publisher.publish(ROLLED)
    await operator.types("fetch", "adfs")
    text = await asyncio.to_thread(operator.file.read_text)
    pinned = yaml.safe_load(text)
    pinned["connections"]["adfs"]["entity_id"] = "https://other.example"
    await asyncio.to_thread(operator.file.write_text, yaml.safe_dump(pinned))
    refused = await operator.types("approve", "adfs")
    assert (refused.exit_code, "does not describe 'https://other.example'" in refused.stderr) == (2, True)
    assert await operator.document() == (GOOD, ROLLED)


async def test_what_cannot_be_used_is_said(operator: Operator) -> None:
    operator.publisher.publish("<html/>")
    refused = await operator.types("fetch", "okta")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "the document is not SAML metadata" in refused.stderr
    assert (await operator.types("changes")).stdout == "no change is recorded\n"


async def test_a_command_prints_no_line_of_the_services_log(operator: Operator) -> None:
    await operator.types("fetch", "adfs")
    operator.publisher.publish(ROLLED)
    command = (
        sys.executable,
        "-m",
        "federation",
        "metadata",
        "fetch",
        "adfs",
        "--config",
        str(operator.file),
    )
    typed = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    told, beside = await typed.communicate()
    assert (KEY_ROLLED[0] in told.decode(), beside) == (True, b"")


@pytest.mark.parametrize("verb", ["fetch", "changes", "approve", "reject"])
@pytest.mark.parametrize("name", ["partner", "nobody"])
async def test_it_must_be_a_saml_connection(operator: Operator, verb: str, name: str) -> None:
    refused = await operator.types(verb, name)
    assert (refused.exit_code, "is no SAML connection" in refused.stderr) == (2, True)


async def test_what_was_typed_in_is_not_fetched(operator: Operator) -> None:
    refused = await operator.types("fetch", "typed")
    assert (refused.exit_code, "no metadata.url" in refused.stderr) == (2, True)


async def test_a_terminal_obeys_no_provider(operator: Operator) -> None:
    await operator.types("fetch", "okta")
    hostile = GOOD.replace("</md:IDPSSODescriptor>", '<md:Extensions><s:Scope xmlns:s="urn:mace:shibboleth:metadata:1.0">'  # noqa: E501
                           "a&#x9b;31m</s:Scope></md:Extensions></md:IDPSSODescriptor>")  # fmt: skip
    operator.publisher.publish(hostile)
    shown: Any = await operator.types("fetch", "okta")
    assert "scope added: a" in shown.stdout
    assert "\x9b" not in shown.stdout
    assert "\x9b" not in (await operator.types("changes")).stdout


@pytest.mark.parametrize("command", ["fetch", "changes", "approve", "reject"])
def test_every_command_helps_by_example(command: str) -> None:
    helped = CliRunner().invoke(app, ["metadata", command, "--help"], catch_exceptions=False)
    assert (helped.exit_code, f"federation metadata {command}" in " ".join(helped.stdout.split())) == (
        0,
        True,
    )
