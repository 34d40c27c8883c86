"""Who a new person is, where it is decided: in one transaction, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from databases import ask, open_session
from decisions import admitting
from test_store import MINUTE, NOW, SECOND, ZOE, another, count, refusal

from federation.decision import Decision, Wanted
from federation.identity import Identity, Session, Subject
from federation.store.people_values import Invitation
from federation.store.rows import new_id
from federation.store.store import Store
from federation.store.values import Record

TRUSTED: dict[str, Any] = {
    "anyone": False, "domains": ["acme.example"], "email_trust": "domains", "on_email_match": "ask_proof",
}  # fmt: skip
LINKING = TRUSTED | {"on_email_match": "link"}
UNTRUSTED = TRUSTED | {"email_trust": "none"}
LINK, COOKIE = b"l" * 32, b"c" * 32
TEN = timedelta(minutes=10)


def at(connection: str, value: str = "zoe", **differs: Any) -> Identity:
    """Return Zoë as another identity provider describes her."""
    subject = Subject(issuer=f"https://{connection}.example", value=value)
    return replace(ZOE, connection=connection, subject=subject, **differs)


def by(connection: str, value: str = "zoe", told: dict[str, Any] = TRUSTED, **differs: Any) -> Decision:
    return admitting(at(connection, value, **differs), Wanted(), **told)


async def comes(store: Store, number: int, decision: Decision, **new: Any) -> Session:
    return await open_session(store, decision, another(number, **new), NOW + number * SECOND)


def invitation(**differs: Any) -> Invitation:
    good = Invitation(
        id=new_id(NOW),
        organization="acme",
        email="Zoe@acme.example",
        roles=("auditor",),
        teams=(),
        created_at=NOW,
        expires_at=NOW + TEN,
    )
    return replace(good, **differs)


def joining(person: str = "p") -> Record:
    return Record(
        reference="JOINJOIN22", at=NOW, code="", detail="joined", organization="acme", person=person
    )


# --- one person, one user


@pytest.mark.parametrize("told", [TRUSTED, LINKING, UNTRUSTED])
async def test_twenty_first_sign_ins_of_one_person_make_one_user(
    store: Store, store_url: str, told: dict[str, Any]
) -> None:
    sessions = await asyncio.gather(*(comes(store, number, by("okta", told=told)) for number in range(20)))
    assert len({session.user.id for session in sessions}) == 1
    assert (await count(store_url))["user"] == 1


async def test_first_sign_ins_with_two_addresses_at_one_moment_are_one_user(
    store: Store, store_url: str
) -> None:
    """Neither waits for the other's address: who comes second finds the account when making their own."""
    emails = ["zoe@acme.example", "zoe.zander@acme.example"] * 5
    tries = (
        comes(store, number, by("okta", told=UNTRUSTED, email=email)) for number, email in enumerate(emails)
    )
    sessions = await asyncio.gather(*tries)
    assert len({session.user.id for session in sessions}) == 1
    assert {session.user.email for session in sessions} == set(emails)
    found = await count(store_url)
    of_zoe = ("user", "account", "membership", "session", "decision_record")
    assert [found[table] for table in of_zoe] == [1, 1, 1, 10, 10]


async def test_without_an_address_nobody_is_anybody_else(store: Store, store_url: str) -> None:
    tries = (comes(store, number, by("okta", str(number % 3), told=LINKING, email="")) for number in range(9))
    assert len({session.user.id for session in await asyncio.gather(*tries)}) == 3
    assert (await count(store_url))["user"] == 3


async def test_first_sign_ins_by_two_connections_at_one_moment_are_one_user(
    store: Store, store_url: str
) -> None:
    tries = (
        comes(store, number, by(("okta", "adfs")[number % 2], told=LINKING, email=email))
        for number, email in enumerate(["zoe@acme.example", "ZOE@acme.example"] * 5)
    )
    sessions = await asyncio.gather(*tries)
    assert len({session.user.id for session in sessions}) == 1
    found = await count(store_url)
    assert (found["user"], found["account"], found["membership"]) == (1, 2, 1)


