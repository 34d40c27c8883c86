"""Who an ID Token is about, for which tenant, beside which code; and the one that comes by renewal."""

from dataclasses import replace
from typing import Any

import pytest
from oidc_peer import demands
from oidc_signed import (
    ADA,
    AT,
    CLIENT,
    FRONT,
    ISSUER,
    JWKS,
    NOW,
    OTHER_TENANT,
    PLAIN,
    SIGNER,
    SKEW,
    TENANT,
    WANT,
    good,
    verify,
)
from test_oidc_id_token import FAULTS

from federation.demo.openid_faults import GONE
from federation.demo.openid_tokens import Signer, subject
from federation.demo.users import USERS
from federation.errors import AssertionRefused
from federation.identity import Subject
from federation.oidc import id_token, key_set, relying_party
from federation.oidc.id_token import Expected
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import Tokens


def test_where_nothing_is_demanded_nothing_more_is_asked_and_sub_is_the_person() -> None:
    bare = good(dict.fromkeys(("tid", "oid", "hd", "acr", "auth_time"), GONE))
    assert verify(bare, PLAIN).subject == Subject(issuer=ISSUER, value=subject(USERS["ada"]))


def test_no_two_people_share_a_subject() -> None:
    """A sub that spells what claims would, or a claim that spells a list, is somebody else."""
    one = replace(WANT, demands=demands(subject_claims=("oid",)))
    many = verify(good())
    spelled = [
        verify(good({"sub": many.subject.value}), PLAIN),
        verify(good({"oid": many.subject.value}), one),
        verify(good({"oid": subject(USERS["ada"])}), one),
        verify(good(), PLAIN),
    ]
    assert len({claims.subject.key for claims in (many, *spelled)}) == 5


MANY = "https://op.example/{tenantid}/v2.0"
TENANTS = replace(WANT, issuer=MANY)
HERS = MANY.replace("{tenantid}", TENANT)


def test_an_issuer_of_many_tenants_is_the_tokens_own() -> None:
    claims = verify(good({"iss": HERS}), TENANTS)
    assert claims.subject == replace(ADA, issuer=HERS)
    with pytest.raises(AssertionRefused) as caught:
        verify(good({"iss": HERS, "nonce": "another"}), TENANTS)
    assert caught.value.person == claims.subject.person  # erased with the rest of theirs


@pytest.mark.parametrize(
    ("broken", "claims", "want"),
    [
        ({"oidc.tenant"}, {"iss": MANY.replace("{tenantid}", OTHER_TENANT), "tid": OTHER_TENANT}, TENANTS),
        ({"oidc.issuer"}, {"iss": MANY.replace("{tenantid}", OTHER_TENANT)}, TENANTS),  # not its own tid
        ({"oidc.issuer"}, {"iss": MANY}, TENANTS),  # the template itself is nobody
        ({"oidc.tenant"}, {"iss": MANY, "tid": "{tenantid}"}, TENANTS),
        ({"oidc.issuer", "oidc.tenant", "oidc.subject_claims"}, {"iss": HERS, "tid": GONE}, TENANTS),
        ({"oidc.issuer", "oidc.tenant", "oidc.subject_claims"}, {"iss": HERS, "tid": [TENANT]}, TENANTS),
        ({"oidc.issuer"}, {"iss": HERS}, replace(PLAIN, issuer=MANY)),  # an empty list lets nobody in
        ({"oidc.issuer"}, {"iss": MANY, "tid": "{tenantid}"}, replace(PLAIN, issuer=MANY)),
    ],
)
def test_a_tenant_speaks_for_itself_and_only_if_it_may(
    broken: set[str], claims: dict[str, Any], want: Expected
) -> None:
    with pytest.raises(AssertionRefused) as caught:
        verify(good(claims), want)
    assert {check.code for check in caught.value.checks if check.said} == broken


def test_a_token_in_front_hashes_the_code_beside_it() -> None:
    """Core §3.3.2.11: there c_hash must stand; alone, there is no code to hash."""
    assert verify(good(), FRONT)
    with pytest.raises(AssertionRefused, match=r"^oidc\.c_hash: "):
        verify(good({"c_hash": GONE}), FRONT)
    alone = replace(FRONT, code="")
    assert verify(good({"c_hash": GONE}), alone)
    for claims in ({}, {"c_hash": SIGNER.half("")}):  # the hash of nothing is none
        with pytest.raises(AssertionRefused, match=r"^oidc\.c_hash: "):
            verify(good(claims), alone)


