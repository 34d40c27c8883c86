"""Teams and roles by hand, on SQLite and on PostgreSQL: who changes them, and who is told."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from databases import ask, open_session
from decisions import connection
from test_store import MINUTE, NOW, SECOND, ZOE, another

from federation.connection import Organization
from federation.decision import MANUAL, Decision, Profile
from federation.errors import PolicyRefused
from federation.identity import Groups, Identity, Presence, Session, Subject
from federation.policy import settlement
from federation.policy import teams as policy
from federation.policy.decide import decide
from federation.store import standing, standing_sql
from federation.store.people_values import KeptTeam, LinkedGroup, Terms
from federation.store.standing import Known
from federation.store.store import Store, open_store

ACME = Organization.model_validate(
    {
        "name": "Acme",
        "administrators": ["owner"],
        "teams": {"owners": {"name": "Owners", "groups": ["owners"], "roles": ["owner"]}},
    }
)
MAKING = {"create_teams": "from_groups"}
KNOWN = Known(user_id="1", how="subject", signed_in_before=True, profile=Profile())


def terms(*, force: bool = False) -> Terms:
    declared = policy.declared(ACME)
    return Terms(
        connections=("adfs", "okta"),
        declared=frozenset(declared),
        administrators=frozenset({"owner"}),
        administrator_teams=frozenset({"owners"}),
        force=force,
        tell=lambda standing: settlement.carried(standing, declared),
    )


def someone(name: str, *groups: str, through: str = "adfs") -> Identity:
    return replace(
        ZOE,
        subject=Subject(issuer=f"https://{through}.example", value=name),
        email=f"{name}@acme.example",
        connection=through,
        groups=Groups(Presence.PRESENT if groups else Presence.EMPTY, groups),
    )


def decided(who: Identity, **told: Any) -> Decision:
    through = connection(who.connection, "acme", **told)
    return decide(who, through, ACME, (), system_roles=(), verified=frozenset())


async def enter(store: Store, number: int, name: str, *groups: str, **told: Any) -> Session:
    who = someone(name, *groups, through=told.pop("through", "adfs"))
    return await open_session(store, decided(who, **told), another(number), NOW)


async def says(store: Store, number: int, later: int = 2) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return roles and teams that a session tells, a moment later."""
    session = await store.find_session(another(number).token_hash, NOW + later * SECOND)
    assert session is not None
    return session.roles, session.teams


async def test_a_team_is_made_linked_and_joined_at_the_next_sign_in(store: Store) -> None:
    assert await store.add_team("acme", "tools", "Tools & more", NOW)
    assert not await store.add_team("acme", "tools", "Again", NOW)
    assert await store.link_group("acme", "tools", "eng-tools", "")
    assert not await store.link_group("acme", "no", "eng-tools", "")
    assert await store.set_team_role("acme", "tools", "builder", terms(), NOW, give=True)
    session = await enter(store, 1, "ada", "Eng-Tools", "x")
    assert (session.teams, session.roles) == (("tools",), ("builder",))
    assert await store.teams("acme") == (
        KeptTeam(
            key="tools",
            name="Tools & more",
            source=MANUAL,
            groups=(LinkedGroup(group="eng-tools", connection=""),),
            roles=("builder",),
            members=1,
        ),
    )
    assert await store.teams("other") == ()
    assert (await enter(store, 2, "ada")).teams == ()  # empty takes away
    assert (await store.teams("acme"))[0].members == 0  # and leaves the team
    assert await says(store, 1) == ((), ())


async def test_a_link_may_be_of_one_connection(store: Store) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    await store.link_group("acme", "tools", "staff", "okta")
    assert (await enter(store, 1, "ada", "staff")).teams == ()
    assert (await enter(store, 2, "bob", "staff", through="okta")).teams == ("tools",)


