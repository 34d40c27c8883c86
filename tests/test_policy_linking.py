"""Who a person without an account is: every cell, and whose word for an address finds anybody."""

from dataclasses import replace
from typing import Any

import pytest
from decisions import connection
from test_store import ZOE

from federation.connection import AnyConnection, OidcConnection, Organization, SamlConnection
from federation.decision import Candidates, Holder, Invited, Link, Profile, Provisioned, Standing
from federation.errors import PolicyRefused, ProofNeeded
from federation.identity import Identity, parse_email
from federation.policy import addresses, linking, profile

OPEN = {"anyone": False, "domains": ["acme.example"]}
WHO = replace(ZOE, connection="okta", email_verified=True)
HELD = Holder(user_id="u1", connection="adfs", proven=True)
LINK = Invited(id="i1", by_link=True, roles=("auditor",))
FOUND = Invited(id="i2", by_link=False)
AWAITED = Provisioned(user_id="p1", source="manual", connection="")
AWAITED_HERE = Provisioned(user_id="p2", source="manual", connection="okta")
AWAITED_ELSEWHERE = Provisioned(user_id="p3", source="manual", connection="google")


def okta(**told: Any) -> OidcConnection:
    keys = OPEN | {"on_email_match": "ask_proof", "email_trust": "domains"} | told
    return connection("okta", "acme", **keys)


def found(*everybody: Holder | Invited | Provisioned) -> Candidates:
    return Candidates(
        holders=tuple(one for one in everybody if isinstance(one, Holder)),
        invited=tuple(one for one in everybody if isinstance(one, Invited)),
        provisioned=tuple(one for one in everybody if isinstance(one, Provisioned)),
    )


def said(link: Link) -> str:
    return f"{link.how} {link.user_id}{link.invitation.id if link.invitation else ''}".strip()


def decide(candidates: Candidates, *, trusted: bool, **told: Any) -> str:
    try:
        return said(linking.link(WHO, okta(**told), candidates, trusted=trusted))
    except PolicyRefused as refusal:
        why, is_proof = refusal, isinstance(refusal, ProofNeeded)
    assert why.checks[-1].code == why.code
    assert is_proof is (why.code == "policy.proof_needed")
    return why.code


CELLS: list[tuple[str, Candidates, bool, dict[str, Any]]] = [
    # nobody is known
    ("new",                     found(), True,  {}),
    ("new",                     found(), False, {}),
    ("policy.not_invited",      found(), True,  {"provisioning": "invited_only"}),
    ("policy.not_provisioned",  found(), True,  {"provisioning": "provisioned_only"}),
    # somebody was made for them
    ("provisioned p1",          found(AWAITED), True,  {}),
    ("provisioned p1",          found(AWAITED), True,  {"provisioning": "provisioned_only"}),
    ("provisioned p1",          found(AWAITED), True,  {"provisioning": "invited_only"}),
    ("new",                     found(AWAITED), False, {}),
    ("policy.not_provisioned",  found(AWAITED), False, {"provisioning": "provisioned_only"}),
    ("provisioned p2",          found(AWAITED_HERE), False, {}),
    ("provisioned p2",          found(AWAITED, AWAITED_HERE), True, {}),
    ("new",                     found(AWAITED_ELSEWHERE), True, {}),
    ("provisioned p1",          found(AWAITED, HELD, LINK), True, {}),
    ("policy.several_users",    found(AWAITED, replace(AWAITED, user_id="p4")), True, {}),
    ("provisioned p1",          found(AWAITED, replace(AWAITED, source="scim:okta")), True, {}),
    # they are invited
    ("invited i1",              found(LINK), False, {}),
    ("invited i1",              found(LINK), False, {"provisioning": "invited_only"}),
    ("policy.not_provisioned",  found(LINK), True,  {"provisioning": "provisioned_only"}),
    ("invited i2",              found(FOUND), True, {}),
    ("new",                     found(FOUND), False, {}),
    ("policy.not_invited",      found(FOUND), False, {"provisioning": "invited_only"}),
    ("invited i1",              found(FOUND, LINK), True, {}),
    ("invited i1",              found(LINK, HELD), False, {}),
    # somebody has the address
    ("policy.proof_needed",     found(HELD), True,  {}),
    ("policy.proof_needed",     found(HELD), True,  {"provisioning": "provisioned_only"}),
    ("linked u1",               found(HELD), True,  {"on_email_match": "link"}),
    ("linked u1",               found(HELD), True,
                                {"on_email_match": "link", "provisioning": "invited_only"}),
    ("linked u1",               found(HELD, replace(HELD, connection="ad", proven=False)), True,
                                {"on_email_match": "link"}),
    ("policy.proof_needed",     found(HELD), False, {"on_email_match": "link"}),
    ("policy.proof_needed",     found(replace(HELD, proven=False)), True, {"on_email_match": "link"}),
    ("policy.proof_needed",     found(HELD, replace(HELD, user_id="u2")), True, {"on_email_match": "link"}),
    ("policy.proof_needed",     found(replace(HELD, connection="okta")), True, {"on_email_match": "link"}),
    ("policy.proof_needed",     found(HELD, replace(HELD, connection="okta", proven=False)), True,
                                {"on_email_match": "link"}),
    ("new",                     found(HELD), True,  {"on_email_match": "create"}),
    ("new",                     found(HELD), False, {"on_email_match": "create"}),
    ("policy.not_invited",      found(HELD), True,
                                {"on_email_match": "create", "provisioning": "invited_only"}),
    ("policy.email_taken",      found(HELD), True,  {"on_email_match": "deny"}),
    ("new",                     found(), True,  {"on_email_match": "deny"}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "candidates", "trusted", "told"), CELLS)
