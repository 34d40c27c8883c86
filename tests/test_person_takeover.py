"""Attempts at somebody else's account, one test each, up the whole stair: who tries gets nothing of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from stair import Stair, listening, saml_answer, standing
from test_person_joining import MINUTE, user

# The hostile connection is of the victim's own organization, and joins by address wherever it may.
LINKING = {"on_email_match": "link", "email_trust": "verified", "domains": ["acme.example", "evil.example"]}
VICTIM = {"email_trust": "domains", "domains": ["acme.example"], "on_email_match": "link"}
OPEN_HOUSE = {"domains": ["acme.example"]}
ELSEWHERE = {"on_email_match": "link", "email_trust": "domains"}
MAPPED = {"attributes": {"email": "email"}}  # the subject stays what it is
OBJECT_GUID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"


@pytest.fixture(scope="module", autouse=True)
async def provider() -> AsyncIterator[None]:
    async with listening():
        yield


@pytest.fixture
async def stair(tmp_path: Path) -> AsyncIterator[Stair]:
    """Ada is known by OpenID Connect; whoever tries comes by SAML, which says nothing of verification."""
    async with standing(tmp_path, acme_saml=LINKING | MAPPED, further={"acme-oidc": VICTIM}) as opened:
        yield opened


async def victim(stair: Stair) -> str:
    browser = stair.browser()
    assert (await browser.get(await stair.oidc(browser))).status_code == 303
    return await user(browser)


async def tries(stair: Stair, address: str, connection: str = "acme-saml", **knobs: Any) -> httpx2.Response:
    """Come by SAML with an address; return the refusal, or what the session says."""
    stair.clock.at += MINUTE
    browser = stair.browser()
    asked = await stair.begin(browser, connection)
    knobs = {"name_id": "mallory@evil.example", "attributes": {"email": (address,)}} | knobs
    form = saml_answer(asked, "mallory", connection, now=stair.clock(), **knobs)
    answer = await browser.post(f"/saml/{connection}/acs", data=form)
    return await browser.get("/session") if answer.status_code == 303 else answer


async def test_an_address_that_nobody_verified_joins_nobody(stair: Stair) -> None:
    """nOAuth: whoever runs a directory writes any address there; without the vendor's word it is a text."""
    await victim(stair)
    answer = await tries(stair, "ada@acme.example")
    assert await stair.code(answer) in {"policy.proof_needed", "policy.email_unverified"}
    assert (stair.count("user"), stair.count("account")) == (1, 1)


@pytest.mark.parametrize("address", ["ada@acme.example.", "\u0430da@acme.example", "ada@evil@acme.example"])
async def test_a_look_alike_is_refused(stair: Stair, address: str) -> None:
    await victim(stair)
    assert await stair.code(await tries(stair, address)) == "identity.email_malformed"
    assert stair.count("account") == 1


async def test_an_account_that_takes_anothers_address_keeps_its_own(tmp_path: Path) -> None:
    """E-mail swap: known by its subject, it says another's address later."""
    told = OPEN_HOUSE | {"domains": ["acme.example", "evil.example"]}
    async with standing(tmp_path, acme_saml=told | MAPPED, further={"acme-oidc": VICTIM}) as stair:
        ada = await victim(stair)
        before = (await tries(stair, "mallory@evil.example")).json()
        after = (await tries(stair, "ada@acme.example")).json()
        assert (after["user"]["id"], after["user"]["email"]) == (before["user"]["id"], "mallory@evil.example")
        assert await victim(stair) == ada


async def test_a_recycled_login_name_is_another_person(tmp_path: Path) -> None:
    """The subject is known, the stable id beside it is another one."""
    async with standing(tmp_path, acme_saml=OPEN_HOUSE | MAPPED) as stair:
        first = {"email": ("ada@acme.example",), OBJECT_GUID: ("a",)}
        assert (await tries(stair, "", attributes=first)).status_code == 200
        answer = await tries(stair, "", attributes=first | {OBJECT_GUID: ("b",)})
        assert await stair.code(answer) == "identity.subject_recycled"


async def test_a_provider_of_another_domain_gets_nothing_here(tmp_path: Path) -> None:
    further: dict[str, dict[str, Any]] = {"acme-oidc": VICTIM, "other-saml": ELSEWHERE | MAPPED}
    async with standing(tmp_path, "", further=further) as stair:
        ada = await victim(stair)
        said = (await tries(stair, "ada@other.example", "other-saml", groups=("platform-admins",))).json()
        assert (said["organization"], said["user"]["id"] == ada) == ("acme", False)
        answer = await tries(stair, "ada@acme.example", "other-saml")
        assert await stair.code(answer) == "policy.domain"
        assert await victim(stair) == ada
