"""Attacks on a sign-in by OpenID Connect, each up the whole stair: what it gets, and that nobody got in.

By a provider, by a browser user, by whoever reads along, and by another tenant's administrator.
"""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from certified import _FROM_ELSEWHERE, BASE, CONNECTIONS, SECRET, Person, Stage, _form, staged
from joserfc import jwt
from joserfc.jwk import KeySet
from loopback import NO_TLS, serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from federation.demo.openid_faults import GONE, RIGHT, Knobs
from federation.demo.openid_tokens import _encode, subject
from federation.demo.users import USERS

OURS = (
    "basic", "form-post", "implicit", "hybrid", "no-pkce", "es256", "eddsa", "hs256", "userinfo-signed",
    "keyed-endpoint",
)  # fmt: skip
STAGED = {
    **{name: CONNECTIONS[name] for name in OURS},
    "verified": ({"email_trust": "verified", "fetch_userinfo": "always"}, {}),
    "mapped": (
        {"email_trust": "verified", "fetch_userinfo": "always", "attributes": {"email": ["email"]}},
        {},
    ),
    "nested": ({"attributes": {"groups": ["realm_access.roles"]}}, {}),
    "quoted": ({"attributes": {"groups": ['"https://acme.example/roles"']}}, {}),
}
ADMINS = ["platform-admins"]


@pytest.fixture(scope="module")
async def everything(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("attacks"), STAGED) as stage:
        yield stage


@pytest.fixture
def stage(everything: Stage) -> Stage:
    everything.clock.at += timedelta(minutes=1)
    everything.provider.knobs = RIGHT
    everything.provider.asked.clear()
    for name in STAGED:
        everything.forget(name)
    return everything


async def refused(stage: Stage, page: httpx2.Response, code: str, before: int, status: int = 403) -> None:
    """Hold a refusal: by this rule, told to nobody, and no session of anybody's came of it."""
    await stage.is_refused(page, code, status)
    assert stage.sessions() == before


def raw_token(stage: Stage, payload: bytes, **header: Any) -> str:
    """Return an ID Token whose payload is exactly these octets, well signed."""
    signer = stage.provider.signer
    told = {"alg": signer.alg, "kid": signer.current.kid, "typ": "JWT", **header}
    signing_input = f"{_encode(json.dumps(told).encode())}.{_encode(payload)}"
    return f"{signing_input}.{_encode(signer._signature(signing_input.encode(), 'right'))}"


def claims_for(stage: Stage, person: Person, client_id: str, **other: Any) -> dict[str, Any]:
    """Return what the provider would say of Ada in answer to this request."""
    now = int(stage.clock().timestamp())
    return {
        "iss": stage.provider.issuer,
        "sub": subject(USERS["ada"]),
        "aud": client_id,
        "iat": now,
        "exp": now + 300,
        "nonce": person.asked["nonce"],
        "email": "ada@acme.example",
        **other,
    }


async def with_token(stage: Stage, payload: Any, **header: Any) -> httpx2.Response:
    """Sign in, the ID Token's octets made by the test from the request."""
    person = stage.person()
    begun = await person.begin("basic")
    said = claims_for(stage, person, "basic")
    token = raw_token(stage, payload(json.dumps(said).encode()), **header)
    stage.provider.knobs = Knobs(token_members={"id_token": token})
    return await person.finish(begun, "ada")


# ── whose token it is ─────────────────────────────────────────────────────────────────────

