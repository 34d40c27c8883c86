"""Who may come in through a connection, and which connection a typed address leads to."""

from typing import Any

import pytest

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
    ("policy.domain",           {"email": "ada@evil.example", "email_verified": True}, OWN),
    ("policy.email_unverified", {"email_verified": False},                     {}),
    ("policy.email_unverified", {"email_verified": False},                     STRICT),
    ("policy.email_unverified", {"email_verified": None},                      STRICT),
    ("policy.email_unverified", {"email_verified": False},                     ANYONE),
    ("policy.email_unverified", {"email_verified": None},         ANYONE | STRICT),
]  # fmt: skip

ADMITTED = [
    # the person                                          the connection
    ({},                                                {}),
    ({"email": "ada@acme.test"},                        {}),
    ({"email": "ada@ACME.example"},                     {}),
    ({"email_verified": True},                          STRICT),
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


ROUTES = [
    ("ada@acme.example", "okta"),
    ("  Ada.Lovelace@ACME.Example\n", "okta"),
    ("ada@beta.example", "beta"),
    ("ada@two.example", "okta"),  # one organization's two connections: the first declared
    ("ada@shared.example", None),  # two organizations': nobody's
    ("ada@unknown.example", None),
    ("ada@sub.acme.example", None),
    ("acme.example", None),
    ("@acme.example", None),
    ("ada@evil@acme.example", None),
    ("ada@acme.example, eve@evil.example", None),
    ("adа@acme.example", None),  # a Cyrillic а
    ("ada@acme.example.", None),
    ("", None),
]


@pytest.mark.parametrize(("typed", "leads_to"), ROUTES)
def test_a_typed_address_leads_to_its_owner(typed: str, leads_to: str | None) -> None:
    known = [
        connection(domains=["acme.example", "two.example", "shared.example"], visible=False),
        connection(id="adfs", domains=["two.example"]),
        connection(id="beta", organization="beta", domains=["beta.example", "shared.example"]),
        connection(id="everybody", **ANYONE),
    ]
    assert domains.route(typed, known) == leads_to
