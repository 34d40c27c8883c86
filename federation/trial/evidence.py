"""What both protocols tell of a sign-in on trial, before anybody looks at who the person is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from federation.errors import Check
from federation.fetch import Heard
from federation.trial.report import Clock, Document, Exchange, Key, Place


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Of one answer."""

    checks: tuple[
        Check, ...
    ] = ()  # of the message; () where the verified assertion, or the refusal, has them
    pairs: Mapping[str, tuple[str, str]] = field(
        default_factory=dict, repr=False
    )  # code → expected, received
    said_there: tuple[str, ...] = ()
    documents: tuple[Document, ...] = field(default=(), repr=False)
    keys: tuple[Key, ...] = ()
    algorithms: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    endpoints: tuple[Place, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def clock(name: str, theirs: datetime, now: datetime) -> Clock:
    """Hold a time of theirs beside ours."""
    ahead = round((theirs - now).total_seconds())
    return Clock(name=name, theirs=iso(theirs), ours=iso(now), ahead=ahead)


def iso(moment: datetime) -> str:
    """Return a time to the second, as both protocols write it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def dates(heard: Iterable[Heard], now: datetime) -> tuple[Clock, ...]:
    """Return the clock of each host that answered, by its Date header (RFC 9110 §6.6.1)."""
    found: dict[str, Clock] = {}
    for one in heard:
        host = urlsplit(one.url).netloc
        try:
            found.setdefault(host, clock(f"Date ({host})", parsedate_to_datetime(one.answer.date), now))
        except (ValueError, TypeError):
            continue  # none was sent, or none that can be read
    return tuple(found.values())


def exchanges(heard: Sequence[Heard]) -> tuple[Exchange, ...]:
    """Return what was asked of the provider; never a query, in which a token may stand."""
    return tuple(
        Exchange(
            method=one.method,
            url=urlunsplit((*urlsplit(one.url)[:3], "", "")),
            status=one.answer.status,
            content_type=one.answer.content_type,
        )
        for one in heard
    )


def places(told: Mapping[str, str]) -> tuple[Place, ...]:
    """Return the addresses that there are."""
    return tuple(Place(name=name, url=url) for name, url in told.items() if url)
