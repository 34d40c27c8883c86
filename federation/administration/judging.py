"""Is what somebody wants kept of a connection in order: by itself, beside all others, and theirs to want."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from federation import registry, settings
from federation.administration.desk import Desk
from federation.configuration import faults
from federation.configuration.faults import Fault
from federation.connection import name_fault
from federation.connectors.saml import SamlConnector
from federation.errors import ConfigurationError, FederationError
from federation.roster import kept

MOST: Final = 200  # connections of one organization
_PAGE: Final = "new"  # of the administration, where the page of one of that id would be
_ANOTHER: Final = (
    "another connection of your organization stands in the way: ask whoever sent you the link to look at it"
)
_OPERATORS: Final = "an operator of this installation has to say so"
DOMAINS: Final = 2000  # that an organization's connections name here; each is held against every other
OCTETS: Final = (
    16 * 1024 * 1024
)  # of an organization's connections, metadata and all: every worker holds them


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found of a body."""

    wrong: tuple[Fault, ...]  # never to be kept
    missing: tuple[Fault, ...]  # to be kept while it is not enabled
    entry: registry.Entry | None = field(repr=False)  # None where there are any


async def judge(
    desk: Desk,
    name: str,
    *,
    organization: str,
    body: Mapping[str, Any],
    secrets: Mapping[str, str],
    before: Mapping[str, Any],
    enabled: bool,
) -> Judgement:
    """Hold a body to every rule.

    Args:
        desk: Who wants it.
        name: The connection's id.
        organization: Whose.
        body: Keys of the settings file.
        secrets: By their dotted keys.
        before: The keys as they are kept now: what an operator let them have, they keep.
        enabled: Whether people come in by it now.
    """
    found = list(_not_theirs(desk, body, before, enabled=enabled))
    found += _too_much(desk, name, organization, body)
    entry: registry.Entry | None = None
    try:
        work = partial(
            kept.compile_body,
            name,
            body,
            secrets,
            organization=organization,
            enabled=False,
            config=desk.settings,
            own=None,
            now=desk.now,
        )
        entry = await asyncio.to_thread(work) if kept.is_large(body) else work()
    except ValidationError as error:
        found += faults.read_errors(error, settings.known_keys())
    except ConfigurationError as fault:
        place = ("metadata",) if "metadata" in body and fault.code.startswith("saml.") else ()
        found.append((place, f"{fault.detail} ({fault.code})"))
    if entry is not None:
        found += await _beside_others(desk, name, entry)
    told = tuple(dict.fromkeys(found))
    missing = tuple(one for one in told if kept.is_missing(one, body))
    wrong = tuple(one for one in told if one not in missing)
    return Judgement(wrong=wrong, missing=missing, entry=None if told else entry)


def _not_theirs(
    desk: Desk, body: Mapping[str, Any], before: Mapping[str, Any], *, enabled: bool
) -> Iterator[Fault]:
    """Yield what an operator alone may let in."""
    if not desk.actor.is_operator:
        for key in ("anyone", "visible"):
            if body.get(key) is True and before.get(key) is not True:
                yield (key,), _OPERATORS
        # Another bound lets an address of any domain in: that an operator has to want, who enables it.
        let = body.get("anyone") is True or (enabled and not before.get("domains"))
        if not body.get("domains") and not let:
            yield ("domains",), "expected the e-mail domains that may enter"


def _too_much(desk: Desk, name: str, organization: str, body: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what one organization would have every worker hold, and every other wait for."""
    others = [
        each.row
        for one, each in desk.roster.kept.items()
        if one != name and each.row.organization == organization
    ]
    try:
        mine = len(json.dumps(dict(body)))
    except (TypeError, ValueError, RecursionError):
        return  # no plain JSON: named already
    if sum(len(one.body) for one in others) + mine > OCTETS:
        said = f"the organization's connections are over {OCTETS // 2**20} MiB together: name metadata by URL"
        yield (), said
    domains = body.get("domains")
    if not isinstance(domains, list) or not domains:
        return
    named = sum(
        len(each.entry.connection.domains)
        for one, each in desk.roster.kept.items()
        if one != name and each.entry is not None and each.row.organization == organization
    )
    if named + len(domains) > DOMAINS:
        yield ("domains",), f"the organization's connections name over {DOMAINS} domains together"


async def _beside_others(desk: Desk, name: str, entry: registry.Entry) -> list[Fault]:
    """Return what does not go together with the connections in force, and with the store's that wait."""
    others = {one: each for one, each in desk.roster.every_entry().items() if one != name}
    told = desk.roster.find_conflicts({**others, name: entry}, desk.roster.organizations)
    found = [fault for whose, fault in told if whose == name]
    found += [fault async for fault in _speaks_for_another(desk, name, entry)]
    if desk.actor.kind == "setup_link":  # who sees one connection learns no other's id, nor what it believes
        return [(steps, why if steps == ("domains",) else _ANOTHER) for steps, why in found]
    return found


async def _speaks_for_another(desk: Desk, name: str, entry: registry.Entry) -> AsyncIterator[Fault]:
    """Yield the fault of an entity ID that is a file's, whose document alone says it."""
    if not isinstance(entry, registry.Saml):
        return
    entity_id = entry.idp.entity_id if entry.idp else entry.connection.entity_id
    for other, connector in list(desk.roster.connectors.items()):
        there = desk.roster.entries.get(other)
        if (
            other == name
            or not isinstance(connector, SamlConnector)
            or not isinstance(there, registry.Saml)
            or there.idp is not None
            or there.connection.entity_id is not None
            or there.connection.organization != entry.connection.organization
        ):
            continue
        try:
            provider = await connector.provider(desk.now)
        except FederationError:
            continue  # never fetched: nobody came by it yet, whose account another could take
        if provider.entity_id == entity_id and there.metadata_url != entry.metadata_url:
            yield ("entity_id",), f"it is that of {other}, whose metadata comes from elsewhere"


def name_faults(desk: Desk, connection: str, organization: str) -> tuple[Fault, ...]:
    """Return why an organization cannot have another connection, of this id."""
    if fault := name_fault(connection, ()):
        return ((("id",), fault),)
    roster = desk.roster
    if connection == _PAGE or connection in roster.of_file or connection in roster.kept:
        return ((("id",), "this id is taken; choose another"),)
    if sum(one.row.organization == organization for one in roster.kept.values()) >= MOST:
        return ((("id",), f"an organization has at most {MOST} connections here"),)
    return ()


def protocol_faults(body: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return why a body is of no protocol that the store may declare."""
    known = ("saml", "oidc", "oauth2")
    return () if body.get("protocol") in known else ((("protocol",), f"expected one of {', '.join(known)}"),)
