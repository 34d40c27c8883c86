"""The good ID Token of a test's provider, whatever differs from it, and everything that is demanded of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from oidc_peer import client, demands

from federation.demo.openid_faults import Knobs
from federation.demo.openid_tokens import Signer
from federation.demo.users import USERS
from federation.identity import Subject
from federation.oidc import key_set, relying_party, signature
from federation.oidc.id_token import Expected
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import Tokens

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
SKEW = timedelta(seconds=60)
ISSUER = "https://op.example"
SIGNER = Signer(ISSUER, "RS256")
JWKS = key_set.read_jwks(SIGNER.jwks(), "application/json")
TOKEN, CODE = "an-access-token", "a-code"
TENANT, OTHER_TENANT = "aaaaaaaa-2222-4333-8444-555555555555", "bbbbbbbb-2222-4333-8444-555555555555"
CLIENT = client(
    demands=demands(
        acrs=frozenset({"urn:demo:password", "urn:demo:gold"}),
        max_age=timedelta(hours=1),
        claims={"hd": "acme.example"},
        tenants=frozenset({TENANT}),
        subject_claims=("tid", "oid"),
    )
)
WANT = Expected(
    issuer=ISSUER,
    client_id="us",
    nonce="n-0S6",
    code=CODE,
    front_channel=False,
    demands=CLIENT.demands,
    now=NOW,
    skew=SKEW,
)
FRONT = replace(WANT, front_channel=True)
ADA = Subject(issuer=ISSUER, value=f'["{TENANT}","ada-oid"]', format='["tid","oid"]')
PLAIN = replace(WANT, demands=demands())


def good(
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    *,
    sign: str = "right",
    signer: Signer = SIGNER,
) -> Tokens:
    """The good ID Token; ``claims`` and ``header`` are what differs."""
    text = signer.id_token(
        USERS["ada"],
        client_id="us",
        nonce="n-0S6",
        now=AT,
        access_token=TOKEN,
        knobs=Knobs(claims=claims or {}, header=header or {}, sign=sign),
        tid=TENANT,
        oid="ada-oid",
        hd="acme.example",
        c_hash=signer.half(CODE),
    )
    return Tokens(id_token=text, access_token=TOKEN)


def needs_new_keys(tokens: Tokens) -> bool:
    return signature.needs_new_keys(tokens.id_token, jwks=JWKS, registered="RS256")


def verify(tokens: Tokens, want: Expected = WANT) -> SignedClaims:
    return relying_party.verify_id_token(tokens, jwks=JWKS, client=CLIENT, expected=want)
