"""A whole OAuth 2.0 sign-in: browser, service, policy, session, and a development GitHub over HTTP.

Every row of its FAULTS is tried, and refused by the code that it names.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from loopback import NO_TLS, serving
from stair import BASE, NOW, Stair, standing

from federation import registry
from federation.connection import OAuth2Connection
from federation.connectors.contract import Callback
from federation.connectors.oauth2 import OAuth2Connector
from federation.demo.github import GitHub
from federation.demo.github_answers import FAULTS, GROUP_FAULTS, SLOW_FAULTS, Fault, Knobs
from federation.demo.openid_failures import HOW
from federation.errors import AssertionRefused, FederationError, ProviderTimedOut
from federation.fetch import Fetch
from federation.identity import Subject, VerifiedAssertion

SECRET = "p+ä :~%/=&"
ALIAS = "/v1/oauth/callback/"
ADA_GROUPS = ["acme", "friends", "zoo", "acme/platform-admins"]


def github(server: str, **other: Any) -> dict[str, Any]:
    return {
        "protocol": "oauth2",
        "preset": "github",
        "organization": "acme",
        "domains": ["acme.example"],
        "server": server,
        "client_id": "Iv1.federation",
        "client_secret": SECRET,
        "role_rules": [{"name": "administrators", "groups": ["acme/platform-admins"], "roles": ["admin"]}],
        **other,
    }


def plain(server: str, **other: Any) -> dict[str, Any]:
    """The same server, known by nothing but its endpoints: any provider of OAuth 2.0."""
    return {
        "protocol": "oauth2",
        "organization": "acme",
        "display_name": "Acme's own sign-in",
        "domains": ["elsewhere.example"],
        "issuer": f"{server}/login/oauth",
        "authorization_endpoint": f"{server}/login/oauth/authorize",
        "token_endpoint": f"{server}/login/oauth/access_token",
        "userinfo_endpoint": f"{server}/api/v3/user",
        "subject_claim": "id",
        "client_id": "Iv1.federation",
        "client_secret": SECRET,
        **other,
    }


@dataclass
class World:
    """The service, GitHub, and what a browser does between them."""

    stair: Stair
    github: GitHub

    def misbehave(self, **knobs: Any) -> None:
        self.github.asked.clear()
        self.github.knobs = Knobs(**knobs)

    async def authorize(self, browser: httpx2.AsyncClient, connection: str = "github") -> str:
        """Start a sign-in and let GitHub answer; return the callback's path and query."""
        begun = await browser.get(f"/login/{connection}", params={"return_to": "/account"})
        assert begun.status_code == 303, begun.text
        async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as there:
            answer = await there.get(begun.headers["location"])
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"]).removeprefix(BASE)

    async def sign_in(
        self, connection: str = "github", browser: httpx2.AsyncClient | None = None
    ) -> tuple[httpx2.AsyncClient, httpx2.Response]:
        browser = browser or self.stair.browser()
        return browser, await browser.get(await self.authorize(browser, connection))

    async def session(self, connection: str = "github") -> dict[str, Any]:
        browser, answer = await self.sign_in(connection)
        assert answer.status_code == 303, answer.text
        return dict((await browser.get("/session")).json())

    async def refused(self, answer: httpx2.Response) -> str:
        """Return the code, once it is sure that nobody got in."""
        assert answer.status_code in (400, 403, 502, 504), answer.text
        assert "set-cookie" not in answer.headers
        assert {table: self.stair.count(table) for table in self.stair.rows} == self.stair.rows
        return await self.stair.code(answer)


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with serving() as site:
        callbacks = [f"{BASE}/oidc/{name}/callback" for name in ("github", "anyone", "plain")]
        there = GitHub(
            site.url,
            client_id="Iv1.federation",
            client_secret=SECRET,
            redirect_uris=[*callbacks, BASE + ALIAS],
        )
        site.app = there.app()
        further = {
            "github": github(site.url),
            "anyone": github(site.url, anyone=True, domains=[], scopes=["read:org"], default_roles=["guest"]),
            "plain": plain(site.url),
            "aliased": github(site.url, callback_paths=[ALIAS]),
        }
        async with standing(tmp_path_factory.mktemp("oauth2"), further=further) as stair:
            yield World(stair, there)


@pytest.fixture(autouse=True)
def right(world: World) -> None:
    world.misbehave()
    world.stair.clock.at = NOW
    world.stair.remember_rows()


