"""HTTP-Redirect (DEFLATE) and HTTP-POST: messages in and out of a browser's hands.

SAML Bindings §3.4 and §3.5. Strict base64, bounded inflate; a parameter sent twice is refused.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote_to_bytes

from federation.errors import AssertionRefused, RequestRefused
from federation.saml.xml import MESSAGE_OCTETS

_FIELD_CHARACTERS = 512 * 1024  # base64 of MESSAGE_OCTETS with line ends, and some
_WHITE_SPACE = b" \t\r\n"
HTTP_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
HTTP_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_DEFLATE = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"
_OURS = frozenset({"SAMLRequest", "SAMLResponse", "RelayState", "SAMLEncoding", "SigAlg", "Signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """What one HTTP-Redirect query carried; nothing in it is verified."""

    name: str  # SAMLRequest or SAMLResponse
    message: bytes
    relay_state: str


def decode_post(field: str) -> bytes:
    """Decode the form field ``SAMLResponse``.

    Args:
        field: As the form had it: base64, white space allowed.

    Raises:
        RequestRefused: ``saml.missing``.
        AssertionRefused: ``saml.too_large``, ``saml.not_base64``.

    Source: SAML Bindings §3.5.4.
    """
    if len(field) > _FIELD_CHARACTERS:
        raise AssertionRefused("saml.too_large", "the message is larger than 256 KiB")
    document = _decode_base64(field)
    if not document:
        raise RequestRefused("saml.missing", "there is no SAMLResponse, or it is empty")
    if len(document) > MESSAGE_OCTETS:
        raise AssertionRefused("saml.too_large", "the message is larger than 256 KiB")
    return document


def encode_redirect(destination: str, *, name: str, message: bytes, relay_state: str) -> str:
    """Return the URL that carries a message by HTTP-Redirect.

    Args:
        destination: The peer's endpoint; may have a query of its own.
        name: ``SAMLRequest`` or ``SAMLResponse``.
        message: XML.
        relay_state: Opaque, at most 80 octets; "" leaves it out.

    Source: SAML Bindings §3.4.4.1.
    """
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = base64.b64encode(squeeze.compress(message) + squeeze.flush())
    query = f"{name}={quote_plus(packed)}"
    if relay_state:
        query += f"&RelayState={quote_plus(relay_state)}"
    return f"{destination}{'&' if '?' in destination else '?'}{query}"


def decode_redirect(query: str) -> Redirected:
    """Decode the raw query of an HTTP-Redirect message.

    Args:
        query: As it stood in the URL, still percent-encoded.

    Raises:
        RequestRefused: ``saml.missing``, ``saml.repeated``.
        AssertionRefused: ``saml.not_base64``, ``saml.not_deflate``, ``saml.too_large``.

    Source: SAML Bindings §3.4.4.1.
    """
    fields = _read_query(query)
    if len(found := [name for name in ("SAMLRequest", "SAMLResponse") if fields.get(name)]) != 1:
        raise RequestRefused("saml.missing", "there is not exactly one SAML message in the query")
    if fields.get("SAMLEncoding", _DEFLATE) != _DEFLATE:
        raise AssertionRefused("saml.not_deflate", "the message has another encoding than DEFLATE")
    message = _inflate(_decode_base64(fields[found[0]]))
    return Redirected(name=found[0], message=message, relay_state=fields.get("RelayState", ""))


def _read_query(query: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name not in _OURS:
            continue
        if name in fields:
            raise RequestRefused("saml.repeated", f"{name} was sent twice")
        fields[name] = unquote_to_bytes(value.replace("+", " ")).decode("utf-8", "replace")
    return fields


def _decode_base64(text: str) -> bytes:
    try:
        octets = text.encode("ascii")
        if "\n" in text or " " in text or "\t" in text or "\r" in text:
            octets = octets.translate(None, _WHITE_SPACE)
        return binascii.a2b_base64(octets, strict_mode=True)
    except ValueError:  # binascii.Error and UnicodeEncodeError are both
        raise AssertionRefused("saml.not_base64", "the message is not base64") from None


def _inflate(packed: bytes) -> bytes:
    swell = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = swell.decompress(packed, MESSAGE_OCTETS + 1)
    except zlib.error:
        raise AssertionRefused("saml.not_deflate", "the message is not DEFLATE data") from None
    if len(message) > MESSAGE_OCTETS:
        raise AssertionRefused("saml.too_large", "the message is larger than 256 KiB")
    if not swell.eof or swell.unused_data:
        raise AssertionRefused("saml.not_deflate", "the DEFLATE data is cut short, or something follows it")
    return message
