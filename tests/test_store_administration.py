"""Tokens of the API and the audit log, as both engines keep them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_store import NOW

from federation.store.api_tokens import ApiToken
from federation.store.audit import AuditEntry
from federation.store.audit_pages import AuditFilter, first_id
from federation.store.rows import new_id
from federation.store.store import Store

MINUTE = timedelta(minutes=1)
HASH = b"h" * 32
TOKEN = ApiToken(
    id=new_id(NOW),
    organization="acme",
    name="terraform",
    scopes=frozenset({"audit:read"}),
    created_at=NOW,
    created_by="user:zoe",
    expires_at=NOW + timedelta(days=90),
)
ENTRY = AuditEntry(
    organization="acme",
    at=NOW,
    actor_kind="user",
    actor="ada",
    action="team.create",
    kind="team",
    name="tools",
    after={"name": "Tools"},
)


async def test_a_token_is_found_by_its_hash_as_long_as_it_counts(store: Store) -> None:
    assert await store.keep_api_token(HASH, TOKEN)
    assert not await store.keep_api_token(HASH, replace(TOKEN, id=new_id(NOW)))
    assert await store.find_api_token(HASH, NOW) == TOKEN
    assert await store.find_api_token(b"o" * 32, NOW) is None
    last = TOKEN.expires_at - timedelta(microseconds=1)
    assert await store.find_api_token(HASH, last) == TOKEN
    assert await store.find_api_token(HASH, TOKEN.expires_at) is None


async def test_a_revoked_token_is_found_no_more(store: Store) -> None:
    await store.keep_api_token(HASH, TOKEN)
    assert not await store.revoke_api_token("globex", TOKEN.id, NOW)
    assert not await store.revoke_api_token("", TOKEN.id, NOW)
    assert await store.find_api_token(HASH, NOW) is not None
    assert await store.revoke_api_token("acme", TOKEN.id, NOW)
    assert not await store.revoke_api_token("acme", TOKEN.id, NOW + MINUTE)
    assert await store.find_api_token(HASH, NOW) is None
    assert await store.api_token(TOKEN.id) == replace(TOKEN, revoked_at=NOW)


async def test_a_use_is_noted_once_a_minute(store: Store) -> None:
    await store.keep_api_token(HASH, TOKEN)
    for after, noted in ((0, 0), (59, 0), (60, 60), (61, 60), (120, 120)):
        await store.touch_api_token(TOKEN.id, NOW + timedelta(seconds=after))
        found = await store.find_api_token(HASH, NOW)
        assert found is not None
        assert found.last_used_at == NOW + timedelta(seconds=noted)


async def test_tokens_are_listed_newest_first_and_by_whose_they_are(store: Store) -> None:
    made = [
        replace(TOKEN, id=new_id(NOW + number * MINUTE), organization=organization)
        for number, organization in enumerate(("acme", "globex", "", "acme"))
    ]
    for number, one in enumerate(made):
        await store.keep_api_token(bytes([number]) * 32, one)
    assert list(await store.api_tokens(None, None, 10)) == made[::-1]
    assert list(await store.api_tokens("acme", None, 10)) == [made[3], made[0]]
    assert list(await store.api_tokens("acme", made[3].id, 10)) == [made[0]]
    assert list(await store.api_tokens(None, None, 2)) == [made[3], made[2]]


async def told(store: Store, number: int, **other: object) -> None:
    """Add lines, a minute apart."""
    for one in range(number):
        entry = replace(ENTRY, at=NOW + one * MINUTE, name=f"t{one}", **other)  # type: ignore[arg-type]
        assert await store.audited(entry).add_team("acme", f"{other.get('actor', 'a')}{one}", "T", NOW)


async def test_lines_are_read_in_pages_newest_first(store: Store) -> None:
    await told(store, 5)
    asked, seen, before = AuditFilter(organization="acme"), [], None
    while True:
        rows, before = await store.audit_page(asked, before, 2)
        seen += [row.entry.name for row in rows]
        if before is None:
            break
    assert seen == ["t4", "t3", "t2", "t1", "t0"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"organization": "globex"}, []),
        ({"organization": None}, ["t2", "t1", "t0"]),
        ({"actor": "ada"}, ["t2", "t1", "t0"]),
        ({"actor": "ad"}, []),
        ({"action": "team.create"}, ["t2", "t1", "t0"]),
        ({"action": "team"}, ["t2", "t1", "t0"]),
        ({"action": "tea"}, []),
        ({"kind": "user"}, []),
        ({"name": "t1"}, ["t1"]),
        ({"since": NOW + MINUTE}, ["t2", "t1"]),
        ({"since": NOW + MINUTE + timedelta(milliseconds=1)}, ["t2"]),
    ],
)
async def test_lines_are_narrowed(store: Store, asked: dict[str, object], names: list[str]) -> None:
    await told(store, 3)
    wanted = AuditFilter(**({"organization": "acme"} | asked))  # type: ignore[arg-type]
    rows, onward = await store.audit_page(wanted, None, 10)
    assert ([row.entry.name for row in rows], onward) == (names, None)


async def test_a_narrowed_page_leads_on(store: Store) -> None:
    await told(store, 3)
    rows, onward = await store.audit_page(AuditFilter(organization="acme", name="t2"), None, 1)
    assert [row.entry.name for row in rows] == ["t2"]
    assert onward is not None
    assert await store.audit_page(AuditFilter(organization="acme", name="t2"), onward, 1) == ((), None)


async def test_lines_are_read_on_from_one(store: Store) -> None:
    await told(store, 4)
    first = await store.audit_on("acme", "", NOW + 2 * MINUTE, 10)
    assert [row.entry.name for row in first] == ["t0", "t1"]
    rest = await store.audit_on(None, first[-1].id, NOW + timedelta(days=1), 10)
    assert [row.entry.name for row in rest] == ["t2", "t3"]
    assert await store.audit_on("globex", "", NOW + timedelta(days=1), 10) == ()


async def test_lines_go_when_their_time_is_over(store: Store) -> None:
    await told(store, 3)
    kept = timedelta(days=30)
    assert await store.purge(NOW + kept, audit_kept=kept) == 0
    await store.purge(NOW + kept + MINUTE + timedelta(milliseconds=1), audit_kept=kept)
    rows, _ = await store.audit_page(AuditFilter(organization=None), None, 10)
    assert [row.entry.name for row in rows] == ["t2"]


async def test_an_id_sorts_as_its_moment() -> None:
    for number in range(50):
        at = NOW + number * timedelta(milliseconds=7)
        assert first_id(at) <= new_id(at) < first_id(at + timedelta(milliseconds=1))


async def test_erasing_a_person_empties_what_is_theirs_in_the_same_transaction(store: Store) -> None:
    personal = {"personal": {"email": "zoe@acme.example"}, "address": "192.0.2.7"}
    await told(store, 1, about="zoe", actor="ada", **personal)
    await told(store, 1, about="bob", actor="zoe", **personal)
    await told(store, 1, about="bob", actor="bob", **personal)
    done = await store.erase_person("zoe", "acme", administrators={}, force=True)
    assert done.counts["audit"] == 2
    rows, _ = await store.audit_page(AuditFilter(organization=None), None, 10)
    found = {
        (row.entry.actor, row.entry.about): (bool(row.entry.personal), row.entry.address) for row in rows
    }
    assert found == {
        ("ada", "zoe"): (False, ""),
        ("zoe", "bob"): (True, ""),
        ("bob", "bob"): (True, "192.0.2.7"),
    }


async def test_what_another_organization_keeps_of_a_person_stays(store: Store) -> None:
    await told(store, 1, about="zoe", personal={"email": "zoe@acme.example"}, address="192.0.2.7")
    done = await store.erase_person("zoe", "globex", administrators={}, force=True)
    assert done.counts.get("audit", 0) == 0
    ((row,), _) = await store.audit_page(AuditFilter(organization=None), None, 10)
    assert (row.entry.address, dict(row.entry.personal)) == ("192.0.2.7", {"email": "zoe@acme.example"})
