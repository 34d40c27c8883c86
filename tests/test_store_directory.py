"""Lists of the administration, on SQLite and on PostgreSQL: whole, in order, each once, and by an index."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from databases import _run, _script_to_head, ask, keep_record, lay_sqlite, open_session
from test_store import MINUTE, NOW, RECORD, another
from test_store_teams import decided, someone, terms

from federation.decision import MANUAL
from federation.store import directory, directory_sql
from federation.store.audit import AuditEntry, is_change
from federation.store.directory_values import PeopleFilter
from federation.store.domains_values import Preflight
from federation.store.people_values import Changed, Ended, Erased, Invitation
from federation.store.postgres_words import numbered
from federation.store.rows import micros
from federation.store.store import Store

ALL = PeopleFilter(organization="acme", search="", connection="", role="", team="", state="")
NAMES = ("ada", "bob", "cleo", "dan", "eve")


async def enter(store: Store, number: int, name: str, display_name: str = "", **told: Any) -> str:
    """Sign somebody in; return their user's id."""
    who = replace(someone(name, through=told.pop("through", "adfs")), display_name=display_name)
    session = await open_session(store, decided(who, **told), another(number), NOW + number * MINUTE)
    return session.user.id


async def listed(store: Store, limit: int = 2, **asked: str) -> list[str]:
    """Return the names before the @ of everybody, page by page."""
    found: list[str] = []
    wanted, after = replace(ALL, **asked), None  # type: ignore[arg-type]
    for _ in range(20):
        page = await store.list_people(wanted, after, limit)
        assert len(page.people) <= limit
        found += [one.email.partition("@")[0] for one in page.people]
        if (after := page.next) is None:
            return found
    raise AssertionError("the list never ends")


@pytest.fixture
async def five(store: Store) -> list[str]:
    """Five people of one organization, and one of another."""
    users = [await enter(store, number, name, f"{name.title()} Example") for number, name in enumerate(NAMES)]
    other = replace(someone("zed"), organization="other")
    await open_session(store, replace(decided(someone("zed")), identity=other), another(9), NOW)
    return users


# Lists


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
async def test_everybody_is_listed_once_in_order(store: Store, five: list[str], limit: int) -> None:
    assert await listed(store, limit) == list(NAMES)
    assert await listed(store, limit, organization="other") == ["zed"]
    assert await listed(store, limit, organization="nobody") == []


async def test_people_are_found_by_what_their_name_or_address_begins_with(store: Store) -> None:
    await enter(store, 1, "zoe", "Émile Zola")
    await enter(store, 2, "emil", "Zed")
    await enter(store, 3, "a_b", "100% Me")
    await enter(store, 4, "acb", "Q")
    assert await listed(store, search="ÉMI") == ["zoe"]
    assert await listed(store, search="e") == ["emil"]
    assert await listed(store, 1, search="z") == ["emil", "zoe"]  # names first, then addresses
    assert await listed(store, search="a_") == ["a_b"]  # no character means anything else
    assert await listed(store, search="100%") == ["a_b"]
    assert await listed(store, search="%") == []
    assert await listed(store, search="zola") == []
    assert await listed(store, search="x" * 5000) == []


async def test_whom_name_and_address_both_mean_is_listed_once(store: Store, five: list[str]) -> None:
    assert await listed(store, 1, search="a") == ["ada"]


async def test_who_has_two_accounts_is_listed_once(store: Store, store_url: str) -> None:
    ada = await enter(store, 1, "ada", "Ada")
    await enter(store, 2, "bob", "Bob", through="okta")
    same = f"UPDATE account SET user_id = '{ada}' WHERE email = 'bob@acme.example'"  # noqa: S608  an id of ours
    await ask(store_url, same)
    assert await listed(store, 1) == ["bob"]  # as they came last
    (one,) = (await store.list_people(ALL, None, 9)).people
    assert one.connections == ("adfs", "okta")


