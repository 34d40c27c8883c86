"""The promises about what directories provision (SCIM), and what their clients prove themselves by."""

from datetime import datetime
from typing import Protocol

from federation.decision import Decision
from federation.provisioned import (
    Credential,
    Due,
    Finding,
    Members,
    Page,
    Resident,
    Residue,
    ScimGroup,
    ScimUser,
    Search,
    Summary,
)
from federation.store.people_values import Remaining
from federation.store.provisioning_spreading import Left


class ProvisioningStore(Protocol):
    """Part of ``store.Store``.

    Everything is one connection's: an id of another finds nothing. A change is one transaction, which
    counts the resource's version and makes every user due whom it concerns (``due_provisioned``). What
    takes access away (``active: false``, a resource removed) is in force with it: sessions of that
    organization have ended and no way leads in, on every node within a second.
    """

    async def scim_user(self, connection: str, identifier: str) -> ScimUser | None:
        """Return a User resource with its groups."""

    async def scim_group(self, connection: str, identifier: str, *, members: bool) -> ScimGroup | None:
        """Return a Group resource."""

    async def search_scim(self, connection: str, search: Search) -> Page:
        """Return a page; columns are read by their indexes."""

    async def add_scim_user(
        self, connection: str, organization: str, user: ScimUser, finding: Finding, now: datetime
    ) -> ScimUser:
        """Keep a new User resource: whose it is, is found or made.

        Raises:
            Taken: Its userName.
        """

    async def change_scim_user(
        self, connection: str, user: ScimUser, now: datetime, *, expected: int | None
    ) -> ScimUser:
        """Put a User resource in the place of the one of its id. ``active: false`` ends access with it.

        Args:
            connection: Whose.
            user: As it is to be; ``groups`` is not looked at.
            now: UTC.
            expected: The version that it must have; None for any.

        Raises:
            Absent, Stale, Taken: Nothing is changed.
        """

    async def remove_scim_user(
        self,
        connection: str,
        identifier: str,
        now: datetime,
        *,
        expected: int | None,
    ) -> None:
        """Remove a User resource, and all that this connection gave its user.

        The user stays where another source makes them a member, or an account is theirs.

        Raises:
            Absent, Stale: Nothing is changed.
        """

    async def add_scim_group(
        self, connection: str, organization: str, group: ScimGroup, now: datetime
    ) -> ScimGroup:
        """Keep a new Group resource with its members.

        A member that the connection has not is kept as it was named; it is nobody, and stays so: ids are
        ours, and none is given twice.
        """

    async def change_scim_group(
        self,
        connection: str,
        group: ScimGroup,
        members: Members | None,
        now: datetime,
        *,
        expected: int | None,
    ) -> ScimGroup:
        """Put a Group resource in the place of the one of its id, and change who is in it.

        What a change of members costs hangs on how many it names, never on how many there are
        (``every`` reads them all). Returned without members.

        Args:
            connection: Whose.
            group: As it is to be; ``members`` is not looked at.
            members: None leaves them.
            now: UTC.
            expected: The version that it must have; None for any.

        Raises:
            Absent, Stale: Nothing is changed.
        """

    async def remove_scim_group(
        self,
        connection: str,
        identifier: str,
        now: datetime,
        *,
        expected: int | None,
    ) -> None:
        """Remove a Group resource; its users lose what it gave them.

        Raises:
            Absent, Stale: Nothing is changed.
        """

    async def due_provisioned(
        self, connection: str, batch: int, *, of: tuple[str, ...] = (), user_id: str = ""
    ) -> tuple[Due, ...]:
        """Return User resources that are due, the longest first.

        Args:
            connection: Whose.
            batch: At most so many.
            of: Only among these ids.
            user_id: Only this user's.
        """

    async def spread_provisioned(self, connection: str, batch: int, now: datetime) -> bool:
        """Make some due of a change that concerns more than it names; return whether there may be more."""

    async def left_provisioned(self, connection: str) -> Left:
        """Tell whether anybody is due, or is to become so."""

    async def settle_provisioned(
        self, due: Due, decision: Decision | None, refused: str, now: datetime
    ) -> bool:
        """Carry out what was decided of a User resource: membership, roles, teams, profile, live sessions.

        Args:
            due: Which; where it has changed since, nothing is done: it is due still.
            decision: None gives nothing, and takes away what this connection's SCIM gave before.
            refused: The code of policy's refusal, "" with a decision.
            now: UTC.

        Returns:
            Whether anything changed.
        """

    async def postpone_provisioned(self, due: Due, until: datetime) -> None:
        """Have others who are due be decided of before one who could not be."""

    async def summarize_scim(self, connection: str) -> Summary:
        """Return how its directory stands here."""

    async def refused_provisioned(self, connection: str, after: str, limit: int) -> tuple[Resident, ...]:
        """Return User resources to whom policy gives nothing, behind an id, the first made first."""

    async def residencies(self, organization: str, user_id: str) -> tuple[Resident, ...]:
        """Return the User resources of a user, of an organization's connections."""

    async def residues(self) -> tuple[Residue, ...]:
        """Return what directories keep here, of connections that provision no more, too."""

    async def forget_provisioned(
        self, connection: str, organization: str, now: datetime, held: Remaining
    ) -> int:
        """Take away all that a connection's directory kept and gave, credentials among it.

        Whom it let in no more may come in again by what others say of them; users whom it made and nobody
        else knows go.

        Args:
            connection: It provisions no more: what it is told next would make all of them anew.
            organization: Whose people they are.
            now: UTC.
            held: Who is to be left; ``connection`` among its ways where people come in by it still.

        Returns:
            How many sessions ended: of those to whom no membership is left.

        Raises:
            PolicyRefused: ``policy.last_administrator``: nothing is changed.
        """

    async def add_credential(self, credential: Credential, secret_hash: bytes) -> None:
        """Keep a credential by the SHA-256 of its secret."""

    async def find_credential(self, connection: str, secret_hash: bytes, now: datetime) -> Credential | None:
        """Return the live credential of a secret at this connection; its use is noted once an hour."""

    async def credentials(self, connection: str, now: datetime) -> tuple[Credential, ...]:
        """Return those that are not gone: tokens and clients, newest first."""

    async def revoke_credential(self, connection: str, identifier: str, now: datetime) -> bool:
        """End a credential, and with a client every token that it was given; False for none alive."""
