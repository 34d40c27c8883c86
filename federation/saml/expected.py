"""What one sign-in is held against: the connection's standing demands, and this request's.

SAML Profiles §4.1.4.3. Nothing here has a default, and nothing may be empty that is compared:
an absent value would be equal to an absent value. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from federation.saml.metadata import IdentityProvider


class Unsolicited(Enum):
    """Stands where a request's id would: the message answers none, and this connection lets it."""

    UNSOLICITED = "nothing was asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one connection demands of every message, compiled once from its settings."""

    sp_entity_id: str
    signed: Literal["either", "response", "assertion", "both"]
    name_id_format: str  # URN; "unspecified" with a required subject attribute takes any
    subject_attributes: tuple[str, ...]  # all of them, joined, key the person; () = the NameID does
    subject_required: bool  # False: where the message does not carry them all, the NameID stands in
    stable_attributes: tuple[tuple[str, ...], ...]  # sets; the first that is sent whole is kept
    email_attributes: tuple[str, ...]  # the connection's own map for e-mail; () = it has none
    acrs: frozenset[str]  # one of these must be the AuthnContextClassRef; empty = none was asked for
    force_authn: bool
    max_age: timedelta | None
    skew: timedelta

    def __post_init__(self) -> None:
        if not (self.sp_entity_id and self.name_id_format):
            raise ValueError("Terms: an absent value would be equal to an absent value")
        if self.subject_required and not self.subject_attributes:
            raise ValueError("Terms: a subject attribute is required, and none is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the pending sign-in, our own configuration and the clock say must be there."""

    idp: IdentityProvider
    terms: Terms
    acs_url: str  # where it arrived
    request_id: str | Literal[Unsolicited.UNSOLICITED]
    asked_at: datetime | None  # UTC, aware: the request's IssueInstant; None where nothing was asked
    legacy: frozenset[str]  # names of weak algorithms that this connection excepts
    now: datetime  # UTC, aware

    def __post_init__(self) -> None:
        if not (self.acs_url and self.request_id and self.idp.keys):
            raise ValueError("Expected: an absent value would be equal to an absent value")
        if (self.asked_at is None) is not (self.request_id is Unsolicited.UNSOLICITED):
            raise ValueError("Expected: a request has an id and an instant, an unsolicited answer neither")

    def outside(self, what: str, not_before: datetime | None, not_on_or_after: datetime | None) -> str:
        """Say that something is not valid now: both bounds, when it came, and the skew."""
        lower = "no lower bound" if not_before is None else f"from {not_before.isoformat()}"
        upper = "no upper bound" if not_on_or_after is None else f"until {not_on_or_after.isoformat()}"
        return f"{what} is valid {lower}, {upper}; {self.received}"

    @property
    def received(self) -> str:
        """When the message came, and what is let pass on either side."""
        return f"received at {self.now.isoformat()}, clock skew {self.terms.skew.total_seconds():.0f} s"