async def test_two_who_claim_one_address_at_one_moment_are_not_both_let_in(
    store: Store, store_url: str
) -> None:
    tries = (comes(store, number, by("okta", str(number))) for number in range(6))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Session) for one in answers) == 1
    assert {getattr(one, "code", "") for one in answers} == {"", "policy.proof_needed"}
    assert (await count(store_url))["user"] == 1


async def test_whoever_takes_an_address_first_does_not_get_its_owner(store: Store, store_url: str) -> None:
    """Pre-hijacking: an account made with another's address waits for the other to be linked into it."""
    await comes(store, 1, by("hostile", "eve", told=UNTRUSTED))
    assert await refusal(comes(store, 2, by("okta", told=LINKING))) == "policy.proof_needed"
    assert (await count(store_url))["account"] == 1


async def test_an_address_that_was_only_said_later_proves_nothing(store: Store) -> None:
    await comes(store, 1, by("okta"))
    await comes(store, 2, by("okta", told=UNTRUSTED))  # the connection is not trusted any more
    assert await refusal(comes(store, 3, by("adfs", told=LINKING))) == "policy.proof_needed"
    first = await comes(store, 4, by("okta"))
    assert (await comes(store, 5, by("adfs", told=LINKING))).user.id == first.user.id


async def test_a_recycled_mailbox_is_not_its_first_owner(store: Store) -> None:
    await comes(store, 1, by("okta", "the first"))
    assert await refusal(comes(store, 2, by("okta", "the second", told=LINKING))) == "policy.proof_needed"


async def test_an_existing_account_cannot_take_anothers_address(store: Store, store_url: str) -> None:
    eve = await comes(store, 1, by("okta", "eve", email="eve@acme.example"))
    zoe = await comes(store, 2, by("adfs"))
    again = await comes(store, 3, by("okta", "eve", email="ZOE@acme.example"))
    assert (again.user.id, again.user.email) == (eve.user.id, "eve@acme.example")
    assert await ask(store_url, "SELECT email_key FROM account ORDER BY email_key") == [
        ("eve@acme.example",),
        ("zoe@acme.example",),
    ]
    third = await comes(store, 4, by("google", told=LINKING))
    assert third.user.id == zoe.user.id


async def test_two_who_swap_addresses_keep_theirs(store: Store) -> None:
    await comes(store, 1, by("okta", "eve", email="eve@acme.example"))
    await comes(store, 2, by("adfs"))
    one, other = await asyncio.gather(
        comes(store, 3, by("okta", "eve")), comes(store, 4, by("adfs", email="eve@acme.example"))
    )
    assert (one.user.email, other.user.email) == ("eve@acme.example", "zoe@acme.example")


async def test_another_organization_changes_nothing_here(store: Store, store_url: str) -> None:
    ours = await comes(store, 1, by("okta"))
    await store.add_person("acme", "amy@acme.example", connection="", roles=("owner",), now=NOW)
    await store.invite(LINK, invitation(email="ann@acme.example"))
    before = await ask(store_url, "SELECT * FROM account")
    for number, email in enumerate(["zoe@acme.example", "amy@acme.example", "ann@acme.example"], 2):
        hostile = by("evil", email, told=LINKING, organization="evil", email=email)
        theirs = await comes(store, number, hostile, invitation=LINK)
        assert (theirs.organization, theirs.roles) == ("evil", ())
        assert theirs.user.id != ours.user.id
    assert await ask(store_url, "SELECT * FROM account WHERE organization_id = 'acme'") == before
    assert len(await ask(store_url, "SELECT 1 FROM provisioned_user")) == 1
    assert (await store.find_invitation(LINK, NOW)).used_at is None
    same_subject = by("okta", told=LINKING, organization="evil")
    assert (await comes(store, 9, same_subject)).user.id != ours.user.id
    assert await store.find_session(another(1).token_hash, NOW + MINUTE) == ours


