"""How a directory stands: counted and listed alike on both engines, of one connection alone."""

from datetime import UTC, datetime

from provisioning import NOBODY, scim_group, scim_user

from federation.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def add(store: Store, name: str, *, refused: str = "", connection: str = "okta") -> str:
    made = await store.add_scim_user(connection, "acme", scim_user(name), NOBODY, NOW)
    for due in await store.due_provisioned(connection, 10, of=(made.id,)):
        if refused != "due":
            await store.settle_provisioned(due, None, refused, NOW)
    return made.id


async def test_it_is_counted_and_listed_by_connection(store: Store) -> None:
    empty = await store.summarize_scim("okta")
    assert (empty.users, empty.groups, empty.due, dict(empty.refused), empty.changed_at) == (
        0,
        0,
        0,
        {},
        None,
    )
    ada = await add(store, "ada", refused="policy.domain")
    await add(store, "bob", refused="due")
    eve = await add(store, "eve", refused="policy.domain")
    lee = await add(store, "lee", refused="policy.rules")
    await add(store, "zoe", refused="policy.domain", connection="entra")
    await store.add_scim_group("okta", "acme", scim_group("eng"), NOW)
    told = await store.summarize_scim("okta")
    assert (told.users, told.groups, told.due, told.changed_at) == (4, 1, 1, NOW)
    assert dict(told.refused) == {"policy.domain": 2, "policy.rules": 1}
    first = await store.refused_provisioned("okta", "", 2)
    behind = await store.refused_provisioned("okta", first[-1].id, 2)
    found = [one.id for one in (*first, *behind)]
    assert found == sorted([ada, eve, lee])
    one = next(one for one in (*first, *behind) if one.id == ada)
    assert (one.user_name, one.active, one.due, one.refused) == ("ada", True, False, "policy.domain")
    assert [each.id for each in await store.residencies("acme", one.user_id)] == [ada]
    assert await store.residencies("globex", one.user_id) == ()
