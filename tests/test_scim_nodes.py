"""How soon a directory's word reaches another process: two nodes on PostgreSQL, two workers on SQLite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measured
import pytest
from databases import ENGINES, fresh_url

pytestmark = [pytest.mark.processes, pytest.mark.alone]

SOON = 1.0  # seconds
deprovision: Any = measured.load("deprovision")
callback: Any = measured.load("callback")


@pytest.fixture(scope="module", params=ENGINES)
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    place = tmp_path_factory.mktemp("scim-nodes")
    with fresh_url(request, place) as url, callback.openid_provider(Path(place)) as issuer:
        told = "" if url.startswith("sqlite") else url
        with deprovision.running(place, issuer, told) as two:
            yield two


@pytest.mark.parametrize("way", list(deprovision.WAYS))
async def test_whoever_a_directory_puts_out_is_out_everywhere_within_a_second(nodes: Any, way: str) -> None:
    assert max(await deprovision.times(nodes, way, 2)) < SOON
