"""Role rules: order, both kinds of tests, three states of groups, and where a role came from."""

from typing import Any

import pytest
from test_policy_domains import connection, person

from federation.connection import Organization
from federation.decision import Stay, of_connection
from federation.identity import Grant, Groups, Identity, Presence
from federation.policy import roles
from federation.rules import RoleRule

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
    given, _, checks = roles.grant(person(**who), connection(role_rules=rules, default_roles=defaults), ACME)
    return given, checks


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
    assert roles.grant(person(), connection(), nothing) == ((), Stay(), ())


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
    grants, _, checks = roles.grant(who, where, ACME)
    assert len(checks) == 20
    assert grants == (Grant("visitor", SOURCE, "default (organization)"),)