async def test_filters_lead_and_narrow(store: Store, five: list[str]) -> None:
    for user_id in (five[0], five[2]):
        await store.set_grant("acme", user_id, "auditor", terms(), NOW, give=True)
    await store.add_team("acme", "tools", "Tools", NOW)
    for user_id in five[1:4]:
        await store.set_team_member("acme", user_id, "tools", terms(), NOW, member=True)
    await store.deactivate(five[3], "acme", source=MANUAL, administrators={}, force=False, now=NOW)
    assert await listed(store, 1, role="auditor") == ["ada", "cleo"]
    assert await listed(store, 1, team="tools") == ["bob", "cleo", "dan"]
    assert await listed(store, 1, state="deactivated") == ["dan"]
    assert await listed(store, 1, connection="adfs") == list(NAMES)
    assert await listed(store, 1, connection="okta") == []
    assert await listed(store, 1, role="auditor", team="tools") == ["cleo"]
    assert await listed(store, 1, team="tools", state="deactivated") == ["dan"]
    assert await listed(store, 1, search="c", team="tools") == ["cleo"]
    assert await listed(store, 1, search="a", team="tools") == []
    assert await listed(store, 1, organization="other", team="tools") == []
    (dan,) = (await store.list_people(replace(ALL, state="deactivated"), None, 5)).people
    assert (dan.deactivated, dan.member) == (True, True)


async def test_who_is_awaited_is_listed_apart(store: Store, five: list[str]) -> None:
    await store.add_person("acme", "new@acme.example", connection="okta", roles=(), now=NOW)
    await store.add_person("acme", "Newer@acme.example", connection="", roles=("x",), now=NOW)
    assert await listed(store) == list(NAMES)
    assert await listed(store, 1, state="awaited") == ["new", "Newer"]
    assert await listed(store, state="awaited", search="newe") == ["Newer"]
    assert await listed(store, state="awaited", role="x") == ["Newer"]


async def test_a_page_of_what_is_rare_is_short_and_leads_on(
    store: Store, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "LOOKED_AT", 2)
    await store.set_grant("acme", five[4], "auditor", terms(), NOW, give=True)
    assert await listed(store, 1, connection="adfs", role="auditor") == ["eve"]
    first = await store.list_people(replace(ALL, search="e", role="auditor"), None, 1)
    assert [one.user_id for one in first.people] == [five[4]]


async def test_a_cursor_of_another_list_begins_it(store: Store, five: list[str]) -> None:
    page = await store.list_people(ALL, ("team", five[3], ""), 9)
    assert len(page.people) == len(five)


@pytest.mark.parametrize("name", ["search", "connection", "role", "team", "state"])
async def test_what_no_database_holds_means_nobody(store: Store, name: str) -> None:
    await enter(store, 1, "ada")
    told: dict[str, Any] = {name: "a\0\ud800"}
    assert await listed(store, **told) == ([] if name != "state" else ["ada"])
    assert not await store.lift_enforcement("acme", "a\0\ud800")


async def test_whom_an_organization_knows(store: Store, five: list[str]) -> None:
    assert await store.belongs("acme", five[0])
    assert not await store.belongs("other", five[0])
    assert not await store.belongs("acme", "\0nobody")
    awaited = await store.add_person("acme", "n@acme.example", connection="", roles=(), now=NOW)
    assert awaited is not None
    assert await store.belongs("acme", awaited.user_id)
    assert (await store.describe_person("acme", awaited.user_id, NOW))[0].email == "n@acme.example"
    assert not (await store.describe_person("other", five[0], NOW))[0].member


async def test_members_of_a_team_and_why(store: Store, five: list[str]) -> None:
    await store.add_team("acme", "tools", "Tools", NOW)
    for user_id in five[:3]:
        await store.set_team_member("acme", user_id, "tools", terms(), NOW, member=True)
    first, after = await store.list_members("acme", "tools", "", 2)
    last, end = await store.list_members("acme", "tools", after, 2)
    assert [one.person.user_id for one in (*first, *last)] == five[:3]
    assert (end, {place.source for one in first for place in one.by}) == ("", {MANUAL})
    assert await store.list_members("other", "tools", "", 2) == ((), "")
    assert await store.count_members("acme", ["tools", "none"]) == {"tools": 3, "none": 0}


async def test_teams_by_key(store: Store) -> None:
    for key in ("c", "a", "b"):
        await store.add_team("acme", key, key.upper(), NOW)
    await store.link_group("acme", "a", "eng", "adfs")
    await store.set_team_role("acme", "a", "builder", terms(), NOW, give=True)
    first, after = await store.list_teams("acme", "", 2, "")
    last, end = await store.list_teams("acme", after, 2, "")
    assert ([one.key for one in (*first, *last)], end) == (["a", "b", "c"], "")
    assert ([one.group for one in first[0].groups], first[0].roles) == (["eng"], ("builder",))
    assert await store.list_teams("other", "", 2, "") == ((), "")


