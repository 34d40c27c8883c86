"""Every vendor's shapes sign in: our connector over loopback, against what the vendor publishes.

The shapes are in ``oidc_vendors.py``, synthetic; keys and tokens are made here and now.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import google_account
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from loopback import serving
from oidc_vendors import FAULTS, GUIDS, OVERAGE, TENANT, VENDORS, Vendor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from federation import attributes, presets, registry
from federation.connection import OidcConnection, Organization
from federation.connectors.contract import Callback
from federation.connectors.oidc import OidcConnector
from federation.decision import Decision
from federation.errors import Check, FederationError
from federation.fetch import Fetch
from federation.identity import Groups, Presence, Subject
from federation.oidc import groups as graph
from federation.oidc import service_account
from federation.oidc.service_account import Endpoints
from federation.policy.decide import decide
from federation.presets import PRESETS

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
BASE = "https://sso.acme.example"
ACCESS_TOKEN = "an-opaque-access-token"
SECRET = "s3cret"
GOOGLE = "/googleapis.com"  # what Google is asked by a service account

each_vendor = pytest.mark.parametrize("name", VENDORS)


@cache
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k-1", "use": "sig", "alg": "RS256"})


@dataclass
class There:
    """One vendor's provider: what it publishes, and what it was asked."""

    origin: str
    vendor: Vendor
    change: dict[str, Any]  # of the ID Token's claims; None leaves one out
    nonce: str = ""
    asked: list[str] = field(default_factory=list)
    form: dict[str, str] = field(default_factory=dict)

    def here(self, told: Any) -> Any:
        """Put the origin where its place is, and what is made anew for each sign-in."""
        text = json.dumps(told).replace("{o}", self.origin).replace('"{now}"', str(AT))
        return json.loads(text.replace("{at_hash}", at_hash()))

    @property
    def document(self) -> dict[str, Any]:
        told = {"issuer": self.vendor.issuer, "jwks_uri": "{o}/keys", **self.vendor.published}
        found: dict[str, Any] = self.here(told)
        return found

    def id_token(self) -> str:
        claims = {
            "aud": "federation", "iat": AT, "nbf": AT, "exp": AT + 3600, "nonce": self.nonce,
            **self.vendor.claims, **self.change,
        }  # fmt: skip
        said = {name: value for name, value in self.here(claims).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": "k-1", "typ": "JWT"}, said, key())

    def keys(self) -> dict[str, Any]:
        bears = self.here(self.vendor.jwk)
        ours = {**key().as_dict(private=False), **bears}
        return {"keys": [{name: value for name, value in ours.items() if value is not None}]}

    async def answer(self, request: Request) -> Response:
        """Answer whatever was published."""
        where = str(request.url).partition("?")[0]
        self.asked.append(where.removeprefix(self.origin))
        document = self.document
        issuer = self.here(self.vendor.settings.get("issuer", self.vendor.issuer)).rstrip("/")
        if where == issuer + "/.well-known/openid-configuration":
            return JSONResponse(document)
        if where == document["jwks_uri"]:
            return JSONResponse(self.keys())
        if where.startswith(f"{self.origin}{GOOGLE}"):
            return await self._google(request)
        if where == document["token_endpoint"] and request.method == "POST":
            self.form = {name: str(value) for name, value in (await request.form()).items()}
            usual = {"token_type": "Bearer", "expires_in": 3600, "access_token": ACCESS_TOKEN}
            return JSONResponse({**usual, **self.here(self.vendor.tokens), "id_token": self.id_token()})
        assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}", where
        if where == document.get("userinfo_endpoint"):
            assert self.vendor.userinfo is not None, "UserInfo was asked"
            return JSONResponse(self.here(self.vendor.userinfo))
        assert where.startswith(f"{self.origin}/v1.0/me/transitiveMemberOf/microsoft.graph.group"), where
        page = self.here(self.vendor.graph[sum("/v1.0/" in one for one in self.asked) - 1])
        return JSONResponse(page, status_code=403 if "error" in page else 200)

    async def _google(self, request: Request) -> Response:
        """Answer as Google does to a service account: whose token it is, and whom it asks about."""
        if request.url.path.endswith("/token"):
            assertion = str((await request.form())["assertion"])
            signed = jwt.decode(assertion, google_account.key(), algorithms=["RS256"])
            assert signed.claims["sub"] == google_account.SUBJECT
            granted = {"access_token": "the-service-account's", "token_type": "Bearer", "expires_in": 3599}
            return JSONResponse(granted)
        assert request.headers["authorization"] == "Bearer the-service-account's"
        assert request.query_params["userKey"] == self.vendor.subject
        page = self.vendor.directory[1 if request.query_params.get("pageToken") == "p2" else 0]
        return JSONResponse(page, status_code=403 if "error" in page else 200)


