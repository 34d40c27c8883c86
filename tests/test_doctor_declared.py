"""What `federation doctor` sees in the settings: what is weaker, or not as it is written."""

from pathlib import Path
from typing import Any

import pytest
from stair import NOW, listening, write_settings
from test_doctor_oidc import GOOD
from test_settings import load, with_values
from test_settings_oidc import PEER, SHARED

from federation import registry, settings
from federation.fetch import open_door
from federation.oidc.provider import ProviderMetadata
from federation.operator import doctor_connections, doctor_declared, doctor_oidc
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


ENTRA = PEER | {
    "preset": "entra",
    "issuer": "https://login.microsoftonline.com/organizations/v2.0",
    "tenants": ["11111111-2222-3333-4444-555555555555", "22222222-3333-4444-5555-666666666666"],
}
TENANTS: list[tuple[dict[str, Any], bool]] = [
    ({},                                         True),
    ({"email_trust": "domains"},                 True),
    ({"email_trust": "verified"},                False),
    ({"tenants": []},                            False),
    ({"preset": "generic"},                      False),
]  # fmt: skip


@pytest.mark.parametrize(("differs", "warned"), TENANTS)
def test_addresses_of_many_tenants_that_are_trusted_unverified_are_warned_of(
    tmp_path: Path, differs: dict[str, Any], *, warned: bool
) -> None:
    config = load(tmp_path, with_values({"connections.peer": ENTRA | differs}))
    found = list(doctor_declared.many_tenants(config.connections))
    assert [(one.state, one.topic) for one in found] == [(State.WARNING, "connection peer")] * warned


async def test_what_was_found_before_a_provider_fails_is_told(tmp_path: Path) -> None:
    config = settings.load(
        write_settings(tmp_path), overrides={"connections": {"acme-oidc": {"flow": "token"}}}
    )
    fetch = open_door(config)
    found = await doctor_connections.ask(config, "acme-oidc", fetch, NOW)  # nobody listens there
    await fetch.close()
    assert [one.state for one in found] == [State.WARNING, State.NOTE, State.FAILED]
    assert "served as code" in found[0].said
    assert "redirect URI" in found[1].said


REFRESHED: list[tuple[dict[str, Any], bool]] = [
    # of the connection                                                                warned
    ({"keep_tokens": ["access", "refresh"]},                                           True),
    ({"keep_tokens": ["refresh"], "scopes": ["openid", "offline_access"]},             False),
    ({"keep_tokens": ["access"]},                                                      False),
]  # fmt: skip


@pytest.mark.parametrize(("differs", "warned"), REFRESHED)
async def test_refresh_tokens_that_are_wanted_and_not_asked_for_are_warned_of(
    tmp_path: Path, differs: dict[str, Any], *, warned: bool
) -> None:
    config = settings.load(write_settings(tmp_path), overrides={"connections": {"acme-oidc": differs}})
    async with listening():
        fetch = open_door(config)
        found = await doctor_connections.ask(config, "acme-oidc", fetch, NOW)
        await fetch.close()
    told = [one for one in found if "offline_access" in one.said]
    assert [one.state for one in told] == [State.WARNING] * warned


@pytest.mark.parametrize(
    ("published", "warned"), [((), 1), (("openid", "offline_access"), 1), (("openid",), 0)]
)
def test_a_provider_without_that_scope_has_another_way(
    tmp_path: Path, published: tuple[str, ...], warned: int
) -> None:
    config = load(tmp_path, with_values({"connections.peer": PEER | {"keep_tokens": ["refresh"]}}))
    entry = registry.compile_one(
        config.connections["peer"], config.base_url, development=False, own=None, now=NOW
    )
    assert isinstance(entry, registry.Oidc)
    told = ProviderMetadata(**GOOD, scopes_supported=published)
    assert len(list(doctor_oidc.renewal(entry, told, topic="connection peer"))) == warned


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
