"""What the store's part of provisioning costs: by an index, and of a large group its change alone."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import measured
import pytest
import sqlalchemy as sa
from provisioning import NOBODY, groups_where, scim_group, scim_user, users_where
from test_store import NOW
from test_store_provisioning import add, team

from federation.provisioned import Compare, Every, Members, ScimUser, Search, Some
from federation.store import provisioning_search, tables
from federation.store.postgres_words import numbered
from federation.store.store import Store, open_store

residents: Any = measured.load("residents")
BOTH = Every(
    (Compare(column="id", operator="eq", value="g"), Compare(column="members", operator="eq", value="x"))
)
EITHER = Some(
    (Compare(column="userName", operator="eq", value="x"), Compare(column="emails", operator="eq", value="x"))
)
BY_INDEX = [
    users_where("id", "eq", "x"),
    users_where("userName", "eq", "x"),
    users_where("userName", "sw", "x"),
    users_where("externalId", "eq", "x"),
    users_where("externalId", "sw", "x"),
    users_where("displayName", "eq", "x"),
    users_where("displayName", "sw", "x"),
    users_where("emails", "eq", "x"),
    users_where("emails", "sw", "x"),
    users_where("groups", "eq", "x"),
    groups_where("id", "eq", "x"),
    groups_where("displayName", "eq", "x"),
    groups_where("displayName", "sw", "x"),
    groups_where("externalId", "eq", "x"),
    groups_where("members", "eq", "x"),
    Search(kind="Group", where=BOTH, count=9),
    Search(kind="User", where=EITHER, count=9),
]  # fmt: skip


def plan_of(search: Search) -> list[str]:
    """Return how SQLite, told nothing of what the tables hold, would read what is asked."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        tables.Row.metadata.create_all(connection)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        steps = provisioning_search.page("okta", search)
        asked: Any = next(steps)
        plan = [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1])]
    engine.dispose()
    return plan


@pytest.mark.parametrize("search", BY_INDEX, ids=lambda one: f"{one.kind}-{one.where!r:.60}")
def test_what_directories_ask_is_read_by_an_index(search: Search) -> None:
    plan = plan_of(search)
    table = "scim_user" if search.kind == "User" else "scim_group"
    read = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
    assert not [step for step in read if step.startswith("SCAN")], plan
    by = [step.partition("(")[2] for step in read if step.split()[1] == table]
    # not by the connection alone: that is all that it keeps
    assert by
    assert all(step != "connection=?)" for step in by), plan


async def test_postgresql_reads_it_by_an_index_too(postgres_url: str) -> None:
    """Of a directory large enough that it would tell: what else is asked costs a hundred times as much."""
    await (await open_store(postgres_url)).close()
    await residents.lay_postgres(
        postgres_url, residents.Directory(now=NOW, connection="okta", users=5_000, members=5_000, groups=400)
    )
    plain = await asyncpg.connect(postgres_url)
    for search in (replace(one, total=total) for one in BY_INDEX for total in (True, False)):
        assert await most_rows(plain, search) < 50, search
    assert await most_rows(plain, users_where("userName", "co", "x")) == 5_000  # no index tells that
    await plain.close()


async def most_rows(plain: Any, search: Search) -> int:
    """Return how many rows of a table PostgreSQL looks at."""
    asked: Any = next(provisioning_search.page("okta", search))
    statement, names = numbered(asked[0])
    values = [asked[1][name] for name in names]
    ((told,),) = await plain.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
    read = [one for one in _nodes(json.loads(told)[0]["Plan"]) if one.get("Relation Name")]
    rows = (one["Actual Rows"] + one.get("Rows Removed by Filter", 0) for one in read)
    return max(int(seen * one["Actual Loops"]) for seen, one in zip(rows, read, strict=True))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from _nodes(one)


async def test_of_a_large_group_one_member_changes(store: Store) -> None:
    users = [await add(store, f"u{number}") for number in range(30)]
    many = await team(store, "Big", *(one.id for one in users))
    late = await store.add_scim_user("okta", "acme", scim_user("late"), NOBODY, NOW)
    changed = await store.change_scim_group("okta", many, Members(add=(late.id,)), NOW, expected=1)
    assert (changed.size, changed.members, changed.version) == (31, None, 2)
    (due,) = await store.due_provisioned("okta", 9, of=(late.id,))
    assert due.number == 2


async def test_large_groups_are_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("federation.store.provisioning_groups.READ_AT_ONCE", 4)
    monkeypatch.setattr("federation.store.provisioning_twin._LONG", 3)
    users: list[ScimUser] = [await add(store, f"u{number}") for number in range(9)]
    ids = sorted(one.id for one in users)
    sizes = {"none": 0, "one": 1, "three": 3, "four": 4, "eight": 8, "nine": 9, "two": 2}
    for name, size in sizes.items():
        group = await store.add_scim_group("okta", "acme", scim_group(name, *ids[:size]), NOW)
        whole = await store.scim_group("okta", group.id, members=True)
        assert whole is not None
        assert [one.id for one in whole.members or ()] == ids[:size]
    page = await store.search_scim("okta", Search(kind="Group", count=20))
    told = {one.display_name: one.members for one in page.found if not isinstance(one, ScimUser)}
    assert {name: len(members or ()) for name, members in told.items()} == sizes
