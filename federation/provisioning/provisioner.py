"""Who answers a directory's requests, and decides of whoever they concern."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from federation.clock import Clock
from federation.connection import AnyConnection
from federation.decision import Decision
from federation.errors import FederationError, PolicyRefused
from federation.provisioned import Due, ScimUser
from federation.scim.identity import describe
from federation.signin import SignIn
from federation.store.store import Store
from federation.vault import Vault

if TYPE_CHECKING:
    from federation.provisioning.desk import ScimDesk

log = logging.getLogger(__name__)

AT_ONCE: Final = 50  # whom a request concerns and who are decided of before it is answered
_BATCH: Final = 200
_PURPOSE: Final = "scim cursors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who provisions: what they proved themselves by, and from where."""

    credential: str  # id of a minted one; "settings" for one of the settings file
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, read by the web room."""

    method: str
    path: str  # behind the connection's base URL, with its slash: /Users/2819c223
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    base_url: str  # as this client calls it: the connection's own, or one of ``scim.paths``


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What goes back: JSON, or nothing (204, 304)."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""  # scimType or status of an error, for the log


class Provisioner:
    """One for a worker. What SCIM's libraries need is loaded by ``ready``, and never within a request."""

    def __init__(
        self,
        *,
        connections: Mapping[str, AnyConnection],
        store: Store,
        signin: SignIn,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._store, self._signin, self._vault, self._clock = store, signin, vault, clock
        self._desk: ScimDesk | None = None
        self._left: set[str] = set()  # connections with more who are due than a request decides of
        self._task: asyncio.Task[None] | None = None

    def ready(self) -> None:
        """Load what answering takes, if any connection provisions; half a second, once."""
        if self._desk is None and any(one.scim is not None for one in self._connections.values()):
            from federation.provisioning.desk import ScimDesk  # noqa: PLC0415  few installations pay for it

            self._desk = ScimDesk(self._store, secret=self._vault.derive(_PURPOSE))

    async def answer(self, connection: AnyConnection, asked: Asked, caller: Caller) -> Answered:
        """Answer one request of a caller who proved themselves; decide of whom it concerns.

        Every fault of a request is answered as RFC 7644 §3.12 says.
        """
        now = self._clock()
        self.ready()
        assert self._desk is not None  # noqa: S101  this connection provisions
        answered, concerned = await self._desk.answer(connection, asked, caller, now)
        if concerned:
            await self._settle_few(connection.id, concerned)
        return answered

    async def settle_due(self, now: datetime) -> None:
        """Decide of whoever is left, of every connection: what a process that ended had not done."""
        self.ready()
        for name in [name for name, one in self._connections.items() if one.scim is not None]:
            await self._settle_all(name)

    async def close(self) -> None:
        """Leave the rest to ``settle_due``, here or on another node."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _settle_few(self, connection: str, concerned: "Concerned") -> None:
        """Decide of a few now; of the others beside everything else."""
        few = concerned.users[:AT_ONCE]
        if few:
            for due in await self._store.due_provisioned(connection, AT_ONCE, of=few):
                await self._settle(due)
        if concerned.others or len(concerned.users) > AT_ONCE:
            self._left.add(connection)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._left:
            await self._settle_all(self._left.pop())

    async def _settle_all(self, connection: str) -> None:
        """Decide of everybody who is due; one who fails stays due, and stops nobody else's turn."""
        while due := await self._store.due_provisioned(connection, _BATCH):
            settled = [await self._settle(one) for one in due]
            if not any(settled):
                return

    async def _settle(self, due: Due) -> bool:
        """Decide of one; False where that failed."""
        connection = self._connections.get(due.connection)
        if connection is None or connection.organization != due.organization:
            return False
        now = self._clock()
        try:
            user = await self._store.scim_user(due.connection, due.id)
            decision, refused = await self._decide(user, connection, now) if user else (None, "")
            await self._store.settle_provisioned(due, decision, refused, now)
        except FederationError as failure:
            log.warning("not provisioned", extra={"connection": due.connection, "code": failure.code})
            return False
        return True

    async def _decide(
        self, user: ScimUser, connection: AnyConnection, now: datetime
    ) -> tuple[Decision | None, str]:
        """Return what policy gives them, or the code of why it gives nothing."""
        assert connection.scim is not None  # noqa: S101  due are those of connections that provision
        who = describe(
            user,
            connection=connection.id,
            organization=connection.organization,
            by=connection.scim.group_name,
        )
        try:
            return await self._signin.decide(who, connection, (), now), ""
        except PolicyRefused as refusal:
            return None, refusal.code
