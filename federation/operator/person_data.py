"""What `federation person export` and `federation person erase` do: what is kept of a person, and its end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation import keys
from federation.administration import people_data
from federation.errors import ConfigurationError
from federation.operator.audited import audited
from federation.settings import Settings
from federation.store.people_values import Erased, PersonFound
from federation.store.store import Store, open_store


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """Who was erased, where, and what went."""

    person: PersonFound
    organization: str
    erased: Erased

    @property
    def said(self) -> str:
        """Say what went, a line each."""
        whom = f"{self.person.email or 'without an e-mail address'} (user {self.person.user_id})"
        lines = [f"{self.organization}: {whom} is erased"]
        lines += [
            f"  {name.replace('_', ' ')}: {number}" for name, number in self.erased.counts.items() if number
        ]
        if not self.erased.user:
            lines.append("  the user stays: another organization knows them")
        if self.erased.last_administrator:
            lines.append(f"  nobody in {self.organization} has an administrator's role now")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "organization": self.organization,
            "user": self.person.user_id,
            "email": self.person.email,
            "erased": dict(self.erased.counts),
            "user_erased": self.erased.user,
            "no_administrator_left": self.erased.last_administrator,
        }


async def find(config: Settings, who: str, organization: str) -> PersonFound:
    """Return whom an address, a user id or a ``Subject.person`` means.

    Raises:
        ConfigurationError: ``person.organization``, ``person.unknown``, ``person.several``; ``store.*``.
    """
    store = await open_store(config.database_url.get_secret_value())
    try:
        return await _find(config, store, who, organization)
    finally:
        await store.close()


async def _find(config: Settings, store: Store, who: str, organization: str) -> PersonFound:
    if organization not in config.organizations:
        raise ConfigurationError(
            "person.organization", f"no organization {organization!r}: {', '.join(config.organizations)}"
        )
    found = await store.find_persons(who, organization)
    if not found:
        raise ConfigurationError("person.unknown", f"nobody in {organization} is {who!r}")
    if len(found) > 1:
        users = ", ".join(one.user_id for one in found)
        raise ConfigurationError(
            "person.several", f"{who} is several users in {organization}; name one by its id: {users}"
        )
    return found[0]


async def export(config: Settings, who: str, organization: str) -> dict[str, Any]:
    """Return all that is kept of a person in an organization as plain data, records opened.

    Raises:
        ConfigurationError: As ``find``; ``keys.*``.
    """
    vault = keys.open_vault([one.file for one in config.encryption_keys])
    store = await open_store(config.database_url.get_secret_value())
    try:
        person = await _find(config, store, who, organization)
        return await people_data.export(store, vault, organization, person.user_id)
    finally:
        await store.close()


async def erase(
    config: Settings, person: PersonFound, organization: str, *, force: bool, now: datetime
) -> Erasure:
    """Erase a person in an organization.

    Args:
        config: The settings.
        person: As ``find`` returned it.
        organization: Its id.
        force: Also the last administrator.
        now: UTC, aware.

    Raises:
        ConfigurationError: ``person.last_administrator``; ``store.*``.
    """
    store = await open_store(config.database_url.get_secret_value())
    try:
        told = audited(store, "person.erase", person.user_id, organization=organization, now=now)
        erased = await told.erase_person(
            person.user_id, organization, administrators=config.organizations, force=force
        )
    finally:
        await store.close()
    if not erased.counts:
        raise ConfigurationError(
            "person.last_administrator",
            f"nothing was erased: nobody else in {organization} has an administrator's role; "
            "give it to somebody first, or say --force",
        )
    return Erasure(person=person, organization=organization, erased=erased)
