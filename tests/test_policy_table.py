"""The table of policy: who arrives, what the rules say, what became of the groups; by every way in.

One expected outcome stands for SAML, OpenID Connect and OAuth 2.0, on SQLite and on PostgreSQL:
each cell is a whole sign-in with real messages, and what the database and every session say after
it. The values are written by hand, from issue 5 and docs/mapping.md.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from databases import ENGINES, ask, fresh_url
from ways import PROTOCOLS, SECOND, SENT, Protocol, Sent, Ways, opened

from federation.operator import by_hand
from federation.records import recorded
from federation.records.records import Kept
from federation.vault import hash_token
from federation.web import cookies

# Whoever comes, where the rules below are in force now.
PEOPLE = {
    # who          has before            is found as
    "new":         ("",                   "new"),
    "existing":    ("admin buyer clerk",  "subject"),  # by BEFORE, and by hand
    "invited":     ("",                   "invited"),  # to be a reader
    "provisioned": ("viewer",             "provisioned"),
}  # fmt: skip

ADMINS = {"name": "admins", "groups": ["platform-admins"], "roles": ["admin"]}
ENGINEERS = {"name": "engineers", "attribute": "of everybody", "roles": ["editor"]}
NOBODY = {"name": "nobody", "groups": ["nobody"], "roles": ["owner"]}
BROKEN = {"name": "broken", "when": "attributes.clearance[0] == 'top'", "roles": ["owner"]}  # nobody sends it
OUTSIDERS = {"name": "outsiders", "when": "!('platform-admins' in groups)", "roles": ["guest"]}
EARLIER = {"name": "earlier", "groups": ["staff"], "roles": ["buyer"]}
BEFORE = {"role_rules": [ADMINS, EARLIER], "match": "all"}
RULES: dict[str, dict[str, Any]] = {
    "match":            {"role_rules": [ADMINS, ENGINEERS]},
    "match-all":        {"role_rules": [ADMINS, ENGINEERS], "match": "all"},
    "no-match":         {"role_rules": [NOBODY]},
    "no-match-keep":    {"role_rules": [NOBODY], "on_no_match": "keep"},
    "strict":           {"role_rules": [ADMINS], "strict": True},
    "strict-no-match":  {"role_rules": [NOBODY], "strict": True},
    "strict-negated":   {"role_rules": [OUTSIDERS], "strict": True},
    "rule-error":       {"role_rules": [BROKEN]},
    "rule-error-match": {"role_rules": [BROKEN, ADMINS]},
}  # fmt: skip
ORIGIN = {
    # each role of the table has one source, and one reason
    "admin":    ("this connection", "admins"),
    "editor":   ("this connection", "engineers"),
    "buyer":    ("this connection", "earlier"),
    "guest":    ("this connection", "outsiders"),
    "member":   ("this connection", "default (organization)"),
    "owner":    ("this connection", "never"),
    "clerk":    ("manual",          "manual"),
    "viewer":   ("manual",          "made beforehand"),
    "reader":   ("invitation",      "its id"),
}  # fmt: skip
NO_RULE, UNDETERMINED = "policy.no_rule", "policy.rule.undetermined"
TABLE = [
    # who           rules               groups present         empty                  unobtainable
    ("new",         "match",            "admin",               "editor",              ""),
    ("new",         "match-all",        "admin editor",        "editor",              "editor"),
    ("new",         "no-match",         "member",              "member",              ""),
    ("new",         "no-match-keep",    "member",              "member",              ""),
    ("new",         "strict",           "admin",               NO_RULE,               UNDETERMINED),
    ("new",         "strict-no-match",  NO_RULE,               NO_RULE,               UNDETERMINED),
    ("new",         "strict-negated",   NO_RULE,               "guest",               UNDETERMINED),
    ("new",         "rule-error",       "member",              "member",              "member"),
    ("new",         "rule-error-match", "admin",               "member",              ""),

    ("existing",    "match",            "admin clerk",         "clerk editor",        "admin buyer clerk"),
    ("existing",    "match-all",        "admin clerk editor",  "clerk editor",        "admin clerk editor"),
    ("existing",    "no-match",         "clerk member",        "clerk member",        "admin buyer clerk"),
    ("existing",    "no-match-keep",    "admin buyer clerk",   "admin buyer clerk",   "admin buyer clerk"),
    ("existing",    "strict",           "admin clerk",         NO_RULE,               UNDETERMINED),
    ("existing",    "strict-no-match",  NO_RULE,               NO_RULE,               UNDETERMINED),
    ("existing",    "strict-negated",   NO_RULE,               "clerk guest",         UNDETERMINED),
    ("existing",    "rule-error",       "clerk member",        "clerk member",        "clerk member"),
    ("existing",    "rule-error-match", "admin clerk",         "clerk member",        "admin buyer clerk"),

    ("invited",     "match",            "admin reader",        "editor reader",       "reader"),
    ("invited",     "match-all",        "admin editor reader", "editor reader",       "editor reader"),
    ("invited",     "no-match",         "member reader",       "member reader",       "reader"),
    ("invited",     "no-match-keep",    "member reader",       "member reader",       "reader"),
    ("invited",     "strict",           "admin reader",        NO_RULE,               UNDETERMINED),
    ("invited",     "strict-no-match",  NO_RULE,               NO_RULE,               UNDETERMINED),
    ("invited",     "strict-negated",   NO_RULE,               "guest reader",        UNDETERMINED),
    ("invited",     "rule-error",       "member reader",       "member reader",       "member reader"),
    ("invited",     "rule-error-match", "admin reader",        "member reader",       "reader"),

    ("provisioned", "match",            "admin viewer",        "editor viewer",       "viewer"),
    ("provisioned", "match-all",        "admin editor viewer", "editor viewer",       "editor viewer"),
    ("provisioned", "no-match",         "member viewer",       "member viewer",       "viewer"),
    ("provisioned", "no-match-keep",    "member viewer",       "member viewer",       "viewer"),
    ("provisioned", "strict",           "admin viewer",        NO_RULE,               UNDETERMINED),
    ("provisioned", "strict-no-match",  NO_RULE,               NO_RULE,               UNDETERMINED),
    ("provisioned", "strict-negated",   NO_RULE,               "guest viewer",        UNDETERMINED),
    ("provisioned", "rule-error",       "member viewer",       "member viewer",       "member viewer"),
    ("provisioned", "rule-error-match", "admin viewer",        "member viewer",       "viewer"),
]  # fmt: skip
CELLS = {(who, rules, sent): told for who, rules, *row in TABLE for sent, told in zip(SENT, row, strict=True)}


def test_the_table_has_every_cell_once() -> None:
    assert set(CELLS) == set(itertools.product(PEOPLE, RULES, SENT))
    assert len(TABLE) * len(SENT) == len(CELLS)
    assert {"match", "no-match", "strict", "rule-error"} <= RULES.keys()
    assert (set(PROTOCOLS), set(ENGINES)) == ({"saml", "oidc", "oauth2"}, {"sqlite", "postgresql"})
    roles = {role for told in CELLS.values() if not told.startswith("policy.") for role in told.split()}
    assert roles == ORIGIN.keys() - {"owner"}  # what a rule gives that never holds


@pytest.fixture(scope="module", params=ENGINES)
async def ways(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ways]:
    place = tmp_path_factory.mktemp("ways")
    with fresh_url(request, place) as url:
        async with opened(place, url, before=BEFORE, rules=RULES) as both:
            yield both


class Cell:
    """One person, in one place of the table."""

    def __init__(self, ways: Ways, who: str, connection: str) -> None:
        self.ways, self.who, self.connection = ways, who, connection
        self.email = ways.somebody()
        self.store = ways.now.house.store
        self.browser: httpx2.AsyncClient | None = None  # in which they come
        self.earlier: list[httpx2.AsyncClient] = []  # browsers in which they are signed in

    async def prepare(self) -> None:
        if self.who == "existing":
            browser, _ = await self.ways.arrive(self.ways.before, self.connection, self.email, "present")
            user = (await browser.get("/session")).json()["user"]["id"]
            self.earlier.append(browser)
            terms = by_hand.terms(self.ways.now.config, "acme", force=False)
            await self.store.set_grant("acme", user, "clerk", terms, self.ways.clock(), give=True)
        elif self.who == "invited":
            self.browser = await self.ways.invite(self.email, "reader")
        elif self.who == "provisioned":
            await self.store.add_person(
                "acme", self.email, connection=self.connection, roles=("viewer",), now=self.ways.clock()
            )
        assert await self.roles() == PEOPLE[self.who][0].split()

    async def roles(self) -> list[str]:
        """Return the roles that are kept, once it is sure where each comes from."""
        found = await ask(self.ways.url, _GRANTS.format(email=self.email))
        here = {f"connection:{self.connection}": "this connection"}
        origins = [(role, (here.get(source, source), why)) for role, source, why in found]
        for role, (source, why) in origins:
            expected = ORIGIN[role]
            assert (source, why) == (expected if source != "invitation" else (expected[0], why)), origins
            assert source != "invitation" or len(why) == 36
        return sorted(role for role, _ in origins)

    async def kept(self, answer: httpx2.Response) -> tuple[Kept, str]:
        """Return what is recorded of the attempt, and its code."""
        if answer.status_code != 303:
            record = await self.store.find_record(answer.json()["error"]["reference"])
            assert record is not None
        else:
            ((person,),) = await ask(self.ways.url, _PERSON.format(email=self.email))
            record = max(await self.store.records_of(person, "acme"), key=lambda one: one.at)
        opened, why = await recorded.opened(self.store, self.ways.now.house.vault, record)
        assert opened is not None, why
        return opened, record.code

    async def sessions_say(self) -> list[list[str]]:
        """Return what each browser's session says, a moment later."""
        later = self.ways.clock() + 2 * SECOND
        tokens = [one.cookies[cookies.name(cookies.SESSION, secure=False)] for one in self.earlier]
        found = [await self.store.find_session(hash_token(token), later) for token in tokens]
        return [sorted(one.roles) for one in found if one is not None]


