"""The provider: who it is, and where its endpoints are.

Discovery §3, §4.3. The document's issuer is compared as it stands; only the address to fetch
it from is forgiving. What the settings say of an endpoint beats the document. Pure.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from federation.errors import ProviderUnavailable
from federation.oidc import documents

WELL_KNOWN = "/.well-known/openid-configuration"
TENANT = "{tenantid}"  # how Entra writes the issuer of documents and keys that many tenants share
_MANY = frozenset({"common", "organizations", "consumers"})  # what stands there in the URL of such a document
_URL_LENGTH = 2048
_HTTPS, _HTTP = "https", "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """What we use of a discovery document; every URL is https, or http on loopback."""

    issuer: str  # holds TENANT where many tenants share it: see ``issuer_of``
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str  # "" where nothing is signed but by our secret, and the settings alone know the provider
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    pushed_authorization_request_endpoint: str = ""  # RFC 9126 §5
    require_pushed_authorization_requests: bool = False
    revocation_endpoint: str = ""  # RFC 8414 §2
    iss_parameter_supported: bool = False  # authorization_response_iss_parameter_supported, RFC 9207 §3
    backchannel_logout_supported: bool = False
    frontchannel_logout_supported: bool = False
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)  # Discovery §3: default
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    response_types_supported: tuple[str, ...] = ()

    def issuer_of(self, tid: str) -> str:
        """Return the issuer of one tenant's tokens; whether that tenant may sign in is another question.

        Args:
            tid: The token's claim; of no meaning where the issuer stands for one tenant alone.
        """
        return self.issuer.replace(TENANT, tid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """How to know a provider: from its document, from the settings, or from both."""

    url: str  # of the document; "" where it is not asked for
    issuer: str | None  # as configured; None: the document's own, held against its URL
    endpoints: Mapping[str, str]  # by their names in the document, and before it

    def __post_init__(self) -> None:
        if not self.url and not self.issuer:
            raise ValueError("a provider is known by its document or by its issuer")


def discovery_url(*, issuer: str | None, discovery_url: str | None) -> str:
    """Return where the discovery document is, however the operator wrote it.

    With or without the well-known suffix, with or without slashes at the end; a query
    (Entra's ``?appid=``) stays.

    Source: Discovery §4.1.
    """
    parts = urlsplit(discovery_url or issuer or "")
    path = parts.path.rstrip("/").removesuffix(WELL_KNOWN).rstrip("/") + WELL_KNOWN
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def read_metadata(
    document: bytes, content_type: str, *, discovery: Discovery, templated: bool, development: bool
) -> ProviderMetadata:
    """Read a discovery document and hold its issuer against the configured one.

    Args:
        document: As fetched, length already bounded.
        content_type: As it came.
        discovery: Its ``issuer`` is compared octet for octet; where there is none, the document must
            name ``url`` less its suffix, one slash at the end more or less (Auth0). Its
            ``endpoints`` beat the document's, which are then not even looked at.
        templated: The connection names the tenants that may sign in, so that the document may
            name the issuer of them all (Entra: ``{tenantid}`` in place of ``common`` or ``organizations``).
        development: Let its endpoints be http on loopback.

    Raises:
        ProviderUnavailable: ``oidc.discovery_content_type``, ``oidc.discovery_malformed``,
            ``oidc.discovery_issuer``, ``oidc.discovery_endpoint``.

    Source: Discovery §3, §4.2, §4.3; RFC 8414 §3.3.
    """
    if not documents.is_json(content_type):
        raise ProviderUnavailable("oidc.discovery_content_type", "the discovery document is not JSON")
    try:
        found = documents.read_object(document)
    except ValueError as fault:
        raise ProviderUnavailable(
            "oidc.discovery_malformed", f"the discovery document is unreadable: {fault}"
        ) from None
    named = found.get("issuer")
    if not isinstance(named, str) or named not in _issuers(discovery, templated=templated):
        raise ProviderUnavailable(
            "oidc.discovery_issuer", "the discovery document names another issuer than the configured one"
        )
    told = {**found, **discovery.endpoints}
    _endpoint(told, "jwks_uri", development=development)  # a document has one: Discovery §3
    return _metadata(told, named, development=development)


def from_settings(discovery: Discovery, *, templated: bool, development: bool) -> ProviderMetadata:
    """Return what the settings alone say of a provider whose document is not asked for.

    Raises:
        ProviderUnavailable: ``oidc.discovery_endpoint``.
    """
    issuer = discovery.issuer or ""
    shared = next(_templates(issuer), issuer) if templated else issuer
    return _metadata(discovery.endpoints, shared, development=development)


def _metadata(found: Mapping[str, Any], issuer: str, *, development: bool) -> ProviderMetadata:
    def required(name: str) -> str:
        return _endpoint(found, name, development=development)

    def optional(name: str) -> str:
        return "" if found.get(name) is None else required(name)

    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=required("authorization_endpoint"),
        token_endpoint=required("token_endpoint"),
        jwks_uri=optional("jwks_uri"),
        userinfo_endpoint=optional("userinfo_endpoint"),
        end_session_endpoint=optional("end_session_endpoint"),
        pushed_authorization_request_endpoint=optional("pushed_authorization_request_endpoint"),
        require_pushed_authorization_requests=_flag(found, "require_pushed_authorization_requests"),
        revocation_endpoint=_if_usable(found, "revocation_endpoint", development=development),
        iss_parameter_supported=_flag(found, "authorization_response_iss_parameter_supported"),
        backchannel_logout_supported=found.get("backchannel_logout_supported") is True,
        frontchannel_logout_supported=found.get("frontchannel_logout_supported") is True,
        token_endpoint_auth_methods_supported=_names(found, "token_endpoint_auth_methods_supported")
        or ("client_secret_basic",),
        id_token_signing_alg_values_supported=_names(found, "id_token_signing_alg_values_supported"),
        code_challenge_methods_supported=_names(found, "code_challenge_methods_supported"),
        scopes_supported=_names(found, "scopes_supported"),
        response_types_supported=_names(found, "response_types_supported"),
    )


def issuers(discovery: Discovery, *, tenants: frozenset[str]) -> frozenset[str]:
    """Return every issuer whose word is this provider's, known before anything is fetched.

    Args:
        discovery: How the provider is known.
        tenants: Those that may sign in, where its issuer stands for many.
    """
    named = _issuers(discovery, templated=bool(tenants))
    return frozenset(one.replace(TENANT, tid) for one in named for tid in tenants or ("",))


def _issuers(discovery: Discovery, *, templated: bool) -> Iterator[str]:
    """Yield every issuer that the document may name."""
    bases: tuple[str, ...] = (discovery.issuer or "",)
    if discovery.issuer is None:
        parts = urlsplit(discovery.url)
        base = urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix(WELL_KNOWN), "", ""))
        bases = (base, base + "/")
    for base in filter(None, bases):
        yield base
        if templated:
            yield from _templates(base)


def _templates(issuer: str) -> Iterator[str]:
    """Yield the issuer with TENANT in place of the one segment that stands for many tenants."""
    segments = issuer.split("/")
    shared = [place for place, segment in enumerate(segments) if segment in _MANY]
    if len(shared) == 1:
        segments[shared[0]] = TENANT
        yield "/".join(segments)


def _endpoint(found: Mapping[str, Any], name: str, *, development: bool) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not is_safe_url(value, development=development):
        raise ProviderUnavailable(
            "oidc.discovery_endpoint", f"the provider has no usable {name}: https is expected"
        )
    return value


def _if_usable(found: Mapping[str, Any], name: str, *, development: bool) -> str:
    """Return an endpoint that no sign-in needs, and none fails over; "" where it is not usable."""
    value = found.get(name)
    return value if isinstance(value, str) and is_safe_url(value, development=development) else ""


def is_safe_url(url: str, *, development: bool) -> bool:
    """Tell whether a URL is https, or in development http on loopback.

    No user, no fragment, no odd character.
    """
    if len(url) > _URL_LENGTH or not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in url:
        return False
    return parts.scheme == _HTTPS or (development and parts.scheme == _HTTP and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _flag(found: Mapping[str, Any], name: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise ProviderUnavailable("oidc.discovery_malformed", f"{name} is not a boolean")
    return value


def _names(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
