"""Setup links, on SQLite and on PostgreSQL: read anew, counted, refused from the next request on."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from databases import ANYBODY
from test_store import MINUTE, NOW

from federation.store.audit import AuditEntry
from federation.store.kept_values import KeptConnection
from federation.store.rows import new_id
from federation.store.setup_links import SetupLink
from federation.store.store import Store

HASH = b"h" * 32
DAY = timedelta(days=1)
CONNECTION = KeptConnection(
    id="okta",
    organization="acme",
    protocol="saml",
    body="{}",
    sealed="",
    enabled=False,
    number=0,
    created_at=NOW,
    updated_at=NOW,
    tested_at=None,
    deleted=False,
)
LINK = SetupLink(
    id=new_id(NOW),
    organization="acme",
    connection="okta",
    may_enable=False,
    created_at=NOW,
    created_by="user:u1",
    expires_at=NOW + 7 * DAY,
)


def another(**told: Any) -> SetupLink:
    """A link that differs from the good one."""
    return replace(LINK, **told)


@pytest.fixture
async def linked(store: Store) -> Store:
    """A store with a connection, and a link to it."""
    assert await store.keep_connection(CONNECTION, NOW, previous=None)
    assert await store.keep_setup_link(HASH, LINK)
    return store


async def test_a_link_comes_back_as_it_was_kept(linked: Store) -> None:
    assert await linked.find_setup_link(HASH, NOW) == LINK
    assert await linked.setup_link(LINK.id) == LINK
    assert await linked.setup_link("nobody's") is None
    assert await linked.find_setup_link(b"x" * 32, NOW) is None


async def test_that_it_may_enable_is_kept(linked: Store) -> None:
    told = another(id=new_id(NOW + MINUTE), may_enable=True)
    assert await linked.keep_setup_link(b"o" * 32, told)
    assert await linked.find_setup_link(b"o" * 32, NOW) == told


@pytest.mark.parametrize(("at", "live"), [(7 * DAY - MINUTE, True), (7 * DAY, False), (8 * DAY, False)])
async def test_it_opens_until_its_end_and_not_at_it(linked: Store, at: timedelta, live: bool) -> None:  # noqa: FBT001
    assert (await linked.find_setup_link(HASH, NOW + at) is not None) is live
    assert await linked.use_setup_link(LINK.id, NOW + at) is live


@pytest.mark.parametrize("fault", [{"connection": "adfs"}, {"organization": "other"}, {"connection": ""}])
async def test_none_is_kept_for_what_is_not_the_organizations(linked: Store, fault: dict[str, str]) -> None:
    assert not await linked.keep_setup_link(b"o" * 32, another(id=new_id(NOW), **fault))
    assert await linked.find_setup_link(b"o" * 32, NOW) is None


async def test_every_use_is_counted_once(linked: Store) -> None:
    answers = await asyncio.gather(*(linked.use_setup_link(LINK.id, NOW + MINUTE) for _ in range(10)))
    found = await linked.find_setup_link(HASH, NOW + MINUTE)
    assert (answers, found and found.uses, found and found.last_used_at) == ([True] * 10, 10, NOW + MINUTE)


async def test_a_revoked_link_opens_nothing_and_is_revoked_once(linked: Store) -> None:
    assert not await linked.revoke_setup_link("other", LINK.id, NOW)
    answers = await asyncio.gather(*(linked.revoke_setup_link("acme", LINK.id, NOW) for _ in range(5)))
    assert sorted(answers) == [False] * 4 + [True]
    assert await linked.find_setup_link(HASH, NOW) is None
    assert not await linked.use_setup_link(LINK.id, NOW)
    kept = await linked.setup_link(LINK.id)
    assert kept
    assert kept.revoked_at == NOW


async def make_again(store: Store) -> None:
    """Make the connection again that was deleted: once what it had given is away, and no sooner."""
    assert not await store.keep_connection(CONNECTION, NOW + 2 * MINUTE, previous=None)
    while await store.sweep_departed(100):
        pass
    assert await store.keep_connection(CONNECTION, NOW + 2 * MINUTE, previous=None)


async def test_it_dies_with_its_connection_and_does_not_come_back_with_another(linked: Store) -> None:
    assert await linked.drop_connection("okta", NOW + MINUTE, ANYBODY)
    assert await linked.find_setup_link(HASH, NOW + MINUTE) is None
    assert not await linked.use_setup_link(LINK.id, NOW + MINUTE)
    assert not await linked.keep_setup_link(b"o" * 32, another(id=new_id(NOW)))
    await make_again(linked)
    assert await linked.find_setup_link(HASH, NOW + 2 * MINUTE) is None


async def test_one_that_came_between_is_not_the_new_connections(linked: Store) -> None:
    """Kept by a node whose clock was behind, after the connection had gone and come again."""
    await linked.drop_connection("okta", NOW + MINUTE, ANYBODY)
    await make_again(linked)
    late = another(id=new_id(NOW + MINUTE), created_at=NOW + MINUTE)
    assert await linked.keep_setup_link(b"l" * 32, late)
    assert await linked.find_setup_link(b"l" * 32, NOW + 2 * MINUTE) is None


async def test_links_are_listed_newest_first_page_by_page(linked: Store) -> None:
    ids = [LINK.id]
    for number in range(1, 4):
        made = another(id=new_id(NOW + number * MINUTE), created_at=NOW + number * MINUTE)
        assert await linked.keep_setup_link(bytes([number]) * 32, made)
        ids.insert(0, made.id)
    first = await linked.setup_links("okta", None, 3)
    rest = await linked.setup_links("okta", first[-1].id, 3)
    assert [one.id for one in (*first, *rest)] == ids
    assert await linked.setup_links("adfs", None, 3) == ()


async def test_what_is_over_is_purged_with_the_audit_log_alone(linked: Store) -> None:
    async def purge(at: timedelta) -> None:
        while await linked.purge(NOW + at):
            pass

    await purge(30 * DAY)
    assert await linked.setup_link(LINK.id)
    await purge(5000 * DAY)
    assert await linked.setup_link(LINK.id) is None


async def test_only_what_counted_is_told_in_the_audit_log(linked: Store) -> None:
    entry = AuditEntry(
        organization="acme",
        at=NOW,
        actor_kind="setup_link",
        actor=LINK.id,
        action="setup_link.use",
        kind="setup_link",
        name=LINK.id,
    )
    assert await linked.audited(entry).use_setup_link(LINK.id, NOW)
    await linked.revoke_setup_link("acme", LINK.id, NOW)
    assert not await linked.audited(entry).use_setup_link(LINK.id, NOW)
    lines = await linked.audit_on("acme", "", NOW + DAY, 10)
    assert [one.entry.action for one in lines] == ["setup_link.use"]