_GRANTS = """
SELECT role, source, why FROM role_grant WHERE organization_id = 'acme' AND user_id IN (
  SELECT user_id FROM account WHERE email_key = '{email}'
  UNION SELECT user_id FROM provisioned_user WHERE email_key = '{email}')
"""
_PERSON = "SELECT person FROM account WHERE email_key = '{email}'"
_LEFT = """
SELECT (SELECT count(*) FROM account WHERE email_key = '{email}'),
  (SELECT count(*) FROM invitation WHERE email_key = '{email}' AND used_at IS NULL),
  (SELECT count(*) FROM provisioned_user WHERE email_key = '{email}')
"""
LEFT = {"new": (0, 0, 0), "existing": (1, 0, 0), "invited": (0, 1, 0), "provisioned": (0, 0, 1)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
async def test_a_cell(ways: Ways, protocol: Protocol, cell: tuple[str, str, Sent]) -> None:
    who, rules, sent = cell
    one = Cell(ways, who, f"{protocol}-{rules}")
    await one.prepare()
    expected = CELLS[cell]
    browser, answer = await ways.arrive(ways.now, one.connection, one.email, sent, one.browser)
    kept, code = await one.kept(answer)
    failed = {check.code for check in kept.checks if "its condition has no answer" in (check.said or "")}
    assert failed == ({"policy.rule:broken"} if rules.startswith("rule-error") else set())
    assert kept.who is not None
    assert (kept.who.email, kept.who.groups.presence.value) == (one.email, sent)
    if expected.startswith("policy."):
        assert (answer.status_code, code) == (403, expected)
        assert "set-cookie" not in answer.headers
        assert await ask(ways.url, _LEFT.format(email=one.email)) == [LEFT[who]]
        stands = PEOPLE[who][0].split()  # as before: nothing was decided
    else:
        assert (answer.status_code, code) == (303, ""), answer.text
        said = (await browser.get("/session")).json()
        stands = expected.split()
        assert (said["roles"], said["teams"], said["system_roles"]) == (stands, [], [])
        assert kept.how == PEOPLE[who][1]
        assert sorted({grant.role for grant in kept.grants[1]}) == stands
        assert await ask(ways.url, _LEFT.format(email=one.email)) == [(1, 0, 0)]
        one.earlier.append(browser)
    assert await one.roles() == stands
    assert await one.sessions_say() == [stands] * len(one.earlier)
