"""What a directory gives and takes away, and who meets it, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from databases import ANYBODY, ask, open_session
from provisioning import NOBODY, scim_group, scim_user
from test_store import MINUTE, NOW, SECOND, another, refusal
from test_store_teams import decided, says, someone, terms

from federation.decision import MANUAL, Decision
from federation.identity import Groups, Identity, Presence, Session, Subject
from federation.provisioned import Awaited, Finding, ScimUser
from federation.store.audit import AuditEntry
from federation.store.directory_values import PeopleFilter
from federation.store.kept_values import KeptConnection
from federation.store.store import Store, open_store


def described(user: ScimUser, *groups: str, **differs: Any) -> Decision:
    """What policy makes of a resource."""
    who = Identity(
        subject=Subject(issuer="scim:okta", value=user.id),
        connection="okta",
        organization="acme",
        email=user.email,
        email_verified=None,
        given_name=differs.pop("given_name", ""),
        family_name="",
        display_name=user.display_name,
        groups=Groups(Presence.PRESENT if groups else Presence.EMPTY, groups),
        attributes={},
        authentication=someone("x").authentication,
    )
    return decided(replace(who, **differs))


async def settle(store: Store, user: ScimUser, *groups: str, refused: str = "") -> bool:
    """Decide of one who is due."""
    (due,) = await store.due_provisioned("okta", 10, of=(user.id,))
    decision = None if refused else described(user, *groups)
    return await store.settle_provisioned(due, decision, refused, NOW + SECOND)


async def provisioned(store: Store, name: str = "ada", *groups: str, **told: Any) -> ScimUser:
    finding = told.pop("finding", NOBODY)
    user = await store.add_scim_user("okta", "acme", scim_user(name, **told), finding, NOW)
    assert await settle(store, user, *groups)
    return user


def comes(name: str, *groups: str, awaited: Awaited | None = None, **told: Any) -> Decision:
    through = told.pop("through", "okta")
    differs = told.pop("differs", {})
    decision = decided(replace(someone(name, *groups, through=through), **differs), **told)
    known = awaited or Awaited(external_ids=(name,), user_names=(name,), email_key=f"{name}@acme.example")
    return replace(decision, awaited=known)


async def enter(store: Store, number: int, decision: Decision) -> Session:
    return await open_session(store, decision, another(number), NOW + SECOND)


async def is_live(store: Store, number: int) -> bool:
    return await store.find_session(another(number).token_hash, NOW + 5 * SECOND) is not None


async def sources(url: str, table: str) -> list[str]:
    return [one for (one,) in await ask(url, f"SELECT source FROM {table} ORDER BY source")]  # noqa: S608


# What is decided of a resource


async def test_a_directory_gives_membership_teams_and_roles_before_anybody_comes(
    store: Store, store_url: str
) -> None:
    user = await provisioned(store, "ada", "owners")
    assert await ask(store_url, "SELECT user_id, source FROM membership") == [(user.user_id, "scim:okta")]
    assert await ask(store_url, "SELECT team_key, source, why FROM team_membership") == [
        ("owners", "scim:okta", "group:owners")
    ]
    assert await store.due_provisioned("okta", 10) == ()
    session = await enter(store, 1, comes("ada"))
    assert (session.user.id, session.teams, session.roles) == (user.user_id, ("owners",), ("owner",))
    assert await sources(store_url, "membership") == ["scim:okta"]


async def test_a_settlement_is_of_the_change_that_was_seen(store: Store) -> None:
    user = await store.add_scim_user("okta", "acme", scim_user("ada"), NOBODY, NOW)
    (due,) = await store.due_provisioned("okta", 10)
    await store.change_scim_user("okta", replace(user, display_name="A"), NOW, expected=None)
    assert not await store.settle_provisioned(due, described(user, "owners"), "", NOW)
    (due,) = await store.due_provisioned("okta", 10)
    assert due.number == 2
    assert await store.settle_provisioned(due, described(user, "owners"), "", NOW)
    assert not await store.settle_provisioned(due, described(user), "", NOW)  # by another node
    with pytest.raises(ValueError, match="another connection"):
        await store.settle_provisioned(replace(due, organization="other"), described(user), "", NOW)


async def test_a_refusal_takes_what_the_directory_gave_and_nothing_else(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada"))
    await store.change_scim_user("okta", replace(user, external_id="x"), NOW, expected=None)
    assert await settle(store, user, refused="policy.domain")
    assert await sources(store_url, "membership") == []
    assert not await is_live(store, 1)
    refused = await store.scim_user("okta", user.id)
    assert refused is not None
    assert refused.refused == "policy.domain"
    await enter(store, 2, comes("ada"))  # the provider lets them in, as a sign-in of its own
    assert await sources(store_url, "membership") == ["connection:okta"]
    await store.change_scim_user("okta", replace(user, external_id="y"), NOW, expected=None)
    assert not await settle(store, user, refused="policy.domain")
    assert await is_live(store, 2)


async def test_each_source_takes_its_own_alone(store: Store, store_url: str) -> None:
    await enter(store, 9, decided(someone("bob", "owners")))  # somebody is left
    await ask(store_url, "UPDATE team_membership SET source = 'manual'")
    user = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada", "owners"))
    await store.set_grant("acme", user.user_id, "auditor", terms(), NOW, give=True)
    assert await sources(store_url, "team_membership") == [
        "connection:okta",
        "manual",
        "scim:okta",
    ]
    await store.change_scim_user("okta", replace(user, external_id="x"), NOW, expected=None)
    assert await settle(store, user)  # no groups any more
    assert await sources(store_url, "team_membership") == ["connection:okta", "manual"]
    assert await says(store, 1) == (("auditor", "owner"), ("owners",))
    await enter(store, 2, comes("ada"))
    assert await sources(store_url, "team_membership") == ["manual"]
    assert await says(store, 1, 5) == (("auditor",), ())


async def test_the_directorys_names_and_address_beat_those_of_a_sign_in(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", email="countess@acme.example", display_name="Countess")
    session = await enter(store, 1, comes("ada", differs={"display_name": "Ada", "given_name": "Ada"}))
    told = session.user
    assert (told.id, told.email, told.display_name, told.given_name) == (
        user.user_id, "countess@acme.example", "Countess", "Ada",
    )  # fmt: skip
    new = replace(user, email="queen@acme.example", body={"name": {"givenName": "Augusta"}})
    await store.change_scim_user("okta", new, NOW, expected=None)
    assert await settle(store, new)
    again = await store.find_session(another(1).token_hash, NOW + 2 * SECOND)
    assert again is not None
    assert (again.user.email, again.user.display_name) == ("queen@acme.example", "Countess")
    session = await enter(store, 2, comes("ada", profile_update="always"))
    assert (session.user.email, session.user.given_name) == ("queen@acme.example", "Augusta")
    elsewhere = await ask(store_url, "SELECT count(*) FROM account WHERE email = 'queen@acme.example'")
    assert elsewhere == [(1,)]


# Deactivated, and removed


async def test_who_is_deactivated_is_out_and_comes_in_by_no_way(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada"))
    bob = await provisioned(store, "bob")
    await enter(store, 2, comes("bob"))
    out = await store.change_scim_user("okta", replace(user, active=False), NOW, expected=None)
    assert out.active is False
    assert (await is_live(store, 1), await is_live(store, 2)) == (False, True)
    assert await refusal(enter(store, 3, comes("ada"))) == "policy.deactivated"
    assert await ask(store_url, "SELECT organization_id, source FROM deactivation") == [("acme", "scim:okta")]
    assert await settle(store, out, "owners") is False  # what stands stays
    await store.change_scim_user("okta", replace(user, active=True), NOW, expected=None)
    assert (await enter(store, 4, comes("ada"))).roles == ("owner",)
    assert bob.user_id != user.user_id


async def test_a_trial_foretells_what_the_directory_says(store: Store) -> None:
    """Of the account's own user or of another, as the sign-in would hear it; and it moves nothing."""
    await enter(store, 1, comes("ada"))
    named = {"external_id": "ada", "display_name": "Countess"}
    user = await store.add_scim_user("okta", "acme", scim_user("al", **named), NOBODY, NOW)
    told = await store.probe(comes("ada"), NOW)
    assert (told.refusal, told.outcome and told.outcome.profile.display_name) == (None, "Countess")
    assert (await store.scim_user("okta", user.id)) == user
    await store.change_scim_user("okta", replace(user, active=False), NOW, expected=None)
    refused = (await store.probe(comes("ada"), NOW)).refusal
    assert refused is not None
    assert refused.code == await refusal(enter(store, 2, comes("ada"))) == "policy.deactivated"