# --- may they enter


async def test_whose_memberships_are_gone_enters_where_anybody_may(store: Store, store_url: str) -> None:
    first = await comes(store, 1, by("okta"))
    await ask(store_url, "DELETE FROM membership")
    for number, mode in enumerate(("invited_only", "provisioned_only"), 2):
        closed = by("okta", told=TRUSTED | {"provisioning": mode})
        assert await refusal(comes(store, number, closed)) == "policy.not_a_member"
    assert (await comes(store, 4, by("okta"))).user.id == first.user.id
    assert await ask(store_url, "SELECT source FROM membership") == [("connection:okta",)]
    closed = by("okta", told=TRUSTED | {"provisioning": "invited_only"})
    assert (await comes(store, 5, closed)).user.id == first.user.id


async def test_a_user_made_beforehand_is_found(store: Store, store_url: str) -> None:
    made = await store.add_person("acme", "zoe@acme.example", connection="", roles=("admin",), now=NOW)
    assert made is not None
    assert made.made
    closed = TRUSTED | {"provisioning": "provisioned_only"}
    assert await refusal(comes(store, 1, by("evil", told=closed | {"email_trust": "none"}))) == (
        "policy.not_provisioned"
    )
    session = await comes(store, 2, by("okta", told=closed, email="ZOE@acme.example"))
    assert (session.user.id, session.roles) == (made.user_id, ("admin",))
    assert await ask(store_url, "SELECT source FROM membership") == [("manual",)]
    assert await ask(store_url, "SELECT 1 FROM provisioned_user") == []
    assert (await comes(store, 3, by("okta", told=closed))).user.id == made.user_id


async def test_a_user_made_for_a_connection_is_found_by_its_word_alone(store: Store) -> None:
    made = await store.add_person("acme", "zoe@acme.example", connection="okta", roles=(), now=NOW)
    assert made is not None
    assert (await comes(store, 1, by("adfs"))).user.id != made.user_id
    assert (await comes(store, 2, by("okta", told=UNTRUSTED))).user.id == made.user_id


async def test_a_person_is_made_once(store: Store, store_url: str) -> None:
    adding = (
        store.add_person("acme", "zoe@acme.example", connection="okta", roles=("admin",), now=NOW)
        for _ in range(8)
    )
    assert sum(one is not None and one.made for one in await asyncio.gather(*adding)) == 1
    assert (await count(store_url))["user"] == 1
    assert len(await ask(store_url, "SELECT 1 FROM provisioned_user")) == 1


async def test_whoever_is_known_is_made_a_member_again(store: Store, store_url: str) -> None:
    known = await comes(store, 1, by("okta"))
    add = store.add_person
    assert await add("acme", "zoe@acme.example", connection="", roles=(), now=NOW) is None  # is one
    assert await add("acme", "zoe@acme.example", connection="adfs", roles=("admin",), now=NOW) is None
    await ask(store_url, "DELETE FROM membership")
    again = await add("acme", "ZOE@acme.example", connection="", roles=("admin",), now=NOW)
    assert again is not None
    assert (again.user_id, again.made) == (known.user.id, False)
    closed = TRUSTED | {"provisioning": "invited_only"}
    assert (await comes(store, 2, by("okta", told=closed))).roles == ("admin",)


async def test_an_operator_can_say_that_another_connection_leads_to_a_member(store: Store) -> None:
    known = await comes(store, 1, by("okta"))
    said = await store.add_person("acme", "zoe@acme.example", connection="adfs", roles=(), now=NOW)
    assert said is not None
    assert (said.user_id, said.made) == (known.user.id, False)
    assert (await comes(store, 2, by("adfs", told=UNTRUSTED))).user.id == known.user.id


# --- invitations


