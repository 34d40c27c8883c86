"""How a connection's directory provisions here (SCIM): on or off, what it proves itself by, whom it concerns.

Whoever has a credential of a directory says who is in which group, and so what people may do: to make one
takes what it takes to let people in by the connection. Only its hash is kept.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from federation.administration import administrators, connection_subject, connections, places, setup_limits
from federation.administration.actor import Scope
from federation.administration.connection_subject import Subject
from federation.administration.desk import Desk
from federation.administration.paging import Page, cut, read_cursor
from federation.errors import FieldsRefused, NotAllowed, NotFound, PolicyRefused
from federation.provisioned import Credential, Resident, Residue, Summary
from federation.provisioning import credentials
from federation.provisioning.credentials import Minted
from federation.store.rows import new_id

DAYS: Final = 365
LONGEST: Final = 5 * 365  # days
LONGEST_NAME: Final = 100
MOST: Final = 20  # live ones of a connection: two while one takes another's place, and for tests
SOON: Final = timedelta(days=30)
PATH: Final = "/scim/v2"
Minting = Literal["bearer", "client"]


@dataclass(frozen=True, kw_only=True)
class ProvisioningView:
    """All that may be shown of it."""

    connection: str
    organization: str
    title: str
    origin: Literal["file", "store"]
    on: bool
    base_url: str
    token_url: str  # where an OAuth client has its access tokens
    further: tuple[str, ...]  # base URLs, of the settings file
    in_settings: tuple[str, ...]  # of "basic" and "bearer", those that the settings file holds
    credentials: tuple[Credential, ...]  # live ones, newest first
    summary: Summary
    number: int  # of the connection's latest change; 0 of the file's


async def find(desk: Desk, connection: str) -> ProvisioningView:
    """Return how a connection's directory stands here.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``.
        NotFound: ``admin.not_yours``: there is none, or it is another's.
    """
    one = await _subject(desk, connection, "connections:read")
    setup_limits.demand_administrator(desk.actor)
    base = desk.settings.base_url
    held = one.connection.scim if one.kept is None and one.connection else None
    return ProvisioningView(
        connection=one.id,
        organization=one.organization,
        title=one.title,
        origin="store" if one.kept else "file",
        on=one.provisions,
        base_url=base_url(desk, one.id),
        token_url=f"{base_url(desk, one.id)}/token",
        further=tuple(f"{base}{path}" for path in (held.paths if held else ())),
        in_settings=tuple(key for key in ("basic", "bearer") if held and getattr(held, key) is not None),
        credentials=await desk.store.credentials(one.id, desk.now),
        summary=await desk.store.summarize_scim(one.id),
        number=one.kept.row.number if one.kept else 0,
    )


def base_url(desk: Desk, connection: str) -> str:
    """Return what a directory is given."""
    return f"{desk.settings.base_url}{PATH}/{connection}"


async def refused(desk: Desk, connection: str, *, cursor: str | None, limit: int) -> Page[Resident]:
    """Return a page of those to whom policy gives nothing, with the code of why.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``.
        NotFound: ``admin.not_yours``.
        FieldsRefused: ``admin.invalid``: the cursor.
    """
    one = await _subject(desk, connection, "connections:read")
    desk.demand("people:read", organization=one.organization, connection=one.id)
    setup_limits.demand_administrator(desk.actor)
    place = read_cursor(cursor, str)
    found = await desk.store.refused_provisioned(one.id, str(place[0]) if place else "", limit + 1)
    return cut(found, limit, lambda each: (each.id,))


async def of_person(desk: Desk, organization: str, user: str) -> tuple[Resident, ...]:
    """Return what directories say of somebody whom the organization knows.

    Raises:
        NotAllowed: ``admin.scope``.
        NotFound: ``admin.not_yours``, ``admin.unknown``.
    """
    await places.person(desk, "people:read", organization, user)
    return await desk.store.residencies(organization, user)


async def switch(desk: Desk, connection: str, *, on: bool, number: int) -> None:
    """Let a directory provision by a connection that is edited here, or let it no more.

    What it provisioned stays, and its credentials: until it is on again nothing of them counts.

    Raises:
        ChangeConflicts: ``admin.managed``, ``admin.changed_meanwhile``.
        NotAllowed, NotFound, FieldsRefused: As ``connections.update``.
    """
    view = await find(desk, connection)
    if view.on != on:
        await connections.update(desk, connection, {"scim": {} if on else None}, number=number)


async def create(desk: Desk, connection: str, kind: Minting, *, name: str, days: int | None) -> Minted:
    """Make a token, or an OAuth client; its secret is shown this once.

    Args:
        desk: By whom; the holder of a setup link only where they may enable the connection, and before.
        connection: Whose.
        kind: "bearer" or "client".
        name: For people.
        days: Until it ends; None: ``DAYS``, or as long as the token of the API that makes it.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``, ``admin.administrators``.
        NotFound: ``admin.not_yours``.
        FieldsRefused: ``admin.invalid``.
    """
    one = await _subject(desk, connection, "connections:write")
    setup_limits.demand_enable(desk.actor)
    if one.enabled and desk.actor.kind == "setup_link":
        raise NotAllowed("admin.setup_link", "the connection is in use: an administrator changes it")
    await administrators.demand_for_entering(desk, one.organization, one.id)
    ends = desk.now + timedelta(days=DAYS if days is None else days)
    last = desk.actor.ends_at if desk.actor.kind == "api_token" else None
    live = len(await desk.store.credentials(one.id, desk.now))
    if found := _faults(name, days, on=one.provisions, live=live, ends_in_time=last is None or ends <= last):
        raise FieldsRefused("admin.invalid", "no such credential can be made", faults=found)
    made = Credential(
        id=new_id(desk.now),
        connection=one.id,
        organization=one.organization,
        kind=kind,
        name=name.strip(),
        created_at=desk.now,
        created_by=f"{desk.actor.kind}:{desk.actor.id}".rstrip(":"),
        expires_at=ends if last is None else min(ends, last),
    )
    audited = desk.audited(
        "scim_credential.create",
        "scim_credential",
        made.id,
        organization=one.organization,
        after=_told(made),
    )
    return await credentials.mint(audited, made)


def _told(one: Credential) -> dict[str, object]:
    return {
        "connection": one.connection,
        "kind": one.kind,
        "name": one.name,
        "expires_at": one.expires_at.isoformat(timespec="seconds"),
    }


def _faults(
    name: str, days: int | None, *, on: bool, live: int, ends_in_time: bool
) -> list[tuple[tuple[str, ...], str]]:
    found: list[tuple[tuple[str, ...], str]] = []
    if not on:
        found.append((("scim",), "expected a connection with scim: {}: nobody provisions by this one"))
    if not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        found.append((("name",), f"expected a name for people, of at most {LONGEST_NAME} characters"))
    if days is not None and not 1 <= days <= LONGEST:
        found.append((("days",), f"expected days from 1 to {LONGEST}"))
    elif days is not None and not ends_in_time:
        found.append((("days",), "expected an end that is no later than that of the token which asks"))
    if live >= MOST:
        found.append((("name",), f"expected at most {MOST} of a connection: revoke one first"))
    return found


async def revoke(desk: Desk, connection: str, identifier: str) -> None:
    """Refuse a credential from the next request on, on every node; with a client what it was given.

    Raises:
        NotAllowed: ``admin.scope``, ``admin.setup_link``.
        NotFound: ``admin.not_yours``, ``admin.unknown``: it is over, or there is none.
    """
    one = await _subject(desk, connection, "connections:write")
    setup_limits.demand_administrator(desk.actor)
    known = {each.id: each for each in await desk.store.credentials(one.id, desk.now)}
    if identifier not in known:
        raise NotFound("admin.unknown", "there is no such credential")
    audited = desk.audited(
        "scim_credential.revoke",
        "scim_credential",
        identifier,
        organization=one.organization,
        before=_told(known[identifier]),
    )
    await audited.revoke_credential(one.id, identifier, desk.now)


async def residues(desk: Desk) -> tuple[Residue, ...]:
    """Return what is kept of directories that may provision no more, for whoever administers all of it.

    Raises:
        NotAllowed: ``admin.scope``.
    """
    desk.demand("connections:read", organization=None)
    await desk.roster.refresh(desk.now)
    return tuple(one for one in await desk.store.residues() if not _provisions(desk, one))


async def forget(desk: Desk, connection: str, *, force: bool) -> tuple[tuple[Residue, ...], int]:
    """Take away what a directory kept and gave that may provision no more.

    Args:
        desk: By whom: they administer every organization, for the connection may be gone.
        connection: Its id.
        force: Though nobody who administers would be left, or could come in.

    Returns:
        What was kept, and how many sessions ended.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotAllowed: ``admin.scope``, ``admin.administrators``.
        NotFound: ``admin.unknown``: nothing is kept, or its directory may provision still.
    """
    desk.demand("connections:write", organization=None)
    found = tuple(one for one in await residues(desk) if one.connection == connection)
    if not found:
        raise NotFound("admin.unknown", "nothing is kept of a directory that may provision no more")
    ended = 0
    for one in found:
        await administrators.demand_for_leaving(desk, one.organization, connection)
        told = {"users": one.users, "kept_out": one.kept_out}
        store = desk.audited(
            "connection.forget", "connection", connection, organization=one.organization, before=told
        )
        held = places.remaining(desk, one.organization, connection, force=force)
        if held.in_use:  # people come in by it still
            held = replace(held, ways=(*held.ways, connection), in_use=False)
        try:
            ended += await store.forget_provisioned(connection, one.organization, desk.now, held)
        except PolicyRefused as refusal:
            raise places.last_administrator() from refusal
    return found, ended


def _provisions(desk: Desk, one: Residue) -> bool:
    known = connection_subject.one(desk, one.connection)
    return known is not None and known.provisions and known.organization == one.organization


async def _subject(desk: Desk, connection: str, scope: Scope) -> Subject:
    await desk.roster.refresh(desk.now)
    one = connection_subject.one(desk, connection)
    if one is None:
        raise NotFound("admin.not_yours", "no connection of theirs has this id")
    desk.demand(scope, organization=one.organization, connection=one.id)
    return one
