"""Teams: what leads into one, what a sign-in changes, and what no source does to another."""

from typing import Any

import pytest
from decisions import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from federation.connection import Organization
from federation.decision import (
    MANUAL,
    Decision,
    Outcome,
    Profile,
    Standing,
    Team,
    TeamMember,
    of_connection,
    of_group,
)
from federation.identity import Authentication, Groups, Identity, Presence, Subject
from federation.policy import teams
from federation.policy.decide import decide
from federation.records import redaction
from federation.rules.folding import fold, fold_all

SOURCE = of_connection("okta")
OTHER = of_connection("entra")
PLATFORM = {"name": "Platform", "groups": ["Eng-Platform", "ops-*"], "roles": ["deployer"]}


def there(*names: str) -> Groups:
    return Groups(Presence.PRESENT if names else Presence.EMPTY, names)


NOWHERE = Groups(Presence.UNOBTAINABLE)


def person(groups: Groups, **attributes: tuple[str, ...]) -> Identity:
    return Identity(
        subject=Subject(issuer="https://idp.example", value="1"),
        connection="okta",
        organization="acme",
        email="ada@acme.example",
        email_verified=None,
        given_name="",
        family_name="",
        display_name="",
        groups=groups,
        attributes=attributes,
        authentication=Authentication(instant=None),
    )


def decided(
    groups: Groups, told: dict[str, Any] | None = None, declared: dict[str, Any] | None = None
) -> Decision:
    organization = Organization.model_validate(
        {"name": "Acme", "administrators": ("owner",), "teams": declared or {}}
    )
    who = person(groups, department=("R&D",))
    okta = connection("okta", "acme", **(told or {}))
    return decide(who, okta, organization, (), system_roles=(), verified=frozenset())


def standing(*members: TeamMember, teams: tuple[Team, ...] = (), **told: Any) -> Standing:
    return Standing(
        user_id="u",
        how="subject",
        signed_in_before=True,
        profile=Profile(email="ada@acme.example"),
        members=members,
        teams={team.key: team for team in teams},
        memberships=frozenset({SOURCE}),
        **told,
    )


def moves(outcome: Outcome) -> tuple[list[str], list[str]]:
    return [one.key for one in outcome.join], [one.key for one in outcome.leave]


def mine(key: str, why: str = "", source: str = SOURCE) -> TeamMember:
    return TeamMember(key, source, why or of_group(key))


LINKED = Team(key="tools", name="Tools", source=MANUAL, groups=("tools",), roles=("builder",))
RULE = {
    "role_rules": [{"name": "r", "attribute": {"name": "department", "in": ["R&D"]}, "teams": ["platform"]}]
}
GONE = {
    "role_rules": [{"name": "r", "attribute": {"name": "department", "in": ["HR"]}, "teams": ["platform"]}]
}
BY_GROUP = {"role_rules": [{"name": "r", "groups": ["staff"], "teams": ["platform"]}]}

P = ["platform"]
LED, BY_HAND = mine("platform", of_group("eng-platform")), mine("platform", "", MANUAL)
UNLINKED = Team(key="tools", name="Tools", source=MANUAL)

# What leads into a team and out of it: settings, groups, what stands; joined, left, teams of the session.
CELLS: list[tuple[str, dict[str, Any], Groups, Standing, list[str], list[str], list[str]]] = [
    ("declared", {}, there("ENG-platform"), standing(), P, [], P),
    ("declared, prefix", {}, there("Ops-West"), standing(), P, [], P),
    ("another group", {}, there("eng-platforms"), standing(), [], [], []),
    ("already", {}, there("eng-platform"), standing(LED), [], [], P),
    ("empty", {}, there(), standing(LED), [], P, []),
    ("left the group", {}, there("x"), standing(LED), [], P, []),
    ("unobtainable", {}, NOWHERE, standing(LED), [], [], P),
    ("unobtainable, new", {}, NOWHERE, standing(), [], [], []),
    ("manual stays", {}, there(), standing(BY_HAND), [], [], P),
    ("manual who matches", {}, there("eng-platform"), standing(BY_HAND), P, [], P),
    ("another's stays", {}, there(), standing(mine("platform", "", OTHER)), [], [], P),
    ("SCIM's stays", {}, there(), standing(mine("platform", "", "scim:okta")), [], [], P),
    ("linked", {}, there("Tools"), standing(teams=(LINKED,)), ["tools"], [], ["tools"]),
    ("linked no more", {}, there("x"), standing(mine("tools"), teams=(UNLINKED,)), [], ["tools"], []),
    ("rule", RULE, there(), standing(), P, [], P),
    ("rule, gone", GONE, there(), standing(mine("platform", "r")), [], P, []),
    ("rule, gone, no groups", GONE, NOWHERE, standing(mine("platform", "r")), [], P, []),
    ("rule by attribute, no groups", RULE, NOWHERE, standing(), P, [], P),
    ("rule by group, no groups", BY_GROUP, NOWHERE, standing(mine("platform", "r")), [], [], P),
    ("a team that is gone", {}, there(), standing(mine("old", "", MANUAL)), [], [], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "groups", "stands", "join", "leave", "carries"),
    [cell[1:] for cell in CELLS],
    ids=[cell[0] for cell in CELLS],
)
def test_each_cell(
    told: dict[str, Any],
    groups: Groups,
    stands: Standing,
    join: list[str],
    leave: list[str],
    carries: list[str],
) -> None:
    outcome = decided(groups, told, {"platform": PLATFORM}).settle(stands)
    assert (*moves(outcome), list(outcome.teams)) == (join, leave, carries)
    assert all(one.source == SOURCE for one in (*outcome.join, *outcome.leave))


