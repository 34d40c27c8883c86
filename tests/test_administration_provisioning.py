"""Credentials of a directory: who may make one, how long it is good, and what is told of it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from provisioning import NOBODY, scim_user
from stair import NOW, Stair, standing
from typer.testing import CliRunner

from federation.__main__ import app
from federation.administration import provisioning
from federation.administration.actor import ADMINISTRATORS, OF_SETUP, SCOPES, Actor
from federation.administration.desk import Desk
from federation.errors import FederationError, FieldsRefused
from federation.operator import doctor_scim
from federation.operator.finding import State
from federation.store.audit_pages import AuditFilter
from federation.store.kept_values import KeptConnection
from federation.vault import hash_token

KEPT = {
    "protocol": "oidc", "issuer": "https://idp.acme.example", "client_id": "x", "domains": ["acme.example"],
}  # fmt: skip


@pytest.fixture
async def stair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stair]:
    monkeypatch.setenv("FEDERATION__ORGANIZATIONS__ACME__ADMINISTRATORS", '["admin"]')
    async with standing(tmp_path, acme_saml={"scim": {}}) as opened:
        yield opened


def desk(stair: Stair, **actor: Any) -> Desk:
    house = stair.house
    given: dict[str, Any] = {
        "kind": "user", "id": "019a", "organization": "acme", "connection": None, "scopes": SCOPES,
        "address": "192.0.2.1",
    }  # fmt: skip
    return Desk(
        actor=Actor(**given | actor),
        now=house.clock(),
        store=house.store,
        vault=house.vault,
        roster=house.roster,
        settings=house.settings,
        fetch=house.fetch,
    )


async def keep(stair: Stair, name: str, *, enabled: bool = False, **more: Any) -> None:
    row = KeptConnection(
        id=name, organization="acme", protocol="oidc", body=json.dumps(KEPT | more), sealed="",
        enabled=False, number=0, created_at=NOW, updated_at=NOW, tested_at=None, deleted=False,
    )  # fmt: skip
    store = stair.house.store
    assert await store.keep_connection(row, NOW, previous=None)
    number = await store.declared_number()
    assert not enabled or await store.enable_kept(name, NOW, previous=number, force=True)
    await stair.house.roster.refresh(NOW)


async def code(deed: Any) -> str:
    with pytest.raises(FederationError) as refused:
        await deed
    return refused.value.code


async def test_one_is_made_listed_and_revoked(stair: Stair) -> None:
    here = desk(stair)
    made = await provisioning.create(here, "acme-saml", "bearer", name=" Okta ", days=None)
    assert re.fullmatch(r"fsc_[A-Za-z0-9_-]{43}", made.secret)
    assert made.secret not in repr(made)
    one = made.credential
    assert (one.name, one.kind, one.created_by, one.expires_at) == (
        "Okta",
        "bearer",
        "user:019a",
        NOW + timedelta(days=365),
    )
    view = await provisioning.find(here, "acme-saml")
    assert (view.credentials, view.on, view.base_url) == (
        (one,),
        True,
        "http://localhost:8000/scim/v2/acme-saml",
    )
    assert await stair.house.store.find_credential("acme-saml", hash_token(made.secret), NOW)
    await provisioning.revoke(here, "acme-saml", one.id)
    assert (await provisioning.find(here, "acme-saml")).credentials == ()
    assert await stair.house.store.find_credential("acme-saml", hash_token(made.secret), NOW) is None
    assert await code(provisioning.revoke(here, "acme-saml", one.id)) == "admin.unknown"
    rows, _ = await stair.house.store.audit_page(AuditFilter(organization="acme"), None, 10)
    told = {(row.entry.action, row.entry.name, row.entry.address) for row in rows}
    assert told == {
        ("scim_credential.revoke", one.id, "192.0.2.1"),
        ("scim_credential.create", one.id, "192.0.2.1"),
    }
    assert made.secret not in str(rows)


FAULTS = [
    ({"name": ""}, "name"),
    ({"name": " "}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"days": 0}, "days"),
    ({"days": 1826}, "days"),
]


@pytest.mark.parametrize(("fault", "place"), FAULTS)
async def test_one_fault_is_named_at_its_place(stair: Stair, fault: dict[str, Any], place: str) -> None:
    asked: dict[str, Any] = {"name": "Okta", "days": 1825} | fault
    with pytest.raises(FieldsRefused) as refused:
        await provisioning.create(desk(stair), "acme-saml", "bearer", **asked)
    assert [steps for steps, _ in refused.value.faults] == [(place,)]
    assert (await provisioning.find(desk(stair), "acme-saml")).credentials == ()


async def test_none_is_made_where_nobody_provisions_nor_without_end(stair: Stair) -> None:
    with pytest.raises(FieldsRefused) as refused:
        await provisioning.create(desk(stair), "acme-oidc", "bearer", name="x", days=1)
    assert [steps for steps, _ in refused.value.faults] == [("scim",)]
    for _ in range(provisioning.MOST):
        await provisioning.create(desk(stair), "acme-saml", "client", name="x", days=1)
    assert (
        await code(provisioning.create(desk(stair), "acme-saml", "bearer", name="x", days=1))
        == "admin.invalid"
    )


async def test_what_a_token_of_the_api_makes_ends_no_later(stair: Stair) -> None:
    end = NOW + timedelta(days=10)
    here = desk(stair, kind="api_token", ends_at=end)
    made = await provisioning.create(here, "acme-saml", "bearer", name="x", days=None)
    assert made.credential.expires_at == end
    assert await code(provisioning.create(here, "acme-saml", "bearer", name="x", days=11)) == "admin.invalid"


async def test_it_takes_what_letting_people_in_takes(stair: Stair) -> None:
    """The connection's rules give the role that administers."""
    made = await provisioning.create(desk(stair), "acme-saml", "bearer", name="x", days=1)
    for scopes, refused in (
        (SCOPES - {ADMINISTRATORS}, "admin.administrators"),
        (SCOPES - {"connections:write"}, "admin.scope"),
    ):
        here = desk(stair, kind="api_token", scopes=scopes)
        assert await code(provisioning.create(here, "acme-saml", "bearer", name="x", days=1)) == refused
    reading = desk(stair, scopes=SCOPES - {"connections:write"})
    assert await code(provisioning.revoke(reading, "acme-saml", made.credential.id)) == "admin.scope"
    assert await code(provisioning.find(desk(stair, scopes=frozenset()), "acme-saml")) == "admin.scope"
    names = desk(stair, scopes=SCOPES - {"people:read"})
    assert await code(provisioning.refused(names, "acme-saml", cursor=None, limit=1)) == "admin.scope"


