"""A directory's request, as the web room reads it; what goes back; and whom it concerned."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from federation.provisioned import Finding, ScimUser
from federation.store.store import Store

Done = TypeVar("Done")


class Beside(Protocol):
    """Does long work where no other connection's requests wait for it."""

    async def __call__(self, work: Callable[..., Done], *told: Any) -> Done:
        """Return what it comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who provisions: what they proved themselves by, and from where."""

    credential: str  # id of a minted one; "basic" or "bearer" for one of the settings file
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a caller who proved themselves."""

    method: str
    path: str  # behind the connection's base URL, with its slash: /Users/2819c223
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    base_url: str  # as this client calls it: the connection's own, or one of ``scim.paths``


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What goes back; without a body there is none (204, 304)."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""  # scimType of a refusal, "" where it has none
    unknown: frozenset[str] = frozenset()  # names of attributes that were left out: no values


@dataclass(slots=True)
class Concerned:
    """Whom a request's changes concern, to be decided of anew."""

    users: dict[str, None] = field(default_factory=dict)  # ids of User resources, in their order
    others: bool = False  # more, whom nobody named


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose directory it is, and how what it says is kept."""

    connection: str
    organization: str
    store: Store
    now: datetime  # UTC
    # the store that tells of its next change in the audit log: action, id ("" of what is made), details
    audited: Callable[[str, str, Mapping[str, object]], Store]
    # by what a new User is found among those whom we know
    find: Callable[[ScimUser], Awaitable[Finding]]
    beside: Beside
    # stands around a change by which somebody may be let in no more
    leaving: Callable[[], AbstractAsyncContextManager[None]]
