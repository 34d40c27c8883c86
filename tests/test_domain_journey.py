"""docs/domains.md on the whole stair: every command of it, a person at the page, and what doctor says."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from dns_server import Zone, serving
from stair import Stair, listening, standing
from test_settings import load, with_values
from typer.testing import CliRunner, Result

from federation import clock, settings
from federation.__main__ import app
from federation.configuration import suffixes
from federation.operator import doctor_domains
from federation.operator.finding import Finding, State

DOCUMENT = (Path(__file__).parent.parent / "docs/domains.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
SHOW, VERIFY, PREFLIGHT, ON, LIST, OFF = COMMANDS
WEEK = timedelta(days=7)


class Scene:
    """A service, its DNS, people, and an operator at a shell."""

    def __init__(self, stair: Stair, file: Path, zone: Zone) -> None:
        self.stair, self.file, self.zone = stair, file, zone

    async def types(self, line: str) -> Result:
        words = [*shlex.split(line)[1:], "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, words, catch_exceptions=False)

    async def saml(self, who: str = "ada") -> httpx2.Response:
        browser = self.stair.browser()
        return await browser.post("/saml/acme-saml/acs", data=await self.stair.saml(browser, who))

    async def oidc(self, who: str = "ada", **headers: str) -> httpx2.Response:
        browser = self.stair.browser()
        return await browser.get(await self.stair.oidc(browser, who), headers=headers)

    async def doctor(self) -> list[Finding]:
        return await doctor_domains.kept(settings.load(self.file), self.stair.clock())


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__DOMAIN_PROOF", "dns")
    with serving(Zone()) as zone:
        monkeypatch.setenv("FEDERATION__DNS_SERVERS", json.dumps([zone.server]))
        async with listening(), standing(tmp_path) as stair:
            monkeypatch.setattr(clock, "now", stair.clock)
            yield Scene(stair, tmp_path / "federation.yaml", zone)


async def test_a_domain_is_shown_proved_and_lost(scene: Scene) -> None:
    shown = await scene.types(SHOW)
    assert (shown.exit_code, shown.stderr) == (0, "")
    record = re.match(r'(\S+)\. IN TXT "(\S+)"\n', shown.stdout)
    assert record
    assert record[1] == "_federation-challenge.acme.example"
    assert "not seen yet" in shown.stdout
    missing = await scene.types(VERIFY)
    assert (missing.exit_code, "not found" in missing.stdout) == (1, True)
    assert {one.state for one in await scene.doctor()} == {State.WARNING}
    scene.zone.texts[record[1]] = [f'"{record[2]}"']
    proved = await scene.types(f"{VERIFY} --json")
    assert (proved.exit_code, json.loads(proved.stdout)["found"]) == (0, True)
    assert json.loads(proved.stdout)["text"] == record[2]
    told = {one.topic: one.state for one in await scene.doctor()}
    assert told == {"domain acme.example": State.OK, "domain other.example": State.WARNING}
    assert "last seen 2026-11-21" in (await scene.types("federation domain show *.ACME.example.")).stdout
    scene.stair.clock.at += 4 * WEEK
    assert [one.state for one in await scene.doctor()] == [State.WARNING] * 2  # nobody has looked since
    scene.zone.texts.clear()
    assert (await scene.types(VERIFY)).exit_code == 1
    assert (await scene.saml()).status_code == 303  # it links nobody; it keeps nobody out


@pytest.mark.parametrize("domain", ["nowhere.example", "", "acme.example --organization beta"])
async def test_no_other_domain_is_proved(scene: Scene, domain: str) -> None:
    result = await scene.types(f"federation domain show {domain or chr(39) * 2}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no connection" in result.stderr


async def test_dns_that_does_not_answer_is_told_plainly(scene: Scene) -> None:
    scene.zone.rcode = 2  # type: ignore[assignment]  # SERVFAIL
    result = await scene.types(VERIFY)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "DNS did not answer properly" in result.stderr


async def test_an_organization_is_bound_to_its_way_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await scene.oidc("zoe")).status_code == 303
    untried = await scene.types(PREFLIGHT)
    assert (untried.exit_code, "sign in through it first" in untried.stdout) == (1, True)
    assert (await scene.types(ON)).exit_code == 1
    assert (await scene.saml("ada")).status_code == 303
    seen = await scene.types(PREFLIGHT)
    assert (seen.exit_code, "zoe@acme.example" in seen.stdout) == (1, True)
    assert "ada@acme.example" not in seen.stdout
    assert seen.stdout.rstrip().endswith("--locked-out 1")
    assert (await scene.types(ON.replace(" --locked-out 1", ""))).exit_code == 1
    assert "nothing is enforced" in (await scene.types(LIST)).stdout
    on = await scene.types(f"{ON} --by 'root\x1b[2J'")
    assert (on.exit_code, on.stderr) == (0, "")
    assert "\x1b" not in (await scene.types(LIST)).stdout
    refused = await scene.oidc("zoe", accept="application/json")
    assert refused.status_code == 403
    assert await scene.stair.code(refused) == "policy.sso_required"
    assert (await scene.saml("ada")).status_code == 303
    assert [one.state for one in await scene.doctor() if one.topic.startswith("enforced")] == [State.NOTE]
    monkeypatch.setenv("FEDERATION__CONNECTIONS__ACME_SAML__ENABLED", "false")
    assert [one.state for one in await scene.doctor() if one.topic.startswith("enforced")] == [State.FAILED]
    monkeypatch.delenv("FEDERATION__CONNECTIONS__ACME_SAML__ENABLED")
    assert (await scene.types(OFF)).exit_code == 0
    assert (await scene.types(OFF)).exit_code == 1
    assert (await scene.oidc("zoe")).status_code == 303


async def test_the_refusal_leads_to_the_way_in(scene: Scene) -> None:
    await scene.saml("ada")
    assert (await scene.types(ON.replace("--locked-out 1", "--domain acme.example"))).exit_code == 0
    page = await scene.oidc("zoe", accept="text/html")
    assert page.status_code == 403
    assert 'href="/login/acme-saml?return_to=%2Faccount"' in page.text
    assert "Acme (SAML)" in page.text
    assert "acme-oidc" not in page.text
    assert "other-saml" not in page.text
    assert await ask(f"sqlite:///{scene.stair.database}", "SELECT count(*) FROM account") == [(1,)]


WRONG = [
    ("--organization nobody --connection acme-saml", "none of organizations"),
    ("--organization acme --connection nobody", "no connection of acme"),
    ("--organization acme --connection other-saml --domain acme.example", "does not let acme.example in"),
    (
        "--organization acme --connection acme-saml --domain nowhere.example",
        "does not let nowhere.example in",
    ),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
async def test_nobody_is_bound_to_no_way_in(scene: Scene, words: str, said: str) -> None:
    for verb in ("preflight", "on"):
        result = await scene.types(f"federation enforce {verb} {words}")
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


# ── what the settings alone tell ──────────────────────────────────────────────────────────

GMAIL, PAGES = {"domains": ["gmail.com"]}, {"domains": ["*.github.io"]}
ANYONE: dict[str, Any] = {"domains": [], "anyone": True}
VERIFIED = {"email_trust": "verified"}
CONCERNS: list[tuple[str, dict[str, Any], str]] = [
    # the connection's keys                                      what is said
    ("okta",    {},                                              ""),
    ("okta",    {"domains": ["acme.co.uk", "*.acme.example"]},   ""),
    ("okta",    GMAIL,                                           "free-mail"),
    ("okta",    PAGES,                                           "public suffix"),
    ("okta",    GMAIL | {"email_trust": "domains"},              "not all of its domains"),
    ("okta",    ANYONE,                                          "whoever comes has member"),
    ("okta",    ANYONE | {"provisioning": "invited_only"},       ""),
    ("okta",    ANYONE | {"email_trust": "domains"},             "trusts no address"),
    ("okta",    VERIFIED,                                        ""),
    ("okta",    VERIFIED | {"preset": "entra"},                  "xms_edov"),
    ("adfs",    VERIFIED,                                        "nobody comes in"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "differs", "said"), CONCERNS)
def test_what_lets_in_more_than_is_meant_is_told(
    tmp_path: Path, name: str, differs: dict[str, Any], said: str
) -> None:
    changes = {f"{name}.{key}": value for key, value in differs.items()}
    found = list(doctor_domains.declared(load(tmp_path, with_values(changes))))
    assert any(said in one.said for one in found) if said else not found, found


async def test_it_is_said_at_every_start_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with standing(tmp_path, acme_saml={"domains": ["acme.example", "gmail.com"]}):
        told = [vars(one)["notice"] for one in caplog.records if hasattr(one, "notice")]
    assert [one for one in told if "free-mail" in one]


def test_the_list_of_free_mail_domains_is_in_order() -> None:
    lines = (Path(suffixes.__file__).parent / "free_mail.txt").read_text().splitlines()
    domains = [line for line in lines if not line.startswith("#")]
    assert domains == sorted(set(domains))
    assert suffixes.free_mail() == set(domains)
    assert not [one for one in domains if suffixes.is_registry(one) or one != one.strip().lower()]
