"""Trials in the store: ended once, claimed with it, listed by page; and what is probed leaves no trace."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from databases import ANYBODY, ask, open_session
from decisions import admitting, decided
from test_store import ADMITTED, NEW, NOW, ZOE, refusal

from federation.decision import TeamWish, Wanted
from federation.errors import AssertionRefused, ProofNeeded
from federation.store.store import Store
from federation.store.trials_store import Trial
from federation.store.values import Claim, Pending

DAY = timedelta(hours=24)
TRIAL = Trial(
    id="01900000-0000-7000-8000-000000000001",
    organization="acme",
    connection="adfs",
    number=0,
    started_by="a-user",
    started_at=NOW,
    expires_at=NOW + DAY,
)
CLAIM = Claim(issuer="https://idp.example", id="_1", until=NOW + DAY)
ENDED: dict[str, Any] = {"code": "saml.audience", "sealed": "v1.sealed", "claim": None, "in_force": 0}


def numbered(number: int) -> Trial:
    return replace(TRIAL, id=f"{TRIAL.id[:-2]}{number:02}", started_at=NOW + timedelta(seconds=number // 2))


async def test_one_that_began_is_found_until_it_expires(store: Store) -> None:
    assert await store.open_trial(TRIAL, in_force=0) is True
    assert await store.find_trial(TRIAL.id, NOW) == TRIAL
    assert await store.find_trial(TRIAL.id, NOW + DAY - timedelta(seconds=1)) == TRIAL
    assert await store.find_trial(TRIAL.id, NOW + DAY) is None
    assert await store.find_trial("another\0", NOW) is None


async def test_several_are_found_at_once_until_they_expire(store: Store) -> None:
    of_both = [numbered(1), replace(numbered(2), expires_at=NOW + timedelta(hours=1))]
    for one in of_both:
        await store.open_trial(one, in_force=0)
    asked = [*(one.id for one in of_both), numbered(3).id]
    assert await store.these_trials(asked, NOW) == {one.id: one for one in of_both}
    assert await store.these_trials(asked, NOW + timedelta(hours=1)) == {of_both[0].id: of_both[0]}
    assert await store.these_trials([], NOW) == {}


async def test_it_ends_once(store: Store) -> None:
    await store.open_trial(TRIAL, in_force=0)
    later = NOW + timedelta(minutes=1)
    done = await asyncio.gather(*(store.end_trial(TRIAL, later, **ENDED) for _ in range(10)))
    assert sorted(done) == [False] * 9 + [True]
    assert await store.find_trial(TRIAL.id, NOW) == replace(
        TRIAL, ended_at=later, code="saml.audience", sealed="v1.sealed"
    )
    assert await store.end_trial(replace(TRIAL, id="another"), later, **ENDED) is False


async def test_one_that_has_expired_does_not_end(store: Store) -> None:
    await store.open_trial(TRIAL, in_force=0)
    assert await store.end_trial(TRIAL, NOW + DAY, **ENDED) is False


async def test_its_assertion_opens_no_session_and_no_other_trial(store: Store) -> None:
    other = numbered(2)
    for one in (TRIAL, other):
        await store.open_trial(one, in_force=0)
    ended = ENDED | {"code": "", "claim": CLAIM}
    assert await store.end_trial(TRIAL, NOW, **ended) is True
    with pytest.raises(AssertionRefused, match=r"^signin\.replayed: "):
        await store.end_trial(other, NOW, **ended)
    found = await store.find_trial(other.id, NOW)
    assert found is not None
    assert found.ended_at is None  # nothing was kept with it
    assert await refusal(open_session(store, ADMITTED, replace(NEW, handle=""), NOW, claim=CLAIM)) == (
        "signin.replayed"
    )


async def test_of_a_session_its_assertion_ends_no_trial(store: Store) -> None:
    await open_session(store, ADMITTED, replace(NEW, handle=""), NOW, claim=CLAIM)
    await store.open_trial(TRIAL, in_force=0)
    with pytest.raises(AssertionRefused, match=r"^signin\.replayed: "):
        await store.end_trial(TRIAL, NOW, **ENDED | {"claim": CLAIM})


async def test_they_are_listed_by_page_the_latest_first(store: Store) -> None:
    every = [numbered(number) for number in range(1, 8)]
    for one in every:
        await store.open_trial(one, in_force=0)
    await store.open_trial(replace(TRIAL, id="elsewhere", connection="okta"), in_force=0)
    found: list[Trial] = []
    before = None
    while page := await store.trials("adfs", before, 2, NOW):
        found += page
        before = (page[-1].started_at, page[-1].id)
    assert found == every[::-1]
    assert await store.trials("adfs", None, 10, NOW + DAY) == ()


async def test_the_purge_takes_what_has_expired(store: Store, store_url: str) -> None:
    await store.open_trial(TRIAL, in_force=0)
    await store.purge(NOW + DAY - timedelta(seconds=1))
    assert await ask(store_url, "SELECT count(*) FROM trial") == [(1,)]
    await store.purge(NOW + DAY)
    assert await ask(store_url, "SELECT count(*) FROM trial") == [(0,)]


# What is kept of a connection that is edited here


async def keep(store_url: str, number: int) -> None:
    await ask(store_url, "DELETE FROM kept_connection")
    await ask(
        store_url,
        "INSERT INTO kept_connection (id, organization_id, protocol, body, sealed, enabled, number,"  # noqa: S608
        f" created_at, updated_at) VALUES ('adfs', 'acme', 'saml', '{{}}', '', 0, {number}, 0, 0)",
    )


@pytest.mark.parametrize(
    ("in_force", "then", "code", "noted"),
    [
        ((5, 5), 5, "", True),
        ((9, 9), 5, "", True),  # others were changed since
        ((5, 5), 5, "saml.audience", False),
        ((4, 5), 5, "", False),  # this worker tried what was before
        ((5, 6), 6, "", False),  # it was changed meanwhile
    ],
)
async def test_what_went_through_is_noted_of_the_state_that_was_tried(
    store: Store, store_url: str, in_force: tuple[int, int], then: int, code: str, *, noted: bool
) -> None:
    began, ended = in_force
    await keep(store_url, 5)
    await store.open_trial(TRIAL, in_force=began)
    found = await store.find_trial(TRIAL.id, NOW)
    assert found is not None
    assert found.number == (5 if began >= 5 else 0)
    if then != 5:
        await keep(store_url, then)
    await store.end_trial(TRIAL, NOW, code=code, sealed="v1.x", claim=None, in_force=ended)
    ((tested,),) = await ask(store_url, "SELECT tested_at FROM kept_connection")
    assert (tested is not None) is noted


# A pending one


async def test_a_connection_that_is_switched_off_sends_nobody_away_but_on_trial(store: Store) -> None:
    await store.switch_off("adfs", NOW, ANYBODY)
    pending = Pending(
        handle="h",
        connection="adfs",
        binder_hash=b"b" * 32,
        expects={"request_id": "_1"},
        return_to="/",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )
    assert await refusal(store.remember_pending(pending)) == "policy.connection_disabled"
    await store.remember_pending(replace(pending, expects={"request_id": "_1", "trial": TRIAL.id}))
    taken = await store.take_pending("adfs", "h", b"b" * 32, NOW)
    assert taken.trial == TRIAL.id


# What would come of a decision


async def rows(url: str) -> dict[str, Any]:
    names = (
        "user",
        "account",
        "membership",
        "role_grant",
        "team",
        "team_membership",
        "session",
        "person_key",
    )
    return {name: sorted(map(repr, await ask(url, f'SELECT * FROM "{name}"'))) for name in names}  # noqa: S608


async def test_a_new_person_would_be_made_and_is_not(store: Store, store_url: str) -> None:
    before = await rows(store_url)
    probed = await store.probe(ADMITTED, NOW)
    assert probed.refusal is None
    assert probed.link is not None
    assert (probed.link.how, probed.link.user_id) == ("new", "")
    assert probed.outcome is not None
    assert {grant.role for grant in probed.outcome.grants} == {"admin", "member"}
    assert await rows(store_url) == before


async def test_a_known_person_is_found_and_keeps_what_others_gave(store: Store, store_url: str) -> None:
    session = await open_session(store, ADMITTED, replace(NEW, handle=""), NOW)
    before = await rows(store_url)
    probed = await store.probe(decided(ZOE, ("auditor", "finance")), NOW + timedelta(minutes=1))
    assert probed.link is not None
    assert (probed.link.how, probed.link.user_id) == ("subject", session.user.id)
    assert probed.outcome is not None
    assert {grant.role for grant in probed.outcome.grants} == {"auditor"}
    assert await rows(store_url) == before


async def test_whose_address_is_taken_would_be_asked_for_proof(store: Store, store_url: str) -> None:
    await open_session(store, ADMITTED, replace(NEW, handle=""), NOW)
    before = await rows(store_url)
    who = replace(ZOE, subject=replace(ZOE.subject, value="another"), connection="okta")
    probed = await store.probe(decided(who, on_email_match="ask_proof"), NOW)
    assert isinstance(probed.refusal, ProofNeeded)
    assert (probed.link, probed.outcome) == (None, None)
    assert await rows(store_url) == before


async def test_a_team_that_would_be_made_is_joined_and_not_made(store: Store, store_url: str) -> None:
    before = await rows(store_url)
    wanted = Wanted(teams=(TeamWish(key="equipe", name="Équipe", why="group:équipe"),))
    probed = await store.probe(admitting(ZOE, wanted), NOW)
    assert probed.outcome is not None
    assert probed.outcome.teams == ("equipe",)
    assert await rows(store_url) == before


async def test_that_it_is_switched_off_is_left_out(store: Store) -> None:
    await store.switch_off("adfs", NOW, ANYBODY)
    assert (await store.probe(ADMITTED, NOW)).refusal is None
    assert await refusal(open_session(store, ADMITTED, replace(NEW, handle=""), NOW)) == (
        "policy.connection_disabled"
    )


async def test_whom_nobody_invited_would_be_refused(store: Store) -> None:
    probed = await store.probe(decided(ZOE, provisioning="invited_only"), NOW)
    assert probed.refusal is not None
    assert probed.refusal.code == "policy.not_invited"
