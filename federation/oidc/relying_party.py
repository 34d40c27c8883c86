"""The relying party: every step of an OpenID Connect sign-in, in the order they are asked.

parameters → request_url → read_answer → token_request → read_tokens → verify_id_token →
userinfo.read → accept; what lies between two of them, the fetching, is the caller's. OIDC Core
§3.1-§3.3, §5.3. Pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from federation.errors import AssertionRefused, Check, FederationError
from federation.identity import SEAL, Authentication, ProviderSession, Subject, VerifiedAssertion
from federation.oidc import address, groups, id_token, signature
from federation.oidc import claims as person
from federation.oidc.authorization import ANEW, FrontChannel, parameters, read_answer, request_url
from federation.oidc.client import Client, Demands
from federation.oidc.id_token import Expected, read_time
from federation.oidc.key_set import Jwks
from federation.oidc.logout import provider_name, session_name
from federation.oidc.signed_claims import (
    SignedClaims,
    read_claims,
    same_person,
    token_id,
    verify_id_token,
    verify_renewed,
)
from federation.oidc.token_endpoint import (
    TokenRequest,
    Tokens,
    fresh_tokens,
    keep_renewed,
    keep_tokens,
    read_refreshed,
    read_tokens,
    refresh_request,
    token_request,
)
from federation.oidc.userinfo import About

__all__ = [  # what connectors may ask of this room
    "ANEW", "Client", "Demands", "Expected", "FrontChannel", "Keeping", "SignedClaims", "TokenRequest",
    "Tokens", "accept", "accept_groups", "accept_userinfo", "explain", "fresh_tokens", "keep_renewed",
    "parameters", "provider_name", "read_answer", "read_refreshed", "read_tokens",
    "refresh_request", "request_url", "same_person", "token_request", "verify_id_token", "verify_renewed",
]  # fmt: skip

Keeping = frozenset[Literal["access", "refresh", "id", "hint"]]  # what outlives the sign-in; hint: for logout
HINT_LENGTH = 8 * 1024  # an ID Token beyond it makes a URL that no server takes

# Said about the token, not about the person.
_PROTOCOL = frozenset({
    "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash",
    "auth_time", "acr", "amr", "sid", "session_state", "_claim_names", "_claim_sources", "hasgroups",
    "email_verified", "xms_edov",
})  # fmt: skip


def accept(
    claims: SignedClaims,
    userinfo: Mapping[str, Any] | None,
    *,
    tokens: Tokens,
    asked: groups.Asked | None,
    keeping: Keeping,
    client: Client,
) -> VerifiedAssertion:
    """Make the verified assertion: the ID Token's word before UserInfo's, claim by claim.

    Args:
        claims: Sealed by ``verify_id_token``.
        userinfo: From ``userinfo.read``; None where it was not asked.
        tokens: Of which the ID Token is the one that was sealed.
        asked: What came of asking the vendor for groups; None where it was not asked.
        keeping: What of the tokens outlives this sign-in.
        client: Ourselves.

    Raises:
        AssertionRefused: ``oidc.userinfo_sub``.

    Source: Core §5.1, §5.3.2, §5.6.2.
    """
    if userinfo is not None and userinfo.get("sub") != claims.claims["sub"]:
        raise AssertionRefused("oidc.userinfo_sub", "UserInfo does not name the subject of the ID Token")
    expected = claims.expected
    if client.client_id != expected.client_id or claims.id != token_id(tokens.id_token):
        raise ValueError("claims, tokens and client belong to one sign-in")
    said = dict(claims.claims)
    merged = {**(userinfo or {}), **{name: value for name, value in said.items() if value is not None}}
    if asked is not None:  # what the vendor's API says stands alone: half of the groups is no answer
        merged["groups"] = None if asked.names is None else list(asked.names)
    about = {name: value for name, value in merged.items() if name not in _PROTOCOL}
    told = person.read_attributes(about, client.paths)
    return VerifiedAssertion(
        id=claims.id,
        subject=claims.subject,
        not_on_or_after=claims.expires_at + expected.skew,
        attributes=told.values,
        unobtainable=_unobtainable(merged, asked) | told.unreadable,
        strings=told.strings,
        email_verified=address.email_verified(said, userinfo or {}, by=client.verified_by),
        authentication=_authentication(said),
        provider_session=_provider_session(said, tokens, keeping),
        tokens=keep_tokens(tokens, keeping=keeping, scopes=client.scopes, now=expected.now),
        checks=(
            *claims.checks,
            *(() if userinfo is None else (Check("oidc.userinfo_sub"),)),
            *(() if asked is None else (asked.check,)),
        ),
        seal=SEAL,
    )


def accept_groups(asked: groups.Asked, *, subject: Subject, now: datetime) -> VerifiedAssertion:
    """Make the verified assertion of what a vendor's API says of somebody who is not here.

    Args:
        asked: What came of asking, with a key of our own, about this subject.
        subject: Whose sign-in was verified before.
        now: UTC, aware. It is used at once, and never replayed.
    """
    return VerifiedAssertion(
        id=subject.person,
        subject=subject,
        not_on_or_after=now,
        attributes={} if asked.names is None else {"groups": asked.names},
        unobtainable=frozenset({"groups"}) if asked.names is None else frozenset(),
        authentication=Authentication(instant=None),
        checks=(asked.check,),
        seal=SEAL,
    )


def accept_userinfo(
    said: Mapping[str, Any],
    *,
    about: About,
    asked: groups.Asked | None,
    client: Client,
    names: Mapping[str, Sequence[str]],
) -> VerifiedAssertion:
    """Make the verified assertion of what UserInfo says by itself, where no ID Token was given anew.

    What the ID Token of the sign-in said is not there, and its absence says nothing. So only the
    first of the names for groups counts, else they could not be had: another may hold what the
    sign-in did not take for groups. And an address of which is not said whether it is verified is
    left out: the ID Token may have said so.

    Args:
        said: From ``userinfo.read``, about this person.
        about: Whose sign-in was verified before.
        asked: What came of asking the vendor for groups; None where it was not asked.
        client: Ourselves.
        names: What the connection calls "email" and "groups", in the order in which they count.

    Source: Core §5.3.2, §12.2: a renewed answer need not hold an ID Token.
    """
    merged = dict(said)
    if asked is not None:
        merged["groups"] = None if asked.names is None else list(asked.names)
    told = person.read_attributes(
        {name: value for name, value in merged.items() if name not in _PROTOCOL}, client.paths
    )
    verified = address.email_verified({}, said, by=client.verified_by)
    unsure = names["email"] if verified is None else ()
    leading = {names["groups"][0]} - told.values.keys()
    return VerifiedAssertion(
        id=about.subject.person,
        subject=about.subject,
        not_on_or_after=about.now,
        attributes={name: value for name, value in told.values.items() if name not in unsure},
        unobtainable=_unobtainable(merged, asked) | told.unreadable | leading,
        strings=told.strings,
        email_verified=verified,
        authentication=Authentication(instant=None),
        checks=(Check("oidc.userinfo_sub"), *(() if asked is None else (asked.check,))),
        seal=SEAL,
    )


def _provider_session(said: Mapping[str, Any], tokens: Tokens, keeping: Keeping) -> ProviderSession:
    sid = said.get("sid")
    kept = "hint" in keeping and len(tokens.id_token) <= HINT_LENGTH
    return ProviderSession(
        name=provider_name(said["iss"], said["sub"]),
        index=sid if isinstance(sid, str) else "",
        hint=tokens.id_token if kept else "",
        alone=session_name(said["iss"], sid) if isinstance(sid, str) and sid.strip() else "",
    )


def _unobtainable(claims: Mapping[str, Any], asked: groups.Asked | None) -> frozenset[str]:
    """Core §5.6.2 distributed claims, and Entra's overage: named, but not sent; or asked for in vain."""
    named = groups.named_elsewhere(claims) | ({"groups"} if asked is not None else set())
    return frozenset(name for name in named if claims.get(name) is None)