async def test_teams_are_made_of_groups_once(store: Store, store_url: str) -> None:
    names = [f"Group {number}" for number in range(5)]
    sessions = await asyncio.gather(
        *(enter(store, number, f"p{number}", *names, **MAKING) for number in range(6))
    )
    keys = tuple(sorted(name.lower() for name in names))
    assert {session.teams for session in sessions} == {keys}
    assert [(team.key, team.name, team.source, team.members) for team in await store.teams("acme")] == [
        (name.lower(), name, "connection:adfs", 6) for name in names
    ]
    written = await ask(store_url, "SELECT count(*) FROM team_group")
    assert (await enter(store, 7, "p7", *names)).teams == keys  # by the link, and not made of groups any more
    assert await ask(store_url, "SELECT count(*) FROM team_group") == written


@pytest.mark.parametrize("whose", ["hand", "okta", "declared"])
async def test_nobody_is_put_into_a_team_that_has_a_groups_name(store: Store, whose: str) -> None:
    name = "owners" if whose == "declared" else "platform"
    if whose == "hand":
        await store.add_team("acme", name, "Platform", NOW)
    if whose == "okta":
        await enter(store, 9, "bob", name, through="okta", **MAKING)
    before = await store.teams("acme")
    group = "Owners " if whose == "declared" else "Platform"  # not the group that is declared
    session = await enter(store, 1, "ada", group, **MAKING)
    assert (session.teams, session.roles) == ((), ())
    assert await store.teams("acme") == before


async def test_an_unlinked_group_leads_nowhere_though_its_team_was_made_of_it(store: Store) -> None:
    await enter(store, 1, "ada", "Platform", **MAKING)
    await enter(store, 2, "bob", "Platform", **MAKING)
    assert await store.unlink_group("acme", "platform", "platform", "okta", terms(), NOW) is None
    assert await store.unlink_group("acme", "platform", "platform", "adfs", terms(), NOW) == 2
    assert await says(store, 1) == ((), ())
    assert (await enter(store, 3, "ada", "Platform", **MAKING)).teams == ()


async def test_unlinking_leaves_those_whom_another_link_keeps(store: Store) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    for whose in ("", "okta"):
        await store.link_group("acme", "tools", "staff", whose)
    ada = await enter(store, 1, "ada", "staff")
    await enter(store, 2, "bob", "staff", through="okta")
    await store.set_team_member("acme", ada.user.id, "tools", terms(), NOW, member=True)
    assert await store.unlink_group("acme", "tools", "staff", "", terms(), NOW) == 1
    assert (await says(store, 1), await says(store, 2)) == (((), ("tools",)), ((), ("tools",)))
    assert (await enter(store, 3, "ada", "staff")).teams == ("tools",)  # by hand


async def test_by_hand_and_by_group_are_two_rows(store: Store, store_url: str) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    await store.link_group("acme", "tools", "staff", "")
    ada = await enter(store, 1, "ada")
    put = await store.set_team_member("acme", ada.user.id, "tools", terms(), NOW, member=True)
    assert put is not None
    assert (put.changed, put.others) == (True, ())
    assert (await enter(store, 2, "ada", "staff")).teams == ("tools",)
    rows = await ask(store_url, "SELECT source, why FROM team_membership ORDER BY source")
    assert rows == [("connection:adfs", "group:staff"), ("manual", "manual")]
    assert (await enter(store, 3, "ada")).teams == ("tools",)
    await enter(store, 4, "ada", "staff")
    taken = await store.set_team_member("acme", ada.user.id, "tools", terms(), NOW, member=False)
    assert taken is not None
    assert (taken.changed, taken.others) == (True, ("connection:adfs",))
    assert await says(store, 4) == ((), ("tools",))
    assert (await enter(store, 5, "ada")).teams == ()
    assert await store.set_team_member("acme", ada.user.id, "no", terms(), NOW, member=True) is None


async def test_roles_of_a_team_are_retold_to_its_members(store: Store) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    await store.link_group("acme", "tools", "staff", "")
    await enter(store, 1, "ada", "staff")
    await enter(store, 2, "bob")
    for give, roles in ((True, ("builder",)), (False, ())):
        assert await store.find_session(another(1).token_hash, NOW)  # and remembered, where it is
        assert await store.set_team_role("acme", "tools", "builder", terms(), NOW, give=give)
        assert await store.set_team_role("acme", "tools", "builder", terms(), NOW, give=give) is False
        assert await says(store, 1) == (roles, ("tools",))
        assert await says(store, 2) == ((), ())
    assert await store.set_team_role("acme", "no", "builder", terms(), NOW, give=True) is None


