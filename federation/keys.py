"""Our own keys as files: the service provider's key pairs, and the ring that seals what we keep.

Whoever loses a race to make a file uses the winner's. While keys are exchanged, the next or
the previous pair stands beside the one in use (``operator/keys.py`` does that): wherever the
exchange stopped, what is there can be loaded.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from federation.errors import ConfigurationError
from federation.files import create_file
from federation.vault import KEY_OCTETS, Vault, key_id

CERTIFICATE_LIFE: Final = timedelta(days=3653)  # IdPs pin the key; a short life only breaks sign-ins
_RSA_BITS: Final = 3072
_READINGS: Final = 4


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """The key that signs for this service provider, and its certificate."""

    private_key_pem: bytes = field(repr=False)  # PKCS #8, not encrypted
    private_key: rsa.RSAPrivateKey = field(repr=False, compare=False)  # the same: checking one costs 0.2 s
    certificate_der: bytes = field(repr=False)
    not_before: datetime  # UTC
    not_after: datetime


@dataclass(frozen=True, slots=True)
class PairFiles:
    """The two files of a pair, PEM."""

    key: Path
    certificate: Path

    def beside(self, stage: Literal["next", "previous"]) -> "PairFiles":
        """Return the files of another stage: ``sp.key`` → ``sp-next.key``."""
        return PairFiles(_beside(self.key, stage), _beside(self.certificate, stage))


@dataclass(frozen=True, kw_only=True)
class KeySet:
    """Our pairs: the one in use, and while keys are exchanged the next or the previous one.

    A new key is published before it is used, so that whoever verifies knows it by then, and an
    old one decrypts until nobody can have its certificate any more.
    """

    current: KeyPair
    next: KeyPair | None = None  # published, not used
    previous: KeyPair | None = None  # not used; decrypts until it is retired

    @property
    def all(self) -> tuple[KeyPair, ...]:
        """Whatever was encrypted to one of these can be read. The one in use stands first."""
        return tuple(one for one in (self.current, self.next, self.previous) if one)

    @property
    def signing_certificates(self) -> tuple[bytes, ...]:
        """What metadata names for signing, DER.

        The previous one too: until every node is restarted, one of them may still sign with it.
        """
        return tuple(one.certificate_der for one in self.all)

    @property
    def encryption_certificates(self) -> tuple[bytes, ...]:
        """What metadata names for encryption, DER: not the previous one, or it could never be retired."""
        return tuple(one.certificate_der for one in (self.current, self.next) if one)


def load_key_pair(key_file: Path, certificate_file: Path) -> KeyPair:
    """Read the service provider's key and certificate, and see that they belong together.

    Raises:
        ConfigurationError: ``keys.file``, ``keys.private_key``, ``keys.certificate``, ``keys.pair``.
    """
    files = PairFiles(key_file, certificate_file)
    return _pair(_read(key_file), _read(certificate_file), files)


def load_key_set(key_file: Path, certificate_file: Path) -> KeySet:
    """Read the pair in use and those beside it, wherever an exchange of keys stopped.

    What a stopped exchange leaves: a key without its certificate (not made yet, or half
    retired: left out), a copy of the current key in another place (left out), and the next key in
    the place of the current one while its certificate still waits (taken from there).

    Raises:
        ConfigurationError: As ``load_key_pair``, of each pair that is there.
    """
    files = PairFiles(key_file, certificate_file)
    following, former = files.beside("next"), files.beside("previous")
    held = _snapshot([one for pair in (files, following, former) for one in (pair.key, pair.certificate)])
    key, certificate = held[files.key], held[files.certificate]
    if key is None or certificate is None:
        return KeySet(current=load_key_pair(key_file, certificate_file))  # refuses, with the mend
    if key == held[following.key] and held[following.certificate]:
        certificate = held[following.certificate] or certificate
    return KeySet(
        current=_pair(key, certificate, files),
        next=_other(held, following, key),
        previous=_other(held, former, key),
    )


def _other(held: Mapping[Path, bytes | None], files: PairFiles, current: bytes) -> KeyPair | None:
    key, certificate = held[files.key], held[files.certificate]
    if certificate is not None and key is None:
        raise _without_key(files)
    if key is None or certificate is None or key == current:
        return None
    return _pair(key, certificate, files)


def _snapshot(files: Sequence[Path]) -> dict[Path, bytes | None]:
    """Read files that may be exchanged meanwhile: until two readings are the same."""
    held: dict[Path, bytes | None] = {}
    for _ in range(_READINGS):
        before, held = held, {file: _read_if_there(file) for file in files}
        if held == before:
            break
    return held


def _pair(pem: bytes, certificate_pem: bytes, files: PairFiles) -> KeyPair:
    key = _private_key(pem, files.key)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        raise ConfigurationError(
            "keys.certificate", f"{files.certificate} is not a PEM certificate"
        ) from None
    if certificate.public_key() != key.public_key():
        raise ConfigurationError("keys.pair", f"{files.certificate} is not the certificate of {files.key}")
    return KeyPair(
        private_key_pem=pem,
        private_key=key,
        certificate_der=certificate.public_bytes(serialization.Encoding.DER),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _without_key(files: PairFiles) -> ConfigurationError:
    return ConfigurationError(
        "keys.pair",
        f"{files.certificate} is there but its key {files.key} is not; restore it or move this away",
    )


def _beside(file: Path, stage: str) -> Path:
    return file.with_name(f"{file.stem}-{stage}{file.suffix}")


def generate_key_pair(
    key_file: Path, certificate_file: Path, *, name: str, now: datetime, like: Path | None = None
) -> bool:
    """Make what is missing of the pair: RSA-3072, a self-signed certificate for ten years.

    Two processes that start at once end with one pair: the first key file stands, and
    either makes a certificate for that key.

    Args:
        key_file: PEM, PKCS #8; never overwritten.
        certificate_file: PEM; never overwritten.
        name: Common name of the certificate, for people; at most 64 characters are used.
        now: Start of the certificate's life.
        like: A file whose owner and mode both get, so that whoever reads that one can read them.

    Returns:
        Whether anything was made.

    Raises:
        ConfigurationError: ``keys.pair`` (a certificate without its key), ``keys.file``.
    """
    made = False
    if not key_file.exists():
        if certificate_file.exists():
            raise _without_key(PairFiles(key_file, certificate_file))
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        pem = fresh.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        made = create_file(key_file, pem, like=like)
    if not certificate_file.exists():
        key = _private_key(_read(key_file), key_file)
        made = create_file(certificate_file, _self_signed(key, name, now), like=like) or made
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
    except (ValueError, TypeError, UnsupportedAlgorithm):
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


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from None


def _read_if_there(file: Path) -> bytes | None:
    """Read a file without asking first whether it is there: it may go between the two."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        "keys.file", f"{file} cannot be read ({error.strerror}); `federation init` makes our own keys"
    )
