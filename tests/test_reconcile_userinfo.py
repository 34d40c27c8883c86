"""A provider that gives no ID Token with renewed tokens (OIDC Core §12.2) is asked by UserInfo alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from test_reconcile import HOUR, node, reconciler, records, says, session
from tokens_world import Installation, Node, open_installation

from federation.demo.openid_faults import GONE, Knobs
from federation.identity import Session
from federation.store.store import Store


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


async def reread(installed: Installation, one: Node, token: str, **userinfo: Any) -> Session | None:
    """Renew an hour later with no ID Token, UserInfo saying this; return what the session is then."""
    told = {name: GONE if value is None else value for name, value in userinfo.items()}
    installed.world.provider.knobs = Knobs(token_members={"id_token": GONE}, userinfo=told)
    one.clock.at += HOUR
    await reconciler(one).reconcile_due(one.clock())
    return await session(one, token)


async def test_its_groups_reach_the_session(installed: Installation, store: Store, store_url: str) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    found = await reread(installed, one, token, groups=["staff"])
    assert found is not None
    assert (found.roles, found.groups) == (("member",), ("staff",))
    assert await records(store_url) == [("", "reconciled")]


async def test_an_empty_list_of_groups_takes_away(installed: Installation, store: Store) -> None:
    one = node(installed, store)
    found = await reread(installed, one, await installed.sign_in(one), groups=[])
    assert found is not None
    assert (found.roles, found.groups) == (("member",), ())


@pytest.mark.parametrize(
    "left", [{"groups": None}, {"groups": None, "roles": ["x"]}, {"groups": None, "team": "x"}]
)
async def test_groups_that_it_does_not_hold_could_not_be_had(
    installed: Installation, store: Store, store_url: str, left: dict[str, Any]
) -> None:
    """The ID Token of the sign-in had them; what another claim holds the sign-in did not take for groups."""
    one = node(installed, store)
    found = await reread(installed, one, await installed.sign_in(one), **left)
    assert found is not None
    assert (found.roles, found.groups) == (("admin",), ("staff", "platform-admins"))
    assert await records(store_url) == []


async def test_a_name_that_the_connection_gives_to_groups_counts(
    installed: Installation, store: Store
) -> None:
    one = node(installed, store, attributes={"groups": ["roles"]})
    token = await installed.sign_in(one)
    found = await reread(installed, one, token, groups=["staff"], roles=["platform-admins"])
    assert found is not None
    assert (found.roles, found.groups) == (("admin",), ("platform-admins",))


async def test_somebody_elses_answer_ends_the_session(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    found = await reread(installed, one, await installed.sign_in(one), sub="somebody-else")
    assert found is None
    assert [code for code, _ in await records(store_url)] == ["oidc.userinfo_sub"]


async def test_an_address_outside_the_domains_ends_it(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    elsewhere = {"email": "ada@elsewhere.example", "email_verified": True}
    assert await reread(installed, one, token, **elsewhere) is None
    assert [code for code, _ in await records(store_url)] == ["policy.domain"]


async def test_an_address_of_which_nothing_else_is_said_changes_nothing(
    installed: Installation, store: Store, store_url: str
) -> None:
    """The ID Token of the sign-in said that it is verified."""
    one = node(installed, store, email_trust="verified")
    token = await installed.sign_in(one)
    found = await reread(installed, one, token, email="ada@acme.example", email_verified=None)
    assert found is not None
    assert found.user.email == "ada@acme.example"
    assert await records(store_url) == []


async def test_where_it_is_never_asked_nobody_is_reread(
    installed: Installation, store: Store, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = node(installed, store, fetch_userinfo="never")
    says(installed, email="ada@acme.example", email_verified=True, groups=["platform-admins"])
    found = await reread(installed, one, await installed.sign_in(one), groups=[])
    assert found is not None
    assert found.roles == ("admin",)
    assert await records(store_url) == []
    codes = [getattr(line, "code", "") for line in caplog.records if line.msg == "not reconciled"]
    assert codes == ["oidc.reread_no_id_token"]
    assert "/userinfo" not in installed.world.provider.asked