async def test_teams_are_found_by_part_of_a_name_or_a_key(store: Store) -> None:
    for key, name in (
        ("ops", "Night Shift"),
        ("data_lab", "Data 100%"),
        ("datawh", "Warehouse"),
        ("z", "nightly"),
        ("zz", "Équipe"),
    ):
        await store.add_team("acme", key, name, NOW)
    for wanted, found in (
        ("night", ["ops", "z"]),
        ("NIGHT", ["ops", "z"]),
        ("data", ["data_lab", "datawh"]),
        ("a_l", ["data_lab"]),
        ("100%", ["data_lab"]),
        ("%", ["data_lab"]),
        ("!", []),
        ("éQUIPE", ["zz"]),
        ("É", ["zz"]),
    ):
        shown, further = await store.list_teams("acme", "", 9, wanted)
        assert ([one.key for one in shown], further) == (found, ""), wanted
    await store.add_team("acme", "a", "equipe", NOW)
    await store.add_team("acme", "zzz", "ÉQUIPE 2", NOW)
    shown, after = await store.list_teams("acme", "", 1, "équipe")  # what a database took for one leads on
    rest, end = await store.list_teams("acme", after, 1, "équipe")
    assert ([one.key for one in (*shown, *rest)], end) == (["zz", "zzz"], "")
    first, after = await store.list_teams("acme", "", 1, "night")
    last, end = await store.list_teams("acme", after, 1, "night")
    assert ([one.key for one in (*first, *last)], end) == (["ops", "z"], "")


async def test_open_invitations_newest_first(store: Store) -> None:
    for number in range(3):
        at = NOW + number * MINUTE
        one = Invitation(
            id=f"0000000{number}", organization="acme", email=f"p{number}@acme.example", roles=(), teams=(),
            created_at=at, expires_at=NOW + timedelta(days=number + 1),
        )  # fmt: skip
        assert await store.invite(bytes([number]), one)
    first, after = await store.list_invitations("acme", "", 2, NOW, "")
    last, end = await store.list_invitations("acme", after, 2, NOW, "")
    assert ([one.id[-1] for one in (*first, *last)], end) == (["2", "1", "0"], "")
    later = await store.list_invitations("acme", "", 9, NOW + timedelta(days=1), "")  # the end is exclusive
    assert [one.id[-1] for one in later[0]] == ["2", "1"]
    for wanted, found in (("P1@", ["1"]), ("acme", ["2", "1", "0"]), ("p_@", []), ("other", [])):
        shown, _ = await store.list_invitations("acme", "", 9, NOW, wanted)
        assert [one.id[-1] for one in shown] == found, wanted


async def test_sign_ins_of_somebody_and_of_nobody_else(store: Store, five: list[str]) -> None:
    person = someone("ada").subject.person
    for number in range(3):
        record = replace(
            RECORD, reference=f"AAAAAAAAA{number}", organization="acme", person=person, code="x.y"
        )
        await keep_record(store, replace(record, at=NOW + number * MINUTE))
    await keep_record(store, replace(RECORD, reference="BBBBBBBBBB", organization="other", person=person))
    found = await store.sign_ins_of("acme", five[0], 2)
    assert [one.reference for one in found] == ["AAAAAAAAA2", "AAAAAAAAA1"]
    assert await store.sign_ins_of("acme", five[1], 2) == ()
    assert await store.sign_ins_of("other", five[0], 2) == ()


async def test_sessions_end_in_their_organization_alone(store: Store, five: list[str]) -> None:
    await enter(store, 20, "ada")
    session = await store.find_session(another(0).token_hash, NOW + 21 * MINUTE)
    assert session is not None
    at = NOW + 22 * MINUTE
    assert not (await store.end_sessions_of("other", five[0], "", at)).changed
    assert not (await store.end_sessions_of("acme", five[1], session.id, at)).changed
    assert (await store.end_sessions_of("acme", five[0], session.id, at)).sessions == 1
    assert await store.find_session(another(0).token_hash, at) is None
    assert await store.find_session(another(20).token_hash, at) is not None
    assert (await store.end_sessions_of("acme", five[0], "", at)).sessions == 1
    assert not (await store.end_sessions_of("acme", five[0], "", at)).changed


# The overview


