"""The property of provisioning: after any sequence, users, teams and grants are as a plain model says.

Two directories of one organization and one of another make, change, deactivate and delete people and
groups; some of the people sign in, and somebody is given a role by hand. After each step the answer, all
that is kept, and what live sessions say are held against ``directory_model.Model``. What one request
means is told elsewhere, by hand.
"""

import asyncio
import dataclasses
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import stair
from databases import ENGINES
from directory import CONNECTIONS, Directory, World, group, provisioned
from directory import user as person
from directory_model import ADDRESS, EXTERNAL, ORGANIZATION, RULES, Model, Person
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from federation.administration import places
from federation.store.people_values import Terms

NAMES = ("platform-admins", "crew", "staff", "nobodies")
WHERE = st.sampled_from(["okta", "entra", "okta", "entra", "other"])
WHO, AT, NAME = st.sampled_from(sorted(ADDRESS)), st.integers(0, 11), st.sampled_from(NAMES)
ATTRIBUTES = st.fixed_dictionaries(
    {
        "plain": st.booleans(),  # userName is a name that says nothing, not their address
        "mail": st.booleans(),
        "known": st.booleans(),  # externalId is what their provider calls them
        "title": st.sampled_from(["Dr", "Prof"]),
        "name": st.sampled_from(["One", "Another"]),
        "active": st.sampled_from([True, True, False]),
    }
)
MEMBERS = st.lists(AT, max_size=4)
PEEK = {
    "people": """SELECT connection, id, user_id, user_name, external_id, display_name, email_key, active,
      version, CASE WHEN refused = '' THEN 1 ELSE 0 END FROM scim_user""",
    "due": "SELECT connection, id FROM scim_user WHERE due_at IS NOT NULL",
    "groups": "SELECT connection, id, display_name, version, size FROM scim_group",
    "members": "SELECT connection, group_id, member_id FROM scim_member",
    "users": 'SELECT id FROM "user"',
    "memberships": "SELECT organization_id, user_id, source FROM membership",
    "roles": "SELECT organization_id, user_id, role, source FROM role_grant",
    "teams": "SELECT organization_id, user_id, team_key, source FROM team_membership",
    "out": "SELECT organization_id, user_id, source FROM deactivation",
    "awaited": "SELECT source, user_id, email_key FROM provisioned_user",
    "accounts": "SELECT connection, user_id, email_key, display_name FROM account",
    "sessions": "SELECT organization_id, user_id FROM session WHERE ended_at IS NULL",
}


