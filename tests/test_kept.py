"""A published document: one fetch for all who wait, kept while a refresh fails, renewed not too often."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from federation.connectors.kept import RENEW_AFTER, RETRY_AFTER, Kept, Told
from federation.errors import ProviderTimedOut, ProviderUnavailable

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Provider:
    """Publishes a number that grows, when it is let; counts who asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails: ProviderUnavailable | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, _now: datetime) -> int:
        self.asked += 1
        mine = self.asked
        await self.open.wait()
        if self.fails is not None:
            raise self.fails
        return mine


async def test_all_who_wait_share_one_fetch() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    provider.open.clear()
    waiting = [asyncio.create_task(kept.get(NOW)) for _ in range(20)]
    await asyncio.sleep(0)
    provider.open.set()
    assert await asyncio.gather(*waiting) == [1] * 20
    assert provider.asked == 1


async def test_all_who_wait_share_one_failure() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    provider.fails = ProviderTimedOut("fetch.timeout", "too long")
    provider.open.clear()
    waiting = [asyncio.create_task(kept.get(NOW)) for _ in range(20)]
    await asyncio.sleep(0)
    provider.open.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in outcomes} == {ProviderTimedOut}
    assert len({id(one) for one in outcomes}) == 20  # each its own: a reference is written on it
    assert provider.asked == 1


async def test_a_provider_that_failed_is_left_alone_for_a_while() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    provider.fails = ProviderUnavailable("oidc.jwks_unavailable", "500")
    for at, asked in ((NOW, 1), (NOW + RETRY_AFTER - SECOND, 1), (NOW + RETRY_AFTER, 2)):
        with pytest.raises(ProviderUnavailable, match=r"^oidc\.jwks_unavailable: "):
            await kept.get(at)
        assert provider.asked == asked
    provider.fails = None
    assert await kept.get(NOW + 2 * RETRY_AFTER) == 3


async def test_what_is_known_stays_while_a_refresh_fails() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    assert await kept.get(NOW) == 1
    provider.fails = ProviderUnavailable("oidc.jwks_unavailable", "500")
    with pytest.raises(ProviderUnavailable):
        await kept.refresh(NOW)
    with pytest.raises(ProviderUnavailable):
        await kept.renew(NOW, told="provider")
    assert await kept.get(NOW) == 1


async def test_unknown_keys_cost_one_fetch_in_a_while_however_many_ask() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    await kept.get(NOW)
    assert await asyncio.gather(*(kept.renew(NOW, told="provider") for _ in range(20))) == [2] * 20
    assert await kept.renew(NOW + RENEW_AFTER - SECOND, told="provider") == 2
    assert await kept.renew(NOW + RENEW_AFTER, told="provider") == 3
    assert provider.asked == 3


async def test_the_hourly_refresh_does_not_hold_back_a_renewal() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    await kept.get(NOW)
    await kept.refresh(NOW)
    assert await kept.renew(NOW, told="provider") == 3  # keys may change a second after they were read


TOLD: tuple[Told, ...] = ("anybody", "browser", "provider")


@pytest.mark.parametrize("first", TOLD)
async def test_nobody_uses_up_the_renewal_of_another(first: Told) -> None:
    provider = Provider()
    kept = Kept(provider.load)
    await kept.get(NOW)
    others = [one for one in TOLD if one != first]
    for told, value in ((first, 2), (first, 2), (others[0], 3), (others[1], 4), (others[1], 4)):
        assert await kept.renew(NOW, told=told) == value
    later = [await kept.renew(NOW + RENEW_AFTER - SECOND, told=told) for told in TOLD * 10]
    assert (set(later), provider.asked) == ({4}, 4)  # all together: three in a while


async def test_a_renewal_that_failed_counts_too() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    await kept.get(NOW)
    provider.fails = ProviderUnavailable("oidc.jwks_unavailable", "500")
    with pytest.raises(ProviderUnavailable):
        await kept.renew(NOW, told="provider")
    assert await kept.renew(NOW + SECOND, told="provider") == 1
    assert provider.asked == 2


async def test_who_goes_away_leaves_the_others_their_fetch() -> None:
    provider = Provider()
    kept = Kept(provider.load)
    provider.open.clear()
    first, second = (asyncio.create_task(kept.get(NOW)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    provider.open.set()
    assert await second == 2
    assert first.cancelled()
