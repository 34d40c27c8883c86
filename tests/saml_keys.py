"""Keys for the tests of SAML, each made once a run: by name, so that two tests may mean the same."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from saml_peer import NOW

from federation.demo.saml_signing import SigningKey, make_key
from federation.saml import signing
from federation.saml.algorithms import PublicKey

CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "k256": ec.SECP256K1(),
}


@cache
def key(kind: str) -> SigningKey:
    """Make a key and its certificate: ``rsa``, ``rsa1024`` or a curve; ``p256-other`` is another one."""
    name = kind.partition("-")[0]
    if name in CURVES:
        return make_key(now=NOW, curve=CURVES[name])
    return make_key(now=NOW, bits=int(name.removeprefix("rsa") or 2048))


def public(kind: str = "rsa") -> PublicKey:
    return key(kind).private.public_key()


def pem(one: SigningKey) -> bytes:
    return one.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@cache
def our_key(kind: str = "rsa") -> signing.SigningKey:
    """Return a key as the service signs with it."""
    return signing.read_signing_key(key(kind).private, key(kind).certificate)
