"""UserInfo: what the provider says of a person when it is asked with their access token.

OIDC Core §5.3. It must name the subject of the ID Token, and where a signed answer is registered
nothing else is read: a plain one would be a way around the signature. Pure.
"""

from collections.abc import Mapping
from typing import Any

from federation.errors import AssertionRefused, Check, ProviderUnavailable
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


def read(body: bytes, *, jwks: Jwks | None, client: Client, claims: SignedClaims) -> Mapping[str, Any]:
    """Read the UserInfo answer, which must speak of the person whom the ID Token names.

    Args:
        body: From ``read_body``.
        jwks: The provider's keys; None where a plain answer is registered, and not otherwise.
        client: Ourselves; names the registered form.
        claims: Of the ID Token.

    Raises:
        AssertionRefused: ``oidc.userinfo_signature``, ``oidc.userinfo_issuer``,
            ``oidc.userinfo_audience``, ``oidc.userinfo_expired``, ``oidc.userinfo_sub``.
        ProviderUnavailable: ``oidc.userinfo_malformed``.

    Source: Core §5.3.2, §5.3.4.
    """
    signed = bool(client.userinfo_signed_response_alg)
    if signed != (jwks is not None):
        raise ValueError("keys go with a signed answer, and with no other")
    payload = _verified(body, jwks, client, claims) if jwks is not None else body
    try:
        found = documents.read_object(payload)
    except ValueError as fault:
        raise ProviderUnavailable("oidc.userinfo_malformed", f"the UserInfo answer: {fault}") from None
    if signed:
        _addressed(found, client, claims)
    if (sub := found.get("sub")) != claims.claims["sub"] or not isinstance(sub, str):
        raise _refusal("oidc.userinfo_sub", "UserInfo does not name the subject of the ID Token", claims)
    return found


def _verified(body: bytes, jwks: Jwks, client: Client, claims: SignedClaims) -> bytes:
    try:
        text = body.decode("ascii").strip()
        registered = client.userinfo_signed_response_alg
        return signature.verify(text, jwks=jwks, registered=registered).payload
    except UnicodeDecodeError:
        said = "the signed UserInfo answer is no JWT"
    except AssertionRefused as refused:
        said = f"the signed UserInfo answer breaks {refused.code}"
    raise _refusal("oidc.userinfo_signature", said, claims)


def _addressed(found: Mapping[str, Any], client: Client, claims: SignedClaims) -> None:
    """Core §5.3.2 lets iss and aud be absent; without them the answer may be another client's."""
    if found.get("iss") != claims.claims["iss"]:
        raise _refusal("oidc.userinfo_issuer", "the signed UserInfo answer has another iss, or none", claims)
    if client.client_id not in read_audience(found.get("aud")):
        raise _refusal("oidc.userinfo_audience", "the signed UserInfo answer is not for us", claims)
    until = claims.expected.now - claims.expected.skew
    if "exp" in found and ((at := read_time(found["exp"])) is None or at <= until):
        raise _refusal("oidc.userinfo_expired", "the signed UserInfo answer has expired", claims)


def _refusal(code: str, said: str, claims: SignedClaims) -> AssertionRefused:
    refusal = AssertionRefused(code, said, (*claims.checks, Check(code, said)))
    refusal.person = claims.subject.person
    return refusal
