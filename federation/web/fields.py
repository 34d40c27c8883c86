"""What a request's query or form says: each field once, small, and well-formed.

One reader for both, stricter than a browser needs: a field sent twice is refused, never
"first wins" (RFC 6749 §3.1), so that no two readers can disagree about its value.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request

from federation.errors import RequestRefused

FIELD_LIMIT = 512 * 1024  # octets on the wire: 256 KiB of XML, in base64, percent-encoded
BODY_LIMIT = FIELD_LIMIT + 8 * 1024  # and the other fields
QUERY_LIMIT = 16 * 1024
FIELDS = 32
DEADLINE = 30.0  # seconds, for a whole body


def read_query(request: Request) -> Mapping[str, str]:
    """Return the query's fields.

    Raises:
        RequestRefused: ``form.too_large``, ``form.malformed``, ``form.repeated``.
    """
    return parse(request.scope["query_string"], limit=QUERY_LIMIT)


async def read_form(request: Request, *, deadline: float = DEADLINE, most: int = FIELDS) -> Mapping[str, str]:
    """Return the fields of an urlencoded body; the query does not count.

    Args:
        request: Its body is not read yet.
        deadline: Seconds from here to the last octet of the body.
        most: Fields.

    Raises:
        RequestRefused: ``form.too_large`` (before the rest is read), ``form.too_slow``,
            ``form.malformed``, ``form.repeated``.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise RequestRefused("form.malformed", "the body is not application/x-www-form-urlencoded")
    return parse(await read_body(request, deadline=deadline), limit=BODY_LIMIT, most=most)


async def read_body(request: Request, *, deadline: float = DEADLINE, most: int = BODY_LIMIT) -> bytes:
    """Return a body, whatever it is, whole.

    Args:
        request: Its body is not read yet.
        deadline: Seconds from here to the last octet.
        most: Octets.

    Raises:
        RequestRefused: ``form.too_large`` (before the rest is read), ``form.too_slow``.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:12]) > most:
        raise RequestRefused("form.too_large", f"the body is larger than {most} octets")
    try:
        async with asyncio.timeout(deadline):
            return await _read(request, most)
    except TimeoutError:
        raise RequestRefused("form.too_slow", f"the body took longer than {deadline:g} seconds") from None


async def read_json(request: Request, *, deadline: float = DEADLINE) -> Mapping[str, Any]:
    """Return the object that a JSON body is; no browser sends one for another site unasked (CORS).

    Raises:
        RequestRefused: ``form.too_large``, ``form.too_slow``, ``form.malformed``, ``form.repeated``.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestRefused("form.malformed", "the body is not application/json")
    try:
        async with asyncio.timeout(deadline):
            body = await _read(request)
    except TimeoutError:
        raise RequestRefused("form.too_slow", f"the body took longer than {deadline:g} seconds") from None
    try:
        told = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RequestRefused("form.malformed", "the body is not JSON") from None
    if not isinstance(told, dict):
        raise RequestRefused("form.malformed", "the body is not a JSON object")
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise RequestRefused("form.repeated", "a key is there more than once")
    return read


async def _read(request: Request, most: int = BODY_LIMIT) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > most:
            raise RequestRefused("form.too_large", f"the body is larger than {most} octets")
        more = message.get("more_body", False)
    return bytes(body)


def parse(encoded: bytes, *, limit: int, most: int = FIELDS) -> Mapping[str, str]:
    """Read ``application/x-www-form-urlencoded`` octets.

    Raises:
        RequestRefused: ``form.too_large``, ``form.malformed``, ``form.repeated``.
    """
    if len(encoded) > limit:
        raise RequestRefused("form.too_large", f"more than {limit} octets of fields")
    parts = encoded.split(b"&", most)
    if len(parts) > most:
        raise RequestRefused("form.malformed", f"there are more than {most} fields")
    pairs = [part.partition(b"=") for part in parts if part]
    try:
        fields = {_decode(name): _decode(value) for name, _, value in pairs}
    except UnicodeDecodeError:
        raise RequestRefused("form.malformed", "the fields are not percent-encoded UTF-8") from None
    if len(fields) != len(pairs):
        raise RequestRefused("form.repeated", "a field is there more than once")
    return fields


def _decode(encoded: bytes) -> str:
    """Decode a name or a value as ``urllib.parse.parse_qsl`` does, which takes twice as long.

    Raises:
        UnicodeDecodeError: It is not percent-encoded UTF-8.
    """
    encoded.decode("ascii")  # what is not has to be escaped
    return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()


def needed(fields: Mapping[str, str], name: str) -> str:
    """Return a field that must be there, and not empty.

    Raises:
        RequestRefused: ``form.missing``.
    """
    if not (value := fields.get(name, "")):
        raise RequestRefused("form.missing", f"the field {name} is missing")
    return value