def test_every_cell(
    expected: str,
    candidates: Candidates,
    trusted: bool,  # noqa: FBT001  a row's
    told: dict[str, Any],
) -> None:
    assert decide(candidates, trusted=trusted, **told) == expected


def test_what_the_provider_calls_unverified_finds_nobody_made_for_it() -> None:
    who = replace(WHO, email_verified=False)
    assert said(linking.link(who, okta(), found(AWAITED_HERE, AWAITED), trusted=False)) == "new"


def test_the_record_says_whether_the_address_counted() -> None:
    for trusted in (True, False):
        (check,) = linking.link(WHO, okta(), found(), trusted=trusted).checks
        assert (check.code, check.said is None) == ("policy.link.address", trusted)
    assert linking.link(replace(WHO, email=""), okta(), found(), trusted=False).checks == ()


# --- whose word counts

OPERATOR, DNS = Organization(name="Acme"), Organization(name="Acme", domain_proof="dns")
GOOGLE = {"preset": "google"}
GMAIL: dict[str, Any] = {"email": "zoe@gmail.com"}
HOSTED: dict[str, Any] = {"attributes": {"hd": ("acme.example",)}}

WORDS: list[tuple[bool, dict[str, Any], dict[str, Any]]] = [
    # trusted, the connection, the person
    (True,  {"email_trust": "domains"}, {}),
    (True,  {"email_trust": "domains"}, {"email_verified": None}),
    (False, {"email_trust": "domains"}, {"email_verified": False}),
    (False, {"email_trust": "domains"}, {"email": "zoe@evil.example"}),
    (False, {"email_trust": "domains"}, {"email": "zoe@sub.acme.example"}),
    (True,  {"email_trust": "domains", "domains": ["*.acme.example"]}, {"email": "zoe@sub.acme.example"}),
    (False, {"email_trust": "domains"}, {"email": ""}),
    (False, {"email_trust": "domains", "domains": [], "anyone": True}, {}),
    (False, {"email_trust": "domains", "domains": [], "provisioning": "invited_only"}, {}),
    (True,  {"email_trust": "verified"}, {}),
    (False, {"email_trust": "verified"}, {"email_verified": None}),
    (False, {"email_trust": "verified"}, {"email_verified": False}),
    (False, {"email_trust": "verified"}, {"email": "zoe@evil.example"}),
    (False, {"email_trust": "verified", "domains": [], "anyone": True}, {}),
    (False, {"email_trust": "none"}, {}),
    (False, {"email_trust": "none"}, GMAIL),
    (False, {"email_trust": "none"}, HOSTED),
    (True,  {"email_trust": "none", **GOOGLE}, HOSTED),
    (True,  {"email_trust": "none", **GOOGLE}, {"attributes": {"hd": ("ACME.example",)}}),
    (True,  {"email_trust": "none", **GOOGLE}, GMAIL),
    (False, {"email_trust": "none", **GOOGLE}, {}),
    (False, {"email_trust": "none", **GOOGLE}, {**GMAIL, "email_verified": None}),
    (False, {"email_trust": "none", **GOOGLE}, {**HOSTED, "email_verified": None}),
    (False, {"email_trust": "none", **GOOGLE}, {"attributes": {"hd": ("other.example",)}}),
    (False, {"email_trust": "none", **GOOGLE}, {"attributes": {"hd": ("other.example", "acme.example")}}),
    (False, {"email_trust": "none", **GOOGLE}, {"email": "zoe@sub.acme.example", **HOSTED}),
    (False, {"email_trust": "none", **GOOGLE}, {"email": "zoe@evil-gmail.com"}),
]  # fmt: skip


