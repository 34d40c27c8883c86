"""XML encryption of the development SAML IdP: right ones, and one knob per way to be wrong.

Written from XML Encryption 1.1 with cryptography alone, and not from what reads it; xmlsec, in the
tests, says whether the right ones are right. ``...`` in a knob means the right value, None leaves
the part out.
"""

import base64
import re
import secrets
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import quoteattr

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from lxml import etree

from federation.demo.saml_signing import DIGESTS, Text, attribute, choose
from federation.saml.xml import ASSERTION, DS, SAML, XENC, Element

ENC11 = "http://www.w3.org/2009/xmlenc11#"
ELEMENT = f"{XENC[1:-1]}Element"
ENCRYPTED_KEY = f"{XENC[1:-1]}EncryptedKey"
CIPHERS = {
    **{f"aes{bits}-gcm": f"{ENC11}aes{bits}-gcm" for bits in (128, 192, 256)},
    **{f"{name}-cbc": f"{XENC[1:-1]}{name}-cbc" for name in ("aes128", "aes192", "aes256", "tripledes")},
}
TRANSPORTS = {
    "rsa-oaep-mgf1p": f"{XENC[1:-1]}rsa-oaep-mgf1p",
    "rsa-oaep": f"{ENC11}rsa-oaep",
    "rsa-1_5": f"{XENC[1:-1]}rsa-1_5",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 (what OAEP has by default)
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_NAMES = {
    ASSERTION: "EncryptedAssertion",
    SAML + "NameID": "EncryptedID",
    SAML + "Attribute": "EncryptedAttribute",
}


@dataclass(frozen=True, kw_only=True)
class EncryptionKnobs:
    """How a part is encrypted; every default is right."""

    encrypt: tuple[Literal["assertion", "name_id", "attributes"], ...] = ()
    encrypt_to: rsa.RSAPublicKey | None = None  # the service provider's
    cipher: str = "aes256-gcm"
    transport: str = "rsa-oaep-mgf1p"
    oaep_digest: str = ""  # sha1, sha256 …; "" leaves DigestMethod out
    oaep_mask: str = ""  # the same for MGF
    key_place: Literal["inside", "beside", "pointed"] = "inside"  # pointed: beside, with a RetrievalMethod
    encrypted_keys: int = 1
    encrypted_type: Text = ...
    content_key: bytes | None = None  # None: a fresh one, as long as the cipher's
    spoil: Literal["", "iv", "ciphertext", "tag", "short tag", "no tag", "key", "cut key"] = ""
    plaintext: Text = ...  # in place of the element, as XML
    plaintext_rewrite: tuple[tuple[str, str], ...] = ()  # what is encrypted
    encrypted_rewrite: tuple[tuple[str, str], ...] = ()  # what comes of it, before the Response is signed
    encrypted_sub: tuple[str, str] | None = None  # the same, by a regular expression


def encrypt_parts(root: Element, knobs: EncryptionKnobs) -> None:
    """Encrypt the NameID or the attributes of an Assertion that is not signed yet."""
    tags = {"name_id": SAML + "NameID", "attributes": SAML + "Attribute"}
    for element in list(root.iter([tag for part, tag in tags.items() if part in knobs.encrypt])):
        _replace(element, knobs)


def encrypt_assertion(root: Element, knobs: EncryptionKnobs) -> None:
    """Encrypt the first Assertion of a Response that is not signed yet."""
    assertion = root.find(ASSERTION)
    if assertion is not None:
        _replace(assertion, knobs)


def _replace(element: Element, knobs: EncryptionKnobs) -> None:
    parent = element.getparent()
    if parent is None:
        raise ValueError("the root is not encrypted")
    replacement = etree.fromstring(_encrypted(element, knobs).encode())
    replacement.tail = element.tail
    parent.replace(element, replacement)


def _encrypted(element: Element, knobs: EncryptionKnobs) -> str:
    plaintext = choose(knobs.plaintext, etree.tostring(element, encoding="unicode", with_tail=False)) or ""
    told = build(_NAMES[str(element.tag)], rewrite(plaintext, knobs.plaintext_rewrite).encode(), knobs)
    told = rewrite(told, knobs.encrypted_rewrite)
    if knobs.encrypted_sub is None:
        return told
    replaced, times = re.subn(*knobs.encrypted_sub, told)
    if not times:
        raise ValueError(f"{knobs.encrypted_sub[0]!r} is not in the message")
    return replaced


def rewrite(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Replace text that must be there."""
    for old, new in pairs:
        if old not in text:
            raise ValueError(f"{old!r} is not in the message")
        text = text.replace(old, new)
    return text


def build(name: str, plaintext: bytes, knobs: EncryptionKnobs) -> str:
    """Return an EncryptedAssertion, EncryptedID or EncryptedAttribute (Core §2.3.4)."""
    if knobs.encrypt_to is None:
        raise ValueError("there is nobody to encrypt to")
    content_key = knobs.content_key or secrets.token_bytes(_key_octets(knobs.cipher))
    wrapped = _spoil(knobs.encrypt_to.encrypt(content_key, _padding(knobs)), knobs.spoil, key=True)
    value = _spoil(_seal(knobs.cipher, content_key, plaintext), knobs.spoil, key=False)
    data_id, key_id = "_" + secrets.token_hex(8), "_" + secrets.token_hex(8)
    hint = "<ds:KeyInfo><ds:KeyName>ours</ds:KeyName></ds:KeyInfo>"
    reference = f'<xenc:ReferenceList><xenc:DataReference URI="#{data_id}"/></xenc:ReferenceList>'
    key = "".join(
        f'<xenc:EncryptedKey Id="{key_id}{number or ""}" Recipient="https://sp.example">{_method(knobs)}{hint}'
        f"{_cipher_data(wrapped)}{reference}</xenc:EncryptedKey>"
        for number in range(knobs.encrypted_keys)
    )
    pointer = f'<ds:RetrievalMethod Type="{ENCRYPTED_KEY}" URI="#{key_id}"/>'
    inside = {"inside": key, "beside": "", "pointed": pointer}[knobs.key_place]
    info = f"<ds:KeyInfo>{inside}</ds:KeyInfo>" if inside else ""
    return (
        f'<saml:{name} xmlns:saml="{SAML[1:-1]}" xmlns:xenc="{XENC[1:-1]}" xmlns:ds="{DS[1:-1]}">'
        f'<xenc:EncryptedData Id="{data_id}"{attribute("Type", choose(knobs.encrypted_type, ELEMENT))}>'
        f"<xenc:EncryptionMethod Algorithm={quoteattr(CIPHERS[knobs.cipher])}/>{info}{_cipher_data(value)}"
        f"</xenc:EncryptedData>{'' if knobs.key_place == 'inside' else key}</saml:{name}>"
    )


def _key_octets(cipher: str) -> int:
    return 24 if cipher == "tripledes-cbc" else int(cipher[3:6]) // 8


def _padding(knobs: EncryptionKnobs) -> padding.AsymmetricPadding:
    if knobs.transport == "rsa-1_5":
        return padding.PKCS1v15()
    mask = _HASHES[knobs.oaep_mask or "sha1"]
    return padding.OAEP(padding.MGF1(mask), _HASHES[knobs.oaep_digest or "sha1"], None)


def _method(knobs: EncryptionKnobs) -> str:
    digest = f'<ds:DigestMethod Algorithm="{DIGESTS[knobs.oaep_digest]}"/>' if knobs.oaep_digest else ""
    mask = (
        f'<xenc11:MGF xmlns:xenc11="{ENC11}" Algorithm="{ENC11}mgf1{knobs.oaep_mask}"/>'
        if knobs.oaep_mask
        else ""
    )
    return (
        f"<xenc:EncryptionMethod Algorithm={quoteattr(TRANSPORTS[knobs.transport])}>{digest}{mask}"
        "</xenc:EncryptionMethod>"
    )


def _seal(cipher: str, key: bytes, plaintext: bytes) -> bytes:
    if cipher.endswith("gcm"):
        iv = secrets.token_bytes(12)
        return iv + AESGCM(key).encrypt(iv, plaintext, None)
    algorithm: CipherAlgorithm = TripleDES(key) if cipher == "tripledes-cbc" else AES(key)
    size = 8 if cipher == "tripledes-cbc" else 16
    iv, missing = secrets.token_bytes(size), size - len(plaintext) % size
    # XML Encryption §5.2: any octets, and the last one counts them.
    padded = plaintext + secrets.token_bytes(missing - 1) + bytes([missing])
    encryptor = Cipher(algorithm, modes.CBC(iv)).encryptor()
    return iv + encryptor.update(padded) + encryptor.finalize()


def _spoil(octets: bytes, how: str, *, key: bool) -> bytes:
    """Change one octet, or cut some, where the knob says."""
    if key:
        return {"key": _flip(octets, -1), "cut key": octets[:-1]}.get(how, octets)
    return {
        "iv": _flip(octets, 0),
        "ciphertext": _flip(octets, len(octets) // 2),
        "tag": _flip(octets, -1),
        "short tag": octets[:-4],
        "no tag": octets[:-16],
    }.get(how, octets)


def _flip(octets: bytes, at: int) -> bytes:
    changed = bytearray(octets)
    changed[at] ^= 1
    return bytes(changed)


def _cipher_data(octets: bytes) -> str:
    text = base64.b64encode(octets).decode()
    return f"<xenc:CipherData><xenc:CipherValue>{text}</xenc:CipherValue></xenc:CipherData>"