def at_hash() -> str:
    digest = hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class World:
    """Where vendors stand, and how we sign in there."""

    site: Any
    fetch: Fetch

    def compiled(self, vendor: Vendor, there: There, **other: Any) -> registry.Oidc:
        told = {
            "id": vendor.preset, "protocol": "oidc", "preset": vendor.preset, "organization": "acme",
            "domains": ["acme.example"], "client_id": "federation", "client_secret": SECRET,
            "issuer": vendor.issuer, **vendor.settings, **other,
        }  # fmt: skip
        connection = OidcConnection(**presets.fill_in(there.here(told)))
        entry = registry.compile_one(connection, BASE, development=True, own=None, now=NOW)
        assert isinstance(entry, registry.Oidc)
        return entry

    async def sign_in(
        self, name: str, change: dict[str, Any] | None = None, **other: Any
    ) -> tuple[Decision, There]:
        vendor = VENDORS[name]
        there = There(self.site.url, vendor, change or {})
        self.site.app = Starlette(routes=[Route("/{path:path}", there.answer, methods=["GET", "POST"])])
        entry = self.compiled(vendor, there, **other)
        connector = OidcConnector(entry, self.fetch)
        challenge = await connector.begin(handle="the-handle", login_hint="", fresh=False, now=NOW)
        where, _, query = challenge.url.partition("?")
        assert where == there.document["authorization_endpoint"]
        asked = dict(parse_qsl(query, strict_parsing=True))
        assert vendor.asks.items() <= asked.items()
        there.nonce = asked["nonce"]
        callback = Callback(
            connection=vendor.preset,
            handle=asked["state"],
            binder="",
            params={"code": "c0de", **there.here(vendor.answer)},
            path=urlsplit(asked["redirect_uri"]).path,
            posted=asked.get("response_mode") == "form_post",
        )
        assertion = await connector.complete(callback, challenge.expects, NOW)
        connection = entry.connection
        who = attributes.normalize(
            assertion,
            connection=connection.id,
            organization="acme",
            attributes=connection.attributes,
            split_groups=connection.split_groups,
        )
        acme = Organization(name="Acme")
        decided = decide(who, connection, acme, assertion.checks, system_roles=(), verified=frozenset())
        return decided, there


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=10)
    async with serving() as site:
        yield World(site, fetch)
    await fetch.close()