# ── who comes in ──────────────────────────────────────────────────────────────────────────


async def test_a_sign_in(world: World) -> None:
    said = await world.session()
    assert said["user"]["email"] == "ada@acme.example"
    assert said["user"]["display_name"] == "Ada Lovelace"
    assert (said["groups"], said["roles"]) == (ADA_GROUPS, ["admin"])
    assert said["attributes"]["login"] == ["ada"]
    assert said["attributes"]["organization_ids"] == ["1", "2", "3"]
    assert "avatar_url" not in said["attributes"]
    assert world.github.asked.count("/login/oauth/access_token") == 1
    assert world.github.asked.count("/api/v3/user/orgs") == 2  # three organizations are two pages there


async def test_who_shows_no_name_goes_by_their_login_and_groups_may_be_none(world: World) -> None:
    world.misbehave(person="bob")
    said = await world.session()
    assert said["user"]["display_name"] == "bob"
    assert (said["groups"], said["roles"]) == ([], ["member"])


async def test_a_login_is_a_name_and_the_id_is_the_person(world: World) -> None:
    first = await world.session()
    world.misbehave(profile={"login": "ada-king", "name": "Ada King"})
    renamed = await world.session()
    assert renamed["user"]["id"] == first["user"]["id"]
    users = world.stair.count("user")
    world.misbehave(profile={"id": 9999})  # somebody else took the login, and the address
    browser, answer = await world.sign_in()
    assert (answer.status_code, await world.stair.code(answer)) == (403, "policy.proof_needed")
    assert (await browser.get("/session")).status_code == 401
    assert world.stair.count("user") == users


async def test_what_is_asked_of_the_provider(world: World) -> None:
    asked = await world.stair.begin(world.stair.browser(), "github")
    challenge = asked.pop("code_challenge")
    state = asked.pop("state")
    assert (len(challenge), len(state) >= 43) == (43, True)
    assert asked == {
        "response_type": "code",
        "client_id": "Iv1.federation",
        "redirect_uri": f"{BASE}/oidc/github/callback",
        "scope": "read:user user:email read:org",
        "code_challenge_method": "S256",
    }


async def test_an_answer_without_iss_comes_from_an_older_server(world: World) -> None:
    world.misbehave(answer={"iss": FAULTS["code-missing"].knobs["answer"]["code"]})
    assert (await world.session())["user"]["email"] == "ada@acme.example"


async def test_a_github_app_has_permissions_and_no_scopes(world: World) -> None:
    world.misbehave(token_members={"scope": "", "expires_in": 28800, "refresh_token": "ghr_x"})
    assert (await world.session())["groups"] == ADA_GROUPS
    world.misbehave(token_members={"scope": ""}, endpoints={"emails": "403"})
    world.stair.remember_rows()
    _, answer = await world.sign_in()
    assert await world.refused(answer) == "oauth2.scope"


async def test_any_provider_of_oauth2_by_its_endpoints(world: World) -> None:
    # It asks for no version of its API, so the demo's own answers are bent to take it.
    told = {"id": 4800, "email_verified": True, "groups": ["staff"]}
    world.misbehave(profile=told, versions=False)
    said = await world.session("plain")
    assert said["user"]["email"] == "shown@elsewhere.example"
    assert (said["groups"], said["roles"]) == (["staff"], ["member"])
    assert said["attributes"]["company"] == ["Acme"]
    page = await world.stair.browser(accept="text/html").get("/login")
    assert "Acme&#39;s own sign-in" in page.text


async def test_a_callback_path_of_another_product(world: World) -> None:
    browser = world.stair.browser()
    goal = await world.authorize(browser, "aliased")
    assert goal.startswith(f"{ALIAS}?")
    assert (await browser.get(goal)).status_code == 303
    assert (await browser.get("/session")).json()["groups"] == ADA_GROUPS
    world.stair.remember_rows()
    goal = await world.authorize(browser, "aliased")
    there = await browser.get(goal.replace(ALIAS, "/oidc/aliased/callback"))
    assert await world.refused(there) == "oauth2.redirect_uri"


# ── who does not ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", FAULTS)
async def test_one_broken_rule_is_refused_by_its_code(world: World, name: str) -> None:
    world.misbehave(**FAULTS[name].knobs)
    _, answer = await world.sign_in()
    assert await world.refused(answer) == FAULTS[name].code
    if "answer" in FAULTS[name].knobs and FAULTS[name].code != "oauth2.code_refused":
        assert world.github.asked == []  # an answer is judged before anything is asked


