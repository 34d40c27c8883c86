"""The door of SCIM: who may ask, what is read of them, and that every answer is one a directory reads."""

import base64
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stair
from databases import ANYBODY
from stair import NOW, Stair

from federation.provisioned import Credential
from federation.provisioning import credentials
from federation.vault import hash_token
from federation.web import scim

BASE = "/scim/v2/acme-saml"
BEARER, BASIC = "a bearer token of 30 octets ...", "okta:a password of 24 octets"
SCIM = {"scim": {"bearer": BEARER, "basic": BASIC, "paths": ["/v1/scim/v2/okta", "/directory/"]}}
OTHER = {"scim": {"bearer": "another connection's bearer"}}
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Stair]:
    further = {"other-saml": OTHER}
    async with stair.standing(tmp_path, acme_saml=SCIM, further=further) as opened:
        yield opened


def bearer(secret: str = BEARER) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def basic(pair: str = BASIC) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """The status, twice: RFC 7644 §3.12 has it in the body, too; and what went wrong."""
    told = answer.json()
    assert answer.headers["content-type"] == "application/scim+json"
    assert answer.headers["cache-control"] == "no-store"
    assert (told["schemas"], told["status"]) == ([ERROR], str(answer.status_code))
    return answer.status_code, told["detail"]


async def minted(door: Stair, kind: Any = "bearer", *, connection: str = "acme-saml", **told: Any) -> str:
    """Keep a credential; return its secret."""
    secret = credentials.mint_secret()
    given: dict[str, Any] = {"id": f"id-{kind}-{secret[-4:]}", "expires_at": NOW + timedelta(days=1)} | told
    await door.house.store.add_credential(
        Credential(
            connection=connection,
            organization="acme",
            kind=kind,
            name="",
            created_at=NOW,
            created_by="",
            **given,
        ),
        hash_token(secret),
    )
    return secret


async def test_a_secret_of_the_settings_opens(door: Stair) -> None:
    for headers in (bearer(), basic(), {"authorization": f"bEaReR  {BEARER} "}):
        answer = await door.browser().get(f"{BASE}/Users", headers=headers)
        assert (answer.status_code, answer.json()["totalResults"]) == (200, 0)
        assert answer.headers["content-type"] == "application/scim+json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.keys().isdisjoint({"access-control-allow-origin", "set-cookie"})


async def test_a_minted_token_opens_as_bearer_and_as_anybodys_password(door: Stair) -> None:
    secret = await minted(door)
    for headers in (bearer(secret), basic(f"okta:{secret}"), basic(f":{secret}")):
        assert (await door.browser().get(f"{BASE}/Users", headers=headers)).status_code == 200


WRONG: list[dict[str, str]] = [
    {},
    bearer(""),
    bearer(BEARER[:-1]),
    bearer(f"{BEARER} x"),
    bearer("another connection's bearer"),
    bearer(BASIC),
    bearer(BASIC.partition(":")[2]),
    bearer(credentials.PREFIX + "x" * 43),
    basic(BASIC[:-1]),
    basic("another" + BASIC),
    basic(f"okta:{BEARER}"),
    basic("okta"),
    basic(""),
    {"authorization": "Basic %%%"},
    {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
    {"authorization": BEARER},
    {"authorization": ""},
    {"authorization": f"Digest {BEARER}"},
    {"cookie": f"authorization=Bearer {BEARER}"},
]


async def test_anything_else_does_not(door: Stair) -> None:
    places = [("GET", "/Users"), ("POST", "/Users"), ("GET", "/nothing"), ("DELETE", "/Users/x")]
    for headers in WRONG:
        door.clock.at += timedelta(hours=1)  # nobody has tried too often
        for method, place in places:
            answer = await door.browser().request(method, BASE + place, headers=headers)
            assert refusal(answer)[0] == 401, headers
            assert answer.headers["www-authenticate"] == 'Bearer realm="SCIM", Basic realm="SCIM"'


async def test_a_credential_sent_twice_is_none(door: Stair) -> None:
    twice = [("authorization", f"Bearer {BEARER}"), ("authorization", f"Bearer {BEARER}")]
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=twice))[0] == 401


async def test_what_counts_at_another_connection_counts_for_nothing_here(door: Stair) -> None:
    secret = await minted(door, connection="other-saml")
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer(secret)))[0] == 401
    there = await door.browser().get("/scim/v2/other-saml/Users", headers=bearer(secret))
    assert there.status_code == 200
    there = await door.browser().get("/scim/v2/other-saml/Users", headers=bearer())
    assert refusal(there)[0] == 401