@pytest.fixture(autouse=True)
def graph_is_here(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setitem(graph.GRAPH, "127.0.0.1", world.site.url)
    here = f"{world.site.url}{GOOGLE}"
    told = Endpoints(token=f"{here}/token", groups=f"{here}/groups")
    monkeypatch.setitem(service_account.ENDPOINTS, "127.0.0.1", told)


@each_vendor
async def test_a_sign_in(world: World, name: str) -> None:
    vendor = VENDORS[name]
    decision, there = await world.sign_in(name)
    who = decision.identity
    issuer = there.here(vendor.subject_issuer or vendor.issuer)
    assert who.subject == Subject(issuer=issuer, value=vendor.subject, format=vendor.subject_format)
    assert (who.email, who.email_verified) == (vendor.email, vendor.email_verified)
    assert (who.given_name, who.family_name) in {("Ada", "Lovelace"), ("", "")}
    assert who.display_name == vendor.name
    presence = Presence.UNOBTAINABLE if vendor.groups is None else Presence.PRESENT
    expected = Groups(presence if vendor.groups != () else Presence.EMPTY, vendor.groups or ())
    assert who.groups == expected
    assert there.form["redirect_uri"] == f"{BASE}/oidc/{vendor.preset}/callback"
    assert there.form["code"] == "c0de"
    asked = [one for one in there.asked if "/v1.0/" in one]
    assert len(asked) == len(vendor.graph)
    assert there.asked.count(f"{GOOGLE}/groups") == len(vendor.directory)
    userinfo = there.document.get("userinfo_endpoint", "").removeprefix(there.origin)
    assert (userinfo in there.asked) is (vendor.userinfo is not None)


@each_vendor
async def test_nothing_said_about_the_token_is_an_attribute(world: World, name: str) -> None:
    decision, _ = await world.sign_in(name)
    said = decision.identity.attributes
    assert not said.keys() & {"iss", "aud", "nonce", "email_verified", "xms_edov", "hasgroups", "at_hash"}
    assert not any(one.startswith(("_claim_names", "_claim_sources")) for one in said)


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_goes_wrong_there_is_refused_by_its_code(world: World, fault: str) -> None:
    name, change, code = FAULTS[fault]
    with pytest.raises(FederationError) as refused:
        await world.sign_in(name, change)
    assert refused.value.code == code
    assert "partner.example" not in refused.value.detail


async def test_a_guest_whose_domain_may_enter_is_one_of_us(world: World) -> None:
    change = {"email": "ada@partner.example", "upn": "ada_partner.example#EXT#@acme.onmicrosoft.com"}
    decision, _ = await world.sign_in("entra", change, domains=["partner.example"])
    assert decision.identity.email == "ada@partner.example"


async def test_a_guests_made_up_address_is_never_one_of_us(world: World) -> None:
    change = {"email": None, "preferred_username": "ada_partner.example#ext#@acme.onmicrosoft.com"}
    with pytest.raises(FederationError) as refused:
        await world.sign_in("entra", change, domains=["acme.onmicrosoft.com"])
    assert refused.value.code == "policy.guest"


async def test_a_document_of_many_tenants_needs_a_list_of_them(world: World) -> None:
    with pytest.raises(FederationError) as refused:
        await world.sign_in("entra-organizations", tenants=[])
    assert refused.value.code == "oidc.discovery_issuer"


async def test_what_was_not_obtained_says_why_in_the_record(world: World) -> None:
    decision, _ = await world.sign_in("entra-overage-refused")
    assert {check.code: check.said for check in decision.checks}["oidc.groups_status"]
    assert OVERAGE["_claim_sources"]["src1"]["endpoint"] not in str(decision.checks)
    decision, _ = await world.sign_in("google-directory-refused")
    assert {check.code: check.said for check in decision.checks}["oidc.directory_forbidden"]
    decision, _ = await world.sign_in("google-directory")
    assert Check("oidc.directory_status") in decision.checks


@pytest.mark.parametrize("name", ["entra-overage", "google-directory"])
async def test_groups_that_are_not_obtained_give_no_role(world: World, name: str) -> None:
    rules = [{"name": "all", "groups": ["*"], "roles": ["admin"]}]
    refused, _ = await world.sign_in(f"{name}-refused", role_rules=rules, default_roles=["member"])
    assert refused.wanted.grants == ()
    told, _ = await world.sign_in(name, role_rules=rules, default_roles=["member"])
    assert [grant.role for grant in told.wanted.grants] == ["admin"]


async def test_groups_in_a_token_are_none_where_the_directory_is_asked(world: World) -> None:
    said = {"groups": ["platform-admins@acme.example"]}
    refused, _ = await world.sign_in("google-directory-refused", said)
    assert refused.identity.groups == Groups(Presence.UNOBTAINABLE)
    alone, _ = await world.sign_in("google-directory-no-group", said)
    assert alone.identity.groups == Groups(Presence.EMPTY)


async def test_unreadable_groups_are_unobtainable(world: World) -> None:
    odd: list[Any] = [{"name": "platform-admins"}, [{"name": "staff"}, "platform-admins"], [["staff"]]]
    for value in odd:
        decision, _ = await world.sign_in("okta-custom", {"groups": value})
        assert decision.identity.groups == Groups(Presence.UNOBTAINABLE), value
    decision, _ = await world.sign_in("okta-custom", {"groups": []})
    assert decision.identity.groups == Groups(Presence.EMPTY)


async def test_a_mapped_attribute_is_read_through_quotes_and_dots(world: World) -> None:
    for name in ("auth0", "onelogin-params"):
        decision, _ = await world.sign_in(name)
        assert decision.identity.attributes["department"] == ("R&D",), name


def test_every_preset_that_speaks_openid_connect_has_a_shape() -> None:
    speaking = {name for name, row in PRESETS.items() if row.oidc is not None}
    # Shibboleth and SimpleSAMLphp are OpenID Providers by plug-ins, in the generic shape.
    assert {vendor.preset for vendor in VENDORS.values()} == speaking - {"shibboleth", "simplesamlphp"}


def test_the_tenant_is_half_of_the_key() -> None:
    subjects = {VENDORS[name].subject for name in ("entra", "entra-organizations")}
    assert len(subjects) == 2
    assert TENANT not in GUIDS
