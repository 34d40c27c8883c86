"""Our own keys: what signs our metadata, and what encrypts what we keep.

A key ring seals secrets at rest: the first key encrypts, every key decrypts, and each
envelope is bound to its place, so that one moved elsewhere does not open. Files are made
whole or not at all, with mode 0600; whoever loses a race uses the winner's file.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from federation.errors import ConfigurationError

KEY_OCTETS: Final = 32  # AES-256
CERTIFICATE_LIFE: Final = timedelta(days=3653)  # IdPs pin the key; a short life only breaks sign-ins
_VERSION: Final = "v1"
_NONCE_OCTETS: Final = 12  # NIST SP 800-38D §8.2.2: random, so at most 2**32 messages under one key
_RSA_BITS: Final = 3072


def key_id(key: bytes) -> str:
    """Return the name under which envelopes remember a key: eight hex digits of its SHA-256."""
    return hashlib.sha256(key).hexdigest()[:8]


class Vault:
    """Encrypts what is kept at rest, as ``v1.<kid>.<nonce>.<ciphertext>`` (base64url, unpadded)."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Take the ring: pairs of key id and 32 octets; the first encrypts, all decrypt.

        Raises:
            ConfigurationError: ``keys.ring_empty``, ``keys.length``.
        """
        if not keys:
            raise ConfigurationError(
                "keys.ring_empty", "there is no encryption key; name one in encryption_keys"
            )
        if any(len(key) != KEY_OCTETS for _, key in keys):
            raise ConfigurationError("keys.length", f"an encryption key is not {KEY_OCTETS} octets long")
        self._first, self._ring = keys[0], dict(keys)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._ring)})"

    @property
    def first(self) -> str:
        """Id of the key that encrypts."""
        return self._first[0]

    def seal(self, plain: bytes, aad: str) -> str:
        """Encrypt under the first key.

        Args:
            plain: What to hide.
            aad: Where it is kept ("person:…", "record:…"); opening it elsewhere fails.
        """
        return _seal(*self._first, plain, aad)

    def open(self, envelope: str, aad: str) -> bytes:
        """Decrypt what ``seal`` made for the same place.

        Raises:
            ConfigurationError: ``keys.unknown`` (its key is not in the ring), ``keys.envelope``
                (altered, moved, or not an envelope).
        """
        kid = _kid_of(envelope)
        if kid not in self._ring:
            raise ConfigurationError(
                "keys.unknown",
                "its encryption key is not in encryption_keys; add the file of that key behind the first",
            )
        return _open(kid, self._ring[kid], envelope, aad)

    def new_key(self, aad: str) -> str:
        """Return a fresh random key, sealed by the ring; forgetting it erases what it sealed."""
        return self.seal(secrets.token_bytes(KEY_OCTETS), aad)

    def seal_under(self, wrapped: str, key_aad: str, plain: bytes, aad: str) -> str:
        """Encrypt under a key that ``new_key`` made for ``key_aad``.

        Raises:
            ConfigurationError: As ``open``, for the wrapped key.
        """
        key = self.open(wrapped, key_aad)
        return _seal(key_id(key), key, plain, aad)

    def open_under(self, wrapped: str, key_aad: str, envelope: str, aad: str) -> bytes:
        """Decrypt what ``seal_under`` made.

        Raises:
            ConfigurationError: As ``open``, for the wrapped key or the envelope.
        """
        key = self.open(wrapped, key_aad)
        kid = _kid_of(envelope)
        if kid != key_id(key):
            raise ConfigurationError("keys.unknown", "the envelope was sealed under another person's key")
        return _open(kid, key, envelope, aad)


def _seal(kid: str, key: bytes, plain: bytes, aad: str) -> str:
    nonce = secrets.token_bytes(_NONCE_OCTETS)
    sealed = AESGCM(key).encrypt(nonce, plain, _bound(kid, aad))
    return f"{_VERSION}.{kid}.{_encode(nonce)}.{_encode(sealed)}"


def _open(kid: str, key: bytes, envelope: str, aad: str) -> bytes:
    *_, nonce, sealed = envelope.split(".")
    try:
        return AESGCM(key).decrypt(_decode(nonce), _decode(sealed), _bound(kid, aad))
    except (InvalidTag, ValueError):
        raise _not_ours() from None


def _kid_of(envelope: str) -> str:
    version, _, rest = envelope.partition(".")
    kid, _, rest = rest.partition(".")
    if version != _VERSION or rest.count(".") != 1:
        raise _not_ours()
    return kid


def _not_ours() -> ConfigurationError:
    return ConfigurationError("keys.envelope", "the envelope was altered, moved, or is not one of ours")


def _bound(kid: str, aad: str) -> bytes:
    return f"{_VERSION}.{kid}.{aad}".encode()


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _not_ours() from None
    if _encode(octets) != text:  # one spelling only: spare bits in the last character are not ours
        raise _not_ours()
    return octets


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """The key that signs for this service provider, and its certificate."""

    private_key_pem: bytes = field(repr=False)  # PKCS #8, not encrypted
    certificate_der: bytes = field(repr=False)
    not_before: datetime  # UTC
    not_after: datetime


def load_key_pair(key_file: Path, certificate_file: Path) -> KeyPair:
    """Read the service provider's key and certificate, and see that they belong together.

    Raises:
        ConfigurationError: ``keys.file``, ``keys.private_key``, ``keys.certificate``, ``keys.pair``.
    """
    pem = _read(key_file)
    key = _private_key(pem, key_file)
    try:
        certificate = x509.load_pem_x509_certificate(_read(certificate_file))
    except ValueError:
        raise ConfigurationError("keys.certificate", f"{certificate_file} is not a PEM certificate") from None
    if certificate.public_key() != key.public_key():
        raise ConfigurationError("keys.pair", f"{certificate_file} is not the certificate of {key_file}")
    return KeyPair(
        private_key_pem=pem,
        certificate_der=certificate.public_bytes(serialization.Encoding.DER),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def generate_key_pair(key_file: Path, certificate_file: Path, *, name: str, now: datetime) -> bool:
    """Make what is missing of the pair: RSA-3072, a self-signed certificate for ten years.

    Two processes that start at once end with one pair: the first key file stands, and
    either makes a certificate for that key.

    Args:
        key_file: PEM, PKCS #8; never overwritten.
        certificate_file: PEM; never overwritten.
        name: Common name of the certificate, for people; at most 64 characters are used.
        now: Start of the certificate's life.

    Returns:
        Whether anything was made.

    Raises:
        ConfigurationError: ``keys.pair`` (a certificate without its key), ``keys.file``.
    """
    made = False
    if not key_file.exists():
        if certificate_file.exists():
            raise ConfigurationError(
                "keys.pair",
                f"{certificate_file} is there but its key {key_file} is not; restore it or move this away",
            )
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        pem = fresh.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made = create_file(key_file, pem)
    if not certificate_file.exists():
        key = _private_key(_read(key_file), key_file)
        made = create_file(certificate_file, _self_signed(key, name, now)) or made
    return made


def _self_signed(key: rsa.RSAPrivateKey, name: str, now: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # an IdP whose clock is behind must not refuse it
        .not_valid_after(now + CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_key(pem: bytes, file: Path) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError(
            "keys.private_key", f"{file} is not an unencrypted PEM private key"
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("keys.private_key", f"{file} is not an RSA key")
    return key


def generate_secret_key(file: Path) -> bool:
    """Make a file of 32 random octets in base64, unless it is there; tell whether it was made.

    Raises:
        ConfigurationError: ``keys.file``.
    """
    return create_file(file, base64.b64encode(secrets.token_bytes(KEY_OCTETS)) + b"\n")


def open_vault(files: Sequence[Path]) -> Vault:
    """Read the ring, first file first.

    Raises:
        ConfigurationError: ``keys.file``, ``keys.secret_key``, ``keys.ring_empty``.
    """
    return Vault([_secret_key(file) for file in files])


def _secret_key(file: Path) -> tuple[str, bytes]:
    try:
        key = base64.b64decode(_read(file).strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_OCTETS:
        raise ConfigurationError("keys.secret_key", f"{file} does not hold {KEY_OCTETS} octets in base64")
    return key_id(key), key


def create_file(file: Path, content: bytes) -> bool:
    """Write a new file with mode 0600, whole or not at all; False if one is there already.

    Raises:
        ConfigurationError: ``keys.file``: the directory cannot be written.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(draft, file)  # unlike a rename, it fails where a file is already there
        except FileExistsError:
            return False
    except OSError as error:
        raise ConfigurationError("keys.file", f"{file} cannot be written ({error.strerror})") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return True


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "keys.file", f"{file} cannot be read ({error.strerror}); `federation init` makes our own keys"
        ) from None
