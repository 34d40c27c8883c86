"""What a signature may be made with: the whole allow-list, each method bound to its kind of key.

RSA (PKCS #1 v1.5 and PSS) and ECDSA with SHA-256 and above; SHA-1 only for a connection that
excepts it. XML-DSig core, RFC 6931, RFC 9231.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from federation.saml.xml import DS, XENC

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Digest: TypeAlias = Callable[[bytes], Any]

_DSIG: Final = DS[1:-1]
_ENC: Final = XENC[1:-1]
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"


@dataclass(frozen=True, slots=True)
class _Rsa:
    hash: hashes.HashAlgorithm
    padding: padding.AsymmetricPadding

    def verify(self, key: PublicKey, value: bytes, octets: bytes) -> bool:
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        return _holds(key.verify, value, octets, self.padding, self.hash)


@dataclass(frozen=True, slots=True)
class _Ecdsa:
    hash: hashes.HashAlgorithm

    def verify(self, key: PublicKey, value: bytes, octets: bytes) -> bool:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        # RFC 6931 §2.3.6: r and s side by side, each as long as the curve's order; not DER.
        size = (key.curve.key_size + 7) // 8
        if len(value) != 2 * size:
            return False
        pair = encode_dss_signature(int.from_bytes(value[:size]), int.from_bytes(value[size:]))
        return _holds(key.verify, pair, octets, ec.ECDSA(self.hash))


def _holds(verify: Callable[..., None], *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except InvalidSignature:
        return False
    return True


Method: TypeAlias = _Rsa | _Ecdsa

_SHA: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
METHODS: Final[dict[str, Method]] = (
    {f"{_MORE}rsa-sha{bits}": _Rsa(sha, padding.PKCS1v15()) for bits, sha in _SHA.items()}
    | {  # RFC 6931 §2.3.10: MGF1 with the same hash, the salt as long as the digest
        f"{_MORE_2007}sha{bits}-rsa-MGF1": _Rsa(
            sha, padding.PSS(padding.MGF1(sha), padding.PSS.DIGEST_LENGTH)
        )
        for bits, sha in _SHA.items()
    }
    | {f"{_MORE}ecdsa-sha{bits}": _Ecdsa(sha) for bits, sha in _SHA.items()}
)
DIGESTS: Final[dict[str, Digest]] = {
    f"{_ENC}sha256": hashlib.sha256,
    f"{_MORE}sha384": hashlib.sha384,
    f"{_ENC}sha512": hashlib.sha512,
}
# For a connection that excepts "sha1", by name, with reason and end.
SHA1_METHODS: Final[dict[str, Method]] = {
    f"{_DSIG}rsa-sha1": _Rsa(hashes.SHA1(), padding.PKCS1v15()),  # noqa: S303
    f"{_MORE}ecdsa-sha1": _Ecdsa(hashes.SHA1()),  # noqa: S303
}
SHA1_DIGESTS: Final[dict[str, Digest]] = {f"{_DSIG}sha1": hashlib.sha1}


def find_method(uri: str, legacy: frozenset[str]) -> Method | None:
    """Return how a signature of this method is verified; None where it is not allowed.

    Args:
        uri: SignatureMethod or SigAlg, as it came.
        legacy: The weak algorithms that this connection excepts.
    """
    return METHODS.get(uri) or (SHA1_METHODS.get(uri) if "sha1" in legacy else None)


def find_digest(uri: str, legacy: frozenset[str]) -> Digest | None:
    """Return the digest of this name; None where it is not allowed."""
    return DIGESTS.get(uri) or (SHA1_DIGESTS.get(uri) if "sha1" in legacy else None)
