"""What comes back from others, and who listens to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever its status: reading it is the caller's."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    date: str = ""  # the provider's clock, for `federation doctor`
    etag: str = ""  # what to ask with next: see ``conditional``
    last_modified: str = ""  # likewise
    link: str = field(default="", repr=False)  # RFC 8288, as it came; who follows one judges it


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One exchange, told to who listens: see ``listening``."""

    method: str
    url: str = field(repr=False)
    answer: Answer = field(repr=False)


LISTENER: ContextVar[list[Heard] | None] = ContextVar("listener", default=None)


@contextmanager
def listening() -> Iterator[list[Heard]]:
    """Yield a list that takes up every answer which this task gets within the block, tokens and all.

    For a trial of a connection, whose report tells what the provider answered. It is not kept.
    """
    heard: list[Heard] = []
    token = LISTENER.set(heard)
    try:
        yield heard
    finally:
        LISTENER.reset(token)


def conditional(*, etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers that ask for a document only if it is another than last time; "" is not known.

    Source: RFC 9110 §13.1.2, §13.1.3: where both are sent, the ETag decides.
    """
    told = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in told.items() if value}
