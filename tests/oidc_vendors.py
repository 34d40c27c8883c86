"""What each vendor publishes, signs and tells: synthetic, written after its public documentation.

``{o}`` stands for the origin where the test's provider listens; what the vendor serves from other
hosts is served below it. Tokens are signed when the test runs; nobody's keys are in here.
"""

from dataclasses import dataclass, field
from typing import Any

import google_account

TENANT = "0b0a3c4e-5a0c-4d5e-9d3e-0d6c7b9a1f22"
PARTNER = "1c1b4d5f-6b1d-4e6f-8e4f-1e7d8c0b2a33"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"  # everybody's personal accounts
OBJECT = "6a1f0c52-9a2f-4c08-8a77-0c5a3f4d2b11"
GUIDS = ("0c1f3f6a-7a64-4a4f-9d2c-3e4b5a6d7e8f", "7d0e5b1c-2f43-4c8a-b1a0-9c8d7e6f5a4b")
GROUPS = ("platform-admins", "staff")
NAMED = {"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}
MAIL = {"email": "ada@acme.example"}
PERSON: dict[str, Any] = {**MAIL, **NAMED, "email_verified": True}


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One vendor's shapes, and the person that they must become."""

    preset: str
    issuer: str  # as the vendor writes it in its document
    settings: dict[str, Any] = field(default_factory=dict)  # of our connection, beside the plain ones
    published: dict[str, Any]  # of the discovery document, beside issuer and jwks_uri
    jwk: dict[str, Any] = field(default_factory=dict)  # what its keys bear; None leaves a member out
    answer: dict[str, str] = field(default_factory=dict)  # beside code and state
    tokens: dict[str, Any] = field(default_factory=dict)  # of the token endpoint, beside the usual
    claims: dict[str, Any]  # of the ID Token, beside aud, exp, iat and nonce
    userinfo: dict[str, Any] | None = None  # None: it is not asked
    graph: tuple[dict[str, Any], ...] = ()  # pages; (): Graph is not asked
    directory: tuple[dict[str, Any], ...] = ()  # pages of Google's Directory; (): it is not asked
    # what must have been asked of the browser, and what must come of it
    asks: dict[str, str] = field(default_factory=dict)
    subject: str
    subject_format: str = ""
    subject_issuer: str = ""  # where it is not the issuer as configured
    email: str = "ada@acme.example"
    email_verified: bool | None = True
    name: str = "Ada Lovelace"
    groups: tuple[str, ...] | None = GROUPS  # None: unobtainable


def entra(**other: Any) -> Vendor:
    """Return Entra's v2.0 shape; sub is pairwise, groups are object ids."""
    return Vendor(
        **{
            "preset": "entra",
            "issuer": f"{{o}}/{TENANT}/v2.0",
            "published": {
                "authorization_endpoint": f"{{o}}/{TENANT}/oauth2/v2.0/authorize",
                "token_endpoint": f"{{o}}/{TENANT}/oauth2/v2.0/token",
                "userinfo_endpoint": "{o}/graph.microsoft.com/oidc/userinfo",
                "end_session_endpoint": f"{{o}}/{TENANT}/oauth2/v2.0/logout",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "request_uri_parameter_supported": False,
                "http_logout_supported": True,
                "frontchannel_logout_supported": True,
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": "graph.microsoft.com",
                "rbac_url": "https://pas.windows.net",
            },
            "jwk": {"alg": None, "x5t": "x", "x5c": ["MIIC"], "issuer": f"{{o}}/{TENANT}/v2.0"},
            "tokens": {"ext_expires_in": 3600, "scope": "openid profile email User.Read"},
            "claims": ENTRA,
            "asks": {"scope": "openid profile email User.Read"},
            "subject": f'["{TENANT}","{OBJECT}"]',
            "subject_format": '["tid","oid"]',
            "groups": GUIDS,
            **other,
        }
    )


ENTRA: dict[str, Any] = {
    "iss": f"{{o}}/{TENANT}/v2.0", "ver": "2.0", "tid": TENANT, "oid": OBJECT, "sub": "AAAAAAAAAEx",
    **MAIL, "name": "Ada Lovelace", "preferred_username": "ada@acme.example", "xms_edov": True,
    "groups": list(GUIDS), "roles": ["App.Admin"], "rh": "0.AS", "uti": "u", "aio": "a",
}  # fmt: skip
OVERAGE: dict[str, Any] = {
    **{name: value for name, value in ENTRA.items() if name != "groups"},
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": f"https://graph.windows.net/{TENANT}/users/{OBJECT}/getMemberObjects"}},
}  # fmt: skip
OKTA: dict[str, Any] = {
    "ver": 1, "sub": "00u1example", "idp": "00o1example", "jti": "ID.x", "amr": ["pwd", "mfa"],
    "preferred_username": "ada@acme.example", "auth_time": "{now}", "at_hash": "{at_hash}",
}  # fmt: skip
GROUP_ADDRESSES = ("platform-admins@acme.example", "staff@acme.example")
GOOGLE: dict[str, Any] = {
    "iss": "{o}", "azp": "federation", "sub": "110169484474386276334", "hd": "acme.example",
    "at_hash": "{at_hash}", **MAIL, **NAMED, "email_verified": True,
}  # fmt: skip
KEYCLOAK: dict[str, Any] = {
    "iss": "{o}/realms/acme", "sub": "b3c5a0de-0000-4000-8000-000000000001", "typ": "ID", "azp": "federation",
    "sid": "s-1", "session_state": "s-1", "acr": "1", "auth_time": "{now}", "at_hash": "{at_hash}",
    **MAIL, **NAMED, "email_verified": True, "preferred_username": "ada",
}  # fmt: skip


def okta_endpoints(base: str) -> dict[str, Any]:
    return {
        "authorization_endpoint": f"{base}/v1/authorize",
        "token_endpoint": f"{base}/v1/token",
        "userinfo_endpoint": f"{base}/v1/userinfo",
        "end_session_endpoint": f"{base}/v1/logout",
        "pushed_authorization_request_endpoint": f"{base}/v1/par",
        "request_parameter_supported": True,
        "backchannel_logout_supported": False,
    }


def keycloak(**other: Any) -> Vendor:
    base = "{o}/realms/acme/protocol/openid-connect"
    return Vendor(
        **{
            "preset": "keycloak",
            "issuer": "{o}/realms/acme",
            "published": {
                "authorization_endpoint": f"{base}/auth",
                "token_endpoint": f"{base}/token",
                "userinfo_endpoint": f"{base}/userinfo",
                "end_session_endpoint": f"{base}/logout",
                "pushed_authorization_request_endpoint": f"{base}/ext/par/request",
                "require_pushed_authorization_requests": False,
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
                "frontchannel_logout_supported": True,
                "authorization_response_iss_parameter_supported": True,
                "mtls_endpoint_aliases": {"token_endpoint": f"{base}/token"},
            },
            "answer": {"iss": "{o}/realms/acme", "session_state": "s-1"},
            "tokens": {"refresh_expires_in": 1800, "not-before-policy": 0, "session_state": "s-1"},
            "claims": {**KEYCLOAK, "groups": ["/platform-admins", "/acme/staff"]},
            "subject": KEYCLOAK["sub"],
            "groups": ("/platform-admins", "/acme/staff"),
            **other,
        }
    )


def google(*pages: dict[str, Any], **other: Any) -> Vendor:
    """Return Google's shape where a Workspace's Directory is asked for groups."""
    return Vendor(
        **{
            "preset": "google",
            "issuer": "{o}",
            "published": {"authorization_endpoint": "{o}/auth", "token_endpoint": "{o}/token"},
            "settings": {
                "google_directory": {
                    "service_account": google_account.key_file(),
                    "subject": google_account.SUBJECT,
                }
            },
            "claims": GOOGLE,
            "directory": pages,
            "subject": GOOGLE["sub"],
            "groups": GROUP_ADDRESSES,
            **other,
        }
    )


VENDORS: dict[str, Vendor] = {
    "entra": entra(),
    "entra-roles": entra(
        claims={name: value for name, value in ENTRA.items() if name != "groups"}, groups=("App.Admin",)
    ),
    "entra-without-mailbox": entra(
        claims={name: value for name, value in ENTRA.items() if name not in ("email", "xms_edov")},
        email_verified=None,
    ),
    "entra-edov-as-text": entra(claims={**ENTRA, "xms_edov": "1"}),
    "entra-organizations": entra(
        issuer="{o}/{tenantid}/v2.0",
        settings={"issuer": "{o}/organizations/v2.0", "tenants": [TENANT, PARTNER]},
        claims={**ENTRA, "iss": f"{{o}}/{PARTNER}/v2.0", "tid": PARTNER},
        jwk={"alg": None, "issuer": "{o}/{tenantid}/v2.0"},
        subject=f'["{PARTNER}","{OBJECT}"]',
        subject_issuer=f"{{o}}/{PARTNER}/v2.0",
    ),
    "entra-overage": entra(
        claims=OVERAGE,
        graph=(
            {
                "value": [{"@odata.type": "#microsoft.graph.group", "id": GUIDS[0]}],
                "@odata.nextLink": "{o}/v1.0/me/transitiveMemberOf/microsoft.graph.group?$skiptoken=x",
            },
            {"value": [{"id": GUIDS[1]}]},
        ),
    ),
    "entra-overage-hasgroups": entra(
        claims={**{n: v for n, v in ENTRA.items() if n != "groups"}, "hasgroups": "true"},
        graph=({"value": [{"id": one} for one in GUIDS]},),
    ),
    "entra-overage-refused": entra(
        claims=OVERAGE, graph=({"error": {"code": "Authorization_RequestDenied"}},), groups=None
    ),
    "entra-overage-not-asked": entra(claims=OVERAGE, settings={"fetch_groups": "never"}, groups=None),
    "okta": Vendor(  # the organization's own server: a thin ID Token
        preset="okta",
        issuer="{o}",
        settings={"scopes": ["openid", "profile", "email", "groups"]},
        published=okta_endpoints("{o}/oauth2"),
        claims={"iss": "{o}", **OKTA},
        userinfo={
            "sub": "00u1example", **MAIL, **NAMED, "email_verified": True, "locale": "en-US",
            "zoneinfo": "America/Los_Angeles", "updated_at": 1700000000, "groups": [*GROUPS],
        },
        subject="00u1example",
    ),
    "okta-custom": Vendor(  # a custom authorization server, with a groups claim of its own
        preset="okta",
        issuer="{o}/oauth2/default",
        published=okta_endpoints("{o}/oauth2/default"),
        claims={"iss": "{o}/oauth2/default", **OKTA, **PERSON, "groups": [*GROUPS]},
        subject="00u1example",
    ),
    "google": Vendor(
        preset="google",
        issuer="{o}",
        settings={"authorization_params": {"hd": "acme.example", "prompt": "select_account"}},
        published={
            "authorization_endpoint": "{o}/o/oauth2/v2/auth",
            "device_authorization_endpoint": "{o}/oauth2.googleapis.com/device/code",
            "token_endpoint": "{o}/oauth2.googleapis.com/token",
            "userinfo_endpoint": "{o}/openidconnect.googleapis.com/v1/userinfo",
            "revocation_endpoint": "{o}/oauth2.googleapis.com/revoke",
        },
        answer={"scope": "openid email profile", "authuser": "0", "hd": "acme.example", "prompt": "consent"},
        claims={
            "iss": "{o}", "azp": "federation", "sub": "110169484474386276334", "hd": "acme.example",
            "at_hash": "{at_hash}", **MAIL, **NAMED, "email_verified": True, "picture": "https://x.example/p",
        },
        asks={"hd": "acme.example", "prompt": "select_account"},
        subject="110169484474386276334",
        groups=(),
    ),
    "google-directory": google(
        {"kind": "admin#directory#groups", "groups": [{"email": GROUP_ADDRESSES[0]}], "nextPageToken": "p2"},
        {"kind": "admin#directory#groups", "groups": [{"email": GROUP_ADDRESSES[1]}]},
    ),
    "google-directory-no-group": google({"kind": "admin#directory#groups"}, groups=()),
    "google-directory-refused": google(
        {"error": {"code": 403, "errors": [{"domain": "global", "reason": "forbidden"}]}}, groups=None
    ),
    "google-directory-consumer": google(
        claims={name: value for name, value in GOOGLE.items() if name != "hd"},
        email_verified=None,
        groups=None,
    ),
    "google-somebody": Vendor(  # an address at another host, which Google knew once
        preset="google",
        issuer="{o}",
        published={"authorization_endpoint": "{o}/auth", "token_endpoint": "{o}/token"},
        claims={"iss": "{o}", "sub": "11", **MAIL, **NAMED, "email_verified": True},
        subject="11",
        email_verified=None,
        groups=(),
    ),
    "gitlab": Vendor(  # self-hosted, at a path; groups are inherited in UserInfo alone
        preset="gitlab",
        issuer="{o}/gitlab",
        published={
            "authorization_endpoint": "{o}/gitlab/oauth/authorize",
            "token_endpoint": "{o}/gitlab/oauth/token",
            "userinfo_endpoint": "{o}/gitlab/oauth/userinfo",
            "revocation_endpoint": "{o}/gitlab/oauth/revoke",
            "claims_supported": ["iss", "sub", "aud", "groups_direct"],
        },
        tokens={"created_at": 1700000000},
        claims={
            "iss": "{o}/gitlab", "sub": "42", "auth_time": "{now}", "sub_legacy": "0a1b", **MAIL,
            "name": "Ada Lovelace", "nickname": "ada", "email_verified": True, "groups_direct": ["acme"],
        },
        userinfo={
            "sub": "42", **MAIL, "name": "Ada Lovelace", "email_verified": True,
            "groups": ["acme", "acme/staff", "acme/staff/platform-admins"],
            "https://gitlab.org/claims/groups/owner": ["acme"],
        },
        subject="42",
        groups=("acme", "acme/staff", "acme/staff/platform-admins"),
    ),
    "gitlab-direct": Vendor(
        preset="gitlab",
        issuer="{o}",
        settings={"fetch_userinfo": "never"},
        published={"authorization_endpoint": "{o}/oauth/authorize", "token_endpoint": "{o}/oauth/token"},
        claims={"iss": "{o}", "sub": "42", **PERSON, "groups_direct": [*GROUPS]},
        subject="42",
    ),
    "auth0": Vendor(  # the issuer ends in a slash; claims are namespaced
        preset="auth0",
        issuer="{o}/",
        settings={
            "authorization_params": {"audience": "https://api.acme.example", "organization": "org_1example"},
            "attributes": {"groups": "https://acme.example/roles", "department": '"https://acme.example/app".unit'},
        },
        published={
            "authorization_endpoint": "{o}/authorize",
            "token_endpoint": "{o}/oauth/token",
            "userinfo_endpoint": "{o}/userinfo",
            "end_session_endpoint": "{o}/oidc/logout",
            "mfa_challenge_endpoint": "{o}/mfa/challenge",
        },
        claims={
            "iss": "{o}/", "sub": "auth0|602c0example", "sid": "s-1", "org_id": "org_1example", **PERSON,
            "nickname": "ada", "updated_at": "2026-11-21T11:00:00.000Z",
            "https://acme.example/roles": [*GROUPS], "https://acme.example/app": {"unit": "R&D"},
        },
        asks={"audience": "https://api.acme.example", "organization": "org_1example"},
        subject="auth0|602c0example",
    ),
    "cognito": Vendor(  # the endpoints are at the pool's domain; UserInfo writes booleans as text
        preset="cognito",
        issuer="{o}/eu-west-1_example",
        settings={"flow": "implicit"},  # has no answer with an ID Token: served as code
        published={
            "authorization_endpoint": "{o}/acme.auth.eu-west-1.amazoncognito.com/oauth2/authorize",
            "token_endpoint": "{o}/acme.auth.eu-west-1.amazoncognito.com/oauth2/token",
            "userinfo_endpoint": "{o}/acme.auth.eu-west-1.amazoncognito.com/oauth2/userInfo",
            "end_session_endpoint": "{o}/acme.auth.eu-west-1.amazoncognito.com/logout",
            "response_types_supported": ["code", "token"],
        },
        claims={
            "iss": "{o}/eu-west-1_example", "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "token_use": "id",
            "cognito:username": "ada", "cognito:groups": [*GROUPS], "cognito:roles": ["arn:aws:x"],
            "origin_jti": "o", "event_id": "e", "jti": "j", "auth_time": "{now}", "at_hash": "{at_hash}",
        },
        userinfo={
            "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "username": "ada", **MAIL, **NAMED,
            "email_verified": "true",
        },
        asks={"response_type": "code"},
        subject="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    ),
    "keycloak": keycloak(),
    "keycloak-realm-roles": keycloak(
        claims={**KEYCLOAK, "realm_access": {"roles": [*GROUPS]}}, groups=GROUPS
    ),
    "keycloak-client-roles": keycloak(
        settings={"attributes": {"groups": 'resource_access."https://sso.acme.example/app".roles'}},
        claims={
            **KEYCLOAK,
            "realm_access": {"roles": ["offline_access"]},
            "resource_access": {
                "https://sso.acme.example/app": {"roles": [*GROUPS]}, "account": {"roles": ["view-profile"]},
            },
        },
        groups=GROUPS,
    ),
    "pingfederate": Vendor(
        preset="pingfederate",
        issuer="{o}",
        published={
            "authorization_endpoint": "{o}/as/authorization.oauth2",
            "token_endpoint": "{o}/as/token.oauth2",
            "userinfo_endpoint": "{o}/idp/userinfo.openid",
            "end_session_endpoint": "{o}/idp/startSLO.ping",
            "ping_end_session_endpoint": "{o}/idp/startSLO.ping",
            "ping_revoked_sris_endpoint": "{o}/pf-ws/rest/sessionMgmt/revokedSris",
        },
        claims={"iss": "{o}", "sub": "ada", "jti": "j", "pi.sri": "s", "auth_time": "{now}", "s_hash": "x"},
        userinfo={"sub": "ada", **MAIL, **NAMED, "memberOf": "staff"},  # one value comes without its list
        subject="ada",
        email_verified=None,
        groups=("staff",),
    ),
    "ping": Vendor(
        preset="ping",
        issuer="{o}/11111111-2222-3333-4444-555555555555/as",
        published={
            "authorization_endpoint": "{o}/11111111-2222-3333-4444-555555555555/as/authorize",
            "token_endpoint": "{o}/11111111-2222-3333-4444-555555555555/as/token",
            "userinfo_endpoint": "{o}/11111111-2222-3333-4444-555555555555/as/userinfo",
            "end_session_endpoint": "{o}/11111111-2222-3333-4444-555555555555/as/signoff",
            "pushed_authorization_request_endpoint": "{o}/11111111-2222-3333-4444-555555555555/as/par",
        },
        claims={
            "iss": "{o}/11111111-2222-3333-4444-555555555555/as",
            "sub": "0f6b1d0e-2a43-4c8a-b1a0-9c8d7e6f5a4b", "sid": "s-1", "auth_time": "{now}",
            "env": "11111111-2222-3333-4444-555555555555", "org": "o",
            "acr": "Single_Factor", "amr": ["pwd"], "at_hash": "{at_hash}", **MAIL, **NAMED,
            "groups": [*GROUPS],
        },
        # Asked, for the ID Token says nothing of email_verified; it does not either.
        userinfo={"sub": "0f6b1d0e-2a43-4c8a-b1a0-9c8d7e6f5a4b", **MAIL, **NAMED},
        subject="0f6b1d0e-2a43-4c8a-b1a0-9c8d7e6f5a4b",
        email_verified=None,
    ),
    "adfs": Vendor(  # UserInfo tells sub alone and is not asked; one group comes without its list
        preset="adfs",
        issuer="{o}/adfs",
        published={
            "authorization_endpoint": "{o}/adfs/oauth2/authorize/",
            "token_endpoint": "{o}/adfs/oauth2/token/",
            "userinfo_endpoint": "{o}/adfs/userinfo",
            "end_session_endpoint": "{o}/adfs/oauth2/logout",
            "access_token_issuer": "http://adfs.acme.example/adfs/services/trust",
            "frontchannel_logout_supported": True,
            "frontchannel_logout_session_supported": True,
            "microsoft_multi_refresh_token": True,
            "capabilities": ["kdf_ver2"],
        },
        jwk={"x5t": "x", "x5c": ["MIIC"]},
        tokens={"resource": "urn:microsoft:userinfo", "refresh_token_expires_in": 28799, "scope": "openid"},
        claims={
            "iss": "{o}/adfs", "sub": "R5Bk7nNxR0ZtqT9r1QmV3l8sYb2cD4eF6gH8iJ0kLm=", "auth_time": "{now}",
            "apptype": "Confidential", "appid": "federation", "authmethod": "urn:x",
            "unique_name": "ACME\\ada", "upn": "ada@acme.example", "ver": "1.0", "scp": "allatclaims openid",
            "group": "staff", "given_name": "Ada", "family_name": "Lovelace", "sid": "S-1-5-21-1-2-3-1104",
        },
        asks={"response_mode": "form_post", "scope": "openid profile email allatclaims"},
        subject="R5Bk7nNxR0ZtqT9r1QmV3l8sYb2cD4eF6gH8iJ0kLm=",
        email_verified=None,
        name="ACME\\ada",
        groups=("staff",),
    ),
    "onelogin": Vendor(
        preset="onelogin",
        issuer="{o}/oidc/2",
        published={
            "authorization_endpoint": "{o}/oidc/2/auth",
            "token_endpoint": "{o}/oidc/2/token",
            "userinfo_endpoint": "{o}/oidc/2/me",
            "end_session_endpoint": "{o}/oidc/2/logout",
        },
        claims={"iss": "{o}/oidc/2", "sub": "33", "rt_hash": "x", "auth_time": "{now}", **MAIL},
        userinfo={"sub": "33", **MAIL, **NAMED, "groups": [*GROUPS], "preferred_username": "ada"},
        asks={"scope": "openid profile email groups"},
        subject="33",
        email_verified=None,
    ),
    "onelogin-params": Vendor(  # parameters of the application's own stand under params
        preset="onelogin",
        issuer="{o}/oidc/2",
        settings={"attributes": {"department": "params.department"}},
        published={
            "authorization_endpoint": "{o}/oidc/2/auth",
            "token_endpoint": "{o}/oidc/2/token",
            "userinfo_endpoint": "{o}/oidc/2/me",
            "end_session_endpoint": "{o}/oidc/2/logout",
            "claims_parameter_supported": True,
            "request_parameter_supported": False,
            "response_modes_supported": ["form_post", "fragment", "query"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        },
        claims={
            "iss": "{o}/oidc/2", "sub": "33", "rt_hash": "x", "auth_time": "{now}",
            "acr": "onelogin:nist:level:1:re-auth", "at_hash": "{at_hash}", **PERSON,
            "groups": ["staff"], "params": {"department": "R&D", "employee": None},
        },
        subject="33",
        groups=("staff",),
    ),
    "generic": Vendor(
        preset="generic",
        issuer="{o}/op",
        settings={"attributes": {"groups": "entitlements", "email": "contact.mail"}},
        published={"authorization_endpoint": "{o}/op/a", "token_endpoint": "{o}/op/t"},
        claims={
            "iss": "{o}/op", "sub": "7", **NAMED, "email": "old@acme.example",
            "contact": {"mail": "ada@acme.example"}, "entitlements": '["platform-admins","staff"]',
        },
        subject="7",
        email_verified=None,
    ),
}  # fmt: skip

# What administrators get wrong, or an impostor sends: the shape, what stands there instead, the code.
FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "entra: no oid": ("entra", {"oid": None}, "oidc.subject_claims"),
    "entra: no tid": ("entra", {"tid": None}, "oidc.subject_claims"),
    "entra: another tenant": ("entra", {"iss": f"{{o}}/{PARTNER}/v2.0", "tid": PARTNER}, "oidc.key_unknown"),
    "entra: v1.0": ("entra", {"iss": f"https://sts.windows.net/{TENANT}/"}, "oidc.key_unknown"),
    "entra: a guest": (
        "entra",
        {"email": None, "preferred_username": "ada_partner.example#EXT#@acme.onmicrosoft.com"},
        "policy.guest",
    ),
    "entra: a guest with their own address": (
        "entra",
        {
            "email": "ada@partner.example",
            "preferred_username": "ada@partner.example",
            "upn": "ada_partner.example#EXT#@acme.onmicrosoft.com",
        },
        "policy.guest",
    ),
    "entra: not the owner's domain": ("entra", {"xms_edov": False}, "policy.email_unverified"),
    "organizations: a tenant that is not listed": (
        "entra-organizations",
        {"iss": f"{{o}}/{OBJECT}/v2.0", "tid": OBJECT},
        "oidc.tenant",
    ),
    "organizations: a tid that is not the issuer's": ("entra-organizations", {"tid": TENANT}, "oidc.issuer"),
    "organizations: consumers": (
        "entra-organizations",
        {"iss": f"{{o}}/{CONSUMERS}/v2.0", "tid": CONSUMERS},
        "oidc.tenant",
    ),
    "okta: the other authorization server": ("okta-custom", {"iss": "{o}"}, "oidc.issuer"),
    "google: a consumer account": ("google", {"hd": None}, "oidc.demanded_claim"),
    "google: another Workspace": ("google", {"hd": "evil.example"}, "oidc.demanded_claim"),
    "onelogin: the region's older issuer": (
        "onelogin",
        {"iss": "https://openid-connect.onelogin.com/oidc"},
        "oidc.issuer",
    ),
    "onelogin: an address that is not verified": (
        "onelogin-params",
        {"email_verified": False},
        "policy.email_unverified",
    ),
    "onelogin: UserInfo of somebody else": ("onelogin", {"sub": "34"}, "oidc.userinfo_sub"),
    "auth0: another organization": ("auth0", {"org_id": "org_2example"}, "oidc.demanded_claim"),
    "auth0: no organization": ("auth0", {"org_id": None}, "oidc.demanded_claim"),
    "auth0: no slash": ("auth0", {"iss": "{o}"}, "oidc.issuer"),
    "cognito: another client": ("cognito", {"aud": "another"}, "oidc.audience"),
    "keycloak: another client's token": ("keycloak", {"azp": "account"}, "oidc.azp"),
    "keycloak: not verified": ("keycloak", {"email_verified": False}, "policy.email_unverified"),
    "adfs: the access token's issuer": (
        "adfs",
        {"iss": "http://adfs.acme.example/adfs/services/trust"},
        "oidc.issuer",
    ),
    "adfs: a UPN of another suffix": ("adfs", {"upn": "ada@acme.local"}, "policy.domain"),
    "ping: two addresses": ("ping", {"email": ["ada@acme.example", "x@y.zz"]}, "identity.email_repeated"),
    "pingfederate: UserInfo of somebody else": ("pingfederate", {"sub": "bob"}, "oidc.userinfo_sub"),
}  # fmt: skip
