"""What an OpenID Provider publishes, fetched: its document, and the keys of its tokens."""

from typing import Final

from federation import registry
from federation.errors import ProviderUnavailable
from federation.fetch import Answer, Declared, Fetch
from federation.oidc import key_set, provider
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata

_OK: Final = 200
_JSON: Final = "application/json"


async def fetch_provider(entry: registry.Oidc, fetch: Fetch) -> ProviderMetadata:
    """Read the discovery document, or the settings where they say everything.

    Raises:
        ProviderUnavailable: ``oidc.discovery_unavailable``; what ``provider.read_metadata`` and
            ``Fetch.get`` raise.
    """
    if not entry.discovery.url:
        return provider.from_settings(
            entry.discovery, templated=is_templated(entry), development=entry.development
        )
    return read_provider(entry, await ask(entry.discovery.url, "oidc.discovery_unavailable", fetch))


def read_provider(entry: registry.Oidc, answer: Answer) -> ProviderMetadata:
    """Read the discovery document as it came. Raises as ``provider.read_metadata`` does."""
    return provider.read_metadata(
        answer.body,
        answer.content_type,
        discovery=entry.discovery,
        templated=is_templated(entry),
        development=entry.development,
    )


def is_templated(entry: registry.Oidc) -> bool:
    """Tell whether its issuer may stand for many tenants: the settings name those who may enter."""
    return bool(entry.client.demands.tenants)


async def fetch_jwks(entry: registry.Oidc, told: ProviderMetadata, fetch: Fetch) -> Jwks:
    """Return what its ID Tokens are verified with. Raises as ``fetch_keys`` does."""
    return await fetch_keys(entry, told, fetch, alg=entry.client.id_token_signed_response_alg)


async def fetch_keys(entry: registry.Oidc, told: ProviderMetadata, fetch: Fetch, *, alg: str) -> Jwks:
    """Return what is verified by this algorithm; where that is our secret, nothing is fetched.

    Raises:
        ProviderUnavailable: ``oidc.jwks_unavailable``; what ``key_set.read_jwks`` and ``Fetch.get`` raise.
    """
    if alg.startswith("HS"):
        return key_set.secret_key(entry.client.client_secret, alg=alg)
    answer = await ask(told.jwks_uri, "oidc.jwks_unavailable", fetch)
    return key_set.read_jwks(answer.body, answer.content_type)


async def ask(url: str, code: str, fetch: Fetch) -> Answer:
    """Fetch a document of the provider's; whatever it answers but 200 is refused by ``code``."""
    answer = await fetch.get(url, declared=Declared.FILE, accept=_JSON)
    if answer.status != _OK:
        raise ProviderUnavailable(code, f"the provider answered {answer.status}, not 200")
    return answer
