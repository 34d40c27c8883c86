"""The library's own promises of a storage, held over ours, on SQLite and on PostgreSQL.

Every test has a connection of its own in one database, so that none sees what another left.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from databases import ENGINES, Postgres, Schemas, lay_sqlite
from provisioning import NOBODY
from scim2_models import ScimProvider
from scim2_server.storage import ScimStorage
from scim2_server.testing import AsyncScimStorageContract, BlockingStorage
from test_store import NOW

from federation.provisioned import Finding, ScimUser
from federation.provisioning.request import Place
from federation.provisioning.storage import Storage
from federation.scim import provider
from federation.store.store import Store, open_store

PROVIDER = provider.build()
_NUMBERS = count()


@pytest.fixture(scope="module", params=ENGINES)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[asyncio.Runner, Store]]:
    """An open store on a loop of its own: the suite runs one step after the other."""
    with asyncio.Runner() as runner:
        if request.param == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            schemas: Schemas = request.getfixturevalue("schemas")
            assert server.process.poll() is None
            with schemas.one() as url:
                yield from _opened(runner, url)
        else:
            file = Path(tmp_path_factory.mktemp("contract")) / "federation.db"
            lay_sqlite(file)
            yield from _opened(runner, f"sqlite:///{file}")


def _opened(runner: asyncio.Runner, url: str) -> Iterator[tuple[asyncio.Runner, Store]]:
    store = runner.run(open_store(url))
    yield runner, store
    runner.run(store.close())


async def _find(_: ScimUser) -> Finding:
    return NOBODY


async def _at_once(work: Callable[..., Any], *told: Any) -> Any:
    return work(*told)


class TestStorage(AsyncScimStorageContract):
    """Every rule of the library's suite."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return PROVIDER

    @pytest.fixture
    def storage(self, running: tuple[asyncio.Runner, Store]) -> ScimStorage:
        runner, store = running

        def audited(_action: str, _name: str, _after: Mapping[str, object]) -> Store:
            return store

        place = Place(
            connection=f"directory-{next(_NUMBERS)}",
            organization="acme",
            store=store,
            now=NOW,
            audited=audited,
            find=_find,
            beside=_at_once,
            leaving=nullcontext,
        )
        return BlockingStorage(Storage(place, aside=False), runner)
