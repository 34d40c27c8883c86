"""Break-glass: one sealed way into each organization, for when no other one works.

It hangs on no identity provider, no connection and no rule of enforcement; only on the database
and a code that an operator sealed and somebody keeps in a safe. Used, it is used up.
"""

import base64
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from federation.clock import Clock
from federation.connection import Organization
from federation.connectors.hashing import Hashing
from federation.errors import PolicyRefused
from federation.identity import Session
from federation.records import records
from federation.store.local_values import BreakGlass
from federation.store.store import Store
from federation.store.values import NewSession, Record
from federation.vault import hash_token

log = logging.getLogger(__name__)

_OCTETS: Final = 20  # 160 bits: 32 characters of base32
_GROUP: Final = 4
_LONGEST: Final = 200  # characters that anybody may type
_SAID: Final = {
    "break_glass.unsealed": "no such organization, or it has no sealed account and no administrators' role",
    "break_glass.code": "the recovery code is another one",
    "break_glass.used": "the recovery code was used before; another one must be sealed",
}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A session that a recovery code opened."""

    token: str = field(repr=False)
    session: Session


class BreakGlassDoor:
    """What it takes to open a session by a recovery code, made once at start."""

    def __init__(
        self,
        *,
        organizations: Mapping[str, Organization],
        store: Store,
        hashing: Hashing,
        life: timedelta,
        idle: timedelta,
        clock: Clock,
    ) -> None:
        """Take what is at hand; ``life`` is how long its session lives at most."""
        self._organizations = organizations
        self._store = store
        self._hashing = hashing
        self._life = life
        self._idle = idle
        self._clock = clock

    async def open(self, typed: str, *, session_token: str, user_agent: str) -> Opened:
        """Use a recovery code up.

        Args:
            typed: As printed, ``acme:ABCD-…``; spaces, dashes and case do not count.
            session_token: The browser's session cookie, which this one replaces; "" for none.
            user_agent: As the browser says.

        Raises:
            PolicyRefused: ``break_glass.unsealed``, ``break_glass.code``, ``break_glass.used``:
                after the same work for each.
            TooManyRequests: ``local.busy``.
        """
        now = self._clock()
        organization, code = read_code(typed)
        role = next(iter(self._administrators(organization)), "")
        sealed = await self._store.break_glass(organization) if role else None
        same, _ = await self._hashing.verify(code, sealed.code_hash if sealed else "")
        if sealed is None:
            raise self._refused("break_glass.unsealed")
        if not same:
            raise self._refused("break_glass.code")
        token = secrets.token_urlsafe(32)
        new = self._new(organization, token, session_token=session_token, user_agent=user_agent)
        session = await self._store.open_break_glass(organization, sealed.code_hash, role, new, now)
        if session is None:
            raise self._refused("break_glass.used")
        log.critical("break-glass opened", extra={"organization": organization, "ref": session.reference})
        return Opened(token=token, session=session)

    def _administrators(self, organization: str) -> tuple[str, ...]:
        known = self._organizations.get(organization)
        return known.administrators if known else ()

    def _new(self, organization: str, token: str, *, session_token: str, user_agent: str) -> NewSession:
        now = self._clock()
        record = Record(
            reference=records.mint_reference(),
            at=now,
            code="",
            detail="admitted by break-glass: the recovery code is used up",
            organization=organization,
        )
        return NewSession(
            token_hash=hash_token(token),
            ended_token_hash=hash_token(session_token) if session_token else b"",
            handle="",
            idle=min(self._idle, self._life).total_seconds(),
            absolute_end=now + self._life,
            user_agent=user_agent[:200],
            record=record,
        )

    def _refused(self, code: str) -> PolicyRefused:
        return PolicyRefused(code, _SAID[code])


def new_code(organization: str) -> tuple[str, str]:
    """Return a recovery code as it is printed, and what of it is hashed."""
    drawn = base64.b32encode(secrets.token_bytes(_OCTETS)).decode()
    groups = [drawn[at : at + _GROUP] for at in range(0, len(drawn), _GROUP)]
    return f"{organization}:{'-'.join(groups)}", drawn


def read_code(typed: str) -> tuple[str, str]:
    """Return organization and code of what somebody typed."""
    organization, _, code = typed[:_LONGEST].strip().partition(":")
    return organization.strip().lower(), "".join(one for one in code if one.isalnum()).upper()


def is_sealed(state: BreakGlass | None) -> bool:
    """Tell whether a code is good."""
    return state is not None and state.used_at is None
