"""Our own keys, as the protocol rooms use them; loaded once."""

from dataclasses import dataclass

from federation.keys import KeySet
from federation.oidc.client_authentication import AssertionKey, public_jwks, read_assertion_key
from federation.saml.encryption import DecryptionKey, read_decryption_key
from federation.saml.signing import SigningKey, read_signing_key


@dataclass(frozen=True, kw_only=True)
class Own:
    """Our own keys, as the protocol rooms use them; loaded once."""

    signing: SigningKey
    decryption: tuple[DecryptionKey, ...]  # current, next, previous
    published: tuple[bytes, ...]  # certificates, DER, of the keys that sign, or will
    opening: tuple[bytes, ...]  # certificates, DER, of the keys that others may encrypt to
    assertion: AssertionKey  # the same key, as private_key_jwt uses it
    jwks: bytes  # what providers verify our client assertions with: current, next, previous


def own_keys(held: KeySet) -> Own:
    """Give our keys, loaded and checked, to the protocol rooms.

    Raises:
        ConfigurationError: ``keys.*``.
    """
    current = held.current
    assertions = [read_assertion_key(one.private_key, one.certificate_der) for one in held.all]
    return Own(
        signing=read_signing_key(current.private_key, current.certificate_der),
        decryption=tuple(read_decryption_key(one.private_key) for one in held.all),
        published=held.signing_certificates,
        opening=held.encryption_certificates,
        assertion=assertions[0],
        jwks=public_jwks(assertions),
    )
