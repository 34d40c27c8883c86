"""What is pasted at each vendor's console, under the name that it has there. Data alone.

The words are the vendors' own, as ``docs/guides`` has them: ``tests/test_console_vendors.py`` holds the
two together. ``value`` is a key of ``ConnectionView.urls``, or, where it is none, what to choose there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

URLS: Final = frozenset(
    {
        "acs_url", "backchannel_logout_url", "callback_url", "entity_id", "frontchannel_logout_url",
        "initiate_url", "jwks_url", "metadata_url", "post_logout_url", "slo_url", "start_url",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A field there, and what goes into it."""

    label: str
    value: str

    @property
    def is_url(self) -> bool:
        """Whether it is an address of ours, to be copied; else it is a choice to make there."""
        return self.value in URLS


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """How one vendor is told about us by one protocol."""

    guide: str  # file of docs/guides
    path: str  # where in its console
    entries: Sequence[Entry]
    answer: str  # where in its console stands what it tells us; "" as by the protocol
    issuer: str = ""  # one of its issuers, as the guide has it; "" where there is none, or one for all


_SAML: Final = (
    Entry("ACS URL", "acs_url"),
    Entry("Entity ID", "entity_id"),
    Entry("Metadata URL", "metadata_url"),
    Entry("SLO URL", "slo_url"),
    Entry("Sign-in link", "start_url"),
)
_OIDC: Final = (
    Entry("Redirect URI (callback)", "callback_url"),
    Entry("Post-logout redirect URI", "post_logout_url"),
    Entry("Back-channel logout URI", "backchannel_logout_url"),
    Entry("Front-channel logout URI", "frontchannel_logout_url"),
    Entry("Initiate login URI", "initiate_url"),
)
_OAUTH2: Final = (Entry("Redirect URI (callback)", "callback_url"),)

