"""The relying party: every step of an OpenID Connect sign-in, in the order they are asked.

start → read_answer → token_request → read_tokens → verify_id_token → read_userinfo → accept;
what lies between two of them, the fetching, is the caller's. OIDC Core §3.1, §5.3. Pure.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from federation.errors import AssertionRefused, Check, FederationError, ProviderUnavailable
from federation.identity import SEAL, Authentication, VerifiedAssertion
from federation.oidc import documents, id_token, signature
from federation.oidc.authorization import (
    JSON,
    OK,
    TokenRequest,
    Tokens,
    media_type,
    read_answer,
    read_tokens,
    start,
    token_request,
)
from federation.oidc.client import Client, Demands
from federation.oidc.id_token import Expected, SignedClaims, read_time, verify_id_token
from federation.oidc.provider import Jwks, ProviderMetadata

__all__ = [  # what connectors may ask of this room
    "Client", "Demands", "Expected", "SignedClaims", "TokenRequest", "Tokens",
    "accept", "explain", "needs_new_keys", "read_answer", "read_tokens", "read_userinfo", "start",
    "token_request", "verify_id_token", "wants_userinfo",
]  # fmt: skip

# Said about the token, not about the person.
_PROTOCOL = frozenset({
    "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash",
    "auth_time", "acr", "amr", "sid", "session_state", "_claim_names", "_claim_sources", "hasgroups",
    "email_verified",
})  # fmt: skip
# What a scope asks for; "auto" fetches UserInfo where one of these is missing. Core §5.4.
_ASKED = {"profile": "name", "email": "email", "groups": "groups"}


def needs_new_keys(tokens: Tokens, *, jwks: Jwks, client: Client) -> bool:
    """Tell whether fetching the keys again may help: the token is in order, its key unknown.

    Source: Core §10.1.1.
    """
    return signature.needs_new_keys(
        tokens.id_token, jwks=jwks, registered=client.id_token_signed_response_alg
    )


def wants_userinfo(client: Client, provider: ProviderMetadata, claims: SignedClaims) -> bool:
    """Tell whether to ask UserInfo: as the connection says, or where the ID Token is thin.

    Raises:
        ProviderUnavailable: ``oidc.userinfo_impossible``: ``always``, but there is no endpoint
            or no access token.
    """
    possible = bool(provider.userinfo_endpoint and claims.has_access_token)
    match client.fetch_userinfo:
        case "always":
            if not possible:
                raise ProviderUnavailable(
                    "oidc.userinfo_impossible",
                    "the provider has no UserInfo endpoint, or gave no access token",
                )
            return True
        case "auto":
            asked = {claim for scope, claim in _ASKED.items() if scope in client.scopes}
            return possible and not asked <= claims.claims.keys()
        case "never":
            return False
    raise ValueError("fetch_userinfo is auto, always or never")


def read_userinfo(status: int, content_type: str, body: bytes, *, claims: SignedClaims) -> Mapping[str, Any]:
    """Read the UserInfo answer, which must speak of the person whom the ID Token names.

    Raises:
        AssertionRefused: ``oidc.userinfo_sub``.
        ProviderUnavailable: ``oidc.userinfo_status``, ``oidc.userinfo_content_type`` (a signed
            answer too), ``oidc.userinfo_malformed``.

    Source: Core §5.3.2, §5.3.4.
    """
    if status != OK:
        raise ProviderUnavailable("oidc.userinfo_status", f"the UserInfo endpoint answered {status}, not 200")
    if media_type(content_type) != JSON:
        raise ProviderUnavailable(
            "oidc.userinfo_content_type", f"the UserInfo endpoint's answer is not {JSON}"
        )
    try:
        found = documents.read_object(body)
    except ValueError as fault:
        raise ProviderUnavailable("oidc.userinfo_malformed", f"the UserInfo answer: {fault}") from None
    if found.get("sub") != claims.subject.value:
        said = "UserInfo does not name the subject of the ID Token"
        refusal = AssertionRefused(
            "oidc.userinfo_sub", said, (*claims.checks, Check("oidc.userinfo_sub", said))
        )
        refusal.person = claims.subject.person
        raise refusal
    return found


def accept(
    claims: SignedClaims, userinfo: Mapping[str, Any] | None, *, client: Client, expected: Expected
) -> VerifiedAssertion:
    """Make the verified assertion: the ID Token's word before UserInfo's, claim by claim.

    Args:
        claims: Sealed by ``verify_id_token``.
        userinfo: From ``read_userinfo``; None where it was not asked.
        client: Ourselves.
        expected: What the ID Token was held against.

    Raises:
        AssertionRefused: ``oidc.userinfo_sub``.

    Source: Core §5.1, §5.3.2, §5.6.2.
    """
    if userinfo is not None and userinfo.get("sub") != claims.subject.value:
        raise AssertionRefused("oidc.userinfo_sub", "UserInfo does not name the subject of the ID Token")
    if claims.subject.issuer != expected.issuer or client.client_id != expected.client_id:
        raise ValueError("claims, client and expected belong to one sign-in")
    said = dict(claims.claims)
    merged = {**(userinfo or {}), **{name: value for name, value in said.items() if value is not None}}
    asked = () if userinfo is None else (Check("oidc.userinfo_sub"),)
    return VerifiedAssertion(
        id=claims.id,
        subject=claims.subject,
        not_on_or_after=claims.expires_at + expected.skew,
        attributes=dict(_flatten({name: v for name, v in merged.items() if name not in _PROTOCOL})),
        unobtainable=_unobtainable(merged),
        email_verified=_email_verified(said, userinfo or {}),
        authentication=_authentication(said),
        checks=(*claims.checks, *asked),
        seal=SEAL,
    )


def _email_verified(said: Mapping[str, Any], userinfo: Mapping[str, Any]) -> bool | None:
    """Core §5.1, and strings as Cognito sends them; only about the address that is taken."""
    email = said.get("email")
    for source in (said, userinfo):
        value = source.get("email_verified")
        if value is not None and source.get("email") is not None and email in (None, source.get("email")):
            return {True: True, "true": True, False: False, "false": False}.get(
                value if isinstance(value, bool | str) else ""
            )
    return None


def _unobtainable(claims: Mapping[str, Any]) -> frozenset[str]:
    """Core §5.6.2 distributed claims, and Entra's overage: named, but not sent."""
    elsewhere = claims.get("_claim_names")
    named = set(elsewhere) if isinstance(elsewhere, dict) else set()
    if claims.get("hasgroups") in (True, "true"):
        named.add("groups")
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


def _flatten(claims: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Nested names are dotted and come first, so that a literal ``a.b`` wins over ``a: {b: …}``."""
    for name, value in claims.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
    for name, value in claims.items():
        if isinstance(value, list):
            yield prefix + name, tuple(text for one in value if (text := _text(one)) is not None)
        elif (text := _text(value)) is not None:
            yield prefix + name, (text,)


def _text(value: Any) -> str | None:
    """A scalar as text; nothing for null, and for objects in a list: they have no name to go by."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
    return None


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
        alg=alg, crv=crv, claims=id_token.read_claims(signature.read_payload(text)), access_token=""
    )
    want = Expected(issuer=issuer, client_id=client.client_id, nonce="", now=now, skew=skew)
    # What only the sign-in itself knew: its nonce, and the access token that came along.
    unasked = {"oidc.nonce", "oidc.at_hash"}
    for code, rule in id_token.RULES.items():
        asked.append(Check(code, "not asked: a file has no sign-in" if code in unasked else rule(said, want)))
    return tuple(asked)