@pytest.mark.parametrize(("trusted", "told", "differs"), WORDS)
def test_whose_word_for_an_address_counts(
    trusted: bool,  # noqa: FBT001  a row's
    told: dict[str, Any],
    differs: dict[str, Any],
) -> None:
    who = replace(WHO, **differs)
    assert addresses.is_trusted(who, okta(**told), OPERATOR, frozenset()) is trusted


def test_a_domain_that_a_record_must_prove_counts_once_it_does() -> None:
    for email_trust in ("domains", "verified"):
        through = okta(email_trust=email_trust)
        assert not addresses.is_trusted(WHO, through, DNS, frozenset())
        assert not addresses.is_trusted(WHO, through, DNS, frozenset({"other.example"}))
        assert addresses.is_trusted(WHO, through, DNS, frozenset({"acme.example"}))
    elsewhere = replace(WHO, email="zoe@other.example")
    assert not addresses.is_trusted(elsewhere, okta(), DNS, frozenset({"other.example"}))


def test_google_by_saml_is_authoritative_over_nothing() -> None:
    through: AnyConnection = SamlConnection.model_validate(
        {
            "protocol": "saml",
            "preset": "google",
            "organization": "acme",
            "domains": ["gmail.com"],
            "entity_id": "https://idp.example",
            "sso_url": "https://idp.example/sso",
            "certificates": ["-----BEGIN CERTIFICATE-----"],
        }
    )
    assert not addresses.is_trusted(replace(WHO, **GMAIL), through, OPERATOR, frozenset())


LOOK_ALIKES = [
    "zoe@acme.example.", "zoe@acme.example\n", "zoe\0@acme.example", "zo\u0435@acme.example",
    "zoe@@acme.example", "zoe@evil.example@acme.example", "zoe\u200b@acme.example",
    "zoe@\uff41cme.example", " zoe@acme.example", "zoe.@acme.example", "zoe@acme\u3002example",
    "\u202ezoe@acme.example", "zoe@acme.example,eve@evil.example", "zoe@\u212aacme.example", "",
]  # fmt: skip


@pytest.mark.parametrize("address", LOOK_ALIKES, ids=ascii)
def test_a_look_alike_is_no_address_at_all(address: str) -> None:
    assert parse_email(address) is None


@pytest.mark.parametrize("told", [{}, {"preset": "okta"}, {"preset": "entra"}])
def test_link_without_anybody_who_knows_is_a_load_error(told: dict[str, Any]) -> None:
    keys = {"email_trust": "none", "on_email_match": "link"} | told
    with pytest.raises(ValueError, match="link needs email_trust"):
        okta(**keys)
    assert okta(**keys | {"email_trust": "domains"})
    assert okta(**keys | {"email_trust": "verified"})
    assert okta(**keys | {"preset": "google"})


# --- the profile

KEPT = Profile(
    email="Zoe@acme.example", email_proven=True, given_name="Zoë", family_name="", display_name="Z"
)


def standing(**differs: Any) -> Standing:
    return Standing(user_id="u1", how="subject", signed_in_before=True, profile=KEPT, **differs)


def told(mode: str, stands: Standing | None = None, *, trusted: bool = False, **differs: Any) -> Profile:
    who: Identity = replace(WHO, given_name="New", family_name="Name", display_name="", **differs)
    return profile.settle(who, okta(profile_update=mode), stands or standing(), trusted=trusted)


def test_names_are_updated_as_the_connection_says() -> None:
    def names(one: Profile) -> tuple[str, str, str]:
        return one.given_name, one.family_name, one.display_name

    assert names(told("when_empty")) == ("Zoë", "Name", "Z")
    assert names(told("always")) == ("New", "Name", "Z")  # what was not sent empties nothing
    assert names(told("never")) == ("Zoë", "", "Z")
    assert names(told("never", replace(standing(), profile=Profile()))) == (
        "New",
        "Name",
        "",
    )  # the first word


@pytest.mark.parametrize("mode", ["when_empty", "always", "never"])
def test_the_address_follows_the_subject(mode: str) -> None:
    moved = told(mode, email="zoe@new.example", trusted=True)
    assert (moved.email, moved.email_proven) == ("zoe@new.example", True)
    assert told(mode, email="zoe@new.example").email_proven is False
    assert told(mode, email="zoe@ACME.example").email == "Zoe@acme.example"  # written another way
    assert told(mode, email="").email == "Zoe@acme.example"
    taken = told(mode, standing(address_taken=True), email="eve@acme.example", trusted=True)
    assert (taken.email, taken.email_proven) == ("Zoe@acme.example", True)