async def test_a_token_that_is_over_or_revoked_opens_nothing(door: Stair) -> None:
    secret, other = await minted(door, expires_at=NOW + timedelta(minutes=1)), await minted(door, id="gone")
    assert (await door.browser().get(f"{BASE}/Users", headers=bearer(secret))).status_code == 200
    door.clock.at = NOW + timedelta(minutes=1)
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer(secret)))[0] == 401
    assert (await door.browser().get(f"{BASE}/Users", headers=bearer(other))).status_code == 200
    assert await door.house.store.revoke_credential("acme-saml", "gone", door.clock())
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer(other)))[0] == 401


async def test_a_client_that_is_revoked_meanwhile_gets_a_token_of_nothing(door: Stair) -> None:
    store, now = door.house.store, door.clock()
    secret = await minted(door, "client", id="client-1")
    connection = door.house.connections["acme-saml"]
    client = await credentials.client_of(
        store, connection, client_id="client-1", client_secret=secret, now=now
    )
    assert client
    assert await store.revoke_credential("acme-saml", "client-1", now)
    access = (await credentials.mint_access(store, client, now)).secret
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer(access)))[0] == 401


async def test_a_connection_that_provisions_nobody_is_not_there(door: Stair) -> None:
    for path in ("/scim/v2/nobody/Users", "/scim/v2/acme-oidc/Users", "/scim/v2/acme-oidc"):
        assert refusal(await door.browser().get(path, headers=bearer()))[0] == 404


async def test_what_describes_the_service_is_everybodys(door: Stair) -> None:
    for place in ("/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"):
        answer = await door.browser().get(BASE + place)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/scim+json")
        wrong = await door.browser().get(BASE + place, headers=bearer("wrong"))
        assert refusal(wrong)[0] == 401  # a client that tries its credential there is told the truth
        assert refusal(await door.browser().post(BASE + place))[0] == 401


async def test_nothing_is_read_of_whoever_proves_nothing(door: Stair) -> None:
    async def endless() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await door.browser().post(f"{BASE}/Users", content=endless())
    assert refusal(answer)[0] == 401


async def test_many_wrong_ones_are_put_off_and_the_right_one_is_still_heard(door: Stair) -> None:
    allowed = door.house.rates.failures.amount
    assert allowed
    browser = door.browser()
    for _ in range(allowed):
        assert refusal(await browser.get(f"{BASE}/Users", headers=bearer("wrong")))[0] == 401
    late = await browser.get(f"{BASE}/Users", headers=bearer("wrong"))
    assert refusal(late)[0] == 429
    assert int(late.headers["retry-after"]) > 0
    elsewhere = await browser.get("/scim/v2/other-saml/Users", headers=bearer("wrong"))
    assert refusal(elsewhere)[0] == 429  # of this address
    far = {"x-forwarded-for": "203.0.113.9"} | bearer("wrong")
    assert refusal(await browser.get(f"{BASE}/Users", headers=far))[0] == 429  # at this connection
    assert (await browser.get(f"{BASE}/Users", headers=bearer())).status_code == 200


async def test_a_connection_that_is_switched_off_refuses_all(door: Stair, tmp_path: Path) -> None:
    secret = await minted(door)
    await door.house.store.switch_off("acme-saml", NOW, ANYBODY)
    for headers in (bearer(), bearer(secret)):
        assert refusal(await door.browser().get(f"{BASE}/Users", headers=headers))[0] == 403
    assert refusal(await door.browser().get(f"{BASE}/ServiceProviderConfig"))[0] == 403
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer("wrong")))[0] == 401


async def test_a_connection_that_the_settings_switch_off_refuses_all(tmp_path: Path) -> None:
    async with stair.standing(tmp_path, acme_saml=SCIM | {"enabled": False}) as door:
        assert refusal(await door.browser().get(f"{BASE}/Users", headers=bearer()))[0] == 403


async def test_no_other_method(door: Stair) -> None:
    for method in ("OPTIONS", "TRACE", "PROPFIND"):
        answer = await door.browser().request(method, f"{BASE}/Users", headers=bearer())
        assert refusal(answer)[0] == 405
        assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"


