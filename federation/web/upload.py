"""A form with a file in it: ``multipart/form-data`` (RFC 7578), as browsers write it and no other way.

The whole body is small and at hand (``fields.BODY_LIMIT``), so that it is split and never parsed along.
A field sent twice is refused; a file is its octets as text, and its name is not read.
"""

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from federation.errors import RequestRefused
from federation.web import fields

_BOUNDARY: Final = re.compile(
    r'multipart/form-data;\s*boundary="?([A-Za-z0-9\'()+_,./:=?-]{1,70})"?', re.IGNORECASE
)
_NAME: Final = re.compile(rb'form-data; name="([a-z0-9_]{1,40})"(?:; filename="[^"\r\n]*")?', re.IGNORECASE)
_HEADERS: Final = 1024  # octets of one part's


async def read(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, urlencoded or with a file.

    Raises:
        RequestRefused: ``form.too_large``, ``form.too_slow``, ``form.malformed``, ``form.repeated``.
    """
    media_type = request.headers.get("content-type", "")
    if not media_type.lower().startswith("multipart/"):
        return await fields.read_form(request)
    boundary = _BOUNDARY.fullmatch(media_type)
    if boundary is None:
        raise RequestRefused("form.malformed", "the body is no multipart/form-data with a boundary")
    return parse(await fields.read_body(request), boundary[1].encode())


def parse(body: bytes, boundary: bytes) -> Mapping[str, str]:
    """Read the parts of a body.

    Args:
        body: Whole.
        boundary: Of the parts; the header's.

    Raises:
        RequestRefused: ``form.malformed``, ``form.repeated``.

    Source: RFC 2046 §5.1.1, RFC 7578 §4.
    """
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary, fields.FIELDS + 2)
    if first or not parts or parts.pop().rstrip(b"\r\n") != b"--":
        raise RequestRefused("form.malformed", "the body does not begin and end with its boundary")
    found: dict[str, str] = {}
    for part in parts:
        name, value = _part(part)
        if name in found:
            raise RequestRefused("form.repeated", "a field is there more than once")
        found[name] = value
    return found


def _part(part: bytes) -> tuple[str, str]:
    head, between, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    named = [
        _NAME.fullmatch(line[len(b"content-disposition:") :].strip())
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-disposition:")
    ]
    if (
        not between
        or not part.startswith(b"\r\n")
        or len(head) > _HEADERS
        or len(named) != 1
        or named[0] is None
    ):
        raise RequestRefused("form.malformed", "a part does not say which one field it is")
    try:
        return named[0][1].decode(), value.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        raise RequestRefused("form.malformed", "a field is not UTF-8") from None
