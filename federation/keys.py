"""Our own keys as files: the service provider's key pairs, and the ring that seals what we keep.

Files are made whole or not at all, with mode 0600; whoever loses a race uses the winner's
file. Beside the pair in use there may be the next one and the previous one, while keys are
exchanged (``operator/keys.py`` does that): wherever it stopped, what is there can be loaded.
"""

import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from federation.errors import ConfigurationError
from federation.vault import KEY_OCTETS, Vault, key_id

CERTIFICATE_LIFE: Final = timedelta(days=3653)  # IdPs pin the key; a short life only breaks sign-ins
_RSA_BITS: Final = 3072


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
