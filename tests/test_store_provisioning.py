"""What a directory provisions, on SQLite and on PostgreSQL: kept, found, changed, removed."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from databases import ask
from provisioning import NOBODY, groups_where, scim_group, scim_user, users_where
from test_store import MINUTE, NOW, SECOND

from federation.provisioned import (
    Absent,
    Compare,
    Every,
    Members,
    Not,
    Reference,
    ScimGroup,
    ScimUser,
    Search,
    Some,
    Stale,
    Taken,
)
from federation.store.rows import micros
from federation.store.store import Store, open_store


async def add(store: Store, name: str, **told: Any) -> ScimUser:
    return await store.add_scim_user("okta", "acme", scim_user(name, **told), NOBODY, NOW)


async def team(store: Store, name: str, *members: str, **told: Any) -> ScimGroup:
    return await store.add_scim_group("okta", "acme", scim_group(name, *members, **told), NOW)


async def named(store: Store, search: Search, connection: str = "okta") -> list[str]:
    page = await store.search_scim(connection, search)
    return sorted(one.user_name if isinstance(one, ScimUser) else one.display_name for one in page.found)


def in_order(*told: Reference) -> tuple[Reference, ...]:
    return tuple(sorted(told, key=lambda one: one.id))


async def due(store: Store) -> set[str]:
    return {one.id for one in await store.due_provisioned("okta", 100)}


async def quiet(store_url: str) -> None:
    """Nobody is due any more."""
    await ask(store_url, "UPDATE scim_user SET due_at = NULL")


# Users


async def test_a_user_comes_back_as_it_was_kept(store: Store) -> None:
    told = scim_user("Ada", external_id="00u1", body={"nickName": "A\0 <é> 張", "n": [1, {"x": None}]})
    made = await store.add_scim_user("okta", "acme", told, NOBODY, NOW)
    assert made.id
    assert made.user_id
    expected = replace(
        told, id=made.id, user_id=made.user_id, emails=(), version=1, created_at=NOW, changed_at=NOW
    )
    assert made == expected
    assert await store.scim_user("okta", made.id) == expected
    assert await store.scim_user("other", made.id) is None
    assert await store.scim_user("okta", "a\0b\ud800") is None
    assert await due(store) == {made.id}


async def test_user_names_are_taken_whatever_their_case_at_one_connection(
    store: Store, store_url: str
) -> None:
    ada = await add(store, "Ada")
    bob = await add(store, "Bob")
    with pytest.raises(Taken):
        await add(store, "aDA")
    with pytest.raises(Taken):
        await store.change_scim_user("okta", replace(bob, user_name="ADA"), NOW, expected=None)
    assert (
        await store.change_scim_user("okta", replace(ada, user_name="ADA"), NOW, expected=None)
    ).version == 2
    await store.add_scim_user("other", "acme", scim_user("ada"), NOBODY, NOW)
    assert (await ask(store_url, 'SELECT count(*) FROM "user"'))[0][0] == 3  # and none for who was refused


async def test_of_twenty_who_want_a_name_one_gets_it(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    nodes = [store, elsewhere] * 10
    told = await asyncio.gather(*(add(node, "Ada") for node in nodes), return_exceptions=True)
    assert sum(isinstance(one, ScimUser) for one in told) == 1
    assert sum(isinstance(one, Taken) for one in told) == 19
    assert (await ask(store_url, 'SELECT count(*) FROM "user"'))[0][0] == 1
    await elsewhere.close()


async def test_a_change_counts_and_is_due_and_what_changes_nothing_is_not(
    store: Store, store_url: str
) -> None:
    ada = await add(store, "Ada")
    await quiet(store_url)
    later = NOW + MINUTE
    assert await store.change_scim_user("okta", ada, later, expected=1) == ada
    assert await due(store) == set()
    new = replace(ada, display_name="Countess", body={"displayName": "Countess"}, groups=())
    changed = await store.change_scim_user("okta", new, later, expected=1)
    assert changed == replace(new, version=2, changed_at=later)
    assert await due(store) == {ada.id}
    with pytest.raises(Stale):
        await store.change_scim_user("okta", ada, later, expected=1)
    with pytest.raises(Absent):
        await store.change_scim_user("other", ada, later, expected=None)
    assert await store.scim_user("okta", ada.id) == changed


async def test_of_twenty_who_saw_one_version_one_changes_it(store: Store, store_url: str) -> None:
    ada = await add(store, "Ada")
    elsewhere = await open_store(store_url)
    tries = (
        node.change_scim_user("okta", replace(ada, external_id=str(number)), NOW, expected=1)
        for number, node in enumerate([store, elsewhere] * 10)
    )
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, ScimUser) for one in told) == 1
    assert sum(isinstance(one, Stale) for one in told) == 19
    await elsewhere.close()


async def test_who_is_removed_is_in_no_group_and_found_by_nothing(store: Store, store_url: str) -> None:
    ada, bob = await add(store, "Ada"), await add(store, "Bob")
    group = await team(store, "Eng", ada.id, bob.id)
    with pytest.raises(Stale):
        await store.remove_scim_user("okta", ada.id, NOW, expected=2)
    with pytest.raises(Absent):
        await store.remove_scim_user("other", ada.id, NOW, expected=None)
    await store.remove_scim_user("okta", ada.id, NOW + SECOND, expected=1)
    with pytest.raises(Absent):
        await store.remove_scim_user("okta", ada.id, NOW, expected=None)
    left = await store.scim_group("okta", group.id, members=True)
    assert left is not None
    assert (left.size, left.version, left.changed_at) == (1, 2, NOW + SECOND)
    assert [one.id for one in left.members or ()] == [bob.id]
    assert await named(store, users_where("emails", "eq", "ada@acme.example")) == []
    assert await ask(store_url, "SELECT resource_id FROM scim_email") == [(bob.id,)]
    users = await ask(store_url, 'SELECT id FROM "user"')  # nobody else knew her
    assert users == [(bob.user_id,)]
    again = await add(store, "Ada")
    assert again.id != ada.id


# Groups


async def test_a_group_comes_back_with_its_members_and_makes_them_due(store: Store, store_url: str) -> None:
    ada, bob = await add(store, "Ada"), await add(store, "Bob", display_name="")
    await quiet(store_url)
    inner = await team(store, "Inner")
    group = await team(store, "Eng", inner.id, bob.id, ada.id, ada.id, external_id="g1")
    assert group == ScimGroup(
        id=group.id,
        display_name="Eng",
        external_id="g1",
        body={"displayName": "Eng"},
        size=3,
        version=1,
        created_at=NOW,
        changed_at=NOW,
    )
    assert await store.scim_group("okta", group.id, members=False) == group
    whole = replace(
        group,
        members=in_order(
            Reference(id=ada.id, kind="User", display="Ada"),
            Reference(id=bob.id, kind="User", display="Bob"),
            Reference(id=inner.id, kind="Group", display="Inner"),
        ),
    )
    assert await store.scim_group("okta", group.id, members=True) == whole
    assert await store.scim_group("other", group.id, members=True) is None
    assert await due(store) == {ada.id, bob.id}
    known = await store.scim_user("okta", ada.id)
    assert known is not None
    assert known.groups == (Reference(id=group.id, kind="Group", display="Eng", external_id="g1"),)


async def test_members_of_another_connection_are_named_and_nobody(store: Store, store_url: str) -> None:
    other = await store.add_scim_user("other", "acme", scim_user("zed"), NOBODY, NOW)
    ada = await add(store, "Ada")
    await quiet(store_url)
    group = await team(store, "Eng", ada.id, other.id)
    assert (await due(store), await store.due_provisioned("other", 100)) == ({ada.id}, ())
    for change in (Members(add=("nobody",)), Members(add=("nobody", ada.id, other.id), every=True)):
        group = await store.change_scim_group("okta", group, change, NOW, expected=None)
    left = await store.scim_group("okta", group.id, members=True)
    assert left is not None
    assert (left.size, left.version) == (3, 2)
    assert {one.id: one.display for one in left.members or ()} == {
        ada.id: "Ada", other.id: "", "nobody": "",
    }  # fmt: skip
    assert await store.scim_user("other", other.id) == other
    gone = Members(remove=("nobody", other.id))
    assert (await store.change_scim_group("okta", group, gone, NOW, expected=None)).size == 1


CHANGES = [
    # change                                    who is in it then   who is due
    (Members(add=("c",)),                       "abc",              "c"),
    (Members(add=("a", "b")),                   "ab",               ""),
    (Members(remove=("a",)),                    "b",                "a"),
    (Members(remove=("c", "nobody")),           "ab",               ""),
    (Members(add=("c",), remove=("a",)),        "bc",               "ac"),
    (Members(add=("a",), remove=("a",)),        "ab",               ""),
    (Members(add=("a", "c"), every=True),       "ac",               "bc"),
    (Members(add=("a", "b"), every=True),       "ab",               ""),
    (Members(every=True),                       "",                 "ab"),
    (None,                                      "ab",               ""),
]  # fmt: skip


@pytest.mark.parametrize(("change", "left", "concerned"), CHANGES)
async def test_a_change_of_members_tells_whom_it_concerns(
    store: Store, store_url: str, change: Members | None, left: str, concerned: str
) -> None:
    ids = {name: (await add(store, name)).id for name in "abc"}
    group = await team(store, "Eng", ids["a"], ids["b"])
    await quiet(store_url)
    asked = change and replace(
        change,
        add=tuple(ids.get(one, one) for one in change.add),
        remove=tuple(ids.get(one, one) for one in change.remove),
    )
    changed = await store.change_scim_group("okta", group, asked, NOW + MINUTE, expected=1)
    assert (changed.size, changed.version) == (len(left), 2 if concerned else 1)
    whole = await store.scim_group("okta", group.id, members=True)
    assert whole is not None
    assert {one.id for one in whole.members or ()} == {ids[one] for one in left}
    assert await due(store) == {ids[one] for one in concerned}


async def test_all_who_are_in_a_group_are_due_when_it_is_called_otherwise(
    store: Store, store_url: str
) -> None:
    ada = await add(store, "Ada")
    group = await team(store, "Eng", ada.id)
    differences: tuple[dict[str, Any], ...] = ({"display_name": "Engineers"}, {"external_id": "g2"})
    for differs in differences:
        await quiet(store_url)
        group = await store.change_scim_group("okta", replace(group, **differs), None, NOW, expected=None)
        assert await due(store) == {ada.id}
    await quiet(store_url)
    await store.change_scim_group("okta", replace(group, body={"x": 1}), None, NOW, expected=None)
    assert await due(store) == set()


async def test_a_group_that_is_removed_is_in_no_other_and_its_users_are_due(
    store: Store, store_url: str
) -> None:
    ada = await add(store, "Ada")
    inner = await team(store, "Inner", ada.id)
    outer = await team(store, "Outer", inner.id)
    await quiet(store_url)
    with pytest.raises(Stale):
        await store.remove_scim_group("okta", inner.id, NOW, expected=7)
    with pytest.raises(Absent):
        await store.remove_scim_group("other", inner.id, NOW, expected=None)
    await store.remove_scim_group("okta", inner.id, NOW, expected=1)
    assert await due(store) == {ada.id}
    left = await store.scim_group("okta", outer.id, members=True)
    assert left is not None
    assert (left.members, left.size, left.version) == ((), 0, 2)
    assert await ask(store_url, "SELECT count(*) FROM scim_member") == [(0,)]


async def test_members_who_come_and_go_at_one_moment_are_counted(store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    ids = [(await add(store, f"u{number}")).id for number in range(8)]
    group = await team(store, "Eng", *ids[:4])
    changes = [Members(add=(one,)) for one in ids[4:]] + [Members(remove=(one,)) for one in ids[:4]]
    await asyncio.gather(
        *(
            node.change_scim_group("okta", group, change, NOW, expected=None)
            for change in changes
            for node in (store, elsewhere)
        ),
        elsewhere.remove_scim_user("okta", ids[4], NOW, expected=None),
        return_exceptions=True,
    )
    whole = await store.scim_group("okta", group.id, members=True)
    assert whole is not None
    found = {one.id for one in whole.members or ()}
    assert found - {ids[4]} == set(ids[5:])  # added once they are gone, they are kept as named, and nobody
    assert whole.size == len(found)
    await elsewhere.close()


# Searches


@pytest.fixture
async def three(store: Store) -> dict[str, ScimUser]:
    told: dict[str, dict[str, Any]] = {
        "Ada": {
            "external_id": "00uA",
            "display_name": "Ada Lovelace",
            "emails": ("A@x.example", "ada@y.example"),
        },
        "Bob_%": {"external_id": "00ua", "display_name": "", "email": "", "active": False},
        "Élo": {"external_id": "", "display_name": "100% Élo's \\", "email": "elo@x.example"},
    }
    return {name: await add(store, name, **keys) for name, keys in told.items()}


FOUND = [
    # column        operator  value               names
    ("userName",    "eq",     "ADA",              ["Ada"]),
    ("userName",    "eq",     "élO",              ["Élo"]),
    ("userName",    "eq",     "bob",              []),
    ("userName",    "ne",     "ada",              ["Bob_%", "Élo"]),
    ("userName",    "co",     "_",                ["Bob_%"]),
    ("userName",    "co",     "B_%",              ["Bob_%"]),
    ("userName",    "co",     "d",                ["Ada"]),
    ("userName",    "sw",     "BOB_",             ["Bob_%"]),
    ("userName",    "sw",     "%",                []),
    ("userName",    "ew",     "A",                ["Ada"]),
    ("userName",    "ew",     "xxada",            []),
    ("userName",    "pr",     None,               ["Ada", "Bob_%", "Élo"]),
    ("userName",    "gt",     "ADA",              ["Bob_%", "Élo"]),
    ("userName",    "le",     "ADA",              ["Ada"]),
    ("externalId",  "eq",     "00uA",             ["Ada"]),
    ("externalId",  "eq",     "00UA",             []),
    ("externalId",  "sw",     "00u",              ["Ada", "Bob_%"]),
    ("externalId",  "co",     "uA",               ["Ada"]),
    ("externalId",  "ew",     "ua",               ["Bob_%"]),
    ("externalId",  "pr",     None,               ["Ada", "Bob_%"]),
    ("displayName", "eq",     "ada lovelace",     ["Ada"]),
    ("displayName", "pr",     None,               ["Ada", "Élo"]),
    ("displayName", "co",     "%",                ["Élo"]),
    ("displayName", "eq",     "x' OR '1'='1",     []),
    ("displayName", "ew",     "'S \\",            ["Élo"]),
    ("displayName", "co",     "",                 ["Ada", "Élo"]),
    ("emails",      "eq",     "ADA@Y.example",    ["Ada"]),
    ("emails",      "sw",     "a",                ["Ada"]),
    ("emails",      "co",     "x.example",        ["Ada", "Élo"]),
    ("emails",      "pr",     None,               ["Ada", "Élo"]),
    ("active",      "eq",     True,               ["Ada", "Élo"]),
    ("active",      "ne",     True,               ["Bob_%"]),
    ("active",      "eq",     False,              ["Bob_%"]),
    ("active",      "pr",     None,               ["Ada", "Bob_%", "Élo"]),
    ("active",      "eq",     "true",             []),
    ("userName",    "eq",     True,               []),
    ("userName",    "eq",     None,               []),
    ("created",     "ge",     micros(NOW),        ["Ada", "Bob_%", "Élo"]),
    ("created",     "gt",     micros(NOW),        []),
    ("changed",     "lt",     micros(NOW) + 1,    ["Ada", "Bob_%", "Élo"]),
    ("changed",     "eq",     "x",                []),
    ("members",     "eq",     "x",                []),
    ("userName",    "eq",     "a\0\ud800",        []),
]  # fmt: skip


@pytest.mark.parametrize(("column", "operator", "value", "names"), FOUND)
async def test_a_comparison_finds_whom_it_means(
    store: Store, three: dict[str, ScimUser], column: str, operator: str, value: Any, names: list[str]
) -> None:
    page = await store.search_scim("okta", users_where(column, operator, value))
    assert sorted(one.user_name for one in page.found if isinstance(one, ScimUser)) == names
    assert (page.total, page.more) == (len(names), False)
    assert await named(store, users_where(column, operator, value), "other") == []


async def test_conditions_are_joined(store: Store, three: dict[str, ScimUser]) -> None:
    is_active = Compare(column="active", operator="eq", value=True)
    begins = Compare(column="userName", operator="sw", value="a")
    for where, names in (
        (Every((is_active, begins)), ["Ada"]),
        (Some((Not(is_active), begins)), ["Ada", "Bob_%"]),
        (Not(Every((is_active, Not(begins)))), ["Ada", "Bob_%"]),
        (Every(()), ["Ada", "Bob_%", "Élo"]),
        (Some(()), []),
        (None, ["Ada", "Bob_%", "Élo"]),
    ):
        assert await named(store, Search(kind="User", where=where, count=9)) == names
    assert await named(store, Search(kind="User", count=9), "other") == []


async def test_groups_and_members_find_each_other(store: Store, three: dict[str, ScimUser]) -> None:
    ada, bob = three["Ada"], three["Bob_%"]
    eng = await team(store, "Eng", ada.id, bob.id, external_id="G1")
    ops = await team(store, "Ops", bob.id)
    assert await named(store, groups_where("members", "eq", ada.id)) == ["Eng"]
    assert await named(store, groups_where("members", "eq", bob.id)) == ["Eng", "Ops"]
    assert await named(store, groups_where("displayName", "eq", "eNG")) == ["Eng"]
    assert await named(store, groups_where("externalId", "eq", "G1")) == ["Eng"]
    assert await named(store, groups_where("userName", "eq", "Eng")) == []
    assert await named(store, users_where("groups", "eq", ops.id)) == ["Bob_%"]
    assert await named(store, groups_where("members", "eq", ada.id), "other") == []
    both = Every(
        (
            Compare(column="id", operator="eq", value=ops.id),
            Compare(column="members", operator="eq", value=ada.id),
        )
    )
    assert await named(store, Search(kind="Group", where=both, count=9)) == []
    page = await store.search_scim("okta", Search(kind="Group", count=9))
    told = {one.id: [who.id for who in one.members or ()] for one in page.found if isinstance(one, ScimGroup)}
    assert told == {eng.id: sorted([ada.id, bob.id]), ops.id: [bob.id]}
    page = await store.search_scim("okta", Search(kind="Group", count=9, members=False))
    assert [group.members for group in page.found if isinstance(group, ScimGroup)] == [None, None]
    page = await store.search_scim("okta", users_where("userName", "eq", "ada"))
    assert [one.groups for one in page.found if isinstance(one, ScimUser)] == [
        (Reference(id=eng.id, kind="Group", display="Eng", external_id="G1"),)
    ]


@pytest.mark.parametrize("order", ["id", "userName", "displayName", "externalId", "created", "changed"])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_lead_through_all_and_back(store: Store, order: Any, descending: bool) -> None:  # noqa: FBT001
    for number in range(7):
        await store.add_scim_user(
            "okta",
            "acme",
            scim_user(f"u{6 - number}", display_name="Same", external_id=str(number // 2)),
            NOBODY,
            NOW + number * SECOND,
        )
    every = Search(kind="User", count=20, order=order, descending=descending)
    wanted = [one for one in (await store.search_scim("okta", every)).found if isinstance(one, ScimUser)]
    assert len(wanted) == 7
    if order in ("id", "created", "changed"):
        assert [one.created_at for one in wanted] == sorted(
            (one.created_at for one in wanted if one.created_at), reverse=descending
        )

    def at(one: ScimUser) -> tuple[str | int, str]:
        values: dict[str, str | int] = {
            "userName": one.user_name,
            "displayName": one.display_name,
            "externalId": one.external_id,
            "changed": micros(one.changed_at) if one.changed_at else 0,
        }
        return values.get(order, one.id), one.id

    found: list[ScimUser] = []
    asked = replace(every, count=3, total=False)
    while True:
        page = await store.search_scim("okta", asked)
        found += [one for one in page.found if isinstance(one, ScimUser)]
        assert page.total is None
        asked = replace(asked, after=at(found[-1]))
        if not page.more:
            break
    assert found == wanted
    back = await store.search_scim("okta", replace(every, count=3, after=at(wanted[5]), backwards=True))
    assert (list(back.found), back.more) == (wanted[2:5], True)
    skipped = await store.search_scim("okta", replace(every, count=3, skip=5))
    assert (list(skipped.found), skipped.more, skipped.total) == (wanted[5:], False, 7)
    none = await store.search_scim("okta", replace(every, count=0))
    assert (none.found, none.total) == ((), 7)
