"""Whether an OpenID Provider's own words fit how we ask it: what would fail at a person's first sign-in."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from federation import presets
from federation.connectors.google_directory import open_directory
from federation.errors import ProviderUnavailable
from federation.fetch import Fetch
from federation.oidc import pushed
from federation.oidc.client import Client
from federation.oidc.key_set import Jwks
from federation.oidc.provider import ProviderMetadata
from federation.operator.finding import Finding, failed, note, ok, warning
from federation.registry import Oidc


def fit(client: Client, told: ProviderMetadata, jwks: Jwks, *, topic: str) -> Iterator[Finding]:
    """Hold what a provider publishes against our registration; what it does not publish is not held."""
    yield from _proof(client, told, topic)
    alg = client.id_token_signed_response_alg
    if not any(key.fits(alg) for key in jwks.keys):
        mend = "id_token_signed_response_alg is what the provider signs this client's tokens with"
        yield failed(topic, f"none of its keys fits {alg}, which is registered for its ID Tokens", mend)
    elif (algs := told.id_token_signing_alg_values_supported) and alg not in algs:
        yield warning(
            topic, f"it signs with {', '.join(algs)}, not {alg}", "see id_token_signed_response_alg"
        )
    methods = told.code_challenge_methods_supported
    if client.pkce and methods and "S256" not in methods:
        mend = "if it refuses code_challenge: pkce: false"
        yield warning(topic, f"it has PKCE by {', '.join(methods)} alone, not S256", mend)
    types = told.response_types_supported
    if types and {*client.response_type.split()} not in [{*one.split()} for one in types]:
        yield warning(topic, f"it does not offer response_type {client.response_type!r}", "see flow")
    yield from _pushing(client, told, topic)


def others(entry: Oidc, told: ProviderMetadata, *, topic: str) -> Iterator[Finding]:
    """Name our other addresses, as far as the provider has a use for them."""
    origin, name = "/".join(entry.client.redirect_uri.split("/")[:3]), entry.connection.id
    here = f"{origin}/oidc/{name}"
    addresses = {
        "initiate login URI (portal tiles)": f"{origin}/oidc/initiate?provider={name}",
        "post-logout redirect URI": entry.post_logout_url if entry.connection.logout == "single" else "",
        "back-channel logout URI": f"{here}/backchannel-logout" if told.backchannel_logout_supported else "",
        "front-channel logout URI": f"{here}/frontchannel-logout"
        if told.frontchannel_logout_supported and not told.backchannel_logout_supported
        else "",
    }
    for what, address in addresses.items():
        if address:
            yield note(topic, f"register with the provider: {what} {address}")
    way = presets.oidc(entry.connection.preset)
    if entry.connection.logout == "single" and not told.end_session_endpoint and not way.end_session_path:
        yield note(topic, "it publishes no end_session_endpoint: signing out here leaves its session")


def renewal(entry: Oidc, told: ProviderMetadata, *, topic: str) -> Iterator[Finding]:
    """Tell where a refresh token is wanted, and the request is not one that brings it (Core §11).

    Providers that publish their scopes and not this one have another way: some give one to everybody.
    """
    if "refresh" not in entry.connection.keep_tokens:
        return
    if asks := presets.oidc(entry.connection.preset).offline:  # the vendor does not know that scope
        if lacking := {name: way for name, way in asks.items() if entry.client.parameters.get(name) != way}:
            told_by = ", ".join(f"{name}: {way}" for name, way in lacking.items())
            said = f"keep_tokens names refresh, and this vendor gives one for {told_by} alone"
            mend = f"authorization_params: {{{told_by}, prompt: consent}}; offline_access does nothing there"
            yield warning(topic, said, mend)
        return
    wanted = "offline_access" not in entry.client.scopes
    if wanted and (not told.scopes_supported or "offline_access" in told.scopes_supported):
        said = "keep_tokens names refresh, but scopes do not hold offline_access, for which it is given"
        yield warning(topic, said, "add offline_access to scopes")


async def directory(entry: Oidc, fetch: Fetch, now: datetime, *, topic: str) -> AsyncIterator[Finding]:
    """Ask a Google Workspace's Directory what a sign-in would ask it; nothing, where none is named."""
    asked = open_directory(entry, fetch)
    if asked is None:
        return
    yield ok(topic, "google_directory: the service account's key file can be used")
    try:
        await asked.probe(now)
    except ProviderUnavailable as fault:
        said = f"google_directory: {fault.detail} ({fault.code})"
        yield failed(topic, said, "see docs/guides/google.md; until then nobody's groups are obtainable")
    else:
        yield ok(topic, "google_directory: Google grants the token, and its Directory answers")


def _proof(client: Client, told: ProviderMetadata, topic: str) -> Iterator[Finding]:
    method, offered = client.token_endpoint_auth_method, told.token_endpoint_auth_methods_supported
    # "none" is registered for a client, and few providers publish it.
    if method not in (*offered, "none"):
        mend = "token_endpoint_auth_method is what the provider has registered for this client"
        yield warning(topic, f"it offers {', '.join(offered)}, not {method}", mend)
    if method == "private_key_jwt":
        origin = "/".join(client.redirect_uri.split("/")[:3])
        yield note(topic, f"register with the provider: our keys at {origin}/oidc/jwks.json")


def _pushing(client: Client, told: ProviderMetadata, topic: str) -> Iterator[Finding]:
    try:
        due = pushed.pushes(client, told)
    except ProviderUnavailable as fault:
        yield failed(topic, f"{fault.detail} ({fault.code})", "see pushed_authorization")
        return
    if told.require_pushed_authorization_requests and not due:
        yield failed(topic, "it takes pushed requests alone (RFC 9126)", "pushed_authorization: auto")
