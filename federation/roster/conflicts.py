"""What of the store does not go together with what was there before it."""

from collections.abc import Collection, Iterator, Mapping

from federation import registry
from federation.configuration.faults import Fault
from federation.connection import Organization, between


def find(
    entries: Mapping[str, registry.Entry],
    organizations: Mapping[str, Organization],
    *,
    of_file: Collection[str],
    development: bool,
) -> Iterator[tuple[str, Fault]]:
    """Yield each of the store's that does not go together with one before it, and why, at its key.

    Args:
        entries: In their order.
        organizations: By id.
        of_file: Ids of connections that the settings file declares: those were held to each other at start.
        development: As the settings say.
    """
    connections = {name: one.connection for name, one in entries.items()}
    for steps, why in between.find_faults(connections, organizations, development=development):
        name = str(steps[0])
        if name not in of_file:
            yield name, (steps[1:], why)
    for name, impostor in registry.find_impostors(entries):
        if name not in of_file:
            yield name, ((), f"{impostor.detail} ({impostor.code})")
    yield from _doubles(entries)


def tell(found: tuple[Fault, ...]) -> str:
    """Return faults in one line, each with its place."""
    return "; ".join(
        f"{'.'.join(map(str, steps))}: {why}" if steps else why for steps, why in dict.fromkeys(found)
    )


def _doubles(entries: Mapping[str, registry.Entry]) -> Iterator[tuple[str, Fault]]:
    """Yield each of the store's under whose entity ID somebody else's document could speak.

    With keys at hand on both sides ``find_impostors`` tells; of what is fetched nobody knows tomorrow's.
    """
    known: dict[tuple[str, str], registry.Saml] = {}
    for name, entry in entries.items():
        if not isinstance(entry, registry.Saml):
            continue
        entity_id = entry.idp.entity_id if entry.idp else entry.connection.entity_id
        if entity_id is None:
            continue
        first = known.setdefault((entry.connection.organization, entity_id), entry)
        at_hand = first.idp is not None and entry.idp is not None
        if entry.connection.of_store and not at_hand and first.metadata_url != entry.metadata_url:
            said = f"it is that of {first.connection.id}, whose metadata comes from elsewhere"
            yield name, (("entity_id",), said)
