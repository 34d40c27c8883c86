"""Which key a certificate holds: read once, when trust material is; a sign-in parses none.

Only the key counts (SAML Metadata Interoperability Profile §2.5.1): neither the dates of a
certificate nor its chain decide anything, its end is kept to warn of.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from federation.errors import ConfigurationError
from federation.saml.algorithms import PublicKey

_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_KEYS = 8  # each costs a verification where a signature is forged
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key of an identity provider, parsed once; its certificate's dates only warn."""

    public_key: PublicKey
    fingerprint: str  # SHA-256 of the certificate, hex
    not_after: datetime  # UTC
    certificate: bytes = field(repr=False)  # DER, as it was published


def read_signers(texts: Sequence[bytes | str]) -> tuple[VerificationKey, ...]:
    """Read the certificates of those who may sign metadata; () lets it be unsigned, and becomes ().

    Args:
        texts: As for ``read_written``.

    Raises:
        ConfigurationError: As ``read_written``.
    """
    return read_written(texts) if texts else ()


def read_written(texts: Sequence[bytes | str]) -> tuple[VerificationKey, ...]:
    """Read the certificates that were written down, at least one.

    Args:
        texts: PEM text (several in one are fine) or bare base64 of DER.

    Raises:
        ConfigurationError: As ``read_keys``.
    """
    return read_keys([body for text in texts for body in _bodies(text)], "certificates is empty")


def read_keys(bodies: Sequence[str], empty: str) -> tuple[VerificationKey, ...]:
    """Read the keys of some certificates, each once.

    Args:
        bodies: Base64 of DER, white space allowed.
        empty: What is said where there is none.

    Raises:
        ConfigurationError: ``saml.metadata_no_key``, ``saml.certificate``, ``saml.weak_key``.
    """
    unique = {key.fingerprint: key for key in (read_key(read_base64(one)) for one in bodies)}
    if not unique:
        raise ConfigurationError("saml.metadata_no_key", f"{empty}; without a key nothing can be verified")
    if len(unique) > _KEYS:
        raise ConfigurationError("saml.metadata_no_key", f"{len(unique)} signing keys; keep at most {_KEYS}")
    return tuple(unique.values())


def read_key(certificate: bytes) -> VerificationKey:
    """Read an X.509 certificate (DER) into a key that verifies.

    Raises:
        ConfigurationError: ``saml.certificate``, ``saml.weak_key``.
    """
    try:
        read = x509.load_der_x509_certificate(certificate)
        public_key: object = read.public_key()
    except (ValueError, TypeError, x509.InvalidVersion):
        raise ConfigurationError("saml.certificate", "a signing certificate cannot be read") from None
    except UnsupportedAlgorithm:
        public_key = None
    match public_key:
        case rsa.RSAPublicKey(key_size=bits) if bits >= _RSA_BITS:
            pass
        case ec.EllipticCurvePublicKey(curve=curve) if isinstance(curve, _CURVES):
            pass
        case _:
            raise ConfigurationError(
                "saml.weak_key",
                "a signing certificate holds neither RSA of 2048 bits or more, nor P-256, P-384 or P-521",
            )
    return VerificationKey(
        public_key=public_key,
        fingerprint=hashlib.sha256(certificate).hexdigest(),
        not_after=read.not_valid_after_utc,
        certificate=certificate,
    )


def describe(key: VerificationKey) -> str:
    """Return a key's kind and size in words: "RSA 2048", "EC secp256r1"."""
    public = key.public_key
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    return f"EC {public.curve.name}"


def read_base64(text: str) -> bytes:
    """Decode the text of an ``X509Certificate``, white space allowed.

    Raises:
        ConfigurationError: ``saml.certificate``.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ConfigurationError("saml.certificate", "a signing certificate is not base64") from None


def _bodies(text: bytes | str) -> list[str]:
    try:
        read = text.decode("ascii") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise ConfigurationError(
            "saml.certificate", "a certificate is neither PEM text nor base64; convert it from DER"
        ) from None
    return _PEM.findall(read) or [read]
