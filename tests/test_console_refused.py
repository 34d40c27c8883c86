"""A change that cannot be made tells what stands against it, also where no form tells it."""

from pathlib import Path

import pytest
from stair import Stair
from wizard_world import begun, draft, link, send, signed_in, wizard_world


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


async def test_who_is_refused_goes_on_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wizard_world(tmp_path, monkeypatch) as stair:
        ada = await signed_in(stair)
        await draft(ada)
        holder = await begun(stair, await link(ada, "acme-okta"))
        for answer, place in (
            (await ada.get("/admin/people/nobody"), "/admin"),
            (await send(ada, "/admin/connections/acme-oidc/delete", "/admin/tokens", name="x"), "/admin"),
            (await send(holder, "/setup/enable"), "/setup"),
            (await stair.browser(accept="text/html").get("/login/nobody"), "/login"),
        ):
            assert answer.status_code >= 400
            assert f'<a class="button primary" href="{place}">' in answer.text, place
