"""Enforcement: who must come in another way, table by table; in the store, on both engines; over the web."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import ask, open_session
from decisions import connection as tenant_connection
from test_policy_domains import connection, person
from test_store import NOW, ZOE, another

from federation.connection import Organization
from federation.decision import Enforced, Wanted
from federation.errors import SsoRequired
from federation.identity import Identity, Subject
from federation.operator import enforcement as operator
from federation.policy import enforcement
from federation.policy.decide import bind
from federation.store import enforcement as stored
from federation.store.domains_values import Enforcement, LockedOut, Preflight
from federation.store.store import Store

# Of a domain goes before of the whole organization; of two that concern them either does; none is no leave.
WHOLE = Enforced(domain="", connections=("adfs",))
THEIRS = Enforced(domain="acme.example", connections=("adfs",))
BELOW = Enforced(domain="*.acme.example", connections=("adfs",))
OTHERS = Enforced(domain="beta.example", connections=("adfs",))
OKTA = Enforced(domain="acme.example", connections=("okta",))
NO_WAY = Enforced(domain="", connections=())
NOBODY: tuple[Enforced, ...] = ()

HELD = [
    # what is enforced                               the person comes through okta           asked
    (NOBODY,                                        {},                                      False),
    ((OTHERS,),                                     {},                                      False),
    ((BELOW,),                                      {},                                      False),
    ((THEIRS,),                                     {"email": "ada@eu.acme.example"},        False),
    ((THEIRS,),                                     {"email": ""},                           False),
    ((OKTA,),                                       {},                                      True),
    ((WHOLE, OKTA),                                 {},                                      True),
    ((replace(WHOLE, connections=("adfs", "okta")),), {},                                    True),
    ((THEIRS, replace(OKTA, domain="*.example")),   {},                                      True),
]  # fmt: skip

REFUSED = [
    # what is enforced                               the person comes through okta           where to
    ((WHOLE,),                                      {},                                      ("adfs",)),
    ((WHOLE,),                                      {"email": ""},                           ("adfs",)),
    ((THEIRS,),                                     {},                                      ("adfs",)),
    ((THEIRS,),                                     {"email": "ada@ACME.example"},           ("adfs",)),
    ((BELOW,),                                      {"email": "ada@eu.acme.example"},        ("adfs",)),
    ((replace(OTHERS, has_address=True),),          {},                                      ("adfs",)),
    ((replace(OTHERS, has_address=True),),          {"email": ""},                           ("adfs",)),
    ((WHOLE, replace(OTHERS, has_address=True, connections=("b",))), {},                     ("b",)),
    ((WHOLE, OTHERS),                               {},                                      ("adfs",)),
    ((NO_WAY,),                                     {},                                      ()),
]  # fmt: skip


@pytest.mark.parametrize(("enforced", "who", "asked"), HELD)
def test_these_come_in(enforced: tuple[Enforced, ...], who: dict[str, Any], *, asked: bool) -> None:
    checks = enforcement.hold(person(**who), connection(), enforced)
    assert [(check.code, check.said) for check in checks] == [(enforcement.CODE, None)] * asked


@pytest.mark.parametrize(("enforced", "who", "ways"), REFUSED)
def test_these_are_led_elsewhere(
    enforced: tuple[Enforced, ...], who: dict[str, Any], ways: tuple[str, ...]
) -> None:
    with pytest.raises(SsoRequired, match=r"^policy\.sso_required: ") as refused:
        enforcement.hold(person(**who), connection(), enforced)
    assert refused.value.ways == ways
    assert [check.code for check in refused.value.checks] == [enforcement.CODE]
    assert "ada" not in refused.value.detail


# ── in the store ──────────────────────────────────────────────────────────────────────────

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


def at(name: str, through: str, email: str, organization: str = "acme") -> Identity:
    issuer = f"https://{through}.example"
    subject = Subject(issuer=issuer, value=name)
    return replace(ZOE, subject=subject, connection=through, organization=organization, email=email)


async def signs_in(store: Store, who: Identity, number: int, now: datetime = NOW) -> str:
    through = tenant_connection(who.connection, who.organization)
    organization = Organization(name=who.organization)
    decision = bind(who, through, organization, Wanted(), (), system=(), verified=frozenset())
    return (await open_session(store, decision, another(number), now)).user.id


def wanted(**differs: Any) -> Enforcement:
    told: dict[str, Any] = {"organization": "acme", "domain": "", "connections": ("adfs",)}
    told |= {"at": NOW, "by": "root"}
    return Enforcement(**told | differs)


async def test_other_ways_are_refused_as_soon_as_it_is_on_and_no_longer(store: Store, store_url: str) -> None:
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1)
    ada = await signs_in(store, at("ada", "okta", "ada@acme.example"), 2)
    seen, done = await store.enforce(wanted(), locked_out=1)
    assert (done, [one.user_id for one in seen.locked_out]) == (True, [ada])
    assert await store.enforcements() == (wanted(),)
    accounts = await ask(store_url, "SELECT count(*) FROM account")
    for newcomer in ("ada", "new"):
        with pytest.raises(SsoRequired) as refused:
            await signs_in(store, at(newcomer, "okta", f"{newcomer}@acme.example"), 3)
        assert refused.value.ways == ("adfs",)
    assert await ask(store_url, "SELECT count(*) FROM account") == accounts  # nothing is left behind
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 4)
    assert await signs_in(store, at("ada", "okta", "ada@acme.example", "beta"), 6) != ada  # another tenant
    assert await store.lift_enforcement("acme", "")
    assert not await store.lift_enforcement("acme", "")
    assert await signs_in(store, at("ada", "okta", "ada@acme.example"), 7) == ada


async def test_a_domain_is_enforced_for_whoever_has_an_address_there(store: Store, store_url: str) -> None:
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1)
    ada = await signs_in(store, at("ada", "okta", "ada@eu.acme.example"), 2)
    await signs_in(store, at("bob", "okta", "bob@beta.example"), 3)
    seen, done = await store.enforce(wanted(domain="*.acme.example"), locked_out=1)
    assert (done, [one.email for one in seen.locked_out]) == (True, ["ada@eu.acme.example"])
    await signs_in(store, at("bob", "okta", "bob@beta.example"), 4)
    with pytest.raises(SsoRequired):
        await signs_in(store, at("ada", "okta", "ada@elsewhere.example"), 5)
    # Another account of hers, with an address elsewhere, is no way around.
    await signs_in(store, at("ada2", "github", "ada@elsewhere.example"), 6)
    await ask(store_url, f"UPDATE account SET user_id = '{ada}' WHERE connection = 'github'")  # noqa: S608
    with pytest.raises(SsoRequired):
        await signs_in(store, at("ada2", "github", "ada@elsewhere.example"), 7)


PREFLIGHT = [
    # the operator accepts, after a sign-in through adfs this long ago, it is on
    (1, timedelta(0),     True),
    (1, WEEK - SECOND,    True),
    (1, WEEK,             False),
    (1, WEEK + SECOND,    False),
    (0, timedelta(0),     False),
    (2, timedelta(0),     False),
]  # fmt: skip


@pytest.mark.parametrize(("accepted", "ago", "on"), PREFLIGHT)
async def test_it_is_on_only_after_a_sign_in_and_for_the_number_that_was_accepted(
    store: Store, accepted: int, ago: timedelta, *, on: bool
) -> None:
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1, NOW - ago)
    await signs_in(store, at("ada", "okta", "ada@acme.example"), 2)
    seen, done = await store.enforce(wanted(), locked_out=accepted)
    assert done is on
    assert bool(await store.enforcements()) is on
    assert len(seen.locked_out) == 1
    assert seen.untried == (() if ago < WEEK else ("adfs",))
    assert seen == await store.preflight("acme", "", ("adfs",), NOW)


async def test_a_connection_that_nobody_has_come_through_is_untried(store: Store) -> None:
    seen = await store.preflight("acme", "", ("adfs", "okta"), NOW)
    assert (seen.untried, seen.last_sign_ins, seen.locked_out) == (("adfs", "okta"), {}, ())
    _, done = await store.enforce(wanted(connections=("adfs", "okta")), locked_out=0)
    assert not done


async def test_the_preflight_tells_who_and_when_they_came_last(store: Store, store_url: str) -> None:
    zoe = await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1)
    ada = await signs_in(store, at("ada", "okta", "ada@acme.example"), 2)
    await signs_in(store, at("ada2", "github", "ada@old.example"), 3, NOW - WEEK)
    await ask(store_url, f"UPDATE account SET user_id = '{ada}' WHERE connection = 'github'")  # noqa: S608
    await signs_in(store, at("bob", "okta", "bob@acme.example", "beta"), 4)  # another organization's
    granted = "INSERT INTO role_grant (organization_id, user_id, source, role, why, granted_at) VALUES "
    await ask(store_url, """INSERT INTO "user" (id, created_at) VALUES ('made', 0)""")
    await ask(store_url, f"{granted}('acme', 'made', 'manual', 'admin', '', 0)")
    await ask(store_url, f"{granted}('acme', '{zoe}', 'manual', 'admin', '', 0)")
    seen = await store.preflight("acme", "", ("adfs",), NOW)
    told = {
        one.user_id: (one.email, one.connection, one.signed_in_at, one.sessions) for one in seen.locked_out
    }
    assert told == {
        ada: ("ada@acme.example", "okta", NOW, 1),
        "made": ("", "", None, 0),
    }
    assert seen.last_sign_ins == {"adfs": NOW}


async def test_more_than_are_counted_are_told_as_more_and_accepted_as_such(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LOCKED_OUT_COUNTED", 2)
    monkeypatch.setattr(stored, "LOCKED_OUT_SHOWN", 1)
    monkeypatch.setattr(stored, "_BATCH", 1)  # each by a step of their own
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1)
    for number in range(2, 6):
        await signs_in(store, at(f"n{number}", "okta", f"n{number}@acme.example"), number)
    seen = await store.preflight("acme", "", ("adfs",), NOW)
    assert (seen.number, len(seen.locked_out), seen.last_sign_ins) == (3, 1, {"adfs": NOW})
    assert [(await store.enforce(wanted(), locked_out=told))[1] for told in (4, 2, 3)] == [False, False, True]


async def test_of_few_it_is_the_same_and_of_more_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_FEW", 2)
    for number in range(1, 4):
        few = await store.preflight_of_few("acme", "", ("adfs",), NOW)
        assert few == await store.preflight("acme", "", ("adfs",), NOW)
        await signs_in(store, at(f"n{number}", "okta", f"n{number}@acme.example"), number)
    assert await store.preflight_of_few("acme", "", ("adfs",), NOW) is None


async def test_of_many_who_are_let_in_nobody_is_overlooked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_BATCH", 2)
    for number in range(1, 6):
        await signs_in(store, at(f"n{number}", "adfs", f"n{number}@acme.example"), number)
    ada = await signs_in(store, at("ada", "okta", "ada@acme.example"), 6)
    seen = await store.preflight("acme", "", ("adfs",), NOW)
    assert (seen.number, [one.user_id for one in seen.locked_out], seen.untried) == (1, [ada], ())


async def test_who_is_refused_leaves_the_account_as_it_was(store: Store, store_url: str) -> None:
    await signs_in(store, at("zoe", "adfs", "zoe@acme.example"), 1)
    await store.enforce(wanted(), locked_out=0)
    with pytest.raises(SsoRequired):
        await signs_in(store, at("ada", "okta", "ada@acme.example"), 2, NOW + SECOND)
    assert await ask(store_url, "SELECT count(*) FROM session") == [(1,)]


TYPED = "federation enforce on --organization acme"


@pytest.mark.parametrize(
    ("differs", "command"),
    [
        ({}, f"{TYPED} --connection adfs"),
        (
            {"domain": "*.acme.example", "connections": ("adfs", "okta")},
            f"{TYPED} --domain '*.acme.example' --connection adfs --connection okta",
        ),
    ],
)
def test_the_preflight_ends_in_what_to_type(differs: dict[str, Any], command: str) -> None:
    seen = Preflight(number=0, locked_out=(), last_sign_ins={}, untried=())
    told = operator.Told(wanted=wanted(**differs), seen=seen, done=None)
    assert told.said.splitlines()[-1] == f"to switch it on: {command}"
    one = LockedOut(user_id="u", email="", connection="", signed_in_at=None, sessions=0)
    told = replace(told, seen=replace(seen, number=1, locked_out=(one,)), done=False)
    assert told.said.splitlines()[-1] == f"not on: {command} --locked-out 1"
