"""What goes into a sign-in and comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from federation.identity import Session


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a session lives."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A started sign-in: where to send the browser, and which binder it must hold."""

    url: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)  # of a form to post there; none: a redirect
    binder: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A finished sign-in. ``token`` is "" where the browser's own session already stands.

    ``restart`` instead asks for a sign-in of our own: then nothing of the answer was used.
    """

    return_to: str
    token: str = field(repr=False)
    session: Session | None
    restart: bool = False
    join_token: str = field(default="", repr=False)  # what the browser keeps of a way in that waits; ""
    replaces_another: bool = False  # another user's live session of this browser ended with it


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where a sign-in leads, and what it replaces."""

    return_to: str
    handle: str = field(repr=False)  # of the pending sign-in; "" where there was none
    replaces: bytes = field(repr=False)  # SHA-256 of the token of the session that it replaces
    asked_at: datetime | None  # when it was started here; None: it was not
    anew: str = ""  # id of the user who was asked to prove themselves anew; "": nobody in particular
    link: str = ""  # id of the user whose further way in it is to be; "": it is a sign-in
