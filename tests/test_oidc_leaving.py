"""Signing out by OpenID Connect, from both sides, on both stores: what ends, and what stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from databases import ENGINES, ask, fresh_url
from oidc_leaving import ALIAS, BASE, LEAVING, OURS, Person, Scene, leaving, path_of

from federation.demo.openid_faults import GONE, RIGHT, TWICE, Knobs
from federation.demo.openid_logout import public_sid
from federation.demo.openid_tokens import subject
from federation.demo.users import USERS
from federation.oidc.logout import EVENT, FRESH

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CONFIRMED = "says that it has signed you out"
NOT_CONFIRMED = "did not confirm that it has signed you out"
NOT_ASKED = "may still know you"


@pytest.fixture(scope="module", params=ENGINES)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One house for all tests on one engine: opening one costs more than all that they do."""
    place = tmp_path_factory.mktemp("oidc-leaving")
    with fresh_url(request, place) as url:
        async with leaving(place, url) as scene:
            yield scene


@pytest.fixture
async def scene(opened: Scene) -> Scene:
    await opened.begin_test()
    return opened


def coming_back(url: str) -> bool:
    """Hold back what comes back from the provider."""
    return path_of(url) in (f"{BASE}/logout", BASE + ALIAS)


async def signed_in(*people: Person) -> list[bool]:
    return [await one.signed_in() for one in people]


@dataclass
class Notes:
    """What was recorded though nobody was shown it."""

    scene: Scene
    log: pytest.LogCaptureFixture

    async def codes(self) -> list[str]:
        found = []
        for line in self.log.records:
            if line.getMessage() == "logout refused":
                record = await self.scene.house.store.find_record(vars(line)["ref"])
                assert record is not None
                found.append(record.code)
        return found


@pytest.fixture
def noted(scene: Scene, caplog: pytest.LogCaptureFixture) -> Notes:
    return Notes(scene, caplog)


# --- from here


@pytest.mark.parametrize(("connection", "back"), [("acme", "/logout"), ("aliased", ALIAS)])
async def test_signing_out_here_signs_out_there(
    scene: Scene, noted: Notes, connection: str, back: str
) -> None:
    person = scene.person()
    await person.sign_in(connection)
    sid = person.cookie("demo_openid_provider")
    page = await person.sign_out()
    assert (str(page.url), CONFIRMED in page.text) == (f"{BASE}/logout?outcome=full", True)
    assert sid not in scene.provider._sessions
    assert not await person.signed_in()
    assert (person.cookie(OURS), person.cookie(LEAVING)) == ("", "")
    assert [path_of(url) for _, url in person.hops[-4:]] == [
        f"{BASE}/logout",
        f"{scene.provider.issuer}/logout",
        BASE + back,
        f"{BASE}/logout",
    ]
    assert "state=" in person.hops[-2][1]
    assert "state=" not in person.hops[-1][1]
    asked = dict(parse_qsl(urlsplit(person.hops[-3][1]).query))
    assert asked.keys() == {"id_token_hint", "client_id", "post_logout_redirect_uri", "state"}
    assert asked["post_logout_redirect_uri"] == BASE + back
    assert await noted.codes() == []


