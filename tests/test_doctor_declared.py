"""What `federation doctor` sees in the settings: what is weaker, or not as it is written."""

from pathlib import Path
from typing import Any

import pytest
from stair import NOW, listening, write_settings
from test_settings import load, with_values
from test_settings_oidc import PEER, SHARED

from federation import settings
from federation.fetch import open_door
from federation.operator import doctor_connections, doctor_declared
from federation.operator.finding import State

ACCEPTED = SHARED | {"shared_callback": "accepted"}
SAYS = SHARED | {"require_iss": True}
SHARING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # one connection   another                     whose answers may be anybody's
    (ACCEPTED,         ACCEPTED,                   "answers from peer, third"),
    (SAYS,             ACCEPTED,                   "answers from third"),
    (ACCEPTED | SAYS,  SAYS,                       ""),
    (SAYS,             SAYS,                       ""),
    (ACCEPTED,         {"callback_paths": ["/b"]}, ""),
    (ACCEPTED,         {},                         ""),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "whose"), SHARING)
def test_a_callback_that_is_shared_on_trust_is_warned_of(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], whose: str
) -> None:
    tree = with_values({"connections.peer": PEER | first, "connections.third": PEER | second})
    found = list(doctor_declared.shared_callbacks(load(tmp_path, tree).connections))
    assert [one.state for one in found] == ([State.WARNING] if whose else [])
    assert all(f"is shared by peer, third; {whose} need" in one.said for one in found)


async def test_what_is_served_otherwise_than_written_is_warned_of(tmp_path: Path) -> None:
    config = settings.load(
        write_settings(tmp_path), overrides={"connections": {"acme-oidc": {"flow": "token"}}}
    )
    async with listening():
        fetch = open_door(config)
        found = await doctor_connections.ask(config, "acme-oidc", fetch, NOW)
        await fetch.close()
    [told] = [one for one in found if "served as code" in one.said]
    assert (told.state, "then write flow: code" in told.mend) == (State.WARNING, True)
    assert State.FAILED not in {one.state for one in found}
