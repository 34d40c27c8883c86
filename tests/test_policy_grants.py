"""Grants: a source takes away only what it gave; the last administrator; and whatever happens in between.

The property at the end: no sequence of sign-ins, rule edits and group changes ever removes a grant
of another source, or leaves one of its own that no rule gives.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from test_policy_domains import connection, person

from federation.connection import Organization
from federation.decision import Outcome, Profile, Standing, Stay, Wanted, of_connection
from federation.identity import Grant, Groups, Identity, Presence
from federation.policy import grants
from federation.policy.decide import decide
from federation.rules.rule import SystemRole

ACME = Organization(name="Acme", default_roles=("visitor",), administrators=("owner",))
OKTA = of_connection("okta")
MANUAL = Grant("editor", "manual")
ENTRA = Grant("member", "connection:entra", "staff")
OLD = Grant("admin", OKTA, "admins")
DEFAULT = Grant("visitor", OKTA, "default (organization)")
NEW = Grant("member", OKTA, "staff")
OWNER = Grant("owner", OKTA, "owners")


def standing(*given: Grant, **differs: Any) -> Standing:
    told: dict[str, Any] = {
        "user_id": "1",
        "how": "subject",
        "signed_in_before": True,
        "profile": Profile(),
        "grants": given,
        "memberships": frozenset([OKTA]),
    }
    return Standing(**told | differs)


CHANGES = [
    # what the rules give                                        what stands          added    dropped
    (Wanted(grants=(NEW,)),                                    (MANUAL, ENTRA),     (NEW,),  ()),
    (Wanted(grants=(NEW,)),                                    (NEW, OLD, MANUAL),  (),      (OLD,)),
    (Wanted(grants=(NEW,)),                                    (NEW,),              (),      ()),
    (Wanted(grants=(NEW, NEW)),                                (),                  (NEW,),  ()),
    (Wanted(),                                                 (OLD, ENTRA),        (),      (OLD,)),
    (Wanted(stays=Stay(everything=True)),                      (OLD, DEFAULT),      (),      ()),
    (Wanted(grants=(NEW,), stays=Stay(given_by=frozenset({"admins"}))), (OLD, DEFAULT), (NEW,), (DEFAULT,)),
    # no match, with on_no_match: keep
    (Wanted(otherwise=(DEFAULT,), stays=Stay(everything=True)), (OLD,),             (),      ()),
    (Wanted(otherwise=(DEFAULT,), stays=Stay(everything=True)), (ENTRA, MANUAL),    (DEFAULT,), ()),
    (Wanted(otherwise=(DEFAULT,), stays=Stay(everything=True)), (DEFAULT,),         (),      ()),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "there", "added", "dropped"), CHANGES)
def test_a_connection_replaces_what_it_gave(
    wanted: Wanted, there: tuple[Grant, ...], added: tuple[Grant, ...], dropped: tuple[Grant, ...]
) -> None:
    changes = grants.settle(
        connection(), wanted, standing(*there), source="connection:okta", administrators=frozenset()
    )
    assert changes.add == added
    assert changes.drop == dropped
    assert not changes.checks


FIRST = {"role_sync": "first_login"}


def test_rules_run_at_the_first_sign_in_alone_where_the_connection_says_so() -> None:
    wanted = Wanted(grants=(NEW,))
    new = grants.settle(
        connection(**FIRST),
        wanted,
        standing(MANUAL, signed_in_before=False),
        source="connection:okta",
        administrators=frozenset(),
    )
    assert new.add == (NEW,)
    known = grants.settle(
        connection(**FIRST), wanted, standing(OLD), source="connection:okta", administrators=frozenset()
    )
    assert (known.add, known.drop) == ((), ())
    assert [check.code for check in known.checks] == ["policy.role_sync"]


def test_the_last_administrator_stays_and_is_reported() -> None:
    there = standing(OWNER, OLD)
    asked = grants.settle(
        connection(), Wanted(), there, source="connection:okta", administrators=frozenset({"owner"})
    )
    assert asked.asks_administrators
    assert asked.drop == (OWNER, OLD)
    told = replace(there, last_administrator=True)
    kept = grants.settle(
        connection(), Wanted(), told, source="connection:okta", administrators=frozenset({"owner"})
    )
    assert kept.drop == (OLD,)
    assert not kept.asks_administrators
    assert [check.code for check in kept.checks] == ["policy.last_administrator"]


@pytest.mark.parametrize("other", [Grant("owner", "manual"), Grant("owner", "connection:entra", "x")])
def test_who_is_an_administrator_by_another_source_may_lose_one(other: Grant) -> None:
    changes = grants.settle(
        connection(),
        Wanted(),
        standing(OWNER, other),
        source="connection:okta",
        administrators=frozenset({"owner"}),
    )
    assert changes.drop == (OWNER,)
    assert not changes.asks_administrators


def outcome(who: Identity, there: Standing, **keys: Any) -> Outcome:
    told = {"role_rules": [{"name": "all", "groups": ["*"], "roles": ["member"]}]} | keys
    system = (SystemRole(role="operator", groups=("ops",)),)
    return decide(who, connection(**told), ACME, (), system_roles=system, verified=frozenset()).settle(there)


def test_system_roles_are_the_sessions_alone() -> None:
    who = person(groups=Groups(Presence.PRESENT, ("ops",)))
    decided = outcome(who, standing())
    assert [grant for grant in decided.grants if grant.is_system] == [
        Grant("operator", "system:okta", "group")
    ]
    assert not any(grant.is_system for grant in decided.add)
    unobtainable = outcome(replace(who, groups=Groups(Presence.UNOBTAINABLE)), standing())
    assert not any(grant.is_system for grant in unobtainable.grants)


# The property.

NAMES = ["a", "b", "c"]
ROLES = ["member", "admin", "owner"]
FAILS = "'a' in attributes.kind"  # where it was not sent
RULES = st.builds(
    lambda name, told, given: {"name": name, "roles": given} | told,
    st.sampled_from(["one", "two", "three"]),
    st.one_of(
        st.sampled_from(NAMES).map(lambda name: {"groups": [name]}),
        st.sampled_from(NAMES).map(lambda name: {"when": f"!('{name}' in groups)"}),
        st.sampled_from(NAMES).map(lambda name: {"attribute": {"name": "kind", "in": [name]}}),
        st.just({"when": FAILS}),
    ),
    st.lists(st.sampled_from(ROLES), min_size=1, max_size=2),
)
GROUPS = st.one_of(
    st.just(Groups(Presence.EMPTY)),
    st.just(Groups(Presence.UNOBTAINABLE)),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(
        lambda names: Groups(Presence.PRESENT, tuple(names))
    ),
)


def says(told: dict[str, Any], groups: Groups, kind: tuple[str, ...]) -> bool | None:
    """Answer a rule by hand: None is undetermined."""
    if "attribute" in told:
        return bool(set(told["attribute"]["in"]) & set(kind))
    if told.get("when") == FAILS:
        return "a" in kind
    if groups.presence is Presence.UNOBTAINABLE:
        return None
    if "groups" in told:
        return bool(set(told["groups"]) & set(groups.names))
    return told["when"].split("'")[1] not in groups.names


@dataclass
class Through:
    """One connection's rules as they are now."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    match: str = "first"
    defaults: tuple[str, ...] = ()

    def expected(self, source: str, groups: Groups, kind: tuple[str, ...], before: set[Grant]) -> set[Grant]:
        """Return what must stand of this source after a sign-in."""
        given: set[Grant] = set()
        stays: set[str] = set()
        matched = False
        for told in self.rules:
            answer = says(told, groups, kind)
            if answer is None and self.match == "first":
                return before
            if answer is None:
                stays.add(told["name"])
            elif answer:
                matched = True
                given |= {Grant(role, source, told["name"]) for role in told["roles"]}
                if self.match == "first":
                    break
        if not matched:
            whys = {"default (connection)", "default (organization)"}
            if stays:
                stays |= whys
            elif self.defaults:
                given = {Grant(role, source, "default (connection)") for role in self.defaults}
            else:
                given = {Grant("visitor", source, "default (organization)")}
        return given | {one for one in before if one.why in stays}