@pytest.mark.parametrize(
    ("claims", "same"), [({}, True), ({"sub": "mallory"}, False), ({"iss": f"{ISSUER}/"}, False)]
)
def test_both_tokens_of_a_hybrid_answer_name_one_person(claims: dict[str, Any], *, same: bool) -> None:
    """Core §3.3.3.6."""
    front = verify(good(), FRONT)
    back = verify(good(claims), replace(WANT, issuer=claims.get("iss", ISSUER)))
    if same:
        relying_party.same_person(front, back)
    else:
        with pytest.raises(AssertionRefused, match=r"^oidc\.subject_changed: "):
            relying_party.same_person(front, back)


def renewed(tokens: Tokens, *, person: str = ADA.person, issuer: str = ISSUER) -> SignedClaims:
    return relying_party.verify_renewed(
        tokens, jwks=JWKS, client=CLIENT, issuer=issuer, person=person, now=NOW, skew=SKEW
    )


def test_a_renewed_token_tells_of_the_sign_in_that_was() -> None:
    """Core §12.2: no new nonce; the time and means of the sign-in are the old ones."""
    old = {"nonce": GONE, "auth_time": AT - 90_000, "acr": GONE, "c_hash": GONE}
    claims = renewed(good(old))
    assert claims.subject == ADA
    assert {check.code for check in claims.checks} == {"oidc.signature", *id_token.RENEWED_RULES}


@pytest.mark.parametrize(("code", "fault"), [row for row in FAULTS if row[0] in id_token.RENEWED_RULES])
def test_one_fault_of_a_renewed_token_is_refused_by_its_rule(code: str, fault: dict[str, Any]) -> None:
    with pytest.raises(AssertionRefused) as caught:
        renewed(good({"nonce": GONE, **fault}))
    assert caught.value.code == code


@pytest.mark.parametrize("claims", [{"oid": "mallory"}, {"sub": "mallory"}])
def test_a_renewed_token_is_of_the_same_person(claims: dict[str, Any]) -> None:
    person = ADA.person if "oid" in claims else Subject(issuer=ISSUER, value=subject(USERS["ada"])).person
    with pytest.raises(AssertionRefused, match=r"^oidc\.subject_changed: "):
        renewed(good(claims), person=person)


def test_nobody_is_no_person() -> None:
    with pytest.raises(AssertionRefused, match=r"^oidc\.subject_changed: "):
        renewed(good(), person="")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_shared_secret_signs_only_where_it_is_registered(alg: str) -> None:
    """Core §3.1.3.7 (8), §10.1: the client_secret, long enough, and by the one algorithm."""
    secret = "p+ä :~%/=&" * 8
    signer = Signer(ISSUER, alg, secret=secret)
    keys = key_set.secret_key(secret, alg=alg)
    ours = replace(CLIENT, id_token_signed_response_alg=alg)
    assert relying_party.verify_id_token(good(signer=signer), jwks=keys, client=ours, expected=WANT)
    named = good(header={"kid": "their-name-for-it"}, signer=signer)
    assert relying_party.verify_id_token(named, jwks=keys, client=ours, expected=WANT)
    faults = [
        ("oidc.signature", good(sign="other_key", signer=signer), keys, ours),
        ("oidc.signature", good(signer=signer), key_set.secret_key(secret + "x", alg=alg), ours),
        ("oidc.alg", good(signer=signer), keys, CLIENT),  # not registered
        ("oidc.alg", good(), keys, ours),  # registered, so nothing else
        ("oidc.alg", good(header={"alg": "none"}, sign="none", signer=signer), keys, ours),
        ("oidc.key_unknown", good(signer=signer), JWKS, ours),  # what is published is no secret
        ("oidc.key_unknown", good(), keys, CLIENT),
    ]
    for code, tokens, jwks, client_ in faults:
        with pytest.raises(AssertionRefused) as caught:
            relying_party.verify_id_token(tokens, jwks=jwks, client=client_, expected=WANT)
        assert caught.value.code == code


@pytest.mark.parametrize(("alg", "octets"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_short_secret_signs_nothing(alg: str, octets: int) -> None:
    assert key_set.secret_key("s" * octets, alg=alg)
    with pytest.raises(ValueError, match="octets"):
        key_set.secret_key("s" * (octets - 1), alg=alg)
