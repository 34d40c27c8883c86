"""Telling a provider that tokens are needed no more (RFC 7009).

The refresh token first: with it a server should end the access tokens of the same grant, and
what comes after is lost least. An ID Token cannot be revoked. Pure.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

from federation.errors import ProviderUnavailable
from federation.identity import KeptTokens
from federation.oidc import documents
from federation.oidc.client_authentication import Proof
from federation.oidc.token_endpoint import JSON, TokenRequest

Hint = Literal["refresh_token", "access_token"]

_DONE: Final = frozenset({200, 204})  # 200 says the text; whatever its body is
_GONE: Final = "invalid_token"  # §2.2: no error there; Google, of a token that went with another
# What a record may name; RFC 6749 §5.2, RFC 7009 §2.2.1.
ERRORS: Final = frozenset({
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_token_type",
    "server_error", "temporarily_unavailable",
})  # fmt: skip


def order(tokens: KeptTokens) -> Iterator[tuple[Hint, str]]:
    """Yield what can be revoked of kept tokens, each with its ``token_type_hint``."""
    if tokens.refresh:
        yield "refresh_token", tokens.refresh
    if tokens.access:
        yield "access_token", tokens.access


def request(url: str, *, token: str, hint: Hint, proof: Proof) -> TokenRequest:
    """Build the revocation of one token.

    Args:
        url: The provider's revocation_endpoint.
        token: As kept.
        hint: Which kind it is.
        proof: Who we are, made for this request and this URL.

    Source: RFC 7009 §2.1.
    """
    form = {"token": token, "token_type_hint": hint, **proof.form}
    return TokenRequest(url=url, form=form, headers={"Accept": JSON, **proof.headers})


def read_answer(status: int, content_type: str, body: bytes) -> None:
    """Read the answer; of a token that is not known there is nothing left to revoke.

    Raises:
        ProviderUnavailable: ``oidc.revocation_refused``, ``oidc.revocation_status``.

    Source: RFC 7009 §2.2.
    """
    if status in _DONE:
        return
    error = _error(content_type, body)
    if error == _GONE:
        return
    if error is None:
        raise ProviderUnavailable(
            "oidc.revocation_status", f"the revocation endpoint answered {status}, not 200"
        )
    said = error if isinstance(error, str) and error in ERRORS else "an error that we do not know"
    raise ProviderUnavailable("oidc.revocation_refused", f"the revocation endpoint answered {said}")


def _error(content_type: str, body: bytes) -> Any:
    if documents.media_type(content_type) != JSON:
        return None
    try:
        return documents.read_object(body).get("error")
    except ValueError:
        return None