async def test_a_removed_team_is_nobodys(store: Store, store_url: str) -> None:
    await enter(store, 1, "ada", "Platform", **MAKING)
    assert await store.rename_team("acme", "platform", "Plattform")
    assert not await store.rename_team("acme", "no", "x")
    assert await store.remove_team("acme", "platform", terms(), NOW) == 1
    assert await store.remove_team("acme", "platform", terms(), NOW) is None
    assert await says(store, 1) == ((), ())
    for table in ("team", "team_group", "team_role", "team_membership"):
        assert await ask(store_url, f"SELECT * FROM {table}") == []  # noqa: S608


async def test_a_role_by_hand_is_retold_and_no_sign_in_takes_it(store: Store) -> None:
    rules = [{"name": "r", "groups": ["staff"], "roles": ["builder"]}]
    ada = await enter(store, 1, "ada", "staff", role_rules=rules)
    done = await store.set_grant("acme", ada.user.id, "builder", terms(), NOW, give=True)
    assert (done.changed, done.others) == (True, ("connection:adfs",))
    assert not (await store.set_grant("acme", ada.user.id, "builder", terms(), NOW, give=True)).changed
    assert (await enter(store, 2, "ada", role_rules=rules)).roles == ("builder",)
    assert (await enter(store, 3, "ada", "staff", role_rules=rules)).roles == ("builder",)
    taken = await store.set_grant("acme", ada.user.id, "builder", terms(), NOW, give=False)
    assert (taken.changed, taken.others) == (True, ("connection:adfs",))
    assert (await enter(store, 4, "ada", role_rules=rules)).roles == ()
    await store.set_grant("acme", ada.user.id, "auditor", terms(), NOW, give=True)
    assert [(await says(store, number))[0] for number in (1, 4)] == [("auditor",), ("auditor",)]


async def test_who_is_no_member_any_more_is_no_other_administrator(store: Store, store_url: str) -> None:
    ada, zoe = await enter(store, 1, "ada"), await enter(store, 2, "zoe")
    for one in (ada, zoe):
        await store.set_grant("acme", one.user.id, "owner", terms(), NOW, give=True)
    await ask(store_url, f"DELETE FROM membership WHERE user_id = '{zoe.user.id}'")  # noqa: S608
    with pytest.raises(PolicyRefused) as refused:
        await store.set_grant("acme", ada.user.id, "owner", terms(), NOW, give=False)
    assert refused.value.code == "policy.last_administrator"


LAST = ["grant", "team role", "member", "unlinked", "removed"]


@pytest.mark.parametrize("way", LAST)
async def test_the_last_administrator_is_left_unless_it_is_forced(store: Store, way: str) -> None:
    ada = await enter(store, 1, "ada")
    await store.add_team("acme", "bosses", "Bosses", NOW)
    if way == "grant":
        await store.set_grant("acme", ada.user.id, "owner", terms(), NOW, give=True)
    else:
        await store.set_team_role("acme", "bosses", "owner", terms(), NOW, give=True)
        if way == "unlinked":
            await store.link_group("acme", "bosses", "bosses", "")
            await enter(store, 2, "ada", "bosses")
        else:
            await store.set_team_member("acme", ada.user.id, "bosses", terms(), NOW, member=True)

    async def take(*, force: bool) -> None:
        held = terms(force=force)
        match way:
            case "grant":
                await store.set_grant("acme", ada.user.id, "owner", held, NOW, give=False)
            case "team role":
                await store.set_team_role("acme", "bosses", "owner", held, NOW, give=False)
            case "member":
                await store.set_team_member("acme", ada.user.id, "bosses", held, NOW, member=False)
            case "unlinked":
                await store.unlink_group("acme", "bosses", "bosses", "", held, NOW)
            case _:
                await store.remove_team("acme", "bosses", held, NOW)

    with pytest.raises(PolicyRefused) as refused:
        await take(force=False)
    assert refused.value.code == "policy.last_administrator"
    assert (await says(store, 1))[0] == ("owner",)
    await take(force=True)
    assert (await says(store, 1, later=3))[0] == ()