async def test_an_invitation_is_used_once_and_gives_what_it_says(store: Store, store_url: str) -> None:
    await ask(
        store_url,
        "INSERT INTO team (organization_id, key, name, source, created_at) "
        "VALUES ('acme', 'ops', 'Ops', 'manual', 1)",
    )
    await ask(
        store_url,
        "INSERT INTO team_role (organization_id, team_key, role) VALUES ('acme', 'ops', 'operator')",
    )
    sent = invitation(teams=("ops", "gone"))
    assert await store.invite(LINK, sent)
    closed = UNTRUSTED | {"provisioning": "invited_only"}
    assert await refusal(comes(store, 1, by("okta", told=closed))) == "policy.not_invited"  # without the link
    session = await comes(store, 2, by("okta", told=closed), invitation=LINK)
    assert (session.roles, session.teams) == (("auditor", "operator"), ("ops",))
    kept = "SELECT source, role, why FROM role_grant"
    assert await ask(store_url, kept) == [("invitation", "auditor", sent.id)]
    assert await ask(store_url, "SELECT source, team_key FROM team_membership") == [("invitation", "ops")]
    assert await ask(store_url, "SELECT source FROM membership") == [("invitation",)]
    assert await refusal(store.find_invitation(LINK, NOW)) == "signin.invitation_used"
    ((used,),) = [await store.invitations("acme", NOW)]
    assert (used.user_id, used.used_at) == (session.user.id, NOW + 2 * SECOND)
    # it stays theirs; another person with the link gets nothing of it
    assert (await comes(store, 3, by("okta", told=closed))).roles == ("auditor", "operator")
    other = by("okta", "eve", told=closed, email="eve@acme.example")
    assert await refusal(comes(store, 4, other, invitation=LINK)) == "policy.not_invited"


async def test_one_of_many_who_hold_the_link_uses_it(store: Store, store_url: str) -> None:
    await store.invite(LINK, invitation())
    closed = UNTRUSTED | {"provisioning": "invited_only", "on_email_match": "create"}
    tries = (
        comes(store, number, by("okta", str(number), told=closed), invitation=LINK) for number in range(8)
    )
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Session) for one in answers) == 1
    assert {getattr(one, "code", "") for one in answers} == {"", "policy.not_invited"}
    assert (await count(store_url))["user"] == 1


@pytest.mark.parametrize("differs", [{"email": "ann@acme.example"}, {"organization": "other"}])
async def test_an_invitation_is_for_its_address_and_organization(
    store: Store, differs: dict[str, Any]
) -> None:
    await store.invite(LINK, invitation(**differs))
    closed = TRUSTED | {"provisioning": "invited_only"}
    assert await refusal(comes(store, 1, by("okta", told=closed), invitation=LINK)) == "policy.not_invited"


async def test_an_invitation_ends(store: Store) -> None:
    closed = TRUSTED | {"provisioning": "invited_only"}
    await store.invite(LINK, invitation(expires_at=NOW + SECOND))
    assert await refusal(comes(store, 1, by("okta", told=closed), invitation=LINK)) == "policy.not_invited"
    assert await refusal(store.find_invitation(LINK, NOW + SECOND)) == "signin.invitation_unknown"
    later = invitation(id=new_id(NOW))
    await store.invite(b"m" * 32, later)
    assert await store.revoke_invitation("other", later.id, NOW) is False
    assert await store.revoke_invitation("acme", later.id, NOW) is True
    assert await store.revoke_invitation("acme", later.id, NOW) is False
    assert await refusal(comes(store, 2, by("okta", told=closed))) == "policy.not_invited"
    assert await store.purge(NOW + TEN) >= 0
    assert await store.invitations("acme", NOW) == ()


async def test_the_latest_invitation_of_an_address_counts(store: Store) -> None:
    await store.invite(LINK, invitation())
    await store.invite(b"m" * 32, invitation(email="zoe@ACME.example", roles=("owner",)))
    assert await refusal(store.find_invitation(LINK, NOW)) == "signin.invitation_unknown"
    assert (await comes(store, 1, by("okta"))).roles == ("owner",)
    assert await store.invite(LINK, invitation()) is False  # a member by now


