"""Restricted XML-Enc: one key for us, one value; what comes out is a new untrusted document.

XML Encryption 1.1 and SAML Core §6, tightened: AES-GCM under RSA-OAEP, anything weaker only where
the caller says so. No reference is resolved. Once the shape and the algorithms are allowed,
whatever goes wrong is one refusal with one text, behind the same work: where no key comes out of
an EncryptedKey, a random one is tried in its place (RFC 8017 §7.2.2 tells why).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pybase64
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from federation.errors import AssertionRefused, ConfigurationError
from federation.saml import xml
from federation.saml.xml import DS, XENC, Element, refuse

_ENC: Final = XENC[1:-1]
_ENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_DSIG: Final = DS[1:-1]
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_RSA_BITS: Final = 2048
_IV_OCTETS: Final = 12  # XML Encryption 1.1 §5.2.4: 96 bits, and a tag of 128 at the end
_TAG_OCTETS: Final = 16
_ELEMENTS: Final = 20_000

RSA_OAEP_MGF1P: Final = f"{_ENC}rsa-oaep-mgf1p"
RSA_OAEP: Final = f"{_ENC11}rsa-oaep"
RSA_1_5: Final = f"{_ENC}rsa-1_5"
OAEP_METHODS: Final = (RSA_OAEP_MGF1P, RSA_OAEP)

_DATA: Final = XENC + "EncryptedData"
_KEY: Final = XENC + "EncryptedKey"
_METHOD: Final = XENC + "EncryptionMethod"
_CIPHER_DATA: Final = XENC + "CipherData"
_CIPHER_VALUE: Final = XENC + "CipherValue"
_REFERENCE_LIST: Final = XENC + "ReferenceList"
_KEY_INFO: Final = DS + "KeyInfo"
_RETRIEVAL: Final = DS + "RetrievalMethod"
_DIGEST: Final = DS + "DigestMethod"
_MGF: Final = f"{{{_ENC11}}}MGF"
# What may say whose key it is. Our own keys are tried, whatever it says.
_HINTS: Final = frozenset({DS + "X509Data", DS + "KeyName", DS + "KeyValue"})
_BEHIND_KEY: Final[tuple[list[str], ...]] = (
    [],
    [_REFERENCE_LIST],
    [XENC + "CarriedKeyName"],
    [_REFERENCE_LIST, XENC + "CarriedKeyName"],
)

_SHA1: Final = hashes.SHA1()  # noqa: S303 (OAEP asks it for no collision resistance: RFC 8017 §B.1)
_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{_DSIG}sha1": _SHA1,
    f"{_ENC}sha256": hashes.SHA256(),
    f"{_MORE}sha384": hashes.SHA384(),
    f"{_ENC}sha512": hashes.SHA512(),
}
_MGFS: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{_ENC11}mgf1sha1": _SHA1,
    f"{_ENC11}mgf1sha256": hashes.SHA256(),
    f"{_ENC11}mgf1sha384": hashes.SHA384(),
    f"{_ENC11}mgf1sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A private key of ours, read once."""

    private_key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Gcm:
    key_octets: int
    needs: frozenset[str] = frozenset()
    chained: bool = False

    def open(self, key: bytes, sealed: bytes) -> bytes | None:
        if len(sealed) <= _IV_OCTETS + _TAG_OCTETS:
            return None
        try:
            return AESGCM(key).decrypt(sealed[:_IV_OCTETS], sealed[_IV_OCTETS:], None)
        except InvalidTag:
            return None


@dataclass(frozen=True, slots=True)
class _Cbc:
    """Not authenticated: whoever changes the ciphertext learns from how the plaintext is refused."""

    key_octets: int
    block_octets: int
    algorithm: Callable[[bytes], CipherAlgorithm]
    needs: frozenset[str] = frozenset()
    chained: bool = True

    def open(self, key: bytes, sealed: bytes) -> bytes | None:
        size = self.block_octets
        if len(sealed) < 2 * size or len(sealed) % size:
            return None
        decryptor = Cipher(self.algorithm(key), modes.CBC(sealed[:size])).decryptor()
        padded = decryptor.update(sealed[size:]) + decryptor.finalize()
        # XML Encryption §5.2: the last octet counts the padding, the others are anything.
        padding_holds = 1 <= padded[-1] <= size
        plain = padded[: -padded[-1]] if padding_holds else padded
        return plain if _is_markup(plain) and padding_holds else None


def _is_markup(plain: bytes) -> bool:
    try:
        return plain.decode("utf-8").lstrip("\ufeff \t\r\n").startswith("<")
    except UnicodeDecodeError:
        return False