@pytest.mark.parametrize("sync", ["every_login", "first_login"])
def test_role_sync_does_not_switch_teams_off(sync: str) -> None:
    stands = standing(mine("platform", of_group("eng-platform")))
    assert moves(decided(there(), {"role_sync": sync}, {"platform": PLATFORM}).settle(stands)) == (
        [],
        ["platform"],
    )


def test_roles_of_teams_reach_the_session_as_the_teams_own() -> None:
    outcome = decided(there("eng-platform", "tools"), {}, {"platform": PLATFORM}).settle(
        standing(teams=(LINKED,))
    )
    assert [(one.role, one.source) for one in outcome.grants] == [
        ("deployer", "team:platform"), ("builder", "team:tools"),
    ]  # fmt: skip
    assert outcome.add == ()  # they are nobody's, and end with the team


def test_a_declared_team_may_ask_for_one_connections_groups() -> None:
    for bound, joins in ((["okta"], ["platform"]), (["entra"], [])):
        declared = {"platform": {**PLATFORM, "connections": bound}}
        assert moves(decided(there("eng-platform"), {}, declared).settle(standing()))[0] == joins
    with pytest.raises(ValidationError):
        Organization.model_validate({"name": "A", "teams": {"platform": {**PLATFORM, "connections": []}}})


def test_one_that_is_given_by_rule_and_group_outlives_either() -> None:
    declared = {"platform": PLATFORM}
    both = decided(there("eng-platform"), RULE, declared).settle(standing())
    assert [(one.key, one.why) for one in both.join] == [("platform", "group:eng-platform")]
    stands = standing(*both.join)
    ruled = decided(there(), RULE, declared).settle(stands)
    assert ([one.why for one in ruled.join], ruled.leave) == (["r"], ())
    unknown = decided(NOWHERE, GONE, declared).settle(stands)  # the group may give it still
    assert (unknown.join, unknown.leave) == ((), ())
    assert moves(decided(NOWHERE, GONE, declared).settle(standing(*ruled.join))) == ([], ["platform"])


# ── teams made of groups ──────────────────────────────────────────────────────────────────

MAKING = {"create_teams": "from_groups"}


def test_a_team_is_made_of_a_group_and_joined() -> None:
    outcome = decided(there("Data Science"), MAKING).settle(standing())
    assert outcome.make == (
        Team(key="data science", name="Data Science", source=SOURCE, groups=("data science",)),
    )
    assert outcome.join == (TeamMember("data science", SOURCE, "group:data science"),)
    assert outcome.teams == ("data science",)


def test_without_the_setting_none_is_made() -> None:
    assert decided(there("Data Science")).settle(standing()).make == ()


FILTERS = [
    # filter           what it makes of these groups
    (None,             ["eng-a", "eng-b", "hr"]),
    ("eng-.*",         ["eng-a", "eng-b"]),
    ("eng-",           []),                       # the whole name
    ("ENG-.*",         []),                       # exactly, unless it says otherwise
    ("(?i)ENG-.*",     ["eng-a", "eng-b"]),
    ("eng-a|hr",       ["eng-a", "hr"]),
]  # fmt: skip


@pytest.mark.parametrize(("told", "made"), FILTERS)
def test_a_filter_says_of_which_groups(told: str | None, made: list[str]) -> None:
    keys = MAKING | ({} if told is None else {"team_filter": told})
    outcome = decided(there("hr", "eng-b", "eng-a"), keys).settle(standing())
    assert [team.key for team in outcome.make] == made


