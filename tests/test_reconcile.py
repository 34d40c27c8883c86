"""Between sign-ins: groups and status re-read from the provider, on both engines and two nodes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from databases import ask
from decisions import connection
from oidc_world import NOW
from pydantic import ValidationError
from tokens_world import Installation, Node, open_installation

from federation.demo.openid_faults import GONE, Knobs
from federation.identity import Session
from federation.operator.doctor_declared import rereads
from federation.signin.signin import next_reread
from federation.store.store import Store, open_store
from federation.upkeep.reconcile import PAUSE, Reconciler
from federation.vault import hash_token

HOUR = timedelta(hours=1)
RULES = [{"name": "administrators", "groups": ["platform-admins"], "roles": ["admin"]}]


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


def node(installed: Installation, store: Store, **told: Any) -> Node:
    """Start one that keeps a refresh token, whose groups lead to a role."""
    keys: dict[str, Any] = {
        "keep_tokens": ["refresh"],
        "scopes": ["openid", "email", "groups", "offline_access"],
        "role_rules": RULES,
        "fetch_userinfo": "auto",
    }
    return installed.node(store, **keys | told)


def reconciler(one: Node) -> Reconciler:
    return Reconciler(
        connectors=one.signin.connectors,
        store=one.store,
        deciding=one.signin.deciding,
        recorder=one.signin.recorder,
        tokens=one.tokens,
        clock=one.clock,
    )


def says(installed: Installation, **claims: Any) -> None:
    """Have the provider say this of everybody from now on, None leaving a claim out."""
    told = {name: GONE if value is None else value for name, value in claims.items()}
    installed.world.provider.knobs = Knobs(claims=told, userinfo=told)


async def session(one: Node, token: str) -> Session | None:
    return await one.store.find_session(hash_token(token), one.clock())


async def records(url: str) -> list[tuple[str, str]]:
    """Return code and detail of what was recorded between sign-ins."""
    found = await ask(url, "SELECT code, detail FROM decision_record ORDER BY recorded_at")
    return [(code, detail) for code, detail in found if detail.startswith("reconciled")]


async def test_changed_groups_reach_the_session_and_leave_a_record(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    says(installed, groups=["staff"])
    again = reconciler(one)
    await again.reconcile_due(one.clock())
    assert installed.posts == 0  # not due yet
    one.clock.at = NOW + HOUR
    await again.reconcile_due(one.clock())
    found = await session(one, token)
    assert found is not None
    assert (found.roles, found.groups) == (("member",), ("staff",))
    assert {role for (role,) in await ask(store_url, "SELECT role FROM role_grant")} == {"member"}
    assert await records(store_url) == [("", "reconciled")]
    one.clock.at += HOUR
    await again.reconcile_due(one.clock())
    assert len(await records(store_url)) == 1  # nothing changed, nothing is recorded
    assert installed.posts == 2


async def test_groups_that_are_left_out_take_nothing_away(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    says(installed, groups=None, email=None)
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    found = await session(one, token)
    assert found is not None
    assert (found.roles, found.groups) == (("admin",), ("staff", "platform-admins"))
    assert found.user.email == "ada@acme.example"
    assert await records(store_url) == []


async def test_how_they_proved_themselves_stands_until_it_is_said_again(
    installed: Installation, store: Store
) -> None:
    """A renewed ID Token need not repeat ``acr`` and ``amr`` (Core §12.2): nobody was asked again."""
    rule = {"name": "strong", "when": "acr == 'gold' && 'otp' in amr", "roles": ["deployer"]}
    one = node(installed, store, role_rules=[rule])
    says(installed, acr="gold", amr=["pwd", "otp"])
    token = await installed.sign_in(one)
    for hours, claims, roles in (
        (1, {"acr": None, "amr": None}, ("deployer",)),
        (2, {"acr": "gold", "amr": ["pwd"]}, ("member",)),
    ):
        says(installed, **claims)
        one.clock.at = NOW + hours * HOUR
        await reconciler(one).reconcile_due(one.clock())
        found = await session(one, token)
        assert found is not None
        assert found.roles == roles


async def test_no_group_at_all_takes_away(installed: Installation, store: Store) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    says(installed, groups=[])
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    found = await session(one, token)
    assert found is not None
    assert (found.roles, found.groups) == (("member",), ())


async def test_who_is_suspended_there_is_out_here(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    installed.world.provider.grants.forget()
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    assert await session(one, token) is None
    assert await ask(store_url, "SELECT code FROM decision_record WHERE code <> ''") == [
        ("oidc.refresh_refused",)
    ]


REFUSED = [
    ("policy.domain", {"email": "ada@elsewhere.example", "email_verified": True}, {}),
    ("policy.no_rule", {"groups": ["staff"]}, {"strict": True}),
]


@pytest.mark.parametrize(("code", "claims", "told"), REFUSED, ids=[one[0] for one in REFUSED])
async def test_who_may_not_enter_any_more_is_out(
    installed: Installation, store: Store, store_url: str, code: str, claims: Any, told: Any
) -> None:
    one = node(installed, store, **told)
    token = await installed.sign_in(one)
    other = await installed.sign_in(one, "bob") if not told else ""
    says(installed, **claims)
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    assert await session(one, token) is None
    assert not other or await session(one, other) is None  # everybody is said to have that address
    assert {found for found, _ in await records(store_url)} == {code}


async def test_a_deactivated_person_is_out(installed: Installation, store: Store, store_url: str) -> None:
    """One whose row came from elsewhere, and whose sessions nobody ended."""
    one = node(installed, store)
    token = await installed.sign_in(one)
    found = await session(one, token)
    assert found is not None
    await ask(store_url, f"INSERT INTO deactivation VALUES ('{found.user.id}', '', 'scim:x', 0)")  # noqa: S608
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    assert await session(one, token) is None
    assert [code for code, _ in await records(store_url)] == ["policy.deactivated"]


async def test_a_provider_that_fails_ends_nothing_and_is_left_in_peace(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    tokens = [await installed.sign_in(one, who) for who in ("ada", "bob", "zoe")]
    installed.go_down()
    one.clock.at = NOW + HOUR
    again = reconciler(one)
    await again.reconcile_due(one.clock())
    assert await records(store_url) == []
    assert all([await session(one, token) for token in tokens])
    installed.come_up()
    says(installed, groups=["staff"])
    one.clock.at += PAUSE - timedelta(seconds=1)
    await again.reconcile_due(one.clock())
    assert installed.posts == 0
    one.clock.at += timedelta(seconds=1)
    await again.reconcile_due(one.clock())
    found = await session(one, tokens[0])
    assert found is not None
    assert found.roles == ("member",)
    assert installed.posts == 3


async def test_two_nodes_ask_once(installed: Installation, store: Store, store_url: str) -> None:
    elsewhere = await open_store(store_url)
    one, two = node(installed, store), node(installed, elsewhere)
    tokens = [await installed.sign_in(one, who) for who in ("ada", "bob", "zoe")]
    says(installed, groups=["staff"])
    one.clock.at = NOW + HOUR
    first, second = reconciler(one), reconciler(two)
    await asyncio.gather(first.reconcile_due(one.clock()), second.reconcile_due(one.clock()))
    assert installed.posts == len(tokens)  # a refresh token is good once: nobody used one twice
    for token in tokens:
        found = await session(two, token)
        assert found is not None
        assert found.roles == ("member",)
    await elsewhere.close()


async def test_who_has_left_is_asked_about_no_more(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store)
    token = await installed.sign_in(one)
    await store.end_session(hash_token(token), one.clock())
    one.clock.at = NOW + HOUR
    await reconciler(one).reconcile_due(one.clock())
    assert installed.posts == 0
    assert await ask(store_url, "SELECT * FROM reread") == []


async def test_where_nothing_is_kept_nobody_is_asked(
    installed: Installation, store: Store, store_url: str
) -> None:
    one = node(installed, store, keep_tokens=[])
    await installed.sign_in(one)
    assert await ask(store_url, "SELECT * FROM reread") == []


async def test_each_person_has_a_time_of_their_own(installed: Installation, store: Store) -> None:
    told = node(installed, store).signin.connectors["acme"].connection
    times = {next_reread(told, f"{share:08x}", NOW) for share in range(0, 2**32, 2**28)}
    assert len(times) == 16
    assert NOW + HOUR * 0.9 < min(times) < max(times) == NOW + HOUR


@pytest.mark.parametrize(("every", "fits"), [("299s", False), ("5m", True), ("24h", True), ("1441m", False)])
def test_the_interval_has_bounds(every: str, fits: bool) -> None:  # noqa: FBT001  a case
    told = {"reconcile_every": every}
    if fits:
        assert connection("acme", "acme", **told).reconcile_every >= timedelta(minutes=5)
        return
    with pytest.raises(ValidationError):
        connection("acme", "acme", **told)


def test_doctor_says_whom_it_cannot_ask_about() -> None:
    told = {
        "off": connection("off", "acme", enabled=False),
        "none": connection("none", "acme"),
        "kept": connection("kept", "acme", keep_tokens=["refresh"], scopes=["openid", "offline_access"]),
    }
    found = [(one.state.value, one.said.partition(":")[0]) for one in rereads(told)]
    assert found == [("note", "off"), ("note", "none"), ("ok", "kept")]