def _authentication(said: Mapping[str, Any]) -> Authentication:
    acr, amr, sid = said.get("acr"), said.get("amr"), said.get("sid")
    methods = [amr] if isinstance(amr, str) else amr
    return Authentication(
        instant=read_time(said.get("auth_time")),
        acr=acr if isinstance(acr, str) else "",
        amr=tuple(one for one in methods if isinstance(one, str)) if isinstance(methods, list) else (),
        session_index=sid if isinstance(sid, str) else "",
    )


def explain(
    text: str, *, jwks: Jwks | None, client: Client, issuer: str, now: datetime, skew: timedelta
) -> tuple[Check, ...]:
    """Ask an ID Token out of a file every rule, for an operator's eyes; never an identity.

    Args:
        text: Compact JWS.
        jwks: The provider's keys; None leaves the signature unasked, and says so.
        client: Ourselves.
        issuer: The provider's, as configured.
        now: UTC, aware.
        skew: The connection's.

    Raises:
        AssertionRefused: ``oidc.id_token_malformed``, ``oidc.claims_malformed``: nothing to ask.
    """
    header = signature.read_header(text)
    registered = client.id_token_signed_response_alg
    asked = [Check(code, rule(header, registered)) for code, rule in signature.HEADER_RULES.items()]
    alg, crv = str(header.get("alg")), ""
    if jwks is None:
        asked.append(Check("oidc.signature", "not asked: the provider's keys are not at hand"))
    else:
        try:
            signed = signature.verify(text, jwks=jwks, registered=registered)
            alg, crv = signed.alg, signed.crv
            asked.append(Check("oidc.signature"))
        except FederationError as refused:
            asked.append(Check(refused.code, refused.detail))
    said = id_token.Statement(
        alg=alg, crv=crv, claims=read_claims(signature.read_payload(text)), access_token=""
    )
    want = Expected(
        issuer=issuer, client_id=client.client_id, nonce="", code="", front_channel=False,
        demands=client.demands, now=now, skew=skew,
    )  # fmt: skip
    # What only the sign-in itself knew: its nonce, and what came along with the token.
    unasked = {"oidc.nonce", "oidc.at_hash", "oidc.c_hash"}
    for code, rule in id_token.RULES.items():
        asked.append(Check(code, "not asked: a file has no sign-in" if code in unasked else rule(said, want)))
    return tuple(asked)