async def test_causes_of_a_day_and_a_week(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [("", 0), ("x.y", 1), ("x.y", 30), ("x.z", 24 * 7 - 1), ("x.z", 24 * 7), ("x.z", -1)]  # hours ago
    for number, (code, hours) in enumerate(ends):
        record = replace(RECORD, reference=f"AAAAAAAAA{number}", organization="acme", code=code)
        await keep_record(store, replace(record, at=NOW - timedelta(hours=hours)))
    await keep_record(store, replace(RECORD, reference="BBBBBBBBBB", organization="other", at=NOW, code=""))
    causes = await store.count_causes("acme", NOW)
    assert (causes.day, causes.week, causes.since) == (
        {"": 1, "x.y": 1},
        {"": 1, "x.y": 2, "x.z": 1},
        None,
    )
    assert (await store.count_causes(None, NOW)).day[""] == 2
    monkeypatch.setattr("federation.store.lookout.COUNTED", 2)
    causes = await store.count_causes("acme", NOW)
    assert (sum(causes.week.values()), causes.since) == (2, NOW - timedelta(hours=1))
    assert (await store.count_causes("nobody", NOW)).week == {}


async def test_enforcements_and_proofs_of_one_organization(store: Store) -> None:
    for organization in ("acme", "other"):
        await store.begin_domain_proof(organization, "a.example", "t", NOW)
        await store.begin_domain_proof(organization, "b.example", "t", NOW)
    found = await store.domain_proofs_of(
        [("acme", "a.example"), ("other", "b.example"), ("acme", "c.example")]
    )
    assert {(one.organization, one.domain) for one in found} == {
        ("acme", "a.example"),
        ("other", "b.example"),
    }
    assert await store.enforcements_of("acme") == ()
    assert await store.metadata_ages(["adfs"], 9) == ()
    assert await store.changes_of(["adfs"], 9) == ()


# What the audit log is told


ENTRY = AuditEntry(
    organization="acme", at=NOW, actor_kind="user", actor="1", action="person.grant", kind="user", name="2"
)


async def test_what_changed_nothing_is_not_told(store: Store, store_url: str, five: list[str]) -> None:
    audited = store.audited(ENTRY)
    await audited.set_grant("acme", five[0], "x", terms(), NOW, give=False)
    await audited.end_sessions_of("other", five[0], "", NOW)
    await audited.deactivate(
        five[0], "acme", source=MANUAL, administrators={"acme": LAST}, force=False, now=NOW
    )
    count = "SELECT count(*) FROM audit"
    assert [*await ask(store_url, count)] == [(1,)]  # they were no administrator: deactivated
    await audited.set_grant("acme", five[0], "x", terms(), NOW, give=True)
    assert [*await ask(store_url, count)] == [(2,)]


class _Last:
    administrators_roles = frozenset({"nobody"})
    administrators_teams: frozenset[str] = frozenset()


LAST = _Last()


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        (None, False), (False, False), (True, True), (0, True), ("x", True),
        (Ended(changed=False), False), ((Ended(changed=True), ()), True),
        ((Ended(changed=False), (b"",)), False),
        (Changed(changed=False, others=("x",)), False), ((False, ("manual",)), False), ((True, ()), True),
        ((Preflight(number=0, locked_out=(), last_sign_ins={}, untried=()), False), False),
        ((Erased(counts={}, user=False, last_administrator=True), ()), False),
        ((Erased(counts={"x": 0}, user=True, last_administrator=False), ()), True),
    ],
)  # fmt: skip
def test_what_is_a_change(told: object, changed: bool) -> None:  # noqa: FBT001  a column
    assert is_change(told) is changed


# With 100,000 people: the indexes, and how many rows are looked at


