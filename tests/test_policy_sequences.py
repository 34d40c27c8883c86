"""The property of policy through the real store: whatever happens in between, and in whichever order.

Sign-ins by two connections on two nodes, edited rules, other groups, roles and teams by an
operator's hand: no grant or team membership of another source is ever taken or given, none of its
own is left that nothing gives, and every live session says what the store says. What a rule gives
is told by ``test_policy_grants.Through``, which answers rules by hand.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import asyncpg
from databases import ask, open_session
from decisions import connection as connected
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from test_policy_grants import GROUPS, NAMES, ROLES, RULES, Through, says
from test_store import NOW, ZOE, another

from federation.connection import AnyConnection, Organization
from federation.decision import MANUAL, Decision, TeamMember, of_connection, of_group, of_team
from federation.identity import Grant, Groups, Identity, Presence, Subject
from federation.policy import settlement
from federation.policy import teams as policy_of_teams
from federation.policy.decide import decide
from federation.store.people_values import Terms
from federation.store.store import Store, open_store

CREW = {"crew": {"name": "Crew", "groups": ["a"], "roles": ["sailor"]}}
ACME = Organization.model_validate({"name": "Acme", "default_roles": ["visitor"], "teams": CREW})
DECLARED = policy_of_teams.declared(ACME)
TERMS = Terms(
    connections=("adfs", "okta"),
    declared=frozenset(DECLARED),
    administrators=frozenset(),
    administrator_teams=frozenset(),
    force=True,
    tell=lambda standing: settlement.carried(standing, DECLARED),
)
PEOPLE, CONNECTIONS, TOOLS = ["ada", "bob"], ["adfs", "okta"], ["tools", "b"]  # b: as the group is called
TRUSTING = {"anyone": False, "domains": ["acme.example"], "email_trust": "domains", "on_email_match": "link"}
STEP = timedelta(seconds=2)  # what a node remembers of a session is a second old at most


@dataclass
class Rules(Through):
    """One connection's rules as they are now, and whether it makes teams of groups."""

    makes: bool = False
    crew: frozenset[str] = frozenset()  # names of the rules that lead into the declared team

    def of(self, identifier: str, organization: str) -> AnyConnection:
        rules = [one | ({"teams": ["crew"]} if one["name"] in self.crew else {}) for one in self.rules]
        told = {"role_rules": rules, "match": self.match, "default_roles": self.defaults}
        made = {"create_teams": "from_groups"} if self.makes else {}
        return connected(identifier, organization, **{**TRUSTING, **told, **made})

    def leads(self, groups: Groups, kind: tuple[str, ...]) -> bool:
        """Tell whether a rule leads into the crew."""
        for one in self.rules:
            answer = says(one, groups, kind)
            if answer and one["name"] in self.crew:
                return True
            if self.match == "first" and answer is not False:
                return False
        return False


EDITED = st.builds(
    Rules,
    rules=st.lists(RULES, max_size=3, unique_by=lambda one: one["name"]),
    match=st.sampled_from(["first", "all"]),
    defaults=st.sampled_from([(), ("member",), ("owner",)]),
    makes=st.booleans(),
    crew=st.frozensets(st.sampled_from(["one", "two"])),
)
KINDS = st.sampled_from([(), ("a",), ("b",)])
WHO, BY = st.sampled_from(PEOPLE), st.sampled_from(CONNECTIONS)


@dataclass(frozen=True)
class Stands:
    """What the store says of one user."""

    grants: frozenset[Grant] = frozenset()
    members: frozenset[TeamMember] = frozenset()

    def of(self, source: str) -> "Stands":
        return self._where(lambda one: one == source)

    def but(self, source: str) -> "Stands":
        return self._where(lambda one: one != source)

    def _where(self, means: Any) -> "Stands":
        return Stands(
            frozenset(one for one in self.grants if means(one.source)),
            frozenset(one for one in self.members if means(one.source)),
        )


@dataclass
class Nodes:
    """Two stores on one database, and a loop to ask them in."""

    runner: asyncio.Runner
    url: str
    stores: tuple[Store, Store]
    peek: asyncpg.Connection | None  # beside them; None of SQLite, where ``ask`` opens one in no time
    organizations: int = 0
    tokens: int = 0
    now: Any = field(default=NOW)

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)


