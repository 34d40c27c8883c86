"""``role_sync: first_login``: which sign-in of somebody is their first, on SQLite and on PostgreSQL."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from decisions import admitting
from test_person_store import COOKIE, LINK, TRUSTED, at, by, comes, invitation, joining, waits
from test_store import NOW, SECOND, refusal

from federation.decision import Decision, Wanted
from federation.identity import Grant, Session
from federation.store.store import Store

ONCE = TRUSTED | {"role_sync": "first_login"}


def giving(*roles: str, **told: Any) -> Decision:
    """Return the decision about Zoë as Google describes her, whose rules give these roles."""
    wanted = Wanted(grants=tuple(Grant(role, "connection:google", "rule") for role in roles))
    return admitting(at("google"), wanted, **ONCE | told)


async def joined(store: Store) -> None:
    await comes(store, 0, by("okta"))
    await waits(store)
    session = await comes(store, 2, by("okta"))
    await store.join_account(COOKIE, session, NOW + 3 * SECOND, record=joining())


async def made_beforehand(store: Store) -> None:
    assert await store.add_person("acme", "zoe@acme.example", connection="", roles=(), now=NOW)


async def invited(store: Store) -> None:
    assert await store.invite(LINK, invitation(roles=()))


async def new(store: Store) -> None:
    """Nobody knows them."""


FIRST: list[Callable[[Store], Awaitable[None]]] = [joined, made_beforehand, invited, new]


@pytest.mark.parametrize("become_known", FIRST)
async def test_the_first_sign_in_gives_the_roles_and_the_second_changes_none(
    store: Store, become_known: Callable[[Store], Awaitable[None]]
) -> None:
    await become_known(store)
    first = await comes(store, 4, giving("editor"))
    second = await comes(store, 5, giving("admin"))
    assert (first.roles, second.roles) == (("editor",), ("editor",))
    assert first.user.id == second.user.id


async def test_a_sign_in_that_was_refused_was_not_the_first(store: Store) -> None:
    await joined(store)
    assert await refusal(comes(store, 4, giving("editor", enabled=False))) == "policy.connection_disabled"
    assert (await comes(store, 5, giving("editor"))).roles == ("editor",)


async def test_the_old_way_in_has_had_its_first(store: Store) -> None:
    """Nothing was joined to it: its own rules do not begin anew."""
    await joined(store)
    old = admitting(at("okta"), Wanted(grants=(Grant("admin", "connection:okta", "rule"),)), **ONCE)
    session: Session = await comes(store, 4, old)
    assert session.roles == ()
