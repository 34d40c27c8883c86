"""nOAuth, up the whole stair as Entra does it: whoever runs a tenant writes any address into it.

An Entra tenant's administrator sets ``mail`` of their people to what they like. Whether its domain is
theirs ``xms_edov`` alone says, where the application asks for it; ``email_verified`` is never sent.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from databases import ask, open_session
from decisions import decided
from loopback import serving
from test_oidc_vendors import World
from test_store import NOW, ZOE, another, count, refusal

from federation.fetch import Fetch
from federation.identity import Session, Subject
from federation.store.store import Store

VICTIM = replace(
    ZOE,
    subject=Subject(issuer="https://okta.example", value="ada"),
    connection="okta",
    email="ada@acme.example",
    email_verified=True,
)
LINKING: dict[str, Any] = {"on_email_match": "link", "email_trust": "verified"}
OPEN = {"anyone": True, "domains": []}
UNTRUSTED = {"email_trust": "none", "on_email_match": "ask_proof"}
SIGNED_IN = another(2, handle="")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    fetch = Fetch(allow=(), proxy=None, development=True, deadline=10)
    async with serving() as site:
        yield World(site, fetch)
    await fetch.close()


async def victim(store: Store) -> Session:
    """Ada is known here by her own provider, which is trusted for her address."""
    trusted = decided(VICTIM, ("admin", "r"), anyone=False, domains=["acme.example"], email_trust="domains")
    return await open_session(store, trusted, another(1, handle=""), NOW)


async def comes(world: World, store: Store, name: str, edov: Any, **told: Any) -> Session:
    """Come by Entra with Ada's address; ``edov`` is its word on the domain, None leaves it out."""
    decision, _ = await world.sign_in(name, {"xms_edov": edov}, **LINKING | told)
    return await open_session(store, decision, SIGNED_IN, NOW)


TENANTS = ["entra", "entra-organizations"]
UNPROVEN: dict[str, tuple[Any, dict[str, Any], str]] = {
    # xms_edov, of the connection, the code
    "absent": (None, {}, "policy.email_unverified"),
    "absent, anyone": (None, OPEN, "policy.email_unverified"),
    "absent, asking for proof": (None, UNTRUSTED, "policy.proof_needed"),
    "absent, asking for proof, anyone": (None, UNTRUSTED | OPEN, "policy.proof_needed"),
    "false": (False, {}, "policy.email_unverified"),
    "false, asking for proof": (False, UNTRUSTED | OPEN, "policy.email_unverified"),
    "0": ("0", {}, "policy.email_unverified"),
    "empty": ("", {}, "policy.email_unverified"),
    "null's text": ("null", {}, "policy.email_unverified"),
    "true, of a tenant that is not bound to its domains": (True, OPEN, "policy.proof_needed"),
    "true, asking for proof": (True, UNTRUSTED, "policy.proof_needed"),
}


@pytest.mark.parametrize("name", TENANTS)
@pytest.mark.parametrize("case", UNPROVEN)
async def test_an_address_without_the_vendors_word_joins_nobody(
    world: World, store: Store, store_url: str, name: str, case: str
) -> None:
    edov, told, code = UNPROVEN[case]
    ada = await victim(store)
    before = await count(store_url)
    assert await refusal(comes(world, store, name, edov, **told)) == code
    assert await count(store_url) == before
    assert await store.find_session(SIGNED_IN.token_hash, NOW) is None
    assert await ask(store_url, "SELECT user_id, connection FROM account") == [(ada.user.id, "okta")]


@pytest.mark.parametrize("name", TENANTS)
@pytest.mark.parametrize("edov", [True, "1"])
async def test_with_it_they_are_who_has_the_address(world: World, store: Store, name: str, edov: Any) -> None:
    """The other side of it: what the refusals above hang on is the word alone."""
    ada = await victim(store)
    session = await comes(world, store, name, edov)
    assert session.user.id == ada.user.id


async def test_email_verified_is_not_entras_word(world: World, store: Store) -> None:
    """Entra sends no such claim of its own: one that a tenant maps says nothing for the domain."""
    await victim(store)
    told = {"xms_edov": None, "email_verified": True}
    assert await refusal(world.sign_in("entra", told, **LINKING)) == "policy.email_unverified"
    decision, _ = await world.sign_in("entra", told, **LINKING | UNTRUSTED)
    assert await refusal(open_session(store, decision, SIGNED_IN, NOW)) == "policy.proof_needed"


async def test_who_takes_an_address_later_takes_no_account(
    world: World, store: Store, store_url: str
) -> None:
    """Known by tenant and object already, with an address of their own at first."""
    ada = await victim(store)
    own = {"email": "m@acme.example", "preferred_username": "m@acme.example", "xms_edov": None}
    decision, _ = await world.sign_in("entra", own, **LINKING | UNTRUSTED)
    mallory = await open_session(store, decision, another(3, handle=""), NOW)
    later = await comes(world, store, "entra", None, **UNTRUSTED)
    assert later.user.id == mallory.user.id != ada.user.id
    assert later.user.email == "m@acme.example"
    assert len(await ask(store_url, "SELECT user_id FROM account")) == 2
