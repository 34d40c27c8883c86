"""Between sign-ins at a provider of OAuth 2.0 alone: a GitHub on loopback, in the whole house."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from databases import ask
from loopback import Site, serving
from stair import BASE, Stair, standing
from starlette.responses import PlainTextResponse
from test_oauth2_sign_in import ADA_GROUPS, SECRET, World, github

from federation.demo.github import GitHub
from federation.demo.github_answers import Knobs
from federation.upkeep.reconcile import PAUSE, Reconciler

HOUR = timedelta(hours=1)
ACME_STAFF = {"slug": "staff", "id": 12, "organization": {"login": "acme", "id": 1}}
KINDS = {"app": ["access", "refresh"], "oauth-app": ["access"]}  # tokens that end in hours, and never


@dataclass
class Scene(World):
    """Somebody who signed in an hour ago."""

    site: Site
    again: Reconciler
    browser: httpx2.AsyncClient

    async def reread(self, **knobs: Any) -> dict[str, Any]:
        """Have GitHub say this from now on, and ask; return the session, {} where it has ended."""
        self.misbehave(expires=True, **knobs)
        self.stair.clock.at += HOUR
        await self.again.reconcile_due(self.stair.clock())
        answer = await self.browser.get("/session")
        return dict(answer.json()) if answer.status_code == 200 else {}

    async def records(self) -> list[str]:
        """Return the codes of what was recorded between sign-ins."""
        found = await ask(
            f"sqlite:///{self.stair.database}",
            "SELECT code FROM decision_record WHERE detail <> 'admitted' ORDER BY recorded_at",
        )
        return [code for (code,) in found]


def reconciler(stair: Stair) -> Reconciler:
    house = stair.house
    return Reconciler(
        connectors=house.signin.connectors,
        store=house.signin.store,
        deciding=house.signin.deciding,
        recorder=house.signin.recorder,
        tokens=house.tokens,
        clock=stair.clock,
    )


@pytest.fixture(params=KINDS)
async def scene(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with serving() as site:
        there = GitHub(
            site.url,
            client_id="Iv1.federation",
            client_secret=SECRET,
            redirect_uris=[f"{BASE}/oidc/github/callback"],
        )
        there.knobs = Knobs(expires=request.param == "app")
        site.app = there.app()
        told = github(site.url, keep_tokens=KINDS[request.param], organizations=[1], default_roles=["guest"])
        async with standing(tmp_path, further={"github": told}) as stair:
            browser, answer = await World(stair, there).sign_in()
            assert answer.status_code == 303, answer.text
            yield Scene(stair, there, site, reconciler(stair), browser)


async def test_a_team_left_takes_the_role_away_and_one_joined_gives_it_back(scene: Scene) -> None:
    assert (await scene.reread())["roles"] == ["admin"]
    assert await scene.records() == []  # nothing changed
    told = await scene.reread(listings={"teams": [ACME_STAFF]})
    assert (told["groups"], told["roles"]) == (["acme", "friends", "zoo", "acme/staff"], ["guest"])
    told = await scene.reread()
    assert (told["groups"], told["roles"]) == (ADA_GROUPS, ["admin"])
    assert await scene.records() == ["", ""]


async def test_who_left_the_organization_is_out(scene: Scene) -> None:
    assert await scene.reread(listings={"orgs": [{"login": "friends", "id": 2}], "teams": []}) == {}
    assert await scene.records() == ["oauth2.organization"]
    assert scene.stair.count("reread") == 0
    assert (await scene.sign_in())[1].status_code == 403


async def test_an_organization_that_took_its_name_is_another(scene: Scene) -> None:
    assert await scene.reread(listings={"orgs": [{"login": "acme", "id": 9}]}) == {}
    assert await scene.records() == ["oauth2.organization"]


async def test_a_token_that_was_revoked_ends_the_session(scene: Scene) -> None:
    scene.github._tokens.clear()  # the person took the application off their account
    scene.github._renewals.clear()
    assert await scene.reread() == {}
    renews = "/login/oauth/access_token" in scene.github.asked
    assert await scene.records() == ["oauth2.refresh_refused" if renews else "oauth2.access_ended"]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("oauth2.access_ended", {"endpoints": {"user": "401"}}),
    ("oauth2.subject_changed", {"profile": {"id": 9}}),
    ("oauth2.subject", {"profile": {"id": None}}),
    ("oauth2.email_unverified", {"listings": {"emails": [
        {"email": "ada@acme.example", "primary": True, "verified": False}]}}),
    ("policy.domain", {"listings": {"emails": [
        {"email": "ada@elsewhere.example", "primary": True, "verified": True}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "knobs"), REFUSED, ids=[one[0] for one in REFUSED])
async def test_a_refusal_ends_the_session(scene: Scene, code: str, knobs: dict[str, Any]) -> None:
    assert await scene.reread(**knobs) == {}
    assert await scene.records() == [code]


FAILING: list[dict[str, Any]] = [
    {"endpoints": {"user": how}} for how in ("403", "404", "429", "500", "202", "limited", "html", "redirect")
] + [
    {"endpoints": {"emails": "500"}}, {"endpoints": {"emails": "limited"}}, {"endpoints": {"emails": "401"}},
    {"endpoints": {"orgs": "500"}}, {"endpoints": {"orgs": "limited"}}, {"endless": "orgs"},
]  # fmt: skip


@pytest.mark.parametrize("knobs", FAILING, ids=[str(*one.values()) for one in FAILING])
async def test_an_api_that_fails_changes_nothing_and_is_left_in_peace(
    scene: Scene, knobs: dict[str, Any]
) -> None:
    told = await scene.reread(**knobs)
    assert (told["groups"], told["roles"]) == (ADA_GROUPS, ["admin"])
    assert await scene.records() == []
    scene.misbehave(expires=True)
    await scene.again.reconcile_due(scene.stair.clock() + PAUSE - timedelta(seconds=1))
    assert scene.github.asked == []
    scene.stair.clock.at += PAUSE
    await scene.again.reconcile_due(scene.stair.clock())
    assert "/api/v3/user" in scene.github.asked


@pytest.mark.parametrize("how", ["404", "limited", "429", "500", "object", "401"])
async def test_teams_that_cannot_be_had_take_nothing_away(scene: Scene, how: str) -> None:
    told = await scene.reread(endpoints={"teams": how})
    assert (told["groups"], told["roles"]) == (ADA_GROUPS, ["admin"])
    assert await scene.records() == []


async def test_a_server_that_is_down_ends_nothing(scene: Scene) -> None:
    scene.site.app = PlainTextResponse("down", 503)
    assert (await scene.reread())["roles"] == ["admin"]
    scene.site.app = scene.github.app()
    scene.stair.clock.at += PAUSE
    told = await scene.reread(listings={"teams": []})
    assert told["roles"] == ["guest"]