async def test_with_another_administrator_one_may_go(store: Store) -> None:
    ada, bob = await enter(store, 1, "ada"), await enter(store, 2, "bob", "owners")  # declared
    await store.set_grant("acme", ada.user.id, "owner", terms(), NOW, give=True)
    await store.set_grant("acme", ada.user.id, "owner", terms(), NOW, give=False)
    assert (await says(store, 1), await says(store, 2)) == (((), ()), (("owner",), ("owners",)))
    left = await enter(store, 3, "bob")  # nobody else: a sign-in does not take it either
    assert (left.user.id, left.roles, left.teams) == (bob.user.id, ("owner",), ("owners",))
    await store.set_grant("acme", ada.user.id, "owner", terms(), NOW, give=True)
    assert (await enter(store, 4, "bob")).roles == ()


async def test_another_organizations_are_untouched(store: Store) -> None:
    ada = await enter(store, 1, "ada")
    await store.add_team("other", "tools", "Tools", NOW)
    await store.link_group("other", "tools", "staff", "")
    assert (await enter(store, 2, "ada", "staff")).teams == ()
    await store.set_grant("other", ada.user.id, "owner", terms(), NOW, give=True)
    assert (await says(store, 1))[0] == ()


async def test_a_sign_in_under_way_is_told_what_was_taken(store: Store, store_url: str) -> None:
    """Whichever is first: no session is left with a role that was taken back."""
    ada = await enter(store, 0, "ada")
    elsewhere = await open_store(store_url)
    for turn in range(4):
        await store.set_grant("acme", ada.user.id, "auditor", terms(), NOW, give=True)
        await asyncio.gather(
            *(enter(store, 100 + turn * 10 + number, "ada") for number in range(4)),
            elsewhere.set_grant("acme", ada.user.id, "auditor", terms(), NOW, give=False),
        )
        sessions = await store.sessions_of(ada.user.id, "acme", NOW + MINUTE)
        assert {session.roles for session in sessions} == {()}
    await elsewhere.close()


def test_without_teams_of_the_store_no_group_is_asked_for() -> None:
    steps = standing.stands(decided(someone("ada", "tools")), KNOWN, has_teams=False)
    assert next(steps)[0] == standing_sql.FIND_STANDING
    with pytest.raises(StopIteration) as end:
        steps.send([("member", "owners", "connection:adfs", "group:owners")])
    assert end.value.value.teams == {}


def test_whoever_is_in_a_team_that_was_made_meanwhile_has_what_it_gives() -> None:
    steps = standing.stands(decided(someone("ada", "tools")), KNOWN, has_teams=False)
    next(steps)
    told = steps.send([("member", "tools", MANUAL, MANUAL), ("kept", "tools", "", "")])
    assert told[0] == standing_sql.FIND_TEAMS
    with pytest.raises(StopIteration) as end:
        steps.send([("team", "tools", "Tools", MANUAL), ("role", "tools", "builder", "")])
    assert end.value.value.teams["tools"].roles == ("builder",)


async def test_people_are_found_by_address_and_by_id(store: Store) -> None:
    ada = await enter(store, 1, "ada", "owners")
    await enter(store, 2, "bob")
    await store.set_grant("acme", ada.user.id, "auditor", terms(), NOW, give=True)
    for who, organization in ((ada.user.id, ""), ("ADA@acme.example", "acme")):
        (found,) = await store.people(who, organization, NOW)
        assert (found.user_id, found.organization) == (ada.user.id, "acme")
        assert [one.connection for one in found.accounts] == ["adfs"]
        assert [(one.role, one.source) for one in found.standing.grants] == [("auditor", "manual")]
        assert [(one.key, one.source, one.why) for one in found.standing.members] == [
            ("owners", "connection:adfs", "group:owners")
        ]
        assert [session.id for session in found.sessions] == [ada.id]
    assert await store.people("nobody@acme.example", "", NOW) == ()
    assert await store.people(ada.user.id, "other", NOW) == ()