# Vendor and protocol; what is not here is told in the specification's words.
VENDORS: Final[Mapping[tuple[str, str], Vendor]] = {
    ("adfs", "saml"): Vendor(
        guide="adfs.md",
        path="AD FS Management → Relying Party Trusts → Add Relying Party Trust → Claims aware",
        entries=(
            Entry("Federation metadata address", "metadata_url"),
            Entry("Relying party trust identifier", "entity_id"),
            Entry("Relying party SAML 2.0 SSO service URL", "acs_url"),
            Entry("SAML Logout", "slo_url"),
        ),
        answer="",
    ),
    ("adfs", "oidc"): Vendor(
        guide="adfs.md",
        path=(
            "AD FS Management → Application Groups → Add Application Group → "
            "Server application accessing a web API"
        ),
        entries=(
            Entry("Server application → Redirect URI", "callback_url"),
            Entry("Configure Application Permissions → Permitted scopes", "openid profile email allatclaims"),
        ),
        answer="Client Identifier",
        issuer="https://adfs.acme.example/adfs",
    ),
    ("auth0", "saml"): Vendor(
        guide="auth0.md",
        path="SAML2 Web App",
        entries=(
            Entry("Application Callback URL", "acs_url"),
            Entry("audience", "entity_id"),
            Entry("recipient", "acs_url"),
            Entry("destination", "acs_url"),
            Entry("callback", "slo_url"),
            Entry("signatureAlgorithm", "rsa-sha256"),
            Entry("digestAlgorithm", "sha256"),
        ),
        answer="Usage",
    ),
    ("auth0", "oidc"): Vendor(
        guide="auth0.md",
        path="Dashboard → Applications → Applications → Create Application → Regular Web Application",
        entries=(
            Entry("Application Login URI", "initiate_url"),
            Entry("Allowed Callback URLs", "callback_url"),
            Entry("Allowed Logout URLs", "post_logout_url"),
            Entry("Back-Channel Logout URI", "backchannel_logout_url"),
            Entry("Advanced Settings → OAuth → JsonWebToken Signature Algorithm", "RS256"),
        ),
        answer="Settings",
        issuer="https://acme.eu.auth0.com/",
    ),
    ("cognito", "oidc"): Vendor(
        guide="cognito.md",
        path="Amazon Cognito → User pools → (the pool) → App clients → Create app client",
        entries=(
            Entry("Allowed callback URLs", "callback_url"),
            Entry("Allowed sign-out URLs", "post_logout_url"),
            Entry("OAuth 2.0 grant types", "Authorization code grant"),
            Entry("OpenID Connect scopes", "OpenID, Email, Profile"),
        ),
        answer="Overview → Token signing key URL",
        issuer="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example",
    ),
    ("entra", "saml"): Vendor(
        guide="entra.md",
        path="Entra admin center → Enterprise apps → New application → Create your own application",
        entries=(
            Entry("Identifier (Entity ID)", "entity_id"),
            Entry("Reply URL (Assertion Consumer Service URL)", "acs_url"),
            Entry("Sign on URL", "start_url"),
            Entry("Logout Url", "slo_url"),
        ),
        answer="SAML Certificates → App Federation Metadata Url",
    ),
    ("entra", "oidc"): Vendor(
        guide="entra.md",
        path="Entra admin center → App registrations → New registration",
        entries=(
            Entry("Redirect URI", "callback_url"),
            Entry("Authentication → Front-channel logout URL", "frontchannel_logout_url"),
            Entry("Authentication → Redirect URIs", "post_logout_url"),
        ),
        answer=(
            "Overview → Directory (tenant) ID, Application (client) ID; "
            "Certificates & secrets → New client secret"
        ),
        issuer="https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
    ),
    ("github", "oauth2"): Vendor(
        guide="github.md",
        path="Settings → Developer settings → OAuth Apps → New OAuth App",
        entries=(Entry("Authorization callback URL", "callback_url"),),
        answer="Generate a new client secret",
    ),
    ("gitlab", "oidc"): Vendor(
        guide="gitlab.md",
        path="Admin → Applications → New application",
        entries=(Entry("Redirect URI", "callback_url"), Entry("Scopes", "openid, profile, email")),
        answer="Application ID",
        issuer="https://gitlab.acme.example",
    ),
    ("google", "saml"): Vendor(
        guide="google.md",
        path="Apps → Web and mobile apps → Add app → Add custom SAML app",
        entries=(
            Entry("ACS URL", "acs_url"),
            Entry("Entity ID", "entity_id"),
            Entry("Name ID format", "EMAIL"),
            Entry("Name ID", "Basic Information > Primary email"),
        ),
        answer="Download metadata",
    ),
    ("google", "oidc"): Vendor(
        guide="google.md",
        path="Google Cloud console → Google Auth Platform",
        entries=(Entry("Authorized redirect URIs", "callback_url"),),
        answer="Client secret",
    ),
    ("keycloak", "saml"): Vendor(
        guide="keycloak.md",
        path="Clients → Import client",
        entries=(
            Entry("Client ID", "entity_id"),
            Entry("Home URL", "start_url"),
            Entry("Valid redirect URIs", "acs_url"),
            Entry("Assertion Consumer Service POST Binding URL", "acs_url"),
            Entry("Logout Service POST Binding URL", "slo_url"),
            Entry("Logout Service Redirect Binding URL", "slo_url"),
            Entry("Sign documents", "On"),
        ),
        answer="",
    ),
    ("keycloak", "oidc"): Vendor(
        guide="keycloak.md",
        path="Clients → Create client",
        entries=(
            Entry("Home URL", "start_url"),
            Entry("Valid redirect URIs", "callback_url"),
            Entry("Valid post logout redirect URIs", "post_logout_url"),
            Entry("Backchannel logout URL", "backchannel_logout_url"),
        ),
        answer="Credentials → Client Secret",
        issuer="https://keycloak.acme.example/realms/acme",
    ),
    ("okta", "saml"): Vendor(
        guide="okta.md",
        path="Admin Console → Applications → Applications → Create App Integration → SAML 2.0",
        entries=(
            Entry("Single sign-on URL", "acs_url"),
            Entry("Audience URI (SP Entity ID)", "entity_id"),
            Entry("Name ID format", "EmailAddress"),
            Entry("Application username", "Email"),
        ),
        answer="Sign On → SAML 2.0 → Metadata details → Metadata URL",
    ),
    ("okta", "oidc"): Vendor(
        guide="okta.md",
        path=(
            "Admin Console → Applications → Applications → Create App Integration → "
            "OIDC - OpenID Connect → Web Application"
        ),
        entries=(
            Entry("Sign-in redirect URIs", "callback_url"),
            Entry("Sign-out redirect URIs", "post_logout_url"),
            Entry("Initiate login URI", "initiate_url"),
        ),
        answer="",
        issuer="https://acme.okta.com",
    ),
    ("onelogin", "saml"): Vendor(
        guide="onelogin.md",
        path="Applications → Applications → Add App",
        entries=(
            Entry("Audience (EntityID)", "entity_id"),
            Entry("Recipient", "acs_url"),
            Entry("ACS (Consumer) URL", "acs_url"),
            Entry("Single Logout URL", "slo_url"),
            Entry("Login URL", "start_url"),
            Entry("SAML initiator", "Service Provider"),
            Entry("SAML nameID format", "Email"),
        ),
        answer="Issuer URL",
    ),
    ("onelogin", "oidc"): Vendor(
        guide="onelogin.md",
        path="Applications → Applications → Add App",
        entries=(
            Entry("Login Url", "initiate_url"),
            Entry("Redirect URI's", "callback_url"),
            Entry("Post Logout Redirect URIs", "post_logout_url"),
        ),
        answer="Issuer URL",
        issuer="https://acme.onelogin.com/oidc/2",
    ),
    ("ping", "saml"): Vendor(
        guide="ping.md",
        path="Applications → Applications → +",
        entries=(
            Entry("ACS URLs", "acs_url"),
            Entry("Entity ID", "entity_id"),
            Entry("SLO Endpoint", "slo_url"),
            Entry("Subject NameID Format", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
        ),
        answer="IDP Metadata URL",
    ),
    ("ping", "oidc"): Vendor(
        guide="ping.md",
        path="Applications → Applications → +",
        entries=(
            Entry("Redirect URIs", "callback_url"),
            Entry("Initiate Login URI", "initiate_url"),
            Entry("Signoff URLs", "post_logout_url"),
        ),
        answer="",
        issuer="https://auth.pingone.eu/11111111-2222-3333-4444-555555555555/as",
    ),
    ("shibboleth", "saml"): Vendor(
        guide="shibboleth.md",
        path="conf/metadata-providers.xml",
        entries=(
            Entry("entityID", "entity_id"),
            Entry("AssertionConsumerService", "acs_url"),
            Entry("SingleLogoutService", "slo_url"),
            Entry("metadataURL", "metadata_url"),
        ),
        answer="/idp/shibboleth",
    ),
    ("simplesamlphp", "saml"): Vendor(
        guide="simplesamlphp.md",
        path="Admin → Federation → XML to SimpleSAMLphp metadata converter",
        entries=(
            Entry("the array's key", "entity_id"),
            Entry("AssertionConsumerService", "acs_url"),
            Entry("SingleLogoutService", "slo_url"),
        ),
        answer="",
    ),
}  # fmt: skip

GENERIC: Final[Mapping[str, Sequence[Entry]]] = {"saml": _SAML, "oidc": _OIDC, "oauth2": _OAUTH2}


def of(preset: str, protocol: str) -> Vendor:
    """Return what is pasted at a vendor; in the specification's words where it has none of its own."""
    return VENDORS.get(
        (preset, protocol),
        Vendor(guide="README.md", path="", entries=GENERIC[protocol], answer=""),
    )
