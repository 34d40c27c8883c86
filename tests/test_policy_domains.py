"""Who may come in through a connection, and which connection a typed address leads to."""

from pathlib import Path
from typing import Any

import pytest
from publicsuffixlist import PSLFILE, PublicSuffixList

from federation.configuration import suffixes
from federation.connection import OidcConnection
from federation.errors import PolicyRefused
from federation.identity import Authentication, Groups, Identity, Presence, Subject
from federation.policy import domains


def connection(**differs: Any) -> OidcConnection:
    told: dict[str, Any] = {
        "id": "okta",
        "protocol": "oidc",
        "organization": "acme",
        "domains": ["acme.example", "acme.test"],
        "issuer": "https://acme.okta.example",
        "client_id": "federation",
        "client_secret": "s",
    }
    return OidcConnection.model_validate(told | differs)


def person(**differs: Any) -> Identity:
    told: dict[str, Any] = {
        "subject": Subject(issuer="https://acme.okta.example", value="1"),
        "connection": "okta",
        "organization": "acme",
        "email": "ada@acme.example",
        "email_verified": None,
        "given_name": "",
        "family_name": "",
        "display_name": "",
        "groups": Groups(Presence.EMPTY),
        "attributes": {},
        "authentication": Authentication(instant=None),
    }
    return Identity(**told | differs)


ANYONE = {"anyone": True, "domains": []}
OWN = {"email_trust": "domains"}
STRICT = {"email_trust": "verified"}
BELOW = {"domains": ["*.acme.example"]}
TENANT = {"domains": [], "tenants": ["6b29fc40-ca47-1067-b31d-00dd010662da"]}
INVITED = {"domains": [], "provisioning": "invited_only"}
GUEST = "ada_evil.example#EXT#@acme.example"

FAULTS = [
    # rule broken                 the person                                     the connection
    ("policy.no_email",         {"email": ""},                                 {}),
    ("policy.no_email",         {"email": "", "email_verified": True},         OWN),
    ("policy.guest",            {"email": GUEST},                              {}),   # no mailbox
    ("policy.guest",            {"email": GUEST.lower()},                      OWN),
    ("policy.guest",            {"email": "ada@evil.example", "display_name": GUEST}, {}),
    ("policy.guest",            {"email": "ada@evil.example", "attributes": {"upn": (GUEST,)}}, {}),
    ("policy.domain",           {"email": "ada@evil.example"},                 {}),
    ("policy.domain",           {"email": "ada@sub.acme.example"},             {}),   # another domain
    ("policy.domain",           {"email": "ada@example"},                      {}),
    ("policy.domain",           {"email": "ada@notacme.example"},              {}),
    ("policy.domain",           {"email": "ada@acme.example.evil.test"},       {}),
    ("policy.domain",           {"email": "acme.example"},                     {}),   # no address
    ("policy.domain",           {"email": "ada@acme.example"},                 BELOW),  # not itself
    ("policy.domain",           {"email": "ada@notacme.example"},              BELOW),  # whole labels
    ("policy.domain",           {"email": "ada@.acme.example"},                BELOW),
    ("policy.domain",           {"email": "ada@*.acme.example"},               {}),
    ("policy.domain",           {"email": "ada@eu.acme.example.evil.test"},    BELOW),
    ("policy.guest",            {"email": GUEST},                              TENANT),
    ("policy.domain",           {"email": "ada@evil.example", "email_verified": True}, OWN),
    ("policy.email_unverified", {"email_verified": False},                     {}),
    ("policy.email_unverified", {"email_verified": False},                     STRICT),
    ("policy.email_unverified", {"email_verified": None},                      STRICT),
    ("policy.email_unverified", {"email_verified": False},                     ANYONE),
    ("policy.email_unverified", {"email_verified": False, "provisioned": True}, {}),
    ("policy.domain",           {"email": "ada@evil.example", "provisioned": True}, {}),
    ("policy.email_unverified", {"email_verified": None},         ANYONE | STRICT),
]  # fmt: skip

ADMITTED = [
    # the person                                          the connection
    ({},                                                {}),
    ({"email": "ada@acme.test"},                        {}),
    ({"email": "ada@eu.acme.example"},                  BELOW),
    ({"email": "ada@a.b.ACME.example"},                 BELOW),
    ({"email": "ada@evil.example"},                     TENANT),  # oidc.tenant was asked before
    ({"email": ""},                                     TENANT),
    ({"email": "ada@evil.example"},                     INVITED),  # the invitation is asked for later
    ({"email": "ada@ACME.example"},                     {}),
    ({"email_verified": True},                          STRICT),
    ({"email_verified": None, "provisioned": True},     STRICT),  # a directory has no word for it
    ({"email_verified": False},                         OWN),
    ({"attributes": {"upn": (GUEST,)}},                 {}),   # their own domain may enter
    ({"attributes": {"motto": ("evil #EXT#",)}},        {}),
    ({"email": GUEST},                                  ANYONE),
    ({"email": "ada@evil.example"},                     ANYONE),
    ({"email": ""},                                     ANYONE),
    ({"email": ""},                                     ANYONE | STRICT),
]  # fmt: skip


