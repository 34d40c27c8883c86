"""What is special about each vendor, as one table. A connection's own settings beat it.

A row says which protocols the vendor speaks here, and what it calls things where that differs
from the aliases in ``identity.py``. Of several names the first that is sent counts. What a
row leaves out is the connection's own default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

_MICROSOFT: Final = "http://schemas.microsoft.com/"
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_IMMUTABLE_ID: Final = _MICROSOFT + "LiveID/Federation/2008/05/ImmutableID"
_ORGANIZATION_GROUPS: Final = "urn:oid:1.3.6.1.4.1.5923.1.5.1.1"  # isMemberOf
_AFFILIATION: Final = "urn:oid:1.3.6.1.4.1.5923.1.1.1.1"  # eduPersonAffiliation

Names = Mapping[str, tuple[str, ...]]
Signs = Literal["assertion", "response", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one vendor speaks one protocol; None and empty leave the connection's default."""

    attributes: Names = field(default_factory=dict)  # ours → theirs
    # OpenID Connect
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)  # what is asked → the claim that must say it
    subject_claims: tuple[str, ...] = ()  # together they name a person for good; (): sub
    code_only: bool = False  # no answer of its authorization endpoint brings an ID Token
    # Its own way to end a session: the parameter that says where people go afterwards, beside client_id
    # and in place of post_logout_redirect_uri and id_token_hint. With a path, which starts at the issuer,
    # only where the provider publishes no end_session_endpoint.
    end_session: str = ""
    end_session_path: str = ""
    frame_iss: bool = True  # false: its frames for front-channel logout say sid alone
    groups_api: str = ""  # where groups are asked for that the ID Token only names
    scopes: tuple[str, ...] = ()
    fetch_userinfo: Literal["auto", "always", "never"] | None = None
    response_mode: Literal["query", "form_post"] | None = None
    verified_by: Literal["email_verified", "xms_edov", "hd"] = "email_verified"  # that an address is theirs
    # OAuth 2.0
    server: str = ""  # where it is, unless the connection names another one
    endpoints: Mapping[str, str] = field(default_factory=dict)  # key → URL; {server}, and {api} for its API
    api_hosts: Mapping[str, str] = field(default_factory=dict)  # a host, or how it ends → where {api} is
    api_headers: Mapping[str, str] = field(default_factory=dict)
    api_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # key → one of these reaches it
    subject_claim: str = ""
    profile: tuple[str, ...] = ()  # members that are of use; (): all
    token_endpoint_auth_method: str = ""
    # SAML
    name_id_policy: bool | None = None
    login_hint: str | None = None
    advertise_encryption: bool | None = None
    stable_attributes: tuple[str, ...] = ()  # together they name a person for good, at this vendor
    signs: tuple[Signs, ...] = ()  # what it can sign, as it is delivered first
    logout: str = ""  # what is special about ending its session, for who sets it up

    def defaults(self) -> dict[str, Any]:
        """Return what it fills in besides attributes, as keys of the settings file."""
        told = {
            "scopes": self.scopes or None,
            "authorization_params": dict(self.authorization_params) or None,
            "fetch_userinfo": self.fetch_userinfo,
            "response_mode": self.response_mode,
            "server": self.server or None,
            "subject_claim": self.subject_claim or None,
            "token_endpoint_auth_method": self.token_endpoint_auth_method or None,
            "name_id_policy": self.name_id_policy,
            "login_hint": self.login_hint,
            "advertise_encryption": self.advertise_encryption,
        }
        return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One vendor. A protocol that is None cannot be used with it, for the reason in ``notes``."""

    title: str
    saml: Dialect | None = None
    oidc: Dialect | None = None
    oauth2: Dialect | None = None
    notes: str = ""


PROTOCOLS: Final = ("saml", "oidc", "oauth2")
_PLAIN: Final = Dialect()

PRESETS: Final[Mapping[str, Preset]] = {
    "adfs": Preset(
        title="Microsoft AD FS",
        saml=Dialect(
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
        oidc=Dialect(
            attributes={"email": ("email", "upn"), "display_name": ("name", "unique_name", "upn")},
            scopes=("openid", "profile", "email", "allatclaims"),
            response_mode="form_post",
            fetch_userinfo="never",
        ),
        notes="without a claim rule for e-mail the UPN is the address: its suffix must be in domains",
    ),
    "auth0": Preset(
        title="Auth0",
        saml=_PLAIN,
        # A tenant without "RP-Initiated Logout End Session Endpoint Discovery" knows its older way alone.
        oidc=Dialect(
            answered={"organization": "org_id"}, end_session="returnTo", end_session_path="v2/logout"
        ),
        notes="groups come from an Action, under a namespaced name: attributes: {groups: …}",
    ),
    "cognito": Preset(
        title="Amazon Cognito",
        oidc=Dialect(attributes={"groups": ("cognito:groups",)}, code_only=True, end_session="logout_uri"),
        notes="a user pool is an OpenID Provider only; it signs in elsewhere by SAML, it does not offer it",
    ),
    "entra": Preset(
        title="Microsoft Entra ID",
        saml=Dialect(
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
            stable_attributes=(
                _MICROSOFT + "identity/claims/tenantid",
                _MICROSOFT + "identity/claims/objectidentifier",
            ),
            signs=("assertion", "response", "both"),
            logout="by Redirect only",
        ),
        # Everything that userinfo tells is in the ID Token; groups are there alone. sub is another one
        # for each application. User.Read lets Graph tell the groups of people who are in very many.
        oidc=Dialect(
            attributes={
                "email": ("email", "preferred_username"),
                "display_name": ("name", "preferred_username"),
                "groups": ("groups", "roles"),
            },
            scopes=("openid", "profile", "email", "User.Read"),
            fetch_userinfo="never",
            subject_claims=("tid", "oid"),
            verified_by="xms_edov",
            frame_iss=False,
            groups_api="graph",
        ),
        notes="groups are object ids; above 200 they are asked for at Microsoft Graph (SAML: above 150 they"
        " are named, not sent, and grant nothing)",
    ),
    "generic": Preset(title="any identity provider", saml=_PLAIN, oidc=_PLAIN, oauth2=_PLAIN),
    "github": Preset(
        title="GitHub",
        oauth2=Dialect(
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
        oidc=Dialect(attributes={"groups": ("groups", "groups_direct")}, fetch_userinfo="always"),
        notes="GitLab is an OpenID Provider; as for SAML it is a service provider only",
    ),
    "google": Preset(
        title="Google Workspace",
        saml=Dialect(signs=("assertion", "response"), logout="none: only our own session ends"),
        # hd in the request only steers the choice of an account; the claim is what tells.
        oidc=Dialect(answered={"hd": "hd"}, verified_by="hd"),
        notes="groups are sent by SAML only, under the name given in the Admin console",
    ),
    "keycloak": Preset(
        title="Keycloak",
        saml=Dialect(
            attributes={"groups": ("groups", "group", "memberOf", "member", "Role")},
            login_hint="subject",
            signs=("response", "both", "assertion"),
            logout="with Front channel logout on; otherwise it calls by SOAP, which we do not take",
        ),
        oidc=Dialect(attributes={"groups": ("groups", "realm_access.roles")}),
        notes="realm roles reach the ID Token only where the mapper says so",
    ),
    "okta": Preset(
        title="Okta",
        saml=Dialect(
            # Sent where an attribute statement of this name holds user.getInternalProperty("id").
            stable_attributes=("user.id",),
            signs=("both", "assertion", "response"),
            logout="takes signed messages only, and needs our certificate as Signature Certificate",
        ),
        oidc=_PLAIN,
        notes="groups need a groups claim filter in Okta and, with the org server, the scope groups",
    ),
    "onelogin": Preset(
        title="OneLogin",
        saml=Dialect(
            signs=("response", "assertion", "both"),
            logout="by Redirect; signed where Sign SLO Request and Sign SLO Response are checked",
        ),
        oidc=Dialect(scopes=("openid", "profile", "email", "groups")),
    ),
    "ping": Preset(
        title="PingOne",
        saml=Dialect(
            signs=("assertion", "response", "both"),
            logout="by Redirect and POST; needs our certificate as Verification Certificate",
        ),
        oidc=_PLAIN,
    ),
    "pingfederate": Preset(
        title="PingFederate",
        saml=_PLAIN,
        # Before it had an endpoint as OpenID Connect wants one, it published this one in its place.
        oidc=Dialect(end_session="TargetResource", end_session_path="idp/startSLO.ping"),
    ),
    "shibboleth": Preset(
        title="Shibboleth IdP",
        saml=Dialect(
            attributes={"groups": (_ORGANIZATION_GROUPS, "isMemberOf", "memberOf", "groups")},
            signs=("response", "both", "assertion"),
            logout="where the profile SAML2.Logout is on",
        ),
        oidc=_PLAIN,
    ),
    "simplesamlphp": Preset(
        title="SimpleSAMLphp",
        saml=Dialect(
            attributes={
                "groups": ("groups", "memberOf", _ORGANIZATION_GROUPS, "eduPersonAffiliation", _AFFILIATION)
            },
            signs=("both", "response", "assertion"),
            logout="signed where sign.logout is on",
        ),
        oidc=_PLAIN,
    ),
}


def fault(preset: str, protocol: str) -> str | None:
    """Say why this preset cannot be used with this protocol, or None."""
    row = PRESETS.get(preset)
    if row is None:
        return f"expected one of {', '.join(PRESETS)}"
    if protocol not in PROTOCOLS or getattr(row, protocol) is not None:
        return None  # an unknown protocol is named by its own key
    spoken = [name for name in PROTOCOLS if getattr(row, name) is not None]
    instead = f"; use protocol: {spoken[0]}" if spoken else ""
    return f"{preset} cannot be used with protocol {protocol}: {row.notes}{instead}"


def oidc(preset: str) -> Dialect:
    """Return how a vendor speaks OpenID Connect."""
    return PRESETS[preset].oidc or _PLAIN


def oauth2(preset: str) -> Dialect:
    """Return how a vendor speaks OAuth 2.0."""
    return PRESETS[preset].oauth2 or _PLAIN


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
