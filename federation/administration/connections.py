"""Connections: those of the settings file, which are shown, and those of the store, which are edited here.

What is kept is held to the rules of the settings file, against everything else that is in force, and
to what the store may not declare (``federation.roster.kept``). A connection is set up step by step: until it
is enabled it may miss keys (``ConnectionView.missing``), never hold a wrong one. It is enabled after a
trial of this very state of it went through. Every change is in force on every worker within a second.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation.administration import (
    administrators,
    connection_subject,
    connection_views,
    judging,
    listing,
    paging,
    places,
    setup_limits,
)
from federation.administration.connection_views import SET, ConnectionLine, ConnectionView
from federation.administration.desk import Desk
from federation.administration.judging import Judgement
from federation.configuration.faults import Fault
from federation.errors import ChangeConflicts, FieldsRefused, NotFound, PolicyRefused
from federation.roster import kept, limits
from federation.roster.making import Kept
from federation.store.kept_values import KeptConnection

_SWEPT: Final = 1000  # rows of each kind in one transaction, so that sign-ins pass between
_SWEEPS: Final = 5  # while somebody waits for the answer
_SHOWN: Final = 200  # characters of a value in the audit log
_PERSONAL: Final = frozenset({"google_directory"})  # names an administrator of theirs
# Where the client's secret is sent. Moved, it would be sent to whoever is named now, who may not read it.
_RECEIVERS: Final = (
    "issuer", "discovery_url", "server", "token_endpoint", "revocation_endpoint",
    "pushed_authorization_request_endpoint",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A page of connections by title; ``next`` leads on, "" at the end."""

    connections: tuple[ConnectionLine, ...]
    next: str


async def list_connections(desk: Desk, *, search: str, after: str, limit: int) -> Listed:
    """Return connections by title, of the file and of the store.

    Args:
        desk: Who asks.
        search: Part of a title, an id, a domain or an organization, without case; "" for all.
        after: ``Listed.next`` of the page before, or "".
        limit: 1 to 200.
    """
    desk.demand("connections:read", organization=desk.actor.organization, connection=desk.actor.connection)
    await desk.roster.refresh(desk.now)
    place = listing.read_place(after)
    wanted = search.strip().casefold()
    off = await desk.store.switched_off()
    found = connection_subject.page(desk, wanted, place, limit + 1)
    page = paging.cut(found, limit, lambda one: one.place)
    lines = tuple(connection_views.line(desk, one, off) for one in page.items)
    return Listed(connections=lines, next=page.next or "")


async def find(desk: Desk, connection: str) -> ConnectionView:
    """Return all that may be shown of one.

    Raises:
        NotFound: ``admin.not_yours``: there is none, or it is another's.
    """
    await desk.roster.refresh(desk.now)
    one = connection_subject.one(desk, connection)
    if one is None:
        raise NotFound("admin.not_yours", "no connection of theirs has this id")
    desk.demand("connections:read", organization=one.organization, connection=one.id)
    return await connection_views.view(desk, one)


async def check(
    desk: Desk, connection: str, *, organization: str, body: Mapping[str, Any]
) -> tuple[Fault, ...]:
    """Return every fault of a body that is not kept yet, those of keys that are missing last."""
    desk.demand("connections:write", organization=organization, connection=connection)
    await desk.roster.refresh(desk.now)
    known = desk.roster.kept.get(connection)
    if known is not None and known.row.organization == organization:
        told = await _judged(desk, known, body, kept.open_secrets(desk.vault, known.row))
    else:
        told = await _new(desk, connection, organization, body)
    return (*told.wrong, *told.missing)