async def test_our_session_ends_before_anybody_is_asked(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    token = person.cookie(OURS)
    page = await person.sign_out(stop=lambda url: url.startswith(scene.provider.issuer))
    assert page.status_code == 200  # not a redirect, which form-action would judge
    assert page.headers["referrer-policy"] == "no-referrer"  # its URL is the provider's alone
    assert page.headers["cache-control"] == "no-store"
    assert person.cookie(OURS) == ""
    person.client.cookies.set(OURS, token, domain="localhost.local", path="/")
    assert not await person.signed_in()


RETURNS: list[tuple[str, dict[str, Any]]] = [
    # recorded          what comes back
    ("signin.unknown", {"state": "another"}),  # conformance: rp-init-logout-other-state
    ("signin.unknown", {"state": GONE}),  # conformance: rp-init-logout-no-state
    ("signin.unknown", {"state": ""}),
    ("signin.unknown", {"state": TWICE}),
    ("signin.unknown", {"state": "x" * 4000}),
]


@pytest.mark.parametrize(("code", "ended"), RETURNS)
async def test_a_return_that_proves_nothing_is_noticed(
    scene: Scene, noted: Notes, code: str, ended: dict[str, Any]
) -> None:
    person = scene.person()
    await person.sign_in()
    scene.provider.knobs = Knobs(ended=ended)
    page = await person.sign_out()
    assert (str(page.url), NOT_CONFIRMED in page.text) == (f"{BASE}/logout?outcome=failed", True)
    assert (await noted.codes())[-1] == code
    assert not await person.signed_in()
    assert NOT_ASKED in (await person.go("GET", "/logout")).text  # noticed once
    assert len(await noted.codes()) == 1


async def test_an_answer_counts_once_and_for_its_browser(scene: Scene, noted: Notes) -> None:
    person, stranger = scene.person(), scene.person()
    await person.sign_in()
    page = await person.sign_out(stop=coming_back)
    url = page.headers["location"]
    await stranger.sign_in(who="bob")
    answer = await stranger.client.get(url)
    assert answer.headers["location"] == "/logout?outcome=failed"
    assert (await noted.codes())[-1] == "signin.unknown"  # that browser waits for none
    assert await stranger.signed_in()
    await _return(stranger, url)
    assert (await noted.codes())[-1] == "signin.browser"
    await _return(person, url, "another")
    assert (await noted.codes())[-1] == "signin.connection"
    first = await _return(person, url)
    assert first.headers["location"] == "/logout?outcome=full"
    again = await _return(person, url)
    assert again.headers["location"] == "/logout?outcome=failed"
    assert (await noted.codes())[-1] == "signin.used"


@pytest.mark.parametrize(
    "link", ["/logout?state=x", "/logout", "/logout?state=x&state=y", "/logout?outcome=full"]
)
async def test_no_link_takes_a_confirmation_away(scene: Scene, noted: Notes, link: str) -> None:
    person = scene.person()
    await person.sign_in()
    page = await person.sign_out(stop=coming_back)
    for _ in range(2):
        await person.go("GET", link)
    assert set(await noted.codes()) <= {"signin.unknown"}
    page = await person.go("GET", page.headers["location"])
    assert (str(page.url), CONFIRMED in page.text) == (f"{BASE}/logout?outcome=full", True)
    assert person.cookie(LEAVING) == ""
    assert NOT_ASKED in (await person.go("GET", "/logout")).text


async def test_a_link_makes_no_browser_wait(scene: Scene) -> None:
    person = scene.person()
    await person.go("GET", "/logout?state=x")
    assert person.cookie(LEAVING) == ""


async def _return(person: Person, url: str, connection: str = "acme") -> httpx2.Response:
    """Come back in a browser that waits for it."""
    for cookie in [one for one in person.client.cookies.jar if one.name == LEAVING]:
        person.client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
    person.client.cookies.set(LEAVING, connection, domain="localhost.local", path="/")
    return await person.client.get(url)


async def test_no_sign_in_is_finished_by_an_answer_to_a_logout(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    page = await person.sign_out(stop=coming_back)
    state = dict(parse_qsl(urlsplit(page.headers["location"]).query))["state"]
    query = urlencode({"state": state, "code": "x", "iss": scene.provider.issuer})
    answer = await person.client.get(f"/oidc/acme/callback?{query}")
    assert await scene.code(answer) == "signin.connection"


async def test_a_link_signs_nobody_out(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    page = await person.go("GET", "/logout?state=of-somebody")
    assert "Stay signed in" in page.text
    assert await person.signed_in()


@pytest.mark.parametrize("mark", ["nobody", "acme;x", "<b>", "x" * 70])
async def test_a_mark_that_is_none_of_ours(scene: Scene, mark: str) -> None:
    answer = await scene.person().client.get(
        f"{BASE}/logout?state=x", headers={"cookie": f"{LEAVING}={mark}"}
    )
    assert answer.headers["location"] == "/logout?outcome=failed"


async def test_where_nobody_is_to_be_asked_ours_ends(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in("local")
    page = await person.sign_out()
    assert (str(page.url), NOT_ASKED in page.text) == (f"{BASE}/logout", True)
    assert not await person.signed_in()
    assert person.cookie("demo_openid_provider") in scene.provider._sessions


async def test_words_of_anothers_session_open_nowhere(scene: Scene, noted: Notes) -> None:
    victim, thief = scene.person(), scene.person()
    await victim.sign_in(who="ada")
    await thief.sign_in(who="zoe")
    of = "(SELECT id FROM session WHERE data LIKE '%{}@%' ORDER BY created_at DESC LIMIT 1)"
    taken = f"SELECT sealed FROM provider_session WHERE session_id = {of.format('ada')}"  # noqa: S608  ours
    moved = f"UPDATE provider_session SET sealed = ({taken}) WHERE session_id = {of.format('zoe')}"  # noqa: S608
    await ask(scene.database, moved)
    page = await thief.sign_out(stop=lambda _: True)
    assert "id_token_hint" not in page.text
    assert await noted.codes() == ["keys.envelope"]
    assert await signed_in(victim, thief) == [True, False]


async def test_a_vendors_own_way_says_nothing_about_how_it_went(scene: Scene, noted: Notes) -> None:
    person = scene.person()
    await person.sign_in("vendor")
    page = await person.sign_out()
    assert page.status_code == 200
    asked = dict(parse_qsl(urlsplit(person.hops[-1][1]).query))
    assert asked == {"client_id": "vendor", "logout_uri": f"{BASE}/logout"}
    assert person.cookie(LEAVING) == ""
    assert NOT_ASKED in (await person.go("GET", "/logout")).text
    assert await noted.codes() == []


async def test_a_session_at_another_provider_sends_no_hint_to_this_one(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    connector: Any = scene.house.signin.connectors["acme"]
    kept, connector._provider._value = (
        connector._provider._value,
        replace(connector._provider._value, issuer="https://other.example"),
    )
    try:
        page = await person.sign_out()
    finally:
        connector._provider._value = kept
    assert str(page.url) == f"{BASE}/logout"
    assert not await person.signed_in()


# --- from there, server to server


async def test_signing_out_there_signs_out_here(scene: Scene) -> None:
    desk, phone, bob = scene.person(), scene.person(), scene.person()
    await desk.sign_in()
    await phone.sign_in()
    await bob.sign_in(who="bob")
    await desk.go("GET", f"{scene.provider.issuer}/logout")
    assert scene.provider.logout.told == [("us", 200)]
    assert await signed_in(desk, phone, bob) == [False, True, True]


WHOSE: list[tuple[dict[str, Any], list[bool]]] = [
    # left out of the token      desk   phone  bob
    ({},                        [False, True,  True]),
    ({"sub": GONE},             [False, True,  True]),
    ({"sid": GONE},             [False, False, True]),
    ({"sid": "another"},        [True,  True,  True]),
    ({"sub": GONE, "sid": "x"}, [True,  True,  True]),
    ({"sub": "nobody"},         [True,  True,  True]),
]  # fmt: skip


@pytest.mark.parametrize(("differs", "live"), WHOSE)
async def test_a_logout_token_ends_what_it_names(
    scene: Scene, differs: dict[str, Any], live: list[bool]
) -> None:
    people = desk, phone, bob = scene.person(), scene.person(), scene.person()
    await desk.sign_in()
    await phone.sign_in()
    await bob.sign_in(who="bob")
    scene.provider.knobs = Knobs(logout=differs)
    answer = await scene.tell(scene.logout_token(desk))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert await signed_in(*people) == live


async def test_where_no_sid_was_told_the_person_is_meant(scene: Scene) -> None:
    person = scene.person()
    scene.provider.knobs = Knobs(claims={"sid": GONE})
    await person.sign_in()
    await scene.tell(scene.logout_token(person))
    assert not await person.signed_in()


async def test_connections_of_one_client_are_one_to_the_provider(scene: Scene) -> None:
    names = ("acme", "acme-too", "umbrella", "another")
    people = [scene.person() for _ in names]
    for person, name in zip(people, names, strict=True):
        await person.sign_in(name)
    scene.provider.knobs = Knobs(logout={"sid": GONE})
    assert (await scene.tell(scene.logout_token(people[0]))).status_code == 200
    # Of the other organization, and of the other client, nothing.
    assert await signed_in(*people) == [False, False, True, True]


async def test_a_message_counts_once(scene: Scene, noted: Notes) -> None:
    person, token = scene.person(), ""
    await person.sign_in()
    token = scene.logout_token(person)
    answers = await asyncio.gather(*(scene.tell(token) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400, 400]
    assert await noted.codes() == ["signin.replayed"] * 4
    scene.clock.at += SECOND
    person = scene.person()
    await person.sign_in()
    assert (await scene.tell(token)).status_code == 400
    assert await person.signed_in()


REFUSED: list[tuple[str, Knobs]] = [
    ("oidc.alg", Knobs(logout_header={"alg": "none"}, logout_sign="none")),
    ("oidc.alg", Knobs(logout_header={"alg": "HS256"}, logout_sign="public_key")),
    ("oidc.alg", Knobs(logout_header={"alg": "ES256"})),
    ("oidc.signature", Knobs(logout_sign="other_key")),
    ("oidc.typ", Knobs(logout_header={"typ": "at+jwt"})),
    ("oidc.logout_event", Knobs(logout={"events": GONE})),
    ("oidc.logout_event", Knobs(logout={"events": {f"{EVENT}2": {}}})),
    ("oidc.logout_nonce", Knobs(logout={"nonce": "n"})),
    ("oidc.logout_audience", Knobs(logout={"aud": "somebody-else"})),
    ("oidc.logout_issuer", Knobs(logout={"iss": "https://other.example"})),
    ("oidc.logout_subject", Knobs(logout={"sub": GONE, "sid": GONE})),
]


@pytest.mark.parametrize(("code", "knobs"), REFUSED)
async def test_what_breaks_a_rule_ends_nothing(scene: Scene, noted: Notes, code: str, knobs: Knobs) -> None:
    person = scene.person()
    await person.sign_in()
    scene.provider.knobs = knobs
    answer = await scene.tell(scene.logout_token(person))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert answer.headers["cache-control"] == "no-store"
    assert await noted.codes() == [code]
    assert await person.signed_in()


async def test_a_token_for_another_connection_ends_nothing(scene: Scene, noted: Notes) -> None:
    person = scene.person()
    await person.sign_in()
    for client_id, connection in (("us", "another"), ("another", "acme")):
        answer = await scene.tell(scene.logout_token(person, client_id=client_id), connection)
        assert answer.status_code == 400
    assert set(await noted.codes()) == {"oidc.logout_audience"}
    assert await person.signed_in()


NO_MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"data": {}}, "form.malformed"),
    ({"data": {"x": "y"}}, "form.missing"),
    ({"data": {"logout_token": ""}}, "form.missing"),
    ({"data": {"logout_token": "x"}}, "oidc.id_token_malformed"),
    ({"data": {"logout_token": ["x", "y"]}}, "form.repeated"),
    ({"json": {"logout_token": "x"}}, "form.malformed"),
    ({"content": b"logout_token=x", "headers": {"content-type": "text/plain"}}, "form.malformed"),
    ({"data": {"logout_token": "x" * 600_000}}, "form.too_large"),
]


@pytest.mark.parametrize(("sent", "code"), NO_MESSAGES)
async def test_what_is_no_message(scene: Scene, noted: Notes, sent: dict[str, Any], code: str) -> None:
    async with scene.program() as client:
        answer = await client.post("/oidc/acme/backchannel-logout?logout_token=x", **sent)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert await noted.codes() == [code]


async def test_it_is_there_for_openid_connect_alone_and_by_post_alone(scene: Scene) -> None:
    async with scene.program() as client:
        assert (await client.post("/oidc/nobody/backchannel-logout")).status_code == 404
        assert (await client.get("/oidc/acme/backchannel-logout")).status_code == 405
        assert (await client.get("/oidc/nobody/frontchannel-logout")).status_code == 404
        assert (await client.post("/oidc/acme/frontchannel-logout")).status_code == 405


async def test_a_cookie_is_no_reason(scene: Scene) -> None:
    person, bystander = scene.person(), scene.person()
    await person.sign_in()
    await bystander.sign_in(who="bob")
    token = scene.logout_token(person)
    answer = await bystander.client.post("/oidc/acme/backchannel-logout", data={"logout_token": token})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert await signed_in(person, bystander) == [False, True]


async def test_keys_that_were_rotated_without_notice_are_fetched_again(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    scene.provider.signer.replace()
    scene.provider.asked.clear()
    assert (await scene.tell(scene.logout_token(person))).status_code == 200
    assert not await person.signed_in()
    scene.clock.at += MINUTE
    person = scene.person()
    await person.sign_in()
    scene.provider.signer.replace(same_name=True)
    assert (await scene.tell(scene.logout_token(person))).status_code == 200
    assert not await person.signed_in()
    scene.provider.asked.clear()
    scene.clock.at += MINUTE
    scene.provider.knobs = Knobs(logout_header={"kid": "nobody"})
    for _ in range(3):
        assert (await scene.tell(scene.logout_token(scene.people[0]))).status_code == 400
    assert scene.provider.asked.count("/jwks") == 1


@pytest.mark.parametrize("differs", [{}, {"sub": GONE}, {"sid": GONE}])
async def test_a_token_may_come_before_the_answer(scene: Scene, differs: dict[str, Any]) -> None:
    person = scene.person()
    answered = f"{BASE}/oidc/acme/callback"
    page = await _held(person, answered)
    scene.provider.knobs = Knobs(logout=differs)
    await scene.tell(scene.logout_token(person))
    late = await person.client.get(page)
    assert (late.status_code, await scene.code(late)) == (400, "signin.logged_out")
    assert not await person.signed_in()
    scene.clock.at += SECOND  # a sign-in after that is another one
    scene.provider._sessions.clear()
    await person.sign_in()
    assert await person.signed_in()


@pytest.mark.parametrize("told", ["says when", "does not"])
async def test_who_was_signed_out_may_sign_in_again(scene: Scene, told: str) -> None:
    claims = {"sid": GONE} | ({} if told == "says when" else {"auth_time": GONE})
    scene.provider.knobs = Knobs(claims=claims, logout={"sid": GONE})
    person = scene.person()
    await person.sign_in()
    early = await _held(scene.person(), f"{BASE}/oidc/acme/callback")
    await scene.tell(scene.logout_token(person))
    assert not await person.signed_in()
    late = await scene.people[-1].client.get(early)
    assert await scene.code(late) == "signin.logged_out"
    scene.clock.at += SECOND
    again = scene.person()
    await again.sign_in()
    assert await again.signed_in()


async def _held(person: Person, callback: str) -> str:
    """Sign in up to the provider's answer; return its URL."""
    held: list[str] = []

    def hold(url: str) -> bool:
        if path_of(url) == callback:
            held.append(url)
        return bool(held)

    go = person.go

    async def going(*told: Any, **others: Any) -> httpx2.Response:
        return await go(*told, **(others | {"stop": hold}))

    person.go = going  # type: ignore[method-assign]
    await person.sign_in()
    person.go = go  # type: ignore[method-assign]
    return held[0]


async def test_an_old_token_is_refused_whether_it_is_remembered_or_not(scene: Scene, noted: Notes) -> None:
    person = scene.person()
    await person.sign_in()
    scene.provider.knobs = Knobs(logout={"exp": 4_000_000_000})
    token = scene.logout_token(person)
    scene.clock.at += FRESH + timedelta(minutes=1)
    await scene.house.store.purge(scene.clock())
    assert (await scene.tell(token)).status_code == 400
    assert await noted.codes() == ["oidc.logout_issued_at"]
    assert await person.signed_in()


async def test_where_the_store_is_out_the_provider_is_told(tmp_path: Path) -> None:
    async with leaving(tmp_path, f"sqlite:///{tmp_path}/federation.db") as scene:
        person = scene.person()
        await person.sign_in()
        token = scene.logout_token(person)
        await scene.house.store.close()
        answer = await scene.tell(token)
        assert (answer.status_code, answer.json()) == (400, {"error": "temporarily_unavailable"})


async def test_rubbish_takes_no_new_key_from_a_sign_in(scene: Scene, noted: Notes) -> None:
    person = scene.person()
    await person.sign_in()
    scene.provider.asked.clear()
    scene.provider.knobs = Knobs(logout_header={"kid": "of-nobody"})
    token = scene.logout_token(person)
    scene.provider.knobs = RIGHT
    for _ in range(3):
        assert (await scene.tell(token)).status_code == 400
    assert set(await noted.codes()) == {"oidc.key_unknown"}
    assert scene.provider.asked.count("/jwks") == 1
    scene.provider.signer.replace()
    other = scene.person()
    await other.sign_in(who="bob")
    assert await other.signed_in()
    assert scene.provider.asked.count("/jwks") == 2


async def test_rubbish_is_slowed_down_and_a_provider_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with leaving(tmp_path, f"sqlite:///{tmp_path}/federation.db", rate="3/minute") as scene:
        person, late = scene.person(), scene.person()
        await person.sign_in()
        await late.sign_in()
        for _ in range(5):
            assert (await scene.tell(scene.logout_token(person))).status_code == 200
        with caplog.at_level("WARNING"):
            statuses = [(await scene.tell("x")).status_code for _ in range(5)]
        assert statuses == [400, 400, 400, 429, 429]
        assert [line.getMessage() for line in caplog.records].count("logout refused") == 3  # each a record
        # Another customer of the provider sends from its addresses, and people may from its network.
        assert await late.signed_in()
        assert (await scene.tell(scene.logout_token(late))).status_code == 200
        assert not await late.signed_in()
        assert (await scene.tell("x")).status_code == 429
        stranger = scene.person()
        returns = [(await stranger.client.get("/logout?state=x")).status_code for _ in range(5)]
        assert returns == [303, 303, 303, 429, 429]
        assert (await stranger.client.get("/logout")).status_code == 200
        url = f"/oidc/acme/frontchannel-logout?{urlencode({'iss': scene.provider.issuer, 'sid': 'x'})}"
        async with scene.program() as client:
            assert [(await client.get(url)).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


# --- from there, by a frame


def frame(scene: Scene, connection: str = "acme", **told: str) -> str:
    right = {"iss": scene.provider.issuer, "sid": "unknown"}
    query = urlencode({name: value for name, value in (right | told).items() if value})
    return f"/oidc/{connection}/frontchannel-logout?{query}"


async def test_a_frame_ends_its_session_without_a_cookie(scene: Scene) -> None:
    desk, phone = scene.person(), scene.person()
    await desk.sign_in()
    await phone.sign_in()
    async with scene.program() as client:
        unknown = await client.get(frame(scene))
        assert await signed_in(desk, phone) == [True, True]
        known = await client.get(frame(scene, sid=public_sid(desk.there())))
    assert await signed_in(desk, phone) == [False, True]
    for answer in (known, unknown):
        assert (answer.status_code, answer.content) == (200, unknown.content)  # nothing tells them apart
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors *" in policy
        assert "default-src 'none'" in policy
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "x-frame-options" not in answer.headers
        assert "set-cookie" not in answer.headers
    assert known.headers == unknown.headers


async def test_frames_of_the_providers_page(scene: Scene) -> None:
    known = scene.provider.clients.known
    assert isinstance(known, dict)
    before = known["us"]
    url = f"{BASE}/oidc/acme/frontchannel-logout"
    known["us"] = replace(before, backchannel_logout_uri="", frontchannel_logout_uri=url)
    try:
        person, other = scene.person(), scene.person()
        await person.sign_in("acme-too")
        await other.sign_in()
        await person.go("GET", f"{scene.provider.issuer}/logout")
    finally:
        known["us"] = before
    assert await signed_in(person, other) == [False, True]


FRAMES = [
    ("oidc.frontchannel_missing", {"iss": ""}),
    ("oidc.frontchannel_missing", {"sid": ""}),
    ("oidc.frontchannel_issuer", {"iss": "https://other.example"}),
]


@pytest.mark.parametrize(("code", "told"), FRAMES)
async def test_a_frame_that_names_no_session_of_the_provider(
    scene: Scene, code: str, told: dict[str, str]
) -> None:
    person = scene.person()
    await person.sign_in()
    url = frame(scene, **({"sid": public_sid(person.there())} | told))
    answer = await person.client.get(url)
    assert (answer.status_code, await scene.code(answer)) == (400, code)
    assert await person.signed_in()


async def test_a_frame_of_another_connection_ends_nothing(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in()
    sid = public_sid(person.there())
    for connection in ("another", "umbrella"):
        async with scene.program() as client:
            assert (await client.get(frame(scene, connection, sid=sid))).status_code == 200
    assert await person.signed_in()


async def test_nothing_of_a_logout_is_in_the_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="federation")
    person = scene.person()
    await person.sign_in()
    token, sid = scene.logout_token(person), public_sid(person.there())
    await scene.tell(token)
    await scene.tell(token)
    async with scene.program() as client:
        await client.get(frame(scene, sid=sid))
    scene.clock.at += SECOND
    scene.provider._sessions.clear()
    await person.sign_in()
    await person.sign_out()
    told = [str(vars(record)) for record in caplog.records if record.name.startswith("federation")]
    assert told
    for secret in (token, sid, subject(USERS["ada"]), "id_token_hint"):
        assert not any(secret in line for line in told)
