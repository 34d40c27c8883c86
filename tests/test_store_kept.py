"""What is edited in the administration, kept on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace

import pytest
from databases import ANYBODY, ask, keep_record, open_session
from decisions import decided
from test_store import ADMITTED, NEW, NOW, RECORD, SECOND, TOKEN, ZOE, another, refusal
from test_store_administration import HASH
from test_store_administration import TOKEN as API_TOKEN
from test_store_metadata import FIRST

from federation.identity import Subject
from federation.provisioned import ScimGroup
from federation.store import kept as kept_verbs
from federation.store import rows, standing_sql
from federation.store.kept_values import ConnectionAbout, KeptConnection
from federation.store.people_values import Remaining
from federation.store.rows import Steps
from federation.store.store import Store
from federation.upkeep import upkeep

LATER = NOW + SECOND
ONE = KeptConnection(
    id="adfs", organization="acme", protocol="saml", body='{"a": 1}', sealed="", enabled=False, number=0,
    created_at=NOW, updated_at=NOW, tested_at=None, deleted=False,
)  # fmt: skip


async def test_a_change_has_the_next_number_and_what_came_before_is_not_told_again(store: Store) -> None:
    assert await store.declared_number() == 0
    assert await store.keep_connection(ONE, NOW, previous=None)
    assert await store.keep_organization("acme", "{}", NOW)
    told = await store.declared_since(0)
    assert told.number == await store.declared_number() == 2
    assert told.connections == (replace(ONE, number=1),)
    assert [one.id for one in told.organizations] == ["acme"]
    assert (await store.declared_since(1)).connections == ()
    assert await store.find_kept_connection("adfs") == replace(ONE, number=1)
    assert await store.find_kept_connection("nothing\0") is None


async def test_one_of_twenty_changes_what_all_have_read(store: Store) -> None:
    assert await store.keep_connection(ONE, NOW, previous=None)
    assert not await store.keep_connection(ONE, NOW, previous=None)
    tries = (store.keep_connection(replace(ONE, body=f"{{{n}}}"), LATER, previous=1) for n in range(20))
    assert sum(await asyncio.gather(*tries)) == 1


async def test_it_is_enabled_as_it_was_tried(store: Store, store_url: str) -> None:
    await store.keep_connection(ONE, NOW, previous=None)
    assert not await store.enable_kept("adfs", NOW, previous=1, force=False)
    await ask(store_url, "UPDATE kept_connection SET tested_at = 1")
    assert not await store.enable_kept("adfs", NOW, previous=7, force=False)
    assert await store.enable_kept("adfs", NOW, previous=1, force=False)
    kept = await store.find_kept_connection("adfs")
    assert kept is not None
    assert (kept.enabled, kept.tested_at is None) == (True, False)
    await store.keep_connection(replace(kept, body="{}"), LATER, previous=kept.number)
    kept = await store.find_kept_connection("adfs")
    assert kept is not None
    assert (kept.enabled, kept.tested_at) == (True, None)
    assert await store.enable_kept("adfs", LATER, previous=kept.number, force=True)


async def test_what_goes_takes_its_sessions_and_gifts_and_leaves_accounts(
    store: Store, store_url: str
) -> None:
    await store.keep_connection(ONE, NOW, previous=None)
    await store.enable_kept("adfs", NOW, previous=1, force=True)
    assert await open_session(store, ADMITTED, NEW, NOW)
    assert (await store.count_affected("adfs", "acme", NOW)).sessions == 1
    ended = await store.disable_kept("adfs", LATER, ANYBODY)
    assert ended is not None
    assert ended.sessions == 1
    assert await store.find_session(TOKEN, LATER) is None
    assert "adfs" in await store.switched_off()
    assert await store.drop_connection("adfs", LATER, ANYBODY)
    assert await store.drop_connection("adfs", LATER, ANYBODY) is None
    assert await store.disable_kept("adfs", LATER, ANYBODY) is None
    while await store.sweep_departed(100):
        pass
    for table in ("role_grant", "membership", "team_membership"):
        assert not await ask(store_url, f"SELECT 1 FROM {table} WHERE source = 'connection:adfs'")  # noqa: S608
    assert await ask(store_url, "SELECT 1 FROM account")
    assert (await store.declared_since(0)).connections[0].deleted
    # the id is acme's for good
    assert not await store.keep_connection(replace(ONE, organization="beta"), LATER, previous=None)
    assert await store.keep_connection(ONE, LATER, previous=None)
    assert "adfs" in await store.switched_off()  # until it is enabled


async def test_what_it_gave_counts_no_more_at_once_and_goes_in_batches(store: Store, store_url: str) -> None:
    await store.keep_connection(ONE, NOW, previous=None)
    await store.enable_kept("adfs", NOW, previous=1, force=True)
    session = await open_session(store, ADMITTED, NEW, NOW)

    def standing() -> Steps[set[tuple[str, str]]]:
        place = {"organization_id": "acme", "user_id": session.user.id, "connection": ""}
        found = yield standing_sql.FIND_STANDING, place
        return {(str(kind), str(what)) for kind, what, *_ in found}

    before = await store._transact(standing)  # type: ignore[attr-defined]
    assert {("grant", "admin"), ("grant", "member"), ("membership", "connection:adfs")} <= before
    assert await store.drop_connection("adfs", LATER, ANYBODY)
    assert await store._transact(standing) == set()  # type: ignore[attr-defined]
    assert len(await ask(store_url, "SELECT 1 FROM role_grant")) == 2  # what is left if it stops here
    assert not await store.keep_connection(ONE, LATER, previous=None)  # nor does another have it meanwhile
    assert [await store.sweep_departed(1) for _ in range(3)] == [2, 1, 0]
    for table in ("role_grant", "membership", "departing"):
        assert not await ask(store_url, f"SELECT 1 FROM {table}")  # noqa: S608
    assert await store.keep_connection(ONE, LATER, previous=None)


async def test_several_that_are_gone_are_swept_one_after_the_other(store: Store, store_url: str) -> None:
    await store.keep_connection(ONE, NOW, previous=None)
    await store.keep_connection(replace(ONE, id="empty"), NOW, previous=None)
    await open_session(store, ADMITTED, NEW, NOW)
    await store.drop_connection("empty", NOW, ANYBODY)
    await store.drop_connection("adfs", LATER, ANYBODY)
    assert await upkeep.purge(store, LATER) > 0
    assert not await ask(store_url, "SELECT 1 FROM departing UNION ALL SELECT 1 FROM role_grant")


async def test_whom_it_concerns_is_counted_to_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(("ada", "bo", "chi"), 1):
        who = replace(ZOE, subject=replace(ZOE.subject, value=name), email=f"{name}@acme.example")
        assert await open_session(store, replace(ADMITTED, identity=who), another(number), NOW)
    found = await store.count_affected("adfs", "acme", NOW)
    assert (found.accounts, found.only_way, found.sessions) == (3, 3, 3)
    assert (await store.count_affected("okta", "acme", NOW)).accounts == 0
    monkeypatch.setattr(kept_verbs, "AFFECTED_COUNTED", 1)
    found = await store.count_affected("adfs", "acme", NOW)
    assert (found.accounts, found.only_way, found.sessions) == (2, 2, 2)  # more than one


OWNED = Remaining(
    organization="acme", administrators=frozenset({"owner"}), administrator_teams=frozenset(),
    ways=(), in_use=True, force=False,
)  # fmt: skip
GRANT = "INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)"


@pytest.mark.parametrize("source", ["connection:adfs", "manual"])
async def test_somebody_who_administers_is_left_and_can_come_in(
    store: Store, store_url: str, source: str
) -> None:
    """Of what the connection gave nobody would be left; by hand somebody would, whom nothing lets in."""
    await store.keep_connection(ONE, NOW, previous=None)
    await store.enable_kept("adfs", NOW, previous=1, force=True)
    session = await open_session(store, ADMITTED, NEW, NOW)
    await ask(store_url, f"{GRANT} VALUES ('acme', '{session.user.id}', '{source}', 'owner', 'x', 1)")
    if source == "manual":
        await ask(store_url, f"INSERT INTO membership VALUES ('acme', '{session.user.id}', 'manual', 1)")  # noqa: S608
    for verb in (store.drop_connection, store.disable_kept, store.switch_off):
        assert await refusal(verb("adfs", LATER, OWNED)) == "policy.last_administrator"
    assert await store.find_session(TOKEN, LATER) is not None
    assert (await store.declared_since(0)).connections[0].enabled
    okta = replace(OWNED, ways=("okta",))
    assert await refusal(store.disable_kept("adfs", LATER, okta)) == "policy.last_administrator"
    other = decided(replace(ADMITTED.identity, subject=Subject(issuer="i", value="v"), connection="okta"))
    second = await open_session(store, other, another(1), NOW)
    await ask(store_url, f"{GRANT} VALUES ('acme', '{second.user.id}', 'manual', 'owner', 'x', 1)")
    await store.switch_off("okta", NOW, ANYBODY)
    assert await refusal(store.drop_connection("adfs", LATER, okta)) == "policy.last_administrator"
    await store.switch_on("okta")
    assert await store.disable_kept("adfs", LATER, okta)
    assert await store.drop_connection("adfs", LATER, okta)


async def test_what_is_forced_asks_for_nobody(store: Store, store_url: str) -> None:
    await store.keep_connection(ONE, NOW, previous=None)
    session = await open_session(store, ADMITTED, NEW, NOW)
    await ask(store_url, f"{GRANT} VALUES ('acme', '{session.user.id}', 'connection:adfs', 'owner', 'x', 1)")
    assert await store.drop_connection("adfs", LATER, replace(OWNED, force=True))


async def test_who_administers_is_not_said_so_that_nobody_does(store: Store, store_url: str) -> None:
    await store.keep_organization("acme", "{}", NOW)
    ways = replace(OWNED, ways=("adfs",), in_use=False)
    nobody, editors = (replace(ways, administrators=frozenset(some)) for some in ((), {"editor"}))

    async def edit(previous: int, was: Remaining, will: Remaining) -> bool:
        return await store.edit_organization("acme", "{}", LATER, previous=previous, was=was, will=will)

    assert await edit(1, ways, nobody)  # nobody did
    session = await open_session(store, ADMITTED, NEW, NOW)
    await ask(store_url, f"{GRANT} VALUES ('acme', '{session.user.id}', 'manual', 'owner', 'x', 1)")
    for will in (nobody, editors):
        assert await refusal(edit(2, ways, will)) == "policy.last_administrator"
    assert await store.declared_number() == 2  # nothing was changed
    await ask(store_url, f"{GRANT} VALUES ('acme', '{session.user.id}', 'manual', 'editor', 'x', 1)")
    assert not await edit(1, ways, editors)
    assert await edit(2, ways, editors)


async def test_an_organization_goes_when_it_has_nothing(store: Store) -> None:
    await store.keep_organization("acme", "{}", NOW)
    assert not await store.keep_organization("acme", "{}", NOW)
    await store.keep_connection(ONE, NOW, previous=None)
    assert await store.organization_holds("acme") == ("connection",)
    assert not await store.drop_organization("acme", NOW)
    await store.drop_connection("adfs", NOW, ANYBODY)
    assert await store.drop_organization("acme", NOW)
    assert not await store.drop_organization("acme", NOW)
    assert await store.keep_organization("acme", "{}", NOW)


async def test_an_id_stays_with_those_who_have_sessions_or_people_by_it(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await open_session(store, ADMITTED, NEW, NOW)
    others = replace(ONE, organization="beta")
    assert not await store.keep_connection(others, NOW, previous=None)
    await ask(store_url, "DELETE FROM session")
    monkeypatch.setattr(kept_verbs, "_BATCH", 1)
    assert not await store.keep_connection(others, NOW, previous=None)  # their accounts name it
    assert await store.keep_connection(ONE, NOW, previous=None)


async def test_an_id_stays_with_those_whose_directory_keeps_something_by_it(store: Store) -> None:
    group = ScimGroup(id="", display_name="Everybody", body={})
    made = await store.add_scim_group("adfs", "beta", group, NOW)
    assert not await store.keep_connection(ONE, NOW, previous=None)
    await store.remove_scim_group("adfs", made.id, NOW, expected=None)
    assert await store.keep_connection(ONE, NOW, previous=None)


async def test_tokens_of_an_organization_that_goes_count_for_nobody_after_it(store: Store) -> None:
    assert await store.keep_organization("acme", "{}", NOW)
    assert await store.keep_api_token(HASH, API_TOKEN)
    assert await store.drop_organization("acme", NOW)
    assert await store.keep_organization("acme", "{}", LATER)
    assert await store.find_api_token(HASH, LATER) is None


async def test_what_is_kept_of_a_connection_is_read_at_once(store: Store) -> None:
    nothing = await store.about_connection("adfs", "acme", (), NOW, NOW)
    assert nothing == ConnectionAbout(
        metadata=None, row=None, off={}, proofs=(), proved=frozenset(), signed_in_at=None
    )
    await store.keep_connection(ONE, NOW, previous=None)
    await store.keep_metadata(FIRST, (), NOW, previous="")
    await store.switch_off("okta", NOW, ANYBODY)
    proof = await store.begin_domain_proof("acme", "acme.example", "token", NOW)
    await store.begin_domain_proof("acme", "other.example", "token", NOW)
    await store.note_domain_proof(proof, NOW, seen=True)
    for number, how in enumerate(("code" if number % 2 else "" for number in range(4)), 1):
        record = replace(RECORD, reference=f"TOLD{number:06}", at=NOW + number * SECOND, code=how)
        await keep_record(store, replace(record, connection="adfs", organization="acme"))
    told = await store.about_connection("adfs", "acme", ["acme.example"], NOW, NOW)
    assert told == ConnectionAbout(
        metadata=await store.find_metadata("adfs"),
        row=await store.find_kept_connection("adfs"),
        off=await store.switched_off(),
        proofs=tuple(one for one in await store.domain_proofs() if one.domain == "acme.example"),
        proved=frozenset({"acme.example"}),
        signed_in_at=NOW + 3 * SECOND,
    )
    assert None not in (told.metadata, told.row)
    assert (len(told.off), len(told.proofs)) == (1, 1)
    later = await store.about_connection("adfs", "acme", (), NOW + 4 * SECOND, NOW)
    assert later.signed_in_at is None  # before it counts
    others = await store.about_connection("okta", "beta", ["acme.example"], NOW, NOW)
    assert replace(others, off={}) == nothing


def test_only_verbs_of_one_read_go_together() -> None:
    def asks_twice() -> Steps[None]:
        yield "SELECT 1", {}
        yield "SELECT 2", {}

    together = rows.at_once(asks_twice())
    next(together)
    with pytest.raises(TypeError):
        together.send([[]])
