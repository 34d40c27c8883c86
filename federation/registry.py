"""The connections in force: what the settings declare, compiled once, keys parsed once.

A connection becomes what its protocol room asks for: our names and URLs (from ``base_url``
alone), the identity provider's trust material, our client registration. Every connection that
cannot be compiled is named at once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from federation import presets
from federation.connection import AnyConnection, OAuth2Connection, OidcConnection, SamlConnection
from federation.errors import ConfigurationError, FederationError
from federation.identity import ALIASES
from federation.keys import KeySet
from federation.oidc import oauth2, oauth2_api, oauth2_person, provider
from federation.oidc.claims import Path, parse_path
from federation.oidc.client import ResponseType
from federation.oidc.client_authentication import AssertionKey, public_jwks, read_assertion_key
from federation.oidc.provider import Discovery
from federation.oidc.relying_party import Client, Demands
from federation.saml import description, profile, subject
from federation.saml.description import Description
from federation.saml.encryption import DecryptionKey, read_decryption_key
from federation.saml.metadata import IdentityProvider
from federation.saml.outgoing import AuthnAsks
from federation.saml.service_provider import Requests
from federation.saml.signing import SigningKey, read_signing_key
from federation.settings import Settings
from federation.trust import reading

_ENDPOINTS = (
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint",
    "pushed_authorization_request_endpoint",
)  # fmt: skip

_OAUTH2_URLS = (
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", *oauth2_api.LISTINGS,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Own:
    """Our own keys, as the protocol rooms use them; loaded once."""

    signing: SigningKey
    decryption: tuple[DecryptionKey, ...]  # current, next, previous
    published: tuple[bytes, ...]  # certificates, DER, of the keys that sign, or will
    opening: tuple[bytes, ...]  # certificates, DER, of the keys that others may encrypt to
    assertion: AssertionKey  # the same key, as private_key_jwt uses it
    jwks: bytes  # what providers verify our client assertions with: current, next, previous


@dataclass(frozen=True, kw_only=True)
class Saml:
    """A SAML connection, ready for its connector."""

    connection: SamlConnection
    terms: profile.Terms
    requests: Requests | None  # None: compiled without our keys, to be looked at only
    decryption_keys: tuple[DecryptionKey, ...]
    acs_urls: Mapping[str, str]  # path → URL; the first is the one that is asked for
    idp: IdentityProvider | None  # None: to be fetched from metadata_url
    metadata_url: str  # "" where the trust material is in the settings
    development: bool  # what is fetched may name http on loopback
    description: Description  # what our metadata says of this connection

    @property
    def sp_entity_id(self) -> str:
        """Our name to this identity provider."""
        return self.terms.sp_entity_id

    @property
    def acs_url(self) -> str:
        """The ACS URL that is asked for."""
        return next(iter(self.acs_urls.values()))


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """An OpenID Connect connection, ready for its connector."""

    connection: OidcConnection
    client: Client
    assertion_key: AssertionKey | None  # None: the method is not private_key_jwt, or our keys are not at hand
    discovery: Discovery
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


Entry = Saml | Oidc | OAuth2


def own_keys(held: KeySet) -> Own:
    """Load our keys for the protocol rooms, once.

    Raises:
        ConfigurationError: ``keys.*``.
    """
    current = held.current
    assertions = [read_assertion_key(one.private_key_pem, one.certificate_der) for one in held.all]
    return Own(
        signing=read_signing_key(current.private_key_pem, current.certificate_der),
        decryption=tuple(read_decryption_key(one.private_key_pem) for one in held.all),
        published=held.signing_certificates,
        opening=held.encryption_certificates,
        assertion=assertions[0],
        jwks=public_jwks(assertions),
    )


def compile_connections(settings: Settings, *, own: Own, now: datetime) -> dict[str, Entry]:
    """Compile every connection, in the order of the settings file.

    Args:
        settings: Validated.
        own: Our keys.
        now: UTC, aware; metadata's ``validUntil`` is held against it.

    Raises:
        ConfigurationError: ``registry.invalid``, with every connection that cannot be compiled.
    """
    entries: dict[str, Entry] = {}
    faults: list[str] = []
    for name, connection in settings.connections.items():
        try:
            entries[name] = compile_one(
                connection,
                settings.base_url,
                development=settings.development,
                own=own,
                now=now,
            )
        except FederationError as fault:
            faults.append(f"  connections.{name}: {fault.detail} ({fault.code})")
    faults += [f"  connections.{name}: {one.detail} ({one.code})" for name, one in _impostors(entries)]
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "one fault"
        raise ConfigurationError(
            "registry.invalid", "\n".join([f"the connections cannot be used, {count}:", *faults])
        )
    return entries


def _impostors(entries: Mapping[str, Entry]) -> Iterator[tuple[str, ConfigurationError]]:
    """Tell which identity providers of one organization have one name and no key in common.

    People are keyed by the name of their provider: whoever has another's name speaks for its people.
    """
    known: dict[tuple[str, str], Saml] = {}
    for name, entry in entries.items():
        if not isinstance(entry, Saml) or entry.idp is None:
            continue
        first = known.setdefault((entry.connection.organization, entry.idp.entity_id), entry)
        if first.idp is None or {key.fingerprint for key in first.idp.keys} & {
            key.fingerprint for key in entry.idp.keys
        }:
            continue
        other = first.connection.id
        yield (
            name,
            ConfigurationError(
                "registry.entity_id",
                f"it has the entity ID of connections.{other} and none of its keys: one of the two is out of"
                " date, or an impostor",
            ),
        )


def compile_one(
    connection: AnyConnection,
    base_url: str,
    *,
    development: bool,
    own: Own | None,
    now: datetime,
) -> Entry:
    """Compile one connection.

    Args:
        connection: Validated.
        base_url: Our public origin.
        development: Let the provider's documents name http on loopback.
        own: As for ``compile_connections``; None where nothing will be sent or received.
        now: As for ``compile_connections``.

    Raises:
        ConfigurationError: ``registry.metadata_file``; ``saml.*`` as ``saml.metadata`` says.
    """
    if isinstance(connection, SamlConnection):
        idp = reading.at_hand(connection, development=development, now=now)
        return _saml(connection, base_url, idp, own, development=development)
    if isinstance(connection, OAuth2Connection):
        return _oauth2(connection, base_url)
    return _oidc(connection, base_url, own, development=development)


def _saml(
    connection: SamlConnection,
    base_url: str,
    idp: IdentityProvider | None,
    own: Own | None,
    *,
    development: bool,
) -> Saml:
    here = f"/saml/{connection.id}"
    sp_entity_id = connection.sp_entity_id or f"{base_url}{here}/metadata"
    # An IdP where another product was registered knows the old paths only: these go first.
    acs_urls = {path: f"{base_url}{path}" for path in (*connection.acs_paths, f"{here}/acs")}
    acs_url = next(iter(acs_urls.values()))
    source = connection.metadata
    return Saml(
        connection=connection,
        terms=_terms(connection, sp_entity_id),
        requests=_requests(connection, sp_entity_id, acs_url, own.signing) if own else None,
        decryption_keys=own.decryption if own else (),
        acs_urls=acs_urls,
        idp=idp,
        metadata_url=(source.url or "") if source else "",
        development=development,
        description=_description(connection, sp_entity_id, tuple(acs_urls.values()), f"{base_url}{here}/slo"),
    )


def _requests(connection: SamlConnection, sp_entity_id: str, acs_url: str, key: SigningKey) -> Requests:
    """Return how this connection asks."""
    hint = connection.login_hint
    return Requests(
        asks=AuthnAsks(
            sp_entity_id=sp_entity_id,
            name_id_policy=connection.name_id_policy,
            name_id_format=subject.FORMATS[connection.name_id_format],
            allow_create=connection.allow_create,
            force_authn=connection.force_authn,
            is_passive=connection.is_passive,
            authn_context=connection.requested_authn_context,
            comparison=connection.authn_context_comparison,
            acs_index=connection.assertion_consumer_service_index,
            hint_in_subject=hint == "subject",
        ),
        acs_url=acs_url,
        binding=connection.request_binding,
        sign=connection.sign_requests,
        key=key,
        hint_parameter="" if hint in ("none", "subject") else hint,
        parameters=connection.request_parameters,
    )


def _description(
    connection: SamlConnection, sp_entity_id: str, acs_urls: tuple[str, ...], slo_url: str
) -> Description:
    """Return what our metadata says of this connection."""
    asked = connection.name_id_policy
    return Description(
        sp_entity_id=sp_entity_id,
        acs_urls=acs_urls,
        acs_index=connection.assertion_consumer_service_index,
        slo_url=slo_url,
        name_id_format=subject.FORMATS[connection.name_id_format] if asked else "",
        requested=description.requested(
            connection.attributes,
            subject_attribute=connection.subject_attribute,
            email_is_name_id=connection.name_id_format == "emailAddress",
            also=[rule.attribute.name for rule in connection.role_rules if rule.attribute],
        ),
        requests_signed=connection.sign_requests == "always",
        # An IdP that reads it signs the Assertion too; where the Response's will do, it is left to them.
        wants_assertions_signed=connection.signed != "response",
        takes_encrypted=connection.advertise_encryption,
    )


def _terms(connection: SamlConnection, sp_entity_id: str) -> profile.Terms:
    """Return what this connection demands of every answer."""
    own = connection.subject_attribute
    kept = presets.stable(connection.preset)
    # A vendor that we know is taken at its word for who somebody is; of any other, the word is kept.
    keyed = kept[0] if kept and connection.preset != "generic" else ()
    exact = connection.requested_authn_context if connection.authn_context_comparison == "exact" else ()
    return profile.Terms(
        sp_entity_id=sp_entity_id,
        signed=connection.signed,
        name_id_format=subject.FORMATS[connection.name_id_format],
        subject_attributes=(own,) if own else keyed,
        subject_required=own is not None,
        stable_attributes=kept,
        email_attributes=connection.attributes.get("email", ()),
        acrs=frozenset(connection.require.acr or exact),
        force_authn=connection.force_authn,
        max_age=connection.require.max_age,
        skew=connection.clock_skew,
    )


def _oidc(connection: OidcConnection, base_url: str, own: Own | None, *, development: bool) -> Oidc:
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
        callback_urls=callback_urls,
        post_logout_url=base_url + next(iter(connection.post_logout_paths), "/logout"),
        development=development,
        notices=notices,
    )


def _oauth2(connection: OAuth2Connection, base_url: str) -> OAuth2:
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
            address_needed=not connection.anyone,
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


def _answered(dialect: presets.Dialect, asked: Mapping[str, str]) -> dict[str, str]:
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