async def create(
    desk: Desk, connection: str, *, organization: str, body: Mapping[str, Any]
) -> ConnectionView:
    """Keep a new connection, not enabled.

    Args:
        desk: By whom.
        connection: Its id, for good.
        organization: Whose.
        body: Keys of the settings file, ``protocol`` among them; it may miss others, see ``missing``.

    Raises:
        FieldsRefused: ``admin.invalid``, with every fault at its key.
        NotFound: ``admin.not_yours``: the organization is not theirs.
    """
    desk.demand("connections:write", organization=organization)
    await desk.roster.refresh(desk.now)
    if organization not in desk.roster.organizations:
        raise NotFound("admin.not_yours", "there is no such organization")
    told = await _new(desk, connection, organization, body)
    _refuse(
        (*judging.name_faults(desk, connection, organization), *judging.protocol_faults(body), *told.wrong)
    )
    administrators.demand_for_new(desk, organization, body)
    row = _row(desk, connection, organization, str(body["protocol"]), body, sealed="")
    store = desk.audited(
        "connection.create", "connection", connection, organization=organization, after=_told(body)
    )
    if not await store.keep_connection(row, desk.now, previous=None):
        _refuse(((("id",), "this id is taken; choose another"),))
    return await find(desk, connection)


async def update(desk: Desk, connection: str, changes: Mapping[str, Any], *, number: int) -> ConnectionView:
    """Change keys of a connection: each takes the place of what stood there, None takes it out.

    The client's secret stays with the provider that it was told for: for another it is told anew.

    Raises:
        FieldsRefused: ``admin.invalid``; of one that is enabled, what is missing too.
        ChangeConflicts: ``admin.changed_meanwhile``: ``number`` is another by now; ``admin.managed``: the
            settings file declares it.
        NotFound: ``admin.not_yours``.
    """
    one = await _own(desk, connection)
    setup_limits.demand_keys(desk.actor, changes, enabled=one.row.enabled)
    before = kept.body_of(one.row)
    body = {key: value for key, value in {**before, **changes}.items() if value is not None}
    secrets = kept.open_secrets(desk.vault, one.row)
    if any(before.get(key) != body.get(key) for key in _RECEIVERS):
        secrets.pop("client_secret", None)
    await _keep(desk, one, body, secrets, number=number, action="connection.update")
    return await find(desk, connection)


async def set_secret(desk: Desk, connection: str, key: str, value: str) -> ConnectionView:
    """Keep a secret, which nothing shows again; "" takes it out.

    Args:
        desk: By whom.
        connection: Whose.
        key: ``client_secret`` or ``google_directory.service_account``.
        value: The secret.

    Raises:
        FieldsRefused: ``admin.invalid``, never with the value.
        ChangeConflicts: As ``update``.
        NotFound: ``admin.not_yours``.
    """
    one = await _own(desk, connection)
    setup_limits.demand_keys(desk.actor, (key,), enabled=one.row.enabled)
    if key not in limits.SECRETS:
        _refuse((((key,), f"expected one of {', '.join(limits.SECRETS)}"),))
    if len(value.encode("utf-8", "surrogatepass")) > limits.SECRET_OCTETS:
        _refuse(((limits.SECRETS[key], f"expected at most {limits.SECRET_OCTETS} octets of text"),))
    secrets = kept.open_secrets(desk.vault, one.row) | {key: value.strip()}
    secrets = {name: told for name, told in secrets.items() if told}
    body = kept.body_of(one.row)
    await _keep(desk, one, body, secrets, number=one.row.number, action="connection.set_secret")
    return await find(desk, connection)


async def enable(desk: Desk, connection: str) -> ConnectionView:
    """Let people in by it.

    Raises:
        FieldsRefused: ``admin.invalid``: keys are missing.
        ChangeConflicts: ``admin.untried``: no trial of this number went through (the operator at the command
            line is not held to it); ``admin.changed_meanwhile``.
        NotFound: ``admin.not_yours``.
    """
    if await _of_file(desk, connection):
        organization = desk.roster.connections[connection].organization
        await administrators.demand_for_entering(desk, organization, connection)
        store = desk.audited("connection.enable", "connection", connection, organization=organization)
        await store.switch_on(connection)
        return await find(desk, connection)
    one = await _own(desk, connection)
    setup_limits.demand_enable(desk.actor)
    row, body = one.row, kept.body_of(one.row)
    await administrators.demand_for_entering(desk, row.organization, connection)
    secrets = kept.open_secrets(desk.vault, row)
    told = await _judged(desk, one, body, secrets)
    _refuse((*told.wrong, *told.missing))
    forced = desk.actor.kind == "operator"
    after = {"enabled": True} | ({"forced": True} if forced else {})
    store = desk.audited(
        "connection.enable", "connection", connection, organization=row.organization, after=after
    )
    if not await store.enable_kept(connection, desk.now, previous=row.number, force=forced):
        known = await desk.store.find_kept_connection(connection)
        if known is not None and known.number == row.number:
            raise ChangeConflicts("admin.untried", "no test of it as it is now went through")
        raise ChangeConflicts("admin.changed_meanwhile", "it was changed meanwhile")
    return await find(desk, connection)


