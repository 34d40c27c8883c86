"""A connection by OpenID Connect or OAuth 2.0, compiled: our registration with one provider."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from federation import presets
from federation.attributes import ALIASES
from federation.connection import OAuth2Connection, OidcConnection
from federation.dialects import OidcDialect
from federation.errors import ConfigurationError
from federation.oidc import oauth2, oauth2_api, oauth2_person, provider, service_account
from federation.oidc.claims import Path, parse_path
from federation.oidc.client import ResponseType
from federation.oidc.client_authentication import AssertionKey
from federation.oidc.provider import Discovery
from federation.oidc.relying_party import Client, Demands
from federation.registry.own import Own

_ENDPOINTS = (
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
    "pushed_authorization_request_endpoint", "revocation_endpoint",
)  # fmt: skip

_OAUTH2_URLS = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", *oauth2_api.LISTINGS,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """An OpenID Connect connection, ready for its connector."""

    connection: OidcConnection
    client: Client
    assertion_key: AssertionKey | None  # None: the method is not private_key_jwt, or our keys are not at hand
    discovery: Discovery
    google_directory: service_account.Access | None  # None: groups are what the tokens say
    callback_urls: Mapping[str, str]  # path → URL; the first is the one that is asked for
    post_logout_url: str  # where the provider sends people once they are signed out there
    development: bool  # what is fetched may name http on loopback
    notices: tuple[str, ...] = ()  # what to tell the operator at start: it works, but not as it is written


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """A connection by OAuth 2.0 alone, ready for its connector."""

    connection: OAuth2Connection
    client: oauth2.Client
    api: oauth2_api.Api
    terms: oauth2_person.Terms
    callback_urls: Mapping[str, str]  # path → URL; the first is the one that is asked for


def compile_oidc(connection: OidcConnection, base_url: str, own: Own | None, *, development: bool) -> Oidc:
    """Compile one; arguments as ``registry.compile_one``.

    Raises:
        ConfigurationError: ``registry.asked``, ``registry.claim_path``, ``registry.google_directory``,
            ``registry.service_account``.
    """
    callback_urls = _callback_urls(connection, base_url)
    known = {name: getattr(connection, name) for name in _ENDPOINTS}
    found = provider.discovery_url(issuer=connection.issuer, discovery_url=connection.discovery_url)
    flow, notices = _flow(connection)
    asserts = connection.token_endpoint_auth_method == "private_key_jwt"  # noqa: S105  a method
    return Oidc(
        connection=connection,
        client=_client(connection, flow, next(iter(callback_urls.values()))),
        assertion_key=own.assertion if own and asserts else None,
        discovery=Discovery(
            url="" if connection.skip_discovery else found,
            issuer=connection.issuer,
            endpoints={name: url for name, url in known.items() if url},
        ),
        google_directory=_directory(connection, connection.issuer or found),
        callback_urls=callback_urls,
        post_logout_url=base_url + next(iter(connection.post_logout_paths), "/logout"),
        development=development,
        notices=notices,
    )


def compile_oauth2(connection: OAuth2Connection, base_url: str) -> OAuth2:
    """Compile one; arguments as ``registry.compile_one``.

    Raises:
        ConfigurationError: ``registry.claim_path``.
    """
    callback_urls = _callback_urls(connection, base_url)
    dialect = presets.oauth2(connection.preset)
    known = presets.endpoints(connection.preset, connection.server)
    known |= {name: url for name in _OAUTH2_URLS if (url := getattr(connection, name))}
    secret = connection.client_secret
    return OAuth2(
        connection=connection,
        client=oauth2.Client(
            issuer=known["issuer"],
            authorization_endpoint=known["authorization_endpoint"],
            token_endpoint=known["token_endpoint"],
            client_id=connection.client_id,
            client_secret=secret.get_secret_value() if secret else "",
            # The connection's own ``methods`` leave private_key_jwt out.
            token_endpoint_auth_method=connection.token_endpoint_auth_method,  # type: ignore[arg-type]
            redirect_uri=next(iter(callback_urls.values())),
            scopes=connection.scopes,
            parameters=connection.authorization_params,
            pkce=connection.pkce,
            require_iss=connection.require_iss,
        ),
        api=oauth2_api.Api(
            userinfo_endpoint=known["userinfo_endpoint"],
            listings={name: known[name] for name in oauth2_api.LISTINGS if name in known},
            headers=dialect.api_headers,
            scopes=dialect.api_scopes,
        ),
        terms=oauth2_person.Terms(
            subject_claim=connection.subject_claim or "",
            members=dialect.profile,
            paths=_paths(connection),
            address_needed=bool(connection.domains),
            organizations=frozenset(connection.organizations),
            keep_tokens=frozenset(connection.keep_tokens),
            skew=connection.clock_skew,
        ),
        callback_urls=callback_urls,
    )


def _callback_urls(connection: OidcConnection | OAuth2Connection, base_url: str) -> dict[str, str]:
    """A provider where another product was registered knows the old paths only: these go first."""
    paths = (*connection.callback_paths, f"/oidc/{connection.id}/callback")
    return {path: f"{base_url}{path}" for path in paths}


def _flow(connection: OidcConnection) -> tuple[ResponseType, tuple[str, ...]]:
    """Return the response type that serves a flow, and what has to be said about it.

    An access token that went through the browser is not asked for (RFC 9700 §2.1.2), and
    some providers have no response type that brings an ID Token that way.
    """
    served = {"code": "code", "implicit": "id_token", "hybrid": "code id_token", "token": "code"}
    wanted: ResponseType = served[connection.flow]  # type: ignore[assignment]
    if wanted != "code" and presets.code_only(connection.preset):
        wanted = "code"
    if wanted == "code" and connection.flow != "code":
        notice = (
            f"flow: {connection.flow} is served as code with PKCE; register {connection.id}'s callback URL"
            " for the authorization code grant at the provider, then write flow: code"
        )
        return wanted, (notice,)
    return wanted, ()


def _client(connection: OidcConnection, response_type: ResponseType, redirect_uri: str) -> Client:
    """Return how this connection asks, and what it demands of every answer."""
    secret = connection.client_secret
    dialect = presets.oidc(connection.preset)
    asked = connection.authorization_params
    return Client(
        client_id=connection.client_id,
        client_secret=secret.get_secret_value() if secret else "",
        token_endpoint_auth_method=connection.token_endpoint_auth_method,
        assertion_audience=connection.client_assertion_audience,
        redirect_uri=redirect_uri,
        response_type=response_type,
        response_mode=connection.response_mode or ("query" if response_type == "code" else "form_post"),
        pkce=connection.pkce,
        scopes=connection.scopes,
        parameters=asked,
        claims=json.dumps(connection.claims) if connection.claims else "",
        acr_values=connection.acr_values,
        max_age=connection.max_age,
        login_hint=connection.login_hint,
        require_iss=connection.require_iss,
        push=connection.pushed_authorization,
        demands=Demands(
            acrs=frozenset(connection.require.acr),
            max_age=connection.life,
            claims=_answered(dialect, asked),
            tenants=frozenset(connection.tenants),
            subject_claims=dialect.subject_claims,
        ),
        id_token_signed_response_alg=connection.id_token_signed_response_alg,
        userinfo_signed_response_alg=connection.userinfo_signed_response_alg or "",
        paths=_paths(connection),
        verified_by=dialect.verified_by,
        fetch_userinfo=connection.fetch_userinfo,
    )


def _directory(connection: OidcConnection, issuer: str) -> service_account.Access | None:
    """Return how people's groups are asked for; whose ids they are is who is asked about them."""
    told = connection.google_directory
    if told is None:
        return None
    endpoints = service_account.ENDPOINTS.get(urlsplit(issuer).hostname or "")
    if endpoints is None or presets.oidc(connection.preset).groups_api != "directory":
        raise ConfigurationError(
            "registry.google_directory",
            "google_directory is for preset: google and issuer: https://accounts.google.com",
        )
    if connection.attributes.get("groups", ("groups",))[0] != "groups":
        raise ConfigurationError(
            "registry.google_directory", "attributes.groups names another claim than google_directory fills"
        )
    account = service_account.read_service_account(told.service_account.get_secret_value())
    return service_account.Access(endpoints=endpoints, account=account, subject=told.subject)


def _answered(dialect: OidcDialect, asked: Mapping[str, str]) -> dict[str, str]:
    """Return which claims must say what was asked for: a parameter that the browser could change."""
    if any(asked.get(name) == "*" for name in dialect.answered):
        raise ConfigurationError(
            "registry.asked", "authorization_params: * asks for any, which no claim can prove; name the one"
        )
    told = {claim: asked[name] for name, claim in dialect.answered.items() if asked.get(name)}
    if (named := told.get("org_id", "")) and not named.startswith("org_"):  # Auth0 answers a name by a name
        del told["org_id"]
        told["org_name"] = named.lower()  # as Auth0 keeps it
    return told


def _paths(connection: OidcConnection | OAuth2Connection) -> tuple[Path, ...]:
    """Return every claim that the connection's attributes name, and groups' usual names else."""
    named = {"groups": ALIASES["groups"]} | connection.attributes
    try:
        return tuple(dict.fromkeys(parse_path(one) for names in named.values() for one in names))
    except ValueError as fault:
        raise ConfigurationError("registry.claim_path", f"attributes: {fault}") from None
