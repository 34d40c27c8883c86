"""Where a sign-in may lead afterwards: a path of ours, whatever a link asks for."""

from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from federation.errors import RequestRefused

_LENGTH: Final = 2048  # characters


@lru_cache(maxsize=256)  # the same few at most sign-ins; what is refused is judged each time
def local_path(value: str) -> str:
    """Return ``value`` if it is a path of ours, "/" for an empty one.

    Refused: anything with a scheme or host, ``//``, backslashes, controls, dot segments,
    and each of these percent-encoded, however often.

    Raises:
        RequestRefused: ``return_to.not_local``.
    """
    refusal = RequestRefused("return_to.not_local", "return_to is not a path of this service")
    if not value:
        return "/"
    if len(value) > _LENGTH or not value.isascii():
        raise refusal
    path = value.partition("?")[0].partition("#")[0]
    for _ in range(5):
        segments = path.split("/")
        if (
            not path.startswith("/")
            or "\\" in path
            or not path.isprintable()
            or "" in segments[1:-1]
            or path.startswith("//")
            or {".", ".."} & set(segments)
        ):
            raise refusal
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    else:
        raise refusal
    if "\\" in value or not value.isprintable() or " " in value:
        raise refusal
    return value