@pytest.mark.parametrize("name", ["scope", "emails-unverified", "emails-none", "id-bool", "user-500"])
async def test_what_the_browser_reads_tells_no_reason(world: World, name: str) -> None:
    world.misbehave(**FAULTS[name].knobs)
    _, answer = await world.sign_in()
    assert "oauth2." not in answer.text
    assert "scope" not in answer.text
    assert "ada@" not in answer.text


async def test_a_missing_scope_is_named(world: World) -> None:
    world.misbehave(**FAULTS["scope"].knobs)
    _, answer = await world.sign_in()
    record = await world.stair.house.store.find_record(answer.json()["error"]["reference"])
    assert record is not None
    assert "add user:email to scopes" in record.detail
    assert "/api/v3/user/emails" not in world.github.asked


@pytest.mark.parametrize("endpoint", ["access_token", "user", "emails", "orgs", "teams"])
@pytest.mark.parametrize("how", sorted(set(HOW) - {"slow", "drip"}))
async def test_no_failure_of_theirs_is_a_failure_of_ours(world: World, endpoint: str, how: str) -> None:
    world.misbehave(endpoints={endpoint: how})
    _, answer = await world.sign_in()
    if endpoint in ("orgs", "teams"):
        assert answer.status_code == 303, answer.text
    elif answer.status_code != 303:  # an empty list of addresses is an answer
        assert (await world.refused(answer)).startswith(("oauth2.", "fetch."))


@pytest.mark.parametrize("name", GROUP_FAULTS)
async def test_groups_that_cannot_be_had_are_unobtainable(world: World, name: str) -> None:
    knobs = GROUP_FAULTS[name].knobs
    address = {"email": f"{name}@acme.example", "primary": True, "verified": True}
    listings = {"emails": [address]} | knobs.get("listings", {})
    # nobody has seen them before: what somebody had would stay theirs
    nobody = {"id": 5000 + list(GROUP_FAULTS).index(name)}
    world.misbehave(**{**knobs, "listings": listings, "profile": nobody})
    said = await world.session()
    # In no group at all they would be a member; of whom nothing is known, nothing is granted.
    assert (said["groups"], said["roles"]) == ([], [])
    assertion = await straight(world)
    assert "groups" in assertion.unobtainable
    assert {check.code: (check.said or "")[:11] for check in assertion.checks}[
        GROUP_FAULTS[name].code
    ] == "not checked"


async def test_a_token_goes_nowhere_but_to_its_own_origin(world: World) -> None:
    async with serving() as other:
        heard: list[str] = []

        async def listen(scope: Any, receive: Any, send: Any) -> None:
            heard.append(scope["path"])

        other.app = listen
        world.misbehave(links={"orgs": f'<{other.url}/api/v3/user/orgs?page=2>; rel="next"'})
        assert "groups" in (await straight(world)).unobtainable
        assert heard == []


# ── where nobody need have an address ─────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["emails-none", "emails-two-primaries", "emails-unverified"])
async def test_without_a_domain_rule_no_address_is_needed(world: World, name: str) -> None:
    nobody = {"id": 6000 + list(FAULTS).index(name)}  # has had no address before
    world.misbehave(**FAULTS[name].knobs, profile=nobody, token_members={"scope": "user:email,read:org"})
    said = await world.session("anyone")
    assert said["user"]["email"] == ""


async def test_without_a_domain_rule_no_scope_for_addresses_is_needed(world: World) -> None:
    world.misbehave(profile={"id": 6999})
    said = await world.session("anyone")
    assert (said["user"]["email"], said["groups"]) == ("", ADA_GROUPS)
    assert "/api/v3/user/emails" not in world.github.asked


async def test_a_failing_list_of_addresses_is_no_absence_of_one(world: World) -> None:
    world.misbehave(endpoints={"emails": "500"}, token_members={"scope": "user:email"})
    _, answer = await world.sign_in("anyone")
    assert await world.refused(answer) == "oauth2.api_status"


# ── once, here, now ───────────────────────────────────────────────────────────────────────


async def test_an_answer_is_good_once(world: World) -> None:
    browser = world.stair.browser()
    goal = await world.authorize(browser)
    assert (await browser.get(goal)).status_code == 303
    other = world.stair.browser()
    other.cookies = httpx2.Cookies()
    world.stair.remember_rows()
    assert await world.refused(await other.get(goal)) in {"signin.used", "signin.browser"}


