"""Who somebody is by what an API says: the subject, the address, the groups, and pages between."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from federation.attributes import normalize
from federation.errors import AssertionRefused, FederationError, ProviderUnavailable
from federation.identity import Presence, Subject, VerifiedAssertion
from federation.oidc import oauth2_api, oauth2_person
from federation.oidc.claims import parse_path
from federation.oidc.oauth2 import Client, Tokens
from federation.oidc.oauth2_api import Api, Heard
from federation.oidc.oauth2_person import Terms

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLIENT = Client(
    issuer="https://github.com/login/oauth",
    authorization_endpoint="https://github.com/login/oauth/authorize",
    token_endpoint="https://github.com/login/oauth/access_token",
    client_id="us",
    client_secret="",
    token_endpoint_auth_method="none",
    redirect_uri="https://sp.example/oidc/github/callback",
    scopes=(),
    parameters={},
    pkce=True,
    require_iss=False,
)
TOKENS = Tokens(access_token="gho_x", refresh_token="", expires_in=None, scopes=frozenset({"user:email"}))
TERMS = Terms(
    subject_claim="id",
    members=(),
    paths=(parse_path("groups"), parse_path("roles")),
    address_needed=True,
    organizations=frozenset(),
    keep_tokens=frozenset(),
    skew=timedelta(seconds=60),
)
PROFILE: Mapping[str, Any] = {"id": 4711, "login": "ada", "name": "Ada", "email": "shown@elsewhere.example"}
ADDRESS = {"email": "ada@acme.example", "primary": True, "verified": True}
ACME = {"login": "acme", "id": 1}
TEAM = {"slug": "admins", "id": 11, "organization": ACME}
HEARD: Heard = {"emails_endpoint": (ADDRESS,), "organizations_endpoint": (ACME,), "teams_endpoint": (TEAM,)}
API = Api(
    userinfo_endpoint="https://api.github.com/user",
    listings={"emails_endpoint": "https://api.github.com/user/emails"},
    headers={"X-GitHub-Api-Version": "2022-11-28"},
    scopes={"emails_endpoint": ("user:email", "user")},
)


def accepted(
    profile: Mapping[str, Any] = PROFILE,
    heard: Heard = HEARD,
    terms: Terms = TERMS,
    code: str = "C",
    tokens: Tokens = TOKENS,
) -> VerifiedAssertion:
    return oauth2_person.accept(profile, heard, code=code, tokens=tokens, client=CLIENT, terms=terms, now=NOW)


# ── the person ────────────────────────────────────────────────────────────────────────────


def test_a_person() -> None:
    said = accepted()
    assert said.subject == Subject(issuer=CLIENT.issuer, value="4711")
    assert said.attributes == {
        "id": ("4711",),
        "login": ("ada",),
        "name": ("Ada",),
        "email": ("ada@acme.example",),
        "groups": ("acme", "acme/admins"),
        "organization_ids": ("1",),
        "team_ids": ("11",),
    }
    assert said.email_verified is True
    assert said.unobtainable == frozenset()
    assert said.not_on_or_after == NOW + timedelta(hours=1, seconds=60)
    assert said.authentication.instant is None
    assert {check.code for check in said.checks} == {
        "oauth2.subject", "oauth2.email_primary", "oauth2.email_unverified",
    }  # fmt: skip
    assert all(check.said is None for check in said.checks)


MEMBERS_ONLY = replace(TERMS, organizations=frozenset({"7", "1"}))


def test_a_member_of_one_of_the_organizations_may_enter() -> None:
    assert "oauth2.organization" in {check.code for check in accepted(terms=MEMBERS_ONLY).checks}


@pytest.mark.parametrize(
    "orgs",
    [
        (),
        ({"login": "acme", "id": 2},),  # the name was given up, and taken by somebody else
        ({"login": "1", "id": 2},),
        ({"login": "7", "id": 71}, {"login": "x", "id": 17}),
    ],
)
def test_nobody_else_may_and_no_name_is_an_id(orgs: tuple[Mapping[str, Any], ...]) -> None:
    for heard in ({**HEARD, "organizations_endpoint": orgs}, {"emails_endpoint": (ADDRESS,)}):
        with pytest.raises(AssertionRefused, match=r"^oauth2\.organization: ") as refused:
            accepted(heard=heard, terms=MEMBERS_ONLY)  # type: ignore[arg-type]
        assert refused.value.person
        assert [check.code for check in refused.value.checks] == ["oauth2.subject", "oauth2.organization"]


def test_organizations_that_cannot_be_had_are_none_of_them() -> None:
    failure = ProviderUnavailable("oauth2.api_status", "the list of organizations was answered with 500")
    with pytest.raises(ProviderUnavailable, match=r"^oauth2\.api_status: "):
        accepted(heard={**HEARD, "organizations_endpoint": failure}, terms=MEMBERS_ONLY)


def test_an_assertion_is_as_unique_as_its_code() -> None:
    again = accepted(tokens=replace(TOKENS, access_token="gho_other"))
    assert (accepted().id, accepted().id == accepted(code="D").id) == (again.id, False)
    assert len(accepted().id) == 64


@pytest.mark.parametrize(
    ("value", "subject"),
    [(1, "1"), (2**63, str(2**63)), ("4711", "4711"), ("{6b29fc40-ca47}", "{6b29fc40-ca47}"), ("ü", "ü")],
)
def test_what_is_an_id(value: Any, subject: str) -> None:
    assert accepted({"id": value}).subject.value == subject


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -1, 1.0, 4711.5, 1e3, "", " ", "\t", "a\nb", "a" * 256, [], [4711], {}, {"id": 1}],
)
def test_what_is_no_id(value: Any) -> None:
    for profile in ({**PROFILE, "id": value}, {} if value is None else {"id": value}):
        with pytest.raises(AssertionRefused, match=r"^oauth2\.subject: "):
            accepted(profile)


def test_another_provider_s_same_id_is_another_person() -> None:
    other = oauth2_person.accept(
        PROFILE, HEARD, code="C", tokens=TOKENS, terms=TERMS, now=NOW,
        client=replace(CLIENT, issuer="https://git.acme.example/login/oauth"),
    )  # fmt: skip
    assert other.subject.person != accepted().subject.person


def test_only_members_of_use_are_taken() -> None:
    said = accepted({**PROFILE, "plan": {"name": "pro"}}, terms=replace(TERMS, members=("login",)))
    assert said.attributes.keys() == {"login", "email", "groups", "organization_ids", "team_ids"}
    assert said.subject.value == "4711"


# ── the address ───────────────────────────────────────────────────────────────────────────

ADDRESSES: list[tuple[str, list[dict[str, Any]]]] = [
    # lack                      the list
    ("oauth2.email_primary",    []),
    ("oauth2.email_primary",    [{**ADDRESS, "primary": False}]),
    ("oauth2.email_primary",    [{**ADDRESS, "primary": 1}]),
    ("oauth2.email_primary",    [{**ADDRESS, "primary": "true"}]),
    ("oauth2.email_primary",    [{"email": "ada@acme.example", "verified": True}]),
    ("oauth2.email_primary",    [ADDRESS, ADDRESS]),
    ("oauth2.email_primary",    [ADDRESS, {**ADDRESS, "email": "bob@acme.example"}]),
    ("oauth2.email_primary",    [{"primary": True, "verified": True}]),
    ("oauth2.email_primary",    [{**ADDRESS, "email": " "}]),
    ("oauth2.email_primary",    [{**ADDRESS, "email": ["ada@acme.example"]}]),
    ("oauth2.email_unverified", [{**ADDRESS, "verified": False}]),
    ("oauth2.email_unverified", [{**ADDRESS, "verified": None}]),
    ("oauth2.email_unverified", [{**ADDRESS, "verified": 1}]),
    ("oauth2.email_unverified", [{**ADDRESS, "verified": "true"}]),
    ("oauth2.email_unverified", [{"email": "ada@acme.example", "primary": True}]),
    # a verified one that is not the primary never stands in
    ("oauth2.email_unverified", [{**ADDRESS, "verified": False}, {**ADDRESS, "primary": False}]),
]  # fmt: skip


@pytest.mark.parametrize(("lack", "listed"), ADDRESSES)
def test_an_address_that_does_not_count(lack: str, listed: list[dict[str, Any]]) -> None:
    heard = {**HEARD, "emails_endpoint": tuple(listed)}
    with pytest.raises(AssertionRefused, match=f"^{lack}: ") as caught:
        accepted(heard=heard)
    assert caught.value.person == accepted().subject.person
    assert [check.code for check in caught.value.checks] == ["oauth2.subject", lack]
    without = accepted(heard=heard, terms=replace(TERMS, address_needed=False))
    assert ("email" in without.attributes, without.email_verified) == (False, None)
    assert lack in {check.code for check in without.checks if check.said}


def test_every_lack_of_an_address_has_its_fault() -> None:
    assert {lack for lack, _ in ADDRESSES} == set(oauth2_person._LACKS)


def test_a_profile_s_own_address_never_counts_beside_the_list() -> None:
    shown = dict.fromkeys(("email", "mail", "emailAddress", "notification_email"), "ada@acme.example")
    said = accepted(
        {"id": 1, **shown, "email_verified": True}, {**HEARD, "emails_endpoint": ()},
        replace(TERMS, address_needed=False),
    )  # fmt: skip
    assert said.attributes.keys() & {*shown, "email_verified"} == set()
    assert said.email_verified is None


@pytest.mark.parametrize(
    ("verified", "meaning"), [(True, True), ("true", True), (False, False), (None, None), (1, None)]
)
def test_without_a_list_the_profile_says_it(verified: Any, meaning: Any) -> None:
    said = accepted({**PROFILE, "email_verified": verified}, {})
    assert (said.attributes["email"], said.email_verified) == (("shown@elsewhere.example",), meaning)


def test_a_list_that_failed_is_no_absence_of_addresses() -> None:
    failure = ProviderUnavailable("oauth2.api_status", "the list …")
    for needed in (True, False):
        with pytest.raises(ProviderUnavailable, match=r"^oauth2\.api_status: "):
            accepted(heard={"emails_endpoint": failure}, terms=replace(TERMS, address_needed=needed))


# ── the groups ────────────────────────────────────────────────────────────────────────────


def presence(heard: Heard, profile: Mapping[str, Any] = PROFILE) -> tuple[Presence, tuple[str, ...]]:
    who = normalize(
        accepted(profile, heard), connection="github", organization="acme", attributes={}, split_groups="auto"
    )
    return who.groups.presence, who.groups.names


def test_groups_are_present_empty_or_unobtainable() -> None:
    failure = ProviderUnavailable("oauth2.api_status", "the list …")
    emails: Heard = {"emails_endpoint": (ADDRESS,)}
    assert presence(HEARD) == (Presence.PRESENT, ("acme", "acme/admins"))
    assert presence({**HEARD, "organizations_endpoint": (), "teams_endpoint": ()}) == (Presence.EMPTY, ())
    for listing in oauth2_api.LISTINGS[1:]:  # half of them are none
        assert presence({**HEARD, listing: failure}) == (Presence.UNOBTAINABLE, ())
    assert presence(emails, {**PROFILE, "groups": ["staff"]}) == (Presence.PRESENT, ("staff",))


def test_a_profile_s_own_groups_never_count_beside_the_lists() -> None:
    profile = {**PROFILE, "groups": ["acme/admins"], "roles": ["admin"], "team_ids": [11]}
    empty: Heard = {**HEARD, "organizations_endpoint": (), "teams_endpoint": ()}
    assert presence(empty, profile) == (Presence.EMPTY, ())
    assert "team_ids" not in accepted(profile, empty).attributes


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("organizations_endpoint", {**ACME, "login": None}),
    ("organizations_endpoint", {**ACME, "login": " "}),
    ("organizations_endpoint", {**ACME, "login": "acme/admins"}),
    ("organizations_endpoint", {**ACME, "login": "ac\nme"}),
    ("organizations_endpoint", {**ACME, "id": "1"}),
    ("organizations_endpoint", {**ACME, "id": True}),
    ("organizations_endpoint", {**ACME, "id": 1.0}),
    ("teams_endpoint", {**TEAM, "slug": None}),
    ("teams_endpoint", {**TEAM, "slug": "a/b"}),
    ("teams_endpoint", {**TEAM, "organization": None}),
    ("teams_endpoint", {**TEAM, "organization": "acme"}),
    ("teams_endpoint", {**TEAM, "organization": {"id": 1}}),
    ("teams_endpoint", {**TEAM, "id": None}),
]


@pytest.mark.parametrize(("listing", "entry"), MALFORMED)
def test_an_entry_that_cannot_be_read_makes_all_of_them_unobtainable(listing: Any, entry: Any) -> None:
    said = accepted(heard={**HEARD, listing: (entry,)})
    assert said.unobtainable == {"groups", "organization_ids", "team_ids"}
    assert [check.code for check in said.checks if check.said] == ["oauth2.api_malformed"]


# ── pages, statuses, scopes ───────────────────────────────────────────────────────────────

ASKED = "https://api.github.com/user/orgs?per_page=100"
NEXT = "https://api.github.com/user/4711/orgs?per_page=100&page=2"


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("", ""),
        (f'<{NEXT}>; rel="next"', NEXT),
        (f"<{NEXT}>; rel=next", NEXT),
        (f'<{NEXT}>; rel="next", <{ASKED}&page=9>; rel="last"', NEXT),
        (f'<{ASKED}>; rel="first prev",<{NEXT}>;rel="last next"', NEXT),
        (f'<{NEXT}>; title="a, b; c"; REL="NEXT"', NEXT),
        ('</user/orgs?page=2>; rel="next"', "https://api.github.com/user/orgs?page=2"),
        ('<?page=2>; rel="next"', "https://api.github.com/user/orgs?page=2"),
        (f'<{ASKED}>; rel="prev"', ""),
        (f"<{NEXT}>", ""),
    ],
)
def test_the_next_page(link: str, following: str) -> None:
    assert oauth2_api.next_page(link, asked=ASKED) == following


@pytest.mark.parametrize(
    "link",
    [
        '<https://evil.example/user/orgs>; rel="next"',
        '<//evil.example/user/orgs>; rel="next"',
        '<http://api.github.com/user/orgs>; rel="next"',
        '<https://api.github.com:8443/user/orgs>; rel="next"',
        '<https://api.github.com.evil.example/>; rel="next"',
        '<https://api.github.com@evil.example/>; rel="next"',
        r'<https://api.github.com\@evil.example/>; rel="next"',
        '<https://api.github.com>; rel="next"',
        '<https://api.github.com/a b>; rel="next"',
        '<https://api.github.com/ä>; rel="next"',
        '<javascript:alert(1)>; rel="next"',
        f'<{NEXT}>; rel="next", <{NEXT}3>; rel="next"',
        f'{NEXT}; rel="next"',
        f'<{NEXT}; rel="next"',
        f'<{NEXT}>; rel="next',
        f'<{NEXT}>; rel="next" and more',
        f'<{NEXT}>; rel="next", {"x" * 5000}',
        "<" * 4096,
    ],
)
def test_a_next_page_elsewhere_or_unreadable_is_not_followed(link: str) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oauth2\.api_link: ") as caught:
        oauth2_api.next_page(link, asked=ASKED)
    assert "evil" not in caught.value.detail


def test_a_first_page_is_a_large_one() -> None:
    assert oauth2_api.first_page("https://api.github.com/user/orgs") == ASKED
    assert oauth2_api.first_page("https://a.example/?x=1") == "https://a.example/?x=1&per_page=100"


def test_the_token_goes_into_a_header() -> None:
    assert oauth2_api.headers(API, TOKENS) == {
        "X-GitHub-Api-Version": "2022-11-28",
        "Authorization": "Bearer gho_x",
    }


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.github+json"]
)
def test_an_answer_of_the_api(kind: str) -> None:
    assert oauth2_api.read_profile(200, kind, b'{"id":1}') == {"id": 1}
    assert oauth2_api.read_entries(200, kind, b"[]", listing="teams_endpoint") == ()
    assert oauth2_api.read_entries(200, kind, b'[{"id":1}]', listing="teams_endpoint") == ({"id": 1},)


JSON = "application/json"
LIMIT = json.dumps({"message": "You have exceeded a secondary rate limit."}).encode()
API_FAULTS: list[tuple[str, int, str, bytes]] = [
    *((code, status, JSON, b'{"message":"no"}') for status, (code, _) in oauth2_api.STATUSES.items()),
    ("oauth2.api_rate_limited", 403, JSON, LIMIT),
    ("oauth2.api_rate_limited", 403, "text/html", b"API Rate Limit Exceeded"),
    ("oauth2.api_status", 500, JSON, b"{}"),
    ("oauth2.api_status", 503, "text/html", b"<p>"),
    ("oauth2.api_status", 204, "", b""),
    ("oauth2.api_status", 201, JSON, b"{}"),
    ("oauth2.api_content_type", 200, "text/html", b"{}"),
    ("oauth2.api_content_type", 200, "", b"{}"),
    ("oauth2.api_content_type", 200, "application/jsonp", b"{}"),
    ("oauth2.api_malformed", 200, JSON, b""),
    ("oauth2.api_malformed", 200, JSON, b"7"),
    ("oauth2.api_malformed", 200, JSON, b'["a"]'),
    ("oauth2.api_malformed", 200, JSON, b"null"),
    ("oauth2.api_malformed", 200, JSON, b'[{"id":1,"id":2}]'),
    ("oauth2.api_malformed", 200, JSON, b'[{"id":' + b"9" * 5000 + b"}]"),
    ("oauth2.api_malformed", 200, JSON, b"[" * 100_000),
]


@pytest.mark.parametrize(("code", "status", "kind", "body"), API_FAULTS)
def test_one_fault_of_an_answer_of_the_api(code: str, status: int, kind: str, body: bytes) -> None:
    for read in (
        lambda: oauth2_api.read_profile(status, kind, body),
        lambda: oauth2_api.read_entries(status, kind, body, listing="emails_endpoint"),
    ):
        with pytest.raises(ProviderUnavailable, match=f"^{code}: "):
            read()


def test_a_list_is_no_profile_and_a_profile_no_list() -> None:
    with pytest.raises(ProviderUnavailable, match=r"^oauth2\.api_malformed: "):
        oauth2_api.read_profile(200, JSON, b"[]")
    with pytest.raises(ProviderUnavailable, match=r"^oauth2\.api_malformed: "):
        oauth2_api.read_entries(200, JSON, b"{}", listing="emails_endpoint")


@pytest.mark.parametrize(
    ("granted", "reached"),
    [
        (None, True),  # a GitHub App: asked, and told by the answer
        (frozenset({"user:email"}), True),
        (frozenset({"user", "repo"}), True),
        (frozenset({"read:org"}), False),
        (frozenset({"user:emails"}), False),
        (frozenset(), False),
    ],
)
def test_what_a_grant_reaches(granted: frozenset[str] | None, reached: Any) -> None:
    lack = oauth2_api.unreached(API, "emails_endpoint", granted)
    assert (lack is None) == reached
    assert lack is None or (lack.code, "add user:email to scopes" in lack.detail) == ("oauth2.scope", True)
    assert oauth2_api.unreached(API, "teams_endpoint", granted) is None  # of which nothing is known


@pytest.mark.parametrize(
    ("status", "code"), [(403, "oauth2.scope"), (404, "oauth2.scope"), (500, "oauth2.api_status")]
)
def test_what_an_app_without_scopes_may_not_ask_is_a_matter_of_its_permissions(
    status: int, code: str
) -> None:
    with pytest.raises(FederationError) as caught:
        oauth2_api.read_entries(status, JSON, b"{}", listing="emails_endpoint")
    untold = replace(TOKENS, scopes=None)
    assert oauth2_api.understood(caught.value, API, "emails_endpoint", untold).code == code
    assert oauth2_api.understood(caught.value, API, "emails_endpoint", TOKENS) is caught.value
