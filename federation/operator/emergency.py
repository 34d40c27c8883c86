"""What `federation bootstrap` and `federation break-glass` do: ways in that hang on no connection."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from federation import passwords
from federation.break_glass import is_sealed, new_code
from federation.connection import Organization
from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.operator.finding import Finding, note, ok, warning
from federation.operator.local import opened
from federation.settings import Settings
from federation.store.local_values import BreakGlass
from federation.store.store import Store
from federation.vault import hash_token

LINK_LIFE: Final = timedelta(hours=24)
TOPIC: Final = "break-glass"


@dataclass(frozen=True, kw_only=True)
class State:
    """How an organization's sealed account stands."""

    organization: str
    account: BreakGlass | None

    @property
    def said(self) -> str:
        """Return it in a sentence."""
        if self.account is None:
            return f"{self.organization}: never sealed"
        last = self.account.last_used_at
        used = f"; last used {last:%Y-%m-%d %H:%M} UTC" if last else "; never used"
        return (
            f"{self.organization}: {'sealed' if is_sealed(self.account) else 'used up, seal it again'}{used}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; nothing of the code."""
        times = (
            {"sealed_at": self.account.sealed_at, "last_used_at": self.account.last_used_at}
            if self.account
            else {"sealed_at": None, "last_used_at": None}
        )
        return {
            "organization": self.organization,
            "sealed": is_sealed(self.account),
            **{name: at.isoformat() if at else None for name, at in times.items()},
        }


async def offer(config: Settings, organization: str, *, anew: bool, now: datetime) -> str | None:
    """Return a link for the first administrator of an organization, as long as it has none.

    Args:
        config: The settings.
        organization: Its id.
        anew: Though one is still good, which then is not any more.
        now: UTC, aware.

    Returns:
        None where somebody is an administrator, or (unless ``anew``) another link is still good.

    Raises:
        ConfigurationError: ``account.organization``, ``account.no_role``; ``store.*``.
    """
    roles = administrators(config, organization)
    async with opened(config) as store:
        return await _offer(config, store, organization, roles, anew=anew, now=now)


async def offer_all(config: Settings, *, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return organization and link wherever one is due: at start, on one node."""
    asked = {name: one.administrators for name, one in config.organizations.items() if one.administrators}
    if not asked:
        return ()
    async with opened(config) as store:
        links = {
            name: await _offer(config, store, name, roles, anew=False, now=now)
            for name, roles in asked.items()
        }
    return tuple((name, link) for name, link in links.items() if link)


async def _offer(
    config: Settings, store: Store, organization: str, roles: tuple[str, ...], *, anew: bool, now: datetime
) -> str | None:
    token, asked = secrets.token_urlsafe(32), frozenset(roles)
    giving = config.organizations[organization].administrators_teams
    by = "operator" if anew else "system"
    told = audited(
        store, "organization.bootstrap", organization, organization=organization, now=now, actor_kind=by
    )
    offered = await told.offer_bootstrap(
        organization, asked, giving, hash_token(token), until=now + LINK_LIFE, anew=anew, now=now
    )
    return f"{config.base_url}/bootstrap/{token}" if offered else None


async def seal(config: Settings, organization: str, *, now: datetime) -> str:
    """Seal an organization's account anew; return the recovery code, which is shown this once.

    Raises:
        ConfigurationError: ``account.organization``, ``account.no_role``; ``store.*``.
    """
    administrators(config, organization)
    printed, code = new_code(organization)
    kept = passwords.hash_password(code)
    async with opened(config) as store:
        told = audited(store, "organization.seal", organization, organization=organization, now=now)
        await told.seal_break_glass(organization, kept, now)
    return printed


async def states(config: Settings) -> tuple[State, ...]:
    """Return how the account of each organization with administrators stands.

    Raises:
        ConfigurationError: ``store.*``.
    """
    async with opened(config) as store:
        return tuple(
            [
                State(organization=name, account=await store.break_glass(name))
                for name, one in config.organizations.items()
                if one.administrators
            ]
        )


async def findings(config: Settings) -> list[Finding]:
    """Return what `federation doctor` says: a use is never overlooked."""
    try:
        found = await states(config)
    except ConfigurationError:
        return []  # the database is a finding of its own
    return [_finding(one) for one in found]


def _finding(state: State) -> Finding:
    mend = f"federation break-glass seal --organization {state.organization}"
    if state.account is None:
        return note(TOPIC, f"{state.said}; {mend} prints a recovery code")
    if not is_sealed(state.account):
        return warning(TOPIC, state.said, mend)
    return ok(TOPIC, state.said)


def administrators(config: Settings, organization: str) -> tuple[str, ...]:
    """Return the roles of an organization's administrators.

    Raises:
        ConfigurationError: ``account.organization``: there is none of this id; ``account.no_role``:
            it names no such role.
    """
    known: Organization | None = config.organizations.get(organization)
    if known is None:
        listed = ", ".join(config.organizations) or "none"
        raise ConfigurationError(
            "account.organization", f"expected the id of an organization (known: {listed})"
        )
    if not known.administrators:
        raise ConfigurationError(
            "account.no_role", f"organizations.{organization} has no administrators: name their roles there"
        )
    return known.administrators
