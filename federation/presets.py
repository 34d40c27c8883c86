"""What is special about each vendor, as one table. A connection's own settings beat it.

A row says which protocols the vendor speaks here, and what it calls things where that differs
from the aliases in ``attributes.py``. Of several names the first that is there counts, empty or
not. What a row leaves out is the connection's own default.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from federation.dialects import Authority, Dialect, OAuth2Dialect, OidcDialect, Preset, SamlDialect

_MICROSOFT: Final = "http://schemas.microsoft.com/"
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_IMMUTABLE_ID: Final = _MICROSOFT + "LiveID/Federation/2008/05/ImmutableID"
_ORGANIZATION_GROUPS: Final = "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"  # isMemberOf
_AFFILIATION: Final = "urn:oid:1.3.6.1.4.1.5923.1.1.1.1"  # eduPersonAffiliation

PROTOCOLS: Final = ("saml", "oidc", "oauth2")  # that vendors speak
_SAML, _OIDC, _OAUTH2 = SamlDialect(), OidcDialect(), OAuth2Dialect()

PRESETS: Final[Mapping[str, Preset]] = {
    "adfs": Preset(
        title="Microsoft AD FS",
        saml=SamlDialect(
            # A policy that the claim rules do not meet ends on a page of AD FS (MSIS7070); without
            # one the answer comes here, where the record says what is missing.
            name_id_policy=False,
            login_hint="username",
            # Told of a key, it encrypts in CBC, and signs the Assertion alone unless that is changed.
            advertise_encryption=False,
            # objectGUID in base64, where a claim rule sends it under Microsoft's own name for it.
            stable_attributes=(_IMMUTABLE_ID,),
            signs=("assertion", "both", "response"),
            logout="takes signed messages only, by Redirect and POST; escapes in lower case (%2f)",
        ),
        # The userinfo endpoint of AD FS returns sub alone; e-mail comes where a claim rule sends it.
        # Claim rules reach the ID Token with allatclaims, and by form_post alone (KB4019472).
        oidc=OidcDialect(
            attributes={"email": ("email", "upn"), "display_name": ("name", "unique_name", "upn")},
            scopes=("openid", "profile", "email", "allatclaims"),
            response_mode="form_post",
            fetch_userinfo="never",
            split_groups="never",  # "Domain Admins" are neither Domain nor Admins
        ),
        notes="without a claim rule for e-mail the UPN is the address: its suffix must be in domains",
    ),
    "auth0": Preset(
        title="Auth0",
        saml=_SAML,
        # A tenant without "RP-Initiated Logout End Session Endpoint Discovery" knows its older way alone.
        oidc=OidcDialect(
            answered={"organization": "org_id"}, end_session="returnTo", end_session_path="v2/logout"
        ),
        notes="groups come from an Action, under a namespaced name: attributes: {groups: …}",
    ),
    "cognito": Preset(
        title="Amazon Cognito",
        oidc=OidcDialect(
            attributes={"groups": ("cognito:groups",)}, code_only=True, end_session="logout_uri"
        ),
        notes="a user pool is an OpenID Provider only; it signs in elsewhere by SAML, it does not offer it",
    ),
    "entra": Preset(
        title="Microsoft Entra ID",
        saml=SamlDialect(
            attributes={
                "given_name": (_CLAIMS + "givenname",),
                "family_name": (_CLAIMS + "surname",),
                "display_name": (_MICROSOFT + "identity/claims/displayname",),
                "groups": (
                    _MICROSOFT + "ws/2008/06/identity/claims/groups",
                    _MICROSOFT + "ws/2008/06/identity/claims/role",
                ),
            },
            login_hint="login_hint",  # a Subject in the request is answered with an error
            # where objectId is mapped to externalId; by default mailNickname is, which no sign-in tells
            external_ids=(_MICROSOFT + "identity/claims/objectidentifier",),
            user_names=(_CLAIMS + "name",),
            stable_attributes=(
                _MICROSOFT + "identity/claims/tenantid",
                _MICROSOFT + "identity/claims/objectidentifier",
            ),
            signs=("assertion", "response", "both"),
            logout="by Redirect only",
        ),
        # Everything that userinfo tells is in the ID Token; groups are there alone. sub is another one
        # for each application. User.Read lets Graph tell the groups of people who are in very many.
        oidc=OidcDialect(
            attributes={
                "email": ("email", "preferred_username"),
                "display_name": ("name", "preferred_username"),
                "groups": ("groups", "roles"),
            },
            external_ids=("oid",),
            user_names=("upn", "preferred_username"),
            scopes=("openid", "profile", "email", "User.Read"),
            fetch_userinfo="never",
            split_groups="never",
            subject_claims=("tid", "oid"),
            verified_by="xms_edov",
            frame_iss=False,
            groups_api="graph",
        ),
        notes="groups are object ids; above 200 they are asked for at Microsoft Graph (SAML: above 150 they"
        " are named, not sent, and grant nothing)",
    ),
    "generic": Preset(title="any identity provider", saml=_SAML, oidc=_OIDC, oauth2=_OAUTH2),
    "github": Preset(
        title="GitHub",
        oauth2=OAuth2Dialect(
            attributes={"display_name": ("name", "login")},  # a name is optional there
            scopes=("read:user", "user:email", "read:org"),
            server="https://github.com",
            endpoints={
                "issuer": "{server}/login/oauth",  # what it says in iss
                "authorization_endpoint": "{server}/login/oauth/authorize",
                "token_endpoint": "{server}/login/oauth/access_token",
                "userinfo_endpoint": "{api}/user",
                "emails_endpoint": "{api}/user/emails",
                "organizations_endpoint": "{api}/user/orgs",
                "teams_endpoint": "{api}/user/teams",
            },
            # github.com and data residency have a host for the API, an Enterprise Server a path.
            api_hosts={
                "github.com": "{scheme}://api.{host}",
                ".ghe.com": "{scheme}://api.{host}",
                "": "{server}/api/v3",
            },
            api_headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
            api_scopes={
                "emails_endpoint": ("user:email", "user"),
                "organizations_endpoint": ("read:org", "write:org", "admin:org"),
                "teams_endpoint": ("read:org", "write:org", "admin:org"),
            },
            subject_claim="id",  # a login may be given up, and taken by somebody else
            profile=("id", "login", "name", "company", "location", "type"),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106  a method's name
        ),
        notes="GitHub speaks OAuth 2.0 without OpenID Connect; groups are organizations and their teams",
    ),
    "gitlab": Preset(
        title="GitLab",
        # Inherited groups are told by userinfo alone; the ID Token has groups_direct.
        oidc=OidcDialect(attributes={"groups": ("groups", "groups_direct")}, fetch_userinfo="always"),
        notes="GitLab is an OpenID Provider; as for SAML it is a service provider only",
    ),
    "google": Preset(
        title="Google Workspace",
        saml=SamlDialect(signs=("assertion", "response"), logout="none: only our own session ends"),
        # hd in the request only steers the choice of an account; the claim is what tells.
        oidc=OidcDialect(
            answered={"hd": "hd"},
            verified_by="hd",
            # https://developers.google.com/identity/gsi/web/guides/verify-google-id-token: it is
            # authoritative for gmail.com, and where hd is there; held to the domain that hd names.
            authority=Authority(domains=frozenset({"gmail.com"}), claim="hd"),
            groups_api="directory",
            offline={"access_type": "offline"},
            revoke_tokens=False,  # one token revoked takes the consent, and every token of the person with it
        ),
        notes="groups are sent by SAML only, under the name given in the Admin console; by OpenID Connect"
        " they are asked for with google_directory",
    ),
    "keycloak": Preset(
        title="Keycloak",
        saml=SamlDialect(
            attributes={"groups": ("groups", "group", "memberOf", "member", "Role")},
            login_hint="subject",
            signs=("response", "both", "assertion"),
            logout="with Front channel logout on; otherwise it calls by SOAP, which we do not take",
        ),
        oidc=OidcDialect(attributes={"groups": ("groups", "realm_access.roles")}),
        notes="realm roles reach the ID Token only where the mapper says so",
    ),
    "okta": Preset(
        title="Okta",
        saml=SamlDialect(
            # Sent where an attribute statement of this name holds user.getInternalProperty("id").
            stable_attributes=("user.id",),
            external_ids=("user.id",),
            signs=("both", "assertion", "response"),
            logout="takes signed messages only, and needs our certificate as Signature Certificate",
        ),
        oidc=OidcDialect(external_ids=("sub",), user_names=("preferred_username",)),
        notes="groups need a groups claim filter in Okta and, with the org server, the scope groups",
    ),
    "onelogin": Preset(
        title="OneLogin",
        saml=SamlDialect(
            signs=("response", "assertion", "both"),
            logout="by Redirect; signed where Sign SLO Request and Sign SLO Response are checked",
        ),
        oidc=OidcDialect(scopes=("openid", "profile", "email", "groups")),
    ),
    "ping": Preset(
        title="PingOne",
        saml=SamlDialect(
            signs=("assertion", "response", "both"),
            logout="by Redirect and POST; needs our certificate as Verification Certificate",
        ),
        oidc=_OIDC,
    ),
    "pingfederate": Preset(
        title="PingFederate",
        saml=_SAML,
        # Before it had an endpoint as OpenID Connect wants one, it published this one in its place.
        oidc=OidcDialect(
            end_session="TargetResource", end_session_path="idp/startSLO.ping", split_groups="never"
        ),
    ),
    "shibboleth": Preset(
        title="Shibboleth IdP",
        saml=SamlDialect(
            attributes={"groups": (_ORGANIZATION_GROUPS, "isMemberOf", "memberOf", "groups")},
            signs=("response", "both", "assertion"),
            logout="where the profile SAML2.Logout is on",
        ),
        oidc=_OIDC,
    ),
    "simplesamlphp": Preset(
        title="SimpleSAMLphp",
        saml=SamlDialect(
            attributes={
                "groups": ("groups", "memberOf", _ORGANIZATION_GROUPS, "eduPersonAffiliation", _AFFILIATION)
            },
            signs=("both", "response", "assertion"),
            logout="signed where sign.logout is on",
        ),
        oidc=_OIDC,
    ),
}


def fault(preset: str, protocol: str) -> str | None:
    """Say why this preset cannot be used with this protocol, or None."""
    row = PRESETS.get(preset)
    if row is None:
        return f"expected one of {', '.join(PRESETS)}"
    if protocol == "local" and preset != "generic":
        return f"{preset} is an identity provider's; protocol: local has no preset"
    if protocol not in PROTOCOLS or getattr(row, protocol) is not None:
        return None  # an unknown protocol is named by its own key
    spoken = [name for name in PROTOCOLS if getattr(row, name) is not None]
    instead = f"; use protocol: {spoken[0]}" if spoken else ""
    return f"{preset} cannot be used with protocol {protocol}: {row.notes}{instead}"


def oidc(preset: str) -> OidcDialect:
    """Return how a vendor speaks OpenID Connect."""
    return PRESETS[preset].oidc or _OIDC


def authority(preset: str, protocol: str) -> Authority | None:
    """Return over which addresses a vendor is authoritative in this protocol, None for none."""
    known = protocol == "oidc" and preset in PRESETS  # an unknown one is named as such
    return oidc(preset).authority if known else None


def oauth2(preset: str) -> OAuth2Dialect:
    """Return how a vendor speaks OAuth 2.0."""
    return PRESETS[preset].oauth2 or _OAUTH2


def endpoints(preset: str, server: str | None) -> dict[str, str]:
    """Return the URLs of one server of a vendor, by their keys in the settings file.

    Args:
        preset: The vendor's.
        server: Origin, and path if it has one; None where each endpoint is named by itself.
    """
    dialect = oauth2(preset)
    if server is None:
        return {}
    plain, parts = server.rstrip("/"), urlsplit(server)
    told = {"server": plain, "scheme": parts.scheme, "host": parts.netloc}
    host = parts.hostname or ""
    for end, api in dialect.api_hosts.items():
        if host == end or (end.startswith(".") and host.endswith(end)) or not end:
            told["api"] = api.format(**told)
            break
    return {key: url.format(**told) for key, url in dialect.endpoints.items()}


def code_only(preset: str) -> bool:
    """Tell whether this vendor brings an ID Token by the code alone."""
    return oidc(preset).code_only


def stable(preset: str) -> tuple[tuple[str, ...], ...]:
    """Return the SAML attributes that name a person for good: sets, of which each counts whole.

    Args:
        preset: A vendor's; ``generic``, which may be any of them, knows the sets of all.
    """
    dialects = [row.saml for row in PRESETS.values()] if preset == "generic" else [PRESETS[preset].saml]
    return tuple(one.stable_attributes for one in dialects if one is not None and one.stable_attributes)


def provisioned_by(preset: str, protocol: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what of a sign-in a vendor's SCIM client sends as externalId, and what as userName."""
    dialect = getattr(PRESETS.get(preset), protocol, None)
    return (dialect.external_ids, dialect.user_names) if isinstance(dialect, Dialect) else ((), ())


def fill_in(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection as written in the file, with the preset's values where it has none.

    Args:
        told: The connection's keys, not yet validated; attributes are filled in one by one.
    """
    row = PRESETS.get(str(told.get("preset", "generic")))
    dialect = getattr(row, str(told.get("protocol")), None)
    if not isinstance(dialect, Dialect):
        return dict(told)
    filled = dialect.defaults() | dict(told)
    own = told.get("attributes", {})
    if dialect.attributes and isinstance(own, Mapping):
        filled["attributes"] = {**dialect.attributes, **own}
    return filled
