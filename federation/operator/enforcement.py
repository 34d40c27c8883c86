"""What `federation enforce` does: tell who would be locked out, and bind an organization to its ways in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation.administration.enforcement import connection_fault, names
from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.domains_values import LOCKED_OUT_COUNTED, Enforcement, LockedOut, Preflight
from federation.store.store import Store, open_store


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an enforcement means, and whether it is on now."""

    wanted: Enforcement
    seen: Preflight
    done: bool | None  # None: only looked at

    @property
    def said(self) -> str:
        return "\n".join([*self._people(), *self._sign_ins(), self._end()])

    def _people(self) -> list[str]:
        shown, number = self.seen.locked_out, self.seen.number
        whose = self.wanted.domain or self.wanted.organization
        many = f"more than {LOCKED_OUT_COUNTED}" if number > LOCKED_OUT_COUNTED else str(number)
        said = (
            f"{many} people of {whose} would be locked out" if number else f"nobody of {whose} is locked out"
        )
        further = [f"  … these are the first {len(shown)}"] if number > len(shown) else []
        return [said, *(f"  {_line(one)}" for one in shown), *further]

    def _sign_ins(self) -> list[str]:
        last, first = self.seen.last_sign_ins, "; sign in through it first"
        return [
            f"{one}: last sign-in {_when(last.get(one))}{first if one in self.seen.untried else ''}"
            for one in self.wanted.connections
        ]

    def _end(self) -> str:
        if self.done:
            return f"on: {place(self.wanted)} signs in through {', '.join(self.wanted.connections)} alone"
        if self.seen.untried:
            return f"not on: no sign-in through {', '.join(self.seen.untried)} in the last seven days"
        number = self.seen.number
        return f"{'not on' if self.done is False else 'to switch it on'}: {self._command(number)}"

    def _command(self, locked_out: int) -> str:
        """Return what to type, whole."""
        domain = f" --domain '{self.wanted.domain}'" if self.wanted.domain else ""
        ways = "".join(f" --connection {one}" for one in self.wanted.connections)
        accept = f" --locked-out {locked_out}" if locked_out else ""
        return f"federation enforce on --organization {self.wanted.organization}{domain}{ways}{accept}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            **as_json(self.wanted),
            "on": bool(self.done),
            "untried": list(self.seen.untried),
            "last_sign_ins": {name: at.isoformat() for name, at in self.seen.last_sign_ins.items()},
            "number": self.seen.number,
            "locked_out": [
                {
                    "user": one.user_id,
                    "email": one.email,
                    "connection": one.connection,
                    "signed_in_at": one.signed_in_at.isoformat() if one.signed_in_at else None,
                    "sessions": one.sessions,
                }
                for one in self.seen.locked_out
            ],
        }


def place(one: Enforcement) -> str:
    """Say for whom it is."""
    return f"{one.organization} ({one.domain})" if one.domain else one.organization


def line(one: Enforcement) -> str:
    """Return an enforcement in a line."""
    return f"{place(one)}: {', '.join(one.connections)}, since {_when(one.at)} by {one.by}"


def as_json(one: Enforcement) -> dict[str, Any]:
    """Return an enforcement as plain data."""
    return {
        "organization": one.organization,
        "domain": one.domain,
        "connections": list(one.connections),
        "at": one.at.isoformat(),
        "by": one.by,
    }


def _line(one: LockedOut) -> str:
    sessions = f", live sessions: {one.sessions}" if one.sessions else ""
    return f"{one.email or 'no address'} (user {one.user_id}): last sign-in {_when(one.signed_in_at)}" + (
        f" through {one.connection}{sessions}" if one.connection else sessions
    )


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "never"


async def preflight(config: Settings, wanted: Enforcement) -> Told:
    """Tell who would be locked out, and which connections have been tried.

    Args:
        config: The settings.
        wanted: What to enforce; ``at`` is now, UTC.

    Raises:
        ConfigurationError: ``enforce.organization``, ``enforce.connection``, ``enforce.domain``; ``store.*``.
    """
    _hold(config, wanted)
    async with _store(config) as store:
        asked = wanted.organization, wanted.domain, wanted.connections, wanted.at
        return Told(wanted=wanted, seen=await store.preflight(*asked), done=None)


async def on(config: Settings, wanted: Enforcement, *, locked_out: int) -> Told:
    """Switch it on, if exactly so many people are locked out by it, and each connection has been tried.

    Arguments and errors as ``preflight``.
    """
    _hold(config, wanted)
    async with _store(config) as store:
        told = audited(
            store,
            "enforcement.on",
            place(wanted),
            organization=wanted.organization,
            now=wanted.at,
            after={"connections": list(wanted.connections), "locked_out": locked_out},
        )
        seen, done = await told.enforce(wanted, locked_out=locked_out)
    return Told(wanted=wanted, seen=seen, done=done)


async def off(config: Settings, organization: str, domain: str, *, now: datetime) -> bool:
    """Let people come in by every connection again; False if nothing was enforced here."""
    async with _store(config) as store:
        where = f"{organization} ({domain})" if domain else organization
        told = audited(store, "enforcement.off", where, organization=organization, now=now)
        return await told.lift_enforcement(organization, domain)


async def every(config: Settings) -> tuple[Enforcement, ...]:
    """Return what is enforced."""
    async with _store(config) as store:
        return await store.enforcements()


def _hold(config: Settings, wanted: Enforcement) -> None:
    """Refuse what would let nobody in, or somebody else's people."""
    if wanted.organization not in config.organizations:
        known = ", ".join(config.organizations) or "none"
        raise ConfigurationError(
            "enforce.organization", f"{wanted.organization} is none of organizations (known: {known})"
        )
    for name in wanted.connections:
        if fault := connection_fault(config.connections, wanted.organization, wanted.domain, name):
            raise ConfigurationError("enforce.connection", fault)
    if wanted.domain and not names(config.connections, wanted.organization, wanted.domain):
        raise ConfigurationError(
            "enforce.domain", f"no connection of {wanted.organization} names {wanted.domain} in its domains"
        )


def faults(config: Settings, enforced: Sequence[Enforcement]) -> dict[Enforcement, list[str]]:
    """Return what is enforced and leads nowhere, with why: the settings changed since."""
    found: dict[Enforcement, list[str]] = {}
    for one in enforced:
        told = [
            connection_fault(config.connections, one.organization, one.domain, name)
            for name in one.connections
        ]
        if broken := [fault for fault in told if fault]:
            found[one] = broken
    return found


@asynccontextmanager
async def _store(config: Settings) -> AsyncIterator[Store]:
    store = await open_store(config.database_url.get_secret_value())
    try:
        yield store
    finally:
        await store.close()
