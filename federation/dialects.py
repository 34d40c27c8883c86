"""How a vendor may differ in each protocol; ``presets`` is the table of who does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Names = Mapping[str, tuple[str, ...]]
Signs = Literal["assertion", "response", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Of which addresses a vendor knows the owner for certain, where it says that one is verified."""

    domains: frozenset[str]  # its own
    claim: str  # names the one domain that it hosts for this person's organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one vendor speaks one protocol; None and empty leave the connection's default."""

    filled: ClassVar[tuple[str, ...]] = ()  # fields that are keys of the settings file too

    attributes: Names = field(default_factory=dict)  # ours → theirs
    # what of a sign-in its SCIM client sends as externalId; () where nobody can say
    external_ids: tuple[str, ...] = ()
    # likewise as userName, where none of its people choose it for themselves
    user_names: tuple[str, ...] = ()

    def defaults(self) -> dict[str, Any]:
        """Return what it fills in besides attributes, as keys of the settings file."""
        told = {key: getattr(self, key) for key in self.filled}
        return {key: value for key, value in told.items() if value not in (None, "", (), {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlDialect(Dialect):
    """SAML 2.0."""

    filled: ClassVar[tuple[str, ...]] = ("name_id_policy", "login_hint", "advertise_encryption")

    name_id_policy: bool | None = None
    login_hint: str | None = None
    advertise_encryption: bool | None = None
    stable_attributes: tuple[str, ...] = ()  # together they name a person for good, at this vendor
    signs: tuple[Signs, ...] = ()  # what it can sign, as it is delivered first
    logout: str = ""  # what is special about ending its session, for who sets it up


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcDialect(Dialect):
    """OpenID Connect."""

    filled: ClassVar[tuple[str, ...]] = (
        "scopes", "authorization_params", "fetch_userinfo", "response_mode", "revoke_tokens", "split_groups",
    )  # fmt: skip

    scopes: tuple[str, ...] = ()
    authorization_params: Mapping[str, str] = field(default_factory=dict)
    fetch_userinfo: Literal["auto", "always", "never"] | None = None
    response_mode: Literal["query", "form_post"] | None = None
    revoke_tokens: bool | None = None  # False: it would end what the person's other sessions have there
    split_groups: Literal["never"] | None = None  # "never": who is in one group has its name as a string
    answered: Mapping[str, str] = field(default_factory=dict)  # asked → the claim that must say it
    subject_claims: tuple[str, ...] = ()  # together they name a person for good; (): sub
    code_only: bool = False  # no answer of its authorization endpoint brings an ID Token
    verified_by: Literal["email_verified", "xms_edov", "hd"] = "email_verified"  # that an address is theirs
    authority: Authority | None = None  # None: over no address
    groups_api: Literal["", "graph", "directory"] = ""  # where groups are asked for that no token holds
    offline: Mapping[str, str] = field(default_factory=dict)  # asks for a refresh token; {}: offline_access
    # Its own way to end a session: the parameter that says where people go afterwards, beside client_id
    # and in place of post_logout_redirect_uri and id_token_hint. With a path, which starts at the issuer,
    # only where the provider publishes no end_session_endpoint.
    end_session: str = ""
    end_session_path: str = ""
    frame_iss: bool = True  # false: its frames for front-channel logout say sid alone


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2Dialect(Dialect):
    """OAuth 2.0 without OpenID Connect."""

    filled: ClassVar[tuple[str, ...]] = ("scopes", "server", "subject_claim", "token_endpoint_auth_method")

    scopes: tuple[str, ...] = ()
    server: str = ""  # where it is, unless the connection names another one
    endpoints: Mapping[str, str] = field(default_factory=dict)  # key → URL; {server}, and {api} for its API
    api_hosts: Mapping[str, str] = field(default_factory=dict)  # a host, or how it ends → where {api} is
    api_headers: Mapping[str, str] = field(default_factory=dict)
    api_scopes: Names = field(default_factory=dict)  # key → one of these reaches it
    subject_claim: str = ""
    profile: tuple[str, ...] = ()  # members that are of use; (): all
    token_endpoint_auth_method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One vendor. A protocol that is None cannot be used with it, for the reason in ``notes``."""

    title: str
    saml: SamlDialect | None = None
    oidc: OidcDialect | None = None
    oauth2: OAuth2Dialect | None = None
    notes: str = ""
