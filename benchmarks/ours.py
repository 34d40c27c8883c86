"""Our validation as a connection compiles it: the settings' defaults, every rule on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from responses import ACS, IDP, REQUEST

from federation import registry
from federation.connection import SamlConnection
from federation.identity import VerifiedAssertion
from federation.saml import bindings, service_provider
from federation.saml.encryption import read_decryption_key
from federation.saml.profile import Expected

_MINUTE = timedelta(minutes=1)


def validator(keys: Path) -> Callable[[str], VerifiedAssertion]:
    """Return what decodes a form field and accepts the response in it, for an ordinary connection."""
    now = datetime.now(UTC)
    connection = SamlConnection.model_validate(
        {
            "id": "bench",
            "protocol": "saml",
            "organization": "acme",
            "domains": ["example.org"],
            "entity_id": IDP,
            "sso_url": "https://idp.example.org/sso",
            "certificates": [(keys / "idp.crt").read_text()],
        }
    )
    entry = registry.compile_one(connection, "https://sp.example.org", development=False, own=None, now=now)
    assert isinstance(entry, registry.Saml)
    assert entry.idp is not None
    assert entry.acs_url == ACS
    idp, terms = entry.idp, entry.terms
    private = serialization.load_pem_private_key((keys / "sp.key").read_bytes(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    ours = (read_decryption_key(private),)

    def validate(encoded: str) -> VerifiedAssertion:
        at = datetime.now(UTC)
        expected = Expected(
            idp=idp,
            terms=terms,
            acs_url=ACS,
            request_id=REQUEST,
            asked_at=at - _MINUTE,
            legacy=frozenset(),
            now=at,
        )
        return service_provider.accept(bindings.decode_post(encoded), expected, decryption_keys=ours)

    return validate