@dataclass
class Running:
    """The service, the loop in which it is asked, and what looks at its tables."""

    runner: asyncio.Runner
    world: World
    peek: asyncpg.Connection | None  # None of SQLite
    terms: Terms
    browsers: list[httpx2.AsyncClient] = field(default_factory=list)

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def tables(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Read everything that the model tells of."""
        if self.peek is not None:
            return {name: self._fetched(statement) for name, statement in PEEK.items()}
        with closing(sqlite3.connect(self.world.url.removeprefix("sqlite:///"))) as db:
            return {name: Counter(map(_text, db.execute(one).fetchall())) for name, one in PEEK.items()}

    def _fetched(self, statement: str) -> Counter[tuple[Any, ...]]:
        assert self.peek is not None
        return Counter(_text(tuple(row)) for row in self.run(self.peek.fetch(statement)))


def _text(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.decode() if isinstance(one, bytes) else one for one in row)


PEOPLED = precondition(lambda self: any(self.model.people.values()))
GROUPED = precondition(lambda self: any(self.model.groups.values()))


class Sequence(RuleBasedStateMachine):
    """Directories, people who come, and an administrator."""

    running: Running

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.sessions: list[httpx2.AsyncClient] = []  # as the model's
        self.world = self.running.world
        self.run = self.running.run
        self.run(self.world.clear())

    # people of a directory

    @rule(where=WHERE, who=WHO, told=ATTRIBUTES, upper=st.booleans())
    def create(self, where: str, who: str, told: dict[str, Any], *, upper: bool) -> None:
        body = _body(where, who, told)
        answer = self.run(self.directory(where).post("/Users", _shout(body) if upper else body))
        if self.model.taken(where, body["userName"]):
            assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
            return
        assert answer.status_code == 201, answer.text
        key = answer.json()["id"]
        new = _person(body["userName"].upper() if upper else body["userName"], body)
        owner = self.model.owner(where, new)
        ((whose,),) = self.run(self.world.ask(f"SELECT user_id FROM scim_user WHERE id = '{key}'"))  # noqa: S608
        assert whose == owner if owner else whose not in self.model.users
        self.model.add(where, key, _of(new, whose))
        self.answered(where, "Users", key, answer.json())

    @PEOPLED
    @rule(at=AT, told=ATTRIBUTES)
    def replace(self, at: int, told: dict[str, Any]) -> None:
        where, key = self.one_of(self.model.people, at)
        body = _body(where, self.who(where, key), told)
        answer = self.run(self.directory(where).put(f"/Users/{key}", body))
        if self.model.taken(where, body["userName"], but=key):
            assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
            return
        self.changes(where, key, answer, _person(body["userName"], body))

    @PEOPLED
    @rule(at=AT, told=ATTRIBUTES, one=st.sampled_from(["title", "displayName", "externalId"]))
    def patch(self, at: int, told: dict[str, Any], one: str) -> None:
        where, key = self.one_of(self.model.people, at)
        body = _body(where, self.who(where, key), told)
        operation = {"op": "Replace", "path": one, "value": body[one]}
        answer = self.run(self.directory(where).patch(f"/Users/{key}", operation))
        names = {"title": "title", "displayName": "display_name", "externalId": "external_id"}
        was = self.model.people[where][key]
        self.changes(where, key, answer, _with(was, **{names[one]: body[one]}))

    @PEOPLED
    @rule(at=AT, active=st.booleans(), as_text=st.booleans())
    def activate(self, at: int, *, active: bool, as_text: bool) -> None:
        where, key = self.one_of(self.model.people, at)
        value = str(active) if as_text else active  # Entra's way, and Okta's
        told = {"path": "active", "value": value} if as_text else {"value": {"active": value}}
        answer = self.run(self.directory(where).patch(f"/Users/{key}", {"op": "replace", **told}))
        self.changes(where, key, answer, _with(self.model.people[where][key], active=active))

    @PEOPLED
    @rule(at=AT)
    def delete(self, at: int) -> None:
        where, key = self.one_of(self.model.people, at)
        answer = self.run(self.directory(where).delete(f"/Users/{key}"))
        assert answer.status_code == 204, answer.text
        self.model.remove(where, key)
        assert self.run(self.directory(where).get(f"/Users/{key}")).status_code == 404

    @PEOPLED
    @rule(at=AT)
    def ask_another(self, at: int) -> None:
        """An id of a connection is nobody's at another one."""
        where, key = self.one_of(self.model.people, at)
        there, path = self.directory("other" if where == "okta" else "okta"), f"/Users/{key}"
        deactivate = {"op": "replace", "path": "active", "value": False}
        for answer in (there.get(path), there.delete(path), there.patch(path, deactivate)):
            assert self.run(answer).status_code == 404

    # groups of a directory

    @rule(where=WHERE, name=NAME, members=MEMBERS)
    def create_group(self, where: str, name: str, members: list[int]) -> None:
        keys = self.members(where, members)
        answer = self.run(self.directory(where).post("/Groups", group(name, *sorted(keys))))
        assert answer.status_code == 201, answer.text
        key = answer.json()["id"]
        self.model.set_group(where, key, name, keys)
        self.answered(where, "Groups", key, answer.json())

    @GROUPED
    @rule(at=AT, members=MEMBERS, verb=st.sampled_from(["add", "remove", "replace"]))
    def patch_members(self, at: int, members: list[int], verb: str) -> None:
        where, key = self.one_of(self.model.groups, at)
        keys, was = self.members(where, members), self.model.groups[where][key]
        value = [{"value": one} for one in sorted(keys)]
        operations = [{"op": verb, "path": "members", "value": value}]
        if verb == "remove":
            operations = [{"op": verb, "path": f'members[value eq "{one}"]'} for one in sorted(keys)]
        if not operations:
            return
        now = {"add": was.members | keys, "remove": was.members - keys, "replace": keys}[verb]
        answer = self.run(self.directory(where).patch(f"/Groups/{key}", *operations))
        self.changes_group(where, key, answer, was.name, now)

    @GROUPED
    @rule(at=AT, name=NAME)
    def rename(self, at: int, name: str) -> None:
        where, key = self.one_of(self.model.groups, at)
        value = {"op": "replace", "value": {"id": key, "displayName": name}}
        answer = self.run(self.directory(where).patch(f"/Groups/{key}", value))
        self.changes_group(where, key, answer, name, self.model.groups[where][key].members)

    @GROUPED
    @rule(at=AT, name=NAME, members=st.none() | MEMBERS)
    def put_group(self, at: int, name: str, members: list[int] | None) -> None:
        where, key = self.one_of(self.model.groups, at)
        was = self.model.groups[where][key]
        keys = was.members if members is None else self.members(where, members)
        body = group(name, *sorted(keys))
        if members is None:
            del body["members"]  # nothing is said of them
        answer = self.run(self.directory(where).put(f"/Groups/{key}", body))
        self.changes_group(where, key, answer, name, keys)

    @GROUPED
    @rule(at=AT)
    def delete_group(self, at: int) -> None:
        where, key = self.one_of(self.model.groups, at)
        answer = self.run(self.directory(where).delete(f"/Groups/{key}"))
        assert answer.status_code == 204, answer.text
        self.model.remove_group(where, key)
        self.settled()

    # whoever comes, and an administrator

    @rule(where=WHERE, who=WHO)
    def sign_in(self, where: str, who: str) -> None:
        expected, user = self.model.sign_in(where, who)
        browser = self.world.stair.browser()
        answer = self.run(self._come(browser, CONNECTIONS[where], who))
        code = "" if answer.status_code == 303 else self.run(self.world.stair.code(answer))
        assert code == expected
        if not code:
            found = self.run(browser.get("/session")).json()["user"]["id"]
            assert found == user if user else found not in self.model.users
            self.sessions.append(browser)
            self.model.enter(where, who, found)

    async def _come(self, browser: httpx2.AsyncClient, connection: str, who: str) -> httpx2.Response:
        if connection == "acme-oidc":
            return await browser.get(await self.world.stair.oidc(browser, who))
        form = await self.world.stair.saml(browser, who, connection)
        return await browser.post(f"/saml/{connection}/acs", data=form)

    @precondition(lambda self: self.model.users)
    @rule(at=AT, give=st.booleans())
    def grant_by_hand(self, at: int, *, give: bool) -> None:
        user = sorted(self.model.users)[at % len(self.model.users)]
        store = self.world.stair.house.store
        done = store.set_grant("acme", user, "auditor", self.running.terms, self.now(), give=give)
        self.run(done)
        (self.model.by_hand.add if give else self.model.by_hand.discard)(("acme", user, "auditor"))

    # what must be so

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        found, model = self.running.tables(), self.model
        people = [(where, key, one) for where, told in model.people.items() for key, one in told.items()]
        groups = [(where, key, one) for where, told in model.groups.items() for key, one in told.items()]
        expected: dict[str, Iterable[tuple[Any, ...]]] = {
            "people": [
                (
                    *(CONNECTIONS[where], key, one.user, one.user_name, one.external_id),
                    *(one.display_name, one.email, int(one.active), one.version),
                    int((where, one.user) in model.provided),
                )
                for where, key, one in people
            ],
            "due": [],
            "groups": [
                (CONNECTIONS[where], key, one.name, one.version, len(one.members))
                for where, key, one in groups
            ],
            "members": [
                (CONNECTIONS[where], key, member) for where, key, one in groups for member in one.members
            ],
            "users": [(one,) for one in model.users],
            "memberships": model.memberships(),
            "roles": model.given(0),
            "teams": model.given(1),
            "out": [(ORGANIZATION[where], user, f"scim:{CONNECTIONS[where]}") for where, user in model.out],
            "awaited": [
                (f"scim:{CONNECTIONS[where]}", user, email) for (where, user), email in model.awaited.items()
            ],
            "accounts": [
                (CONNECTIONS[where], one.user, ADDRESS[who], one.display_name)
                for (where, who), one in model.accounts.items()
            ],
            "sessions": [one for one in model.sessions if one[0]],
        }
        for name, rows in expected.items():
            assert found[name] == Counter(rows), name

    @invariant()
    def live_sessions_say_it(self) -> None:
        self.now()
        for browser, (organization, user) in zip(self.sessions, self.model.sessions, strict=True):
            answer = self.run(browser.get("/session"))
            heard = answer.json() if answer.status_code == 200 else {}
            told = [
                {
                    name
                    for where, whose, name, _ in self.model.given(which)
                    if (where, whose) == (organization, user)
                }
                for which in (0, 1)
            ]
            said = [
                set(heard.get("roles", ())),
                {one if isinstance(one, str) else one["key"] for one in heard.get("teams", ())},
            ]
            assert (said, bool(heard)) == (told if organization else [set(), set()], bool(organization))

    # how

    def directory(self, where: str) -> Directory:
        self.now()
        there: Directory = getattr(self.world, where)
        return there

    def now(self) -> Any:
        self.world.stair.clock.at += timedelta(seconds=2)  # what a node remembers is a second old at most
        return self.world.stair.clock.at

    def settled(self) -> None:
        """Whom no request named is decided of in the background."""
        self.run(self.world.stair.house.provisioner.settle_due(self.now()))

    def one_of(self, told: Mapping[str, Iterable[str]], at: int) -> tuple[str, str]:
        among = sorted((where, key) for where, keys in told.items() for key in keys)
        return among[at % len(among)]

    def who(self, where: str, key: str) -> str:
        name = self.model.people[where][key].user_name.lower()
        return next(who for who in ADDRESS if name.startswith(who))

    def members(self, where: str, at: list[int]) -> frozenset[str]:
        """Return ids of people and groups of the directory, and of one whom it has not."""
        among = [*sorted([*self.model.people[where], *self.model.groups[where]]), "a-stranger"]
        return frozenset(among[one % len(among)] for one in at)

    def changes(self, where: str, key: str, answer: httpx2.Response, now: Person) -> None:
        assert answer.status_code == 200, answer.text
        told = {name: getattr(now, name) for name in _NAMES}
        self.model.change(where, key, **told)
        self.answered(where, "Users", key, answer.json())

    def changes_group(
        self, where: str, key: str, answer: httpx2.Response, name: str, members: frozenset[str]
    ) -> None:
        assert answer.status_code == 200, answer.text
        self.model.set_group(where, key, name, members)
        self.answered(where, "Groups", key, answer.json())
        self.settled()

    def answered(self, where: str, kind: str, key: str, said: dict[str, Any]) -> None:
        """Hold an answer, and what is read then, against the model."""
        read = self.run(self.directory(where).read(f"/{kind}/{key}"))
        assert read == said
        if kind == "Groups":
            one = self.model.groups[where][key]
            assert read["displayName"] == one.name
            assert {each["value"] for each in read.get("members", ())} == one.members
            assert read["meta"]["version"] == f'W/"{one.version}"'
            return
        person = self.model.people[where][key]
        assert _person(read["userName"], read, version=person.version) == _of(person, "")
        assert {one["value"] for one in read.get("groups", ())} == self.model.groups_of(where, key)
        assert read["meta"]["version"] == f'W/"{person.version}"'


_NAMES = ("user_name", "external_id", "display_name", "title", "emails", "active")


def _body(where: str, who: str, told: dict[str, Any]) -> dict[str, Any]:
    return person(
        f"{who}.plain" if told["plain"] else ADDRESS[who],
        externalId=EXTERNAL[where][who] if told["known"] else f"{who}-1",
        displayName=f"{who} {told['name']}",
        name=None,
        title=told["title"],
        emails=[{"value": ADDRESS[who], "primary": True}] if told["mail"] else [],
        active=told["active"],
    )


def _shout(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"userName": body["userName"].upper()}


def _person(user_name: str, told: dict[str, Any], version: int = 1) -> Person:
    return Person(
        user="",
        user_name=user_name,
        external_id=told["externalId"],
        display_name=told["displayName"],
        title=told["title"],
        emails=tuple(one["value"] for one in told.get("emails", ())),
        active=told["active"],
        version=version,
    )


def _with(one: Person, **told: Any) -> Person:
    return dataclasses.replace(one, **told)


def _of(one: Person, user: str) -> Person:
    return _with(one, user=user)


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_directories_say_users_teams_and_grants_are_as_a_plain_model_says(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    trusting = {"email_trust": "domains", "on_email_match": "link"}
    rules = [{"name": one, "groups": [one], "roles": [role]} for one, role in RULES.items()]
    crew = {"acme": {"teams": {"crew": {"name": "Crew", "groups": ["crew"]}}}, "globex": {"name": "Globex"}}
    opening = provisioned(
        engine,
        request,
        tmp_path,
        okta=trusting | {"scim": {"external_id": ["department"]}},
        entra=trusting
        | {"scim": {"external_id": ["sub"]}, "role_rules": rules, "strict": True, "match": "all"},
        other={"role_rules": rules[:1]},
        overrides={"organizations": crew},
    )
    listening = stair.listening()
    with asyncio.Runner() as runner:
        world = runner.run(opening.__aenter__())
        runner.run(listening.__aenter__())
        peek = runner.run(asyncpg.connect(world.url)) if engine == "postgresql" else None
        signin = world.stair.house.signin
        terms = places.terms(
            signin.deciding.organizations["acme"], tuple(CONNECTIONS.values())[:2], force=True
        )
        machine = type("InService", (Sequence,), {"running": Running(runner, world, peek, terms)})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=20,
                    stateful_step_count=20,
                    deadline=None,
                    phases=(Phase.generate,),  # to make a sequence shorter takes minutes
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            if peek is not None:
                runner.run(peek.close())
            runner.run(listening.__aexit__(None, None, None))
            runner.run(opening.__aexit__(None, None, None))
