"""Connections: those of the settings file, which are shown, and those of the store, which are edited here.

What is kept is held to the rules of the settings file, against everything else that is in force, and
to what the store may not declare (``federation.kept``). A connection is set up step by step: until it
is enabled it may miss keys (``ConnectionView.missing``), never hold a wrong one. It is enabled after a
trial of this very state of it went through. Every change is in force on every worker within a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from federation.administration.desk import Desk
from federation.faults import Fault

State = Literal["active", "disabled", "draft", "faulty"]


@dataclass(frozen=True, kw_only=True)
class ConnectionLine:
    """A connection in a list."""

    id: str
    title: str
    organization: str
    origin: Literal["file", "store"]  # file: managed by configuration
    protocol: str
    preset: str
    enabled: bool
    state: State  # draft: keys are missing still; faulty: enabled, and not served: see ``fault``


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A page of connections by title; ``next`` leads on, "" at the end."""

    connections: tuple[ConnectionLine, ...]
    next: str


@dataclass(frozen=True, kw_only=True)
class DomainView:
    """A domain that a connection names, and whether DNS proves it."""

    name: str
    needed: bool  # False: the operator's word is enough
    proved: bool
    checked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class CertificateView:
    """A key of the identity provider's; its dates warn, and decide nothing."""

    fingerprint: str  # SHA-256, hex
    not_after: datetime


@dataclass(frozen=True, kw_only=True)
class ConnectionView(ConnectionLine):
    """All of a connection that may be shown."""

    number: int  # of the change that made it what it is: what ``update`` names; 0 of the file's
    fault: str  # why it is not served; ""
    missing: tuple[Fault, ...]  # of a draft: what is still to be said, placed at its keys
    domains: tuple[DomainView, ...]
    certificates: tuple[CertificateView, ...]  # of SAML
    entity_id: str  # of SAML: the IdP's; "" not known
    metadata_at: datetime | None  # when its URL was last asked; None: there is none
    metadata_held: bool  # a later document waits for somebody's word
    signed_in_at: datetime | None  # somebody's latest sign-in
    tried_at: datetime | None  # the latest trial of this number that went through
    created_at: datetime | None  # None of the file's
    updated_at: datetime | None
    settings: Mapping[str, Any] = field(repr=False)  # the file's keys; a secret that is set is "set"
    urls: Mapping[str, str]  # what is registered at the provider: acs_url, entity_id, callback_url …


@dataclass(frozen=True, kw_only=True)
class Affected:
    """Whom it concerns that a connection goes."""

    accounts: int  # people who came by it
    only_way: int  # of them: who have no other account in the organization
    sessions: int  # live ones through it
    domains: tuple[str, ...]
    enforced: tuple[str, ...]  # domains whose people must come this way


async def list_connections(desk: Desk, *, search: str, after: str, limit: int) -> Listed:
    """Return connections by title, of the file and of the store.

    Args:
        desk: Who asks.
        search: Part of a title, an id, a domain or an organization, without case; "" for all.
        after: ``Listed.next`` of the page before, or "".
        limit: 1 to 200.
    """
    raise NotImplementedError


async def find(desk: Desk, connection: str) -> ConnectionView:
    """Return all that may be shown of one.

    Raises:
        PolicyRefused: ``admin.not_yours``: there is none, or it is another's.
    """
    raise NotImplementedError


async def check(desk: Desk, connection: str, *, organization: str, body: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return every fault of a body that is not kept yet, those of keys that are missing last."""
    raise NotImplementedError


async def create(desk: Desk, connection: str, *, organization: str, body: Mapping[str, Any]) -> ConnectionView:
    """Keep a new connection, not enabled.

    Args:
        desk: By whom.
        connection: Its id, for good.
        organization: Whose.
        body: Keys of the settings file, ``protocol`` among them; it may miss others, see ``missing``.

    Raises:
        BodyRefused: ``admin.invalid``, with every fault at its key.
    """
    raise NotImplementedError


async def update(desk: Desk, connection: str, changes: Mapping[str, Any], *, number: int) -> ConnectionView:
    """Change keys of a connection: each takes the place of what stood there, None takes it out.

    Raises:
        BodyRefused: ``admin.invalid``; of one that is enabled, what is missing too.
        ChangedMeanwhile: ``admin.changed_meanwhile``: ``number`` is another by now (409).
        PolicyRefused: ``admin.not_yours``, ``admin.managed``: the settings file declares it.
    """
    raise NotImplementedError


async def set_secret(desk: Desk, connection: str, key: str, value: str) -> ConnectionView:
    """Keep a secret, which nothing shows again; "" takes it out.

    Args:
        desk: By whom.
        connection: Whose.
        key: ``client_secret`` or ``google_directory.service_account``.
        value: The secret.

    Raises:
        BodyRefused: ``admin.invalid``, never with the value.
        PolicyRefused: As ``update``.
    """
    raise NotImplementedError


async def enable(desk: Desk, connection: str) -> ConnectionView:
    """Let people in by it.

    Raises:
        BodyRefused: ``admin.invalid``: keys are missing.
        PolicyRefused: ``admin.untried``: no trial of this number went through (the operator at the command
            line is not held to it); as ``update``.
    """
    raise NotImplementedError


async def disable(desk: Desk, connection: str) -> int:
    """Let nobody in by it; return how many sessions ended. One of the file is switched off too.

    Raises:
        PolicyRefused: ``admin.not_yours``.
    """
    raise NotImplementedError


async def affected(desk: Desk, connection: str) -> Affected:
    """Return whom it concerns that it goes, or is switched off."""
    raise NotImplementedError


async def delete(desk: Desk, connection: str, typed: str) -> int:
    """Take a connection away, with what it gave; return how many sessions ended.

    Grants and memberships that it gave go. Accounts stay, so that whoever comes by another connection
    to the same provider is who they were, and `federation person` finds them.

    Raises:
        PolicyRefused: ``admin.name_differs``: ``typed`` is not its title; as ``update``.
    """
    raise NotImplementedError