_Cipher = _Gcm | _Cbc
_GCM: Final = {f"{_ENC11}aes{bits}-gcm": _Gcm(bits // 8) for bits in (256, 192, 128)}
_CIPHERS: Final[dict[str, _Cipher]] = {
    **_GCM,
    **{f"{_ENC}aes{bits}-cbc": _Cbc(bits // 8, 16, AES) for bits in (256, 192, 128)},
    f"{_ENC}tripledes-cbc": _Cbc(24, 8, TripleDES, frozenset({"tripledes"})),
}
GCM_METHODS: Final = tuple(_GCM)


class _Sealed(NamedTuple):
    """What an encrypted element holds; its shape and algorithms are allowed, no more."""

    cipher: _Cipher
    padding: padding.AsymmetricPadding
    wrapped_key: bytes
    value: bytes


def read_decryption_key(key: rsa.RSAPrivateKey) -> DecryptionKey:
    """Take a private key of ours.

    Args:
        key: Loaded and checked already.

    Raises:
        ConfigurationError: ``keys.private_key``.
    """
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _RSA_BITS:
        raise ConfigurationError(
            "keys.private_key",
            f"a key for decryption is not an RSA key of {_RSA_BITS} bits or more",
        )
    return DecryptionKey(key)


def decrypt(
    encrypted: Element, keys: tuple[DecryptionKey, ...], *, covered: bool, legacy: frozenset[str]
) -> bytes:
    """Decrypt an encrypted element of SAML's; what comes out is nobody's word yet.

    Args:
        encrypted: An ``EncryptedAssertion``, ``EncryptedID`` or ``EncryptedAttribute``.
        keys: Our own, the likeliest first.
        covered: A signature that was verified covers this very element.
        legacy: The weak algorithms that this connection excepts.

    Raises:
        AssertionRefused: ``saml.encrypted``, ``saml.encryption_algorithm``, ``saml.decryption``.

    Source: SAML Core §6; XML Encryption 1.1 §4.
    """
    return _open(_read(encrypted, covered=covered, legacy=legacy), keys)


def decrypt_element(
    encrypted: Element, keys: tuple[DecryptionKey, ...], *, tag: str, covered: bool, legacy: frozenset[str]
) -> Element:
    """Decrypt, and parse what came out as the foreign document that it is.

    Args:
        encrypted: As for ``decrypt``.
        keys: As for ``decrypt``.
        tag: What the root must be.
        covered: As for ``decrypt``.
        legacy: As for ``decrypt``.

    Raises:
        AssertionRefused: As ``decrypt``; ``saml.plaintext``; ``saml.encrypted`` for another root.
    """
    sealed = _read(encrypted, covered=covered, legacy=legacy)
    plain = _open(sealed, keys)
    try:
        root = xml.parse(plain, octets=xml.MESSAGE_OCTETS, elements=_ELEMENTS)
    except AssertionRefused as refusal:
        # Of a chained cipher it may be the garbage of somebody who asks us for its plaintext.
        if sealed.cipher.chained and not covered:
            refuse("saml.decryption")
        refuse("saml.plaintext", f"{xml.STEPS['saml.plaintext']} ({refusal.detail})")
    if root.tag != tag:
        refuse("saml.encrypted")
    return root


def _open(sealed: _Sealed, keys: tuple[DecryptionKey, ...]) -> bytes:
    for key in keys:
        plain = sealed.cipher.open(_unwrap(sealed, key), sealed.value)
        if plain is not None:
            return plain
    return refuse("saml.decryption")


def _unwrap(sealed: _Sealed, key: DecryptionKey) -> bytes:
    """Return the content key, or a random one: the cipher then says no, as for a wrong one."""
    octets = sealed.cipher.key_octets
    instead = secrets.token_bytes(octets)
    try:
        unwrapped = key.private_key.decrypt(sealed.wrapped_key, sealed.padding)
    except ValueError:
        return instead
    return unwrapped if len(unwrapped) == octets else instead


def _read(encrypted: Element, *, covered: bool, legacy: frozenset[str]) -> _Sealed:
    """Hold an encrypted element to its one allowed shape; no key is used for an unknown one."""
    data, *beside = list(encrypted) or [encrypted]
    if data.tag != _DATA or any(one.tag != _KEY for one in beside):
        refuse("saml.encrypted")
    if data.get("Type", f"{_ENC}Element") != f"{_ENC}Element":
        refuse("saml.encrypted")
    method, info, cipher_data, behind = _parts(data)
    if behind or len(method):
        refuse("saml.encrypted")
    cipher = _CIPHERS.get(_read_algorithm(method))
    if cipher is None or not _is_allowed(cipher, covered=covered, legacy=legacy):
        refuse("saml.encryption_algorithm")
    key = _find_key(info, beside)
    key_method, key_info, key_data, key_behind = _parts(key)
    if [one.tag for one in key_behind] not in _BEHIND_KEY or any(one.tag not in _HINTS for one in key_info):
        refuse("saml.encrypted")
    _require_same_data(key_behind, data)
    return _Sealed(
        cipher=cipher,
        padding=_read_padding(key_method, legacy),
        wrapped_key=_read_value(key_data),
        value=_read_value(cipher_data),
    )


def _is_allowed(cipher: _Cipher, *, covered: bool, legacy: frozenset[str]) -> bool:
    return cipher.needs <= legacy and (covered or not cipher.chained or "cbc" in legacy)


def _parts(element: Element) -> tuple[Element, list[Element], Element, list[Element]]:
    """Return EncryptionMethod, the children of KeyInfo, CipherData, and what follows."""
    children = list(element)
    tags = [child.tag for child in children]
    if tags[:2] == [_METHOD, _CIPHER_DATA]:
        return children[0], [], children[1], children[2:]
    if tags[:3] == [_METHOD, _KEY_INFO, _CIPHER_DATA]:
        return children[0], list(children[1]), children[2], children[3:]
    return refuse("saml.encrypted")


def _find_key(info: list[Element], beside: list[Element]) -> Element:
    """Return the one EncryptedKey, in KeyInfo or beside the data (Core §6.1)."""
    inside = [one for one in info if one.tag == _KEY]
    pointers = [one for one in info if one.tag == _RETRIEVAL]
    if len(inside) + len(beside) != 1 or len(pointers) > len(beside):
        refuse("saml.encrypted")
    if len(inside) + len(pointers) + len([one for one in info if one.tag in _HINTS]) != len(info):
        refuse("saml.encrypted")
    key = (inside or beside)[0]
    # Compared with the one key that stands there, never looked up.
    if any(not _points_to(one, key) or one.get("Type", f"{_ENC}EncryptedKey") != f"{_ENC}EncryptedKey"
           for one in pointers):  # fmt: skip
        refuse("saml.encrypted")
    return key


def _points_to(pointer: Element, target: Element) -> bool:
    named = target.get("Id")
    return bool(named) and pointer.get("URI") == f"#{named}" and not len(pointer)


def _require_same_data(behind: list[Element], data: Element) -> None:
    for one in behind:
        if one.tag == _REFERENCE_LIST and not (
            len(one) == 1 and one[0].tag == XENC + "DataReference" and _points_to(one[0], data)
        ):
            refuse("saml.encrypted")


def _read_algorithm(element: Element) -> str:
    if element.keys() != ["Algorithm"]:
        refuse("saml.encrypted")
    return str(element.get("Algorithm"))


def _read_padding(method: Element, legacy: frozenset[str]) -> padding.AsymmetricPadding:
    """XML Encryption 1.1 §5.5.2: OAEP with its digest and mask, SHA-1 where they are not named."""
    algorithm = _read_algorithm(method)
    tags = [child.tag for child in method]
    if algorithm == RSA_1_5 and "rsa1_5" in legacy and not tags:
        return padding.PKCS1v15()
    allowed = {RSA_OAEP_MGF1P: {_DIGEST}, RSA_OAEP: {_DIGEST, _MGF}}.get(algorithm)
    if allowed is None or not allowed.issuperset(tags):  # no OAEPparams either
        refuse("saml.encryption_algorithm")
    named = {str(child.tag): _read_algorithm(child) for child in method if not len(child)}
    if len(named) != len(tags):
        refuse("saml.encrypted")
    digest = _DIGESTS.get(named.get(_DIGEST, f"{_DSIG}sha1"))
    mask = _MGFS.get(named.get(_MGF, f"{_ENC11}mgf1sha1"))
    if digest is None or mask is None:
        refuse("saml.encryption_algorithm")
    return padding.OAEP(padding.MGF1(mask), digest, None)


def _read_value(cipher_data: Element) -> bytes:
    """Return the octets of a CipherValue; a CipherReference would be fetched by others."""
    if [one.tag for one in cipher_data] != [_CIPHER_VALUE] or len(cipher_data[0]):
        refuse("saml.encrypted")
    try:
        return pybase64.b64decode("".join((cipher_data[0].text or "").split()), validate=True)
    except ValueError:
        refuse("saml.encrypted")