async def test_a_code_that_is_redeemed_twice_signs_in_once(world: World) -> None:
    world.misbehave(codes_last=True)
    browser = world.stair.browser()
    first = await world.authorize(browser)
    code = parse_qs(urlsplit(first).query)["code"][0]
    assert (await browser.get(first)).status_code == 303
    victim = world.stair.browser()
    theirs = parse_qs(urlsplit(await world.authorize(victim)).query)
    world.stair.remember_rows()
    world.github.knobs = Knobs(codes_last=True, unbound=True)  # and it does not look at code_verifier
    answer = await victim.get(
        "/oidc/github/callback", params={"code": code, "state": theirs["state"][0], "iss": theirs["iss"][0]}
    )
    assert await world.refused(answer) == "signin.replayed"


async def test_a_stolen_code_needs_the_verifier(world: World) -> None:
    ada, mallory = world.stair.browser(), world.stair.browser()
    code = parse_qs(urlsplit(await world.authorize(ada)).query)["code"][0]
    own = parse_qs(urlsplit(await world.authorize(mallory)).query)
    answer = await mallory.get(
        "/oidc/github/callback", params={"code": code, "state": own["state"][0], "iss": own["iss"][0]}
    )
    assert await world.refused(answer) == "oauth2.code_refused"


async def test_another_browser_cannot_bring_the_answer(world: World) -> None:
    goal = await world.authorize(world.stair.browser())
    other = world.stair.browser()
    await world.authorize(other)  # it has a binder of its own
    assert await world.refused(await other.get(goal)) == "signin.browser"
    assert world.github.asked == []


async def test_another_connection_cannot_take_the_answer(world: World) -> None:
    browser = world.stair.browser()
    goal = await world.authorize(browser)
    answer = await browser.get(goal.replace("/oidc/github/", "/oidc/anyone/"))
    assert await world.refused(answer) == "signin.connection"
    assert world.github.asked == []


async def test_two_tabs_of_one_browser_both_come_in(world: World) -> None:
    browser = world.stair.browser()
    goals = [await world.authorize(browser) for _ in range(2)]
    answers = await asyncio.gather(*map(browser.get, goals))
    assert [one.status_code for one in answers] == [303, 303]


# ── the connector, without the stair ──────────────────────────────────────────────────────


def connector(world: World, fetch: Fetch, patience: float = 15.0, **other: Any) -> OAuth2Connector:
    told = {"scopes": ["user:email", "read:org"], "subject_claim": "id", **other}
    method = told.pop("token_endpoint_auth_method", "client_secret_post")
    keys = github(world.github.server, **told) | {"id": "github", "token_endpoint_auth_method": method}
    entry = registry.compile_one(OAuth2Connection(**keys), BASE, development=True, own=None, now=NOW)
    assert isinstance(entry, registry.OAuth2)
    return OAuth2Connector(entry, fetch, patience=patience)


async def straight(
    world: World,
    *,
    deadline: float = 10,
    patience: float = 15.0,
    path: str = "/oidc/github/callback",
    posted: bool = False,
    changes: Mapping[str, str] | None = None,
    **other: Any,
) -> VerifiedAssertion:
    """Sign in with nothing above the connector."""
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=deadline)
    try:
        one = connector(world, fetch, patience, **other)
        challenge = await one.begin(handle="h", login_hint="", fresh=False, now=NOW)
        async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as there:
            answer = await there.get(challenge.url)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        params = {name: values[0] for name, values in query.items() if name != "state"}
        callback = Callback(
            connection="github", handle="h", binder="", params=params, path=path, posted=False
        )
        return await one.complete(callback, {**challenge.expects, **(changes or {})}, NOW)
    finally:
        await fetch.close()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_both_ways_to_prove_who_we_are(world: World, method: str) -> None:
    assertion = await straight(world, token_endpoint_auth_method=method)
    assert assertion.subject == Subject(issuer=f"{world.github.server}/login/oauth", value="4711")
    assert (assertion.attributes["email"], assertion.email_verified) == (("ada@acme.example",), True)
    assert assertion.authentication.instant is None
    assert assertion.tokens is None


async def test_pkce_may_be_left_out_for_a_provider_that_refuses_it(world: World) -> None:
    assert (await straight(world, pkce=False)).subject.value == "4711"


