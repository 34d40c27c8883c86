"""UserInfo: what the provider says of a person when it is asked with their access token.

OIDC Core §5.3. It must name the subject of the ID Token, and where a signed answer is registered
nothing else is read: a plain one would be a way around the signature. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from federation.errors import AssertionRefused, Check, ProviderUnavailable
from federation.identity import Subject
from federation.oidc import documents, signature
from federation.oidc.client import Client
from federation.oidc.id_token import read_audience, read_time
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.oidc.signed_claims import SignedClaims
from federation.oidc.token_endpoint import JSON, OK

JWT = "application/jwt"
# What a scope asks for; "auto" fetches UserInfo where one of these is missing. Core §5.4.
_ASKED = {"profile": {"name"}, "email": {"email", "email_verified"}, "groups": {"groups"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whom the answer must speak of, and when it is read."""

    issuer: str
    sub: str
    subject: Subject
    now: datetime  # UTC, aware
    skew: timedelta
    checks: tuple[Check, ...] = ()  # what was asked before

    @classmethod
    def named_by(cls, claims: SignedClaims) -> Self:
        """Return the person whom this sign-in's ID Token names."""
        return cls(
            issuer=claims.claims["iss"],
            sub=claims.claims["sub"],
            subject=claims.subject,
            now=claims.expected.now,
            skew=claims.expected.skew,
            checks=claims.checks,
        )


def stands_alone(client: Client, provider: ProviderMetadata) -> bool:
    """Tell whether UserInfo can say, with no ID Token beside it, what is asked of a renewed one.

    Not where the connection holds claims of the ID Token against something, or takes others for ``sub``:
    Core §5.3.2 promises nothing but ``sub``.
    """
    demands = client.demands
    held = demands.claims or demands.tenants or demands.subject_claims
    return client.fetch_userinfo != "never" and bool(provider.userinfo_endpoint) and not held


def wants(client: Client, provider: ProviderMetadata, claims: SignedClaims) -> bool:
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
            asked = {claim for scope in client.scopes for claim in _ASKED.get(scope, ())}
            return possible and not asked <= claims.claims.keys()
        case "never":
            return False
    raise ValueError("fetch_userinfo is auto, always or never")


def accepted(client: Client) -> str:
    """Return the media type to ask for: that of a signed answer where one is registered."""
    return JWT if client.userinfo_signed_response_alg else JSON


def read_body(status: int, content_type: str, body: bytes, *, client: Client) -> bytes:
    """Return the answer's body once its form is the registered one; nothing in it is read yet.

    Raises:
        ProviderUnavailable: ``oidc.userinfo_status``, ``oidc.userinfo_content_type``.

    Source: Core §5.3.2, §5.3.3.
    """
    if status != OK:
        raise ProviderUnavailable("oidc.userinfo_status", f"the UserInfo endpoint answered {status}, not 200")
    if documents.media_type(content_type) != accepted(client):
        raise ProviderUnavailable(
            "oidc.userinfo_content_type", f"the UserInfo endpoint's answer is not {accepted(client)}"
        )
    return body


def read(body: bytes, *, jwks: Jwks | None, client: Client, about: About) -> Mapping[str, Any]:
    """Read the UserInfo answer, which must speak of the person whom the ID Token names, or named.

    Args:
        body: From ``read_body``.
        jwks: The provider's keys; None where a plain answer is registered, and not otherwise.
        client: Ourselves; names the registered form.
        about: Who that is.

    Raises:
        AssertionRefused: ``oidc.userinfo_signature``, ``oidc.userinfo_issuer``,
            ``oidc.userinfo_audience``, ``oidc.userinfo_expired``, ``oidc.userinfo_sub``.
        ProviderUnavailable: ``oidc.userinfo_malformed``.

    Source: Core §5.3.2, §5.3.4.
    """
    signed = bool(client.userinfo_signed_response_alg)
    if signed != (jwks is not None):
        raise ValueError("keys go with a signed answer, and with no other")
    payload = _verified(body, jwks, client, about) if jwks is not None else body
    try:
        found = documents.read_object(payload)
    except ValueError as fault:
        raise ProviderUnavailable("oidc.userinfo_malformed", f"the UserInfo answer: {fault}") from None
    if signed:
        _addressed(found, client, about)
    if (sub := found.get("sub")) != about.sub or not isinstance(sub, str):
        raise _refusal("oidc.userinfo_sub", "UserInfo does not name the subject of the ID Token", about)
    return found


def _verified(body: bytes, jwks: Jwks, client: Client, about: About) -> bytes:
    try:
        text = body.decode("ascii").strip()
        registered = client.userinfo_signed_response_alg
        return signature.verify(text, jwks=jwks, registered=registered).payload
    except UnicodeDecodeError:
        said = "the signed UserInfo answer is no JWT"
    except AssertionRefused as refused:
        said = f"the signed UserInfo answer breaks {refused.code}"
    raise _refusal("oidc.userinfo_signature", said, about)


def _addressed(found: Mapping[str, Any], client: Client, about: About) -> None:
    """Core §5.3.2 lets iss and aud be absent; without them the answer may be another client's."""
    if found.get("iss") != about.issuer:
        raise _refusal("oidc.userinfo_issuer", "the signed UserInfo answer has another iss, or none", about)
    if client.client_id not in read_audience(found.get("aud")):
        raise _refusal("oidc.userinfo_audience", "the signed UserInfo answer is not for us", about)
    until = about.now - about.skew
    if "exp" in found and ((at := read_time(found["exp"])) is None or at <= until):
        raise _refusal("oidc.userinfo_expired", "the signed UserInfo answer has expired", about)


def _refusal(code: str, said: str, about: About) -> AssertionRefused:
    refusal = AssertionRefused(code, said, (*about.checks, Check(code, said)))
    refusal.person = about.subject.person
    return refusal
