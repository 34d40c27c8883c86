"""All that is kept of a person, told and erased: in one organization, on both engines."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import ask, open_session
from decisions import admitting, decided
from stair import Stair, standing
from test_records import VAULT
from test_store import NOW, ZOE, another
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.connection import Organization
from federation.decision import TeamMember, TeamWish, Wanted
from federation.identity import Identity, Subject
from federation.records import records
from federation.store import tables
from federation.store.store import Store
from federation.store.values import ERASED, Sealing

ADMINISTRATORS = {"acme": Organization(name="Acme", administrators=("owner",))}
BOB = replace(
    ZOE,
    subject=Subject(issuer="https://idp.example", value="bob"),
    email="bob@acme.example",
    given_name="Bob",
    display_name="Bob",
)
LATER = NOW + timedelta(hours=1)


# A row of every other table that may name somebody.
BESIDE = (
    (
        "INSERT INTO team_membership (organization_id, user_id, team_key, source, why, joined_at) "
        "VALUES ('acme', '{user}', 'eng', 'manual', 'zoe', 1)"
    ),
    (
        "INSERT INTO deactivation (user_id, organization_id, source, deactivated_at) "
        "VALUES ('{user}', 'acme', 'scim:x', 1)"
    ),
    (
        "INSERT INTO deactivation (user_id, organization_id, source, deactivated_at) "
        "VALUES ('{user}', '', 'manual', 1)"
    ),
    (
        "INSERT INTO invitation (id, organization_id, email, email_key, token_hash, roles, teams, "
        "created_at, expires_at) VALUES ('i', 'acme', '{email}', '{email}', 'x', '[]', '[]', 1, 2)"
    ),
    (
        "INSERT INTO join_request (token_hash, organization_id, person, connection, email_key, subject_key, "
        "stable_id, email, created_at, expires_at) "
        "VALUES ('y', 'acme', 'p', 'adfs', '{email}', '[]', '', '{email}', 1, 2)"
    ),
    "INSERT INTO reread (organization_id, person, connection, due_at) VALUES ('acme', '{person}', 'adfs', 1)",
    (
        "INSERT INTO provisioned_user (organization_id, source, user_id, connection, email, email_key, "
        "created_at) VALUES ('acme', 'scim:x', '{user}', '', '{email}', '{email}', 1)"
    ),
    (
        "INSERT INTO local_account (id, organization_id, connection, email, email_key, display_name, "
        "password_hash, created_at) VALUES ('zoe', 'acme', 'local', '{email}', '{email}', 'Zoë', '', 1)"
    ),
    (
        "INSERT INTO kept_token (session_id, organization_id, connection, person, sealed, version, taken_by, "
        "taken_until) VALUES ('{session}', 'acme', 'adfs', '{person}', 'v1.t', 0, '', 0)"
    ),
    (
        "INSERT INTO kept_message (reference, recorded_at, organization_id, person, sealed) "
        "VALUES ('r', 1, 'acme', '{person}', 'v1.m')"
    ),
    (
        "INSERT INTO provider_session (session_id, connection, organization_id, name_hash, index_hash, "
        "sealed) VALUES ('{session}', 'adfs', 'acme', 'n', 'i', 'v1.s')"
    ),
    (
        "INSERT INTO scim_user (connection, id, organization_id, user_id, user_name, user_name_key, "
        "external_id, display_name, display_key, email, email_key, active, body, version, refused, "
        "created_at, changed_at, due_number, has_subject) VALUES ('adfs', 'r1', 'acme', '{user}', 'zoe', "
        "'zoe', '', 'Zoë', 'zoë', '{email}', '{email}', 1, '{{}}', 1, '', 1, 1, 1, 0)"
    ),
    "INSERT INTO scim_email (connection, email_key, resource_id) VALUES ('adfs', '{email}', 'r1')",
    (
        "INSERT INTO scim_group (connection, id, organization_id, display_name, display_key, external_id, "
        "body, size, version, created_at, changed_at) VALUES ('adfs', 'g1', 'acme', 'G', 'g', '', '{{}}', "
        "2, 1, 1, 1)"
    ),
    "INSERT INTO scim_member (connection, group_id, member_id, kind) VALUES ('adfs', 'g1', 'r1', 'User')",
)
NAMING = {"user_id", "person", "email_key", "session_id"}
NOBODYS = {
    "break_glass",  # a user of its own, who has no address and no account
    "pending_sign_in",  # a session's random id, until the sign-in expires in minutes
}


async def sign_in(store: Store, who: Identity, number: int, *given: tuple[str, str]) -> Any:
    """Open a session with a sealed record, as the service does."""
    new = another(number, handle="")
    person = who.subject.person
    place, reference = f"person:{person}", new.record.reference
    sealing = Sealing(
        ring_key=VAULT.first,
        fresh=lambda: VAULT.new_key(place),
        seal=lambda wrapped, settled: VAULT.seal_under(
            wrapped, place, records.encode((), who, settled), f"record:{reference}"
        ),
    )
    told: dict[str, Any] = {"person": person, "organization": who.organization, "sealed": ""}
    return await open_session(
        store, decided(who, *given), replace(new, record=replace(new.record, **told)), NOW, sealing=sealing
    )


async def erase(store: Store, user_id: str, organization: str = "acme", *, force: bool = False) -> Any:
    return await store.erase_person(user_id, organization, administrators=ADMINISTRATORS, force=force)


async def dump(url: str) -> str:
    """Every row of every table, as text."""
    names = [table.name for table in tables.Row.metadata.sorted_tables]
    return "\n".join([str(await ask(url, f'SELECT * FROM "{name}"')) for name in names])  # noqa: S608


async def holding_nobody(url: str) -> set[str]:
    """Return which tables that may name a person are empty."""
    naming = [one.name for one in tables.Row.metadata.sorted_tables if NAMING & {*one.columns.keys()}]
    return {name for name in naming if not await ask(url, f'SELECT 1 FROM "{name}"')}  # noqa: S608


async def test_nothing_that_names_them_is_left(store: Store, store_url: str) -> None:
    bob = await sign_in(store, BOB, 1, ("member", "x"))
    before = await dump(store_url)
    zoe = await sign_in(store, ZOE, 2, ("admin", "admins"))
    for statement in BESIDE:
        told = {"user": zoe.user.id, "email": ZOE.email, "person": ZOE.subject.person, "session": zoe.id}
        await ask(store_url, statement.format(**told))
    assert await holding_nobody(store_url) == NOBODYS  # a new table that may name somebody has its row here
    erased = await erase(store, zoe.user.id)
    assert (erased.user, erased.last_administrator) == (True, False)
    assert {name: number for name, number in erased.counts.items() if number} == {
        "accounts": 1, "sessions": 1, "grants": 1, "teams": 1, "memberships": 1, "invitations": 1,
        "join_requests": 1, "rereads": 1, "local_accounts": 1, "awaited": 1, "deactivations": 1,
        "provisioned": 1, "records": 1, "keys": 1,
    }  # fmt: skip
    after = await dump(store_url)
    for word in (zoe.user.id, zoe.id, ZOE.email, ZOE.subject.person, "Zoë", "zoe"):
        assert word in before or word not in after, word
    assert await store.sessions_of(bob.user.id, "acme", NOW)


async def test_their_session_is_refused_at_once(store: Store) -> None:
    zoe = await sign_in(store, ZOE, 1)
    token = (1).to_bytes(32, "big")
    assert await store.find_session(token, NOW) == zoe
    await erase(store, zoe.user.id)
    assert await store.find_session(token, NOW) is None


async def test_a_local_account_is_told_and_its_secrets_are_not(store: Store, store_url: str) -> None:
    """Of who came by it, by the Subject; of who is awaited, by the address."""
    came = replace(ZOE, subject=Subject(issuer="urn:federation:local:staff", value="zoe"))
    zoe = await sign_in(store, came, 1)
    bob = await sign_in(store, BOB, 2)
    for name, email in (("zoe", "z@acme.example"), ("bob", "b@acme.example")):
        await ask(
            store_url,
            "INSERT INTO local_account (id, organization_id, connection, email, email_key, display_name, "  # noqa: S608
            f"password_hash, link_until, created_at) VALUES ('{name}', 'acme', 'staff', '{email}', "
            f"'{email}', 'Z', 'a hash', 7, 1)",
        )
    await ask(
        store_url,
        "INSERT INTO provisioned_user (organization_id, source, user_id, connection, email, email_key, "  # noqa: S608
        f"created_at) VALUES ('acme', 'manual', '{bob.user.id}', 'staff', 'b@acme.example', "
        "'b@acme.example', 1)",
    )
    for user_id, name in ((zoe.user.id, "zoe"), (bob.user.id, "bob")):
        told = (await store.export_person(user_id, "acme")).tables["local_accounts"]
        assert [(one["id"], one["connection"], one["display_name"]) for one in told] == [(name, "staff", "Z")]
        assert "a hash" not in str(told)


async def test_that_an_attempt_was_stays_and_of_whom_goes(store: Store) -> None:
    zoe = await sign_in(store, ZOE, 1)
    await erase(store, zoe.user.id)
    record = await store.find_record(zoe.reference)
    assert record
    assert (record.code, record.person, record.digest, record.sealed) == ("", "", "", ERASED)


async def test_who_comes_again_is_somebody_new(store: Store) -> None:
    zoe = await sign_in(store, ZOE, 1, ("admin", "admins"))
    await erase(store, zoe.user.id)
    again = await sign_in(store, ZOE, 2)
    assert again.user.id != zoe.user.id
    assert again.grants == ()


async def test_another_organization_keeps_what_it_has(store: Store, store_url: str) -> None:
    """One Subject in two organizations: one key, two users."""
    ours = await sign_in(store, ZOE, 1)
    theirs = await sign_in(store, replace(ZOE, organization="other", connection="other"), 2)
    erased = await erase(store, ours.user.id)
    assert (erased.counts["records"], erased.counts["keys"]) == (1, 0)
    record = await store.find_record(theirs.reference)
    assert record
    (key,) = await store.person_keys(record.person)
    assert VAULT.open_under(key, f"person:{record.person}", record.sealed, f"record:{record.reference}")
    assert await ask(store_url, "SELECT organization_id FROM account") == [("other",)]


async def test_erasing_in_the_wrong_organization_does_nothing(store: Store, store_url: str) -> None:
    zoe = await sign_in(store, ZOE, 1, ("admin", "x"))
    before = await dump(store_url)
    erased = await erase(store, zoe.user.id, "other")
    assert not any(erased.counts.values())
    assert not erased.user
    assert await dump(store_url) == before


async def test_the_last_administrator_stays_unless_forced(store: Store, store_url: str) -> None:
    zoe = await sign_in(store, ZOE, 1, ("owner", "x"))
    before = await dump(store_url)
    erased = await erase(store, zoe.user.id)
    assert (erased.last_administrator, erased.counts) == (True, {})
    assert await dump(store_url) == before
    bob = await sign_in(store, BOB, 2, ("owner", "x"))
    assert (await erase(store, zoe.user.id)).user
    erased = await erase(store, bob.user.id, force=True)
    assert (erased.user, erased.last_administrator) == (True, True)


async def test_of_two_last_administrators_one_stays(store: Store) -> None:
    both = [await sign_in(store, who, number, ("owner", "x")) for number, who in enumerate((ZOE, BOB), 1)]
    erased = await asyncio.gather(*(erase(store, one.user.id) for one in both))
    assert sorted(one.last_administrator for one in erased) == [False, True]


async def test_of_a_recycled_subject_each_has_their_own_records(store: Store) -> None:
    old = await sign_in(store, ZOE, 1)
    assert await store.detach_account(
        "acme", ZOE.subject.person, refused_at=NOW, now=NOW + timedelta(minutes=1)
    )
    new = another(2, handle="")
    at = NOW + timedelta(minutes=2)
    record = replace(new.record, person=ZOE.subject.person, sealed="v1.theirs", at=at)
    fresh = await open_session(store, decided(ZOE), replace(new, record=record), at)
    assert fresh.user.id != old.user.id
    assert [one.reference for one in (await store.export_person(old.user.id, "acme")).records] == [
        old.reference
    ]
    assert [one.reference for one in (await store.export_person(fresh.user.id, "acme")).records] == [
        fresh.reference
    ]
    erased = await erase(store, old.user.id)
    assert (erased.counts["records"], erased.counts["keys"]) == (1, 0)
    kept = await store.find_record(fresh.reference)
    assert kept
    assert kept.sealed == "v1.theirs"


async def test_a_sign_in_at_the_same_moment_leaves_one_whole_outcome(store: Store, store_url: str) -> None:
    zoe = await sign_in(store, ZOE, 1)
    await asyncio.gather(erase(store, zoe.user.id), sign_in(store, ZOE, 2))
    users = await ask(store_url, 'SELECT id FROM "user"')
    accounts = await ask(store_url, "SELECT user_id FROM account")
    assert users == accounts
    sessions = await ask(store_url, "SELECT user_id FROM session")
    assert {one for (one,) in sessions} <= {one for (one,) in users}


async def test_everything_is_told_and_no_token(store: Store, store_url: str) -> None:
    wanted = Wanted(teams=(TeamWish(key="ops", name="Ops", why="ops"),))
    zoe = await open_session(store, admitting(ZOE, wanted), another(1, handle=""), NOW)
    await ask(
        store_url,
        "INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at) "  # noqa: S608
        f"VALUES ('acme', '{zoe.user.id}', 'manual', 'auditor', '', 1)",
    )
    data = await store.export_person(zoe.user.id, "acme")
    told = data.tables
    assert told["accounts"][0]["email"] == ZOE.email
    assert told["accounts"][0]["subject"][-1] == "zoe"
    assert [one["role"] for one in told["grants"]] == ["auditor"]
    assert [one["team"] for one in told["teams"]] == [TeamMember("ops", "").key]
    assert [one["source"] for one in told["memberships"]] == ["connection:adfs"]
    (session,) = told["sessions"]
    assert (session["id"], session["data"]["attributes"]) == (zoe.id, {"department": ["R&D", "Überbau"]})
    assert [one.reference for one in data.records] == [zoe.reference]
    text = json.dumps({name: [dict(one) for one in rows] for name, rows in told.items()})
    assert (1).to_bytes(32, "big").hex() not in text
    assert "hash" not in text
    assert not any((await store.export_person(zoe.user.id, "other")).tables.values())


# At the shell


class Scene:
    def __init__(self, stair: Stair, file: Path) -> None:
        self.stair, self.file = stair, file

    async def types(self, *words: str, answer: str = "") -> Result:
        told = ["person", *words, "--config", str(self.file)]
        return await asyncio.to_thread(CliRunner().invoke, app, told, input=answer, catch_exceptions=False)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        for who in ("ada", "bob"):
            browser = stair.browser()
            answer = await browser.post("/saml/acme-saml/acs", data=await stair.saml(browser, who))
            assert answer.status_code == 303
        yield Scene(stair, tmp_path / "federation.yaml")


async def test_export_opens_the_records(scene: Scene) -> None:
    result = await scene.types("export", "bob@acme.example", "--organization", "acme")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert [one["email"] for one in told["accounts"]] == ["bob@acme.example"]
    assert told["records"][0]["identity"]["given_name"] == "Bob"
    by_id = await scene.types("export", told["user"], "-o", "acme")
    assert json.loads(by_id.stdout)["accounts"] == told["accounts"]
    by_person = await scene.types("export", "--person", told["accounts"][0]["person"], "-o", "acme")
    assert json.loads(by_person.stdout)["user"] == told["user"]


async def test_erase_asks_first_and_says_what_went(scene: Scene) -> None:
    words = ("erase", "bob@acme.example", "--organization", "acme")
    result = await scene.types(*words, answer="n\n")
    assert result.exit_code == 1
    assert "Erase bob@acme.example" in result.stderr
    assert scene.stair.count("account") == 2
    result = await scene.types(*words, answer="y\n")
    assert result.exit_code == 0
    assert "acme: bob@acme.example" in result.stdout
    assert "  sessions: 1" in result.stdout
    assert scene.stair.count("account") == 1
    assert "nobody in acme" in (await scene.types(*words, "--yes")).stderr


async def test_the_last_administrator_is_refused(scene: Scene) -> None:
    words = ("erase", "ada@acme.example", "--organization", "acme", "--yes", "--json")
    result = await scene.types(*words)
    assert (result.exit_code, "nobody else in acme" in result.stderr) == (2, True)
    assert scene.stair.count("account") == 2
    result = await scene.types(*words, "--force")
    told = json.loads(result.stdout)
    assert (told["erased"]["accounts"], told["user_erased"], told["no_administrator_left"]) == (1, True, True)


@pytest.mark.parametrize("verb", ["export", "erase"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none@acme.example", "-o", "acme"), "nobody in acme"),
        (("bob@acme.example", "-o", "none"), "no organization"),
        (("-o", "acme"), "say whom"),
        (("bob@acme.example", "--person", "x", "-o", "acme"), "say whom"),
        (("bob@acme.example",), "--organization"),
    ],
)
async def test_whom_must_be_said(scene: Scene, verb: str, words: tuple[str, ...], said: str) -> None:
    result = await scene.types(verb, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
