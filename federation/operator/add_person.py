"""What `federation person add` does: make a user before they come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.operator.invite import known, opened, plain_address
from federation.settings import Settings
from federation.store.people_values import Awaited


@dataclass(frozen=True, kw_only=True)
class Added:
    """Who is awaited, and where."""

    email: str
    organization: str
    connection: str
    roles: tuple[str, ...]
    person: Awaited

    @property
    def said(self) -> str:
        place = (
            f"through {self.connection}"
            if self.connection
            else "through a connection trusted for the address"
        )
        who = f"{self.email} (user {self.person.user_id})"
        if self.person.made:
            return f"{who} is a member of {self.organization} now, and awaited {place}"
        return f"{who} was known in {self.organization}: they are a member, and may come {place}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "user": self.person.user_id,
            "made": self.person.made,
            "email": self.email,
            "organization": self.organization,
            "connection": self.connection or None,
            "roles": list(self.roles),
        }


async def add(
    config: Settings, email: str, *, organization: str, connection: str, roles: tuple[str, ...], now: datetime
) -> Added:
    """Make a user for an address; their first sign-in finds it.

    Args:
        config: The settings.
        email: One plain address.
        organization: Its id.
        connection: Through which they will come, and whose word for the address then counts; ""
            leaves it to the connections that are trusted for the address.
        roles: What they are granted, by hand.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``person.organization``, ``person.email``, ``person.connection``,
            ``person.member``; ``store.*``.
    """
    address = plain_address(email)
    known(config, organization)
    theirs = [one.id for one in config.connections.values() if one.organization == organization]
    if connection and connection not in theirs:
        ids = ", ".join(theirs) or "none"
        raise ConfigurationError(
            "person.connection", f"{organization} has no such connection (it has: {ids})"
        )
    roles = tuple(dict.fromkeys(roles))
    async with opened(config) as store:
        gives = {"roles": list(roles), "connection": connection}
        told = audited(store, "person.add", "", organization=organization, now=now, after=gives)
        person = await told.add_person(organization, address, connection=connection, roles=roles, now=now)
    if person is None:
        raise ConfigurationError(
            "person.member",
            f"a member of {organization} has this address already: `federation person grant` gives "
            "roles, and --connection alone lets them come through another one too; several users are "
            "never taken for one",
        )
    return Added(email=address, organization=organization, connection=connection, roles=roles, person=person)