@pytest.mark.parametrize("whose", ["globex", None])
async def test_another_organizations_is_not_there(stair: Stair, whose: str | None) -> None:
    here = desk(stair, organization=whose) if whose else desk(stair)
    name = "acme-saml" if whose else "nobodys"
    for deed in (
        provisioning.find(here, name),
        provisioning.refused(here, name, cursor=None, limit=1),
        provisioning.create(here, name, "bearer", name="x", days=1),
        provisioning.revoke(here, name, "019a"),
        provisioning.switch(here, name, on=True, number=0),
    ):
        assert await code(deed) == "admin.not_yours"


async def test_of_the_settings_file_nothing_is_switched_here(stair: Stair) -> None:
    assert await code(provisioning.switch(desk(stair), "acme-saml", on=False, number=0)) == "admin.managed"


async def test_one_that_is_edited_here_is_switched_on_and_off(stair: Stair) -> None:
    await keep(stair, "okta")
    here = desk(stair)
    for on in (True, False):
        view = await provisioning.find(here, "okta")
        assert view.on is not on
        await provisioning.switch(here, "okta", on=on, number=view.number)
        view = await provisioning.find(here, "okta")
        assert view.on is on
    assert (
        await code(provisioning.switch(here, "okta", on=True, number=view.number - 1))
        == "admin.changed_meanwhile"
    )


