"""Attacks on the SAML side found by a reviewer: each with what did it, and what it gets now."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from leaving import BASE, CLOCK, IDP, SETTINGS, Scene, leaving, message
from loopback import serving
from publisher import GOOD, Publisher
from saml_peer import IDP as PEER
from saml_peer import NOW, accept, expected, peer, response, trusted

from federation.connection import SamlConnection
from federation.errors import AssertionRefused, ConfigurationError
from federation.fetch import Fetch
from federation.identity import VerifiedAssertion
from federation.saml import logout, metadata, second_opinion
from federation.signin import signin
from federation.store.store import Store
from federation.trust.published import Published
from federation.web import pages

MINUTE = timedelta(minutes=1)
SLO = f"{BASE}/saml/acme/slo"


SHARED = f"{BASE}/sp"


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    place = tmp_path / "scene"
    place.mkdir()
    async with leaving(place, f"sqlite:///{place}/federation.db") as scene:
        yield scene


def logout_url(scene: Scene) -> str:
    """Return the URL with which the identity provider signs somebody out, without RelayState."""
    slo = scene.idps[IDP].slo
    (place,) = [one.places[f"{BASE}/saml/acme/metadata"] for one in slo.sessions.values()]
    document = slo.request(place, SLO, post=False, not_on_or_after=None)
    return slo.redirect_url(SLO, name="SAMLRequest", document=document, relay_state="")


@pytest.mark.parametrize(("connection", "stays"), [("acme", False), ("acme-too", False), ("umbrella", True)])
async def test_a_logout_ends_all_that_is_one_to_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str, *, stays: bool
) -> None:
    """Under one entity ID we are one: it tells one of our URLs, and was told that all was done."""
    first = "{{protocol: saml"
    shared = SETTINGS.replace(first, f"{first}, sp_entity_id: '{SHARED}'")
    assert shared != SETTINGS
    monkeypatch.setattr("leaving.SETTINGS", shared)
    async with leaving(tmp_path, f"sqlite:///{tmp_path}/federation.db") as scene:
        idp = scene.idps[IDP]
        one = idp.service_providers[f"{BASE}/saml/acme/metadata"]
        urls = tuple(f"{BASE}/saml/{name}/acs" for name in ("acme", "acme-too", "umbrella"))
        monkeypatch.setitem(idp.service_providers, SHARED, replace(one, acs_urls=urls))
        person = scene.person()
        await person.sign_in(connection)
        place = scene.session(person).places[SHARED]
        document = idp.slo.request(place, SLO, post=False)
        url = idp.slo.redirect_url(SLO, name="SAMLRequest", document=document, relay_state="")
        assert (await scene.person().client.get(url)).status_code == 303
        assert await person.signed_in() is stays  # another organization's is not this provider's to end
        again = await scene.person().client.get(url)
        assert (again.status_code, await scene.code(again)) == (403, "signin.replayed")


ESCAPED = ["&Relay%53tate=theirs", "&%52elayState=https://evil.example/", "&RelayState%00=x&Relay%53tate=y"]


@pytest.mark.parametrize("also", ESCAPED)
async def test_a_relay_state_that_nobody_signed_is_not_sent_back(scene: Scene, also: str) -> None:
    """Its name, escaped, was read by one reader of the query, and not by the one that checks signatures."""
    person = scene.person()
    await person.sign_in("acme")
    answer = await scene.person().client.get(logout_url(scene) + also)
    assert (answer.status_code, await scene.code(answer)) == (400, "saml.relay_state")
    assert await person.signed_in()


async def test_no_answer_from_before_a_logout_opens_a_session_after_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was forgotten after six minutes; a sign-in waits for ten, and an answer of Entra's for sixty."""
    idp = scene.idps[IDP]
    hour = timedelta(hours=1)
    lasting = partial(idp.response, not_on_or_after=hour, confirmation_not_on_or_after=hour)
    monkeypatch.setattr(idp, "response", lasting)
    person = scene.person()
    held = await person.sign_in("acme", stop=lambda method, url: method == "POST" and url.endswith("/acs"))
    method, url, data = message(held)
    assert (await scene.person().client.get(logout_url(scene))).status_code == 303
    CLOCK.at += signin.PENDING_LIFE - MINUTE
    answer = await person.client.request(method, url, data=data)
    assert (answer.status_code, await scene.code(answer)) == (400, "signin.logged_out")
    assert not await person.signed_in()


def test_a_logout_is_remembered_as_long_as_a_sign_in_waits() -> None:
    assert logout.REMEMBERED >= signin.PENDING_LIFE


@pytest.mark.parametrize("acs_url", ["https://sso/saml/acme/acs", "https://sso:x/saml/acme/acs"])
def test_what_a_second_opinion_cannot_be_asked_about_is_a_no(acs_url: str) -> None:
    """It takes no host of one label; that was an error of ours, without a record, at every sign-in."""
    told = {"recipient": acs_url, "destination": acs_url}
    ours: VerifiedAssertion = accept(document := response(**told), acs_url=acs_url)
    with pytest.raises(AssertionRefused) as refused:
        second_opinion.ask(
            ours,
            document,
            judge=second_opinion.read_judge("python3-saml", trusted()),
            expected=expected(acs_url=acs_url),
            decryption_keys=(),
        )
    assert refused.value.code == "saml.second_opinion"


async def test_metadata_does_not_become_that_of_another_provider_by_itself(store: Store) -> None:
    """Who bears the name of another provider of the organization signs in as its people."""
    publisher, fetch = Publisher(), Fetch(allow=(), proxy=None, development=True)
    async with serving() as site:
        site.app = publisher
        url = f"{site.url}/metadata"
        told = {"protocol": "saml", "organization": "acme", "anyone": True, "metadata": {"url": url}}
        connection = SamlConnection.model_validate(told).model_copy(update={"id": "partner"})
        assert connection.metadata_changes == "accept"
        source = Published(connection, url, fetch, store, development=True)
        await source.get(NOW)
        publisher.publish(GOOD.replace(PEER, "https://idp.of-somebody-else.example"))
        assert (await source.fetch_now(NOW + MINUTE)).state == "held"
        assert (await source.get(NOW + MINUTE)).entity_id == PEER
        row = await store.find_metadata("partner")
        assert row is not None
        assert await store.approve_metadata("partner", NOW, digest=row.held_digest)
        assert (await source.get(NOW + 2 * MINUTE)).entity_id != PEER
    await fetch.close()


@given(st.text("aZ0_-.:[]@%;,'\"*\\<", max_size=12), st.sampled_from(["", "/sso", "?a=1", "/a;b'"]))
@example("idp_1.example", "/sso")
@example("[2001:db8::1]:8443", "/sso")
@example("a;script-src 'unsafe-inline'", "")
@example("idp.example:", "/sso")
def test_where_metadata_lets_a_form_go_a_page_can_say(host: str, rest: str) -> None:
    """Some hosts were taken, and then were an error of ours at every sign-in by POST."""
    url, key = f"https://{host}{rest}", peer().key.text
    try:
        idp = metadata.from_fields(entity_id=PEER, sso_url=url, certificates=[key], development=False)
    except ConfigurationError:
        return
    assert pages.origin(idp.sso_post_url) + rest == url
