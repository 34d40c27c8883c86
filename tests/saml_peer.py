"""One SAML identity provider and one expected sign-in, for the tests of the pure SAML room."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from federation.demo.saml_idp import SamlIdp
from federation.demo.users import USERS
from federation.errors import FederationError
from federation.identity import VerifiedAssertion
from federation.saml import metadata, service_provider
from federation.saml.encryption import DecryptionKey
from federation.saml.expected import Expected, Terms
from federation.saml.metadata import IdentityProvider
from federation.saml.xml import EMAIL_ADDRESS

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
SKEW = timedelta(seconds=60)
SECOND = timedelta(seconds=1)
ASKED_AT = NOW - timedelta(minutes=2)
SP = "https://sp.example/saml/acme/metadata"
ACS = "https://sp.example/saml/acme/acs"
REQUEST = "_request-1"
IDP = "https://idp.example/metadata"
USER = USERS["zoe"]


@cache
def peer() -> SamlIdp:
    return SamlIdp(entity_id=IDP, base_url="https://idp.example", service_providers={SP: ACS})


@cache
def trusted() -> IdentityProvider:
    return metadata.read_metadata(peer().metadata(), entity_id=None, development=False, now=NOW, signers=())


def terms(**other: Any) -> Terms:
    """Return the standing demands of an ordinary connection, with some of them changed."""
    values: dict[str, Any] = {
        "sp_entity_id": SP,
        "signed": "either",
        "name_id_format": EMAIL_ADDRESS,
        "subject_attributes": (),
        "subject_required": False,
        "stable_attributes": (),
        "email_attributes": (),
        "acrs": frozenset(),
        "force_authn": False,
        "max_age": None,
        "skew": SKEW,
    }
    return Terms(**values | other)


def expected(**other: Any) -> Expected:
    """Return what an ordinary sign-in expects; fields of the terms may be named here as well."""
    standing = {one.name: other.pop(one.name) for one in fields(Terms) if one.name in other}
    values: dict[str, Any] = {
        "idp": trusted(),
        "terms": terms(**standing),
        "acs_url": ACS,
        "request_id": REQUEST,
        "asked_at": ASKED_AT,
        "legacy": frozenset(),
        "now": NOW,
    }
    return Expected(**values | other)


def response(**knobs: Any) -> bytes:
    return peer().response(user=USER, acs_url=ACS, sp_entity_id=SP, request_id=REQUEST, now=NOW, **knobs)


@cache
def encryption_key() -> rsa.RSAPrivateKey:
    """Our own, to which the peer encrypts."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def our_keys() -> tuple[DecryptionKey, ...]:
    return (DecryptionKey(encryption_key()),)


def encrypted(**knobs: Any) -> bytes:
    """Return a response whose Assertion, or what ``encrypt`` names, is encrypted to us."""
    return response(**{"encrypt": ("assertion",), "encrypt_to": encryption_key().public_key()} | knobs)


def accept(document: bytes, **other: Any) -> VerifiedAssertion:
    keys = other.pop("decryption_keys", our_keys())
    return service_provider.accept(document, expected(**other), decryption_keys=keys)


def refusal(document: bytes, **other: Any) -> FederationError:
    """Return why a document is refused; fail if it is not."""
    try:
        accepted = accept(document, **other)
    except FederationError as error:
        return error
    raise AssertionError(f"accepted as {accepted.subject.value!r}")