# --- joining


async def waits(store: Store, number: int = 1, token: bytes = COOKIE) -> Identity:
    """Refuse a new Subject for its address, and remember it."""
    who = at("google")
    assert await refusal(comes(store, number, by("google"))) == "policy.proof_needed"
    await store.ask_join(token, who, NOW + number * SECOND, NOW + TEN)
    return who


async def test_both_lead_to_one_user_once_they_are_joined(store: Store, store_url: str) -> None:
    await comes(store, 0, by("okta"))
    who = await waits(store)
    session = await comes(store, 2, by("okta"))
    await store.join_account(COOKIE, session, NOW + 3 * SECOND, record=joining())
    assert await store.find_record("JOINJOIN22") is not None
    after = await comes(store, 4, by("google"))
    assert (after.user.id, after.user.given_name) == (session.user.id, who.given_name)
    assert (await count(store_url))["user"] == 1
    assert await refusal(store.find_join(COOKIE, NOW + MINUTE)) == "signin.join_used"
    again = store.join_account(COOKIE, session, NOW + MINUTE, record=joining())
    assert await refusal(again) == "signin.join_used"


async def test_one_of_many_at_one_moment_joins(store: Store, store_url: str) -> None:
    await comes(store, 0, by("okta"))
    await waits(store)
    session = await comes(store, 2, by("okta"))
    tries = (
        store.join_account(COOKIE, session, NOW + MINUTE, record=replace(joining(), reference=f"JOIN{n:06}"))
        for n in range(8)
    )
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert answers.count(None) == 1
    assert {getattr(one, "code", "") for one in answers} == {"", "signin.join_used"}
    assert (await count(store_url))["account"] == 2


async def test_nobody_else_joins_it(store: Store, store_url: str) -> None:
    before = await comes(store, 0, by("okta"))
    await waits(store)
    zoe = await comes(store, 2, by("okta"))
    eve = await comes(store, 3, by("okta", "eve", email="eve@acme.example"))
    there = await comes(store, 4, by("okta", organization="other"))
    later = NOW + MINUTE
    for code, token, session, now in (
        ("signin.join_unknown", b"x" * 32, zoe, later),
        ("signin.join_earlier", COOKIE, before, later),
        ("signin.join_another", COOKIE, eve, later),
        ("signin.join_organization", COOKIE, there, later),
        ("signin.join_expired", COOKIE, zoe, NOW + TEN),
    ):
        assert await refusal(store.join_account(token, session, now, record=joining())) == code
    assert len(await ask(store_url, "SELECT 1 FROM account WHERE connection = 'google'")) == 0
    await store.join_account(COOKIE, zoe, later, record=joining())  # none of that used it up


async def test_who_asks_again_or_says_no_has_nothing_waiting(store: Store) -> None:
    await comes(store, 0, by("okta"))
    await waits(store)
    await waits(store, 2, b"d" * 32)
    assert await refusal(store.find_join(COOKIE, NOW + MINUTE)) == "signin.join_unknown"
    assert (await store.find_join(b"d" * 32, NOW + MINUTE)).connection == "google"
    await store.drop_join(b"d" * 32)
    assert await refusal(store.find_join(b"d" * 32, NOW + MINUTE)) == "signin.join_unknown"


async def test_a_subject_that_is_somebody_else_by_now_is_not_joined(store: Store) -> None:
    await comes(store, 0, by("okta"))
    await waits(store)
    await comes(store, 2, by("google", told=TRUSTED | {"on_email_match": "create"}))
    session = await comes(store, 3, by("okta"))
    attempt = store.join_account(COOKIE, session, NOW + MINUTE, record=joining())
    assert await refusal(attempt) == "signin.join_used"
