"""A change that cannot be made tells what stands against it, also where no form tells it."""

from pathlib import Path

import pytest
from stair import Stair
from wizard_world import draft, send, signed_in, wizard_world


async def test_what_keeps_a_connection_from_being_enabled_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wizard_world(tmp_path, monkeypatch) as stair:
        ada = await signed_in(stair)
        path = await draft(ada)
        for at in (f"{path}/enable", "/admin/connections/acme-okta/enable"):
            answer = await send(ada, at, f"{path}/enable")
            assert answer.status_code == 422, answer.text
            assert answer.text.count('class="fault"') >= 1
            assert "expected the e-mail domains that may enter" in answer.text
        assert "acme-okta" not in stair.house.connections or not is_served(stair)


def is_served(stair: Stair) -> bool:
    return stair.house.connections["acme-okta"].enabled
