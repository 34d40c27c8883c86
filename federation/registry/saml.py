"""A SAML connection, compiled: our names and URLs, how it asks, what it demands, what we publish."""

from collections.abc import Mapping
from dataclasses import dataclass

from federation import presets
from federation.connection import SamlConnection
from federation.registry.own import Own
from federation.saml import description, profile, subject
from federation.saml.description import Description
from federation.saml.encryption import DecryptionKey
from federation.saml.metadata import IdentityProvider
from federation.saml.outgoing import AuthnAsks
from federation.saml.service_provider import Requests
from federation.saml.signing import SigningKey


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


def compile_saml(
    connection: SamlConnection,
    base_url: str,
    idp: IdentityProvider | None,
    own: Own | None,
    *,
    development: bool,
) -> Saml:
    """Compile one; arguments as ``registry.compile_one``, with what is at hand of its provider."""
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