async def test_head_is_get_without_its_body(door: Stair) -> None:
    got = await door.browser().get(f"{BASE}/Users", headers=bearer())
    head = await door.browser().head(f"{BASE}/Users", headers=bearer())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_parameters_that_nobody_knows_harm_nothing(door: Stair) -> None:
    answer = await door.browser().get(f"{BASE}/Users?aadOptscim062020&x=1", headers=bearer())
    assert answer.status_code == 200


async def test_a_query_that_says_two_things_says_nothing(door: Stair) -> None:
    for query, status in {"count=1&count=2": 400, "filter=%ff": 400, "x=" + "x" * 17_000: 413}.items():
        assert refusal(await door.browser().get(f"{BASE}/Users?{query}", headers=bearer()))[0] == status


async def test_a_body_beyond_the_bound_is_not_read_to_its_end(door: Stair) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 65_536

    answer = await door.browser().post(f"{BASE}/Users", content=endless(), headers=bearer())
    assert refusal(answer)[0] == 413
    assert read <= scim.BODY_LIMIT / 65_536 + 3
    announced = bearer() | {"content-length": str(scim.BODY_LIMIT + 1)}
    assert refusal(await door.browser().post(f"{BASE}/Users", content=b"{}", headers=announced))[0] == 413


async def test_a_body_of_another_kind_is_refused(door: Stair) -> None:
    headers = bearer() | {"content-type": "text/xml"}
    answer = await door.browser().post(f"{BASE}/Users", content=b"<x/>", headers=headers)
    assert refusal(answer)[0] == 415


async def test_links_are_of_the_url_that_the_client_knows(door: Stair) -> None:
    asked = {"host": "evil.example", "content-type": "application/scim+json"} | bearer()
    for base in (BASE, "/v1/scim/v2/okta", "/directory"):
        sent = {"userName": f"ada{base}"}
        made = await door.browser().post(f"{base}/Users", json=sent, headers=asked)
        assert made.status_code == 201, made.text
        path = f"/Users/{made.json()['id']}"
        link = f"{stair.BASE}{base}{path}"
        assert (made.headers["location"], made.json()["meta"]["location"]) == (link, link)
        found = await door.browser().get(BASE + path, headers=bearer())
        assert found.json()["meta"]["location"] == f"{stair.BASE}{BASE}{path}"


async def test_a_further_base_is_a_whole_segment(door: Stair) -> None:
    for path in ("/v1/scim/v2/okta-x/Users", "/v1/scim/v2", "/directoryx/Users"):
        assert (await door.browser().get(path, headers=bearer())).status_code == 404