NOT_FOR_US: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "another client's, azp ours": ("oidc.audience", {"aud": "other", "azp": "basic"}),
    "nobody's, azp ours": ("oidc.audience", {"aud": [], "azp": "basic"}),
    "our name within another": ("oidc.audience", {"aud": "basic-2"}),
    "our name among words": ("oidc.audience", {"aud": "basic other"}),
    "our name in a list in a list": ("oidc.audience", {"aud": [["basic"]]}),
    "our name as a member": ("oidc.audience", {"aud": {"basic": True}}),
    "our name in other letters": ("oidc.audience", {"aud": "Basic"}),
    "ours beside a number": ("oidc.audience", {"aud": ["basic", 7]}),
    "ours and another's, issued to it": ("oidc.azp", {"aud": ["basic", "other"], "azp": "other"}),
    "ours, issued to nobody": ("oidc.azp", {"azp": None}),
    "ours, issued to a list of us": ("oidc.azp", {"azp": ["basic"]}),
    "an issuer with a slash": ("oidc.issuer", {"iss": "ISSUER/"}),
    "an issuer in a list": ("oidc.issuer", {"iss": ["ISSUER"]}),
    "an issuer with a user": ("oidc.issuer", {"iss": "http://127.0.0.1@evil.example"}),
    "sub is a number": ("oidc.subject", {"sub": 4711}),
    "sub is half a number": ("oidc.subject", {"sub": 1.5}),
    "sub is true": ("oidc.subject", {"sub": True}),
    "sub is blank": ("oidc.subject", {"sub": " \t"}),
    "sub is long": ("oidc.subject", {"sub": "a" * 256}),
    "exp is text": ("oidc.expired", {"exp": "9999999999"}),
    "exp is true": ("oidc.expired", {"exp": True}),
    "exp is beyond every calendar": ("oidc.expired", {"exp": 10**400}),
    "exp is a large float": ("oidc.expired", {"exp": 1e300}),
    "iat is negative": ("oidc.issued_at", {"iat": -1}),
    "nbf is null": ("oidc.not_before", {"nbf": None}),
    "nonce is a list of it": ("oidc.nonce", {"nonce": ["NONCE"]}),
    "nonce is empty": ("oidc.nonce", {"nonce": ""}),
}


@pytest.mark.parametrize("name", NOT_FOR_US)
async def test_a_token_that_is_not_for_us_or_says_nothing_clear(stage: Stage, name: str) -> None:
    code, wrong = NOT_FOR_US[name]
    person = stage.person()
    begun, before = await person.begin("basic"), stage.sessions()
    told = json.dumps(claims_for(stage, person, "basic", **wrong))
    told = told.replace("ISSUER", stage.provider.issuer).replace("NONCE", person.asked["nonce"])
    stage.provider.knobs = Knobs(token_members={"id_token": raw_token(stage, told.encode())})
    await refused(stage, await person.finish(begun, "ada"), code, before)


