"""Domains proved by DNS: a real server on loopback, and every answer of it taken whole."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import dns.rcode
import pytest
from dns_server import Zone, nobody, serving
from test_policy_domains import connection, person
from test_store import NOW

from federation import domain_proof
from federation.connection import Organization
from federation.domain_proof import Challenge
from federation.errors import ConfigurationError, ProviderUnavailable
from federation.outbound import resolver
from federation.outbound.resolver import Resolver
from federation.policy import addresses
from federation.store.domain_proofs import STANDS
from federation.store.domains_values import DomainProof
from federation.store.store import Store

PROOF = DomainProof(
    organization="acme", domain="acme.example", token="T0ken", created_at=NOW, checked_at=None, seen_at=None
)
ASKED = Challenge(proof=PROOF)
GOOD = '"federation-domain-verification=T0ken"'
NAME = "_federation-challenge.acme.example"
SECOND = timedelta(seconds=1)


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as zone:
        yield zone


async def found(zone: Zone) -> bool:
    return ASKED.text in await Resolver((zone.server,)).texts(ASKED.name)


def test_the_record() -> None:
    assert (ASKED.name, ASKED.text) == (NAME, GOOD.strip('"'))


HELD: list[dict[str, Any]] = [
    {"texts": {NAME: [GOOD]}},
    {"texts": {NAME: ['"v=spf1 -all"', GOOD, '"other"']}},  # one of several records
    {"texts": {NAME: ['"federation-domain-" "verification=" "T0ken"']}},  # one record of several strings
    {"texts": {NAME: [GOOD]}, "truncated": True},  # by UDP, then whole by TCP
    {"texts": {NAME: [GOOD, *(f'"{number:0200d}"' for number in range(50))]}, "truncated": True},
    {"aliases": {NAME: "proof.host.example"}, "texts": {"proof.host.example": [GOOD]}},
    {
        "aliases": {NAME: "a.example", "a.example": "b.example"},
        "texts": {"b.example": [GOOD]},
        "chases": False,
    },
]
ABSENT: list[dict[str, Any]] = [
    {},  # no such name
    {"texts": {"acme.example": [GOOD]}},  # at another name
    {"texts": {NAME: ['"v=spf1 -all"']}},
    {"texts": {NAME: ['"federation-domain-verification=t0ken"']}},  # a token has its case
    {"texts": {NAME: ['"federation-domain-verification=T0ken2"']}},  # whole, not a part
    {"texts": {NAME: ['"x federation-domain-verification=T0ken"']}},
    {"texts": {NAME: ['"federation-domain-verification=T0ken "']}},
    {"texts": {NAME: ['"federation-domain-verification="', '"T0ken"']}},  # two records are not one
    {"texts": {NAME: ['"T0ken"']}},
    {"texts": {NAME: ['""']}},
    {"aliases": {NAME: "proof.host.example"}},
    {"aliases": {NAME: "proof.host.example"}, "chases": False},
]
UNANSWERED: list[dict[str, Any]] = [
    {"texts": {NAME: [GOOD]}, "rcode": dns.rcode.SERVFAIL},
    {"texts": {NAME: [GOOD]}, "rcode": dns.rcode.REFUSED},
    {"texts": {NAME: [GOOD]}, "silent": True},
    {"texts": {NAME: [GOOD]}, "other_id": True},
    {"aliases": {NAME: "a.example", "a.example": NAME}, "chases": False},  # round and round
    {"texts": {NAME: [GOOD, *(f'"{number}"' for number in range(resolver.RECORDS))]}},
]


@pytest.mark.parametrize("said", HELD)
async def test_the_record_is_found(zone: Zone, said: dict[str, Any]) -> None:
    vars(zone).update(said)
    assert await found(zone)


@pytest.mark.parametrize("said", ABSENT)
async def test_the_record_is_not_there(zone: Zone, said: dict[str, Any]) -> None:
    vars(zone).update(said)
    assert not await found(zone)


@pytest.mark.parametrize("said", UNANSWERED)
async def test_no_proper_answer_is_none(
    zone: Zone, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "LIFETIME", 0.4)
    vars(zone).update(said)
    with pytest.raises(ProviderUnavailable, match=r"^domain\.dns: "):
        await found(zone)
    assert zone.asked


async def test_nobody_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "LIFETIME", 0.4)
    with pytest.raises(ProviderUnavailable, match=r"^domain\.dns: "):
        await Resolver((nobody(),)).texts(NAME)


async def test_the_next_server_is_asked_where_one_is_silent(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "LIFETIME", 1.2)
    zone.texts[NAME] = [GOOD]
    assert await Resolver((nobody(), zone.server)).texts(NAME) == (ASKED.text,)


# ── what is kept of it ────────────────────────────────────────────────────────────────────


async def proved(store: Store, now: datetime = NOW) -> frozenset[str]:
    return await store.proved_domains("acme", now)


async def test_a_token_is_made_once_for_each_organization_and_domain(store: Store) -> None:
    first = await domain_proof.challenge(store, "acme", "acme.example", NOW)
    again = await domain_proof.challenge(store, "acme", "acme.example", NOW + SECOND)
    others = [
        await domain_proof.challenge(store, "beta", "acme.example", NOW),
        await domain_proof.challenge(store, "acme", "eu.acme.example", NOW),
    ]
    assert first == again
    assert len({one.text for one in (first, *others)}) == 3
    assert len(first.proof.token) == 32
    assert [one.domain for one in await store.domain_proofs()] == [
        "acme.example",
        "eu.acme.example",
        "acme.example",
    ]
    assert await proved(store) == frozenset()  # a token alone proves nothing


async def test_a_record_proves_until_it_is_gone(store: Store, zone: Zone) -> None:
    asked = await domain_proof.challenge(store, "acme", "acme.example", NOW)
    server = Resolver((zone.server,))
    assert not await domain_proof.look(store, server, asked, NOW)
    assert await proved(store) == frozenset()
    zone.texts[asked.name] = [f'"{asked.text}"']
    assert await domain_proof.look(store, server, asked, NOW + SECOND)
    assert await proved(store) == {"acme.example"}
    assert await store.proved_domains("beta", NOW) == frozenset()
    await store.note_domain_proof(asked.proof, NOW, seen=False)  # an earlier look that ended later
    assert await proved(store) == {"acme.example"}
    zone.rcode = dns.rcode.SERVFAIL
    with pytest.raises(ProviderUnavailable):
        await domain_proof.look(store, server, asked, NOW + 2 * SECOND)
    assert await proved(store) == {"acme.example"}  # that nobody answered says nothing
    zone.rcode, zone.texts = dns.rcode.NOERROR, {}
    assert not await domain_proof.look(store, server, asked, NOW + 2 * SECOND)
    assert await proved(store) == frozenset()


@pytest.mark.parametrize(
    ("ago", "stands"), [(STANDS - SECOND, True), (STANDS, False), (STANDS + SECOND, False)]
)
async def test_a_proof_that_nobody_looks_at_ends(store: Store, ago: timedelta, *, stands: bool) -> None:
    asked = await domain_proof.challenge(store, "acme", "acme.example", NOW - ago)
    await store.note_domain_proof(asked.proof, NOW - ago, seen=True)
    assert bool(await proved(store)) is stands


async def test_another_token_proves_nothing(store: Store) -> None:
    asked = await domain_proof.challenge(store, "acme", "acme.example", NOW)
    await store.note_domain_proof(replace(asked.proof, token="other"), NOW, seen=True)
    assert await proved(store) == frozenset()


# ── looked at again ───────────────────────────────────────────────────────────────────────

DNS = {"acme": Organization(name="Acme", domain_proof="dns"), "beta": Organization(name="Beta")}
CONNECTIONS = {
    "okta": connection(domains=["acme.example", "*.eu.acme.example"]),
    "beta": connection(id="beta", organization="beta", domains=["beta.example"]),
}


async def test_what_is_due_is_looked_at_weekly_and_a_loss_is_logged(
    store: Store, zone: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    work = domain_proof.looking(store, (zone.server,), CONNECTIONS, DNS)
    for organization, domain in (
        ("acme", "acme.example"),
        ("acme", "gone.example"),
        ("beta", "beta.example"),
    ):
        asked = await domain_proof.challenge(store, organization, domain, NOW)
        zone.texts[asked.name] = [f'"{asked.text}"']
    await work(NOW)
    assert zone.asked == [f"udp {NAME}"]  # not what nobody names any more, nor what needs no record
    assert await proved(store) == {"acme.example"}
    zone.texts.clear()
    await work(NOW + domain_proof.AGAIN - SECOND)
    assert len(zone.asked) == 1
    with caplog.at_level(logging.WARNING):
        await work(NOW + domain_proof.AGAIN)
        await work(NOW + 2 * domain_proof.AGAIN)  # told once
    assert [vars(one)["code"] for one in caplog.records] == ["watch.domain_lost"]
    assert await proved(store, NOW + domain_proof.AGAIN) == frozenset()


async def test_dns_that_does_not_answer_is_asked_again_at_the_next_turn(
    store: Store, zone: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    work = domain_proof.looking(store, (zone.server,), CONNECTIONS, DNS)
    asked = await domain_proof.challenge(store, "acme", "acme.example", NOW)
    zone.rcode = dns.rcode.SERVFAIL
    with caplog.at_level(logging.WARNING):
        await work(NOW)
    assert [vars(one)["code"] for one in caplog.records] == ["domain.dns"]
    zone.rcode = dns.rcode.NOERROR
    zone.texts[asked.name] = [f'"{asked.text}"']
    await work(NOW + SECOND)
    assert await proved(store) == {"acme.example"}


# ── what it permits ───────────────────────────────────────────────────────────────────────

TRUST = [
    # organization    e-mail                 records found       trusted
    (DNS["acme"],   "ada@acme.example",    {"acme.example"},     True),
    (DNS["acme"],   "ada@acme.example",    set(),                False),
    (DNS["acme"],   "ada@acme.example",    {"eu.acme.example"},  False),
    (DNS["acme"],   "a@x.eu.acme.example", {"eu.acme.example"},  True),
    (DNS["acme"],   "a@x.eu.acme.example", {"acme.example"},     False),
    (DNS["acme"],   "ada@evil.example",    {"evil.example"},     False),  # not this connection's
    (DNS["beta"],   "ada@acme.example",    set(),                True),   # the operator's word
]  # fmt: skip


@pytest.mark.parametrize(("organization", "email", "records", "trusted"), TRUST)
def test_a_domain_links_only_when_it_is_proved(
    organization: Organization, email: str, records: set[str], *, trusted: bool
) -> None:
    who, through = person(email=email), CONNECTIONS["okta"].model_copy(update={"email_trust": "domains"})
    assert addresses.is_trusted(who, through, organization, records) is trusted


OWNERS = [
    ("acme.example", None, "acme"),
    ("acme.example", "acme", "acme"),
    ("acme.example", "beta", "domain.unknown"),
    ("eu.acme.example", None, "acme"),  # the base of *.eu.acme.example
    ("shared.example", None, "domain.several"),
    ("shared.example", "beta", "beta"),
    ("none.example", None, "domain.unknown"),
    ("", None, "domain.unknown"),
]


@pytest.mark.parametrize(("domain", "organization", "said"), OWNERS)
def test_whose_domain_it_is(domain: str, organization: str | None, said: str) -> None:
    known = {
        **CONNECTIONS,
        "own": connection(domains=["shared.example"]),
        "below": connection(organization="beta", domains=["*.shared.example"]),
    }
    if said.startswith("domain."):
        with pytest.raises(ConfigurationError, match=f"^{said}: "):
            domain_proof.owner_of(domain, domain_proof.to_prove(known), organization)
    else:
        assert domain_proof.owner_of(domain, domain_proof.to_prove(known), organization) == said
