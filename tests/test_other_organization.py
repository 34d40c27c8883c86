"""An id that another organization has now is another connection; kept tokens go where they came from."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stair
from databases import ask
from loopback import Site, serving
from starlette.responses import PlainTextResponse
from test_reconcile import node as rereading
from test_reconcile import reconciler
from test_tokens import codes, handed, kept
from tokens_world import SOON, Installation, open_installation

from federation import app, settings
from federation.demo.openid_faults import RIGHT
from federation.store.store import Store, open_store
from federation.vault import hash_token

HOUR = timedelta(hours=1)


@pytest.fixture
async def installed() -> AsyncIterator[Installation]:
    async with open_installation() as opened:
        yield opened


@pytest.fixture
async def elsewhere(store_url: str, store: Store) -> AsyncIterator[Store]:
    """Another process's store on the same database."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def moved() -> AsyncIterator[tuple[Site, list[str]]]:
    """Another host, and the paths that it was asked for."""
    asked: list[str] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await PlainTextResponse("mine")(scope, receive, send)

    async with serving() as site:
        site.app = listen
        yield site, asked


# Another organization's


@pytest.mark.parametrize("other", ["acme", "globex"])
async def test_its_sessions_are_not_served_and_its_provider_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    keys: dict[str, Any] = {"keep_tokens": ["access", "refresh", "id"]}
    async with stair.listening(), stair.standing(tmp_path, further={"acme-oidc": keys}) as house:
        house.provider.knobs = RIGHT
        browser = house.browser()
        await browser.get(await house.oidc(browser))
        token = next(iter(value for name, value in browser.cookies.items() if "session" in name))
        assert await house.house.session(token)
        monkeypatch.setenv("FEDERATION__ORGANIZATIONS__GLOBEX__NAME", "Globex")
        whose = {"organization": other, "domains": [f"{other}2.example"]}
        config = settings.load(
            tmp_path / "federation.yaml", overrides={"connections": {"acme-oidc": keys | whose}}
        )
        async with app.open_house(config, now=house.clock) as again:
            is_theirs = other == "acme"
            assert (await again.session(token) is not None) is is_theirs
            assert (await again.tokens.to_revoke(token, house.clock()) is not None) is is_theirs
            assert (await again.signout.begin(token, binder="b") is not None) is is_theirs
        assert await house.house.store.find_session(hash_token(token), house.clock()) is None  # it ended


async def test_its_tokens_are_neither_handed_out_nor_renewed_nor_revoked(
    installed: Installation, store: Store, elsewhere: Store
) -> None:
    one, other = installed.node(store), installed.node(elsewhere, organization="beta")
    token = await installed.sign_in(one)
    assert await other.ask(token) is None
    installed.clock.at = SOON
    assert await other.ask(token) is None
    await other.tokens.renew_due(SOON)
    assert await other.tokens.to_revoke(token, SOON) is None
    other.tokens.revoke(await kept(one, token))
    await other.tokens.close()
    assert installed.world.provider.asked == []
    assert (await handed(one, token)).access


async def test_its_people_are_not_asked_about(
    installed: Installation, store: Store, elsewhere: Store
) -> None:
    one, other = rereading(installed, store), rereading(installed, elsewhere, organization="beta")
    token = await installed.sign_in(one)
    installed.clock.at += HOUR
    await reconciler(other).reconcile_due(installed.clock.at)
    assert installed.world.provider.asked == []
    await reconciler(one).reconcile_due(installed.clock.at)
    assert installed.world.provider.asked
    assert await one.lives(token)


# Moved


async def test_a_refresh_token_is_not_sent_to_a_moved_endpoint(
    installed: Installation,
    store: Store,
    elsewhere: Store,
    store_url: str,
    moved: tuple[Site, list[str]],
) -> None:
    site, asked = moved
    one, edited = installed.node(store), installed.node(elsewhere, token_endpoint=f"{site.url}/token")
    token, zoe = await installed.sign_in(one), await installed.sign_in(one, "zoe")
    installed.clock.at = SOON
    assert await edited.ask(token) is None
    assert asked == []
    assert not await one.lives(token)
    assert await one.lives(zoe)
    assert await codes(store_url) == ["oidc.tokens_moved"]
    await edited.tokens.renew_due(SOON)
    assert asked == []
    assert not await one.lives(zoe, later=1)


async def test_another_path_of_the_same_host_is_asked(installed: Installation, store: Store) -> None:
    one = installed.node(store)
    token = await installed.sign_in(one)
    again = installed.node(store, token_endpoint=f"{installed.site.url}/token?tenant=1")
    installed.clock.at = SOON
    assert (await handed(again, token)).access
    assert installed.posts == 1


async def test_what_was_renewed_goes_where_it_came_from_too(
    installed: Installation, store: Store, moved: tuple[Site, list[str]]
) -> None:
    site, asked = moved
    one = installed.node(store)
    token = await installed.sign_in(one)
    edited = installed.node(
        store, revocation_endpoint=f"{site.url}/revoke", userinfo_endpoint=f"{site.url}/me"
    )
    installed.clock.at = SOON
    assert (await handed(edited, token)).access  # by the endpoint that has not moved
    found = await edited.tokens.to_revoke(token, SOON)
    assert found
    edited.tokens.revoke(found)
    await edited.tokens.close()
    assert asked == []
    assert installed.posts == 1


async def test_a_fresh_access_token_is_not_sent_to_a_moved_userinfo(
    installed: Installation,
    store: Store,
    store_url: str,
    moved: tuple[Site, list[str]],
) -> None:
    site, asked = moved
    one = rereading(installed, store, fetch_userinfo="always")
    token = await installed.sign_in(one)
    edited = rereading(installed, store, fetch_userinfo="always", userinfo_endpoint=f"{site.url}/me")
    installed.clock.at += HOUR
    await reconciler(edited).reconcile_due(installed.clock.at)
    assert asked == []
    assert not await one.lives(token)
    assert await codes(store_url) == ["oidc.tokens_moved"]
    assert await ask(store_url, "SELECT count(*) FROM role_grant") != [(0,)]  # what they had was not refused