MALFORMED: Mapping[str, tuple[bytes, bytes]] = {  # in the claims, in place of the first brace
    "sub twice": (b"{", b'{"sub":"mallory",'),
    "sub twice, once in escapes": (b"{", b'{"\\u0073ub":"mallory",'),
    "a name twice within": (b"{", b'{"address":{"a":1,"a":2},'),
    "an octet after it": (b"{", b"x{"),
    "two objects": (b"{", b"{}{"),
    "a BOM": (b"{", b"\xef\xbb\xbf{"),
    "half a pair": (b"{", b'{"name":"\\ud800",'),
    "NUL": (b"{", b'{"name":"a\\u0000b",'),
    "not UTF-8": (b"{", b'{"name":"\xff",'),
    "NaN": (b"{", b'{"x":NaN,'),
    "beyond a double": (b"{", b'{"x":1e999,'),
    "a number of five thousand digits": (b"{", b'{"x":' + b"9" * 5000 + b","),
    "deep": (b"{", b'{"x":' + b"[" * 30 + b"]" * 30 + b","),
    "very deep": (b"{", b'{"x":' + b"[" * 60_000 + b"]" * 60_000 + b","),
    "wide": (b"{", b'{"x":[' + b"1," * 60_000 + b"1],"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_claims_that_two_readers_could_read_otherwise(stage: Stage, name: str) -> None:
    before, (where, what) = stage.sessions(), MALFORMED[name]
    page = await with_token(stage, lambda right: right.replace(where, what, 1))
    await refused(stage, page, "oidc.claims_malformed", before)


# ── whose signature it is ─────────────────────────────────────────────────────────────────


async def test_a_header_that_brings_its_own_key_is_not_asked_for_it(stage: Stage) -> None:
    """jwk, jku, x5u and x5c name an attacker's key, which signed."""
    stranger = stage.provider.signer._make()
    asked: list[str] = []

    async def keys(request: Request) -> JSONResponse:
        asked.append(request.url.path)
        return JSONResponse({"keys": [stranger.as_dict(private=False)]})

    async with serving() as site:
        site.app = Starlette(routes=[Route("/{any:path}", keys)])
        public = stranger.as_dict(private=False)
        brought = {"jwk": public, "jku": f"{site.url}/keys", "x5u": f"{site.url}/pem", "x5c": ["AA=="]}
        for kid, code in (
            (stranger.kid, "oidc.key_unknown"),
            (stage.provider.signer.current.kid, "oidc.signature"),
        ):
            before = stage.sessions()
            knobs = Knobs(header={**brought, "kid": kid}, sign="other_key")
            stage.provider.signer._stranger = stranger
            await refused(stage, await stage.sign_in("basic", knobs=knobs), code, before)
    assert asked == []


ALGORITHMS = [
    # connection, how it is signed, the header's alg, code
    ("basic", "none", "none", "oidc.alg"),
    ("basic", "none", "nOnE", "oidc.alg"),
    ("basic", "none", "RS256", "oidc.signature"),
    ("basic", "public_key", "HS256", "oidc.alg"),
    ("basic", "public_key", "hs256", "oidc.alg"),
    ("basic", "right", "RS256 ", "oidc.alg"),
    ("basic", "right", "rs256", "oidc.alg"),
    ("basic", "right", "PS256", "oidc.alg"),
    ("basic", "right", ["RS256"], "oidc.alg"),
    ("basic", "right", None, "oidc.alg"),
    ("eddsa", "right", "RS256", "oidc.alg"),
    ("eddsa", "right", "Ed448", "oidc.key_unknown"),
    ("eddsa", "other_key", "Ed25519", "oidc.signature"),
    ("es256", "right", "ES384", "oidc.alg"),
    ("hs256", "right", "HS512", "oidc.alg"),
    ("hs256", "none", "none", "oidc.alg"),
    ("hs256", "other_key", "HS256", "oidc.signature"),
]


@pytest.mark.parametrize(("connection", "sign", "alg", "code"), ALGORITHMS)
async def test_the_token_does_not_choose_its_algorithm(
    stage: Stage, connection: str, sign: str, alg: Any, code: str
) -> None:
    before = stage.sessions()
    knobs = Knobs(header={"alg": alg}, sign=sign)
    await refused(stage, await stage.sign_in(connection, knobs=knobs), code, before)


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR '1'='1", "demo-1 ", "", "DEMO-1", "demo-enc"])
async def test_a_key_id_is_a_name_and_nothing_else(stage: Stage, kid: str) -> None:
    before = stage.sessions()
    page = await stage.sign_in("basic", knobs=Knobs(header={"kid": kid}))
    await refused(stage, page, "oidc.key_unknown", before)


async def test_a_published_secret_verifies_nothing(stage: Stage) -> None:
    """An oct key, and a private one, in the JWK Set: whoever reads it could sign."""
    current = stage.provider.signer.current
    for published in (
        {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": current.kid},
        current.as_dict(private=True),
    ):
        stage.forget("basic")
        stage.clock.at += timedelta(minutes=1)
        before, jwks = stage.sessions(), json.dumps({"keys": [published]}).encode()
        page = await stage.sign_in("basic", knobs=Knobs(jwks=jwks))
        await refused(stage, page, "oidc.jwks_no_key", before, 502)


async def test_two_keys_under_one_name_are_nobodys(stage: Stage) -> None:
    """Who can add a key to the set must not be able to stand behind another's name."""
    current, stranger = stage.provider.signer.current, stage.provider.signer._make()
    twice = {**stranger.as_dict(private=False), "kid": current.kid}
    jwks = json.dumps({"keys": [twice, current.as_dict(private=False)]}).encode()
    before = stage.sessions()
    await refused(stage, await stage.sign_in("basic", knobs=Knobs(jwks=jwks)), "oidc.key_ambiguous", before)


# ── another person's, another sign-in's ───────────────────────────────────────────────────


async def test_a_stolen_code_is_of_no_use_in_a_sign_in_of_ones_own(stage: Stage) -> None:
    """Code injection (RFC 9700 §4.5): by PKCE there, and by the nonce here where there is none."""
    for connection, code in (("basic", "oidc.code_refused"), ("no-pkce", "oidc.nonce")):
        ada, mallory = stage.person(), stage.person()
        stolen = await answer_of(ada, connection, "ada")
        mine = await answer_of(mallory, connection, "bob")
        before = stage.sessions()
        stage.people[-1] = mallory
        page = await mallory.client.get(
            f"/oidc/{connection}/callback", params={**mine, "code": stolen["code"]}
        )
        await refused(stage, page, code, before)


async def answer_of(person: Person, connection: str, who: str) -> dict[str, str]:
    """Return what a person's browser would bring, which it does not."""
    begun = await person.begin(connection)
    page = await person.client.get(begun.headers["location"])
    action, ticket = _form(page)
    done = await person.client.post(action, data={**ticket, "login": who, "password": USERS[who].password})
    if "location" in done.headers:
        return dict(parse_qsl(urlsplit(done.headers["location"]).query))
    return _form(done)[1]


async def post(person: Person, connection: str, fields: Mapping[str, str]) -> httpx2.Response:
    """Post an answer from our own page, as the second try does."""
    return await person.client.post(f"/oidc/{connection}/callback", data=dict(fields))


async def test_another_sign_ins_token_beside_ones_own_state(stage: Stage) -> None:
    for connection in ("implicit", "hybrid"):
        ada, mallory = stage.person(), stage.person()
        theirs = await answer_of(ada, connection, "ada")
        mine = await answer_of(mallory, connection, "bob")
        before = stage.sessions()
        stage.people[-1] = mallory
        page = await post(mallory, connection, {**mine, "id_token": theirs["id_token"]})
        await refused(stage, page, "oidc.nonce", before)


async def test_another_persons_code_beside_ones_own_token(stage: Stage) -> None:
    ada, mallory = stage.person(), stage.person()
    theirs, mine = await answer_of(ada, "hybrid", "ada"), await answer_of(mallory, "hybrid", "bob")
    before, asked = stage.sessions(), len(stage.provider.asked)
    page = await post(mallory, "hybrid", {**mine, "code": theirs["code"]})
    await refused(stage, page, "oidc.c_hash", before)
    assert "/token" not in stage.provider.asked[asked:]  # nobody was shown the code


async def test_userinfo_of_another_person(stage: Stage) -> None:
    for wrong in (
        {"sub": subject(USERS["bob"])},
        {"sub": GONE},
        {"sub": [subject(USERS["ada"])]},
        {"sub": None},
    ):
        before = stage.sessions()
        page = await stage.sign_in("basic", knobs=Knobs(userinfo=wrong))
        await refused(stage, page, "oidc.userinfo_sub", before)


async def test_userinfo_that_says_it_is_anothers(stage: Stage) -> None:
    for wrong, code in (
        (Knobs(userinfo={"aud": "basic"}), "oidc.userinfo_audience"),
        (Knobs(userinfo={"iss": "https://other.example"}), "oidc.userinfo_issuer"),
        (Knobs(userinfo_header={"alg": "none"}, userinfo_sign="none"), "oidc.userinfo_signature"),
        (Knobs(userinfo_header={"alg": "HS256"}, userinfo_sign="public_key"), "oidc.userinfo_signature"),
    ):
        before = stage.sessions()
        await refused(stage, await stage.sign_in("userinfo-signed", knobs=wrong), code, before)


async def test_a_logout_token_is_no_id_token(stage: Stage) -> None:
    before, now = stage.sessions(), int(stage.clock().timestamp())
    for typ, code in (("logout+jwt", "oidc.typ"), ("JWT", "oidc.nonce")):
        knobs = Knobs(logout_header={"typ": typ})
        token = stage.provider.signer.logout_token(
            client_id="basic", sub=subject(USERS["ada"]), sid="s", now=now, knobs=knobs
        )
        person = stage.person()
        begun = await person.begin("basic")
        stage.provider.knobs = Knobs(token_members={"id_token": token})
        await refused(stage, await person.finish(begun, "ada"), code, before)


# ── whose browser it is ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("connection", ["basic", "form-post", "implicit", "hybrid"])
async def test_an_answer_in_another_browser_is_nobodys(stage: Stage, connection: str) -> None:
    """Login CSRF: the attacker's own answer, brought by the victim's browser, which has its own binder."""
    attacker, victim = stage.person(), stage.person()
    answer = await answer_of(attacker, connection, "bob")
    await victim.begin(connection)
    before = stage.sessions()
    if connection == "basic":
        page = await victim.client.get(f"/oidc/{connection}/callback", params=answer)
    else:
        goal = f"{BASE}/oidc/{connection}/callback"
        async with victim._browser() as elsewhere:
            page = await elsewhere.post(goal, content=urlencode(answer).encode(), headers=_FROM_ELSEWHERE)
        _, again = _form(page)  # our own page, which has the victim's cookies
        page = await post(victim, connection, again)
    await refused(stage, page, "signin.browser", before, 400)


async def test_an_answer_of_one_connection_at_another(stage: Stage) -> None:
    person = stage.person()
    answer = await answer_of(person, "basic", "bob")
    before = stage.sessions()
    page = await person.client.get("/oidc/no-pkce/callback", params=answer)
    await refused(stage, page, "signin.connection", before, 400)
    page = await person.client.get("/oidc/basic/callback", params={**answer, "iss": "https://other.example"})
    await refused(stage, page, "oidc.answer_iss", before)
    page = await person.client.get("/oidc/basic/callback", params=answer)  # an answer is looked at once
    await refused(stage, page, "signin.used", before, 400)


LANDINGS = [
    "https://evil.example/",
    "//evil.example",
    "http://localhost:8000.evil.example/",
    "http://localhost:8000@evil.example/",
    "http://localhost:8000//evil.example",
    "http://localhost:8000/\\evil.example",
    "http://localhost:8000/%2f%2fevil.example",
    "http://localhost:8000/%255c%255cevil.example",
    "http://localhost:8000/a/../../evil",
    "javascript:alert(1)",
    "http://localhost:8000/login/basic",
    "http://localhost:8000/%6cogin/basic",
    "http://localhost:8000/oidc/initiate?iss=x",
    "HTTP://LOCALHOST:8000/account",
    "http://localhost:8000/x\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("target", LANDINGS)
async def test_a_sign_in_that_others_start_ends_at_home(stage: Stage, target: str) -> None:
    person, before = stage.person(), stage.sessions()
    begun = await person.client.get(
        "/oidc/initiate", params={"provider": "basic", "target_link_uri": target, "login_hint": "a\r\nb"}
    )
    assert begun.status_code == 303
    assert begun.headers["location"].startswith(f"{stage.provider.issuer}/authorize?")
    assert "login_hint" not in begun.headers["location"]
    assert stage.sessions() == before
    page = await person.finish(begun, "ada")
    assert (page.status_code, page.headers["location"]) == (303, "/")


async def test_a_sign_in_that_others_start_leaves_a_session_as_it_is(stage: Stage) -> None:
    page = await stage.sign_in("basic")
    session = await stage.is_admitted(page)
    person = stage.people[-1]
    for path in ("/oidc/initiate?provider=basic", "/login/basic"):
        await person.client.get(path)
    page = await person.client.get("/oidc/basic/callback", params={"state": "x", "code": "y", "iss": "z"})
    assert await stage.code(page) == "signin.unknown"
    assert await person.session() == session


# ── e-mail ────────────────────────────────────────────────────────────────────────────────

UNVERIFIED: Mapping[str, Mapping[str, Any]] = {  # ID Token, UserInfo
    "not said": {"userinfo": {"email_verified": GONE}},
    "said by a number": {"userinfo": {"email_verified": 1}},
    "said by a word": {"userinfo": {"email_verified": "yes"}},
    "said by a list": {"userinfo": {"email_verified": [True]}},
    "said of no address": {"claims": {"email": "ada@acme.example"}, "userinfo": {"email": GONE}},
    "said of another address": {
        "claims": {"email": "ada@acme.example"},
        "userinfo": {"email": "m@acme.example"},
    },
    "said there of none, here unsaid": {
        "claims": {"email_verified": True},
        "userinfo": {"email_verified": GONE},
    },
    "unsaid first, then denied": {"claims": {"email": "ada@acme.example", "email_verified": False}},
    "of an address under another name": {"userinfo": {"email": GONE, "mail": "ada@acme.example"}},
    "of an address in other clothes": {"userinfo": {"email": None, "emailaddress": "ada@acme.example"}},
    "Entra's word, at another vendor": {"userinfo": {"email_verified": GONE, "xms_edov": True}},
    "a hosted domain, at another vendor": {"userinfo": {"email_verified": GONE, "hd": "acme.example"}},
}


@pytest.mark.parametrize("name", UNVERIFIED)
async def test_verified_moves_to_no_other_address(stage: Stage, name: str) -> None:
    before, page = stage.sessions(), await stage.sign_in("verified", knobs=Knobs(**UNVERIFIED[name]))
    await refused(stage, page, "policy.email_unverified", before)


async def test_verified_is_said_of_a_text_and_not_of_the_list_in_it(stage: Stage) -> None:
    wrong, before = Knobs(userinfo={"email": '["ada@acme.example"]'}), stage.sessions()
    await refused(stage, await stage.sign_in("mapped", knobs=wrong), "policy.email_unverified", before)


ADDRESSES: Mapping[str, tuple[str, Any]] = {
    "two": ("identity.email_repeated", ["m@evil.example", "ada@acme.example"]),
    "a list in a text": ("identity.email_malformed", "m@evil.example,ada@acme.example"),
    "two at signs": ("identity.email_malformed", "m@evil.example@acme.example"),
    "quoted": ("identity.email_malformed", '"m@evil.example"@acme.example'),
    "a letter that looks alike": ("identity.email_malformed", "ada@аcme.example"),
    "a full width dot": ("identity.email_malformed", "ada@acme．example"),
    "a line below": ("identity.email_malformed", "ada@acme.example\nBcc: x@evil.example"),
    "a dot behind": ("identity.email_malformed", "ada@acme.example."),
    "a domain below": ("policy.domain", "m@evil.acme.example"),
    "a domain behind": ("policy.domain", "m@acme.example.evil.example"),
    "an object": ("policy.no_email", {"address": "ada@acme.example"}),
    "null": ("policy.no_email", None),
}


@pytest.mark.parametrize("name", ADDRESSES)
async def test_an_address_is_one_and_plain(stage: Stage, name: str) -> None:
    (code, email), before = ADDRESSES[name], stage.sessions()
    page = await stage.sign_in("basic", knobs=Knobs(userinfo={"email": email}))
    assert await stage.code(page) == code
    assert page.status_code == 403
    assert stage.sessions() == before
    await stage.opened_nothing()


# ── groups ────────────────────────────────────────────────────────────────────────────────

POWERLESS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "another spelling beside the mapped claim": (
        "nested",
        {"groups": ADMINS, "roles": ADMINS, "group": ADMINS},
    ),
    "the path as a text": ("nested", {"realm_access": "roles platform-admins"}),
    "the path in a list": ("nested", {"realm_access": [{"roles": ADMINS}]}),
    "objects in its place": ("nested", {"realm_access": {"roles": [{"name": "platform-admins"}]}}),
    "one object among names": ("nested", {"realm_access": {"roles": [*ADMINS, {}]}}),
    "an object of names": ("nested", {"realm_access": {"roles": {"platform-admins": True}}}),
    "JSON that closes what it stands in": (
        "nested",
        {"realm_access": '{"roles":[]},"x":{"roles":["platform-admins"]}'},
    ),
    "JSON with a name twice": ("nested", {"realm_access": '{"roles":[],"roles":["platform-admins"]}'}),
    "JSON in JSON in JSON": (
        "nested",
        {"realm_access": json.dumps({"roles": json.dumps([json.dumps(ADMINS)])})},
    ),
    "the quoted name unquoted, nested": (
        "quoted",
        {"https://acme": {"example/roles": ADMINS}, "groups": ADMINS},
    ),
    "groups named elsewhere": (
        "basic",
        {"groups": GONE, "roles": ADMINS, "_claim_names": {"groups": "src1"}},
    ),
    "groups nested below a person's own data": (
        "basic",
        {"groups": GONE, "user_metadata": {"groups": ADMINS}},
    ),
    "groups that are objects, roles that are names": ("basic", {"groups": [{"id": 1}], "roles": ADMINS}),
}


@pytest.mark.parametrize("name", POWERLESS)
async def test_no_group_by_a_way_round(stage: Stage, name: str) -> None:
    """They may enter, but not as what they made themselves."""
    connection, said = POWERLESS[name]
    page = await stage.sign_in(connection, knobs=Knobs(userinfo=said))
    assert page.status_code == 303
    session = await stage.people[-1].session()
    assert session is not None
    assert "platform-admins" not in session["groups"]


# ── what we send, and to whom ─────────────────────────────────────────────────────────────


async def test_what_proves_us_to_one_endpoint_proves_nothing_to_another(stage: Stage) -> None:
    """Audience injection: a provider names another's token endpoint, and its own to push requests to.

    What it is sent there would be our word to the other.
    """
    stolen: list[str] = []

    async def par(request: Request) -> JSONResponse:
        stolen.append(str((await request.form())["client_assertion"]))
        return JSONResponse({"request_uri": "urn:x", "expires_in": 60}, status_code=201)

    before = stage.sessions()
    async with serving() as site:
        site.app = Starlette(routes=[Route("/par", par, methods=["POST"])])
        elsewhere = {
            "require_pushed_authorization_requests": True,
            "pushed_authorization_request_endpoint": f"{site.url}/par",
        }
        stage.provider.knobs = replace(RIGHT, discovery=elsewhere)
        await stage.person().begin("keyed-endpoint")
        stage.provider.knobs = RIGHT
        there = f"{site.url}/par"
    jwks = json.loads((await stage.person().client.get("/oidc/jwks.json")).content)
    told = [jwt.decode(one, _keys(jwks), algorithms=["RS256"]).claims for one in stolen]
    assert [one["aud"] for one in told] == [there]
    async with httpx2.AsyncClient(trust_env=False, verify=NO_TLS) as thief:
        form = {"client_id": "keyed-endpoint", "grant_type": "refresh_token", "refresh_token": "x",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": stolen[0]}  # fmt: skip
        answer = await thief.post(f"{stage.provider.issuer}/token", data=form)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert stage.sessions() == before


def _keys(jwks: Mapping[str, Any]) -> Any:
    return KeySet.import_key_set(dict(jwks))  # type: ignore[arg-type]


BENT_ENDPOINTS = [
    "http://127.0.0.1.evil.example/token", "https://user@evil.example/token", "https://evil.example/token#",
    "file:///etc/passwd", "https:///token", "https://evil.example:0x50/token", "//evil.example/token",
    "https://evil.example\\@idp.example/token", "https://[::1", "ht\ntps://evil.example/", "https://e\u0301vil.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", BENT_ENDPOINTS)
@pytest.mark.parametrize(
    "member", ["token_endpoint", "jwks_uri", "userinfo_endpoint", "authorization_endpoint"]
)
async def test_an_endpoint_that_is_no_plain_https_url(stage: Stage, member: str, url: str) -> None:
    before = stage.sessions()
    page = await stage.sign_in("basic", knobs=Knobs(discovery={member: url}))
    await refused(stage, page, "oidc.discovery_endpoint", before, 502)


FORBIDDEN = [
    "https://169.254.169.254/", "https://[::ffff:169.254.169.254]/", "https://[64:ff9b::a9fe:a9fe]/",
    "https://[fd00:ec2::254]/", "https://0.0.0.0/", "https://[::]/", "https://100.100.100.200/", "https://0xa9fea9fe/",
    "https://2852039166/", "https://169.254.43518/", "https://0251.0376.0251.0376/", "https://169.254.169.254./",
]  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_where_a_machine_keeps_its_secrets_is_not_asked(stage: Stage, url: str) -> None:
    """However its address is spelled."""
    before = stage.sessions()
    page = await stage.sign_in("basic", knobs=Knobs(discovery={"token_endpoint": url}))
    code = await stage.code(page)
    assert code in ("fetch.address_forbidden", "fetch.url")
    await refused(stage, page, code, before, 502)


async def test_members_of_a_document_are_no_options_of_ours(stage: Stage) -> None:
    """What a library that passes them on would do: another proxy, no verification, our name changed."""
    odd = {
        "proxy": "http://127.0.0.1:1",
        "proxies": {"https": "http://127.0.0.1:1"},
        "verify": False,
        "client_id": "somebody",
        "client_secret": "x",
        "redirect_uri": "https://evil.example/",
        "scope": "all",
        "code_challenge_method": "plain",
        "token_endpoint_auth_method": "none",
        "headers": {"Host": "x"},
        "timeout": 0,
        "response_mode": "fragment",
        "response_type": "token",
        "state": "1",
        "nonce": "1",
    }
    page = await stage.sign_in("basic", knobs=Knobs(discovery=odd))
    await stage.is_admitted(page)
    asked = stage.people[-1].asked
    assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (
        "basic",
        "code",
        "S256",
    )
    assert asked["redirect_uri"] == f"{BASE}/oidc/basic/callback"


# ── how much work it makes ────────────────────────────────────────────────────────────────


async def test_forged_tokens_fetch_keys_once_in_a_while(stage: Stage) -> None:
    """Each names a key that nobody knows: one fetch for all of them, not one each."""
    people = [stage.person() for _ in range(8)]
    answers = [await answer_of(one, "implicit", "bob") for one in people]
    stage.provider.asked.clear()
    before = stage.sessions()
    for number, (person, answer) in enumerate(zip(people, answers, strict=True)):
        header = {"alg": "RS256", "kid": f"nobody-{number}"}
        forged = f"{_encode(json.dumps(header).encode())}.{answer['id_token'].split('.')[1]}.AAAA"
        page = await post(person, "implicit", {**answer, "id_token": forged})
        assert await stage.code(page) == "oidc.key_unknown"
    assert stage.provider.asked.count("/jwks") <= 2  # the first, and again for what it did not hold
    assert stage.sessions() == before


HEAVY: Mapping[str, Any] = {"numbers": 1.5, "lists": [], "objects": {}, "texts": ""}


@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
@pytest.mark.parametrize("one", HEAVY.values(), ids=HEAVY)
async def test_most_of_a_mebibyte_of_nothing_is_not_read(stage: Stage, endpoint: str, one: Any) -> None:
    """One provider's answer would hold everybody up for as long as it is read."""
    swollen = [one] * 150_000
    knobs = {
        "discovery": Knobs(discovery={"x": swollen}),
        "jwks": Knobs(jwks=json.dumps({"x": swollen, "keys": []}).encode()),
        "token": Knobs(token_members={"x": swollen}),
        "userinfo": Knobs(userinfo={"x": swollen}),
    }[endpoint]
    before, page = stage.sessions(), await stage.sign_in("basic", knobs=knobs)
    await refused(stage, page, f"oidc.{endpoint}_malformed", before, 502)


SWOLLEN: Mapping[str, Any] = {
    "one long text": {"name": "x" * 300_000},
    "many claims": {f"claim-{number}": "y" * 300 for number in range(900)},
    "many groups": {"groups": [f"group {number:40}" for number in range(7_000)]},
    "a long name": {"n" * 300_000: 1},
    "nested": {"a": {"b" * 100: {f"{number:04}": "x" * 100 for number in range(1500)}}},
}


@pytest.mark.parametrize("name", SWOLLEN)
async def test_a_person_is_no_mebibyte(stage: Stage, name: str) -> None:
    """It would be kept with each session, and read with each request."""
    before, page = stage.sessions(), await stage.sign_in("basic", knobs=Knobs(userinfo=SWOLLEN[name]))
    await refused(stage, page, "identity.too_large", before)


async def test_a_thousand_groups_are_a_person(stage: Stage) -> None:
    groups = [f"CN=group {number:04},OU=Groups,OU=Engineering,DC=acme,DC=example" for number in range(1000)]
    page = await stage.sign_in("basic", knobs=Knobs(userinfo={"groups": groups}))
    session = await stage.people[-1].session()
    assert page.status_code == 303
    assert session is not None
    assert session["groups"] == groups


# ── what can be read afterwards ───────────────────────────────────────────────────────────


async def test_nothing_secret_is_left_lying_about(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pages, secrets = [], [SECRET]
    for connection, knobs in (
        ("basic", Knobs(claims={"nonce": "another"})),
        ("basic", Knobs(fails={"token": "refused"})),
        ("hybrid", Knobs(claims={"sub": "somebody"}, bends="back")),
        ("implicit", Knobs(sign="other_key")),
        (
            "basic",
            Knobs(answer={"error": "<script>alert(1)</script>", "error_description": "<b>SECRET-WORD</b>"}),
        ),
        ("basic", Knobs(userinfo={"email": "ada@evil.example"})),
    ):
        pages.append(await stage.sign_in(connection, knobs=knobs))
        sent = stage.people[-1].sent
        secrets += [sent[name] for name in ("code", "id_token", "state") if name in sent]
        secrets.append(stage.people[-1].asked["nonce"])
    secrets += ["SECRET-WORD", "<script>alert"]
    ours = [
        one.getMessage() + str(one.__dict__) for one in caplog.records if one.name.startswith("federation")
    ]
    for page in pages:
        assert page.status_code in (403, 502)
        assert page.headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert page.headers["cache-control"] == "no-store"
        record = await stage.house.store.find_record(_reference(page))
        assert record is not None
        for secret in secrets:
            assert secret not in page.text
            assert secret not in repr(record)
    for secret in secrets:
        assert not [line for line in ours if secret in line]


def _reference(page: httpx2.Response) -> str:
    return page.text.partition('<output id="reference"')[2].partition(">")[2].partition("<")[0]
