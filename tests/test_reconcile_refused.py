"""Between sign-ins, of somebody with two ways in: what a refusal by one of them takes away, and what not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from databases import ask, open_session
from decisions import decided
from test_reconcile import HOUR, RULES, node, reconciler, records, says, session
from test_store import RECORD, ZOE, another
from tokens_world import Installation, Node, open_installation

from federation.connection import Organization
from federation.identity import Session, Subject
from federation.store.store import Store
from federation.store.values import DueReread

OKTA = replace(
    ZOE,
    subject=Subject(issuer="https://okta.example", value="ada"),
    connection="okta",
    email="ada.l@acme.example",
)
ELSEWHERE = {"email": "ada@elsewhere.example", "email_verified": True}


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


@dataclass
class Both:
    """Ada, signed in by Acme's own provider, which made her an administrator, and by Okta."""

    one: Node
    own: str
    okta: bytes
    user: str

    async def reread(self) -> tuple[Session | None, Session | None]:
        self.one.clock.at += HOUR
        await reconciler(self.one).reconcile_due(self.one.clock())
        now = self.one.clock()
        return await session(self.one, self.own), await self.one.store.find_session(self.okta, now)


async def both(installed: Installation, store: Store, store_url: str, **told: Any) -> Both:
    one = node(installed, store, **told)
    own = await installed.sign_in(one)
    found = await session(one, own)
    assert found is not None
    now, user = one.clock(), found.user.id
    await open_session(store, decided(OKTA, ("builder", "r")), another(1, handle=""), now)
    await ask(store_url, f"UPDATE account SET user_id = '{user}'")  # noqa: S608  as joining does
    for table in ("role_grant", "membership", "session"):
        await ask(store_url, f"UPDATE {table} SET user_id = '{user}'")  # noqa: S608
    await ask(
        store_url,
        "INSERT INTO team (organization_id, key, name, source, created_at) "
        "VALUES ('acme', 'tools', 'Tools', 'connection:acme', 0)",
    )
    await ask(
        store_url,
        "INSERT INTO team_membership (organization_id, user_id, team_key, source, why, joined_at) "  # noqa: S608
        f"VALUES ('acme', '{user}', 'tools', 'connection:acme', 'group:platform-admins', 0)",
    )
    again = another(2, handle="")
    await open_session(store, decided(OKTA, ("builder", "r")), again, now)
    by_okta = await store.find_session(again.token_hash, now)
    assert by_okta is not None
    assert (set(by_okta.roles), by_okta.teams) == ({"admin", "builder"}, ("tools",))
    return Both(one, own, again.token_hash, user)


async def sources(url: str, ada: Both) -> set[str]:
    """Return who gives her something."""
    given = await ask(
        url,
        f"SELECT source FROM role_grant WHERE user_id = '{ada.user}' "  # noqa: S608
        f"UNION SELECT source FROM team_membership WHERE user_id = '{ada.user}'",
    )
    return {source for (source,) in given}


UNWELCOME = [
    ("policy.domain", ELSEWHERE, {}),
    ("policy.email_unverified", {"email_verified": False}, {}),
    ("policy.no_rule", {"groups": ["staff"]}, {"strict": True}),
]


@pytest.mark.parametrize(("code", "claims", "told"), UNWELCOME, ids=[one[0] for one in UNWELCOME])
async def test_whom_its_own_rules_refuse_loses_what_it_gave_everywhere(
    installed: Installation, store: Store, store_url: str, code: str, claims: Any, told: Any
) -> None:
    ada = await both(installed, store, store_url, **told)
    says(installed, **claims)
    own, by_okta = await ada.reread()
    assert own is None
    assert by_okta is not None  # Okta says nothing else than before
    assert (by_okta.roles, by_okta.teams) == (("builder",), ())
    assert await sources(store_url, ada) == {"connection:okta"}
    assert [found for found, _ in await records(store_url)] == [code]
    says(installed)  # and whom they let in again has it again
    assert (await session(ada.one, await installed.sign_in(ada.one))).roles == ("admin", "builder")  # type: ignore[union-attr]


async def kept(ada: Both, url: str) -> None:
    """Ask; what the connection gave stays, though its session has ended."""
    own, by_okta = await ada.reread()
    assert own is None
    assert by_okta is not None
    assert (set(by_okta.roles), by_okta.teams) == ({"admin", "builder"}, ("tools",))
    assert await sources(url, ada) == {"connection:okta", "connection:acme"}


async def test_a_grant_that_has_ended_takes_nothing(
    installed: Installation, store: Store, store_url: str
) -> None:
    """The person may have taken it away themselves, and comes again."""
    ada = await both(installed, store, store_url)
    installed.world.provider.grants.forget()
    await kept(ada, store_url)


async def test_what_is_given_once_is_not_taken(installed: Installation, store: Store, store_url: str) -> None:
    ada = await both(installed, store, store_url, role_sync="first_login")
    says(installed, **ELSEWHERE)
    await kept(ada, store_url)


async def test_a_connection_that_is_switched_off_takes_nothing(
    installed: Installation, store: Store, store_url: str
) -> None:
    ada = await both(installed, store, store_url)
    await ask(store_url, "INSERT INTO connection_state VALUES ('acme', 0)")
    await kept(ada, store_url)
    assert [found for found, _ in await records(store_url)] == ["policy.connection_disabled"]


@pytest.mark.parametrize("left", [False, True], ids=["the last one", "another is left"])
async def test_the_last_administrator_stays_one(
    installed: Installation,
    store: Store,
    store_url: str,
    left: bool,  # noqa: FBT001  a case
) -> None:
    ada = await both(installed, store, store_url)
    if left:
        await installed.sign_in(ada.one, "bob")
        await ask(
            store_url,
            "INSERT INTO role_grant SELECT organization_id, user_id, 'manual', 'admin', '', 0 "  # noqa: S608
            f"FROM account WHERE user_id <> '{ada.user}'",
        )
    ((person,),) = await ask(
        store_url,
        f"SELECT person FROM account WHERE user_id = '{ada.user}' AND connection = 'acme'",  # noqa: S608
    )
    now = ada.one.clock()
    due = DueReread(organization="acme", person=person, connection="acme", due_at=now)
    record = replace(RECORD, reference="REREAD")
    acme = Organization(name="Acme", administrators=("admin",))
    ended = await store.end_refused_reread(due, record, now, sealing=None, taking={"acme": acme})
    assert ended == 1
    assert await sources(store_url, ada) == (
        {"connection:okta"} if left else {"connection:okta", "connection:acme"}
    )


async def test_a_strict_connection_keeps_who_is_in_while_groups_cannot_be_had(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store, strict=True, role_rules=RULES)
    token = await installed.sign_in(one)
    says(installed, groups=None)
    again = reconciler(one)
    one.clock.at += HOUR
    await again.reconcile_due(one.clock())
    found = await session(one, token)
    assert found is not None
    assert found.roles == ("admin",)
    assert await records(store_url) == []
    says(installed, groups=["staff"])
    one.clock.at += HOUR
    await again.reconcile_due(one.clock())
    assert await session(one, token) is None
    assert await records(store_url) == [
        ("policy.no_rule", "reconciled: no role rule matches, and this connection is strict")
    ]