async def disable(desk: Desk, connection: str, *, force: bool) -> int:
    """Let nobody in by it; return how many sessions ended. One of the file is switched off too.

    Args:
        desk: By whom.
        connection: Its id.
        force: Though nobody who administers could come in any more.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        NotFound: ``admin.not_yours``.
    """
    declared = await _of_file(desk, connection)
    organization = (
        desk.roster.connections[connection].organization
        if declared
        else (await _own(desk, connection)).row.organization
    )
    setup_limits.demand_administrator(desk.actor)
    await administrators.demand_for_leaving(desk, organization, connection)
    store = desk.audited(
        "connection.disable", "connection", connection, organization=organization, after={"enabled": False}
    )
    held = places.remaining(desk, organization, connection, force=force)
    try:
        if declared:
            return (await store.switch_off(connection, desk.now, held)).sessions
        ended = await store.disable_kept(connection, desk.now, held)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    await desk.roster.refresh(desk.now)
    return ended.sessions if ended else 0


async def delete(desk: Desk, connection: str, typed: str, *, force: bool) -> int:
    """Take a connection away, with what it gave; return how many sessions ended.

    Grants and memberships that it gave go. Accounts stay, so that whoever comes by another connection
    to the same provider is who they were, and `federation person` finds them.

    Args:
        desk: By whom.
        connection: Its id.
        typed: Its title, by whoever means it.
        force: Though nobody who administers would be left, or could come in.

    Raises:
        LastAdministrator: ``admin.last_administrator``.
        FieldsRefused: ``admin.invalid``: ``typed`` is not its title.
        ChangeConflicts: ``admin.enforced``: it is the only way in for somebody; ``admin.managed``.
        NotFound: ``admin.not_yours``.
    """
    one = await _own(desk, connection)
    setup_limits.demand_administrator(desk.actor)
    await administrators.demand_for_leaving(desk, one.row.organization, connection)
    title = (await find(desk, connection)).title
    if typed.strip() != title:
        _refuse(((("name",), "expected the connection's name, as it is shown"),))
    for rule in await desk.store.enforcements():
        if rule.organization == one.row.organization and rule.connections == (connection,):
            raise ChangeConflicts(
                "admin.enforced", "people have to come by it: `federation enforce` says who"
            )
    store = desk.audited(
        "connection.delete",
        "connection",
        connection,
        organization=one.row.organization,
        before=_told(kept.body_of(one.row)),
    )
    held = places.remaining(desk, one.row.organization, connection, force=force)
    try:
        ended = await store.drop_connection(connection, desk.now, held)
    except PolicyRefused as refusal:
        raise places.last_administrator() from refusal
    for _ in range(_SWEEPS):  # what is left counts no more, and goes by upkeep
        if not await desk.store.sweep_departed(_SWEPT):
            break
    await desk.roster.refresh(desk.now)
    return ended.sessions if ended else 0


async def _of_file(desk: Desk, connection: str) -> bool:
    """Tell whether the settings file declares it, of those that are theirs to change.

    Raises:
        NotFound: ``admin.not_yours``.
    """
    await desk.roster.refresh(desk.now)
    declared = connection in desk.roster.of_file
    if declared:
        organization = desk.roster.connections[connection].organization
        desk.demand("connections:write", organization=organization, connection=connection)
    return declared