class Sequence(RuleBasedStateMachine):
    """Two people, two connections, an operator's hand; an organization of its own each time."""

    nodes: Nodes

    def __init__(self) -> None:
        super().__init__()
        self.nodes.organizations += 1
        self.organization = f"acme{self.nodes.organizations}"
        self.in_force = {name: Rules() for name in CONNECTIONS}
        self.users: dict[str, str] = {}  # by person, once they have come
        self.live: list[tuple[str, int]] = []  # user, and number of the session's token
        self.stood: dict[str, Stands] = {}  # by user, as they were after the last step
        self.teams: dict[str, tuple[str, ...]] = {}  # roles of each that there is, by key
        self.links: set[tuple[str, str, str]] = set()  # team, group, and whose
        self.elsewhere = self.read_elsewhere()

    # what happens

    @rule(name=BY, edited=EDITED)
    def edit_rules(self, name: str, edited: Rules) -> None:
        self.in_force[name] = edited

    @rule(who=WHO, name=BY, groups=GROUPS, kind=KINDS, node=st.sampled_from([0, 1]))
    def sign_in(self, who: str, name: str, groups: Groups, kind: tuple[str, ...], node: int) -> None:
        before = self.stood.get(self.users.get(who, ""), Stands())
        self.enter(who, [(name, self.in_force[name], groups, kind, node)])
        after = self.stood[self.users[who]]
        source = of_connection(name)
        assert after.but(source) == before.but(source)
        told = self.in_force[name]
        assert after.of(source).grants == told.expected(source, groups, kind, set(before.of(source).grants))
        self.hold_teams(name, told, groups, kind, before.of(source), after.of(source))

    @rule(who=WHO, name=BY, edited=EDITED, groups=GROUPS, kind=KINDS)
    def rules_are_edited_meanwhile(
        self, who: str, name: str, edited: Rules, groups: Groups, kind: tuple[str, ...]
    ) -> None:
        """One node has the rules as they were, one as they are: one whole outcome is left, not a mixture."""
        was, source = self.in_force[name], of_connection(name)
        before = self.stood.get(self.users.get(who, ""), Stands())
        self.in_force[name] = edited
        self.enter(who, [(name, was, groups, kind, 0), (name, edited, groups, kind, 1)])
        after = self.stood[self.users[who]]
        assert after.but(source) == before.but(source)
        either = []
        for first, second in ((was, edited), (edited, was)):
            halfway = first.expected(source, groups, kind, set(before.of(source).grants))
            either.append(second.expected(source, groups, kind, halfway))
        assert after.of(source).grants in either

    @rule(who=WHO, groups=GROUPS, kind=KINDS)
    def both_connections_at_once(self, who: str, groups: Groups, kind: tuple[str, ...]) -> None:
        before = self.stood.get(self.users.get(who, ""), Stands())
        self.enter(
            who, [(name, self.in_force[name], groups, kind, at) for at, name in enumerate(CONNECTIONS)]
        )
        after = self.stood[self.users[who]]
        sources = {of_connection(name): self.in_force[name] for name in CONNECTIONS}
        for source, told in sources.items():
            earlier = set(before.of(source).grants)
            assert after.of(source).grants == told.expected(source, groups, kind, earlier)
        assert {one for one in before.grants ^ after.grants if one.source not in sources} == set()

    @rule(who=WHO, role=st.sampled_from(ROLES), give=st.booleans())
    def grant_by_hand(self, who: str, role: str, *, give: bool) -> None:
        if who in self.users:
            store = self.nodes.stores[0]
            by_hand = store.set_grant(self.organization, self.users[who], role, TERMS, self.now(), give=give)
            self.touches(MANUAL, self.users[who], by_hand)

    @rule(who=WHO, key=st.sampled_from([*TOOLS, "crew"]), member=st.booleans())
    def member_by_hand(self, who: str, key: str, *, member: bool) -> None:
        if who in self.users:
            store, user = self.nodes.stores[1], self.users[who]
            by_hand = store.set_team_member(self.organization, user, key, TERMS, self.now(), member=member)
            self.touches(MANUAL, user, by_hand)

    @rule(key=st.sampled_from(TOOLS), there=st.booleans())
    def team(self, key: str, *, there: bool) -> None:
        store = self.nodes.stores[0]
        if there:
            self.nodes.run(store.add_team(self.organization, key, key.title(), self.now()))
        else:
            self.nodes.run(store.remove_team(self.organization, key, TERMS, self.now()))
        self.look()

    @rule(key=st.sampled_from(TOOLS), group=st.sampled_from(NAMES), name=st.sampled_from(["", "okta"]))
    def link(self, key: str, group: str, name: str) -> None:
        self.nodes.run(self.nodes.stores[1].link_group(self.organization, key, group, name))

    @rule(key=st.sampled_from(TOOLS), group=st.sampled_from(NAMES), name=st.sampled_from(["", "okta"]))
    def unlink(self, key: str, group: str, name: str) -> None:
        store = self.nodes.stores[0]
        self.nodes.run(store.unlink_group(self.organization, key, group, name, TERMS, self.now()))
        self.look()

    @rule(key=st.sampled_from(TOOLS), role=st.sampled_from(["builder", *ROLES]), give=st.booleans())
    def team_role(self, key: str, role: str, *, give: bool) -> None:
        store = self.nodes.stores[1]
        self.nodes.run(store.set_team_role(self.organization, key, role, TERMS, self.now(), give=give))

    # what must be so

    @invariant()
    def sessions_say_what_the_store_says(self) -> None:
        self.now()
        self.look()
        for store in self.nodes.stores:
            for user, number in self.live:
                session = self.nodes.run(store.find_session(another(number).token_hash, self.nodes.now))
                stands = self.stood[user]
                keys = {one.key for one in stands.members} & self.teams.keys()
                given = {Grant(role, of_team(key), "team") for key in keys for role in self.teams[key]}
                assert session is not None
                assert set(session.grants) == stands.grants | given
                assert session.teams == tuple(sorted(keys))

    def teardown(self) -> None:
        assert self.read_elsewhere() == self.elsewhere

    def hold_teams(
        self, name: str, told: Rules, groups: Groups, kind: tuple[str, ...], before: Stands, after: Stands
    ) -> None:
        """Hold the teams of this connection against the groups that lead there."""
        ruled = {"crew"} if told.leads(groups, kind) else set()
        if groups.presence is Presence.UNOBTAINABLE:
            stay = {one.key for one in before.members if one.why.startswith("group:")}
            assert stay <= {one.key for one in after.members}
            assert {one.key for one in after.members} <= {one.key for one in before.members} | ruled
            return
        ruled |= {"crew"} if "a" in groups.names else set()
        linked = {
            (key, of_group(group))
            for key, group, whose in self.links
            if group in groups.names and whose in {"", name}
        }
        assert {one.key for one in after.members} == ruled | {key for key, _ in linked}
        by_rule = {("crew", rule) for rule in told.crew}
        assert {(one.key, one.why) for one in after.members} <= linked | by_rule | {("crew", "group:a")}

    # how

    def now(self) -> Any:
        self.nodes.now += STEP
        return self.nodes.now

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in which ``:here`` is the organization of this run."""
        asked = statement.replace(":here", f"'{self.organization}'")
        if self.nodes.peek is not None:
            return [tuple(row) for row in self.nodes.run(self.nodes.peek.fetch(asked))]
        found: list[tuple[Any, ...]] = self.nodes.run(ask(self.nodes.url, asked))
        return found

    def enter(self, who: str, ways: Iterable[tuple[str, Rules, Groups, tuple[str, ...], int]]) -> None:
        """Sign in, by all of these ways at the same moment."""
        now = self.now()

        async def at_once() -> list[Any]:
            tries = []
            for name, told, groups, kind, node in ways:
                self.nodes.tokens += 1
                decision = self.decision(who, name, told, groups, kind)
                self.live.append(("", self.nodes.tokens))
                new = another(self.nodes.tokens, absolute_end=now + timedelta(hours=24))
                new = replace(new, record=replace(new.record, at=now, organization=self.organization))
                tries.append(open_session(self.nodes.stores[node], decision, new, now))
            return await asyncio.gather(*tries)

        users = {session.user.id for session in self.nodes.run(at_once())}
        assert len(users) == 1  # one person is one user, whichever way they come
        self.users.setdefault(who, *users)
        assert users == {self.users[who]}
        self.live = [(user or self.users[who], number) for user, number in self.live]
        self.look(self.users[who])

    def decision(self, who: str, name: str, told: Rules, groups: Groups, kind: tuple[str, ...]) -> Decision:
        identity: Identity = replace(
            ZOE,
            subject=Subject(issuer=f"https://{name}.example", value=who),
            connection=name,
            organization=self.organization,
            email=f"{who}@acme.example",
            groups=groups,
            attributes={"kind": kind} if kind else {},
        )
        return decide(
            identity, told.of(name, self.organization), ACME, (), system_roles=(), verified=frozenset()
        )

    def look(self, touched: str | None = None) -> None:
        """Read what stands of everybody; nobody but whom this step concerns has changed.

        Args:
            touched: The one user whom it concerns; None where a team changed, and no grant.
        """
        told = self.query(_STANDS)
        self.links = {row[1:4] for row in told if row[0] == "link"}
        self.teams = {key: () for kind, key, *_ in told if kind == "team"}
        self.teams.update(DECLARED)
        for kind, key, role, *_ in told:
            if kind == "team role":
                self.teams[key] = (*self.teams[key], role)
        found = {
            user: Stands(
                frozenset(Grant(*one) for kind, whose, *one in told if (kind, whose) == ("grant", user)),
                frozenset(
                    TeamMember(*one) for kind, whose, *one in told if (kind, whose) == ("member", user)
                ),
            )
            for user in {*self.users.values()}
        }
        for user, stood in self.stood.items():
            assert user == touched or found[user].grants == stood.grants
            assert touched in {user, None} or found[user].members == stood.members
            assert touched is not None or found[user].members <= stood.members
        self.stood = found

    def touches(self, source: str, user: str, change: Any) -> None:
        """Make a change that one source makes of one user."""
        before = self.stood[user].but(source)
        self.nodes.run(change)
        self.look(user)
        assert self.stood[user].but(source) == before

    def read_elsewhere(self) -> list[tuple[Any, ...]]:
        """Read what stands in every other organization."""
        return self.query(_ELSEWHERE)


_STANDS = """
SELECT 'grant', user_id, role, source, why FROM role_grant WHERE organization_id = :here
UNION ALL SELECT 'member', user_id, team_key, source, why FROM team_membership WHERE organization_id = :here
UNION ALL SELECT 'link', team_key, group_key, connection, '' FROM team_group WHERE organization_id = :here
UNION ALL SELECT 'team', key, '', '', '' FROM team WHERE organization_id = :here
UNION ALL SELECT 'team role', team_key, role, '', '' FROM team_role WHERE organization_id = :here
"""
_ELSEWHERE = """
SELECT organization_id, user_id, role, source, why FROM role_grant WHERE organization_id <> :here
UNION ALL SELECT organization_id, user_id, team_key, source, why FROM team_membership
WHERE organization_id <> :here ORDER BY 1, 2, 3, 4, 5
"""


def test_no_sequence_takes_what_another_gave_or_leaves_what_nothing_gives(store_url: str) -> None:
    on_server = store_url.startswith("postgresql")
    with asyncio.Runner() as runner:
        first = runner.run(open_store(store_url))
        peek = runner.run(asyncpg.connect(store_url)) if on_server else None
        nodes = Nodes(runner, store_url, (first, runner.run(open_store(store_url))), peek)
        machine = type("OnNodes", (Sequence,), {"nodes": nodes})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=20 if on_server else 40,
                    stateful_step_count=20,
                    deadline=None,
                    phases=(Phase.generate,),  # what hangs on two nodes is not found again in the same steps
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            if peek is not None:
                runner.run(peek.close())
            for store in nodes.stores:
                runner.run(store.close())
