"""A connection by SAML 2.0, in the keys of the settings file."""

from datetime import date
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from federation.configuration.part import Model
from federation.configuration.scalars import Certificate, Day, EntityId, FilePath, LocalPath, Name, Text, Url
from federation.connection.common import Configured, Required


class MetadataSource(Model):
    """Where the IdP's SAML metadata is: a file, a URL, or the document itself."""

    file: FilePath | None = None
    url: Url | None = None
    xml: Text | None = None
    certificates: tuple[Certificate, ...] = ()  # one of these must have signed it; () takes it unsigned

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len([one for one in (self.file, self.url, self.xml) if one is not None]) != 1:
            raise ValueError("expected one of {file: PATH}, {url: URL} or {xml: DOCUMENT}")
        return self


Legacy = Literal["sha1", "rsa1_5", "tripledes", "cbc"]


class AlgorithmException(Model):
    """A weak algorithm that this one identity provider still needs, why, and until when."""

    allow: Legacy
    reason: Name
    until: Day
    enforce_end: bool = False  # true: refused from the day after; else doctor and the log say so


NameIdFormat = Literal["emailAddress", "persistent", "transient", "unspecified"]
_RESERVED = frozenset({"SAMLRequest", "SAMLResponse", "RelayState", "SAMLEncoding", "SigAlg", "Signature"})


class SamlConnection(Configured):
    """A SAML 2.0 identity provider."""

    protocol: Literal["saml"]
    # who they are
    entity_id: EntityId | None = None  # with metadata: which entity; without: the IdP's
    sso_url: Url | None = None  # SingleSignOnService
    slo_url: Url | None = None  # SingleLogoutService
    certificates: tuple[Certificate, ...] = ()  # PEM text, bare base64, or a path to a PEM file
    metadata: MetadataSource | None = Field(default=None, validate_default=True)
    metadata_changes: Literal["accept", "approve"] = "accept"
    # who we are to them
    sp_entity_id: EntityId | None = None  # default: {base_url}/saml/{connection}/metadata
    advertise_encryption: bool = True  # false: no encryption key in our metadata for this connection
    acs_paths: tuple[LocalPath, ...] = ()  # further ACS paths; the first is the one that is asked for
    # what we ask
    request_binding: Literal["auto", "redirect", "post"] = "auto"
    sign_requests: Literal["auto", "always", "never"] = "auto"  # auto: as their metadata wants it
    force_authn: bool = False
    is_passive: bool = False
    name_id_policy: bool = True  # false: leave NameIDPolicy out of the request
    allow_create: bool = True
    requested_authn_context: tuple[Name, ...] = ()
    authn_context_comparison: Literal["exact", "minimum", "maximum", "better"] = "exact"
    login_hint: Name = "none"  # none, subject, or the name of a query parameter
    request_parameters: dict[Name, str] = Field(default_factory=dict)
    assertion_consumer_service_index: int | None = Field(default=None, ge=0, le=65535)  # in place of the URL
    # what we accept
    signed: Literal["either", "response", "assertion", "both"] = "either"
    exceptions: tuple[AlgorithmException, ...] = ()
    require: Required = Field(default=Required(), validate_default=True)
    subject_attribute: Name | None = None  # keys the person in place of the NameID
    name_id_format: NameIdFormat = Field(default="emailAddress", validate_default=True)
    unsolicited: Literal["refuse", "restart", "accept"] = Field(default="refuse", validate_default=True)
    landing_paths: tuple[LocalPath, ...] = ()  # which RelayState an unsolicited answer may name
    second_opinion: Literal["none", "xmlsec", "python3-saml"] = "none"
    logout: Literal["single", "local"] = "single"  # single: at the IdP too, where it offers it

    @field_validator("metadata")
    @classmethod
    def _trust(cls, metadata: MetadataSource | None, info: ValidationInfo) -> MetadataSource | None:
        by_hand = ("entity_id", "sso_url", "certificates")
        if metadata is None and not all(info.data.get(part, True) for part in by_hand):
            raise ValueError("expected {file: …} or {url: …}, or all of entity_id, sso_url and certificates")
        told = [key for key in ("sso_url", "slo_url", "certificates") if info.data.get(key)]
        if metadata is not None and told:
            raise ValueError(f"already tells {' and '.join(told)}; keep one of the two")
        return metadata

    @field_validator("request_parameters")
    @classmethod
    def _unreserved(cls, parameters: dict[str, str]) -> dict[str, str]:
        if taken := sorted(_RESERVED & parameters.keys()):
            raise ValueError(f"{', '.join(taken)} belongs to the SAML binding")
        return parameters

    @field_validator("login_hint")
    @classmethod
    def _hint(cls, name: str) -> str:
        if name in _RESERVED:
            raise ValueError(f"{name} belongs to the SAML binding")
        return name

    @field_validator("exceptions")
    @classmethod
    def _once(cls, exceptions: tuple[AlgorithmException, ...]) -> tuple[AlgorithmException, ...]:
        names = [one.allow for one in exceptions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is excepted twice; keep one")
        return exceptions

    @field_validator("require")
    @classmethod
    def _checkable(cls, required: Required, info: ValidationInfo) -> Required:
        # Only the IdP knows which of two classes is the stronger; what cannot be checked is not asked.
        if info.data.get("authn_context_comparison", "exact") != "exact" and not required.acr:
            raise ValueError("expected acr, the classes that are good enough: the comparison is not exact")
        asked = set(info.data.get("requested_authn_context", ()))
        if asked and not set(required.acr) <= asked and info.data.get("authn_context_comparison") == "exact":
            raise ValueError("acr holds a class that is not among requested_authn_context")
        return required

    @field_validator("subject_attribute")
    @classmethod
    def _not_ours(cls, subject_attribute: str | None) -> str | None:
        """It names the format of the Subjects that are keyed by it: no IdP speaks for local accounts."""
        if subject_attribute is not None and subject_attribute.startswith("urn:federation:"):
            raise ValueError("expected an attribute of the identity provider; urn:federation: is ours")
        return subject_attribute

    @field_validator("name_id_format")
    @classmethod
    def _lasting(cls, name_id_format: NameIdFormat, info: ValidationInfo) -> NameIdFormat:
        if name_id_format == "transient" and info.data.get("subject_attribute", "") is None:
            raise ValueError("expected subject_attribute too: a transient NameID is another one each time")
        return name_id_format

    @field_validator("unsolicited")
    @classmethod
    def _possible(cls, unsolicited: str, info: ValidationInfo) -> str:
        if unsolicited == "accept" and info.data.get("force_authn"):
            raise ValueError("contradicts force_authn: who was not asked cannot have been asked afresh")
        return unsolicited

    def excepted(self, today: date) -> frozenset[Legacy]:
        """Return the weak algorithms that are allowed on this day (UTC)."""
        return frozenset(one.allow for one in self.exceptions if today <= one.until or not one.enforce_end)