async def _own(desk: Desk, connection: str) -> Kept:
    """Return a connection of the store that is theirs to change.

    Raises:
        NotFound: ``admin.not_yours``.
        ChangeConflicts: ``admin.managed``.
    """
    if await _of_file(desk, connection):
        raise ChangeConflicts("admin.managed", "the settings file declares it: it is changed there")
    one = desk.roster.kept.get(connection)
    if one is None:
        raise NotFound("admin.not_yours", "no connection has this id")
    desk.demand("connections:write", organization=one.row.organization, connection=connection)
    return one


async def _keep(
    desk: Desk, one: Kept, body: dict[str, Any], secrets: dict[str, str], *, number: int, action: str
) -> None:
    row, before = one.row, kept.body_of(one.row)
    if number != row.number:
        raise ChangeConflicts("admin.changed_meanwhile", "it was changed meanwhile")
    told = await _judged(desk, one, body, secrets)
    moved = (("protocol",), "it never changes: make another connection")
    _refuse(
        (
            *([moved] if body.get("protocol") != row.protocol else ()),
            *told.wrong,
            *(told.missing if row.enabled else ()),
        )
    )
    await administrators.demand_for_change(desk, one, before, body)
    sealed = kept.seal_secrets(desk.vault, row.id, secrets)
    changed = {key for key in before | body if before.get(key) != body.get(key)}
    were, are = _told(_only(before, changed)), _told(_only(body, changed))
    if action == "connection.set_secret" or set(one.secrets) != secrets.keys():
        were |= dict.fromkeys(one.secrets, SET)
        are |= dict.fromkeys(secrets, SET)
    store = desk.audited(action, "connection", row.id, organization=row.organization, before=were, after=are)
    wanted = _row(desk, row.id, row.organization, row.protocol, body, sealed=sealed)
    if not await store.keep_connection(wanted, desk.now, previous=number):
        raise ChangeConflicts("admin.changed_meanwhile", "it was changed meanwhile")


async def _judged(desk: Desk, one: Kept, body: Mapping[str, Any], secrets: Mapping[str, str]) -> Judgement:
    row = one.row
    return await judging.judge(
        desk,
        row.id,
        organization=row.organization,
        body=body,
        secrets=secrets,
        before=kept.body_of(row),
        enabled=row.enabled,
    )


async def _new(desk: Desk, name: str, organization: str, body: Mapping[str, Any]) -> Judgement:
    return await judging.judge(
        desk, name, organization=organization, body=body, secrets={}, before={}, enabled=False
    )


def _row(
    desk: Desk, name: str, organization: str, protocol: str, body: Mapping[str, Any], *, sealed: str
) -> KeptConnection:
    return KeptConnection(
        id=name,
        organization=organization,
        protocol=protocol,
        body=json.dumps(dict(body)),
        sealed=sealed,
        enabled=False,
        number=0,
        created_at=desk.now,
        updated_at=desk.now,
        tested_at=None,
        deleted=False,
    )


def _refuse(found: tuple[Fault, ...]) -> None:
    if found:
        raise FieldsRefused("admin.invalid", "the connection cannot be kept like this", faults=found)


def _only(body: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key in keys}


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys for the audit log: long values cut, nobody's name."""
    rules = body.get("role_rules")
    spared = {**body, "role_rules": [_rule(one) for one in rules]} if isinstance(rules, list) else body
    return {key: SET if key in _PERSONAL else _cut(value) for key, value in spared.items()}


def _rule(rule: Any) -> Any:
    """Return a rule without the values that it compares: they may name people, whom nobody could erase."""
    if not isinstance(rule, Mapping):
        return SET
    told = dict(rule)
    if rule.get("when") is not None:
        told["when"] = f"{len(str(rule['when']))} characters"
    test = rule.get("attribute")
    if isinstance(test, Mapping):
        values = test.get("in")
        told["attribute"] = {
            "name": test.get("name"),
            "in": f"{len(values) if isinstance(values, list) else 1} values",
        }
    return told


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
    if isinstance(value, Mapping):
        return {str(key): _cut(one) for key, one in value.items()}
    return [_cut(one) for one in value] if isinstance(value, list) else value
