"""What `federation doctor` asks about directories that provision people here."""

import asyncio
from datetime import datetime
from pathlib import Path

from federation.connection import AnyConnection
from federation.errors import FederationError
from federation.operator.finding import Finding, ok, warning
from federation.provisioned import Credential, Residue
from federation.settings import Settings
from federation.store.store import open_store

_SOON = 30  # days


async def kept(config: Settings, now: datetime) -> list[Finding]:
    """Look at what each one's clients prove themselves by, and at what is left of others."""
    provisioning = [one for one in config.connections.values() if one.scim is not None]
    url = config.database_url.get_secret_value()
    here = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:") and not await asyncio.to_thread(here.exists):
        return []
    try:
        store = await open_store(url)
    except FederationError:  # the database has a finding of its own
        return []
    try:
        found = [look(one, await store.credentials(one.id, now), now) for one in provisioning]
        held = {(one.id, one.organization) for one in provisioning}
        left = [one for one in await store.residues() if (one.connection, one.organization) not in held]
        return [*found, *map(_left, left)]
    finally:
        await store.close()


def _left(one: Residue) -> Finding:
    return warning(
        f"provisioning {one.connection}",
        f"no directory provisions by it now; {one.users} users of {one.organization} have what one gave them"
        f" before, and {one.kept_out} of them are kept out",
        f"federation scim forget {one.connection} takes that away, or give it scim again",
    )


def look(connection: AnyConnection, minted: tuple[Credential, ...], now: datetime) -> Finding:
    """Tell whether a directory can prove itself, and for how long.

    Args:
        connection: One that provisions.
        minted: Its live credentials.
        now: UTC.
    """
    topic, scim = f"provisioning {connection.id}", connection.scim
    mend = f"federation scim token create {connection.id}, and enter it at the directory"
    if scim is not None and (scim.basic or scim.bearer):
        return ok(topic, "its directory proves itself by a secret of the settings file")
    counting = [one for one in minted if one.organization == connection.organization]
    if not counting:
        return warning(topic, "no credential counts: its directory can change nothing here", mend)
    last = max(one.expires_at for one in counting)
    if (last - now).days < _SOON:
        return warning(topic, f"its last credential ends on {last:%Y-%m-%d}", mend)
    return ok(topic, f"its last credential ends on {last:%Y-%m-%d}")