class Sequence(RuleBasedStateMachine):
    """Two connections and an administrator's hand, on the grants of one person."""

    def __init__(self) -> None:
        super().__init__()
        self.grants: frozenset[Grant] = frozenset()
        self.through = {"okta": Through(), "entra": Through()}

    @initialize()
    def somebody(self) -> None:
        self.grants = frozenset([MANUAL])

    @rule(
        name=st.sampled_from(["okta", "entra"]),
        rules=st.lists(RULES, max_size=3, unique_by=lambda one: one["name"]),
        match=st.sampled_from(["first", "all"]),
        defaults=st.sampled_from([(), ("member",), ("owner",)]),
    )
    def edit_rules(
        self, name: str, rules: list[dict[str, Any]], match: str, defaults: tuple[str, ...]
    ) -> None:
        self.through[name] = Through(rules, match, defaults)

    @rule(role=st.sampled_from(ROLES), source=st.sampled_from(["manual", "scim:okta", "invitation"]))
    def grant_by_hand(self, role: str, source: str) -> None:
        self.grants |= {Grant(role, source)}

    @rule(
        name=st.sampled_from(["okta", "entra"]),
        groups=GROUPS,
        kind=st.sampled_from([(), ("a",), ("b",)]),
        alone=st.booleans(),
    )
    def sign_in(self, name: str, groups: Groups, kind: tuple[str, ...], *, alone: bool) -> None:
        now = self.through[name]
        where = connection(id=name, role_rules=now.rules, match=now.match, default_roles=now.defaults)
        where = where.model_copy(update={"id": name})
        who = person(connection=name, groups=groups, attributes={"kind": kind} if kind else {})
        decision = decide(who, where, ACME, (), system_roles=(), verified=frozenset())
        there = standing(*sorted(self.grants, key=str), memberships=frozenset(["manual"]))
        decided = decision.settle(there)
        if decided.asks_administrators and alone:
            decided = decision.settle(replace(there, last_administrator=True))
        after = (self.grants - set(decided.drop)) | set(decided.add)
        source = of_connection(name)
        before = {one for one in self.grants if one.source == source}
        assert self.grants - before == {one for one in after if one.source != source}
        expected = now.expected(source, groups, kind, before)
        left = {one for one in after if one.source == source} ^ expected
        if "policy.last_administrator" in {check.code for check in decided.checks}:
            assert alone
            assert {one.role for one in left} == {"owner"}
            assert left <= before
        else:
            assert not left
        assert set(decided.grants) == after
        self.grants = frozenset(after)

    @invariant()
    def what_was_given_by_hand_stays(self) -> None:
        assert MANUAL in self.grants


Sequence.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestSequence = Sequence.TestCase