async def test_a_matching_resource_keeps_out_whoever_has_another_user(store: Store) -> None:
    session = await enter(store, 1, decided(someone("ada", through="okta")))
    user = await store.add_scim_user("okta", "acme", scim_user("ada", active=False), NOBODY, NOW)
    assert user.user_id != session.user.id
    assert await refusal(enter(store, 2, comes("ada"))) == "policy.deactivated"
    stranger = Awaited(external_ids=("zed",), user_names=(), email_key="")
    assert await enter(store, 3, comes("ada", awaited=stranger))


async def test_a_resource_that_goes_takes_what_its_connection_gave(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada", "owners"))
    await store.remove_scim_user("okta", user.id, NOW, expected=None)
    assert not await is_live(store, 1)
    for table in ("membership", "team_membership", "deactivation"):
        assert await sources(store_url, table) == []
    assert len(await ask(store_url, "SELECT user_id FROM account")) == 1
    again = await store.add_scim_user(
        "okta",
        "acme",
        scim_user("ada"),
        Finding(persons=(someone("ada", through="okta").subject.person,)),
        NOW,
    )
    assert again.user_id == user.user_id


async def test_a_person_stays_where_another_source_holds_them(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada"))
    await store.set_grant("acme", user.user_id, "auditor", terms(), NOW, give=True)
    by_hand = f"INSERT INTO membership VALUES ('acme', '{user.user_id}', 'manual', 0)"  # noqa: S608  an id of ours
    await ask(store_url, by_hand)
    await store.remove_scim_user("okta", user.id, NOW, expected=None)
    assert await sources(store_url, "membership") == [MANUAL]
    assert await is_live(store, 1)
    assert await says(store, 1) == (("auditor",), ())


# Whose a resource is, and who meets it


async def test_a_resource_is_of_the_user_of_its_subject_else_of_its_address(store: Store) -> None:
    ada = await enter(store, 1, decided(someone("ada", through="okta")))
    by_subject = Finding(persons=(someone("ada", through="okta").subject.person,))
    user = await provisioned(store, "ada", finding=by_subject)
    assert user.user_id == ada.user.id
    second = await provisioned(store, "ada2", email="ada@acme.example", finding=by_subject)
    assert second.user_id not in ("", ada.user.id)  # of one user one


@pytest.mark.parametrize("proven", [True, False])
async def test_only_a_proven_address_finds_a_user(store: Store, store_url: str, proven: bool) -> None:  # noqa: FBT001
    ada = await enter(store, 1, decided(someone("ada", through="google")))
    await ask(store_url, f"UPDATE account SET email_proven = {int(proven)}")  # noqa: S608  a number
    user = await provisioned(store, "ada", finding=Finding(email_key="ada@acme.example"))
    assert (user.user_id == ada.user.id) is proven
    await ask(store_url, "UPDATE account SET email_proven = 1")
    bob = await enter(store, 2, decided(someone("bob", through="google")))
    found = await provisioned(store, "bob")  # where no address counts
    assert found.user_id != bob.user.id


async def test_two_users_of_one_address_are_neither(store: Store, store_url: str) -> None:
    await enter(store, 1, decided(someone("ada", through="google")))
    await enter(store, 2, decided(someone("bob", through="google")))
    await ask(store_url, "UPDATE account SET email_key = 'ada@acme.example', email_proven = 1")
    known = {one for (one,) in await ask(store_url, "SELECT user_id FROM account")}
    user = await provisioned(store, "ada", finding=Finding(email_key="ada@acme.example"))
    assert user.user_id not in known


async def test_who_is_known_gets_the_resource_and_its_shell_goes(store: Store, store_url: str) -> None:
    ada = await enter(store, 1, decided(someone("ada", through="okta")))
    user = await provisioned(store, "ada", "owners")
    assert user.user_id != ada.user.id
    await enter(store, 2, comes("ada"))
    moved = await store.scim_user("okta", user.id)
    assert moved is not None
    assert moved.user_id == ada.user.id
    assert await ask(store_url, 'SELECT id FROM "user"') == [(ada.user.id,)]
    assert await settle(store, user, "owners")
    assert await says(store, 2) == (("owner",), ("owners",))
    assert await sources(store_url, "membership") == ["connection:okta", "scim:okta"]


NAMES = [
    # what leads to the resource
    Awaited(external_ids=("x", "00u1")),
    Awaited(external_ids=("00U1",), user_names=("ada",)),
    Awaited(user_names=("zed",), email_key="ada@acme.example"),
]


@pytest.mark.parametrize("awaited", NAMES)
async def test_a_first_sign_in_is_the_users_who_were_made_for_it(store: Store, awaited: Awaited) -> None:
    user = await provisioned(store, "Ada", external_id="00u1")
    decision = comes("zoe", awaited=awaited, provisioning="provisioned_only")
    assert (await enter(store, 1, decision)).user.id == user.user_id
    assert [one.id for one in await store.due_provisioned("okta", 10)] == [user.id]  # of its account
    other = comes("eve", awaited=awaited, on_email_match="create")
    assert (await enter(store, 2, other)).user.id != user.user_id  # nobody else becomes them
    nobody = comes("x", awaited=Awaited(external_ids=("",)), provisioning="provisioned_only")
    assert await refusal(enter(store, 3, nobody)) == "policy.not_provisioned"


async def test_of_two_resources_nobody_is_either(store: Store) -> None:
    for name in ("ada", "bob"):
        await provisioned(store, name, external_id="same")
    decision = comes("zoe", awaited=Awaited(external_ids=("same",)), provisioning="provisioned_only")
    assert await refusal(enter(store, 1, decision)) == "policy.not_provisioned"


async def test_a_connections_own_resources_alone_are_met(store: Store) -> None:
    await provisioned(store, "ada")
    decision = comes("ada", through="google", provisioning="provisioned_only")
    assert await refusal(enter(store, 1, decision)) == "policy.not_provisioned"


# At one moment


@pytest.mark.parametrize("known", [True, False])
async def test_nobody_slips_in_while_they_are_deactivated(store: Store, store_url: str, known: bool) -> None:  # noqa: FBT001
    elsewhere = await open_store(store_url)
    for turn in range(6):
        name = f"p{turn}"
        if known:
            await enter(store, 100 + turn, decided(someone(name, through="okta")))
        user = await provisioned(store, name)
        numbers = [turn * 10 + number for number in range(3)]
        told = await asyncio.gather(
            *(enter(elsewhere, number, comes(name)) for number in numbers),
            store.change_scim_user("okta", replace(user, active=False), NOW, expected=None),
            *(enter(store, number + 1000, comes(name)) for number in numbers),
            return_exceptions=True,
        )
        assert all(getattr(one, "code", "policy.deactivated") == "policy.deactivated" for one in told)
        assert await refusal(enter(store, 5000 + turn, comes(name))) == "policy.deactivated"
        live = "SELECT count(*) FROM session JOIN scim_user ON scim_user.user_id = session.user_id"
        assert await ask(store_url, f"{live} WHERE scim_user.active = 0 AND ended_at IS NULL") == [(0,)]
    await elsewhere.close()


async def test_a_change_is_told_in_the_audit_log_if_it_is_one(store: Store, store_url: str) -> None:
    entry = AuditEntry(
        organization="acme",
        at=NOW,
        actor_kind="scim",
        actor="token",
        action="scim_user.create",
        kind="scim_user",
        name="",
    )
    user = await store.audited(entry).add_scim_user("okta", "acme", scim_user("ada"), NOBODY, NOW)
    group = await store.audited(entry).add_scim_group("okta", "acme", scim_group("g", user.id), NOW)
    await store.audited(entry).change_scim_user("okta", user, NOW + MINUTE, expected=None)
    told = await ask(store_url, "SELECT object, about FROM audit")
    assert sorted(told) == sorted([(user.id, user.user_id), (group.id, "")])
    await store.audited(replace(entry, name=user.id)).remove_scim_user("okta", user.id, NOW, expected=None)
    assert len(await ask(store_url, "SELECT object FROM audit")) == 3


# What goes with a connection, and what a link that goes takes


async def test_a_connection_that_goes_takes_what_its_directory_gave(store: Store, store_url: str) -> None:
    kept = KeptConnection(
        id="okta",
        organization="acme",
        protocol="oidc",
        body="{}",
        sealed="",
        enabled=True,
        number=0,
        created_at=NOW,
        updated_at=NOW,
        tested_at=None,
        deleted=False,
    )
    assert await store.keep_connection(kept, NOW, previous=None)
    ada = await provisioned(store, "ada", "owners")
    await enter(store, 1, comes("ada"))
    await provisioned(store, "bob")
    await store.add_scim_group("okta", "acme", scim_group("g", ada.id), NOW)
    await store.add_scim_user("okta", "acme", scim_user("eve", active=False), NOBODY, NOW)
    other = await store.add_scim_user("other", "acme", scim_user("ada"), NOBODY, NOW)
    await ask(store_url, "INSERT INTO scim_spread VALUES ('okta', '', '', 0), ('other', '', '', 0)")
    assert await store.drop_connection("okta", NOW + SECOND, ANYBODY)
    assert not await is_live(store, 1)
    for table in ("membership", "team_membership", "deactivation"):
        assert await sources(store_url, table) == []
    for table in ("scim_user", "scim_email", "scim_spread"):
        assert await ask(store_url, f"SELECT connection FROM {table}") == [("other",)]  # noqa: S608
    assert await ask(store_url, "SELECT count(*) FROM scim_member") == [(0,)]
    users = {one for (one,) in await ask(store_url, 'SELECT id FROM "user"')}
    assert users == {ada.user_id, other.user_id}  # the one has an account


async def test_what_a_directory_left_is_forgotten_and_nothing_of_others(store: Store, store_url: str) -> None:
    """Whoever is left a membership stays in, without what the directory gave; the others are out."""
    ada, bob = await provisioned(store, "ada", "owners"), await provisioned(store, "bob", "owners")
    await enter(store, 1, comes("ada"))
    await enter(store, 2, comes("bob"))
    await ask(store_url, f"INSERT INTO membership VALUES ('acme', '{ada.user_id}', 'manual', 0)")  # noqa: S608  an id
    eve = await store.add_scim_user("okta", "acme", scim_user("eve", active=False), NOBODY, NOW)
    other = await store.add_scim_user("other", "acme", scim_user("zoe"), NOBODY, NOW)
    assert [(one.connection, one.users, one.kept_out) for one in await store.residues()] == [
        ("okta", 3, 1),
        ("other", 1, 0),
    ]
    assert await store.forget_provisioned("okta", "acme", NOW + SECOND, ANYBODY) == 1
    assert (await is_live(store, 1), await is_live(store, 2)) == (True, False)
    assert [one.connection for one in await store.residues()] == ["other"]
    assert set(await sources(store_url, "membership")) <= {"manual", "scim:other"}
    for table in ("team_membership", "role_grant", "deactivation"):
        assert not {"scim:okta"} & set(await sources(store_url, table))
    users = {one for (one,) in await ask(store_url, 'SELECT id FROM "user"')}
    assert users == {ada.user_id, bob.user_id, other.user_id} - {eve.user_id}
    await enter(store, 3, comes("bob"))


async def test_a_group_of_nobody_is_left_and_forgotten(store: Store) -> None:
    await store.add_scim_group("okta", "acme", scim_group("Layoffs"), NOW)
    (left,) = await store.residues()
    assert (left.connection, left.organization, left.users, left.kept_out) == ("okta", "acme", 0, 0)
    assert await store.forget_provisioned("okta", "acme", NOW + SECOND, ANYBODY) == 0
    assert await store.residues() == ()


async def test_a_group_that_leads_nowhere_any_more_leads_its_directorys_users_nowhere(
    store: Store, store_url: str
) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    await store.link_group("acme", "tools", "staff", "okta")
    await provisioned(store, "ada", "staff")
    assert await sources(store_url, "team_membership") == ["scim:okta"]
    assert await store.unlink_group("acme", "tools", "staff", "okta", terms(), NOW) == 1
    assert await sources(store_url, "team_membership") == []


async def test_who_is_provisioned_is_told_and_erased(store: Store, store_url: str) -> None:
    user = await provisioned(store, "ada", "owners", body={"title": "Countess"})
    group = await store.add_scim_group("okta", "acme", scim_group("Eng", user.id), NOW)
    listed = await store.list_people(
        PeopleFilter(organization="acme", search="", connection="", role="", team="", state="awaited"),
        None,
        9,
    )
    assert [(one.user_id, one.display_name, one.connections) for one in listed.people] == [
        (user.user_id, "Ada", ("okta",))
    ]
    told = (await store.export_person(user.user_id, "acme")).tables
    assert told["provisioned"][0]["body"]["title"] == "Countess"
    assert [one["display_name"] for one in told["provisioned_groups"]] == ["Eng"]
    assert [one.user_id for one in await store.find_persons("ada@acme.example", "acme")] == [user.user_id]
    erased = await store.erase_person(user.user_id, "acme", administrators={}, force=False)
    assert (erased.counts["provisioned"], erased.user) == (1, True)
    assert await store.scim_user("okta", user.id) is None
    left = await store.scim_group("okta", group.id, members=True)
    assert left is not None
    assert (left.size, left.members, left.version) == (0, (), 2)
