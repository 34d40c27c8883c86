"""Signing out, from both sides and by both bindings, on both stores: what ends, and what stays."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import ENGINES, fresh_url
from leaving import BASE, CLOCK, IDP, RIVAL, Person, Scene, leaving, message

from federation.demo.saml_logout import LOGOUT_FAULTS, PARTIAL, RESPONDER
from federation.demo.saml_requests import Participation
from federation.saml import bindings, xml
from federation.saml.xml import SAMLP, SUCCESS

SECOND = timedelta(seconds=1)
SLO = f"{BASE}/saml/acme/slo"
OURS = "__Host-session"


@pytest.fixture(params=["redirect", "post"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=ENGINES)
async def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    """One house for all tests on one engine: opening one costs more than all that they do."""
    place = tmp_path_factory.mktemp("leaving")
    with fresh_url(request, place) as url:
        async with leaving(place, url) as scene:
            yield scene


@pytest.fixture
async def scene(opened: Scene) -> Scene:
    await opened.begin_test()
    return opened


def at_us(method: str, url: str) -> bool:
    """Hold back what goes to our SingleLogoutService."""
    return method in ("GET", "POST") and "/slo" in url and url.startswith(BASE)


def posted_answer(method: str, url: str) -> bool:
    return method == "POST" and url.endswith("/acs")


def place_of(scene: Scene, person: Person, connection: str = "acme", base: str = IDP) -> Participation:
    return scene.session(person, base).places[f"{BASE}/saml/{connection}/metadata"]


async def told(scene: Scene, place: Participation, way: str, connection: str = "acme", **knobs: Any) -> Any:
    """Bring a LogoutRequest of the identity provider in a browser of its own."""
    slo, goal = scene.idps[IDP].slo, f"{BASE}/saml/{connection}/slo"
    document = slo.request(place, goal, post=way == "post", **knobs)
    client = scene.person().client
    if way == "post":
        return await client.post(
            goal, data={"SAMLRequest": scene.idps[IDP].encode(document), "RelayState": "r"}
        )
    return await client.get(
        slo.redirect_url(goal, name="SAMLRequest", document=document, relay_state="r", **knobs)
    )


async def test_signing_out_here_signs_out_there(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in(f"by-{way}")
    session = scene.session(person)
    page = await person.sign_out()
    assert "Your identity provider says that it has signed you out as well." in page.text
    assert str(page.url) == f"{BASE}/logout?outcome=full"
    assert session not in scene.idps[IDP].slo.sessions.values()
    assert not await person.signed_in()
    assert person.cookie(BASE, OURS) == ""
    assert [url.partition("?")[0] for _, url in person.hops[-4:]] == [
        f"{BASE}/logout",
        f"{IDP}/slo",
        f"{BASE}/saml/by-{way}/slo",
        f"{BASE}/logout",
    ]
    assert person.hops[-3][0] == {"redirect": "GET", "post": "POST"}[way]


async def test_our_session_ends_before_anybody_is_asked(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in(f"by-{way}")
    token = person.cookie(BASE, OURS)
    page = await person.sign_out(stop=lambda _method, url: url.startswith(IDP))
    assert page.status_code == 200  # not a redirect, which form-action would judge
    assert person.cookie(BASE, OURS) == ""
    person.client.cookies.set(OURS, token, domain="sp.example", path="/")
    assert not await person.signed_in()


PARTLY, NOT_THERE = "could not reach every other service", "did not confirm that it has signed you out"
ANSWERS: list[tuple[dict[str, Any], str, str]] = [
    # what the provider answers                            outcome    what the person reads
    ({"second_status": PARTIAL},                           "partial", PARTLY),
    ({"status": RESPONDER, "second_status": PARTIAL},      "partial", PARTLY),
    ({"status": RESPONDER},                                "failed",  NOT_THERE),
    ({"key": "another"},                                   "failed",  NOT_THERE),
    ({"sign": False},                                      "failed",  NOT_THERE),
    ({"in_response_to": "_other"},                         "failed",  NOT_THERE),
    ({"issuer": "https://other.example"},                  "failed",  NOT_THERE),
]  # fmt: skip


async def test_what_the_person_is_told(scene: Scene, way: str) -> None:
    person = scene.person()
    for answers, outcome, says in ANSWERS:
        await person.sign_in(f"by-{way}")
        scene.idps[IDP].slo.answers = dict(answers)
        page = await person.sign_out()
        assert (str(page.url), says in page.text) == (f"{BASE}/logout?outcome={outcome}", True), answers
        assert not await person.signed_in()


async def test_other_services_that_were_visited_make_it_partial(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in("acme")
    await person.sign_in("umbrella", again=True)  # takes the place of the session in this browser
    page = await person.sign_out()
    assert str(page.url) == f"{BASE}/logout?outcome=partial"


async def test_an_answer_counts_once_and_for_its_browser(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in(f"by-{way}")
    method, url, data = message(await person.sign_out(stop=at_us))
    for stranger in (scene.person(), scene.person()):
        await stranger.sign_in(who="bob")
        answer = await stranger.client.request(method, url, data=data)
        assert (answer.status_code, await scene.code(answer)) == (400, "signin.browser")
        assert await stranger.signed_in()
    first = await person.client.request(method, url, data=data)
    assert first.headers["location"] == "/logout?outcome=full"
    again = await person.client.request(method, url, data=data)
    assert (again.status_code, await scene.code(again)) == (400, "signin.used")
    elsewhere = await person.client.request(method, url.replace(f"/by-{way}/", "/acme/"), data=data)
    assert await scene.code(elsewhere) == "signin.connection"


async def test_no_sign_in_is_finished_by_an_answer_to_a_logout(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in(f"by-{way}")
    _, url, data = message(await person.sign_out(stop=at_us))
    form = dict(data or {"SAMLResponse": "PHIvPg==", "RelayState": re.findall(r"RelayState=([^&]+)", url)[0]})
    answer = await person.client.post(f"/saml/by-{way}/acs", data=form)
    assert await scene.code(answer) == "signin.connection"


async def test_an_answer_without_relay_state_is_not_believed(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in(f"by-{way}")
    method, url, data = message(await person.sign_out(stop=at_us))
    bare = {name: value for name, value in (data or {}).items() if name != "RelayState"}
    url = re.sub(r"&RelayState=[^&]+", "", url)
    answer = await person.client.request(method, url, data=bare or None)
    assert answer.headers["location"] == "/logout"  # where nobody is signed in, it says so and no more


async def test_a_post_without_cookies_is_posted_again_from_here(scene: Scene) -> None:
    person = scene.person()
    await person.sign_in("by-post")
    _, url, data = message(await person.sign_out(stop=at_us))
    bare = await scene.person().client.post(url, data=data)  # as where SameSite keeps them back
    method, again, fields = message(bare)
    assert (method, again, fields["again"]) == ("POST", url, "1")
    done = await person.client.post(url, data=fields)
    assert done.headers["location"] == "/logout?outcome=full"
    lost = await scene.person().client.post(url, data=fields)
    assert await scene.code(lost) == "signin.browser"


async def test_signing_out_there_signs_out_here(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in()
    page = await person.sign_out_there(way)
    assert str(page.url) == f"{IDP}/slo" or str(page.url).startswith(f"{IDP}/slo?")
    assert f"{BASE}/saml/acme/metadata: signed out" in page.text
    assert person.cookie(BASE, OURS) == ""
    assert not await person.signed_in()


async def test_every_service_that_was_visited_is_signed_out(scene: Scene, way: str) -> None:
    person, phone = scene.person(), scene.person()
    await person.sign_in("acme")
    await phone.sign_in("acme")
    await person.sign_in("umbrella", again=True)
    page = await person.sign_out_there(way)
    assert page.text.count(": signed out") == 2
    assert not await person.signed_in()
    assert await phone.signed_in()


async def test_only_the_named_session_ends(scene: Scene, way: str) -> None:
    desk, phone, bob, too, tenant, rival = (scene.person() for _ in range(6))
    await desk.sign_in()
    await phone.sign_in()
    await bob.sign_in(who="bob")
    await too.sign_in("acme-too")
    await tenant.sign_in("umbrella")
    await rival.sign_in("rival")
    answer = await told(scene, place_of(scene, phone), way)
    assert answer.status_code in (200, 303)
    assert not await phone.signed_in()
    for other in (desk, bob, too, tenant, rival):
        assert await other.signed_in()


async def test_without_an_index_every_session_of_the_name_ends(scene: Scene, way: str) -> None:
    desk, phone, bob, too, tenant, rival = (scene.person() for _ in range(6))
    await desk.sign_in()
    await phone.sign_in()
    await bob.sign_in(who="bob")
    await too.sign_in("acme-too")
    await tenant.sign_in("umbrella")
    await rival.sign_in("rival")
    await told(scene, place_of(scene, phone), way, session_indexes=())
    assert [await one.signed_in() for one in (desk, phone)] == [False, False]
    for other in (bob, too, tenant, rival):
        assert await other.signed_in()


async def test_a_broken_request_ends_nothing(scene: Scene) -> None:
    person = scene.person()
    for name, fault in LOGOUT_FAULTS.items():
        await person.sign_in()
        page = await person.sign_out_there("redirect", fault=name)
        assert await scene.code(page) == fault.code
        assert await person.signed_in()


async def test_a_request_for_another_connection_ends_nothing(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in()
    for code, knobs in (
        ("saml.logout_destination", {"destination": f"{BASE}/saml/acme-too/slo"}),
        ("saml.logout_issuer", {"issuer": f"{RIVAL}/metadata"}),
    ):
        answer = await told(scene, place_of(scene, person), way, **knobs)
        assert await scene.code(answer) == code
        assert await person.signed_in()


async def test_another_provider_cannot_end_what_is_not_its_own(scene: Scene) -> None:
    person, mallory = scene.person(), scene.person()
    await person.sign_in()
    await mallory.sign_in("rival", who="mallory")
    # Rival signs a request that names the other provider's person and session, for its own connection.
    slo, goal = scene.idps[RIVAL].slo, f"{BASE}/saml/rival/slo"
    document = slo.request(place_of(scene, person), goal, post=True)
    answer = await mallory.client.post(goal, data={"SAMLRequest": scene.idps[RIVAL].encode(document)})
    assert answer.status_code in (200, 303)
    assert await person.signed_in()
    assert await mallory.signed_in()
    # And for ours: it is not of the key.
    document = slo.request(place_of(scene, person), SLO, post=True, issuer=f"{IDP}/metadata")
    answer = await mallory.client.post(SLO, data={"SAMLRequest": scene.idps[RIVAL].encode(document)})
    assert await scene.code(answer) == "saml.signature"
    assert await person.signed_in()


async def test_a_request_counts_once(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in()
    method, url, data = message(await person.sign_out_there(way, stop=at_us))
    stranger = scene.person()
    first = await stranger.client.request(method, url, data=data)
    assert first.status_code in (200, 303)
    CLOCK.at = CLOCK.at + SECOND
    await person.sign_in()
    again = await stranger.client.request(method, url, data=data)
    assert (again.status_code, await scene.code(again)) == (403, "signin.replayed")
    assert await person.signed_in()


async def test_of_many_at_once_one_counts(scene: Scene, way: str) -> None:
    person, phone = scene.person(), scene.person()
    await person.sign_in()
    await phone.sign_in()
    method, url, data = message(await person.sign_out_there(way, stop=at_us))
    clients = [scene.person().client for _ in range(8)]
    answers = await asyncio.gather(*(one.request(method, url, data=data) for one in clients))
    refused = [one for one in answers if one.status_code == 403]
    assert len(refused) == 7
    assert {await scene.code(one) for one in refused} == {"signin.replayed"}
    assert [await one.signed_in() for one in (person, phone)] == [False, True]


async def test_a_request_may_come_before_the_assertion(scene: Scene, way: str) -> None:
    person = scene.person()
    page = await person.sign_in(stop=posted_answer)  # the answer is on its way
    await told(scene, place_of(scene, person), way)
    method, url, data = message(page)
    late = await person.client.request(method, url, data=data)
    assert (late.status_code, await scene.code(late)) == (400, "signin.logged_out")
    assert not await person.signed_in()
    CLOCK.at = CLOCK.at + SECOND  # a sign-in after that is another one
    await person.sign_in()
    assert await person.signed_in()


async def test_a_cookie_of_another_session_is_left_alone(scene: Scene, way: str) -> None:
    person, bystander = scene.person(), scene.person()
    await person.sign_in()
    await bystander.sign_in(who="bob")
    method, url, data = message(await person.sign_out_there(way, stop=at_us))
    answer = await bystander.client.request(method, url, data=data)
    assert OURS not in "".join(answer.headers.get_list("set-cookie"))
    assert await bystander.signed_in()
    assert not await person.signed_in()


async def test_nobody_is_named_that_is_signed_in_here(scene: Scene, way: str) -> None:
    answer = await told(scene, Participation("nobody@acme.example", "", "_x"), way)
    assert answer.status_code in (200, 303)  # it is so: nobody of this name is signed in


@pytest.mark.parametrize("connection", ["by-none", "local"])
async def test_where_nobody_is_to_be_asked_ours_ends(scene: Scene, connection: str) -> None:
    person = scene.person()
    await person.sign_in(connection)
    page = await person.sign_out()
    assert str(page.url) == f"{BASE}/logout"
    assert "Your identity provider may still know you." in page.text
    assert not await person.signed_in()


async def test_a_request_without_a_way_back_is_granted(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in("by-none")
    answer = await told(scene, place_of(scene, person, "by-none"), way, "by-none")
    assert answer.headers["location"] == "/logout?outcome=full"
    assert not await person.signed_in()


def status_of(answer: Any, way: str) -> str:
    """Return the status that our answer tells the identity provider."""
    _, url, data = message(answer)
    document = (
        bindings.decode_post(data["SAMLResponse"])
        if way == "post"
        else bindings.decode_redirect(url.partition("?")[2]).message
    )
    found = xml.parse(document, octets=100_000, elements=100).find(f".//{SAMLP}StatusCode")
    return "" if found is None else str(found.get("Value"))


async def test_the_provider_is_told_whether_it_was_done(scene: Scene, way: str) -> None:
    person = scene.person()
    await person.sign_in()
    assert status_of(await told(scene, place_of(scene, person), way), way) == SUCCESS


async def test_where_the_store_is_out_the_provider_is_told(tmp_path: Path, way: str) -> None:
    async with leaving(tmp_path, f"sqlite:///{tmp_path}/federation.db") as scene:
        person = scene.person()
        await person.sign_in()
        place = place_of(scene, person)
        await scene.house.store.close()
        assert status_of(await told(scene, place, way), way) == RESPONDER


NO_MESSAGES: list[tuple[str, str, dict[str, str] | None, str]] = [
    ("GET", SLO, None, "signin.unknown"),
    ("POST", SLO, {"x": "y"}, "signin.unknown"),
    ("GET", f"{SLO}?SAMLRequest=x", None, "saml.not_base64"),
    ("POST", SLO, {"SAMLRequest": "x"}, "saml.not_base64"),
    ("POST", SLO, {"SAMLRequest": ""}, "saml.missing"),
    ("POST", f"{SLO}?SAMLRequest=x", {"SAMLRequest": ""}, "saml.missing"),  # the body alone counts
    ("GET", f"{SLO}?SAMLRequest=x&SAMLResponse=x", None, "saml.missing"),
    ("GET", f"{SLO}?SAMLRequest=x&SAMLRequest=x", None, "form.repeated"),
    ("GET", f"{SLO}?SAMLRequest=x&RelayState={'x' * 3000}", None, "saml.relay_state"),
    ("GET", f"{SLO}?SAMLResponse=x&RelayState=x", None, "signin.unknown"),
    ("POST", SLO, {"SAMLResponse": "x", "RelayState": "x"}, "signin.unknown"),
    ("GET", f"{BASE}/saml/nobody/slo?SAMLRequest=x", None, "signin.no_connection"),
    ("GET", f"{SLO}?SAMLRequest={'x' * 20_000}", None, "form.too_large"),
]


async def test_what_is_no_message(scene: Scene) -> None:
    for method, url, data, code in NO_MESSAGES:
        answer = await scene.person().client.request(method, url, data=data)
        assert answer.status_code in (400, 403, 404)
        assert await scene.code(answer) == code, url


async def test_the_page_after_takes_no_words_from_a_link(scene: Scene) -> None:
    page = await scene.person().client.get("/logout?outcome=<b>call+us</b>")
    assert "call us" not in page.text
    assert "may still know you" in page.text
