"""Whom administration belongs to, asked of both engines."""

import pytest
from databases import ask, open_session
from test_store import ADMITTED, NEW, NOW

from federation.connection import Organization
from federation.store.store import Store

NAMED = Organization(name="Acme", administrators=("owner",))
ROLE = "(organization_id, team_key, role) VALUES ('acme', 'owners', 'owner')"
NOBODY = Organization(name="Acme")


@pytest.mark.parametrize("by", ["grant", "team"])
async def test_who_has_a_role_that_administers_is_one(store: Store, store_url: str, by: str) -> None:
    session = await open_session(store, ADMITTED, NEW, NOW)
    user = session.user.id
    assert not await store.is_administrator("acme", user, NAMED)
    assert not await store.administrators_come_by("acme", "adfs", ("okta",), NAMED)
    if by == "grant":
        told = f"'acme', '{user}', 'manual', 'owner', 'manual', 1"
        columns = "organization_id, user_id, source, role, why, granted_at"
        await ask(store_url, f"INSERT INTO role_grant ({columns}) VALUES ({told})")  # noqa: S608
    else:
        await store.add_team("acme", "owners", "Owners", NOW)
        await ask(
            store_url,
            "INSERT INTO team_role (organization_id, team_key, role) VALUES ('acme', 'owners', 'owner')",
        )
        columns = "organization_id, user_id, team_key, source, why, joined_at"
        told = f"'acme', '{user}', 'owners', 'manual', 'manual', 1"
        await ask(store_url, f"INSERT INTO team_membership ({columns}) VALUES ({told})")  # noqa: S608
    assert await store.is_administrator("acme", user, NAMED)
    assert not await store.is_administrator("acme", user, NOBODY)
    assert not await store.is_administrator("beta", user, NAMED)
    assert await store.administrators_come_by("acme", "adfs", None, NAMED)
    assert not await store.administrators_come_by("acme", "okta", None, NAMED)
    assert not await store.administrators_come_by("acme", "okta", ("adfs",), NAMED)
    assert await store.administrators_come_by("acme", "okta", ("ping",), NAMED)  # adfs is gone
    assert not await store.administrators_come_by("acme", "okta", ("ping",), NOBODY)


async def test_a_team_administers_by_its_roles_and_its_groups_lead_there(
    store: Store, store_url: str
) -> None:
    for key in ("owners", "plain"):
        await store.add_team("acme", key, key, NOW)
    await ask(
        store_url,
        "INSERT INTO team_role (organization_id, team_key, role) VALUES ('acme', 'owners', 'owner')",
    )
    assert await store.administering_teams("acme", ("owners", "plain", "none\0"), NAMED) == {"owners"}
    assert await store.administering_teams("acme", ("owners",), NOBODY) == frozenset()
    await store.link_group("acme", "plain", "g", "")
    assert not await store.administrators_come_by("acme", "adfs", None, NAMED)
    await store.link_group("acme", "owners", "g", "okta")
    assert not await store.administrators_come_by("acme", "adfs", None, NAMED)
    assert await store.administrators_come_by("acme", "okta", None, NAMED)
    await store.link_group("acme", "owners", "h", "")
    assert await store.administrators_come_by("acme", "adfs", None, NAMED)


async def test_who_is_expected_by_a_connection_comes_by_it(store: Store, store_url: str) -> None:
    session = await open_session(store, ADMITTED, NEW, NOW)
    user = session.user.id
    await ask(store_url, "DELETE FROM account")
    told = f"'acme', '{user}', 'manual', 'owner', 'manual', 1"
    columns = "organization_id, user_id, source, role, why, granted_at"
    await ask(store_url, f"INSERT INTO role_grant ({columns}) VALUES ({told})")  # noqa: S608
    assert not await store.administrators_come_by("acme", "okta", (), NAMED)
    columns = "organization_id, user_id, source, connection, email, email_key, created_at"
    told = f"'acme', '{user}', 'manual', 'okta', 'a@acme.example', 'a@acme.example', 1"
    await ask(store_url, f"INSERT INTO provisioned_user ({columns}) VALUES ({told})")  # noqa: S608
    assert await store.administrators_come_by("acme", "okta", None, NAMED)
    assert not await store.administrators_come_by("acme", "adfs", None, NAMED)
