"""HTTP-Redirect (DEFLATE) and HTTP-POST: messages in and out of a browser's hands.

SAML Bindings §3.4 and §3.5. Strict base64, bounded inflate; a parameter sent twice is refused.
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote_to_bytes, urlencode

import pybase64

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
    signed_octets: bytes  # as they stood in the query: a peer's escapes are not ours (ADFS has %2f for %2F)
    sig_alg: str  # "" where there is none
    signature: bytes  # b"" where there is none


def decode_post(field: str, *, name: str = "SAMLResponse") -> bytes:
    """Decode a form field that holds a message.

    Args:
        field: As the form had it: base64, white space allowed.
        name: ``SAMLRequest`` or ``SAMLResponse``, for the refusal.

    Raises:
        RequestRefused: ``saml.missing``.
        AssertionRefused: ``saml.too_large``, ``saml.not_base64``.

    Source: SAML Bindings §3.5.4.
    """
    if len(field) > _FIELD_CHARACTERS:
        raise AssertionRefused("saml.too_large", "the message is larger than 256 KiB")
    document = _decode_base64(field)
    if not document:
        raise RequestRefused("saml.missing", f"there is no {name}, or it is empty")
    if len(document) > MESSAGE_OCTETS:
        raise AssertionRefused("saml.too_large", "the message is larger than 256 KiB")
    return document


def encode_post(message: bytes) -> str:
    """Return a message as a form field has it (SAML Bindings §3.5.4)."""
    return base64.b64encode(message).decode("ascii")


def encode_redirect(
    destination: str,
    *,
    name: str,
    message: bytes,
    relay_state: str,
    sign: Callable[[str], str] | None,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Return the URL that carries a message by HTTP-Redirect.

    Args:
        destination: The peer's endpoint; may have a query of its own.
        name: ``SAMLRequest`` or ``SAMLResponse``.
        message: XML, without an enveloped signature.
        relay_state: Opaque, at most 80 octets; "" leaves it out.
        sign: Appends SigAlg and Signature to the octets that it signs; None sends them unsigned.
        parameters: What else the query says, outside the signature.

    Source: SAML Bindings §3.4.4.1.
    """
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = base64.b64encode(squeeze.compress(message) + squeeze.flush())
    query = f"{name}={quote_plus(packed)}"
    if relay_state:
        query += f"&RelayState={quote_plus(relay_state)}"
    if sign is not None:
        query = sign(query)
    return _append(with_parameters(destination, parameters or {}), query)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Return a URL with more in its query."""
    return _append(url, urlencode(parameters)) if parameters else url


def _append(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def decode_redirect(query: str) -> Redirected:
    """Decode the raw query of an HTTP-Redirect message.

    Args:
        query: As it stood in the URL, still percent-encoded.

    Raises:
        RequestRefused: ``saml.missing``, ``saml.repeated``.
        AssertionRefused: ``saml.not_base64``, ``saml.not_deflate``, ``saml.too_large``.

    Source: SAML Bindings §3.4.4.1.
    """
    raw = _read_query(query)
    if len(found := [name for name in ("SAMLRequest", "SAMLResponse") if raw.get(name)]) != 1:
        raise RequestRefused("saml.missing", "there is not exactly one SAML message in the query")
    if _unquote(raw.get("SAMLEncoding", _DEFLATE)) != _DEFLATE:
        raise AssertionRefused("saml.not_deflate", "the message has another encoding than DEFLATE")
    signed = [f"{name}={raw[name]}" for name in (found[0], "RelayState", "SigAlg") if name in raw]
    return Redirected(
        name=found[0],
        message=_inflate(_decode_base64(_unquote(raw[found[0]]))),
        relay_state=_unquote(raw.get("RelayState", "")),
        signed_octets="&".join(signed).encode("utf-8", "replace"),
        sig_alg=_unquote(raw.get("SigAlg", "")),
        signature=_decode_base64(_unquote(raw.get("Signature", ""))),
    )


def _read_query(query: str) -> dict[str, str]:
    """Return the parameters of the binding, still percent-encoded; what else is there is nobody's."""
    raw: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name not in _OURS:
            continue
        if name in raw:
            raise RequestRefused("saml.repeated", f"{name} was sent twice")
        raw[name] = value
    return raw


def _unquote(value: str) -> str:
    return unquote_to_bytes(value.replace("+", " ").encode("utf-8", "replace")).decode("utf-8", "replace")


def _decode_base64(text: str) -> bytes:
    try:
        if "\n" in text or " " in text or "\t" in text or "\r" in text:
            return pybase64.b64decode(text.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
        return pybase64.b64decode(text, validate=True)
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