@pytest.mark.parametrize(("code", "who", "where"), FAULTS)
def test_one_fault_is_refused_by_its_rule(code: str, who: dict[str, Any], where: dict[str, Any]) -> None:
    with pytest.raises(PolicyRefused, match=f"^{code}: ") as refused:
        domains.admit(person(**who), connection(**where))
    assert [check.code for check in refused.value.checks] == list(domains.RULES)
    assert "evil" not in refused.value.detail  # what came from outside is in the checks alone


@pytest.mark.parametrize(("who", "where"), ADMITTED)
def test_these_come_in_and_every_rule_was_asked(who: dict[str, Any], where: dict[str, Any]) -> None:
    checks = domains.admit(person(**who), connection(**where))
    assert {check.code: check.said for check in checks} == dict.fromkeys(domains.RULES)


def test_every_rule_has_a_fault_and_a_sentence() -> None:
    assert {code for code, *_ in FAULTS} == set(domains.RULES) == set(domains._DETAILS)


def test_without_any_bound_nobody_comes_in() -> None:
    unbounded = connection().model_copy(update={"domains": ()})  # no settings file can say so
    with pytest.raises(PolicyRefused, match=r"^policy\.domain: "):
        domains.admit(person(), unbounded)


PROVED = [
    # of an address      the connection's domains            records found           proved
    ("acme.example",     ["acme.example"],                   {"acme.example"},       True),
    ("acme.example",     ["acme.example"],                   set(),                  False),
    ("acme.example",     ["acme.example"],                   {"beta.example"},       False),
    ("eu.acme.example",  ["*.acme.example"],                 {"acme.example"},       True),
    ("eu.acme.example",  ["acme.example"],                   {"acme.example"},       False),  # not its own
    ("eu.acme.example",  ["eu.acme.example"],                {"acme.example"},       False),
    ("beta.example",     ["acme.example"],                   {"beta.example"},       False),
    ("",                 ["acme.example"],                   {"acme.example"},       False),
]  # fmt: skip


@pytest.mark.parametrize(("domain", "told", "found", "proved"), PROVED)
def test_a_record_proves_what_the_connection_names(
    domain: str, told: list[str], found: set[str], *, proved: bool
) -> None:
    assert domains.is_proved(connection(domains=told), domain, found) is proved


ROUTES: list[tuple[str, tuple[str, ...]]] = [
    ("ada@acme.example", ("okta",)),
    ("  Ada.Lovelace@ACME.Example\n", ("okta",)),
    ("ada@beta.example", ("beta",)),
    ("ada@two.example", ("okta", "adfs")),  # one organization's two connections: the person chooses
    ("ada@eu.two.example", ("adfs",)),
    ("ada@shared.example", ()),  # two organizations': nobody's
    ("ada@off.example", ()),
    ("ada@unknown.example", ()),
    ("ada@sub.acme.example", ()),
    ("acme.example", ()),
    ("@acme.example", ()),
    ("ada@evil@acme.example", ()),
    ("ada@acme.example, eve@evil.example", ()),
    ("adа@acme.example", ()),  # a Cyrillic а
    ("ada@acme.example.", ()),
    ("ada@*.two.example", ()),
    ("", ()),
]


@pytest.mark.parametrize(("typed", "leads_to"), ROUTES)
def test_a_typed_address_leads_to_its_owners(typed: str, leads_to: tuple[str, ...]) -> None:
    known = [
        connection(domains=["acme.example", "two.example", "shared.example"], visible=False),
        connection(id="adfs", domains=["two.example", "*.two.example"]),
        connection(id="off", domains=["off.example"], enabled=False),
        connection(id="beta", organization="beta", domains=["beta.example", "shared.example"]),
        connection(id="everybody", **ANYONE),
    ]
    assert domains.route(typed, known) == leads_to


@pytest.mark.parametrize("end", ["uk", "jp", "ck", "cn", "xn--p1ai", "рф", "com", "google", "nowhere"])
def test_a_part_of_the_list_says_what_the_whole_does(end: str) -> None:
    whole = PublicSuffixList()
    lines = Path(PSLFILE).read_text("utf-8").splitlines()
    rules = {line.strip().lstrip("*!.") for line in lines if line.strip() and not line.startswith("//")}
    rules |= {rule.encode("idna").decode() for rule in rules}
    asked = {rule for rule in rules if rule.rpartition(".")[2] == end} | {end}
    asked |= {f"acme.{one}" for one in asked}
    said = {one for one, why in suffixes.concerns(asked).items() if "public suffix" in why}
    assert said == {one for one in asked if whole.publicsuffix(one) == one}