async def test_tokens_are_kept_where_the_connection_asks(world: World) -> None:
    world.misbehave(token_members={"expires_in": 28800, "refresh_token": "ghr_refresh"})
    kept = (await straight(world, keep_tokens=["access", "refresh"])).tokens
    assert kept is not None
    assert (kept.access[:4], kept.refresh, kept.id) == ("gho_", "ghr_refresh", "")
    assert kept.access_until is not None
    assert (kept.access_until - NOW).total_seconds() == 28800
    assert kept.access not in repr(kept)


async def test_kept_tokens_are_renewed_until_the_provider_refuses(world: World) -> None:
    world.misbehave(expires=True)
    kept = (await straight(world, keep_tokens=["access", "refresh"])).tokens
    assert kept is not None
    fetch = Fetch(allow=(), proxy=None, development=True)
    try:
        one = connector(world, fetch, keep_tokens=["access", "refresh"])
        assert one.renewal is not None
        assert connector(world, fetch, keep_tokens=["access"]).renewal is None
        later = NOW + timedelta(hours=8)
        new = (await one.renewal.renew(kept, person="", now=later)).kept
        assert (new.access[:4], new.refresh[:4]) == ("gho_", "ghr_")
        assert {new.access, new.refresh}.isdisjoint({kept.access, kept.refresh})
        assert (new.access_until, new.scopes) == (later + timedelta(hours=8), kept.scopes)
        with pytest.raises(AssertionRefused, match=r"^oauth2\.refresh_refused: "):
            await one.renewal.renew(kept, person="", now=later)
    finally:
        await fetch.close()


async def test_an_alias_is_asked_for_and_nothing_else_takes_the_answer(world: World) -> None:
    assert (await straight(world, callback_paths=[ALIAS], path=ALIAS)).subject.value == "4711"
    for path in ("/oidc/github/callback", "/v1/oauth/callback", ""):
        with pytest.raises(FederationError, match=r"^oauth2\.redirect_uri: "):
            await straight(world, callback_paths=[ALIAS], path=path)


@pytest.mark.parametrize(
    ("iss", "code"), [("", "oauth2.answer_iss"), ("https://other.example", "oauth2.answer_iss")]
)
async def test_require_iss_wants_one(world: World, iss: str, code: str) -> None:
    gone = FAULTS["code-missing"].knobs["answer"]["code"]
    world.misbehave(answer={"iss": iss or gone})
    with pytest.raises(FederationError) as caught:
        await straight(world, require_iss=True)
    assert caught.value.code == code


@pytest.mark.parametrize("fault", SLOW_FAULTS.values(), ids=list(SLOW_FAULTS))
async def test_a_slow_endpoint_runs_into_the_deadline(world: World, fault: Fault) -> None:
    world.misbehave(**fault.knobs)
    with pytest.raises(ProviderTimedOut) as caught:
        await straight(world, deadline=0.7)
    assert (caught.value.code, caught.value.status) == (fault.code, 504)


async def test_a_slow_list_of_groups_is_unobtainable(world: World) -> None:
    world.misbehave(endpoints={"teams": "slow"})
    assert "groups" in (await straight(world, deadline=0.7)).unobtainable
    assert "groups" in (await straight(world, patience=0.5)).unobtainable


async def test_pages_without_end_run_out_of_patience(world: World) -> None:
    world.misbehave(endpoints={"emails": "slow"})
    with pytest.raises(ProviderTimedOut, match=r"^oauth2\.api_timeout: "):
        await straight(world, patience=0.5)


async def test_nothing_comes_uninvited(world: World) -> None:
    fetch = Fetch(allow=(), proxy=None, development=True)
    one = connector(world, fetch)
    params = {"code": "x"}
    callback = Callback(connection="github", handle="", binder="", params=params, path="", posted=False)
    with pytest.raises(FederationError, match=r"^oauth2\.unsolicited: "):
        await one.complete_uninvited(callback, NOW)
    await one.refresh(NOW)
    assert world.github.asked == []


@pytest.mark.parametrize("host", ["github.example", "10.0.0.1", "127.0.0.1.evil.example", ""])
def test_the_development_github_is_for_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        GitHub(f"http://{host}:9000", client_id="c", client_secret="s", redirect_uris=[])


def test_a_fault_differs_from_a_right_answer() -> None:
    faults = (*FAULTS.values(), *SLOW_FAULTS.values(), *GROUP_FAULTS.values())
    assert all(Knobs(**fault.knobs) != Knobs() for fault in faults)