_PEOPLE = """
INSERT INTO "user" (id, created_at) SELECT 'u' || n, 0 FROM many;
INSERT INTO account (organization_id, person, subject_key, stable_ids, user_id, connection, email, email_key,
  email_proven, given_name, family_name, display_name, name_key, created_at, signed_in_at, released_at)
SELECT 'acme', 'p' || n, '[]', '', 'u' || n, 'adfs', 'e' || n || '@acme.example', 'e' || n || '@acme.example',
  0, '', '', 'Name ' || n, 'name ' || n, 0, 1, 0 FROM many;
INSERT INTO membership (organization_id, user_id, source, created_at)
SELECT 'acme', 'u' || n, 'connection:' || CASE WHEN n % 100 = 0 THEN 'adfs' ELSE 'okta' END, 0 FROM many;
INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at)
SELECT 'acme', 'u' || n, 'connection:adfs', CASE WHEN n % 100 = 0 THEN 'auditor' ELSE 'member' END, 'r', 0
FROM many;
INSERT INTO team_membership (organization_id, user_id, team_key, source, why, joined_at)
SELECT 'acme', 'u' || n, CASE WHEN n % 100 = 0 THEN 'few' ELSE 'all' END, 'manual', 'manual', 0 FROM many;
INSERT INTO deactivation (user_id, organization_id, source, deactivated_at)
SELECT 'u' || n, 'acme', 'manual', 0 FROM many WHERE n % 100 = 0;
INSERT INTO decision_record (reference, recorded_at, code, detail, connection, organization_id, size, digest,
  person, sealed)
SELECT 'R' || n, {at} - CAST(n AS BIGINT) * 1000000, CASE WHEN n % 10 = 0 THEN 'x.y' ELSE '' END, '', 'adfs',
  CASE WHEN n % 100 = 0 THEN 'acme' ELSE 'other' END, 0, '', 'p' || n, '' FROM many;
"""
_MANY = """
WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 100000) SELECT n FROM many
"""
LEADING = {
    # statement                         what it is asked, and the index that leads it
    directory_sql.LIST_BY_EMAIL: "ix_account_organization_id_email_key_person",
    directory_sql.LIST_BY_NAME: "ix_account_organization_id_name_key_person",
    directory_sql.LIST_BY_CONNECTION: "ix_membership_organization_id_source_user_id",
    directory_sql.LIST_BY_ROLE: "ix_role_grant_organization_id_role_user_id",
    directory_sql.LIST_BY_TEAM: "ix_team_membership_organization_id_team_key_user_id",
    directory_sql.LIST_DEACTIVATED: "ix_deactivation_organization_id_user_id",
    directory_sql.COUNT_CAUSES: "ix_decision_record_organization_id_recorded_at_code",
    directory_sql.COUNT_EVERY_CAUSE: "ix_decision_record_recorded_at_code",
    directory_sql.COUNT_MEMBERS: "ix_team_membership_organization_id_team_key_user_id",
}
VALUES = {
    "organization_id": "acme",
    "beyond": "\U0010ffff",
    "at": "e5",
    "then": "",
    "source": "connection:adfs",
    "role": "auditor",
    "team": "few",
    "keys": '["few"]',
    "batch": 51,
    "day": 0,
    "week": 0,
    "now": micros(NOW),
}


def _script(sequence: str) -> str:
    at = micros(NOW)
    return f"CREATE TEMPORARY TABLE many AS {sequence};" + _PEOPLE.format(at=at)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with everybody in it."""
    file = tmp_path_factory.mktemp("crowd") / "federation.db"
    lay_sqlite(file)
    with closing(sqlite3.connect(file)) as db:
        db.executescript("PRAGMA synchronous = OFF;" + _script(_MANY))
    return file


def test_sqlite_reads_every_list_by_its_index(crowd: Path) -> None:
    with closing(sqlite3.connect(crowd)) as db:
        for statement, index in LEADING.items():
            names = {name: VALUES[name] for name in numbered(statement)[1]}
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", names)]
            assert index in " ".join(plan), plan
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, (index, plan)
            assert _instructions(db, statement, names) < 100_000, index


def _instructions(db: sqlite3.Connection, statement: str, names: dict[str, Any]) -> int:
    """Return how many steps SQLite's machine takes, to the hundred."""
    hundreds = 0

    def count() -> None:
        nonlocal hundreds
        hundreds += 1

    db.set_progress_handler(count, 100)
    db.execute(statement, names).fetchall()
    db.set_progress_handler(None, 0)
    return hundreds * 100


async def test_postgresql_reads_every_list_by_its_index(postgres_url: str) -> None:
    await _run(postgres_url, _script_to_head())
    db = await asyncpg.connect(postgres_url)
    try:
        await db.execute(_script("SELECT n FROM generate_series(1, 100000) AS n"))
        await db.execute("ANALYZE")
        for statement, index in LEADING.items():
            text, names = numbered(statement)
            plan = "\n".join(_column(await db.fetch(f"EXPLAIN {text}", *(VALUES[name] for name in names))))
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan
    finally:
        await db.close()


def _column(found: Sequence[Any]) -> list[str]:
    return [str(row[0]) for row in found]
