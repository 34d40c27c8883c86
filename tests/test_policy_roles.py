"""Role rules: order, both kinds of tests, three states of groups, and where a role came from."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_policy_domains import connection, person

from federation.connection import Organization
from federation.decision import Stay, TeamWish, Wanted, of_connection
from federation.errors import PolicyRefused
from federation.identity import Grant, Groups, Identity, Presence
from federation.policy import roles
from federation.rules.rule import GroupIndex, GroupTest, RoleRule, SystemRole

ACME = Organization(name="Acme", default_roles=("visitor",))
SOURCE = of_connection(connection().id)
ADMINS = {"name": "admins", "groups": ["Domain Admins", "ops-*"], "roles": ["admin", "member"]}
FINANCE = {
    "name": "finance",
    "attribute": {"name": "department", "in": ["Finance", "R&D <x>"]},
    "roles": ["auditor"],
}
BOTH = {
    "name": "both",
    "groups": ["lead"],
    "attribute": {"name": "department", "in": ["R&D"]},
    "roles": ["lead"],
}
STAFF = {"name": "staff", "groups": ["*"], "roles": ["member"]}
NOWHERE: dict[str, Any] = {"groups": Groups(Presence.UNOBTAINABLE)}


def in_groups(*names: str, **attributes: tuple[str, ...]) -> dict[str, Any]:
    return {"groups": Groups(Presence.PRESENT if names else Presence.EMPTY, names), "attributes": attributes}


GRANTED = [
    # rules                     the person                                      roles, and their rule
    ([ADMINS],                in_groups("Domain Admins"),                      ["admin", "member"], "admins"),
    ([ADMINS],                in_groups("x", "DOMAIN ADMINS"),                 ["admin", "member"], "admins"),
    ([ADMINS],                in_groups("Ops-West"),                           ["admin", "member"], "admins"),
    ([ADMINS],                in_groups("ops-"),                               ["admin", "member"], "admins"),
    ([FINANCE],               in_groups(department=("Finance",)),              ["auditor"], "finance"),
    ([FINANCE],               in_groups(department=("IT", "R&D <x>")),         ["auditor"], "finance"),
    ([BOTH],                  in_groups("lead", department=("R&D",)),          ["lead"], "both"),
    ([STAFF],                 in_groups("anything"),                           ["member"], "staff"),
    ([ADMINS, STAFF],         in_groups("ops-west"),                           ["admin", "member"], "admins"),
    ([STAFF, ADMINS],         in_groups("ops-west"),                           ["member"], "staff"),
    ([ADMINS, STAFF],         in_groups("other"),                              ["member"], "staff"),
    ([FINANCE, ADMINS],       NOWHERE | {"attributes": {"department": ("Finance",)}}, ["auditor"], "finance"),
]  # fmt: skip

NO_MATCH = [
    # rules                     the person
    ([],                      in_groups("Domain Admins")),
    ([ADMINS],                in_groups()),
    ([ADMINS],                in_groups("domain admins ")),              # nothing is trimmed
    ([ADMINS],                in_groups("devops-west")),                 # the wildcard is at the end alone
    ([ADMINS],                in_groups("op")),
    ([FINANCE],               in_groups(department=("finance",))),       # attributes are exact
    ([FINANCE],               in_groups("Finance")),
    ([FINANCE],               in_groups(Department=("Finance",))),
    ([FINANCE],               in_groups()),
    ([BOTH],                  in_groups("lead")),
    ([BOTH],                  in_groups(department=("R&D",))),
    ([STAFF],                 in_groups()),
    ([BOTH],                  NOWHERE),                                  # whatever the groups are
]  # fmt: skip


def grant(rules: list[dict[str, Any]], who: dict[str, Any], *defaults: str) -> Any:
    wanted, checks = roles.want(person(**who), connection(role_rules=rules, default_roles=defaults), ACME)
    return wanted.grants, checks


@pytest.mark.parametrize(("rules", "who", "given", "by"), GRANTED)
def test_the_first_match_gives_all_its_roles(
    rules: list[dict[str, Any]], who: dict[str, Any], given: list[str], by: str
) -> None:
    grants, checks = grant(rules, who, "fallback")
    assert list(grants) == [Grant(role, SOURCE, by) for role in given]
    assert checks[-1].code == f"policy.rule:{by}"
    assert [check.said is None for check in checks] == [False] * (len(checks) - 1) + [True]


@pytest.mark.parametrize(("rules", "who"), NO_MATCH)
def test_no_match_gives_the_defaults(rules: list[dict[str, Any]], who: dict[str, Any]) -> None:
    grants, checks = grant(rules, who, "fallback")
    assert grants == (Grant("fallback", SOURCE, "default (connection)"),)
    assert [check.code for check in checks] == [f"policy.rule:{rule['name']}" for rule in rules]
    assert all(check.said for check in checks)
    assert grant(rules, who)[0] == (Grant("visitor", SOURCE, "default (organization)"),)


def test_without_any_default_nothing_is_given() -> None:
    nothing = Organization(name="Acme")
    assert roles.want(person(), connection(), nothing) == (Wanted(), ())


@pytest.mark.parametrize("rules", [[ADMINS], [FINANCE, ADMINS, STAFF], [STAFF, FINANCE]])
def test_groups_not_obtainable_grant_nothing_and_stop(rules: list[dict[str, Any]]) -> None:
    grants, checks = grant(rules, NOWHERE, "fallback")
    assert grants == ()
    assert checks[-1].code == "policy.rule.undetermined"
    assert checks[-1].said


def test_a_both_rule_is_undetermined_only_where_the_groups_decide() -> None:
    who = NOWHERE | {"attributes": {"department": ("R&D",)}}
    assert grant([BOTH], who, "fallback")[0] == ()


def test_a_rule_after_an_undetermined_one_is_not_asked() -> None:
    who = NOWHERE | {"attributes": {"department": ("Finance",)}}
    assert grant([ADMINS, FINANCE], who)[0] == ()


ANYBODY = {"name": "anybody", "attribute": {"name": "kind", "in": ["person"]}, "roles": ["guest"]}
OUTSIDE = {"name": "outside", "when": "!('staff' in groups)", "roles": ["contractor"]}  # negated
IDLE = {"name": "idle", "when": "acr == 'x' && 'staff' in groups", "roles": ["r"]}  # reads, and needs not
ACR = {"name": "acr", "when": "acr == 'mfa'", "groups": ["staff"], "roles": ["r"]}
KIND: dict[str, Any] = {"attributes": {"kind": ("person",)}}
ALL = {"match": "all"}
STRICT = {"strict": True}

UNLESS = Stay(given_by=frozenset({"admins", "staff", *roles.DEFAULTS}))

UNOBTAINABLE = [
    # rules                keys           given         of what was given before, what stays
    ([ADMINS],           {},            [],           Stay(everything=True)),
    ([ANYBODY, ADMINS],  {},            ["guest"],    Stay()),               # never reached
    ([ADMINS, ANYBODY],  {},            [],           Stay(everything=True)),
    ([OUTSIDE, ANYBODY], {},            [],           Stay(everything=True)),
    ([IDLE, ANYBODY],    {},            [],           Stay(everything=True)),  # by reference, not by need
    ([ACR, ANYBODY],     {},            ["guest"],    Stay()),               # fails on what was sent
    ([ADMINS, ANYBODY],  ALL,           ["guest"],    Stay(given_by=frozenset({"admins"}))),
    ([ANYBODY, OUTSIDE], ALL,           ["guest"],    Stay(given_by=frozenset({"outside"}))),
    ([ADMINS, STAFF],    ALL,           [],           UNLESS),
    ([FINANCE],          {},            ["visitor"],  Stay()),               # no rule reads them
]  # fmt: skip


@pytest.mark.parametrize(("rules", "keys", "given", "stays"), UNOBTAINABLE)
def test_unobtainable_groups_neither_grant_nor_take_away(
    rules: list[dict[str, Any]], keys: dict[str, Any], given: list[str], stays: Stay
) -> None:
    wanted, _ = roles.want(person(**NOWHERE | KIND), connection(role_rules=rules, **keys), ACME)
    assert [grant.role for grant in wanted.grants] == given
    assert wanted.stays == stays
    assert wanted.teams_stay.by_groups
    assert not wanted.otherwise


MANY = [
    # rules                       the person                        roles
    ([ADMINS, STAFF],           in_groups("ops-1"),               ["admin", "member", "member"]),
    ([STAFF, ANYBODY],          in_groups("x", kind=("person",)), ["member", "guest"]),
    ([FINANCE, ANYBODY],        in_groups(kind=("person",)),      ["guest"]),
    ([FINANCE, ADMINS],         in_groups(),                      ["visitor"]),
    ([OUTSIDE, ANYBODY],        in_groups(kind=("person",)),      ["contractor", "guest"]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "who", "given"), MANY)
def test_under_all_every_match_gives_its_roles(
    rules: list[dict[str, Any]], who: dict[str, Any], given: list[str]
) -> None:
    wanted, checks = roles.want(person(**who), connection(role_rules=rules, match="all"), ACME)
    assert [grant.role for grant in wanted.grants] == given
    assert len(checks) == len(rules)
    assert wanted.stays == Stay()


STRICTLY = [
    # refused with                  rules                keys   the person
    ("policy.no_rule",            [ADMINS],            {},    in_groups("other")),
    ("policy.no_rule",            [ADMINS],            ALL,   in_groups()),
    ("policy.rule.undetermined",  [ADMINS, ANYBODY],   {},    NOWHERE | KIND),
    ("policy.rule.undetermined",  [OUTSIDE],           {},    NOWHERE),
    ("policy.rule.undetermined",  [ANYBODY, OUTSIDE],  ALL,   NOWHERE | KIND),   # whatever else matches
]  # fmt: skip


@pytest.mark.parametrize(("code", "rules", "keys", "who"), STRICTLY)
def test_strict_refuses_whom_no_rule_matches(
    code: str, rules: list[dict[str, Any]], keys: dict[str, Any], who: dict[str, Any]
) -> None:
    where = connection(role_rules=rules, default_roles=["fallback"], **STRICT, **keys)
    with pytest.raises(PolicyRefused, match=f"^{code}: ") as refused:
        roles.want(person(**who), where, ACME)
    assert code in [check.code for check in refused.value.checks]


def test_strict_lets_in_whom_a_rule_matches() -> None:
    where = connection(role_rules=[ANYBODY, ADMINS], **STRICT)
    wanted, _ = roles.want(person(**NOWHERE | KIND), where, ACME)  # the rule after it is not reached
    assert [grant.role for grant in wanted.grants] == ["guest"]


def test_strict_without_rules_is_refused_when_loaded() -> None:
    with pytest.raises(ValueError, match="without role_rules nobody could enter"):
        connection(strict=True)


def test_no_match_may_keep_what_was_given() -> None:
    where = connection(role_rules=[ADMINS], default_roles=["fallback"], on_no_match="keep")
    wanted, _ = roles.want(person(**in_groups("other")), where, ACME)
    assert wanted.grants == ()
    assert wanted.stays == Stay(everything=True)
    assert wanted.otherwise == (Grant("fallback", SOURCE, "default (connection)"),)
    assert roles.want(person(**in_groups("ops-1")), where, ACME)[0].stays == Stay()


def test_rules_give_teams() -> None:
    rules = [
        {"name": "ops", "groups": ["ops-*"], "teams": ["platform", "pager"]},
        STAFF | {"teams": ["platform"]},
    ]
    wanted, _ = roles.want(person(**in_groups("ops-1")), connection(role_rules=rules, match="all"), ACME)
    assert {(wish.key, wish.why) for wish in wanted.teams} == {("platform", "ops"), ("pager", "ops")}
    assert all(isinstance(wish, TeamWish) for wish in wanted.teams)
    assert [grant.role for grant in wanted.grants] == ["member"]


OPERATORS = (
    SystemRole(role="operator", groups=("Platform Operators", "S-1-5-32-544")),
    SystemRole(role="reader", groups=("auditors",)),
)

SYSTEM = [
    (in_groups("PLATFORM operators"), ["operator"]),
    (in_groups("s-1-5-32-544", "Auditors"), ["operator", "reader"]),
    (in_groups("Platform Operators 2"), []),
    (in_groups(), []),
    (NOWHERE, []),
]


@pytest.mark.parametrize(("who", "given"), SYSTEM)
def test_system_roles_are_given_by_whole_groups(who: dict[str, Any], given: list[str]) -> None:
    grants = roles.system(person(**who), OPERATORS)
    assert [grant.role for grant in grants] == given
    assert {grant.source for grant in grants} <= {"system:okta"}
    assert roles.system(person(**who), ()) == ()


@pytest.mark.parametrize(
    "fault", [{"groups": []}, {"groups": ["*"]}, {"groups": ["ops-*"]}, {"role": ""}, {"when": "true"}]
)
def test_a_system_role_names_whole_groups(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="SystemRole"):
        SystemRole.model_validate({"role": "operator", "groups": ["ops"]} | fault)


def test_a_role_rule_makes_no_operator() -> None:
    rule = STAFF | {"name": "system:okta", "roles": ["operator"]}
    wanted, _ = roles.want(person(**in_groups("x")), connection(role_rules=[rule]), ACME)
    assert not any(grant.is_system for grant in wanted.grants)


def test_a_role_named_twice_is_given_once() -> None:
    rule = STAFF | {"roles": ["member", "member"]}
    assert grant([rule], in_groups("x"))[0] == (Grant("member", SOURCE, "staff"),)


@pytest.mark.parametrize("literal", ["a*b", "[ab]", "a?", ".*x", "%", "ops*west"])
def test_nothing_else_is_a_wildcard(literal: str) -> None:
    rule = {"name": "literal", "groups": [literal], "roles": ["r"]}
    for name in ("aXb", "a", "ab", "x", "anything", "ops-west"):
        assert grant([rule], in_groups(name))[0] != (Grant("r", SOURCE, "literal"),)
    assert grant([rule], in_groups(literal))[0] == (Grant("r", SOURCE, "literal"),)


@pytest.mark.parametrize(
    ("written", "sent", "same"),
    [
        ("Straße", "STRAßE", True),
        ("équipe*", "ÉQUIPE-1", True),
        ("ΟΔΟΙ", "οδοι", True),
        # Characters that merely look or sound alike: who may name groups must not gain by them.
        ("platform-admins", "platform-admin\u017f", False),  # long s
        ("kubernetes*", "\u212aubernetes-admins", False),  # Kelvin sign
        ("finance", "\ufb01nance", False),  # ligature fi
        ("pass", "pa\u00df", False),
        ("i", "\u0130", False),
        ("\u017f", "S", False),
    ],
)
def test_case_is_folded_one_character_for_one(written: str, sent: str, *, same: bool) -> None:
    rule = {"name": "folded", "groups": [written], "roles": ["r"]}
    assert (grant([rule], in_groups(sent))[0] == (Grant("r", SOURCE, "folded"),)) is same


def test_a_prefix_is_found_among_many() -> None:
    names = [f"group-{number:03}" for number in range(500)]
    for prefix in ("group-000*", "group-250*", "group-499*", "GROUP-*"):
        rule = {"name": "many", "groups": [prefix], "roles": ["r"]}
        assert grant([rule], in_groups(*names))[0] == (Grant("r", SOURCE, "many"),)
    rule = {"name": "many", "groups": ["group-5*", "grouq*", "a*", "z*"], "roles": ["r"]}
    assert grant([rule], in_groups(*names))[0] != (Grant("r", SOURCE, "many"),)


@pytest.mark.parametrize(
    "fault",
    [
        {"groups": []},
        {"roles": []},
        {"name": ""},
        {"groups": [""]},
        {"typo": 1},
        {"groups": [], "attribute": {"name": "x", "in": []}},
    ],
)
def test_a_rule_without_a_test_or_a_role_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="RoleRule"):
        RoleRule.model_validate(STAFF | fault)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two rules have the same name: staff"):
        connection(role_rules=[STAFF, STAFF])


def many_rules() -> tuple[Identity, Any]:
    """Twenty short-form rules and 500 groups: what benchmarks/ measures."""
    rules = [
        {"name": f"r{number}", "groups": [f"team-{number}", f"ops-{number}-*"], "roles": [f"role-{number}"]}
        for number in range(20)
    ]
    names = tuple(f"CN=Group {number},OU=Groups,DC=acme,DC=example" for number in range(500))
    return person(**in_groups(*names)), connection(role_rules=rules)


def test_twenty_rules_over_five_hundred_groups_are_all_asked() -> None:
    who, where = many_rules()
    wanted, checks = roles.want(who, where, ACME)
    assert len(checks) == 20
    assert wanted.grants == (Grant("visitor", SOURCE, "default (organization)"),)


SHORT_NAMES = st.text(alphabet="aB*", min_size=1, max_size=4)


@given(
    tests=st.lists(st.lists(SHORT_NAMES, min_size=1, max_size=3), max_size=5),
    names=st.lists(SHORT_NAMES, unique=True, max_size=6),
)
def test_what_is_sought_in_one_pass_is_what_each_test_says_by_itself(
    tests: list[list[str]], names: list[str]
) -> None:
    index = GroupIndex((str(number), GroupTest(groups=tuple(one))) for number, one in enumerate(tests))
    folded = [name.lower() for name in names]
    assert index.find(Groups(Presence.PRESENT, tuple(names)).in_order) == {
        str(number)
        for number, one in enumerate(tests)
        if any(
            name.startswith(test[:-1].lower()) if test.endswith("*") else name == test.lower()
            for test in one
            for name in folded
        )
    }
