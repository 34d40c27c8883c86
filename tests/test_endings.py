"""What ends access, on SQLite and on PostgreSQL: deactivation, membership gone, a connection switched off."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from databases import ANYBODY, ask, open_session
from decisions import decided
from test_store import ADMITTED, BINDER, MINUTE, NEW, NOW, TOKEN, WAITING, ZOE, another, refusal

from federation.connection import Organization
from federation.connection.common import DeclaredTeam
from federation.decision import Decision
from federation.errors import PolicyRefused
from federation.identity import Subject
from federation.store import standing
from federation.store.people_values import Ended
from federation.store.store import Store, open_store
from federation.store.values import SealedTokens

DECLARED = {
    "chiefs": DeclaredTeam(name="Chiefs", groups=("chiefs",), roles=("owner",)),
    "readers": DeclaredTeam(name="Readers", groups=("readers",), roles=("reader",)),
}
OWNED = Organization(name="Acme", administrators=("owner",), teams=DECLARED)
ROLES = {"acme": OWNED, "beta": OWNED}
ADA = replace(ZOE, subject=Subject(issuer="https://idp.example", value="ada"), email="ada@acme.example")
NUMBER = {1: (1).to_bytes(32, "big"), 2: (2).to_bytes(32, "big")}


async def deactivate(
    store: Store, user_id: str, organization: str = "acme", *, force: bool = False, source: str = "manual"
) -> Ended:
    return await store.deactivate(
        user_id, organization, source=source, administrators=ROLES, force=force, now=NOW
    )


async def remove(store: Store, user_id: str, source: str = "", *, force: bool = False) -> Ended:
    return await store.remove_membership(
        user_id, "acme", source=source, administrators=ROLES, force=force, now=NOW
    )


async def test_a_deactivated_user_is_out_and_stays_out(store: Store) -> None:
    session = await open_session(store, ADMITTED, NEW, NOW)
    told = await deactivate(store, session.user.id)
    assert (told.changed, told.sessions) == (True, 1)
    assert await store.find_session(TOKEN, NOW) is None
    assert await refusal(open_session(store, ADMITTED, another(1), NOW)) == "policy.deactivated"
    assert (await deactivate(store, session.user.id)).changed is False


async def test_only_who_said_it_takes_it_back(store: Store) -> None:
    session = await open_session(store, ADMITTED, NEW, NOW)
    await deactivate(store, session.user.id)
    await deactivate(store, session.user.id, "", source="scim:okta")
    assert await store.reactivate(session.user.id, "acme", source="scim:okta") == (
        False, ("*:scim:okta", "manual"),
    )  # fmt: skip
    assert await store.reactivate(session.user.id, "acme", source="manual") == (True, ("*:scim:okta",))
    assert await refusal(open_session(store, ADMITTED, another(1), NOW)) == "policy.deactivated"
    assert await store.reactivate(session.user.id, "", source="scim:okta") == (True, ())
    await open_session(store, ADMITTED, another(1), NOW)


async def test_one_organization_keeps_nobody_out_of_another(store: Store, store_url: str) -> None:
    here = await open_session(store, ADMITTED, NEW, NOW)
    beside = decided(replace(ZOE, organization="beta", connection="beta-adfs"))
    await open_session(store, beside, another(1), NOW)
    # one user in both, as a joined account would be
    await ask(store_url, f"UPDATE account SET user_id = '{here.user.id}'")  # noqa: S608
    await ask(store_url, f"UPDATE session SET user_id = '{here.user.id}'")  # noqa: S608
    assert (await deactivate(store, here.user.id, "acme")).sessions == 1
    assert await store.find_session(NUMBER[1], NOW) is not None
    assert (await deactivate(store, here.user.id, "")).sessions == 1
    assert await store.find_session(NUMBER[1], NOW) is None


async def test_the_last_administrator_goes_by_hand_and_force_alone(store: Store) -> None:
    owner = await open_session(store, decided(ZOE, ("owner", "owners")), NEW, NOW)
    for ending in (deactivate, remove):
        told = await ending(store, owner.user.id)
        assert (told.changed, told.sessions, told.last_administrator_of) == (False, 0, ("acme",))
    assert await store.find_session(TOKEN, NOW) is not None
    await open_session(store, decided(ADA, ("owner", "owners")), another(1), NOW)
    assert (await deactivate(store, owner.user.id)).changed is True  # another is left
    other = (await store.find_users("ada@acme.example", "acme"))[0]
    assert (await deactivate(store, other.user_id)).last_administrator_of == ("acme",)
    told = await deactivate(store, other.user_id, force=True)
    assert (told.changed, told.last_administrator_of) == (True, ("acme",))


async def test_the_last_administrator_may_be_one_by_a_team(store: Store, store_url: str) -> None:
    session = await open_session(store, decided(ZOE), NEW, NOW)
    await store.add_team("acme", "heads", "Heads", NOW)
    await ask(store_url, "INSERT INTO team_role VALUES ('acme', 'heads', 'owner')")
    member = f"INSERT INTO team_membership VALUES ('acme', '{session.user.id}', 'heads', 'manual', '', 0)"  # noqa: S608
    await ask(store_url, member)
    for ending in (deactivate, remove):
        told = await ending(store, session.user.id)
        assert (told.changed, told.last_administrator_of) == (False, ("acme",))


async def lead(url: str, user_id: str, team: str, source: str = "manual") -> None:
    """Put somebody into a team."""
    await ask(url, f"INSERT INTO team_membership VALUES ('acme', '{user_id}', '{team}', '{source}', '', 0)")  # noqa: S608


async def test_the_last_administrator_may_be_one_by_a_declared_team(store: Store, store_url: str) -> None:
    session = await open_session(store, decided(ZOE), NEW, NOW)
    await lead(store_url, session.user.id, "chiefs")
    for ending in (deactivate, remove):
        told = await ending(store, session.user.id)
        assert (told.changed, told.last_administrator_of) == (False, ("acme",))
    erased = await store.erase_person(session.user.id, "acme", administrators=ROLES, force=False)
    assert (erased.last_administrator, erased.counts) == (True, {})
    assert await store.find_session(TOKEN, NOW) is not None


@pytest.mark.parametrize(("team", "left"), [("chiefs", True), ("readers", False), ("unknown", False)])
async def test_whoever_is_one_by_a_declared_team_is_left(
    store: Store,
    store_url: str,
    team: str,
    left: bool,  # noqa: FBT001  a case
) -> None:
    owner = await open_session(store, decided(ZOE, ("owner", "owners")), NEW, NOW)
    ada = await open_session(store, decided(ADA), another(1), NOW)
    await lead(store_url, ada.user.id, team)
    last = () if left else ("acme",)
    told = await deactivate(store, owner.user.id)
    assert (told.changed, told.last_administrator_of) == (left, last)


@pytest.mark.parametrize(
    ("source", "stays"), [("manual", True), ("connection:adfs", False)], ids=["another's", "its own"]
)
async def test_a_source_that_goes_leaves_an_administrator_by_a_team(
    store: Store,
    store_url: str,
    source: str,
    stays: bool,  # noqa: FBT001  a case
) -> None:
    """The only one: whom another source puts into the team stays one, as long as they stay a member."""
    session = await open_session(store, decided(ZOE, ("owner", "owners")), NEW, NOW)
    await ask(store_url, f"INSERT INTO membership VALUES ('acme', '{session.user.id}', 'scim:okta', 0)")  # noqa: S608
    await lead(store_url, session.user.id, "chiefs", source)
    told = await remove(store, session.user.id, "connection:adfs")
    assert (told.changed, told.last_administrator_of) == (stays, () if stays else ("acme",))


async def test_the_last_membership_gone_ends_the_sessions(store: Store, store_url: str) -> None:
    session = await open_session(store, ADMITTED, NEW, NOW)
    await ask(store_url, f"INSERT INTO membership VALUES ('acme', '{session.user.id}', 'scim:okta', 0)")  # noqa: S608
    await ask(store_url, f"INSERT INTO role_grant VALUES ('acme', '{session.user.id}', 'manual', 'auditor', '', 0)")  # noqa: S608, E501  # fmt: skip
    await open_session(store, ADMITTED, another(1), NOW)
    told = await remove(store, session.user.id, "connection:adfs")
    assert (told.changed, told.sessions) == (True, 0)
    for token in (TOKEN, NUMBER[1]):
        found = await store.find_session(token, NOW + MINUTE)
        assert found is not None
        assert {one.source for one in found.grants} <= {"manual"}
    told = await remove(store, session.user.id, "scim:okta")
    assert (told.changed, told.sessions) == (True, 2)
    assert await ask(store_url, "SELECT source FROM role_grant") == [
        ("manual",)
    ]  # another's, and carried by none
    strict = decided(ZOE, ("admin", "admins"), provisioning="provisioned_only")
    assert await refusal(open_session(store, strict, another(2), NOW)) == "policy.not_a_member"
    assert (await remove(store, session.user.id)).changed is True
    assert await ask(store_url, "SELECT source FROM role_grant") == []


async def test_a_connection_switched_off_lets_nobody_in(store: Store) -> None:
    await open_session(store, ADMITTED, NEW, NOW)
    other = decided(replace(ADA, connection="okta"))
    await open_session(store, other, another(1), NOW)
    await store.remember_pending(WAITING)
    told = await store.switch_off("adfs", NOW, ANYBODY)
    assert (told.changed, told.sessions) == (True, 1)
    assert await store.find_session(TOKEN, NOW) is None
    assert await store.find_session(NUMBER[1], NOW) is not None
    assert await store.switched_off() == {"adfs": NOW}
    assert await store.count_sessions(NOW) == {"okta": 1}
    assert await refusal(store.remember_pending(replace(WAITING, handle="h"))) == "policy.connection_disabled"
    await store.take_pending("adfs", WAITING.handle, BINDER, NOW)  # was under way
    assert await refusal(open_session(store, ADMITTED, another(2), NOW)) == "policy.connection_disabled"
    assert (await store.switch_off("adfs", NOW, ANYBODY)).changed is False
    assert (await store.switch_on("adfs"), await store.switch_on("adfs")) == (True, False)
    await open_session(store, ADMITTED, another(2), NOW)
    assert await store.find_session(TOKEN, NOW) is None  # what ended stays ended


async def test_kept_tokens_go_with_the_sessions_and_are_told(store: Store, store_url: str) -> None:
    new = replace(NEW, tokens=SealedTokens(sealed="v1.sealed", renew_at=None))
    session = await open_session(store, ADMITTED, new, NOW)
    told = await deactivate(store, session.user.id)
    assert [(one.session_id, one.tokens.sealed) for one in told.tokens] == [(session.id, "v1.sealed")]
    assert await ask(store_url, "SELECT * FROM kept_token") == []


@pytest.mark.parametrize("ending", ["deactivate", "switch_off"])
async def test_no_sign_in_slips_through_beside_it(store: Store, store_url: str, ending: str) -> None:
    elsewhere = await open_store(store_url)
    session = await open_session(store, ADMITTED, NEW, NOW)

    async def end() -> None:
        await asyncio.sleep(0.01)
        if ending == "deactivate":
            await deactivate(elsewhere, session.user.id)
        else:
            await elsewhere.switch_off("adfs", NOW, ANYBODY)

    tries = [open_session((store, elsewhere)[one % 2], ADMITTED, another(one), NOW) for one in range(1, 30)]
    told = await asyncio.gather(end(), *tries, return_exceptions=True)
    assert all(isinstance(one, PolicyRefused) for one in told if isinstance(one, Exception))
    live = await ask(store_url, "SELECT count(*) FROM session WHERE ended_at IS NULL")
    assert live == [(0,)]
    await elsewhere.close()


async def test_who_comes_to_another_organization_meanwhile_is_out_there_too(postgres_url: str) -> None:
    """On PostgreSQL alone: SQLite has one writer."""
    store = await open_store(postgres_url)
    here = await open_session(store, ADMITTED, NEW, NOW)
    beside = await asyncpg.connect(postgres_url)
    async with beside.transaction():  # a first sign-in to beta, by a user whom somebody made before
        for table, other in (("account", "{}"), ("session", '{"id": "b", "token_hash": "\\\\x01"}')):
            told = f"""'{other}'::jsonb || '{{"organization_id": "beta"}}'"""
            await beside.execute(
                f"INSERT INTO {table} SELECT (jsonb_populate_record({table}, {told})).* FROM {table}"  # noqa: S608
            )
        ending = asyncio.create_task(deactivate(store, here.user.id, ""))
        await asyncio.sleep(0.3)
        assert not ending.done()
    assert (await ending).sessions == 2
    await beside.close()
    await store.close()


async def test_who_came_for_the_first_time_meanwhile_comes_no_second_time(postgres_url: str) -> None:
    """The account that their first sign-in makes is not there yet to be held."""
    store = await open_store(postgres_url)
    whose = (await open_session(store, ADMITTED, NEW, NOW)).user.id
    await ask(postgres_url, "CREATE TABLE theirs AS SELECT * FROM account")
    await ask(postgres_url, "DELETE FROM account")
    first, counting = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
    await counting.execute("SELECT pg_advisory_lock($1)", standing.gate("administrators", "acme"))
    async with first.transaction():
        await first.execute("INSERT INTO account SELECT * FROM theirs")
        ending = asyncio.create_task(deactivate(store, whose))
        await asyncio.sleep(0.3)
    await asyncio.sleep(0.3)
    second = asyncio.create_task(open_session(store, ADMITTED, another(1), NOW))
    await asyncio.sleep(0.3)
    await counting.close()
    await ending
    assert await refusal(second) == "policy.deactivated"
    await first.close()
    await store.close()


def outcome(house: int) -> Decision:
    """One house's rules: three roles that only it gives."""
    return decided(ZOE, *((f"role-{house}-{one}", f"rule-{house}") for one in range(3)))


async def test_two_houses_with_other_rules_leave_one_whole_outcome(store: Store, store_url: str) -> None:
    """A rule edit is rolled out while one person signs in many times, through both houses."""
    elsewhere = await open_store(store_url)
    for turn in range(3):
        first = 1 + turn * 20
        tries: list[Any] = [
            open_session((store, elsewhere)[one % 2], outcome(one % 2), another(one), NOW)
            for one in range(first, first + 20)
        ]
        await asyncio.gather(*tries)
        stands = {role for (role,) in await ask(store_url, "SELECT role FROM role_grant")}
        assert stands in ({f"role-{house}-{one}" for one in range(3)} for house in range(2))
        for one in range(first, first + 20):
            found = await elsewhere.find_session(one.to_bytes(32, "big"), NOW + MINUTE)
            assert found is not None
            assert set(found.roles) == stands
    await elsewhere.close()
