"""What if: who gains and loses what under edited rules, on both engines; and the policy in force."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from databases import ask, until
from decisions import connection
from stair import Stair, standing
from test_records import ADA, VAULT
from test_store import NOW, another
from typer.testing import CliRunner, Result

from federation import clock
from federation.__main__ import app
from federation.connection import Organization, policies
from federation.connection.policies import Terms
from federation.errors import ConfigurationError
from federation.identity import Groups, Identity, Presence, Subject
from federation.policy.decide import decide
from federation.records import in_force, records, what_if
from federation.records.what_if import Difference, Report
from federation.store.store import Store
from federation.store.values import Sealing

ADMINS = {"name": "admins", "groups": ["admins"], "roles": ["admin"]}
STAFF = {"name": "staff", "groups": ["staff*"], "roles": ["editor"], "teams": ["eng"]}
ACME = Organization.model_validate({"name": "Acme", "teams": {"eng": {"name": "Engineers"}}})
LATER = NOW + timedelta(hours=1)


def terms(**keys: Any) -> Terms:
    told = {"role_rules": [ADMINS, STAFF]} | keys
    return Terms(connections={"okta": connection("okta", "acme", **told)}, organizations={"acme": ACME})


def person(name: str, *groups: str, **differs: Any) -> Identity:
    presence = Presence.PRESENT if groups else Presence.EMPTY
    told: dict[str, Any] = {
        "subject": Subject(issuer="https://idp.example", value=name),
        "email": f"{name}@acme.example",
        "groups": Groups(presence, groups),
    }
    return replace(ADA, **told | differs)


class Book:
    """Signs people in under terms, and keeps their records as the service does."""

    def __init__(self, store: Store) -> None:
        self.store, self.number = store, 0

    async def sign_in(self, who: Identity, under: Terms, *, cut: bool = False) -> str:
        self.number += 1
        through = under.connections[who.connection]
        decision = decide(
            who, through, under.organizations["acme"], (), system_roles=(), verified=frozenset()
        )
        new = another(self.number, handle="")
        at = NOW + timedelta(seconds=self.number)
        reference = f"{'A' * 7}{'ABCDEFGHIJ'[self.number // 10]}{'ABCDEFGHIJ'[self.number % 10]}A"
        told: dict[str, Any] = {
            "reference": reference,
            "at": at,
            "person": who.subject.person,
            "connection": who.connection,
        }
        place = f"person:{who.subject.person}"
        kept = replace(who, attributes={"photo": tuple(f"{n:040d}" for n in range(9000))}) if cut else who
        sealing = Sealing(
            ring_key=VAULT.first,
            fresh=lambda: VAULT.new_key(place),
            seal=lambda wrapped, settled: VAULT.seal_under(
                wrapped, place, records.encode((), kept, settled), f"record:{reference}"
            ),
        )
        record = replace(new.record, **told, sealed="")
        await self.store.open_session(decision, replace(new, record=record), at, claim=None, sealing=sealing)
        return reference

    async def try_out(self, before: Terms, after: Terms, **asked: Any) -> Report:
        told: dict[str, Any] = {
            "connection": None,
            "since": NOW - timedelta(days=1),
            "now": LATER,
            "limit": None,
        }
        report = Report()
        async for so_far in what_if.report(self.store, VAULT, before, after, **told | asked):
            report = so_far
        return report


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


def named(report: Report) -> dict[str, Difference]:
    return {one.email.partition("@")[0]: one for one in report.people}


async def test_the_last_administrator_stays_as_they_would(book: Book) -> None:
    owned = replace(terms(), organizations={"acme": ACME.model_copy(update={"administrators": ("admin",)})})
    after = replace(owned, connections={"okta": connection("okta", "acme", role_rules=[STAFF])})
    await book.sign_in(person("ada", "admins"), owned)
    report = await book.try_out(owned, after)
    assert not report.takes
    assert (named(report)["ada"].kind, report.kinds["stays"]) == ("stays", 1), (
        "it is said, though nothing goes"
    )
    await book.sign_in(person("zoe", "admins"), owned)
    assert (await book.try_out(owned, after)).losing == 2


async def test_a_team_that_has_the_name_of_a_group_is_not_joined(book: Book) -> None:
    await book.store.add_team("acme", "sales", "Sales", NOW)
    await book.sign_in(person("ada", "Sales"), terms())
    report = await book.try_out(terms(), terms(create_teams="from_groups"))
    assert (dict(report.kinds), report.people) == ({"same": 1}, [])


async def test_who_gains_and_who_loses(book: Book) -> None:
    before = terms()
    for name, groups in (
        ("ada", ["admins"]),
        ("bob", ["staff"]),
        ("zoe", ["staff-west", "r&d"]),
        ("eve", []),
    ):
        await book.sign_in(person(name, *groups), before)
    after = terms(role_rules=[ADMINS, {"name": "r&d", "groups": ["R&D"], "roles": ["researcher"]}])
    report = await book.try_out(before, after)
    assert (report.tried, report.losing, report.takes) == (4, 2, True)
    assert (dict(report.lost), dict(report.gained)) == ({"editor": 2}, {"researcher": 1})
    told = named(report)
    assert set(told) == {"bob", "zoe"}
    assert (told["bob"].kind, told["bob"].loses, told["bob"].leaves) == ("changed", ("editor",), ("eng",))
    assert (told["zoe"].gains, told["zoe"].loses) == (("researcher",), ("editor",))


async def test_who_only_gains_takes_nothing(book: Book) -> None:
    before = terms(match="all")
    await book.sign_in(person("ada", "admins"), before)
    after = terms(match="all", default_roles=["member"], role_rules=[ADMINS | {"roles": ["admin", "owner"]}])
    report = await book.try_out(before, after)
    assert (report.takes, dict(report.gained)) == (False, {"owner": 1})


async def test_an_unedited_policy_asks_nobody(book: Book) -> None:
    await book.sign_in(person("ada", "admins"), terms())
    report = await book.try_out(terms(), terms())
    assert (report.tried, report.takes) == (0, False)


async def test_strict_refuses_whom_no_rule_matches(book: Book) -> None:
    before = terms()
    await book.sign_in(person("eve"), before)
    report = await book.try_out(before, terms(strict=True))
    told = named(report)["eve"]
    assert (told.kind, told.why.startswith("policy."), told.takes) == ("refused", True, True)


async def test_another_domain_lets_in_and_refuses(book: Book) -> None:
    open_to_all, bound = terms(), terms(anyone=False, domains=["acme.example"])
    await book.sign_in(person("ada", "admins"), open_to_all)
    await book.sign_in(person("mal", "staff", email="mal@evil.example"), open_to_all)
    report = await book.try_out(open_to_all, bound)
    assert {name: one.kind for name, one in named(report).items()} == {"mal": "refused"}
    report = await book.try_out(bound, open_to_all)
    assert {name: (one.kind, one.gains) for name, one in named(report).items()} == {
        "mal": ("entering", ("editor",))
    }


async def test_a_connection_switched_off_refuses_everybody(book: Book) -> None:
    await book.sign_in(person("ada", "admins"), terms())
    report = await book.try_out(terms(), terms(enabled=False))
    assert named(report)["ada"].why == "policy.connection_disabled"


async def test_a_connection_that_goes_is_said(book: Book) -> None:
    await book.sign_in(person("ada", "admins"), terms())
    report = await book.try_out(terms(), Terms(connections={}, organizations={"acme": ACME}))
    assert (report.removed, report.takes) == (("okta",), True)


async def test_what_another_source_gave_is_not_lost(book: Book, store_url: str) -> None:
    before = terms()
    await book.sign_in(person("ada", "admins"), before)
    await ask(
        store_url,
        "INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at) "
        "SELECT organization_id, user_id, 'manual', 'admin', '', 0 FROM account",
    )
    report = await book.try_out(before, terms(role_rules=[STAFF]))
    assert (report.tried, report.kinds["same"], report.takes) == (1, 1, False)


async def test_of_each_person_the_latest_sign_in_counts(book: Book) -> None:
    before = terms()
    await book.sign_in(person("ada", "admins"), before)
    await book.sign_in(person("ada", "staff"), before)
    report = await book.try_out(before, terms(role_rules=[STAFF]))
    assert (report.tried, report.takes) == (1, False)


async def test_nobody_is_changed_by_trying(book: Book, store_url: str) -> None:
    before = terms()
    await book.sign_in(person("ada", "admins"), before)
    tables = ("role_grant", "team_membership", "session", "account", "decision_record", "person_key")
    rows = [await ask(store_url, f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    await book.try_out(before, terms(strict=True, role_rules=[STAFF]))
    assert [await ask(store_url, f"SELECT * FROM {table}") for table in tables] == rows  # noqa: S608


async def test_earlier_sign_ins_are_left_out(book: Book) -> None:
    await book.sign_in(person("ada", "admins"), terms())
    report = await book.try_out(terms(), terms(role_rules=[STAFF]), since=LATER)
    assert report.tried == 0


async def test_it_ends_where_it_is_told_to(book: Book) -> None:
    for number in range(5):
        await book.sign_in(person(f"p{number}", "admins"), terms())
    report = await book.try_out(terms(), terms(role_rules=[STAFF]), limit=3)
    assert (report.tried, report.complete) == (3, False)


# Not known

UNKNOWN = [
    ("their groups were unobtainable", {"groups": Groups(Presence.UNOBTAINABLE)}, False, ""),
    ("the record was full: without attributes", {}, True, ""),
    ("the checks cannot be opened: their key was erased", {}, False, "DELETE FROM person_key"),
    ("their account is gone", {}, False, "UPDATE account SET person = person || '/x'"),
]


@pytest.mark.parametrize(("why", "differs", "cut", "then"), UNKNOWN)
async def test_who_cannot_be_told_is_listed_apart(
    book: Book,
    store_url: str,
    why: str,
    differs: dict[str, Any],
    cut: bool,  # noqa: FBT001
    then: str,
) -> None:
    await book.sign_in(person("ada", "admins", **differs), terms(), cut=cut)
    if then:
        await ask(store_url, then)
    report = await book.try_out(terms(), terms(role_rules=[STAFF]))
    assert [(one.kind, one.why) for one in report.people] == [("unknown", why)]
    assert not report.takes


async def test_a_record_of_before_is_not_known(book: Book, store: Store) -> None:
    reference = await book.sign_in(person("ada", "admins"), terms())
    record = await store.find_record(reference)
    assert record
    (key,) = await store.person_keys(record.person)
    old = VAULT.seal_under(key, f"person:{record.person}", b'[["a.b", null]]', f"record:{reference}")
    from federation.store.values import Admitted

    admitted = Admitted(record=replace(record, sealed=old), keys=(key,))
    found = await what_if._difference(store, VAULT, terms(), terms(strict=True), admitted, frozenset())
    assert (found.kind, found.why) == ("unknown", "the record holds no identity")


# Edited policies


def test_an_edited_key_replaces_only_itself() -> None:
    given = connection("okta", "acme", role_rules=[ADMINS], default_roles=["member"])
    edited = policies.edit(given, {"match": "all"})
    assert (edited.match, edited.default_roles, edited.role_rules) == ("all", ("member",), given.role_rules)
    assert edited.role_rules is not given.role_rules
    assert type(edited) is type(given)


FAULTS = [
    {"display_name": "x"},  # no key of a policy
    {"issuer": "https://evil.example"},
    {"role_rule": []},
    {"match": "some"},
    {"role_rules": [{"name": "x", "roles": ["admin"]}]},  # tests nothing
    {"role_rules": [ADMINS, ADMINS]},
    {"role_rules": "x"},
    {"strict": True, "role_rules": []},
    {"anyone": False},  # nothing bounds it then
    {"domains": ["acme.example"]},  # contradicts anyone
]


@pytest.mark.parametrize("keys", FAULTS)
def test_an_edited_policy_is_held_to_the_files_rules(keys: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^policy\.edited: okta"):
        policies.edit(connection("okta", "acme"), keys)


def test_an_edited_rule_gives_declared_teams_alone() -> None:
    rule = {"name": "x", "groups": ["x"], "teams": ["nope"]}
    with pytest.raises(ConfigurationError, match=r"^policy\.edited: okta\.role_rules\.0\.teams: "):
        terms().with_connection(connection("okta", "acme", role_rules=[rule]))


def test_a_policy_is_read_as_it_was_told() -> None:
    before = terms(match="all", default_roles=["member"], create_teams="from_groups")
    told = policies.tell(before, "okta")
    again = policies.read(told, terms(), "okta")
    assert policies.tell(again, "okta") == told
    assert policies.tell(terms(), "okta") != told


# The policy in force


def says(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, Any]]]:
    names = ("connection", "tried", "losing", "refused", "unknown", "compared")
    return [
        (one.levelno, {name: one.__dict__[name] for name in names if name in one.__dict__})
        for one in caplog.records
        if one.message == "policy changed"
    ]


async def test_a_change_that_takes_a_role_is_said_once(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await book.sign_in(person("ada", "admins"), terms())
    await in_force.note(book.store, VAULT, terms(), {"okta"}, now=LATER)
    assert says(caplog) == []  # there was nothing to compare with
    after = terms(role_rules=[STAFF])
    nodes = (in_force.note(book.store, VAULT, after, {"okta"}, now=LATER) for n in range(5))
    await asyncio.gather(*nodes)
    told = {"connection": "okta", "tried": 1, "losing": 1, "refused": 0, "unknown": 0}
    assert says(caplog) == [(logging.WARNING, told)]
    await in_force.note(book.store, VAULT, after, {"okta"}, now=LATER)
    assert len(says(caplog)) == 1
    assert "ada" not in caplog.text
    (kept,) = await book.store.policies()
    assert (kept.connection, kept.digest) == ("okta", policies.digest(policies.tell(after, "okta")))


async def test_a_change_back_is_said_too(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await book.sign_in(person("ada", "admins"), terms())
    for rules in ([ADMINS], [STAFF], [ADMINS]):
        await in_force.note(book.store, VAULT, terms(role_rules=rules), {"okta"}, now=LATER)
    assert [level for level, _ in says(caplog)] == [logging.WARNING, logging.INFO]


async def test_what_cannot_be_read_is_said_and_replaced(
    book: Book, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await in_force.note(book.store, VAULT, terms(), {"okta"}, now=LATER)
    broken = json.dumps({"connection": {"gone": 1}, "organization": {}, "system": []})
    await ask(store_url, f"UPDATE policy_in_force SET digest = 'x', policy = '{broken}'")  # noqa: S608
    await in_force.note(book.store, VAULT, terms(), {"okta"}, now=LATER)
    assert says(caplog) == [(logging.WARNING, {"connection": "okta", "compared": False})]
    assert (await book.store.policies())[0].digest != "x"


# At the shell


class Scene:
    def __init__(self, stair: Stair, directory: Path) -> None:
        self.stair, self.directory = stair, directory

    async def sign_in(self, who: str) -> None:
        self.stair.clock.at += timedelta(minutes=1)
        browser = self.stair.browser()
        answer = await browser.post("/saml/acme-saml/acs", data=await self.stair.saml(browser, who))
        assert answer.status_code == 303, answer.text

    async def types(self, *words: str, rules: Any = None) -> Result:
        told = ["policy", *words, "--config", str(self.directory / "federation.yaml")]
        if rules is not None:
            (self.directory / "new.yaml").write_text(
                rules if isinstance(rules, str) else yaml.safe_dump(rules)
            )
            told += ["--rules", str(self.directory / "new.yaml")]
        return await asyncio.to_thread(CliRunner().invoke, app, told, catch_exceptions=False)


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.delenv("FEDERATION_SECRETS_DIR", raising=False)
    async with standing(tmp_path) as stair:
        monkeypatch.setattr(clock, "now", stair.clock)
        found = Scene(stair, tmp_path)
        await found.sign_in("ada")
        await found.sign_in("bob")
        yield found


NOBODY_IS_ADMIN = [{"name": "x", "groups": ["nobody"], "roles": ["admin"]}]


async def test_rules_of_a_connection_are_tried(scene: Scene) -> None:
    for rules, words in (
        ({"acme-saml": {"role_rules": NOBODY_IS_ADMIN}}, ()),
        ({"role_rules": NOBODY_IS_ADMIN}, ("--connection", "acme-saml")),
    ):
        result = await scene.types("try", *words, rules=rules)
        assert (result.exit_code, result.stderr) == (1, "")
        lines = result.stdout.splitlines()
        assert lines[:2] == ["people tried   2", "would lose     1  (of them refused: 0)"]
        assert "role lost      admin: 1" in lines
        assert "  ada@acme.example (acme-saml, " in result.stdout
        assert "loses admin; gains member" in result.stdout
        assert "bob" not in result.stdout


async def test_a_whole_settings_file_is_tried(scene: Scene) -> None:
    text = (scene.directory / "federation.yaml").read_text()
    assert (await scene.types("try", rules=text)).exit_code == 0
    edited = text.replace("groups: [platform-admins], roles: [admin]", "groups: [staff], roles: [editor]")
    result = await scene.types("try", "--json", rules=edited)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["roles_lost"], told["tried"], told["removed_connections"]) == (
        {"admin": 1, "member": 1}, 2, [],
    )  # fmt: skip


async def test_who_only_gains_ends_well(scene: Scene) -> None:
    rules = {"acme-saml": {"default_roles": ["member", "guest"]}}
    result = await scene.types("try", rules=rules)
    assert (result.exit_code, "role gained    guest: 1" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("rules", "words", "said"),
    [
        ({"none": {"match": "all"}}, (), "'none' is neither a connection"),
        ({"match": "all"}, (), "'match' is neither a connection"),
        ({"match": "all"}, ("--connection", "none"), "'none' is neither"),
        ({"acme-saml": {"match": "some"}}, (), "acme-saml.match"),
        ({"acme-saml": ["x"]}, (), "expected keys with values"),
        ("a: [", (), "not valid YAML"),
    ],
)
async def test_what_cannot_be_tried_is_said(
    scene: Scene, rules: Any, words: tuple[str, ...], said: str
) -> None:
    result = await scene.types("try", *words, rules=rules)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


async def test_diff_tells_a_change_before_the_restart(scene: Scene) -> None:
    async def noted() -> bool:  # in the background, at start
        return len(await scene.stair.house.store.policies()) == 3

    await until(noted)
    result = await scene.types("diff")
    assert (result.exit_code, "no policy differs" in result.stdout) == (0, True)
    file = scene.directory / "federation.yaml"
    file.write_text(file.read_text().replace("groups: [platform-admins]", "groups: [nobody]"))
    result = await scene.types("diff", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, sorted(told["policies_changed"]), told["roles_lost"]) == (
        1, ["acme-oidc", "acme-saml"], {"admin": 1},
    )  # fmt: skip
