"""Revocation of kept tokens (RFC 7009), the same for OpenID Connect and OAuth 2.0."""

from collections.abc import Callable

from federation.errors import FederationError
from federation.fetch import Declared, Fetch
from federation.identity import KeptTokens
from federation.oidc import revocation
from federation.oidc.client_authentication import Proof


async def revoke(url: str, tokens: KeptTokens, *, prove: Callable[[], Proof], fetch: Fetch) -> int:
    """Revoke each token, though another one could not be; return how many were.

    Args:
        url: The revocation_endpoint.
        tokens: What was kept.
        prove: Says who we are, anew for each request.
        fetch: The door.

    Raises:
        ProviderUnavailable: Why the first of those that failed did; as ``revocation.read_answer``
            and ``Fetch.post_form``.
    """
    failures: list[FederationError] = []
    done = 0
    for hint, token in revocation.order(tokens):
        asked = revocation.request(url, token=token, hint=hint, proof=prove())
        try:
            answer = await fetch.post_form(asked.url, asked.form, asked.headers, declared=Declared.FILE)
            revocation.read_answer(answer.status, answer.content_type, answer.body)
            done += 1
        except FederationError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return done
