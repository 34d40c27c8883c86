"""Secrets at rest: what is sealed under the key ring opens at its own place, and nowhere else.

The first key encrypts, every key decrypts, and each envelope is bound to where it is kept, so
that one moved elsewhere does not open. The files of the ring are read in ``keys``.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from federation.errors import ConfigurationError

KEY_OCTETS: Final = 32  # AES-256
_VERSION: Final = "v1"
_NONCE_OCTETS: Final = 12  # NIST SP 800-38D §8.2.2: random, so at most 2**32 messages under one key


def key_id(key: bytes) -> str:
    """Return the name under which envelopes remember a key: eight hex digits of its SHA-256."""
    return hashlib.sha256(key).hexdigest()[:8]


def hash_token(token: str) -> bytes:
    """Return what is stored in place of a token; SHA-256 suffices for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


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

    def derive(self, purpose: str) -> bytes:
        """Return 32 octets of the first key's for one purpose, the same on every node until it is rotated."""
        return hmac.digest(self._first[1], f"federation {purpose}".encode(), "sha256")

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
        return self.keyed(aad).fresh()

    def keyed(self, aad: str) -> "Keyed":
        """Return what seals under keys of one place, each opened at most once."""
        return Keyed(self, aad)

    def seal_under(self, wrapped: str, key_aad: str, plain: bytes, aad: str) -> str:
        """Encrypt under a key that ``new_key`` made for ``key_aad``.

        Raises:
            ConfigurationError: As ``open``, for the wrapped key.
        """
        return self.keyed(key_aad).seal(wrapped, plain, aad)

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


class Keyed:
    """Seals under the keys of one place (``Vault.new_key``) for as long as one sign-in takes.

    The key that it made itself is at hand: nobody opens what they have just sealed.
    """

    def __init__(self, vault: Vault, key_aad: str) -> None:
        self._vault = vault
        self._key_aad = key_aad
        self._opened: dict[str, bytes] = {}  # by the wrapped key

    def fresh(self) -> str:
        """Return a fresh random key, sealed by the ring; see ``Vault.new_key``."""
        key = secrets.token_bytes(KEY_OCTETS)
        wrapped = self._vault.seal(key, self._key_aad)
        self._opened[wrapped] = key
        return wrapped

    def seal(self, wrapped: str, plain: bytes, aad: str) -> str:
        """Encrypt under a key of this place; see ``Vault.seal_under``.

        Raises:
            ConfigurationError: As ``Vault.open``, for the wrapped key.
        """
        if wrapped not in self._opened:
            self._opened[wrapped] = self._vault.open(wrapped, self._key_aad)
        key = self._opened[wrapped]
        return _seal(key_id(key), key, plain, aad)


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