async def test_a_database_that_is_away_says_when_to_come_again(
    door: Stair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from federation.errors import StoreUnavailable

    async def away() -> None:
        raise StoreUnavailable("store.unavailable", "away")

    monkeypatch.setattr(door.house.store, "switched_off", away)
    answer = await door.browser().get(f"{BASE}/Users", headers=bearer())
    assert refusal(answer)[0] == 503
    assert answer.headers["retry-after"] == "5"


async def test_what_nobody_foresaw_is_json_too_and_tells_nothing(
    door: Stair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ValueError("ada@acme.example")

    monkeypatch.setattr(door.house.store, "switched_off", fail)
    answer = await door.browser().get(f"{BASE}/Users", headers=bearer() | {"accept": "text/html"})
    assert refusal(answer)[0] == 500
    lines = [one.__dict__ for one in caplog.records if one.name == "federation.scim"]
    assert [one["message"] for one in lines] == ["unexpected"]
    assert "ada@" not in answer.text + str(lines)


async def test_one_line_for_each_request_without_a_name(
    door: Stair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "federation.scim")
    secret = await minted(door, id="019a")
    query = 'filter=userName eq "ada@acme.example"'
    await door.browser().get(f"{BASE}/Users?{query}", headers=bearer(secret))
    await door.browser().get(f"{BASE}/ada@acme.example", headers=basic())
    await door.browser().get("/scim/v2/ada@acme.example/Users", headers=bearer("wrong"))
    await door.browser().get(f"{BASE}/Users", headers=bearer("wrong"))
    lines = [one.__dict__ for one in caplog.records if one.name == "federation.scim"]
    keys = ("connection", "method", "kind", "status", "code", "credential")
    assert [tuple(one[key] for key in keys) for one in lines] == [
        ("acme-saml", "GET", "Users", 200, "", "019a"),
        ("acme-saml", "GET", "", 404, "", "basic"),
        ("", "GET", "Users", 404, "scim.no_connection", ""),
        ("acme-saml", "GET", "Users", 401, "scim.credential", ""),
    ]
    for told in ("ada@", secret, BEARER, "wrong"):
        assert told not in caplog.text + str(lines)


FORM = {"grant_type": "client_credentials"}


@pytest.mark.parametrize("way", ["basic", "post"])
async def test_a_client_gets_a_token_that_opens_for_an_hour(door: Stair, way: str) -> None:
    secret = await minted(door, "client", id="019c")
    sent: dict[str, Any] = {"headers": basic(f"019c:{secret}"), "data": FORM}
    if way == "post":
        sent = {"data": FORM | {"client_id": "019c", "client_secret": secret}}
    answer = await door.browser().post(f"{BASE}/token", **sent)
    told = answer.json()
    assert (answer.status_code, told["token_type"], told["expires_in"]) == (200, "Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    asked = bearer(told["access_token"])
    assert (await door.browser().get(f"{BASE}/Users", headers=asked)).status_code == 200
    door.clock.at = NOW + timedelta(hours=1)
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=asked))[0] == 401


async def test_a_clients_own_secret_opens_nothing_and_its_tokens_end_with_it(door: Stair) -> None:
    secret = await minted(door, "client", id="019c")
    for headers in (bearer(secret), basic(f"019c:{secret}")):
        assert refusal(await door.browser().get(f"{BASE}/Users", headers=headers))[0] == 401
    given = await door.browser().post(f"{BASE}/token", data=FORM, headers=basic(f"019c:{secret}"))
    asked = bearer(given.json()["access_token"])
    assert (await door.browser().get(f"{BASE}/Users", headers=asked)).status_code == 200
    assert await door.house.store.revoke_credential("acme-saml", "019c", NOW)
    assert refusal(await door.browser().get(f"{BASE}/Users", headers=asked))[0] == 401


async def test_a_tokens_end_is_its_clients(door: Stair) -> None:
    secret = await minted(door, "client", id="019c", expires_at=NOW + timedelta(minutes=10))
    given = await door.browser().post(f"{BASE}/token", data=FORM, headers=basic(f"019c:{secret}"))
    assert given.json()["expires_in"] == 600


REFUSED_TOKENS: list[tuple[dict[str, str], str, int, str]] = [
    (FORM, "019c:wrong", 401, "invalid_client"),
    (FORM, "another:{secret}", 401, "invalid_client"),
    (FORM, "", 401, "invalid_client"),
    (FORM | {"client_id": "019c", "client_secret": "{secret}"}, "019c:{secret}", 400, "invalid_request"),
    (FORM | {"client_assertion": "e30"}, "019c:{secret}", 400, "invalid_request"),
    (
        FORM | {"client_assertion": "e30", "client_id": "019c", "client_secret": "{secret}"},
        "",
        400,
        "invalid_request",
    ),
    (FORM | {"client_assertion": "e30", "client_id": "019c"}, "", 401, "invalid_client"),
    (FORM | {"client_id": "another"}, "019c:{secret}", 400, "invalid_request"),
    ({"grant_type": "password"}, "019c:{secret}", 400, "unsupported_grant_type"),
    ({"scope": "x"}, "019c:{secret}", 400, "invalid_request"),
]


async def test_a_token_is_refused_in_oauths_words(door: Stair) -> None:
    secret = await minted(door, "client", id="019c")
    for form, who, status, error in REFUSED_TOKENS:
        headers = basic(who.format(secret=secret)) if who else {}
        data = {key: value.format(secret=secret) for key, value in form.items()}
        answer = await door.browser().post(f"{BASE}/token", data=data, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in answer.headers) is (status == 401)
        assert secret not in answer.text


async def test_a_token_is_asked_for_by_a_form_alone(door: Stair) -> None:
    secret = await minted(door, "client", id="019c")
    answer = await door.browser().post(f"{BASE}/token", json=FORM, headers=basic(f"019c:{secret}"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    token = await minted(door, id="019d")
    answer = await door.browser().post(f"{BASE}/token", data=FORM, headers=basic(f"019d:{token}"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    await door.house.store.switch_off("acme-saml", NOW, ANYBODY)
    answer = await door.browser().post(f"{BASE}/token", data=FORM, headers=basic(f"019c:{secret}"))
    assert (answer.status_code, answer.json()["error"]) == (403, "unauthorized_client")