LINK = {"kind": "setup_link", "connection": "okta", "scopes": OF_SETUP}


async def test_a_links_holder_makes_one_only_where_they_may_enable_and_before(stair: Stair) -> None:
    await keep(stair, "okta", scim={})
    plain = desk(stair, **LINK)
    assert await code(provisioning.create(plain, "okta", "bearer", name="x", days=1)) == "admin.setup_link"
    able = LINK | {
        "may_enable": True,
        "scopes": OF_SETUP | {ADMINISTRATORS},
        "ends_at": NOW + timedelta(days=1),
    }
    made = await provisioning.create(desk(stair, **able), "okta", "bearer", name="x", days=None)
    assert made.credential.expires_at == NOW + timedelta(days=365)  # the directory outlives the link
    for deed in (
        provisioning.find(desk(stair, **able), "okta"),
        provisioning.revoke(desk(stair, **able), "okta", made.credential.id),
    ):
        assert await code(deed) == "admin.setup_link"
    assert (
        await code(provisioning.create(desk(stair, **able), "acme-saml", "bearer", name="x", days=1))
        == "admin.not_yours"
    )
    assert (
        await code(provisioning.switch(desk(stair, **LINK), "okta", on=False, number=1)) == "admin.setup_link"
    )
    await keep(stair, "used", enabled=True, scim={})
    used = desk(stair, **able | {"connection": "used"})
    assert await code(provisioning.create(used, "used", "bearer", name="x", days=1)) == "admin.setup_link"


async def test_what_a_directory_left_is_told_by_the_doctor_and_forgotten_by_the_operator(
    stair: Stair, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a connection without ``scim``, and of one that is not there any more."""
    store, config = stair.house.store, stair.house.settings
    for connection in ("acme-saml", "acme-oidc", "gone"):
        await store.add_scim_user(connection, "acme", scim_user("ada"), NOBODY, NOW)
    left = [one for one in await doctor_scim.kept(config, NOW) if "scim forget" in one.mend]
    assert [(one.topic, one.state) for one in left] == [
        ("provisioning acme-oidc", State.WARNING),
        ("provisioning gone", State.WARNING),
    ]
    operator = {"kind": "operator", "id": "", "organization": None}
    assert await code(provisioning.forget(desk(stair), "acme-oidc", force=False)) == "admin.not_yours"
    here = desk(stair, **operator)
    assert await code(provisioning.forget(here, "acme-saml", force=False)) == "admin.unknown"
    assert (await provisioning.forget(here, "gone", force=False))[1] == 0
    file = str(config.file)
    for words, status in ((["acme-oidc"], 1), (["acme-oidc", "--yes"], 0), (["acme-oidc", "--yes"], 1)):
        done = await asyncio.to_thread(CliRunner().invoke, app, ["scim", "forget", *words, "--config", file])
        assert done.exit_code == status, done.output
    assert [one.connection for one in await store.residues()] == ["acme-saml"]
    rows, _ = await store.audit_page(AuditFilter(organization="acme"), None, 10)
    told = [(one.entry.action, one.entry.name) for one in rows if one.entry.kind == "connection"]
    assert told == [("connection.forget", "acme-oidc"), ("connection.forget", "gone")]


async def test_the_doctor_tells_of_a_directory_that_cannot_prove_itself(stair: Stair) -> None:
    connection = stair.house.connections["acme-saml"]
    store = stair.house.store

    async def told() -> State:
        return doctor_scim.look(connection, await store.credentials("acme-saml", NOW), NOW).state

    assert await told() is State.WARNING
    await provisioning.create(desk(stair), "acme-saml", "bearer", name="x", days=29)
    assert await told() is State.WARNING
    await provisioning.create(desk(stair), "acme-saml", "bearer", name="x", days=31)
    assert await told() is State.OK
    elsewhere = connection.model_copy(update={"organization": "globex"})
    minted = await store.credentials("acme-saml", NOW)
    assert doctor_scim.look(elsewhere, minted, NOW).state is State.WARNING