@pytest.mark.parametrize(
    "told",
    [
        {"team_filter": "eng-.*"},
        MAKING | {"team_filter": "("},
        MAKING | {"team_filter": ""},
        MAKING | {"team_filter": "(?=x)"},
        MAKING | {"team_filter": "x" * 1001},
    ],
)
def test_a_filter_that_says_nothing_is_refused_when_it_is_loaded(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        connection("okta", "acme", **told)
    assert {one["loc"] for one in refused.value.errors()} == {("team_filter",)}


TAKEN = [
    # who has the key                                               is it joined?
    ("declared",        (), False),
    ("made by hand",    (Team(key="platform", name="P", source=MANUAL, roles=("owner",)),), False),
    ("made by another", (Team(key="platform", name="P", source=OTHER),), False),
    ("unlinked by hand", (Team(key="platform", name="P", source=SOURCE),), False),
    ("ours",            (Team(key="platform", name="P", source=SOURCE, groups=("platform",)),), True),
    ("linked by hand",  (Team(key="platform", name="P", source=MANUAL, groups=("platform",)),), True),
]  # fmt: skip


@pytest.mark.parametrize(("whose", "kept", "joins"), TAKEN, ids=[one[0] for one in TAKEN])
def test_the_key_of_somebody_elses_team_is_not_taken_over(
    whose: str, kept: tuple[Team, ...], *, joins: bool
) -> None:
    declared = {"platform": {"name": "Platform", "roles": ["owner"]}} if whose == "declared" else {}
    outcome = decided(there("Platform"), MAKING, declared).settle(standing(teams=kept))
    assert outcome.make == ()
    assert moves(outcome)[0] == (["platform"] if joins else [])
    told = {check.code for check in outcome.checks}
    assert ("policy.team_taken" in told) is (whose in {"declared", "made by hand", "made by another"})


@pytest.mark.parametrize("name", ["x" * 201, "a\x1b[2J", "a\ud800", "a\0b", "a\nb", "\u202eabc"])
def test_a_name_that_no_key_can_hold_makes_no_team(name: str) -> None:
    assert decided(there(name), MAKING).settle(standing()).make == ()


def test_bounds_hold_and_are_told() -> None:
    many = there(*(f"g{number:03}" for number in range(teams.MADE_AT_ONCE + 3)))
    outcome = decided(many, MAKING).settle(standing())
    assert len(outcome.make) == len(outcome.join) == teams.MADE_AT_ONCE
    assert "policy.team_bound" in {check.code for check in outcome.checks}
    full = decided(many, MAKING).settle(standing(teams_here=teams.MADE_IN_ALL - 1))
    assert [team.key for team in full.make] == ["g000"]
    assert decided(many, MAKING).settle(standing(teams_here=teams.MADE_IN_ALL + 1)).make == ()


# ── the last administrator ────────────────────────────────────────────────────────────────

OWNERS = {"owners": {"name": "Owners", "groups": ["owners"], "roles": ["owner"]}}


def test_the_last_administrator_stays_in_the_team_that_makes_them_one() -> None:
    decision = decided(there(), {}, OWNERS)
    assert decision.administrator_teams == {"owners"}
    asks = decision.settle(standing(mine("owners")))
    assert asks.asks_administrators
    kept = decision.settle(standing(mine("owners"), last_administrator=True))
    assert (kept.leave, kept.teams, kept.asks_administrators) == ((), ("owners",), False)
    assert "policy.last_administrator" in {check.code for check in kept.checks}
    (said,) = [check.said or "" for check in kept.checks if check.code == "policy.last_administrator"]
    assert "owners" not in redaction.hide(said)  # a team made of a group has its name
    by_hand = decision.settle(standing(mine("owners"), mine("owners", "", MANUAL)))
    assert (by_hand.asks_administrators, [one.source for one in by_hand.leave]) == (False, [SOURCE])


# ── folding ───────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.text()))
def test_folding_all_is_folding_each(names: list[str]) -> None:
    assert fold_all(names) == tuple(map(fold, names))


# ── no sequence takes another's, or leaves one's own ──────────────────────────────────────

NAMES = ("platform", "tools", "data", "staff")
states = st.one_of(
    st.just(NOWHERE), st.lists(st.sampled_from(NAMES), unique=True).map(lambda names: there(*names))
)
steps = st.tuples(
    states, st.sampled_from([{}, MAKING, RULE, GONE, BY_GROUP, MAKING | {"role_sync": "first_login"}])
)
foreign = st.lists(
    st.builds(
        TeamMember, st.sampled_from(NAMES), st.sampled_from([MANUAL, OTHER, "scim:okta", "invitation"])
    ),
    unique_by=lambda one: (one.key, one.source),
)


@settings(max_examples=200, deadline=None)
@given(foreign, st.lists(steps, max_size=8))
def test_no_sequence_takes_what_another_gave_or_leaves_what_nothing_gives(
    others: list[TeamMember], sequence: list[tuple[Groups, dict[str, Any]]]
) -> None:
    declared = {"platform": {"name": "Platform", "groups": ["platform"]}}
    members, kept = list(others), {"tools": LINKED}
    for groups, told in sequence:
        decision = decided(groups, told, declared)
        named = {fold(name) for name in groups.names}
        seen = tuple(
            Team(
                key=one.key,
                name=one.name,
                source=one.source,
                groups=tuple(named & {*one.groups}),
                roles=one.roles,
            )
            for one in kept.values()
        )
        outcome = decision.settle(standing(*members, teams=seen))
        kept |= {team.key: team for team in outcome.make}
        replaced = {(one.key, one.source) for one in (*outcome.join, *outcome.leave)}
        members = [one for one in members if (one.key, one.source) not in replaced] + list(outcome.join)
        assert [one for one in members if one.source != SOURCE] == others
        ours = {one.key for one in members if one.source == SOURCE}
        by_rule = {"platform"} if told == RULE or (told == BY_GROUP and "staff" in named) else set()
        if groups.presence is not Presence.UNOBTAINABLE:
            led = {one.key for one in kept.values() if named & {*one.groups}}
            assert ours == (named & {"platform"}) | by_rule | led
        else:
            assert by_rule <= ours
